//! Places where messages go, and what is wrong with how one is written down.
//!
//! A destination's [`Destination::key`] is what the ledger of open notifications knows it by: a place that is written
//! differently is another place, and what was opened at the former is closed there.

use serde::{Deserialize, Serialize};

use super::message::NAMED;

/// Alerts of a message to what keeps each of them: some megabytes.
const EACH: usize = 2000;

/// A place where messages go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "to")]
pub enum Destination {
    /// Alertmanager's body, signed where there is a secret.
    Webhook {
        url: String,
        #[serde(default)]
        secret: String,
    },
    Slack {
        url: String,
    },
    Teams {
        url: String,
    },
    PagerDuty {
        routing_key: String,
        #[serde(default)]
        url: String,
    },
    Ntfy {
        url: String,
        #[serde(default)]
        token: String,
    },
    Email {
        address: String,
    },
    /// A ticket for each group of alerts, closed when the group is over.
    Ticket {
        tracker: Tracker,
        /// The project's address, as a browser shows it.
        url: String,
        /// Who opens it: a token, or `user:token` where the tracker asks for both.
        token: String,
        /// What kind of ticket, where the tracker has several; empty is its plainest.
        #[serde(default)]
        kind: String,
    },
    /// An event for each alert, to where a company collects what concerns its security.
    Siem {
        /// `tls://host:port` and `tcp://host:port` for syslog, `https://…` for a collector of its own.
        url: String,
        format: SiemFormat,
        #[serde(default)]
        token: String,
    },
}

/// Whose tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Tracker {
    Jira,
    #[serde(rename = "github")]
    GitHub,
    #[serde(rename = "gitlab")]
    GitLab,
}

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SiemFormat {
    /// Common Event Format, a line each.
    Cef,
    /// Elastic Common Schema, as JSON.
    Ecs,
    /// Open Cybersecurity Schema Framework, as JSON.
    Ocsf,
    /// What Splunk's HTTP Event Collector takes.
    Splunk,
}

/// Where a tracker is asked, and for which of its projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Of its interface, without a slash at the end.
    pub api: String,
    /// `OPS`, `owner/name`.
    pub name: String,
}

impl Tracker {
    /// Reads the address of a project as a browser shows it; `None` where it is none.
    pub fn project(self, url: &str) -> Option<Project> {
        let (scheme, rest) = url.split_once("://")?;
        let rest = rest.split(['?', '#']).next()?.trim_end_matches('/');
        let (host, path) = rest.split_once('/')?;
        let parts: Vec<&str> = path.split('/').collect();
        let plain = |text: &&str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        if host.is_empty() || !matches!(scheme, "https" | "http") || !parts.iter().all(plain) {
            return None;
        }
        let base = format!("{scheme}://{host}");
        match self {
            // https://example.atlassian.net/browse/OPS, …/projects/OPS/issues, …/jira/software/projects/OPS/boards/1
            Tracker::Jira => {
                let at = parts.iter().position(|p| matches!(*p, "browse" | "projects"))?;
                // A ticket of the project names it too.
                let name = parts.get(at + 1)?.split('-').next()?.to_string();
                // What stands before belongs to the installation, but not to the pages of the cloud's.
                let below = parts[..at].iter().take_while(|p| !matches!(**p, "jira" | "software" | "c"));
                let below: String = below.map(|p| format!("/{p}")).collect();
                Some(Project { api: format!("{base}{below}"), name })
            }
            Tracker::GitHub => {
                let [owner, name, ..] = parts.as_slice() else { return None };
                let api = if host == "github.com" { "https://api.github.com".into() } else { format!("{base}/api/v3") };
                Some(Project { api, name: format!("{owner}/{name}") })
            }
            Tracker::GitLab => {
                // What follows `-` are the project's own pages.
                let name: Vec<&str> = parts.into_iter().take_while(|p| *p != "-").collect();
                (name.len() > 1).then(|| Project { api: format!("{base}/api/v4"), name: name.join("/") })
            }
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Tracker::Jira => "Jira",
            Tracker::GitHub => "GitHub issues",
            Tracker::GitLab => "GitLab issues",
        }
    }
}

impl SiemFormat {
    pub fn title(self) -> &'static str {
        match self {
            SiemFormat::Cef => "SIEM (CEF)",
            SiemFormat::Ecs => "SIEM (ECS)",
            SiemFormat::Ocsf => "SIEM (OCSF)",
            SiemFormat::Splunk => "Splunk",
        }
    }
}

impl Destination {
    pub fn kind(&self) -> &'static str {
        match self {
            Destination::Webhook { .. } => "webhook",
            Destination::Slack { .. } => "slack",
            Destination::Teams { .. } => "teams",
            Destination::PagerDuty { .. } => "pagerduty",
            Destination::Ntfy { .. } => "ntfy",
            Destination::Email { .. } => "email",
            Destination::Ticket { .. } => "ticket",
            Destination::Siem { .. } => "siem",
        }
    }

    pub fn title(&self) -> &'static str {
        match self {
            Destination::Webhook { .. } => "Webhook",
            Destination::Slack { .. } => "Slack",
            Destination::Teams { .. } => "Microsoft Teams",
            Destination::PagerDuty { .. } => "PagerDuty",
            Destination::Ntfy { .. } => "ntfy",
            Destination::Email { .. } => "E-mail",
            Destination::Ticket { tracker, .. } => tracker.title(),
            Destination::Siem { format, .. } => format.title(),
        }
    }

    /// Whether people read what arrives there as it was written: pagers and programs do not.
    pub fn takes_words(&self) -> bool {
        matches!(
            self,
            Destination::Slack { .. }
                | Destination::Teams { .. }
                | Destination::Ntfy { .. }
                | Destination::Email { .. }
        )
    }

    /// Whether what arrives there is kept alert by alert, by a program that does its own grouping.
    pub fn takes_each(&self) -> bool {
        matches!(self, Destination::Siem { .. })
    }

    /// Alerts that one message to it names; the rest are counted. A person reads no more than a few.
    pub fn names(&self) -> usize {
        if self.takes_each() { EACH } else { NAMED }
    }

    /// Where it leads, without what must stay secret.
    pub fn shown(&self) -> String {
        let host =
            |url: &str| url.split("://").nth(1).and_then(|r| r.split('/').next()).unwrap_or_default().to_string();
        match self {
            Destination::Webhook { url, .. }
            | Destination::Slack { url }
            | Destination::Teams { url }
            | Destination::Siem { url, .. } => host(url),
            Destination::PagerDuty { routing_key, .. } => {
                let skipped = routing_key.chars().count().saturating_sub(4);
                format!("key …{}", routing_key.chars().skip(skipped).collect::<String>())
            }
            Destination::Ntfy { url, .. } => url.split("://").nth(1).unwrap_or_default().to_string(),
            Destination::Email { address } => address.clone(),
            Destination::Ticket { tracker, url, .. } => match tracker.project(url) {
                Some(project) => format!("{} on {}", project.name, host(url)),
                None => host(url),
            },
        }
    }

    /// What tells destinations apart, and stays the same while the rest of the document changes.
    pub fn key(&self) -> String {
        let labels = std::collections::BTreeMap::from([(
            self.kind().to_string(),
            serde_json::to_string(self).unwrap_or_default(),
        )]);
        format!("{}/{}", self.kind(), super::fingerprint(&labels))
    }

    /// What is wrong with it, if anything.
    pub fn problem(&self) -> Option<String> {
        let begins = |url: &str, with: &[&str]| {
            let good = with.iter().any(|scheme| url.starts_with(scheme)) && url.len() <= 2000;
            (!good).then(|| format!("{} needs an address that begins with {}", self.title(), with[0]))
        };
        let web = |url: &str| begins(url, &["https://", "http://"]);
        match self {
            Destination::Webhook { url, .. }
            | Destination::Slack { url }
            | Destination::Teams { url }
            | Destination::Ntfy { url, .. }
            | Destination::Siem { url, format: SiemFormat::Splunk, .. } => web(url),
            Destination::PagerDuty { routing_key, url } => {
                let good = routing_key.len() == 32 && routing_key.chars().all(|c| c.is_ascii_alphanumeric());
                (!good)
                    .then(|| "a PagerDuty routing key has 32 letters and digits".to_string())
                    .or_else(|| if url.is_empty() { None } else { web(url) })
            }
            Destination::Email { address } => crate::people::email_problem(address),
            Destination::Ticket { tracker, url, token, .. } => {
                let project = web(url).or_else(|| {
                    let example = match tracker {
                        Tracker::Jira => "https://example.atlassian.net/browse/OPS",
                        Tracker::GitHub => "https://github.com/example/operations",
                        Tracker::GitLab => "https://gitlab.com/example/operations",
                    };
                    let missing = tracker.project(url).is_none() || url.len() > 2000;
                    missing.then(|| format!("{} needs the address of a project, as {example}", self.title()))
                });
                project.or_else(|| {
                    let missing = token.is_empty() || token.chars().any(char::is_control);
                    missing.then(|| format!("{} needs a token that may open tickets", self.title()))
                })
            }
            Destination::Siem { url, .. } => begins(url, &["tls://", "tcp://", "https://", "http://"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_known_by_the_address_that_a_browser_shows() {
        let read = |tracker: Tracker, url: &str| tracker.project(url).map(|p| (p.api, p.name));
        let is = |api: &str, name: &str| Some((api.to_string(), name.to_string()));
        for url in [
            "https://larkfield.atlassian.net/browse/OPS",
            "https://larkfield.atlassian.net/browse/OPS-17",
            "https://larkfield.atlassian.net/jira/software/c/projects/OPS/boards/3?view=list",
            "https://larkfield.atlassian.net/projects/OPS/issues/",
        ] {
            assert_eq!(read(Tracker::Jira, url), is("https://larkfield.atlassian.net", "OPS"), "{url}");
        }
        assert_eq!(
            read(Tracker::Jira, "https://work.example/tickets/projects/ML"),
            is("https://work.example/tickets", "ML")
        );
        assert_eq!(
            read(Tracker::GitHub, "https://github.com/larkfield/ml/issues"),
            is("https://api.github.com", "larkfield/ml")
        );
        assert_eq!(
            read(Tracker::GitHub, "https://code.example/larkfield/ml"),
            is("https://code.example/api/v3", "larkfield/ml")
        );
        assert_eq!(
            read(Tracker::GitLab, "https://gitlab.com/larkfield/ml/scoring/-/issues"),
            is("https://gitlab.com/api/v4", "larkfield/ml/scoring")
        );
        for bad in ["", "https://", "https://github.com", "https://github.com/one", "ftp://a/b/c", "https://h/a b/c"] {
            assert_eq!(Tracker::GitHub.project(bad), None, "{bad}");
        }
        assert_eq!(Tracker::Jira.project("https://larkfield.atlassian.net/dashboard"), None);
    }

    #[test]
    fn what_is_shown_of_a_destination_keeps_its_secret() {
        let slack = Destination::Slack { url: "https://hooks.slack.com/services/T0/B0/secret".into() };
        assert_eq!(slack.shown(), "hooks.slack.com");
        assert_eq!(slack.key(), slack.clone().key());
        let routing_key = "0123456789abcdef0123456789abcdef".to_string();
        assert_eq!(Destination::PagerDuty { routing_key, url: String::new() }.shown(), "key …cdef");
        let ticket = Destination::Ticket {
            tracker: Tracker::Jira,
            url: "https://larkfield.atlassian.net/browse/OPS".into(),
            token: "s3cret".into(),
            kind: String::new(),
        };
        assert_eq!((ticket.title(), ticket.shown().as_str()), ("Jira", "OPS on larkfield.atlassian.net"));
        assert_eq!(ticket.problem(), None);
        let siem = |url: &str, format| Destination::Siem { url: url.into(), format, token: "s3cret".into() };
        assert_eq!(siem("tls://siem.example:6514", SiemFormat::Cef).shown(), "siem.example:6514");
        assert_eq!(siem("tls://siem.example:6514", SiemFormat::Cef).problem(), None);
        // Splunk's collector speaks HTTP and nothing else.
        assert!(siem("tls://siem.example:6514", SiemFormat::Splunk).problem().is_some());
        assert!(siem("siem.example", SiemFormat::Ecs).problem().is_some());
    }
}

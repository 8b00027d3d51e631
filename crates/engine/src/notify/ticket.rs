//! Tickets where a company keeps its work: one for each group of alerts, opened when the group is, commented on when it
//! changes, closed when it is over.
//!
//! A ticket is found again by a label made of its group's key. What a tracker knows is asked each time and nothing is
//! remembered here, so that a message sent twice opens one ticket, and one that people closed by hand is not reopened
//! but followed by another.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::alert::destination::{Project, Tracker};
use domain::alert::group::Why;
use domain::alert::message::Message;
use domain::alert::priority::Priority;
use hyper::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Problem, one_line};
use crate::outgoing;
use crate::signature::hex;

/// Characters of a title and of a text that each of the trackers takes.
const TITLE_MAX: usize = 240;
const TEXT_MAX: usize = 20_000;
/// Alerts that one text names.
const LINES: usize = 20;

/// A ticket as its tracker knows it: what it is asked for by, and what people call it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ticket {
    id: String,
    name: String,
}

/// A question to a tracker.
#[derive(Debug, PartialEq)]
struct Ask {
    method: Method,
    /// Behind the interface's address.
    path: String,
    body: Value,
}

impl Ask {
    fn get(path: String) -> Ask {
        Ask { method: Method::GET, path, body: Value::Null }
    }

    fn post(path: String, body: Value) -> Ask {
        Ask { method: Method::POST, path, body }
    }
}

/// A text as part of an address.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// What is asked of each tracker, and how its answers are read.
trait Asked {
    fn find(self, project: &Project, label: &str) -> Ask;
    fn found(self, answer: &Value) -> Option<Ticket>;
    fn open(self, project: &Project, new: &New<'_>) -> Ask;
    fn opened(self, answer: &Value) -> Option<Ticket>;
    fn comment(self, project: &Project, ticket: &Ticket, text: &str) -> Ask;
}

/// A ticket that is to be.
struct New<'a> {
    title: &'a str,
    text: &'a str,
    kind: &'a str,
    label: &'a str,
    priority: Priority,
    /// Whether the tracker's own field says how urgent it is. Projects without it refuse a ticket that fills it.
    ranked: bool,
}

impl Asked for Tracker {
    fn find(self, project: &Project, label: &str) -> Ask {
        Ask::get(match self {
            Tracker::Jira => {
                let name = &project.name;
                let query = format!("project = \"{name}\" AND labels = \"{label}\" AND statusCategory != Done");
                // The cloud has left the path that installations of one's own know.
                let path = if project.api.ends_with(".atlassian.net") { "search/jql" } else { "search" };
                format!("/rest/api/2/{path}?jql={}&fields=status&maxResults=1", encoded(&query))
            }
            Tracker::GitHub => format!("/repos/{}/issues?state=open&labels={label}&per_page=1", project.name),
            Tracker::GitLab => {
                format!("/projects/{}/issues?state=opened&labels={label}&per_page=1", encoded(&project.name))
            }
        })
    }

    fn found(self, answer: &Value) -> Option<Ticket> {
        match self {
            Tracker::Jira => self.opened(answer["issues"].get(0)?),
            Tracker::GitHub | Tracker::GitLab => self.opened(answer.get(0)?),
        }
    }

    fn open(self, project: &Project, new: &New<'_>) -> Ask {
        let labels = ["plimsoll", new.label, new.priority.name()];
        match self {
            Tracker::Jira => {
                let kind = if new.kind.is_empty() { "Task" } else { new.kind };
                let mut fields = json!({
                    "project": {"key": project.name},
                    "issuetype": {"name": kind},
                    "summary": new.title,
                    "description": new.text,
                    "labels": labels,
                });
                if new.ranked {
                    fields["priority"] = json!({"name": match new.priority {
                        Priority::P1 => "Highest",
                        Priority::P2 => "High",
                        Priority::P3 => "Medium",
                        Priority::P4 => "Low",
                    }});
                }
                Ask::post("/rest/api/2/issue".into(), json!({ "fields": fields }))
            }
            Tracker::GitHub => {
                let body = json!({"title": new.title, "body": new.text, "labels": labels});
                Ask::post(format!("/repos/{}/issues", project.name), body)
            }
            Tracker::GitLab => {
                let kind = if new.kind.is_empty() { "issue" } else { new.kind };
                let labels = labels.join(",");
                let body = json!({"title": new.title, "description": new.text, "labels": labels, "issue_type": kind});
                Ask::post(format!("/projects/{}/issues", encoded(&project.name)), body)
            }
        }
    }

    fn opened(self, answer: &Value) -> Option<Ticket> {
        let (id, name) = match self {
            Tracker::Jira => (answer["key"].as_str()?.to_string(), answer["key"].as_str()?.to_string()),
            Tracker::GitHub => (answer["number"].as_u64()?.to_string(), format!("#{}", answer["number"])),
            Tracker::GitLab => (answer["iid"].as_u64()?.to_string(), format!("#{}", answer["iid"])),
        };
        // What a tracker answers becomes a part of the next address.
        let plain = id.len() < 100 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        plain.then_some(Ticket { id, name })
    }

    fn comment(self, project: &Project, ticket: &Ticket, text: &str) -> Ask {
        let (name, id) = (&project.name, &ticket.id);
        let path = match self {
            Tracker::Jira => format!("/rest/api/2/issue/{id}/comment"),
            Tracker::GitHub => format!("/repos/{name}/issues/{id}/comments"),
            Tracker::GitLab => format!("/projects/{}/issues/{id}/notes", encoded(name)),
        };
        Ask::post(path, json!({ "body": text }))
    }
}

/// The step that ends a ticket of Jira, whatever its project calls it: the first that leads to what counts as done.
fn last_step(answer: &Value) -> Option<&str> {
    let ends = |step: &&Value| step["to"]["statusCategory"]["key"] == "done";
    answer["transitions"].as_array()?.iter().find(ends)?["id"].as_str()
}

/// A connection to one project.
pub struct Desk<'a> {
    pub tracker: Tracker,
    pub url: &'a str,
    pub token: &'a str,
    pub kind: &'a str,
}

impl Desk<'_> {
    /// Opens, comments or closes; what people call the ticket, empty where there is none.
    pub async fn send(&self, message: &Message) -> Result<String, Problem> {
        let Some(project) = self.tracker.project(self.url) else {
            return Err(Problem::lasting(format!("{} is not the address of a project", self.url)));
        };
        let label = format!("plimsoll-{}", &hex(&Sha256::digest(message.group_key.as_bytes()))[..16]);
        let text = text(self.tracker, message);
        let known = self.tracker.found(&self.ask(&project, self.tracker.find(&project, &label)).await?);
        let ticket = match (known, message.fires()) {
            // That it goes on is seen by its being open.
            (Some(ticket), true) if message.why == Why::Repeat => return Ok(ticket.name),
            (Some(ticket), _) => {
                self.ask(&project, self.tracker.comment(&project, &ticket, &text)).await?;
                ticket
            }
            (None, true) => self.open(&project, message, &label, &text).await?,
            // People have closed it already.
            (None, false) => return Ok(String::new()),
        };
        if !message.fires() || message.test {
            self.close(&project, &ticket).await?;
        }
        Ok(ticket.name)
    }

    async fn open(&self, project: &Project, message: &Message, label: &str, text: &str) -> Result<Ticket, Problem> {
        let title = one_line(&message.title(), TITLE_MAX);
        let (kind, priority) = (self.kind, message.priority());
        let new = |ranked| New { title: &title, text, kind, label, priority, ranked };
        let mut answer = self.ask(project, self.tracker.open(project, &new(true))).await;
        if answer.as_ref().is_err_and(|p| p.text.contains("priority")) {
            answer = self.ask(project, self.tracker.open(project, &new(false))).await;
        }
        self.tracker
            .opened(&answer?)
            .ok_or_else(|| Problem::lasting("it answered without the number of the ticket it opened"))
    }

    async fn close(&self, project: &Project, ticket: &Ticket) -> Result<(), Problem> {
        let (name, id) = (&project.name, &ticket.id);
        let ask = match self.tracker {
            Tracker::Jira => {
                let path = format!("/rest/api/2/issue/{id}/transitions");
                let steps = self.ask(project, Ask::get(path.clone())).await?;
                let step = last_step(&steps).ok_or_else(|| {
                    Problem::lasting(format!("the workflow of {id} has no step from here to a status that is done"))
                })?;
                Ask::post(path, json!({"transition": {"id": step}}))
            }
            Tracker::GitHub => Ask {
                method: Method::PATCH,
                path: format!("/repos/{name}/issues/{id}"),
                body: json!({"state": "closed", "state_reason": "completed"}),
            },
            Tracker::GitLab => Ask {
                method: Method::PUT,
                path: format!("/projects/{}/issues/{id}", encoded(name)),
                body: json!({"state_event": "close"}),
            },
        };
        self.ask(project, ask).await.map(|_| ())
    }

    async fn ask(&self, project: &Project, ask: Ask) -> Result<Value, Problem> {
        let (header, value) = match (self.tracker, self.token.contains(':')) {
            (Tracker::GitLab, _) => ("private-token", self.token.to_string()),
            // Atlassian's cloud asks for the person beside the token.
            (_, true) => ("authorization", format!("Basic {}", BASE64_STANDARD.encode(self.token))),
            (_, false) => ("authorization", format!("Bearer {}", self.token)),
        };
        let headers = [("content-type", "application/json"), ("accept", "application/json"), (header, value.as_str())];
        let body = if ask.body.is_null() { Vec::new() } else { ask.body.to_string().into_bytes() };
        let answer = outgoing::ask(ask.method, &format!("{}{}", project.api, ask.path), &headers, body).await;
        let body = Problem::of(answer)?;
        // Some deeds are answered by nothing.
        Ok(serde_json::from_slice(&body).unwrap_or_default())
    }
}

/// What stands in the ticket. Words of telemetry are fenced, so that they neither call people nor draw anything.
fn text(tracker: Tracker, message: &Message) -> String {
    let all = message.lines();
    let mut lines: Vec<String> = all.iter().take(LINES).map(|l| l.chars().take(400).collect()).collect();
    let more = all.len().saturating_sub(LINES) as u64 + message.left_out;
    if more > 0 {
        lines.push(format!("… and {more} more"));
    }
    let mut words = lines.join("\n");
    let runbooks: BTreeSet<&str> =
        message.firing.iter().map(|a| a.runbook.as_str()).filter(|r| !r.is_empty()).collect();
    for runbook in runbooks.into_iter().take(3) {
        words += &format!("\nRunbook: {runbook}");
    }
    let words: String = words.chars().take(TEXT_MAX).collect();
    let fenced = match tracker {
        Tracker::Jira => format!("{{noformat}}\n{}\n{{noformat}}", words.replace("{noformat}", "")),
        Tracker::GitHub | Tracker::GitLab => format!("```text\n{}\n```", words.replace("```", "")),
    };
    let incident = message.incident.map(|n| format!("Incident INC-{n}. ")).unwrap_or_default();
    let link = if message.url.starts_with("http") { message.url.as_str() } else { "" };
    format!("{fenced}\n\n{incident}{}\n{link}", if message.fires() { "Opened by Plimsoll." } else { "It is over." })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::alert::{ALERTNAME, Alert, Labels, Source};

    const TRACKERS: [Tracker; 3] = [Tracker::Jira, Tracker::GitHub, Tracker::GitLab];

    fn project() -> Project {
        Project { api: "https://work.example".into(), name: "larkfield/ml".into() }
    }

    fn message(summary: &str) -> Message {
        let labels = Labels::from([(ALERTNAME.to_string(), "Accuracy low".to_string())]);
        let annotations = Labels::from([("summary".to_string(), summary.to_string())]);
        let alert = Alert { annotations, ..Alert::new(labels.clone(), Source::Posted, domain::Timestamp(0)) };
        Message {
            group_key: "g".into(),
            receiver: "r".into(),
            why: Why::New,
            labels,
            firing: vec![alert],
            resolved: Vec::new(),
            left_out: 2,
            url: "https://monitor.example/incidents/7".into(),
            acknowledge_url: String::new(),
            at: domain::Timestamp(0),
            incident: Some(7),
            test: false,
            words: None,
        }
    }

    #[test]
    fn each_tracker_is_asked_for_what_is_open_by_label() {
        let asked = |tracker: Tracker| tracker.find(&project(), "plimsoll-1").path;
        assert_eq!(asked(Tracker::GitHub), "/repos/larkfield/ml/issues?state=open&labels=plimsoll-1&per_page=1");
        assert!(asked(Tracker::GitLab).starts_with("/projects/larkfield%2Fml/issues?state=opened&"));
        assert!(
            asked(Tracker::Jira).contains("labels%20%3D%20%22plimsoll%2D1%22%20AND%20statusCategory%20%21%3D%20Done")
        );
        let found = |tracker: Tracker, answer: Value| tracker.found(&answer).map(|t| t.name);
        assert_eq!(found(Tracker::Jira, json!({"issues": [{"key": "OPS-3"}]})).as_deref(), Some("OPS-3"));
        assert_eq!(found(Tracker::GitHub, json!([{"number": 12}])).as_deref(), Some("#12"));
        assert_eq!(found(Tracker::GitLab, json!([{"iid": 4}])).as_deref(), Some("#4"));
        for tracker in TRACKERS {
            for nothing in [json!([]), json!({}), json!({"issues": []}), Value::Null, json!([{"key": "../../x"}])] {
                assert_eq!(tracker.found(&nothing), None, "{tracker:?} {nothing}");
            }
        }
        assert_eq!(Tracker::Jira.opened(&json!({"key": "OPS-1/../../user"})), None);
    }

    #[test]
    fn words_of_telemetry_call_nobody_and_draw_nothing() {
        let hostile = "``` @everyone {noformat} *x* ![](https://evil.example)";
        for tracker in [Tracker::GitHub, Tracker::GitLab] {
            let text = text(tracker, &message(hostile));
            assert_eq!(text.matches("```").count(), 2, "{text}");
            assert!(text.find("@everyone").expect("said") < text.rfind("```").expect("fenced"));
            assert!(text.contains("… and 2 more") && text.contains("INC-7") && text.ends_with("/incidents/7"));
        }
        assert_eq!(text(Tracker::Jira, &message(hostile)).matches("{noformat}").count(), 2);
    }

    #[test]
    fn a_ticket_of_jira_ends_by_the_step_that_leads_to_done() {
        let steps = json!({"transitions": [
            {"id": "11", "to": {"statusCategory": {"key": "indeterminate"}}},
            {"id": "31", "to": {"statusCategory": {"key": "done"}}},
        ]});
        assert_eq!(last_step(&steps), Some("31"));
        assert_eq!(last_step(&json!({"transitions": []})), None);
    }
}

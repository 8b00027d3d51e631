//! Pages shown to others by link. What a link shows is fixed when it is made: one page, one environment,
//! one range; nothing else is reachable with it.

use serde::{Deserialize, Serialize};

use crate::incident::IncidentView;
use crate::time::RangeChoice;
use crate::view::{ModelView, OperationsView, OverviewView, SystemView};
use crate::{Role, TimeRange, Timestamp};

/// What may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "page")]
pub enum SharedPage {
    Overview,
    Operations,
    System { name: String },
    Model { name: String },
    Incident { id: i64 },
}

impl SharedPage {
    /// The page's own address within.
    pub fn path(&self) -> String {
        match self {
            SharedPage::Overview => "/overview".into(),
            SharedPage::Operations => "/operations".into(),
            SharedPage::System { name } => format!("/systems/{name}"),
            SharedPage::Model { name } => format!("/models/{name}"),
            SharedPage::Incident { id } => format!("/incidents/{id}"),
        }
    }

    /// The page at an address within, where it may be shared.
    pub fn of(path: &str) -> Option<SharedPage> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        Some(match parts.as_slice() {
            ["overview"] => SharedPage::Overview,
            ["operations"] => SharedPage::Operations,
            ["systems", name] => SharedPage::System { name: (*name).to_string() },
            ["models", name] => SharedPage::Model { name: (*name).to_string() },
            ["incidents", id] => SharedPage::Incident { id: id.parse().ok()? },
            _ => return None,
        })
    }

    pub fn title(&self) -> String {
        match self {
            SharedPage::Overview => "Overview".into(),
            SharedPage::Operations => "Operations".into(),
            SharedPage::System { name } | SharedPage::Model { name } => name.clone(),
            SharedPage::Incident { id } => format!("INC-{id}"),
        }
    }
}

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShareText {
    #[serde(flatten)]
    pub page: SharedPage,
    pub environment: String,
    pub range: RangeChoice,
    /// The range is what it was at sharing, and does not move on.
    #[serde(default)]
    pub frozen: bool,
    #[serde(default)]
    pub annotations: bool,
    /// Other sites may show it within their pages.
    #[serde(default)]
    pub embed: bool,
    /// Only for people of this role or above, who sign in.
    #[serde(default)]
    pub role: Option<Role>,
    /// Only for these, by their addresses, who sign in. Where neither is said it is for whoever has the link.
    #[serde(default)]
    pub people: Option<Vec<String>>,
    /// Hours until it ends; `None` is never.
    pub hours: Option<u32>,
    /// What it is for, in the author's words.
    #[serde(default)]
    pub note: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Share {
    pub id: i64,
    pub author: String,
    pub author_id: i64,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
    pub text: ShareText,
}

impl Share {
    pub fn holds(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Visit {
    pub at: Timestamp,
    pub address: String,
    /// Who it was, where they had signed in.
    #[serde(default)]
    pub who: String,
}

/// A share in the list of those that are there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShareRow {
    pub share: Share,
    pub visits: u64,
    pub last: Option<Timestamp>,
    /// Whether whoever asks may end it.
    pub own: bool,
}

/// What a link shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SharedView {
    /// Whose installation it is of; empty where nobody said.
    pub installation: String,
    pub author: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub environment: String,
    /// What is shown, resolved.
    pub range: TimeRange,
    pub frozen: bool,
    pub embed: bool,
    pub note: String,
    pub title: String,
    pub body: SharedBody,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharedBody {
    Overview(Box<OverviewView>),
    Operations(Box<OperationsView>),
    System(Box<SystemView>),
    Model(Box<ModelView>),
    Incident(Box<IncidentView>),
}

pub const NOTE_MAX: usize = 500;
/// People that a link can name.
pub const NAMED_MAX: usize = 50;
/// Links of one person that hold at the same time.
pub const SHARES_MAX: usize = 50;
/// A link that ends lasts a year at most.
pub const HOURS_MAX: u32 = 24 * 366;

impl ShareText {
    /// Whether whoever has the link sees the page, without signing in.
    pub fn for_anyone(&self) -> bool {
        self.role.is_none() && self.people.is_none()
    }

    /// Who may open it, in words.
    pub fn whom(&self) -> String {
        match (&self.people, self.role) {
            (Some(people), _) => people.join(", "),
            (None, Some(role)) => format!("{}s and above", role.name()),
            (None, None) => "whoever has it".into(),
        }
    }

    /// What is wrong with it, if anything.
    pub fn problem(&self) -> Option<String> {
        if self.hours.is_some_and(|h| !(1..=HOURS_MAX).contains(&h)) {
            return Some("a link holds for an hour to a year, or until it is ended".into());
        }
        if self.frozen && self.page == SharedPage::Overview {
            return Some("Overview shows the present: share it as it moves on".into());
        }
        match &self.people {
            // Naming nobody must not make a link for everybody.
            Some(people) if people.is_empty() => return Some("choose whom the link is for".into()),
            Some(people) if people.len() > NAMED_MAX => {
                return Some(format!("a link names at most {NAMED_MAX} people: share it with a role"));
            }
            Some(_) if self.role.is_some() => return Some("a link is for a role or for named people, not both".into()),
            _ => {}
        }
        if self.embed && !self.for_anyone() {
            return Some("within other sites nobody is signed in: share it with whoever has the link".into());
        }
        (self.note.len() > NOTE_MAX).then(|| format!("a note has at most {NOTE_MAX} bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_goes_there_and_back_as_json() {
        let text = ShareText {
            page: SharedPage::Incident { id: 7 },
            environment: "production".into(),
            range: RangeChoice::All,
            frozen: false,
            annotations: true,
            embed: false,
            role: Some(Role::Executive),
            people: None,
            hours: Some(24),
            note: String::new(),
        };
        let json = serde_json::to_string(&text).expect("writes");
        assert_eq!(serde_json::from_str::<ShareText>(&json).expect("reads"), text);
    }

    #[test]
    fn naming_nobody_makes_no_link_for_everybody() {
        let text: ShareText = serde_json::from_str(
            r#"{"page":"overview","environment":"production","range":"All","people":[],"hours":null}"#,
        )
        .expect("reads");
        assert!(!text.for_anyone());
        assert!(text.problem().is_some());
        let named = ShareText { people: Some(vec!["elena@larkfield.example".into()]), ..text };
        assert_eq!(named.problem(), None);
        assert!(ShareText { embed: true, ..named.clone() }.problem().is_some(), "nobody is signed in there");
        assert!(ShareText { role: Some(Role::Viewer), ..named }.problem().is_some());
    }

    #[test]
    fn only_pages_that_may_be_shared_are_found_at_their_address() {
        for page in [
            SharedPage::Overview,
            SharedPage::System { name: "credit".into() },
            SharedPage::Model { name: "m".into() },
            SharedPage::Incident { id: 7 },
        ] {
            assert_eq!(SharedPage::of(&page.path()), Some(page));
        }
        for path in ["/settings", "/settings/keys", "/models/m/setup", "/incidents/x", "/", "/explore"] {
            assert_eq!(SharedPage::of(path), None, "{path}");
        }
    }
}

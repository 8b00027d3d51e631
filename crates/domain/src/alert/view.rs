//! What pages about alerts show.

use serde::{Deserialize, Serialize};

use super::Alert;
use super::config::Route;
use super::escalation::Policy;
use super::priority::Priority;
use super::rule::Rule;
use super::schedule::{Schedule, Shift};
use super::silence::Silence;
use crate::Timestamp;
use crate::response::Run;
use crate::signal::Sample;
use crate::telemetry::Change;

/// Why an alert that fires is not told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Suppressed {
    Silence {
        ids: Vec<String>,
    },
    Inhibition {
        /// Name and fingerprint of the alert that it is a consequence of.
        by: String,
        fingerprint: String,
    },
    /// The route is muted at this time.
    Muted {
        interval: String,
    },
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertRow {
    pub alert: Alert,
    pub fires: bool,
    pub suppressed: Option<Suppressed>,
    /// The silence that ends last, where one covers it.
    pub silence: Option<Silence>,
    /// The last hours of what it is about.
    pub trend: Vec<Option<f64>>,
    /// Title of its incident.
    pub incident: Option<(i64, String)>,
}

/// Which alerts are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct AlertFilter {
    /// `open`, `mine`, `unowned`, `silenced`, `solved`
    pub state: String,
    pub priorities: Vec<Priority>,
    pub system: String,
    pub layer: String,
    pub environment: String,
    /// Words in name, summary or labels.
    pub text: String,
    /// Matchers, as `team="ml"`.
    pub matchers: String,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Counts {
    pub open: u64,
    pub mine: u64,
    pub unowned: u64,
    pub acknowledged: u64,
    pub silenced: u64,
    pub solved: u64,
    /// By priority.
    pub by_priority: [u64; 4],
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertsView {
    pub now: Timestamp,
    pub counts: Counts,
    pub rows: Vec<AlertRow>,
    /// Beyond those shown.
    pub left_out: u64,
    /// Open alerts at each hour of the last day.
    pub history: Vec<u64>,
    /// Alerts of 30 days for which no message of their own was sent, since they came with others.
    pub kept_quiet: u64,
    /// Open incidents that alerts can be put into: number and title, newest first.
    #[serde(default)]
    pub incidents: Vec<(i64, String)>,
}

/// One thing that happened to an alert or an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Entry {
    pub id: i64,
    pub at: Timestamp,
    #[serde(default)]
    pub incident: Option<i64>,
    #[serde(default)]
    pub fingerprint: String,
    pub kind: EntryKind,
    /// Who did it; empty for Plimsoll itself.
    #[serde(default)]
    pub who: String,
    pub title: String,
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub good: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The rule held, the alert fired or ended.
    Alert,
    /// Grouped, silenced, inhibited, muted: what was decided about telling.
    Decision,
    Route,
    OnCall,
    /// A message, and what came of it.
    Delivery,
    Acknowledged,
    Change,
    /// A verdict or a cause that somebody marked.
    Evidence,
    Note,
    /// Words for executives.
    Status,
    Person,
    /// A response was proposed, decided, done, undone.
    Response,
}

impl EntryKind {
    pub fn name(self) -> &'static str {
        match self {
            EntryKind::Alert => "alert",
            EntryKind::Decision => "decision",
            EntryKind::Route => "route",
            EntryKind::OnCall => "on_call",
            EntryKind::Delivery => "delivery",
            EntryKind::Acknowledged => "acknowledged",
            EntryKind::Change => "change",
            EntryKind::Evidence => "evidence",
            EntryKind::Note => "note",
            EntryKind::Status => "status",
            EntryKind::Person => "person",
            EntryKind::Response => "response",
        }
    }

    /// Whether it says how somebody came to be told.
    pub fn explains(self) -> bool {
        matches!(
            self,
            EntryKind::Alert
                | EntryKind::Decision
                | EntryKind::Route
                | EntryKind::OnCall
                | EntryKind::Delivery
                | EntryKind::Acknowledged
        )
    }

    pub fn of_people(self) -> bool {
        matches!(self, EntryKind::Acknowledged | EntryKind::Note | EntryKind::Status | EntryKind::Person)
    }
}

/// What a person does with an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum AlertAct {
    /// Takes it on: escalation stops.
    Acknowledge,
    Unacknowledge,
    /// Gives it to somebody; to nobody where empty.
    Assign {
        to: String,
    },
    /// Says that it is over, and how.
    Solve {
        #[serde(default)]
        how: String,
    },
    /// Puts it into an open incident.
    Join {
        incident: i64,
    },
    /// Nothing is told of it until then.
    Silence {
        until: Timestamp,
        why: String,
    },
}

/// A rule with how it fares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleState {
    pub rule: Rule,
    pub evaluated: Option<Timestamp>,
    /// Milliseconds of the last evaluation.
    pub took_ms: f64,
    /// Label sets it looked at.
    pub found: u64,
    pub problem: String,
    pub pending: u64,
    pub firing: u64,
}

/// How a destination fares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DestinationState {
    pub receiver: String,
    pub key: String,
    pub kind: String,
    pub title: String,
    pub shown: String,
    /// When a message arrived there last.
    pub delivered: Option<Timestamp>,
    /// The last failure, where it is newer than the last success.
    pub problem: String,
    pub waiting: usize,
}

/// What came of a test page to one of those whom a policy calls first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reached {
    pub who: String,
    /// By what: `E-mail mara@larkfield.example`; empty where there is nobody.
    pub by: String,
    /// Why it did not arrive; empty where it did.
    pub problem: String,
}

/// A schedule with how it comes out over the next weeks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScheduleView {
    pub schedule: Schedule,
    pub shifts: Vec<Shift>,
    pub on_call: String,
    pub backup: String,
    /// Where the reader's calendar finds it, without signing in; empty for programs.
    pub calendar: String,
}

/// How often somebody was called of late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallLoad {
    pub person: String,
    /// Messages that said that something is wrong.
    pub calls: u64,
    /// Of these, at night by the clock of the rotation they take turns in.
    pub at_night: u64,
}

/// Who is on call, who is called next, and where messages go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OnCallView {
    pub now: Timestamp,
    pub from: Timestamp,
    pub to: Timestamp,
    pub schedules: Vec<ScheduleView>,
    pub policies: Vec<Policy>,
    /// Name, policy, and whether its ends are told.
    pub receivers: Vec<(String, String, bool)>,
    pub route: Route,
    pub destinations: Vec<DestinationState>,
    /// Of everybody who takes turns, over the last four weeks, the most called first.
    pub load: Vec<CallLoad>,
    /// People who may take turns.
    pub people: Vec<crate::people::Colleague>,
}

impl OnCallView {
    /// What somebody is called who takes turns.
    pub fn name_of<'a>(&'a self, address: &'a str) -> &'a str {
        crate::people::name_of(&self.people, address)
    }
}

/// Who would be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DryRun {
    pub at: Timestamp,
    pub routes: Vec<DryRoute>,
    /// Why nobody would be told, where nobody would.
    pub silent: Option<Suppressed>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DryRoute {
    pub path: String,
    pub receiver: String,
    pub group: super::Labels,
    pub muted: Option<String>,
    /// After how many microseconds, whom, by what.
    pub told: Vec<(i64, String)>,
}

/// One alert with everything around it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertView {
    pub row: AlertRow,
    /// From the rule to the receipt, oldest first.
    pub trail: Vec<Entry>,
    pub line: Vec<Sample>,
    /// Signals that moved with it: label, layer, r, seconds earlier.
    pub moved: Vec<(String, crate::signal::Layer, f64, f64)>,
    pub changes: Vec<Change>,
    /// Earlier alerts of the same labels, newest first.
    pub before: Vec<Alert>,
    /// Money a day that its system brings, with the currency.
    pub at_risk: Option<(f64, String)>,
    /// Why nobody was told, where nobody was.
    pub nobody: String,
    /// What happened while the line ran.
    pub flags: Vec<crate::happening::Flag>,
    /// What was, or may be, done about it; newest first.
    pub runs: Vec<Run>,
    /// Responses that people may propose.
    pub offered: Vec<(String, String)>,
}

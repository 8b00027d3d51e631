//! Groups of alerts, and what each destination was told of them: the open-notification ledger.
//!
//! What was opened at a destination is closed there, whatever has been silenced, inhibited, muted or
//! reconfigured since. [`Ledger::plan`] decides what to say; [`Ledger::delivered`] notes it once it
//! arrived. A message that did not arrive changes nothing, so it is planned again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Labels;
use super::destination::Destination;
use super::escalation::Escalation;
use crate::Timestamp;

/// How a group waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    pub wait: i64,
    pub interval: i64,
    pub repeat: i64,
    pub send_resolved: bool,
}

/// An alert as its group sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    pub fingerprint: &'a str,
    pub fires: bool,
    /// Silenced, inhibited or muted: nothing new is said of it.
    pub suppressed: bool,
}

/// Why something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Why {
    New,
    Resolved,
    Repeat,
    /// A step of an escalation.
    Escalated,
}

impl Why {
    pub fn words(self) -> &'static str {
        match self {
            Why::New => "new",
            Why::Resolved => "resolved",
            Why::Repeat => "still open",
            Why::Escalated => "nobody took it on",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub firing: BTreeSet<String>,
    pub resolved: BTreeSet<String>,
    pub why: Why,
}

/// What one destination was told of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ledger {
    /// Kept with the group, so that it can be closed there even after the destination left the document.
    pub destination: Destination,
    /// Alerts that were opened there and not closed.
    pub opened: BTreeSet<String>,
    /// When it was told last.
    pub told: Option<Timestamp>,
    /// Say it again whatever was said: a step of an escalation came round.
    #[serde(default)]
    pub again: bool,
}

impl Ledger {
    pub fn new(destination: Destination) -> Ledger {
        Ledger { destination, opened: BTreeSet::new(), told: None, again: false }
    }

    /// What to say now, if anything.
    pub fn plan(&self, members: &[Member<'_>], pace: Pace, now: Timestamp) -> Option<Plan> {
        let speaks = |m: &&Member<'_>| m.fires && !m.suppressed;
        let firing: BTreeSet<String> = members.iter().filter(speaks).map(|m| m.fingerprint.to_string()).collect();
        // What is not a member any more has ended: only its end takes an alert out of a group.
        let going_on: BTreeSet<&str> = members.iter().filter(|m| m.fires).map(|m| m.fingerprint).collect();
        let resolved: BTreeSet<String> =
            self.opened.iter().filter(|f| !going_on.contains(f.as_str())).cloned().collect();
        let why = if firing.iter().any(|f| !self.opened.contains(f)) {
            Why::New
        } else if pace.send_resolved && !resolved.is_empty() {
            Why::Resolved
        } else if self.again && !firing.is_empty() {
            Why::Escalated
        } else if !firing.is_empty() && self.told.is_none_or(|at| now.0 - at.0 >= pace.repeat) {
            Why::Repeat
        } else {
            return None;
        };
        Some(Plan { firing, resolved: if pace.send_resolved { resolved } else { BTreeSet::new() }, why })
    }

    /// What was planned has arrived.
    pub fn delivered(&mut self, firing: &BTreeSet<String>, resolved: &BTreeSet<String>, now: Timestamp) {
        self.opened.retain(|f| !resolved.contains(f));
        self.opened.extend(firing.iter().cloned());
        self.told = Some(now);
        self.again = false;
    }

    /// Forgets what ended where ends are not told.
    pub fn forget_ended(&mut self, members: &[Member<'_>]) {
        self.opened.retain(|f| members.iter().any(|m| m.fires && m.fingerprint == f));
    }
}

/// A group and what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Group {
    /// `route path:labels`
    pub key: String,
    /// The route's place in the tree, and its receiver.
    pub path: String,
    pub receiver: String,
    pub labels: Labels,
    pub created_at: Timestamp,
    /// When it is looked at next.
    pub due: Timestamp,
    /// Whether it has been looked at since it was made.
    pub spoke: bool,
    /// By destination.
    pub ledgers: BTreeMap<String, Ledger>,
    #[serde(default)]
    pub escalation: Option<Escalation>,
}

impl Group {
    /// The key of a group of a route.
    pub fn key(path: &str, receiver: &str, labels: &Labels) -> String {
        let text: Vec<String> = labels.iter().map(|(n, v)| format!("{n}={v:?}")).collect();
        format!("{{}}/{path}/{receiver}:{{{}}}", text.join(", "))
    }

    pub fn new(path: &str, receiver: &str, labels: Labels, wait: i64, now: Timestamp) -> Group {
        Group {
            key: Group::key(path, receiver, &labels),
            path: path.into(),
            receiver: receiver.into(),
            labels,
            created_at: now,
            due: now.plus(wait),
            spoke: false,
            ledgers: BTreeMap::new(),
            escalation: None,
        }
    }

    /// Whether nothing is left to say or to close.
    pub fn over(&self, any_fires: bool) -> bool {
        !any_fires && self.ledgers.values().all(|l| l.opened.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::{HOUR, MINUTE, SECOND};

    const PACE: Pace = Pace { wait: 30 * SECOND, interval: 5 * MINUTE, repeat: 4 * HOUR, send_resolved: true };

    fn ledger() -> Ledger {
        Ledger::new(Destination::Slack { url: "https://hooks.example/x".into() })
    }

    fn member(fingerprint: &str, fires: bool, suppressed: bool) -> Member<'_> {
        Member { fingerprint, fires, suppressed }
    }

    #[test]
    fn what_resolved_before_anybody_was_told_is_not_told() {
        assert_eq!(ledger().plan(&[member("a", false, false)], PACE, Timestamp(0)), None);
    }

    #[test]
    fn what_was_opened_is_closed_even_when_silenced_since() {
        let mut ledger = ledger();
        let plan = ledger.plan(&[member("a", true, false)], PACE, Timestamp(0)).expect("new");
        assert_eq!(plan.why, Why::New);
        ledger.delivered(&plan.firing, &plan.resolved, Timestamp(0));
        assert_eq!(ledger.plan(&[member("a", true, true)], PACE, Timestamp(9 * HOUR)), None, "held");
        let plan = ledger.plan(&[member("a", false, true)], PACE, Timestamp(9 * HOUR)).expect("closed");
        assert_eq!((plan.why, plan.resolved.contains("a")), (Why::Resolved, true));
    }

    #[test]
    fn it_is_said_again_after_the_repeat_interval() {
        let mut ledger = ledger();
        let members = [member("a", true, false)];
        let plan = ledger.plan(&members, PACE, Timestamp(0)).expect("new");
        ledger.delivered(&plan.firing, &plan.resolved, Timestamp(0));
        assert_eq!(ledger.plan(&members, PACE, Timestamp(4 * HOUR - 1)), None);
        assert_eq!(ledger.plan(&members, PACE, Timestamp(4 * HOUR)).map(|p| p.why), Some(Why::Repeat));
    }

    #[derive(Debug, Clone)]
    struct Turn {
        fires: [bool; 3],
        suppressed: [bool; 3],
        arrives: bool,
    }

    fn turn() -> impl Strategy<Value = Turn> {
        let three = || prop::array::uniform3(any::<bool>());
        (three(), three(), any::<bool>()).prop_map(|(fires, suppressed, arrives)| Turn { fires, suppressed, arrives })
    }

    proptest! {
        /// However alerts come, go and are suppressed, and whichever messages are lost: once all is over and
        /// messages arrive again, nothing stays open at the destination; and nothing is opened that was
        /// suppressed.
        #[test]
        fn nothing_stays_open(turns in prop::collection::vec(turn(), 1..60)) {
            let names = ["a", "b", "c"];
            let mut ledger = ledger();
            // What the destination itself believes to be open.
            let mut there = BTreeSet::new();
            let mut now = Timestamp(0);
            let last = Turn { fires: [false; 3], suppressed: [true; 3], arrives: true };
            for turn in turns.into_iter().chain([last.clone(), last]) {
                now = now.plus(MINUTE);
                let members: Vec<Member<'_>> = (0..3).map(|i| member(names[i], turn.fires[i], turn.suppressed[i])).collect();
                if let Some(plan) = ledger.plan(&members, PACE, now).filter(|_| turn.arrives) {
                    for f in &plan.firing {
                        let place = names.iter().position(|n| n == f).expect("one of them");
                        prop_assert!(turn.fires[place] && !turn.suppressed[place]);
                    }
                    there.extend(plan.firing.iter().cloned());
                    there.retain(|f| !plan.resolved.contains(f));
                    ledger.delivered(&plan.firing, &plan.resolved, now);
                }
                prop_assert_eq!(&there, &ledger.opened);
            }
            prop_assert!(there.is_empty());
        }
    }
}

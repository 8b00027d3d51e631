//! Escalation: who is called next while nobody has taken it on.
//!
//! It stops when every alert of the group is acknowledged or over, and goes on where it stood when an
//! acknowledgement runs out.

use serde::{Deserialize, Serialize};

use super::config::Alerting;
use crate::Timestamp;
use crate::time::{DAY, MINUTE, SECOND};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    pub name: String,
    pub steps: Vec<Step>,
    /// How often the steps are gone through again.
    pub repeat: u32,
    /// For which an acknowledgement holds; `None` for as long as the alert fires.
    #[serde(with = "crate::span::optional")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub acknowledged_for: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// After the step before, or after the group was told of.
    #[serde(with = "crate::span")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub after: i64,
    pub targets: Vec<Target>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// An e-mail address.
    Person(String),
    /// Whoever is on call.
    OnCall(String),
    /// Who is next in turn.
    Backup(String),
    /// All destinations of a receiver.
    Receiver(String),
}

impl Target {
    pub fn words(&self) -> String {
        match self {
            Target::Person(address) => address.clone(),
            Target::OnCall(schedule) => format!("on call for {schedule}"),
            Target::Backup(schedule) => format!("backup of {schedule}"),
            Target::Receiver(name) => name.clone(),
        }
    }
}

impl Policy {
    /// What is wrong with it, if anything.
    pub fn problem(&self, all: &Alerting) -> Option<String> {
        let name = &self.name;
        if name.trim().is_empty() {
            return Some("a policy needs a name".into());
        }
        if self.steps.is_empty() || self.steps.len() > 20 || self.repeat > 50 {
            return Some(format!("{name}: 1 to 20 steps, repeated at most 50 times"));
        }
        if self.acknowledged_for.is_some_and(|t| t < MINUTE) {
            return Some(format!("{name}: an acknowledgement holds for a minute at least"));
        }
        for step in &self.steps {
            if !(0..=7 * DAY).contains(&step.after) || step.targets.is_empty() || step.targets.len() > 20 {
                return Some(format!("{name}: a step has 1 to 20 targets and comes within a week"));
            }
            for target in &step.targets {
                let missing = match target {
                    Target::Person(address) => crate::people::email_problem(address).is_some(),
                    Target::OnCall(s) | Target::Backup(s) => all.schedule(s).is_none(),
                    Target::Receiver(r) => all.receiver(r).is_none(),
                };
                if missing {
                    return Some(format!("{name}: “{}” is not there", target.words()));
                }
            }
        }
        None
    }
}

/// Where the escalation of one group stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Escalation {
    pub policy: String,
    /// Steps taken, over all rounds.
    pub taken: u32,
    /// When the next step is due; `None` where none is left.
    pub due: Option<Timestamp>,
    /// Time that was left when it stopped, microseconds.
    pub paused: Option<i64>,
}

/// At least so long lies between two rounds, whatever the steps say.
const ROUND_LEAST: i64 = 30 * SECOND;

impl Escalation {
    pub fn begin(policy: &Policy, now: Timestamp) -> Escalation {
        let due = policy.steps.first().map(|step| now.plus(step.after));
        Escalation { policy: policy.name.clone(), taken: 0, due, paused: None }
    }

    /// The next turn: `quiet` says that nobody needs to be called now. Gives the place of the step to take.
    pub fn turn(mut self, policy: &Policy, quiet: bool, now: Timestamp) -> (Escalation, Option<usize>) {
        if quiet {
            if let Some(due) = self.due.take() {
                self.paused = Some((due.0 - now.0).max(0));
            }
            return (self, None);
        }
        if let Some(left) = self.paused.take() {
            self.due = Some(now.plus(left));
        }
        let count = policy.steps.len() as u32;
        let most = count * (policy.repeat + 1);
        match self.due {
            Some(due) if due <= now && self.taken < most => {
                let place = (self.taken % count) as usize;
                self.taken += 1;
                let next = policy.steps.get((self.taken % count) as usize).filter(|_| self.taken < most);
                let again = self.taken.is_multiple_of(count);
                self.due = next.map(|step| now.plus(if again { step.after.max(ROUND_LEAST) } else { step.after }));
                (self, Some(place))
            }
            _ => (self, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(steps: usize, repeat: u32) -> Policy {
        let step = |i: usize| Step { after: i as i64 * 5 * MINUTE, targets: vec![Target::Person("a@b.c".into())] };
        Policy { name: "p".into(), steps: (0..steps).map(step).collect(), repeat, acknowledged_for: None }
    }

    #[test]
    fn it_stops_while_acknowledged_and_goes_on_where_it_stood() {
        let policy = policy(3, 0);
        let begun = Escalation::begin(&policy, Timestamp(0));
        let (e, first) = begun.turn(&policy, false, Timestamp(0));
        assert_eq!(first, Some(0));
        let (e, none) = e.turn(&policy, true, Timestamp(2 * MINUTE));
        assert_eq!((none, e.due), (None, None));
        let (e, none) = e.turn(&policy, false, Timestamp(60 * MINUTE));
        assert_eq!((none, e.due), (None, Some(Timestamp(63 * MINUTE))), "three minutes were left");
        let (e, second) = e.turn(&policy, false, Timestamp(63 * MINUTE));
        assert_eq!(second, Some(1));
        assert_eq!(e.turn(&policy, false, Timestamp(73 * MINUTE)).1, Some(2));
    }

    proptest! {
        /// Steps are taken in order, each as often as the policy says, and never while it is quiet.
        #[test]
        fn steps_come_in_order_and_end(
            steps in 1usize..5, repeat in 0u32..3, turns in prop::collection::vec((prop::bool::weighted(0.2), 1i64..600), 1..200),
        ) {
            let policy = policy(steps, repeat);
            let mut escalation = Escalation::begin(&policy, Timestamp(0));
            let (mut now, mut taken) = (Timestamp(0), Vec::new());
            for (quiet, seconds) in turns {
                now = now.plus(seconds * SECOND);
                let (next, place) = escalation.turn(&policy, quiet, now);
                prop_assert!(!(quiet && place.is_some()));
                taken.extend(place);
                escalation = next;
            }
            let all: Vec<usize> = (0..=repeat).flat_map(|_| 0..steps).collect();
            prop_assert!(all.starts_with(&taken), "{:?}", taken);
        }
    }
}

//! Changes to the document of who is told, each a small step that the page's forms make.

use domain::alert::config::{Alerting, Receiver, Route};
use domain::alert::destination::Destination;
use domain::alert::escalation::{Policy, Target};
use domain::alert::matcher::Matcher;
use domain::alert::schedule::{Override, Schedule};

#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Adds a destination to a receiver, which is made where it is not there yet.
    Destination {
        receiver: String,
        destination: Destination,
    },
    /// Takes the destination of a key away.
    Without {
        key: String,
    },
    Schedule(Schedule),
    WithoutSchedule(String),
    Override {
        schedule: String,
        place: Override,
    },
    WithoutOverride {
        schedule: String,
        place: Override,
    },
    /// Who is called, step by step, and for which receiver; for none besides those that have it where empty.
    Policy {
        receiver: String,
        policy: Policy,
    },
    WithoutPolicy(String),
    /// A branch of the root: alerts that match go to a receiver.
    Route {
        matchers: Vec<Matcher>,
        receiver: String,
    },
    WithoutRoute(usize),
    Whole(Box<Alerting>),
}

impl Edit {
    pub fn apply(self, mut all: Alerting) -> Alerting {
        let place = |all: &mut Alerting, name: &str| match all.receivers.iter().position(|r| r.name == name) {
            Some(place) => place,
            None => {
                all.receivers.push(Receiver {
                    name: name.to_string(),
                    destinations: Vec::new(),
                    send_resolved: true,
                    policy: String::new(),
                    per_minute: 30,
                });
                all.receivers.len() - 1
            }
        };
        match self {
            Edit::Destination { receiver, destination } => {
                let place = place(&mut all, &receiver);
                all.receivers[place].destinations.push(destination);
            }
            Edit::Without { key } => {
                for receiver in &mut all.receivers {
                    receiver.destinations.retain(|d| d.key() != key);
                }
            }
            Edit::Schedule(schedule) => {
                all.schedules.retain(|s| s.name != schedule.name);
                all.schedules.push(schedule);
            }
            Edit::WithoutSchedule(name) => all.schedules.retain(|s| s.name != name),
            Edit::Override { schedule, place } => {
                if let Some(schedule) = all.schedules.iter_mut().find(|s| s.name == schedule) {
                    schedule.overrides.push(place);
                }
            }
            Edit::WithoutOverride { schedule, place } => {
                if let Some(schedule) = all.schedules.iter_mut().find(|s| s.name == schedule) {
                    schedule.overrides.retain(|own| *own != place);
                }
            }
            Edit::Policy { receiver, policy } => {
                if !receiver.is_empty() {
                    let place = place(&mut all, &receiver);
                    all.receivers[place].policy.clone_from(&policy.name);
                }
                all.policies.retain(|p| p.name != policy.name);
                all.policies.push(policy);
            }
            Edit::WithoutPolicy(name) => {
                all.policies.retain(|p| p.name != name);
                all.receivers.iter_mut().filter(|r| r.policy == name).for_each(|r| r.policy.clear());
            }
            Edit::Route { matchers, receiver } => {
                all.route.routes.push(Route { matchers, receiver, ..Route::default() });
            }
            Edit::WithoutRoute(place) => {
                if place < all.route.routes.len() {
                    all.route.routes.remove(place);
                }
            }
            Edit::Whole(document) => all = *document,
        }
        all
    }
}

/// A target as a field holds it: `on_call:ml`, `backup:ml`, `receiver:ops`, `person:mara@example.com`.
pub fn target_value(target: &Target) -> String {
    match target {
        Target::Person(address) => format!("person:{address}"),
        Target::OnCall(schedule) => format!("on_call:{schedule}"),
        Target::Backup(schedule) => format!("backup:{schedule}"),
        Target::Receiver(name) => format!("receiver:{name}"),
    }
}

/// What [`target_value`] wrote.
pub fn target(value: &str) -> Target {
    match value.split_once(':') {
        Some(("on_call", name)) => Target::OnCall(name.to_string()),
        Some(("backup", name)) => Target::Backup(name.to_string()),
        Some(("receiver", name)) => Target::Receiver(name.to_string()),
        Some(("person", address)) => Target::Person(address.to_string()),
        _ => Target::Person(value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_comes_back_from_its_field() {
        let name = || "a: b".to_string();
        for one in [Target::Person(name()), Target::OnCall(name()), Target::Backup(name()), Target::Receiver(name())] {
            assert_eq!(target(&target_value(&one)), one);
        }
    }

    #[test]
    fn a_policy_is_taken_from_whoever_had_it() {
        let policy = Policy { name: "nights".into(), ..Policy::default() };
        let all = Edit::Policy { receiver: "ml".into(), policy: policy.clone() }.apply(Alerting::default());
        assert_eq!(all.receiver("ml").map(|r| r.policy.as_str()), Some("nights"));
        let again = Edit::Policy { receiver: String::new(), policy }.apply(all);
        assert_eq!((again.policies.len(), again.receivers.iter().filter(|r| r.name.is_empty()).count()), (1, 0));
        let none = Edit::WithoutPolicy("nights".into()).apply(again);
        assert!(none.policies.is_empty() && none.receivers.iter().all(|r| r.policy.is_empty()));
    }

    #[test]
    fn a_destination_makes_its_receiver_and_goes_by_its_key() {
        let mail = Destination::Email { address: "a@example.com".into() };
        let edit = Edit::Destination { receiver: "ml".into(), destination: mail.clone() };
        let all = edit.apply(Alerting::default());
        assert!(all.receivers.iter().any(|r| r.name == "ml" && r.destinations == [mail.clone()]));
        let none = Edit::Without { key: mail.key() }.apply(all);
        assert!(none.receivers.iter().all(|r| r.destinations.is_empty()));
    }
}

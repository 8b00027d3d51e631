//! Changes to the document of who is told, each a small step that the page's forms make.

use domain::alert::config::{Alerting, Destination, Receiver, Route};
use domain::alert::escalation::{Policy, Step, Target};
use domain::alert::matcher::Matcher;
use domain::alert::schedule::{Override, Schedule};
use domain::time::MINUTE;

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
    /// Who is called, step by step, and for which receiver.
    Policy {
        receiver: String,
        policy: Policy,
    },
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
                let place = place(&mut all, &receiver);
                all.receivers[place].policy.clone_from(&policy.name);
                all.policies.retain(|p| p.name != policy.name);
                all.policies.push(policy);
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

/// Steps from lines such as `0 on_call:ml`, `5 backup:ml`, `15 mara@example.com`: minutes after the step
/// before, then whom.
///
/// # Errors
/// The line that cannot be read.
pub fn steps(text: &str) -> Result<Vec<Step>, String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let wrong = || format!("“{line}” is no step; write minutes and whom, as 5 backup:ml");
            let (minutes, who) = line.split_once(' ').ok_or_else(wrong)?;
            let after: i64 = minutes.parse().map_err(|_| wrong())?;
            let targets = who
                .split(',')
                .map(str::trim)
                .filter(|w| !w.is_empty())
                .map(|w| match w.split_once(':') {
                    Some(("on_call", name)) => Target::OnCall(name.to_string()),
                    Some(("backup", name)) => Target::Backup(name.to_string()),
                    Some(("receiver", name)) => Target::Receiver(name.to_string()),
                    _ => Target::Person(w.to_string()),
                })
                .collect::<Vec<_>>();
            if targets.is_empty() { Err(wrong()) } else { Ok(Step { after: after * MINUTE, targets }) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_line_by_line() {
        let read = steps("0 on_call:ml\n5 backup:ml, mara@example.com\n").expect("reads");
        assert_eq!((read[0].after, &read[0].targets[0]), (0, &Target::OnCall("ml".into())));
        assert_eq!((read[1].after, read[1].targets.len()), (5 * MINUTE, 2));
        assert!(steps("soon mara").is_err());
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

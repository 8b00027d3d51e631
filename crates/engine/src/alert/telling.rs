//! A group's turn: whom its policy calls, and what each destination is to hear of it.
//!
//! What is planned here is written before it is sent. What a destination was told of, it is told the end of,
//! whatever has become of routes, receivers and policies meanwhile.

use std::collections::{BTreeSet, HashMap, VecDeque};

use domain::Timestamp;
use domain::alert::Alert;
use domain::alert::config::Receiver;
use domain::alert::destination::Destination;
use domain::alert::escalation::{Escalation, Policy, Target};
use domain::alert::group::{Group, Ledger, Member, Pace, Plan};
use domain::alert::message::{Message, NAMED};
use domain::alert::view::{Entry, EntryKind, Suppressed};
use domain::people::{Colleague, name_of};
use domain::time::MINUTE;
use store::{Decided, Outgoing};

use super::board::{Board, LiveGroup, Surroundings, Waiting};

/// Alerts of one message whose being told is written down one by one.
const TOLD_MAX: usize = 200;

/// What a turn holds a group's alerts against.
struct Hushed<'a> {
    suppression: &'a HashMap<String, Suppressed>,
    /// Its route says nothing new now.
    muted: bool,
}

impl Hushed<'_> {
    fn hushes(&self, fingerprint: &str) -> bool {
        self.muted || self.suppression.contains_key(fingerprint)
    }
}

impl Board {
    /// A group's turn: its escalation, then what each destination is to hear.
    pub(super) fn look_at(
        &mut self,
        key: &str,
        suppression: &HashMap<String, Suppressed>,
        around: &Surroundings<'_>,
        decided: &mut Vec<Decided>,
    ) {
        let now = around.now;
        let Some(mut live) = self.groups.remove(key) else {
            return;
        };
        let before = live.group.clone();
        let receiver = self.alerting.receiver(&live.group.receiver).cloned();
        let hushed = Hushed { suppression, muted: self.muted(&live.routed, now).is_some() };
        for destination in receiver.iter().flat_map(|r| &r.destinations) {
            let ledger = live.group.ledgers.entry(destination.key());
            ledger.or_insert_with(|| Ledger::new(destination.clone()));
        }
        if let Some(policy) = receiver.as_ref().and_then(|r| self.alerting.policy(&r.policy)) {
            self.escalate(&mut live, policy, &hushed, now, decided);
        }
        let flush = live.group.due <= now;
        let awaited = self.tell(&mut live, receiver.as_ref(), &hushed, around, decided);
        if flush {
            live.group.spoke = true;
            live.group.due =
                if awaited { now.plus(domain::time::SECOND) } else { now.plus(live.routed.group_interval) };
        }
        // Members that ended stay while some destination still has to hear of it.
        let opened: BTreeSet<&String> = live.group.ledgers.values().flat_map(|l| &l.opened).collect();
        let waits = self.waiting.iter().any(|((group, _), _)| group == key);
        live.members.retain(|f| self.fires(f, now) || opened.contains(f) || waits);
        if live.group.over(live.members.iter().any(|f| self.fires(f, now))) && !waits {
            decided.push(Decided::GroupOver { key: key.to_string() });
            return;
        }
        if live.group != before {
            decided.push(Decided::Group(live.group.clone()));
        }
        self.groups.insert(key.to_string(), live);
    }

    /// Takes the policy's next step where it is due: whom it reaches is told whatever was said before.
    fn escalate(
        &self,
        live: &mut LiveGroup,
        policy: &Policy,
        hushed: &Hushed<'_>,
        now: Timestamp,
        decided: &mut Vec<Decided>,
    ) {
        let firing: Vec<&String> = live.members.iter().filter(|f| self.fires(f, now)).collect();
        let quiet = firing.is_empty() || hushed.muted || self.quiet(live, now);
        if live.group.escalation.is_none() && firing.iter().any(|f| !hushed.hushes(f)) {
            live.group.escalation = Some(Escalation::begin(policy, now));
        }
        let Some(escalation) = live.group.escalation.take() else {
            return;
        };
        let (escalation, step) = escalation.turn(policy, quiet, now);
        for target in step.iter().filter_map(|place| policy.steps.get(*place)).flat_map(|s| &s.targets) {
            let reached = self.destinations(target, now);
            let title = format!("Policy {}, step {}", policy.name, escalation.taken);
            let words = whom(target, &reached);
            for fingerprint in firing.iter().take(NAMED) {
                let good = Some(!reached.is_empty());
                decided.push(self.entry(fingerprint, EntryKind::OnCall, title.clone(), words.clone(), good, now));
            }
            for (destination, _) in reached {
                let ledger = live.group.ledgers.entry(destination.key());
                ledger.or_insert_with(|| Ledger::new(destination)).again = true;
            }
        }
        live.group.escalation = Some(escalation);
    }

    /// Plans what each destination hears. True where one is being sent something now: what comes of that is awaited.
    fn tell(
        &mut self,
        live: &mut LiveGroup,
        receiver: Option<&Receiver>,
        hushed: &Hushed<'_>,
        around: &Surroundings<'_>,
        decided: &mut Vec<Decided>,
    ) -> bool {
        let now = around.now;
        let pace = Pace {
            wait: live.routed.group_wait,
            interval: live.routed.group_interval,
            // What somebody has taken on is not said again and again.
            repeat: if self.quiet(live, now) { i64::MAX } else { live.routed.repeat_interval },
            send_resolved: receiver.is_none_or(|r| r.send_resolved),
        };
        let members: Vec<Member<'_>> = live
            .members
            .iter()
            .map(|fingerprint| Member {
                fingerprint,
                fires: self.fires(fingerprint, now),
                suppressed: hushed.hushes(fingerprint) || !self.leads(fingerprint, &live.group.key),
            })
            .collect();
        let kept: Vec<String> = receiver.iter().flat_map(|r| r.destinations.iter().map(Destination::key)).collect();
        let escalates = live.group.escalation.is_some();
        let flush = live.group.due <= now;
        let mut awaited = false;
        let mut ledgers = std::mem::take(&mut live.group.ledgers);
        for (destination, ledger) in &mut ledgers {
            // Between its turns only a step of the escalation speaks.
            if !flush && !ledger.again {
                continue;
            }
            let place = (live.group.key.clone(), destination.clone());
            let waiting = self.waiting.get(&place);
            if waiting.is_some_and(|w| w.flying) {
                awaited = true;
                continue;
            }
            if !pace.send_resolved {
                ledger.forget_ended(&members);
            }
            // A destination that left its receiver hears only the end of what it knows.
            let gone = !escalates && !kept.contains(destination);
            let held: Vec<Member<'_>> =
                members.iter().map(|m| Member { suppressed: m.suppressed || gone, ..*m }).collect();
            let Some(plan) = ledger.plan(&held, pace, now) else {
                // What waits is about alerts that have come and gone meanwhile.
                if waiting.is_some_and(|w| w.resolved.is_empty() && !w.firing.iter().any(|f| self.fires(f, now))) {
                    decided.push(superseded(&place));
                    self.waiting.remove(&place);
                }
                continue;
            };
            if waiting.is_some_and(|w| w.firing == plan.firing && w.resolved == plan.resolved) {
                continue;
            }
            if waiting.is_some() {
                decided.push(superseded(&place));
            }
            let message = self.message(&live.group, ledger, &plan, around);
            let new = plan.firing.iter().filter(|f| !ledger.opened.contains(*f)).take(TOLD_MAX);
            let others = plan.firing.len().saturating_sub(1);
            new.for_each(|fingerprint| self.explain(fingerprint, others, &live.group, now, decided));
            let id = (around.id)();
            let due_at = throttled(&mut self.sent, destination, receiver.map_or(30, |r| r.per_minute), now);
            let (firing, resolved) = (plan.firing, plan.resolved);
            self.waiting.insert(place.clone(), Waiting { id: id.clone(), firing, resolved, flying: false });
            let (group_key, destination) = place;
            decided.push(Decided::Message(Outgoing {
                id,
                group_key,
                destination,
                created_at: now,
                due_at,
                attempts: 0,
                message,
            }));
        }
        drop(members);
        live.group.ledgers = ledgers;
        awaited
    }

    /// Whether the routes lead an alert to a group. What they lead elsewhere now is held by the group it was in until
    /// it ends, and closed there then.
    fn leads(&self, fingerprint: &str, key: &str) -> bool {
        let routes = self.tree.as_ref().zip(self.alerts.get(fingerprint)).map(|(tree, a)| (tree.routes(&a.labels), a));
        routes.is_none_or(|(routes, a)| {
            routes.iter().any(|r| Group::key(&r.path, &r.receiver, &r.group_labels(&a.labels)) == key)
        })
    }

    fn message(&self, group: &Group, ledger: &Ledger, plan: &Plan, around: &Surroundings<'_>) -> Message {
        let each = ledger.destination.takes_each();
        let named = |set: &BTreeSet<String>| -> Vec<Alert> {
            let mut all: Vec<&Alert> = set.iter().filter_map(|f| self.alerts.get(f)).collect();
            // What keeps every alert for itself hears first of those that it has not.
            all.sort_by_key(|a| (each && ledger.opened.contains(&a.fingerprint), a.priority, a.starts_at));
            all.into_iter().take(ledger.destination.names()).cloned().collect()
        };
        let (firing, resolved) = (named(&plan.firing), named(&plan.resolved));
        let incident = firing.iter().chain(&resolved).find_map(|a| a.incident);
        Message {
            words: None,
            group_key: group.key.clone(),
            receiver: group.receiver.clone(),
            why: plan.why,
            labels: group.labels.clone(),
            left_out: (plan.firing.len() + plan.resolved.len() - firing.len() - resolved.len()) as u64,
            url: match incident {
                Some(id) => format!("{}/incidents/{id}", around.url),
                None => format!("{}/alerts", around.url),
            },
            acknowledge_url: if firing.is_empty() { String::new() } else { (around.acknowledge)(&group.key) },
            firing,
            resolved,
            at: around.now,
            incident,
            test: false,
        }
    }

    /// What an alert's page says of why it is told: its group, that nothing keeps it quiet, its route.
    fn explain(&self, fingerprint: &str, others: usize, group: &Group, now: Timestamp, decided: &mut Vec<Decided>) {
        let grouped = match others {
            0 => "alone in its group".to_string(),
            _ => format!("with {others} others in its group"),
        };
        let checked = "nor do inhibitions and times: it is not kept quiet".to_string();
        let route = if group.path.is_empty() { "the root route".into() } else { format!("route {}", group.path) };
        let route = format!("{route} → {}", group.receiver);
        for (kind, title, text) in [
            (EntryKind::Decision, "Grouped", grouped),
            (EntryKind::Decision, "No silence matches", checked),
            (EntryKind::Route, "Route", route),
        ] {
            decided.push(self.entry(fingerprint, kind, title.to_string(), text, Some(true), now));
        }
    }
}

fn superseded((group_key, destination): &(String, String)) -> Decided {
    Decided::Superseded { group_key: group_key.clone(), destination: destination.clone() }
}

fn whom(target: &Target, reached: &[(Destination, String)]) -> String {
    let words: Vec<&str> = reached.iter().map(|(_, words)| words.as_str()).collect();
    if words.is_empty() { format!("nobody is {}", target.words()) } else { words.join(", ") }
}

/// Entries with the names of those whom steps of policies went to. They are kept with addresses, which tell apart
/// people of one name.
pub(super) fn by_name(mut entries: Vec<Entry>, people: &[Colleague]) -> Vec<Entry> {
    for entry in entries.iter_mut().filter(|entry| entry.kind == EntryKind::OnCall) {
        let (address, rest) = entry.text.split_at(entry.text.find(',').unwrap_or(entry.text.len()));
        entry.text = format!("{}{rest}", name_of(people, address));
    }
    entries
}

/// When a destination may hear the next message: now, or when the oldest of its last minute is a minute old.
fn throttled(
    sent: &mut HashMap<String, VecDeque<Timestamp>>,
    destination: &str,
    per_minute: u32,
    now: Timestamp,
) -> Timestamp {
    let times = sent.entry(destination.to_string()).or_default();
    while times.front().is_some_and(|t| t.plus(MINUTE) <= now) {
        times.pop_front();
    }
    let most = per_minute.max(1) as usize;
    if times.len() < most { now } else { times[times.len() - most].plus(MINUTE).max(now) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_a_policy_names_whom_it_went_to_and_leaves_who_is_gone_as_it_was_kept() {
        let people = [Colleague { email: "mara@x.example".into(), name: "Mara Lindqvist".into() }];
        let kept = |kind, text: &str| Entry {
            id: 0,
            at: Timestamp(0),
            incident: None,
            fingerprint: String::new(),
            kind,
            who: String::new(),
            title: String::new(),
            text: text.into(),
            good: None,
        };
        let entries = vec![
            kept(EntryKind::OnCall, "mara@x.example, on call for ml"),
            kept(EntryKind::OnCall, "mara@x.example"),
            kept(EntryKind::OnCall, "gone@x.example, backup of ml"),
            kept(EntryKind::Delivery, "mara@x.example"),
        ];
        let said: Vec<String> = by_name(entries, &people).into_iter().map(|entry| entry.text).collect();
        assert_eq!(
            said,
            ["Mara Lindqvist, on call for ml", "Mara Lindqvist", "gone@x.example, backup of ml", "mara@x.example"]
        );
    }
}

//! What is open now, in memory, and what one turn makes of it.
//!
//! Nothing here reads a clock or a database: a turn takes the time, changes the board and gives a list of
//! what was decided, which is written in one transaction. Where that fails the board is read anew, so that
//! memory never believes what the database does not know.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use domain::Timestamp;
use domain::alert::config::{Alerting, Routed, Tree};
use domain::alert::destination::Destination;
use domain::alert::escalation::Target;
use domain::alert::group::Group;
use domain::alert::inhibit::Inhibitions;
use domain::alert::lifecycle::Instance;
use domain::alert::rule::Rule;
use domain::alert::silence::{Silence, Silences};
use domain::alert::view::{Entry, EntryKind, Suppressed};
use domain::alert::{Alert, Labels};
use domain::time::MINUTE;
use store::{Decided, Outgoing};

/// A group with what is not kept of it: its members and its route's settings.
pub(super) struct LiveGroup {
    pub group: Group,
    pub routed: Routed,
    pub members: BTreeSet<String>,
}

/// What a destination is being sent, or waits for.
pub(super) struct Waiting {
    pub id: String,
    pub firing: BTreeSet<String>,
    pub resolved: BTreeSet<String>,
    /// On its way now: what comes of it is awaited.
    pub flying: bool,
}

/// Facts from outside that a turn needs.
pub(super) struct Surroundings<'a> {
    pub now: Timestamp,
    /// How people reach this installation.
    pub url: &'a str,
    /// A link by which one click acknowledges, for a group's key.
    pub acknowledge: &'a (dyn Fn(&str) -> String + Sync),
    /// A new idempotency key.
    pub id: &'a (dyn Fn() -> String + Sync),
}

#[derive(Default)]
pub(super) struct Board {
    pub loaded: bool,
    /// The newest alert of each fingerprint: open, or ended and still to be told of.
    pub alerts: HashMap<String, Alert>,
    pub rules: Arc<Vec<Rule>>,
    pub states: HashMap<i64, HashMap<String, Instance>>,
    pub silences: Vec<Silence>,
    pub alerting: Arc<Alerting>,
    pub tree: Option<Arc<Tree>>,
    pub groups: HashMap<String, LiveGroup>,
    pub waiting: HashMap<(String, String), Waiting>,
    /// Why alerts are not told of, as of the last turn: written down when it changes.
    pub suppressed: HashMap<String, Suppressed>,
    /// When each destination was sent something within the last minute.
    pub sent: HashMap<String, VecDeque<Timestamp>>,
    /// Alerts that changed since their groups were looked up.
    pub moved: BTreeSet<String>,
}

impl Board {
    pub fn set_alerting(&mut self, alerting: Alerting) {
        self.tree = Tree::of(&alerting.route).ok().map(Arc::new);
        self.alerting = Arc::new(alerting);
        // Groups of the new tree are made; those of the old one stay until what they opened is closed.
        self.moved.extend(self.alerts.keys().cloned());
    }

    pub fn open(&self, now: Timestamp) -> impl Iterator<Item = &Alert> + Clone {
        self.alerts.values().filter(move |a| a.fires(now))
    }

    pub fn fires(&self, fingerprint: &str, now: Timestamp) -> bool {
        self.alerts.get(fingerprint).is_some_and(|a| a.fires(now))
    }

    pub fn put(&mut self, alert: Alert) {
        self.moved.insert(alert.fingerprint.clone());
        self.alerts.insert(alert.fingerprint.clone(), alert);
    }

    /// Why each open alert is not told of, the muting of routes apart.
    pub fn suppression(&self, now: Timestamp) -> HashMap<String, Suppressed> {
        let silences = Silences::active(&self.silences, now);
        let firing = self.open(now).map(|a| (a.fingerprint.as_str(), &a.labels));
        let inhibitions = Inhibitions::of(&self.alerting.inhibitions, firing);
        let mut found = HashMap::new();
        for alert in self.open(now) {
            // Inhibition comes first, as in the pipeline.
            if let Some(by) = inhibitions.inhibitor(&alert.fingerprint, &alert.labels) {
                let name = self.alerts.get(by).map_or_else(|| by.to_string(), |a| a.name().to_string());
                let inhibition = Suppressed::Inhibition { by: name, fingerprint: by.to_string() };
                found.insert(alert.fingerprint.clone(), inhibition);
                continue;
            }
            let ids: Vec<String> = silences.covering(&alert.labels).into_iter().map(ToString::to_string).collect();
            if !ids.is_empty() {
                found.insert(alert.fingerprint.clone(), Suppressed::Silence { ids });
            }
        }
        found
    }

    /// The interval by which a route says nothing new now.
    pub fn muted(&self, routed: &Routed, now: Timestamp) -> Option<String> {
        let named = |name: &String| self.alerting.intervals.iter().find(|i| i.name == *name);
        let within = |name: &&String| named(name).is_some_and(|i| i.contains(now));
        if let Some(name) = routed.mute_intervals.iter().find(within) {
            return Some(name.clone());
        }
        let outside = !routed.active_intervals.is_empty() && !routed.active_intervals.iter().any(|n| within(&n));
        outside.then(|| format!("outside {}", routed.active_intervals.join(", ")))
    }

    /// One turn over the groups: members in and out, what is due said.
    pub fn turn(&mut self, around: &Surroundings<'_>) -> Vec<Decided> {
        let now = around.now;
        let mut decided = Vec::new();
        self.assign(now, &mut decided);
        let due = self.groups.values().any(|g| g.group.due <= now || self.escalates(g, now));
        if !due {
            return decided;
        }
        let suppression = self.suppression(now);
        self.note_suppression(&suppression, now, &mut decided);
        let keys: Vec<String> = self
            .groups
            .values()
            .filter(|g| g.group.due <= now || self.escalates(g, now))
            .map(|g| g.group.key.clone())
            .collect();
        for key in keys {
            self.look_at(&key, &suppression, around, &mut decided);
        }
        decided
    }

    fn escalates(&self, live: &LiveGroup, now: Timestamp) -> bool {
        let Some(escalation) = &live.group.escalation else {
            return false;
        };
        // A pause is looked at whenever the group turns, and once a second through `due` of the engine.
        escalation.due.is_some_and(|due| due <= now) || (escalation.paused.is_some() && !self.quiet(live, now))
    }

    /// Whether nobody has to be called: all that fires is taken on.
    pub(super) fn quiet(&self, live: &LiveGroup, now: Timestamp) -> bool {
        let mut firing = live.members.iter().filter_map(|f| self.alerts.get(f)).filter(|a| a.fires(now));
        firing.all(|a| a.is_acknowledged(now))
    }

    /// Puts alerts that changed into the groups of their routes.
    fn assign(&mut self, now: Timestamp, decided: &mut Vec<Decided>) {
        let Some(tree) = self.tree.clone() else {
            return;
        };
        for fingerprint in std::mem::take(&mut self.moved) {
            let Some(alert) = self.alerts.get(&fingerprint) else {
                continue;
            };
            if !alert.fires(now) {
                continue;
            }
            for routed in tree.routes(&alert.labels) {
                let labels = routed.group_labels(&alert.labels);
                let key = Group::key(&routed.path, &routed.receiver, &labels);
                let live = self.groups.entry(key).or_insert_with(|| {
                    let group = Group::new(&routed.path, &routed.receiver, labels, routed.group_wait, now);
                    decided.push(Decided::Group(group.clone()));
                    LiveGroup { group, routed: routed.clone(), members: BTreeSet::new() }
                });
                live.routed = routed.clone();
                live.members.insert(fingerprint.clone());
                // An alert older than the wait has waited enough.
                if !live.group.spoke && alert.starts_at.plus(routed.group_wait) < now {
                    live.group.due = live.group.due.min(now);
                }
            }
        }
    }

    fn note_suppression(&mut self, found: &HashMap<String, Suppressed>, now: Timestamp, decided: &mut Vec<Decided>) {
        for (fingerprint, why) in found {
            if self.suppressed.get(fingerprint) == Some(why) {
                continue;
            }
            let title = match why {
                Suppressed::Silence { ids } => {
                    let silence = self.silences.iter().find(|s| ids.contains(&s.id));
                    silence.map_or_else(
                        || "Silenced".to_string(),
                        |s| format!("Silenced until {} by {}: {}", s.ends_at.date_clock(), s.created_by, s.comment),
                    )
                }
                Suppressed::Inhibition { by, .. } => format!("Inhibited: a consequence of {by}"),
                Suppressed::Muted { interval } => format!("Muted: {interval}"),
            };
            decided.push(self.entry(fingerprint, EntryKind::Decision, title, String::new(), Some(false), now));
        }
        let ended: Vec<String> = self.suppressed.keys().filter(|f| !found.contains_key(*f)).cloned().collect();
        for fingerprint in ended {
            if self.fires(&fingerprint, now) {
                let title = "No silence and no inhibition covers it any more".to_string();
                decided.push(self.entry(&fingerprint, EntryKind::Decision, title, String::new(), Some(true), now));
            }
        }
        self.suppressed.clone_from(found);
    }

    /// An entry about an alert, in its incident where it has one.
    pub fn entry(
        &self,
        fingerprint: &str,
        kind: EntryKind,
        title: String,
        text: String,
        good: Option<bool>,
        at: Timestamp,
    ) -> Decided {
        Decided::Entry(Entry {
            id: 0,
            at,
            incident: self.alerts.get(fingerprint).and_then(|a| a.incident),
            fingerprint: fingerprint.to_string(),
            kind,
            who: String::new(),
            title,
            text,
            good,
        })
    }

    /// Where an escalation's step leads now.
    pub(super) fn destinations(&self, target: &Target, now: Timestamp) -> Vec<(Destination, String)> {
        let mail = |address: &str, words: String| (Destination::Email { address: address.into() }, words);
        match target {
            Target::Person(address) => vec![mail(address, address.clone())],
            Target::OnCall(name) => {
                let person = self.alerting.schedule(name).and_then(|s| s.on_call(now));
                person.map(|p| mail(p, format!("{p}, on call for {name}"))).into_iter().collect()
            }
            Target::Backup(name) => {
                let person = self.alerting.schedule(name).and_then(|s| s.backup(now));
                person.map(|p| mail(p, format!("{p}, backup of {name}"))).into_iter().collect()
            }
            Target::Receiver(name) => {
                let found = self.alerting.receiver(name);
                found.iter().flat_map(|r| r.destinations.iter().map(|d| (d.clone(), r.name.clone()))).collect()
            }
        }
    }

    /// A message arrived: what it said is now known there.
    pub fn arrived(&mut self, message: &Outgoing, now: Timestamp) -> Vec<Decided> {
        let place = (message.group_key.clone(), message.destination.clone());
        let waiting = self.waiting.remove(&place);
        let (firing, resolved) = match waiting {
            Some(w) if w.id == message.id => (w.firing, w.resolved),
            Some(other) => {
                self.waiting.insert(place, other);
                return Vec::new();
            }
            None => return Vec::new(),
        };
        self.sent.entry(message.destination.clone()).or_default().push_back(now);
        let mut decided = Vec::new();
        if let Some(live) = self.groups.get_mut(&message.group_key) {
            if let Some(ledger) = live.group.ledgers.get_mut(&message.destination) {
                ledger.delivered(&firing, &resolved, now);
            }
            // What ended meanwhile, or came meanwhile, is said at the group's next turn; a group that is
            // all over is closed at once.
            let any_fires = live.members.iter().any(|f| self.alerts.get(f).is_some_and(|a| a.fires(now)));
            if live.group.over(any_fires) {
                live.group.due = now;
            }
            decided.push(Decided::Group(live.group.clone()));
        }
        decided
    }

    /// Forgets what ended and nobody has to hear of any more.
    pub fn forget(&mut self, now: Timestamp) {
        let held: BTreeSet<String> = self.groups.values().flat_map(|g| g.members.iter().cloned()).collect();
        self.alerts.retain(|f, a| a.ends_at.is_none_or(|end| now < end.plus(MINUTE)) || held.contains(f));
        self.sent.retain(|_, times| {
            while times.front().is_some_and(|t| t.plus(MINUTE) < now) {
                times.pop_front();
            }
            !times.is_empty()
        });
    }

    /// When something is due next.
    pub fn due(&self) -> Option<Timestamp> {
        let groups = self.groups.values().map(|g| g.group.due);
        let steps = self.groups.values().filter_map(|g| g.group.escalation.as_ref()?.due);
        groups.chain(steps).min()
    }

    /// Members of groups that were read from the database, after a start.
    pub fn fill_groups(&mut self) {
        for live in self.groups.values_mut() {
            live.members = live.group.ledgers.values().flat_map(|l| l.opened.iter().cloned()).collect();
        }
        self.moved.extend(self.alerts.keys().cloned());
    }
}

/// Labels of a posted or found alert with what every alert has.
pub(super) fn completed(mut labels: Labels) -> Labels {
    labels.retain(|_, v| !v.is_empty());
    labels
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use domain::alert::Source;
    use domain::alert::config::{Receiver, Route};
    use domain::alert::destination::SiemFormat;
    use domain::alert::matcher::Matcher;
    use domain::time::SECOND;

    use super::*;

    fn hook(name: &str) -> Destination {
        Destination::Webhook { url: format!("https://hooks.example/{name}"), secret: String::new() }
    }

    fn receiver(name: &str) -> Receiver {
        Receiver {
            name: name.into(),
            destinations: vec![hook(name)],
            send_resolved: true,
            policy: String::new(),
            per_minute: 1000,
        }
    }

    fn board() -> Board {
        let mut board = Board { loaded: true, ..Board::default() };
        board.set_alerting(Alerting {
            route: Route { receiver: "a".into(), group_by: Some(vec!["alertname".into()]), ..Route::default() },
            receivers: vec![receiver("a")],
            ..Alerting::default()
        });
        board
    }

    fn alert(pairs: &[(&str, &str)], at: Timestamp) -> Alert {
        let labels: Labels = pairs.iter().map(|(n, v)| ((*n).to_string(), (*v).to_string())).collect();
        Alert { id: 1, ..Alert::new(labels, Source::Posted, at) }
    }

    /// A turn whose messages all arrive: firing and resolved names of each.
    fn turn(board: &mut Board, now: Timestamp) -> Vec<(Vec<String>, Vec<String>)> {
        let count = AtomicU32::new(0);
        let around = Surroundings {
            now,
            url: "",
            acknowledge: &|_| String::new(),
            id: &|| format!("{}-{}", now.0, count.fetch_add(1, Ordering::Relaxed)),
        };
        let decided = board.turn(&around);
        let mut said = Vec::new();
        for one in decided {
            if let Decided::Message(message) = one {
                board.arrived(&message, now);
                let names = |alerts: &[Alert]| alerts.iter().map(|a| a.label("i").to_string()).collect();
                said.push((names(&message.message.firing), names(&message.message.resolved)));
            }
        }
        said
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp(1_000_000 * SECOND + seconds * SECOND)
    }

    #[test]
    fn a_group_waits_speaks_once_for_all_and_again_at_its_interval() {
        let mut board = board();
        board.put(alert(&[("alertname", "x"), ("i", "1")], at(0)));
        assert!(turn(&mut board, at(0)).is_empty());
        board.put(alert(&[("alertname", "x"), ("i", "2")], at(10)));
        assert!(turn(&mut board, at(29)).is_empty());
        let said = turn(&mut board, at(30));
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].0.len(), 2);
        board.put(alert(&[("alertname", "x"), ("i", "3")], at(40)));
        assert!(turn(&mut board, at(60)).is_empty());
        assert_eq!(turn(&mut board, at(330))[0].0.len(), 3);
    }

    #[test]
    fn an_alert_that_ends_before_the_wait_is_never_told_and_one_that_was_is_closed() {
        let mut board = board();
        let x = alert(&[("alertname", "x"), ("i", "1")], at(0));
        board.put(x.clone());
        turn(&mut board, at(0));
        board.put(Alert { ends_at: Some(at(10)), ..x.clone() });
        assert!(turn(&mut board, at(40)).is_empty());
        assert!(board.groups.is_empty(), "its group is over");
        let x = Alert { starts_at: at(41), ..x };
        board.put(x.clone());
        assert!(turn(&mut board, at(41)).is_empty());
        assert_eq!(turn(&mut board, at(80)).len(), 1);
        board.put(Alert { ends_at: Some(at(90)), ..x });
        let said = turn(&mut board, at(400));
        assert_eq!(said, [(vec![], vec!["1".to_string()])]);
        turn(&mut board, at(401));
        assert!(board.groups.is_empty());
    }

    #[test]
    fn a_silence_after_the_opening_does_not_lose_the_closing() {
        let mut board = board();
        let x = alert(&[("alertname", "x"), ("i", "1")], at(0));
        board.put(x.clone());
        turn(&mut board, at(0));
        turn(&mut board, at(30));
        board.silences.push(Silence {
            id: "s".into(),
            matchers: vec![Matcher::equal("i", "1")],
            starts_at: at(31),
            ends_at: at(100_000),
            updated_at: at(31),
            created_by: "mara".into(),
            comment: "known".into(),
            maintenance: false,
        });
        assert!(turn(&mut board, at(330)).is_empty());
        assert!(turn(&mut board, at(5 * 3600)).is_empty(), "no repeat while silenced");
        board.put(Alert { ends_at: Some(at(5 * 3600 + 1)), ..x });
        assert_eq!(turn(&mut board, at(6 * 3600))[0].1, ["1"]);
    }

    #[test]
    fn after_a_change_of_routes_what_the_old_one_opened_is_closed_there() {
        let mut board = board();
        let x = alert(&[("alertname", "x"), ("i", "1")], at(0));
        board.put(x.clone());
        turn(&mut board, at(0));
        turn(&mut board, at(30));
        let mut other = (*board.alerting).clone();
        other.receivers = vec![receiver("b")];
        other.route.receiver = "b".into();
        board.set_alerting(other);
        turn(&mut board, at(40));
        turn(&mut board, at(80));
        board.put(Alert { ends_at: Some(at(90)), ..x });
        let closed: usize =
            [400, 700].iter().map(|s| turn(&mut board, at(*s)).iter().filter(|s| !s.1.is_empty()).count()).sum();
        assert_eq!(closed, 2, "once at each of the two");
    }

    #[test]
    fn what_was_acknowledged_is_not_repeated() {
        let mut board = board();
        let x = alert(&[("alertname", "x"), ("i", "1")], at(0));
        board.put(x.clone());
        turn(&mut board, at(0));
        turn(&mut board, at(30));
        let taken = domain::alert::Acknowledgement { by: "mara".into(), at: at(60), until: None };
        board.put(Alert { acknowledged: Some(taken), ..x.clone() });
        assert!(turn(&mut board, at(5 * 3600)).is_empty());
        board.put(x);
        assert_eq!(turn(&mut board, at(5 * 3600 + 400)).len(), 1);
    }

    #[test]
    fn a_message_that_did_not_arrive_gives_way_to_a_newer_one() {
        let mut board = board();
        board.put(alert(&[("alertname", "x"), ("i", "1")], at(0)));
        let around =
            |now: Timestamp| Surroundings { now, url: "", acknowledge: &|_| String::new(), id: &|| "same".into() };
        board.turn(&around(at(0)));
        let first = board.turn(&around(at(30)));
        assert!(first.iter().any(|d| matches!(d, Decided::Message(_))));
        board.put(alert(&[("alertname", "x"), ("i", "2")], at(40)));
        let second = board.turn(&around(at(330)));
        assert!(second.iter().any(|d| matches!(d, Decided::Superseded { .. })));
        assert!(second.iter().any(|d| matches!(d, Decided::Message(m) if m.message.firing.len() == 2)));
    }

    #[test]
    fn what_keeps_each_alert_is_told_of_each_and_of_new_ones_first() {
        let mut board = board();
        let mut alerting = (*board.alerting).clone();
        let url = "tls://siem.example:6514".into();
        alerting.receivers[0].destinations =
            vec![Destination::Siem { url, format: SiemFormat::Cef, token: String::new() }];
        board.set_alerting(alerting);
        for i in 0..120 {
            board.put(alert(&[("alertname", "x"), ("i", &i.to_string())], at(0)));
        }
        turn(&mut board, at(0));
        assert_eq!(turn(&mut board, at(30))[0].0.len(), 120);
        board.put(alert(&[("alertname", "x"), ("i", "late")], at(40)));
        assert_eq!(turn(&mut board, at(330))[0].0[0], "late");
    }

    #[test]
    fn a_step_of_the_escalation_comes_while_nobody_takes_it_on() {
        use domain::alert::escalation::{Policy, Step};
        let mut board = board();
        let mut alerting = (*board.alerting).clone();
        alerting.receivers[0].policy = "p".into();
        alerting.receivers[0].destinations.clear();
        let step = |after: i64, who: &str| Step { after, targets: vec![Target::Person(who.into())] };
        alerting.policies = vec![Policy {
            name: "p".into(),
            steps: vec![step(0, "a@x.example"), step(5 * MINUTE, "b@x.example")],
            repeat: 0,
            acknowledged_for: None,
        }];
        assert_eq!(alerting.problem(), None);
        board.set_alerting(alerting);
        let x = alert(&[("alertname", "x"), ("i", "1")], at(0));
        board.put(x.clone());
        turn(&mut board, at(0));
        assert_eq!(turn(&mut board, at(30)).len(), 1, "the first step at once");
        assert!(turn(&mut board, at(200)).is_empty());
        assert_eq!(turn(&mut board, at(331)).len(), 1, "the second after five minutes");
        board.put(Alert { ends_at: Some(at(400)), ..x });
        assert_eq!(turn(&mut board, at(700)).len(), 2, "both hear of the end");
    }
}

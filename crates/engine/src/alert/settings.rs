//! Who is told: the one document of routes, receivers, policies and schedules, and how its destinations fare.

use domain::alert::config::Alerting;
use domain::alert::destination::Destination;
use domain::alert::escalation::Target;
use domain::alert::message::Message;
use domain::alert::schedule::Schedule;
use domain::alert::view::{CallLoad, DestinationState, OnCallView, Reached, ScheduleView};
use domain::time::DAY;
use domain::{Action, Actor, Object, Timestamp};

use super::board::Board;
use crate::{Engine, EngineError, Result};

const SETTING: &str = "alerting";
/// Calls are counted so far back, and of one person at most so many.
const LOAD: i64 = 28 * DAY;
const LOAD_MOST: i64 = 1000;
/// Days that the plan of who is on call shows.
const DAYS: std::ops::RangeInclusive<u16> = 1..=31;

impl Engine {
    pub(crate) async fn alerting_document(&self) -> Result<Alerting> {
        match self.store.setting(SETTING).await? {
            Some(text) => serde_json::from_str(&text)
                .map_err(|e| EngineError::Invalid(format!("the setting “{SETTING}” cannot be read: {e}"))),
            None => Ok(Alerting::default()),
        }
    }

    /// The document with its secrets: for those who may change it.
    pub async fn alerting(&self, actor: &Actor) -> Result<Alerting> {
        self.may(actor, Action::EditAlerting, &Object::Installation)?;
        self.alerting_document().await
    }

    /// Replaces the document.
    ///
    /// # Errors
    /// Not allowed; a document that leads nowhere, with the place.
    pub async fn set_alerting(&self, actor: &Actor, document: Alerting) -> Result<()> {
        self.may(actor, Action::EditAlerting, &Object::Installation)?;
        if let Some(problem) = document.problem() {
            return Err(EngineError::Invalid(problem));
        }
        let text = serde_json::to_string(&document).map_err(|e| EngineError::Invalid(e.to_string()))?;
        let mut board = self.board().await?;
        self.store.set_setting(SETTING, &text).await?;
        board.set_alerting(document);
        drop(board);
        self.audit(actor, "alerting.change", SETTING).await;
        self.inner.alerts.wake();
        Ok(())
    }

    /// Names of receivers, for those who read.
    pub async fn receivers(&self, actor: &Actor) -> Result<Vec<String>> {
        self.may(actor, Action::View, &Object::Installation)?;
        Ok(self.alerting_document().await?.receivers.into_iter().map(|r| r.name).collect())
    }

    /// After how many microseconds without a word a posted alert counts as over.
    pub async fn resolve_timeout(&self, actor: &Actor) -> Result<i64> {
        self.may(actor, Action::View, &Object::Installation)?;
        Ok(self.board().await?.alerting.resolve_timeout)
    }

    /// Who is on call over two weeks, and who is called next: no destination’s secret.
    /// The plan begins with the day of `from`, or with today, and shows so many days.
    pub async fn on_call(&self, actor: &Actor, from: Option<Timestamp>, days: u16) -> Result<OnCallView> {
        self.may(actor, Action::View, &Object::Installation)?;
        let document = self.alerting_document().await?;
        self.load_link_secret().await?;
        let now = self.now();
        let from = Timestamp(from.unwrap_or(now).0.div_euclid(DAY) * DAY);
        let to = from.plus(i64::from(days.clamp(*DAYS.start(), *DAYS.end())) * DAY);
        let schedules = document.schedules.iter().map(|schedule| ScheduleView {
            shifts: schedule.shifts(from, to),
            on_call: schedule.on_call(now).unwrap_or_default().to_string(),
            backup: schedule.backup(now).unwrap_or_default().to_string(),
            calendar: self.calendar_link(actor, &schedule.name),
            schedule: schedule.clone(),
        });
        Ok(OnCallView {
            now,
            from,
            to,
            schedules: schedules.collect(),
            receivers: document.receivers.iter().map(|r| (r.name.clone(), r.policy.clone(), r.send_resolved)).collect(),
            destinations: self.destinations(actor).await?,
            load: self.call_load(&document.schedules).await?,
            people: self.colleagues(actor).await?,
            policies: document.policies,
            route: document.route,
        })
    }

    /// How often those who take turns were called of late, and how often at night.
    async fn call_load(&self, schedules: &[Schedule]) -> Result<Vec<CallLoad>> {
        let since = self.now().plus(-LOAD);
        let mut all: Vec<CallLoad> = Vec::new();
        for schedule in schedules {
            let others = schedule.overrides.iter().map(|o| &o.person);
            for person in schedule.people.iter().chain(others) {
                if all.iter().any(|known| known.person == *person) {
                    continue;
                }
                let own = Destination::Email { address: person.clone() };
                let sent = self.store.messages_to(&own.key(), since, LOAD_MOST).await?;
                let called = |(_, message): &&(Timestamp, Message)| message.fires() && !message.test;
                let nights = sent.iter().filter(called).filter(|(at, _)| schedule.night(*at)).count();
                let calls = sent.iter().filter(called).count();
                all.push(CallLoad { person: person.clone(), calls: calls as u64, at_night: nights as u64 });
            }
        }
        all.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| a.person.cmp(&b.person)));
        Ok(all)
    }

    /// How each destination fares.
    pub async fn destinations(&self, actor: &Actor) -> Result<Vec<DestinationState>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let document = self.alerting_document().await?;
        let mut all = Vec::new();
        for receiver in &document.receivers {
            for destination in &receiver.destinations {
                let key = destination.key();
                let past = self.store.deliveries(&key, 100).await?;
                let delivered = past.iter().find(|d| d.state == "sent").map(|d| d.due_at);
                let failed = past.iter().find(|d| !d.problem.is_empty());
                let newer = failed.filter(|f| delivered.is_none_or(|at| f.due_at > at || f.state == "waiting"));
                all.push(DestinationState {
                    receiver: receiver.name.clone(),
                    kind: destination.kind().into(),
                    title: destination.title().into(),
                    shown: destination.shown(),
                    problem: newer.map(|f| f.problem.clone()).unwrap_or_default(),
                    waiting: past.iter().filter(|d| d.state == "waiting").count(),
                    delivered,
                    key,
                });
            }
        }
        Ok(all)
    }

    /// Destinations whose last message did not arrive.
    pub(super) async fn failing_destinations(&self) -> Result<usize> {
        Ok(self.destinations(&Actor::Local).await?.iter().filter(|d| !d.problem.is_empty()).count())
    }

    /// Sends a test to a destination of a receiver, at once.
    ///
    /// # Errors
    /// Not allowed; no such destination; what it answered.
    pub async fn test_destination(&self, actor: &Actor, key: &str) -> Result<()> {
        self.may(actor, Action::EditAlerting, &Object::Installation)?;
        let document = self.alerting_document().await?;
        let found = document
            .receivers
            .iter()
            .find_map(|r| Some((r.name.clone(), r.destinations.iter().find(|d| d.key() == key)?.clone())));
        let (receiver, destination): (String, Destination) =
            found.ok_or_else(|| EngineError::NotFound("there is no such destination".into()))?;
        self.audit(actor, "destination.test", &format!("{receiver} {}", destination.kind())).await;
        let message = self.test_message(&receiver);
        self.deliver(&destination, &message, &crate::people::random_text(24))
            .await
            .map_err(|problem| EngineError::Unanswerable(format!("{}: {}", destination.title(), problem.text)))?;
        Ok(())
    }
}

impl Engine {
    /// Sends a test page to whom a policy calls first, as of now; what came of each.
    ///
    /// # Errors
    /// Not allowed; no such policy.
    pub async fn test_policy(&self, actor: &Actor, name: &str) -> Result<Vec<Reached>> {
        self.may(actor, Action::EditAlerting, &Object::Installation)?;
        let (mut reached, mut places) = (Vec::new(), Vec::new());
        {
            let (board, now) = (self.board().await?, self.now());
            let found = board.alerting.policy(name).and_then(|p| p.steps.first());
            let first = found.ok_or_else(|| EngineError::NotFound(format!("there is no policy “{name}”")))?;
            for target in &first.targets {
                let of_target = board.destinations(target, now);
                if of_target.is_empty() {
                    let problem = "there is nobody to call".to_string();
                    reached.push(Reached { who: board.who(target, now), by: String::new(), problem });
                }
                places.extend(of_target);
            }
        }
        self.audit(actor, "policy.test", name).await;
        let message = self.test_message(name);
        for (destination, who) in places {
            let sent = self.deliver(&destination, &message, &crate::people::random_text(24)).await;
            let by = format!("{} {}", destination.title(), destination.shown());
            reached.push(Reached { who, by, problem: sent.err().map(|p| p.text).unwrap_or_default() });
        }
        Ok(reached)
    }
}

impl Board {
    /// Who a target of a policy is at an instant, in words.
    pub(super) fn who(&self, target: &Target, at: Timestamp) -> String {
        let nobody = || format!("nobody: {} is empty", target.words());
        match target {
            Target::Person(address) => address.clone(),
            Target::OnCall(name) => {
                let person = self.alerting.schedule(name).and_then(|s| s.on_call(at));
                person.map_or_else(nobody, |p| format!("{p}, on call for {name}"))
            }
            Target::Backup(name) => {
                let person = self.alerting.schedule(name).and_then(|s| s.backup(at));
                person.map_or_else(nobody, |p| format!("{p}, backup of {name}"))
            }
            Target::Receiver(name) => format!("everything of {name}"),
        }
    }

    /// The settings of a group's route, as they are now or were.
    pub(super) fn routed_of(&self, group: &domain::alert::group::Group) -> domain::alert::config::Routed {
        let here = self.tree.as_ref().and_then(|tree| tree.at(&group.path)).filter(|r| r.receiver == group.receiver);
        here.cloned().unwrap_or_else(|| domain::alert::config::Routed {
            path: group.path.clone(),
            receiver: group.receiver.clone(),
            group_by: group.labels.keys().cloned().collect(),
            group_wait: domain::alert::config::GROUP_WAIT,
            group_interval: domain::alert::config::GROUP_INTERVAL,
            repeat_interval: domain::alert::config::REPEAT_INTERVAL,
            mute_intervals: Vec::new(),
            active_intervals: Vec::new(),
        })
    }
}

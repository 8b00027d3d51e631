//! Incidents: opened by rules, by correlation or by hand; run by people; closed when all is quiet.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use domain::alert::Alert;
use domain::alert::correlate::{Newcomer, Open, TOGETHER, belongs};
use domain::alert::priority::Priority;
use domain::alert::view::{Entry, EntryKind};
use domain::environment::PRODUCTION;
use domain::incident::{Cause, Incident, IncidentAct, Responder, draft_review, likely_cause, near};
use domain::time::{HOUR, MINUTE};
use domain::{Action, Actor, Object, TimeRange, Timestamp};
use store::Decided;

use super::alerts::said;
use super::board::Board;
use crate::{Engine, EngineError, Result};

/// An incident whose alerts are all over closes after so long.
const QUIET: i64 = 5 * MINUTE;
/// So many alerts that belong together are an incident, whatever their priority.
const TOGETHER_MANY: usize = 3;
/// Names of an incident that are remembered for correlation.
const NAMES_MAX: usize = 200;
/// Incidents whose titles are read at the start: their alerts are listed with them.
const TITLES: i64 = 500;
/// The topology is learned anew after so long.
const TOPOLOGY_FOR: i64 = MINUTE;
/// What happened in an incident that a page shows.
pub(super) const ENTRIES: i64 = 400;

/// What correlation knows.
#[derive(Default)]
pub struct Known(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    open: Vec<Open>,
    titles: HashMap<i64, String>,
    links: Arc<HashSet<(String, String)>>,
    learned: Option<Timestamp>,
}

impl Known {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn title(&self, id: i64) -> String {
        self.lock().titles.get(&id).cloned().unwrap_or_else(|| format!("INC-{id}"))
    }
}

fn remember(open: &mut Open, alert: &Alert, at: Timestamp) {
    let mut add = |list: fn(&mut Open) -> &mut Vec<String>, value: &str| {
        let list = list(open);
        if !value.is_empty() && list.len() < NAMES_MAX && !list.iter().any(|v| v == value) {
            list.push(value.to_string());
        }
    };
    add(|o| &mut o.names, alert.name());
    add(|o| &mut o.systems, alert.system());
    add(|o| &mut o.subjects, alert.subject());
    open.last_alert = open.last_alert.max(at);
}

impl Engine {
    /// Reads what is open, for correlation after a start, and what those are called that ended lately.
    pub(super) async fn load_incidents(&self) -> Result<()> {
        self.load_link_secret().await?;
        let mut open = Vec::new();
        let lately = self.store.incidents(TimeRange::ALL, TITLES).await?;
        let mut titles: HashMap<i64, String> = lately.into_iter().map(|i| (i.id, i.title)).collect();
        for incident in self.store.incidents_open().await? {
            let mut known = Open {
                id: incident.id,
                environment: incident.environment.clone(),
                names: Vec::new(),
                systems: incident.systems.clone(),
                subjects: Vec::new(),
                last_alert: incident.opened_at,
            };
            for alert in self.store.alerts_of_incident(incident.id, 500).await? {
                remember(&mut known, &alert, alert.starts_at);
            }
            titles.insert(incident.id, incident.title.clone());
            open.push(known);
        }
        let mut inner = self.inner.alerts.incidents.lock();
        inner.open = open;
        inner.titles.extend(titles);
        Ok(())
    }

    /// Who calls or needs whom, learned from traces and declared.
    async fn links(&self) -> Arc<HashSet<(String, String)>> {
        let now = self.now();
        {
            let inner = self.inner.alerts.incidents.lock();
            if inner.learned.is_some_and(|at| now.0 - at.0 < TOPOLOGY_FOR) {
                return inner.links.clone();
            }
        }
        let range = TimeRange { from: now.plus(-HOUR), to: now };
        let found = self.topology(&Actor::Local, PRODUCTION, range).await;
        let links: HashSet<(String, String)> =
            found.map(|t| t.edges.into_iter().map(|e| (e.from, e.to)).collect()).unwrap_or_default();
        let links = Arc::new(links);
        let mut inner = self.inner.alerts.incidents.lock();
        inner.links = links.clone();
        inner.learned = Some(now);
        links
    }

    /// Whether one calls or needs another.
    pub(super) async fn linked(&self) -> impl Fn(&str, &str) -> bool + Send + Sync + use<> {
        let links = self.links().await;
        move |from, to| links.contains(&(from.to_string(), to.to_string()))
    }

    /// The incident a new alert belongs to, opened where its priority or its number ask for one. Gives why,
    /// in words.
    pub(super) async fn place_in_incident(&self, board: &mut Board, alert: &mut Alert) -> Result<Option<String>> {
        let at = alert.updated_at;
        let linked = self.linked().await;
        let environment = alert.label("environment").to_string();
        let found = {
            let newcomer = Newcomer {
                name: alert.name(),
                system: alert.system(),
                subject: alert.subject(),
                environment: &environment,
                at,
            };
            let mut inner = self.inner.alerts.incidents.lock();
            let found = belongs(&inner.open, newcomer, &linked);
            if let Some((id, _)) = &found
                && let Some(open) = inner.open.iter_mut().find(|o| o.id == *id)
            {
                remember(open, alert, at);
            }
            found
        };
        if let Some((id, why)) = found {
            alert.incident = Some(id);
            self.grow(id, alert).await?;
            let title = self.inner.alerts.incidents.title(id);
            return Ok(Some(format!("Joined INC-{id} {title}: {why}")));
        }
        // Those of the same name or system that came just before and have none yet.
        let near: Vec<String> = board
            .open(at)
            .filter(|a| a.incident.is_none() && at.0 - a.starts_at.0 <= TOGETHER)
            .filter(|a| {
                let same = !a.system().is_empty() && a.system() == alert.system();
                same || a.name() == alert.name()
            })
            .map(|a| a.fingerprint.clone())
            .collect();
        if !alert.priority.pages() && near.len() + 1 < TOGETHER_MANY {
            return Ok(None);
        }
        let onset = near.iter().filter_map(|f| board.alerts.get(f)).map(|a| a.starts_at).chain([alert.starts_at]).min();
        let subject = if alert.system().is_empty() { alert.subject() } else { alert.system() };
        // The name of a rule that was made for a model says of which.
        let told = subject.is_empty() || alert.name().contains(": ");
        let title = if told { alert.name().to_string() } else { format!("{subject}: {}", alert.name()) };
        let by = if near.is_empty() { format!("the alert {}", alert.name()) } else { "correlation".to_string() };
        let systems = Some(alert.system().to_string()).filter(|s| !s.is_empty()).into_iter().collect();
        let incident = Incident {
            environment,
            systems,
            onset: onset.unwrap_or(at),
            ..Incident::new(title, alert.priority, by, at)
        };
        let id = self.begin_incident(incident, "").await?;
        alert.incident = Some(id);
        let mut decided = Vec::new();
        {
            let mut inner = self.inner.alerts.incidents.lock();
            if let Some(open) = inner.open.iter_mut().find(|o| o.id == id) {
                remember(open, alert, at);
                for print in &near {
                    if let Some(known) = board.alerts.get_mut(print) {
                        known.incident = Some(id);
                        known.updated_at = at;
                        remember(open, known, at);
                        decided.push(Decided::Alert(known.clone()));
                    }
                }
            }
        }
        self.keep(board, &decided).await?;
        let why = if near.is_empty() {
            format!("its priority is {}", alert.priority.name())
        } else {
            format!("{} alerts of the same kind within {}", near.len() + 1, domain::format::duration(TOGETHER))
        };
        Ok(Some(format!("Opened INC-{id}: {why}")))
    }

    /// Writes a new incident with its first entries and its likely cause.
    async fn begin_incident(&self, mut incident: Incident, who: &str) -> Result<i64> {
        let now = incident.opened_at;
        let around = TimeRange { from: incident.onset.plus(-2 * HOUR), to: incident.onset.plus(10 * MINUTE) };
        let changes = self.store.changes(around, &incident.environment, "", "").await?;
        let linked = self.linked().await;
        let told: Vec<(String, Vec<String>, Timestamp)> =
            changes.iter().map(|c| (c.title.clone(), c.touched(), c.at)).collect();
        incident.cause = likely_cause(incident.onset, &incident.systems, &told, &linked);
        let ids = self.store.commit(&[Decided::Incident(incident.clone())]).await?;
        let id = ids.first().copied().unwrap_or_default();
        let entry = |at: Timestamp, kind: EntryKind, who: &str, title: String, text: String| {
            Decided::Entry(entry_of(id, kind, who, title, text, at))
        };
        let mut entries: Vec<Decided> = changes
            .iter()
            .filter(|c| near(&c.touched(), &incident.systems, &linked))
            .take(20)
            .map(|c| {
                entry(c.at, EntryKind::Change, &c.author, c.title.clone(), format!("{} {}", c.kind.title(), c.version))
            })
            .collect();
        let by = if who.is_empty() { &incident.opened_by } else { who };
        let kind = if who.is_empty() { EntryKind::Status } else { EntryKind::Person };
        entries.push(entry(now, kind, who, format!("Incident opened by {by}"), incident.title.clone()));
        self.store.commit(&entries).await?;
        let mut inner = self.inner.alerts.incidents.lock();
        inner.titles.insert(id, incident.title.clone());
        inner.open.push(Open {
            id,
            environment: incident.environment.clone(),
            names: Vec::new(),
            systems: incident.systems.clone(),
            subjects: Vec::new(),
            last_alert: now,
        });
        Ok(id)
    }

    /// An incident takes in another alert: its priority rises, its systems grow.
    async fn grow(&self, id: i64, alert: &Alert) -> Result<()> {
        let Some(incident) = self.store.incident(id).await? else {
            return Ok(());
        };
        let system = alert.system().to_string();
        let new_system = !system.is_empty() && !incident.systems.contains(&system);
        if alert.priority < incident.priority || new_system || alert.starts_at < incident.onset {
            self.store
                .change_incident(id, |i| {
                    i.priority = i.priority.min(alert.priority);
                    i.onset = i.onset.min(alert.starts_at);
                    if new_system && i.systems.len() < NAMES_MAX {
                        i.systems.push(system);
                    }
                })
                .await?;
        }
        Ok(())
    }

    /// Puts an alert into an incident that is open, by hand. What comes like it joins from then on.
    pub(super) async fn join_incident(&self, actor: &Actor, who: &str, print: &str, id: i64) -> Result<()> {
        self.may(actor, Action::Respond, &Object::Installation)?;
        let now = self.now();
        if !self.store.incidents_open().await?.iter().any(|incident| incident.id == id) {
            return Err(EngineError::NotFound(format!("INC-{id} is not open")));
        }
        let title = format!("Put into INC-{id} by {who}");
        let alert = self
            .with_alert(
                print,
                |alert| alert.incident = Some(id),
                |alert| said(alert, EntryKind::Person, who, title, String::new(), now),
            )
            .await?;
        self.grow(id, &alert).await?;
        if let Some(open) = self.inner.alerts.incidents.lock().open.iter_mut().find(|open| open.id == id) {
            remember(open, &alert, now);
        }
        let title = format!("{} was put into it", alert.name());
        self.tell(id, EntryKind::Person, who, title, alert.summary().to_string(), now).await
    }

    pub(super) async fn incident_taken_on(&self, id: i64, who: &str, now: Timestamp) -> Result<()> {
        self.store
            .change_incident(id, |incident| {
                if incident.acknowledged_at.is_none() {
                    incident.acknowledged_at = Some(now);
                    incident.acknowledged_by = who.to_string();
                }
                if !incident.responders.iter().any(|r| r.name == who) {
                    let part = if incident.responders.is_empty() { "leads" } else { "helps" };
                    incident.responders.push(Responder { name: who.into(), part: part.into(), since: now });
                }
            })
            .await?;
        Ok(())
    }

    /// Closes incidents whose alerts have all been over for a while. Those opened by hand are people's to close.
    pub(super) async fn tidy_incidents(&self) -> Result<()> {
        let now = self.now();
        for incident in self.store.incidents_open().await? {
            let alerts = self.store.alerts_of_incident(incident.id, 20_000).await?;
            let last = alerts.iter().map(|a| a.ends_at.unwrap_or(Timestamp::MAX)).max();
            let quiet = last.is_some_and(|end| end.0 <= now.0.saturating_sub(QUIET));
            // One whose alert was never written: a crash came between the two.
            let empty = alerts.is_empty()
                && incident.opened_by != "hand"
                && !incident.opened_by.starts_with("hand:")
                && now.0 - incident.opened_at.0 > QUIET;
            if (quiet && !incident.opened_by.starts_with("hand")) || empty {
                self.close_incident(incident.id, "", "all its alerts are over").await?;
            }
        }
        Ok(())
    }

    async fn close_incident(&self, id: i64, who: &str, how: &str) -> Result<Incident> {
        let now = self.now();
        let closed = self
            .store
            .change_incident(id, |incident| {
                incident.resolved_at = Some(now);
                incident.resolution = how.to_string();
            })
            .await?
            .ok_or_else(|| EngineError::NotFound("there is no incident of this number".into()))?;
        let title = if who.is_empty() { "Resolved".to_string() } else { format!("Resolved by {who}") };
        self.tell(id, EntryKind::Status, who, title, how.to_string(), now).await?;
        self.inner.alerts.incidents.lock().open.retain(|o| o.id != id);
        Ok(closed)
    }

    /// Writes an entry of an incident.
    pub(super) async fn tell(
        &self,
        incident: i64,
        kind: EntryKind,
        who: &str,
        title: String,
        text: String,
        at: Timestamp,
    ) -> Result<()> {
        self.store.commit(&[Decided::Entry(entry_of(incident, kind, who, title, text, at))]).await?;
        Ok(())
    }

    /// Opens an incident by hand.
    pub async fn open_incident(
        &self,
        actor: &Actor,
        who: &str,
        title: &str,
        priority: Priority,
        systems: Vec<String>,
        environment: &str,
    ) -> Result<i64> {
        self.may(actor, Action::Respond, &Object::Installation)?;
        let title = title.trim();
        if title.is_empty() || title.chars().count() > 200 || title.chars().any(char::is_control) {
            return Err(EngineError::Invalid("an incident has a title of 1 to 200 characters".into()));
        }
        let now = self.now();
        let incident = Incident {
            environment: environment.to_string(),
            systems: systems.into_iter().filter(|s| !s.is_empty()).take(20).collect(),
            ..Incident::new(title.to_string(), priority, format!("hand: {who}"), now)
        };
        let id = self.begin_incident(incident, who).await?;
        self.audit(actor, "incident.open", &format!("INC-{id}")).await;
        Ok(id)
    }

    /// What a person does with an incident. Gives the review where that is what was asked for.
    pub async fn act_on_incident(&self, actor: &Actor, who: &str, id: i64, act: IncidentAct) -> Result<Option<String>> {
        match act {
            IncidentAct::Acknowledge => self.take_on_incident(actor, who, id).await?,
            IncidentAct::Resolve { how } => self.resolve_incident(actor, who, id, &how).await?,
            IncidentAct::Note { text } => self.note_incident(actor, who, id, &text, false).await?,
            IncidentAct::Update { text } => self.note_incident(actor, who, id, &text, true).await?,
            IncidentAct::Cause { right, title } => self.mark_cause(actor, who, id, right, &title).await?,
            IncidentAct::Call { name, part } => self.add_responder(actor, who, id, &name, &part).await?,
            IncidentAct::Review { text } => return Ok(Some(self.review_incident(actor, id, text).await?)),
        }
        Ok(None)
    }

    async fn resolve_incident(&self, actor: &Actor, who: &str, id: i64, how: &str) -> Result<()> {
        self.may(actor, Action::Respond, &Object::Installation)?;
        self.close_incident(id, who, how.trim()).await?;
        self.audit(actor, "incident.resolve", &format!("INC-{id}")).await;
        Ok(())
    }

    /// Takes an incident on, with all its alerts.
    async fn take_on_incident(&self, actor: &Actor, who: &str, id: i64) -> Result<()> {
        self.may(actor, Action::Respond, &Object::Installation)?;
        let now = self.now();
        let prints: Vec<String> = {
            let board = self.board().await?;
            board.open(now).filter(|a| a.incident == Some(id)).map(|a| a.fingerprint.clone()).collect()
        };
        if prints.is_empty() {
            self.incident_taken_on(id, who, now).await?;
            return self.tell(id, EntryKind::Acknowledged, who, format!("Taken on by {who}"), String::new(), now).await;
        }
        self.acknowledge(actor, who, &prints).await
    }

    /// A note in the timeline; an update in plain words for executives where `status`.
    async fn note_incident(&self, actor: &Actor, who: &str, id: i64, text: &str, status: bool) -> Result<()> {
        let action = if status { Action::Respond } else { Action::Annotate };
        self.may(actor, action, &Object::Installation)?;
        let text = text.trim();
        if text.is_empty() || text.len() > domain::annotation::TEXT_MAX {
            return Err(EngineError::Invalid("write something, at most 4000 bytes".into()));
        }
        let now = self.now();
        let kind = if status { EntryKind::Status } else { EntryKind::Note };
        if status {
            let impact = text.to_string();
            self.store.change_incident(id, |i| i.impact = impact).await?;
        }
        if self.store.incident(id).await?.is_none() {
            return Err(EngineError::NotFound("there is no incident of this number".into()));
        }
        let title = if status { "Status update" } else { "Note" };
        self.tell(id, kind, who, title.into(), text.to_string(), now).await?;
        self.tell_named(actor, who, text, &format!("/incidents/{id}")).await
    }

    /// Says whether the likely cause was right, or names another.
    async fn mark_cause(&self, actor: &Actor, who: &str, id: i64, right: Option<bool>, title: &str) -> Result<()> {
        self.may(actor, Action::Respond, &Object::Installation)?;
        let now = self.now();
        let title: String = title.trim().chars().take(300).collect();
        let changed = self
            .store
            .change_incident(id, |incident| match (&mut incident.cause, title.is_empty()) {
                (_, false) => {
                    incident.cause = Some(Cause {
                        title: title.clone(),
                        text: format!("Marked by {who}."),
                        confidence: 1.0,
                        evidence: vec!["said by a person".into()],
                        right: Some(true),
                    });
                }
                (Some(cause), true) => cause.right = right,
                (None, true) => {}
            })
            .await?
            .ok_or_else(|| EngineError::NotFound("there is no incident of this number".into()))?;
        let cause = changed.cause.map(|c| c.title).unwrap_or_default();
        let said = match (title.is_empty(), right) {
            (false, _) => "Cause marked",
            (true, Some(true)) => "Likely cause confirmed",
            (true, _) => "Likely cause found wrong",
        };
        self.tell(id, EntryKind::Evidence, who, said.into(), cause, now).await
    }

    /// Makes somebody a responder with a part.
    async fn add_responder(&self, actor: &Actor, who: &str, id: i64, name: &str, part: &str) -> Result<()> {
        self.may(actor, Action::Respond, &Object::Installation)?;
        let name: String = name.trim().chars().take(100).collect();
        if name.is_empty() {
            return Err(EngineError::Invalid("name somebody".into()));
        }
        let part: String = part.trim().chars().take(60).collect();
        let now = self.now();
        let (own, own_part) = (name.clone(), part.clone());
        self.store
            .change_incident(id, |incident| {
                incident.responders.retain(|r| r.name != own);
                if incident.responders.len() < 50 {
                    incident.responders.push(Responder { name: own, part: own_part, since: now });
                }
            })
            .await?
            .ok_or_else(|| EngineError::NotFound("there is no incident of this number".into()))?;
        self.tell(id, EntryKind::Person, who, format!("{name} called in: {part}"), String::new(), now).await
    }

    /// Keeps the review, or drafts one from the timeline where it is empty.
    async fn review_incident(&self, actor: &Actor, id: i64, text: Option<String>) -> Result<String> {
        self.may(actor, Action::Respond, &Object::Installation)?;
        let incident = self.incident(actor, id).await?;
        let review = match text {
            Some(text) => text.chars().take(50_000).collect(),
            None => draft_review(&incident, &self.store.entries_of_incident(id, ENTRIES).await?),
        };
        let kept = review.clone();
        self.store.change_incident(id, |i| i.review = kept).await?;
        Ok(review)
    }
}

/// An entry of an incident's timeline.
fn entry_of(incident: i64, kind: EntryKind, who: &str, title: String, text: String, at: Timestamp) -> Entry {
    Entry {
        id: 0,
        at,
        incident: Some(incident),
        fingerprint: String::new(),
        kind,
        who: who.to_string(),
        title,
        text,
        good: None,
    }
}

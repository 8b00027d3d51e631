//! From verdicts to a person who knows what to do, and back to quiet.
//!
//! One process at a time leads: it evaluates rules, looks at groups and sends. It holds a lease for that, so
//! that another one takes over when it is gone. Every process takes posted alerts, acknowledgements and
//! silences; the leader hears of them through the database.
//!
//! A turn is: findings of the rules that are due → transitions → alerts → groups → messages, in one
//! transaction. Sending follows from the outbox; only what arrived counts as told.

mod alerts;
mod annotations;
mod backtest;
mod board;
mod defaults;
pub(crate) mod happenings;
mod incident_view;
mod incidents;
mod landing;
mod links;
mod observe;
mod past;
mod presence;
pub(crate) mod responses;
mod rests_on;
mod rules;
mod self_watch;
mod settings;
mod silences;
mod synthetic;
mod telling;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::alert::condition::Found;
use domain::alert::lifecycle::{Instance, Phase, Seen, Timing, Turn, damping, step};
use domain::alert::rule::{NoData, Rule};
use domain::alert::silence::maintenance;
use domain::alert::view::EntryKind;
use domain::alert::{Alert, Labels, Source, fingerprint};
use domain::time::{DAY, MINUTE, SECOND};
use domain::{Actor, Timestamp, format};
use store::Decided;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::people::random_text;
use crate::{Engine, Result};
use board::{Board, LiveGroup, Surroundings, Waiting};

pub use alerts::{AlertGroup, NewAlert, OpenAlert, Posted};
pub(crate) use synthetic::is_synthetic;

/// How long a process that is gone still counts as the leader.
const LEASE: i64 = 10 * SECOND;
const LEASE_RENEWED: i64 = 3 * SECOND;
const LEASE_NAME: &str = "alerts";
/// The longest pause between two turns.
const TICK: Duration = Duration::from_millis(250);
/// Changes that another process made are looked for this often, with so much overlap of clocks.
const REFRESH: i64 = SECOND;
const OVERLAP: i64 = 10 * SECOND;
/// A rule rests so many times as long as it took.
const REST: i64 = 10;
/// Rules and settings are read again this often, besides when they change here.
const RELOAD: i64 = 5 * SECOND;
/// Alerts and messages are kept this long.
const KEPT: i64 = 400 * DAY;
/// Who did what is kept for three years.
const DEEDS_KEPT: i64 = 3 * 366 * DAY;

/// What the alert engine shares between its loop and the use-cases.
#[derive(Default)]
pub struct Shared {
    board: tokio::sync::Mutex<Board>,
    /// Something is to be done at once.
    wake: Notify,
    /// Messages wait.
    pub(crate) send: Notify,
    /// Something was decided about a response.
    respond: Notify,
    /// Until when this process leads, in microseconds.
    leads: AtomicI64,
    limits: observe::LearntLimits,
    incidents: incidents::Known,
    /// When each rule is evaluated next, and what came of the last time.
    rules: Mutex<HashMap<i64, Evaluated>>,
    refreshed: AtomicI64,
    watch: self_watch::Watch,
    synthetic: synthetic::Synthetic,
}

/// The last evaluation of a rule.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evaluated {
    due: Timestamp,
    pub at: Timestamp,
    pub took: i64,
    pub found: usize,
    pub problem: Option<String>,
}

impl Shared {
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(crate) fn leads(&self, now: Timestamp) -> bool {
        now.0 < self.leads.load(Ordering::Relaxed)
    }
}

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let mut reloaded = Timestamp(0);
    let mut tidied = Timestamp(0);
    let mut watched = engine.now();
    loop {
        let wait = engine.until_due().await;
        tokio::select! {
            () = stop.cancelled() => break,
            () = engine.inner.alerts.wake.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
        let now = engine.now();
        let turn = async {
            if !engine.lead(now).await? {
                return Ok(());
            }
            if now.0 - reloaded.0 >= RELOAD {
                engine.reload_rules().await?;
                reloaded = now;
            }
            let begun = std::time::Instant::now();
            engine.alert_turn().await?;
            engine.inner.alerts.watch.turn(begun.elapsed());
            engine.synthetic_turn().await?;
            if now.0 - watched.0 >= self_watch::EVERY {
                watched = now;
                engine.watch_self(now).await?;
            }
            if now.0 - tidied.0 >= MINUTE {
                tidied = now;
                engine.default_rules().await?;
                engine.tidy_incidents().await?;
                engine.store.expire_alerts(now.plus(-KEPT)).await?;
                engine.store.expire_runs(now.plus(-KEPT)).await?;
                engine.store.expire_audit(now.plus(-DEEDS_KEPT)).await?;
                engine.store.forget_leases(presence::LOOKS, now).await?;
            }
            Ok::<(), crate::EngineError>(())
        };
        if let Err(error) = turn.await {
            tracing::error!(%error, "a turn of the alerts failed; it is tried again");
            engine.inner.alerts.board.lock().await.loaded = false;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    if let Err(error) = engine.store.release(LEASE_NAME, &engine.inner.holder).await {
        tracing::warn!(%error, "the lease of the alerts was not given back; it runs out by itself");
    }
    engine.inner.alerts.leads.store(0, Ordering::Relaxed);
}

impl Engine {
    async fn until_due(&self) -> Duration {
        let now = self.now();
        if !self.inner.alerts.leads(now) {
            return TICK;
        }
        let board = self.inner.alerts.board.lock().await;
        let next = board.due().unwrap_or(now.plus(SECOND));
        Duration::from_micros((next.0 - now.0).max(1000) as u64).min(TICK)
    }

    /// Claims or renews the lead.
    async fn lead(&self, now: Timestamp) -> Result<bool> {
        let shared = &self.inner.alerts;
        let until = shared.leads.load(Ordering::Relaxed);
        if now.0 < until - (LEASE - LEASE_RENEWED) {
            return Ok(true);
        }
        let held = self.store.claim(LEASE_NAME, &self.inner.holder, now, now.plus(LEASE)).await?;
        if !held {
            shared.leads.store(0, Ordering::Relaxed);
            return Ok(false);
        }
        if until == 0 {
            // Another one may have led meanwhile.
            shared.board.lock().await.loaded = false;
            shared.synthetic.stays();
        }
        // A little less than the lease: whoever comes next waits for all of it.
        shared.leads.store(now.0 + LEASE - SECOND, Ordering::Relaxed);
        Ok(true)
    }

    /// Reads everything that is open.
    async fn load(&self, board: &mut Board) -> Result<()> {
        let now = self.now();
        let mut fresh = Board::default();
        fresh.set_alerting(self.alerting_document().await?);
        fresh.silences = self.store.silences(now).await?;
        fresh.rules = Arc::new(self.store.rules().await?);
        for (rule, instances) in self.store.rule_states().await? {
            let by_print = instances.into_iter().map(|i| (fingerprint(&i.labels), i)).collect();
            fresh.states.insert(rule, by_print);
        }
        let groups = self.store.groups().await?;
        let told: BTreeSet<String> =
            groups.iter().flat_map(|g| g.ledgers.values().flat_map(|l| l.opened.iter().cloned())).collect();
        for alert in self.store.alerts_open(now.plus(-DAY)).await? {
            // What ended matters only to a group that still has to say so.
            let newer = fresh.alerts.get(&alert.fingerprint).is_none_or(|known| known.starts_at < alert.starts_at);
            if newer && (alert.fires(now) || told.contains(&alert.fingerprint)) {
                fresh.alerts.insert(alert.fingerprint.clone(), alert);
            }
        }
        for missing in told.iter().filter(|f| !fresh.alerts.contains_key(*f)).cloned().collect::<Vec<_>>() {
            if let Some(alert) = self.store.alerts_of(&missing, 1).await?.pop() {
                fresh.alerts.insert(missing, alert);
            }
        }
        for group in groups {
            let routed = fresh.routed_of(&group);
            fresh.groups.insert(group.key.clone(), LiveGroup { group, routed, members: BTreeSet::new() });
        }
        let waiting = self.store.messages_waiting().await?;
        for waiting in waiting.into_iter().filter(|w| !synthetic::is_synthetic(w)) {
            let prints = |alerts: &[Alert]| alerts.iter().map(|a| a.fingerprint.clone()).collect();
            let (firing, resolved) = (prints(&waiting.message.firing), prints(&waiting.message.resolved));
            let place = (waiting.group_key.clone(), waiting.destination.clone());
            fresh.waiting.insert(place, Waiting { id: waiting.id, firing, resolved, flying: false });
        }
        fresh.fill_groups();
        fresh.loaded = true;
        *board = fresh;
        self.inner.alerts.refreshed.store(now.0, Ordering::Relaxed);
        self.load_incidents().await?;
        self.inner.alerts.send.notify_one();
        Ok(())
    }

    /// The board, loaded, with what other processes changed.
    async fn board(&self) -> Result<tokio::sync::MutexGuard<'_, Board>> {
        let mut board = self.inner.alerts.board.lock().await;
        if !board.loaded {
            self.load(&mut board).await?;
        } else {
            self.refresh(&mut board).await?;
        }
        Ok(board)
    }

    /// Takes over what other processes wrote. SQLite has one process that writes alerts.
    async fn refresh(&self, board: &mut Board) -> Result<()> {
        let now = self.now();
        let before = self.inner.alerts.refreshed.load(Ordering::Relaxed);
        if self.store.backend() == store::Backend::Sqlite || now.0 - before < REFRESH {
            return Ok(());
        }
        self.inner.alerts.refreshed.store(now.0, Ordering::Relaxed);
        for alert in self.store.alerts_changed(Timestamp(before - OVERLAP)).await? {
            let known = board.alerts.get(&alert.fingerprint);
            let newer = known
                .is_none_or(|k| k.starts_at < alert.starts_at || (k.id == alert.id && k.updated_at < alert.updated_at));
            if newer && (alert.fires(now) || known.is_some()) {
                board.put(alert);
            }
        }
        board.silences = self.store.silences(now).await?;
        Ok(())
    }

    async fn reload_rules(&self) -> Result<()> {
        let rules = self.store.rules().await?;
        let alerting = self.alerting_document().await?;
        let mut board = self.board().await?;
        if *board.rules != rules {
            board.rules = Arc::new(rules);
        }
        if *board.alerting != alerting {
            board.set_alerting(alerting);
        }
        Ok(())
    }

    /// One turn: rules that are due, then groups.
    async fn alert_turn(&self) -> Result<()> {
        let now = self.now();
        let rules = self.board().await?.rules.clone();
        let due: Vec<Rule> = {
            let known = self.inner.alerts.rules.lock().unwrap_or_else(PoisonError::into_inner);
            let waits = |r: &Rule| known.get(&r.id).is_some_and(|e| e.due > now);
            rules.iter().filter(|r| r.text.enabled && !waits(r)).cloned().collect()
        };
        let mut findings = Vec::with_capacity(due.len());
        for rule in due {
            let begun = std::time::Instant::now();
            let at = self.now();
            let found = self.observe(&rule.text.condition, rule.text.only_if, at).await;
            let took = begun.elapsed().as_micros() as i64;
            let problem = found.as_ref().err().map(ToString::to_string);
            let evaluated = Evaluated {
                due: at.plus(rule.text.every.max(took * REST)),
                at,
                took,
                found: found.as_ref().map_or(0, Vec::len),
                problem,
            };
            self.inner.alerts.rules.lock().unwrap_or_else(PoisonError::into_inner).insert(rule.id, evaluated);
            findings.push((rule, found.ok()));
        }
        let mut board = self.board().await?;
        let gone: Vec<i64> =
            board.states.keys().filter(|id| !rules.iter().any(|r| r.id == **id && r.text.enabled)).copied().collect();
        for id in gone {
            self.end_rule(&mut board, id).await?;
        }
        for (rule, found) in findings {
            self.absorb(&mut board, &rule, found).await?;
        }
        self.end_posted(&mut board).await?;
        self.settle_groups(&mut board).await
    }

    /// What the groups make of it all, written, and sent on its way.
    async fn settle_groups(&self, board: &mut Board) -> Result<()> {
        let now = self.now();
        if !self.inner.alerts.leads(now) {
            return Ok(());
        }
        let url = self.inner.options.public_url.clone();
        let acknowledge = |key: &str| self.acknowledge_link(key, now);
        let id = || random_text(24);
        let around = Surroundings { now, url: &url, acknowledge: &acknowledge, id: &id };
        let decided = board.turn(&around);
        let sends = decided.iter().any(|d| matches!(d, Decided::Message(_)));
        self.keep(board, &decided).await?;
        if sends {
            self.inner.alerts.send.notify_one();
        }
        board.forget(now);
        Ok(())
    }

    /// Writes what was decided; where that fails, memory is not believed any more.
    async fn keep(&self, board: &mut Board, decided: &[Decided]) -> Result<Vec<i64>> {
        match self.store.commit(decided).await {
            Ok(ids) => Ok(ids),
            Err(error) => {
                board.loaded = false;
                Err(error.into())
            }
        }
    }

    /// What a rule's evaluation makes of its alerts. `None` is an evaluation that failed.
    async fn absorb(&self, board: &mut Board, rule: &Rule, found: Option<Vec<Found>>) -> Result<()> {
        let now = self.now();
        let timing = rule.text.timing();
        let failed = found.is_none();
        let found = found.unwrap_or_default();
        let no_data = found.is_empty();
        let mut states = board.states.remove(&rule.id).unwrap_or_default();
        let before = states.clone();
        let mut seen: Vec<(Labels, Seen, Option<Found>)> = Vec::new();
        let outside = rule.text.only_if.outside_maintenance;
        let planned = if outside { maintenance(&board.silences, now) } else { Vec::new() };
        for mut one in found {
            let labels = rule.text.labels_of(&one.labels);
            one.holds &= !planned.iter().any(|covers| covers.matches(&labels));
            let now_seen = if one.holds { Seen::Holds } else { Seen::HoldsNot };
            // Most of what is looked at is well: nothing is known of it and nothing has to be.
            if one.holds || states.contains_key(&fingerprint(&labels)) {
                seen.push((labels, now_seen, Some(one)));
            }
        }
        if no_data && rule.text.no_data == NoData::Alert {
            let mut labels = rule.text.labels_of(&Labels::new());
            labels.insert("no_data".into(), if failed { "error" } else { "true" }.into());
            let against = if failed { "it cannot be evaluated" } else { "no data" };
            let none = Found { labels: labels.clone(), value: None, limit: None, holds: true, against: against.into() };
            seen.push((labels, Seen::Holds, Some(none)));
        }
        let named: BTreeSet<String> = seen.iter().map(|(labels, ..)| fingerprint(labels)).collect();
        for (print, instance) in &states {
            if !named.contains(print) {
                let unknown = failed || (no_data && rule.text.no_data == NoData::Keep);
                seen.push((instance.labels.clone(), if unknown { Seen::Unknown } else { Seen::Gone }, None));
            }
        }
        let mut decided = Vec::new();
        let mut fired = Vec::new();
        for (labels, now_seen, found) in seen {
            let print = fingerprint(&labels);
            let (next, turn) = step(states.get(&print).map(|i| i.phase), now_seen, timing, now);
            match turn {
                Turn::Fired => fired.push((labels.clone(), found.clone(), next)),
                Turn::Resolved(reason) => self.end_alert(board, &print, reason, now, &mut decided),
                Turn::Nothing | Turn::Pended => {}
            }
            if let (Some(found), Some(alert)) = (&found, board.alerts.get_mut(&print))
                && alert.fires(now)
            {
                alert.value = found.value;
                if found.holds {
                    alert.limit = found.limit;
                    alert.against.clone_from(&found.against);
                }
            }
            match next {
                Some(phase) => {
                    states.insert(print, Instance { labels, phase });
                }
                None => {
                    states.remove(&print);
                }
            }
        }
        let same = before.len() == states.len()
            && states.iter().all(|(print, i)| {
                before.get(print).is_some_and(|b| as_kept(b.phase, timing) == as_kept(i.phase, timing))
            });
        if !same {
            decided.push(Decided::RuleState { rule: rule.id, instances: states.values().cloned().collect() });
        }
        board.states.insert(rule.id, states);
        if !fired.is_empty() {
            let (layer, unit) = self.nature_of(rule.text.condition.query()).await;
            for (labels, found, phase) in fired {
                let alert = self.new_alert(rule, labels, found, phase, layer, &unit, now).await?;
                self.open_alert(board, alert, &mut decided).await?;
            }
        }
        let ids = self.keep(board, &decided).await?;
        number(board, &decided, &ids);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    async fn new_alert(
        &self,
        rule: &Rule,
        mut labels: Labels,
        found: Option<Found>,
        phase: Option<Phase>,
        layer: Option<domain::signal::Layer>,
        unit: &str,
        now: Timestamp,
    ) -> Result<Alert> {
        let print = fingerprint(&labels);
        let (value, limit) = found.as_ref().map_or((None, None), |f| (f.value, f.limit));
        let mut annotations = rule.text.annotations_of(&labels, value, limit);
        let again = phase.map_or(0, Phase::again);
        if damping(again) > 0 {
            let held = format::duration(damping(again));
            let words = format!("it fired {again} times before within an hour: it ends when it was well for {held}");
            annotations.insert("flapping".into(), words);
        }
        let (priority, reason) = match rule.text.priority {
            Some(priority) => (priority, format!("set on the rule by {}", rule.updated_by)),
            None => {
                let system = labels.get("system").map_or("", String::as_str);
                let criticality = criticality(&self.health_weights(&Actor::Local).await?, system);
                domain::alert::priority::priority(rule.text.severity, rule.text.urgency, criticality)
            }
        };
        let starts_at = match phase {
            Some(Phase::Firing { since, .. }) => since,
            _ => now,
        };
        let verdict = matches!(rule.text.condition, domain::alert::condition::Condition::Verdict { .. });
        let layer = layer.or(verdict.then_some(domain::signal::Layer::Quality));
        // The layer is no part of what tells alerts apart, so it does not come before the fingerprint.
        if let Some(layer) = layer {
            labels.entry("layer".into()).or_insert_with(|| layer.name().into());
        }
        let query = if verdict {
            let figure = labels.get("figure").map_or("", String::as_str).replace('.', "_");
            let model = labels.get("model").map_or("", String::as_str);
            format!("last_over_time(model_{figure}{{model={model:?}}}[2d])")
        } else {
            rule.text.condition.query().to_string()
        };
        Ok(Alert {
            fingerprint: print,
            annotations,
            starts_at,
            generator: format!("{}/rules/{}", self.inner.options.public_url, rule.id),
            priority,
            priority_reason: reason,
            value,
            limit,
            unit: unit.to_string(),
            against: found.map(|f| f.against).unwrap_or_default(),
            query,
            runbook: rule.text.runbook.clone(),
            remediation: rule.text.remediation.clone(),
            ..Alert::new(labels, Source::Rule { id: rule.id }, now)
        })
    }

    /// Puts a new alert on the board, into an incident where it belongs to one.
    async fn open_alert(&self, board: &mut Board, mut alert: Alert, decided: &mut Vec<Decided>) -> Result<()> {
        let joined = self.place_in_incident(board, &mut alert).await?;
        let print = alert.fingerprint.clone();
        let at = alert.updated_at;
        let title = match &alert.source {
            Source::Rule { .. } => format!("{} fires", alert.name()),
            Source::Posted => format!("{} was posted", alert.name()),
        };
        let value = alert.value.map(domain::format::compact).unwrap_or_default();
        let figure =
            [value, alert.against.clone()].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(", ");
        let summary = Some(alert.summary()).filter(|summary| *summary != alert.name()).unwrap_or_default();
        let text =
            if figure.is_empty() || summary.is_empty() { figure + summary } else { format!("{figure}. {summary}") };
        decided.push(Decided::Alert(alert.clone()));
        board.put(alert);
        decided.push(board.entry(&print, EntryKind::Alert, title, text, Some(true), at));
        if let Some(why) = joined {
            decided.push(board.entry(&print, EntryKind::Decision, why, String::new(), Some(true), at));
        }
        Ok(())
    }

    fn end_alert(&self, board: &mut Board, print: &str, reason: &str, now: Timestamp, decided: &mut Vec<Decided>) {
        let Some(alert) = board.alerts.get_mut(print).filter(|a| a.fires(now)) else {
            return;
        };
        alert.ends_at = Some(now);
        alert.updated_at = now;
        alert.resolution = reason.to_string();
        let title = format!("{} ended: {reason}", alert.name());
        decided.push(Decided::Alert(alert.clone()));
        decided.push(board.entry(print, EntryKind::Alert, title, String::new(), Some(true), now));
    }

    /// A rule that is gone or off: what it had open ends, with that reason.
    async fn end_rule(&self, board: &mut Board, rule: i64) -> Result<()> {
        let now = self.now();
        let states = board.states.remove(&rule).unwrap_or_default();
        let mut decided = vec![Decided::RuleState { rule, instances: Vec::new() }];
        for (print, _) in states.iter().filter(|(_, instance)| instance.phase.fires()) {
            self.end_alert(board, print, "its rule is off or gone", now, &mut decided);
        }
        self.keep(board, &decided).await?;
        Ok(())
    }

    /// Posted alerts whose end has come are written down as ended.
    async fn end_posted(&self, board: &mut Board) -> Result<()> {
        let now = self.now();
        let ended: Vec<String> = board
            .alerts
            .values()
            .filter(|a| a.source == Source::Posted && a.ends_at.is_some_and(|e| e <= now) && a.resolution.is_empty())
            .map(|a| a.fingerprint.clone())
            .collect();
        let mut decided = Vec::new();
        for print in ended {
            if let Some(alert) = board.alerts.get_mut(&print) {
                alert.resolution = "its sender says it is over, or is silent".into();
                alert.updated_at = now;
                let title = format!("{} ended: {}", alert.name(), alert.resolution);
                decided.push(Decided::Alert(alert.clone()));
                decided.push(board.entry(&print, EntryKind::Alert, title, String::new(), Some(true), now));
            }
        }
        self.keep(board, &decided).await?;
        Ok(())
    }

    /// The lead, for those who send.
    pub(crate) fn leads_alerts(&self) -> bool {
        self.inner.alerts.leads(self.now())
    }
}

/// How much the business rests on a system, beside the mean of all.
fn criticality(weights: &domain::health::HealthWeights, system: &str) -> domain::alert::priority::Criticality {
    let all: Vec<f64> = weights.systems.values().copied().collect();
    let mean = if all.is_empty() { 1.0 } else { all.iter().sum::<f64>() / all.len() as f64 };
    domain::alert::priority::Criticality::of(weights.system(system), mean)
}

/// What of a phase must outlive a restart: when it held last only where that decides something, and then to
/// the second, or every evaluation would be a write.
fn as_kept(phase: Phase, timing: Timing) -> (u8, i64, i64) {
    match phase {
        Phase::Pending { since, .. } => (0, since.0, 0),
        Phase::Calm { since, .. } => (1, since.0, 0),
        Phase::Firing { since, held, again, .. } => {
            let keep = timing.keep.max(damping(again));
            (2, since.0, if keep > 0 { held.0 / (keep / 4).max(SECOND) } else { 0 })
        }
    }
}

/// Gives alerts the numbers of their rows.
fn number(board: &mut Board, decided: &[Decided], ids: &[i64]) {
    for (one, id) in decided.iter().zip(ids) {
        if let Decided::Alert(alert) = one
            && let Some(known) = board.alerts.get_mut(&alert.fingerprint)
            && known.starts_at == alert.starts_at
        {
            known.id = *id;
        }
    }
}

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
mod transitions;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use domain::alert::rule::Rule;
use domain::alert::{Alert, fingerprint};
use domain::time::{DAY, MINUTE, SECOND};
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

    /// The lead, for those who send.
    pub(crate) fn leads_alerts(&self) -> bool {
        self.inner.alerts.leads(self.now())
    }
}

//! What runs: collect, ingest, evaluate, and the use-cases that pages and API call.
//!
//! Every use-case takes the [`Actor`] that asks and begins with [`authorize`]. Nothing here knows
//! HTTP or HTML.

pub mod alert;
mod analysis;
mod arrivals;
mod audit;
pub mod collect;
mod connections;
mod counters;
mod documents;
pub mod evaluate;
mod evaluators;
mod executive;
pub mod export;
mod find;
mod health;
mod hosts;
pub mod ingest;
pub mod installation;
mod kpis;
pub mod live;
mod mentions;
pub mod notify;
mod operations;
mod outcomes;
pub mod outgoing;
pub mod people;
mod preferences;
mod prices;
mod promql;
pub mod questions;
mod remote_read;
mod shares;
mod signature;
mod summary;
pub mod telemetry;
mod thresholds;
mod traffic;
pub mod upkeep;
pub mod views;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use domain::{Action, Actor, Denied, Object, Timestamp, authorize};
pub use store::{ScrapeJob, Webhook};
use store::{Store, StoreError};
use thiserror::Error;

/// Why a use-case did not happen. Each says what was wrong and what to do.
#[derive(Debug, Error)]
pub enum EngineError {
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Conflict(String),
    #[error("too many attempts; wait {0} s and try again")]
    TooMany(u64),
    #[error("{0}")]
    TooLarge(String),
    /// What was sent does not prove that it comes from whom it says.
    #[error("{0}")]
    Unproven(String),
    /// What was asked is understood and has no answer: too much of it, or none that would be right.
    #[error("{0}")]
    Unanswerable(String),
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(_) => EngineError::NotFound(error.to_string()),
            StoreError::Conflict(text) => EngineError::Conflict(text),
            other => EngineError::Store(other),
        }
    }
}

pub type Result<T> = std::result::Result<T, EngineError>;

/// The running engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub store: Store,
    inner: Arc<Inner>,
}

struct Inner {
    people: people::Guard,
    live: live::Bus,
    references: evaluate::References,
    open: evaluate::closing::Open,
    /// Models that learn from their baselines at once.
    learning: tokio::sync::Semaphore,
    targets: ingest::targets::Targets,
    counters: counters::Counters,
    prices: prices::Known,
    arrivals: arrivals::Arrivals,
    index: promql::Known,
    alerts: alert::Shared,
    operations: operations::Kept,
    /// Signs links that acknowledge.
    link_secret: std::sync::OnceLock<String>,
    options: Options,
    gpu: std::sync::RwLock<collect::GpuState>,
    /// Who holds this process's leases.
    holder: String,
}

/// What the configuration says to the engine.
#[derive(Debug, Clone)]
pub struct Options {
    pub privacy: Arc<ingest::privacy::Privacy>,
    /// How many series one sender may bring, one metric may have, and all together.
    pub series: store::SeriesLimits,
    /// Programs to ask for metrics, as Prometheus writes its lists of targets.
    pub scrape_file: Option<std::path::PathBuf>,
    /// Where syslog is listened for.
    pub syslog: Option<String>,
    /// How people reach this installation, without a slash at the end; empty where nobody says.
    pub public_url: String,
    /// Whose installation this is; empty where nobody says.
    pub name: String,
    pub smtp: Option<notify::Smtp>,
    /// Authorities that are trusted beside the public ones, PEM; empty where there are none.
    pub authorities: Vec<u8>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            privacy: Arc::default(),
            series: store::SeriesLimits::NONE,
            scrape_file: None,
            syslog: None,
            public_url: String::new(),
            name: String::new(),
            smtp: None,
            authorities: Vec::new(),
        }
    }
}

/// Background work, which can be begun again.
type Work = Box<
    dyn Fn(Engine, tokio_util::sync::CancellationToken) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Send,
>;

/// Begins work again that a fault of ours ended: one panic must not end the alerts of an installation.
async fn kept_up(name: &'static str, work: Work, engine: Engine, stop: tokio_util::sync::CancellationToken) {
    loop {
        let ended = tokio::spawn(work(engine.clone(), stop.clone())).await;
        let Err(error) = ended else { return };
        if stop.is_cancelled() || !error.is_panic() {
            return;
        }
        tracing::error!(name, %error, "background work failed; it begins again in a second");
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

impl Engine {
    pub fn new(store: Store) -> Engine {
        Engine::with(store, Options::default())
    }

    pub fn with(store: Store, options: Options) -> Engine {
        let inner = Inner {
            people: people::Guard::new(),
            live: live::Bus::new(),
            references: evaluate::References::default(),
            open: evaluate::closing::Open::default(),
            learning: tokio::sync::Semaphore::new(1),
            targets: ingest::targets::Targets::default(),
            counters: counters::Counters::default(),
            prices: prices::Known::default(),
            arrivals: arrivals::Arrivals::default(),
            index: promql::Known::default(),
            alerts: alert::Shared::default(),
            operations: operations::kept(),
            link_secret: std::sync::OnceLock::new(),
            options,
            gpu: std::sync::RwLock::new(collect::GpuState::NotAsked),
            holder: people::random_text(12),
        };
        Engine { store, inner: Arc::new(inner) }
    }

    /// Whose installation this is; empty where nobody says.
    pub fn name(&self) -> &str {
        &self.inner.options.name
    }

    /// The only clock of the engine.
    pub fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(since.as_micros() as i64)
    }

    pub(crate) fn privacy(&self) -> Arc<ingest::privacy::Privacy> {
        self.inner.options.privacy.clone()
    }

    pub fn live(&self) -> &live::Bus {
        &self.inner.live
    }

    /// Starts the background work: collectors, evaluation, upkeep, live events. Each ends when
    /// `stop` says so.
    pub fn start(
        &self,
        stop: tokio_util::sync::CancellationToken,
        collect_host: bool,
        keep: upkeep::Keep,
    ) -> tokio_util::task::TaskTracker {
        let tasks = tokio_util::task::TaskTracker::new();
        let keep_up = |name: &'static str, work: Work| {
            tasks.spawn(kept_up(name, work, self.clone(), stop.clone()));
        };
        if collect_host {
            keep_up("host", Box::new(|e, s| Box::pin(collect::host::run(e, s))));
            keep_up("gpu", Box::new(|e, s| Box::pin(collect::gpu::run(e, s))));
        }
        keep_up("probes", Box::new(|e, s| Box::pin(collect::probe::run(e, s))));
        keep_up("scraping", Box::new(|e, s| Box::pin(collect::scrape::run(e, s))));
        keep_up("arrivals", Box::new(|e, s| Box::pin(arrivals::run(e, s))));
        if let Some(address) = self.inner.options.syslog.clone() {
            keep_up("syslog", Box::new(move |e, s| Box::pin(collect::syslog::run(e, address.clone(), s))));
        }
        keep_up("upkeep", Box::new(move |e, s| Box::pin(upkeep::run(e, keep, s))));
        keep_up("evaluation", Box::new(|e, s| Box::pin(evaluate::run(e, s))));
        keep_up("health", Box::new(|e, s| Box::pin(health::run(e, s))));
        keep_up("outcomes", Box::new(|e, s| Box::pin(outcomes::run(e, s))));
        keep_up("alerts", Box::new(|e, s| Box::pin(alert::run(e, s))));
        keep_up("messages", Box::new(|e, s| Box::pin(notify::run(e, s))));
        keep_up("deeds", Box::new(|e, s| Box::pin(notify::deeds::run(e, s))));
        keep_up("responses", Box::new(|e, s| Box::pin(alert::responses::run(e, s))));
        keep_up("live", Box::new(|e, s| Box::pin(live::run(e, s))));
        tasks.close();
        tasks
    }

    pub(crate) fn may(&self, actor: &Actor, action: Action, object: &Object) -> Result<()> {
        Ok(authorize(actor, action, object)?)
    }
}

/// Who is on the other end of a request.
#[derive(Debug, Clone)]
pub struct Caller {
    pub actor: Actor,
    /// Set when a person is signed in.
    pub person: Option<domain::people::Person>,
    /// Where the request came from, proxies believed as configured.
    pub address: String,
    /// The session's token, for ending it.
    pub session: Option<String>,
}

impl Caller {
    /// What stands beside what they did.
    pub fn name(&self) -> String {
        match (&self.person, &self.actor) {
            (Some(person), _) => person.name.clone(),
            (None, Actor::Key { id, .. }) => format!("API key {id}"),
            _ => "unknown".into(),
        }
    }
}

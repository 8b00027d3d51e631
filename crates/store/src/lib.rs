//! Keeps the domain in SQLite or PostgreSQL: ordinary rows for what people make, columnar segments
//! for telemetry.
//!
//! No business rule lives here: the store answers what is kept, not what it means. Acknowledged
//! means durable: a write returns after its commit. Several processes may share one database, so
//! nothing in memory is trusted without asking the database what came since.

mod alerts;
mod audit;
mod background;
mod baselines;
mod catalogue;
mod checks;
mod codec;
mod compaction;
mod database;
mod fresh_ids;
mod identity;
mod incidents;
mod labels;
mod leases;
mod mentions;
mod models;
mod one;
mod parts;
mod people;
mod predicate;
mod pruning;
mod query;
mod read;
mod reports;
mod responses;
mod retention;
mod samples;
mod settings;
mod shares;
mod sought;
mod sql;
mod telemetry;
mod words;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use thiserror::Error;

pub use alerts::{Attempt, Decided, Delivery, Outgoing};
pub use background::in_background;
pub use baselines::NewBaseline;
pub use checks::{CheckReport, Footprint};
pub use database::{Backend, holds_something, in_use};
pub use labels::LABELS;
pub use models::{NewModel, Stream};
pub use people::{NewKey, Session};
pub use predicate::Predicate;
pub use query::{Aggregate, Group, GroupBy, GroupKey, Spread};
pub use read::{Columns, Frame, Read, StreamSummary};
pub use reports::{BASELINE, DirtySpan, StoredReport};
pub use retention::{Kept, Retention};
pub use samples::{Points, Registered, SeriesLimits};
pub use settings::Probe;
pub use telemetry::{Dependency, Exemplar, ScrapeJob, Webhook};
pub use writer::EventReceipt;

use database::Database;

/// What the fuzzer reaches of the blob decoders.
#[cfg(fuzzing)]
pub mod fuzzing {
    pub fn decode_anything(bytes: &[u8]) {
        crate::codec::decode_anything(bytes);
    }
}

/// Rows worked on together: so many fresh ones become segments at once, and no batch kept in one go is larger.
pub const BLOCK_ROWS: usize = 16_384;

#[derive(Debug, Error)]
pub enum StoreError {
    #[error("the database refused or failed: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the database's schema could not be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("stored data is damaged: {0}; run `plimsoll check` to see how far, and restore a backup")]
    Corrupt(String),
    #[error("there is no {0}")]
    NotFound(String),
    #[error("{0}")]
    Conflict(String),
    #[error("the write queue is full; send again in a second")]
    Overloaded,
    #[error("the store is shutting down; nothing of this was kept, send it again")]
    Closed,
    #[error("the write failed and nothing of it was kept: {0}")]
    WriteFailed(String),
    #[error("{0}")]
    Configuration(String),
    #[error("{0}")]
    TooMany(String),
    /// The disk, or the bound set on it, is full.
    #[error("there is no room left to write ({0}); nothing of this was kept, and what is kept can be read")]
    Full(String),
}

pub type Result<T> = std::result::Result<T, StoreError>;

/// The one handle to everything kept. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
    writer: writer::Writer,
    samples: Arc<samples::Samples>,
    catalogue: Arc<catalogue::Catalogue>,
    /// Events or labels were kept here.
    came: Arc<tokio::sync::Notify>,
}

/// Where the database is and how much of it to use at once.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// `sqlite:PATH`, `sqlite::memory:` is refused, or `postgres://…`.
    pub url: String,
    /// Connections for reading (SQLite) or in all (PostgreSQL).
    pub connections: u32,
    /// Batches that may wait for the writer before senders are told to come back.
    pub queue: usize,
    /// Bytes that the database may take; only the disk bounds it where none are given.
    pub bytes: Option<u64>,
}

impl StoreOptions {
    pub fn new(url: impl Into<String>) -> StoreOptions {
        StoreOptions { url: url.into(), connections: 8, queue: 1024, bytes: None }
    }
}

impl Store {
    /// Waits until this process keeps events or labels, or has since the last time.
    pub async fn something_came(&self) {
        self.came.notified().await;
    }

    /// Opens the database, brings its schema up to date and starts the writer.
    ///
    /// # Errors
    /// A URL of neither kind, a path that cannot be written, a server that does not answer, a
    /// schema newer than this program.
    pub async fn open(options: &StoreOptions) -> Result<Store> {
        let database = Arc::new(Database::open(options).await?);
        let samples = Arc::new(samples::Samples::default());
        let catalogue = Arc::new(catalogue::Catalogue::default());
        let writer = writer::Writer::start(database.clone(), samples.clone(), catalogue.clone(), options.queue);
        let store = Store { database, writer, samples, catalogue, came: Arc::default() };
        store.load_samples().await?;
        tokio::spawn(keep_log_short(Arc::downgrade(&store.database)));
        Ok(store)
    }

    /// Lets the queued writes finish, then closes the connections.
    pub async fn close(&self) {
        self.writer.stop().await;
        self.database.close().await;
    }

    pub fn backend(&self) -> Backend {
        self.database.backend()
    }

    /// Batches now waiting for the writer.
    pub fn queued(&self) -> usize {
        self.writer.queued()
    }

    /// Answers when the database does, within two seconds.
    pub async fn ping(&self) -> Result<()> {
        let answer = self.database.fetch("SELECT 1", vec![]);
        match tokio::time::timeout(Duration::from_secs(2), answer).await {
            Ok(answer) => answer.map(|_| ()),
            Err(_) => Err(StoreError::Database(sqlx::Error::PoolTimedOut)),
        }
    }

    /// The file that holds the database, when it is one.
    pub fn file(&self) -> Option<PathBuf> {
        self.database.file()
    }
}

/// Bytes of SQLite's log from which on it is moved into the database.
const LOG_WORTH_MOVING: u64 = 8 << 20;

/// Keeps SQLite's log short for as long as the database is there.
async fn keep_log_short(database: Weak<Database>) {
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let Some(database) = database.upgrade() else {
            return;
        };
        let bytes = database.log_bytes();
        if bytes > LOG_WORTH_MOVING {
            let start = std::time::Instant::now();
            match database.checkpoint(bytes).await {
                Ok(()) => tracing::debug!(bytes, took = ?start.elapsed(), "the log was moved into the database"),
                Err(error) => tracing::debug!(%error, "the log was not moved this time"),
            }
        }
    }
}

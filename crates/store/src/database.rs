//! The one seam to sqlx: statements that run unchanged on SQLite and PostgreSQL.
//!
//! Every statement is a `&'static str` with `$1` placeholders, understood by both. What differs
//! (opening, locking, transactions, backup) is here and nowhere else.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqlitePool, SqlitePoolOptions,
    SqliteRow, SqliteSynchronous,
};
use sqlx::{Column as _, Postgres, Row as _, Sqlite};

use crate::{Result, StoreError, StoreOptions};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    pub fn name(self) -> &'static str {
        match self {
            Backend::Sqlite => "SQLite",
            Backend::Postgres => "PostgreSQL",
        }
    }
}

/// A parameter of a statement.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Int(Option<i64>),
    Real(Option<f64>),
    Text(String),
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int(Some(value))
    }
}
impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Value::Int(value)
    }
}
impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Int(Some(i64::from(value)))
    }
}
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Real(Some(value))
    }
}
impl From<Option<f64>> for Value {
    fn from(value: Option<f64>) -> Self {
        Value::Real(value)
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(value.to_string())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Text(value)
    }
}
impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Value::Blob(value)
    }
}
impl From<domain::Timestamp> for Value {
    fn from(value: domain::Timestamp) -> Self {
        Value::Int(Some(value.0))
    }
}

/// `params![a, b]`: the parameters of a statement.
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::database::Value::from($value)),*] };
}
pub(crate) use params;

pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! getter {
    ($name:ident, $type:ty) => {
        pub(crate) fn $name(&self, column: usize) -> Result<$type> {
            Ok(match self {
                Row::Sqlite(row) => row.try_get(column)?,
                Row::Postgres(row) => row.try_get(column)?,
            })
        }
    };
}

impl Row {
    getter!(int, i64);
    getter!(opt_int, Option<i64>);
    getter!(text, String);
    getter!(opt_text, Option<String>);
    getter!(opt_real, Option<f64>);
    getter!(blob, Vec<u8>);
    getter!(opt_blob, Option<Vec<u8>>);

    pub(crate) fn flag(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    pub(crate) fn time(&self, column: usize) -> Result<domain::Timestamp> {
        Ok(domain::Timestamp(self.int(column)?))
    }

    /// A column of JSON text.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|error| {
            let name = match self {
                Row::Sqlite(row) => row.columns()[column].name().to_string(),
                Row::Postgres(row) => row.columns()[column].name().to_string(),
            };
            StoreError::Corrupt(format!("the column {name} does not hold the JSON it should ({error})"))
        })
    }
}

macro_rules! bind {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                Value::Int(v) => query.bind(v),
                Value::Real(v) => query.bind(v),
                Value::Text(v) => query.bind(v),
                Value::Blob(v) => query.bind(v),
            };
        }
        query
    }};
}

pub(crate) enum Database {
    Sqlite { writer: SqlitePool, readers: SqlitePool, keeper: SqlitePool, file: PathBuf },
    Postgres { pool: PgPool, bytes: Option<u64> },
}

/// Bytes of one page of an SQLite database.
const PAGE: u64 = 16_384;

/// Key of the advisory lock under which PostgreSQL's group commits take turns, so that sequence
/// numbers become visible in order and no duplicate slips between two processes.
const BEGIN_EXCLUSIVE: &str = "BEGIN; SELECT pg_advisory_xact_lock(8100965748541713516)";

impl Database {
    pub(crate) async fn open(options: &StoreOptions) -> Result<Database> {
        if let Some(path) = options.url.strip_prefix("sqlite:") {
            Self::open_sqlite(path.trim_start_matches("//"), options).await
        } else if options.url.starts_with("postgres://") || options.url.starts_with("postgresql://") {
            let pool = PgPoolOptions::new()
                .max_connections(options.connections.max(2))
                .acquire_timeout(Duration::from_secs(15))
                .connect(&options.url)
                .await?;
            sqlx::migrate!("../../migrations/postgres").run(&pool).await?;
            Ok(Database::Postgres { pool, bytes: options.bytes })
        } else {
            Err(StoreError::Configuration(
                "the database URL must begin with “sqlite:” and a path, or with “postgres://”".into(),
            ))
        }
    }

    async fn open_sqlite(path: &str, options: &StoreOptions) -> Result<Database> {
        if path.is_empty() || path.contains(":memory:") {
            return Err(StoreError::Configuration("SQLite needs a file: write sqlite:PATH".into()));
        }
        let file = PathBuf::from(path);
        if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| {
                StoreError::Configuration(format!("cannot create the data directory {}: {error}", folder.display()))
            })?;
        }
        let connect = SqliteConnectOptions::from_str("sqlite:")?
            .filename(&file)
            .create_if_missing(true)
            .page_size(PAGE as u32)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(30))
            // The log is moved into the database beside the writer, not by it: see `checkpoint`.
            .pragma("wal_autocheckpoint", "0")
            .pragma("journal_size_limit", "67108864")
            .optimize_on_close(true, None);
        // SQLite keeps to the bound by itself: a write beyond it fails whole. 4294967294 is its own greatest.
        let pages = options.bytes.map_or(4_294_967_294, |bytes| (bytes / PAGE).max(16)).to_string();
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(60))
            // Deletes give their pages back; a database made before keeps them for later rows.
            .connect_with(
                connect
                    .clone()
                    .auto_vacuum(SqliteAutoVacuum::Incremental)
                    .pragma("cache_size", "-16000")
                    .pragma("max_page_count", pages),
            )
            .await
            .map_err(|error| {
                StoreError::Configuration(format!("cannot open the database {}: {error}", file.display()))
            })?;
        sqlx::migrate!("../../migrations/sqlite").run(&writer).await?;
        // It gives way: a reader in the middle of a long answer only puts the matter off.
        let keeper = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(connect.clone().busy_timeout(Duration::from_millis(20)))
            .await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(options.connections.max(1))
            .acquire_timeout(Duration::from_secs(15))
            .connect_with(connect.read_only(true).create_if_missing(false).pragma("cache_size", "-4000"))
            .await?;
        Ok(Database::Sqlite { writer, readers, keeper, file })
    }

    pub(crate) fn backend(&self) -> Backend {
        match self {
            Database::Sqlite { .. } => Backend::Sqlite,
            Database::Postgres { .. } => Backend::Postgres,
        }
    }

    pub(crate) fn file(&self) -> Option<PathBuf> {
        match self {
            Database::Sqlite { file, .. } => Some(file.clone()),
            Database::Postgres { .. } => None,
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Database::Sqlite { writer, readers, keeper, .. } => {
                readers.close().await;
                // What the log holds is moved here: the last connection to go would do it, but not where that one
                // only reads. Where somebody still reads, it is left for the next start.
                for _ in 0..10 {
                    let moved = sqlx::query_scalar::<_, i64>("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(keeper).await;
                    if !matches!(moved, Ok(busy) if busy != 0) {
                        break;
                    }
                }
                keeper.close().await;
                writer.close().await;
            }
            Database::Postgres { pool, .. } => pool.close().await,
        }
    }

    /// Reads rows; never writes.
    pub(crate) async fn fetch(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>> {
        Ok(match self {
            Database::Sqlite { readers, .. } => bind!(sqlx::query::<Sqlite>(sql), values)
                .fetch_all(readers)
                .await?
                .into_iter()
                .map(Row::Sqlite)
                .collect(),
            Database::Postgres { pool, .. } => bind!(sqlx::query::<Postgres>(sql), values)
                .fetch_all(pool)
                .await?
                .into_iter()
                .map(Row::Postgres)
                .collect(),
        })
    }

    pub(crate) async fn fetch_one(&self, sql: &'static str, values: Vec<Value>) -> Result<Option<Row>> {
        Ok(self.fetch(sql, values).await?.into_iter().next())
    }

    /// One statement in a transaction of its own; rows changed.
    pub(crate) async fn execute(&self, sql: &'static str, values: Vec<Value>) -> Result<u64> {
        let mut transaction = self.begin().await?;
        let changed = transaction.execute(sql, values).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    /// One statement with RETURNING, in a transaction of its own.
    pub(crate) async fn execute_returning(&self, sql: &'static str, values: Vec<Value>) -> Result<Option<Row>> {
        let mut transaction = self.begin().await?;
        let row = transaction.fetch(sql, values).await?.into_iter().next();
        transaction.commit().await?;
        Ok(row)
    }

    /// A transaction that may write.
    pub(crate) async fn begin(&self) -> Result<Transaction> {
        Ok(match self {
            Database::Sqlite { writer, .. } => Transaction::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Database::Postgres { pool, .. } => Transaction::Postgres(pool.begin().await?),
        })
    }

    /// A transaction of the group-commit writer: alone of its kind across all processes.
    pub(crate) async fn begin_exclusive(&self) -> Result<Transaction> {
        match self {
            Database::Sqlite { .. } => self.begin().await,
            // Both in one journey: the writer's pace is that of its journeys.
            Database::Postgres { pool, .. } => Ok(Transaction::Postgres(pool.begin_with(BEGIN_EXCLUSIVE).await?)),
        }
    }

    /// Moves what SQLite's log holds into the database, so that the log stays small. Copying goes on
    /// beside readers and the writer; only when the log has grown long must the writer wait, for what came
    /// during the copy, so that it begins anew.
    pub(crate) async fn checkpoint(&self, log_bytes: u64) -> Result<()> {
        const LONG: u64 = 64 << 20;
        let Database::Sqlite { keeper, .. } = self else {
            return Ok(());
        };
        sqlx::query::<Sqlite>("PRAGMA wal_checkpoint(PASSIVE)").fetch_all(keeper).await?;
        if log_bytes > LONG {
            sqlx::query::<Sqlite>("PRAGMA wal_checkpoint(TRUNCATE)").fetch_all(keeper).await?;
        }
        Ok(())
    }

    /// Bytes of SQLite's log.
    pub(crate) fn log_bytes(&self) -> u64 {
        let Database::Sqlite { file, .. } = self else {
            return 0;
        };
        let mut log = file.clone().into_os_string();
        log.push("-wal");
        std::fs::metadata(log).map_or(0, |m| m.len())
    }

    /// What SQLite itself finds wrong with the shape of its file. PostgreSQL has tools of its own for that.
    pub(crate) async fn quick_check(&self) -> Result<Vec<String>> {
        let Database::Sqlite { readers, .. } = self else {
            return Ok(Vec::new());
        };
        let rows = sqlx::query_scalar::<_, String>("PRAGMA quick_check(20)").fetch_all(readers).await?;
        Ok(rows.into_iter().filter(|row| row != "ok").map(|row| format!("the file: {row}")).collect())
    }

    /// On PostgreSQL, whether the bound on its size is reached. SQLite keeps to its bound by itself.
    pub(crate) async fn over_bound(&self) -> Result<bool> {
        let Database::Postgres { bytes: Some(most), .. } = self else {
            return Ok(false);
        };
        let row = self.fetch_one("SELECT pg_database_size(current_database())", vec![]).await?;
        Ok(row.map(|r| r.int(0)).transpose()?.unwrap_or_default().max(0) as u64 > *most)
    }

    /// Copies the whole database to a new file while everything goes on. SQLite only.
    pub(crate) async fn copy_to(&self, target: &std::path::Path) -> Result<()> {
        match self {
            Database::Sqlite { readers, .. } => {
                sqlx::query::<Sqlite>("VACUUM INTO $1")
                    .bind(target.to_string_lossy().into_owned())
                    .execute(readers)
                    .await?;
                Ok(())
            }
            Database::Postgres { .. } => {
                Err(StoreError::Configuration("only an SQLite database is one file; use pg_dump on PostgreSQL".into()))
            }
        }
    }
}

pub(crate) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    pub(crate) async fn fetch(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>> {
        Ok(match self {
            Transaction::Sqlite(t) => bind!(sqlx::query::<Sqlite>(sql), values)
                .fetch_all(&mut **t)
                .await?
                .into_iter()
                .map(Row::Sqlite)
                .collect(),
            Transaction::Postgres(t) => bind!(sqlx::query::<Postgres>(sql), values)
                .fetch_all(&mut **t)
                .await?
                .into_iter()
                .map(Row::Postgres)
                .collect(),
        })
    }

    pub(crate) async fn execute(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64> {
        Ok(match self {
            Transaction::Sqlite(t) => {
                bind!(sqlx::query::<Sqlite>(sql), values).execute(&mut **t).await?.rows_affected()
            }
            Transaction::Postgres(t) => {
                bind!(sqlx::query::<Postgres>(sql), values).execute(&mut **t).await?.rows_affected()
            }
        })
    }

    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Transaction::Sqlite(t) => t.commit().await?,
            Transaction::Postgres(t) => t.commit().await?,
        }
        Ok(())
    }
}

/// Whether an error is the database's word for “no room left”: SQLite's SQLITE_FULL and the errors of
/// writing that a full disk gives it, PostgreSQL's class 53 for the disk.
pub(crate) fn is_full(error: &StoreError) -> bool {
    match error {
        StoreError::Full(_) => true,
        StoreError::Database(sqlx::Error::Database(e)) => {
            let code = e.code().unwrap_or_default();
            // 778 is SQLITE_IOERR_WRITE, 1034 SQLITE_IOERR_FSYNC, 4874 SQLITE_IOERR_SHMSIZE.
            ["13", "778", "1034", "4874", "53100"].contains(&code.as_ref())
        }
        _ => false,
    }
}

/// Whether an error is the database's word for “that already exists”.
pub(crate) fn is_unique_violation(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(sqlx::Error::Database(e)) if e.is_unique_violation())
}

/// Whether some process has an SQLite database open.
pub async fn in_use(file: &std::path::Path) -> bool {
    let alone = SqliteConnectOptions::new()
        .filename(file)
        .locking_mode(SqliteLockingMode::Exclusive)
        .busy_timeout(Duration::from_millis(100));
    let pool = match SqlitePoolOptions::new().max_connections(1).connect_with(alone).await {
        Ok(pool) => pool,
        Err(_) => return true,
    };
    let answer = sqlx::query::<Sqlite>("BEGIN IMMEDIATE").execute(&pool).await;
    pool.close().await;
    answer.is_err()
}

/// Whether a PostgreSQL database has any table.
///
/// # Errors
/// A server that does not answer.
pub async fn holds_something(url: &str) -> Result<bool> {
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(15)).connect(url).await?;
    const SQL: &str = "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()";
    let tables: i64 = sqlx::query_scalar(SQL).fetch_one(&pool).await?;
    pool.close().await;
    Ok(tables > 0)
}

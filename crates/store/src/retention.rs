//! What is kept for how long, and how much of it: by age and by size, for each kind.
//!
//! The oldest goes first, a whole segment or chunk at a time, in slices that let writers have their
//! turn. What is deleted frees its space: SQLite gives free pages back to the file system, PostgreSQL
//! to later rows, but for its logs, which are made small again once a flood has passed through them.

use domain::Timestamp;
use sqlx::PgPool;

use crate::database::{Database, params};
use crate::{Result, Store};

/// Segments removed in one transaction.
const SEGMENTS_AT_ONCE: usize = 64;
/// Rows of other tables removed in one transaction.
const ROWS_AT_ONCE: i64 = 2000;

/// Bounds on what is kept; `None` keeps everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Whether what is old by event time stays until it has also been here for as long: an import of old
    /// rows is kept like any other.
    pub by_arrival: bool,
    /// Events (with their labels) that happened before are removed; spans and logs have bounds of their own.
    pub events_before: Option<Timestamp>,
    pub spans_before: Option<Timestamp>,
    pub logs_before: Option<Timestamp>,
    pub samples_before: Option<Timestamp>,
    /// Reports of windows that ended before are removed.
    pub reports_before: Option<Timestamp>,
    /// Bytes of events; the oldest are removed beyond.
    pub event_bytes: Option<u64>,
    pub span_bytes: Option<u64>,
    pub log_bytes: Option<u64>,
    pub sample_bytes: Option<u64>,
}

/// What segments hold, as far as retention tells it apart.
#[derive(Debug, Clone, Copy)]
enum Held {
    Spans,
    Logs,
    /// Predictions, baselines, feedback and the like.
    Others,
}

impl Held {
    /// Segments that ended before $1 and were made before $2, oldest first.
    fn old(self) -> &'static str {
        match self {
            Held::Spans => {
                "SELECT id, bucket, stream_id FROM segment WHERE max_time < $1 AND created_at < $2 AND bucket = -1 ORDER BY max_time LIMIT 64"
            }
            Held::Logs => {
                "SELECT id, bucket, stream_id FROM segment WHERE max_time < $1 AND created_at < $2 AND bucket = -2 ORDER BY max_time LIMIT 64"
            }
            Held::Others => {
                "SELECT id, bucket, stream_id FROM segment WHERE max_time < $1 AND created_at < $2 AND bucket NOT IN (-1, -2)
                 ORDER BY max_time LIMIT 64"
            }
        }
    }

    /// Sizes and last instants, newest first.
    fn sizes(self) -> &'static str {
        match self {
            Held::Spans => "SELECT bytes, max_time FROM segment WHERE bucket = -1 ORDER BY max_time DESC",
            Held::Logs => "SELECT bytes, max_time FROM segment WHERE bucket = -2 ORDER BY max_time DESC",
            Held::Others => "SELECT bytes, max_time FROM segment WHERE bucket NOT IN (-1, -2) ORDER BY max_time DESC",
        }
    }
}

/// How many bytes each kind takes, without indexes and free space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    pub event_bytes: u64,
    pub span_bytes: u64,
    pub log_bytes: u64,
    pub label_bytes: u64,
    pub sample_bytes: u64,
    pub report_bytes: u64,
}

impl Store {
    /// Removes what is older, or more, than the bounds. Returns how many segments and chunks went.
    pub async fn expire(&self, bounds: &Retention) -> Result<(u64, u64)> {
        let mut segments = 0;
        let mut chunks = 0;
        for (held, before, most) in [
            (Held::Others, bounds.events_before, bounds.event_bytes),
            (Held::Spans, bounds.spans_before, bounds.span_bytes),
            (Held::Logs, bounds.logs_before, bounds.log_bytes),
        ] {
            if let Some(before) = before {
                let arrived = if bounds.by_arrival { before } else { Timestamp::MAX };
                segments += self.expire_segments(held, before, arrived).await?;
            }
            let Some(most) = most else {
                continue;
            };
            while let Some(before) = self.age_beyond(held.sizes(), most).await? {
                let gone = self.expire_segments(held, before, Timestamp::MAX).await?;
                segments += gone;
                if gone == 0 {
                    break;
                }
            }
        }
        if let Some(before) = bounds.events_before {
            self.expire_labels(before).await?;
        }
        if let Some(before) = bounds.samples_before {
            chunks += self.expire_samples(before).await?;
            self.in_slices(
                "DELETE FROM exemplar WHERE (series_id, at) IN
                   (SELECT series_id, at FROM exemplar WHERE at < $1 LIMIT $2)",
                before,
            )
            .await?;
        }
        if let Some(most) = bounds.sample_bytes {
            let sizes = "SELECT CAST(sum(length(body)) AS BIGINT), max(end_time) FROM sample_chunk
                 GROUP BY end_time / 3600000000 ORDER BY 2 DESC";
            if let Some(before) = self.age_beyond(sizes, most).await? {
                chunks += self.expire_samples(before).await?;
            }
        }
        if let Some(before) = bounds.reports_before {
            self.in_slices(
                "DELETE FROM window_report WHERE (bucket, model_id, environment, reference, from_time) IN
                   (SELECT bucket, model_id, environment, reference, from_time FROM window_report
                    WHERE to_time < $1 AND computed_at < $1 LIMIT $2)",
                before,
            )
            .await?;
        }
        self.give_back().await?;
        Ok((segments, chunks))
    }

    /// Gives space that deletes have freed back to the file system, as far as the database can.
    pub async fn give_back(&self) -> Result<()> {
        self.database.give_back().await
    }

    /// The instant before which everything must go for the rest to take at most so many bytes. The
    /// statement gives sizes and last instants, newest first.
    async fn age_beyond(&self, sizes: &'static str, most: u64) -> Result<Option<Timestamp>> {
        let mut sum = 0;
        for row in self.database.fetch(sizes, vec![]).await? {
            sum += row.int(0)?.max(0) as u64;
            if sum > most {
                return Ok(Some(row.time(1)?.plus(1)));
            }
        }
        Ok(None)
    }

    async fn expire_segments(&self, held: Held, before: Timestamp, arrived: Timestamp) -> Result<u64> {
        let mut gone = 0;
        loop {
            let rows = self.database.fetch(held.old(), params![before, arrived]).await?;
            if rows.is_empty() {
                return Ok(gone);
            }
            let mut transaction = self.database.begin_exclusive().await?;
            for row in &rows {
                let (id, bucket) = (row.int(0)?, row.int(1)?);
                for sql in [
                    "DELETE FROM segment_column WHERE bucket = $1 AND segment_id = $2",
                    "DELETE FROM segment WHERE bucket = $1 AND id = $2",
                ] {
                    transaction.execute(sql, params![bucket, id]).await?;
                }
            }
            transaction.commit().await?;
            for row in &rows {
                self.catalogue.drop_segments(row.int(2)?, &[row.int(0)?]);
            }
            gone += rows.len() as u64;
            if rows.len() < SEGMENTS_AT_ONCE {
                return Ok(gone);
            }
        }
    }

    /// Labels that came before, merged or waiting for an event that never came.
    async fn expire_labels(&self, before: Timestamp) -> Result<()> {
        self.in_slices(
            "DELETE FROM label_log WHERE (bucket, seq) IN
               (SELECT bucket, seq FROM label_log WHERE received_at < $1 AND merged = 1 LIMIT $2)",
            before,
        )
        .await?;
        self.in_slices(
            "DELETE FROM label_orphan WHERE (bucket, id) IN
               (SELECT bucket, id FROM label_orphan WHERE newest_received < $1 AND newest_received > 0 LIMIT $2)",
            before,
        )
        .await
    }

    async fn in_slices(&self, sql: &'static str, before: Timestamp) -> Result<()> {
        while self.database.execute(sql, params![before, ROWS_AT_ONCE]).await? >= ROWS_AT_ONCE as u64 {}
        Ok(())
    }

    /// How much each kind takes.
    pub async fn kept(&self) -> Result<Kept> {
        const SQL: &str = "SELECT
                (SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM segment WHERE bucket NOT IN (-1, -2)),
                (SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM segment WHERE bucket = -1),
                (SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM segment WHERE bucket = -2),
                (SELECT CAST(coalesce(sum(length(body)), 0) AS BIGINT) FROM label_log),
                (SELECT CAST(coalesce(sum(length(body)), 0) AS BIGINT) FROM sample_chunk),
                (SELECT CAST(coalesce(sum(length(body) + length(shares)), 0) AS BIGINT) FROM window_report)";
        let Some(row) = self.database.fetch_one(SQL, vec![]).await? else {
            return Ok(Kept::default());
        };
        let number = |column: usize| -> Result<u64> { Ok(row.int(column)?.max(0) as u64) };
        Ok(Kept {
            event_bytes: number(0)?,
            span_bytes: number(1)?,
            log_bytes: number(2)?,
            label_bytes: number(3)?,
            sample_bytes: number(4)?,
            report_bytes: number(5)?,
        })
    }
}

/// A log of PostgreSQL's that has little in it is made small again when it takes this much more.
const LOG_SPARE: i64 = 32 << 20;
/// And only while so little is in it that whoever writes to it waits for milliseconds.
const LOG_LITTLE: i64 = 16 << 20;

impl Database {
    async fn give_back(&self) -> Result<()> {
        match self {
            Database::Sqlite { writer, .. } => {
                // Some pages at a time: the writer waits for each step.
                for _ in 0..1000 {
                    let before = sqlx::query_scalar::<_, i64>("PRAGMA freelist_count").fetch_one(writer).await?;
                    if before == 0 {
                        break;
                    }
                    sqlx::query("PRAGMA incremental_vacuum(1000)").execute(writer).await?;
                    let after = sqlx::query_scalar::<_, i64>("PRAGMA freelist_count").fetch_one(writer).await?;
                    if after >= before {
                        break;
                    }
                }
            }
            // What passes through a log leaves as much room as ever waited in it. PostgreSQL gives that back by
            // itself only when nothing at all is left at the end of the table.
            Database::Postgres { pool, .. } => {
                shrink(
                    pool,
                    "SELECT pg_total_relation_size('fresh'), CAST(coalesce(sum(octet_length(body)), 0) AS BIGINT) FROM fresh",
                    "VACUUM (FULL) fresh",
                )
                .await?;
                shrink(
                    pool,
                    "SELECT pg_total_relation_size('sample_fresh'), CAST(coalesce(sum(octet_length(body)), 0) AS BIGINT)
                     FROM sample_fresh",
                    "VACUUM (FULL) sample_fresh",
                )
                .await?;
            }
        }
        Ok(())
    }
}

/// Writes a log anew without the room that it no longer needs. `sizes` says how much it takes and how much is in it.
async fn shrink(pool: &PgPool, sizes: &'static str, vacuum: &'static str) -> Result<()> {
    let (takes, holds) = sqlx::query_as::<_, (i64, i64)>(sizes).fetch_one(pool).await?;
    if holds > LOG_LITTLE || takes < 2 * holds + LOG_SPARE {
        return Ok(());
    }
    // Nobody waits behind it while it waits for somebody who reads for long: it is tried again later.
    let mut connection = pool.acquire().await?;
    sqlx::query("SET lock_timeout = '1s'").execute(&mut *connection).await?;
    let done = sqlx::query(vacuum).execute(&mut *connection).await;
    sqlx::query("RESET lock_timeout").execute(&mut *connection).await?;
    const LOCK_NOT_AVAILABLE: &str = "55P03";
    match done {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => Ok(()),
        done => Ok(done.map(|_| ())?),
    }
}

//! Window reports and the spans that must be computed again. Derived, never precious.

use domain::verdict::{Shares, WindowReport};
use domain::{TimeRange, Timestamp};

use crate::codec;
use crate::database::{Transaction, Value, params};
use crate::sql::{size_for, with_places};
use crate::{Result, Store};

/// A span of event time whose windows are out of date.
#[derive(Debug, Clone, PartialEq)]
pub struct DirtySpan {
    pub id: i64,
    pub model_id: i64,
    /// An environment, `*` for all of the model's, or `#baseline/NAME`.
    pub environment: String,
    pub range: TimeRange,
    pub reason: String,
}

/// Whole reports in memory at once, while only a part of each is wanted.
const AT_ONCE: i64 = 256;

/// Reports of a baseline's own windows are filed under this instead of an environment.
pub const BASELINE: &str = "#baseline";

/// What the key of a report holds before the time at which its window begins. Without this part of it, a database
/// would look through all windows of an environment for a few of them.
fn of_baseline(environment: &str) -> bool {
    environment == BASELINE
}

/// Reports of the windows that share an instant with a range. Windows of one environment do not overlap: but for the
/// last that begins at or before it, all of them begin within it.
macro_rules! sharing {
    ($wanted:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $wanted,
            " FROM window_report WHERE bucket = $1 AND model_id = $1 AND environment = $2 AND reference = $3
             AND from_time >= (SELECT coalesce(max(from_time), $4) FROM window_report WHERE bucket = $1
                               AND model_id = $1 AND environment = $2 AND reference = $3 AND from_time <= $4)
             AND from_time < $5 AND to_time > $4 ",
            $rest
        )
    };
}

#[derive(Debug, Clone, PartialEq)]
pub struct StoredReport {
    pub report: WindowReport,
    /// By column name: the distributions behind its verdict.
    pub shares: Vec<(String, Shares)>,
}

async fn clear(transaction: &mut Transaction, spans: &[DirtySpan]) -> Result<()> {
    for part in spans.chunks(128) {
        let size = size_for(part.len());
        let ids = (0..size).map(|i| Value::from(part[i.min(part.len() - 1)].id)).collect();
        transaction.execute(with_places("DELETE FROM dirty WHERE id IN ({})", &[size]), ids).await?;
    }
    Ok(())
}

impl Store {
    /// How many stretches of time wait to be evaluated.
    pub async fn dirty_count(&self) -> Result<i64> {
        let rows = self.database.fetch("SELECT COUNT(*) FROM dirty", vec![]).await?;
        rows.first().map_or(Ok(0), |row| row.int(0))
    }

    /// Whether a model waits to be judged again whole: somebody changed what it is held against.
    pub async fn dirty_whole(&self) -> Result<bool> {
        let rows = self.database.fetch("SELECT 1 FROM dirty WHERE environment = '*' LIMIT 1", vec![]).await?;
        Ok(!rows.is_empty())
    }

    pub async fn dirty_spans(&self) -> Result<Vec<DirtySpan>> {
        let rows = self
            .database
            .fetch(
                "SELECT id, model_id, environment, from_time, to_time, reason FROM dirty ORDER BY id LIMIT 20000",
                vec![],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(DirtySpan {
                    id: row.int(0)?,
                    model_id: row.int(1)?,
                    environment: row.text(2)?,
                    range: TimeRange { from: row.time(3)?, to: row.time(4)? },
                    reason: row.text(5)?,
                })
            })
            .collect()
    }

    /// Stores reports of one model and environment, forgets the windows they replace, and clears
    /// the spans that led to them, in one transaction: a crash between would only compute twice.
    pub async fn put_reports(
        &self,
        model_id: i64,
        environment: &str,
        replaced: TimeRange,
        reports: &[StoredReport],
        cleared: &[DirtySpan],
    ) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        transaction
            .execute(
                "DELETE FROM window_report WHERE bucket = $1 AND model_id = $1 AND environment = $2 AND reference = $3
                 AND from_time >= $4 AND from_time < $5",
                params![model_id, environment, of_baseline(environment), replaced.from, replaced.to],
            )
            .await?;
        for stored in reports {
            let report = &stored.report;
            transaction
                .execute(
                    "INSERT INTO window_report (bucket, model_id, environment, reference, from_time, to_time, state,
                                                revision, computed_at, body, shares)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                     ON CONFLICT (bucket, model_id, environment, reference, from_time) DO UPDATE SET
                         to_time = excluded.to_time, state = excluded.state, revision = excluded.revision,
                         computed_at = excluded.computed_at, body = excluded.body, shares = excluded.shares",
                    params![
                        model_id,
                        model_id,
                        environment,
                        of_baseline(environment),
                        report.range.from,
                        report.range.to,
                        report.state.title(),
                        i64::from(report.revision),
                        report.computed_at,
                        codec::encode_json(report),
                        codec::encode_json(&stored.shares),
                    ],
                )
                .await?;
        }
        clear(&mut transaction, cleared).await?;
        transaction.commit().await
    }

    pub async fn clear_dirty(&self, spans: &[DirtySpan]) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        clear(&mut transaction, spans).await?;
        transaction.commit().await
    }

    /// Reports of windows that share an instant with the range, in order of time.
    pub async fn reports(&self, model_id: i64, environment: &str, range: TimeRange) -> Result<Vec<WindowReport>> {
        self.of_reports(model_id, environment, range, |report| report).await
    }

    /// What is wanted of each of these reports, one after the other: whole ones of many windows fill memory.
    pub async fn of_reports<T>(
        &self,
        model_id: i64,
        environment: &str,
        range: TimeRange,
        wanted: impl Fn(WindowReport) -> T,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        let mut begin = Timestamp::MIN;
        loop {
            let rows = self
                .database
                .fetch(
                    sharing!("body, from_time", "AND from_time >= $6 ORDER BY from_time LIMIT $7"),
                    params![model_id, environment, of_baseline(environment), range.from, range.to, begin, AT_ONCE],
                )
                .await?;
            for row in &rows {
                found.push(wanted(codec::decode_json(&row.blob(0)?)?));
            }
            match rows.last() {
                Some(last) if rows.len() as i64 == AT_ONCE => begin = last.time(1)?.plus(1),
                _ => return Ok(found),
            }
        }
    }

    /// The newest reports of an environment, at most `count`, in order of time.
    pub async fn newest_reports(&self, model_id: i64, environment: &str, count: i64) -> Result<Vec<WindowReport>> {
        self.of_newest_reports(model_id, environment, TimeRange::ALL, count, |report| report).await
    }

    /// What is wanted of the newest of the reports of windows that share an instant with the range, at most `count`,
    /// in order of time.
    pub async fn of_newest_reports<T>(
        &self,
        model_id: i64,
        environment: &str,
        range: TimeRange,
        count: i64,
        wanted: impl Fn(WindowReport) -> T,
    ) -> Result<Vec<T>> {
        let rows = self
            .database
            .fetch(
                sharing!("body", "ORDER BY from_time DESC LIMIT $6"),
                params![model_id, environment, of_baseline(environment), range.from, range.to, count],
            )
            .await?;
        rows.iter().rev().map(|row| Ok(wanted(codec::decode_json(&row.blob(0)?)?))).collect()
    }

    /// Changes whenever a report of a window that begins in the range does: how many there are, and when the newest
    /// was computed.
    pub async fn reports_stamp(&self, model_id: i64, environment: &str, range: TimeRange) -> Result<(i64, i64)> {
        let row = self
            .database
            .fetch_one(
                "SELECT COUNT(*), COALESCE(MAX(computed_at), 0) FROM window_report
                 WHERE bucket = $1 AND model_id = $1 AND environment = $2 AND reference = $3
                 AND from_time >= $4 AND from_time < $5",
                params![model_id, environment, of_baseline(environment), range.from, range.to],
            )
            .await?;
        row.map_or(Ok((0, 0)), |row| Ok((row.int(0)?, row.int(1)?)))
    }

    /// Reports of windows that begin in the range, in order of time; where there are more than `most`, about so many
    /// of them, over all of it and at no rhythm: every so many-th of hourly ones could always be the same hour of the
    /// day. `count` is how many there are. The same windows give the same ones.
    pub async fn some_reports(
        &self,
        model_id: i64,
        environment: &str,
        range: TimeRange,
        count: i64,
        most: i64,
    ) -> Result<Vec<WindowReport>> {
        // Squares modulo a prime are as good as random for what comes at equal steps.
        const PRIME: i64 = 10_007;
        let kept = if count > most { PRIME * most / count } else { PRIME };
        let rows = self
            .database
            .fetch(
                "SELECT body FROM window_report
                 WHERE bucket = $1 AND model_id = $1 AND environment = $2 AND reference = $3
                 AND from_time >= $4 AND from_time < $5
                 AND ((from_time / 1000000) % $6) * ((from_time / 1000000) % $6) % $6 < $7 ORDER BY from_time",
                params![model_id, environment, of_baseline(environment), range.from, range.to, PRIME, kept],
            )
            .await?;
        rows.iter().map(|row| codec::decode_json(&row.blob(0)?)).collect()
    }

    /// The distributions of one window, by column.
    pub async fn shares(&self, model_id: i64, environment: &str, from: Timestamp) -> Result<Vec<(String, Shares)>> {
        let row = self
            .database
            .fetch_one(
                "SELECT shares FROM window_report
                 WHERE bucket = $1 AND model_id = $1 AND environment = $2 AND reference = $3 AND from_time = $4",
                params![model_id, environment, of_baseline(environment), from],
            )
            .await?;
        match row {
            Some(row) => codec::decode_json(&row.blob(0)?),
            None => Ok(Vec::new()),
        }
    }
}

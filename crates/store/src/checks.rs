//! `plimsoll check` and `plimsoll backup`: is everything whole, how much is there, copy it.

use std::path::Path;

use crate::codec;
use crate::database::params;
use crate::{Result, Store, StoreError};

/// What a walk over every blob found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    pub blobs: u64,
    pub bytes: u64,
    /// Which row of which table, and what is wrong with it.
    pub damaged: Vec<String>,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    pub events: u64,
    pub fresh_events: u64,
    pub segments: u64,
    pub labels: u64,
    pub unmerged_labels: u64,
    pub series: u64,
    pub bytes: u64,
}

impl Store {
    /// Verifies the checksum of every blob, reading a bounded number at a time. `progress` is told
    /// after each table.
    pub async fn check(&self, mut progress: impl FnMut(&str, u64)) -> Result<CheckReport> {
        let mut report = CheckReport::default();
        const TABLES: [(&str, &str); 5] = [
            ("fresh", "SELECT seq, body FROM fresh WHERE seq > $1 ORDER BY seq LIMIT 64"),
            ("label_log", "SELECT seq, body FROM label_log WHERE seq > $1 ORDER BY seq LIMIT 64"),
            ("label_orphan", "SELECT id, body FROM label_orphan WHERE id > $1 ORDER BY id LIMIT 64"),
            ("sample_fresh", "SELECT seq, body FROM sample_fresh WHERE seq > $1 ORDER BY seq LIMIT 512"),
            ("segment", "SELECT id, id_filter FROM segment WHERE id > $1 ORDER BY id LIMIT 64"),
        ];
        for (table, sql) in TABLES {
            let mut last = i64::MIN;
            loop {
                let rows = self.database.fetch(sql, params![last]).await?;
                if rows.is_empty() {
                    break;
                }
                for row in rows {
                    last = row.int(0)?;
                    if table == "segment" {
                        self.check_segment(last, &mut report).await?;
                    } else {
                        note(&mut report, &row.blob(1)?, || format!("{table} row {last}"));
                    }
                }
            }
            progress(table, report.blobs);
        }
        report.damaged.extend(self.database.quick_check().await?);
        self.check_chunks(&mut report).await?;
        progress("sample_chunk", report.blobs);
        Ok(report)
    }

    async fn check_segment(&self, id: i64, report: &mut CheckReport) -> Result<()> {
        let rows =
            self.database.fetch("SELECT name, body FROM segment_column WHERE segment_id = $1", params![id]).await?;
        if rows.is_empty() {
            report.damaged.push(format!("segment {id}: it has no columns"));
        }
        for row in rows {
            let name = row.text(0)?;
            note(report, &row.blob(1)?, || format!("segment {id}, column {name}"));
        }
        Ok(())
    }

    async fn check_chunks(&self, report: &mut CheckReport) -> Result<()> {
        for (series, _) in self.series("").await? {
            const SQL: &str = "SELECT start_time, body FROM sample_chunk WHERE series_id = $1";
            let rows = self.database.fetch(SQL, params![series]).await?;
            for row in rows {
                let start = row.time(0)?;
                note(report, &row.blob(1)?, || format!("samples of series {series} from {start}"));
            }
        }
        Ok(())
    }

    pub async fn footprint(&self) -> Result<Footprint> {
        let row = self
            .database
            .fetch_one(
                "SELECT (SELECT CAST(coalesce(sum(event_rows), 0) AS BIGINT) FROM segment),
                        (SELECT CAST(coalesce(sum(event_rows), 0) AS BIGINT) FROM fresh),
                        (SELECT count(*) FROM segment),
                        (SELECT CAST(coalesce(sum(label_rows), 0) AS BIGINT) FROM label_log),
                        (SELECT count(*) FROM series),
                        (SELECT CAST(coalesce(sum(label_rows), 0) AS BIGINT) FROM label_log WHERE merged = 0)",
                vec![],
            )
            .await?
            .ok_or_else(|| StoreError::Corrupt("counting gave no answer".into()))?;
        let number = |column: usize| -> Result<u64> { Ok(row.int(column)?.max(0) as u64) };
        let bytes = match self.file() {
            Some(file) => {
                let size = |path: &Path| std::fs::metadata(path).map_or(0, |m| m.len());
                let mut wal = file.clone().into_os_string();
                wal.push("-wal");
                size(&file) + size(Path::new(&wal))
            }
            None => {
                let row = self.database.fetch_one("SELECT pg_database_size(current_database())", vec![]).await?;
                row.map(|r| r.int(0)).transpose()?.unwrap_or_default().max(0) as u64
            }
        };
        Ok(Footprint {
            events: number(0)? + number(1)?,
            fresh_events: number(1)?,
            segments: number(2)?,
            labels: number(3)?,
            unmerged_labels: number(5)?,
            series: number(4)?,
            bytes,
        })
    }

    /// Copies the database to a new file while everything goes on, then verifies the copy's blobs.
    ///
    /// # Errors
    /// The target exists; the database is PostgreSQL (which has its own tools).
    pub async fn backup(&self, target: &Path) -> Result<()> {
        if target.exists() {
            return Err(StoreError::Conflict(format!("{} exists; name a file that does not", target.display())));
        }
        self.database.copy_to(target).await
    }
}

fn note(report: &mut CheckReport, blob: &[u8], place: impl Fn() -> String) {
    report.blobs += 1;
    report.bytes += blob.len() as u64;
    if let Err(error) = codec::verify(blob) {
        report.damaged.push(format!("{}: {error}", place()));
    }
}

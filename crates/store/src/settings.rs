//! Single settings of the installation, and the service probes people define.

use serde::{Deserialize, Serialize};

use crate::database::{is_unique_violation, params};
use crate::{Result, Store, StoreError};

/// A service that is asked from outside whether it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    pub id: i64,
    pub name: String,
    /// `https://host/path`, `http://…` or `tcp://host:port`.
    pub target: String,
    pub every_secs: i64,
    pub timeout_ms: i64,
    pub demo: bool,
}

impl Store {
    pub async fn setting(&self, name: &str) -> Result<Option<String>> {
        let row = self.database.fetch_one("SELECT value FROM setting WHERE name = $1", params![name]).await?;
        row.map(|row| row.text(0)).transpose()
    }

    pub async fn set_setting(&self, name: &str, value: &str) -> Result<()> {
        self.database
            .execute(
                "INSERT INTO setting (name, value) VALUES ($1, $2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                params![name, value],
            )
            .await?;
        Ok(())
    }

    pub async fn remove_setting(&self, name: &str) -> Result<()> {
        self.database.execute("DELETE FROM setting WHERE name = $1", params![name]).await?;
        Ok(())
    }

    pub async fn probes(&self) -> Result<Vec<Probe>> {
        let rows = self
            .database
            .fetch("SELECT id, name, target, every_secs, timeout_ms, demo FROM probe ORDER BY name", vec![])
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Probe {
                    id: row.int(0)?,
                    name: row.text(1)?,
                    target: row.text(2)?,
                    every_secs: row.int(3)?,
                    timeout_ms: row.int(4)?,
                    demo: row.flag(5)?,
                })
            })
            .collect()
    }

    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken.
    pub async fn create_probe(&self, probe: &Probe) -> Result<()> {
        self.database
            .execute(
                "INSERT INTO probe (name, target, every_secs, timeout_ms, demo) VALUES ($1, $2, $3, $4, $5)",
                params![probe.name.as_str(), probe.target.as_str(), probe.every_secs, probe.timeout_ms, probe.demo],
            )
            .await
            .map_err(|error| {
                if is_unique_violation(&error) {
                    StoreError::Conflict(format!("a probe named “{}” exists already", probe.name))
                } else {
                    error
                }
            })?;
        Ok(())
    }

    pub async fn delete_probe(&self, id: i64) -> Result<bool> {
        Ok(self.database.execute("DELETE FROM probe WHERE id = $1", params![id]).await? > 0)
    }

    /// The newest change to telemetry, as counters that only grow: events, labels, samples,
    /// reports, and what happens to alerts and incidents. Equal answers mean that nothing came in between.
    pub async fn change_counters(&self) -> Result<[i64; 5]> {
        let row = self
            .database
            .fetch_one(
                "SELECT (SELECT coalesce(max(seq), 0) FROM fresh), (SELECT coalesce(max(seq), 0) FROM label_log),
                        (SELECT coalesce(max(seq), 0) FROM sample_fresh),
                        (SELECT coalesce(max(computed_at), 0) FROM window_report), 
                        (SELECT coalesce(max(id), 0) FROM entry) + (SELECT coalesce(max(id), 0) FROM mention)",
                vec![],
            )
            .await?;
        match row {
            Some(row) => Ok([row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?, row.int(4)?]),
            None => Ok([0; 5]),
        }
    }

    /// Marks a span of event time of one environment, or `*` for all, as to be computed again.
    pub async fn mark_dirty(
        &self,
        model_id: i64,
        environment: &str,
        span: domain::TimeRange,
        reason: &str,
    ) -> Result<()> {
        self.database
            .execute(
                "INSERT INTO dirty (model_id, environment, from_time, to_time, reason) VALUES ($1, $2, $3, $4, $5)",
                params![model_id, environment, span.from, span.to, reason],
            )
            .await?;
        Ok(())
    }
}

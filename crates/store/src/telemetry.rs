//! What comes from outside besides events: changes, programs to ask for metrics, what arrived by which way,
//! notes on signals, declared dependencies, webhooks, exemplars.

use domain::conventions::SignalNote;
use domain::telemetry::{Arrival, Change};
use domain::{TimeRange, Timestamp};
use serde::{Deserialize, Serialize};

use crate::database::{Row, is_unique_violation, params};
use crate::{Result, Store, StoreError};

/// A program that is asked for its metrics, or one that tells which programs to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrapeJob {
    pub id: i64,
    pub job: String,
    pub url: String,
    pub discovery: bool,
    pub every_secs: i64,
    /// What is sent as `Authorization`; never shown again.
    #[serde(skip_serializing, default)]
    pub credentials: String,
}

/// A dependency that a person declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    pub id: i64,
    pub from: String,
    pub to: String,
    /// `service`, `model`, `database`, `queue`, `external`, `pipeline`.
    pub kind: String,
}

/// An address that a code host calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    pub id: i64,
    pub name: String,
    /// `github` or `gitlab`.
    pub kind: String,
    #[serde(skip_serializing, default)]
    pub token: String,
    #[serde(skip_serializing, default)]
    pub secret: String,
    pub environment: String,
    pub system: String,
    pub last_at: Option<Timestamp>,
}

/// One observation of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exemplar {
    pub series_id: i64,
    pub at: Timestamp,
    pub value: f64,
    pub labels: std::collections::BTreeMap<String, String>,
}

/// Changes of one answer at most.
const CHANGES_MAX: i64 = 1000;
const EXEMPLARS_MAX: i64 = 1000;

fn scrape_job(row: &Row) -> Result<ScrapeJob> {
    Ok(ScrapeJob {
        id: row.int(0)?,
        job: row.text(1)?,
        url: row.text(2)?,
        discovery: row.flag(3)?,
        every_secs: row.int(4)?,
        credentials: row.text(5)?,
    })
}

fn webhook(row: &Row) -> Result<Webhook> {
    Ok(Webhook {
        id: row.int(0)?,
        name: row.text(1)?,
        kind: row.text(2)?,
        token: row.text(3)?,
        secret: row.text(4)?,
        environment: row.text(5)?,
        system: row.text(6)?,
        last_at: row.opt_int(7)?.map(Timestamp),
    })
}

fn taken(what: &str) -> impl FnOnce(StoreError) -> StoreError + '_ {
    move |error| {
        if is_unique_violation(&error) { StoreError::Conflict(format!("{what} exists already")) } else { error }
    }
}

impl Store {
    /// Keeps changes; those whose id is known are left as they are. Returns how many were new.
    pub async fn append_changes(&self, changes: &[Change], at: Timestamp) -> Result<u64> {
        const SQL: &str = "INSERT INTO change (id, at, received_at, kind, environment, system, service, model, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING";
        let mut transaction = self.database.begin_exclusive().await?;
        let mut new = 0;
        for change in changes {
            let body = serde_json::to_string(change).unwrap_or_default();
            new += transaction
                .execute(
                    SQL,
                    params![
                        change.id.as_str(),
                        change.at,
                        at,
                        change.kind.name(),
                        change.environment.as_str(),
                        change.system.as_str(),
                        change.service.as_str(),
                        change.model.as_str(),
                        body,
                    ],
                )
                .await?;
        }
        transaction.commit().await?;
        Ok(new)
    }

    /// Removes the changes whose id begins so.
    pub async fn delete_changes(&self, prefix: &str) -> Result<u64> {
        self.database.execute("DELETE FROM change WHERE substr(id, 1, length($1)) = $1", params![prefix]).await
    }

    /// Changes within a range, newest first. An empty filter lets everything through.
    pub async fn changes(&self, range: TimeRange, environment: &str, system: &str, model: &str) -> Result<Vec<Change>> {
        const SQL: &str = "SELECT body FROM change
             WHERE at >= $1 AND at < $2 AND ($3 = '' OR environment = $3 OR environment = '')
               AND ($4 = '' OR system = $4) AND ($5 = '' OR model = $5)
             ORDER BY at DESC, id LIMIT $6";
        let rows =
            self.database.fetch(SQL, params![range.from, range.to, environment, system, model, CHANGES_MAX]).await?;
        rows.iter().map(|row| row.json(0)).collect()
    }

    pub async fn scrape_jobs(&self) -> Result<Vec<ScrapeJob>> {
        const SQL: &str = "SELECT id, job, url, discovery, every_secs, credentials FROM scrape ORDER BY job, url";
        self.database.fetch(SQL, vec![]).await?.iter().map(scrape_job).collect()
    }

    /// # Errors
    /// [`StoreError::Conflict`] when the job asks this address already.
    pub async fn create_scrape_job(&self, job: &ScrapeJob, at: Timestamp) -> Result<()> {
        const SQL: &str = "INSERT INTO scrape (job, url, discovery, every_secs, credentials, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)";
        let values =
            params![job.job.as_str(), job.url.as_str(), job.discovery, job.every_secs, job.credentials.as_str(), at];
        self.database.execute(SQL, values).await.map_err(taken("a target of this job with this address"))?;
        Ok(())
    }

    pub async fn delete_scrape_job(&self, id: i64) -> Result<bool> {
        Ok(self.database.execute("DELETE FROM scrape WHERE id = $1", params![id]).await? > 0)
    }

    /// Adds to what came by some ways.
    pub async fn add_arrivals(&self, arrivals: &[Arrival]) -> Result<()> {
        const SQL: &str = "INSERT INTO arrival (way, accepted, refused, first_at, last_at, refused_at, reason)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (way) DO UPDATE SET accepted = arrival.accepted + excluded.accepted,
               refused = arrival.refused + excluded.refused, last_at = excluded.last_at,
               refused_at = coalesce(excluded.refused_at, arrival.refused_at),
               reason = CASE WHEN excluded.refused_at IS NULL THEN arrival.reason ELSE excluded.reason END";
        let mut transaction = self.database.begin_exclusive().await?;
        for arrival in arrivals {
            let values = params![
                arrival.way.as_str(),
                arrival.accepted as i64,
                arrival.refused as i64,
                arrival.first_at,
                arrival.last_at,
                arrival.refused_at.map(|t| t.0),
                arrival.reason.as_str(),
            ];
            transaction.execute(SQL, values).await?;
        }
        transaction.commit().await
    }

    pub async fn arrivals(&self) -> Result<Vec<Arrival>> {
        const SQL: &str =
            "SELECT way, accepted, refused, first_at, last_at, refused_at, reason FROM arrival ORDER BY way";
        let rows = self.database.fetch(SQL, vec![]).await?;
        rows.iter()
            .map(|row| {
                Ok(Arrival {
                    way: row.text(0)?,
                    accepted: row.int(1)?.max(0) as u64,
                    refused: row.int(2)?.max(0) as u64,
                    first_at: row.time(3)?,
                    last_at: row.time(4)?,
                    refused_at: row.opt_int(5)?.map(Timestamp),
                    reason: row.text(6)?,
                })
            })
            .collect()
    }

    /// What people say of signals, by metric.
    pub async fn signal_notes(&self) -> Result<std::collections::BTreeMap<String, SignalNote>> {
        let rows = self.database.fetch("SELECT name, body FROM signal_note ORDER BY name", vec![]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.json(1)?))).collect()
    }

    pub async fn set_signal_note(&self, name: &str, note: &SignalNote) -> Result<()> {
        const SQL: &str = "INSERT INTO signal_note (name, body) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET body = excluded.body";
        let body = serde_json::to_string(note).unwrap_or_default();
        self.database.execute(SQL, params![name, body]).await?;
        Ok(())
    }

    pub async fn dependencies(&self) -> Result<Vec<Dependency>> {
        const SQL: &str = "SELECT id, from_name, to_name, kind FROM dependency ORDER BY from_name, to_name";
        let rows = self.database.fetch(SQL, vec![]).await?;
        rows.iter()
            .map(|row| Ok(Dependency { id: row.int(0)?, from: row.text(1)?, to: row.text(2)?, kind: row.text(3)? }))
            .collect()
    }

    /// # Errors
    /// [`StoreError::Conflict`] when it is declared already.
    pub async fn declare_dependency(&self, from: &str, to: &str, kind: &str) -> Result<()> {
        const SQL: &str = "INSERT INTO dependency (from_name, to_name, kind) VALUES ($1, $2, $3)";
        self.database.execute(SQL, params![from, to, kind]).await.map_err(taken("that dependency"))?;
        Ok(())
    }

    pub async fn delete_dependency(&self, id: i64) -> Result<bool> {
        Ok(self.database.execute("DELETE FROM dependency WHERE id = $1", params![id]).await? > 0)
    }

    pub async fn webhooks(&self) -> Result<Vec<Webhook>> {
        const SQL: &str =
            "SELECT id, name, kind, token, secret, environment, system, last_at FROM webhook ORDER BY name";
        self.database.fetch(SQL, vec![]).await?.iter().map(webhook).collect()
    }

    pub async fn webhook(&self, token: &str) -> Result<Option<Webhook>> {
        const SQL: &str =
            "SELECT id, name, kind, token, secret, environment, system, last_at FROM webhook WHERE token = $1";
        self.database.fetch_one(SQL, params![token]).await?.as_ref().map(webhook).transpose()
    }

    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken.
    pub async fn create_webhook(&self, hook: &Webhook, at: Timestamp) -> Result<()> {
        const SQL: &str = "INSERT INTO webhook (name, kind, token, secret, environment, system, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let values = params![
            hook.name.as_str(),
            hook.kind.as_str(),
            hook.token.as_str(),
            hook.secret.as_str(),
            hook.environment.as_str(),
            hook.system.as_str(),
            at,
        ];
        self.database.execute(SQL, values).await.map_err(taken("a webhook of this name"))?;
        Ok(())
    }

    pub async fn delete_webhook(&self, id: i64) -> Result<bool> {
        Ok(self.database.execute("DELETE FROM webhook WHERE id = $1", params![id]).await? > 0)
    }

    pub async fn note_webhook(&self, id: i64, at: Timestamp) -> Result<()> {
        self.database.execute("UPDATE webhook SET last_at = $2 WHERE id = $1", params![id, at]).await?;
        Ok(())
    }

    pub async fn append_exemplars(&self, exemplars: &[Exemplar]) -> Result<()> {
        const SQL: &str = "INSERT INTO exemplar (series_id, at, value, labels) VALUES ($1, $2, $3, $4)
             ON CONFLICT (series_id, at) DO NOTHING";
        let mut transaction = self.database.begin_exclusive().await?;
        for exemplar in exemplars {
            let labels = serde_json::to_string(&exemplar.labels).unwrap_or_default();
            transaction.execute(SQL, params![exemplar.series_id, exemplar.at, exemplar.value, labels]).await?;
        }
        transaction.commit().await
    }

    /// Exemplars of a series within a range, newest first.
    pub async fn exemplars(&self, series: i64, range: TimeRange) -> Result<Vec<Exemplar>> {
        const SQL: &str = "SELECT at, value, labels FROM exemplar WHERE series_id = $1 AND at >= $2 AND at < $3
             ORDER BY at DESC LIMIT $4";
        let rows = self.database.fetch(SQL, params![series, range.from, range.to, EXEMPLARS_MAX]).await?;
        rows.iter()
            .map(|row| {
                Ok(Exemplar {
                    series_id: series,
                    at: row.time(0)?,
                    value: row.opt_real(1)?.unwrap_or(f64::NAN),
                    labels: row.json(2)?,
                })
            })
            .collect()
    }
}

//! Runs of responses: what was proposed, decided and done about alerts.

use domain::Timestamp;
use domain::response::Run;

use crate::database::{Row, params};
use crate::{Result, Store, StoreError};

/// Runs that are open at once, at most: one a response.
const OPEN_MAX: i64 = 1000;

fn run(row: &Row) -> Result<Run> {
    Ok(Run { id: row.int(0)?, ..row.json::<Run>(1)? })
}

fn body(run: &Run) -> Result<String> {
    serde_json::to_string(run).map_err(|e| StoreError::Conflict(e.to_string()))
}

impl Store {
    /// Keeps a new run and gives its number; `None` where another of the same response is not over.
    pub async fn add_run(&self, new: &Run) -> Result<Option<i64>> {
        const SQL: &str =
            "INSERT INTO response_run (response, state, fingerprint, incident_id, proposed_at, due_at, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id";
        let values = params![
            new.response.as_str(),
            new.state.name(),
            new.fingerprint.as_str(),
            new.incident,
            new.proposed_at,
            new.due_at,
            body(new)?
        ];
        self.database.execute_returning(SQL, values).await?.map(|row| row.int(0)).transpose()
    }

    /// Changes a run under its own lock; what refuses changes nothing. `None` where there is none of the number.
    pub async fn change_run<E: Send>(
        &self,
        id: i64,
        change: impl FnOnce(Run) -> std::result::Result<Run, E> + Send,
    ) -> Result<Option<std::result::Result<Run, E>>> {
        let mut transaction = self.database.begin().await?;
        const LOCK: &str = "UPDATE response_run SET due_at = due_at WHERE id = $1 RETURNING id, body";
        let rows = transaction.fetch(LOCK, params![id]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let changed = match change(run(row)?) {
            Ok(changed) => changed,
            Err(refusal) => return Ok(Some(Err(refusal))),
        };
        const SQL: &str = "UPDATE response_run SET state = $2, due_at = $3, body = $4 WHERE id = $1";
        transaction.execute(SQL, params![id, changed.state.name(), changed.due_at, body(&changed)?]).await?;
        transaction.commit().await?;
        Ok(Some(Ok(changed)))
    }

    /// Those to which something may still happen by itself, the oldest first.
    pub async fn runs_open(&self) -> Result<Vec<Run>> {
        const SQL: &str = "SELECT id, body FROM response_run
             WHERE state IN ('proposed', 'running', 'watched', 'undoing') ORDER BY id LIMIT $1";
        self.database.fetch(SQL, params![OPEN_MAX]).await?.iter().map(run).collect()
    }

    /// Those proposed since an instant, newest first.
    pub async fn runs_since(&self, since: Timestamp, limit: i64) -> Result<Vec<Run>> {
        const SQL: &str = "SELECT id, body FROM response_run WHERE proposed_at >= $1 ORDER BY id DESC LIMIT $2";
        self.database.fetch(SQL, params![since, limit]).await?.iter().map(run).collect()
    }

    /// Those of an incident, or of an alert, newest first.
    pub async fn runs_about(&self, incident: Option<i64>, fingerprint: &str, limit: i64) -> Result<Vec<Run>> {
        const OF_INCIDENT: &str = "SELECT id, body FROM response_run WHERE incident_id = $1 ORDER BY id DESC LIMIT $2";
        const OF_ALERT: &str = "SELECT id, body FROM response_run WHERE fingerprint = $1 ORDER BY id DESC LIMIT $2";
        let rows = match incident {
            Some(id) => self.database.fetch(OF_INCIDENT, params![id, limit]).await?,
            None => self.database.fetch(OF_ALERT, params![fingerprint, limit]).await?,
        };
        rows.iter().map(run).collect()
    }

    /// Removes those that were over before an instant.
    pub async fn expire_runs(&self, before: Timestamp) -> Result<u64> {
        const SQL: &str = "DELETE FROM response_run WHERE proposed_at < $1
             AND state NOT IN ('proposed', 'running', 'watched', 'undoing')";
        self.database.execute(SQL, params![before]).await
    }
}

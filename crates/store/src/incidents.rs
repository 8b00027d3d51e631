//! Incidents and annotations: what people handle and what they know.

use domain::annotation::Annotation;
use domain::incident::Incident;
use domain::{TimeRange, Timestamp};

use crate::alerts::put_incident;
use crate::database::{Row, params};
use crate::{Result, Store, StoreError};

fn incident(row: &Row) -> Result<Incident> {
    Ok(Incident { id: row.int(0)?, ..row.json::<Incident>(1)? })
}

fn annotation(row: &Row) -> Result<Annotation> {
    Ok(Annotation { id: row.int(0)?, ..row.json::<Annotation>(1)? })
}

fn body(value: &Annotation) -> Result<String> {
    serde_json::to_string(value).map_err(|e| StoreError::Conflict(format!("it cannot be written as JSON: {e}")))
}

impl Store {
    /// Incidents that are not resolved, newest first.
    pub async fn incidents_open(&self) -> Result<Vec<Incident>> {
        const SQL: &str = "SELECT id, body FROM incident WHERE resolved_at IS NULL ORDER BY id DESC";
        self.database.fetch(SQL, vec![]).await?.iter().map(incident).collect()
    }

    /// Incidents opened within a range, newest first.
    pub async fn incidents(&self, range: TimeRange, limit: i64) -> Result<Vec<Incident>> {
        const SQL: &str = "SELECT id, body FROM incident WHERE opened_at >= $1 AND opened_at < $2
             ORDER BY id DESC LIMIT $3";
        self.database.fetch(SQL, params![range.from, range.to, limit]).await?.iter().map(incident).collect()
    }

    pub async fn incident(&self, id: i64) -> Result<Option<Incident>> {
        let row = self.database.fetch_one("SELECT id, body FROM incident WHERE id = $1", params![id]).await?;
        row.as_ref().map(incident).transpose()
    }

    /// Changes an incident as it stands now, under its row's lock.
    pub async fn change_incident(
        &self,
        id: i64,
        change: impl FnOnce(&mut Incident) + Send,
    ) -> Result<Option<Incident>> {
        let mut transaction = self.database.begin().await?;
        const LOCK: &str = "UPDATE incident SET opened_at = opened_at WHERE id = $1 RETURNING id, body";
        let rows = transaction.fetch(LOCK, params![id]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let mut found = incident(row)?;
        change(&mut found);
        put_incident(&mut transaction, &found).await?;
        transaction.commit().await?;
        Ok(Some(found))
    }

    /// Annotations that touch a range, oldest first.
    pub async fn annotations(&self, range: TimeRange, limit: i64) -> Result<Vec<Annotation>> {
        const SQL: &str = "SELECT id, body FROM annotation WHERE at < $2 AND until_at >= $1 ORDER BY at, id LIMIT $3";
        self.database.fetch(SQL, params![range.from, range.to, limit]).await?.iter().map(annotation).collect()
    }

    pub async fn annotations_of_incident(&self, incident: i64) -> Result<Vec<Annotation>> {
        const SQL: &str = "SELECT id, body FROM annotation WHERE incident_id = $1 ORDER BY at, id LIMIT 1000";
        self.database.fetch(SQL, params![incident]).await?.iter().map(annotation).collect()
    }

    pub async fn annotation(&self, id: i64) -> Result<Option<Annotation>> {
        let row = self.database.fetch_one("SELECT id, body FROM annotation WHERE id = $1", params![id]).await?;
        row.as_ref().map(annotation).transpose()
    }

    pub async fn create_annotation(&self, new: &Annotation) -> Result<i64> {
        const SQL: &str =
            "INSERT INTO annotation (at, until_at, incident_id, body) VALUES ($1, $2, $3, $4) RETURNING id";
        let until = new.body.until.unwrap_or(new.body.at);
        let values = params![new.body.at, until, new.body.subject.incident, body(new)?];
        self.database.execute_returning(SQL, values).await?.map_or(Ok(0), |row| row.int(0))
    }

    /// Changes an annotation as it stands now, under its row's lock.
    pub async fn change_annotation(
        &self,
        id: i64,
        change: impl FnOnce(&mut Annotation) + Send,
    ) -> Result<Option<Annotation>> {
        let mut transaction = self.database.begin().await?;
        const LOCK: &str = "UPDATE annotation SET at = at WHERE id = $1 RETURNING id, body";
        let rows = transaction.fetch(LOCK, params![id]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let mut found = annotation(row)?;
        change(&mut found);
        const SQL: &str = "UPDATE annotation SET at = $2, until_at = $3, body = $4 WHERE id = $1";
        let until: Timestamp = found.body.until.unwrap_or(found.body.at);
        transaction.execute(SQL, params![id, found.body.at, until, body(&found)?]).await?;
        transaction.commit().await?;
        Ok(Some(found))
    }

    pub async fn delete_annotation(&self, id: i64) -> Result<bool> {
        Ok(self.database.execute("DELETE FROM annotation WHERE id = $1", params![id]).await? > 0)
    }
}

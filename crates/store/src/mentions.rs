//! Where people were named in what others wrote, until they saw it and a while after.

use domain::Timestamp;
use domain::mention::Mention;

use crate::database::params;
use crate::{Result, Store, StoreError};

/// Mentions that are kept of one person.
const KEPT: i64 = 200;

impl Store {
    pub async fn note_mention(&self, person: i64, mention: &Mention) -> Result<()> {
        let body = serde_json::to_string(mention).map_err(|e| StoreError::Conflict(e.to_string()))?;
        let mut transaction = self.database.begin().await?;
        const SQL: &str = "INSERT INTO mention (person_id, at, body) VALUES ($1, $2, $3)";
        transaction.execute(SQL, params![person, mention.at, body]).await?;
        const KEEP: &str = "DELETE FROM mention WHERE person_id = $1 AND id <=
             (SELECT id FROM mention WHERE person_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)";
        transaction.execute(KEEP, params![person, KEPT]).await?;
        transaction.commit().await
    }

    /// Mentions of a person, newest first.
    pub async fn mentions(&self, person: i64) -> Result<Vec<Mention>> {
        const SQL: &str = "SELECT body, seen_at FROM mention WHERE person_id = $1 ORDER BY id DESC";
        let rows = self.database.fetch(SQL, params![person]).await?;
        rows.iter().map(|row| Ok(Mention { seen: row.opt_int(1)?.is_some(), ..row.json(0)? })).collect()
    }

    pub async fn see_mentions(&self, person: i64, at: Timestamp) -> Result<()> {
        const SQL: &str = "UPDATE mention SET seen_at = $2 WHERE person_id = $1 AND seen_at IS NULL";
        self.database.execute(SQL, params![person, at]).await?;
        Ok(())
    }

    pub async fn unseen_mentions(&self, person: i64) -> Result<u64> {
        const SQL: &str = "SELECT count(*) FROM mention WHERE person_id = $1 AND seen_at IS NULL";
        let row = self.database.fetch_one(SQL, params![person]).await?;
        row.map_or(Ok(0), |row| Ok(row.int(0)?.max(0) as u64))
    }
}

//! Pages shown to others by link: what was shared, until when, and who looked.

use domain::Timestamp;
use domain::share::{Share, Visit};

use crate::database::{Row, params};
use crate::{Result, Store, StoreError};

/// Visits that are kept of one share.
const VISITS_KEPT: i64 = 500;

fn share(row: &Row) -> Result<Share> {
    let id = row.int(0)?;
    let revoked_at = row.opt_int(2)?.map(Timestamp);
    Ok(Share { id, revoked_at, ..row.json::<Share>(1)? })
}

impl Store {
    pub async fn create_share(&self, new: &Share, token_hash: &[u8]) -> Result<i64> {
        const SQL: &str = "INSERT INTO share (token_hash, created_at, expires_at, body) VALUES ($1, $2, $3, $4)
             RETURNING id";
        let body = serde_json::to_string(new).map_err(|e| StoreError::Conflict(e.to_string()))?;
        let values = params![token_hash.to_vec(), new.created_at, new.expires_at.map(|t| t.0), body];
        self.database.execute_returning(SQL, values).await?.map_or(Ok(0), |row| row.int(0))
    }

    pub async fn share_by_token(&self, token_hash: &[u8]) -> Result<Option<Share>> {
        const SQL: &str = "SELECT id, body, revoked_at FROM share WHERE token_hash = $1";
        let row = self.database.fetch_one(SQL, params![token_hash.to_vec()]).await?;
        row.as_ref().map(share).transpose()
    }

    /// All, newest first.
    pub async fn share_links(&self) -> Result<Vec<Share>> {
        const SQL: &str = "SELECT id, body, revoked_at FROM share ORDER BY id DESC LIMIT 1000";
        self.database.fetch(SQL, vec![]).await?.iter().map(share).collect()
    }

    pub async fn revoke_share(&self, id: i64, at: Timestamp) -> Result<bool> {
        const SQL: &str = "UPDATE share SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
        Ok(self.database.execute(SQL, params![id, at]).await? > 0)
    }

    /// Notes that somebody looked.
    pub async fn note_visit(&self, share: i64, visit: &Visit) -> Result<()> {
        let mut transaction = self.database.begin().await?;
        const SQL: &str = "INSERT INTO share_visit (share_id, at, address, who) VALUES ($1, $2, $3, $4)";
        transaction.execute(SQL, params![share, visit.at, visit.address.as_str(), visit.who.as_str()]).await?;
        const KEEP: &str = "DELETE FROM share_visit WHERE share_id = $1 AND id <=
             (SELECT id FROM share_visit WHERE share_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)";
        transaction.execute(KEEP, params![share, VISITS_KEPT]).await?;
        transaction.commit().await
    }

    /// Visits of a share, newest first.
    pub async fn visits(&self, share: i64) -> Result<Vec<Visit>> {
        const SQL: &str = "SELECT at, address, who FROM share_visit WHERE share_id = $1 ORDER BY id DESC";
        let rows = self.database.fetch(SQL, params![share]).await?;
        rows.iter().map(|row| Ok(Visit { at: row.time(0)?, address: row.text(1)?, who: row.text(2)? })).collect()
    }

    /// Visits of each share: how many, and the last.
    pub async fn visits_of_all(&self) -> Result<Vec<(i64, u64, Timestamp)>> {
        const SQL: &str = "SELECT share_id, count(*), max(at) FROM share_visit GROUP BY share_id";
        let rows = self.database.fetch(SQL, vec![]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, row.int(1)?.max(0) as u64, row.time(2)?))).collect()
    }
}

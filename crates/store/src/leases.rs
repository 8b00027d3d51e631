//! Leases: background work is claimed, done and given back, by one process or many.

use domain::Timestamp;

use crate::database::params;
use crate::{Result, Store};

impl Store {
    /// Claims `name` for `holder` until `until`. True when it is theirs now: it was free, expired,
    /// or theirs already.
    pub async fn claim(&self, name: &str, holder: &str, now: Timestamp, until: Timestamp) -> Result<bool> {
        let changed = self
            .database
            .execute(
                "INSERT INTO lease (name, holder, until) VALUES ($1, $2, $4)
                 ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
                 WHERE lease.until < $3 OR lease.holder = $2",
                params![name, holder, now, until],
            )
            .await?;
        Ok(changed > 0)
    }

    /// Who holds leases whose names begin so, with the names. `prefix` has neither `%` nor `_`.
    pub async fn holders(&self, prefix: &str, now: Timestamp) -> Result<Vec<(String, String)>> {
        // Not by order: that of words differs from database to database.
        const SQL: &str = "SELECT name, holder FROM lease WHERE name LIKE $1 AND until > $2 ORDER BY name";
        let rows = self.database.fetch(SQL, params![format!("{prefix}%"), now]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    /// Removes leases of this beginning that ran out before an instant.
    pub async fn forget_leases(&self, prefix: &str, before: Timestamp) -> Result<u64> {
        const SQL: &str = "DELETE FROM lease WHERE name LIKE $1 AND until < $2";
        self.database.execute(SQL, params![format!("{prefix}%"), before]).await
    }

    pub async fn release(&self, name: &str, holder: &str) -> Result<()> {
        self.database.execute("DELETE FROM lease WHERE name = $1 AND holder = $2", params![name, holder]).await?;
        Ok(())
    }
}

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

    pub async fn release(&self, name: &str, holder: &str) -> Result<()> {
        self.database.execute("DELETE FROM lease WHERE name = $1 AND holder = $2", params![name, holder]).await?;
        Ok(())
    }
}

//! The record of deeds: added to, read, and let go when it is very old.

use domain::Timestamp;
use domain::audit::Deed;

use crate::database::{Row, params};
use crate::{Result, Store};

fn deed(row: &Row) -> Result<Deed> {
    Ok(Deed {
        id: row.int(0)?,
        at: row.time(1)?,
        actor: row.text(2)?,
        who: String::new(),
        action: row.text(3)?,
        object: row.text(4)?,
    })
}

impl Store {
    pub async fn record_audit(&self, actor: &str, action: &str, object: &str, at: Timestamp) -> Result<()> {
        const SQL: &str = "INSERT INTO audit (at, actor, action, object) VALUES ($1, $2, $3, $4)";
        self.database.execute(SQL, params![at, actor, action, object]).await?;
        Ok(())
    }

    /// Deeds after a number, oldest first: what a program asks for that has read so far.
    pub async fn deeds_after(&self, after: i64, limit: usize) -> Result<Vec<Deed>> {
        const SQL: &str = "SELECT id, at, actor, action, object FROM audit WHERE id > $1 ORDER BY id LIMIT $2";
        self.database.fetch(SQL, params![after, limit as i64]).await?.iter().map(deed).collect()
    }

    /// Deeds before a number, newest first, whose deed or object holds a text.
    pub async fn deeds_before(&self, before: i64, text: &str, limit: usize) -> Result<Vec<Deed>> {
        const SQL: &str = "SELECT id, at, actor, action, object FROM audit
             WHERE id < $1 AND (action LIKE $2 ESCAPE '!' OR object LIKE $2 ESCAPE '!') ORDER BY id DESC LIMIT $3";
        let escaped = text.replace('!', "!!").replace('%', "!%").replace('_', "!_");
        let values = params![before, format!("%{escaped}%"), limit as i64];
        self.database.fetch(SQL, values).await?.iter().map(deed).collect()
    }

    pub async fn expire_audit(&self, before: Timestamp) -> Result<u64> {
        self.database.execute("DELETE FROM audit WHERE at < $1", params![before]).await
    }
}

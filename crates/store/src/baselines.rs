//! Baselines as rows; the events of uploaded ones live in a stream of their own.

use domain::Timestamp;
use domain::baseline::{Baseline, BaselineSource};

use crate::database::{Row, params};
use crate::{Result, Store};

#[derive(Debug, Clone)]
pub struct NewBaseline {
    pub model_id: i64,
    pub name: String,
    pub source: BaselineSource,
}

fn baseline(row: &Row) -> Result<Baseline> {
    Ok(Baseline {
        id: row.int(0)?,
        model_id: row.int(1)?,
        name: row.text(2)?,
        source: row.json(3)?,
        active: row.flag(4)?,
        created_at: row.time(5)?,
    })
}

impl Store {
    /// Records a baseline, or changes the source of the one with that name, and makes it the one
    /// that verdicts compare with. All windows of the model become dirty.
    pub async fn activate_baseline(&self, new: &NewBaseline, at: Timestamp) -> Result<()> {
        let source = serde_json::to_string(&new.source).unwrap_or_default();
        let mut transaction = self.database.begin().await?;
        transaction.execute("UPDATE baseline SET active = 0 WHERE model_id = $1", params![new.model_id]).await?;
        transaction
            .execute(
                "INSERT INTO baseline (model_id, name, source, active, created_at) VALUES ($1, $2, $3, 1, $4)
                 ON CONFLICT (model_id, name) DO UPDATE SET source = excluded.source, active = 1",
                params![new.model_id, new.name.as_str(), source, at],
            )
            .await?;
        transaction
            .execute(
                "INSERT INTO dirty (model_id, environment, from_time, to_time, reason) VALUES ($1, '*', $2, $3, 'baseline')",
                params![new.model_id, Timestamp::MIN, Timestamp::MAX],
            )
            .await?;
        transaction.commit().await
    }

    pub async fn baselines(&self, model_id: i64) -> Result<Vec<Baseline>> {
        let rows = self
            .database
            .fetch(
                "SELECT id, model_id, name, source, active, created_at FROM baseline WHERE model_id = $1 ORDER BY id",
                params![model_id],
            )
            .await?;
        rows.iter().map(baseline).collect()
    }

    pub async fn active_baseline(&self, model_id: i64) -> Result<Option<Baseline>> {
        Ok(self.baselines(model_id).await?.into_iter().find(|b| b.active))
    }
}

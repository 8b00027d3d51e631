//! Models and their streams.

use domain::Timestamp;
use domain::event::EventKind;
use domain::model::{Model, ModelSettings, Schema, Task};

use crate::database::{Row, is_unique_violation, params};
use crate::{Result, Store, StoreError};

/// One run of events that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    pub id: i64,
    /// `None` for streams of the installation: spans, logs, feedback and the like.
    pub model_id: Option<i64>,
    pub kind: EventKind,
    /// The environment, or for baseline rows the baseline's name.
    pub environment: String,
}

/// The distribution column of what belongs to no model: a number below 0 for each kind.
fn bucket_of(kind: EventKind) -> i64 {
    match kind {
        EventKind::Span => -1,
        EventKind::Log => -2,
        EventKind::Feedback => -3,
        EventKind::Business => -4,
        EventKind::Evaluation => -5,
        EventKind::Prediction | EventKind::Baseline => 0,
    }
}

impl Stream {
    /// The distribution column: a model's telemetry lives together.
    pub(crate) fn bucket(&self) -> i64 {
        self.model_id.unwrap_or_else(|| bucket_of(self.kind))
    }

    /// The model whose windows its rows concern, and what their dirty spans are filed under.
    pub(crate) fn dirty_key(&self) -> Option<(i64, String)> {
        let key = match self.kind {
            EventKind::Prediction => self.environment.clone(),
            EventKind::Baseline => format!("#baseline/{}", self.environment),
            _ => return None,
        };
        Some((self.model_id?, key))
    }
}

#[derive(Debug, Clone)]
pub struct NewModel {
    pub name: String,
    pub title: String,
    pub system: String,
    pub task: Task,
    pub schema: Schema,
    pub settings: ModelSettings,
    pub demo: bool,
}

fn model(row: &Row) -> Result<Model> {
    let task = row.text(4)?;
    Ok(Model {
        id: row.int(0)?,
        name: row.text(1)?,
        title: row.text(2)?,
        system: row.text(3)?,
        task: Task::parse(&task)
            .ok_or_else(|| StoreError::Corrupt(format!("a model has the unknown task “{task}”")))?,
        schema: row.json(5)?,
        settings: row.json(6)?,
        created_at: row.time(7)?,
        replayed: row.flag(8)?,
        demo: row.flag(9)?,
    })
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

impl Store {
    /// Registers a model.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken.
    pub async fn create_model(&self, new: &NewModel, at: Timestamp) -> Result<Model> {
        let row = self
            .database
            .execute_returning(
                "INSERT INTO model (name, title, system, task, \"schema\", settings, created_at, demo)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
                params![
                    new.name.as_str(),
                    new.title.as_str(),
                    new.system.as_str(),
                    new.task.name(),
                    json(&new.schema),
                    json(&new.settings),
                    at,
                    new.demo,
                ],
            )
            .await
            .map_err(|error| {
                if is_unique_violation(&error) {
                    StoreError::Conflict(format!("a model named “{}” exists already", new.name))
                } else {
                    error
                }
            })?;
        let id = row.map(|r| r.int(0)).transpose()?.unwrap_or_default();
        self.model_by_id(id).await
    }

    pub async fn models(&self) -> Result<Vec<Model>> {
        const SQL: &str = "SELECT id, name, title, system, task, \"schema\", settings, created_at, replayed, demo
                           FROM model ORDER BY name";
        self.database.fetch(SQL, vec![]).await?.iter().map(model).collect()
    }

    pub async fn model(&self, name: &str) -> Result<Option<Model>> {
        const SQL: &str = "SELECT id, name, title, system, task, \"schema\", settings, created_at, replayed, demo
                           FROM model WHERE name = $1";
        self.database.fetch_one(SQL, params![name]).await?.as_ref().map(model).transpose()
    }

    pub async fn model_by_id(&self, id: i64) -> Result<Model> {
        const SQL: &str = "SELECT id, name, title, system, task, \"schema\", settings, created_at, replayed, demo
                           FROM model WHERE id = $1";
        match self.database.fetch_one(SQL, params![id]).await? {
            Some(row) => model(&row),
            None => Err(StoreError::NotFound(format!("model with the number {id}"))),
        }
    }

    /// Writes back what can be edited: title, system, task, schema, settings, whether replayed or simulated.
    pub async fn update_model(&self, model: &Model) -> Result<()> {
        let changed = self
            .database
            .execute(
                "UPDATE model SET title = $2, system = $3, task = $4, \"schema\" = $5, settings = $6, replayed = $7,
                                  demo = $8
                 WHERE id = $1",
                params![
                    model.id,
                    model.title.as_str(),
                    model.system.as_str(),
                    model.task.name(),
                    json(&model.schema),
                    json(&model.settings),
                    model.replayed,
                    model.demo,
                ],
            )
            .await?;
        if changed == 0 { Err(StoreError::NotFound(format!("model “{}”", model.name))) } else { Ok(()) }
    }

    /// Removes a model and everything kept of it.
    pub async fn delete_model(&self, id: i64) -> Result<()> {
        let mut transaction = self.database.begin_exclusive().await?;
        for sql in [
            "DELETE FROM segment_column WHERE bucket = $1",
            "DELETE FROM segment WHERE bucket = $1",
            "DELETE FROM fresh WHERE bucket = $1",
            "DELETE FROM label_log WHERE bucket = $1",
            "DELETE FROM label_orphan WHERE bucket = $1",
            "DELETE FROM window_report WHERE bucket = $1",
            "DELETE FROM dirty WHERE model_id = $1",
            "DELETE FROM baseline WHERE model_id = $1",
            "DELETE FROM stream WHERE model_id = $1",
            "DELETE FROM model WHERE id = $1",
        ] {
            transaction.execute(sql, params![id]).await?;
        }
        transaction.commit().await
    }

    /// The stream of a model's predictions in an environment, or of a baseline's rows; made when
    /// it is not there.
    pub async fn stream(&self, model_id: i64, kind: EventKind, environment: &str) -> Result<Stream> {
        if let Some(stream) = self.existing_stream(model_id, kind, environment).await? {
            return Ok(stream);
        }
        self.make_stream(model_id, Some(model_id), kind, environment).await
    }

    /// The stream of what belongs to no model, of a kind and in an environment; made when it is not there.
    pub async fn telemetry_stream(&self, kind: EventKind, environment: &str) -> Result<Stream> {
        if let Some(stream) = self.existing_telemetry_stream(kind, environment).await? {
            return Ok(stream);
        }
        self.make_stream(bucket_of(kind), None, kind, environment).await
    }

    async fn make_stream(
        &self,
        bucket: i64,
        model_id: Option<i64>,
        kind: EventKind,
        environment: &str,
    ) -> Result<Stream> {
        self.database
            .execute(
                "INSERT INTO stream (bucket, model_id, kind, environment) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (bucket, kind, environment) DO NOTHING",
                params![bucket, model_id, kind.name(), environment],
            )
            .await?;
        self.find_stream(bucket, model_id, kind, environment)
            .await?
            .ok_or_else(|| StoreError::NotFound(format!("stream {environment}")))
    }

    /// Removes everything that a stream holds.
    pub async fn empty_stream(&self, stream: &Stream) -> Result<()> {
        let rows = self
            .database
            .fetch("SELECT id FROM segment WHERE bucket = $1 AND stream_id = $2", params![stream.bucket(), stream.id])
            .await?;
        let segments = rows.iter().map(|row| row.int(0)).collect::<Result<Vec<i64>>>()?;
        let mut transaction = self.database.begin_exclusive().await?;
        for sql in [
            "DELETE FROM segment_column WHERE bucket = $1 AND segment_id IN (SELECT id FROM segment WHERE bucket = $1 AND stream_id = $2)",
            "DELETE FROM segment WHERE bucket = $1 AND stream_id = $2",
            "DELETE FROM fresh WHERE bucket = $1 AND stream_id = $2",
        ] {
            transaction.execute(sql, params![stream.bucket(), stream.id]).await?;
        }
        transaction.commit().await?;
        self.catalogue.drop_segments(stream.id, &segments);
        Ok(())
    }

    pub async fn existing_telemetry_stream(&self, kind: EventKind, environment: &str) -> Result<Option<Stream>> {
        self.find_stream(bucket_of(kind), None, kind, environment).await
    }

    pub async fn existing_stream(&self, model_id: i64, kind: EventKind, environment: &str) -> Result<Option<Stream>> {
        self.find_stream(model_id, Some(model_id), kind, environment).await
    }

    async fn find_stream(
        &self,
        bucket: i64,
        model_id: Option<i64>,
        kind: EventKind,
        environment: &str,
    ) -> Result<Option<Stream>> {
        let row = self
            .database
            .fetch_one(
                "SELECT id FROM stream WHERE bucket = $1 AND kind = $2 AND environment = $3",
                params![bucket, kind.name(), environment],
            )
            .await?;
        row.map(|row| Ok(Stream { id: row.int(0)?, model_id, kind, environment: environment.to_string() })).transpose()
    }

    /// All streams of a bucket: those of a model, by its number, or those of one kind that belong to none.
    pub async fn streams(&self, bucket: i64) -> Result<Vec<Stream>> {
        const SQL: &str = "SELECT id, kind, environment, model_id FROM stream WHERE bucket = $1 ORDER BY id";
        let rows = self.database.fetch(SQL, params![bucket]).await?;
        rows.iter()
            .map(|row| {
                let kind = row.text(1)?;
                let kind = EventKind::parse(&kind)
                    .ok_or_else(|| StoreError::Corrupt(format!("a stream has the unknown kind “{kind}”")))?;
                Ok(Stream { id: row.int(0)?, model_id: row.opt_int(3)?, kind, environment: row.text(2)? })
            })
            .collect()
    }

    /// Events that were sent again so late that only compaction found out, and left them out.
    pub async fn late_duplicates(&self, stream: &Stream) -> Result<u64> {
        let row =
            self.database.fetch_one("SELECT late_duplicates FROM stream WHERE id = $1", params![stream.id]).await?;
        Ok(row.map(|r| r.int(0)).transpose()?.unwrap_or_default().max(0) as u64)
    }

    /// Buckets with enough fresh rows for a segment, or with labels to merge: numbers of models, or of kinds
    /// below 0.
    pub async fn buckets_with_work(&self) -> Result<Vec<i64>> {
        const SQL: &str =
            "SELECT bucket FROM fresh GROUP BY bucket, stream_id HAVING sum(event_rows) >= $1 OR count(*) >= 512
             UNION SELECT model_id FROM label_log WHERE merged = 0
             UNION SELECT model_id FROM label_orphan AS o
                   WHERE checked_segment < (SELECT coalesce(max(id), 0) FROM segment AS s WHERE s.bucket = o.bucket)";
        let rows = self.database.fetch(SQL, params![crate::BLOCK_ROWS as i64]).await?;
        rows.iter().map(|row| row.int(0)).collect()
    }

    /// Every environment that something came from.
    pub async fn environments(&self) -> Result<Vec<String>> {
        let rows = self
            .database
            .fetch("SELECT DISTINCT environment FROM stream WHERE kind <> 'baseline' ORDER BY environment", vec![])
            .await?;
        rows.iter().map(|row| row.text(0)).collect()
    }
}

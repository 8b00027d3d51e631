//! From bytes on the wire to rows in the store: decode, map, keep, answer line by line.

pub mod body;
pub mod cells;
pub mod changes;
pub mod cloud_events;
pub mod decode;
pub mod exposition;
pub mod json;
pub mod log_lines;
pub mod map;
pub mod otlp;
pub mod parquet_columns;
pub mod privacy;
pub mod protobuf;
pub mod records;
pub mod remote_write;
pub mod targets;

use std::sync::Arc;

use domain::baseline::{Baseline, BaselineSource};
use domain::event::EventKind;
use domain::model::{
    Mapping, Model, ModelSettings, Task, infer_positive, infer_schema, infer_task, model_name_problem,
};
use domain::problem::{LineError, Receipt};
use domain::{Action, Actor, Object, Timestamp, environment};
use store::{NewBaseline, NewModel};

use crate::{Engine, EngineError, Result};
pub use body::Body;
use body::{Tables, work};
use cells::Table;
use decode::Format;
use map::Mapped;
use targets::Target;

/// Models that there may be.
const MODELS_MAX: usize = 1000;
/// Errors named in an answer.
pub const ERRORS_NAMED: usize = 100;

/// What a sender says about a body besides the rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Envelope {
    pub mapping: Mapping,
    /// Default `production`.
    pub environment: Option<String>,
    /// Default: the model's name.
    pub system: Option<String>,
    /// Where given, the rows become this baseline instead of predictions.
    pub baseline: Option<String>,
    /// Added to every event time: a replay.
    pub shift: Option<Replay>,
}

/// A replay: the last event meets `now`, distances are divided by `speed`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Replay {
    pub last: Timestamp,
    pub now: Timestamp,
    pub speed: f64,
}

impl Replay {
    pub fn apply(&self, at: Timestamp) -> Timestamp {
        let distance = (self.last.0.saturating_sub(at.0)) as f64 / self.speed.max(1e-9);
        Timestamp(self.now.0 - distance as i64)
    }
}

pub(crate) fn add_errors(receipt: &mut Receipt, errors: Vec<LineError>) {
    receipt.rejected += errors.len() as u64;
    let room = ERRORS_NAMED.saturating_sub(receipt.errors.len());
    receipt.errors.extend(errors.into_iter().take(room));
}

/// The environment's name, checked.
pub fn environment_name(name: Option<&str>) -> Result<String> {
    let name = environment::named(name.unwrap_or_default());
    let good = name.len() <= 100 && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if good {
        Ok(name.to_string())
    } else {
        Err(EngineError::Invalid(format!(
            "“{}” cannot name an environment: use letters, digits, “.”, “_” and “-”",
            name.chars().take(40).collect::<String>()
        )))
    }
}

/// A part of a body waits so long for room.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(4);

impl Engine {
    /// Keeps predictions or baseline rows of a model; registers the model from the first of them.
    /// `progress` hears of the rows read so far.
    ///
    /// # Errors
    /// Not allowed; a body that is no table of a known format; a full queue. Rows that are wrong
    /// are reported in the receipt while the others are kept.
    pub async fn ingest_predictions(
        &self,
        actor: &Actor,
        model_name: &str,
        envelope: &Envelope,
        format: Option<Format>,
        body: Body,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<Receipt> {
        self.may(actor, Action::Ingest, &Object::Model(model_name.to_string()))?;
        if let Some(problem) = model_name_problem(model_name) {
            return Err(EngineError::Invalid(problem));
        }
        let environment = environment_name(envelope.environment.as_deref())?;
        let baseline = envelope.baseline.as_deref().map(|b| environment_name(Some(b))).transpose()?;
        let now = self.now();
        let kind = if baseline.is_some() { EventKind::Baseline } else { EventKind::Prediction };
        let place = baseline.as_ref().unwrap_or(&environment);
        let mut tables = Tables::of(format, body)?;
        let mut receipt = Receipt::default();
        let mut target = self.inner.targets.get(model_name, kind, place, now).filter(|_| envelope.shift.is_none());
        let mut rows = 0;
        while let Some(table) = tables.next().await {
            let mut table = table?;
            add_errors(&mut receipt, std::mem::take(&mut table.errors));
            rows += table.rows() as u64;
            if table.rows() == 0 {
                continue;
            }
            let known = match target.take() {
                Some(known) => known,
                None => {
                    let model = self.model_for(model_name, &table, envelope, now).await?;
                    let stream = self.store.stream(model.id, kind, place).await?;
                    let found = Arc::new((model, stream));
                    self.inner.targets.put(found.clone(), now);
                    found
                }
            };
            let known = self.learn_columns(known, &table, &envelope.mapping, now).await?;
            let (model, stream) = &*known;
            let Mapped { events, labels, errors } = work(table.rows(), || {
                map::events(&table, model, &envelope.mapping, baseline.is_some(), now, envelope.shift)
            })?;
            drop(table);
            add_errors(&mut receipt, errors);
            let kept = self.store.append_events_within(PATIENCE, stream, events, now).await?;
            receipt.accepted += kept.accepted;
            receipt.duplicates += kept.duplicates;
            receipt.changed_duplicates += kept.changed;
            receipt.changed_ids.extend(kept.changed_ids);
            receipt.changed_ids.truncate(ERRORS_NAMED);
            receipt.labels += self.store.append_labels(model.id, labels, now).await?;
            progress(rows);
            target = Some(known);
        }
        if let (Some((model, _)), Some(name)) = (target.as_deref(), &baseline) {
            let new = NewBaseline { model_id: model.id, name: name.clone(), source: BaselineSource::Upload };
            self.store.activate_baseline(&new, now).await?;
            self.audit(actor, "baseline.upload", &model.name).await;
        }
        Ok(receipt)
    }

    /// Keeps labels of a known model.
    pub async fn ingest_labels(
        &self,
        actor: &Actor,
        model_name: &str,
        envelope: &Envelope,
        format: Option<Format>,
        body: Body,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<Receipt> {
        self.may(actor, Action::Ingest, &Object::Model(model_name.to_string()))?;
        let model = self.known_model(model_name).await?;
        let now = self.now();
        let mut receipt = Receipt::default();
        let mut rows = 0;
        let mut tables = Tables::of(format, body)?;
        while let Some(table) = tables.next().await {
            let mut table = table?;
            add_errors(&mut receipt, std::mem::take(&mut table.errors));
            rows += table.rows() as u64;
            let (labels, errors) = work(table.rows(), || map::labels(&table, &envelope.mapping, now, envelope.shift))?;
            add_errors(&mut receipt, errors);
            receipt.accepted += self.store.append_labels(model.id, labels, now).await?;
            progress(rows);
        }
        Ok(receipt)
    }

    pub(crate) async fn known_model(&self, name: &str) -> Result<Model> {
        self.store.model(name).await?.ok_or_else(|| {
            let shown: String = name.chars().take(100).collect();
            EngineError::NotFound(format!("there is no model “{shown}”; a model appears with its first predictions"))
        })
    }

    /// The model, registered from its first rows where it is new.
    async fn model_for(&self, name: &str, table: &Table, envelope: &Envelope, now: Timestamp) -> Result<Model> {
        if let Some(mut model) = self.store.model(name).await? {
            if envelope.shift.is_some() && !model.replayed {
                model.replayed = true;
                self.store.update_model(&model).await?;
            }
            return Ok(model);
        }
        let columns = table.typed();
        let mut schema = infer_schema(&columns, &envelope.mapping).map_err(EngineError::Invalid)?;
        let task = infer_task(&schema, &columns);
        if task == Task::BinaryClassification {
            schema.positive_class = Some(map::positive_class(&schema, &columns).unwrap_or_else(|| "1".into()));
        }
        let new = NewModel {
            name: name.to_string(),
            title: title_of(name),
            system: envelope.system.clone().unwrap_or_else(|| name.to_string()),
            task,
            schema,
            settings: ModelSettings::default(),
            demo: false,
        };
        let mut model = self.register_model(&new, now).await?;
        if envelope.shift.is_some() && !model.replayed {
            model.replayed = true;
            self.store.update_model(&model).await?;
        }
        Ok(model)
    }

    /// A model that registers itself with the first that is sent of it.
    ///
    /// # Errors
    /// There are too many: a name that is made up for each request would otherwise be a model each.
    async fn register_model(&self, new: &NewModel, now: Timestamp) -> Result<Model> {
        if self.store.models().await?.len() >= MODELS_MAX {
            return Err(EngineError::TooLarge(format!(
                "there are {MODELS_MAX} models already, so “{}” is not made one: send under a name that is known, or \
                 remove a model on its set-up page",
                new.name
            )));
        }
        match self.store.create_model(new, now).await {
            // Two first batches at once: the other one won.
            Err(store::StoreError::Conflict(_)) => self.known_model(&new.name).await,
            created => {
                let (model, task) = (&new.name, new.task.name());
                tracing::info!(model, task, "a model registered itself with what was sent first of it");
                Ok(created?)
            }
        }
    }

    /// Adds columns that a later batch brings to the model's schema.
    async fn learn_columns(&self, target: Target, table: &Table, mapping: &Mapping, now: Timestamp) -> Result<Target> {
        let all_known = |model: &Model| table.columns().iter().all(|(name, _)| model.schema.field(name).is_some());
        if all_known(&target.0) {
            return Ok(target);
        }
        // What was remembered may be old: what is written back must not be.
        let mut model = self.store.model_by_id(target.0.id).await?;
        if !all_known(&model) {
            let columns = table.typed();
            let inferred = infer_schema(&columns, mapping).map_err(EngineError::Invalid)?;
            let new: Vec<_> = inferred.fields.into_iter().filter(|f| model.schema.field(&f.name).is_none()).collect();
            if model.schema.fields.len() + new.len() > cells::COLUMNS_MAX {
                return Err(EngineError::TooLarge(format!("a model holds at most {} columns", cells::COLUMNS_MAX)));
            }
            model.schema.fields.extend(new);
            if model.task == Task::BinaryClassification && model.schema.positive_class.is_none() {
                model.schema.positive_class = map::positive_class(&model.schema, &columns);
            }
            self.store.update_model(&model).await?;
        }
        self.inner.targets.forget(&model.name);
        let target = Arc::new((model, target.1.clone()));
        self.inner.targets.put(target.clone(), now);
        Ok(target)
    }

    /// Makes rows of production the baseline: a range, what came before each window, or the same hours.
    pub async fn choose_baseline(
        &self,
        actor: &Actor,
        model_name: &str,
        name: &str,
        source: BaselineSource,
    ) -> Result<()> {
        self.may(actor, Action::EditModel, &Object::Model(model_name.to_string()))?;
        let model = self.known_model(model_name).await?;
        if let Some(problem) = source.problem() {
            return Err(EngineError::Invalid(problem));
        }
        let source = match source {
            BaselineSource::Upload => {
                return Err(EngineError::Invalid("rows are uploaded to the model’s “/baseline”".into()));
            }
            BaselineSource::Range { environment, range } => {
                BaselineSource::Range { environment: environment_name(Some(&environment))?, range }
            }
            other => other,
        };
        let new = NewBaseline { model_id: model.id, name: environment_name(Some(name))?, source };
        let uploaded = |b: &Baseline| b.name == new.name && b.source == BaselineSource::Upload;
        if self.store.baselines(model.id).await?.iter().any(uploaded) {
            return Err(EngineError::Conflict(format!(
                "“{}” is an uploaded baseline; give this one a name of its own",
                new.name
            )));
        }
        self.store.activate_baseline(&new, self.now()).await?;
        self.audit(actor, "baseline.choose", model_name).await;
        Ok(())
    }

    /// Compares with a baseline that is there already.
    pub async fn use_baseline(&self, actor: &Actor, model_name: &str, name: &str) -> Result<()> {
        self.may(actor, Action::EditModel, &Object::Model(model_name.to_string()))?;
        let model = self.known_model(model_name).await?;
        let known = self.store.baselines(model.id).await?.into_iter().find(|b| b.name == name);
        let known = known.ok_or_else(|| EngineError::NotFound(format!("“{model_name}” has no baseline “{name}”")))?;
        let again = NewBaseline { model_id: model.id, name: known.name, source: known.source };
        self.store.activate_baseline(&again, self.now()).await?;
        self.audit(actor, "baseline.use", model_name).await;
        Ok(())
    }
}

/// `credit-risk` → `Credit risk`.
fn title_of(name: &str) -> String {
    domain::format::begun(&name.replace(['-', '_', '.'], " "))
}

/// The classes of a prediction or label column, for choosing the positive one.
pub(crate) fn classes_in(data: &domain::event::ColumnData) -> Option<String> {
    match data.to_category() {
        domain::event::ColumnData::Category { dictionary, .. } => infer_positive(&dictionary),
        _ => None,
    }
}

//! The installation itself: what is set up, what is kept, is it well.

use std::path::Path;

use domain::event::EventKind;
use domain::model::ModelChange;
use domain::time::MINUTE;
use domain::view::{InstallationCheck, ModelSetUpView, StreamFacts};
use domain::{Action, Actor, Object, TimeRange};

use crate::collect::GpuState;
use crate::{Engine, EngineError, Result};

const MONITORS_AT_MOST: usize = 100;

impl Engine {
    pub fn gpu_state(&self) -> GpuState {
        self.inner.gpu.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// What an administrator wants to know of the installation.
    pub async fn installation_checks(&self, actor: &Actor) -> Result<Vec<InstallationCheck>> {
        self.may(actor, Action::ManageInstallation, &Object::Installation)?;
        use domain::Status::{Fair, Good, NoData, Poor};
        use domain::format::{bytes, count};
        let check = |name: &str, status, detail: String| InstallationCheck { name: name.into(), status, detail };
        let footprint = self.store.footprint().await?;
        let kept = format!(
            "{} events, {} labels, {} series, {}",
            count(footprint.events as f64),
            count(footprint.labels as f64),
            count(footprint.series as f64),
            bytes(footprint.bytes as f64)
        );
        let mut checks = vec![
            check("Database migrated", Good, format!("{} answers", self.store.backend().name())),
            check("Kept", Good, kept),
        ];
        if let Some((free, total)) = self.store.file().and_then(|file| room(&file)) {
            let status = match free as f64 / total.max(1) as f64 {
                share if share < 0.05 => Poor,
                share if share < 0.15 => Fair,
                _ => Good,
            };
            let detail = format!("{} of {} free", bytes(free as f64), bytes(total as f64));
            checks.push(check("Room on the disk", status, detail));
        }
        let now = self.now();
        let host = self.store.latest_samples("system.cpu.utilization", now.plus(-MINUTE)).await?;
        checks.push(match host.first() {
            Some((_, sample)) => check("This host", Good, format!("measured at {}", sample.at.clock_seconds())),
            None => check("This host", NoData, "not measured; collect.host may be off".into()),
        });
        let state = self.gpu_state();
        let status = if matches!(state, GpuState::Found(_)) { Good } else { NoData };
        checks.push(check("GPU", status, state.words()));
        Ok(checks)
    }

    /// A model as it is set up.
    pub async fn model_set_up(&self, actor: &Actor, name: &str) -> Result<ModelSetUpView> {
        self.may(actor, Action::View, &Object::Model(name.to_string()))?;
        let model = self.known_model(name).await?;
        let mut streams = Vec::new();
        for stream in self.store.streams(model.id).await? {
            if stream.kind == EventKind::Prediction {
                let summary = self.store.stream_summary(&stream).await?;
                let range = summary.first.zip(summary.last).map(|(from, last)| TimeRange { from, to: last.plus(1) });
                streams.push(StreamFacts { environment: stream.environment, rows: summary.rows, range });
            }
        }
        Ok(ModelSetUpView {
            now: self.now(),
            rule: self.rule(&model).await?,
            baselines: self.store.baselines(model.id).await?,
            labels: self.store.label_count(model.id).await?,
            streams,
            model,
        })
    }

    /// Removes a model with all that is kept of it.
    pub async fn delete_model(&self, actor: &Actor, name: &str) -> Result<()> {
        self.may(actor, Action::ManageInstallation, &Object::Model(name.to_string()))?;
        let model = self.known_model(name).await?;
        self.store.delete_model(model.id).await?;
        self.inner.targets.forget(name);
        self.audit(actor, "model.delete", name).await;
        Ok(())
    }

    /// Writes back a model's title, system, task, schema and settings.
    pub async fn update_model(&self, actor: &Actor, name: &str, change: ModelChange) -> Result<domain::model::Model> {
        self.may(actor, Action::EditModel, &Object::Model(name.to_string()))?;
        let mut model = self.known_model(name).await?;
        if let Some(title) = change.title {
            let title = title.trim().to_string();
            if title.is_empty() || title.chars().count() > 100 {
                return Err(EngineError::Invalid("a title has 1 to 100 characters".into()));
            }
            model.title = title;
        }
        if let Some(system) = change.system {
            if let Some(problem) = domain::model::model_name_problem(&system) {
                return Err(EngineError::Invalid(format!("as a system’s name: {problem}")));
            }
            model.system = system;
        }
        if let Some(task) = change.task {
            model.task = domain::model::Task::parse(&task)
                .ok_or_else(|| EngineError::Invalid(format!("“{task}” is no task; use binary_classification, multiclass_classification, regression, ranking or text")))?;
        }
        if let Some(window) = change.window {
            model.settings.window = domain::window::WindowRule::parse(&window).ok_or_else(|| {
                EngineError::Invalid(format!(
                    "“{window}” is no window; use auto, month, a span like 6h, or a number of predictions"
                ))
            })?;
        }
        if let Some(horizon) = change.label_horizon {
            model.settings.label_horizon = domain::time::parse_span(&horizon)
                .filter(|span| (0..=10 * 365 * domain::time::DAY).contains(span))
                .ok_or_else(|| {
                    EngineError::Invalid(format!("“{horizon}” is no span for outcomes; use one like 12h or 30d"))
                })?;
        }
        if let Some(lateness) = change.allowed_lateness {
            model.settings.allowed_lateness = domain::time::parse_span(&lateness)
                .filter(|span| (0..=7 * domain::time::DAY).contains(span))
                .ok_or_else(|| {
                    EngineError::Invalid(format!("“{lateness}” is no lateness; use a span up to 7d, as 5m"))
                })?;
        }
        if let Some(limit) = change.low_confidence {
            if !(0.0..=1.0).contains(&limit) {
                return Err(EngineError::Invalid("the limit of low confidence lies between 0 and 1".into()));
            }
            model.settings.low_confidence = limit;
        }
        if let Some(class) = change.positive_class {
            model.schema.positive_class = Some(class);
        }
        if let Some(purpose) = change.purpose {
            model.settings.purpose = purpose.trim().chars().take(100).collect();
        }
        if let Some(owner) = change.owner {
            model.settings.owner = owner.chars().take(100).collect();
        }
        if let Some(schema) = change.schema {
            if schema.fields.len() > crate::ingest::cells::COLUMNS_MAX {
                return Err(EngineError::TooLarge("a schema has at most 1,024 fields".into()));
            }
            if let Some(problem) = schema.problem() {
                return Err(EngineError::Invalid(problem));
            }
            if let Some(group) = schema.groups.iter().find(|g| schema.field(g).is_none()) {
                return Err(EngineError::Invalid(format!("“{group}” is no column, so its groups cannot be compared")));
            }
            model.schema = schema;
        }
        if let Some(monitors) = change.monitors {
            if monitors.len() > MONITORS_AT_MOST {
                return Err(EngineError::TooLarge(format!(
                    "a model has at most {MONITORS_AT_MOST} thresholds of its own"
                )));
            }
            for monitor in &monitors {
                if let Some(problem) = monitor.problem() {
                    return Err(EngineError::Invalid(format!("{}: {problem}", monitor.figure)));
                }
            }
            model.settings.monitors = monitors;
        }
        self.store.update_model(&model).await?;
        self.inner.targets.forget(name);
        self.store.mark_dirty(model.id, "*", TimeRange::ALL, "settings").await?;
        self.audit(actor, "model.update", name).await;
        Ok(model)
    }
}

/// Free and total bytes of the disk that holds a file.
fn room(file: &Path) -> Option<(u64, u64)> {
    let folder = file.parent()?.canonicalize().ok()?;
    let disks = sysinfo::Disks::new_with_refreshed_list().ok()?;
    let disk = disks
        .iter()
        .filter(|d| folder.starts_with(d.mount_point()))
        .max_by_key(|d| d.mount_point().components().count())?;
    Some((disk.available_space(), disk.total_space()))
}

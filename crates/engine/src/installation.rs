//! The installation itself: what is set up, what is kept, is it well.

use domain::{Action, Actor, Object};
use serde::{Deserialize, Serialize};

use crate::collect::GpuState;
use crate::{Engine, EngineError, Result};

/// One line of the installation's checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstallationCheck {
    pub name: String,
    pub status: domain::Status,
    pub detail: String,
}

impl Engine {
    pub fn gpu_state(&self) -> GpuState {
        self.inner.gpu.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// What an administrator wants to know of the installation.
    pub async fn installation_checks(&self, actor: &Actor) -> Result<Vec<InstallationCheck>> {
        self.may(actor, Action::ManageInstallation, &Object::Installation)?;
        use domain::Status::{Good, NoData};
        let footprint = self.store.footprint().await?;
        let check = |name: &str, status, detail: String| InstallationCheck { name: name.into(), status, detail };
        let state = self.gpu_state();
        let gpu = check("GPU", if matches!(state, GpuState::Found(_)) { Good } else { NoData }, state.words());
        Ok(vec![
            check("Database", Good, format!("{} answers and is up to date", self.store.backend().name())),
            check(
                "Kept",
                Good,
                format!(
                    "{} events, {} labels, {} series, {}",
                    domain::format::count(footprint.events as f64),
                    domain::format::count(footprint.labels as f64),
                    domain::format::count(footprint.series as f64),
                    domain::format::bytes(footprint.bytes as f64)
                ),
            ),
            gpu,
        ])
    }

    /// Removes a model with all that is kept of it.
    pub async fn delete_model(&self, actor: &Actor, name: &str) -> Result<()> {
        self.may(actor, Action::ManageInstallation, &Object::Model(name.to_string()))?;
        let model = self.known_model(name).await?;
        self.store.delete_model(model.id).await?;
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
        if let Some(class) = change.positive_class {
            model.schema.positive_class = Some(class);
        }
        if let Some(owner) = change.owner {
            model.settings.owner = owner.chars().take(100).collect();
        }
        if let Some(schema) = change.schema {
            if schema.fields.len() > crate::ingest::cells::COLUMNS_MAX {
                return Err(EngineError::TooLarge("a schema has at most 1,024 fields".into()));
            }
            model.schema = schema;
        }
        self.store.update_model(&model).await?;
        self.store.mark_dirty(model.id, "*", domain::TimeRange::ALL, "settings").await?;
        self.audit(actor, "model.update", name).await;
        Ok(model)
    }
}

/// What may be changed of a model; absent means unchanged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelChange {
    pub title: Option<String>,
    pub system: Option<String>,
    pub task: Option<String>,
    /// `auto`, `month`, `6h`, or a number of predictions.
    pub window: Option<String>,
    pub positive_class: Option<String>,
    pub owner: Option<String>,
    pub schema: Option<domain::model::Schema>,
}

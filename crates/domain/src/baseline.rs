//! Baselines: what “usual” means for a model.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::time::TimeRange;

/// Where a baseline's rows come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum BaselineSource {
    /// Rows sent for the purpose, kept apart from production.
    Upload,
    /// A range of production itself.
    Range { environment: String, range: TimeRange },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Baseline {
    pub id: i64,
    pub model_id: i64,
    pub name: String,
    pub source: BaselineSource,
    /// The one that verdicts compare with.
    pub active: bool,
    pub created_at: Timestamp,
}

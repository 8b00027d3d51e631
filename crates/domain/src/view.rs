//! What a page is given: read once on the server, drawn on both sides.

use serde::{Deserialize, Serialize};

use crate::baseline::Baseline;
use crate::evidence::EvaluatorScore;
use crate::health::{LayerHealth, SystemHealth};
use crate::kpi::KpiView;
use crate::model::Model;
use crate::outcome::OutcomeView;
use crate::signal::{Sample, Series, SeriesData};
use crate::telemetry::Change;
use crate::verdict::{Shares, Usual, WindowReport};
use crate::window::WindowRule;
use crate::{TimeRange, Timestamp};

/// A model in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelCard {
    pub model: Model,
    /// For operators.
    pub sentence: String,
    /// For executives.
    pub plain: String,
    pub layer: Option<LayerHealth>,
    /// The leading measure, window by window.
    pub trend: Vec<Sample>,
    pub rows: u64,
    pub last: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverviewView {
    pub now: Timestamp,
    pub score: Option<f64>,
    pub systems: Vec<SystemHealth>,
    pub cards: Vec<ModelCard>,
    pub layers: Vec<LayerHealth>,
    /// Of the whole installation, and of its systems.
    pub kpis: Vec<KpiView>,
    pub outcome: OutcomeView,
}

/// One system, all its layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SystemView {
    pub now: Timestamp,
    pub range: TimeRange,
    pub health: SystemHealth,
    pub cards: Vec<ModelCard>,
    pub kpis: Vec<KpiView>,
    pub outcome: OutcomeView,
    pub changes: Vec<Change>,
}

/// The newest readings of the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LiveHost {
    pub latest: Vec<(Series, Sample)>,
    pub filesystems: Vec<(Series, Sample)>,
    /// In words: how many, or why none.
    pub gpu: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OperationsView {
    pub now: Timestamp,
    pub range: TimeRange,
    pub systems: Vec<SystemHealth>,
    pub cards: Vec<ModelCard>,
    pub host: Vec<SeriesData>,
    pub live: LiveHost,
    pub probes: Vec<SeriesData>,
}

/// One line of the installation's checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstallationCheck {
    pub name: String,
    pub status: crate::Status,
    pub detail: String,
}

/// A model as it is set up: what its columns mean, how it is cut, what it is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelSetUpView {
    pub now: Timestamp,
    pub model: Model,
    /// The rule in force, where [`WindowRule::Auto`] has settled.
    pub rule: WindowRule,
    pub baselines: Vec<Baseline>,
    /// Rows and covered time of each environment.
    pub streams: Vec<StreamFacts>,
    pub labels: u64,
}

/// What an environment holds of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StreamFacts {
    pub environment: String,
    pub rows: u64,
    pub range: Option<TimeRange>,
}

/// How the numbers of a feature lay in one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuantilePoint {
    pub at: Timestamp,
    pub n: u64,
    pub p5: f64,
    pub p25: f64,
    pub p50: f64,
    pub p75: f64,
    pub p95: f64,
}

/// A prediction in a feature's list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FeatureRow {
    pub id: String,
    pub at: Timestamp,
    pub value: String,
    pub prediction: String,
    pub probability: String,
    pub label: String,
}

/// One feature over time, with its newest rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FeatureView {
    /// Empty for categories.
    pub points: Vec<QuantilePoint>,
    pub newest: Vec<FeatureRow>,
}

/// How learning from a baseline goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Training {
    /// From 0 to 1.
    pub share: f64,
    pub begun: Timestamp,
    pub done: Option<Timestamp>,
    /// Baseline rows learnt from.
    pub rows: u64,
}

/// How good an estimator has been, over windows whose truth is known by now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scorecard {
    pub windows: u32,
    /// Mean of |estimated − realised|.
    pub error: f64,
    /// Mean of estimated − realised.
    pub lean: f64,
    /// Share of windows whose realised value lay in the estimate's band.
    pub covered: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelView {
    pub now: Timestamp,
    pub model: Model,
    pub layer: Option<LayerHealth>,
    pub rule: WindowRule,
    /// The name of the leading measure.
    pub headline: String,
    pub usual: Option<Usual>,
    /// Baseline windows first, then production, each in order of time.
    pub reports: Vec<WindowReport>,
    /// Of the newest window with rows, by column.
    pub shares: Vec<(String, Shares)>,
    pub baseline: Option<Baseline>,
    pub waiting_labels: u64,
    pub environments: Vec<String>,
    /// `None` where nothing was learnt since the program began.
    pub training: Option<Training>,
    pub scorecard: Option<Scorecard>,
    /// What evaluators said of its answers in the range.
    pub evaluators: Vec<EvaluatorScore>,
}

//! What a page is given: read once on the server, drawn on both sides.

use serde::{Deserialize, Serialize};

use crate::alert::priority::Priority;
use crate::baseline::Baseline;
use crate::evidence::{EvaluatorScore, Segment};
use crate::happening::{Flag, Happening, Timeline};
use crate::health::{LayerHealth, SystemHealth};
use crate::kpi::{Fan, KpiView};
use crate::model::{Model, Task};
use crate::outcome::OutcomeView;
use crate::signal::{Sample, Series, SeriesData};
use crate::telemetry::{Change, Topology};
use crate::time::{DAY, MINUTE};
use crate::traffic::Traffic;
use crate::verdict::{Shares, Usual, WindowReport};
use crate::window::WindowRule;
use crate::{TimeRange, Timestamp, format};

/// A model in a list: what its row says. Its schema and settings stay where its own page is made; with fifty features
/// each they would be most of what a list weighs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelCard {
    pub id: i64,
    pub name: String,
    pub title: String,
    pub system: String,
    pub task: Task,
    /// What it does for people, in a few words; empty where nobody said.
    pub purpose: String,
    /// Event times were shifted at import so that the last event met that moment.
    pub replayed: bool,
    /// Made by the simulator.
    pub demo: bool,
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

impl ModelCard {
    /// What it does, and whether that is of the real world and of now.
    pub fn does(&self) -> String {
        let does = if self.purpose.is_empty() { self.task.title() } else { &self.purpose };
        match (self.demo, self.replayed) {
            (true, _) => format!("Simulated: {does}"),
            (_, true) => format!("Replayed: {does}"),
            _ => does.to_string(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OverviewView {
    pub now: Timestamp,
    /// What is shown of the past.
    pub range: TimeRange,
    pub score: Option<f64>,
    pub systems: Vec<SystemHealth>,
    pub cards: Vec<ModelCard>,
    pub layers: Vec<LayerHealth>,
    /// Of the whole installation, and of its systems.
    pub kpis: Vec<KpiView>,
    pub outcome: OutcomeView,
    /// The score over the range.
    pub past: Vec<Sample>,
    /// The same of each layer.
    pub layers_past: Vec<(crate::signal::Layer, Vec<Sample>)>,
    /// What the systems earn, day by day, with what lies ahead; `None` without business events.
    pub money: Option<MoneyByDay>,
    /// Open incidents, then open alerts that belong to none, the most urgent first.
    pub attention: Vec<Concern>,
    /// Open alerts that nobody keeps quiet.
    pub open_alerts: u64,
    /// What is decided or due next, soonest first.
    pub dates: Vec<Due>,
    pub flags: Vec<Flag>,
}

impl OverviewView {
    /// How far back it looks, in words: `30 days`.
    pub fn span(&self) -> String {
        let micros = self.range.micros();
        match (micros + DAY / 2) / DAY {
            days if days > 1 => format!("{days} days"),
            _ => format::duration(micros / MINUTE * MINUTE),
        }
    }
}

/// Money that systems bring, a value for each day, with a forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MoneyByDay {
    pub currency: String,
    /// The start of the first day, in UTC.
    pub from: Timestamp,
    /// Revenue and savings less cost; `None` for a day without an event. Whole days only: today is not over.
    pub days: Vec<Option<f64>>,
    /// The days after the last of them.
    pub ahead: Option<Fan>,
    pub month: Option<MonthEnd>,
}

/// What a month will have brought when it ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MonthEnd {
    /// `November`
    pub name: String,
    pub middle: f64,
    /// The band that holds the truth in 80 of 100 such forecasts, errors of the days taken to go together.
    pub low: f64,
    pub high: f64,
}

/// Something that needs attention, for those who do not run it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Concern {
    pub priority: Priority,
    pub title: String,
    /// In plain words; empty where nobody wrote any.
    pub text: String,
    /// Systems it touches.
    pub systems: Vec<String>,
    pub since: Timestamp,
    /// Money lost since, with its currency.
    pub lost: Option<(f64, String)>,
    /// Who is on it; empty for nobody.
    pub who: String,
    pub href: String,
}

/// Something with a date: a target to be met, a silence that ends, a review to be written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Due {
    /// `None` for what waits.
    pub at: Option<Timestamp>,
    pub title: String,
    pub text: String,
    pub href: String,
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
    pub flags: Vec<Flag>,
}

/// The newest readings of the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LiveHost {
    pub latest: Vec<(Series, Sample)>,
    pub filesystems: Vec<(Series, Sample)>,
    /// In words: how many, or why none.
    pub gpu: String,
    /// Cores of each host.
    pub cores: Vec<(String, u32)>,
    /// The disk that is full next, as its last day goes; `None` where none fills.
    pub fills: Option<DiskFills>,
}

/// A disk on its way to being full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DiskFills {
    pub host: String,
    pub mount: String,
    /// Microseconds from now.
    pub within: i64,
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
    /// The most urgent open incident, and how many are open beside it.
    pub incident: Option<IncidentBanner>,
    pub traffic: Traffic,
    pub map: Topology,
    pub timeline: Timeline,
    pub flags: Vec<Flag>,
    pub events: Vec<Happening>,
    /// The newest windows of all models by segment.
    pub segments: Vec<ModelSegments>,
    /// Predictions made in the last hour of the range.
    pub decisions: u64,
}

/// How the quality of a model's newest window lies by segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelSegments {
    pub model: String,
    /// What each segment is worth.
    pub values: Vec<f64>,
    /// Those surely below the whole, worst first.
    pub weakest: Vec<Segment>,
}

/// What stands above everything while an incident is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IncidentBanner {
    pub id: i64,
    pub title: String,
    pub priority: Priority,
    pub onset: Timestamp,
    pub alerts: u64,
    /// Who leads; empty for nobody.
    pub lead: String,
    /// The newest words on how it stands.
    pub status: String,
    pub others: u64,
}

/// One host: everything that is measured on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HostView {
    pub now: Timestamp,
    pub range: TimeRange,
    pub name: String,
    /// Of the range, down-sampled.
    pub series: Vec<SeriesData>,
    /// How many GPUs Plimsoll's own host has, or why none.
    pub gpu: String,
    pub fills: Option<DiskFills>,
    pub flags: Vec<Flag>,
    /// All hosts that are known.
    pub hosts: Vec<String>,
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

/// A prediction in the list of a model's. Values as text, empty where nothing is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictionLine {
    pub id: String,
    pub at: Timestamp,
    pub prediction: String,
    pub probability: String,
    pub label: String,
    pub latency_ms: String,
    /// Of the view's columns.
    pub values: Vec<String>,
}

/// The newest predictions of a model that meet conditions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictionsView {
    pub model: crate::model::Model,
    /// Columns that the conditions name.
    pub columns: Vec<String>,
    pub rows: Vec<PredictionLine>,
    /// There are older ones.
    pub more: bool,
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

/// One value of a prediction, and where it lies among the baseline's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ValuePlace {
    /// As the store names the column.
    pub column: String,
    /// Empty where it is missing.
    pub value: String,
    /// Of a number: the share of the baseline that lies below, to the accuracy of its bins. Of a category:
    /// the share of the baseline that has it. `None` where the baseline says nothing.
    pub share: Option<f64>,
    pub is_number: bool,
}

impl ValuePlace {
    /// What fewer than one in a hundred of the baseline have: lower, higher, or the same category.
    pub fn is_rare(&self) -> bool {
        self.share.is_some_and(|s| if self.is_number { !(0.01..=0.99).contains(&s) } else { s < 0.01 })
    }
}

/// Something that was said of a prediction: feedback, a business event, an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SaidOf {
    /// `feedback`, `business` or `evaluations`
    pub kind: String,
    pub at: String,
    /// Name and value of each field.
    pub fields: Vec<(String, String)>,
}

/// One prediction with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PredictionView {
    pub model: Model,
    pub id: String,
    pub at: Timestamp,
    pub label: Option<String>,
    pub label_at: Option<Timestamp>,
    /// Features first, as they were sent.
    pub values: Vec<ValuePlace>,
    pub trace: String,
    pub said: Vec<SaidOf>,
}

/// How learning from a baseline goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Training {
    /// From 0 to 1.
    pub share: f64,
    pub begun: Timestamp,
    pub done: Option<Timestamp>,
    /// Baseline rows learnt from; 0 while it waits for its turn.
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
    pub flags: Vec<Flag>,
}

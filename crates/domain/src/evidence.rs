//! What a window's report holds beside drift of single columns and realised quality.
//!
//! Estimates made without labels stand apart from what labels have shown: they are never joined into
//! one line or one figure, or nobody could say which part was seen and which was thought.

use serde::{Deserialize, Serialize};

use crate::format;
use crate::verdict::{Estimate, Metric};

/// Quality estimated while labels are missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Estimated {
    /// Each with the band in which the truth lies 19 times in 20 if the estimator's ground holds.
    pub metrics: Vec<Metric>,
    /// `confidence` (CBPE) or `loss` (DLE).
    pub method: String,
    pub rows: u64,
}

impl Estimated {
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|m| m.name == name)
    }
}

/// A measure of all columns together, with where it lies when nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Together {
    #[serde(deserialize_with = "crate::number::number")]
    pub value: f64,
    /// Where a sample of this size from the baseline itself lies.
    #[serde(deserialize_with = "crate::number::number")]
    pub usual_low: f64,
    #[serde(deserialize_with = "crate::number::number")]
    pub usual_high: f64,
    pub n: u64,
}

impl Together {
    pub fn outside(&self) -> bool {
        self.value > self.usual_high || self.value < self.usual_low
    }

    /// How far from the middle of the usual, in halves of its width: 1 at its edge.
    pub fn ratio(&self) -> f64 {
        let half = (self.usual_high - self.usual_low) / 2.0;
        let middle = (self.usual_high + self.usual_low) / 2.0;
        if half > 0.0 { (self.value - middle).abs() / half } else { 0.0 }
    }
}

/// What no single column shows.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Multivariate {
    /// Mean PCA reconstruction error.
    pub components: Option<Together>,
    /// The autoencoder's error over that of rows of the baseline.
    pub autoencoder: Option<Together>,
    /// Area under the ROC curve of a model that tells window from baseline; 0.5 when it cannot.
    pub classifier: Option<Together>,
    /// Share of rows stranger than the baseline's 99th percentile; 1 % is expected.
    pub anomalies: Option<Estimate>,
    /// Marks the rows and what was learnt: where both are the same, all of the above is.
    #[serde(default)]
    pub mark: Option<u64>,
}

impl Multivariate {
    /// Whether both were found of the same rows, held against the same baseline: what one of them lacks, the other
    /// may say. Within what writing a number down and reading it takes from it.
    pub fn is_of_the_same_as(&self, other: &Multivariate) -> bool {
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
        match (self.components, other.components) {
            (Some(a), Some(b)) => a.n == b.n && close(a.value, b.value) && close(a.usual_low, b.usual_low),
            _ => false,
        }
    }
}

/// What the model does, whatever the truth (definitions: measures).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Behaviour {
    /// Chance that two predictions of the same input agree; its n counts pairs.
    pub consistency: Option<Estimate>,
    /// Inputs that came more than once.
    pub repeated: u64,
    /// 1 − Jensen–Shannon distance to the window before.
    pub steadiness: Option<f64>,
    pub diversity: Option<f64>,
    /// Rows that ask what another just asked, with one feature changed.
    #[serde(default)]
    pub probing: Option<Estimate>,
    /// Shares of the answers, on the baseline's own classes or bins: what the next window is held against.
    #[serde(deserialize_with = "crate::number::numbers")]
    pub answers: Vec<f64>,
}

/// Whether the rows are what they were agreed to be.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DataQuality {
    /// Of all cells.
    pub missing: Option<Estimate>,
    pub out_of_range: Option<Estimate>,
    pub unseen: Option<Estimate>,
    /// Rows whose inputs are the same as an earlier row's.
    pub duplicates: Option<Estimate>,
    /// Columns of the baseline that the window lacks, and the other way round.
    pub absent: Vec<String>,
    pub added: Vec<String>,
    /// Columns with one value only where the baseline had several.
    pub constant: Vec<String>,
    pub retyped: Vec<String>,
}

impl DataQuality {
    /// What is wrong in words, the worst first.
    pub fn complaints(&self) -> Vec<String> {
        let list = |what: &str, names: &[String]| (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")));
        [
            list("missing altogether:", &self.absent),
            list("of another type than before:", &self.retyped),
            list("always the same value:", &self.constant),
            list("new since the baseline:", &self.added),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// How one group of people or things fares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupRate {
    pub name: String,
    pub n: u64,
    /// Share called positive (classification) or mean error (regression).
    pub rate: Estimate,
    /// Over the privileged group's, with its interval; absent for regression.
    pub ratio: Option<Estimate>,
    /// Of the truly positive, the share called so.
    pub true_positive: Option<Estimate>,
    pub false_positive: Option<Estimate>,
    pub accuracy: Option<Estimate>,
    /// The group the others are held against.
    pub privileged: bool,
}

/// Groups of one column held against each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fairness {
    /// As the sender calls the column, or two joined by “ × ”.
    pub column: String,
    pub groups: Vec<GroupRate>,
    /// Groups with too few rows to say anything of.
    pub too_small: u32,
    /// The least rate over the greatest.
    pub parity_ratio: Option<f64>,
    /// Whether a ratio lies surely below four fifths.
    pub unfair: bool,
    pub equalized_odds_difference: Option<f64>,
}

/// How far members of an ensemble agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ensemble {
    pub members: Vec<String>,
    /// Share of rows in which all say the same.
    pub agreement: Estimate,
    /// Row-major, member by member.
    #[serde(deserialize_with = "crate::number::numbers")]
    pub pairs: Vec<f64>,
    /// Fleiss' kappa: agreement beyond chance.
    pub kappa: Option<f64>,
    /// Mean share of members behind the most frequent answer.
    #[serde(deserialize_with = "crate::number::number")]
    pub consensus: f64,
    /// Accuracy of each member by Dawid–Skene, without labels.
    #[serde(deserialize_with = "crate::number::numbers")]
    pub estimated_accuracy: Vec<f64>,
    /// How often the most frequent answer was right, by how many stood behind it; where truth is known.
    #[serde(default)]
    pub right: Vec<ConsensusRate>,
}

/// Rows in which the same share of members stood behind the most frequent answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConsensusRate {
    pub behind: u32,
    pub of: u32,
    pub right: Estimate,
}

/// Predicted against observed probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Calibration {
    /// Expected calibration error, ten groups of equal size.
    #[serde(deserialize_with = "crate::number::number")]
    pub error: f64,
    #[serde(deserialize_with = "crate::number::number")]
    pub brier: f64,
    #[serde(deserialize_with = "crate::number::number")]
    pub log_loss: f64,
    pub n: u64,
    pub groups: Vec<CalibrationGroup>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CalibrationGroup {
    #[serde(deserialize_with = "crate::number::number")]
    pub predicted: f64,
    pub observed: Estimate,
}

/// A part of the rows with its quality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Segment {
    /// `RELP = 16`, or two joined by “, ”.
    pub name: String,
    pub quality: Estimate,
    /// Less that of the window as a whole.
    #[serde(deserialize_with = "crate::number::number")]
    pub difference: f64,
    /// From labels, or estimated without them.
    pub realised: bool,
    /// Its rows, as conditions that the list of predictions takes; empty where they cannot be said.
    #[serde(default)]
    pub conditions: String,
}

/// How long the truth takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LabelLag {
    /// Microseconds between event and truth.
    #[serde(deserialize_with = "crate::number::number")]
    pub p50: f64,
    #[serde(deserialize_with = "crate::number::number")]
    pub p95: f64,
    pub n: u64,
    /// The same of each group large enough, the slowest first.
    #[serde(default)]
    pub groups: Vec<GroupLag>,
}

/// How late the truth comes for one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GroupLag {
    /// The column that makes groups, and this one's value.
    pub group: String,
    pub value: String,
    /// Microseconds.
    #[serde(deserialize_with = "crate::number::number")]
    pub p50: f64,
    #[serde(deserialize_with = "crate::number::number")]
    pub p95: f64,
    pub n: u64,
}

/// What answers cost.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Usage {
    pub tokens_in: Option<f64>,
    pub tokens_out: Option<f64>,
    pub cost: Option<f64>,
    pub latency_ms_p50: Option<f64>,
    pub latency_ms_p95: Option<f64>,
    pub latency_ms_p99: Option<f64>,
    /// Milliseconds until the first token.
    #[serde(default)]
    pub first_token_ms_p50: Option<f64>,
    #[serde(default)]
    pub first_token_ms_p95: Option<f64>,
    /// Milliseconds for each token after the first, the middle of all answers.
    #[serde(default)]
    pub token_ms_p50: Option<f64>,
    /// Share of calls that failed.
    #[serde(default)]
    pub errors: Option<Estimate>,
    /// Share of answers that a model or a filter refused, by the reason it gave for stopping.
    #[serde(default)]
    pub refusals: Option<Estimate>,
    /// Share of answers cut off at the limit of tokens.
    #[serde(default)]
    pub cut_off: Option<Estimate>,
    /// Share of tools’ runs that failed.
    #[serde(default)]
    pub tool_errors: Option<Estimate>,
}

/// One version of a model or of its prompt, within a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VersionRate {
    /// `version` or `prompt`.
    pub kind: String,
    pub name: String,
    pub rows: u64,
    /// The leading measure; estimated where `realised` is false.
    pub quality: Option<Estimate>,
    pub realised: bool,
    pub latency_ms_p95: Option<f64>,
    /// Means an answer.
    pub cost: Option<f64>,
    pub tokens_out: Option<f64>,
}

/// What one evaluator said of a model's answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EvaluatorScore {
    pub evaluator: String,
    pub score: Option<Estimate>,
    /// Words it used, most frequent first, with how often.
    pub labels: Vec<(String, u64)>,
    pub n: u64,
}

/// A named number of a window: what thresholds, control charts, signals and alerts speak of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Figure {
    /// `accuracy`, `estimated.accuracy`, `drift.score`
    pub name: String,
    pub estimate: Estimate,
    /// `None` where both more and less are suspicious.
    pub higher_is_better: Option<bool>,
}

/// What a figure is called on a page.
pub fn figure_title(name: &str) -> String {
    if let Some(metric) = name.strip_prefix("estimated.") {
        return format!("Estimated {}", crate::verdict::metric_words(metric));
    }
    match name {
        "drift.score" => "Drift score",
        "drift.components" => "PCA reconstruction error",
        "drift.autoencoder" => "Autoencoder error ratio",
        "drift.classifier" => "Told apart from the baseline",
        "anomalies" => "Anomalous rows",
        "consistency" => "Same answer to the same input",
        "probing" => "Inputs varied one value at a time",
        "contradicted" => "Labels against a sure model",
        "steadiness" => "Likeness to the window before",
        "diversity" => "Diversity of answers",
        "confidence.mean" => "Confidence",
        "confidence.low" => "Low confidence",
        "positive_share" => "Share answered yes",
        "calibration_error" => "Calibration error",
        "missing" => "Missing values",
        "unseen" => "Unseen categories",
        "out_of_range" => "Values out of range",
        "duplicates" => "Repeated inputs",
        "volume" => "Predictions",
        "agreement" => "Members agree",
        "fairness" => "Least parity ratio",
        "latency_ms.p95" => "Latency p95",
        "cost" => "Cost",
        "label_coverage" => "Outcomes known",
        other => return crate::verdict::metric_title(other).to_string(),
    }
    .to_string()
}

/// A figure's value as a reader sees it, without its unit.
pub fn figure_shown(name: &str, value: f64) -> String {
    match name {
        "positive_share" | "missing" | "unseen" | "out_of_range" | "duplicates" | "anomalies" | "probing"
        | "contradicted" | "confidence.low" | "label_coverage" => format::percent(value),
        "volume" => format::count(value),
        "mae" | "rmse" | "bias" | "cost" | "latency_ms.p95" | "estimated.mae" | "estimated.rmse" => {
            format::compact(value)
        }
        _ => format::fixed(value, 3),
    }
}

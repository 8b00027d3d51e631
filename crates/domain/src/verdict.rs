//! Verdicts: what evaluation says of a window, with everything a reader needs to believe it.

use serde::{Deserialize, Serialize};

use crate::evidence::{
    Behaviour, Calibration, DataQuality, Ensemble, Estimated, Fairness, LabelLag, Multivariate, Segment, Usage,
    VersionRate,
};
use crate::monitor::Judgement;
use crate::time::TimeRange;
use crate::window::WindowState;
use crate::{Status, Timestamp};

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Too few rows to say either way. Not a pass.
    NotEnoughData,
    None,
    Small,
    Moderate,
    Large,
}

impl Finding {
    pub fn title(self) -> &'static str {
        match self {
            Finding::NotEnoughData => "Too few rows",
            Finding::None => "None",
            Finding::Small => "Small",
            Finding::Moderate => "Moderate",
            Finding::Large => "Large",
        }
    }

    pub fn status(self) -> Status {
        match self {
            Finding::NotEnoughData => Status::NoData,
            Finding::None => Status::Excellent,
            Finding::Small => Status::Good,
            Finding::Moderate => Status::Fair,
            Finding::Large => Status::Critical,
        }
    }

    pub fn drifted(self) -> bool {
        self >= Finding::Moderate
    }
}

/// One test of one column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestResult {
    /// `ks`, `psi`, `jensen_shannon`, `chi_square`, `l_infinity`
    pub name: String,
    pub statistic: Option<f64>,
    pub p_value: Option<f64>,
    /// After Benjamini–Hochberg over the columns of the same model and window.
    pub p_adjusted: Option<f64>,
    #[serde(deserialize_with = "crate::number::number")]
    pub threshold: f64,
    /// Where the threshold came from, in words.
    pub threshold_source: String,
    pub drifted: bool,
}

/// What happened to one column between baseline and window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ColumnVerdict {
    /// The store's column name, `feature.AGEP`.
    pub column: String,
    /// As the sender calls it.
    pub name: String,
    pub kind: ColumnKind,
    pub finding: Finding,
    /// One sentence in plain words.
    pub sentence: String,
    pub n_reference: u64,
    pub n_current: u64,
    pub missing_reference: u64,
    pub missing_current: u64,
    /// Rows of a category that the baseline never had.
    pub unseen: u64,
    /// Numbers beyond the least and greatest of the baseline.
    #[serde(default)]
    pub out_of_range: u64,
    /// One value only, where the baseline had several.
    #[serde(default)]
    pub constant: bool,
    /// A number that became text, or text that became a number.
    #[serde(default)]
    pub retyped: bool,
    /// Share of the model's decision that rests on it, 0 to 1; given, or estimated from its outputs.
    #[serde(default)]
    #[serde(deserialize_with = "crate::number::number")]
    pub importance: f64,
    /// What this shift alone would do to the leading measure, were each part of the column as good as
    /// on the baseline.
    #[serde(default)]
    pub effect: Option<f64>,
    /// The smallest PSI that this many rows can tell from chance (95 %); `None` where no row could.
    pub detectable_psi: Option<f64>,
    pub tests: Vec<TestResult>,
}

impl ColumnVerdict {
    pub fn statistic(&self, test: &str) -> Option<f64> {
        self.tests.iter().find(|t| t.name == test).and_then(|t| t.statistic)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    Numeric,
    Categorical,
}

/// The two distributions behind a column's verdict, on the baseline's own bins.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Shares {
    /// Bin edges (numeric, one more than shares) or empty.
    #[serde(deserialize_with = "crate::number::numbers")]
    pub edges: Vec<f64>,
    /// Category names (categorical) or empty.
    pub categories: Vec<String>,
    #[serde(deserialize_with = "crate::number::numbers")]
    pub reference: Vec<f64>,
    #[serde(deserialize_with = "crate::number::numbers")]
    pub current: Vec<f64>,
}

impl Shares {
    /// Where a value lies in the baseline: for a number the share below it, half of its own bin counted; for a
    /// category its share. `None` where the baseline has neither.
    pub fn place(&self, value: &str) -> Option<f64> {
        if self.edges.len() < 2 {
            let place = self.categories.iter().position(|c| c == value)?;
            return self.reference.get(place).copied();
        }
        let value: f64 = value.parse().ok()?;
        let last = self.edges.len() - 2;
        if value < self.edges[0] {
            return Some(0.0);
        }
        if value > self.edges[last + 1] {
            return Some(1.0);
        }
        let bin = (self.edges.partition_point(|e| *e <= value).max(1) - 1).min(last);
        let below: f64 = self.reference.iter().take(bin).sum();
        Some(below + self.reference.get(bin).copied().unwrap_or(0.0) / 2.0)
    }
}

/// A figure with its interval and its n.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Estimate {
    #[serde(deserialize_with = "crate::number::number")]
    pub value: f64,
    #[serde(deserialize_with = "crate::number::number")]
    pub low: f64,
    #[serde(deserialize_with = "crate::number::number")]
    pub high: f64,
    pub n: u64,
}

/// Counts of a two-class decision.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Confusion {
    pub true_positive: u64,
    pub false_positive: u64,
    pub true_negative: u64,
    pub false_negative: u64,
}

/// One measure of quality, on the labels known so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Metric {
    /// `accuracy`, `precision`, `recall`, `f1`, `roc_auc`, `mae`, `rmse`, `bias`
    pub name: String,
    pub estimate: Estimate,
    pub higher_is_better: bool,
}

pub fn metric_title(name: &str) -> &'static str {
    match name {
        "accuracy" => "Accuracy",
        "precision" => "Precision",
        "recall" => "Recall",
        "f1" => "F1",
        "specificity" => "Specificity",
        "roc_auc" => "ROC AUC",
        "mae" => "Mean absolute error",
        "rmse" => "Root mean squared error",
        "bias" => "Bias",
        "brier" => "Brier score",
        "log_loss" => "Log loss",
        "r2" => "R²",
        "mape" => "Mean percentage error",
        "ndcg" => "NDCG at 10",
        "map" => "Mean average precision",
        "mrr" => "Mean reciprocal rank",
        "hit_rate" => "Hit rate at 10",
        _ => "Metric",
    }
}

/// The same within a sentence.
pub fn metric_words(name: &str) -> String {
    let title = metric_title(name);
    if name == "f1" || name == "roc_auc" || name == "ndcg" || name == "r2" {
        return title.to_string();
    }
    let mut letters = title.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Realised quality: rows whose truth is known, and how many that is of all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Quality {
    pub metrics: Vec<Metric>,
    pub labelled: u64,
    pub rows: u64,
    pub confusion: Option<Confusion>,
    /// Of the labelled rows of which the model was sure, those whose label is another than it said.
    #[serde(default)]
    pub contradicted: Option<Estimate>,
}

impl Quality {
    pub fn coverage(&self) -> f64 {
        if self.rows == 0 { 0.0 } else { self.labelled as f64 / self.rows as f64 }
    }

    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|m| m.name == name)
    }
}

/// What a model says of its own certainty; needs no labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Confidence {
    pub n: u64,
    /// Mean probability of the predicted class.
    #[serde(deserialize_with = "crate::number::number")]
    pub mean: f64,
    #[serde(deserialize_with = "crate::number::number")]
    pub p10: f64,
    #[serde(deserialize_with = "crate::number::number")]
    pub p50: f64,
    #[serde(deserialize_with = "crate::number::number")]
    pub p90: f64,
    /// Share below the model's low-confidence setting.
    pub low_share: Estimate,
    /// Share predicted positive (binary).
    pub positive_share: Option<Estimate>,
}

/// How a window's drift adds up to one figure (definitions: overall drift score).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DriftScore {
    /// 0 to 1; 0.5 lies at the threshold.
    #[serde(deserialize_with = "crate::number::number")]
    pub score: f64,
    /// Its three parts, each by the same scale; what could not be had is left out of the mean.
    #[serde(default)]
    pub statistical: Option<f64>,
    #[serde(default)]
    pub model_based: Option<f64>,
    #[serde(default)]
    pub performance: Option<f64>,
    /// Quality fell while inputs held, or fell further than the shift of the inputs explains.
    #[serde(default)]
    pub concept: bool,
    #[serde(deserialize_with = "crate::number::number")]
    pub threshold: f64,
    pub columns: u32,
    pub drifted: u32,
    /// In words, so that the figure can be checked.
    pub composition: String,
}

/// Everything that is said of one window. A pure function of (baseline, rows, labels known,
/// settings); `revision` counts how often the answer changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WindowReport {
    pub range: TimeRange,
    pub state: WindowState,
    /// Belongs to the baseline itself: shown as reference, never judged.
    pub reference: bool,
    pub rows: u64,
    pub revision: u32,
    /// Why this revision was computed: “new events”, “labels”, “baseline”.
    pub reason: String,
    pub computed_at: Timestamp,
    pub quality: Option<Quality>,
    pub confidence: Option<Confidence>,
    pub drift: Option<DriftScore>,
    pub columns: Vec<ColumnVerdict>,
    pub latency_ms_p95: Option<f64>,
    #[serde(default)]
    pub estimated: Option<Estimated>,
    #[serde(default)]
    pub multivariate: Multivariate,
    #[serde(default)]
    pub behaviour: Behaviour,
    #[serde(default)]
    pub data: DataQuality,
    #[serde(default)]
    pub fairness: Vec<Fairness>,
    #[serde(default)]
    pub ensemble: Option<Ensemble>,
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// The weakest first.
    #[serde(default)]
    pub segments: Vec<Segment>,
    /// What each segment is worth, the good ones too: how quality lies.
    #[serde(default)]
    pub segment_values: Vec<f64>,
    /// Versions beside each other, where more than one answered.
    #[serde(default)]
    pub versions: Vec<VersionRate>,
    #[serde(default)]
    pub labels: Option<LabelLag>,
    #[serde(default)]
    pub usage: Usage,
    /// Figures held against their thresholds, the worst first.
    #[serde(default)]
    pub judgements: Vec<Judgement>,
    /// In plain words, worst first.
    pub sentence: String,
}

/// What the baseline's own windows do: the ground for thresholds on quality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Usual {
    pub metric: String,
    #[serde(deserialize_with = "crate::number::number")]
    pub mean: f64,
    /// mean − 3 standard deviations over the baseline's windows.
    #[serde(deserialize_with = "crate::number::number")]
    pub lower: f64,
    #[serde(deserialize_with = "crate::number::number")]
    pub upper: f64,
    pub windows: u32,
    /// Rows of the middle one, and how far one goes with the next: their lag-1 autocorrelation, 0 at least.
    #[serde(default)]
    pub rows: f64,
    #[serde(default)]
    pub memory: f64,
}

impl Usual {
    /// What is usual of a window of so many rows.
    #[must_use]
    pub fn of_rows(&self, rows: u64) -> Usual {
        let times = narrower(self.rows, rows as f64, self.memory);
        let (lower, upper) =
            (self.mean - (self.mean - self.lower) * times, self.mean + (self.upper - self.mean) * times);
        Usual { lower, upper, ..self.clone() }
    }
}

/// Windows so many times larger than the baseline's own are held against a band that is narrower than theirs.
const LARGER: f64 = 4.0;

/// How many times as wide as among windows of `own` rows a mean scatters among windows of `rows` rows: the square
/// root of (1 + ρ) / (1 − ρ) / k for k windows that follow each other with the autocorrelation ρ. A baseline of two
/// months is cut into windows of days, or nothing could be learnt from it; a month of production is no such
/// window. 1 where they are of about the same size.
pub fn narrower(own: f64, rows: f64, memory: f64) -> f64 {
    let times = rows / own;
    if times.is_finite() && times >= LARGER { ((1.0 + memory) / (1.0 - memory) / times).sqrt().min(1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lies_where_the_baseline_says() {
        let numbers = Shares { edges: vec![0.0, 10.0, 20.0], reference: vec![0.25, 0.75], ..Shares::default() };
        assert_eq!(
            ["-1", "5", "10", "20", "21", "x"].map(|v| numbers.place(v)),
            [Some(0.0), Some(0.125), Some(0.625), Some(0.625), Some(1.0), None]
        );
        let words = Shares { categories: vec!["a".into()], reference: vec![0.4], ..Shares::default() };
        assert_eq!((words.place("a"), words.place("b")), (Some(0.4), None));
    }
}

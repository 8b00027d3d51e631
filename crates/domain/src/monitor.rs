//! Monitors: where the usual ends for a figure of a model's windows, and what is said beyond.

use serde::{Deserialize, Serialize};

use crate::verdict::{Estimate, Finding};

/// How a threshold is found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum ThresholdRule {
    /// Given by a person. Either side may be open.
    Fixed { lower: Option<f64>, upper: Option<f64> },
    /// The mean of the baseline's windows ± `deviations` of their standard deviation.
    History { deviations: f64 },
    /// The same, hour of the week by hour of the week, by median and spread.
    Season { deviations: f64 },
    /// Quantiles of past windows in which one counts half as much after `half_life` windows.
    Decay { share: f64, half_life: f64 },
    /// Order statistics of past windows: at most `share` of them lie outside, whatever their distribution.
    Conformal { share: f64 },
    /// As wide as gives one false alarm in so many windows.
    Budget { windows: f64 },
}

impl ThresholdRule {
    /// What most figures start with: the field's convention, and about one false alarm in 370 windows.
    pub const USUAL: ThresholdRule = ThresholdRule::History { deviations: 3.0 };

    /// What is wrong with it, if anything.
    pub fn problem(&self) -> Option<String> {
        let share = |s: f64| (!(s > 0.0 && s < 0.5)).then(|| "a share lies between 0 and 0.5".to_string());
        match *self {
            ThresholdRule::Fixed { lower, upper } => match (lower, upper) {
                (None, None) => Some("a fixed threshold has a lower or an upper end".into()),
                (Some(l), Some(u)) if l >= u => Some("the lower end lies below the upper one".into()),
                _ => None,
            },
            ThresholdRule::History { deviations } | ThresholdRule::Season { deviations } => {
                (!(0.5..=10.0).contains(&deviations)).then(|| "between 0.5 and 10 standard deviations".into())
            }
            ThresholdRule::Decay { share: s, half_life } => {
                share(s).or_else(|| (half_life < 1.0).then(|| "a half-life of at least one window".into()))
            }
            ThresholdRule::Conformal { share: s } => share(s),
            ThresholdRule::Budget { windows } => {
                (!(2.0..=1e6).contains(&windows)).then(|| "one false alarm in 2 to 1,000,000 windows".into())
            }
        }
    }

    /// In words, as a reader meets it beside the number.
    pub fn words(&self) -> String {
        let n = |v: f64| crate::format::compact(v);
        match *self {
            ThresholdRule::Fixed { .. } => "set by hand".into(),
            ThresholdRule::History { deviations } => format!("baseline’s windows ± {} sd", n(deviations)),
            ThresholdRule::Season { deviations } => {
                format!("same hour of the week, median ± {} spreads", n(deviations))
            }
            ThresholdRule::Decay { share, half_life } => {
                format!("past windows, {} % outside, half-life {} windows", n(share * 100.0), n(half_life))
            }
            ThresholdRule::Conformal { share } => format!("past windows, at most {} % outside", n(share * 100.0)),
            ThresholdRule::Budget { windows } => format!("one false alarm in {} windows", n(windows)),
        }
    }
}

/// A person's choice for one figure; figures without one take [`ThresholdRule::USUAL`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Monitor {
    pub figure: String,
    pub threshold: ThresholdRule,
    #[serde(default = "yes")]
    pub on: bool,
    /// Windows that must be outside, of the last `of`, before it counts.
    #[serde(default = "one")]
    pub windows: u32,
    #[serde(default = "one")]
    pub of: u32,
}

impl Monitor {
    /// What is wrong with it, if anything.
    pub fn problem(&self) -> Option<String> {
        if !(1..=10).contains(&self.of) || !(1..=self.of).contains(&self.windows) {
            return Some("so many of at most 10 windows".into());
        }
        self.threshold.problem()
    }
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

/// Where the usual ends, and how often it ends for no reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limits {
    /// Open where absent.
    pub lower: Option<f64>,
    pub upper: Option<f64>,
    pub centre: Option<f64>,
    /// In words.
    pub source: String,
    /// The share of unchanged windows expected outside by the rule's own arithmetic.
    pub false_alarms_expected: Option<f64>,
    /// The share measured on the baseline's windows: each held against limits learnt from the others.
    pub false_alarms_measured: Option<f64>,
    /// Windows it was learnt from.
    pub n: u32,
}

impl Limits {
    pub fn outside(&self, value: f64) -> bool {
        self.lower.is_some_and(|l| value < l) || self.upper.is_some_and(|u| value > u)
    }
}

/// Windows that a finding looks back on, its own included.
pub const LOOKED_BACK: u32 = 10;

/// A figure held against its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Judgement {
    pub figure: String,
    pub estimate: Estimate,
    pub higher_is_better: Option<bool>,
    pub limits: Limits,
    pub finding: Finding,
    /// Distance from the centre in standard deviations of the baseline's windows.
    pub effect: Option<f64>,
    /// Chance of a value so far out were nothing changed; two-sided.
    pub p: Option<f64>,
    /// After Benjamini–Hochberg over the figures of the window.
    pub p_adjusted: Option<f64>,
    /// The smallest change that a window of this size shows in 4 of 5 cases.
    pub detectable: Option<f64>,
    /// Windows outside, of so many looked at ([`LOOKED_BACK`] at most), this one included.
    pub outside: u32,
    pub of: u32,
    /// In plain words.
    pub sentence: String,
}

impl Judgement {
    /// Whether it is worth an alert: far outside, or outside in so many of the last windows. A single window just
    /// beyond its limit is what chance alone makes of a dozen figures every few days.
    pub fn calls(&self, windows: u32) -> bool {
        self.finding == Finding::Large || (self.finding.drifted() && self.outside >= windows)
    }
}

/// A threshold tried on what is known, before it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LimitsPreview {
    pub figure: String,
    pub title: String,
    pub threshold: ThresholdRule,
    /// `None` where the baseline has too few windows for it.
    pub limits: Option<Limits>,
    /// The baseline's windows and production's, in order of time.
    pub baseline: Vec<crate::signal::Sample>,
    pub production: Vec<crate::signal::Sample>,
    /// Windows of production outside.
    pub outside: u32,
}

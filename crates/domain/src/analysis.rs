//! What can be said of any signal over a range: anomalies, control limits, a forecast, where it changed,
//! and which other signals moved with it.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::kpi::Fan;
use crate::signal::Layer;
use crate::telemetry::QueryLine;

/// A value that does not belong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Anomaly {
    /// Place among the line's values.
    pub step: u32,
    pub value: f64,
    /// Spreads away from what is usual at that hour.
    pub away: f64,
}

/// Limits learnt from the first part of a line, and what broke them in the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ControlChart {
    pub centre: f64,
    pub lower: f64,
    pub upper: f64,
    /// Values that the limits were learnt from.
    pub learnt_from: u32,
    /// Places, with the first rule broken there in words.
    pub broken: Vec<(u32, String)>,
    /// Values between two false alarms of an unchanged independent process.
    pub run_length: f64,
}

/// What comes next, with what is not known about it: the band that holds the truth in 95 of 100 such forecasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Forecast {
    pub mean: Vec<f64>,
    pub low: Vec<f64>,
    pub high: Vec<f64>,
    /// Share of the last quarter that such a band, made before it, did hold.
    pub covered: Option<f64>,
    /// Steps until the limit is crossed: as likely as 10 %, 50 %, 90 %.
    pub crossing: Option<[Option<u32>; 3]>,
}

impl Forecast {
    /// The same as a fan, errors being normal. `from` is the last measured point.
    pub fn fan(&self, from: Timestamp, step: i64) -> Fan {
        let widest = Fan::BANDS[Fan::BANDS.len() - 1];
        let points = self.mean.iter().zip(&self.high).map(|(mean, high)| (*mean, (high - mean) / widest)).collect();
        Fan { from, step, points }
    }
}

/// One line looked at closely.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LineAnalysis {
    pub line: QueryLine,
    pub anomalies: Vec<Anomaly>,
    /// The rate of false alarms that the anomalies' threshold stands for.
    pub anomaly_rate: f64,
    /// Steps of a season, where one was taken into account.
    pub season: Option<u32>,
    pub control: Option<ControlChart>,
    pub forecast: Option<Forecast>,
    /// Places where the level changed.
    pub changes: Vec<u32>,
    /// Change over the range by the Theil–Sen slope, where Mann–Kendall finds a trend.
    pub trend: Option<f64>,
    /// In plain words.
    pub sentence: String,
}

/// A query's lines looked at closely.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AnalysisView {
    pub query: String,
    pub unit: String,
    /// Seconds between two points.
    pub step: f64,
    pub from: Timestamp,
    pub to: Timestamp,
    pub lines: Vec<LineAnalysis>,
    pub left_out: u64,
}

/// A signal whose newest values do not belong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Unusual {
    pub name: String,
    pub label: String,
    pub layer: Layer,
    pub value: f64,
    pub at: Timestamp,
    /// Spreads away from what is usual at that hour.
    pub away: f64,
    /// Of the last values, how many do not belong.
    pub strange: u32,
    pub of: u32,
    pub values: Vec<Option<f64>>,
}

/// All signals looked at, and those that are unusual now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UnusualView {
    pub from: Timestamp,
    pub to: Timestamp,
    /// Seconds between two points.
    pub step: f64,
    pub looked_at: u32,
    /// Of unchanged signals so many would be named by chance.
    pub expected: f64,
    /// The farthest out first.
    pub signals: Vec<Unusual>,
}

/// Another signal that moved with the one asked about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Companion {
    pub name: String,
    pub label: String,
    pub layer: Layer,
    /// Pearson's r at the lag where it is greatest.
    pub r: f64,
    /// Seconds by which the other comes earlier (positive) or later.
    pub leads_by: f64,
    /// Allows for the memory of both and for every lag tried; then Benjamini–Hochberg over all signals.
    pub p_adjusted: f64,
    /// Pairs that count.
    pub n: f64,
    pub values: Vec<Option<f64>>,
}

/// What moved with a signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CompanionView {
    pub query: String,
    pub focus: QueryLine,
    pub step: f64,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Surest first.
    pub companions: Vec<Companion>,
    /// Signals that were compared.
    pub compared: u32,
}

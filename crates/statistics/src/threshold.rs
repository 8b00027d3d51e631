//! Thresholds that come from data instead of a guess.

use crate::quantile::{mean, standard_deviation};

/// Values between the two are usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    pub lower: f64,
    pub upper: f64,
}

/// mean ± k · standard deviation (ddof 0) over what reference chunks gave, as NannyML. NaN values
/// are left out; NaN limits without any.
pub fn from_history(history: &[f64], k: f64) -> Thresholds {
    let known: Vec<f64> = history.iter().copied().filter(|v| !v.is_nan()).collect();
    let (centre, spread) = (mean(&known), standard_deviation(&known, 0));
    Thresholds { lower: centre - k * spread, upper: centre + k * spread }
}

//! What is usual at this hour: a robust baseline by phase of the season.

use crate::quantile::{quantile_sorted, sorted_finite};

/// Makes the median absolute deviation of normal values their standard deviation.
const MAD_TO_DEVIATION: f64 = 1.4826;

/// Median and spread of each phase of a season.
#[derive(Debug, Clone, PartialEq)]
pub struct SeasonalBaseline {
    pub median: Vec<f64>,
    /// 1.4826 · MAD, at least the floor.
    pub spread: Vec<f64>,
    /// Values each phase rests on.
    pub n: Vec<usize>,
}

impl SeasonalBaseline {
    /// From a history that starts at phase 0. `floor` keeps a quiet phase from calling every
    /// wobble an anomaly. `None` for no period.
    pub fn of(history: &[f64], period: usize, floor: f64) -> Option<SeasonalBaseline> {
        if period == 0 {
            return None;
        }
        let (mut median, mut spread, mut n) = (Vec::new(), Vec::new(), Vec::new());
        for phase in 0..period {
            let values: Vec<f64> = history.iter().skip(phase).step_by(period).copied().collect();
            let sorted = sorted_finite(&values);
            let middle = quantile_sorted(&sorted, 0.5);
            let away: Vec<f64> = sorted.iter().map(|v| (v - middle).abs()).collect();
            median.push(middle);
            spread.push((MAD_TO_DEVIATION * quantile_sorted(&sorted_finite(&away), 0.5)).max(floor));
            n.push(sorted.len());
        }
        Some(SeasonalBaseline { median, spread, n })
    }

    /// How far a value at time t lies from what is usual at its phase, in spreads.
    pub fn z(&self, t: usize, value: f64) -> f64 {
        let phase = t % self.median.len();
        (value - self.median[phase]) / self.spread[phase]
    }
}

/// The scores of the values from `history` on against the first `history` values.
pub fn seasonal_robust_z(values: &[f64], period: usize, history: usize, floor: f64) -> Option<Vec<f64>> {
    let history = history.min(values.len());
    let baseline = SeasonalBaseline::of(&values[..history], period, floor)?;
    Some(values.iter().enumerate().skip(history).map(|(t, v)| baseline.z(t, *v)).collect())
}

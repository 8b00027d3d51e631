//! Charts of measured values: X̄-R, X̄-S, individuals with moving ranges.

use super::constants::Constants;
use crate::quantile::{mean, standard_deviation};

/// Centre and control limits of a chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    pub centre: f64,
    pub lower: f64,
    pub upper: f64,
    /// The process's standard deviation as the chart estimates it.
    pub sigma: f64,
}

impl Limits {
    /// centre ± 3σ.
    pub fn three_sigma(centre: f64, sigma: f64) -> Limits {
        Limits { centre, lower: centre - 3.0 * sigma, upper: centre + 3.0 * sigma, sigma }
    }

    /// Places of values strictly outside. Rounding is not out of control: values within 1e-9 of the
    /// limits' own size count as on them.
    pub fn outside(&self, values: &[f64]) -> Vec<usize> {
        let slack = 1e-9 * self.upper.abs().max(self.lower.abs());
        values
            .iter()
            .enumerate()
            .filter(|(_, v)| **v > self.upper + slack || **v < self.lower - slack)
            .map(|(i, _)| i)
            .collect()
    }
}

/// X̄-R: limits of the subgroup means and of their ranges. `None` for no subgroups, or sizes below
/// two or unequal.
pub fn xbar_r(subgroups: &[Vec<f64>]) -> Option<(Limits, Limits)> {
    let c = constants(subgroups)?;
    Some(xbar(subgroups, range, c.a2(), c.d2, c.range_factors(), c.d3))
}

/// X̄-S: limits of the subgroup means and of their standard deviations (ddof 1).
pub fn xbar_s(subgroups: &[Vec<f64>]) -> Option<(Limits, Limits)> {
    let c = constants(subgroups)?;
    let scatter = (1.0 - c.c4 * c.c4).sqrt();
    Some(xbar(subgroups, |g| standard_deviation(g, 1), c.a3(), c.c4, c.deviation_factors(), scatter))
}

/// `reach`: half the width of the means' limits in mean spreads. `unit`: the mean spread of standard
/// normals, and `scatter` its standard deviation. `factors`: the spread's limits in mean spreads.
fn xbar(
    subgroups: &[Vec<f64>],
    spread_of: impl Fn(&[f64]) -> f64,
    reach: f64,
    unit: f64,
    factors: (f64, f64),
    scatter: f64,
) -> (Limits, Limits) {
    let spread = mean(&subgroups.iter().map(|g| spread_of(g)).collect::<Vec<_>>());
    let centre = mean(&subgroups.iter().map(|g| mean(g)).collect::<Vec<_>>());
    let (half, sigma) = (reach * spread, spread / unit);
    (
        Limits { centre, lower: centre - half, upper: centre + half, sigma },
        Limits { centre: spread, lower: factors.0 * spread, upper: factors.1 * spread, sigma: scatter * sigma },
    )
}

/// Individuals with moving ranges of span 2: limits of the values and of the ranges. `None` below
/// two values.
pub fn individuals(values: &[f64]) -> Option<(Limits, Limits)> {
    let constants = Constants::of(2)?;
    let ranges = moving_ranges(values);
    if ranges.is_empty() {
        return None;
    }
    let spread = mean(&ranges);
    let sigma = spread / constants.d2;
    let upper = constants.range_factors().1 * spread;
    Some((
        Limits::three_sigma(mean(values), sigma),
        Limits { centre: spread, lower: 0.0, upper, sigma: constants.d3 * sigma },
    ))
}

/// |xᵢ − xᵢ₋₁|.
pub fn moving_ranges(values: &[f64]) -> Vec<f64> {
    values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect()
}

fn range(values: &[f64]) -> f64 {
    let (low, high) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    high - low
}

fn constants(subgroups: &[Vec<f64>]) -> Option<Constants> {
    let size = subgroups.first()?.len();
    subgroups.iter().all(|g| g.len() == size).then(|| Constants::of(size)).flatten()
}

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
    let constants = constants(subgroups)?;
    let ranges: Vec<f64> = subgroups.iter().map(|g| range(g)).collect();
    let spread = mean(&ranges);
    let centre = mean(&subgroups.iter().map(|g| mean(g)).collect::<Vec<_>>());
    let half = constants.a2() * spread;
    let sigma = spread / constants.d2;
    let (d3, d4) = constants.range_factors();
    Some((
        Limits { centre, lower: centre - half, upper: centre + half, sigma },
        Limits { centre: spread, lower: d3 * spread, upper: d4 * spread, sigma: constants.d3 * sigma },
    ))
}

/// X̄-S: limits of the subgroup means and of their standard deviations (ddof 1).
pub fn xbar_s(subgroups: &[Vec<f64>]) -> Option<(Limits, Limits)> {
    let constants = constants(subgroups)?;
    let deviations: Vec<f64> = subgroups.iter().map(|g| standard_deviation(g, 1)).collect();
    let spread = mean(&deviations);
    let centre = mean(&subgroups.iter().map(|g| mean(g)).collect::<Vec<_>>());
    let half = constants.a3() * spread;
    let sigma = spread / constants.c4;
    let (b3, b4) = constants.deviation_factors();
    Some((
        Limits { centre, lower: centre - half, upper: centre + half, sigma },
        Limits {
            centre: spread,
            lower: b3 * spread,
            upper: b4 * spread,
            sigma: (1.0 - constants.c4 * constants.c4).sqrt() * sigma,
        },
    ))
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

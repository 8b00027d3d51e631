//! Is there a trend, and how steep: Mann–Kendall and Theil–Sen, both by ranks and so untroubled by
//! outliers.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::intervals::normal_quantile;
use crate::quantile::{quantile_sorted, sorted_finite};

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannKendall {
    /// Rising pairs less falling ones.
    pub s: f64,
    pub variance: f64,
    pub z: f64,
    /// Two-sided, normal approximation with continuity correction.
    pub p: f64,
    /// S over all pairs (tau-a).
    pub tau: f64,
}

/// O(n²); NaN must be dropped first. `None` below two values.
pub fn mann_kendall(values: &[f64]) -> Option<MannKendall> {
    let n = values.len();
    if n < 2 {
        return None;
    }
    let mut s = 0.0;
    for (i, a) in values.iter().enumerate() {
        for b in &values[i + 1..] {
            s += f64::from(i8::from(b > a) - i8::from(b < a));
        }
    }
    let size = n as f64;
    let spread = |t: f64| t * (t - 1.0) * (2.0 * t + 5.0);
    let variance = (spread(size) - runs(values).into_iter().map(spread).sum::<f64>()) / 18.0;
    let z = if s == 0.0 { 0.0 } else { (s - s.signum()) / variance.sqrt() };
    let p = (2.0 * Normal::standard().sf(z.abs())).min(1.0);
    Some(MannKendall { s, variance, z, p, tau: s / (size * (size - 1.0) / 2.0) })
}

/// The sizes of groups of equal values.
pub(super) fn runs(values: &[f64]) -> Vec<f64> {
    let sorted = sorted_finite(values);
    sorted.chunk_by(|a, b| a == b).map(|run| run.len() as f64).collect()
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TheilSen {
    /// Median slope of all pairs, a step of time being 1.
    pub slope: f64,
    /// median(y) − slope · median(time).
    pub intercept: f64,
    /// Of the slope, at the confidence asked for.
    pub low: f64,
    pub high: f64,
}

/// Over times 0, 1, …; the interval by Sen (1968) at confidence 1 − α. O(n² log n) and n²/2 slopes
/// of memory: thin out long series first. `None` below two values.
pub fn theil_sen(values: &[f64], alpha: f64) -> Option<TheilSen> {
    let n = values.len();
    if n < 2 || values.iter().any(|v| v.is_nan()) {
        return None;
    }
    let mut slopes = Vec::with_capacity(n * (n - 1) / 2);
    for (i, a) in values.iter().enumerate() {
        for (step, b) in values[i + 1..].iter().enumerate() {
            slopes.push((b - a) / (step + 1) as f64);
        }
    }
    slopes.sort_unstable_by(f64::total_cmp);
    let slope = quantile_sorted(&slopes, 0.5);
    let intercept = quantile_sorted(&sorted_finite(values), 0.5) - slope * (n - 1) as f64 / 2.0;
    let size = n as f64;
    let spread = |t: f64| t * (t - 1.0) * (2.0 * t + 5.0);
    let sigma = ((spread(size) - runs(values).into_iter().map(spread).sum::<f64>()) / 18.0).max(0.0).sqrt();
    let half = normal_quantile(1.0 - alpha / 2.0) * sigma;
    let count = slopes.len() as f64;
    let last = slopes.len() - 1;
    let upper = (((count + half) / 2.0).round_ties_even() as usize).min(last);
    let lower = (((count - half) / 2.0).round_ties_even() - 1.0).max(0.0) as usize;
    Some(TheilSen { slope, intercept, low: slopes[lower.min(last)], high: slopes[upper] })
}

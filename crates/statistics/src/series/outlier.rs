//! Single values that do not belong.

use crate::intervals::t_quantile;
use crate::quantile::{mean, quantile_sorted, sorted_finite, standard_deviation};

/// Modified z scores 0.6745 (x − median) / MAD (Iglewicz & Hoaglin 1993); beyond ±3.5 is an
/// outlier. A MAD of 0 gives way to 1.2533 mean |x − median|; where that is 0 too all scores are 0.
pub fn modified_z(values: &[f64]) -> Vec<f64> {
    let median = quantile_sorted(&sorted_finite(values), 0.5);
    let away: Vec<f64> = values.iter().map(|v| (v - median).abs()).collect();
    let mad = quantile_sorted(&sorted_finite(&away), 0.5);
    let known: Vec<f64> = away.iter().copied().filter(|v| !v.is_nan()).collect();
    let average = mean(&known);
    values
        .iter()
        .map(|v| {
            if v.is_nan() {
                f64::NAN
            } else if mad > 0.0 {
                0.6745 * (v - median) / mad
            } else if average > 0.0 {
                (v - median) / (1.253_314 * average)
            } else {
                0.0
            }
        })
        .collect()
}

/// Grubbs' test (1950) for one outlier among normal values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grubbs {
    /// Largest |x − mean| / s.
    pub g: f64,
    /// Its place, the first of equals.
    pub place: usize,
    /// (max − mean) / s.
    pub g_max: f64,
    /// What chance exceeds with probability α, on either side.
    pub critical_two_sided: f64,
    /// The same for the maximum alone.
    pub critical_one_sided: f64,
}

/// `None` for fewer than three values.
pub fn grubbs(values: &[f64], alpha: f64) -> Option<Grubbs> {
    if values.len() < 3 {
        return None;
    }
    let n = values.len() as f64;
    let (centre, s) = (mean(values), standard_deviation(values, 1));
    let score = |away: f64| if s > 0.0 { away / s } else { 0.0 };
    let (mut place, mut g) = (0, 0.0);
    let mut greatest = f64::NEG_INFINITY;
    for (i, v) in values.iter().enumerate() {
        let away = score((v - centre).abs());
        if away > g {
            (place, g) = (i, away);
        }
        greatest = greatest.max(*v);
    }
    let critical = |tail: f64| {
        let t = t_quantile(1.0 - tail, n - 2.0);
        (n - 1.0) / n.sqrt() * (t * t / (n - 2.0 + t * t)).sqrt()
    };
    Some(Grubbs {
        g,
        place,
        g_max: score(greatest - centre),
        critical_two_sided: critical(alpha / (2.0 * n)),
        critical_one_sided: critical(alpha / n),
    })
}

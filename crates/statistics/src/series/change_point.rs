//! Where a series changed: exactly, looking back (PELT), and as it comes (Bayesian, online).

use statrs::function::gamma::ln_gamma;

use crate::quantile::{quantile_sorted, sorted_finite};

/// The places where a new mean begins, by PELT (Killick, Fearnhead & Eckley 2012): the segmentation
/// with the least squared error plus `penalty`·σ² a change, found exactly in about linear time.
/// σ comes from the differences of neighbours, so that changes do not inflate it. `penalty` of
/// 3 ln n is a good default (`None`). Segments have at least `least` values. NaN must be dropped
/// first; none is found in a series with it.
pub fn pelt(values: &[f64], penalty: Option<f64>, least: usize) -> Vec<usize> {
    let n = values.len();
    let least = least.max(1);
    if n < 2 * least || values.iter().any(|v| !v.is_finite()) {
        return Vec::new();
    }
    let steps: Vec<f64> = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let noise = 1.4826 * quantile_sorted(&sorted_finite(&steps), 0.5) / std::f64::consts::SQRT_2;
    let spread = crate::quantile::standard_deviation(values, 0);
    // Half of the neighbours equal: take the whole spread's small part rather than none.
    let sigma = if noise > 0.0 { noise } else { 0.05 * spread };
    if sigma == 0.0 {
        return Vec::new();
    }
    let penalty = penalty.unwrap_or(3.0 * (n as f64).ln()) * sigma * sigma;
    // Sums from the start, of values moved to their mean: squares of large offsets lose digits.
    let centre = crate::quantile::mean(values);
    let (mut sum, mut square) = (vec![0.0; n + 1], vec![0.0; n + 1]);
    for (i, v) in values.iter().enumerate() {
        let v = v - centre;
        sum[i + 1] = sum[i] + v;
        square[i + 1] = square[i] + v * v;
    }
    let cost = |from: usize, to: usize| {
        let s = sum[to] - sum[from];
        (square[to] - square[from] - s * s / (to - from) as f64).max(0.0)
    };
    let mut best = vec![f64::INFINITY; n + 1];
    best[0] = -penalty;
    let mut before = vec![0; n + 1];
    let mut candidates = vec![0];
    for end in least..=n {
        let mut costs = Vec::with_capacity(candidates.len());
        for start in &candidates {
            let value = best[*start] + cost(*start, end) + penalty;
            if value < best[end] {
                (best[end], before[end]) = (value, *start);
            }
            costs.push(value);
        }
        let keep = best[end] + penalty;
        let mut kept: Vec<usize> =
            candidates.iter().zip(&costs).filter(|(_, cost)| **cost <= keep).map(|(start, _)| *start).collect();
        if end + 1 >= 2 * least {
            kept.push(end + 1 - least);
        }
        candidates = kept;
    }
    let mut found = Vec::new();
    let mut at = before[n];
    while at > 0 {
        found.push(at);
        at = before[at];
    }
    found.reverse();
    found
}

/// Bayesian online change detection (Adams & MacKay 2007) of a normal mean and variance: after each
/// value, how likely it is that a new regime began within the last few. Memory is bounded: of the
/// possible run lengths only the likeliest are kept.
#[derive(Debug, Clone)]
pub struct OnlineChange {
    /// Chance of a change at any value.
    hazard: f64,
    /// Run length, its ln probability, and (n, mean, sum of squares) of the run.
    runs: Vec<(usize, f64, f64, f64, f64)>,
    prior: (f64, f64),
}

/// Run lengths kept.
const RUNS: usize = 200;

impl OnlineChange {
    /// `expected_run`: values between two changes. `mean` and `deviation`: what a new regime looks
    /// like before its first value.
    pub fn new(expected_run: f64, mean: f64, deviation: f64) -> OnlineChange {
        OnlineChange {
            hazard: 1.0 / expected_run.max(2.0),
            runs: vec![(0, 0.0, 0.0, 0.0, 0.0)],
            prior: (mean, deviation.max(f64::MIN_POSITIVE)),
        }
    }

    /// Takes a value; gives the chance that the present regime is no older than `within` values.
    /// NaN changes nothing.
    pub fn update(&mut self, value: f64, within: usize) -> f64 {
        if value.is_finite() {
            let ln_stay = (1.0 - self.hazard).ln();
            let ln_change = self.hazard.ln();
            let mut next = Vec::with_capacity(self.runs.len() + 1);
            let mut changed = f64::NEG_INFINITY;
            for (length, ln_p, n, mean, squares) in &self.runs {
                let seen = ln_p + self.ln_predictive(value, *n, *mean, *squares);
                changed = ln_add(changed, seen + ln_change);
                let more = n + 1.0;
                let away = value - mean;
                let moved = mean + away / more;
                next.push((length + 1, seen + ln_stay, more, moved, squares + away * (value - moved)));
            }
            next.push((0, changed, 0.0, 0.0, 0.0));
            next.sort_by(|a, b| b.1.total_cmp(&a.1));
            next.truncate(RUNS);
            let total = next.iter().fold(f64::NEG_INFINITY, |sum, run| ln_add(sum, run.1));
            next.iter_mut().for_each(|run| run.1 -= total);
            self.runs = next;
        }
        self.runs.iter().filter(|run| run.0 <= within).map(|run| run.1.exp()).sum::<f64>().min(1.0)
    }

    /// The likeliest age of the present regime, in values.
    pub fn age(&self) -> usize {
        self.runs.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |run| run.0)
    }

    /// ln of the Student t density of the next value under a normal-inverse-gamma prior that
    /// weighs as one value.
    fn ln_predictive(&self, value: f64, n: f64, mean: f64, squares: f64) -> f64 {
        let (mean0, deviation0) = self.prior;
        let (kappa0, alpha0) = (0.05, 1.0);
        let beta0 = alpha0 * deviation0 * deviation0;
        let kappa = kappa0 + n;
        let alpha = alpha0 + n / 2.0;
        let beta = beta0 + squares / 2.0 + kappa0 * n * (mean - mean0).powi(2) / (2.0 * kappa);
        let centre = (kappa0 * mean0 + n * mean) / kappa;
        let degrees = 2.0 * alpha;
        let scale = beta * (kappa + 1.0) / (alpha * kappa);
        let z = (value - centre).powi(2) / scale;
        ln_gamma((degrees + 1.0) / 2.0)
            - ln_gamma(degrees / 2.0)
            - 0.5 * (degrees * std::f64::consts::PI * scale).ln()
            - (degrees + 1.0) / 2.0 * (z / degrees).ln_1p()
    }
}

fn ln_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if high == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps() -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(9);
        let mut noise = || (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        (0..300).map(|t| noise() + if (100..220).contains(&t) { 4.0 } else { 0.0 }).collect()
    }

    #[test]
    fn both_ways_find_the_two_steps() {
        let values = steps();
        let found = pelt(&values, None, 5);
        assert!(found.len() == 2 && found[0].abs_diff(100) <= 2 && found[1].abs_diff(220) <= 2, "{found:?}");
        let mut online = OnlineChange::new(200.0, 0.0, 1.0);
        let chances: Vec<f64> = values.iter().map(|v| online.update(*v, 10)).collect();
        assert!(chances[90] < 0.3 && chances[106] > 0.9 && chances[226] > 0.9, "{} {}", chances[90], chances[106]);
        assert!(online.age().abs_diff(80) <= 3, "{}", online.age());
    }

    #[test]
    fn nothing_is_found_in_noise_a_constant_or_missing_values() {
        let noise: Vec<f64> = steps()[..100].to_vec();
        assert!(pelt(&noise, None, 5).is_empty());
        assert!(pelt(&[2.0; 50], None, 5).is_empty() && pelt(&[f64::NAN; 50], None, 5).is_empty());
    }
}

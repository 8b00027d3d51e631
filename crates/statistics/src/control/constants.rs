//! The constants of Shewhart's charts at full precision, by integration instead of tables.

use statrs::distribution::{Continuous, ContinuousCDF, Normal};
use statrs::function::gamma::ln_gamma;

/// Constants for subgroups of n normal values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constants {
    /// Mean of the range of n standard normals.
    pub d2: f64,
    /// Its standard deviation.
    pub d3: f64,
    /// Mean of the standard deviation (ddof 1) of n standard normals.
    pub c4: f64,
    pub n: f64,
}

impl Constants {
    /// `None` below two values a subgroup.
    pub fn of(n: usize) -> Option<Constants> {
        if n < 2 {
            return None;
        }
        let size = n as f64;
        let c4 = (2.0 / (size - 1.0)).sqrt() * (ln_gamma(size / 2.0) - ln_gamma((size - 1.0) / 2.0)).exp();
        let (d2, d3) = range_moments(size);
        Some(Constants { d2, d3, c4, n: size })
    }

    pub fn a2(&self) -> f64 {
        3.0 / (self.d2 * self.n.sqrt())
    }

    pub fn a3(&self) -> f64 {
        3.0 / (self.c4 * self.n.sqrt())
    }

    /// (D3, D4): factors of the mean range.
    pub fn range_factors(&self) -> (f64, f64) {
        let spread = 3.0 * self.d3 / self.d2;
        ((1.0 - spread).max(0.0), 1.0 + spread)
    }

    /// (B3, B4): factors of the mean standard deviation.
    pub fn deviation_factors(&self) -> (f64, f64) {
        let spread = 3.0 * (1.0 - self.c4 * self.c4).sqrt() / self.c4;
        ((1.0 - spread).max(0.0), 1.0 + spread)
    }

    /// (B5, B6): factors of a known σ.
    pub fn known_deviation_factors(&self) -> (f64, f64) {
        let spread = 3.0 * (1.0 - self.c4 * self.c4).sqrt();
        ((self.c4 - spread).max(0.0), self.c4 + spread)
    }

    pub fn e2(&self) -> f64 {
        3.0 / self.d2
    }
}

/// Mean and standard deviation of the range W of n standard normals, from its distribution
/// P(W ≤ w) = n ∫ φ(x) (Φ(x + w) − Φ(x))ⁿ⁻¹ dx: E W = ∫ P(W > w) dw and E W² = ∫ 2w P(W > w) dw by
/// Simpson's rule (the inner integrand vanishes at both ends, where the plain sum is as good).
fn range_moments(n: f64) -> (f64, f64) {
    const STEP: f64 = 0.02;
    const LOWEST: f64 = -8.0;
    const INNER: usize = 800;
    const OUTER: usize = 600;
    let normal = Normal::standard();
    let place = |i: usize| LOWEST + i as f64 * STEP;
    let below: Vec<f64> = (0..=INNER + OUTER).map(|i| normal.cdf(place(i))).collect();
    let density: Vec<f64> = (0..=INNER).map(|i| normal.pdf(place(i))).collect();
    let (mut mean, mut square) = (0.0, 0.0);
    for k in 0..=OUTER {
        let within: f64 = (0..=INNER).map(|i| density[i] * (below[i + k] - below[i]).powf(n - 1.0)).sum();
        let above = 1.0 - n * within * STEP;
        let weight = match k {
            0 | OUTER => 1.0,
            odd if odd % 2 == 1 => 4.0,
            _ => 2.0,
        } * STEP
            / 3.0;
        mean += weight * above;
        square += weight * 2.0 * k as f64 * STEP * above;
    }
    (mean, (square - mean * mean).max(0.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_the_printed_ones() {
        let five = Constants::of(5).expect("defined");
        assert!((five.d2 - 2.325_929).abs() < 1e-5 && (five.c4 - 0.939_986).abs() < 1e-5, "{five:?}");
        assert!((five.a2() - 0.577).abs() < 5e-4 && (five.range_factors().1 - 2.114).abs() < 5e-4);
        assert!(Constants::of(1).is_none());
    }
}

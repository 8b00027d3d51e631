//! The constants of Shewhart's charts at full precision, by integration instead of tables.

use statrs::distribution::{ContinuousCDF, Normal};
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

/// Mean and standard deviation of the range. E[W] = ∫ 1 − (1−Φ)ⁿ − Φⁿ dx, and
/// E[W²] = 2 ∬_{x<y} (1 − Φ(y)ⁿ − (1−Φ(x))ⁿ + (Φ(y)−Φ(x))ⁿ) dx dy (Tippett 1925).
fn range_moments(n: f64) -> (f64, f64) {
    const STEP: f64 = 0.02;
    const REACH: f64 = 8.0;
    let normal = Normal::standard();
    let points: Vec<(f64, f64)> = (0..=(2.0 * REACH / STEP) as usize)
        .map(|i| {
            let x = -REACH + i as f64 * STEP;
            (normal.cdf(x), normal.sf(x))
        })
        .collect();
    let mean: f64 = points.iter().map(|(below, above)| 1.0 - above.powf(n) - below.powf(n)).sum::<f64>() * STEP;
    // Trapezoid in both directions; on the diagonal the cell counts half.
    let mut square = 0.0;
    for (i, (below_x, above_x)) in points.iter().enumerate() {
        let low = above_x.powf(n);
        for (j, (below_y, _)) in points.iter().enumerate().skip(i) {
            let value = 1.0 - below_y.powf(n) - low + (below_y - below_x).powf(n);
            square += if i == j { value / 2.0 } else { value };
        }
    }
    let second = 2.0 * square * STEP * STEP;
    (mean, (second - mean * mean).max(0.0).sqrt())
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

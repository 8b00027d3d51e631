//! Could the sample have shown anything: power, and the smallest effect a test can see.

use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};

use crate::intervals::normal_quantile;

/// Power of the two-sided two-proportion test at level α for true shares p and q of n and m rows.
pub fn proportions(p: f64, q: f64, n: f64, m: f64, alpha: f64) -> f64 {
    let pooled = (n * p + m * q) / (n + m);
    let null = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    let truth = (p * (1.0 - p) / n + q * (1.0 - q) / m).sqrt();
    let z = normal_quantile(1.0 - alpha / 2.0);
    two_tails((p - q).abs(), z * null, truth)
}

/// Power of the two-sided test of means that lie `d` standard deviations apart.
pub fn means(d: f64, n: f64, m: f64, alpha: f64) -> f64 {
    let error = (1.0 / n + 1.0 / m).sqrt();
    two_tails(d.abs(), normal_quantile(1.0 - alpha / 2.0) * error, error)
}

fn two_tails(effect: f64, limit: f64, error: f64) -> f64 {
    let normal = Normal::standard();
    if error > 0.0 {
        normal.sf((limit - effect) / error) + normal.cdf((-limit - effect) / error)
    } else {
        f64::from(u8::from(effect > limit))
    }
}

/// The smallest rise of a share p that the test of proportions sees with this power; `None` where
/// even a rise to 1 is not seen.
pub fn detectable_rise(p: f64, n: f64, m: f64, alpha: f64, power: f64) -> Option<f64> {
    bisect(0.0, 1.0 - p, |rise| proportions(p, p + rise, n, m, alpha) >= power)
}

/// The smallest difference of means, in standard deviations, seen with this power:
/// (z₁₋α/₂ + z_power) √(1/n + 1/m).
pub fn detectable_shift(n: f64, m: f64, alpha: f64, power: f64) -> f64 {
    (normal_quantile(1.0 - alpha / 2.0) + normal_quantile(power)) * (1.0 / n + 1.0 / m).sqrt()
}

/// The Kolmogorov–Smirnov distance between two laws that the test surely sees with this power: the
/// critical distance plus what the sample may fall short by where the laws differ most (Massey
/// 1951; a lower bound of the power, so the true reach is a little better).
pub fn detectable_distance(n: f64, m: f64, alpha: f64, power: f64) -> f64 {
    let root = (1.0 / n + 1.0 / m).sqrt();
    let critical = (-0.5 * (alpha / 2.0).ln()).sqrt() * root;
    (critical + 0.5 * normal_quantile(power) * root).min(1.0)
}

/// Cohen's w = √Σ (q − p)²/p that the χ² test with these degrees of freedom sees with this power, by
/// the normal approximation of the noncentral χ².
pub fn detectable_w(n: f64, m: f64, degrees: u32, alpha: f64, power: f64) -> Option<f64> {
    let k = f64::from(degrees);
    let critical = ChiSquared::new(k).ok()?.inverse_cdf(1.0 - alpha);
    let z = normal_quantile(power);
    let seen = |lambda: f64| k + lambda - z * (2.0 * (k + 2.0 * lambda)).sqrt() >= critical;
    let lambda = bisect(0.0, 1e6, seen)?;
    Some((lambda * (1.0 / n + 1.0 / m)).sqrt())
}

/// Where `holds` begins to hold between two bounds.
fn bisect(low: f64, high: f64, holds: impl Fn(f64) -> bool) -> Option<f64> {
    let (mut low, mut high) = (low, high);
    if !holds(high) {
        return None;
    }
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if holds(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn textbook_sample_sizes_have_the_power_they_promise() {
        // Half a deviation with 64 a side at 5 %: 80 %.
        assert!((means(0.5, 64.0, 64.0, 0.05) - 0.807).abs() < 0.01);
        assert!((detectable_shift(64.0, 64.0, 0.05, 0.8) - 0.495).abs() < 0.01);
        // 50 % against 60 % needs about 388 a side.
        assert!((proportions(0.5, 0.6, 388.0, 388.0, 0.05) - 0.80).abs() < 0.01);
        assert!((detectable_rise(0.5, 388.0, 388.0, 0.05, 0.8).expect("seen") - 0.1).abs() < 0.002);
        assert!(detectable_rise(0.9, 3.0, 3.0, 0.05, 0.8).is_none());
    }

    #[test]
    fn more_rows_see_smaller_effects() {
        assert!(detectable_distance(1000.0, 1000.0, 0.05, 0.8) < detectable_distance(100.0, 100.0, 0.05, 0.8));
        let w = |n: f64| detectable_w(n, n, 3, 0.05, 0.8).expect("seen");
        assert!(w(1000.0) < w(100.0) && (w(1000.0) - 0.148).abs() < 0.02, "{}", w(1000.0));
    }
}

//! Intervals: no figure without one.

/// The normal quantile for 95 %.
pub const Z95: f64 = 1.959_963_984_540_054;

/// Wilson's score interval (1927) for `successes` of `n`. (0, 1) when n is 0: nothing is known.
pub fn wilson(successes: f64, n: f64, z: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let p = successes / n;
    let z2 = z * z;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    // At the ends the bound is exact; rounding must not leave [0, 1] or miss the estimate.
    let low = if successes <= 0.0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if successes >= n { 1.0 } else { (centre + half).min(1.0) };
    (low, high)
}

/// mean ± z·s/√n.
pub fn mean_interval(mean: f64, standard_deviation: f64, n: f64, z: f64) -> (f64, f64) {
    let half = if n > 1.0 { z * standard_deviation / n.sqrt() } else { f64::INFINITY };
    (mean - half, mean + half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn wilson_contains_the_share_and_stays_within_0_and_1(n in 1u32..100_000, share in 0.0f64..=1.0) {
            let successes = (f64::from(n) * share).floor();
            let (low, high) = wilson(successes, f64::from(n), Z95);
            let p = successes / f64::from(n);
            prop_assert!(low <= p + 1e-12 && p <= high + 1e-12 && low >= 0.0 && high <= 1.0);
        }
    }
}

//! Intervals: no figure without one.

use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::beta::beta_reg;

use crate::quantile::{mean, quantile_sorted, standard_deviation};

/// The normal quantile for 95 %.
pub const Z95: f64 = 1.959_963_984_540_054;

/// How an interval for a share is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProportionInterval {
    /// Score interval (Wilson 1927), without continuity correction: the default.
    Wilson,
    /// Never covers less than it promises (Clopper & Pearson 1934).
    ClopperPearson,
    /// Wald's around a share with z²/2 successes and failures added (Agresti & Coull 1998).
    AgrestiCoull,
    /// p ± z √(p(1−p)/n), within [0, 1]. Poor near 0 and 1; here because others print it.
    Wald,
    /// Equal-tailed, from Jeffreys' prior Beta(½, ½).
    Jeffreys,
}

/// The interval of `successes` of `n` at confidence 1 − α. (0, 1) when n is 0: nothing is known.
pub fn proportion(successes: f64, n: f64, alpha: f64, how: ProportionInterval) -> (f64, f64) {
    if n.is_nan() || n <= 0.0 || successes.is_nan() {
        return (0.0, 1.0);
    }
    let z = normal_quantile(1.0 - alpha / 2.0);
    let wald = |centre: f64, n: f64| {
        let half = z * (centre * (1.0 - centre) / n).max(0.0).sqrt();
        ((centre - half).max(0.0), (centre + half).min(1.0))
    };
    match how {
        ProportionInterval::Wilson => wilson(successes, n, z),
        ProportionInterval::Wald => wald(successes / n, n),
        ProportionInterval::AgrestiCoull => wald((successes + z * z / 2.0) / (n + z * z), n + z * z),
        ProportionInterval::ClopperPearson => (
            if successes <= 0.0 { 0.0 } else { beta_quantile(alpha / 2.0, successes, n - successes + 1.0) },
            if successes >= n { 1.0 } else { beta_quantile(1.0 - alpha / 2.0, successes + 1.0, n - successes) },
        ),
        ProportionInterval::Jeffreys => (
            beta_quantile(alpha / 2.0, successes + 0.5, n - successes + 0.5),
            beta_quantile(1.0 - alpha / 2.0, successes + 0.5, n - successes + 0.5),
        ),
    }
}

/// Wilson's score interval (1927) for `successes` of `n`. (0, 1) when n is 0: nothing is known.
pub fn wilson(successes: f64, n: f64, z: f64) -> (f64, f64) {
    if n.is_nan() || n <= 0.0 {
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

/// The t interval of a mean at confidence 1 − α. `None` for fewer than two values.
pub fn mean_t(values: &[f64], alpha: f64) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let half = t_quantile(1.0 - alpha / 2.0, n - 1.0) * standard_deviation(values, 1) / n.sqrt();
    let centre = mean(values);
    Some((centre - half, centre + half))
}

/// The interval of g(θ) from an estimate's own by the delta method: g(θ) ± z·|g′(θ)|·error.
pub fn delta(value: f64, derivative: f64, standard_error: f64, z: f64) -> (f64, f64) {
    let half = z * derivative.abs() * standard_error;
    (value - half, value + half)
}

/// Percentile bootstrap at confidence 1 − α: `statistic` of `rounds` resamples of the row numbers
/// 0..n, drawn from `seed` alone. Rounds where it is undefined (NaN) are left out; `None` when fewer
/// than half of them are defined.
pub fn bootstrap(
    n: usize,
    rounds: usize,
    alpha: f64,
    seed: u64,
    mut statistic: impl FnMut(&[usize]) -> f64,
) -> Option<(f64, f64)> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut rows = vec![0; n];
    let mut found = Vec::with_capacity(rounds);
    if n == 0 {
        return None;
    }
    for _ in 0..rounds {
        rows.iter_mut().for_each(|row| *row = random.usize(0..n));
        let value = statistic(&rows);
        if !value.is_nan() {
            found.push(value);
        }
    }
    if found.is_empty() || found.len() * 2 < rounds {
        return None;
    }
    found.sort_unstable_by(f64::total_cmp);
    Some((quantile_sorted(&found, alpha / 2.0), quantile_sorted(&found, 1.0 - alpha / 2.0)))
}

/// The standard normal quantile.
pub fn normal_quantile(p: f64) -> f64 {
    if p.is_nan() || !(0.0..=1.0).contains(&p) { f64::NAN } else { Normal::standard().inverse_cdf(p) }
}

/// The quantile of Student's t with `degrees` of freedom.
pub fn t_quantile(p: f64, degrees: f64) -> f64 {
    if p.is_nan() || !(0.0..=1.0).contains(&p) || degrees.is_nan() || degrees <= 0.0 {
        return f64::NAN;
    }
    if p == 0.5 {
        return 0.0;
    }
    let tail = 2.0 * p.min(1.0 - p);
    let x = beta_quantile(tail, degrees / 2.0, 0.5);
    let t = (degrees * (1.0 - x) / x).sqrt();
    if p < 0.5 { -t } else { t }
}

/// The quantile of Beta(a, b): bisection on the regularised incomplete beta function, to the last
/// digits that function has.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    if p.is_nan() || a.is_nan() || b.is_nan() || a <= 0.0 || b <= 0.0 {
        return f64::NAN;
    }
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    // Halving in the logarithm first finds quantiles as small as 1e-300.
    for _ in 0..1100 {
        let middle = if low == 0.0 && high > 1e-3 {
            high / 2.0
        } else if low < 1e-3 && high < 1e-3 {
            if low == 0.0 { high / 16.0 } else { (low * high).sqrt() }
        } else {
            0.5 * (low + high)
        };
        if middle <= low || middle >= high {
            break;
        }
        if beta_reg(a, b, middle) < p {
            low = middle
        } else {
            high = middle
        }
        if high < 1e-300 {
            return 0.0;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bootstrap_is_the_same_for_the_same_seed_and_contains_the_mean() {
        let values: Vec<f64> = (0..200).map(|i| f64::from(i % 17)).collect();
        let mean_of = |rows: &[usize]| rows.iter().map(|r| values[*r]).sum::<f64>() / rows.len() as f64;
        let once = bootstrap(values.len(), 400, 0.05, 7, mean_of).expect("defined");
        assert_eq!(Some(once), bootstrap(values.len(), 400, 0.05, 7, mean_of));
        let (low, high) = once;
        let (t_low, t_high) = mean_t(&values, 0.05).expect("defined");
        assert!((low - t_low).abs() < 0.15 && (high - t_high).abs() < 0.15, "{low} {high} {t_low} {t_high}");
    }

    #[test]
    fn t_quantiles_are_the_printed_ones() {
        assert!((t_quantile(0.975, 10.0) - 2.228_138_851_964_939).abs() < 1e-9);
        assert!((t_quantile(0.025, 1.0) + 12.706_204_736_432_095).abs() < 1e-8);
    }

    proptest! {
        #[test]
        fn every_interval_contains_the_share_and_stays_within_0_and_1(n in 1u32..100_000, share in 0.0f64..=1.0) {
            let successes = (f64::from(n) * share).floor();
            let p = successes / f64::from(n);
            for how in [ProportionInterval::Wilson, ProportionInterval::ClopperPearson, ProportionInterval::Wald] {
                let (low, high) = proportion(successes, f64::from(n), 0.05, how);
                prop_assert!(low <= p + 1e-9 && p <= high + 1e-9 && low >= 0.0 && high <= 1.0, "{how:?} {low} {p} {high}");
            }
        }
    }
}

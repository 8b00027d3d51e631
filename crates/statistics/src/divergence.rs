//! Distances between two distributions given as shares of the same bins.

/// What PSI puts in place of a share of zero, so that the logarithm exists.
pub const PSI_FLOOR: f64 = 1e-4;

/// Population stability index Σ (q − p)·ln(q / p), shares of zero replaced by [`PSI_FLOOR`]
/// without renormalising. p: reference, q: current.
pub fn population_stability_index(reference: &[f64], current: &[f64]) -> f64 {
    reference
        .iter()
        .zip(current)
        .map(|(p, q)| {
            let p = if *p == 0.0 { PSI_FLOOR } else { *p };
            let q = if *q == 0.0 { PSI_FLOOR } else { *q };
            (q - p) * (q / p).ln()
        })
        .sum()
}

/// As [`population_stability_index`], but a bin that is empty on *both* sides adds nothing.
/// That is already so (floor against floor is 0); the PSI that chance alone exceeds in 5 % of
/// samples is χ²₀.₉₅(B − 1)·(1/n + 1/m) (Yurdakul 2018).
pub fn psi_by_chance(bins: usize, n: u64, m: u64) -> f64 {
    use statrs::distribution::{ChiSquared, ContinuousCDF};
    if bins < 2 || n == 0 || m == 0 {
        return f64::INFINITY;
    }
    ChiSquared::new((bins - 1) as f64)
        .map_or(f64::INFINITY, |chi| chi.inverse_cdf(0.95) * (1.0 / n as f64 + 1.0 / m as f64))
}

/// Jensen–Shannon divergence in bits (0 to 1). The two sides need not sum to one; they are
/// normalised. NaN when a side is all zero.
pub fn jensen_shannon_divergence(p: &[f64], q: &[f64]) -> f64 {
    let (sum_p, sum_q) = (p.iter().sum::<f64>(), q.iter().sum::<f64>());
    if sum_p <= 0.0 || sum_q <= 0.0 {
        return f64::NAN;
    }
    let term = |x: f64, m: f64| if x > 0.0 { x * (x / m).ln() } else { 0.0 };
    let nats: f64 = p
        .iter()
        .zip(q)
        .map(|(a, b)| {
            let (a, b) = (a / sum_p, b / sum_q);
            let m = 0.5 * (a + b);
            term(a, m) + term(b, m)
        })
        .sum::<f64>()
        / 2.0;
    (nats / std::f64::consts::LN_2).max(0.0)
}

/// Jensen–Shannon *distance*, base 2: the square root of the divergence. 0 to 1.
pub fn jensen_shannon_distance(p: &[f64], q: &[f64]) -> f64 {
    jensen_shannon_divergence(p, q).sqrt()
}

/// Wasserstein-1 distance ∫ |F − G| between two sorted samples, in the units of the values.
pub fn wasserstein_sorted(x: &[f64], y: &[f64]) -> f64 {
    if x.is_empty() || y.is_empty() {
        return f64::NAN;
    }
    let (n, m) = (x.len() as f64, y.len() as f64);
    let (mut i, mut j, mut area) = (0, 0, 0.0);
    let mut previous = x[0].min(y[0]);
    while i < x.len() || j < y.len() {
        let next = match (x.get(i), y.get(j)) {
            (Some(a), Some(b)) => a.min(*b),
            (Some(a), None) => *a,
            (None, Some(b)) => *b,
            (None, None) => break,
        };
        area += (i as f64 / n - j as f64 / m).abs() * (next - previous);
        while x.get(i).is_some_and(|v| *v <= next) {
            i += 1;
        }
        while y.get(j).is_some_and(|v| *v <= next) {
            j += 1;
        }
        previous = next;
    }
    area
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_distributions_are_at_distance_zero_and_disjoint_ones_at_one() {
        assert_eq!(jensen_shannon_distance(&[0.5, 0.5], &[0.5, 0.5]), 0.0);
        assert!((jensen_shannon_distance(&[1.0, 0.0], &[0.0, 1.0]) - 1.0).abs() < 1e-12);
        assert_eq!(population_stability_index(&[0.5, 0.5], &[0.5, 0.5]), 0.0);
        assert_eq!(wasserstein_sorted(&[0.0, 1.0], &[5.0, 6.0]), 5.0);
    }

    proptest! {
        #[test]
        fn jensen_shannon_is_symmetric_and_within_one(p in prop::collection::vec(0.0f64..1.0, 5), q in prop::collection::vec(0.0f64..1.0, 5)) {
            prop_assume!(p.iter().sum::<f64>() > 0.01 && q.iter().sum::<f64>() > 0.01);
            let (a, b) = (jensen_shannon_distance(&p, &q), jensen_shannon_distance(&q, &p));
            prop_assert!((a - b).abs() < 1e-9 && (0.0..=1.0 + 1e-9).contains(&a));
        }
    }
}

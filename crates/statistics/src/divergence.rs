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

/// The unit of an information measure: the base of its logarithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// Bits: Jensen–Shannon is at most 1.
    Two,
    /// Nats: Jensen–Shannon is at most ln 2.
    E,
}

impl Base {
    fn of_nats(self, nats: f64) -> f64 {
        match self {
            Base::Two => nats / std::f64::consts::LN_2,
            Base::E => nats,
        }
    }
}

/// Σ over bins of shares divided by their sums; `None` when a side is all zero.
fn normalised(p: &[f64], q: &[f64], term: impl Fn(f64, f64) -> f64) -> Option<f64> {
    let (sum_p, sum_q) = (p.iter().sum::<f64>(), q.iter().sum::<f64>());
    if !(sum_p > 0.0 && sum_q > 0.0) {
        return None;
    }
    Some(p.iter().zip(q).map(|(a, b)| term(a / sum_p, b / sum_q)).sum())
}

/// x ln(x / y), 0 where x is 0.
fn relative(x: f64, y: f64) -> f64 {
    if x > 0.0 { x * (x / y).ln() } else { 0.0 }
}

/// Kullback–Leibler divergence Σ p ln(p / q) of normalised shares: ∞ where q is 0 and p is not.
/// NaN when a side is all zero.
pub fn kullback_leibler(p: &[f64], q: &[f64], base: Base) -> f64 {
    normalised(p, q, relative).map_or(f64::NAN, |nats| base.of_nats(nats))
}

/// Jensen–Shannon *divergence*: the mean Kullback–Leibler divergence of both sides from their
/// middle. Shares are normalised. NaN when a side is all zero.
pub fn jensen_shannon_divergence(p: &[f64], q: &[f64], base: Base) -> f64 {
    let term = |a: f64, b: f64| {
        let m = 0.5 * (a + b);
        0.5 * (relative(a, m) + relative(b, m))
    };
    normalised(p, q, term).map_or(f64::NAN, |nats| base.of_nats(nats.max(0.0)))
}

/// Jensen–Shannon *distance*: the square root of the divergence, a metric.
pub fn jensen_shannon_distance(p: &[f64], q: &[f64], base: Base) -> f64 {
    jensen_shannon_divergence(p, q, base).sqrt()
}

/// Hellinger distance √(Σ (√p − √q)²) / √2 of normalised shares, from 0 to 1.
pub fn hellinger(p: &[f64], q: &[f64]) -> f64 {
    normalised(p, q, |a, b| (a.sqrt() - b.sqrt()).powi(2)).map_or(f64::NAN, |sum| (sum / 2.0).sqrt())
}

/// Bhattacharyya coefficient Σ √(p q) of normalised shares: 1 for equal distributions.
pub fn bhattacharyya(p: &[f64], q: &[f64]) -> f64 {
    normalised(p, q, |a, b| (a * b).sqrt()).unwrap_or(f64::NAN)
}

/// Total variation distance Σ |p − q| / 2 of normalised shares: the largest difference of the
/// chance of any event.
pub fn total_variation(p: &[f64], q: &[f64]) -> f64 {
    normalised(p, q, |a, b| (a - b).abs()).map_or(f64::NAN, |sum| sum / 2.0)
}

/// The largest difference of one share, max |p − q|.
pub fn l_infinity(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Puts something in place of shares of zero as Evidently does: [`PSI_FLOOR`], or a millionth of
/// the side's smallest share where that is no greater than the floor.
pub fn filled_as_evidently(shares: &[f64]) -> Vec<f64> {
    let least = shares.iter().copied().filter(|s| *s > 0.0).fold(f64::INFINITY, f64::min);
    let fill = if least <= PSI_FLOOR { least / 1e6 } else { PSI_FLOOR };
    shares.iter().map(|s| if *s == 0.0 { fill } else { *s }).collect()
}

/// Wasserstein-1 distance over the reference's standard deviation (ddof 0; at least 0.001), as
/// Evidently normalises it. x is the reference. Both sorted.
pub fn wasserstein_normalised(x: &[f64], y: &[f64]) -> f64 {
    wasserstein_sorted(x, y) / crate::quantile::standard_deviation(x, 0).max(0.001)
}

/// Wasserstein-1 distance ∫ |F⁻¹ − G⁻¹| between two sorted samples, in the units of the values. NaN
/// when a side is empty. Walks the quantiles of both, whose order does not depend on the data.
pub fn wasserstein_sorted(x: &[f64], y: &[f64]) -> f64 {
    let (n, m) = (x.len() as u64, y.len() as u64);
    if n == 0 || m == 0 {
        return f64::NAN;
    }
    if n == m {
        let pairs: f64 = x.chunks(128).zip(y.chunks(128)).map(|(x, y)| apart(x, y)).sum();
        return pairs / n as f64;
    }
    // Places are counted in parts of 1/(n·m), so that both samples' steps are whole numbers.
    let (mut i, mut j, mut at, mut area) = (0, 0, 0, 0.0);
    while i < x.len() && j < y.len() {
        let (next_x, next_y) = ((i as u64 + 1) * m, (j as u64 + 1) * n);
        let next = next_x.min(next_y);
        area += (next - at) as f64 * (x[i] - y[j]).abs();
        at = next;
        i += usize::from(next == next_x);
        j += usize::from(next == next_y);
    }
    area / (n as f64 * m as f64)
}

/// Σ |x − y| of two slices of one length, in four lanes.
fn apart(x: &[f64], y: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let ((xs, rest_x), (ys, rest_y)) = (x.as_chunks::<4>(), y.as_chunks::<4>());
    for (a, b) in xs.iter().zip(ys) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(lane, (a, b))| *lane += (a - b).abs());
    }
    lanes.iter().sum::<f64>() + rest_x.iter().zip(rest_y).map(|(a, b)| (a - b).abs()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_distributions_are_at_distance_zero_and_disjoint_ones_at_one() {
        assert_eq!(jensen_shannon_distance(&[0.5, 0.5], &[0.5, 0.5], Base::Two), 0.0);
        assert!((jensen_shannon_distance(&[1.0, 0.0], &[0.0, 1.0], Base::Two) - 1.0).abs() < 1e-12);
        assert_eq!(population_stability_index(&[0.5, 0.5], &[0.5, 0.5]), 0.0);
        assert_eq!(wasserstein_sorted(&[0.0, 1.0], &[5.0, 6.0]), 5.0);
    }

    proptest! {
        #[test]
        fn jensen_shannon_is_symmetric_and_within_one(p in prop::collection::vec(0.0f64..1.0, 5), q in prop::collection::vec(0.0f64..1.0, 5)) {
            prop_assume!(p.iter().sum::<f64>() > 0.01 && q.iter().sum::<f64>() > 0.01);
            let (a, b) = (jensen_shannon_distance(&p, &q, Base::Two), jensen_shannon_distance(&q, &p, Base::Two));
            prop_assert!((a - b).abs() < 1e-9 && (0.0..=1.0 + 1e-9).contains(&a));
        }
    }
}

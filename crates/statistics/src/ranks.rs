//! Ranks, and the Mann–Whitney test on them.

use statrs::distribution::{ContinuousCDF, Normal};

/// Midranks (from 1; equal values share the mean of their places) and Σ(t³ − t) over the groups of
/// t equal values. NaN sorts last. O(n log n).
pub fn midranks(values: &[f64]) -> (Vec<f64>, f64) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let (mut start, mut ties) = (0, 0.0);
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        let t = (end - start) as f64;
        ties += t * t * t - t;
        for place in &order[start..end] {
            ranks[*place] = (start + 1 + end) as f64 / 2.0;
        }
        start = end;
    }
    (ranks, ties)
}

/// What the Mann–Whitney test found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// U of the first sample: pairs in which it is greater, ties counted half.
    pub u1: f64,
    /// Two-sided, normal approximation with tie and continuity corrections.
    pub p: f64,
    /// The same without the continuity correction; NaN where all values are equal.
    pub p_uncorrected: f64,
    /// One-sided: the first sample tends to be less. With the continuity correction.
    pub p_less: f64,
    pub ties: bool,
}

/// Mann–Whitney's U of two samples without NaN. `None` when a side is empty.
pub fn mann_whitney(x: &[f64], y: &[f64]) -> Option<MannWhitney> {
    let (n, m) = (x.len() as f64, y.len() as f64);
    if x.is_empty() || y.is_empty() {
        return None;
    }
    let pooled: Vec<f64> = x.iter().chain(y).copied().collect();
    let (ranks, ties) = midranks(&pooled);
    let u1 = ranks[..x.len()].iter().sum::<f64>() - n * (n + 1.0) / 2.0;
    let total = n + m;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    let deviation = variance.max(0.0).sqrt();
    let mean = n * m / 2.0;
    let tail = |u: f64, correction: f64| {
        let z = (u - mean - correction) / deviation;
        // Everything equal: nothing speaks for a difference.
        if z.is_nan() || deviation == 0.0 { 0.5 } else { normal_tail(z) }
    };
    let greater = u1.max(n * m - u1);
    Some(MannWhitney {
        u1,
        p: (2.0 * tail(greater, 0.5)).min(1.0),
        p_uncorrected: if deviation == 0.0 { f64::NAN } else { (2.0 * tail(greater, 0.0)).min(1.0) },
        p_less: if deviation == 0.0 { 1.0 } else { tail(n * m - u1, 0.5) },
        ties: ties > 0.0,
    })
}

fn normal_tail(z: f64) -> f64 {
    Normal::standard().sf(z)
}

/// Two-sided exact p of U for samples of n and m rows *without ties*: twice the share of the
/// rank arrangements at least as far out. The counts come from the generating function
/// Π (1 − q^(m+i)) / (1 − q^i). O(n²·m) time, O(n·m) memory.
pub fn mann_whitney_exact(u1: f64, n: usize, m: usize) -> f64 {
    (2.0 * exact_tail(u1.max((n * m) as f64 - u1), n, m)).min(1.0)
}

/// One-sided exact p that the first sample tends to be less.
pub fn mann_whitney_exact_less(u1: f64, n: usize, m: usize) -> f64 {
    exact_tail((n * m) as f64 - u1, n, m)
}

/// P(U ≥ u) without ties.
fn exact_tail(u: f64, n: usize, m: usize) -> f64 {
    let (n, m) = (n.min(m), n.max(m));
    let size = n * m + 1;
    let mut share = vec![0.0; size];
    share[0] = 1.0;
    for i in 1..=n {
        for place in (m + i..size).rev() {
            share[place] -= share[place - m - i];
        }
        for place in i..size {
            share[place] += share[place - i];
        }
        // Shares, not counts: each step divides by the growth of the number of arrangements.
        let growth = (m + i) as f64 / i as f64;
        share.iter_mut().for_each(|s| *s /= growth);
    }
    // Symmetric: the upper tail is the lower one mirrored, and the lower one sums small terms first.
    let last = (n * m) as f64 - u;
    if last < 0.0 { 0.0 } else { share.iter().take(last.floor() as usize + 1).sum::<f64>().clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_the_mean_of_their_places() {
        assert_eq!(midranks(&[3.0, 1.0, 3.0, 2.0]), (vec![3.5, 1.0, 3.5, 2.0], 6.0));
    }

    #[test]
    fn two_against_three_can_be_counted_by_hand() {
        // 10 arrangements; U = 2 leaves P(U ≥ 4) = 4/10 on each side.
        assert!((mann_whitney_exact(2.0, 2, 3) - 0.8).abs() < 1e-12);
        assert!(mann_whitney(&[], &[1.0]).is_none());
        assert_eq!(mann_whitney(&[2.0, 2.0], &[2.0]).map(|r| r.p), Some(1.0));
    }
}

//! Bin edges and counts, by the conventions of the tools people compare with.

use crate::goodness::steps;
use crate::quantile::{quantile_sorted, sum_of};

/// The eleven decile edges of sorted reference values, outer ones at ±∞; repeated edges are kept
/// (a bin of no width counts 0 on both sides). Empty for empty input.
pub fn decile_edges(sorted: &[f64]) -> Vec<f64> {
    if sorted.is_empty() {
        return Vec::new();
    }
    opened((0..=10).map(|i| quantile_sorted(sorted, f64::from(i) / 10.0)).collect())
}

/// `bins` equal widths over the range of the values, as `numpy.histogram_bin_edges` places them: a
/// range of no width is widened by ½ to both sides.
pub fn equal_width_edges(low: f64, high: f64, bins: usize) -> Vec<f64> {
    let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
    evenly_spaced(low, high, bins)
}

/// `bins` equal widths from `low` to `high`, also where these are equal.
pub fn evenly_spaced(low: f64, high: f64, bins: usize) -> Vec<f64> {
    let bins = bins.max(1);
    let step = (high - low) / bins as f64;
    (0..=bins).map(|i| if i == bins { high } else { low + i as f64 * step }).collect()
}

/// The number of bins by Doane's rule (1976), as NumPy rounds it: the range over
/// range / (1 + log₂ n + log₂(1 + |g₁|/σ_g₁)), upwards. 1 for fewer than three values or none but
/// one distinct value.
pub fn doane_bins(values: &[f64]) -> usize {
    let n = values.len() as f64;
    if values.len() < 3 {
        return 1;
    }
    let mean = crate::quantile::mean(values);
    let deviation = (sum_of(values, |v| (v - mean) * (v - mean)) / n).sqrt();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = high - low;
    if deviation <= 0.0 || range <= 0.0 || !range.is_finite() {
        return 1;
    }
    let spread = (6.0 * (n - 2.0) / ((n + 1.0) * (n + 3.0))).sqrt();
    let skewness = sum_of(values, |v| ((v - mean) / deviation).powi(3)) / n;
    let width = range / (1.0 + n.log2() + (1.0 + skewness.abs() / spread).log2());
    ((range / width).ceil() as usize).clamp(1, 10_000)
}

/// Doane's edges over the range of the values.
pub fn doane_edges(values: &[f64]) -> Vec<f64> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !low.is_finite() || !high.is_finite() {
        return Vec::new();
    }
    equal_width_edges(low, high, doane_bins(values))
}

/// Sturges' edges over the range of the values, as NumPy's `histogram_bin_edges` places them:
/// ⌈range / (range / (log₂ n + 1))⌉ equal widths.
pub fn sturges_edges(values: &[f64]) -> Vec<f64> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !low.is_finite() || !high.is_finite() {
        return Vec::new();
    }
    let range = high - low;
    let width = range / ((values.len() as f64).log2() + 1.0);
    let bins = if width > 0.0 { (range / width).ceil() as usize } else { 1 };
    equal_width_edges(low, high, bins)
}

/// Edges whose outer ones are moved to ±∞, so that nothing falls outside.
pub fn opened(mut edges: Vec<f64>) -> Vec<f64> {
    if let [first, .., last] = edges.as_mut_slice() {
        *first = f64::NEG_INFINITY;
        *last = f64::INFINITY;
    }
    edges
}

/// Counts of each distinct value of the union of two sorted samples, aligned.
pub fn count_distinct(x: &[f64], y: &[f64]) -> (Vec<u64>, Vec<u64>) {
    steps(x, y).iter().map(|(_, step)| (step.at[0] as u64, step.at[1] as u64)).unzip()
}

/// Counts of sorted values in `[edge, next)`, the last bin closed. Values outside the edges are
/// counted in the second figure. O(bins · log n).
pub fn count_sorted(sorted: &[f64], edges: &[f64]) -> (Vec<u64>, u64) {
    if edges.len() < 2 {
        return (Vec::new(), sorted.len() as u64);
    }
    let bins = edges.len() - 1;
    let mut counts = Vec::with_capacity(bins);
    let mut below = sorted.partition_point(|v| *v < edges[0]);
    for (i, upper) in edges[1..].iter().enumerate() {
        let end =
            if i + 1 == bins { sorted.partition_point(|v| v <= upper) } else { sorted.partition_point(|v| v < upper) };
        counts.push(end.saturating_sub(below) as u64);
        below = end.max(below);
    }
    let inside: u64 = counts.iter().sum();
    (counts, sorted.len() as u64 - inside)
}

/// The bin of one value: `[edge, next)`, the last one closed. `usize::MAX` outside.
pub fn place(value: f64, edges: &[f64]) -> usize {
    let Some(last) = edges.len().checked_sub(1).filter(|l| *l > 0) else {
        return usize::MAX;
    };
    if value == edges[last] {
        return last - 1;
    }
    let above = edges.partition_point(|e| *e <= value);
    if above == 0 || above > last { usize::MAX } else { above - 1 }
}

/// Counts over their sum; all 0 when the sum is.
pub fn shares(counts: &[u64], n: u64) -> Vec<f64> {
    counts.iter().map(|c| if n == 0 { 0.0 } else { *c as f64 / n as f64 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_half_open_and_the_last_is_closed() {
        let (counts, outside) = count_sorted(&[-1.0, 0.0, 0.5, 1.0, 2.0, 2.5], &[0.0, 1.0, 2.0]);
        assert_eq!(counts, [2, 2]);
        assert_eq!(outside, 2);
    }

    #[test]
    fn a_constant_column_gets_one_bin_around_it() {
        assert_eq!(doane_edges(&[3.0, 3.0, 3.0]), [2.5, 3.5]);
        assert_eq!(decile_edges(&[]), Vec::<f64>::new());
    }
}

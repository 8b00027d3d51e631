//! Exponential histograms: buckets whose bounds are powers of one base.
//!
//! Senders choose the base by the spread of what they saw, and change it as that grows. Here bounds are powers of
//! 2^(1/8) at the finest, a factor of 1.09 apart; finer reports are folded onto them, and a coarser one makes the
//! whole histogram coarser. So reports add up whatever their bases.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;

/// The finest scale kept.
const SCALE_MAX: i32 = 3;

#[derive(Debug, Clone, PartialEq)]
pub struct Exponential {
    /// The base is 2^(2^-scale).
    scale: i32,
    /// Counts by index: index i holds values in (base^i, base^(i+1)].
    positive: BTreeMap<i64, u64>,
    negative: BTreeMap<i64, u64>,
    zero: u64,
    zero_threshold: f64,
    pub count: u64,
    pub sum: Option<f64>,
}

impl Default for Exponential {
    fn default() -> Self {
        Exponential {
            scale: SCALE_MAX,
            positive: BTreeMap::new(),
            negative: BTreeMap::new(),
            zero: 0,
            zero_threshold: 0.0,
            count: 0,
            sum: None,
        }
    }
}

/// The same counts with a base so many squarings greater.
fn folded(counts: &BTreeMap<i64, u64>, down: i32) -> BTreeMap<i64, u64> {
    let mut coarse: BTreeMap<i64, u64> = BTreeMap::new();
    for (index, count) in counts {
        let sum = coarse.entry(index >> down.clamp(0, 63)).or_default();
        *sum = sum.saturating_add(*count);
    }
    coarse
}

impl Exponential {
    /// A report as it came, no finer than is kept.
    pub fn of(point: &ExponentialHistogramDataPoint) -> Exponential {
        // Wider than any sender's, and safe to reckon with.
        let scale = point.scale.clamp(-20, 20);
        let read = |buckets: Option<&Buckets>| -> BTreeMap<i64, u64> {
            let Some(buckets) = buckets else {
                return BTreeMap::new();
            };
            let counts = buckets.bucket_counts.iter().enumerate().filter(|(_, count)| **count > 0);
            counts.map(|(i, count)| (i64::from(buckets.offset) + i as i64, *count)).collect()
        };
        let mut whole = Exponential {
            scale,
            positive: read(point.positive.as_ref()),
            negative: read(point.negative.as_ref()),
            zero: point.zero_count,
            zero_threshold: if point.zero_threshold > 0.0 { point.zero_threshold } else { 0.0 },
            count: point.count,
            sum: point.sum.filter(|s| s.is_finite()),
        };
        whole.coarsen(SCALE_MAX);
        whole
    }

    fn coarsen(&mut self, scale: i32) {
        let down = self.scale - scale;
        if down > 0 {
            self.positive = folded(&self.positive, down);
            self.negative = folded(&self.negative, down);
            self.scale = scale;
        }
    }

    pub fn add(&mut self, mut other: Exponential) {
        let scale = self.scale.min(other.scale);
        self.coarsen(scale);
        other.coarsen(scale);
        for (mine, more) in [(&mut self.positive, other.positive), (&mut self.negative, other.negative)] {
            for (index, count) in more {
                let sum = mine.entry(index).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        self.zero = self.zero.saturating_add(other.zero);
        self.zero_threshold = self.zero_threshold.max(other.zero_threshold);
        self.count = self.count.saturating_add(other.count);
        self.sum = match (self.sum, other.sum) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
    }

    /// Upper bounds and cumulative counts, all but the infinite one: negative values first, then those about
    /// zero, then the positive ones.
    pub fn cumulative(&self) -> Vec<(f64, f64)> {
        let base = 2_f64.powf(2_f64.powi(-self.scale));
        let mut found = Vec::new();
        let mut sum = 0_u64;
        let mut add = |upper: f64, count: u64| {
            sum = sum.saturating_add(count);
            if upper.is_finite() {
                found.push((upper, sum as f64));
            }
        };
        for (index, count) in self.negative.iter().rev() {
            add(-base.powf(*index as f64), *count);
        }
        if self.zero > 0 || !self.negative.is_empty() {
            add(self.zero_threshold, self.zero);
        }
        let mut before = None;
        for (index, count) in &self.positive {
            // The lower bound of a bucket without a neighbour is a bound, too: else a percentile would be looked
            // for all the way down to the next one.
            if before != Some(index - 1) {
                add(base.powf(*index as f64), 0);
            }
            add(base.powf((index + 1) as f64), *count);
            before = Some(*index);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(scale: i32, offset: i32, counts: &[u64]) -> ExponentialHistogramDataPoint {
        ExponentialHistogramDataPoint {
            scale,
            count: counts.iter().sum(),
            positive: Some(Buckets { offset, bucket_counts: counts.to_vec() }),
            ..Default::default()
        }
    }

    #[test]
    fn a_histogram_keeps_its_bounds() {
        let whole = Exponential::of(&ExponentialHistogramDataPoint { zero_count: 1, ..point(0, 0, &[1, 2, 0, 3]) });
        // (1, 2], (2, 4], nothing, (8, 16].
        let wanted = [(0.0, 1.0), (1.0, 1.0), (2.0, 2.0), (4.0, 4.0), (8.0, 4.0), (16.0, 7.0)];
        assert_eq!(whole.cumulative(), wanted);
    }

    #[test]
    fn a_finer_histogram_is_folded_onto_the_kept_bounds() {
        let base = 2_f64.powf(1.0 / 8.0);
        let found = Exponential::of(&point(SCALE_MAX + 1, 0, &[1, 2, 3])).cumulative();
        assert_eq!(found.iter().map(|f| f.1).collect::<Vec<_>>(), [0.0, 3.0, 6.0]);
        assert!((found[1].0 - base).abs() < 1e-12 && (found[2].0 - base * base).abs() < 1e-12);
    }

    #[test]
    fn negative_values_come_first() {
        let mut one = point(0, 0, &[]);
        one.count = 3;
        one.negative = Some(Buckets { offset: 0, bucket_counts: vec![1, 2] });
        // (−4, −2] holds two, (−2, −1] one.
        assert_eq!(Exponential::of(&one).cumulative(), [(-2.0, 2.0), (-1.0, 3.0), (0.0, 3.0)]);
    }

    #[test]
    fn reports_of_different_bases_add_up() {
        let mut whole = Exponential::of(&point(2, 0, &[1, 1, 1, 1]));
        whole.add(Exponential::of(&point(0, 1, &[5])));
        // Four within (1, 2], five within (2, 4].
        assert_eq!(whole.cumulative(), [(1.0, 0.0), (2.0, 4.0), (4.0, 9.0)]);
        assert_eq!(whole.count, 9);
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_lost_whatever_comes(scale in -30..30_i32, offset in -1000..1000_i32, counts in proptest::collection::vec(0..1000_u64, 0..50)) {
            let all: u64 = counts.iter().sum();
            let mut whole = Exponential::default();
            whole.add(Exponential::of(&point(scale, offset, &counts)));
            whole.add(Exponential::of(&point(3, 0, &[7])));
            let found = whole.cumulative();
            proptest::prop_assert!(found.windows(2).all(|w| w[0].0 <= w[1].0 && w[0].1 <= w[1].1));
            proptest::prop_assert_eq!(whole.count, all + 7);
        }
    }
}

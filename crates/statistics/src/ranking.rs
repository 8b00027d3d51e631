//! Quality of ranked lists. Each list is given best place first.

/// Normalised discounted cumulative gain of the first k places: Σ gain / log₂(place + 1) over the
/// same sum for the ideal order (Järvelin & Kekäläinen 2002). `gains` are the true gains in the
/// order shown. `None` where no place has a gain, since then no order is better than another.
pub fn ndcg(gains: &[f64], k: usize) -> Option<f64> {
    let discounted =
        |gains: &[f64]| -> f64 { gains.iter().take(k).enumerate().map(|(i, g)| g / ((i + 2) as f64).log2()).sum() };
    let mut ideal = gains.to_vec();
    ideal.sort_unstable_by(|a, b| b.total_cmp(a));
    let best = discounted(&ideal);
    (best > 0.0).then(|| discounted(gains) / best)
}

/// Average precision of one list: the mean, over the relevant items, of the precision at their
/// place. `relevant` is how many there are, also those not shown. `None` when there is none.
pub fn average_precision(shown: &[bool], relevant: usize) -> Option<f64> {
    if relevant == 0 {
        return None;
    }
    let (mut hits, mut sum) = (0.0, 0.0);
    for (i, hit) in shown.iter().enumerate() {
        if *hit {
            hits += 1.0;
            sum += hits / (i + 1) as f64;
        }
    }
    Some(sum / relevant as f64)
}

/// 1 / place of the first relevant item, 0 when none is shown.
pub fn reciprocal_rank(shown: &[bool]) -> f64 {
    shown.iter().position(|hit| *hit).map_or(0.0, |i| 1.0 / (i + 1) as f64)
}

/// Whether a relevant item is among the first k.
pub fn hit(shown: &[bool], k: usize) -> bool {
    shown.iter().take(k).any(|hit| *hit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ideal_order_scores_one() {
        assert_eq!(ndcg(&[3.0, 2.0, 0.0], 3), Some(1.0));
        assert_eq!(ndcg(&[0.0, 0.0], 2), None);
        assert_eq!(average_precision(&[true, false, true], 2), Some((1.0 + 2.0 / 3.0) / 2.0));
        assert_eq!(reciprocal_rank(&[false, true]), 0.5);
        assert!(hit(&[false, true], 2) && !hit(&[false, true], 1));
    }

    proptest! {
        #[test]
        fn gain_is_within_0_and_1(gains in prop::collection::vec(0.0f64..5.0, 1..20), k in 1usize..20) {
            if let Some(value) = ndcg(&gains, k) {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&value));
            }
        }
    }
}

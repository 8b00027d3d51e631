//! Limits for rules on any signal, learnt from its own past.

use domain::alert::condition::Compare;
use statistics::quantile::{quantile_sorted, sorted_finite};

/// Values that a limit can be learnt from.
pub const LEAST: usize = 30;

/// The median ± so many robust standard deviations (1.4826 × the median absolute deviation). A line that
/// hardly moves gets a band of a thousandth of its level, so that its first wobble is no alarm.
pub fn learned(values: &[f64], deviations: f64) -> Option<(f64, f64)> {
    let sorted = sorted_finite(values);
    if sorted.len() < LEAST {
        return None;
    }
    let median = quantile_sorted(&sorted, 0.5);
    let away: Vec<f64> = sorted.iter().map(|v| (v - median).abs()).collect();
    let spread = 1.4826 * quantile_sorted(&sorted_finite(&away), 0.5);
    let reach = (deviations * spread).max(median.abs() * 1e-3).max(1e-12);
    Some((median - reach, median + reach))
}

/// The limits that the past crossed at most `per_week` times a week: a crossing is a run of values outside
/// that was inside before. Both sides share the budget where both count.
pub fn budget(values: &[f64], step_seconds: f64, per_week: f64, compare: Compare) -> Option<(f64, f64)> {
    let sorted = sorted_finite(values);
    if sorted.len() < LEAST {
        return None;
    }
    let weeks = values.len() as f64 * step_seconds / (7.0 * 86_400.0);
    let sides = if compare == Compare::Outside { 2.0 } else { 1.0 };
    let allowed = (per_week * weeks / sides).floor();
    let runs = |outside: &dyn Fn(f64) -> bool| {
        let mut runs = 0.0;
        let mut before = false;
        for value in values.iter().filter(|v| v.is_finite()) {
            let now = outside(*value);
            runs += f64::from(u8::from(now && !before));
            before = now;
        }
        runs
    };
    // The farther out the limit, the fewer values lie beyond it; the nearest one that keeps to the budget
    // from there on is wanted.
    let upper = {
        let mut best = sorted[sorted.len() - 1];
        for value in sorted.iter().rev() {
            if runs(&|v| v > *value) > allowed {
                break;
            }
            best = *value;
        }
        best
    };
    let lower = {
        let mut best = sorted[0];
        for value in &sorted {
            if runs(&|v| v < *value) > allowed {
                break;
            }
            best = *value;
        }
        best
    };
    Some((lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_holds_what_is_usual_and_not_what_is_not() {
        let mut values: Vec<f64> = (0..200).map(|i| 10.0 + f64::from(i % 7)).collect();
        values.push(500.0);
        let (low, high) = learned(&values, 4.0).expect("enough");
        assert!(low < 10.0 && high > 16.0 && high < 60.0, "{low} {high}");
        assert_eq!(learned(&values[..10], 4.0), None);
        let (low, high) = learned(&[5.0; 50], 3.0).expect("enough");
        assert!(low < 5.0 && high > 5.0);
    }

    #[test]
    fn a_budget_is_kept_on_the_past_it_was_learnt_from() {
        let mut random = fastrand::Rng::with_seed(5);
        let values: Vec<f64> = (0..2016).map(|_| random.f64()).collect();
        let step = 7.0 * 86_400.0 / 1008.0;
        let (low, high) = budget(&values, step, 3.0, Compare::Above).expect("enough");
        let above = values.iter().filter(|v| **v > high).count();
        assert!((3..=6).contains(&above), "{above} crossings in two weeks");
        assert!(low < 0.05);
    }
}

//! How long a chart of a stable process runs before it cries wolf: its average run length, so that
//! limits can be chosen for a budget of false alarms.

use ndarray::Array2;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::linear::solve;

/// States of the discretised sum or average.
const STATES: usize = 101;

/// Average run length of a Shewhart chart with limits at ±`width` σ under a shift of `shift` σ.
pub fn shewhart_arl(width: f64, shift: f64) -> f64 {
    let normal = Normal::standard();
    1.0 / (normal.sf(width - shift) + normal.cdf(-width - shift))
}

/// Average run length of a two-sided tabular CUSUM under a shift of `shift` σ, by the Markov chain
/// of Brook & Evans (1972) for each side: 1/ARL = 1/ARL₊ + 1/ARL₋ (Kemp 1961).
pub fn cusum_arl(k: f64, h: f64, shift: f64) -> f64 {
    let one_sided = |shift: f64| {
        let normal = Normal::standard();
        // State 0 holds sums up to half a step, state j those around j steps.
        let step = 2.0 * h / (2 * STATES - 1) as f64;
        let chance = |from: usize, to: usize| {
            let move_to = |edge: f64| normal.cdf(edge + k - from as f64 * step - shift);
            let upper = move_to((to as f64 + 0.5) * step);
            if to == 0 { upper } else { upper - move_to((to as f64 - 0.5) * step) }
        };
        expected_steps(STATES, chance)[0]
    };
    1.0 / (1.0 / one_sided(shift) + 1.0 / one_sided(-shift))
}

/// Average run length of an EWMA chart with its steady limits under a shift of `shift` σ (Lucas &
/// Saccucci 1990).
pub fn ewma_arl(lambda: f64, width: f64, shift: f64) -> f64 {
    let normal = Normal::standard();
    let limit = width * (lambda / (2.0 - lambda)).sqrt();
    let step = 2.0 * limit / STATES as f64;
    let middle = |state: usize| -limit + (state as f64 + 0.5) * step;
    let chance = |from: usize, to: usize| {
        let reach = |edge: f64| normal.cdf((edge - (1.0 - lambda) * middle(from)) / lambda - shift);
        reach(middle(to) + step / 2.0) - reach(middle(to) - step / 2.0)
    };
    expected_steps(STATES, chance)[STATES / 2]
}

/// The limit at which a chart's average run length of a stable process is `wanted`, between `low`
/// and `high`; `arl` must grow with the limit. `None` when it lies outside.
pub fn limit_for_arl(wanted: f64, low: f64, high: f64, arl: impl Fn(f64) -> f64) -> Option<f64> {
    let (mut low, mut high) = (low, high);
    if !(arl(low) <= wanted && arl(high) >= wanted) {
        return None;
    }
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if arl(middle) < wanted {
            low = middle
        } else {
            high = middle
        }
        if high - low < 1e-9 {
            break;
        }
    }
    Some(0.5 * (low + high))
}

/// Steps until the chain leaves its states, from each: the solution of (I − R)·t = 1. NaN where it
/// never leaves them.
fn expected_steps(states: usize, chance: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let stay = |(from, to): (usize, usize)| f64::from(u8::from(from == to)) - chance(from, to);
    let solved = solve(Array2::from_shape_fn((states, states), stay), Array2::ones((states, 1)));
    solved.map_or_else(|| vec![f64::NAN; states], |steps| steps.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_lengths_are_the_published_ones() {
        assert!((shewhart_arl(3.0, 0.0) - 370.4).abs() < 0.1);
        // Montgomery: k 0.5, h 5 runs 465; with a shift of one σ it signals after 10.4.
        assert!((cusum_arl(0.5, 5.0, 0.0) - 465.4).abs() < 3.0, "{}", cusum_arl(0.5, 5.0, 0.0));
        assert!((cusum_arl(0.5, 5.0, 1.0) - 10.4).abs() < 0.1);
        // Lucas & Saccucci: λ 0.1, L 2.814 runs 500.
        assert!((ewma_arl(0.1, 2.814, 0.0) - 500.0).abs() < 5.0, "{}", ewma_arl(0.1, 2.814, 0.0));
    }

    #[test]
    fn a_budget_of_false_alarms_gives_the_limit() {
        let h = limit_for_arl(465.4, 1.0, 10.0, |h| cusum_arl(0.5, h, 0.0)).expect("inside");
        assert!((h - 5.0).abs() < 0.02, "{h}");
        assert!(limit_for_arl(1e12, 1.0, 5.0, |w| shewhart_arl(w, 0.0)).is_none());
    }
}

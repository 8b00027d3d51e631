//! KSWIN (Raab, Heusinger & Schleif 2020): the newest values against a sample of those before them
//! in a sliding window, by Kolmogorov–Smirnov.

use std::collections::VecDeque;

use super::{Detector, Signal};
use crate::kolmogorov_smirnov::{p_exact, statistic_sorted};

#[derive(Debug, Clone)]
pub struct Kswin {
    alpha: f64,
    window: usize,
    newest: usize,
    values: VecDeque<f64>,
    random: fastrand::Rng,
    last: Signal,
}

impl Default for Kswin {
    /// α 0.005, a window of 100, its newest 30 against 30 of the rest.
    fn default() -> Self {
        Kswin::new(0.005, 100, 30, 1)
    }
}

impl Kswin {
    /// `newest` of `window` values are compared with as many drawn from the rest; where the rest
    /// is no larger, with all of it. `newest` is at most half of `window`.
    pub fn new(alpha: f64, window: usize, newest: usize, seed: u64) -> Kswin {
        let window = window.max(2);
        Kswin {
            alpha,
            window,
            newest: newest.clamp(1, window / 2),
            values: VecDeque::with_capacity(window),
            random: fastrand::Rng::with_seed(seed),
            last: Signal::Stable,
        }
    }

    fn changed(&mut self) -> bool {
        let older = self.window - self.newest;
        let mut before: Vec<f64> = self.values.range(..older).copied().collect();
        if older > self.newest {
            self.random.shuffle(&mut before);
            before.truncate(self.newest);
        }
        let mut now: Vec<f64> = self.values.range(older..).copied().collect();
        before.sort_unstable_by(f64::total_cmp);
        now.sort_unstable_by(f64::total_cmp);
        let d = statistic_sorted(&before, &now);
        d > 0.1 && p_exact(d, before.len(), now.len()) <= self.alpha
    }
}

impl Detector for Kswin {
    fn update(&mut self, value: f64) -> Signal {
        if value.is_nan() {
            return self.last;
        }
        if self.last == Signal::Drift {
            self.values.clear();
        }
        if self.values.len() == self.window {
            self.values.pop_front();
        }
        self.values.push_back(value);
        let full = self.values.len() == self.window;
        self.last = if full && self.changed() { Signal::Drift } else { Signal::Stable };
        self.last
    }
}

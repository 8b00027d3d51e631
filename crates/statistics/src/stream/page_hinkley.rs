//! Page–Hinkley (1954, 1971): the running sum of deviations from the mean leaves its extreme.

use super::{Detector, Signal};

/// Which change counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Up,
    Down,
    Both,
}

#[derive(Debug, Clone)]
pub struct PageHinkley {
    /// Values before the first verdict. Default 30.
    pub least: u64,
    /// A deviation this small is no change. Default 0.005.
    pub delta: f64,
    /// Default 50.
    pub threshold: f64,
    /// How much of the sum is kept from value to value. Default 0.9999.
    pub alpha: f64,
    pub mode: Mode,
    n: u64,
    mean: f64,
    up: f64,
    down: f64,
    least_up: f64,
    greatest_down: f64,
    last: Signal,
}

impl Default for PageHinkley {
    fn default() -> Self {
        PageHinkley::new(30, 0.005, 50.0, 0.9999, Mode::Both)
    }
}

impl PageHinkley {
    pub fn new(least: u64, delta: f64, threshold: f64, alpha: f64, mode: Mode) -> PageHinkley {
        PageHinkley {
            least,
            delta,
            threshold,
            alpha,
            mode,
            n: 0,
            mean: 0.0,
            up: 0.0,
            down: 0.0,
            least_up: f64::INFINITY,
            // As River starts it; only a first sum below −1 would show the difference.
            greatest_down: -1.0,
            last: Signal::Stable,
        }
    }
}

impl Detector for PageHinkley {
    fn update(&mut self, value: f64) -> Signal {
        if !value.is_finite() {
            return self.last;
        }
        if self.last == Signal::Drift {
            *self = PageHinkley::new(self.least, self.delta, self.threshold, self.alpha, self.mode);
        }
        self.n += 1;
        self.mean += (value - self.mean) / self.n as f64;
        let deviation = value - self.mean;
        self.up = self.alpha * self.up + deviation - self.delta;
        self.down = self.alpha * self.down + deviation + self.delta;
        self.least_up = self.least_up.min(self.up);
        self.greatest_down = self.greatest_down.max(self.down);
        let rose = self.up - self.least_up > self.threshold;
        let fell = self.greatest_down - self.down > self.threshold;
        let changed = match self.mode {
            Mode::Up => rose,
            Mode::Down => fell,
            Mode::Both => rose || fell,
        };
        self.last = if changed && self.n >= self.least { Signal::Drift } else { Signal::Stable };
        self.last
    }
}

//! HDDM (Frías-Blanco et al. 2015): means of bounded values compared under Hoeffding's bound, plain
//! (A) and exponentially weighted (W). No assumption about the distribution but its range 0 to 1.

use super::{Detector, Signal};

#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    n: f64,
    mean: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.n += 1.0;
        self.mean += (value - self.mean) / self.n;
    }
}

/// With plain averages: best for abrupt change.
#[derive(Debug, Clone)]
pub struct HddmA {
    drift: f64,
    warning: f64,
    two_sided: bool,
    all: Mean,
    least: Mean,
    greatest: Mean,
    last: Signal,
}

impl Default for HddmA {
    fn default() -> Self {
        HddmA::new(0.001, 0.005, false)
    }
}

impl HddmA {
    /// `drift` and `warning`: the chances of saying so by mistake. One-sided: only a rise counts.
    pub fn new(drift: f64, warning: f64, two_sided: bool) -> HddmA {
        HddmA {
            drift,
            warning,
            two_sided,
            all: Mean::default(),
            least: Mean::default(),
            greatest: Mean::default(),
            last: Signal::Stable,
        }
    }

    fn bound(&self, n: f64) -> f64 {
        ((1.0 / self.drift).ln() / (2.0 * n)).sqrt()
    }

    /// Whether the mean since the cut differs from the mean before it by more than chance.
    fn moved(&self, cut: &Mean, difference: f64, confidence: f64) -> bool {
        if cut.n == self.all.n {
            return false;
        }
        let m = (self.all.n - cut.n) / (cut.n * self.all.n);
        difference >= (m / 2.0 * (2.0 / confidence).ln()).sqrt()
    }
}

impl Detector for HddmA {
    fn update(&mut self, value: f64) -> Signal {
        if !value.is_finite() {
            return self.last;
        }
        if self.last == Signal::Drift {
            *self = HddmA::new(self.drift, self.warning, self.two_sided);
        }
        self.all.add(value);
        if self.least.n == 0.0 {
            self.least = self.all;
        }
        if self.greatest.n == 0.0 {
            self.greatest = self.all;
        }
        let now = self.bound(self.all.n);
        if self.least.mean + self.bound(self.least.n) >= self.all.mean + now {
            self.least = self.all;
        }
        if self.greatest.mean - self.bound(self.greatest.n) <= self.all.mean - now {
            self.greatest = self.all;
        }
        let risen = |confidence| self.moved(&self.least, self.all.mean - self.least.mean, confidence);
        let fallen =
            |confidence| self.two_sided && self.moved(&self.greatest, self.greatest.mean - self.all.mean, confidence);
        self.last = if risen(self.drift) || fallen(self.drift) {
            Signal::Drift
        } else if risen(self.warning) || fallen(self.warning) {
            Signal::Warning
        } else {
            Signal::Stable
        };
        self.last
    }
}

/// An exponentially weighted mean with its independent bounded condition.
#[derive(Debug, Clone, Copy)]
struct Weighted {
    mean: Option<f64>,
    /// Σ of the squared weights.
    condition: f64,
}

impl Weighted {
    const EMPTY: Weighted = Weighted { mean: None, condition: 1.0 };

    fn add(&mut self, value: f64, lambda: f64) {
        self.mean = Some(self.mean.map_or(value, |mean| lambda * value + (1.0 - lambda) * mean));
        self.condition = lambda * lambda + (1.0 - lambda) * (1.0 - lambda) * self.condition;
    }
}

/// With exponentially weighted averages: best for gradual change.
#[derive(Debug, Clone)]
pub struct HddmW {
    drift: f64,
    warning: f64,
    lambda: f64,
    two_sided: bool,
    all: Weighted,
    up: Monitor,
    down: Monitor,
    last: Signal,
}

/// What came before the cut, and since.
#[derive(Debug, Clone, Copy)]
struct Monitor {
    cut: f64,
    before: Weighted,
    since: Weighted,
}

impl Monitor {
    fn starting(cut: f64) -> Monitor {
        Monitor { cut, before: Weighted::EMPTY, since: Weighted::EMPTY }
    }

    /// since − before, and the bound that chance keeps below.
    fn compared(&self, confidence: f64) -> Option<(f64, f64)> {
        let bound = ((self.before.condition + self.since.condition) * (1.0 / confidence).ln() / 2.0).sqrt();
        Some((self.since.mean? - self.before.mean?, bound))
    }
}

impl Default for HddmW {
    fn default() -> Self {
        HddmW::new(0.001, 0.005, 0.05, false)
    }
}

impl HddmW {
    /// `lambda`: the weight of the newest value.
    pub fn new(drift: f64, warning: f64, lambda: f64, two_sided: bool) -> HddmW {
        HddmW {
            drift,
            warning,
            lambda,
            two_sided,
            all: Weighted::EMPTY,
            up: Monitor::starting(f64::INFINITY),
            down: Monitor::starting(f64::NEG_INFINITY),
            last: Signal::Stable,
        }
    }
}

impl Detector for HddmW {
    fn update(&mut self, value: f64) -> Signal {
        if !value.is_finite() {
            return self.last;
        }
        if self.last == Signal::Drift {
            *self = HddmW::new(self.drift, self.warning, self.lambda, self.two_sided);
        }
        self.all.add(value, self.lambda);
        let mean = self.all.mean.unwrap_or(value);
        let bound = (self.all.condition * (1.0 / self.drift).ln() / 2.0).sqrt();
        // A value either moves the cut or counts as having come since.
        if mean + bound < self.up.cut {
            self.up = Monitor { cut: mean + bound, before: self.all, since: Weighted::EMPTY };
        } else {
            self.up.since.add(value, self.lambda);
        }
        if mean - bound > self.down.cut {
            self.down = Monitor { cut: mean - bound, before: self.all, since: Weighted::EMPTY };
        } else {
            self.down.since.add(value, self.lambda);
        }
        let moved = |confidence: f64| {
            self.up.compared(confidence).is_some_and(|(d, bound)| d > bound)
                || (self.two_sided && self.down.compared(confidence).is_some_and(|(d, bound)| -d > bound))
        };
        self.last = if moved(self.drift) {
            Signal::Drift
        } else if moved(self.warning) {
            Signal::Warning
        } else {
            Signal::Stable
        };
        self.last
    }
}

//! Detectors on a stream of errors (1) and hits (0): DDM watches their rate, EDDM the distance
//! between them.

use super::{Detector, Signal};

/// DDM (Gama et al. 2004): the error rate rises by several standard deviations above its best.
#[derive(Debug, Clone)]
pub struct Ddm {
    warm_start: f64,
    warning: f64,
    drift: f64,
    n: f64,
    rate: f64,
    best_rate: f64,
    best_deviation: f64,
    last: Signal,
}

impl Default for Ddm {
    /// 30 values to warm up; warning at two, drift at three standard deviations.
    fn default() -> Self {
        Ddm::new(30.0, 2.0, 3.0)
    }
}

impl Ddm {
    pub fn new(warm_start: f64, warning: f64, drift: f64) -> Ddm {
        Ddm {
            warm_start,
            warning,
            drift,
            n: 0.0,
            rate: 0.0,
            best_rate: f64::INFINITY,
            best_deviation: f64::INFINITY,
            last: Signal::Stable,
        }
    }
}

impl Detector for Ddm {
    fn update(&mut self, value: f64) -> Signal {
        if value.is_nan() {
            return self.last;
        }
        if self.last == Signal::Drift {
            *self = Ddm::new(self.warm_start, self.warning, self.drift);
        }
        self.n += 1.0;
        self.rate += (f64::from(u8::from(value != 0.0)) - self.rate) / self.n;
        let deviation = (self.rate * (1.0 - self.rate) / self.n).max(0.0).sqrt();
        self.last = Signal::Stable;
        if self.n > self.warm_start {
            let now = self.rate + deviation;
            if now <= self.best_rate + self.best_deviation {
                (self.best_rate, self.best_deviation) = (self.rate, deviation);
            }
            if now > self.best_rate + self.drift * self.best_deviation {
                self.last = Signal::Drift;
            } else if now > self.best_rate + self.warning * self.best_deviation {
                self.last = Signal::Warning;
            }
        }
        self.last
    }
}

/// EDDM (Baena-García et al. 2006): errors come closer to each other than at their best.
#[derive(Debug, Clone)]
pub struct Eddm {
    warm_start: f64,
    warning: f64,
    drift: f64,
    n: f64,
    last_error: f64,
    errors: f64,
    mean: f64,
    /// Sum of squared deviations of the distances.
    squares: f64,
    best: f64,
    last: Signal,
}

impl Default for Eddm {
    /// 30 values and 30 errors to warm up; warning below 0.95, drift below 0.9 of the best.
    fn default() -> Self {
        Eddm::new(30.0, 0.95, 0.9)
    }
}

impl Eddm {
    pub fn new(warm_start: f64, warning: f64, drift: f64) -> Eddm {
        Eddm {
            warm_start,
            warning,
            drift,
            n: 0.0,
            last_error: 0.0,
            errors: 0.0,
            mean: 0.0,
            squares: 0.0,
            best: 0.0,
            last: Signal::Stable,
        }
    }
}

impl Detector for Eddm {
    fn update(&mut self, value: f64) -> Signal {
        if value.is_nan() {
            return self.last;
        }
        if self.last == Signal::Drift {
            *self = Eddm::new(self.warm_start, self.warning, self.drift);
        }
        self.n += 1.0;
        if value == 0.0 {
            return self.last;
        }
        self.errors += 1.0;
        let distance = self.n - self.last_error;
        self.last_error = self.n;
        let away = distance - self.mean;
        self.mean += away / self.errors;
        self.squares += away * (distance - self.mean);
        let deviation = if self.errors > 1.0 { (self.squares / (self.errors - 1.0)).sqrt() } else { 0.0 };
        if self.n <= self.warm_start {
            return self.last;
        }
        let reach = self.mean + 2.0 * deviation;
        if reach > self.best {
            // A new best takes no warning back; the next error that is none does.
            self.best = reach;
        } else if self.errors > self.warm_start {
            let share = reach / self.best;
            self.last = if share < self.drift {
                Signal::Drift
            } else if share < self.warning {
                Signal::Warning
            } else {
                Signal::Stable
            };
        }
        self.last
    }
}

//! Tests that may be looked at after every value: always-valid p-values and confidence sequences.
//!
//! A fixed-sample test looked at every minute will call wolf sooner or later. These keep their
//! promise at all times at once (Ville 1939): the chance that p ever falls below α, or that the
//! sequence ever leaves the truth out, is at most α.

use statrs::function::beta::ln_beta;

/// Watches a rate against a known one: the likelihood of what was seen under a mixture of rates
/// (Beta prior of weight two around the known one, flat where that is ½) against the known rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateMonitor {
    rate: f64,
    prior: (f64, f64),
    hits: f64,
    /// Counted, not made of the difference: of large numbers that may come out below nothing.
    misses: f64,
    least_p: f64,
}

impl RateMonitor {
    /// `rate` is the known one, kept within (0, 1).
    pub fn new(rate: f64) -> RateMonitor {
        let rate = if rate.is_nan() { 0.5 } else { rate.clamp(1e-9, 1.0 - 1e-9) };
        RateMonitor { rate, prior: (2.0 * rate, 2.0 * (1.0 - rate)), hits: 0.0, misses: 0.0, least_p: 1.0 }
    }

    /// Takes `hits` of `n` new trials; gives the always-valid p, two-sided.
    pub fn update(&mut self, hits: f64, n: f64) -> f64 {
        if hits >= 0.0 && n >= hits && n.is_finite() {
            self.hits += hits;
            self.misses += n - hits;
            let (a, b) = self.prior;
            let ln_ratio = ln_beta(a + self.hits, b + self.misses)
                - ln_beta(a, b)
                - self.hits * self.rate.ln()
                - self.misses * (1.0 - self.rate).ln();
            self.least_p = self.least_p.min((-ln_ratio).exp());
        }
        self.least_p
    }

    pub fn p(&self) -> f64 {
        self.least_p
    }
}

/// A confidence sequence of a mean: an interval that holds the truth at all times at once with
/// confidence 1 − α, for values of finite variance once a few dozen are in (Robbins' normal mixture
/// with the running variance; Waudby-Smith et al. 2021).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanSequence {
    alpha: f64,
    /// Chosen so that the sequence is narrowest at the sample size that matters.
    rho2: f64,
    n: f64,
    mean: f64,
    squares: f64,
}

impl MeanSequence {
    /// `narrow_at`: the number of values at which it should be narrowest.
    pub fn new(alpha: f64, narrow_at: f64) -> MeanSequence {
        let alpha = alpha.clamp(1e-12, 0.5);
        let ln = -2.0 * alpha.ln();
        MeanSequence { alpha, rho2: (ln + (1.0 + ln).ln()) / narrow_at.max(1.0), n: 0.0, mean: 0.0, squares: 0.0 }
    }

    /// Takes a value; NaN and infinities are left out.
    pub fn update(&mut self, value: f64) {
        if value.is_finite() {
            self.n += 1.0;
            let away = value - self.mean;
            self.mean += away / self.n;
            self.squares += away * (value - self.mean);
        }
    }

    /// The present interval; everything for fewer than ten values.
    pub fn interval(&self) -> (f64, f64) {
        if self.n < 10.0 {
            return (f64::NEG_INFINITY, f64::INFINITY);
        }
        let grown = self.n * self.rho2 + 1.0;
        let ln = (grown.sqrt() / self.alpha).ln();
        let variance = self.squares / (self.n - 1.0);
        let half = (variance * 2.0 * grown / (self.n * self.n * self.rho2) * ln).sqrt();
        (self.mean - half, self.mean + half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_after_every_value_does_not_raise_the_false_alarms() {
        let mut random = fastrand::Rng::with_seed(21);
        let (mut rate_alarms, mut mean_alarms) = (0, 0);
        const STREAMS: usize = 400;
        for _ in 0..STREAMS {
            let mut rate = RateMonitor::new(0.2);
            let mut mean = MeanSequence::new(0.05, 300.0);
            let mut missed = false;
            for _ in 0..1500 {
                rate.update(f64::from(u8::from(random.f64() < 0.2)), 1.0);
                mean.update(random.f64());
                let (low, high) = mean.interval();
                missed |= !(low..=high).contains(&0.5);
            }
            rate_alarms += usize::from(rate.p() < 0.05);
            mean_alarms += usize::from(missed);
        }
        assert!(rate_alarms <= STREAMS * 7 / 100, "{rate_alarms}");
        assert!(mean_alarms <= STREAMS * 7 / 100, "{mean_alarms}");
    }

    #[test]
    fn trials_beyond_what_a_number_holds_are_no_panic() {
        // Found by the fuzzer: once the sum of trials is rounded, hits may be more than it.
        let mut monitor = RateMonitor::new(0.3);
        for (hits, n) in [(1.0, 1e16), (9e15, 9e15), (3.0, 3.0), (f64::MAX, f64::MAX), (f64::MAX, f64::MAX)] {
            monitor.update(hits, n);
            assert!((0.0..=1.0).contains(&monitor.p()), "{}", monitor.p());
        }
    }

    #[test]
    fn a_doubled_rate_is_found() {
        let mut random = fastrand::Rng::with_seed(22);
        let mut monitor = RateMonitor::new(0.1);
        let found = (0..2000).position(|_| monitor.update(f64::from(u8::from(random.f64() < 0.2)), 1.0) < 0.01);
        assert!(found.is_some_and(|n| n < 500), "{found:?}");
    }
}

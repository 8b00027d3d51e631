//! Thresholds that come from data instead of a guess. Each says how often it will cry wolf.

use crate::quantile::{mean, sorted_finite, standard_deviation};
use crate::series::SeasonalBaseline;
use crate::t_test::two_sided;

/// Values between the two are usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    pub lower: f64,
    pub upper: f64,
    /// The share of values of an unchanged process that is expected outside. It rests on the
    /// assumption that each function names.
    pub false_alarms: f64,
    /// Values it was learnt from.
    pub n: usize,
}

impl Thresholds {
    pub fn outside(&self, value: f64) -> bool {
        value < self.lower || value > self.upper
    }
}

/// mean ± k · standard deviation (ddof 0) over what reference chunks gave, as NannyML. NaN values
/// are left out; NaN limits without any. The false-alarm rate is for independent normal values, and
/// honest about a short history: it uses Student's t of a new value.
pub fn from_history(history: &[f64], k: f64) -> Thresholds {
    let known: Vec<f64> = history.iter().copied().filter(|v| !v.is_nan()).collect();
    let n = known.len() as f64;
    let (centre, spread) = (mean(&known), standard_deviation(&known, 0));
    Thresholds {
        lower: centre - k * spread,
        upper: centre + k * spread,
        false_alarms: chance_beyond(k, n),
        n: known.len(),
    }
}

/// The chance that a new value of an unchanged process with independent normal values lies more than
/// `k` standard deviations (ddof 0) from the mean of `n` earlier ones: Student's t of a new value.
pub fn chance_beyond(k: f64, n: f64) -> f64 {
    // k ddof-0 deviations in units of the predictive distribution's scale.
    two_sided(k * ((n - 1.0) / (n + 1.0)).sqrt(), n - 1.0)
}

/// The `k` of [`from_history`] that gives this chance, by bisection; infinite where no limit does.
pub fn deviations_for(chance: f64, n: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while chance_beyond(high, n) > chance {
        high *= 2.0;
        if high > 1e6 {
            return f64::INFINITY;
        }
    }
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if chance_beyond(middle, n) > chance { low = middle } else { high = middle }
    }
    high
}

/// The chance that a new value of an unchanged process with independent normal values lies more than
/// `k` spreads (1.4826 · MAD) from the median of `n` earlier ones; NaN for fewer than three. Four values
/// say so little of their spread that k = 3 is passed by every sixth.
///
/// No closed form is known. Student's t with 0.8⌊n/2⌋ + 0.15 degrees of freedom, its scale n/(n − 1.05),
/// was fitted to 400,000 simulated histories of each of 25 lengths from 3 to 200: within 5 % of them for
/// k ≤ 4 and within 11 % for k ≤ 6.
pub fn chance_beyond_median(k: f64, n: usize) -> f64 {
    if n < 3 {
        return f64::NAN;
    }
    two_sided(k * (1.0 - 1.05 / n as f64), 0.8 * (n / 2) as f64 + 0.15)
}

/// Median ± k · 1.4826 MAD of the value's phase of the season. For normal values around each
/// phase's middle; outliers in the history do not widen it. Where the baseline's floor holds a
/// phase's spread up, fewer than stated are outside.
pub fn seasonal(baseline: &SeasonalBaseline, time: usize, k: f64) -> Thresholds {
    let phase = time % baseline.median.len().max(1);
    let (centre, spread) = (baseline.median[phase], baseline.spread[phase]);
    Thresholds {
        lower: centre - k * spread,
        upper: centre + k * spread,
        false_alarms: chance_beyond_median(k, baseline.n[phase]),
        n: baseline.n[phase],
    }
}

/// The quantiles α/2 and 1 − α/2 of a history in which a value counts half as much every
/// `half_life` values, the newest last. For a process that drifts slowly; whatever its distribution.
pub fn decaying(history: &[f64], alpha: f64, half_life: f64) -> Thresholds {
    let decay = 0.5_f64.powf(1.0 / half_life.max(1.0));
    let last = history.len();
    let mut weighted: Vec<(f64, f64)> = history
        .iter()
        .enumerate()
        .filter(|(_, v)| !v.is_nan())
        .map(|(i, v)| (*v, decay.powi((last - 1 - i) as i32)))
        .collect();
    weighted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = weighted.iter().map(|(_, w)| w).sum();
    let at = |q: f64| {
        let mut seen = 0.0;
        weighted
            .iter()
            .find(|(_, w)| {
                seen += w;
                seen >= q * total
            })
            .or(weighted.last())
            .map_or(f64::NAN, |(v, _)| *v)
    };
    // Quantiles of few effective values are pulled inwards: a new value falls outside the outermost
    // of n with chance 2/(n + 1), and outside the quantiles about 1.5/(n + 1) more often than meant.
    let effective = total * total / weighted.iter().map(|(_, w)| w * w).sum::<f64>();
    let false_alarms = (alpha + 1.5 / (effective + 1.0)).min(1.0);
    Thresholds { lower: at(alpha / 2.0), upper: at(1.0 - alpha / 2.0), false_alarms, n: weighted.len() }
}

/// Split-conformal limits: the order statistics at ⌊(n + 1) α/2⌋ from both ends. For exchangeable
/// values the share outside is at most α, whatever their distribution; where the history is too
/// short for that a limit is infinite rather than wrong.
pub fn conformal(history: &[f64], alpha: f64) -> Thresholds {
    let sorted = sorted_finite(history);
    let n = sorted.len();
    let rank = ((n + 1) as f64 * alpha / 2.0).floor() as usize;
    let (lower, upper) = match rank {
        0 => (f64::NEG_INFINITY, f64::INFINITY),
        rank => (sorted.get(rank - 1).copied().unwrap_or(f64::NAN), sorted.get(n - rank).copied().unwrap_or(f64::NAN)),
    };
    Thresholds { lower, upper, false_alarms: 2.0 * rank as f64 / (n + 1) as f64, n }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a new value lies outside limits learnt from `n` values before it.
    fn measured(
        mut next: impl FnMut(&mut fastrand::Rng) -> f64,
        n: usize,
        learn: impl Fn(&[f64]) -> Thresholds,
    ) -> (f64, f64) {
        let mut random = fastrand::Rng::with_seed(17);
        let (mut outside, mut promised) = (0, 0.0);
        const ROUNDS: usize = 20_000;
        for _ in 0..ROUNDS {
            let history: Vec<f64> = (0..n).map(|_| next(&mut random)).collect();
            let limits = learn(&history);
            outside += usize::from(limits.outside(next(&mut random)));
            promised = limits.false_alarms;
        }
        (outside as f64 / ROUNDS as f64, promised)
    }

    fn normal(random: &mut fastrand::Rng) -> f64 {
        (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
    }

    fn heavy(random: &mut fastrand::Rng) -> f64 {
        (std::f64::consts::PI * (random.f64() - 0.5)).tan()
    }

    #[test]
    fn each_cries_wolf_about_as_often_as_it_says() {
        let (was, said) = measured(normal, 20, |h| from_history(h, 3.0));
        assert!((was - said).abs() < 0.004, "history: {was} {said}");
        let (was, said) = measured(heavy, 199, |h| conformal(h, 0.05));
        assert!((was - said).abs() < 0.006, "conformal: {was} {said}");
        let (was, said) = measured(heavy, 300, |h| decaying(h, 0.05, 100.0));
        assert!((was - said).abs() < 0.012, "decaying: {was} {said}");
        for n in [3, 4, 9, 26] {
            let by_season = |h: &[f64]| seasonal(&SeasonalBaseline::of(h, 1, 0.0).expect("a period"), 0, 3.0);
            let (was, said) = measured(normal, n, by_season);
            assert!((was - said).abs() < 0.05 * said + 0.003, "season of {n}: {was} {said}");
        }
    }

    /// Values with memory scatter as far as without, but a history of them shows less of it: limits from few are
    /// too narrow, by as much as is said here.
    #[test]
    fn with_memory_they_cry_wolf_as_often_once_the_history_is_long() {
        let rate = |n: usize, learn: &dyn Fn(&[f64]) -> Thresholds| {
            let mut state = 0.0;
            measured(
                |random| {
                    state = 0.7 * state + 0.51_f64.sqrt() * normal(random);
                    state
                },
                n,
                learn,
            )
        };
        for (name, learn) in [
            ("history", &(|h: &[f64]| from_history(h, 3.0)) as &dyn Fn(&[f64]) -> Thresholds),
            ("conformal", &|h: &[f64]| conformal(h, 0.05)),
            ("decaying", &|h: &[f64]| decaying(h, 0.05, 200.0)),
            ("season", &|h: &[f64]| seasonal(&SeasonalBaseline::of(h, 1, 0.0).expect("a period"), 0, 3.0)),
        ] {
            let (was, said) = rate(400, learn);
            assert!(was < 1.35 * said + 0.002, "{name}: said {said}, was {was}");
        }
        let (was, said) = rate(10, &|h: &[f64]| from_history(h, 3.0));
        assert!((1.2..6.0).contains(&(was / said)), "a short history: said {said}, was {was}");
    }

    #[test]
    fn too_short_a_history_gives_no_limit_rather_than_a_wrong_one() {
        assert_eq!(conformal(&[1.0, 2.0], 0.05).upper, f64::INFINITY);
        assert!(from_history(&[], 3.0).lower.is_nan() && decaying(&[], 0.1, 5.0).upper.is_nan());
    }
}

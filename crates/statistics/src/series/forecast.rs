//! Forecasts with bands: Holt–Winters fitted to a series, and when a limit will be crossed.

use super::smoothing::Smoothing;
use crate::intervals::normal_quantile;
use crate::quantile::{mean, standard_deviation};

/// The next values with what is not known about them.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    pub mean: Vec<f64>,
    /// Standard deviation of each.
    pub deviation: Vec<f64>,
    pub model: Smoothing,
}

impl Forecast {
    /// The central band that holds the truth with this chance, if errors are normal.
    pub fn band(&self, coverage: f64) -> Vec<(f64, f64)> {
        let z = normal_quantile(0.5 + coverage / 2.0);
        self.mean.iter().zip(&self.deviation).map(|(m, d)| (m - z * d, m + z * d)).collect()
    }

    /// When a limit is crossed: the first step at which the mean lies beyond it, and the first at
    /// which that is as likely as 10 % and as 90 %.
    pub fn crossing(&self, limit: f64, from_below: bool) -> Crossing {
        let z = normal_quantile(0.9);
        let beyond = |value: f64| if from_below { value >= limit } else { value <= limit };
        let outward = if from_below { 1.0 } else { -1.0 };
        let first = |shift: f64| {
            self.mean.iter().zip(&self.deviation).position(|(m, d)| beyond(m + outward * shift * d)).map(|i| i + 1)
        };
        Crossing { likely: first(0.0), earliest: first(z), latest: first(-z) }
    }
}

/// Steps from now until a limit is crossed; `None`: not within the horizon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crossing {
    /// With a chance of 10 %.
    pub earliest: Option<usize>,
    /// With a chance of 50 %.
    pub likely: Option<usize>,
    /// With a chance of 90 %.
    pub latest: Option<usize>,
}

/// Fits simple, trended or seasonal smoothing to a series and forecasts `horizon` steps. The season
/// (`period` of at least 2) needs two full periods, the trend ten values; what there is not enough
/// of is left out. Of the candidates the one with the least AIC is taken. `None` for fewer than
/// three values.
pub fn fit_holt_winters(values: &[f64], period: usize, horizon: usize) -> Option<Forecast> {
    let known: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if known.len() < 3 {
        return None;
    }
    let seasonal = period >= 2 && values.len() >= 2 * period;
    let mut best: Option<(f64, Smoothing, f64)> = None;
    for trended in [false, true] {
        for with_season in [false, true] {
            if (trended && known.len() < 10) || (with_season && !seasonal) {
                continue;
            }
            let start = starting(values, if with_season { period } else { 0 }, trended);
            let parameters = 1 + usize::from(trended) + usize::from(with_season);
            let (model, error) = minimise(values, &start);
            let states = 1 + usize::from(trended) + if with_season { period } else { 0 };
            let n = known.len() as f64;
            let aic = n * (error / n).max(f64::MIN_POSITIVE).ln() + 2.0 * (parameters + states) as f64;
            if best.as_ref().is_none_or(|(least, _, _)| aic < *least) {
                let freedom = (n - (parameters + states) as f64).max(1.0);
                best = Some((aic, model, (error / freedom).sqrt()));
            }
        }
    }
    let (_, model, sigma) = best?;
    let state = model.run(values).state;
    let deviation = state.variance_growth(horizon).iter().map(|g| sigma * g.sqrt()).collect();
    Some(Forecast { mean: state.forecast(horizon), deviation, model: state })
}

/// A starting state from the first periods.
fn starting(values: &[f64], period: usize, trended: bool) -> Smoothing {
    let mean_of = |part: &[f64]| {
        let known: Vec<f64> = part.iter().copied().filter(|v| v.is_finite()).collect();
        if known.is_empty() { 0.0 } else { mean(&known) }
    };
    let span = if period > 0 { period } else { 10.min(values.len() / 2).max(1) };
    let (first, second) = (mean_of(&values[..span]), mean_of(&values[span..(2 * span).min(values.len())]));
    let trend = if trended { (second - first) / span as f64 } else { 0.0 };
    let level = first - trend * (span as f64 + 1.0) / 2.0;
    let season = (0..period)
        .map(|phase| {
            let cycles: Vec<f64> = values.iter().skip(phase).step_by(period).copied().collect();
            let around: Vec<f64> = cycles
                .iter()
                .enumerate()
                .filter(|(_, v)| v.is_finite())
                .map(|(c, v)| v - mean_of(&values[c * period..((c + 1) * period).min(values.len())]))
                .collect();
            if around.is_empty() { 0.0 } else { mean(&around) }
        })
        .collect();
    Smoothing { alpha: 0.3, beta: trended.then_some(0.1), gamma: (period > 0).then_some(0.1), level, trend, season }
}

/// The parameters with the least squared one-step error: coordinate search with halving steps.
fn minimise(values: &[f64], start: &Smoothing) -> (Smoothing, f64) {
    let loss = |model: &Smoothing| -> f64 {
        let fitted = model.run(values).fitted;
        fitted.iter().zip(values).map(|(f, y)| (y - f).powi(2)).filter(|e| e.is_finite()).sum()
    };
    let mut model = start.clone();
    let mut least = loss(&model);
    let mut step = 0.2;
    while step > 0.004 {
        let mut better = false;
        for which in 0..3 {
            for direction in [-1.0, 1.0] {
                let mut next = model.clone();
                let moved = |v: f64| (v + direction * step).clamp(0.001, 0.999);
                match which {
                    0 => next.alpha = moved(next.alpha),
                    1 => next.beta = next.beta.map(moved),
                    _ => next.gamma = next.gamma.map(moved),
                }
                let error = loss(&next);
                if error < least - 1e-12 * least {
                    (model, least, better) = (next, error, true);
                }
            }
        }
        if !better {
            step /= 2.0;
        }
    }
    // A season fitted on a constant must not claim to be certain.
    let floor = standard_deviation(values, 0).powi(2) * 1e-12;
    (model, least.max(if floor.is_finite() { floor } else { 0.0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seasonal(n: usize) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(5);
        let noise = |random: &mut fastrand::Rng| (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        (0..n)
            .map(|t| 50.0 + 0.1 * t as f64 + 8.0 * (t as f64 * std::f64::consts::FRAC_PI_6).sin() + noise(&mut random))
            .collect()
    }

    #[test]
    fn bands_hold_about_as_often_as_they_say() {
        let values = seasonal(600);
        let (mut inside, mut all) = (0, 0);
        for end in (120..588).step_by(6) {
            let forecast = fit_holt_winters(&values[..end], 12, 12).expect("fits");
            for (h, (low, high)) in forecast.band(0.8).iter().enumerate() {
                inside += usize::from((*low..=*high).contains(&values[end + h]));
                all += 1;
            }
        }
        let coverage = inside as f64 / all as f64;
        assert!((0.72..=0.88).contains(&coverage), "{coverage}");
    }

    #[test]
    fn a_limit_ahead_is_met_in_time_order() {
        let values: Vec<f64> = (0..60).map(|t| f64::from(t) + f64::from(t % 3)).collect();
        let crossing = fit_holt_winters(&values, 0, 60).expect("fits").crossing(80.0, true);
        let (early, likely, late) = (crossing.earliest, crossing.likely, crossing.latest);
        assert!(early <= likely && likely <= late, "{crossing:?}");
        assert!((18..=22).contains(&likely.expect("within")), "{crossing:?}");
        assert!(fit_holt_winters(&[1.0, f64::NAN], 0, 5).is_none());
    }
}

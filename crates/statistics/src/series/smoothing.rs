//! Exponential smoothing with given parameters and starting state: simple, Holt's with a trend,
//! Holt–Winters' with an additive season.

/// Parameters and starting state. No `beta`: no trend; no `gamma`: no season.
#[derive(Debug, Clone, PartialEq)]
pub struct Smoothing {
    pub alpha: f64,
    pub beta: Option<f64>,
    pub gamma: Option<f64>,
    pub level: f64,
    pub trend: f64,
    /// The season's value for the phase of time j in 0..period.
    pub season: Vec<f64>,
}

/// What smoothing made of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Smoothed {
    /// The forecast of each value from those before it.
    pub fitted: Vec<f64>,
    /// The state after the last value; its season starts at the next time.
    pub state: Smoothing,
}

impl Smoothing {
    /// Runs through a series. A missing value (NaN) leaves the level where the trend brings it.
    pub fn run(&self, values: &[f64]) -> Smoothed {
        let mut state = self.clone();
        let period = state.season.len();
        let mut fitted = Vec::with_capacity(values.len());
        for (t, y) in values.iter().enumerate() {
            let phase = if period > 0 { t % period } else { 0 };
            let season = state.season.get(phase).copied().unwrap_or(0.0);
            let expected = state.level + state.trend;
            fitted.push(expected + season);
            if y.is_nan() {
                state.level = expected;
                continue;
            }
            let level = state.alpha * (y - season) + (1.0 - state.alpha) * expected;
            if let (Some(gamma), Some(slot)) = (state.gamma, state.season.get_mut(phase)) {
                *slot = gamma * (y - expected) + (1.0 - gamma) * season;
            }
            if let Some(beta) = state.beta {
                state.trend = beta * (level - state.level) + (1.0 - beta) * state.trend;
            }
            state.level = level;
        }
        if period > 0 {
            state.season.rotate_left(values.len() % period);
        }
        Smoothed { fitted, state }
    }

    /// The next `horizon` values: level + h·trend + season.
    pub fn forecast(&self, horizon: usize) -> Vec<f64> {
        let season = |h: usize| if self.season.is_empty() { 0.0 } else { self.season[(h - 1) % self.season.len()] };
        (1..=horizon).map(|h| self.level + h as f64 * self.trend + season(h)).collect()
    }

    /// How much the variance of the forecast h steps ahead exceeds that of one step: 1 + Σ cⱼ² with
    /// cⱼ the weight of a shock j steps old (Hyndman et al. 2008, class 1).
    pub fn variance_growth(&self, horizon: usize) -> Vec<f64> {
        let (beta, gamma) = (self.beta.unwrap_or(0.0), self.gamma.unwrap_or(0.0));
        let period = self.season.len();
        let mut sum = 1.0;
        let mut out = Vec::with_capacity(horizon);
        for j in 1..=horizon {
            out.push(sum);
            let seasonal = if period > 0 && j % period == 0 { gamma * (1.0 - self.alpha) } else { 0.0 };
            let weight = self.alpha * (1.0 + beta * j as f64) + seasonal;
            sum += weight * weight;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_weight_on_the_newest_value_is_the_naive_forecast() {
        let naive = Smoothing { alpha: 1.0, beta: None, gamma: None, level: 3.0, trend: 0.0, season: Vec::new() };
        let run = naive.run(&[5.0, 7.0]);
        assert_eq!((run.fitted, run.state.forecast(2)), (vec![3.0, 5.0], vec![7.0, 7.0]));
    }
}

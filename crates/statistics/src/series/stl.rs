//! Seasonal and trend decomposition by loess (Cleveland, Cleveland, McRae & Terpenning 1990).

/// How a series is decomposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StlOptions {
    /// Values a season, at least 2.
    pub period: usize,
    /// Width of the seasonal smoother in periods, odd. Default 7.
    pub seasonal: usize,
    /// Whether outliers are weighted down.
    pub robust: bool,
}

/// value = trend + season + rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Decomposition {
    pub trend: Vec<f64>,
    pub season: Vec<f64>,
    pub rest: Vec<f64>,
}

/// Smoothers of degree 1 at every point; trend width the least odd number above
/// 1.5·period / (1 − 1.5/seasonal), low-pass width the least odd number above the period; inner
/// rounds 5, or 2 with 15 robust ones. `None` for fewer than two periods or values that are not
/// finite.
pub fn stl(values: &[f64], options: StlOptions) -> Option<Decomposition> {
    let (n, period) = (values.len(), options.period);
    if period < 2 || n < 2 * period || values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let seasonal_width = options.seasonal.max(3) | 1;
    let odd_above = |x: f64| (x.ceil() as usize) | 1;
    let trend_width = odd_above(1.5 * period as f64 / (1.0 - 1.5 / seasonal_width as f64));
    let low_pass_width = (period + 1) | 1;
    let (inner, outer) = if options.robust { (2, 15) } else { (5, 0) };
    let mut weights: Option<Vec<f64>> = None;
    let (mut trend, mut season) = (vec![0.0; n], vec![0.0; n]);
    for round in 0..=outer {
        for _ in 0..inner {
            let detrended: Vec<f64> = values.iter().zip(&trend).map(|(y, t)| y - t).collect();
            let cycles = smooth_cycles(&detrended, period, seasonal_width, weights.as_deref());
            let averaged = moving_average(&moving_average(&moving_average(&cycles, period), period), 3);
            let low = loess(&averaged, low_pass_width, None);
            season = (0..n).map(|i| cycles[period + i] - low[i]).collect();
            let deseasoned: Vec<f64> = values.iter().zip(&season).map(|(y, s)| y - s).collect();
            trend = loess(&deseasoned, trend_width, weights.as_deref());
        }
        if round < outer {
            let rest: Vec<f64> = (0..n).map(|i| (values[i] - trend[i] - season[i]).abs()).collect();
            weights = Some(robustness(&rest));
        }
    }
    let rest = (0..n).map(|i| values[i] - trend[i] - season[i]).collect();
    Some(Decomposition { trend, season, rest })
}

/// Bisquare weights of residuals at six median absolute residuals.
fn robustness(rest: &[f64]) -> Vec<f64> {
    let mut sorted = rest.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let limit = 3.0 * (sorted[middle] + sorted[sorted.len() - middle - 1]);
    rest.iter()
        .map(|r| {
            if *r <= 0.001 * limit {
                1.0
            } else if *r <= 0.999 * limit {
                (1.0 - (r / limit).powi(2)).powi(2)
            } else {
                0.0
            }
        })
        .collect()
}

/// Each phase of the season smoothed over its cycles, and carried one period beyond both ends.
fn smooth_cycles(values: &[f64], period: usize, width: usize, weights: Option<&[f64]>) -> Vec<f64> {
    let mut out = vec![0.0; values.len() + 2 * period];
    for phase in 0..period {
        let pick = |of: &[f64]| -> Vec<f64> { of.iter().skip(phase).step_by(period).copied().collect() };
        let (cycle, weight) = (pick(values), weights.map(pick));
        let k = cycle.len();
        let weight = weight.as_deref();
        let inside = loess(&cycle, width, weight);
        let before = local(&cycle, width, 0.0, (1, width.min(k)), weight).unwrap_or(inside[0]);
        let after = local(&cycle, width, (k + 1) as f64, (k.saturating_sub(width - 1).max(1), k), weight)
            .unwrap_or(inside[k - 1]);
        for (m, value) in std::iter::once(before).chain(inside).chain([after]).enumerate() {
            out[m * period + phase] = value;
        }
    }
    out
}

fn moving_average(values: &[f64], width: usize) -> Vec<f64> {
    let mut sum: f64 = values[..width].iter().sum();
    let mut out = vec![sum / width as f64];
    for i in width..values.len() {
        sum += values[i] - values[i - width];
        out.push(sum / width as f64);
    }
    out
}

/// Local linear fits at every point with the nearest `width` values.
fn loess(values: &[f64], width: usize, weights: Option<&[f64]>) -> Vec<f64> {
    let n = values.len();
    if n < 2 {
        return values.to_vec();
    }
    let half = width.div_ceil(2);
    let (mut left, mut right) = (1, width.min(n));
    (1..=n)
        .map(|i| {
            if width < n && i > half && right != n {
                left += 1;
                right += 1;
            }
            local(values, width, i as f64, (left, right), weights).unwrap_or(values[i - 1])
        })
        .collect()
}

/// The local fit at `at` from values `span` (from 1, both ends in), tricube-weighted. `None` when
/// all weights are 0.
fn local(values: &[f64], width: usize, at: f64, span: (usize, usize), weights: Option<&[f64]>) -> Option<f64> {
    let n = values.len();
    let (left, right) = span;
    let mut reach = (at - left as f64).max(right as f64 - at);
    if width > n {
        reach += ((width - n) / 2) as f64;
    }
    let mut w: Vec<f64> = (left..=right)
        .map(|j| {
            let r = (j as f64 - at).abs();
            let near = if r > 0.999 * reach {
                0.0
            } else if r <= 0.001 * reach {
                1.0
            } else {
                (1.0 - (r / reach).powi(3)).powi(3)
            };
            near * weights.map_or(1.0, |weights| weights[j - 1])
        })
        .collect();
    let total: f64 = w.iter().sum();
    if total <= 0.0 {
        return None;
    }
    w.iter_mut().for_each(|v| *v /= total);
    if reach > 0.0 {
        let places = || (left..=right).map(|j| j as f64);
        let centre: f64 = w.iter().zip(places()).map(|(v, j)| v * j).sum();
        let spread: f64 = w.iter().zip(places()).map(|(v, j)| v * (j - centre).powi(2)).sum();
        if spread.sqrt() > 0.001 * (n - 1) as f64 {
            let slope = (at - centre) / spread;
            w.iter_mut().zip(places()).for_each(|(v, j)| *v *= slope * (j - centre) + 1.0);
        }
    }
    Some(w.iter().zip(&values[left - 1..right]).map(|(v, y)| v * y).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_season_comes_apart_again() {
        let values: Vec<f64> = (0..96).map(|t| f64::from(t) * 0.5 + f64::from(t % 4)).collect();
        let parts = stl(&values, StlOptions { period: 4, seasonal: 7, robust: false }).expect("fits");
        assert!(parts.rest.iter().all(|r| r.abs() < 0.05), "{:?}", parts.rest);
        assert!(stl(&values[..7], StlOptions { period: 4, seasonal: 7, robust: false }).is_none());
    }
}

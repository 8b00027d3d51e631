//! Any signal looked at closely, and which others moved with it. Values are a step apart; a step without
//! a sample is NaN and stays one.

use domain::analysis::{Anomaly, ControlChart, Forecast, LineAnalysis};
use domain::telemetry::QueryLine;
use statistics::control::{Rule, individuals, shewhart_arl, violations};
use statistics::intervals::normal_quantile;
use statistics::quantile::{quantile_sorted, sorted_finite, standard_deviation};
use statistics::series::{SeasonalBaseline, fit_holt_winters, lagged, mann_kendall, modified_z, pelt, theil_sen};

/// One value of an unchanged normal process in so many is called an anomaly.
pub const ANOMALY_RATE: f64 = 1.0 / 10_000.0;
/// Values that anything can be learnt from.
const LEAST: usize = 12;
/// A trend is named where chance alone would show one in less than this share.
const STEADY: f64 = 0.01;
/// Share of a line that control limits are learnt from.
const LEARN: f64 = 0.5;
/// Of what lies ahead, the forecast shows so much of the range.
const AHEAD: f64 = 0.25;
const COVERAGE: f64 = 0.95;

/// `step` in seconds. `limit` is a value and whether it is crossed from below.
pub fn analyse(line: QueryLine, step: f64, limit: Option<(f64, bool)>) -> LineAnalysis {
    let values: Vec<f64> = line.values.iter().map(|v| v.unwrap_or(f64::NAN)).collect();
    let known: Vec<(usize, f64)> = values.iter().copied().enumerate().filter(|(_, v)| v.is_finite()).collect();
    let season = season_of(&values, step);
    let mut found = LineAnalysis {
        line,
        anomalies: Vec::new(),
        anomaly_rate: ANOMALY_RATE,
        season: season.map(|s| s as u32),
        control: None,
        forecast: None,
        changes: Vec::new(),
        trend: None,
        sentence: String::new(),
    };
    if known.len() < LEAST {
        found.sentence = format!("{} values are too few to say", known.len());
        return found;
    }
    let plain: Vec<f64> = known.iter().map(|(_, v)| *v).collect();
    found.anomalies = anomalies(&values, &plain, season);
    found.control = control(&known);
    found.forecast = forecast(&values, season, limit);
    found.changes = pelt(&plain, None, 5).into_iter().map(|i| known[i].0 as u32).collect();
    found.trend = trend(&plain);
    found.sentence = sentence(&found, &plain);
    found
}

/// The newest values that do not belong: how many of the last `newest` known ones, and the last of them as
/// (place, spreads away). A signal is named when at least two of them do not: one alone is a blip.
pub fn unusual(values: &[f64], step: f64, newest: usize) -> Option<(usize, f64, usize)> {
    let known: Vec<(usize, f64)> = values.iter().copied().enumerate().filter(|(_, v)| v.is_finite()).collect();
    if known.len() < 2 * LEAST {
        return None;
    }
    let plain: Vec<f64> = known.iter().map(|(_, v)| *v).collect();
    let last: Vec<usize> = known.iter().rev().take(newest).map(|(i, _)| *i).collect();
    let found = anomalies(values, &plain, season_of(values, step));
    let strange: Vec<&Anomaly> = found.iter().filter(|a| last.contains(&(a.step as usize))).collect();
    let end = strange.last().filter(|_| strange.len() >= 2)?;
    Some((end.step as usize, end.away, strange.len()))
}

/// Steps of a day or an hour, the longest that the line holds twice.
fn season_of(values: &[f64], step: f64) -> Option<usize> {
    [86_400.0, 3600.0]
        .into_iter()
        .filter(|seconds| step > 0.0 && (seconds / step).fract() < 1e-9)
        .map(|seconds| (seconds / step) as usize)
        .find(|steps| (4..=values.len() / 3).contains(steps))
}

fn anomalies(values: &[f64], plain: &[f64], season: Option<usize>) -> Vec<Anomaly> {
    let far = normal_quantile(1.0 - ANOMALY_RATE / 2.0);
    // A phase has few values, so its own spread is mostly chance: that of all phases together is the least.
    let seasonal = season.and_then(|period| {
        let middle = SeasonalBaseline::of(values, period, 0.0)?;
        let rest: Vec<f64> = values.iter().enumerate().map(|(t, v)| v - middle.median[t % period]).collect();
        let each = plain.len() as f64 / period as f64;
        let pooled = 1.4826 * quantile_sorted(&sorted_finite(&rest.iter().map(|r| r.abs()).collect::<Vec<_>>()), 0.5);
        let floor = pooled * (each / (each - 1.0).max(0.5)).sqrt();
        let baseline = SeasonalBaseline::of(values, period, floor.max(1e-9 * standard_deviation(plain, 0)))?;
        Some(values.iter().enumerate().map(|(t, v)| baseline.z(t, *v)).collect::<Vec<f64>>())
    });
    let away = seasonal.unwrap_or_else(|| modified_z(values));
    values
        .iter()
        .zip(&away)
        .enumerate()
        .filter(|(_, (v, z))| v.is_finite() && z.abs() > far)
        .map(|(step, (value, away))| Anomaly { step: step as u32, value: *value, away: *away })
        .collect()
}

fn control(known: &[(usize, f64)]) -> Option<ControlChart> {
    let learnt = ((known.len() as f64 * LEARN) as usize).max(LEAST / 2);
    let values: Vec<f64> = known.iter().map(|(_, v)| *v).collect();
    let (limits, _) = individuals(&values[..learnt])?;
    if limits.sigma <= 0.0 {
        return None;
    }
    let z: Vec<f64> = values.iter().map(|v| (v - limits.centre) / limits.sigma).collect();
    let mut broken: Vec<(u32, String)> = Vec::new();
    let words =
        ["beyond three sigma", "two of three beyond two sigma", "four of five beyond one sigma", "eight on one side"];
    for (rule, words) in Rule::WESTERN_ELECTRIC.into_iter().zip(words) {
        for place in violations(&z, rule).into_iter().filter(|p| *p >= learnt) {
            let step = known[place].0 as u32;
            if !broken.iter().any(|(s, _)| *s == step) {
                broken.push((step, words.to_string()));
            }
        }
    }
    broken.sort_by_key(|(step, _)| *step);
    Some(ControlChart {
        centre: limits.centre,
        lower: limits.lower,
        upper: limits.upper,
        learnt_from: learnt as u32,
        broken,
        run_length: shewhart_arl(3.0, 0.0),
    })
}

/// The values from the first known to the last.
fn known_part(values: &[f64]) -> Option<&[f64]> {
    let first = values.iter().position(|v| v.is_finite())?;
    let last = values.iter().rposition(|v| v.is_finite())?;
    Some(&values[first..=last])
}

/// What comes next, a quarter of the line's length. `None` where too little is known.
pub fn ahead(values: &[f64], step: f64) -> Option<statistics::series::Forecast> {
    let known = values.iter().filter(|v| v.is_finite()).count();
    if known < LEAST { None } else { continued(values, season_of(values, step)) }
}

/// In how many steps a line will have crossed a limit, and whether from below, as is likeliest. Only what moves
/// steadily is believed to go on: a forecast of a line without a trend crosses anything sooner or later.
pub fn crosses(values: &[f64], step: f64, (limit, from_below): (f64, bool)) -> Option<usize> {
    let plain: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if plain.len() < LEAST || (trend(&plain)? > 0.0) != from_below {
        return None;
    }
    continued(values, season_of(values, step))?.crossing(limit, from_below).likely
}

/// How far a line moved over its length, where it moved steadily.
fn trend(plain: &[f64]) -> Option<f64> {
    mann_kendall(plain).filter(|m| m.p < STEADY)?;
    theil_sen(plain, 0.05).map(|s| s.slope * plain.len() as f64)
}

fn continued(values: &[f64], season: Option<usize>) -> Option<statistics::series::Forecast> {
    let horizon = ((values.len() as f64 * AHEAD) as usize).clamp(1, 400);
    fit_holt_winters(known_part(values)?, season.unwrap_or(0), horizon)
}

fn forecast(values: &[f64], season: Option<usize>, limit: Option<(f64, bool)>) -> Option<Forecast> {
    let own = known_part(values)?;
    let period = season.unwrap_or(0);
    let made = continued(values, season)?;
    // The same made before the last quarter, held against it.
    let cut = own.len() - own.len() / 4;
    let covered =
        (own.len() - cut >= 5).then(|| fit_holt_winters(&own[..cut], period, own.len() - cut)).flatten().map(|past| {
            let met: Vec<bool> = own[cut..]
                .iter()
                .zip(past.band(COVERAGE))
                .filter(|(v, _)| v.is_finite())
                .map(|(v, (low, high))| (low..=high).contains(v))
                .collect();
            met.iter().filter(|m| **m).count() as f64 / met.len().max(1) as f64
        });
    let (low, high): (Vec<f64>, Vec<f64>) = made.band(COVERAGE).into_iter().unzip();
    let crossing = limit.map(|(value, from_below)| {
        let c = made.crossing(value, from_below);
        [c.earliest, c.likely, c.latest].map(|s| s.map(|s| s as u32))
    });
    Some(Forecast { mean: made.mean, low, high, covered, crossing })
}

fn sentence(found: &LineAnalysis, plain: &[f64]) -> String {
    let mut parts = Vec::new();
    match found.anomalies.len() {
        0 => {}
        1 => parts.push("one value does not belong".to_string()),
        n => parts.push(format!("{n} values do not belong")),
    }
    if let Some(control) = found.control.as_ref().filter(|c| !c.broken.is_empty()) {
        let usual = control.broken.len() as f64;
        parts.push(format!("{usual} points break the control chart’s rules"));
    }
    if let Some(trend) = found.trend {
        let spread = standard_deviation(plain, 0);
        if trend.abs() > spread {
            parts.push(if trend > 0.0 { "it rises over the range".into() } else { "it falls over the range".into() });
        }
    }
    match found.changes.len() {
        0 => {}
        1 => parts.push("its level changed once".into()),
        n => parts.push(format!("its level changed {n} times")),
    }
    if parts.is_empty() { "As steady as it was".into() } else { parts.join("; ") }
}

/// The lag at which `other` goes with `focus`, in steps by which the other comes earlier, with r, the pairs
/// that count and p. `None` where too little is known of both at once.
pub fn companion(focus: &[f64], other: &[f64], most: usize) -> Option<(i64, f64, f64, f64)> {
    // A few gaps are bridged; with many, what is said would be of the bridges.
    let bridged = |values: &[f64]| -> Option<Vec<f64>> {
        let known = values.iter().filter(|v| v.is_finite()).count();
        if known * 10 < values.len() * 7 || known < 24 {
            return None;
        }
        let mut out = values.to_vec();
        let mut last = values.iter().copied().find(|v| v.is_finite())?;
        for v in &mut out {
            if v.is_finite() { last = *v } else { *v = last }
        }
        Some(out)
    };
    let (focus, other) = (bridged(focus)?, bridged(other)?);
    let found = lagged(&focus, &other, most)?;
    (found.r.is_finite() && found.p.is_finite()).then_some((found.lag, found.r, found.effective_n, found.p))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[f64]) -> QueryLine {
        let values = values.iter().map(|v| v.is_finite().then_some(*v)).collect();
        QueryLine { label: "x".into(), values, ..QueryLine::default() }
    }

    #[test]
    fn a_spike_is_an_anomaly_and_a_calm_line_has_none() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut values: Vec<f64> = (0..300).map(|_| 10.0 + random.f64()).collect();
        assert!(analyse(line(&values), 60.0, None).anomalies.is_empty());
        values[200] = 40.0;
        let found = analyse(line(&values), 60.0, None);
        assert_eq!(found.anomalies.iter().map(|a| a.step).collect::<Vec<_>>(), [200]);
        assert!(found.control.is_some_and(|c| c.broken.iter().any(|(s, _)| *s == 200)));
    }

    #[test]
    fn a_disk_that_fills_crosses_its_limit_when_it_should() {
        let values: Vec<f64> = (0..200).map(|i| 0.5 + 0.002 * f64::from(i)).collect();
        let found = analyse(line(&values), 3600.0, Some((0.95, true)));
        let crossing = found.forecast.and_then(|f| f.crossing).expect("asked for");
        // 0.898 now, 0.002 a step.
        assert!(crossing[1].is_some_and(|s| (24..=30).contains(&s)), "{crossing:?}");
        assert!(found.trend.is_some_and(|t| t > 0.35));
    }

    #[test]
    fn a_line_that_leads_is_named_as_earlier() {
        let mut random = fastrand::Rng::with_seed(4);
        let cause: Vec<f64> = (0..300).map(|_| random.f64()).collect();
        let focus: Vec<f64> = (0..300).map(|t| if t >= 5 { cause[t - 5] } else { 0.5 } + 0.05 * random.f64()).collect();
        let (lag, r, _, p) = companion(&focus, &cause, 20).expect("long enough");
        assert!(lag == 5 && r > 0.9 && p < 1e-6, "{lag} {r} {p}");
    }
}

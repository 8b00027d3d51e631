//! What a range of samples becomes: rates of counters, and measures over time.

use crate::aggregate::{mean, quantile, variance};
use crate::evaluate::{Ranges, distinct, nameless};
use crate::{ABSENT, QueryError, Result, Series};

/// The samples after `from` and up to `to`, as a span of positions.
pub(crate) fn within(times: &[i64], from: i64, to: i64) -> (usize, usize) {
    (times.partition_point(|t| *t <= from), times.partition_point(|t| *t <= to))
}

/// A range of one series at one step.
struct Window<'a> {
    times: &'a [i64],
    values: &'a [f64],
    from: i64,
    to: i64,
    /// Parameters of the function at this step.
    first: f64,
    second: f64,
}

/// A function of ranges. `parameters` are its numbers, a value a step each.
pub(crate) fn call(name: &str, ranges: Ranges, parameters: &[Vec<f64>], times: &[i64]) -> Result<Vec<Series>> {
    let function = function(name)?;
    let keeps_name = matches!(name, "last_over_time" | "first_over_time");
    let mut found = Vec::with_capacity(ranges.series.len());
    for raw in ranges.series {
        let mut values = Vec::with_capacity(ranges.ends.len());
        for (step, end) in ranges.ends.iter().enumerate() {
            let (from, to) = within(&raw.times, end - ranges.range, *end);
            let parameter = |i: usize| parameters.get(i).map_or(f64::NAN, |p| p[step]);
            let window = Window {
                times: &raw.times[from..to],
                values: &raw.values[from..to],
                from: end - ranges.range,
                to: if name == "predict_linear" { times[step] } else { *end },
                first: parameter(0),
                second: parameter(1),
            };
            values.push(if from == to { ABSENT } else { function(&window).unwrap_or(ABSENT) });
        }
        if values.iter().any(|v| !crate::is_absent(*v)) {
            let labels = if keeps_name { raw.labels } else { nameless(raw.labels) };
            found.push(Series { labels, values });
        }
    }
    distinct(found)
}

/// At each step whether any series has a sample in its range.
pub(crate) fn any_present(ranges: &Ranges) -> Vec<bool> {
    let has = |end: &i64| {
        ranges.series.iter().any(|raw| {
            let (from, to) = within(&raw.times, end - ranges.range, *end);
            from < to
        })
    };
    ranges.ends.iter().map(has).collect()
}

type Function = fn(&Window) -> Option<f64>;

fn function(name: &str) -> Result<Function> {
    Ok(match name {
        "rate" => |w| extrapolated(w, true).map(|v| v / ((w.to - w.from) as f64 / 1000.0)),
        "increase" => |w| extrapolated(w, true),
        "delta" => |w| extrapolated(w, false),
        "irate" => |w| {
            let n = w.values.len().checked_sub(2)?;
            let seconds = (w.times[n + 1] - w.times[n]) as f64 / 1000.0;
            let (before, now) = (w.values[n], w.values[n + 1]);
            let grown = if now < before { now } else { now - before };
            (seconds > 0.0).then(|| grown / seconds)
        },
        "idelta" => |w| {
            let n = w.values.len().checked_sub(2)?;
            Some(w.values[n + 1] - w.values[n])
        },
        "deriv" => |w| (w.values.len() >= 2).then(|| line(w, w.times[0]).0),
        "predict_linear" => |w| {
            let (slope, intercept) = (w.values.len() >= 2).then(|| line(w, w.to))?;
            Some(intercept + slope * w.first)
        },
        "double_exponential_smoothing" => smoothed,
        "changes" => |w| {
            let differ = |p: &[f64]| p[0] != p[1] && !(p[0].is_nan() && p[1].is_nan());
            Some(w.values.windows(2).filter(|p| differ(p)).count() as f64)
        },
        "resets" => |w| Some(w.values.windows(2).filter(|p| p[1] < p[0]).count() as f64),
        "avg_over_time" => |w| Some(mean(w.values)),
        "sum_over_time" => |w| Some(w.values.iter().sum()),
        "count_over_time" => |w| Some(w.values.len() as f64),
        "present_over_time" => |_| Some(1.0),
        "last_over_time" => |w| w.values.last().copied(),
        "first_over_time" => |w| w.values.first().copied(),
        "min_over_time" => |w| Some(w.values.iter().copied().fold(f64::NAN, f64::min)),
        "max_over_time" => |w| Some(w.values.iter().copied().fold(f64::NAN, f64::max)),
        "stddev_over_time" => |w| Some(variance(w.values).sqrt()),
        "stdvar_over_time" => |w| Some(variance(w.values)),
        "quantile_over_time" => |w| Some(quantile(w.first, &mut w.values.to_vec())),
        "mad_over_time" => |w| {
            let middle = quantile(0.5, &mut w.values.to_vec());
            Some(quantile(0.5, &mut w.values.iter().map(|v| (v - middle).abs()).collect::<Vec<_>>()))
        },
        other => return Err(QueryError::Unsupported(format!("the function {other}"))),
    })
}

/// How much a range grew (a counter's restarts made good) or moved, carried on to the range's edges as far as
/// the samples' own spacing makes likely. A counter is not carried below zero.
fn extrapolated(w: &Window, counter: bool) -> Option<f64> {
    let last = w.values.len().checked_sub(1).filter(|n| *n >= 1)?;
    let mut grown = w.values[last] - w.values[0];
    if counter {
        grown += w.values.windows(2).filter(|p| p[1] < p[0]).map(|p| p[0]).sum::<f64>();
    }
    let seconds = |millis: i64| millis as f64 / 1000.0;
    let sampled = seconds(w.times[last] - w.times[0]);
    if sampled <= 0.0 {
        return None;
    }
    let spacing = sampled / last as f64;
    let limit = spacing * 1.1;
    let mut before = seconds(w.times[0] - w.from);
    let mut after = seconds(w.to - w.times[last]);
    if before >= limit {
        before = spacing / 2.0;
    }
    if counter && grown > 0.0 && w.values[0] >= 0.0 {
        before = before.min(sampled * (w.values[0] / grown));
    }
    if after >= limit {
        after = spacing / 2.0;
    }
    Some(grown * (sampled + before + after) / sampled)
}

/// Least squares: slope a second, and the value at an instant.
fn line(w: &Window, at: i64) -> (f64, f64) {
    let first = w.values[0];
    if w.values.iter().all(|v| *v == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let n = w.values.len() as f64;
    let x = |t: &i64| (t - at) as f64 / 1000.0;
    let sum_x: f64 = w.times.iter().map(x).sum();
    let sum_y: f64 = w.values.iter().sum();
    let sum_xy: f64 = w.times.iter().zip(w.values).map(|(t, v)| x(t) * v).sum();
    let sum_xx: f64 = w.times.iter().map(|t| x(t) * x(t)).sum();
    let slope = (sum_xy - sum_x * sum_y / n) / (sum_xx - sum_x * sum_x / n);
    (slope, sum_y / n - slope * sum_x / n)
}

/// Holt's smoothing with a trend; `first` weighs the newest value, `second` the newest trend.
fn smoothed(w: &Window) -> Option<f64> {
    let (weight, trend_weight) = (w.first, w.second);
    let [first, second, ..] = w.values else {
        return None;
    };
    let (mut before, mut level, mut trend) = (0.0, *first, second - first);
    for (i, value) in w.values.iter().enumerate().skip(1) {
        if i > 1 {
            trend = trend_weight * (level - before) + (1.0 - trend_weight) * trend;
        }
        before = level;
        level = weight * value + (1.0 - weight) * (level + trend);
    }
    Some(level)
}

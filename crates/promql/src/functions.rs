//! Functions of vectors and numbers; those of ranges are in [`crate::over_time`].

use jiff::Timestamp;
use jiff::tz::TimeZone;
use promql_parser::label::MatchOp;
use promql_parser::parser::{Call, Expr};

use crate::evaluate::{Evaluator, distinct, nameless};
use crate::{ABSENT, Grid, Labels, NAME, QueryError, Result, Series, Value, histogram, is_absent, over_time, wrong};

/// The same function of every value that is there; the series lose their name.
pub(crate) fn each(series: Vec<Series>, function: impl Fn(f64) -> f64) -> Result<Vec<Series>> {
    each_step(series, |_, value| function(value))
}

fn each_step(series: Vec<Series>, function: impl Fn(usize, f64) -> f64) -> Result<Vec<Series>> {
    let changed = series.into_iter().map(|one| {
        let values = one.values.into_iter().enumerate();
        let values = values.map(|(step, v)| if is_absent(v) { v } else { function(step, v) }).collect();
        Series { labels: nameless(one.labels), values }
    });
    distinct(changed.collect())
}

fn of_number(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "deg" => f64::to_degrees,
        "rad" => f64::to_radians,
        "sgn" => |v| {
            if v > 0.0 {
                1.0
            } else if v < 0.0 {
                -1.0
            } else {
                v
            }
        },
        _ => return None,
    })
}

/// A part of the calendar, in UTC, of seconds since 1970.
fn of_calendar(name: &str) -> Option<fn(f64) -> f64> {
    fn date(seconds: f64) -> Option<jiff::Zoned> {
        Some(Timestamp::from_second(seconds as i64).ok()?.to_zoned(TimeZone::UTC))
    }
    Some(match name {
        "minute" => |v| date(v).map_or(f64::NAN, |d| f64::from(d.minute())),
        "hour" => |v| date(v).map_or(f64::NAN, |d| f64::from(d.hour())),
        "day_of_week" => |v| date(v).map_or(f64::NAN, |d| f64::from(d.weekday().to_sunday_zero_offset())),
        "day_of_month" => |v| date(v).map_or(f64::NAN, |d| f64::from(d.day())),
        "day_of_year" => |v| date(v).map_or(f64::NAN, |d| f64::from(d.day_of_year())),
        "days_in_month" => |v| date(v).map_or(f64::NAN, |d| f64::from(d.days_in_month())),
        "month" => |v| date(v).map_or(f64::NAN, |d| f64::from(d.month())),
        "year" => |v| date(v).map_or(f64::NAN, |d| f64::from(d.year())),
        _ => return None,
    })
}

pub(crate) fn call(evaluator: &Evaluator, call: &Call, grid: &Grid) -> Result<Value> {
    let name = call.func.name;
    let args: Vec<&Expr> = call.args.args.iter().map(AsRef::as_ref).collect();
    let arg =
        |i: usize| args.get(i).copied().ok_or_else(|| QueryError::Evaluation(format!("{name} lacks an argument")));
    let vector = |i: usize| evaluator.vector(arg(i)?, grid);
    let scalar = |i: usize| evaluator.scalar(arg(i)?, grid);
    let text = |i: usize| match arg(i)? {
        Expr::StringLiteral(text) => Ok(text.val.clone()),
        _ => wrong(format!("{name} takes a text in quotes here")),
    };
    let seconds = || grid.times().map(|t| t as f64 / 1000.0).collect::<Vec<f64>>();
    if let Some(function) = of_number(name) {
        return each(vector(0)?, function).map(Value::Vector);
    }
    if let Some(function) = of_calendar(name) {
        let of = if args.is_empty() { vec![Series { labels: Labels::new(), values: seconds() }] } else { vector(0)? };
        return each(of, function).map(Value::Vector);
    }
    Ok(match name {
        "time" => Value::Scalar(seconds()),
        "pi" => Value::Scalar(vec![std::f64::consts::PI; grid.steps()]),
        "vector" => Value::Vector(vec![Series { labels: Labels::new(), values: scalar(0)? }]),
        "scalar" => {
            let series = vector(0)?;
            let values = (0..grid.steps()).map(|step| {
                let mut present = series.iter().map(|s| s.values[step]).filter(|v| !is_absent(*v));
                match (present.next(), present.next()) {
                    (Some(only), None) => only,
                    _ => f64::NAN,
                }
            });
            Value::Scalar(values.collect())
        }
        "timestamp" => Value::Vector(match arg(0)? {
            Expr::VectorSelector(vs) => {
                let at = evaluator.instant(vs, grid, |time, _| time as f64 / 1000.0);
                each(at, |v| v)?
            }
            _ => {
                let now = seconds();
                each_step(vector(0)?, |step, _| now[step])?
            }
        }),
        "clamp" => {
            let (low, high) = (scalar(1)?, scalar(2)?);
            let mut series = each_step(vector(0)?, |step, v| {
                if low[step].is_nan() || high[step].is_nan() {
                    f64::NAN
                } else if low[step] > high[step] {
                    ABSENT
                } else {
                    low[step].max(high[step].min(v))
                }
            })?;
            series.retain(|s| s.values.iter().any(|v| !is_absent(*v)));
            Value::Vector(series)
        }
        "clamp_min" => {
            let low = scalar(1)?;
            Value::Vector(each_step(
                vector(0)?,
                |step, v| if low[step].is_nan() { f64::NAN } else { v.max(low[step]) },
            )?)
        }
        "clamp_max" => {
            let high = scalar(1)?;
            Value::Vector(each_step(
                vector(0)?,
                |step, v| {
                    if high[step].is_nan() { f64::NAN } else { v.min(high[step]) }
                },
            )?)
        }
        "round" => {
            let to = if args.len() > 1 { scalar(1)? } else { vec![1.0; grid.steps()] };
            Value::Vector(each_step(vector(0)?, |step, v| {
                let inverse = 1.0 / to[step];
                (v * inverse + 0.5).floor() / inverse
            })?)
        }
        "absent" => {
            let series = vector(0)?;
            let here = |step: usize| series.iter().any(|s| !is_absent(s.values[step]));
            absent(arg(0)?, (0..grid.steps()).map(here))
        }
        "absent_over_time" => absent(arg(0)?, over_time::any_present(&evaluator.ranges(arg(0)?, grid)?).into_iter()),
        "histogram_quantile" => Value::Vector(distinct(histogram::quantiles(&scalar(0)?, vector(1)?))?),
        "sort" | "sort_desc" => {
            let mut series = vector(0)?;
            if grid.steps() == 1 {
                let value = |s: &Series| s.values[0];
                series.sort_by(|a, b| {
                    let order =
                        if name == "sort" { value(a).total_cmp(&value(b)) } else { value(b).total_cmp(&value(a)) };
                    value(a).is_nan().cmp(&value(b).is_nan()).then(order)
                });
            }
            Value::Vector(series)
        }
        "label_replace" => {
            let (to, template, from, pattern) = (text(1)?, text(2)?, text(3)?, text(4)?);
            let pattern = anchored(&pattern)?;
            Value::Vector(distinct(relabelled(vector(0)?, |labels| {
                let value = labels.get(&from).cloned().unwrap_or_default();
                if let Some(found) = pattern.captures(&value) {
                    let mut made = String::new();
                    found.expand(&template, &mut made);
                    set(labels, &to, made);
                }
            }))?)
        }
        "label_join" => {
            let (to, between) = (text(1)?, text(2)?);
            let from: Vec<String> = (3..args.len()).map(text).collect::<Result<_>>()?;
            Value::Vector(distinct(relabelled(vector(0)?, |labels| {
                let parts: Vec<String> = from.iter().map(|n| labels.get(n).cloned().unwrap_or_default()).collect();
                set(labels, &to, parts.join(&between));
            }))?)
        }
        "quantile_over_time" => {
            Value::Vector(over_time::call(name, evaluator.ranges(arg(1)?, grid)?, &[scalar(0)?], &instants(grid))?)
        }
        "predict_linear" | "double_exponential_smoothing" => {
            let parameters: Vec<Vec<f64>> = (1..args.len()).map(scalar).collect::<Result<_>>()?;
            Value::Vector(over_time::call(name, evaluator.ranges(arg(0)?, grid)?, &parameters, &instants(grid))?)
        }
        "rate" | "increase" | "delta" | "irate" | "idelta" | "deriv" | "changes" | "resets" => {
            Value::Vector(over_time::call(name, evaluator.ranges(arg(0)?, grid)?, &[], &instants(grid))?)
        }
        name if name.ends_with("_over_time") => {
            Value::Vector(over_time::call(name, evaluator.ranges(arg(0)?, grid)?, &[], &instants(grid))?)
        }
        other => return Err(QueryError::Unsupported(format!("the function {other}"))),
    })
}

fn instants(grid: &Grid) -> Vec<i64> {
    grid.times().collect()
}

/// Anchored at both ends, as all patterns of PromQL are.
fn anchored(pattern: &str) -> Result<regex::Regex> {
    regex::RegexBuilder::new(&format!("^(?s:{pattern})$"))
        .size_limit(1 << 20)
        .build()
        .map_err(|e| QueryError::Evaluation(format!("“{pattern}” is no regular expression: {e}")))
}

fn relabelled(series: Vec<Series>, change: impl Fn(&mut Labels)) -> Vec<Series> {
    let mut series = series;
    series.iter_mut().for_each(|s| change(&mut s.labels));
    series
}

fn set(labels: &mut Labels, name: &str, value: String) {
    if value.is_empty() {
        labels.remove(name);
    } else {
        labels.insert(name.to_string(), value);
    }
}

/// One where nothing is, with what the selector says that the missing series would be called.
fn absent(of: &Expr, here: impl Iterator<Item = bool>) -> Value {
    let values: Vec<f64> = here.map(|here| if here { ABSENT } else { 1.0 }).collect();
    let mut labels = Labels::new();
    let matchers = match of {
        Expr::VectorSelector(vs) => Some(&vs.matchers),
        Expr::MatrixSelector(ms) => Some(&ms.vs.matchers),
        _ => None,
    };
    let matchers = matchers.map(|m| m.matchers.as_slice()).unwrap_or_default();
    for matcher in matchers.iter().filter(|m| m.name != NAME) {
        let alone = matchers.iter().filter(|m| m.name == matcher.name).count() == 1;
        if matches!(matcher.op, MatchOp::Equal) && alone && !matcher.value.is_empty() {
            labels.insert(matcher.name.clone(), matcher.value.clone());
        }
    }
    let any = values.iter().any(|v| !is_absent(*v));
    Value::Vector(if any { vec![Series { labels, values }] } else { Vec::new() })
}

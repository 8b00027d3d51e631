//! What a rule's condition finds now: each label set with its value, its limit and whether it holds.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use domain::alert::Labels;
use domain::alert::condition::{Compare, Condition, Figures, Found, Limit, combine};
use domain::alert::only_if::OnlyIf;
use domain::model::Model;
use domain::signal::Layer;
use domain::telemetry::Change;
use domain::time::{DAY, HOUR, MINUTE, SECOND};
use domain::verdict::WindowReport;
use domain::window::WindowState;
use domain::{Actor, TimeRange, Timestamp, environment, format};
use evaluation::monitors::held_against;
use evaluation::series::{crosses, unusual};
use promql::{Grid, NAME, Query, Value};

use super::rests_on::{self, figure_asked_for, verdict_holds};
use crate::{Engine, EngineError, Result};

/// Steps on which limits are learnt.
const LEARNING_STEPS: i64 = 2000;
/// A learnt limit is learnt again after this long.
const LEARNT_FOR: i64 = 10 * MINUTE;
/// The newest values are no part of what is usual.
const NEWEST: i64 = HOUR;
/// Values of a line that anomalies and forecasts look at, at most.
pub(super) const LINE_STEPS: i64 = 400;
/// Seconds between two of them: each divides an hour or a day, so that both can be seasons of the line.
const LINE_STEP_SECONDS: [i64; 12] = [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600];
/// Of which the newest are asked whether they belong.
pub(super) const NEWEST_KNOWN: usize = 5;
/// Label sets that one condition may find.
const FOUND_MAX: usize = 10_000;
/// A verdict counts for so many of its windows after its end, and two hours at least.
const VERDICT_WINDOWS: i64 = 3;

/// Lower and upper limit by label set.
type Learnt = HashMap<Labels, (f64, f64)>;

/// Limits that were learnt, with when.
#[derive(Default)]
pub struct LearntLimits(Mutex<HashMap<String, (Timestamp, std::sync::Arc<Learnt>)>>);

fn bare(labels: &promql::Labels) -> Labels {
    labels.iter().filter(|(n, _)| *n != NAME).map(|(n, v)| (n.clone(), v.clone())).collect()
}

/// The limits that a line's values set; `None` where they are too few. `step` is in microseconds.
pub(super) fn limits_of(limit: Limit, compare: Compare, values: &[f64], step: i64) -> Option<(f64, f64)> {
    match limit {
        Limit::Fixed { value } => Some((value, value)),
        Limit::Learned { deviations, .. } => evaluation::limits::learned(values, deviations),
        Limit::Budget { per_week, .. } => evaluation::limits::budget(values, step as f64 / 1e6, per_week, compare),
    }
}

/// Microseconds between two values of a line that looks back so far.
pub(super) fn line_step(lookback: i64) -> i64 {
    let seconds = LINE_STEP_SECONDS.into_iter().find(|s| lookback <= s * SECOND * LINE_STEPS);
    seconds.unwrap_or(DAY / SECOND) * SECOND
}

/// The labels that a query asks for by name, of its first metric.
pub(super) fn labels_asked_for(query: &str) -> Labels {
    let needs = Query::parse(query).map(|q| q.needs(&Grid::instant(0), 0)).unwrap_or_default();
    let labels = needs.into_iter().next().map(|need| need.fixed_labels()).unwrap_or_default();
    labels.into_iter().filter(|(n, _)| n != NAME).collect()
}

pub(super) fn verdict_labels(model: &Model, environment: &str, figure: &str) -> Labels {
    let pairs = [("model", &*model.name), ("environment", environment), ("figure", figure), ("system", &*model.system)];
    pairs.into_iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| (n.to_string(), v.to_string())).collect()
}

/// Until when a window's verdict says something of now.
pub(super) fn verdict_until(report: &WindowReport) -> Timestamp {
    report.range.to.plus((VERDICT_WINDOWS * report.range.micros()).max(2 * HOUR))
}

pub(super) fn change_labels(change: Change) -> Labels {
    let pairs = [
        ("system", change.system),
        ("service", change.service),
        ("model", change.model),
        ("environment", change.environment),
        ("version", change.version),
    ];
    pairs.into_iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| (n.to_string(), v)).collect()
}

pub(super) fn outside(compare: Compare, value: f64, (low, high): (f64, f64)) -> bool {
    match compare {
        Compare::Above => value > high,
        Compare::Below => value < low,
        Compare::Outside => value < low || value > high,
        Compare::Returned => true,
    }
}

fn against(compare: Compare, (low, high): (f64, f64)) -> (Option<f64>, String) {
    match compare {
        Compare::Above => (Some(high), format!("above {}", format::compact(high))),
        Compare::Below => (Some(low), format!("below {}", format::compact(low))),
        Compare::Outside => (None, format!("band {}–{}", format::compact(low), format::compact(high))),
        Compare::Returned => (None, String::new()),
    }
}

impl Engine {
    /// Labels and value of each series that a query gives at an instant.
    async fn values_at(&self, query: &str, now: Timestamp) -> Result<Vec<(Labels, f64)>> {
        let value = self.promql(&Actor::Local, query, Grid::instant(now.0 / 1000), promql::LOOKBACK).await?;
        let found: Vec<(Labels, f64)> = match value {
            Value::Scalar(values) => values.first().map(|v| (Labels::new(), *v)).into_iter().collect(),
            Value::Vector(series) => {
                series.iter().filter_map(|s| Some((bare(&s.labels), *s.values.first()?))).collect()
            }
            _ => return Err(EngineError::Invalid("a rule’s query gives a number or a vector".into())),
        };
        let found: Vec<_> = found.into_iter().filter(|(_, v)| !promql::is_absent(*v)).collect();
        if found.len() > FOUND_MAX {
            return Err(EngineError::TooLarge(format!(
                "the query finds more than {FOUND_MAX} series; say more labels"
            )));
        }
        Ok(found)
    }

    /// Labels and values of each line of a query, NaN where there is none, with the step in microseconds.
    pub(super) async fn lines_of(
        &self,
        query: &str,
        range: TimeRange,
        steps: i64,
    ) -> Result<(Vec<(Labels, Vec<f64>)>, i64)> {
        let step = ((range.to.0 - range.from.0) / 1000 / steps).max(1000);
        let end = range.to.0 / 1000;
        let grid = Grid { start: end - step * (steps - 1), end, step };
        let value = self.promql(&Actor::Local, query, grid, promql::LOOKBACK.max(step)).await?;
        let known = |v: &f64| if promql::is_absent(*v) { f64::NAN } else { *v };
        let lines = match value {
            Value::Scalar(values) => vec![(Labels::new(), values.iter().map(known).collect())],
            Value::Vector(series) => {
                series.iter().map(|s| (bare(&s.labels), s.values.iter().map(known).collect())).collect()
            }
            _ => Vec::new(),
        };
        Ok((lines, step * 1000))
    }

    /// Lines as anomalies and forecasts look at them.
    async fn line_behind(&self, query: &str, lookback: i64, now: Timestamp) -> Result<(Vec<(Labels, Vec<f64>)>, i64)> {
        let step = line_step(lookback);
        let steps = (lookback / step).max(2);
        self.lines_of(query, TimeRange { from: now.plus(-step * steps), to: now }, steps).await
    }

    /// Layer and unit of the first metric that a query names.
    pub(super) async fn nature_of(&self, query: &str) -> (Option<Layer>, String) {
        let Ok(parsed) = Query::parse(query) else {
            return (None, String::new());
        };
        let name = parsed.needs(&Grid::instant(0), 0).into_iter().find_map(|n| n.name().map(ToString::to_string));
        match name {
            Some(name) => self.metric_nature(&name).await.unwrap_or_default(),
            None => (None, String::new()),
        }
    }

    async fn learnt(
        &self,
        query: &str,
        compare: Compare,
        limit: Limit,
        now: Timestamp,
    ) -> Result<std::sync::Arc<Learnt>> {
        let key = format!("{query}\u{1}{compare:?}\u{1}{limit:?}");
        let known = {
            let all = self.inner.alerts.limits.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.get(&key).filter(|(at, _)| now.0 - at.0 < LEARNT_FOR).map(|(_, l)| l.clone())
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let days = match limit {
            Limit::Learned { days, .. } | Limit::Budget { days, .. } => days,
            Limit::Fixed { .. } => 1,
        };
        let range = TimeRange { from: now.plus(-NEWEST - i64::from(days) * DAY), to: now.plus(-NEWEST) };
        let (lines, step) = self.lines_of(query, range, LEARNING_STEPS).await?;
        let learnt: Learnt = store::in_background(|| {
            lines
                .into_iter()
                .filter_map(|(labels, values)| {
                    let limits = limits_of(limit, compare, &values, step);
                    Some((labels, limits?))
                })
                .collect()
        });
        let learnt = std::sync::Arc::new(learnt);
        let mut all = self.inner.alerts.limits.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (at, _)| now.0 - at.0 < LEARNT_FOR);
        all.insert(key, (now, learnt.clone()));
        Ok(learnt)
    }

    /// What a condition finds now. Nothing at all means that there is no data to say anything of.
    pub(super) fn observe<'a>(
        &'a self,
        condition: &'a Condition,
        only_if: OnlyIf,
        now: Timestamp,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<Found>>> + Send + 'a>> {
        Box::pin(async move {
            match condition {
                Condition::Signal { query, compare, limit } => {
                    self.observe_signal(query, *compare, *limit, only_if, now).await
                }
                Condition::Absent { query } => {
                    let holds = self.values_at(query, now).await?.is_empty();
                    let labels = labels_asked_for(query);
                    Ok(vec![Found { labels, value: None, limit: None, holds, against: "no data".into() }])
                }
                Condition::Anomaly { query, lookback } => {
                    let (lines, step) = self.line_behind(query, *lookback, now).await?;
                    Ok(store::in_background(|| {
                        lines
                            .into_iter()
                            .map(|(labels, values)| {
                                let newest = values.iter().rev().copied().find(|v| v.is_finite());
                                let strange = unusual(&values, step as f64 / 1e6, NEWEST_KNOWN);
                                let against = strange.map_or_else(
                                    || "as usual at this hour".to_string(),
                                    |(_, away, _)| {
                                        format!("{} spreads away from what is usual", format::fixed(away, 1))
                                    },
                                );
                                Found { labels, value: newest, limit: None, holds: strange.is_some(), against }
                            })
                            .collect()
                    }))
                }
                Condition::Forecast { query, compare, value, within, lookback } => {
                    let (lines, step) = self.line_behind(query, *lookback, now).await?;
                    let rises = *compare == Compare::Above;
                    Ok(store::in_background(|| {
                        lines
                            .into_iter()
                            .map(|(labels, values)| forecast(labels, &values, step, (*value, rises), *within))
                            .collect()
                    }))
                }
                Condition::Verdict { model, figure, environment, windows } => {
                    self.observe_verdict((model, figure, environment), (*windows, only_if), now).await
                }
                Condition::Change { kind, system, within } => {
                    let range = TimeRange { from: now.plus(-within), to: now.plus(MINUTE) };
                    let changes = self.store.changes(range, "", system, "").await?;
                    let of_kind = changes.into_iter().filter(|c| kind.is_none_or(|k| c.kind == k));
                    let found = |change: Change| {
                        let against = change.title.clone();
                        Found { labels: change_labels(change), value: None, limit: None, holds: true, against }
                    };
                    let mut found: Vec<Found> = of_kind.map(found).collect();
                    found.truncate(FOUND_MAX);
                    if found.is_empty() {
                        // Nothing changed is an answer, not a lack of data.
                        found.push(Found {
                            labels: Labels::new(),
                            value: None,
                            limit: None,
                            holds: false,
                            against: String::new(),
                        });
                    }
                    Ok(found)
                }
                Condition::All { of }
                | Condition::Any { of }
                | Condition::Unless { of }
                | Condition::AtLeast { of, .. } => {
                    let mut parts = Vec::with_capacity(of.len());
                    for part in of {
                        parts.push(self.observe(part, only_if, now).await?);
                    }
                    Ok(combine(condition, parts))
                }
            }
        })
    }

    async fn observe_signal(
        &self,
        query: &str,
        compare: Compare,
        limit: Limit,
        only_if: OnlyIf,
        now: Timestamp,
    ) -> Result<Vec<Found>> {
        let values = self.values_at(query, now).await?;
        let fixed = match limit {
            Limit::Fixed { value } => Some((value, value)),
            _ => None,
        };
        let learnt = match fixed {
            Some(_) => None,
            None if compare == Compare::Returned => None,
            None => Some(self.learnt(query, compare, limit, now).await?),
        };
        let figure = only_if.asks_evidence().then(|| figure_asked_for(query)).flatten();
        let mut found = Vec::with_capacity(values.len());
        for (labels, value) in values {
            let limits = match (&fixed, &learnt) {
                (Some(limits), _) => *limits,
                (None, None) => (f64::NAN, f64::NAN),
                (None, Some(learnt)) => match learnt.get(&labels) {
                    Some(limits) => *limits,
                    // Too little is known of this series yet: it is not judged.
                    None => continue,
                },
            };
            let (limit, mut against) = against(compare, limits);
            let mut holds = outside(compare, value, limits);
            if let Some(figure) = figure.as_ref().filter(|_| holds) {
                let evidence = self.rests_on(figure, &labels).await?;
                holds = only_if.allows(evidence, compare, limits);
                if let Some(evidence) = evidence {
                    let comma = if against.is_empty() { "" } else { ", " };
                    against = format!("{against}{comma}{}", rests_on::words(evidence));
                }
            }
            found.push(Found { holds, labels, value: Some(value), limit, against });
        }
        Ok(found)
    }

    /// Figures of a model's newest closed window beside its own thresholds. Old windows say nothing of now.
    async fn observe_verdict(
        &self,
        (model, figure, environment): (&str, &str, &str),
        asked: (u32, OnlyIf),
        now: Timestamp,
    ) -> Result<Vec<Found>> {
        let Some(model) = self.store.model(model).await? else {
            return Ok(Vec::new());
        };
        let wanted = Figures::of(figure);
        let environment = environment::named(environment);
        let reports = self.store.newest_reports(model.id, environment, 4).await?;
        let closed = reports.iter().filter(|r| r.state != WindowState::Open && !r.reference).max_by_key(|r| r.range.to);
        let Some(report) = closed else {
            return Ok(Vec::new());
        };
        if verdict_until(report) < now {
            return Ok(Vec::new());
        }
        let judged = report.judgements.iter().filter(|j| wanted.has(&j.figure));
        Ok(judged
            .map(|judgement| {
                let value = judgement.estimate.value;
                let limits = &judgement.limits;
                let limit = limits.lower.filter(|l| value < *l).or(limits.upper.filter(|u| value > *u));
                let limit = limit.or(limits.lower).or(limits.upper);
                let labels = verdict_labels(&model, environment, &judgement.figure);
                Found {
                    labels,
                    value: Some(value),
                    limit,
                    holds: verdict_holds(judgement, asked),
                    against: held_against(judgement),
                }
            })
            .collect())
    }
}

/// Whether a line will cross a limit (and whether from below) within so many microseconds.
pub(super) fn forecast(labels: Labels, values: &[f64], step: i64, limit: (f64, bool), within: i64) -> Found {
    let newest = values.iter().rev().copied().find(|v| v.is_finite());
    let past = newest.is_some_and(|v| if limit.1 { v >= limit.0 } else { v <= limit.0 });
    let near = if past { None } else { crosses(values, step as f64 / 1e6, limit) };
    let near = near.map(|steps| steps as i64 * step).filter(|at| *at <= within);
    let side = if limit.1 { "above" } else { "below" };
    let against = match (past, near) {
        (true, _) => format!("{side} {} already", format::compact(limit.0)),
        (false, Some(at)) => format!("{side} {} in {}", format::compact(limit.0), format::duration(at)),
        (false, None) => format!("not {side} {} within {}", format::compact(limit.0), format::duration(within)),
    };
    Found { labels, value: newest, limit: Some(limit.0), holds: past || near.is_some(), against }
}

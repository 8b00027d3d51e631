//! What a rule would have done: the same functions over the past.

use domain::alert::rule::{Backtest, Compare, Condition, Limit, NoData, OtherLimit, PastFiring, RuleText, replay};
use domain::incident::Incident;
use domain::signal::Sample;
use domain::time::{DAY, HOUR, MINUTE, SECOND};
use domain::window::WindowState;
use domain::{Action, Actor, Object, TimeRange, Timestamp};

use super::rules::checked;
use crate::{Engine, Result};

/// Checks at most: the step grows with the range.
const CHECKS: i64 = 8640;
/// Points that are drawn.
const DRAWN: usize = 600;
/// Firings that are named.
const NAMED: usize = 50;
/// What ends sooner is a flap.
const FLAP: i64 = 10 * MINUTE;
/// An incident counts as found by a firing that begins this long before it, or during it.
const BEFORE: i64 = 2 * HOUR;

impl Engine {
    /// Tries a rule on the last `days`.
    ///
    /// # Errors
    /// Not allowed; a rule that is none; a query that cannot be evaluated over the range.
    pub async fn backtest(&self, actor: &Actor, text: &RuleText, days: u32) -> Result<Backtest> {
        self.may(actor, Action::View, &Object::Installation)?;
        checked(text)?;
        let begun = std::time::Instant::now();
        let now = self.now();
        let range = TimeRange { from: now.plus(-i64::from(days.clamp(1, 90)) * DAY), to: now };
        let incidents = self.store.incidents(range, 500).await?;
        let mut test = match &text.condition {
            Condition::Signal { query, compare, limit } => {
                self.backtest_signal(text, (query, *compare, *limit), range, &incidents).await?
            }
            Condition::Verdict { model, figure, environment } => {
                self.backtest_verdict(model, figure, environment, range, &incidents).await?
            }
            other => Backtest {
                from: range.from,
                to: range.to,
                remark: format!(
                    "A back-test replays signals and verdicts; “{}” is evaluated from now on only.",
                    other.words()
                ),
                ..Backtest::default()
            },
        };
        test.flaps = test.firings.iter().filter(|f| !f.open && f.to.0 - f.from.0 < FLAP).count() as u32;
        test.incidents = incidents.len() as u32;
        test.found = found_by(&incidents, &test.firings);
        let weeks = (range.to.0 - range.from.0) as f64 / (7 * DAY) as f64;
        let pages = text.usual_priority().pages();
        test.pages_a_week = if pages { test.firings.len() as f64 / weeks } else { 0.0 };
        let night = |at: Timestamp| !(7..22).contains(&(at.0.rem_euclid(DAY) / HOUR));
        test.at_night = if pages { test.firings.iter().filter(|f| night(f.from)).count() as u32 } else { 0 };
        test.firings.sort_by_key(|f| std::cmp::Reverse(f.from));
        test.firings.truncate(NAMED);
        test.took_ms = begun.elapsed().as_secs_f64() * 1000.0;
        Ok(test)
    }

    async fn backtest_signal(
        &self,
        text: &RuleText,
        (query, compare, limit): (&str, Compare, Limit),
        range: TimeRange,
        incidents: &[Incident],
    ) -> Result<Backtest> {
        let span = range.to.0 - range.from.0;
        let step = (span / CHECKS).max(5 * SECOND);
        let (lines, step) = self.lines_of(query, range, (span / step).max(2)).await?;
        let (_, unit) = self.nature_of(query).await;
        let no_data = text.no_data;
        let timing = text.timing();
        store::in_background(|| {
            let mut test =
                Backtest { from: range.from, to: range.to, step: step as f64 / 1e6, unit, ..Backtest::default() };
            let mut candidates: Vec<f64> = Vec::new();
            let first = |values: &[f64]| range.to.0 - step * (values.len() as i64 - 1);
            for (place, (labels, values)) in lines.iter().enumerate() {
                let limits = match limit {
                    Limit::Fixed { value } => Some((value, value)),
                    // Learnt on the same past it is tried on; said so beside it.
                    Limit::Learned { deviations, .. } => evaluation::limits::learned(values, deviations),
                    Limit::Budget { per_week, .. } => {
                        evaluation::limits::budget(values, step as f64 / 1e6, per_week, compare)
                    }
                };
                let Some((low, high)) = limits else {
                    test.remark = "Too few values of some series to learn a limit from.".into();
                    continue;
                };
                test.checks += values.len() as u32;
                let (spans, missed) = replay(values, step, timing, |v| wrong(compare, v, low, high), no_data);
                test.not_fired += missed;
                let at = |i: usize| Timestamp(first(values) + i as i64 * step);
                for (from, to) in spans {
                    let inside =
                        &values[from.min(values.len() - 1)..to.min(values.len()).max(from + 1).min(values.len())];
                    let farthest = inside.iter().copied().filter(|v| v.is_finite()).reduce(|a, b| match compare {
                        Compare::Below => a.min(b),
                        Compare::Outside
                            if (a - low).abs().max((a - high).abs()) >= (b - low).abs().max((b - high).abs()) =>
                        {
                            a
                        }
                        Compare::Outside => b,
                        _ => a.max(b),
                    });
                    let open = to >= values.len();
                    let (from, to) = (at(from), if open { range.to } else { at(to) });
                    test.firings.push(PastFiring {
                        labels: labels.clone(),
                        from,
                        to,
                        open,
                        extreme: farthest.unwrap_or(f64::NAN),
                        incident: overlapped(incidents, from, to),
                    });
                }
                if place == 0 {
                    let every = values.len().div_ceil(DRAWN).max(1);
                    test.line = drawn(values, every, first(values), step);
                    test.limit = match compare {
                        Compare::Below => Some(low),
                        Compare::Above | Compare::Outside => Some(high),
                        Compare::Returned => None,
                    };
                    candidates = around(compare, test.limit, values);
                }
            }
            let firings_at = |limit: f64| -> (u32, Vec<PastFiring>) {
                let mut all = Vec::new();
                for (labels, values) in &lines {
                    let (spans, _) = replay(values, step, timing, |v| wrong(compare, v, limit, limit), NoData::Ignore);
                    let at = |i: usize| Timestamp(first(values) + i as i64 * step);
                    all.extend(spans.into_iter().map(|(from, to)| PastFiring {
                        labels: labels.clone(),
                        from: at(from),
                        to: at(to),
                        open: false,
                        extreme: f64::NAN,
                        incident: None,
                    }));
                }
                (all.len() as u32, all)
            };
            test.others = candidates
                .into_iter()
                .map(|limit| {
                    let (fired, firings) = firings_at(limit);
                    let current = test.limit.is_some_and(|own| (own - limit).abs() < 1e-12);
                    OtherLimit { limit, fired, found: found_by(incidents, &firings), current }
                })
                .collect();
            Ok(test)
        })
    }

    async fn backtest_verdict(
        &self,
        model: &str,
        figure: &str,
        environment: &str,
        range: TimeRange,
        incidents: &[Incident],
    ) -> Result<Backtest> {
        let mut test = Backtest { from: range.from, to: range.to, ..Backtest::default() };
        let Some(model) = self.store.model(model).await? else {
            test.remark = "There is no such model yet.".into();
            return Ok(test);
        };
        let wanted: Vec<&str> = figure.split(',').map(str::trim).filter(|f| !f.is_empty()).collect();
        let environment = if environment.is_empty() { "production" } else { environment };
        let mut reports = self.store.reports(model.id, environment, range).await?;
        reports.retain(|r| r.state != WindowState::Open && !r.reference);
        reports.sort_by_key(|r| r.range.to);
        test.checks = reports.len() as u32;
        let figures: std::collections::BTreeSet<String> =
            reports.iter().flat_map(|r| r.judgements.iter().map(|j| j.figure.clone())).collect();
        for figure in figures.into_iter().filter(|f| wanted.is_empty() || wanted.contains(&f.as_str())) {
            let mut open: Option<PastFiring> = None;
            for report in &reports {
                let judged = report.judgements.iter().find(|j| j.figure == figure);
                let outside = judged.is_some_and(|j| j.finding.drifted());
                match (&mut open, outside, judged) {
                    (None, true, Some(j)) => {
                        open = Some(PastFiring {
                            labels: [("figure".to_string(), figure.clone())].into(),
                            from: report.range.to,
                            to: report.range.to,
                            open: false,
                            extreme: j.estimate.value,
                            incident: None,
                        });
                    }
                    (Some(firing), true, _) => firing.to = report.range.to,
                    (Some(_), false, _) => {
                        if let Some(mut firing) = open.take() {
                            firing.to = report.range.to;
                            firing.incident = overlapped(incidents, firing.from, firing.to);
                            test.firings.push(firing);
                        }
                    }
                    _ => {}
                }
            }
            if let Some(mut firing) = open {
                firing.open = true;
                firing.to = range.to;
                firing.incident = overlapped(incidents, firing.from, firing.to);
                test.firings.push(firing);
            }
            if test.line.is_empty() {
                let judged =
                    |r: &domain::verdict::WindowReport| r.judgements.iter().find(|j| j.figure == figure).cloned();
                test.line = reports
                    .iter()
                    .filter_map(|r| Some(Sample { at: r.range.to, value: judged(r)?.estimate.value }))
                    .collect();
                test.limit = reports.iter().rev().find_map(judged).and_then(|j| j.limits.lower.or(j.limits.upper));
            }
        }
        test.remark =
            "Verdicts as they stand today: what was not known at the time, labels above all, is in them.".into();
        Ok(test)
    }
}

fn wrong(compare: Compare, value: f64, low: f64, high: f64) -> bool {
    match compare {
        Compare::Above => value > high,
        Compare::Below => value < low,
        Compare::Outside => value < low || value > high,
        Compare::Returned => true,
    }
}

fn overlapped(incidents: &[Incident], from: Timestamp, to: Timestamp) -> Option<String> {
    let overlaps = |i: &&Incident| from <= i.resolved_at.unwrap_or(Timestamp::MAX) && to.0 >= i.onset.0 - BEFORE;
    incidents.iter().find(overlaps).map(|i| format!("{} {}", i.name(), i.title))
}

fn found_by(incidents: &[Incident], firings: &[PastFiring]) -> u32 {
    let found = |i: &&Incident| {
        firings.iter().any(|f| f.from <= i.resolved_at.unwrap_or(Timestamp::MAX) && f.to.0 >= i.onset.0 - BEFORE)
    };
    incidents.iter().filter(found).count() as u32
}

/// A line thinned to what can be drawn, keeping the lowest and the highest of each span.
fn drawn(values: &[f64], every: usize, first: i64, step: i64) -> Vec<Sample> {
    let mut points = Vec::new();
    for (chunk, part) in values.chunks(every).enumerate() {
        let known: Vec<(usize, f64)> = part.iter().copied().enumerate().filter(|(_, v)| v.is_finite()).collect();
        let low = known.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let high = known.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let mut two: Vec<(usize, f64)> = low.into_iter().chain(high).copied().collect();
        two.sort_by_key(|(i, _)| *i);
        two.dedup();
        points.extend(
            two.into_iter()
                .map(|(i, value)| Sample { at: Timestamp(first + (chunk * every + i) as i64 * step), value }),
        );
    }
    points
}

/// Limits beside the one in force, a little nearer and a little farther, in the line's own spread.
fn around(compare: Compare, limit: Option<f64>, values: &[f64]) -> Vec<f64> {
    let (Some(limit), true) = (limit, matches!(compare, Compare::Above | Compare::Below)) else {
        return Vec::new();
    };
    let known = statistics::quantile::sorted_finite(values);
    if known.len() < 10 {
        return Vec::new();
    }
    let spread =
        statistics::quantile::quantile_sorted(&known, 0.95) - statistics::quantile::quantile_sorted(&known, 0.05);
    let spread = if spread > 0.0 { spread } else { limit.abs().max(1e-9) };
    // A round step of about a quarter of the spread.
    let raw: f64 = spread / 4.0;
    let unit = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * unit).find(|s| *s >= raw).unwrap_or(raw);
    (-3..=3).map(|i| if i == 0 { limit } else { limit + f64::from(i) * step }).collect()
}

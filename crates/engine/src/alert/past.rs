//! What a condition would have found at each of many past moments: `observe`, over the past.
//!
//! Every kind of condition becomes tracks, one a label set, on one grid of moments; a composite combines the
//! tracks of its parts as it combines what they find now. A track that says otherwise than `observe` would
//! have said makes a back-test a promise that the rule does not keep.

use std::future::Future;
use std::pin::Pin;

use domain::alert::Labels;
use domain::alert::condition::{Compare, Condition, Figures, Found, Limit, agree, combine};
use domain::alert::only_if::OnlyIf;
use domain::telemetry::Change;
use domain::time::{DAY, SECOND};
use domain::verdict::{Estimate, WindowReport};
use domain::window::WindowState;
use domain::{TimeRange, Timestamp, environment};
use evaluation::series::unusual;

use super::observe::{
    self, LINE_STEPS, NEWEST_KNOWN, change_labels, forecast, limits_of, line_step, outside, verdict_until,
};
use super::rests_on::{figure_asked_for, verdict_holds};
use crate::{Engine, Result};

/// Moments at most: the grid widens with the range, and where it cannot the range narrows.
const MOMENTS: i64 = 8640;
/// Closer looks at the past of lines (anomalies, forecasts) that one back-test takes.
const LOOKS: usize = 40_000;
/// A forecast costs about this many looks for anomalies.
const FORECAST_COST: usize = 20;

/// The moments that are looked at: `first`, and each `step` after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moments {
    pub first: Timestamp,
    pub step: i64,
    pub count: usize,
}

impl Moments {
    /// For a condition over a range; the range is narrowed where its lines are too fine to be followed that far.
    pub fn of(condition: &Condition, range: TimeRange) -> Moments {
        let span = range.to.0 - range.from.0;
        let widest = (span / MOMENTS).max(5 * SECOND);
        let step = finest(condition).map_or(widest, |own| own.min(widest).max(SECOND));
        let count = (span / step).clamp(2, MOMENTS);
        Moments { first: Timestamp(range.to.0 - step * (count - 1)), step, count: count as usize }
    }

    pub fn at(&self, place: usize) -> Timestamp {
        Timestamp(self.first.0 + place as i64 * self.step)
    }

    pub fn last(&self) -> Timestamp {
        self.at(self.count - 1)
    }

    /// The first moment that is not before `at`; `count` where all are.
    pub fn from(&self, at: Timestamp) -> usize {
        let steps = (at.0 - self.first.0).div_euclid(self.step) + i64::from((at.0 - self.first.0) % self.step != 0);
        steps.clamp(0, self.count as i64) as usize
    }
}

/// The step of the finest line that a condition looks back on.
fn finest(condition: &Condition) -> Option<i64> {
    match condition {
        Condition::Anomaly { lookback, .. } | Condition::Forecast { lookback, .. } => Some(line_step(*lookback)),
        _ => condition.parts().iter().filter_map(finest).min(),
    }
}

/// What was found of one label set, moment by moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Track {
    pub labels: Labels,
    /// Whether it held; `None` where nothing was known.
    pub holds: Vec<Option<bool>>,
    /// NaN where nothing is known.
    pub values: Vec<f64>,
    /// The side on which values are wrong: what “farthest” means.
    pub side: Compare,
    /// The limits of a signal; of others the one that is drawn, on both sides.
    pub limits: Option<(f64, f64)>,
    /// What a figure's values rested on, where that is asked; else empty.
    pub rested_on: Vec<Option<Estimate>>,
    /// From which place to which it may not fire, whatever it finds.
    pub spared: Vec<std::ops::Range<usize>>,
}

impl Track {
    pub fn is_spared(&self, place: usize) -> bool {
        self.spared.iter().any(|span| span.contains(&place))
    }

    /// Whether its value at a place is beyond these limits, with enough behind it.
    pub fn beyond(&self, place: usize, limits: (f64, f64), only_if: OnlyIf) -> bool {
        outside(self.side, self.values[place], limits)
            && self.rested_on.get(place).is_none_or(|e| only_if.allows(*e, self.side, limits))
    }
}

/// The tracks of a condition, with what has to be said of them.
#[derive(Debug, Default)]
pub(super) struct Past {
    pub tracks: Vec<Track>,
    pub remarks: Vec<String>,
}

impl Past {
    fn says(&mut self, remark: impl Into<String>) {
        let remark = remark.into();
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }
}

impl Engine {
    pub(super) fn past_of<'a>(
        &'a self,
        condition: &'a Condition,
        only_if: OnlyIf,
        moments: Moments,
    ) -> Pin<Box<dyn Future<Output = Result<Past>> + Send + 'a>> {
        Box::pin(async move {
            match condition {
                Condition::Signal { query, compare, limit } => {
                    self.past_signal(query, *compare, *limit, only_if, moments).await
                }
                Condition::Absent { query } => {
                    let lines = self.lines_on(query, moments).await?;
                    let there = |i: usize| lines.iter().any(|(_, values)| values[i].is_finite());
                    let holds = (0..moments.count).map(|i| Some(!there(i))).collect();
                    let labels = observe::labels_asked_for(query);
                    let values = lines.into_iter().next().map_or_else(|| vec![f64::NAN; moments.count], |(_, v)| v);
                    let side = Compare::Returned;
                    let track = Track { labels, holds, values, side, ..Track::default() };
                    Ok(Past { tracks: vec![track], remarks: Vec::new() })
                }
                Condition::Anomaly { query, lookback } => {
                    let look = |values: &[f64], step: i64| unusual(values, step as f64 / 1e6, NEWEST_KNOWN).is_some();
                    self.past_lines(query, *lookback, moments, 1, Compare::Returned, None, look).await
                }
                Condition::Forecast { query, compare, value, within, lookback } => {
                    let limit = (*value, *compare == Compare::Above);
                    let look = |values: &[f64], step: i64| forecast(Labels::new(), values, step, limit, *within).holds;
                    self.past_lines(query, *lookback, moments, FORECAST_COST, *compare, Some(*value), look).await
                }
                Condition::Verdict { model, figure, environment, windows } => {
                    self.past_verdict((model, figure, environment), (*windows, only_if), moments).await
                }
                Condition::Change { kind, system, within } => {
                    let range = TimeRange { from: moments.first.plus(-within), to: moments.last() };
                    let changes = self.store.changes(range, "", system, "").await?;
                    let of_kind = changes.into_iter().filter(|c| kind.is_none_or(|k| c.kind == k));
                    Ok(Past { tracks: changes_over(of_kind, *within, moments), remarks: Vec::new() })
                }
                Condition::All { of }
                | Condition::Any { of }
                | Condition::Unless { of }
                | Condition::AtLeast { of, .. } => {
                    let mut parts = Vec::with_capacity(of.len());
                    let mut past = Past::default();
                    for part in of {
                        let found = self.past_of(part, only_if, moments).await?;
                        found.remarks.into_iter().for_each(|r| past.says(r));
                        parts.push(found.tracks);
                    }
                    past.tracks = store::in_background(|| combined(condition, &parts, moments.count));
                    Ok(past)
                }
            }
        })
    }

    /// The lines of a query, a value for each moment.
    async fn lines_on(&self, query: &str, moments: Moments) -> Result<Vec<(Labels, Vec<f64>)>> {
        let range = TimeRange { from: moments.last().plus(-moments.step * moments.count as i64), to: moments.last() };
        Ok(self.lines_of(query, range, moments.count as i64).await?.0)
    }

    async fn past_signal(
        &self,
        query: &str,
        compare: Compare,
        limit: Limit,
        only_if: OnlyIf,
        moments: Moments,
    ) -> Result<Past> {
        let figure = only_if.asks_evidence().then(|| figure_asked_for(query)).flatten();
        let mut lines = Vec::new();
        for (labels, values) in self.lines_on(query, moments).await? {
            let rested_on = match &figure {
                Some(figure) => self.rested_on(figure, &labels, moments).await?,
                None => Vec::new(),
            };
            lines.push((labels, values, rested_on));
        }
        Ok(store::in_background(|| {
            let mut past = Past::default();
            for (labels, values, rested_on) in lines {
                let limits = match compare {
                    Compare::Returned => Some((f64::NAN, f64::NAN)),
                    _ => limits_of(limit, compare, &values, moments.step),
                };
                let Some(limits) = limits else {
                    past.says("Too few values of some series to learn a limit from.");
                    continue;
                };
                if !matches!(limit, Limit::Fixed { .. }) {
                    past.says("The limit was learnt on the same past that it was tried on.");
                }
                let mut track = Track {
                    labels,
                    holds: Vec::new(),
                    values,
                    side: compare,
                    limits: Some(limits),
                    rested_on,
                    ..Track::default()
                };
                let held = |(i, v): (usize, &f64)| v.is_finite().then(|| track.beyond(i, limits, only_if));
                track.holds = track.values.iter().enumerate().map(held).collect();
                past.tracks.push(track);
            }
            past
        }))
    }

    /// Conditions that look back on a line at each moment. What was found is believed until the next look.
    #[allow(clippy::too_many_arguments)]
    async fn past_lines(
        &self,
        query: &str,
        lookback: i64,
        moments: Moments,
        cost: usize,
        side: Compare,
        limit: Option<f64>,
        look: impl Fn(&[f64], i64) -> bool + Send + Sync,
    ) -> Result<Past> {
        let step = line_step(lookback);
        let behind = (lookback / step).clamp(2, LINE_STEPS) as usize;
        let span = moments.step * moments.count as i64;
        let own = (span / step).max(1) as usize;
        let to = moments.last();
        let range = TimeRange { from: to.plus(-step * (own + behind) as i64), to };
        let (lines, step) = self.lines_of(query, range, (own + behind) as i64).await?;
        Ok(store::in_background(|| {
            let mut past = Past::default();
            let every = (own * lines.len() * cost).div_ceil(LOOKS).max(1);
            if every > 1 {
                let spaced = domain::format::duration(every as i64 * step);
                past.says(format!("{} lines: each was looked at every {spaced} only.", lines.len()));
            }
            for (labels, values) in lines {
                // Looks at the places `behind`, `behind + every`, … of the line, the last one included.
                let first = values.len() - 1 - (own - 1) / every * every;
                let looks: Vec<Option<bool>> = (first..values.len())
                    .step_by(every)
                    .map(|end| {
                        let seen = &values[(end + 1).saturating_sub(behind)..=end];
                        seen.iter().any(|v| v.is_finite()).then(|| look(seen, step))
                    })
                    .collect();
                let place_of = |at: Timestamp| {
                    let back = (to.0 - at.0).div_euclid(step) as usize + usize::from((to.0 - at.0) % step != 0);
                    values.len().checked_sub(1 + back)
                };
                let at_moment = |i: usize| place_of(moments.at(i));
                let holds = (0..moments.count)
                    .map(|i| at_moment(i).and_then(|p| p.checked_sub(first)).and_then(|p| looks[p / every]))
                    .collect();
                let own_values = (0..moments.count).map(|i| at_moment(i).map_or(f64::NAN, |p| values[p])).collect();
                let limits = limit.map(|l| (l, l));
                let values = own_values;
                past.tracks.push(Track { labels, holds, values, side, limits, ..Track::default() });
            }
            past
        }))
    }

    async fn past_verdict(
        &self,
        (model, figure, environment): (&str, &str, &str),
        asked: (u32, OnlyIf),
        moments: Moments,
    ) -> Result<Past> {
        let mut past = Past::default();
        let Some(model) = self.store.model(model).await? else {
            past.says("There is no such model yet.");
            return Ok(past);
        };
        let environment = environment::named(environment);
        let range = TimeRange { from: moments.first.plus(-2 * DAY), to: moments.last() };
        // Of each window what was judged, no more: there may be tens of thousands.
        let judged = |mut report: WindowReport| {
            report.columns.clear();
            report.segments.clear();
            report.segment_values.clear();
            report.fairness.clear();
            report
        };
        let mut reports = self.store.of_reports(model.id, environment, range, judged).await?;
        reports.retain(|r| r.state != WindowState::Open);
        reports.sort_by_key(|r| r.range.to);
        let wanted = Figures::of(figure);
        let figures: std::collections::BTreeSet<&str> =
            reports.iter().flat_map(|r| r.judgements.iter().map(|j| j.figure.as_str())).collect();
        for figure in figures.into_iter().filter(|f| wanted.has(f)) {
            let labels = observe::verdict_labels(&model, environment, figure);
            past.tracks.push(verdicts_over(&reports, figure, labels, asked, moments));
        }
        if !past.tracks.is_empty() {
            past.says("Verdicts as they stand today: what was not known at the time, labels above all, is in them.");
        }
        Ok(past)
    }
}

/// A figure's findings: each from the end of its window until the next ends, or until it says nothing of now.
fn verdicts_over(
    reports: &[WindowReport],
    figure: &str,
    labels: Labels,
    asked: (u32, OnlyIf),
    moments: Moments,
) -> Track {
    let (mut holds, mut values) = (vec![None; moments.count], vec![f64::NAN; moments.count]);
    let mut limits = None;
    for (n, report) in reports.iter().enumerate() {
        let Some(judged) = report.judgements.iter().find(|j| j.figure == figure) else { continue };
        let (lower, upper) = (judged.limits.lower, judged.limits.upper);
        let bad = verdict_holds(judged, asked);
        let next = reports.get(n + 1).map_or(Timestamp::MAX, |r| r.range.to);
        let from = moments.from(report.range.to);
        // Windows shorter than a step share a moment: it is bad where one of them was.
        let to = moments.from(next.min(verdict_until(report))).max(from + 1).min(moments.count);
        for place in from..to {
            holds[place] = Some(bad || holds[place] == Some(true));
            values[place] = judged.estimate.value;
        }
        limits = lower.or(upper).map(|l| (l, l)).or(limits);
    }
    Track { labels, holds, values, side: Compare::Below, limits, ..Track::default() }
}

/// One track for all changes of the same labels.
fn changes_over(changes: impl Iterator<Item = Change>, within: i64, moments: Moments) -> Vec<Track> {
    let quiet = |labels| Track {
        labels,
        holds: vec![Some(false); moments.count],
        values: vec![f64::NAN; moments.count],
        side: Compare::Returned,
        ..Track::default()
    };
    let mut tracks: Vec<Track> = Vec::new();
    for change in changes {
        let at = change.at;
        let labels = change_labels(change);
        let place = tracks.iter().position(|t| t.labels == labels).unwrap_or_else(|| {
            tracks.push(quiet(labels));
            tracks.len() - 1
        });
        let (from, to) = (moments.from(at), moments.from(at.plus(within)));
        tracks[place].holds[from..to.max(from)].fill(Some(true));
    }
    if tracks.is_empty() {
        // Nothing changed is an answer, not a lack of data.
        tracks.push(quiet(Labels::new()));
    }
    tracks
}

/// What a composite made of its parts at each moment. Most moments are as the one before, so they are combined
/// anew only where a part differs.
fn combined(condition: &Condition, parts: &[Vec<Track>], count: usize) -> Vec<Track> {
    let state = |i: usize| parts.iter().flatten().map(|t| t.holds[i]).collect::<Vec<_>>();
    let mut tracks: Vec<Track> = Vec::new();
    let mut before: Option<Vec<Option<bool>>> = None;
    let mut now: Vec<(usize, bool)> = Vec::new();
    for i in 0..count {
        let state = state(i);
        if before.as_ref() != Some(&state) {
            let found = |track: &Track| {
                let holds = track.holds[i]?;
                let (value, against) = (None, String::new());
                Some(Found { labels: track.labels.clone(), value, limit: None, holds, against })
            };
            let all = parts.iter().map(|part| part.iter().filter_map(found).collect()).collect();
            now = combine(condition, all)
                .into_iter()
                .map(|found| {
                    let known = tracks.iter().position(|t| t.labels == found.labels);
                    let place = known.unwrap_or_else(|| {
                        tracks.push(track_like(&found.labels, parts, count));
                        tracks.len() - 1
                    });
                    (place, found.holds)
                })
                .collect();
            before = Some(state);
        }
        for (place, holds) in &now {
            tracks[*place].holds[i] = Some(*holds);
        }
    }
    tracks
}

/// An empty track of these labels, with the values of the first part that has any of them.
fn track_like(labels: &Labels, parts: &[Vec<Track>], count: usize) -> Track {
    let of = parts.iter().flatten().find(|t| agree(&t.labels, labels) && t.values.iter().any(|v| v.is_finite()));
    let nothing = || (vec![f64::NAN; count], Compare::Returned, None);
    let (values, side, limits) = of.map_or_else(nothing, |t| (t.values.clone(), t.side, t.limits));
    Track { labels: labels.clone(), holds: vec![None; count], values, side, limits, ..Track::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::{HOUR, MINUTE};

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(n, v)| ((*n).to_string(), (*v).to_string())).collect()
    }

    fn track(pairs: &[(&str, &str)], holds: &[Option<bool>]) -> Track {
        let values = holds.iter().map(|h| h.map_or(f64::NAN, f64::from)).collect();
        Track { labels: labels(pairs), holds: holds.to_vec(), values, side: Compare::Above, ..Track::default() }
    }

    fn moments(count: usize) -> Moments {
        Moments { first: Timestamp(10 * MINUTE), step: MINUTE, count }
    }

    #[test]
    fn a_composite_over_the_past_says_what_it_would_have_said_at_each_moment() {
        let (y, n) = (Some(true), Some(false));
        let parts = [
            vec![track(&[("host", "a")], &[y, y, n, y, None]), track(&[("host", "b")], &[y, y, y, y, y])],
            vec![track(&[("host", "a"), ("disk", "x")], &[n, y, y, None, y])],
        ];
        let of = vec![Condition::Absent { query: "q".into() }, Condition::Absent { query: "r".into() }];
        let both = combined(&Condition::All { of: of.clone() }, &parts, 5);
        assert_eq!(both[0].labels, labels(&[("host", "a")]));
        assert_eq!(both[0].holds, [n, y, n, n, None]);
        assert_eq!(both[1].holds, [n; 5]);
        let unless = combined(&Condition::Unless { of }, &parts, 5);
        assert_eq!(unless[0].holds, [y, n, n, y, None]);
        assert_eq!(unless[1].holds, [y; 5]);
    }

    #[test]
    fn a_change_counts_from_its_moment_for_as_long_as_it_was_asked_for() {
        let change = |minute: i64| -> Change {
            let at = Timestamp(minute * MINUTE);
            serde_json::from_value(
                serde_json::json!({"id": "", "at": at, "kind": "deploy", "title": "", "system": "credit"}),
            )
            .expect("a change")
        };
        let found = changes_over([change(12), change(13)].into_iter(), 2 * MINUTE, moments(8));
        let expected = [false, false, true, true, true, false, false, false].map(Some);
        assert_eq!((found.len(), found[0].holds.as_slice()), (1, expected.as_slice()));
        let none = changes_over(std::iter::empty(), MINUTE, moments(3));
        assert_eq!(none[0].holds, [Some(false); 3]);
    }

    #[test]
    fn lines_that_are_fine_narrow_the_range_and_coarse_ones_do_not() {
        let range = TimeRange { from: Timestamp(0), to: Timestamp(30 * DAY) };
        let anomaly = |lookback| Condition::Anomaly { query: "q".into(), lookback };
        let month = Moments::of(&anomaly(DAY), range);
        assert_eq!((month.step, month.last()), (5 * MINUTE, range.to));
        assert_eq!(month.count as i64 * month.step, 30 * DAY);
        let hour = Moments::of(&anomaly(HOUR), range);
        assert_eq!((hour.step, hour.count as i64), (line_step(HOUR), MOMENTS));
    }
}

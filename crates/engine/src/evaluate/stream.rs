//! The windows of one stream brought up to date: those that something changed in are measured side by side, judged one
//! after the other, since each knows what was said of those before it, and written while the next ones are judged.

use std::collections::HashMap;
use std::sync::Arc;

use domain::baseline::Baseline;
use domain::model::Model;
use domain::verdict::{Usual, WindowReport};
use domain::window::{WindowRule, WindowState};
use domain::{TimeRange, Timestamp};
use evaluation::drift::DriftOptions;
use evaluation::monitors::PERSISTENCE;
use evaluation::window::{Context, Measured, Window, judge, measure, same_answer};
use rayon::prelude::*;
use store::{DirtySpan, Frame, StoredReport, Stream};
use tokio::task::JoinHandle;

use super::plan::{self, Cut};
use super::prepare::{Ground, Prepared};
use super::windows::{Ahead, READ_ROWS};
use super::{TOGETHER, rows_of, with_rows};
use crate::{Engine, EngineError, Result};

/// What the windows of one evaluation are held against, made anew when the baseline has moved.
struct Against {
    ranges: Vec<TimeRange>,
    prepared: Option<Prepared>,
    ground: Arc<Ground>,
}

impl Against {
    fn context<'a>(
        &'a self,
        model: &'a Model,
        options: &'a DriftOptions,
        now: Timestamp,
        due: &Due<'a>,
        usual: Option<&'a Usual>,
    ) -> Context<'a> {
        Context {
            reference: self.prepared.as_ref().map(|p| &*p.reference),
            trained: self.prepared.as_ref().map(|p| &*p.trained),
            histories: Some(&self.ground.histories),
            usual_rows: self.ground.usual_rows,
            usual,
            // An open window is looked at again and again: the costliest question waits for its end.
            thorough: due.state != WindowState::Open,
            ..Context::of(model, options, now, due.reason)
        }
    }
}

/// Writes the answers of some windows while the next ones are judged.
struct Writer<'a> {
    engine: &'a Engine,
    model: &'a Model,
    environment: &'a str,
    at_work: Option<JoinHandle<Result<()>>>,
}

impl Writer<'_> {
    async fn write(&mut self, new: Vec<StoredReport>) -> Result<()> {
        self.finish().await?;
        if !new.is_empty() {
            let (engine, model, environment) = (self.engine.clone(), self.model.clone(), self.environment.to_string());
            self.at_work = Some(tokio::spawn(async move {
                let nothing = TimeRange { from: Timestamp(0), to: Timestamp(0) };
                engine.store.put_reports(model.id, &environment, nothing, &new, &[]).await?;
                engine.publish(&model, &environment, &new).await
            }));
        }
        Ok(())
    }

    /// Waits until all is written.
    async fn finish(&mut self) -> Result<()> {
        let Some(work) = self.at_work.take() else {
            return Ok(());
        };
        match work.await {
            Ok(written) => written,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(EngineError::Unanswerable("the program is stopping".into())),
        }
    }
}

/// A window among those that are looked at together.
enum Place<'a> {
    /// Nothing of it has changed since.
    Kept(&'a WindowReport),
    Due(Box<Due<'a>>),
}

/// A window to be judged.
struct Due<'a> {
    range: TimeRange,
    /// Of all of it: the frame may hold one in so many.
    rows: usize,
    state: WindowState,
    reason: &'a str,
    earlier: Option<&'a WindowReport>,
    frame: Frame,
}

impl Engine {
    pub(super) async fn evaluate_stream(
        &self,
        model: &Model,
        stream: &Stream,
        spans: &[DirtySpan],
        baseline: Option<&Baseline>,
    ) -> Result<()> {
        let now = self.now();
        let rule = self.rule(model).await?;
        let memory = format!("windows/{}/{}", model.id, stream.environment);
        // A changed rule moves every border.
        let changed = self.store.setting(&memory).await?.as_deref() != Some(rule.text().as_str());
        let (mut scope, mut before) = (TimeRange::ALL, Vec::new());
        if !changed {
            // Work is proportional to what changed, and to what came after it where rows are counted.
            let span = plan::union(spans.iter().map(|s| s.range));
            let mut holds = None;
            if let (WindowRule::Count(_), Some(span)) = (rule, span) {
                let until = TimeRange { from: Timestamp::MIN, to: span.from.plus(1) };
                let begin = |report: WindowReport| report.range.from;
                holds = self.store.of_newest_reports(model.id, &stream.environment, until, 1, begin).await?.pop();
            }
            scope = plan::scope(rule, span, holds);
            if let WindowRule::Count(_) = rule {
                before = self.store.of_reports(model.id, &stream.environment, scope, |r| Cut::of(&r)).await?;
            }
        }
        let (windows, newest, moved) = self.windows_of(stream, scope, rule, &before).await?;
        let moved = if changed { Some(Timestamp::MIN) } else { moved };
        if let Some(from) = moved {
            // Nothing of another cut may stay.
            let of_before = TimeRange { from, to: scope.to };
            self.store.put_reports(model.id, &stream.environment, of_before, &[], &[]).await?;
        }
        let watermark = plan::watermark(newest, now, model.settings.allowed_lateness);
        let mut recent = match windows.first() {
            Some((first, _)) => {
                let before = TimeRange { from: Timestamp::MIN, to: first.from };
                let own = |report| report;
                self.store.of_newest_reports(model.id, &stream.environment, before, PERSISTENCE as i64, own).await?
            }
            None => Vec::new(),
        };
        let mut against: Option<Against> = None;
        let mut writer = Writer { engine: self, model, environment: &stream.environment, at_work: None };
        let mut ahead = Ahead::default();
        let mut from = 0;
        while from < windows.len() {
            let ranges = |window: TimeRange| baseline.map(|b| b.source.ranges(window.from)).unwrap_or_default();
            let (start, own) = (windows[from].0.from, ranges(windows[from].0));
            let to = from + plan::together(&windows[from..], TOGETHER, READ_ROWS, |w| ranges(w) == own);
            let span = TimeRange { from: start, to: windows[to - 1].0.to };
            let before = self.store.reports(model.id, &stream.environment, span).await?;
            let before: HashMap<Timestamp, &WindowReport> = before.iter().map(|r| (r.range.from, r)).collect();
            let mut batch = Vec::new();
            for (place, (range, rows)) in windows.iter().copied().enumerate().take(to).skip(from) {
                let reason = spans.iter().rev().find(|s| s.range.from < range.to && range.from < s.range.to);
                let earlier = before.get(&range.from).copied();
                // Of what was cut anew nothing is said any more, also where judging it was broken off.
                let unsaid = earlier.is_none().then_some("new windows");
                let Some(reason) = reason.map(|s| s.reason.as_str()).or(unsaid) else {
                    batch.extend(earlier.map(Place::Kept));
                    continue;
                };
                let state = WindowState::at(range.to, watermark, model.settings.label_horizon);
                let frame = self.window_rows(&mut ahead, stream, &windows, place).await?;
                batch.push(Place::Due(Box::new(Due { range, rows, state, reason, earlier, frame })));
            }
            let due = batch.iter().any(|p| matches!(p, Place::Due(_)));
            if due && against.as_ref().is_none_or(|a| a.ranges != own) {
                // What was judged so far may be what a moving baseline calls usual.
                writer.finish().await?;
                against = Some(self.against(model, stream, baseline, start, own).await?);
            }
            match &against {
                Some(against) => {
                    let new = self.judge(model, stream, against, now, batch, &mut recent);
                    writer.write(new).await?;
                }
                None => recent.extend(batch.iter().filter_map(|place| match place {
                    Place::Kept(report) => Some((*report).clone()),
                    Place::Due(_) => None,
                })),
            }
            from = to;
        }
        writer.finish().await?;
        if changed {
            self.store.set_setting(&memory, &rule.text()).await?;
        }
        Ok(())
    }

    /// Measures windows side by side and judges them one after the other; gives those whose answer is new.
    fn judge(
        &self,
        model: &Model,
        stream: &Stream,
        against: &Against,
        now: Timestamp,
        batch: Vec<Place>,
        recent: &mut Vec<WindowReport>,
    ) -> Vec<StoredReport> {
        let options = DriftOptions::default();
        let usual = |due: &Due| against.ground.usual.as_ref().map(|u| u.of_rows(due.rows as u64));
        let measured_of = |place: &Place| match place {
            Place::Kept(_) => None,
            Place::Due(due) => {
                let (range, state, rows) = (due.range, due.state, rows_of(&due.frame));
                let earlier = due.earlier.map(|e| &e.multivariate);
                let window = Window { range, state, reference: false, rows, earlier };
                let usual = usual(due);
                Some(measure(&against.context(model, &options, now, due, usual.as_ref()), &window))
            }
        };
        // What was measured stays until it can be measured again: after a restart, or for good where a moving
        // baseline has moved on.
        let learnt = against.prepared.as_ref().is_none_or(|p| p.trained.learnt.is_some());
        store::in_background(|| {
            let measured: Vec<Option<Measured>> = batch.par_iter().map(measured_of).collect();
            let mut judged = Vec::new();
            for (place, measured) in batch.iter().zip(measured) {
                recent.drain(..recent.len().saturating_sub(PERSISTENCE));
                match (place, measured) {
                    (Place::Due(due), Some(measured)) => {
                        let usual = usual(due);
                        let context = against.context(model, &options, now, due, usual.as_ref());
                        let (report, shares) = judge(&context, measured, recent);
                        let mut report = with_rows(report, due.rows);
                        // Labels are read before they are merged, which is what marks their windows: whatever was
                        // the occasion, they are the reason where nothing else is new.
                        if due.earlier.is_some_and(|e| e.rows == report.rows && labelled(e) != labelled(&report)) {
                            report.reason = store::LABELS.into();
                        }
                        if let Some(earlier) = due.earlier.filter(|_| !learnt) {
                            let (own, earlier) = (&mut report.multivariate, &earlier.multivariate);
                            own.autoencoder = earlier.autoencoder.filter(|_| own.is_of_the_same_as(earlier));
                        }
                        self.inner.open.note(model.id, &stream.environment, &report);
                        recent.push(report.clone());
                        judged.push((due.earlier, StoredReport { report, shares }));
                    }
                    (Place::Kept(report), _) => recent.push((*report).clone()),
                    (Place::Due(_), None) => {}
                }
            }
            let new = |(earlier, mut own): (Option<&WindowReport>, StoredReport)| {
                if let Some(earlier) = earlier {
                    if same_answer(earlier, &own.report) {
                        return None;
                    }
                    own.report.revision = earlier.revision + u32::from(earlier.state != WindowState::Open);
                }
                Some(own)
            };
            judged.into_par_iter().filter_map(new).collect()
        })
    }

    /// What a window that begins at `at` is held against.
    async fn against(
        &self,
        model: &Model,
        stream: &Stream,
        baseline: Option<&Baseline>,
        at: Timestamp,
        ranges: Vec<TimeRange>,
    ) -> Result<Against> {
        let ground = self.evaluation_ground(model, baseline, &stream.environment, at).await?;
        let prepared = match baseline {
            Some(baseline) => {
                let labelled = if baseline.source.moves() { 0 } else { ground.labelled };
                Some(self.prepared(model, baseline, &stream.environment, at, labelled).await?)
            }
            None => None,
        };
        // A moving baseline that holds nothing yet is none.
        let prepared = prepared.filter(|p| p.reference.rows > 0);
        Ok(Against { ranges, prepared, ground })
    }
}

/// How many outcomes of a window are known.
fn labelled(report: &WindowReport) -> u64 {
    report.quality.as_ref().map_or(0, |quality| quality.labelled)
}

//! The evaluator: finds windows that are out of date, reads their rows, asks `evaluation`, writes
//! the answer.
//!
//! Everything it writes can be computed again, so a crash anywhere costs time and loses nothing.
//! A lease a model keeps several processes from doing the same work.

pub(crate) mod closing;
mod plan;
mod prepare;
mod publish;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::baseline::{Baseline, BaselineSource};
use domain::environment::PRODUCTION;
use domain::event::EventKind;
use domain::evidence::Multivariate;
use domain::model::Model;
use domain::verdict::{Usual, WindowReport};
use domain::window::{WindowRule, WindowState};
use domain::{Action, Actor, Object, TimeRange, Timestamp};
use evaluation::Rows;
use evaluation::drift::DriftOptions;
use evaluation::monitors::PERSISTENCE;
use evaluation::window::{Context, Measured, Window, evaluate, judge, measure, same_answer};
use rayon::prelude::*;
use store::{BASELINE, Columns, DirtySpan, Frame, Read, StoredReport, Stream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Engine, EngineError, Result};
use plan::Cut;
pub use prepare::References;
use prepare::{Ground, Prepared};
pub(crate) use publish::signal_name;

/// A baseline that the rule cuts into fewer windows is cut by rows into [`CHUNKS`] instead: what is usual
/// needs windows to be learnt from.
const WINDOWS_LEAST: usize = 8;
const CHUNKS: usize = 20;
/// Windows of a baseline that are judged: of more, so many taken over all of it tell as well what is usual.
const BASELINE_WINDOWS: usize = 1000;
/// Windows that are judged again when something was learnt.
const RELEARNT: i64 = 2000;
/// Windows looked at together, and written in one transaction.
const TOGETHER: usize = 16;
/// Rows read at once for the windows that share them.
const READ_ROWS: usize = 2 * store::SEGMENT_ROWS;
/// With more labels than these still to be merged, a model's windows wait.
const LABELS_WAITING: u64 = 50_000;
/// Rows of one window that are looked at; of a larger one every so many-th. That bounds memory, and more
/// rows would not change a verdict: what they could still tell apart is far below what anybody acts on.
const WINDOW_ROWS: usize = 100_000;

/// Rows read for this window and the ones after it.
#[derive(Default)]
struct Ahead {
    frame: Frame,
    range: TimeRange,
}

/// What the windows of one evaluation are held against, made anew when the baseline has moved.
struct Against {
    ranges: Vec<TimeRange>,
    prepared: Option<Prepared>,
    ground: Arc<Ground>,
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

/// The evaluator rests so many times as long as it worked: rows keep coming while it looks at them, and
/// nobody needs a window that is still open judged without pause.
const REST: u32 = 4;
/// How often windows that have ended are looked for.
const TICK: Duration = Duration::from_millis(500);

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let mut due = Instant::now() + 2 * TICK;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
        if let Err(error) = engine.close_windows().await {
            tracing::error!(%error, "windows that ended were not judged; they are tried again");
        }
        // A person who changed a setting waits for what it makes of the past; rows that keep coming do not.
        if Instant::now() < due && !engine.store.dirty_whole().await.unwrap_or(false) {
            continue;
        }
        let start = Instant::now();
        let rest = match engine.evaluate().await {
            Ok(()) => (start.elapsed() * REST).clamp(2 * TICK, Duration::from_secs(10)),
            Err(error) => {
                tracing::error!(%error, "evaluation failed; it is tried again");
                Duration::from_secs(5)
            }
        };
        due = Instant::now() + rest;
    }
}

impl Engine {
    /// Brings the windows of all models up to date.
    pub async fn evaluate(&self) -> Result<()> {
        let spans = self.store.dirty_spans().await?;
        if spans.is_empty() {
            return Ok(());
        }
        for model in self.store.models().await? {
            let spans: Vec<DirtySpan> = spans.iter().filter(|s| s.model_id == model.id).cloned().collect();
            // Windows are judged when their labels are in place: laying a flood of them over each reading
            // would cost far more, and merging them marks the windows once more.
            if !spans.is_empty() && self.store.unmerged_labels(model.id).await? < LABELS_WAITING {
                let work = self.evaluate_model(&model, &spans);
                self.under_lease(format!("evaluate/{}", model.id), work).await?;
                // What has ended meanwhile does not wait for the other models.
                self.close_windows().await?;
            }
        }
        Ok(())
    }

    async fn evaluate_model(&self, model: &Model, spans: &[DirtySpan]) -> Result<()> {
        let baseline = self.store.active_baseline(model.id).await?;
        let everything = spans.iter().any(|s| s.environment == "*");
        if let Some(baseline) = &baseline {
            let key = format!("#baseline/{}", baseline.name);
            let concerned = everything
                || spans.iter().any(|s| match &baseline.source {
                    BaselineSource::Upload => s.environment == key,
                    BaselineSource::Range { environment, range } => {
                        s.environment == *environment && s.range.from < range.to && range.from < s.range.to
                    }
                    BaselineSource::Rolling { .. } | BaselineSource::Seasonal { .. } => false,
                });
            if concerned {
                self.evaluate_baseline(model, baseline).await?;
            }
        }
        for stream in self.prediction_streams(model).await? {
            let of_stream: Vec<DirtySpan> =
                spans.iter().filter(|s| s.environment == stream.environment || s.environment == "*").cloned().collect();
            if !of_stream.is_empty() {
                self.evaluate_stream(model, &stream, &of_stream, baseline.as_ref()).await?;
            }
        }
        self.store.clear_dirty(spans).await?;
        Ok(())
    }

    /// What the baseline's windows make usual for the model's leading measure.
    pub(crate) async fn usual(&self, model: &Model) -> Result<Option<Usual>> {
        let baseline = self.store.active_baseline(model.id).await?;
        Ok(self.evaluation_ground(model, baseline.as_ref(), PRODUCTION, self.now()).await?.usual.clone())
    }

    /// Learns from the baseline again, on request.
    pub async fn learn_again(&self, actor: &Actor, name: &str) -> Result<()> {
        self.may(actor, Action::EditModel, &Object::Model(name.to_string()))?;
        let model = self.known_model(name).await?;
        self.inner.references.forget(model.id);
        self.store.mark_dirty(model.id, "*", TimeRange::ALL, "learnt again on request").await?;
        self.audit(actor, "learn again", name).await;
        Ok(())
    }

    async fn evaluate_baseline(&self, model: &Model, baseline: &Baseline) -> Result<()> {
        if baseline.source.moves() {
            self.store.put_reports(model.id, BASELINE, TimeRange::ALL, &[], &[]).await?;
            return Ok(());
        }
        let now = self.now();
        let prepared = self.prepared(model, baseline, "", now, 0).await?;
        let (kind, of, range) = match &baseline.source {
            BaselineSource::Range { environment, range } => (EventKind::Prediction, environment.as_str(), *range),
            _ => (EventKind::Baseline, baseline.name.as_str(), TimeRange::ALL),
        };
        let stream = self.store.stream(model.id, kind, of).await?;
        let rule = self.rule(model).await?;
        let (mut windows, ..) = self.windows_of(&stream, range, rule, &[]).await?;
        let rows: usize = windows.iter().map(|(_, rows)| rows).sum();
        if windows.len() < WINDOWS_LEAST && rows >= WINDOWS_LEAST * 50 {
            let count = rows.div_ceil(CHUNKS).max(50) as u32;
            windows = self.windows_of(&stream, range, WindowRule::Count(count), &[]).await?.0;
        }
        let windows = plan::some_of(windows, BASELINE_WINDOWS);
        let options = DriftOptions::default();
        let context = Context {
            reference: Some(&prepared.reference),
            trained: Some(&prepared.trained),
            ..Context::of(model, &options, now, "baseline")
        };
        // The costliest question is asked of some windows, enough to know what is usual.
        let asked = windows.len().div_ceil(CHUNKS).max(1);
        let together = |r: WindowReport| (r.range.from, r.multivariate);
        let known = self.store.of_reports(model.id, BASELINE, TimeRange::ALL, together).await?;
        let known: HashMap<Timestamp, Multivariate> = known.into_iter().collect();
        let mut last: Option<WindowReport> = None;
        let mut done: Vec<StoredReport> = Vec::new();
        let mut from = Timestamp::MIN;
        let mut ahead = Ahead::default();
        for place in 0..windows.len() {
            let frame = self.window_rows(&mut ahead, &stream, &windows, place).await?;
            let (range, rows) = windows[place];
            let before = last.as_slice();
            let context = Context { thorough: place % asked == 0, ..context };
            let (state, earlier) = (WindowState::Settled, known.get(&range.from));
            let window = Window { range, state, reference: true, rows: rows_of(&frame), earlier };
            let (report, shares) = store::in_background(|| evaluate(&context, &window, before));
            let report = with_rows(report, rows);
            last = Some(report.clone());
            done.push(StoredReport { report, shares });
            let to = windows.get(place + 1).map_or(Timestamp::MAX, |(next, _)| next.from);
            if done.len() == TOGETHER || to == Timestamp::MAX {
                self.store.put_reports(model.id, BASELINE, TimeRange { from, to }, &done, &[]).await?;
                done.clear();
                from = to;
            }
        }
        if windows.is_empty() {
            self.store.put_reports(model.id, BASELINE, TimeRange::ALL, &[], &[]).await?;
        }
        // What was learnt while these windows were being judged found none of them to be judged again.
        if prepared.trained.learnt.is_none()
            && self.prepared(model, baseline, "", now, 0).await?.trained.learnt.is_some()
        {
            self.store.mark_dirty(model.id, "*", TimeRange::ALL, "learnt from the baseline").await?;
        }
        Ok(())
    }

    /// The model's rule, `Auto` settled by the pace of its largest stream of predictions.
    pub(crate) async fn rule(&self, model: &Model) -> Result<WindowRule> {
        let mut best = store::StreamSummary::default();
        for stream in self.store.streams(model.id).await? {
            let summary = self.store.stream_summary(&stream).await?;
            let preferred = stream.kind == EventKind::Prediction || best.rows == 0;
            if preferred && summary.rows >= best.rows {
                best = summary;
            }
        }
        let covered = match (best.first, best.last) {
            (Some(first), Some(last)) => last.0 - first.0,
            _ => 0,
        };
        let mut before = None;
        for stream in self.store.streams(model.id).await?.iter().filter(|s| s.kind == EventKind::Prediction) {
            let known = self.store.setting(&format!("windows/{}/{}", model.id, stream.environment)).await?;
            before = before.or(known.as_deref().and_then(WindowRule::parse));
        }
        Ok(model.settings.window.settle(before, best.rows, covered))
    }

    /// The windows of a stream within a range, each with its rows, the newest event, and whether they are cut
    /// otherwise than `before`. Only windows counted by rows need all event times of the range at once.
    async fn windows_of(
        &self,
        stream: &Stream,
        range: TimeRange,
        rule: WindowRule,
        before: &[Cut],
    ) -> Result<(Vec<(TimeRange, usize)>, Timestamp, bool)> {
        let read = Read::of(range, Columns::None).gently();
        if matches!(rule, WindowRule::Count(_)) {
            let times = self.store.read_events(stream, &read).await?.times;
            let (windows, cut_anew) = plan::windows(rule, &times, before);
            let newest = times.last().copied().unwrap_or(Timestamp::MIN);
            return Ok((plan::counted(windows, &times), newest, cut_anew));
        }
        let mut windows: BTreeMap<Timestamp, (TimeRange, usize)> = BTreeMap::new();
        let mut newest = Timestamp::MIN;
        let of_part =
            |frame: Frame| (plan::counted(plan::cut(rule, &frame.times), &frame.times), frame.times.last().copied());
        self.store
            .scan(stream, &read, of_part, |(part, last)| {
                for (window, rows) in part {
                    windows.entry(window.from).or_insert((window, 0)).1 += rows;
                }
                newest = newest.max(last.unwrap_or(newest));
                ControlFlow::Continue(())
            })
            .await?;
        Ok((windows.into_values().collect(), newest, false))
    }

    /// The rows of one window of many: read together with those that follow, so that a segment
    /// that holds several windows is decoded once.
    async fn window_rows(
        &self,
        ahead: &mut Ahead,
        stream: &Stream,
        windows: &[(TimeRange, usize)],
        place: usize,
    ) -> Result<Frame> {
        let (window, rows) = windows[place];
        let read = |range| Read::of(range, Columns::All).with_labels().gently();
        if rows > WINDOW_ROWS {
            return Ok(self.store.read_events(stream, &read(window).thinned(rows.div_ceil(WINDOW_ROWS))).await?);
        }
        if !(ahead.range.from <= window.from && window.to <= ahead.range.to) {
            let mut range = window;
            let mut held = rows;
            for (next, more) in &windows[place + 1..] {
                held += more;
                if held > READ_ROWS {
                    break;
                }
                range.to = next.to;
            }
            *ahead = Ahead { frame: self.store.read_events(stream, &read(range)).await?, range };
        }
        let position = |at: Timestamp| ahead.frame.times.partition_point(|t| *t < at);
        Ok(ahead.frame.slice(position(window.from), position(window.to)))
    }

    async fn evaluate_stream(
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
        let (windows, newest, cut_anew) = self.windows_of(stream, scope, rule, &before).await?;
        // Nothing of another cut may stay.
        let moved = changed || cut_anew;
        if moved {
            let from = windows.first().filter(|_| !changed).map_or(Timestamp::MIN, |(first, _)| first.from);
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
            let before =
                if moved { Vec::new() } else { self.store.reports(model.id, &stream.environment, span).await? };
            let before: HashMap<Timestamp, &WindowReport> = before.iter().map(|r| (r.range.from, r)).collect();
            let mut batch = Vec::new();
            for (place, (range, rows)) in windows.iter().copied().enumerate().take(to).skip(from) {
                let reason = spans.iter().rev().find(|s| s.range.from < range.to && range.from < s.range.to);
                let earlier = before.get(&range.from).copied();
                let Some(reason) = reason.map(|s| s.reason.as_str()).or(moved.then_some("new windows")) else {
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
        if moved {
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

    /// What was said of a model's windows in a range, the baseline's own first; of more than so many, of the newest.
    pub(crate) async fn reports_with_baseline(
        &self,
        model: &Model,
        environment: &str,
        range: TimeRange,
        most: usize,
    ) -> Result<Vec<WindowReport>> {
        let now = self.now();
        let aged = |report| closing::aged(report, model, now);
        let own = self.store.of_newest_reports(model.id, environment, range, most as i64, aged).await?;
        let room = most - own.len().min(most);
        let mut reports = self.store.of_newest_reports(model.id, BASELINE, range, room as i64, |report| report).await?;
        reports.extend(own);
        Ok(reports)
    }
}

/// Says how many rows the window has where not all of them were looked at.
fn with_rows(report: WindowReport, rows: usize) -> WindowReport {
    let looked_at = report.rows;
    if rows as u64 <= looked_at {
        return report;
    }
    let share = (rows as u64).div_ceil(looked_at.max(1));
    let sentence = format!("{} (judged by one row in {share})", report.sentence);
    WindowReport { rows: rows as u64, sentence, ..report }
}

fn rows_of(frame: &Frame) -> Rows<'_> {
    Rows {
        times: &frame.times,
        columns: &frame.columns,
        labels: frame.labels.as_ref(),
        label_times: &frame.label_times,
    }
}

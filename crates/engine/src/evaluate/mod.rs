//! The evaluator: finds windows that are out of date, reads their rows, asks `evaluation`, writes
//! the answer.
//!
//! Everything it writes can be computed again, so a crash anywhere costs time and loses nothing.
//! A lease a model keeps several processes from doing the same work.

mod plan;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::baseline::{Baseline, BaselineSource};
use domain::event::EventKind;
use domain::model::Model;
use domain::verdict::{Usual, WindowReport};
use domain::window::{WindowRule, WindowState};
use domain::{TimeRange, Timestamp};
use evaluation::Rows;
use evaluation::drift::DriftOptions;
use evaluation::quality::{headline, usual};
use evaluation::reference::Reference;
use evaluation::window::{Context, evaluate, same_answer};
use store::{Columns, DirtySpan, Frame, Read, StoredReport, Stream};
use tokio_util::sync::CancellationToken;

use crate::{Engine, Result};

/// Reports of a baseline's own windows are filed under this instead of an environment.
pub const BASELINE: &str = "#baseline";
/// Rows of a baseline that are compared with; the newest, when there are more.
const BASELINE_ROWS: usize = 1_000_000;
/// Windows written in one transaction.
const WRITE_WINDOWS: usize = 16;
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

/// Prepared baselines, by model: building one reads and sorts all its rows.
#[derive(Default)]
pub struct References {
    prepared: Mutex<HashMap<i64, (String, Arc<Reference>)>>,
}

impl References {
    fn get(&self, model_id: i64, key: &str) -> Option<Arc<Reference>> {
        let prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        prepared.get(&model_id).filter(|(known, _)| known == key).map(|(_, r)| r.clone())
    }

    fn put(&self, model_id: i64, key: String, reference: Arc<Reference>) {
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        // A handful of models at a time: a baseline of a million rows takes some 100 MB.
        if prepared.len() >= 16 {
            prepared.clear();
        }
        prepared.insert(model_id, (key, reference));
    }
}

/// The evaluator rests so many times as long as it worked: rows keep coming while it looks at them, and
/// nobody needs a window that is still open judged without pause.
const REST: u32 = 4;

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let mut rest = Duration::from_millis(1000);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(rest) => {}
        }
        let start = std::time::Instant::now();
        rest = match engine.evaluate().await {
            Ok(()) => (start.elapsed() * REST).clamp(Duration::from_millis(1000), Duration::from_secs(60)),
            Err(error) => {
                tracing::error!(%error, "evaluation failed; it is tried again");
                Duration::from_secs(5)
            }
        };
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
                });
            if concerned {
                self.evaluate_baseline(model, baseline).await?;
            }
        }
        let usual = self.usual(model).await?;
        let reference = match &baseline {
            Some(baseline) => Some(self.reference(model, baseline).await?),
            None => None,
        };
        for stream in self.store.streams(model.id).await? {
            if stream.kind != EventKind::Prediction {
                continue;
            }
            let of_stream: Vec<DirtySpan> =
                spans.iter().filter(|s| s.environment == stream.environment || s.environment == "*").cloned().collect();
            if !of_stream.is_empty() {
                self.evaluate_stream(model, &stream, &of_stream, reference.as_deref(), usual.as_ref()).await?;
            }
        }
        self.store.clear_dirty(spans).await?;
        Ok(())
    }

    /// What the baseline's windows make usual for the model's leading measure.
    pub(crate) async fn usual(&self, model: &Model) -> Result<Option<Usual>> {
        let reports = self.store.reports(model.id, BASELINE, TimeRange::ALL).await?;
        Ok(usual(&reports, headline(model.task)))
    }

    /// The rows a baseline stands for.
    async fn baseline_stream(&self, model: &Model, baseline: &Baseline) -> Result<(Stream, TimeRange)> {
        Ok(match &baseline.source {
            BaselineSource::Upload => {
                (self.store.stream(model.id, EventKind::Baseline, &baseline.name).await?, TimeRange::ALL)
            }
            BaselineSource::Range { environment, range } => {
                (self.store.stream(model.id, EventKind::Prediction, environment).await?, *range)
            }
        })
    }

    async fn reference(&self, model: &Model, baseline: &Baseline) -> Result<Arc<Reference>> {
        let (stream, range) = self.baseline_stream(model, baseline).await?;
        let summary = self.store.stream_summary(&stream).await?;
        let key = format!("{}/{}/{:?}/{:?}", baseline.id, summary.rows, baseline.source, model.schema);
        if let Some(reference) = self.inner.references.get(model.id, &key) {
            return Ok(reference);
        }
        let read = Read::of(range, Columns::All);
        let mut frame = self.store.read_events(&stream, &read).await?;
        if frame.rows() > BASELINE_ROWS {
            frame = frame.slice(frame.rows() - BASELINE_ROWS, frame.rows());
        }
        let importance: HashMap<String, f64> = model
            .schema
            .fields
            .iter()
            .filter(|f| f.importance > 0.0)
            .filter_map(|f| Some((f.role.column()?, f.importance)))
            .collect();
        let reference = Arc::new(store::in_background(|| Reference::of(&frame.columns, frame.rows(), &importance)));
        self.inner.references.put(model.id, key, reference.clone());
        Ok(reference)
    }

    async fn evaluate_baseline(&self, model: &Model, baseline: &Baseline) -> Result<()> {
        let (stream, range) = self.baseline_stream(model, baseline).await?;
        let rule = self.rule(model).await?;
        let (windows, _) = self.windows_of(&stream, range, rule, &[]).await?;
        let options = DriftOptions::default();
        let context = Context::of(model, &options, self.now(), "baseline");
        let mut done = Vec::new();
        let mut ahead = Ahead::default();
        for place in 0..windows.len() {
            let frame = self.window_rows(&mut ahead, &stream, &windows, place).await?;
            let (window, rows) = windows[place];
            let (report, shares) =
                store::in_background(|| evaluate(&context, window, WindowState::Settled, true, &rows_of(&frame)));
            done.push(StoredReport { report: with_rows(report, rows), shares });
        }
        self.store.put_reports(model.id, BASELINE, TimeRange::ALL, &done, &[]).await?;
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

    /// The windows of a stream within a range, each with its rows, and the newest event. Only windows
    /// counted by rows need all event times at once.
    async fn windows_of(
        &self,
        stream: &Stream,
        range: TimeRange,
        rule: WindowRule,
        before: &[WindowReport],
    ) -> Result<(Vec<(TimeRange, usize)>, Timestamp)> {
        let read = Read::of(range, Columns::None).gently();
        if matches!(rule, WindowRule::Count(_)) {
            let times = self.store.read_events(stream, &read).await?.times;
            let windows = plan::counted(plan::windows(rule, &times, before), &times);
            return Ok((windows, times.last().copied().unwrap_or(Timestamp::MIN)));
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
        Ok((windows.into_values().collect(), newest))
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
        reference: Option<&Reference>,
        usual: Option<&Usual>,
    ) -> Result<()> {
        let now = self.now();
        let rule = self.rule(model).await?;
        let memory = format!("windows/{}/{}", model.id, stream.environment);
        // A changed rule moves every border: nothing of the old cut may stay.
        let moved = self.store.setting(&memory).await?.as_deref() != Some(rule.text().as_str());
        if moved {
            self.store.put_reports(model.id, &stream.environment, TimeRange::ALL, &[], &[]).await?;
        }
        // Work is proportional to what changed, but for count windows, whose cut needs all rows.
        let scope = if moved { TimeRange::ALL } else { plan::scope(rule, spans.iter().map(|s| s.range)) };
        let before = self.store.reports(model.id, &stream.environment, scope).await?;
        let (windows, newest) = self.windows_of(stream, scope, rule, &before).await?;
        let watermark = plan::watermark(newest, now, model.settings.allowed_lateness);
        let options = DriftOptions::default();
        let mut done = Vec::new();
        let mut ahead = Ahead::default();
        for (place, (window, rows)) in windows.iter().copied().enumerate() {
            let reason = spans.iter().rev().find(|s| s.range.from < window.to && window.from < s.range.to);
            let Some(reason) = reason.map(|s| s.reason.as_str()).or(moved.then_some("new windows")) else {
                continue;
            };
            let context = Context { reference, usual, ..Context::of(model, &options, now, reason) };
            let frame = self.window_rows(&mut ahead, stream, &windows, place).await?;
            let state = WindowState::at(window.to, watermark, model.settings.label_horizon);
            let (mut report, shares) =
                store::in_background(|| evaluate(&context, window, state, false, &rows_of(&frame)));
            report = with_rows(report, rows);
            if let Some(earlier) = before.iter().find(|r| r.range.from == window.from && !moved) {
                if same_answer(earlier, &report) {
                    continue;
                }
                report.revision = earlier.revision + u32::from(earlier.state != WindowState::Open);
            }
            done.push(StoredReport { report, shares });
            if done.len() >= WRITE_WINDOWS {
                self.write(model, stream, &mut done).await?;
            }
        }
        self.write(model, stream, &mut done).await?;
        if moved {
            self.store.set_setting(&memory, &rule.text()).await?;
        }
        Ok(())
    }

    async fn write(&self, model: &Model, stream: &Stream, done: &mut Vec<StoredReport>) -> Result<()> {
        let nothing = TimeRange { from: Timestamp(0), to: Timestamp(0) };
        self.store.put_reports(model.id, &stream.environment, nothing, done, &[]).await?;
        done.clear();
        Ok(())
    }

    /// Everything said of a model's windows in a range, the baseline's own first.
    pub(crate) async fn reports_with_baseline(
        &self,
        model: &Model,
        environment: &str,
        range: TimeRange,
    ) -> Result<Vec<WindowReport>> {
        let mut reports = self.store.reports(model.id, BASELINE, range).await?;
        reports.extend(self.store.reports(model.id, environment, range).await?);
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
    Rows { times: &frame.times, columns: &frame.columns, labels: frame.labels.as_ref() }
}

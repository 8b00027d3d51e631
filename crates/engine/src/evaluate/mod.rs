//! The evaluator: finds windows that are out of date, reads their rows, asks `evaluation`, writes
//! the answer.
//!
//! Everything it writes can be computed again, so a crash anywhere costs time and loses nothing.
//! A lease a model keeps several processes from doing the same work.

mod baseline;
pub(crate) mod closing;
mod plan;
mod prepare;
mod publish;
mod stream;
mod windows;

use std::time::{Duration, Instant};

use domain::baseline::BaselineSource;
use domain::environment::PRODUCTION;
use domain::model::Model;
use domain::verdict::{Usual, WindowReport};
use domain::{Action, Actor, Object, TimeRange};
use evaluation::Rows;
use store::{BASELINE, DirtySpan, Frame};
use tokio_util::sync::CancellationToken;

use crate::{Engine, Result};
pub use prepare::References;
pub(crate) use publish::signal_name;

/// Windows that are judged again when something was learnt.
const RELEARNT: i64 = 2000;
/// Windows looked at together, and written in one transaction.
const TOGETHER: usize = 16;
/// With more labels than these still to be merged, a model's windows wait.
const LABELS_WAITING: u64 = 50_000;
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

//! Windows that end: each must be judged once more when its last event can have come, though nothing new
//! comes to say so.
//!
//! What is open is remembered in memory and looked up in the store now and then, so that a window that
//! another process left open is closed too.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use domain::event::EventKind;
use domain::model::Model;
use domain::verdict::WindowReport;
use domain::window::WindowState;
use domain::{TimeRange, Timestamp};
use store::{DirtySpan, Stream};

use crate::{Engine, Result};

/// The newest windows of a stream that may still be open.
const NEWEST: i64 = 3;
/// How often the store is asked what is open.
const ASKED_EVERY: i64 = 60 * domain::time::SECOND;

/// Ends of open windows, by model, environment and start.
#[derive(Default)]
pub struct Open {
    windows: Mutex<BTreeMap<(i64, String), BTreeMap<Timestamp, Timestamp>>>,
    asked: Mutex<Option<Timestamp>>,
}

impl Open {
    pub(super) fn note(&self, model_id: i64, environment: &str, report: &WindowReport) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let own = windows.entry((model_id, environment.to_string())).or_default();
        if report.state == WindowState::Open {
            own.insert(report.range.from, report.range.to);
        } else {
            own.remove(&report.range.from);
        }
    }

    /// Those of a model whose end lies so far back, as spans to be judged again.
    fn due(&self, model: &Model, now: Timestamp) -> Vec<DirtySpan> {
        let before = now.plus(-model.settings.allowed_lateness);
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows
            .iter()
            .filter(|((id, _), _)| *id == model.id)
            .flat_map(|((_, environment), own)| own.iter().map(move |(from, to)| (environment, *from, *to)))
            .filter(|(_, _, to)| *to <= before)
            .map(|(environment, from, to)| DirtySpan {
                id: 0,
                model_id: model.id,
                environment: environment.clone(),
                range: TimeRange { from, to },
                reason: "the window’s end".into(),
            })
            .collect()
    }
}

impl Engine {
    /// Judges the windows that have ended since the last look.
    pub(super) async fn close_windows(&self) -> Result<()> {
        let now = self.now();
        self.look_for_open(now).await?;
        for model in self.store.models().await? {
            let due = self.inner.open.due(&model, now);
            if due.is_empty() {
                continue;
            }
            let work = async {
                let baseline = self.store.active_baseline(model.id).await?;
                for stream in self.prediction_streams(&model).await? {
                    let own: Vec<DirtySpan> =
                        due.iter().filter(|s| s.environment == stream.environment).cloned().collect();
                    if !own.is_empty() {
                        self.evaluate_stream(&model, &stream, &own, baseline.as_ref()).await?;
                    }
                }
                Ok(())
            };
            self.under_lease(format!("evaluate/{}", model.id), work).await?;
        }
        Ok(())
    }

    pub(super) async fn prediction_streams(&self, model: &Model) -> Result<Vec<Stream>> {
        let streams = self.store.streams(model.id).await?;
        Ok(streams.into_iter().filter(|s| s.kind == EventKind::Prediction).collect())
    }

    async fn look_for_open(&self, now: Timestamp) -> Result<()> {
        {
            let mut asked = self.inner.open.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if asked.is_some_and(|at| now < at.plus(ASKED_EVERY)) {
                return Ok(());
            }
            *asked = Some(now);
        }
        for model in self.store.models().await? {
            let learnt = self.inner.references.training(model.id).is_some();
            for stream in self.prediction_streams(&model).await? {
                let newest = self.store.newest_reports(model.id, &stream.environment, NEWEST).await?;
                newest.iter().for_each(|report| self.inner.open.note(model.id, &stream.environment, report));
                // Judged by a process that ended before it had learnt, as an import does.
                let lacks =
                    |r: &&WindowReport| r.multivariate.components.is_some() && r.multivariate.autoencoder.is_none();
                if let Some(report) = newest.iter().rev().find(lacks).filter(|_| !learnt) {
                    let reason = "what is still to be learnt";
                    self.store.mark_dirty(model.id, &stream.environment, report.range, reason).await?;
                }
            }
        }
        Ok(())
    }
}

/// A report as it stands now: closed windows settle by the clock alone.
pub(crate) fn aged(mut report: WindowReport, model: &Model, now: Timestamp) -> WindowReport {
    if report.state == WindowState::Closed {
        report.state = WindowState::at(report.range.to, now, model.settings.label_horizon);
    }
    report
}

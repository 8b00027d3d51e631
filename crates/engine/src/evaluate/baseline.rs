//! The windows of the baseline itself: judged like all others, they say what is usual.

use std::collections::HashMap;

use domain::baseline::{Baseline, BaselineSource};
use domain::event::EventKind;
use domain::evidence::Multivariate;
use domain::model::Model;
use domain::verdict::WindowReport;
use domain::window::{WindowRule, WindowState};
use domain::{TimeRange, Timestamp};
use evaluation::drift::DriftOptions;
use evaluation::window::{Context, Window, evaluate};
use store::{BASELINE, StoredReport};

use super::windows::Ahead;
use super::{TOGETHER, plan, rows_of, with_rows};
use crate::{Engine, Result};

/// A baseline that the rule cuts into fewer windows is cut by rows into [`CHUNKS`] instead: what is usual
/// needs windows to be learnt from.
const WINDOWS_LEAST: usize = 8;
const CHUNKS: usize = 20;
/// Windows of a baseline that are judged: of more, so many taken over all of it tell as well what is usual.
pub(super) const BASELINE_WINDOWS: usize = 1000;
impl Engine {
    pub(super) async fn evaluate_baseline(&self, model: &Model, baseline: &Baseline) -> Result<()> {
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
}

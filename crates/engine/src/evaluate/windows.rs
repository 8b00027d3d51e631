//! Which windows a stream has, and the rows of each: the only place that reads events to judge them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use domain::event::EventKind;
use domain::model::Model;
use domain::window::WindowRule;
use domain::{TimeRange, Timestamp};
use store::{Columns, Frame, Read, Stream};

use super::plan::{self, Cut};
use crate::{Engine, Result};

/// Rows read at once for the windows that share them.
pub(super) const READ_ROWS: usize = 2 * store::BLOCK_ROWS;
/// Rows of one window that are looked at; of a larger one every so many-th. That bounds memory, and more
/// rows would not change a verdict: what they could still tell apart is far below what anybody acts on.
const WINDOW_ROWS: usize = 100_000;

/// Rows read for this window and the ones after it.
#[derive(Default)]
pub(super) struct Ahead {
    frame: Frame,
    range: TimeRange,
}

impl Engine {
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

    /// The windows of a stream within a range, each with its rows, the newest event, and from which time on they are
    /// cut otherwise than `before`, if they are. Only windows counted by rows need all event times of the range at once.
    pub(super) async fn windows_of(
        &self,
        stream: &Stream,
        range: TimeRange,
        rule: WindowRule,
        before: &[Cut],
    ) -> Result<(Vec<(TimeRange, usize)>, Timestamp, Option<Timestamp>)> {
        let read = Read::of(range, Columns::None).gently();
        if matches!(rule, WindowRule::Count(_)) {
            let times = self.store.read_events(stream, &read).await?.times;
            let (windows, moved) = plan::windows(rule, &times, before);
            let newest = times.last().copied().unwrap_or(Timestamp::MIN);
            return Ok((plan::counted(windows, &times), newest, moved));
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
        Ok((windows.into_values().collect(), newest, None))
    }

    /// The rows of one window of many: read together with those that follow, so that a segment
    /// that holds several windows is decoded once.
    pub(super) async fn window_rows(
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
}

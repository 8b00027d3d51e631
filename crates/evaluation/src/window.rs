//! One window, judged whole.

use domain::model::{Model, Task};
use domain::verdict::{ColumnVerdict, Shares, Usual, WindowReport};
use domain::window::WindowState;
use domain::{TimeRange, Timestamp};
use statistics::quantile::{quantile_sorted, sorted_finite};

use crate::drift::{DriftOptions, compare, score};
use crate::reference::Reference;
use crate::{Rows, confidence, quality, sentence};

/// What stays the same from window to window of one evaluation.
pub struct Context<'a> {
    pub task: Task,
    pub positive: Option<&'a str>,
    pub low_confidence: f64,
    pub reference: Option<&'a Reference>,
    pub usual: Option<&'a Usual>,
    pub options: &'a DriftOptions,
    pub now: Timestamp,
    pub reason: &'a str,
}

impl<'a> Context<'a> {
    pub fn of(model: &'a Model, options: &'a DriftOptions, now: Timestamp, reason: &'a str) -> Context<'a> {
        Context {
            task: model.task,
            positive: model.schema.positive_class.as_deref(),
            low_confidence: model.settings.low_confidence,
            reference: None,
            usual: None,
            options,
            now,
            reason,
        }
    }
}

/// Judges the rows of one window. `reference` marks a window of the baseline itself, which is
/// described and not compared.
pub fn evaluate(
    context: &Context,
    range: TimeRange,
    state: WindowState,
    reference: bool,
    rows: &Rows,
) -> (WindowReport, Vec<(String, Shares)>) {
    let compared = match context.reference {
        Some(baseline) if !reference => compare(baseline, rows, context.options),
        _ => Vec::new(),
    };
    let (mut columns, shares): (Vec<ColumnVerdict>, Vec<Shares>) = compared.into_iter().unzip();
    let shares: Vec<(String, Shares)> = columns.iter().map(|c| c.column.clone()).zip(shares).collect();
    let importance: Vec<f64> =
        context.reference.map(|r| r.columns.iter().map(|c| c.importance).collect()).unwrap_or_default();
    let drift = score(&columns, &importance);
    columns.sort_by(|a, b| {
        let rank = |c: &ColumnVerdict| (c.finding, c.statistic("psi").unwrap_or_default());
        let ((fa, pa), (fb, pb)) = (rank(a), rank(b));
        fb.cmp(&fa).then(pb.total_cmp(&pa)).then_with(|| a.name.cmp(&b.name))
    });
    let quality = quality::quality(rows, context.task, context.positive);
    let headline = quality.as_ref().and_then(|q| q.metric(quality::headline(context.task)));
    let latency = rows.numbers("latency_ms").map(sorted_finite).filter(|l| !l.is_empty());
    let report = WindowReport {
        range,
        state,
        reference,
        rows: rows.times.len() as u64,
        revision: 1,
        reason: context.reason.to_string(),
        computed_at: context.now,
        confidence: confidence::confidence(rows, context.task, context.positive, context.low_confidence),
        drift,
        latency_ms_p95: latency.map(|l| quantile_sorted(&l, 0.95)),
        sentence: sentence::window(rows.times.len() as u64, headline, context.usual, &columns),
        quality,
        columns,
    };
    (report, shares)
}

/// Whether two reports say the same, time of computing and count of revisions aside.
pub fn same_answer(a: &WindowReport, b: &WindowReport) -> bool {
    let plain =
        |r: &WindowReport| WindowReport { revision: 0, computed_at: Timestamp(0), reason: String::new(), ..r.clone() };
    plain(a) == plain(b)
}

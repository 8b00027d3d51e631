//! One window, judged whole.

use std::collections::HashMap;

use domain::evidence::{GroupLag, LabelLag, Multivariate};
use domain::model::{Model, Task};
use domain::monitor::Monitor;
use domain::verdict::{ColumnVerdict, Shares, Usual, WindowReport};
use domain::window::WindowState;
use domain::{TimeRange, Timestamp};
use statistics::quantile::{quantile_sorted, sorted_finite};

use crate::drift::{DriftOptions, compare, score};
use crate::health::LABELS_NEEDED;
use crate::monitors::{Ground, History};
use crate::reference::Reference;
use crate::trained::Trained;
use crate::{
    Rows, behaviour, confidence, data_quality, ensemble, estimate, fairness, figures, monitors, multivariate, quality,
    segments, sentence, versions,
};

/// What stays the same from window to window of one evaluation.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub task: Task,
    pub positive: Option<&'a str>,
    pub low_confidence: f64,
    /// Columns whose groups are held against each other.
    pub groups: &'a [String],
    pub reference: Option<&'a Reference>,
    pub trained: Option<&'a Trained>,
    pub usual: Option<&'a Usual>,
    /// Each figure over the baseline's windows, and a person's choices of threshold.
    pub histories: Option<&'a HashMap<String, History>>,
    pub monitors: &'a [Monitor],
    /// Rows of the baseline's middle window.
    pub usual_rows: f64,
    pub options: &'a DriftOptions,
    /// Whether the costly questions are asked too.
    pub thorough: bool,
    pub now: Timestamp,
    pub reason: &'a str,
}

impl<'a> Context<'a> {
    pub fn of(model: &'a Model, options: &'a DriftOptions, now: Timestamp, reason: &'a str) -> Context<'a> {
        Context {
            task: model.task,
            positive: model.schema.positive_class.as_deref(),
            low_confidence: model.settings.low_confidence,
            groups: &model.schema.groups,
            reference: None,
            trained: None,
            usual: None,
            histories: None,
            monitors: &model.settings.monitors,
            usual_rows: 0.0,
            options,
            thorough: true,
            now,
            reason,
        }
    }
}

/// What a window's rows show by themselves. Windows may be measured in any order, side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    report: WindowReport,
    shares: Vec<(String, Shares)>,
}

/// One window, and what is known of it.
pub struct Window<'a> {
    pub range: TimeRange,
    pub state: WindowState,
    /// A window of the baseline itself tells what is usual and is not judged.
    pub reference: bool,
    pub rows: Rows<'a>,
    /// What was said of all its columns together before.
    pub earlier: Option<&'a Multivariate>,
}

/// Judges the rows of one window. `recent` are the windows before it, oldest first.
pub fn evaluate(context: &Context, window: &Window, recent: &[WindowReport]) -> (WindowReport, Vec<(String, Shares)>) {
    judge(context, measure(context, window), recent)
}

/// Everything that one window's rows show: most of the work.
pub fn measure(context: &Context, window: &Window) -> Measured {
    let (task, positive, baseline, rows) = (context.task, context.positive, context.reference, &window.rows);
    // The two that cost most stand beside each other.
    let (compared, together) = rayon::join(
        || baseline.map(|baseline| compare(baseline, rows, context.options)).unwrap_or_default(),
        || {
            context
                .trained
                .map(|t| multivariate::multivariate(t, rows, context.thorough, window.earlier))
                .unwrap_or_default()
        },
    );
    let (mut columns, shares): (Vec<ColumnVerdict>, Vec<Shares>) = compared.into_iter().unzip();
    let shares: Vec<(String, Shares)> = columns.iter().map(|c| c.column.clone()).zip(shares).collect();
    if let Some(trained) = context.trained {
        weigh(&mut columns, trained);
    }
    let quality = quality::quality(rows, task, positive);
    let estimated = context.trained.and_then(|t| estimate::estimated(t, rows, positive));
    let name = quality::headline(task);
    let realised = quality.as_ref().filter(|q| q.labelled >= LABELS_NEEDED).and_then(|q| q.metric(name));
    let expected = estimated.as_ref().and_then(|e| e.metric(name));
    let performance = context.usual.and_then(|usual| Some(degradation(usual, realised.or(expected)?)));
    let concept = context.usual.is_some_and(|usual| concept_drift(usual, realised, expected));
    let drift = score(&columns, multivariate::severity(&together), performance, concept);
    rank(&mut columns);
    let keys = behaviour::input_keys(rows);
    let scores = segments::scores(rows, context.trained, task, positive);
    let parts = segments::segments(rows, baseline, scores.as_ref());
    let usage = behaviour::usage(rows);
    let report = WindowReport {
        range: window.range,
        state: window.state,
        reference: window.reference,
        rows: rows.times.len() as u64,
        revision: 1,
        reason: context.reason.to_string(),
        computed_at: context.now,
        confidence: confidence::confidence(rows, task, positive, context.low_confidence),
        latency_ms_p95: usage.latency_ms_p95,
        sentence: String::new(),
        behaviour: behaviour::behaviour(baseline, rows, task, &keys),
        data: data_quality::data_quality(baseline, &columns, rows, behaviour::duplicates(&keys)),
        fairness: fairness::fairness(rows, baseline, task, positive, context.groups),
        ensemble: ensemble::ensemble(rows, task),
        calibration: quality::calibration(rows, task, positive),
        segments: parts.weakest,
        segment_values: parts.values,
        versions: versions::versions(rows, scores.as_ref().map(|s| (s.values.as_slice(), s.realised))),
        labels: label_lag(rows, baseline, context.groups),
        multivariate: together,
        judgements: Vec::new(),
        estimated,
        quality,
        drift,
        columns,
        usage,
    };
    Measured { report, shares }
}

/// Holds what was measured against the windows before it and what is usual of the baseline's.
pub fn judge(context: &Context, measured: Measured, recent: &[WindowReport]) -> (WindowReport, Vec<(String, Shares)>) {
    let Measured { mut report, shares } = measured;
    report.behaviour.steadiness = behaviour::steadiness(recent.last().map(|r| &r.behaviour), &report.behaviour);
    if report.reference {
        // Held against itself only so that a usual drift score is known.
        report.columns.clear();
        return (report, Vec::new());
    }
    if let Some(histories) = context.histories {
        let ground = Ground { histories, monitors: context.monitors, recent, usual_rows: context.usual_rows };
        report.judgements = monitors::judge(&figures::figures(&report), report.range, &ground);
    }
    let own = report.judgements.iter().find(|j| j.figure == "drift.score").and_then(|j| j.limits.upper);
    if let (Some(drift), Some(limit)) = (&mut report.drift, own) {
        drift.threshold = limit;
    }
    report.sentence = sentence::window(&report, quality::headline(context.task), context.usual);
    (report, shares)
}

/// Weights as a person gave them, else as they were found in the model's own outputs.
fn weigh(columns: &mut [ColumnVerdict], trained: &Trained) {
    let Some(learnt) = trained.learnt.as_ref().filter(|_| columns.iter().all(|c| c.importance <= 0.0)) else {
        return;
    };
    for column in columns {
        column.importance = learnt.importance.get(&column.column).copied().unwrap_or_default();
    }
}

/// What matters most first: finding, then features before the answers that follow from them, then PSI times
/// weight, where weights are known.
fn rank(columns: &mut [ColumnVerdict]) {
    let known = columns.iter().any(|c| c.importance > 0.0);
    let weight = |c: &ColumnVerdict| {
        let psi = c.statistic("psi").unwrap_or_default();
        if known { psi * (0.1 + c.importance) } else { psi }
    };
    let follows = |c: &ColumnVerdict| c.column == "prediction" || c.column.starts_with("probability");
    columns.sort_by(|a, b| {
        let by_cause = b.finding.cmp(&a.finding).then(follows(a).cmp(&follows(b)));
        by_cause.then(weight(b).total_cmp(&weight(a))).then_with(|| a.name.cmp(&b.name))
    });
}

/// How far the leading measure fell, 0.5 at the end of what is usual. What chance explains counts 0.
fn degradation(usual: &Usual, metric: &domain::verdict::Metric) -> f64 {
    let e = metric.estimate;
    let (fall, surely, room) = if metric.higher_is_better {
        (usual.mean - e.value, e.high < usual.mean, usual.mean - usual.lower)
    } else {
        (e.value - usual.mean, e.low > usual.mean, usual.upper - usual.mean)
    };
    if fall <= 0.0 || !surely || room <= 0.0 { 0.0 } else { 1.0 - 2.0_f64.powf(-fall / room) }
}

/// Quality is surely outside the usual, and what the inputs alone let one expect is surely better: the
/// link between inputs and truth has changed.
fn concept_drift(
    usual: &Usual,
    realised: Option<&domain::verdict::Metric>,
    expected: Option<&domain::verdict::Metric>,
) -> bool {
    let (Some(was), Some(said)) = (realised, expected) else {
        return false;
    };
    if was.higher_is_better {
        was.estimate.high < usual.lower && said.estimate.low > was.estimate.high
    } else {
        was.estimate.low > usual.upper && said.estimate.high < was.estimate.low
    }
}

/// Labels that a group needs for its delay to be named, and groups that are named.
const GROUP_LABELS: usize = 30;
const GROUPS_NAMED: usize = 20;

fn label_lag(rows: &Rows, baseline: Option<&Reference>, groups: &[String]) -> Option<LabelLag> {
    let lag = |(known, at): (&Timestamp, &Timestamp)| {
        if *known > Timestamp::MIN { (known.0 - at.0) as f64 } else { f64::NAN }
    };
    let lags: Vec<f64> = rows.label_times.iter().zip(rows.times).map(lag).collect();
    let sorted = sorted_finite(&lags);
    if sorted.is_empty() {
        return None;
    }
    let mut late: Vec<GroupLag> = Vec::new();
    for group in groups {
        let Some(fairness::Groups { places, names, .. }) = fairness::groups_of(rows, baseline, group) else {
            continue;
        };
        let mut of: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
        for (place, lag) in places.iter().zip(&lags) {
            if let Some(own) = of.get_mut(*place as usize) {
                own.push(*lag);
            }
        }
        let known = names.into_iter().zip(of.iter().map(|own| sorted_finite(own)));
        late.extend(known.filter(|(_, own)| own.len() >= GROUP_LABELS).map(|(value, own)| GroupLag {
            group: group.clone(),
            value,
            p50: quantile_sorted(&own, 0.5),
            p95: quantile_sorted(&own, 0.95),
            n: own.len() as u64,
        }));
    }
    late.sort_by(|a, b| b.p50.total_cmp(&a.p50));
    late.truncate(GROUPS_NAMED);
    let (p50, p95) = (quantile_sorted(&sorted, 0.5), quantile_sorted(&sorted, 0.95));
    Some(LabelLag { p50, p95, n: sorted.len() as u64, groups: late })
}

/// Whether two reports say the same, time of computing and count of revisions aside. Compared as they are
/// written: a number that is not known is equal to itself there.
pub fn same_answer(a: &WindowReport, b: &WindowReport) -> bool {
    let plain = |r: &WindowReport| {
        let multivariate = Multivariate { mark: None, ..r.multivariate };
        WindowReport { revision: 0, computed_at: Timestamp(0), reason: String::new(), multivariate, ..r.clone() }
    };
    serde_json::to_vec(&plain(a)).ok() == serde_json::to_vec(&plain(b)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::event::{Column, ColumnData, MISSING};
    use proptest::prelude::*;

    /// A column of any kind, with gaps, constants and categories of any count.
    fn column(name: &'static str, rows: usize) -> impl Strategy<Value = Column> {
        let number = prop_oneof![Just(f64::NAN), Just(0.0), Just(1.0), Just(-1e300), Just(1e300), -5.0..5.0f64];
        let numbers = prop::collection::vec(number, rows).prop_map(ColumnData::Number);
        let code = prop_oneof![Just(MISSING), 0u32..4];
        let words = prop::collection::vec(code, rows).prop_map(|codes| ColumnData::Category {
            codes,
            dictionary: ["0", "1", "a", "b"].map(String::from).to_vec(),
        });
        prop_oneof![numbers, words].prop_map(move |data| Column { name: name.into(), data })
    }

    fn table(rows: usize) -> impl Strategy<Value = Vec<Column>> {
        let names = ["feature.x", "feature.y", "prediction", "probability", "member.a", "member.b", "latency_ms"];
        names.map(|name| prop::option::of(column(name, rows))).prop_map(|all| all.into_iter().flatten().collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn whatever_the_rows_the_report_is_read_again_as_it_was_written(
            before in table(240),
            now in table(120),
            truth in column("label", 120),
            known in column("label", 240),
            task in prop::sample::select(Task::ALL.to_vec()),
        ) {
            let old: Vec<Timestamp> = (0..240).map(Timestamp).collect();
            let times: Vec<Timestamp> = (0..120).map(|t| Timestamp(1000 + t)).collect();
            let baseline = Rows { times: &old, columns: &before, labels: Some(&known.data), label_times: &[] };
            let rows = Rows { times: &times, columns: &now, labels: Some(&truth.data), label_times: &times };
            let reference = Reference::of(&before, 240, &HashMap::new());
            let trained = Trained::quickly(&baseline, task, Some("1"));
            let options = DriftOptions::default();
            let groups = ["x".to_string(), "y".to_string()];
            let context = Context {
                task,
                positive: Some("1"),
                low_confidence: 0.6,
                groups: &groups,
                reference: Some(&reference),
                trained: Some(&trained),
                usual: None,
                histories: None,
                monitors: &[],
                usual_rows: 100.0,
                options: &options,
                thorough: true,
                now: Timestamp(0),
                reason: "test",
            };
            let range = TimeRange { from: Timestamp(1000), to: Timestamp(1200) };
            let window = Window { range, state: WindowState::Closed, reference: false, rows, earlier: None };
            let (report, shares) = evaluate(&context, &window, &[]);
            let text = serde_json::to_string(&report).expect("writes");
            let again: WindowReport = serde_json::from_str(&text).map_err(|e| TestCaseError::fail(format!("{e}: {text}")))?;
            prop_assert_eq!(serde_json::to_string(&again).expect("writes"), text);
            let shares_text = serde_json::to_string(&shares).expect("writes");
            prop_assert!(serde_json::from_str::<Vec<(String, Shares)>>(&shares_text).is_ok(), "{}", shares_text);
        }
    }
}

//! `bench detection`: streams with planted faults, judged as the program judges them, beside two that
//! need no thought: always alarm, and alarm when any column's KS p is under 0.05.
//!
//! Each stream has windows without a fault and then windows with one. Printed for each detector: the share
//! of faults found within ten windows, how many windows that took, and alarms in a thousand windows that
//! had no fault.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::event::{Column, ColumnData};
use domain::model::Task;
use domain::monitor::ThresholdRule;
use domain::verdict::{Finding, WindowReport};
use domain::window::WindowState;
use domain::{TimeRange, Timestamp};
use evaluation::Rows;
use evaluation::drift::DriftOptions;
use evaluation::monitors::{histories, limits};
use evaluation::quality::{headline, usual};
use evaluation::reference::Reference;
use evaluation::segments::merit;
use evaluation::trained::{Learnt, Trained};
use evaluation::window::{Context, Window, evaluate};
use serde_json::json;

/// Rows of a window, windows of a baseline, windows before and after the fault.
const ROWS: usize = 1000;
const BASELINE: usize = 24;
const CLEAN: usize = 12;
const FAULTY: usize = 10;
const NUMBERS: usize = 8;
const HOUR: i64 = 3_600_000_000;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Inputs move at once.
    Sudden,
    /// Inputs move a little more each window.
    Gradual,
    /// They move and come back, every other window.
    Recurring,
    /// Only a fifth of the rows change, and the model is wrong on those.
    Subpopulation,
    /// Outcomes stop following the inputs; inputs hold.
    Concept,
    /// A value arrives in thousands for a fifth of the rows, as when weekly pay is read as monthly.
    UnitChange,
    /// One input stops coming for a third of the rows.
    Missing,
    /// The link between two inputs breaks; each alone is as it was.
    Correlation,
}

const FAULTS: [Fault; 8] = [
    Fault::Sudden,
    Fault::Gradual,
    Fault::Recurring,
    Fault::Subpopulation,
    Fault::Concept,
    Fault::UnitChange,
    Fault::Missing,
    Fault::Correlation,
];

struct Table {
    times: Vec<Timestamp>,
    columns: Vec<Column>,
    labels: ColumnData,
}

fn normal(random: &mut fastrand::Rng) -> f64 {
    (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
}

/// A window of a credit-like model whose probabilities are right unless a fault makes them wrong.
/// `since` counts the windows since the fault began; negative before it.
fn window(random: &mut fastrand::Rng, start: i64, rows: usize, fault: Fault, since: i64) -> Table {
    let on = since >= 0;
    let strength = match fault {
        Fault::Gradual => (since as f64 + 1.0) / 5.0,
        Fault::Recurring => f64::from(u8::from(since % 2 == 0)),
        _ => 1.0,
    };
    let strength = if on { strength } else { 0.0 };
    let mut numbers: Vec<Vec<f64>> = vec![Vec::new(); NUMBERS];
    let (mut words, mut probability, mut prediction, mut truth) = (vec![], vec![], vec![], vec![]);
    for _ in 0..rows {
        let common = normal(random);
        let mut x: Vec<f64> = (0..NUMBERS)
            .map(|i| {
                // Neighbours share half of their variance.
                let shared = if fault == Fault::Correlation && on && i % 2 == 1 { normal(random) } else { common };
                0.7 * shared + 0.714 * normal(random)
            })
            .collect();
        let group = random.usize(0..5);
        match fault {
            Fault::Sudden | Fault::Gradual | Fault::Recurring => x[0] += 0.6 * strength,
            _ => {}
        }
        let seen = x.clone();
        let logit = |x: &[f64]| 1.1 * x[0] - 0.9 * x[1] + 0.6 * x[2] + 0.3 * x[3];
        let mut real = logit(&x);
        if fault == Fault::Subpopulation && on && group == 4 {
            real = -real;
        }
        if fault == Fault::Concept && on {
            real = 0.35 * real - 0.4;
        }
        let mut said = seen;
        if fault == Fault::UnitChange && on && group == 3 {
            said[2] = said[2] * 0.23 - 2.0;
        }
        if fault == Fault::Missing && on && random.f64() < 0.33 {
            said[1] = f64::NAN;
        }
        let used: Vec<f64> = said.iter().map(|v| if v.is_nan() { 0.0 } else { *v }).collect();
        let p = 1.0 / (1.0 + (-logit(&used)).exp());
        let p_real = 1.0 / (1.0 + (-real).exp());
        for (column, v) in numbers.iter_mut().zip(&said) {
            column.push(*v);
        }
        words.push(group as u32);
        probability.push(p);
        prediction.push(f64::from(u8::from(p >= 0.5)));
        truth.push(f64::from(u8::from(random.f64() < p_real)));
    }
    let mut columns: Vec<Column> = numbers
        .into_iter()
        .enumerate()
        .map(|(i, v)| Column { name: format!("feature.x{i}"), data: ColumnData::Number(v) })
        .collect();
    let dictionary = ["a", "b", "c", "d", "e"].map(String::from).to_vec();
    columns.push(Column { name: "feature.group".into(), data: ColumnData::Category { codes: words, dictionary } });
    columns.push(Column { name: "prediction".into(), data: ColumnData::Number(prediction) });
    columns.push(Column { name: "probability".into(), data: ColumnData::Number(probability) });
    let times = (0..rows).map(|i| Timestamp(start + i as i64 * HOUR / rows as i64)).collect();
    Table { times, columns, labels: ColumnData::Number(truth) }
}

/// Which detectors alarm in a window. `learned`: the drift score that the baseline's own windows make unusual.
fn alarms(report: &WindowReport, learned: f64) -> BTreeMap<&'static str, bool> {
    let judged = |figure: &str| report.judgements.iter().any(|j| j.figure == figure && j.finding.drifted());
    let score = report.drift.as_ref().is_some_and(|d| d.score >= d.threshold);
    let unusual = report.drift.as_ref().is_some_and(|d| d.score >= learned);
    let concept = report.drift.as_ref().is_some_and(|d| d.concept);
    let column = report.columns.iter().any(|c| c.finding.drifted());
    let together = &report.multivariate;
    let surely = |m: Option<domain::evidence::Together>| m.is_some_and(|m| m.ratio() > 2.0 && m.outside());
    let ks =
        report.columns.iter().any(|c| c.tests.iter().any(|t| t.name == "ks" && t.p_value.is_some_and(|p| p < 0.05)));
    let figures = [
        "drift.components",
        "drift.autoencoder",
        "estimated.accuracy",
        "accuracy",
        "calibration_error",
        "missing",
        "out_of_range",
    ];
    let verdict = score || concept || column || figures.into_iter().any(judged);
    BTreeMap::from([
        ("always", true),
        ("ks_005", ks),
        ("column_verdicts", column),
        ("drift_score", score),
        ("drift_score_learned", unusual),
        ("components", judged("drift.components") || surely(together.components) && judged("anomalies")),
        ("autoencoder", judged("drift.autoencoder")),
        ("classifier", surely(together.classifier)),
        ("estimated_quality", judged("estimated.accuracy")),
        ("realised_quality", judged("accuracy") || concept),
        ("calibration", judged("calibration_error")),
        (
            "missing_values",
            judged("missing")
                || report
                    .columns
                    .iter()
                    .any(|c| c.name == "x1" && c.finding >= Finding::Moderate && c.missing_current > 200),
        ),
        ("any_verdict", verdict),
    ])
}

#[derive(Default)]
struct Tally {
    faults: u32,
    found: u32,
    delay: u32,
    clean: u32,
    false_alarms: u32,
}

pub fn detection(rounds: usize) -> Result<(), String> {
    let mut all: BTreeMap<&'static str, Tally> = BTreeMap::new();
    let mut by_fault: BTreeMap<(String, &'static str), Tally> = BTreeMap::new();
    let options = DriftOptions::default();
    for round in 0..rounds {
        let mut random = fastrand::Rng::with_seed(1000 + round as u64);
        let baseline = window(&mut random, 0, BASELINE * ROWS, Fault::Sudden, -1);
        let rows = of(&baseline);
        let reference = Reference::of(&baseline.columns, rows.times.len(), &std::collections::HashMap::new());
        let reference = match merit(&rows, Task::BinaryClassification, Some("1")) {
            Some(score) => reference.with_merit(&baseline.columns, &score),
            None => reference,
        };
        let trained = Trained::quickly(&rows, Task::BinaryClassification, Some("1"));
        let learnt = Learnt::of(&rows, Task::BinaryClassification, Some("1"), &|_| ());
        let trained = trained.with(Arc::new(learnt), None);
        let context = Context {
            task: Task::BinaryClassification,
            positive: Some("1"),
            low_confidence: 0.6,
            groups: &[],
            reference: Some(&reference),
            trained: Some(&trained),
            usual: None,
            histories: None,
            monitors: &[],
            usual_rows: ROWS as f64,
            options: &options,
            thorough: true,
            now: Timestamp(0),
            reason: "bench",
        };
        let own: Vec<WindowReport> = (0..BASELINE)
            .map(|w| {
                let part = slice(&baseline, w * ROWS, (w + 1) * ROWS);
                judge(&context, &part, &[], true)
            })
            .collect();
        let (known, ground) = (usual(&own, headline(Task::BinaryClassification)), histories(&own));
        let context = Context { usual: known.as_ref(), histories: Some(&ground), ..context };
        let scores = ground.get("drift.score").map(|h| h.points.as_slice()).unwrap_or_default();
        let learned = limits(ThresholdRule::USUAL, scores, Timestamp(0), Some(false));
        let learned = learned.and_then(|l| l.upper).unwrap_or(f64::INFINITY);
        for fault in FAULTS {
            let mut recent: Vec<WindowReport> = Vec::new();
            let mut seen: BTreeMap<&'static str, Option<u32>> = BTreeMap::new();
            for w in 0..CLEAN + FAULTY {
                let since = w as i64 - CLEAN as i64;
                let table = window(&mut random, (BASELINE + w) as i64 * HOUR, ROWS, fault, since);
                let report = judge(&context, &table, &recent, false);
                for (name, alarm) in alarms(&report, learned) {
                    for tally in
                        [all.entry(name).or_default(), by_fault.entry((format!("{fault:?}"), name)).or_default()]
                    {
                        if since < 0 {
                            tally.clean += 1;
                            tally.false_alarms += u32::from(alarm);
                        }
                    }
                    let first = seen.entry(name).or_default();
                    if since >= 0 && alarm && first.is_none() {
                        *first = Some(since as u32);
                    }
                }
                recent.push(report);
            }
            for (name, first) in seen {
                for tally in [all.entry(name).or_default(), by_fault.entry((format!("{fault:?}"), name)).or_default()] {
                    tally.faults += 1;
                    tally.found += u32::from(first.is_some());
                    tally.delay += first.unwrap_or_default();
                }
            }
        }
        eprintln!("round {} of {rounds}", round + 1);
    }
    let figures = |t: &Tally| {
        json!({
            "detected_percent": 100.0 * f64::from(t.found) / f64::from(t.faults.max(1)),
            "delay_windows": f64::from(t.delay) / f64::from(t.found.max(1)),
            "false_alarms_per_1000": 1000.0 * f64::from(t.false_alarms) / f64::from(t.clean.max(1)),
        })
    };
    for ((fault, name), tally) in &by_fault {
        if tally.found > 0 && *name != "always" {
            let share = 100.0 * f64::from(tally.found) / f64::from(tally.faults);
            eprintln!(
                "{fault:14} {name:18} {share:5.0} % after {:.1}",
                f64::from(tally.delay) / f64::from(tally.found)
            );
        }
    }
    let detectors: serde_json::Map<String, serde_json::Value> =
        all.iter().map(|(name, tally)| ((*name).to_string(), figures(tally))).collect();
    println!("{}", json!({"bench": "detection", "runs": rounds, "figures": detectors}));
    Ok(())
}

fn of(table: &Table) -> Rows<'_> {
    Rows { times: &table.times, columns: &table.columns, labels: Some(&table.labels), label_times: &[] }
}

fn slice(table: &Table, from: usize, to: usize) -> Table {
    let keep: Vec<usize> = (from..to).collect();
    Table {
        times: table.times[from..to].to_vec(),
        columns: table.columns.iter().map(|c| Column { name: c.name.clone(), data: c.data.take(&keep) }).collect(),
        labels: table.labels.take(&keep),
    }
}

fn judge(context: &Context, table: &Table, recent: &[WindowReport], reference: bool) -> WindowReport {
    let from = table.times[0];
    let range = TimeRange { from, to: Timestamp(from.0 + HOUR) };
    let window = Window { range, state: WindowState::Closed, reference, rows: of(table), earlier: None };
    evaluate(context, &window, recent).0
}

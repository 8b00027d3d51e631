//! Realised quality: predictions held against the truth, where it is known.

use domain::event::{ColumnData, MISSING};
use domain::evidence::{Calibration, CalibrationGroup};
use domain::model::Task;
use domain::verdict::{Confusion, Estimate, Metric, Quality, Usual, WindowReport};
use statistics::classification::{Counts, f1_of_overlap, roc_auc, roc_auc_error};
use statistics::intervals::{Z95, mean_interval};
use statistics::probabilistic::{self, Grouping};
use statistics::quantile::{mean, quantile_sorted, sorted_finite, standard_deviation};
use statistics::{ranking, regression};

use crate::Rows;
use crate::contradiction::contradicted;
use crate::share::share_of_some;

/// The measure that leads a model's page.
pub fn headline(task: Task) -> &'static str {
    match task {
        Task::BinaryClassification | Task::MulticlassClassification | Task::Text => "accuracy",
        Task::Regression => "mae",
        Task::Ranking => "ndcg",
    }
}

pub(crate) fn higher_is_better(metric: &str) -> bool {
    !matches!(metric, "mae" | "rmse" | "bias" | "mape" | "brier" | "log_loss")
}

/// Labels as numbers; NaN where they are none.
pub(crate) fn numbers_of(data: &ColumnData) -> Vec<f64> {
    match data {
        ColumnData::Number(values) => values.clone(),
        other => (0..other.len()).map(|row| other.text(row).and_then(|t| t.parse().ok()).unwrap_or(f64::NAN)).collect(),
    }
}

/// Which rows are truly positive; `None` where the truth is not known.
pub(crate) fn truly_positive(labels: &ColumnData, positive: &str) -> Vec<Option<bool>> {
    let (codes, dictionary) = classes(labels);
    let yes: Vec<bool> = dictionary.iter().map(|w| w == positive).collect();
    codes.iter().map(|c| (*c != MISSING).then(|| yes[*c as usize])).collect()
}

/// Quality of the rows whose truth is known. `None` when none is, or the task has no measure yet.
pub fn quality(rows: &Rows, task: Task, positive: Option<&str>) -> Option<Quality> {
    let labels = rows.labels?;
    let labelled = labels.len().saturating_sub(labels.missing()) as u64;
    if labelled == 0 {
        return None;
    }
    let (metrics, confusion) = match task {
        Task::BinaryClassification => binary(rows, labels, positive?)?,
        Task::MulticlassClassification => (multiclass(rows, labels)?, None),
        Task::Regression => (regression_metrics(rows, labels)?, None),
        Task::Ranking => (ranking_metrics(rows, labels)?, None),
        // A reviewer's word on an answer: right or not.
        Task::Text => (judged(labels)?, None),
    };
    let contradicted = contradicted(rows, task, positive);
    Some(Quality { metrics, labelled, rows: rows.times.len() as u64, confusion, contradicted })
}

/// The class of each row as text codes of one shared dictionary.
pub(crate) fn classes(data: &ColumnData) -> (Vec<u32>, Vec<String>) {
    match data {
        ColumnData::Category { codes, dictionary } => (codes.clone(), dictionary.clone()),
        other => match other.to_category() {
            ColumnData::Category { codes, dictionary } => (codes, dictionary),
            _ => (Vec::new(), Vec::new()),
        },
    }
}

/// Which rows are predicted positive; `None` where there is no prediction.
pub(crate) fn predicted_positive(rows: &Rows, positive: &str) -> Option<Vec<Option<bool>>> {
    if let Some(data) = rows.column("prediction") {
        let (codes, dictionary) = classes(data);
        let yes: Vec<bool> = dictionary.iter().map(|w| w == positive).collect();
        return Some(codes.iter().map(|c| (*c != MISSING).then(|| yes[*c as usize])).collect());
    }
    let scores = rows.numbers("probability")?;
    Some(scores.iter().map(|p| (!p.is_nan()).then_some(*p >= 0.5)).collect())
}

/// Whether each answer is what its label says; `None` where either is missing. `None` for a task without classes.
pub(crate) fn answers_right(rows: &Rows, task: Task, positive: Option<&str>) -> Option<Vec<Option<bool>>> {
    let labels = rows.labels?;
    match task {
        Task::BinaryClassification => {
            let (said, truth) = (predicted_positive(rows, positive?)?, truly_positive(labels, positive?));
            Some(said.into_iter().zip(truth).map(|(said, truth)| Some(said? == truth?)).collect())
        }
        Task::MulticlassClassification => {
            let (said, names) = classes(rows.column("prediction")?);
            let (truth, words) = classes(labels);
            let known = |(said, truth): (&u32, &u32)| Some(names.get(*said as usize)? == words.get(*truth as usize)?);
            Some(said.iter().zip(&truth).map(known).collect())
        }
        _ => None,
    }
}

fn share(name: &str, (hit, of): (u64, u64)) -> Option<Metric> {
    share_of_some(hit, of).map(|s| metric(name, s.value, s.low, s.high, s.n))
}

fn metric(name: &str, value: f64, low: f64, high: f64, n: u64) -> Metric {
    Metric { name: name.into(), estimate: Estimate { value, low, high, n }, higher_is_better: higher_is_better(name) }
}

fn binary(rows: &Rows, labels: &ColumnData, positive: &str) -> Option<(Vec<Metric>, Option<Confusion>)> {
    let predicted = predicted_positive(rows, positive)?;
    let truth = truly_positive(labels, positive);
    let mut counts = Counts::default();
    for (predicted, truth) in predicted.iter().zip(&truth) {
        if let (Some(predicted), Some(truth)) = (predicted, truth) {
            counts.add(*predicted, *truth);
        }
    }
    let mut metrics: Vec<Metric> = [
        share("accuracy", counts.accuracy()),
        share("precision", counts.precision()),
        share("recall", counts.recall()),
        share("specificity", counts.specificity()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (hit, of) = counts.overlap();
    if let Some(overlap) = share_of_some(hit, of) {
        let [f1, low, high] = [overlap.value, overlap.low, overlap.high].map(f1_of_overlap);
        metrics.insert(metrics.len().min(3), metric("f1", f1, low, high, of));
    }
    if let Some((scores, truths)) = scored(rows, &truth) {
        if let Some(auc) = roc_auc(&scores, &truths) {
            let positives = truths.iter().filter(|t| **t).count() as f64;
            let half = Z95 * roc_auc_error(auc, positives, truths.len() as f64 - positives);
            metrics.push(metric("roc_auc", auc, (auc - half).max(0.0), (auc + half).min(1.0), truths.len() as u64));
        }
        let n = truths.len() as f64;
        if scores.iter().all(|s| (0.0..=1.0).contains(s)) && n > 0.0 {
            let squares: Vec<f64> =
                scores.iter().zip(&truths).map(|(s, t)| (s - f64::from(u8::from(*t))).powi(2)).collect();
            let (low, high) = mean_interval(mean(&squares), standard_deviation(&squares, 1), n, Z95);
            metrics.push(metric("brier", mean(&squares), low.max(0.0), high.min(1.0), truths.len() as u64));
        }
    }
    let confusion = Confusion {
        true_positive: counts.true_positive,
        false_positive: counts.false_positive,
        true_negative: counts.true_negative,
        false_negative: counts.false_negative,
    };
    Some((metrics, Some(confusion)))
}

/// Scores and truths of the rows that have both.
fn scored(rows: &Rows, truth: &[Option<bool>]) -> Option<(Vec<f64>, Vec<bool>)> {
    let scores = rows.numbers("probability")?;
    Some(scores.iter().zip(truth).filter(|(s, _)| !s.is_nan()).filter_map(|(s, t)| Some((*s, (*t)?))).unzip())
}

/// Predicted against observed probability of the positive class, in ten groups of equal size.
pub fn calibration(rows: &Rows, task: Task, positive: Option<&str>) -> Option<Calibration> {
    if task != Task::BinaryClassification {
        return None;
    }
    let truth = truly_positive(rows.labels?, positive?);
    let (scores, truths) = scored(rows, &truth)?;
    if scores.len() < 100 || scores.iter().any(|s| !(0.0..=1.0).contains(s)) {
        return None;
    }
    let curve = probabilistic::calibration_curve(&scores, &truths, Grouping::EqualMass(10));
    Some(Calibration {
        error: probabilistic::expected_calibration_error(&curve),
        brier: probabilistic::brier(&scores, &truths),
        log_loss: probabilistic::log_loss(&scores, &truths),
        n: truths.len() as u64,
        groups: curve
            .iter()
            .filter(|bin| bin.n > 0)
            .map(|bin| CalibrationGroup {
                predicted: bin.mean_probability,
                observed: Estimate { value: bin.share, low: bin.interval.0, high: bin.interval.1, n: bin.n },
            })
            .collect(),
    })
}

/// A ranked list as it is sent: JSON, or items parted by “|”.
fn items(text: &str) -> Vec<String> {
    let text = text.trim();
    if text.starts_with('[') {
        let parsed: Result<Vec<serde_json::Value>, _> = serde_json::from_str(text);
        if let Ok(values) = parsed {
            return values.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_string)).collect();
        }
    }
    text.split('|').map(str::trim).filter(|t| !t.is_empty()).map(str::to_string).collect()
}

/// How far down a list is looked at.
const DEPTH: usize = 10;

/// Ranked lists against the items that proved relevant.
fn ranking_metrics(rows: &Rows, labels: &ColumnData) -> Option<Vec<Metric>> {
    let lists = rows.column("ranking")?;
    let mut found: [Vec<f64>; 4] = Default::default();
    for row in 0..lists.len().min(labels.len()) {
        let (Some(list), Some(truth)) = (lists.text(row), labels.text(row)) else {
            continue;
        };
        let (list, relevant) = (items(&list), items(&truth));
        if relevant.is_empty() {
            continue;
        }
        let shown: Vec<bool> = list.iter().map(|item| relevant.contains(item)).collect();
        let mut gains: Vec<f64> = shown.iter().map(|hit| f64::from(u8::from(*hit))).collect();
        // What was relevant and not listed counts in the ideal order.
        let listed = shown.iter().filter(|hit| **hit).count();
        gains.truncate(DEPTH);
        gains.resize(DEPTH, 0.0);
        gains.extend(vec![1.0; relevant.len().saturating_sub(listed)]);
        found[0].extend(ranking::ndcg(&gains, DEPTH));
        found[1].extend(ranking::average_precision(&shown, relevant.len()));
        found[2].push(ranking::reciprocal_rank(&shown));
        found[3].push(f64::from(u8::from(ranking::hit(&shown, DEPTH))));
    }
    let metrics: Vec<Metric> = ["ndcg", "map", "mrr", "hit_rate"]
        .into_iter()
        .zip(&found)
        .filter(|(_, values)| !values.is_empty())
        .map(|(name, values)| {
            let (value, n) = (mean(values), values.len() as f64);
            let (low, high) = mean_interval(value, standard_deviation(values, 1), n, Z95);
            metric(name, value, low.max(0.0), high.min(1.0), values.len() as u64)
        })
        .collect();
    (!metrics.is_empty()).then_some(metrics)
}

/// The share of answers that reviewers called right.
fn judged(labels: &ColumnData) -> Option<Vec<Metric>> {
    let (codes, dictionary) = classes(labels);
    let right: Vec<Option<bool>> = dictionary
        .iter()
        .map(|word| match word.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "right" | "correct" | "good" | "pass" => Some(true),
            "0" | "false" | "no" | "wrong" | "incorrect" | "bad" | "fail" => Some(false),
            _ => None,
        })
        .collect();
    let known: Vec<bool> = codes.iter().filter_map(|c| right.get(*c as usize).copied().flatten()).collect();
    let hits = known.iter().filter(|k| **k).count() as u64;
    share("accuracy", (hits, known.len() as u64)).map(|m| vec![m])
}

/// Accuracy, and precision, recall and F1 as the plain mean over classes (macro).
fn multiclass(rows: &Rows, labels: &ColumnData) -> Option<Vec<Metric>> {
    let (predicted, predicted_names) = classes(rows.column("prediction")?);
    let (truth, truth_names) = classes(labels);
    let mut names = truth_names.clone();
    for name in &predicted_names {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let place: Vec<usize> = predicted_names.iter().filter_map(|n| names.iter().position(|m| m == n)).collect();
    let mut counts = vec![Counts::default(); names.len()];
    let (mut right, mut n) = (0, 0);
    for (p, t) in predicted.iter().zip(&truth).filter(|(p, t)| **p != MISSING && **t != MISSING) {
        let (p, t) = (place[*p as usize], *t as usize);
        n += 1;
        right += u64::from(p == t);
        for (class, count) in counts.iter_mut().enumerate() {
            count.add(p == class, t == class);
        }
    }
    let mut metrics: Vec<Metric> = share("accuracy", (right, n)).into_iter().collect();
    let mean = |of: &dyn Fn(&Counts) -> (u64, u64)| -> f64 {
        let shares: Vec<f64> =
            counts.iter().map(of).map(|(hit, of)| if of == 0 { 0.0 } else { hit as f64 / of as f64 }).collect();
        statistics::quantile::mean(&shares)
    };
    if n > 0 {
        // A macro mean has no binomial interval; the accuracy's n stands in with the normal one.
        let bounded = |name: &str, value: f64| {
            let (low, high) = mean_interval(value, (value * (1.0 - value)).sqrt(), n as f64, Z95);
            metric(name, value, low.max(0.0), high.min(1.0), n)
        };
        metrics.push(bounded("precision", mean(&|c| c.precision())));
        metrics.push(bounded("recall", mean(&|c| c.recall())));
        let f1 = mean(&|c| {
            let (tp, all) = c.overlap();
            (2 * tp, all + tp)
        });
        metrics.push(bounded("f1", f1));
    }
    Some(metrics)
}

fn regression_metrics(rows: &Rows, labels: &ColumnData) -> Option<Vec<Metric>> {
    let predicted = rows.numbers("prediction")?;
    let truth = numbers_of(labels);
    let e = regression::errors(predicted, &truth);
    if e.n == 0 {
        return None;
    }
    let n = e.n as f64;
    let (mae_low, mae_high) = mean_interval(e.mean_absolute, e.absolute_deviation, n, Z95);
    let (mse_low, mse_high) = mean_interval(e.mean_squared, e.squared_deviation, n, Z95);
    let (bias_low, bias_high) = mean_interval(e.mean, e.deviation, n, Z95);
    Some(vec![
        metric("mae", e.mean_absolute, mae_low.max(0.0), mae_high, e.n),
        metric("rmse", e.mean_squared.sqrt(), mse_low.max(0.0).sqrt(), mse_high.sqrt(), e.n),
        metric("bias", e.mean, bias_low, bias_high, e.n),
    ])
}

/// Windows with fewer labels than this do not shape what is usual.
const LABELS_FOR_USUAL: u64 = 100;

/// What the baseline's own windows do: mean ± 3 standard deviations (ddof 0), within 0 and 1 for
/// shares. `None` with fewer than three windows.
pub fn usual(reports: &[WindowReport], name: &str) -> Option<Usual> {
    let found: Vec<&Metric> = reports
        .iter()
        .filter(|r| r.reference)
        .filter_map(|r| r.quality.as_ref().filter(|q| q.labelled >= LABELS_FOR_USUAL)?.metric(name))
        .collect();
    if found.len() < 3 {
        return None;
    }
    let values: Vec<f64> = found.iter().map(|m| m.estimate.value).collect();
    let rows: Vec<f64> = found.iter().map(|m| m.estimate.n as f64).collect();
    let (mean, deviation) = (statistics::quantile::mean(&values), statistics::quantile::standard_deviation(&values, 0));
    let bounded = found.iter().all(|m| m.higher_is_better);
    let clip = |v: f64| if bounded { v.clamp(0.0, 1.0) } else { v };
    Some(Usual {
        metric: name.into(),
        mean,
        lower: clip(mean - 3.0 * deviation),
        upper: clip(mean + 3.0 * deviation),
        windows: values.len() as u32,
        rows: quantile_sorted(&sorted_finite(&rows), 0.5),
        memory: memory(&values),
    })
}

/// How far each of a series' values goes with the next: lag-1 autocorrelation, from 0 to 0.9.
pub fn memory(values: &[f64]) -> f64 {
    let found = statistics::series::autocorrelation(values, 1).and_then(|r| r.get(1).copied());
    found.filter(|r| r.is_finite()).unwrap_or(0.0).clamp(0.0, 0.9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use domain::event::Column;

    #[test]
    fn accuracy_counts_only_rows_whose_truth_is_known() {
        let columns = vec![
            Column { name: "prediction".into(), data: ColumnData::Number(vec![1.0, 0.0, 1.0, 1.0]) },
            Column { name: "probability".into(), data: ColumnData::Number(vec![0.9, 0.2, 0.8, 0.6]) },
        ];
        let labels = ColumnData::Number(vec![1.0, 0.0, 0.0, f64::NAN]);
        let times = vec![Timestamp(0); 4];
        let rows = Rows { times: &times, columns: &columns, labels: Some(&labels), label_times: &[] };
        let quality = quality(&rows, Task::BinaryClassification, Some("1")).expect("has labels");
        assert_eq!((quality.labelled, quality.rows), (3, 4));
        let accuracy = quality.metric("accuracy").expect("there").estimate;
        assert!((accuracy.value - 2.0 / 3.0).abs() < 1e-12 && accuracy.n == 3);
        assert!(accuracy.low < accuracy.value && accuracy.value < accuracy.high);
        assert_eq!(quality.metric("precision").expect("there").estimate.value, 0.5);
        assert_eq!(quality.metric("recall").expect("there").estimate.value, 1.0);
    }

    #[test]
    fn no_labels_is_no_quality_rather_than_zero() {
        let labels = ColumnData::Number(vec![f64::NAN]);
        let rows = Rows { times: &[Timestamp(0)], columns: &[], labels: Some(&labels), label_times: &[] };
        assert_eq!(quality(&rows, Task::BinaryClassification, Some("1")), None);
    }
}

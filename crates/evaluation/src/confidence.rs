//! What a model says of its own certainty; needs no truth.

use domain::event::MISSING;
use domain::model::Task;
use domain::verdict::Confidence;
use statistics::quantile::{mean, quantile_sorted, sorted_finite};

use crate::Rows;
use crate::quality::{classes, predicted_positive};
use crate::share::share;

/// Statistics of the probability of the predicted class. `None` without probabilities.
pub fn confidence(rows: &Rows, task: Task, positive: Option<&str>, low: f64) -> Option<Confidence> {
    if !task.is_classification() {
        return None;
    }
    let answers = answers(rows, task, positive);
    let sorted = sorted_finite(&of_answers(rows, answers.as_deref())?);
    if sorted.is_empty() {
        return None;
    }
    let n = sorted.len() as u64;
    let of = |hits: usize, n: u64| share(hits as u64, n);
    let positive_share = answers.map(|predicted| {
        let known = predicted.iter().flatten().count() as u64;
        of(predicted.iter().flatten().filter(|yes| **yes).count(), known.max(1))
    });
    Some(Confidence {
        n,
        mean: mean(&sorted),
        p10: quantile_sorted(&sorted, 0.1),
        p50: quantile_sorted(&sorted, 0.5),
        p90: quantile_sorted(&sorted, 0.9),
        low_share: of(sorted.partition_point(|v| *v < low), n),
        positive_share,
    })
}

/// Which rows are answered yes, of a model that answers so.
fn answers(rows: &Rows, task: Task, positive: Option<&str>) -> Option<Vec<Option<bool>>> {
    positive.filter(|_| task == Task::BinaryClassification).and_then(|p| predicted_positive(rows, p))
}

/// The probability of each row's predicted class; NaN where it is missing. `None` for a task without classes, or
/// without probabilities.
pub(crate) fn certainty(rows: &Rows, task: Task, positive: Option<&str>) -> Option<Vec<f64>> {
    task.is_classification().then(|| of_answers(rows, answers(rows, task, positive).as_deref())).flatten()
}

fn of_answers(rows: &Rows, answers: Option<&[Option<bool>]>) -> Option<Vec<f64>> {
    match (rows.numbers("probability"), answers) {
        (Some(p), Some(answers)) => {
            Some(p.iter().zip(answers).map(|(p, yes)| if yes.unwrap_or(*p >= 0.5) { *p } else { 1.0 - p }).collect())
        }
        (Some(p), None) => Some(p.to_vec()),
        (None, _) => by_class(rows),
    }
}

/// The probability of each row's predicted class, from one column a class.
fn by_class(rows: &Rows) -> Option<Vec<f64>> {
    let (codes, names) = classes(rows.column("prediction")?);
    let columns: Vec<Option<&[f64]>> = names.iter().map(|n| rows.numbers(&format!("probability.{n}"))).collect();
    if columns.iter().all(Option::is_none) {
        return None;
    }
    Some(
        codes
            .iter()
            .enumerate()
            .map(
                |(row, code)| {
                    if *code == MISSING { f64::NAN } else { columns[*code as usize].map_or(f64::NAN, |c| c[row]) }
                },
            )
            .collect(),
    )
}

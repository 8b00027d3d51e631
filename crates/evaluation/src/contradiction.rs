//! Whether labels contradict a model that was sure: wrong labels, labels that somebody planted so that the next
//! training learns them, or a world that has changed.
//!
//! A label that is wrong by design hides among the answers of which a model was unsure anyway. Where it was sure hardly
//! any label says otherwise, so that a few that were planted there stand out long before they move accuracy.

use domain::model::Task;
use domain::verdict::Estimate;

use crate::Rows;
use crate::confidence::certainty;
use crate::quality::answers_right;
use crate::share::share_of_some;

/// How sure a model has to be: of twenty such answers one may be wrong, were it right about itself.
const SURE: f64 = 0.95;

/// Of the labelled rows of which the model was sure, the share whose label is another than it said; n counts the rows.
/// `None` for a task without classes, without probabilities, or where no such row has a label.
pub fn contradicted(rows: &Rows, task: Task, positive: Option<&str>) -> Option<Estimate> {
    let certainty = certainty(rows, task, positive)?;
    let right = answers_right(rows, task, positive)?;
    let sure = certainty.iter().zip(&right).filter(|(p, _)| **p >= SURE).filter_map(|(_, right)| *right);
    let (wrong, n) = sure.fold((0, 0), |(wrong, n), right| (wrong + u64::from(!right), n + 1));
    share_of_some(wrong, n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use domain::event::{Column, ColumnData, MISSING};

    const ROWS: usize = 4000;

    /// A model that is right about itself; of the labels of its sure answers so many in a thousand are turned.
    fn judged(turned: usize) -> Estimate {
        let mut random = fastrand::Rng::with_seed(11);
        let p: Vec<f64> = (0..ROWS).map(|_| if random.bool() { 0.99 } else { 0.4 + 0.2 * random.f64() }).collect();
        let turn = |row: usize, truth: bool| truth != (p[row] > SURE && row % 1000 < turned);
        let labels: Vec<f64> = (0..ROWS).map(|row| f64::from(u8::from(turn(row, random.f64() < p[row])))).collect();
        let columns = [Column { name: "probability".into(), data: ColumnData::Number(p.clone()) }];
        let times: Vec<Timestamp> = (0..ROWS as i64).map(Timestamp).collect();
        let labels = ColumnData::Number(labels);
        let rows = Rows { times: &times, columns: &columns, labels: Some(&labels), label_times: &times };
        contradicted(&rows, Task::BinaryClassification, Some("1")).expect("known")
    }

    #[test]
    fn a_few_planted_labels_stand_out_where_the_model_is_sure() {
        let (usual, planted) = (judged(0), judged(30));
        assert!((usual.value - 0.01).abs() < 0.006, "{usual:?}");
        // Three in a hundred labels, which move accuracy by about as much: here it is four times the usual.
        assert!(planted.low > usual.high, "{usual:?} {planted:?}");
        assert!(usual.n < ROWS as u64 * 6 / 10, "only sure answers count: {}", usual.n);
    }

    #[test]
    fn classes_are_compared_by_name_and_what_is_missing_says_nothing() {
        let words = |codes: &[u32], names: &[&str]| ColumnData::Category {
            codes: codes.to_vec(),
            dictionary: names.iter().map(|n| (*n).to_string()).collect(),
        };
        let columns = [
            Column { name: "prediction".into(), data: words(&[0, 1, 0, MISSING], &["cat", "dog"]) },
            Column { name: "probability".into(), data: ColumnData::Number(vec![0.99, 0.99, 0.5, 0.99]) },
        ];
        let times: Vec<Timestamp> = (0..4).map(Timestamp).collect();
        let truth = words(&[1, 1, 0, 0], &["dog", "cat"]);
        let of = |labels| {
            let rows = Rows { times: &times, columns: &columns, labels, label_times: &[] };
            contradicted(&rows, Task::MulticlassClassification, None).map(|e| (e.value, e.n))
        };
        // A cat and a dog it was sure of; the labels say cat and cat.
        assert_eq!(of(Some(&truth)), Some((0.5, 2)));
        assert_eq!(of(None), None);
    }
}

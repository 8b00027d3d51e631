//! Features of any kind as rows of numbers, for what looks at all columns together.
//!
//! Numbers stay themselves, NaN where missing. A category becomes its share of the baseline's rows, as
//! NannyML encodes it: missing counts as the most frequent category, one the baseline never had as 0.
//! Every row must be encoded with the baseline's own table, or two windows would not mean the same.

use std::collections::HashMap;

use domain::event::{ColumnData, MISSING};
use ndarray::Array2;
use statistics::autoencoder;

use crate::Rows;

/// One feature as the baseline knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedColumn {
    /// The store's name.
    pub column: String,
    /// Category → (code, share of the baseline's rows); `None` for numbers.
    categories: Option<HashMap<String, (u32, f64)>>,
    /// The share of the most frequent category.
    most: f64,
}

/// The baseline's table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Encoding {
    pub columns: Vec<EncodedColumn>,
}

/// Classes that a category may have to be looked at together with others: more are identifiers.
const CLASSES: usize = 1000;

impl Encoding {
    /// Of the features among the baseline's columns.
    pub fn of(rows: &Rows) -> Encoding {
        let n = rows.times.len().max(1) as f64;
        let columns = rows
            .columns
            .iter()
            .filter(|c| c.name.starts_with("feature."))
            .filter_map(|column| {
                let name = column.name.clone();
                match &column.data {
                    ColumnData::Number(_) => Some(EncodedColumn { column: name, categories: None, most: 0.0 }),
                    ColumnData::Category { codes, dictionary } if dictionary.len() <= CLASSES => {
                        let mut counts = vec![0_u64; dictionary.len()];
                        let mut missing = 0;
                        for code in codes {
                            match counts.get_mut(*code as usize) {
                                Some(count) => *count += 1,
                                None => missing += 1,
                            }
                        }
                        let top = (0..counts.len()).max_by(|a, b| {
                            counts[*a].cmp(&counts[*b]).then_with(|| dictionary[*b].cmp(&dictionary[*a]))
                        })?;
                        counts[top] += missing;
                        let most = counts[top] as f64 / n;
                        let categories = dictionary
                            .iter()
                            .zip(&counts)
                            .enumerate()
                            .map(|(code, (word, count))| (word.clone(), (code as u32, *count as f64 / n)))
                            .collect();
                        Some(EncodedColumn { column: name, categories: Some(categories), most })
                    }
                    _ => None,
                }
            })
            .collect();
        Encoding { columns }
    }

    /// Rows in a matrix, a column a feature. A feature that the rows lack is missing throughout.
    pub fn matrix(&self, rows: &Rows) -> Array2<f64> {
        let n = rows.times.len();
        let mut out = Array2::from_elem((n, self.columns.len()), f64::NAN);
        for (place, column) in self.columns.iter().enumerate() {
            let mut target = out.column_mut(place);
            match (rows.column(&column.column), &column.categories) {
                (Some(ColumnData::Number(values)), None) => {
                    target.iter_mut().zip(values).for_each(|(to, v)| *to = *v);
                }
                (Some(data), Some(categories)) => {
                    let (codes, dictionary) = crate::quality::classes(data);
                    let shares: Vec<f64> =
                        dictionary.iter().map(|w| categories.get(w).map_or(0.0, |(_, share)| *share)).collect();
                    for (to, code) in target.iter_mut().zip(codes) {
                        *to = if code == MISSING { column.most } else { shares[code as usize] };
                    }
                }
                (None, Some(_)) => target.fill(column.most),
                _ => {}
            }
        }
        out
    }

    /// The same columns as the autoencoder takes them: codes instead of shares.
    pub fn columns(&self, rows: &Rows) -> Vec<autoencoder::Column> {
        let n = rows.times.len();
        self.columns
            .iter()
            .map(|column| match (&column.categories, rows.column(&column.column)) {
                (None, Some(ColumnData::Number(values))) => autoencoder::Column::Number(values.clone()),
                (None, _) => autoencoder::Column::Number(vec![f64::NAN; n]),
                (Some(categories), data) => {
                    let classes = categories.len() as u32;
                    let codes = match data {
                        None => vec![MISSING; n],
                        Some(data) => {
                            let (codes, dictionary) = crate::quality::classes(data);
                            let known: Vec<u32> =
                                dictionary.iter().map(|w| categories.get(w).map_or(MISSING, |(c, _)| *c)).collect();
                            codes.iter().map(|c| known.get(*c as usize).copied().unwrap_or(MISSING)).collect()
                        }
                    };
                    autoencoder::Column::Category { codes, classes }
                }
            })
            .collect()
    }
}

/// Every so many-th row, so that at most `most` remain.
pub fn thinned(rows: usize, most: usize) -> Vec<usize> {
    let every = rows.div_ceil(most.max(1)).max(1);
    (0..rows).step_by(every).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use domain::event::Column;

    #[test]
    fn a_category_is_its_share_and_what_is_new_is_nothing() {
        let words = |codes: &[u32]| ColumnData::Category {
            codes: codes.to_vec(),
            dictionary: vec!["a".into(), "b".into(), "c".into()],
        };
        let before = vec![Column { name: "feature.x".into(), data: words(&[0, 0, 1, MISSING]) }];
        let times = [Timestamp(0); 4];
        let encoding = Encoding::of(&Rows { times: &times, columns: &before, labels: None, label_times: &[] });
        let after = vec![Column { name: "feature.x".into(), data: words(&[0, 1, 2, MISSING]) }];
        let now = encoding.matrix(&Rows { times: &times, columns: &after, labels: None, label_times: &[] });
        assert_eq!(now.column(0).to_vec(), [0.75, 0.25, 0.0, 0.75]);
    }
}

//! A baseline made ready: sorted once, binned once, compared with many windows.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use domain::event::{Column, ColumnData, MISSING};
use statistics::binning;
use statistics::kolmogorov_smirnov::Ranks;
use statistics::quantile::{quantile_sorted, sorted_finite, sorted_owned};

/// One column of the baseline, prepared by kind.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceColumn {
    /// The store's name, `feature.AGEP`.
    pub column: String,
    /// As the sender calls it.
    pub name: String,
    pub missing: u64,
    /// Weight in the model, 0 when unknown.
    pub importance: f64,
    pub values: ReferenceValues,
    /// How good the model was on the rows of each decile or category: the share of right answers, or
    /// the mean absolute error. Empty where the truth is not known.
    pub merit: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ReferenceValues {
    Numeric(Numbers),
    Categorical {
        /// Category → count, most frequent first.
        categories: Vec<(String, u64)>,
        index: HashMap<String, usize>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    pub sorted: Vec<f64>,
    /// Made when the first short window asks: a comparison of two tables has no use for it.
    pub ranks: OnceLock<Ranks>,
    pub shown: Bins,
    pub deciles: Bins,
    pub doane: Bins,
}

/// Bins, and the share of the baseline's values in each.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    pub edges: Vec<f64>,
    pub shares: Vec<f64>,
}

/// A whole baseline.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reference {
    pub columns: Vec<ReferenceColumn>,
    pub rows: u64,
}

impl ReferenceValues {
    /// Rows that hold a value.
    pub fn n(&self) -> u64 {
        match self {
            ReferenceValues::Numeric(numbers) => numbers.sorted.len() as u64,
            ReferenceValues::Categorical { categories, .. } => categories.iter().map(|(_, n)| n).sum(),
        }
    }
}

impl Reference {
    /// Prepares every feature and prediction column. `importance` is by the store's column name.
    pub fn of(columns: &[Column], rows: usize, importance: &HashMap<String, f64>) -> Reference {
        let columns = columns
            .iter()
            .filter(|c| is_compared(&c.name))
            .filter_map(|column| {
                let importance = importance.get(&column.name).copied().unwrap_or_default();
                ReferenceColumn::of(&column.name, Cow::Borrowed(&column.data), importance)
            })
            .collect();
        Reference { columns, rows: rows as u64 }
    }

    /// The same, with what each part of a column was worth: `score` is a row's share of the leading
    /// measure, NaN where unknown.
    pub fn with_merit(mut self, columns: &[Column], score: &[f64]) -> Reference {
        for own in &mut self.columns {
            if let Some(column) = columns.iter().find(|c| c.name == own.column) {
                own.merit = own.values.merit(&column.data, score);
            }
        }
        self
    }
}

impl ReferenceValues {
    fn merit(&self, data: &ColumnData, score: &[f64]) -> Vec<f64> {
        let mut sums = match self {
            ReferenceValues::Numeric(numbers) => vec![(0.0, 0.0); numbers.deciles.shares.len()],
            ReferenceValues::Categorical { categories, .. } => vec![(0.0, 0.0); categories.len()],
        };
        let mut add = |place: usize, score: f64| {
            if let Some(own) = sums.get_mut(place).filter(|_| score.is_finite()) {
                *own = (own.0 + score, own.1 + 1.0);
            }
        };
        match (self, data) {
            (ReferenceValues::Numeric(numbers), ColumnData::Number(values)) => {
                for (value, score) in values.iter().zip(score).filter(|(v, _)| v.is_finite()) {
                    add(binning::place(*value, &numbers.deciles.edges), *score);
                }
            }
            (ReferenceValues::Categorical { index, .. }, data) => {
                let (codes, dictionary) = crate::quality::classes(data);
                let places: Vec<Option<usize>> = dictionary.iter().map(|w| index.get(w).copied()).collect();
                for (code, score) in codes.iter().zip(score) {
                    if let Some(place) = places.get(*code as usize).copied().flatten() {
                        add(place, *score);
                    }
                }
            }
            _ => {}
        }
        if sums.iter().all(|(_, n)| *n == 0.0) {
            return Vec::new();
        }
        let (sum, n) = sums.iter().fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        // A part without labelled rows is as good as the whole, for want of better knowledge.
        sums.into_iter().map(|(own, m)| if m >= 20.0 { own / m } else { sum / n }).collect()
    }
}

impl ReferenceColumn {
    /// Prepares one column; `None` for what cannot be compared.
    pub fn of(column: &str, data: Cow<'_, ColumnData>, importance: f64) -> Option<ReferenceColumn> {
        Some(ReferenceColumn {
            column: column.to_string(),
            name: display_name(column),
            missing: data.missing() as u64,
            importance,
            values: prepare(data)?,
            merit: Vec::new(),
        })
    }
}

/// Whether a stored column is one whose distribution says something about the model.
pub fn is_compared(column: &str) -> bool {
    column.starts_with("feature.")
        || column.starts_with("group.")
        || column == "prediction"
        || column == "probability"
        || column.starts_with("probability.")
}

/// `feature.AGEP` → `AGEP`.
pub fn display_name(column: &str) -> String {
    column.strip_prefix("feature.").or_else(|| column.strip_prefix("group.")).unwrap_or(column).to_string()
}

fn prepare(data: Cow<'_, ColumnData>) -> Option<ReferenceValues> {
    let data = match data {
        Cow::Owned(ColumnData::Number(values)) => {
            return Some(ReferenceValues::Numeric(Numbers::of(sorted_owned(values))));
        }
        other => other,
    };
    match data.as_ref() {
        ColumnData::Number(values) => Some(ReferenceValues::Numeric(Numbers::of(sorted_finite(values)))),
        ColumnData::Category { codes, dictionary } => {
            let mut counts = vec![0_u64; dictionary.len()];
            codes.iter().filter(|c| **c != MISSING).for_each(|c| counts[*c as usize] += 1);
            let mut categories: Vec<(String, u64)> =
                dictionary.iter().cloned().zip(counts).filter(|(_, n)| *n > 0).collect();
            categories.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            let index = categories.iter().enumerate().map(|(i, (c, _))| (c.clone(), i)).collect();
            Some(ReferenceValues::Categorical { categories, index })
        }
        ColumnData::Vector { .. } => None,
    }
}

impl Numbers {
    fn of(sorted: Vec<f64>) -> Numbers {
        Numbers {
            shown: Bins::shown(&sorted),
            deciles: Bins::of(binning::decile_edges(&sorted), &sorted),
            doane: Bins::of(binning::doane_edges(&sorted), &sorted),
            ranks: OnceLock::new(),
            sorted,
        }
    }
}

impl Bins {
    fn of(edges: Vec<f64>, sorted: &[f64]) -> Bins {
        let (counts, _) = binning::count_sorted(sorted, &edges);
        Bins { shares: binning::shares(&counts, sorted.len() as u64), edges }
    }

    /// The histogram that people see: what lies beyond its edges counts in the outer bins.
    fn shown(sorted: &[f64]) -> Bins {
        let edges = shown_edges(sorted);
        Bins { shares: Bins::of(open(&edges), sorted).shares, edges }
    }

    pub fn shares_with_beyond(&self, sorted: &[f64]) -> Vec<f64> {
        Bins::of(open(&self.edges), sorted).shares
    }

    /// Shares of other values in these bins, and how many lie in none of them.
    pub fn shares_of(&self, sorted: &[f64]) -> (Vec<f64>, u64) {
        let (counts, outside) = binning::count_sorted(sorted, &self.edges);
        (binning::shares(&counts, sorted.len() as u64), outside)
    }
}

/// Twenty equal widths between the 0.5 and 99.5 percentiles; few whole numbers get a bar each. Empty where
/// nothing is known.
fn shown_edges(sorted: &[f64]) -> Vec<f64> {
    let (low, high) = (quantile_sorted(sorted, 0.005), quantile_sorted(sorted, 0.995));
    if !low.is_finite() || !high.is_finite() {
        return Vec::new();
    }
    let distinct: Vec<f64> = sorted.chunk_by(|a, b| a == b).map(|run| run[0]).take(25).collect();
    if distinct.len() > 24 || distinct.iter().any(|v| v.fract() != 0.0) {
        return binning::equal_width_edges(low, high, 20);
    }
    let (low, high) = (distinct[0], distinct[distinct.len() - 1]);
    let bins = ((high - low) as usize + 1).min(40);
    binning::equal_width_edges(low - 0.5, high + 0.5, bins)
}

/// The same bins, the first and the last without an end.
fn open(edges: &[f64]) -> Vec<f64> {
    let mut open = edges.to_vec();
    if let [first, .., last] = open.as_mut_slice() {
        (*first, *last) = (f64::NEG_INFINITY, f64::INFINITY);
    }
    open
}

//! Rows of telemetry on their way into columns.

use domain::Timestamp;
use domain::event::{CategoryBuilder, Column, ColumnData, EventBatch};

/// Builds a batch a row at a time; a column that no row filled is left out.
pub struct Rows {
    ids: Vec<String>,
    times: Vec<Timestamp>,
    words: Vec<(&'static str, CategoryBuilder, usize)>,
    numbers: Vec<(&'static str, Vec<f64>)>,
}

impl Rows {
    pub fn new(words: &[&'static str], numbers: &[&'static str]) -> Rows {
        Rows {
            ids: Vec::new(),
            times: Vec::new(),
            words: words.iter().map(|name| (*name, CategoryBuilder::default(), 0)).collect(),
            numbers: numbers.iter().map(|name| (*name, Vec::new())).collect(),
        }
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Adds a row: its words and numbers in the order in which the columns were named.
    pub fn push(&mut self, id: String, at: Timestamp, words: &[Option<&str>], numbers: &[Option<f64>]) {
        self.ids.push(id);
        self.times.push(at);
        for ((_, column, filled), word) in self.words.iter_mut().zip(words) {
            let word = word.filter(|w| !w.is_empty());
            column.push(word);
            *filled += usize::from(word.is_some());
        }
        for ((_, column), number) in self.numbers.iter_mut().zip(numbers) {
            column.push(number.filter(|n| n.is_finite()).unwrap_or(f64::NAN));
        }
    }

    pub fn finish(self) -> EventBatch {
        let words = self.words.into_iter().filter(|(_, _, filled)| *filled > 0);
        let words = words.map(|(name, column, _)| Column { name: name.into(), data: column.finish() });
        let numbers = self.numbers.into_iter().filter(|(_, column)| column.iter().any(|n| !n.is_nan()));
        let numbers = numbers.map(|(name, values)| Column { name: name.into(), data: ColumnData::Number(values) });
        EventBatch { ids: self.ids, times: self.times, columns: words.chain(numbers).collect() }
    }
}

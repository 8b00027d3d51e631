//! Conditions on rows, and what a segment's figures say of them before it is read.

use domain::event::{ColumnData, MISSING};
use domain::telemetry::span;

use crate::identity::id_hash;
use crate::read::Frame;
use crate::words;

/// A condition on one row.
#[derive(Debug, Clone, PartialEq)]
pub enum Predicate {
    /// The number lies between these, both included.
    Between { column: String, low: f64, high: f64 },
    /// The value, as text, is one of these.
    OneOf { column: String, values: Vec<String> },
    /// There is no value.
    Missing { column: String },
    /// The truth is known, or is not.
    Labelled(bool),
    /// One of the columns says a text: its words in order, or, where `exact`, letter by letter.
    Says { columns: Vec<String>, text: String, exact: bool },
    /// The column says one of these texts, letter by letter.
    SaysOne { column: String, texts: Vec<String> },
}

impl Predicate {
    /// The columns that it looks at.
    pub(crate) fn columns(&self) -> Vec<&str> {
        match self {
            Predicate::Between { column, .. }
            | Predicate::OneOf { column, .. }
            | Predicate::Missing { column }
            | Predicate::SaysOne { column, .. } => vec![column],
            Predicate::Says { columns, .. } => columns.iter().map(String::as_str).collect(),
            Predicate::Labelled(_) => Vec::new(),
        }
    }

    /// The filter of a segment that may rule it out, and the hashes that it must know: all of one of the lists.
    pub(crate) fn words(&self) -> Option<(&'static str, Vec<Vec<u64>>)> {
        match self {
            Predicate::Says { text, exact, .. } => Some((words::WORDS, vec![words::needed(text, *exact)])),
            Predicate::SaysOne { texts, .. } => {
                Some((words::WORDS, texts.iter().map(|t| words::needed(t, true)).collect()))
            }
            Predicate::OneOf { column, values } if column == span::TRACE => {
                Some((words::TRACES, values.iter().map(|v| vec![id_hash(v)]).collect()))
            }
            _ => None,
        }
    }

    pub(crate) fn needs_labels(&self) -> bool {
        matches!(self, Predicate::Labelled(_))
    }

    /// Whether a segment's figures may rule it out.
    pub(crate) fn can_prune(&self) -> bool {
        match self {
            Predicate::Between { .. } | Predicate::Missing { .. } => true,
            Predicate::OneOf { values, .. } => values.iter().all(|v| v.parse::<f64>().is_ok()),
            Predicate::Labelled(_) | Predicate::Says { .. } | Predicate::SaysOne { .. } => false,
        }
    }

    /// Whether any row of a segment may meet it, given the range of its numbers (`None`: it has none, or
    /// they are words) and how many rows have no value.
    pub(crate) fn may_hold(&self, range: Option<(f64, f64)>, missing: i64, rows: i64) -> bool {
        let outside = |v: f64| range.is_some_and(|(low, high)| v < low || v > high);
        match self {
            Predicate::Missing { .. } => missing > 0,
            _ if missing >= rows => false,
            Predicate::Between { low, high, .. } => range.is_some_and(|(least, most)| *low <= most && least <= *high),
            Predicate::OneOf { values, .. } => !values.iter().all(|v| v.parse().is_ok_and(outside)),
            Predicate::Labelled(_) | Predicate::Says { .. } | Predicate::SaysOne { .. } => true,
        }
    }

    /// Those of some rows that meet it.
    pub(crate) fn holding(&self, frame: &Frame, mut rows: Vec<usize>) -> Vec<usize> {
        match self {
            Predicate::Between { column, low, high } => match frame.numbers(column) {
                Some(values) => rows.retain(|row| (*low..=*high).contains(&values[*row])),
                None => rows.clear(),
            },
            Predicate::OneOf { column, values } => match frame.column(column) {
                Some(ColumnData::Category { codes, dictionary }) => {
                    let wanted: Vec<bool> = dictionary.iter().map(|word| values.contains(word)).collect();
                    rows.retain(|row| codes[*row] != MISSING && wanted[codes[*row] as usize]);
                }
                Some(data) => rows.retain(|row| data.text(*row).is_some_and(|text| values.contains(&text))),
                None => rows.clear(),
            },
            Predicate::Missing { column } => match frame.column(column) {
                Some(ColumnData::Category { codes, .. }) => rows.retain(|row| codes[*row] == MISSING),
                Some(ColumnData::Number(values)) => rows.retain(|row| values[*row].is_nan()),
                Some(data) => rows.retain(|row| data.text(*row).is_none()),
                None => {}
            },
            Predicate::Says { columns, text, exact } => rows.retain(|row| {
                columns.iter().any(|column| said(frame, column, *row).is_some_and(|t| words::says(t, text, *exact)))
            }),
            Predicate::SaysOne { column, texts } => rows.retain(|row| {
                said(frame, column, *row).is_some_and(|said| texts.iter().any(|text| words::says(said, text, true)))
            }),
            Predicate::Labelled(wanted) => {
                rows.retain(|row| frame.label_times.get(*row).is_some_and(|t| *t != domain::Timestamp::MIN) == *wanted)
            }
        }
        rows
    }
}

/// The words of a row, where the column holds words.
fn said<'a>(frame: &'a Frame, column: &str, row: usize) -> Option<&'a str> {
    match frame.column(column)? {
        ColumnData::Category { codes, dictionary } if codes[row] != MISSING => {
            Some(dictionary[codes[row] as usize].as_str())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_left_out_only_when_no_row_can_match() {
        let between = |low, high| Predicate::Between { column: "x".into(), low, high };
        assert!(between(5.0, 9.0).may_hold(Some((0.0, 5.0)), 0, 10));
        assert!(!between(5.1, 9.0).may_hold(Some((0.0, 5.0)), 0, 10));
        assert!(!between(0.0, 9.0).may_hold(None, 10, 10), "every value is missing");
        let one_of = |value: &str| Predicate::OneOf { column: "x".into(), values: vec![value.into()] };
        assert!(one_of("3").may_hold(Some((0.0, 5.0)), 0, 10));
        assert!(!one_of("7").may_hold(Some((0.0, 5.0)), 0, 10));
        assert!(one_of("7").may_hold(None, 0, 10), "words have no range");
        assert!(!Predicate::Missing { column: "x".into() }.may_hold(Some((0.0, 5.0)), 0, 10));
    }
}

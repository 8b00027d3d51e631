//! Verdicts as pure functions of (baseline, window, labels known so far, settings).
//!
//! `plimsoll drift`, the running engine and every back-test call the same functions, so a verdict
//! seen on a page can be had again from the rows alone. No I/O, no clock: `now` is an argument.

pub mod behaviour;
pub mod confidence;
pub mod contradiction;
pub mod data_quality;
pub mod drift;
pub mod encoding;
pub mod ensemble;
pub mod estimate;
pub mod fairness;
pub mod figures;
pub mod health;
pub mod limits;
pub mod measured;
pub mod monitors;
pub mod multivariate;
pub mod outcome;
pub mod probing;
pub mod quality;
pub mod reference;
pub mod report;
pub mod segments;
pub mod sentence;
pub mod series;
mod share;
pub mod trained;
pub mod versions;
pub mod window;

use domain::Timestamp;
use domain::event::{Column, ColumnData};

/// Rows to be judged, in columns; borrowed from wherever they were read.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    pub times: &'a [Timestamp],
    pub columns: &'a [Column],
    /// Row-aligned truth, missing where unknown; `None` when there is none at all.
    pub labels: Option<&'a ColumnData>,
    /// When each truth became known; empty where nobody asked.
    pub label_times: &'a [Timestamp],
}

impl<'a> Rows<'a> {
    pub fn column(&self, name: &str) -> Option<&'a ColumnData> {
        Column::named(self.columns, name)
    }

    pub fn numbers(&self, name: &str) -> Option<&'a [f64]> {
        self.column(name)?.numbers()
    }
}

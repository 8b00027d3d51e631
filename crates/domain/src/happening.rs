//! What happened when: flags on charts, bars on a timeline, the newest events.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::alert::priority::Priority;
use crate::annotation::Subject;

/// What a flag stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FlagKind {
    /// A deployment, a new version, a setting: something was changed.
    Change,
    /// An incident began.
    Onset,
    /// A person wrote something.
    Note,
}

/// Something that happened, as it stands on the time axis of every chart that it concerns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Flag {
    pub at: Timestamp,
    /// The end of a span; `None` for an instant.
    pub until: Option<Timestamp>,
    pub kind: FlagKind,
    pub title: String,
    /// Who wrote or did it.
    pub who: String,
    /// Where more is said, within; empty where nowhere.
    pub href: String,
    pub subject: Subject,
}

/// An alert or incident as a bar on the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bar {
    pub title: String,
    pub from: Timestamp,
    /// `None` while it lasts.
    pub to: Option<Timestamp>,
    pub priority: Priority,
    /// Nobody is told of it: silenced, inhibited or muted.
    pub quiet: bool,
    pub href: String,
}

/// The bars of one system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lane {
    pub name: String,
    pub bars: Vec<Bar>,
}

/// Incidents, and alerts by system. What came before the newest so many is left out and counted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Timeline {
    pub incidents: Vec<Bar>,
    pub lanes: Vec<Lane>,
    pub left_out: u64,
}

/// A line of the newest events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Happening {
    pub at: Timestamp,
    /// Of the alert it is about.
    pub priority: Option<Priority>,
    /// Who did it; empty for Plimsoll itself.
    pub who: String,
    pub title: String,
    /// The alert, incident or service it is about.
    pub about: String,
    pub href: String,
}

/// Puts what takes room from one instant to another into rows such that no two in a row overlap, each into
/// the first row that is free when it begins. Gives the row of each and how many rows there are.
pub fn rows_of(extents: &[(i64, i64)]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..extents.len()).collect();
    order.sort_by_key(|i| (extents[*i].0, *i));
    let mut free: Vec<i64> = Vec::new();
    let mut rows = vec![0; extents.len()];
    for i in order {
        let (from, to) = extents[i];
        let row = free.iter().position(|f| *f <= from).unwrap_or_else(|| {
            free.push(i64::MIN);
            free.len() - 1
        });
        free[row] = to;
        rows[i] = row;
    }
    (rows, free.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_stands_in_rows_of_its_own() {
        assert_eq!(rows_of(&[(0, 10), (5, 15), (10, 12), (14, 20)]), (vec![0, 1, 0, 0], 2));
        assert_eq!(rows_of(&[]), (vec![], 0));
    }
}

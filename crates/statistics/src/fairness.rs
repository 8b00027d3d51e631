//! Decisions compared between groups.
//!
//! A rate that a group's rows cannot define (recall without positives) is `None`, never 0: tools
//! that report 0 there inflate the differences. Both readings are offered by name.

use crate::classification::Counts;
use crate::intervals::{Z95, wilson};

/// What happened to one group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupRates {
    pub counts: Counts,
    /// Share called positive, with its 95 % interval (Wilson).
    pub selection_rate: f64,
    pub selection_interval: (f64, f64),
    /// Of the truly positive, the share called positive; `None` without positives.
    pub true_positive_rate: Option<f64>,
    /// Of the truly negative, the share called positive; `None` without negatives.
    pub false_positive_rate: Option<f64>,
    pub accuracy: f64,
    /// `None` when nothing was called positive.
    pub precision: Option<f64>,
    /// Share truly positive.
    pub base_rate: f64,
}

impl GroupRates {
    /// `None` for no rows.
    pub fn of(counts: Counts) -> Option<GroupRates> {
        let n = counts.n() as f64;
        if n == 0.0 {
            return None;
        }
        let selected = (counts.true_positive + counts.false_positive) as f64;
        let rate = |(part, whole): (u64, u64)| (whole > 0).then(|| part as f64 / whole as f64);
        Some(GroupRates {
            counts,
            selection_rate: selected / n,
            selection_interval: wilson(selected, n, Z95),
            true_positive_rate: rate(counts.recall()),
            false_positive_rate: rate((counts.false_positive, counts.false_positive + counts.true_negative)),
            accuracy: rate(counts.accuracy()).unwrap_or(f64::NAN),
            precision: rate(counts.precision()),
            base_rate: (counts.true_positive + counts.false_negative) as f64 / n,
        })
    }

    pub fn n(&self) -> u64 {
        self.counts.n()
    }
}

/// What a rate is taken for where a group's rows do not define it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undefined {
    /// The group is left out of the comparison: the default.
    LeftOut,
    /// The group counts as 0, as fairlearn does.
    Zero,
}

/// The groups compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Greatest less least selection rate.
    pub demographic_parity_difference: f64,
    /// Least over greatest selection rate (disparate impact); `None` when nobody was selected.
    pub demographic_parity_ratio: Option<f64>,
    /// The greater of the ranges of true and false positive rates.
    pub equalized_odds_difference: f64,
    /// The lesser of their ratios; a false positive rate of 0 everywhere is ignored.
    pub equalized_odds_ratio: Option<f64>,
    /// Range of the true positive rates.
    pub equal_opportunity_difference: f64,
    /// The place of the group with the greatest selection rate, the first of equals.
    pub privileged: usize,
    /// Each group's selection rate over the privileged one's.
    pub disparate_impact: Vec<Option<f64>>,
    /// Whether the ratio lies below four fifths.
    pub four_fifths_violation: bool,
}

/// Compares groups in the order given. `None` for no group.
pub fn compare(groups: &[GroupRates], undefined: Undefined) -> Option<Comparison> {
    let first = groups.first()?;
    let rates = |of: &dyn Fn(&GroupRates) -> Option<f64>| -> Vec<f64> {
        match undefined {
            Undefined::Zero => groups.iter().map(|g| of(g).unwrap_or(0.0)).collect(),
            Undefined::LeftOut => groups.iter().filter_map(of).collect(),
        }
    };
    let selection = rates(&|g| Some(g.selection_rate));
    let (tpr, fpr) = (rates(&|g| g.true_positive_rate), rates(&|g| g.false_positive_rate));
    let parity = ratio(&selection);
    let mut privileged = 0;
    let mut best = first.selection_rate;
    for (i, group) in groups.iter().enumerate() {
        if group.selection_rate > best {
            (privileged, best) = (i, group.selection_rate);
        }
    }
    let odds_ratio = match (ratio(&tpr), ratio(&fpr)) {
        (Some(t), Some(f)) => Some(t.min(f)),
        // No false positive anywhere is no unfairness.
        (Some(t), None) => Some(t),
        (None, _) => None,
    };
    Some(Comparison {
        demographic_parity_difference: range(&selection),
        demographic_parity_ratio: parity,
        equalized_odds_difference: range(&tpr).max(range(&fpr)),
        equalized_odds_ratio: odds_ratio,
        equal_opportunity_difference: range(&tpr),
        privileged,
        disparate_impact: groups.iter().map(|g| (best > 0.0).then(|| g.selection_rate / best)).collect(),
        four_fifths_violation: parity.is_some_and(|r| r < 0.8),
    })
}

fn extremes(values: &[f64]) -> Option<(f64, f64)> {
    values.iter().fold(None, |so_far, v| {
        let (low, high) = so_far.unwrap_or((*v, *v));
        Some((v.min(low), v.max(high)))
    })
}

fn range(values: &[f64]) -> f64 {
    extremes(values).map_or(0.0, |(low, high)| high - low)
}

fn ratio(values: &[f64]) -> Option<f64> {
    extremes(values).filter(|(_, high)| *high > 0.0).map(|(low, high)| low / high)
}

/// The names of all combinations of several group columns that have at least `least` rows, with the
/// rows of each: intersectional groups. Rows with a missing value (`None`) in any column are left
/// out. In order of first appearance.
pub fn intersections(columns: &[Vec<Option<&str>>], least: usize) -> Vec<(String, Vec<usize>)> {
    let rows = columns.iter().map(Vec::len).min().unwrap_or(0);
    let mut places = std::collections::HashMap::new();
    let mut found: Vec<(String, Vec<usize>)> = Vec::new();
    for row in 0..rows {
        let parts: Option<Vec<&str>> = columns.iter().map(|column| column[row]).collect();
        let Some(parts) = parts else {
            continue;
        };
        let name = parts.join(", ");
        let place = *places.entry(name.clone()).or_insert_with(|| {
            found.push((name, Vec::new()));
            found.len() - 1
        });
        found[place].1.push(row);
    }
    found.retain(|(_, rows)| rows.len() >= least);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_without_positives_is_left_out_rather_than_counted_as_zero() {
        let fair = GroupRates::of(Counts { true_positive: 8, false_positive: 1, true_negative: 9, false_negative: 2 });
        let none = GroupRates::of(Counts { true_positive: 0, false_positive: 1, true_negative: 9, false_negative: 0 });
        let groups = [fair.expect("rows"), none.expect("rows")];
        let of = |undefined| compare(&groups, undefined).expect("groups").equal_opportunity_difference;
        assert_eq!((of(Undefined::LeftOut), of(Undefined::Zero)), (0.0, 0.8));
        assert!(GroupRates::of(Counts::default()).is_none() && compare(&[], Undefined::Zero).is_none());
    }

    #[test]
    fn intersections_leave_small_and_missing_groups_out() {
        let columns = [vec![Some("a"), Some("a"), Some("b"), None], vec![Some("x"), Some("x"), Some("y"), Some("y")]];
        assert_eq!(intersections(&columns, 2), [("a, x".to_string(), vec![0, 1])]);
    }
}

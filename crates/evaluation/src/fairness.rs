//! Decisions compared between groups of people or things.
//!
//! A group with too few rows is named as too small, never judged: its rate would be chance. A ratio is
//! called unfair when its whole interval lies below four fifths.

use std::collections::HashMap;

use domain::event::{ColumnData, MISSING};
use domain::evidence::{Fairness, GroupRate};
use domain::model::Task;
use domain::verdict::Estimate;
use statistics::classification::Counts;
use statistics::fairness::{GroupRates, Undefined, compare};
use statistics::intervals::{Z95, delta, mean_interval};

use crate::Rows;
use crate::quality;
use crate::reference::{Reference, ReferenceValues};
use crate::share::share_of_some;

/// Rows that a group needs to be judged.
pub const LEAST: usize = 100;
/// Groups of one column that are compared; the rest counts as too small.
const GROUPS_AT_MOST: usize = 20;
const FOUR_FIFTHS: f64 = 0.8;

/// What a column cuts the rows into.
pub struct Groups {
    /// Each row's group.
    pub places: Vec<u32>,
    pub names: Vec<String>,
    /// The rows of each group as conditions of a question; empty where they cannot be said.
    pub conditions: Vec<String>,
}

impl Groups {
    fn by_word(column: &str, (places, names): (Vec<u32>, Vec<String>)) -> Groups {
        // What separates conditions and values cannot stand in one.
        let plain = |value: &str| !value.contains([';', ',']) && value.trim() == value;
        let says = |value: &String| if plain(value) { format!("{column}={value}") } else { String::new() };
        let conditions = names.iter().map(says).collect();
        Groups { places, names, conditions }
    }
}

/// A column's groups. Numbers are cut at the baseline's quartiles.
pub fn groups_of(rows: &Rows, reference: Option<&Reference>, name: &str) -> Option<Groups> {
    let stored = [format!("group.{name}"), format!("feature.{name}")];
    let (column, data) = stored.iter().find_map(|c| Some((c, rows.column(c)?)))?;
    let ColumnData::Number(values) = data else {
        return Some(Groups::by_word(column, quality::classes(data)));
    };
    let before = reference.and_then(|r| r.columns.iter().find(|c| c.column == *column)).and_then(|c| match &c.values {
        ReferenceValues::Numeric(numbers) if !numbers.sorted.is_empty() => Some(numbers.sorted.as_slice()),
        _ => None,
    });
    let own;
    let sorted = match before {
        Some(sorted) => sorted,
        None => {
            own = statistics::quantile::sorted_finite(values);
            own.as_slice()
        }
    };
    if sorted.is_empty() {
        return None;
    }
    let distinct: Vec<f64> = sorted.chunk_by(|a, b| a == b).map(|run| run[0]).take(9).collect();
    if distinct.len() <= 8 {
        let (places, names) = quality::classes(&data.to_category());
        let conditions = names.iter().map(|v| format!("{column}>={v};{column}<={v}")).collect();
        return Some(Groups { places, names, conditions });
    }
    let mut cuts: Vec<f64> = [0.25, 0.5, 0.75].map(|q| statistics::quantile::quantile_sorted(sorted, q)).to_vec();
    cuts.dedup();
    let show = domain::format::compact;
    let (names, conditions) = (0..=cuts.len())
        .map(|i| match i {
            0 => (format!("up to {}", show(cuts[0])), format!("{column}<={}", cuts[0])),
            i if i == cuts.len() => (format!("above {}", show(cuts[i - 1])), format!("{column}>{}", cuts[i - 1])),
            i => {
                let (low, high) = (cuts[i - 1], cuts[i]);
                (format!("{} to {}", show(low), show(high)), format!("{column}>{low};{column}<={high}"))
            }
        })
        .unzip();
    let place = |v: &f64| if v.is_finite() { cuts.partition_point(|c| c < v) as u32 } else { MISSING };
    Some(Groups { places: values.iter().map(place).collect(), names, conditions })
}

/// One comparison a column of `names`, and one of the first two together.
pub fn fairness(
    rows: &Rows,
    reference: Option<&Reference>,
    task: Task,
    positive: Option<&str>,
    names: &[String],
) -> Vec<Fairness> {
    let found: Vec<(String, Vec<u32>, Vec<String>)> = names
        .iter()
        .filter_map(|name| groups_of(rows, reference, name).map(|g| (name.clone(), g.places, g.names)))
        .collect();
    let mut all = found.clone();
    if let [(a, places_a, names_a), (b, places_b, names_b), ..] = found.as_slice() {
        let mut known: HashMap<(u32, u32), u32> = HashMap::new();
        let mut crossed = Vec::new();
        let places = places_a
            .iter()
            .zip(places_b)
            .map(|(x, y)| {
                if *x == MISSING || *y == MISSING {
                    return MISSING;
                }
                *known.entry((*x, *y)).or_insert_with(|| {
                    crossed.push(format!("{}, {}", names_a[*x as usize], names_b[*y as usize]));
                    crossed.len() as u32 - 1
                })
            })
            .collect();
        all.push((format!("{a} × {b}"), places, crossed));
    }
    all.into_iter()
        .filter_map(|(name, places, groups)| match task {
            Task::Regression => errors_by_group(rows, name, &places, &groups),
            _ => decisions_by_group(rows, task, positive, name, &places, &groups),
        })
        .collect()
}

/// Groups with enough rows, the largest first, by place; and how many have too few.
fn large_enough(places: &[u32], groups: usize) -> (Vec<usize>, u32) {
    let mut counts = vec![0_usize; groups];
    places.iter().filter(|p| **p != MISSING).for_each(|p| counts[*p as usize] += 1);
    let mut kept: Vec<usize> = (0..groups).filter(|g| counts[*g] >= LEAST).collect();
    kept.sort_by_key(|g| std::cmp::Reverse(counts[*g]));
    kept.truncate(GROUPS_AT_MOST);
    let small = counts.iter().filter(|c| **c > 0).count() - kept.len();
    (kept, small as u32)
}

fn decisions_by_group(
    rows: &Rows,
    task: Task,
    positive: Option<&str>,
    column: String,
    places: &[u32],
    names: &[String],
) -> Option<Fairness> {
    let right = (task == Task::MulticlassClassification).then(|| right_answers(rows));
    let (decided, truth): (Vec<Option<bool>>, Vec<Option<bool>>) = match right {
        // With more than two classes, what is compared is how often the answer is right.
        Some(right) => {
            let right = right?;
            (right.clone(), right)
        }
        None => {
            let positive = positive?;
            let decided = quality::predicted_positive(rows, positive)?;
            let truth = rows.labels.map_or_else(|| vec![None; decided.len()], |l| quality::truly_positive(l, positive));
            (decided, truth)
        }
    };
    let (kept, too_small) = large_enough(places, names.len());
    if kept.len() < 2 {
        return None;
    }
    let mut selected = vec![(0_u64, 0_u64); names.len()];
    let mut labelled = vec![Counts::default(); names.len()];
    for (row, place) in places.iter().enumerate().filter(|(_, p)| **p != MISSING) {
        if let Some(decided) = decided[row] {
            let own = &mut selected[*place as usize];
            *own = (own.0 + u64::from(decided), own.1 + 1);
            if let Some(truth) = truth[row] {
                labelled[*place as usize].add(decided, truth);
            }
        }
    }
    let share = |(hit, of): (u64, u64)| share_of_some(hit, of);
    let rates: Vec<Estimate> = kept.iter().map(|g| share(selected[*g])).collect::<Option<_>>()?;
    let best = (0..rates.len()).max_by(|a, b| rates[*a].value.total_cmp(&rates[*b].value))?;
    let binary = task == Task::BinaryClassification;
    let groups: Vec<GroupRate> = kept
        .iter()
        .zip(&rates)
        .enumerate()
        .map(|(i, (g, rate))| GroupRate {
            name: names[*g].clone(),
            n: rate.n,
            rate: *rate,
            ratio: if i == best { None } else { ratio(rate, &rates[best]) },
            true_positive: share(labelled[*g].recall()).filter(|_| binary),
            false_positive: share({
                let c = &labelled[*g];
                (c.false_positive, c.false_positive + c.true_negative)
            })
            .filter(|_| binary),
            accuracy: share(labelled[*g].accuracy()).filter(|_| binary),
            privileged: i == best,
        })
        .collect();
    let by_label: Vec<GroupRates> = kept.iter().filter_map(|g| GroupRates::of(labelled[*g])).collect();
    let parity_ratio = (rates[best].value > 0.0)
        .then(|| rates.iter().map(|r| r.value).fold(f64::INFINITY, f64::min) / rates[best].value);
    Some(Fairness {
        column,
        too_small,
        parity_ratio,
        unfair: groups.iter().any(|g| g.ratio.is_some_and(|r| r.high < FOUR_FIFTHS)),
        equalized_odds_difference: (binary && by_label.len() > 1)
            .then(|| compare(&by_label, Undefined::LeftOut).map(|c| c.equalized_odds_difference))
            .flatten(),
        groups,
    })
}

/// Ratio of two shares with its interval on the logarithm's scale (delta method).
fn ratio(own: &Estimate, best: &Estimate) -> Option<Estimate> {
    if best.value <= 0.0 {
        return None;
    }
    let value = own.value / best.value;
    if own.value <= 0.0 {
        return Some(Estimate { value, low: 0.0, high: own.high / best.low.max(1e-12), n: own.n });
    }
    let part = |e: &Estimate| (1.0 - e.value) / (e.value * e.n as f64);
    let (low, high) = delta(value.ln(), 1.0, (part(own) + part(best)).sqrt(), Z95);
    Some(Estimate { value, low: low.exp(), high: high.exp(), n: own.n })
}

fn right_answers(rows: &Rows) -> Option<Vec<Option<bool>>> {
    let (predicted, names) = quality::classes(rows.column("prediction")?);
    let (truth, words) = quality::classes(rows.labels?);
    let same: Vec<Option<u32>> = names.iter().map(|n| words.iter().position(|w| w == n).map(|p| p as u32)).collect();
    Some(
        predicted
            .iter()
            .zip(&truth)
            .map(|(p, t)| (*p != MISSING && *t != MISSING).then(|| same[*p as usize] == Some(*t)))
            .collect(),
    )
}

fn errors_by_group(rows: &Rows, column: String, places: &[u32], names: &[String]) -> Option<Fairness> {
    let predicted = rows.numbers("prediction")?;
    let truth = quality::numbers_of(rows.labels?);
    let (kept, too_small) = large_enough(places, names.len());
    let mut groups: Vec<GroupRate> = kept
        .iter()
        .filter_map(|g| {
            let errors: Vec<f64> = places
                .iter()
                .enumerate()
                .filter(|(_, p)| **p == *g as u32)
                .map(|(row, _)| (predicted[row] - truth[row]).abs())
                .filter(|e| e.is_finite())
                .collect();
            (errors.len() >= LEAST).then(|| {
                let mean = statistics::quantile::mean(&errors);
                let spread = statistics::quantile::standard_deviation(&errors, 1);
                let (low, high) = mean_interval(mean, spread, errors.len() as f64, Z95);
                GroupRate {
                    name: names[*g].clone(),
                    n: errors.len() as u64,
                    rate: Estimate { value: mean, low, high, n: errors.len() as u64 },
                    ratio: None,
                    true_positive: None,
                    false_positive: None,
                    accuracy: None,
                    privileged: false,
                }
            })
        })
        .collect();
    if groups.len() < 2 {
        return None;
    }
    let best = (0..groups.len()).min_by(|a, b| groups[*a].rate.value.total_cmp(&groups[*b].rate.value))?;
    groups[best].privileged = true;
    Some(Fairness { column, groups, too_small, parity_ratio: None, unfair: false, equalized_odds_difference: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use domain::event::Column;

    #[test]
    fn a_group_selected_half_as_often_is_named_and_a_small_one_is_not_judged() {
        // 400 of each large group, 80 % and 40 % called positive; 20 rows of a third.
        let mut groups = Vec::new();
        let mut predicted = Vec::new();
        for i in 0..400 {
            groups.extend([0, 1]);
            predicted.extend([f64::from(u8::from(i % 5 != 0)), f64::from(u8::from(i % 5 < 2))]);
        }
        groups.extend([2; 20]);
        predicted.extend([0.0; 20]);
        let n = groups.len();
        let columns = vec![
            Column {
                name: "group.sex".into(),
                data: ColumnData::Category { codes: groups, dictionary: vec!["m".into(), "f".into(), "x".into()] },
            },
            Column { name: "prediction".into(), data: ColumnData::Number(predicted) },
        ];
        let times = vec![Timestamp(0); n];
        let rows = Rows { times: &times, columns: &columns, labels: None, label_times: &[] };
        let found = fairness(&rows, None, Task::BinaryClassification, Some("1"), &["sex".into()]);
        let [sex] = found.as_slice() else { panic!("{found:?}") };
        assert!(sex.unfair && sex.too_small == 1 && sex.groups.len() == 2);
        let women = sex.groups.iter().find(|g| g.name == "f").expect("there");
        assert!((women.ratio.expect("compared").value - 0.5).abs() < 1e-9);
        assert!(sex.groups.iter().any(|g| g.name == "m" && g.privileged));
    }
}

//! Whether somebody feels a model out: rows that ask what a row just before them asked, with one feature changed.
//!
//! Who copies a model, looks for the input that turns its answer, or tries what it will let pass asks the same again and
//! again and varies one value. Customers seldom do. Inputs of a few categories resemble each other by chance, so it is
//! asked only where enough features hold numbers of which hardly two are the same.

use domain::event::ColumnData;
use domain::verdict::Estimate;

use crate::Rows;
use crate::reference::{Reference, ReferenceValues};
use crate::share::share;

/// Later rows that each is held against: what else is asked meanwhile may stand between.
const AHEAD: usize = 16;
/// Features that must tell inputs apart: with fewer, chance does what an attacker would.
const TELLING_LEAST: usize = 4;
/// A feature tells inputs apart where so many of evenly spaced values of the baseline are so many different ones.
const SPACED: usize = 2000;
const DIFFERENT: usize = 500;
/// Rows looked at, from the window's start.
const ROWS_AT_MOST: usize = 100_000;

enum Feature<'a> {
    Number(&'a [f64]),
    Code(&'a [u32]),
}

impl Feature<'_> {
    fn differs(&self, a: usize, b: usize) -> bool {
        match self {
            Feature::Number(values) => values[a].to_bits() != values[b].to_bits(),
            Feature::Code(codes) => codes[a] != codes[b],
        }
    }
}

/// Whether two rows that have the same value of a feature hardly do so by chance.
fn tells_apart(sorted: &[f64]) -> bool {
    let spaced: Vec<f64> = sorted.iter().step_by((sorted.len() / SPACED).max(1)).copied().collect();
    let different = spaced.chunk_by(|a, b| a == b).count();
    different >= DIFFERENT.min(spaced.len() / 4).max(2)
}

/// Rows, in order of time, whose input is nearly that of another within the [`AHEAD`] rows around them: all but one of its
/// features are the same, of eight or more all but two (two steps from one point, each along another feature, differ in
/// two). `None` for fewer than two rows, or where the baseline has fewer than four features that tell inputs apart.
pub fn probing(reference: Option<&Reference>, rows: &Rows) -> Option<Estimate> {
    let telling = |column: &&crate::reference::ReferenceColumn| match &column.values {
        ReferenceValues::Numeric(numbers) => column.column.starts_with("feature.") && tells_apart(&numbers.sorted),
        ReferenceValues::Categorical { .. } => false,
    };
    let n = rows.times.len().min(ROWS_AT_MOST);
    if n < 2 || reference?.columns.iter().filter(telling).count() < TELLING_LEAST {
        return None;
    }
    let features: Vec<Feature<'_>> = rows
        .columns
        .iter()
        .filter(|c| c.name.starts_with("feature."))
        .filter_map(|c| match &c.data {
            ColumnData::Number(values) => Some(Feature::Number(values)),
            ColumnData::Category { codes, .. } => Some(Feature::Code(codes)),
            ColumnData::Vector { .. } => None,
        })
        .collect();
    let most = (features.len() / 4).min(2);
    let mut varied = vec![false; n];
    for row in 0..n {
        for other in row + 1..(row + 1 + AHEAD).min(n) {
            let differing = features.iter().filter(|f| f.differs(row, other)).take(most + 1).count();
            if (1..=most).contains(&differing) {
                (varied[row], varied[other]) = (true, true);
            }
        }
    }
    Some(share(varied.iter().filter(|v| **v).count() as u64, n as u64))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use domain::Timestamp;
    use domain::event::Column;

    /// Rows of so many numbers, of which every fifth is what one attacker asks: the same point, one value moved. Which
    /// one, his turn says.
    fn asked(features: usize, moved: Option<fn(usize) -> usize>) -> Vec<Column> {
        let mut random = fastrand::Rng::with_seed(7);
        let point: Vec<f64> = (0..features).map(|_| random.f64()).collect();
        let mut row = |row: usize| match moved.filter(|_| row.is_multiple_of(5)) {
            Some(moved) => {
                let mut probe = point.clone();
                probe[moved(row / 5) % features] += 1.0 + row as f64;
                probe
            }
            None => (0..features).map(|_| random.f64()).collect(),
        };
        let rows: Vec<Vec<f64>> = (0..600).map(&mut row).collect();
        let column = |f: usize| Column {
            name: format!("feature.f{f}"),
            data: ColumnData::Number(rows.iter().map(|r| r[f]).collect()),
        };
        (0..features).map(column).collect()
    }

    /// Held against a baseline of what is usually asked.
    fn of(columns: &[Column]) -> Option<f64> {
        let times: Vec<Timestamp> = (0..columns.first().map_or(0, |_| 600)).map(Timestamp).collect();
        let usual = Reference::of(&asked(columns.len(), None), 600, &HashMap::new());
        let rows = Rows { times: &times, columns, labels: None, label_times: &[] };
        probing(Some(&usual), &rows).map(|share| share.value)
    }

    #[test]
    fn who_varies_one_value_at_a_time_is_seen_among_others() {
        assert_eq!(of(&asked(6, None)), Some(0.0));
        // The same feature for twenty turns, then the next.
        assert_eq!(of(&asked(6, Some(|turn| turn / 20))), Some(0.2));
        // Another feature each turn: two of them differ in two.
        assert_eq!(of(&asked(8, Some(|turn| turn))), Some(0.2));
        assert_eq!(of(&asked(6, Some(|turn| turn))), Some(0.0));
    }

    #[test]
    fn the_same_again_is_no_probe_and_few_values_say_nothing() {
        let same = |c: Column| Column { data: ColumnData::Number(vec![1.0; 600]), ..c };
        let same: Vec<Column> = asked(6, None).into_iter().map(same).collect();
        assert_eq!(of(&same), Some(0.0));
        assert_eq!(of(&asked(3, None)), None);
        assert_eq!(of(&[]), None);
        // Of years of age and the like two in a row are often the same by chance.
        let times: Vec<Timestamp> = (0..600).map(Timestamp).collect();
        let whole = |c: Column| match c.data {
            ColumnData::Number(values) => {
                Column { data: ColumnData::Number(values.iter().map(|v| (v * 80.0).round()).collect()), ..c }
            }
            _ => c,
        };
        let whole: Vec<Column> = asked(6, None).into_iter().map(whole).collect();
        let usual = Reference::of(&whole, 600, &HashMap::new());
        let rows = Rows { times: &times, columns: &whole, labels: None, label_times: &[] };
        assert_eq!(probing(Some(&usual), &rows), None);
        assert_eq!(probing(None, &rows), None);
    }
}

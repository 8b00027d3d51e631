//! How far the members of an ensemble agree, and whom to believe when they do not.

use domain::event::ColumnData;
use domain::evidence::Ensemble;
use domain::model::Task;
use domain::verdict::Estimate;
use statistics::agreement::{consensus, dawid_skene, fleiss_kappa, pairwise};
use statistics::intervals::{Z95, wilson};

use crate::Rows;
use crate::quality::classes;

/// Rows that Dawid–Skene looks at: its rounds go over all of them.
const ROWS_AT_MOST: usize = 5000;

/// `None` with fewer than two members. Numbers agree within a tenth of their common spread.
pub fn ensemble(rows: &Rows, task: Task) -> Option<Ensemble> {
    let columns: Vec<(String, &ColumnData)> =
        rows.columns.iter().filter_map(|c| Some((c.name.strip_prefix("member.")?.to_string(), &c.data))).collect();
    if columns.len() < 2 || rows.times.is_empty() {
        return None;
    }
    let members: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let (votes, kinds) = if task == Task::Regression { bands(&columns) } else { words(&columns) };
    let m = members.len();
    let known: Vec<&[Option<usize>]> =
        votes.chunks(m).filter(|row| row.iter().filter(|v| v.is_some()).count() >= 2).collect();
    if known.is_empty() {
        return None;
    }
    let same = |row: &&&[Option<usize>]| {
        let mut said = row.iter().flatten();
        let first = said.next();
        said.all(|v| Some(v) == first)
    };
    let (hits, n) = (known.iter().filter(same).count() as f64, known.len() as f64);
    let (low, high) = wilson(hits, n, Z95);
    let flat: Vec<Option<usize>> = known.iter().flat_map(|row| row.iter().copied()).collect();
    let few = &flat[..flat.len().min(ROWS_AT_MOST * m)];
    let behind: Vec<f64> = known.iter().filter_map(|row| consensus(row, kinds).map(|(_, share)| share)).collect();
    let estimated_accuracy =
        dawid_skene(few, m, kinds).map(|ds| (0..m).map(|i| ds.accuracy(i)).collect()).unwrap_or_default();
    Some(Ensemble {
        agreement: Estimate { value: hits / n, low, high, n: known.len() as u64 },
        pairs: pairwise(&flat, m),
        kappa: fleiss_kappa(&flat, m, kinds).filter(|k| k.is_finite()),
        consensus: statistics::quantile::mean(&behind),
        estimated_accuracy,
        members,
    })
}

/// Votes row by row, a place a member, and how many different answers there are.
fn words(columns: &[(String, &ColumnData)]) -> (Vec<Option<usize>>, usize) {
    let mut known: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    let coded: Vec<(Vec<u32>, Vec<usize>)> = columns
        .iter()
        .map(|(_, data)| {
            let (codes, dictionary) = classes(data);
            let places = dictionary
                .into_iter()
                .map(|word| {
                    let next = known.len();
                    *known.entry(word).or_insert(next)
                })
                .collect();
            (codes, places)
        })
        .collect();
    let rows = coded.first().map_or(0, |(codes, _)| codes.len());
    let votes = (0..rows)
        .flat_map(|row| coded.iter().map(move |(codes, places)| places.get(codes[row] as usize).copied()))
        .collect();
    (votes, known.len().max(1))
}

/// Numbers cut into ten bands of their common range between the 5th and 95th percentile.
fn bands(columns: &[(String, &ColumnData)]) -> (Vec<Option<usize>>, usize) {
    let numbers: Vec<Vec<f64>> = columns.iter().map(|(_, data)| crate::quality::numbers_of(data)).collect();
    let all = statistics::quantile::sorted_finite(&numbers.concat());
    let at = |q: f64| statistics::quantile::quantile_sorted(&all, q);
    let (low, high) = (at(0.05), at(0.95));
    let width = (high - low).max(f64::MIN_POSITIVE) / 10.0;
    let rows = numbers.first().map_or(0, Vec::len);
    let place = |v: f64| v.is_finite().then(|| (((v - low) / width).floor().clamp(0.0, 9.0)) as usize);
    ((0..rows).flat_map(|row| numbers.iter().map(move |n| place(n[row]))).collect(), 10)
}

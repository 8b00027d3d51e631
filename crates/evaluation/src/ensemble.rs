//! How far the members of an ensemble agree, and whom to believe when they do not.

use std::collections::BTreeMap;

use domain::event::{ColumnData, MISSING};
use domain::evidence::{ConsensusRate, Ensemble};
use domain::model::Task;
use statistics::agreement::{consensus, dawid_skene, fleiss_kappa, pairwise};

use crate::Rows;
use crate::quality::classes;
use crate::share::share;

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
    let m = members.len();
    let (votes, kinds, right) = if task == Task::Regression {
        let (votes, kinds) = bands(&columns);
        (votes, kinds, Vec::new())
    } else {
        let (votes, known) = words(&columns);
        let right = rows.labels.map(|labels| right(&votes, m, &known, labels)).unwrap_or_default();
        (votes, known.len().max(1), right)
    };
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
    let agreement = share(known.iter().filter(same).count() as u64, known.len() as u64);
    let flat: Vec<Option<usize>> = known.iter().flat_map(|row| row.iter().copied()).collect();
    let few = &flat[..flat.len().min(ROWS_AT_MOST * m)];
    let behind: Vec<f64> = known.iter().filter_map(|row| consensus(row, kinds).map(|(_, share)| share)).collect();
    let estimated_accuracy =
        dawid_skene(few, m, kinds).map(|ds| (0..m).map(|i| ds.accuracy(i)).collect()).unwrap_or_default();
    Some(Ensemble {
        agreement,
        pairs: pairwise(&flat, m),
        kappa: fleiss_kappa(&flat, m, kinds).filter(|k| k.is_finite()),
        consensus: statistics::quantile::mean(&behind),
        estimated_accuracy,
        right,
        members,
    })
}

/// The places of answers, by their word.
type Places = BTreeMap<String, usize>;

/// Whether consensus means what it looks like: how often the most frequent answer was right, the most agreed
/// first. Rows of which nothing is known, or in which a single member spoke, say nothing.
fn right(votes: &[Option<usize>], m: usize, known: &Places, labels: &ColumnData) -> Vec<ConsensusRate> {
    let (codes, words) = classes(labels);
    let truth: Vec<Option<usize>> = words.iter().map(|word| known.get(word).copied()).collect();
    let mut counts: BTreeMap<(u32, u32), (u64, u64)> = BTreeMap::new();
    for (row, code) in votes.chunks(m).zip(codes).filter(|(_, code)| *code != MISSING) {
        let of = row.iter().flatten().count();
        if of < 2 {
            continue;
        }
        let Some((class, share)) = consensus(row, known.len().max(1)) else { continue };
        let count = counts.entry(((share * of as f64).round() as u32, of as u32)).or_default();
        count.0 += u64::from(truth.get(code as usize) == Some(&Some(class)));
        count.1 += 1;
    }
    let rate =
        |((behind, of), (hits, n)): ((u32, u32), (u64, u64))| ConsensusRate { behind, of, right: share(hits, n) };
    let mut rates: Vec<ConsensusRate> = counts.into_iter().map(rate).collect();
    rates.sort_by(|a, b| (u64::from(b.behind) * u64::from(a.of)).cmp(&(u64::from(a.behind) * u64::from(b.of))));
    rates
}

/// Votes row by row, a place a member, and the answers there are.
fn words(columns: &[(String, &ColumnData)]) -> (Vec<Option<usize>>, Places) {
    let mut known = Places::new();
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
    (votes, known)
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

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use domain::event::Column;

    #[test]
    fn consensus_is_held_against_the_truth_by_how_many_stood_behind_it() {
        let category = |words: [&str; 4]| {
            let dictionary: Vec<String> = vec!["no".into(), "yes".into()];
            let code = |w: &str| dictionary.iter().position(|d| d == w).map_or(MISSING, |p| p as u32);
            ColumnData::Category { codes: words.map(code).to_vec(), dictionary: dictionary.clone() }
        };
        let column = |name: &str, words| Column { name: name.into(), data: category(words) };
        let columns = [
            column("member.a", ["yes", "yes", "no", "no"]),
            column("member.b", ["yes", "yes", "no", "yes"]),
            column("member.c", ["yes", "no", "yes", "yes"]),
        ];
        // Of the last nothing is known.
        let labels = category(["yes", "no", "no", ""]);
        let times = [1, 2, 3, 4].map(Timestamp);
        let rows = Rows { times: &times, columns: &columns, labels: Some(&labels), label_times: &[] };
        let found = ensemble(&rows, Task::BinaryClassification).expect("three members");
        let rates: Vec<(u32, u32, f64, u64)> =
            found.right.iter().map(|r| (r.behind, r.of, r.right.value, r.right.n)).collect();
        assert_eq!(rates, [(3, 3, 1.0, 1), (2, 3, 0.5, 2)]);
    }
}

//! Versions of a model, and of its prompts, beside each other: the same window, so the same world.

use std::collections::BTreeMap;

use domain::event::MISSING;
use domain::evidence::VersionRate;
use domain::verdict::Estimate;
use statistics::intervals::{Z95, mean_interval};
use statistics::quantile::{mean, quantile_sorted, sorted_finite, standard_deviation};

use crate::Rows;
use crate::quality::classes;

/// Columns whose values are compared, with what they are called.
const COMPARED: [(&str, &str); 2] = [("version", "version"), ("feature.prompt_version", "prompt")];
/// Versions of one column that are listed, those with most rows first.
const LISTED: usize = 8;

/// One line a version. `scores` are the rows' own shares of the leading measure, NaN where not known;
/// `realised` says whether they rest on labels. Nothing where only one version answered.
pub fn versions(rows: &Rows, scores: Option<(&[f64], bool)>) -> Vec<VersionRate> {
    let mut all = Vec::new();
    for (column, kind) in COMPARED {
        let Some(data) = rows.column(column) else {
            continue;
        };
        let (codes, dictionary) = classes(data);
        let mut by: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        codes
            .iter()
            .enumerate()
            .filter(|(_, c)| **c != MISSING)
            .for_each(|(row, c)| by.entry(*c).or_default().push(row));
        if by.len() < 2 {
            continue;
        }
        let mut own: Vec<VersionRate> = by
            .into_iter()
            .map(|(code, places)| {
                let of = |name: &str| -> Vec<f64> {
                    rows.numbers(name)
                        .map(|values| places.iter().map(|r| values[*r]).filter(|v| v.is_finite()).collect())
                        .unwrap_or_default()
                };
                let sum = |name: &str| {
                    let values = of(name);
                    (!values.is_empty()).then(|| mean(&values))
                };
                let quality = scores.and_then(|(scores, realised)| {
                    let known: Vec<f64> = places.iter().map(|r| scores[*r]).filter(|v| v.is_finite()).collect();
                    (known.len() >= 2).then(|| {
                        let (value, n) = (mean(&known), known.len() as f64);
                        let (low, high) = mean_interval(value, standard_deviation(&known, 1), n, Z95);
                        (Estimate { value, low, high, n: known.len() as u64 }, realised)
                    })
                });
                let latency = sorted_finite(&of("latency_ms"));
                VersionRate {
                    kind: kind.to_string(),
                    name: dictionary[code as usize].clone(),
                    rows: places.len() as u64,
                    quality: quality.map(|(e, _)| e),
                    realised: quality.is_some_and(|(_, realised)| realised),
                    latency_ms_p95: (!latency.is_empty()).then(|| quantile_sorted(&latency, 0.95)),
                    cost: sum("cost"),
                    tokens_out: sum("tokens.output"),
                }
            })
            .collect();
        own.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.name.cmp(&b.name)));
        own.truncate(LISTED);
        all.extend(own);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use domain::event::{Column, ColumnData};

    #[test]
    fn two_versions_of_one_window_stand_beside_each_other() {
        let codes = (0..40).map(|i| u32::from(i % 4 == 0)).collect();
        let columns = vec![
            Column {
                name: "version".into(),
                data: ColumnData::Category { codes, dictionary: vec!["1.0".into(), "1.1".into()] },
            },
            Column { name: "cost".into(), data: ColumnData::Number((0..40).map(|i| f64::from(i % 4)).collect()) },
        ];
        let times = vec![Timestamp(0); 40];
        let rows = Rows { times: &times, columns: &columns, labels: None, label_times: &[] };
        let scores: Vec<f64> = (0..40).map(|i| f64::from(u8::from(i % 4 != 0))).collect();
        let found = versions(&rows, Some((&scores, true)));
        assert_eq!(found.iter().map(|v| (v.name.as_str(), v.rows)).collect::<Vec<_>>(), [("1.0", 30), ("1.1", 10)]);
        assert_eq!((found[0].quality.map(|q| q.value), found[1].cost), (Some(1.0), Some(0.0)));
    }
}

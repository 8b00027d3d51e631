//! Quantiles of histograms kept as cumulative counts with upper bounds (`le`).

use std::collections::HashMap;

use crate::evaluate::nameless;
use crate::{ABSENT, Labels, Series, is_absent};

/// One upper bound and how many observations do not exceed it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    upper: f64,
    count: f64,
}

/// Upper bounds with their counts, a count a step, lowest bound first.
type Buckets = Vec<(f64, Vec<f64>)>;

/// Series of buckets, by the labels that they share besides `le`.
fn histograms(series: Vec<Series>) -> Vec<(Labels, Buckets)> {
    let mut places: HashMap<Labels, usize> = HashMap::new();
    let mut found: Vec<(Labels, Buckets)> = Vec::new();
    for one in series {
        let mut labels = nameless(one.labels);
        let Some(upper) = labels.remove("le").and_then(|le| bound(&le)) else {
            continue;
        };
        let place = *places.entry(labels.clone()).or_insert_with(|| {
            found.push((labels, Vec::new()));
            found.len() - 1
        });
        found[place].1.push((upper, one.values));
    }
    for (_, buckets) in &mut found {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    found
}

fn bound(text: &str) -> Option<f64> {
    match text {
        "+Inf" | "Inf" | "inf" => Some(f64::INFINITY),
        _ => text.parse().ok().filter(|v: &f64| !v.is_nan()),
    }
}

pub(crate) fn quantiles(share: &[f64], series: Vec<Series>) -> Vec<Series> {
    histograms(series)
        .into_iter()
        .filter_map(|(labels, buckets)| {
            let values: Vec<f64> = share
                .iter()
                .enumerate()
                .map(|(step, share)| {
                    let present: Vec<Bucket> = buckets
                        .iter()
                        .filter(|(_, counts)| !is_absent(counts[step]))
                        .map(|(upper, counts)| Bucket { upper: *upper, count: counts[step] })
                        .collect();
                    if present.is_empty() { ABSENT } else { quantile(*share, present) }
                })
                .collect();
            values.iter().any(|v| !is_absent(*v)).then_some(Series { labels, values })
        })
        .collect()
}

/// Linear within the bucket where the rank falls; the lower edge of the first is 0 unless it is below.
fn quantile(share: f64, mut buckets: Vec<Bucket>) -> f64 {
    if share.is_nan() {
        return f64::NAN;
    }
    if share < 0.0 {
        return f64::NEG_INFINITY;
    }
    if share > 1.0 {
        return f64::INFINITY;
    }
    if buckets.last().is_none_or(|b| b.upper != f64::INFINITY) {
        return f64::NAN;
    }
    buckets.dedup_by(|later, first| {
        let same = later.upper == first.upper;
        if same {
            first.count += later.count;
        }
        same
    });
    // Counts scraped at slightly different moments may fall where they cannot.
    for i in 1..buckets.len() {
        buckets[i].count = buckets[i].count.max(buckets[i - 1].count);
    }
    let last = buckets.len() - 1;
    let all = buckets[last].count;
    if last == 0 || all == 0.0 || all.is_nan() {
        return f64::NAN;
    }
    let rank = share * all;
    let place = buckets[..last].partition_point(|b| b.count < rank);
    if place == last {
        return buckets[last - 1].upper;
    }
    if place == 0 && buckets[0].upper <= 0.0 {
        return buckets[0].upper;
    }
    let (start, before) = if place == 0 { (0.0, 0.0) } else { (buckets[place - 1].upper, buckets[place - 1].count) };
    let Bucket { upper, count } = buckets[place];
    start + (upper - start) * ((rank - before) / (count - before))
}

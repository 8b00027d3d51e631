//! What a model does, whatever the truth: consistency, steadiness, diversity (definitions: measures).

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

use domain::event::{ColumnData, MISSING};
use domain::evidence::{Behaviour, Usage};
use domain::model::Task;
use domain::verdict::Estimate;
use statistics::divergence::{self, Base};
use statistics::intervals::{Z95, wilson};
use statistics::quantile::{quantile_sorted, sorted_finite};

use crate::Rows;
use crate::probing::probing;
use crate::quality::classes;
use crate::reference::{Numbers, Reference, ReferenceValues};
use crate::share::share;

/// Two numbers that differ by less than this share of the baseline's spread are the same answer.
const TOLERANCE: f64 = 0.02;
/// Rows looked at for repeated inputs.
const ROWS_AT_MOST: usize = 100_000;

/// A key for each row's input: its `input_id` where it has one, else its features.
pub fn input_keys(rows: &Rows) -> Vec<u64> {
    let n = rows.times.len().min(ROWS_AT_MOST);
    // Fixed keys: the same rows give the same report everywhere.
    let state = std::hash::BuildHasherDefault::<std::collections::hash_map::DefaultHasher>::default();
    let mut keys = vec![0_u64; n];
    let mut add = |data: &ColumnData| match data {
        ColumnData::Number(values) => {
            for (key, value) in keys.iter_mut().zip(values) {
                *key = mix(*key, value.to_bits());
            }
        }
        ColumnData::Category { codes, dictionary } => {
            let words: Vec<u64> = dictionary
                .iter()
                .map(|word| {
                    let mut hasher = state.build_hasher();
                    hasher.write(word.as_bytes());
                    hasher.finish()
                })
                .collect();
            for (key, code) in keys.iter_mut().zip(codes) {
                *key = mix(*key, words.get(*code as usize).copied().unwrap_or(u64::MAX));
            }
        }
        ColumnData::Vector { dimension, values } => {
            let width = (*dimension).max(1) as usize;
            for (key, row) in keys.iter_mut().zip(values.chunks(width)) {
                for value in row {
                    *key = mix(*key, u64::from(value.to_bits()));
                }
            }
        }
    };
    if let Some(ids) = rows.column("input_id") {
        add(ids);
        return keys;
    }
    rows.columns.iter().filter(|c| c.name.starts_with("feature.")).for_each(|c| add(&c.data));
    keys
}

pub(crate) fn mix(key: u64, value: u64) -> u64 {
    (key ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
}

/// Rows whose input an earlier row had, of those looked at. `None` without inputs.
pub fn duplicates(keys: &[u64]) -> Option<Estimate> {
    let first = keys.first()?;
    if keys.len() > 1 && keys.iter().all(|k| k == first) && *first == 0 {
        return None;
    }
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    let again = sorted.windows(2).filter(|w| w[0] == w[1]).count();
    Some(share(again as u64, keys.len() as u64))
}

/// Of two predictions drawn among those with the same input, the chance that they agree.
fn consistency(rows: &Rows, task: Task, keys: &[u64], tolerance: f64) -> (Option<Estimate>, u64) {
    let Some(data) = rows.column("prediction").or_else(|| rows.column("text")) else {
        return (None, 0);
    };
    let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
    keys.iter().enumerate().for_each(|(row, key)| places.entry(*key).or_default().push(row));
    let (mut agree, mut pairs, mut repeated) = (0_u64, 0_u64, 0_u64);
    let numbers = match (data, task) {
        (ColumnData::Number(values), Task::Regression) => Some(values),
        _ => None,
    };
    let codes = if numbers.is_none() { classes(data).0 } else { Vec::new() };
    for group in places.into_values().filter(|g| g.len() > 1) {
        repeated += 1;
        match numbers {
            Some(values) => {
                let own: Vec<f64> = sorted_finite(&group.iter().map(|r| values[*r]).collect::<Vec<_>>());
                pairs += (own.len() * own.len().saturating_sub(1) / 2) as u64;
                let mut low = 0;
                for (i, value) in own.iter().enumerate() {
                    while value - own[low] > tolerance {
                        low += 1;
                    }
                    agree += (i - low) as u64;
                }
            }
            None => {
                let mut counts: HashMap<u32, u64> = HashMap::new();
                group
                    .iter()
                    .map(|r| codes[*r])
                    .filter(|c| *c != MISSING)
                    .for_each(|c| *counts.entry(c).or_default() += 1);
                let n: u64 = counts.values().sum();
                pairs += n * n.saturating_sub(1) / 2;
                agree += counts.values().map(|c| c * c.saturating_sub(1) / 2).sum::<u64>();
            }
        }
    }
    if pairs == 0 {
        return (None, repeated);
    }
    // Pairs of one input hang together, so the interval rests on the inputs, not the pairs.
    let value = agree as f64 / pairs as f64;
    let (low, high) = wilson(value * repeated as f64, repeated as f64, Z95);
    (Some(Estimate { value, low, high, n: pairs }), repeated)
}

/// Shares of the window's answers on the baseline's classes or bins, what is new at the end.
fn answers(reference: Option<&Reference>, rows: &Rows) -> Vec<f64> {
    let known = |name: &str| reference.and_then(|r| r.columns.iter().find(|c| c.column == name));
    let (Some(column), Some(data)) =
        (known("prediction").or(known("probability")), rows.column("prediction").or(rows.column("probability")))
    else {
        return Vec::new();
    };
    match (&column.values, data) {
        (ReferenceValues::Numeric(numbers), ColumnData::Number(values)) => {
            numbers.deciles.shares_of(&sorted_finite(values)).0
        }
        (ReferenceValues::Categorical { categories, index }, data) => {
            let (codes, dictionary) = classes(data);
            let mut counts = vec![0_u64; categories.len() + 1];
            let places: Vec<usize> =
                dictionary.iter().map(|w| index.get(w).copied().unwrap_or(categories.len())).collect();
            codes.iter().filter(|c| **c != MISSING).for_each(|c| counts[places[*c as usize]] += 1);
            let n = counts.iter().sum();
            statistics::binning::shares(&counts, n)
        }
        _ => Vec::new(),
    }
}

/// Shannon entropy of the classes over its maximum; numbers: the spread of the middle half over the
/// baseline's; text: distinct pairs of neighbouring words over all of them.
fn diversity(reference: Option<&Reference>, rows: &Rows, task: Task) -> Option<f64> {
    if task == Task::Text {
        return distinct_pairs(rows.column("text")?);
    }
    let data = rows.column("prediction")?;
    if let (Task::Regression, ColumnData::Number(values)) = (task, data) {
        let before = reference?.columns.iter().find(|c| c.column == "prediction")?;
        let ReferenceValues::Numeric(numbers) = &before.values else {
            return None;
        };
        let spread = |v: &[f64]| quantile_sorted(v, 0.75) - quantile_sorted(v, 0.25);
        let (was, is) = (spread(&numbers.sorted), spread(&sorted_finite(values)));
        return (was > 0.0 && is.is_finite()).then(|| is / was);
    }
    let (codes, dictionary) = classes(data);
    let mut counts = vec![0_u64; dictionary.len()];
    codes.iter().filter(|c| **c != MISSING).for_each(|c| counts[*c as usize] += 1);
    let n = counts.iter().sum::<u64>() as f64;
    if n == 0.0 {
        return None;
    }
    let entropy: f64 = counts.iter().filter(|c| **c > 0).map(|c| *c as f64 / n).map(|p| -p * p.ln()).sum();
    // The most there could be: the classes of the baseline and any new ones.
    let known =
        reference.and_then(|r| r.columns.iter().find(|c| c.column == "prediction")).map_or(0, |c| match &c.values {
            ReferenceValues::Categorical { categories, .. } => categories.len(),
            ReferenceValues::Numeric(numbers) => numbers.sorted.chunk_by(|a, b| a == b).take(1000).count(),
        });
    let most = known.max(counts.iter().filter(|c| **c > 0).count()).max(2) as f64;
    Some(entropy / most.ln())
}

fn distinct_pairs(data: &ColumnData) -> Option<f64> {
    let mut seen = std::collections::HashSet::new();
    let mut all = 0_u64;
    for row in 0..data.len().min(20_000) {
        if let Some(text) = data.text(row) {
            let words: Vec<String> = text.split_whitespace().take(400).map(str::to_lowercase).collect();
            for pair in words.windows(2) {
                all += 1;
                seen.insert((pair[0].clone(), pair[1].clone()));
            }
        }
    }
    (all > 0).then(|| seen.len() as f64 / all as f64)
}

/// What one window shows by itself; [`steadiness`] also needs the one before.
pub fn behaviour(reference: Option<&Reference>, rows: &Rows, task: Task, keys: &[u64]) -> Behaviour {
    let tolerance = reference
        .and_then(|r| r.columns.iter().find(|c| c.column == "prediction"))
        .and_then(|c| match &c.values {
            ReferenceValues::Numeric(Numbers { sorted, .. }) if !sorted.is_empty() => {
                Some(quantile_sorted(sorted, 0.9) - quantile_sorted(sorted, 0.1))
            }
            _ => None,
        })
        .map_or(0.0, |spread| spread * TOLERANCE);
    let (consistency, repeated) = consistency(rows, task, keys, tolerance);
    let answers = answers(reference, rows);
    let diversity = diversity(reference, rows, task);
    Behaviour { consistency, repeated, steadiness: None, diversity, probing: probing(reference, rows), answers }
}

/// How like the answers of the window before those of this one are: 1 − Jensen–Shannon distance.
pub fn steadiness(before: Option<&Behaviour>, now: &Behaviour) -> Option<f64> {
    before
        .filter(|b| b.answers.len() == now.answers.len() && !now.answers.is_empty())
        .map(|b| 1.0 - divergence::jensen_shannon_distance(&b.answers, &now.answers, Base::Two))
        .filter(|s| s.is_finite())
}

/// Why an answer ended, where that says that it was refused: what OpenAI, Anthropic, Google, Mistral and AWS
/// write, in small letters.
const REFUSED: [&str; 7] =
    ["content_filter", "refusal", "safety", "guardrail", "recitation", "prohibited_content", "blocklist"];
/// The same for answers that reached the limit of tokens.
const CUT_OFF: [&str; 3] = ["length", "max_tokens", "max_output_tokens"];

/// Tokens, cost, latency and failures of the rows.
pub fn usage(rows: &Rows) -> Usage {
    let sum = |name: &str| {
        let known: Vec<f64> = rows.numbers(name)?.iter().copied().filter(|v| v.is_finite()).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>())
    };
    let sorted = |values: &[f64]| Some(sorted_finite(values)).filter(|l| !l.is_empty());
    let latency = rows.numbers("latency_ms").and_then(sorted);
    let first = rows.numbers(FIRST_TOKEN).and_then(sorted);
    let each = each_token(rows).as_deref().and_then(sorted);
    let at = |values: &Option<Vec<f64>>, q: f64| values.as_ref().map(|l| quantile_sorted(l, q));
    // A call that failed has no reason for stopping, one that did not has no error.
    let errors = rows.column("feature.error").map(|data| {
        let (codes, _) = classes(data);
        share(codes.iter().filter(|c| **c != MISSING).count() as u64, codes.len() as u64)
    });
    let stopped = rows.column("feature.finish_reason").map(classes);
    let of = |wanted: &[&str]| {
        let (codes, words) = stopped.as_ref()?;
        let hit = |word: &String| wanted.iter().any(|w| word.to_lowercase().contains(w));
        let hits: Vec<bool> = words.iter().map(hit).collect();
        let known = codes.iter().filter(|c| **c != MISSING);
        let n = known.clone().count() as u64;
        (n > 0).then(|| share(known.filter(|c| hits.get(**c as usize) == Some(&true)).count() as u64, n))
    };
    Usage {
        tokens_in: sum("tokens.input"),
        tokens_out: sum("tokens.output"),
        cost: sum("cost"),
        latency_ms_p50: at(&latency, 0.5),
        latency_ms_p95: at(&latency, 0.95),
        latency_ms_p99: at(&latency, 0.99),
        first_token_ms_p50: at(&first, 0.5),
        first_token_ms_p95: at(&first, 0.95),
        token_ms_p50: at(&each, 0.5),
        errors,
        refusals: of(&REFUSED),
        cut_off: of(&CUT_OFF),
        tool_errors: sum("feature.tools")
            .zip(sum("feature.tool_errors"))
            .filter(|(runs, _)| *runs > 0.0)
            .map(|(runs, failed)| share(failed.clamp(0.0, runs) as u64, runs as u64)),
    }
}

const FIRST_TOKEN: &str = "feature.time_to_first_token_ms";

/// Milliseconds for each token after the first, of answers that have more than one.
fn each_token(rows: &Rows) -> Option<Vec<f64>> {
    let (whole, first) = (rows.numbers("latency_ms")?, rows.numbers(FIRST_TOKEN)?);
    let tokens = rows.numbers("tokens.output")?;
    let of = |((whole, first), tokens): ((&f64, &f64), &f64)| {
        if *tokens > 1.0 { (whole - first) / (tokens - 1.0) } else { f64::NAN }
    };
    Some(whole.iter().zip(first).zip(tokens).map(of).collect())
}

//! Drift of single columns, and what they add up to.
//!
//! A verdict needs both: that the difference is no chance (p after Benjamini–Hochberg over the
//! columns of the window), and that it is large enough to matter (an effect beyond its threshold).
//! With p alone every large window would drift; with an effect alone every small one.

use std::borrow::Cow;
use std::collections::HashMap;

use domain::event::{ColumnData, MISSING};
use domain::verdict::{ColumnKind, ColumnVerdict, DriftScore, Finding, Shares, TestResult};
use rayon::prelude::*;
use statistics::kolmogorov_smirnov::Ranks;
use statistics::quantile::{sorted_finite, sorted_owned};
use statistics::{binning, categorical, divergence, intervals, kolmogorov_smirnov, multiple_testing};

use crate::reference::{Numbers, Reference, ReferenceColumn, ReferenceValues};
use crate::{Rows, sentence};

/// Fewer present values than this on a side, and the only verdict is “not enough data”.
pub const ROWS_NEEDED: u64 = 30;
/// A change in the share of missing values that counts as drift by itself.
pub const MISSING_LIMIT: f64 = 0.05;
/// Categories listed in a distribution; the rest is pooled.
const CATEGORIES_SHOWN: usize = 12;

/// Thresholds and the level of significance. The defaults are the field's conventions.
#[derive(Debug, Clone, PartialEq)]
pub struct DriftOptions {
    /// Which tests to run; empty for all that fit.
    pub tests: Vec<String>,
    pub alpha: f64,
    pub ks: f64,
    /// Where PSI begins to matter; 2.5 times as much is large (0.1 and 0.25).
    pub psi: f64,
    pub jensen_shannon: f64,
    pub l_infinity: f64,
    /// In standard deviations of the baseline.
    pub wasserstein: f64,
}

impl Default for DriftOptions {
    fn default() -> Self {
        DriftOptions {
            tests: Vec::new(),
            alpha: 0.05,
            ks: 0.1,
            psi: 0.1,
            jensen_shannon: 0.1,
            l_infinity: 0.1,
            wasserstein: 0.1,
        }
    }
}

impl DriftOptions {
    fn wanted(&self, test: &str) -> bool {
        // Wasserstein walks the whole baseline for each window, so it runs where it is asked for.
        if self.tests.is_empty() { test != "wasserstein" } else { self.tests.iter().any(|t| t == test) }
    }
}

pub const TESTS: [&str; 6] = ["ks", "psi", "jensen_shannon", "wasserstein", "chi_square", "l_infinity"];

/// Compares each column of the baseline with the window's.
pub fn compare(reference: &Reference, rows: &Rows, options: &DriftOptions) -> Vec<(ColumnVerdict, Shares)> {
    let measured: Vec<Measured> = reference
        .columns
        .par_iter()
        .map(|column| measure(column, rows.column(&column.column).map(Cow::Borrowed), rows.times.len(), options))
        .collect();
    judge(measured, options)
}

/// Verdicts on measured columns: how sure depends on how many there are.
pub fn judge(measured: Vec<Measured>, options: &DriftOptions) -> Vec<(ColumnVerdict, Shares)> {
    let p: Vec<f64> = measured.iter().map(|m| m.p.unwrap_or(f64::NAN)).collect();
    let adjusted = multiple_testing::benjamini_hochberg(&p);
    measured.into_iter().zip(adjusted).map(|(measured, adjusted)| conclude(measured, adjusted, options)).collect()
}

/// Statistics of one column before many-tests correction.
pub struct Measured {
    column: String,
    name: String,
    kind: ColumnKind,
    type_changed: bool,
    n_reference: u64,
    n_current: u64,
    missing_reference: u64,
    missing_current: u64,
    unseen: u64,
    /// From the test of significance: KS or χ².
    p: Option<f64>,
    ks: Option<f64>,
    wasserstein: Option<f64>,
    chi_square: Option<f64>,
    psi: Option<f64>,
    psi_bins: usize,
    jensen_shannon: Option<f64>,
    jensen_shannon_bins: usize,
    l_infinity: Option<f64>,
    out_of_range: u64,
    constant: bool,
    importance: f64,
    effect: Option<f64>,
    /// Median or most frequent category, before and now, for the sentence.
    centre: Option<(String, String)>,
    shares: Shares,
}

/// Compares one column of the baseline with the window's, of `rows` rows.
pub fn measure(
    reference: &ReferenceColumn,
    current: Option<Cow<'_, ColumnData>>,
    rows: usize,
    options: &DriftOptions,
) -> Measured {
    match &reference.values {
        ReferenceValues::Numeric(numbers) => measure_numbers(reference, numbers, current, rows, options),
        ReferenceValues::Categorical { categories, index } => {
            measure_categories(reference, categories, index, current.as_deref(), rows)
        }
    }
}

fn measure_numbers(
    reference: &ReferenceColumn,
    numbers: &Numbers,
    current: Option<Cow<'_, ColumnData>>,
    rows: usize,
    options: &DriftOptions,
) -> Measured {
    let Numbers { sorted, ranks, shown, deciles, doane } = numbers;
    let type_changed =
        matches!(current.as_deref(), Some(ColumnData::Category { codes, .. }) if codes.iter().any(|c| *c != MISSING));
    let now = match current {
        Some(Cow::Owned(ColumnData::Number(values))) => sorted_owned(values),
        Some(Cow::Borrowed(ColumnData::Number(values))) => sorted_finite(values),
        _ => Vec::new(),
    };
    let (n, m) = (sorted.len() as u64, now.len() as u64);
    let mut measured = blank(reference, ColumnKind::Numeric, n, m, rows, type_changed);
    measured.shares = Shares {
        reference: shown.shares.clone(),
        current: shown.shares_with_beyond(&now),
        edges: shown.edges.clone(),
        categories: Vec::new(),
    };
    if n == 0 || m == 0 {
        return measured;
    }
    let (least, greatest) = (sorted[0], sorted[sorted.len() - 1]);
    let (below, within) = (now.partition_point(|v| *v < least), now.partition_point(|v| *v <= greatest));
    measured.out_of_range = (below + now.len() - within) as u64;
    measured.constant = least < greatest && now.len() > 1 && now[0] == now[now.len() - 1];
    let d = if Ranks::serve(sorted.len(), now.len()) {
        ranks.get_or_init(|| Ranks::of(sorted)).statistic(sorted, &now)
    } else {
        kolmogorov_smirnov::statistic_sorted(sorted, &now)
    };
    measured.ks = Some(d);
    measured.p = Some(kolmogorov_smirnov::p_quick(d, sorted.len(), now.len()));
    if options.wanted("wasserstein") {
        measured.wasserstein = Some(divergence::wasserstein_normalised(sorted, &now));
    }
    let (shares, _) = deciles.shares_of(&now);
    measured.effect = effect(&reference.merit, &deciles.shares, &shares);
    measured.psi = Some(divergence::population_stability_index(&deciles.shares, &shares));
    measured.psi_bins = deciles.edges.windows(2).filter(|e| e[0] < e[1]).count();
    let (mut shares, outside) = doane.shares_of(&now);
    let mut before = doane.shares.clone();
    if outside > 0 {
        shares.push(outside as f64 / m as f64);
        before.push(0.0);
    }
    measured.jensen_shannon = Some(divergence::jensen_shannon_distance(&before, &shares, divergence::Base::Two));
    measured.jensen_shannon_bins = before.iter().zip(&shares).filter(|(p, q)| **p + **q > 0.0).count();
    let median = |v: &[f64]| domain::format::compact(statistics::quantile::quantile_sorted(v, 0.5));
    measured.centre = Some((median(sorted), median(&now)));
    measured
}

fn measure_categories(
    reference: &ReferenceColumn,
    categories: &[(String, u64)],
    index: &HashMap<String, usize>,
    current: Option<&ColumnData>,
    rows: usize,
) -> Measured {
    let text;
    let now = match current {
        // A category that looks like a number arrives as one: `1` for “1”.
        Some(ColumnData::Number(_)) => {
            text = current.map(ColumnData::to_category);
            text.as_ref()
        }
        other => other,
    };
    let (known, unseen) = count_categories(now, index, categories.len());
    let n: u64 = categories.iter().map(|(_, c)| c).sum();
    let m = known.iter().sum::<u64>() + unseen;
    let mut measured = blank(reference, ColumnKind::Categorical, n, m, rows, false);
    measured.unseen = unseen;
    let mut before: Vec<u64> = categories.iter().map(|(_, c)| *c).collect();
    let mut after = known;
    measured.shares = bars(categories, &after, unseen, n, m);
    if n == 0 || m == 0 {
        return measured;
    }
    let top = after.iter().enumerate().max_by_key(|(_, c)| **c).map(|(i, _)| categories[i].0.clone());
    measured.centre = Some((categories[0].0.clone(), top.unwrap_or_default()));
    if unseen > 0 {
        before.push(0);
        after.push(unseen);
    }
    let (p, q) = (binning::shares(&before, n), binning::shares(&after, m));
    measured.constant =
        before.iter().filter(|c| **c > 0).count() > 1 && after.iter().filter(|c| **c > 0).count() == 1 && m > 1;
    measured.effect = effect(&reference.merit, &p, &q);
    let (pooled_before, pooled_after) = pool_rare(&before, &after, n, m);
    let chi = categorical::chi_square(&pooled_before, &pooled_after);
    measured.chi_square = Some(chi.statistic);
    measured.p = Some(chi.p);
    measured.psi = Some(divergence::population_stability_index(&p, &q));
    measured.psi_bins = p.len();
    measured.jensen_shannon = Some(divergence::jensen_shannon_distance(&p, &q, divergence::Base::Two));
    measured.jensen_shannon_bins = p.len();
    measured.l_infinity = Some(divergence::l_infinity(&p, &q));
    measured
}

fn blank(reference: &ReferenceColumn, kind: ColumnKind, n: u64, m: u64, rows: usize, type_changed: bool) -> Measured {
    Measured {
        column: reference.column.clone(),
        name: reference.name.clone(),
        kind,
        type_changed,
        n_reference: n,
        n_current: m,
        missing_reference: reference.missing,
        missing_current: (rows as u64).saturating_sub(m),
        unseen: 0,
        p: None,
        ks: None,
        wasserstein: None,
        chi_square: None,
        psi: None,
        psi_bins: 0,
        jensen_shannon: None,
        jensen_shannon_bins: 0,
        l_infinity: None,
        out_of_range: 0,
        constant: false,
        importance: reference.importance,
        effect: None,
        centre: None,
        shares: Shares::default(),
    }
}

/// What a shift of these shares does to the leading measure, were each part as good as on the baseline.
fn effect(merit: &[f64], before: &[f64], now: &[f64]) -> Option<f64> {
    if merit.is_empty() {
        return None;
    }
    let whole: f64 = merit.iter().zip(before).map(|(m, p)| m * p).sum();
    // What the baseline never had is taken to be as good as the whole.
    let known = merit.iter().zip(before.iter().zip(now));
    Some(known.map(|(m, (p, q))| (m - whole) * (q - p)).sum())
}

fn count_categories(
    data: Option<&ColumnData>,
    index: &std::collections::HashMap<String, usize>,
    known: usize,
) -> (Vec<u64>, u64) {
    let mut counts = vec![0_u64; known];
    let mut unseen = 0;
    if let Some(ColumnData::Category { codes, dictionary }) = data {
        let places: Vec<Option<usize>> = dictionary.iter().map(|word| index.get(word).copied()).collect();
        for code in codes.iter().filter(|c| **c != MISSING) {
            match places[*code as usize] {
                Some(place) => counts[place] += 1,
                None => unseen += 1,
            }
        }
    }
    (counts, unseen)
}

/// Pools categories expected fewer than five times on a side, where χ² does not hold.
fn pool_rare(before: &[u64], after: &[u64], n: u64, m: u64) -> (Vec<u64>, Vec<u64>) {
    let total = (n + m) as f64;
    let scarce = |a: u64, b: u64| ((a + b) as f64 * n.min(m) as f64 / total) < 5.0;
    let (mut rest_a, mut rest_b) = (0, 0);
    let (mut kept_a, mut kept_b) = (Vec::new(), Vec::new());
    for (a, b) in before.iter().zip(after) {
        if scarce(*a, *b) {
            rest_a += a;
            rest_b += b;
        } else {
            kept_a.push(*a);
            kept_b.push(*b);
        }
    }
    if rest_a + rest_b > 0 {
        kept_a.push(rest_a);
        kept_b.push(rest_b);
    }
    (kept_a, kept_b)
}

fn bars(categories: &[(String, u64)], after: &[u64], unseen: u64, n: u64, m: u64) -> Shares {
    let share = |count: u64, of: u64| {
        if of == 0 { 0.0 } else { count as f64 / of as f64 }
    };
    let shown = categories.len().min(CATEGORIES_SHOWN);
    let mut shares = Shares {
        categories: categories[..shown].iter().map(|(c, _)| c.clone()).collect(),
        reference: categories[..shown].iter().map(|(_, c)| share(*c, n)).collect(),
        current: after[..shown].iter().map(|c| share(*c, m)).collect(),
        edges: Vec::new(),
    };
    if categories.len() > shown {
        shares.categories.push(format!("{} others", categories.len() - shown));
        shares.reference.push(share(categories[shown..].iter().map(|(_, c)| c).sum(), n));
        shares.current.push(share(after[shown..].iter().sum(), m));
    }
    if unseen > 0 {
        shares.categories.push("not in baseline".into());
        shares.reference.push(0.0);
        shares.current.push(share(unseen, m));
    }
    shares
}

fn conclude(measured: Measured, adjusted: f64, options: &DriftOptions) -> (ColumnVerdict, Shares) {
    let (n, m) = (measured.n_reference, measured.n_current);
    let p_adjusted = (!adjusted.is_nan()).then_some(adjusted);
    let significant = adjusted < options.alpha;
    let chance = divergence::psi_by_chance(measured.psi_bins, n, m);
    // PSI is about eight times the Jensen–Shannon divergence in nats.
    let chance_js = divergence::psi_by_chance(measured.jensen_shannon_bins, n, m) / (8.0 * std::f64::consts::LN_2);
    let wanted = |name: &str| options.wanted(name);
    let mut tests = Vec::new();
    let mut add = |name: &str, statistic: Option<f64>, p: bool, floor: f64, chance: f64| {
        if !wanted(name) || statistic.is_none() {
            return;
        }
        let threshold = floor.max(if chance.is_finite() { chance } else { floor });
        let threshold_source = if threshold > floor {
            format!("what chance alone exceeds once in 20 with {m} rows against {n}")
        } else {
            "convention".to_string()
        };
        tests.push(TestResult {
            name: name.into(),
            statistic,
            p_value: if p { measured.p } else { None },
            p_adjusted: if p { p_adjusted } else { None },
            threshold,
            threshold_source,
            drifted: significant && statistic.is_some_and(|s| s >= threshold),
        });
    };
    add("psi", measured.psi, false, options.psi, chance);
    add("ks", measured.ks, true, options.ks, 0.0);
    add("wasserstein", measured.wasserstein, false, options.wasserstein, 0.0);
    add("jensen_shannon", measured.jensen_shannon, false, options.jensen_shannon, chance_js.sqrt());
    add("l_infinity", measured.l_infinity, false, options.l_infinity, 0.0);
    if let (true, Some(statistic)) = (wanted("chi_square"), measured.chi_square) {
        tests.push(TestResult {
            name: "chi_square".into(),
            statistic: Some(statistic),
            p_value: measured.p,
            p_adjusted,
            threshold: options.alpha,
            threshold_source: "p after correction; says that the difference is no chance, not that it matters".into(),
            drifted: significant,
        });
    }
    let finding = find(&measured, significant, &tests, options);
    let verdict = ColumnVerdict {
        sentence: sentence::column(
            &measured.name,
            finding,
            measured.type_changed,
            (measured.kind, &measured.centre),
            (measured.missing_reference, n),
            (measured.missing_current, m),
            measured.unseen,
        ),
        column: measured.column,
        name: measured.name,
        kind: measured.kind,
        finding,
        n_reference: n,
        n_current: m,
        missing_reference: measured.missing_reference,
        missing_current: measured.missing_current,
        unseen: measured.unseen,
        out_of_range: measured.out_of_range,
        constant: measured.constant,
        retyped: measured.type_changed,
        importance: measured.importance,
        effect: measured.effect,
        detectable_psi: chance.is_finite().then_some(chance),
        tests,
    };
    (verdict, measured.shares)
}

/// How far a column has drifted.
fn find(measured: &Measured, significant: bool, tests: &[TestResult], options: &DriftOptions) -> Finding {
    let (n, m) = (measured.n_reference, measured.n_current);
    if measured.type_changed {
        return Finding::Large;
    }
    let missing = missing_change(measured);
    if missing >= 0.25 {
        return Finding::Large;
    }
    if n < ROWS_NEEDED || m < ROWS_NEEDED {
        return Finding::NotEnoughData;
    }
    let mut finding = Finding::None;
    if significant {
        // Effects only: χ² tells whether, not how much. Wasserstein, whose tenth of a deviation is a
        // far smaller change than a tenth of the others, speaks where it is asked alone.
        let effect = |t: &&TestResult| t.name != "chi_square" && (t.name != "wasserstein" || tests.len() == 1);
        let effects: Vec<f64> = tests.iter().filter(effect).filter_map(|t| Some(t.statistic? / t.threshold)).collect();
        let beyond = effects.iter().filter(|e| **e >= 1.0).count();
        let strongest = effects.iter().copied().fold(0.0, f64::max);
        // One measure alone may be the odd one out; of several, two must agree. PSI decides by
        // itself once it is large by convention.
        let psi =
            tests.iter().find(|t| t.name == "psi").and_then(|t| Some(t.statistic? / t.threshold)).unwrap_or_default();
        let agree = if effects.len() > 1 { beyond >= 2 } else { beyond >= 1 };
        finding = if psi >= 2.5 || (agree && strongest >= 2.5) {
            Finding::Large
        } else if agree || psi >= 1.0 {
            Finding::Moderate
        } else if strongest >= 0.5 {
            Finding::Small
        } else {
            Finding::None
        };
        let only_significance = effects.is_empty() && !tests.is_empty();
        if only_significance && measured.p.is_some_and(|p| p < options.alpha) {
            finding = Finding::Moderate;
        }
    }
    if missing >= MISSING_LIMIT { finding.max(Finding::Moderate) } else { finding }
}

/// The growth of the share of missing values that is surely there: the lower bound of the current
/// share less the upper bound of the baseline's.
fn missing_change(measured: &Measured) -> f64 {
    let bound =
        |missing: u64, present: u64| intervals::wilson(missing as f64, (missing + present) as f64, intervals::Z95);
    if measured.missing_current + measured.n_current == 0 {
        return 0.0;
    }
    bound(measured.missing_current, measured.n_current).0 - bound(measured.missing_reference, measured.n_reference).1
}

/// The statistical part of the drift score: the mean over features, weighted by importance where it is
/// known, of 1 − 2^(−PSI/threshold). Features that chance explains count 0. `None` without features.
pub fn severity(verdicts: &[ColumnVerdict]) -> Option<f64> {
    let judged: Vec<&ColumnVerdict> = judged_features(verdicts).collect();
    if judged.is_empty() {
        return None;
    }
    let given: f64 = judged.iter().map(|v| v.importance).sum();
    let weight = |v: &ColumnVerdict| if given > 0.0 { v.importance / given } else { 1.0 / judged.len() as f64 };
    let own = |v: &ColumnVerdict| -> f64 {
        if v.finding < Finding::Small {
            return 0.0;
        }
        let test = v.tests.iter().find(|t| t.name == "psi").or_else(|| v.tests.first());
        test.and_then(|t| Some(t.statistic? / t.threshold)).map_or(0.0, |ratio| 1.0 - 2.0_f64.powf(-ratio))
    };
    Some(judged.iter().map(|v| own(v) * weight(v)).sum())
}

fn judged_features(verdicts: &[ColumnVerdict]) -> impl Iterator<Item = &ColumnVerdict> {
    verdicts.iter().filter(|v| v.column.starts_with("feature.") && v.finding != Finding::NotEnoughData)
}

/// Weights of the three parts (definitions: overall drift score).
const PARTS: [(&str, f64); 3] = [("columns one by one", 0.4), ("all columns together", 0.3), ("quality", 0.3)];
/// Where drift is declared.
const THRESHOLD: f64 = 0.5;

/// What everything adds up to: the parts' weighted mean, renormalised over those that could be had.
/// `performance` is how far quality fell, by the same scale. `None` where there is no part at all.
pub fn score(
    verdicts: &[ColumnVerdict],
    model_based: Option<f64>,
    performance: Option<f64>,
    concept: bool,
) -> Option<DriftScore> {
    let statistical = severity(verdicts);
    let parts = [statistical, model_based, performance];
    let weight: f64 = PARTS.iter().zip(parts).filter_map(|((_, w), part)| part.map(|_| w)).sum();
    if weight <= 0.0 || (statistical.is_none() && model_based.is_none()) {
        return None;
    }
    let score = PARTS.iter().zip(parts).filter_map(|((_, w), part)| Some(w * part?)).sum::<f64>() / weight;
    let words: Vec<String> = PARTS
        .iter()
        .zip(parts)
        .filter_map(|((name, w), part)| {
            Some(format!("{name} {} × {}", domain::format::fixed(part?, 2), domain::format::fixed(w / weight, 2)))
        })
        .collect();
    Some(DriftScore {
        score,
        statistical,
        model_based,
        performance,
        concept,
        threshold: THRESHOLD,
        columns: judged_features(verdicts).count() as u32,
        drifted: judged_features(verdicts).filter(|v| v.finding.drifted()).count() as u32,
        composition: words.join(" + "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use domain::event::{CategoryBuilder, Column};
    use std::collections::HashMap;

    /// A repeatable stream of numbers in [0, 1).
    fn uniform(seed: u64, n: usize) -> Vec<f64> {
        let mut s = seed;
        (0..n)
            .map(|_| {
                s = s.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (s >> 11) as f64 / (1u64 << 53) as f64
            })
            .collect()
    }

    fn column(name: &str, values: Vec<f64>) -> Column {
        Column { name: format!("feature.{name}"), data: ColumnData::Number(values) }
    }

    fn words(name: &str, values: &[&str]) -> Column {
        let mut builder = CategoryBuilder::default();
        values.iter().for_each(|v| builder.push(Some(v)));
        Column { name: format!("feature.{name}"), data: builder.finish() }
    }

    fn verdicts(before: Vec<Column>, now: Vec<Column>) -> Vec<ColumnVerdict> {
        let reference = Reference::of(&before, before[0].data.len(), &HashMap::new());
        let times = vec![Timestamp(0); now.first().map_or(0, |c| c.data.len())];
        let rows = Rows { times: &times, columns: &now, labels: None, label_times: &[] };
        compare(&reference, &rows, &DriftOptions::default()).into_iter().map(|(v, _)| v).collect()
    }

    #[test]
    fn the_same_law_is_no_drift_however_many_rows() {
        for n in [200, 2000, 100_000] {
            let got = verdicts(vec![column("x", uniform(1, n))], vec![column("x", uniform(2, n))]);
            assert!(got[0].finding <= Finding::None, "{n}: {:?}", got[0]);
        }
    }

    #[test]
    fn a_shift_of_half_a_deviation_is_drift_and_a_tiny_one_is_not() {
        let shift = |by: f64| uniform(2, 5000).into_iter().map(|v| v + by).collect();
        let before = || vec![column("x", uniform(1, 5000))];
        assert!(verdicts(before(), vec![column("x", shift(0.15))])[0].finding.drifted());
        let tiny = &verdicts(before(), vec![column("x", shift(0.01))])[0];
        assert!(!tiny.finding.drifted(), "{tiny:?}");
    }

    #[test]
    fn ten_rows_are_too_few_to_say() {
        let got = verdicts(vec![column("x", uniform(1, 5000))], vec![column("x", vec![9.0; 10])]);
        assert_eq!(got[0].finding, Finding::NotEnoughData);
    }

    #[test]
    fn a_feature_that_stops_coming_is_large_drift_with_the_reason() {
        let got = verdicts(vec![column("x", uniform(1, 500))], vec![column("x", vec![f64::NAN; 500])]);
        assert_eq!(got[0].finding, Finding::Large);
        assert!(got[0].sentence.contains("missing"), "{}", got[0].sentence);
    }

    #[test]
    fn a_new_category_is_counted_and_seen() {
        let before: Vec<&str> = (0..1000).map(|i| ["a", "b"][i % 2]).collect();
        let now: Vec<&str> = (0..1000).map(|i| ["a", "b", "c", "c"][i % 4]).collect();
        let got = verdicts(vec![words("w", &before)], vec![words("w", &now)]);
        assert_eq!(got[0].unseen, 500);
        assert_eq!(got[0].finding, Finding::Large);
    }

    #[test]
    fn many_rare_categories_do_not_drift_by_chance() {
        let draw = |seed: u64, n: usize| -> Vec<String> {
            uniform(seed, n).into_iter().map(|u| format!("t{}", (u * 2000.0) as u32)).collect()
        };
        let (before, now) = (draw(3, 50_000), draw(4, 1000));
        let before: Vec<&str> = before.iter().map(String::as_str).collect();
        let now: Vec<&str> = now.iter().map(String::as_str).collect();
        let got = verdicts(vec![words("tail", &before)], vec![words("tail", &now)]);
        assert!(!got[0].finding.drifted(), "{:?}", got[0]);
    }

    #[test]
    fn the_score_is_half_where_every_feature_lies_at_its_threshold() {
        let mut verdict = verdicts(vec![column("x", uniform(1, 500))], vec![column("x", uniform(2, 500))]).remove(0);
        verdict.finding = Finding::Moderate;
        verdict.tests[0].statistic = Some(verdict.tests[0].threshold);
        let score = score(&[verdict], None, None, false).expect("one feature");
        assert!((score.score - 0.5).abs() < 1e-12);
    }
}

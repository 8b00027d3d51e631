//! Drift of single columns, and what they add up to.
//!
//! A verdict needs both: that the difference is no chance (p after Benjamini–Hochberg over the
//! columns of the window), and that it is large enough to matter (an effect beyond its threshold).
//! With p alone every large window would drift; with an effect alone every small one.

use std::borrow::Cow;

use domain::verdict::{ColumnVerdict, DriftScore, Finding, Shares, TestResult};
use rayon::prelude::*;
use statistics::{divergence, intervals, multiple_testing};

use crate::measured::{Measured, measure};
use crate::reference::Reference;
use crate::{Rows, sentence};

/// Fewer present values than this on a side, and the only verdict is “not enough data”.
pub const ROWS_NEEDED: u64 = 30;
/// A change in the share of missing values that counts as drift by itself.
pub const MISSING_LIMIT: f64 = 0.05;

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
    pub(crate) fn wanted(&self, test: &str) -> bool {
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
    use domain::event::{CategoryBuilder, Column, ColumnData};
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

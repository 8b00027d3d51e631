//! What a column's values say beside those of the baseline, in figures, before anybody judges them: figures of one column
//! know nothing of the others, so that columns are measured beside each other.

use std::borrow::Cow;
use std::collections::HashMap;

use domain::event::{ColumnData, MISSING};
use domain::verdict::{ColumnKind, Shares};
use statistics::kolmogorov_smirnov::Ranks;
use statistics::quantile::{sorted_finite, sorted_owned};
use statistics::{binning, categorical, divergence, kolmogorov_smirnov};

use crate::drift::DriftOptions;
use crate::reference::{Numbers, ReferenceColumn, ReferenceValues};

/// Categories listed in a distribution; the rest is pooled.
const CATEGORIES_SHOWN: usize = 12;

/// Statistics of one column before many-tests correction.
pub struct Measured {
    pub(crate) column: String,
    pub(crate) name: String,
    pub(crate) kind: ColumnKind,
    pub(crate) type_changed: bool,
    pub(crate) n_reference: u64,
    pub(crate) n_current: u64,
    pub(crate) missing_reference: u64,
    pub(crate) missing_current: u64,
    pub(crate) unseen: u64,
    /// From the test of significance: KS or χ².
    pub(crate) p: Option<f64>,
    pub(crate) ks: Option<f64>,
    pub(crate) wasserstein: Option<f64>,
    pub(crate) chi_square: Option<f64>,
    pub(crate) psi: Option<f64>,
    pub(crate) psi_bins: usize,
    pub(crate) jensen_shannon: Option<f64>,
    pub(crate) jensen_shannon_bins: usize,
    pub(crate) l_infinity: Option<f64>,
    pub(crate) out_of_range: u64,
    pub(crate) constant: bool,
    pub(crate) importance: f64,
    pub(crate) effect: Option<f64>,
    /// Median or most frequent category, before and now, for the sentence.
    pub(crate) centre: Option<(String, String)>,
    pub(crate) shares: Shares,
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

fn count_categories(data: Option<&ColumnData>, index: &HashMap<String, usize>, known: usize) -> (Vec<u64>, u64) {
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

//! Quality of probabilities: how far they lie from what happened, and whether they mean what they
//! say.

use crate::intervals::{Z95, wilson};
use crate::quantile::quantile_sorted;

/// Mean −ln p of what happened, probabilities kept within [2⁻⁵², 1 − 2⁻⁵²]. NaN when empty.
pub fn log_loss(probability: &[f64], truth: &[bool]) -> f64 {
    let sum: f64 = probability
        .iter()
        .zip(truth)
        .map(|(p, t)| {
            let p = p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
            -(if *t { p } else { 1.0 - p }).ln()
        })
        .sum();
    sum / truth.len() as f64
}

/// The same over K classes; `probability` is row-major. Rows are not renormalised.
pub fn log_loss_multiclass(probability: &[f64], truth: &[usize], classes: usize) -> f64 {
    let of = |(row, class): (usize, &usize)| {
        -probability.get(row * classes + class).map_or(f64::NAN, |p| p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln())
    };
    truth.iter().enumerate().map(of).sum::<f64>() / truth.len() as f64
}

/// Brier's score, mean (p − y)². NaN when empty.
pub fn brier(probability: &[f64], truth: &[bool]) -> f64 {
    let sum: f64 = probability.iter().zip(truth).map(|(p, t)| (p - f64::from(u8::from(*t))).powi(2)).sum();
    sum / truth.len() as f64
}

/// Brier's score over K classes: mean over rows of Σ (p_k − [y = k])².
pub fn brier_multiclass(probability: &[f64], truth: &[usize], classes: usize) -> f64 {
    let row = |(row, class): (usize, &usize)| -> f64 {
        let hit = |k: usize| f64::from(u8::from(k == *class));
        (0..classes).map(|k| (probability[row * classes + k] - hit(k)).powi(2)).sum()
    };
    truth.iter().enumerate().map(row).sum::<f64>() / truth.len() as f64
}

/// Murphy's parts (1973) of Brier's score over the groups of a calibration curve:
/// score ≈ reliability − resolution + uncertainty (exactly so where each group has one probability).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BrierParts {
    /// How far what was said lies from what happened; 0 is best.
    pub reliability: f64,
    /// How far the groups differ from the overall share; more is better.
    pub resolution: f64,
    /// What the truth itself leaves open: ȳ(1 − ȳ).
    pub uncertainty: f64,
}

/// How rows are put into groups of similar probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// So many equal widths over [0, 1]; a group holds its upper edge, 0 falls in the first.
    EqualWidth(usize),
    /// Sorted (stable) and split into so many groups of equal size; the first hold one more.
    EqualMass(usize),
    /// As NannyML: groups of n div b rows, the last with the remainder; b = n/2 below 20 rows.
    NannyMl(usize),
    /// Edges at equal quantiles of the probabilities, right-closed (scikit-learn's `quantile`).
    Quantile(usize),
}

/// A group of a calibration curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    pub n: u64,
    /// What was said on average; NaN when empty.
    pub mean_probability: f64,
    /// What happened; NaN when empty.
    pub share: f64,
    /// Of the share, 95 % (Wilson).
    pub interval: (f64, f64),
}

/// What was said against what happened, group by group. Empty groups of [`Grouping::EqualWidth`]
/// stay, with n = 0; others leave none. NaN probabilities must be dropped first.
pub fn calibration_curve(probability: &[f64], truth: &[bool], grouping: Grouping) -> Vec<Bin> {
    let n = probability.len().min(truth.len());
    let mut order: Vec<usize> = (0..n).collect();
    let sort = |order: &mut Vec<usize>| order.sort_by(|a, b| probability[*a].total_cmp(&probability[*b]));
    let groups: Vec<Vec<usize>> = match grouping {
        Grouping::EqualWidth(bins) => {
            let bins = bins.max(1);
            let edges: Vec<f64> = (0..=bins).map(|i| i as f64 / bins as f64).collect();
            let mut groups = vec![Vec::new(); bins];
            for row in order {
                let above = edges[1..bins].partition_point(|edge| *edge < probability[row]);
                groups[above].push(row);
            }
            groups
        }
        Grouping::EqualMass(bins) => {
            sort(&mut order);
            let bins = bins.max(1);
            let (each, more) = (n / bins, n % bins);
            let mut rest = order.as_slice();
            (0..bins)
                .map(|i| {
                    let (head, tail) = rest.split_at(each + usize::from(i < more));
                    rest = tail;
                    head.to_vec()
                })
                .filter(|g| !g.is_empty())
                .collect()
        }
        Grouping::NannyMl(bins) => {
            sort(&mut order);
            let bins = if n <= 2 * bins { n / 2 } else { bins }.max(1);
            let each = (n / bins).max(1);
            (0..bins)
                .map(|i| {
                    let end = if i + 1 == bins { n } else { ((i + 1) * each).min(n) };
                    order[(i * each).min(end)..end].to_vec()
                })
                .filter(|g| !g.is_empty())
                .collect()
        }
        Grouping::Quantile(bins) => {
            let mut sorted = probability[..n].to_vec();
            sorted.sort_unstable_by(f64::total_cmp);
            let bins = bins.max(1);
            let inner: Vec<f64> = (1..bins).map(|i| quantile_sorted(&sorted, i as f64 / bins as f64)).collect();
            let mut groups = vec![Vec::new(); bins];
            for row in order {
                groups[inner.partition_point(|edge| *edge < probability[row])].push(row);
            }
            groups.into_iter().filter(|g| !g.is_empty()).collect()
        }
    };
    groups
        .iter()
        .map(|rows| {
            let count = rows.len() as f64;
            let hits = rows.iter().filter(|r| truth[**r]).count() as f64;
            let said: f64 = rows.iter().map(|r| probability[*r]).sum();
            Bin {
                n: rows.len() as u64,
                mean_probability: said / count,
                share: hits / count,
                interval: wilson(hits, count, Z95),
            }
        })
        .collect()
}

/// Expected calibration error: the groups' |what happened − what was said|, weighted by their rows.
/// Equal-width and equal-mass groups give different numbers: name which. NaN without rows.
pub fn expected_calibration_error(curve: &[Bin]) -> f64 {
    let n: u64 = curve.iter().map(|b| b.n).sum();
    let filled = curve.iter().filter(|b| b.n > 0);
    filled.map(|b| b.n as f64 * (b.share - b.mean_probability).abs()).sum::<f64>() / n as f64
}

/// The worst group's |what happened − what was said|. NaN without rows.
pub fn maximum_calibration_error(curve: &[Bin]) -> f64 {
    let filled = curve.iter().filter(|b| b.n > 0);
    filled.map(|b| (b.share - b.mean_probability).abs()).fold(f64::NAN, f64::max)
}

/// See [`BrierParts`].
pub fn brier_parts(curve: &[Bin]) -> BrierParts {
    let n = curve.iter().map(|b| b.n).sum::<u64>() as f64;
    let filled = || curve.iter().filter(|b| b.n > 0);
    let overall = filled().map(|b| b.n as f64 * b.share).sum::<f64>() / n;
    let weighted = |of: &dyn Fn(&Bin) -> f64| filled().map(|b| b.n as f64 * of(b)).sum::<f64>() / n;
    BrierParts {
        reliability: weighted(&|b| (b.mean_probability - b.share).powi(2)),
        resolution: weighted(&|b| (b.share - overall).powi(2)),
        uncertainty: overall * (1.0 - overall),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_make_the_whole_where_groups_are_of_one_probability() {
        let p = [0.1, 0.1, 0.1, 0.6, 0.6, 0.9];
        let y = [false, true, false, true, false, true];
        let parts = brier_parts(&calibration_curve(&p, &y, Grouping::EqualWidth(10)));
        let sum = parts.reliability - parts.resolution + parts.uncertainty;
        assert!((sum - brier(&p, &y)).abs() < 1e-12);
    }

    #[test]
    fn nothing_gives_nan_and_no_panic() {
        for grouping in [Grouping::EqualWidth(10), Grouping::EqualMass(0), Grouping::NannyMl(10), Grouping::Quantile(5)]
        {
            let curve = calibration_curve(&[], &[], grouping);
            assert!(expected_calibration_error(&curve).is_nan());
        }
        assert!(log_loss(&[], &[]).is_nan() && brier(&[], &[]).is_nan());
    }
}

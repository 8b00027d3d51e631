//! Can a model tell the reference from now? If its area under the ROC curve on rows it has not seen
//! is well above one half, something differs, alone or together.

use rayon::prelude::*;

use crate::boosting::{Binned, Boosting, Loss, Options};
use crate::classification::{roc_auc, roc_auc_error};

/// Folds of the cross-validation.
const FOLDS: usize = 5;

/// Columns that each tree looks at: all of a few, and of many a part, so that the work grows slower than
/// their number while sixty trees still look at each of them many times.
fn columns_looked_at(columns: usize) -> usize {
    columns.min(COLUMNS_WHOLE.max(columns / 3))
}
const COLUMNS_WHOLE: usize = 12;

fn options(seed: u64, fold: usize, columns: usize) -> Options {
    let columns = columns_looked_at(columns);
    Options { trees: 60, depth: 3, columns, loss: Loss::Logistic, seed: seed + fold as u64, ..Options::default() }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Separability {
    /// ½: indistinguishable; 1: told apart without error.
    pub auc: f64,
    /// 95 %, Hanley & McNeil.
    pub interval: (f64, f64),
    /// How much each column was used, as shares.
    pub importance: Vec<f64>,
}

/// Cross-validated, of row-major rows with `columns` columns. NaN is a value of its own. Of the
/// larger side as many rows are drawn as the smaller has, so that ½ means what it says. `None` for
/// fewer than 50 rows a side.
pub fn separability(reference: &[f64], current: &[f64], columns: usize, seed: u64) -> Option<Separability> {
    let (n, m) = (reference.len().checked_div(columns)?, current.len().checked_div(columns)?);
    let each = n.min(m);
    if each < 50 {
        return None;
    }
    let mut random = fastrand::Rng::with_seed(seed);
    let mut rows: Vec<(bool, usize)> = Vec::with_capacity(2 * each);
    for (side, count) in [(false, n), (true, m)] {
        let mut order: Vec<usize> = (0..count).collect();
        random.shuffle(&mut order);
        rows.extend(order[..each].iter().map(|row| (side, *row)));
    }
    random.shuffle(&mut rows);
    let values = |(side, row): &(bool, usize)| {
        let from = if *side { current } else { reference };
        &from[row * columns..(row + 1) * columns]
    };
    let inputs: Vec<f64> = rows.iter().flat_map(|row| values(row).iter().copied()).collect();
    let target: Vec<f64> = rows.iter().map(|(side, _)| f64::from(u8::from(*side))).collect();
    // Bins know no side, so all folds may share them.
    let binned = Binned::of(&inputs, columns);
    let of_fold = |fold: usize| {
        let (test, train): (Vec<u32>, Vec<u32>) = (0..rows.len() as u32).partition(|i| *i as usize % FOLDS == fold);
        let model = Boosting::fit_rows(&binned, &train, &target, options(seed, fold, columns));
        let sides: Vec<bool> = test.iter().map(|i| rows[*i as usize].0).collect();
        (model.predict_rows(&binned, &test), sides, model.importance())
    };
    let folds: Vec<_> = (0..FOLDS).into_par_iter().map(of_fold).collect();
    let (mut scores, mut sides) = (Vec::new(), Vec::new());
    let mut importance = vec![0.0; columns];
    for (predicted, of, used) in folds {
        scores.extend(predicted);
        sides.extend(of);
        importance.iter_mut().zip(used).for_each(|(sum, own)| *sum += own / FOLDS as f64);
    }
    let auc = roc_auc(&scores, &sides)?;
    let half = 1.96 * roc_auc_error(auc, each as f64, each as f64);
    Some(Separability { auc, interval: ((auc - half).max(0.0), (auc + half).min(1.0)), importance })
}

/// Weights that make the reference look like now: the odds of belonging to now, from a model trained
/// on both and asked about reference rows it has not seen, scaled to mean 1. With them, what was
/// measured on the reference speaks for now's mix of inputs (covariate shift). The second value is
/// the effective number of rows (Σw)² / Σw². `None` as for [`separability`].
pub fn importance_weights(reference: &[f64], current: &[f64], columns: usize, seed: u64) -> Option<(Vec<f64>, f64)> {
    let (n, m) = (reference.len().checked_div(columns)?, current.len().checked_div(columns)?);
    if n.min(m) < 50 {
        return None;
    }
    let mut weights = vec![0.0; n];
    let row = |of: &[f64], i: usize| of[i * columns..(i + 1) * columns].to_vec();
    for fold in 0..FOLDS {
        let own = |i: &usize| i % FOLDS == fold;
        let mut inputs: Vec<f64> = (0..n).filter(|i| !own(i)).flat_map(|i| row(reference, i)).collect();
        let before = inputs.len() / columns;
        inputs.extend((0..m).filter(|i| !own(i)).flat_map(|i| row(current, i)));
        let now = inputs.len() / columns - before;
        let target = [vec![0.0; before], vec![1.0; now]].concat();
        let model = Boosting::fit(&inputs, columns, &target, options(seed, fold, columns));
        let asked: Vec<usize> = (0..n).filter(own).collect();
        let unseen: Vec<f64> = asked.iter().flat_map(|i| row(reference, *i)).collect();
        for (i, ln_odds) in asked.iter().zip(model.predict(&unseen)) {
            // Weights of thousands would make one row speak for all.
            weights[*i] = (ln_odds + (before as f64 / now.max(1) as f64).ln()).clamp(-6.0, 4.0).exp();
        }
    }
    let mean = crate::quantile::mean(&weights);
    weights.iter_mut().for_each(|w| *w /= mean);
    let effective = n as f64 * n as f64 / weights.iter().map(|w| w * w).sum::<f64>();
    Some((weights, effective))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: usize, shift: f64, seed: u64) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..n * 3).map(|i| random.f64() + if i % 3 == 1 { shift } else { 0.0 }).collect()
    }

    #[test]
    fn the_same_law_cannot_be_told_apart_and_a_shift_names_its_column() {
        let same = separability(&rows(800, 0.0, 1), &rows(600, 0.0, 2), 3, 1).expect("rows");
        assert!(same.interval.0 < 0.53 && same.auc < 0.56, "{same:?}");
        let moved = separability(&rows(800, 0.0, 1), &rows(600, 0.4, 2), 3, 1).expect("rows");
        assert!(moved.auc > 0.65 && moved.importance[1] > 0.5, "{moved:?}");
        assert!(separability(&rows(10, 0.0, 1), &rows(600, 0.0, 2), 3, 1).is_none());
    }

    #[test]
    fn weighted_reference_means_are_those_of_now() {
        let (before, now) = (rows(3000, 0.0, 1), rows(3000, 0.25, 2));
        let (weights, effective) = importance_weights(&before, &now, 3, 1).expect("rows");
        let mean = weights.iter().enumerate().map(|(i, w)| w * before[i * 3 + 1]).sum::<f64>() / 3000.0;
        // Where now reaches beyond the reference no weight can follow: between both means.
        assert!(mean > 0.58 && effective < 3000.0, "{mean} {effective}");
    }
}

//! Direct loss estimation (DLE) for regressions: a second model learns from the reference how large
//! the first one's error is for which inputs.

use crate::boosting::{Boosting, Options};

/// The model of the error.
#[derive(Debug, Clone)]
pub struct LossModel {
    absolute: Boosting,
    squared: Boosting,
}

impl LossModel {
    /// Learns |error| and error² from row-major inputs of `columns` columns (the features and the
    /// prediction itself; NaN is a value of its own) and the errors of the reference. `None` for
    /// fewer than 50 rows with a known error.
    pub fn fit(inputs: &[f64], columns: usize, errors: &[f64], seed: u64) -> Option<LossModel> {
        let rows: Vec<usize> = (0..errors.len()).filter(|r| errors[*r].is_finite()).collect();
        if rows.len() < 50 || columns == 0 {
            return None;
        }
        let known: Vec<f64> =
            rows.iter().flat_map(|r| inputs[r * columns..(r + 1) * columns].iter().copied()).collect();
        let fit = |of: &dyn Fn(f64) -> f64| {
            let target: Vec<f64> = rows.iter().map(|r| of(errors[*r])).collect();
            Boosting::fit(&known, columns, &target, Options { seed, ..Options::default() })
        };
        Some(LossModel { absolute: fit(&f64::abs), squared: fit(&|e| e * e) })
    }

    /// The expected mean absolute error of rows.
    pub fn mean_absolute_error(&self, inputs: &[f64]) -> f64 {
        mean_of(&self.absolute, inputs)
    }

    /// The expected root mean squared error of rows.
    pub fn root_mean_squared_error(&self, inputs: &[f64]) -> f64 {
        mean_of(&self.squared, inputs).sqrt()
    }
}

/// Errors are never negative, whatever a tree says.
fn mean_of(model: &Boosting, inputs: &[f64]) -> f64 {
    let predictions = model.predict(inputs);
    predictions.iter().map(|p| p.max(0.0)).sum::<f64>() / predictions.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harder_mix_of_inputs_is_seen_without_labels() {
        let mut random = fastrand::Rng::with_seed(8);
        let mut noise = || (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        // The error grows with the input.
        let x: Vec<f64> = (0..4000).map(|i| f64::from(i % 100) / 100.0).collect();
        let errors: Vec<f64> = x.iter().map(|x| noise() * (0.2 + 2.0 * x)).collect();
        let model = LossModel::fit(&x, 1, &errors, 1).expect("fits");
        let now: Vec<f64> = (0..2000).map(|i| 0.7 + f64::from(i % 30) / 100.0).collect();
        let truth = now.iter().map(|x| (0.2 + 2.0 * x) * 0.7979).sum::<f64>() / now.len() as f64;
        let said = model.mean_absolute_error(&now);
        assert!((said / truth - 1.0).abs() < 0.08, "{said} {truth}");
        assert!(LossModel::fit(&x[..10], 1, &errors[..10], 1).is_none());
    }
}

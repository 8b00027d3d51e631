//! Realised quality of predicted numbers.

/// Errors are prediction − truth, in the units of both.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Errors {
    pub n: u64,
    pub mean: f64,
    pub mean_absolute: f64,
    pub mean_squared: f64,
    /// Standard deviations (ddof 1) of the error, its size and its square, for intervals.
    pub deviation: f64,
    pub absolute_deviation: f64,
    pub squared_deviation: f64,
}

/// Pairs with a NaN on either side are left out.
pub fn errors(prediction: &[f64], truth: &[f64]) -> Errors {
    let differences: Vec<f64> = prediction.iter().zip(truth).map(|(p, t)| p - t).filter(|e| e.is_finite()).collect();
    if differences.is_empty() {
        return Errors::default();
    }
    let absolute: Vec<f64> = differences.iter().map(|e| e.abs()).collect();
    let squared: Vec<f64> = differences.iter().map(|e| e * e).collect();
    use crate::quantile::{mean, standard_deviation};
    Errors {
        n: differences.len() as u64,
        mean: mean(&differences),
        mean_absolute: mean(&absolute),
        mean_squared: mean(&squared),
        deviation: standard_deviation(&differences, 1),
        absolute_deviation: standard_deviation(&absolute, 1),
        squared_deviation: standard_deviation(&squared, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bias_keeps_its_sign_and_missing_truth_is_left_out() {
        let got = errors(&[1.0, 2.0, 9.0], &[2.0, 4.0, f64::NAN]);
        assert_eq!((got.n, got.mean, got.mean_absolute, got.mean_squared), (2, -1.5, 1.5, 2.5));
    }
}

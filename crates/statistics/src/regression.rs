//! Realised quality of predicted numbers.

use crate::quantile::{mean, quantile_sorted, standard_deviation};

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

/// The measures people compare regressions by. Shares are fractions, not percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regression {
    pub n: u64,
    pub mean_absolute_error: f64,
    pub mean_squared_error: f64,
    /// mean |e| / max(|y|, 2⁻⁵²): a truth of zero makes it huge.
    pub mean_absolute_percentage_error: f64,
    pub median_absolute_error: f64,
    pub max_error: f64,
    /// 1 for a constant truth met exactly, 0 for one that is not; NaN below two rows.
    pub r2: f64,
    /// As r², a constant bias forgiven.
    pub explained_variance: f64,
    pub mean_error: f64,
    /// Of ln(1 + y); NaN where a value is at most −1.
    pub mean_squared_log_error: f64,
    /// mean 2|e| / (|y| + |ŷ|), 0/0 as 0.
    pub symmetric_mape: f64,
    /// Σ|e| / Σ|y|.
    pub weighted_absolute_percentage_error: f64,
}

/// Pairs with a NaN are left out. `None` when none is left.
pub fn measures(prediction: &[f64], truth: &[f64]) -> Option<Regression> {
    let pairs: Vec<(f64, f64)> =
        prediction.iter().copied().zip(truth.iter().copied()).filter(|(p, t)| !p.is_nan() && !t.is_nan()).collect();
    if pairs.is_empty() {
        return None;
    }
    let n = pairs.len() as f64;
    let average = |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(p, t)| of(*p, *t)).sum::<f64>() / n;
    let mut absolute: Vec<f64> = pairs.iter().map(|(p, t)| (p - t).abs()).collect();
    absolute.sort_unstable_by(f64::total_cmp);
    let centre = average(&|_, t| t);
    let bias = average(&|p, t| p - t);
    let squared = average(&|p, t| (p - t).powi(2));
    let spread = average(&|_, t| (t - centre).powi(2));
    let residual_spread = average(&|p, t| (p - t - bias).powi(2));
    let explained = |left: f64| {
        if pairs.len() < 2 {
            f64::NAN
        } else if spread == 0.0 {
            f64::from(u8::from(left == 0.0))
        } else {
            1.0 - left / spread
        }
    };
    let log_defined = pairs.iter().all(|(p, t)| *p > -1.0 && *t > -1.0);
    Some(Regression {
        n: pairs.len() as u64,
        mean_absolute_error: average(&|p, t| (p - t).abs()),
        mean_squared_error: squared,
        mean_absolute_percentage_error: average(&|p, t| (p - t).abs() / t.abs().max(f64::EPSILON)),
        median_absolute_error: quantile_sorted(&absolute, 0.5),
        max_error: absolute.last().copied().unwrap_or(f64::NAN),
        r2: explained(squared),
        explained_variance: explained(residual_spread),
        mean_error: bias,
        mean_squared_log_error: if log_defined { average(&|p, t| (p.ln_1p() - t.ln_1p()).powi(2)) } else { f64::NAN },
        symmetric_mape: average(&|p, t| {
            let scale = p.abs() + t.abs();
            if scale == 0.0 { 0.0 } else { 2.0 * (p - t).abs() / scale }
        }),
        weighted_absolute_percentage_error: absolute.iter().sum::<f64>()
            / pairs.iter().map(|(_, t)| t.abs()).sum::<f64>(),
    })
}

/// Pinball loss of a predicted quantile q: mean max(q(y − ŷ), (q − 1)(y − ŷ)). Pairs with a NaN are
/// left out; NaN when none is left.
pub fn quantile_loss(prediction: &[f64], truth: &[f64], q: f64) -> f64 {
    let losses: Vec<f64> = prediction
        .iter()
        .zip(truth)
        .map(|(p, t)| t - p)
        .filter(|e| !e.is_nan())
        .map(|e| (q * e).max((q - 1.0) * e))
        .collect();
    mean(&losses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bias_keeps_its_sign_and_missing_truth_is_left_out() {
        let got = errors(&[1.0, 2.0, 9.0], &[2.0, 4.0, f64::NAN]);
        assert_eq!((got.n, got.mean, got.mean_absolute, got.mean_squared), (2, -1.5, 1.5, 2.5));
    }

    #[test]
    fn the_middle_quantile_loses_half_the_absolute_error() {
        let (p, t) = ([1.0, 5.0], [2.0, 2.0]);
        assert_eq!(quantile_loss(&p, &t, 0.5), measures(&p, &t).expect("defined").mean_absolute_error / 2.0);
        assert!(measures(&[f64::NAN], &[1.0]).is_none() && quantile_loss(&[], &[], 0.5).is_nan());
    }
}

//! Tests of means.

use statrs::function::beta::beta_reg;

use crate::quantile::sum;

/// A t statistic with its degrees of freedom and two-sided p.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TTest {
    /// The sign is that of mean(x) − mean(y).
    pub t: f64,
    pub degrees_of_freedom: f64,
    pub p: f64,
}

/// Student's test with the pooled variance. `None` for fewer than three rows in all, an empty side
/// or no variance.
pub fn student(x: &[f64], y: &[f64]) -> Option<TTest> {
    let (n, m) = (x.len() as f64, y.len() as f64);
    if x.is_empty() || y.is_empty() || n + m < 3.0 {
        return None;
    }
    let degrees = n + m - 2.0;
    let pooled = (squares(x) + squares(y)) / degrees;
    tested(sum(x) / n - sum(y) / m, pooled * (1.0 / n + 1.0 / m), degrees)
}

/// Welch's test (1947), which does not take the variances for equal. `None` where a side has fewer
/// than two rows or neither varies.
pub fn welch(x: &[f64], y: &[f64]) -> Option<TTest> {
    let (n, m) = (x.len() as f64, y.len() as f64);
    if n < 2.0 || m < 2.0 {
        return None;
    }
    let (a, b) = (squares(x) / (n - 1.0) / n, squares(y) / (m - 1.0) / m);
    let degrees = (a + b).powi(2) / (a * a / (n - 1.0) + b * b / (m - 1.0));
    tested(sum(x) / n - sum(y) / m, a + b, if degrees.is_nan() { 1.0 } else { degrees })
}

fn squares(values: &[f64]) -> f64 {
    let centre = sum(values) / values.len() as f64;
    sum(&values.iter().map(|v| (v - centre) * (v - centre)).collect::<Vec<_>>())
}

fn tested(difference: f64, variance: f64, degrees: f64) -> Option<TTest> {
    let t = difference / variance.sqrt();
    if t.is_nan() {
        return None;
    }
    if t.is_infinite() {
        // Two different constants: as certain as a test can be.
        return Some(TTest { t, degrees_of_freedom: degrees, p: 0.0 });
    }
    Some(TTest { t, degrees_of_freedom: degrees, p: two_sided(t, degrees) })
}

/// P(|T| ≥ |t|) of Student's t: the regularised incomplete beta function at ν / (ν + t²). NaN where
/// an argument is, or without degrees of freedom.
pub fn two_sided(t: f64, degrees: f64) -> f64 {
    if t.is_nan() || degrees.is_nan() || degrees <= 0.0 {
        return f64::NAN;
    }
    // Written so that neither a huge t nor huge degrees leave [0, 1].
    let x = 1.0 / (1.0 + t / degrees * t);
    if x <= 0.0 {
        0.0
    } else if x >= 1.0 {
        1.0
    } else {
        beta_reg(degrees / 2.0, 0.5, x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_difference_is_no_evidence() {
        let result = welch(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]).expect("defined");
        assert_eq!((result.t, result.p), (0.0, 1.0));
        assert!(student(&[1.0, 1.0], &[1.0, 1.0]).is_none());
    }
}

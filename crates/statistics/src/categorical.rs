//! Tests on counts per category, the categories of both sides aligned; absent ones count 0.

use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChiSquare {
    pub statistic: f64,
    pub degrees_of_freedom: u32,
    pub p: f64,
}

/// Pearson's χ² on the 2 × K table of reference and current counts, without continuity
/// correction. Categories that are 0 on both sides are left out; with fewer than two left, or an
/// empty side, nothing can differ: statistic 0, p 1.
pub fn chi_square(reference: &[u64], current: &[u64]) -> ChiSquare {
    chi_square_with(reference, current, 0.0)
}

/// As [`chi_square`]; when the table is 2 × 2 each deviation is reduced by up to 0.5 (Yates), as
/// SciPy's `chi2_contingency` does by default.
pub fn chi_square_yates(reference: &[u64], current: &[u64]) -> ChiSquare {
    let used = reference.iter().zip(current).filter(|(a, b)| **a + **b > 0).count();
    chi_square_with(reference, current, if used == 2 { 0.5 } else { 0.0 })
}

fn chi_square_with(reference: &[u64], current: &[u64], correction: f64) -> ChiSquare {
    contingency(reference, current, |observed, expected| {
        let deviation = (observed - expected).abs();
        let reduced = deviation - correction.min(deviation);
        reduced * reduced / expected
    })
}

/// The log-likelihood ratio G = 2 Σ O ln(O / E) on the same table, without correction.
pub fn g_test(reference: &[u64], current: &[u64]) -> ChiSquare {
    contingency(
        reference,
        current,
        |observed, expected| {
            if observed > 0.0 { 2.0 * observed * (observed / expected).ln() } else { 0.0 }
        },
    )
}

/// Σ of a term of (observed, expected) over the cells of the 2 × K table.
fn contingency(reference: &[u64], current: &[u64], term: impl Fn(f64, f64) -> f64) -> ChiSquare {
    let (n, m) = (reference.iter().sum::<u64>() as f64, current.iter().sum::<u64>() as f64);
    let mut categories = 0;
    let mut statistic = 0.0_f64;
    for (a, b) in reference.iter().zip(current) {
        let column = (*a + *b) as f64;
        if column == 0.0 || n == 0.0 || m == 0.0 {
            continue;
        }
        categories += 1;
        for (observed, row) in [(*a as f64, n), (*b as f64, m)] {
            statistic += term(observed, row * column / (n + m));
        }
    }
    // Terms of G have both signs; rounding must not leave their sum below 0.
    judged(statistic.max(0.0), categories)
}

/// χ² of the current counts against the reference's shares taken for the exact truth, as Evidently
/// tests: about 1 + m/n times the two-sample statistic, and ∞ for a category the reference never
/// saw. Offered because people compare with it.
pub fn chi_square_goodness(reference: &[u64], current: &[u64]) -> ChiSquare {
    let (n, m) = (reference.iter().sum::<u64>() as f64, current.iter().sum::<u64>() as f64);
    if n == 0.0 || m == 0.0 {
        return judged(0.0, 0);
    }
    let (mut categories, mut statistic) = (0_u32, 0.0);
    for (a, b) in reference.iter().zip(current).filter(|(a, b)| **a + **b > 0) {
        categories += 1;
        let expected = *a as f64 * m / n;
        statistic += (*b as f64 - expected).powi(2) / expected;
    }
    if categories == 1 {
        // Its own answer where there is nothing to test.
        return ChiSquare { statistic: 0.0, degrees_of_freedom: 0, p: f64::NAN };
    }
    judged(statistic, categories)
}

/// A difference of two shares, tested.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProportionTest {
    pub z: f64,
    /// Two-sided.
    pub p: f64,
}

/// The pooled two-proportion Z test of k₁ of n₁ against k₂ of n₂. `None` where the pooled share is
/// 0 or 1: then nothing was observed that could differ.
pub fn two_proportions(k1: u64, n1: u64, k2: u64, n2: u64) -> Option<ProportionTest> {
    let (n, m) = (n1 as f64, n2 as f64);
    if n1 == 0 || n2 == 0 {
        return None;
    }
    let pooled = (k1 + k2) as f64 / (n + m);
    if pooled <= 0.0 || pooled >= 1.0 {
        return None;
    }
    let z = (k1 as f64 / n - k2 as f64 / m) / (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    Some(ProportionTest { z, p: (2.0 * Normal::standard().sf(z.abs())).min(1.0) })
}

fn judged(statistic: f64, categories: u32) -> ChiSquare {
    if categories < 2 {
        return ChiSquare { statistic: 0.0, degrees_of_freedom: 0, p: 1.0 };
    }
    let degrees = categories - 1;
    let p = if statistic == f64::INFINITY {
        0.0
    } else {
        ChiSquared::new(f64::from(degrees)).map_or(f64::NAN, |chi| chi.sf(statistic))
    };
    ChiSquare { statistic, degrees_of_freedom: degrees, p }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_compare_is_no_difference() {
        assert_eq!(chi_square(&[5], &[9]).p, 1.0);
        assert_eq!(chi_square(&[0, 0], &[3, 4]).p, 1.0);
    }

    #[test]
    fn a_category_unseen_in_the_reference_is_no_infinity() {
        let result = chi_square(&[50, 50, 0], &[40, 40, 20]);
        assert!(result.statistic.is_finite() && result.p < 1e-4);
    }
}

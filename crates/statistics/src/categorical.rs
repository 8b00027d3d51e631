//! Tests on counts per category, the categories of both sides aligned; absent ones count 0.

use statrs::distribution::{ChiSquared, ContinuousCDF};

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
    let (n, m) = (reference.iter().sum::<u64>() as f64, current.iter().sum::<u64>() as f64);
    let total = n + m;
    let mut categories = 0;
    let mut statistic = 0.0;
    for (a, b) in reference.iter().zip(current) {
        let column = (*a + *b) as f64;
        if column == 0.0 || n == 0.0 || m == 0.0 {
            continue;
        }
        categories += 1;
        for (observed, row) in [(*a as f64, n), (*b as f64, m)] {
            let expected = row * column / total;
            let deviation = (observed - expected).abs();
            let reduced = deviation - correction.min(deviation);
            statistic += reduced * reduced / expected;
        }
    }
    if categories < 2 {
        return ChiSquare { statistic: 0.0, degrees_of_freedom: 0, p: 1.0 };
    }
    let degrees = categories - 1;
    let p = ChiSquared::new(f64::from(degrees)).map_or(f64::NAN, |chi| chi.sf(statistic));
    ChiSquare { statistic, degrees_of_freedom: degrees, p }
}

/// The largest difference between shares, max |p − q|.
pub fn l_infinity(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
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

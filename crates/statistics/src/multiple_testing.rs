//! Many tests at once.

/// Benjamini–Hochberg (1995) adjusted p-values, in the order given. NaN stays NaN and does not
/// count as a test.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|i| !p[*i].is_nan()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let tests = order.len() as f64;
    let mut adjusted = vec![f64::NAN; p.len()];
    let mut least = 1.0_f64;
    for (rank, index) in order.iter().enumerate().rev() {
        least = least.min(p[*index] * tests / (rank + 1) as f64);
        adjusted[*index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjusted_values_keep_their_order_and_never_fall_below_the_raw() {
        let p = [0.01, 0.04, 0.03, f64::NAN, 0.5];
        let adjusted = benjamini_hochberg(&p);
        let expected = [0.04, 0.053_333_333_333_333_34, 0.053_333_333_333_333_34, f64::NAN, 0.5];
        for (got, want) in adjusted.iter().zip(expected) {
            assert!((got - want).abs() < 1e-12 || (got.is_nan() && want.is_nan()), "{got} {want}");
        }
    }
}

//! Quantiles and moments.

/// The `q`-quantile (0 to 1) of sorted values by linear interpolation between order statistics
/// (type 7; NumPy's default). NaN when empty.
pub fn quantile_sorted(sorted: &[f64], q: f64) -> f64 {
    match sorted {
        [] => f64::NAN,
        [only] => *only,
        _ => {
            let position = q.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
            let below = position.floor() as usize;
            let above = (below + 1).min(sorted.len() - 1);
            let share = position - below as f64;
            // The form NumPy uses: exact at both ends.
            let step = sorted[above] - sorted[below];
            if share >= 0.5 { sorted[above] - step * (1.0 - share) } else { sorted[below] + step * share }
        }
    }
}

/// Ascending copy without NaN.
pub fn sorted_finite(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// Σ by halves (pairwise), eight lanes at a time, in NumPy's order of additions: the rounding error
/// grows with log n, and figures that cancel agree with the reference implementations to the last
/// digit.
pub fn sum(values: &[f64]) -> f64 {
    let n = values.len();
    if n < 8 {
        return values.iter().sum();
    }
    if n > 128 {
        let half = n / 2 - (n / 2) % 8;
        return sum(&values[..half]) + sum(&values[half..]);
    }
    let mut lanes = [0.0; 8];
    let (eights, rest) = values.as_chunks::<8>();
    for eight in eights {
        lanes.iter_mut().zip(eight).for_each(|(lane, v)| *lane += v);
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    rest.iter().fold(((a + b) + (c + d)) + ((e + f) + (g + h)), |sum, v| sum + v)
}

/// Arithmetic mean; NaN when empty. Rounding errors are carried along (Neumaier 1974): large values
/// that cancel do not take the small ones with them.
pub fn mean(values: &[f64]) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0);
    for v in values {
        let next = total + v;
        lost += if total.abs() >= v.abs() { (total - next) + v } else { (v - next) + total };
        total = next;
    }
    let sum = if lost.is_finite() { total + lost } else { total };
    sum / values.len() as f64
}

/// Standard deviation with `ddof` subtracted from n; NaN when n ≤ ddof.
pub fn standard_deviation(values: &[f64], ddof: usize) -> f64 {
    if values.len() <= ddof {
        return f64::NAN;
    }
    let centre = mean(values);
    let squares: Vec<f64> = values.iter().map(|v| (v - centre) * (v - centre)).collect();
    (sum(&squares) / (values.len() - ddof) as f64).sqrt()
}

/// The shape of a distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// g₁ = m₃ / m₂^1.5, biased. NaN without variance.
    pub skewness: f64,
    /// m₄ / m₂² − 3, biased. NaN without variance.
    pub excess_kurtosis: f64,
}

/// Third and fourth standardised moments.
pub fn moments(values: &[f64]) -> Moments {
    let centre = mean(values);
    let central = |power: i32| values.iter().map(|v| (v - centre).powi(power)).sum::<f64>() / values.len() as f64;
    let m2 = central(2);
    if m2.is_nan() || m2 <= 0.0 {
        return Moments { skewness: f64::NAN, excess_kurtosis: f64::NAN };
    }
    Moments { skewness: central(3) / m2.powf(1.5), excess_kurtosis: central(4) / (m2 * m2) - 3.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_between_order_statistics() {
        let sorted = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(quantile_sorted(&sorted, 0.5), 2.5);
        assert_eq!(quantile_sorted(&sorted, 0.0), 1.0);
        assert_eq!(quantile_sorted(&sorted, 1.0), 4.0);
        assert!(quantile_sorted(&[], 0.5).is_nan());
    }
}

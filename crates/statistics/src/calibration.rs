//! Making scores mean what they say: isotonic regression and Platt scaling.

/// A monotone step line through targets: the best increasing fit in least squares (pool adjacent
/// violators), linear between its knots and flat outside them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Isotonic {
    /// Knots, strictly increasing.
    pub x: Vec<f64>,
    /// Their values, never decreasing.
    pub y: Vec<f64>,
}

impl Isotonic {
    /// Fits. Equal x are averaged first, weighted by their number; of a flat stretch only the ends
    /// are kept. Pairs with a NaN are left out. O(n log n).
    pub fn fit(x: &[f64], y: &[f64]) -> Isotonic {
        Isotonic::fit_weighted(x, y, &vec![1.0; x.len().min(y.len())])
    }

    /// The same where pairs count by a weight; pairs with a weight of 0 or less are left out.
    pub fn fit_weighted(x: &[f64], y: &[f64], weights: &[f64]) -> Isotonic {
        let all = x.iter().copied().zip(y.iter().copied()).zip(weights.iter().copied());
        let mut pairs: Vec<((f64, f64), f64)> =
            all.filter(|((a, b), w)| !a.is_nan() && !b.is_nan() && *w > 0.0).collect();
        pairs.sort_by(|a, b| a.0.0.total_cmp(&b.0.0));
        // Distinct x: value and weight.
        let mut points: Vec<(f64, f64, f64)> = Vec::new();
        for ((at, value), weight) in pairs {
            match points.last_mut() {
                Some(last) if last.0 == at => {
                    last.1 += weight * value;
                    last.2 += weight;
                }
                _ => points.push((at, weight * value, weight)),
            }
        }
        // Blocks of equal fit: (sum, weight, first point, last point).
        let mut blocks: Vec<(f64, f64, usize, usize)> = Vec::new();
        for (i, (_, sum, weight)) in points.iter().enumerate() {
            let mut block = (*sum, *weight, i, i);
            while let Some(before) = blocks.last() {
                if before.0 / before.1 < block.0 / block.1 {
                    break;
                }
                block = (before.0 + block.0, before.1 + block.1, before.2, block.3);
                blocks.pop();
            }
            blocks.push(block);
        }
        let mut fitted = Isotonic::default();
        for (sum, weight, first, last) in blocks {
            let value = sum / weight;
            let ends = if first == last { &[first][..] } else { &[first, last][..] };
            for end in ends {
                fitted.x.push(points[*end].0);
                fitted.y.push(value);
            }
        }
        fitted
    }

    /// The fit at `x`; NaN for NaN or when nothing was fitted.
    pub fn predict(&self, x: f64) -> f64 {
        let (Some(first), Some(last)) = (self.x.first(), self.x.last()) else {
            return f64::NAN;
        };
        if x.is_nan() {
            return f64::NAN;
        }
        if x <= *first {
            return self.y[0];
        }
        if x >= *last {
            return self.y[self.y.len() - 1];
        }
        let above = self.x.partition_point(|knot| *knot <= x);
        let (x0, x1, y0, y1) = (self.x[above - 1], self.x[above], self.y[above - 1], self.y[above]);
        y0 + (y1 - y0) / (x1 - x0) * (x - x0)
    }
}

/// Platt's sigmoid 1 / (1 + exp(a·score + b)), with his targets that keep away from 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Platt {
    pub a: f64,
    pub b: f64,
}

impl Platt {
    /// Fits by Newton's method with backtracking (Lin, Lin & Weng 2007). `None` for empty input
    /// or scores that are not finite.
    pub fn fit(scores: &[f64], truth: &[bool]) -> Option<Platt> {
        let n = scores.len().min(truth.len());
        if n == 0 || scores[..n].iter().any(|s| !s.is_finite()) {
            return None;
        }
        let positives = truth[..n].iter().filter(|t| **t).count() as f64;
        let negatives = n as f64 - positives;
        let (high, low) = ((positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0));
        let target = |i: usize| if truth[i] { high } else { low };
        let loss = |a: f64, b: f64| -> f64 {
            (0..n)
                .map(|i| {
                    let f = a * scores[i] + b;
                    let t = target(i);
                    if f >= 0.0 { t * f + (-f).exp().ln_1p() } else { (t - 1.0) * f + f.exp().ln_1p() }
                })
                .sum()
        };
        let (mut a, mut b) = (0.0, ((negatives + 1.0) / (positives + 1.0)).ln());
        let mut value = loss(a, b);
        for _ in 0..100 {
            let (mut h11, mut h22, mut h21, mut g1, mut g2) = (1e-12, 1e-12, 0.0, 0.0, 0.0);
            for (i, score) in scores.iter().enumerate().take(n) {
                let p = 1.0 / (1.0 + (a * score + b).exp());
                let d2 = p * (1.0 - p);
                h11 += score * score * d2;
                h22 += d2;
                h21 += score * d2;
                let d1 = target(i) - p;
                g1 += score * d1;
                g2 += d1;
            }
            if g1.abs() < 1e-10 && g2.abs() < 1e-10 {
                break;
            }
            let determinant = h11 * h22 - h21 * h21;
            let (da, db) = (-(h22 * g1 - h21 * g2) / determinant, -(h11 * g2 - h21 * g1) / determinant);
            let slope = g1 * da + g2 * db;
            let mut step = 1.0;
            loop {
                let next = loss(a + step * da, b + step * db);
                if next < value + 1e-4 * step * slope {
                    (a, b, value) = (a + step * da, b + step * db, next);
                    break;
                }
                step /= 2.0;
                if step < 1e-10 {
                    return Some(Platt { a, b });
                }
            }
        }
        Some(Platt { a, b })
    }

    pub fn predict(&self, score: f64) -> f64 {
        1.0 / (1.0 + (self.a * score + self.b).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_isotonic_fit_never_decreases_and_keeps_the_mean(y in prop::collection::vec(-5.0f64..5.0, 1..40)) {
            let x: Vec<f64> = (0..y.len()).map(|i| i as f64).collect();
            let fit = Isotonic::fit(&x, &y);
            prop_assert!(fit.y.windows(2).all(|w| w[0] <= w[1]));
            let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
            let fitted: Vec<f64> = x.iter().map(|x| fit.predict(*x)).collect();
            prop_assert!((mean(&fitted) - mean(&y)).abs() < 1e-9);
        }
    }

    #[test]
    fn platt_finds_the_logistic_curve_that_made_the_labels() {
        let mut random = fastrand::Rng::with_seed(3);
        let scores: Vec<f64> = (0..20_000).map(|_| random.f64() * 8.0 - 4.0).collect();
        let truth: Vec<bool> = scores.iter().map(|s| random.f64() < 1.0 / (1.0 + (-1.5 * s + 0.5).exp())).collect();
        let fit = Platt::fit(&scores, &truth).expect("fits");
        assert!((fit.a + 1.5).abs() < 0.08 && (fit.b - 0.5).abs() < 0.08, "{fit:?}");
        assert!(Platt::fit(&[f64::NAN], &[true]).is_none());
    }
}

//! Principal components: rows that the reference's own directions cannot explain.

use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};

/// Components are kept until they explain more than this share of the variance, as NannyML does.
pub const EXPLAINED: f64 = 0.65;

/// The reference's directions.
#[derive(Debug, Clone, PartialEq)]
pub struct Components {
    mean: Array1<f64>,
    scale: Array1<f64>,
    /// One column a kept component.
    directions: Array2<f64>,
    /// Share of the variance of each component, all of them, greatest first.
    pub explained: Vec<f64>,
}

impl Components {
    /// From reference rows; NaN becomes the column's mean. Columns are scaled by their standard
    /// deviation (ddof 0; 1 for a constant one). `None` without rows, columns or variance.
    pub fn fit(rows: ArrayView2<f64>) -> Option<Components> {
        let d = rows.ncols();
        if rows.nrows() < 2 || d == 0 {
            return None;
        }
        let known = |column: usize| rows.column(column).into_iter().copied().filter(|v| v.is_finite());
        let mean: Array1<f64> = (0..d)
            .map(|c| {
                let n = known(c).count();
                if n == 0 { 0.0 } else { known(c).sum::<f64>() / n as f64 }
            })
            .collect();
        let n = rows.nrows() as f64;
        let scale: Array1<f64> = (0..d)
            .map(|c| {
                let deviation = (known(c).map(|v| (v - mean[c]).powi(2)).sum::<f64>() / n).sqrt();
                if deviation > 0.0 { deviation } else { 1.0 }
            })
            .collect();
        let mut fitted = Components { mean, scale, directions: Array2::zeros((d, 0)), explained: Vec::new() };
        let scaled = fitted.scaled(rows);
        let centred = &scaled - &scaled.mean_axis(Axis(0))?;
        let (values, vectors) = eigen(centred.t().dot(&centred));
        let total: f64 = values.iter().map(|v| v.max(0.0)).sum();
        if total.is_nan() || total <= 0.0 {
            return None;
        }
        fitted.explained = values.iter().map(|v| v.max(0.0) / total).collect();
        let mut sum = 0.0;
        let mut kept = 0;
        while kept < d && sum <= EXPLAINED {
            sum += fitted.explained[kept];
            kept += 1;
        }
        fitted.directions = vectors.slice_axis(Axis(1), Slice::from(..kept)).to_owned();
        Some(fitted)
    }

    /// How many components are kept.
    pub fn kept(&self) -> usize {
        self.directions.ncols()
    }

    fn scaled(&self, rows: ArrayView2<f64>) -> Array2<f64> {
        let mut out = rows.to_owned();
        for (c, mut column) in out.axis_iter_mut(Axis(1)).enumerate() {
            column.mapv_inplace(|v| if v.is_finite() { (v - self.mean[c]) / self.scale[c] } else { 0.0 });
        }
        out
    }

    /// The reconstruction error of each row: the length of what its projection leaves out, in
    /// standard deviations. Also an anomaly score of the row.
    pub fn errors(&self, rows: ArrayView2<f64>) -> Vec<f64> {
        if rows.ncols() != self.mean.len() {
            return vec![f64::NAN; rows.nrows()];
        }
        let scaled = self.scaled(rows);
        let rest = &scaled - &scaled.dot(&self.directions).dot(&self.directions.t());
        rest.rows().into_iter().map(|r| r.dot(&r).sqrt()).collect()
    }
}

/// Eigenvalues, greatest first, and their vectors as columns, of a symmetric matrix, by Jacobi's
/// rotations.
fn eigen(mut a: Array2<f64>) -> (Vec<f64>, Array2<f64>) {
    let n = a.nrows();
    let mut vectors = Array2::<f64>::eye(n);
    let scale: f64 = a.iter().map(|v| v * v).sum();
    for _ in 0..100 {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[[i, j]].powi(2)).sum();
        if off.is_nan() || off <= 1e-30 * scale {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[[p, q]] == 0.0 {
                    continue;
                }
                let theta = (a[[q, q]] - a[[p, p]]) / (2.0 * a[[p, q]]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let t = if theta == 0.0 { 1.0 } else { t };
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..n {
                    let (x, y) = (a[[k, p]], a[[k, q]]);
                    (a[[k, p]], a[[k, q]]) = (c * x - s * y, s * x + c * y);
                }
                for k in 0..n {
                    let (x, y) = (a[[p, k]], a[[q, k]]);
                    (a[[p, k]], a[[q, k]]) = (c * x - s * y, s * x + c * y);
                }
                for k in 0..n {
                    let (x, y) = (vectors[[k, p]], vectors[[k, q]]);
                    (vectors[[k, p]], vectors[[k, q]]) = (c * x - s * y, s * x + c * y);
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| a[[*j, *j]].total_cmp(&a[[*i, *i]]));
    (order.iter().map(|i| a[[*i, *i]]).collect(), vectors.select(Axis(1), &order))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_correlation_is_an_error_though_each_column_looks_the_same() {
        let rows = Array2::from_shape_fn((200, 2), |(i, c)| (i as f64 * 0.1).sin() + 0.01 * (i * (c + 1) % 7) as f64);
        let fitted = Components::fit(rows.view()).expect("fits");
        assert_eq!(fitted.kept(), 1);
        let usual = crate::quantile::mean(&fitted.errors(rows.view()));
        let broken = Array2::from_shape_fn((200, 2), |(i, c)| if c == 0 { rows[[i, 0]] } else { rows[[199 - i, 1]] });
        assert!(crate::quantile::mean(&fitted.errors(broken.view())) > 5.0 * usual);
        assert!(Components::fit(Array2::zeros((0, 2)).view()).is_none());
    }
}

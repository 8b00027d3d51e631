//! Systems of linear equations, as small as the statistics need them.

use ndarray::Array2;

/// X of A·X = B by Gauss–Jordan with row pivoting: A n × n, B n × k. `None` for a singular or
/// non-finite A.
pub(crate) fn solve(mut a: Array2<f64>, mut b: Array2<f64>) -> Option<Array2<f64>> {
    let n = a.nrows();
    for pivot in 0..n {
        let best = (pivot..n).max_by(|i, j| a[[*i, pivot]].abs().total_cmp(&a[[*j, pivot]].abs()))?;
        let scale = a[[best, pivot]];
        if !scale.is_finite() || scale.abs() < 1e-300 {
            return None;
        }
        for side in [&mut a, &mut b] {
            (0..side.ncols()).for_each(|column| side.swap([pivot, column], [best, column]));
            side.row_mut(pivot).mapv_inplace(|v| v / scale);
        }
        let (lead, own) = (a.row(pivot).to_owned(), b.row(pivot).to_owned());
        for row in (0..n).filter(|row| *row != pivot) {
            let factor = a[[row, pivot]];
            a.row_mut(row).scaled_add(-factor, &lead);
            b.row_mut(row).scaled_add(-factor, &own);
        }
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_fits_and_a_singular_system_has_none() {
        let a = Array2::from_shape_fn((3, 3), |(i, j)| [[0.0, 2.0, 1.0], [1.0, 0.0, 0.0], [3.0, 0.0, 1.0]][i][j]);
        let x = solve(a.clone(), Array2::eye(3)).expect("regular");
        assert!((a.dot(&x) - Array2::<f64>::eye(3)).iter().all(|v| v.abs() < 1e-12));
        assert!(solve(Array2::zeros((2, 2)), Array2::eye(2)).is_none());
    }
}

//! Two samples of rows compared through kernels: maximum mean discrepancy and the least-squares
//! density difference, with p by permutation in bounded memory.

use ndarray::{Array1, Array2, ArrayView2, Axis, Slice, concatenate};

use crate::linear::solve;

/// Rows of the kernel matrix that exist at one time.
const BLOCK: usize = 256;

/// The outcome of a permutation test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Permutation {
    pub statistic: f64,
    /// (1 + how many permutations reach it) / (1 + how many were tried).
    pub p: f64,
}

/// The median Euclidean distance between all pairs of the pooled rows, √½ where that is 0, so that
/// γ = 1 / (2σ²) is 1. O((n + m)²) time and memory.
pub fn median_distance(x: ArrayView2<f64>, y: ArrayView2<f64>) -> f64 {
    let Ok(pooled) = concatenate(Axis(0), &[x, y]) else {
        return f64::NAN;
    };
    let n = pooled.nrows();
    let mut distances = Vec::with_capacity(n * n.saturating_sub(1) / 2);
    for i in 0..n {
        for j in i + 1..n {
            distances.push(squared_distance(&pooled, i, j).sqrt());
        }
    }
    if distances.is_empty() {
        return f64::NAN;
    }
    let middle = distances.len() / 2;
    let (below, upper, _) = distances.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    let even = (n * (n - 1) / 2).is_multiple_of(2);
    let lower = if even { below.iter().copied().fold(f64::NEG_INFINITY, f64::max) } else { upper };
    let median = (lower + upper) / 2.0;
    if median > 0.0 { median } else { 0.5_f64.sqrt() }
}

fn squared_distance(rows: &Array2<f64>, i: usize, j: usize) -> f64 {
    rows.row(i).iter().zip(rows.row(j)).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Both samples' rows, the first's first, moved to their common middle: large offsets would eat the
/// digits of the distances. `None` for no rows or columns of unequal number.
fn centred(x: ArrayView2<f64>, y: ArrayView2<f64>) -> Option<Array2<f64>> {
    let pooled = concatenate(Axis(0), &[x, y]).ok()?;
    let middle = pooled.mean_axis(Axis(0))?;
    Some(pooled - &middle)
}

/// exp(−γ|a − b|²) of every row of `a` with every row of `b`.
fn gaussian(a: ArrayView2<f64>, b: ArrayView2<f64>, gamma: f64) -> Array2<f64> {
    let square = |rows: &ArrayView2<f64>| -> Array1<f64> { rows.rows().into_iter().map(|r| r.dot(&r)).collect() };
    let (na, nb) = (square(&a), square(&b));
    let mut kernel = a.dot(&b.t());
    for ((i, j), value) in kernel.indexed_iter_mut() {
        *value = (-gamma * (na[i] + nb[j] - 2.0 * *value).max(0.0)).exp();
    }
    kernel
}

/// MMD² of rows x and y with an RBF kernel exp(−γ|a − b|²).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Discrepancy {
    /// Without the diagonals: right on average, may be negative. NaN below two rows a side.
    pub unbiased: f64,
    /// With them: never negative.
    pub biased: f64,
}

/// See [`Discrepancy`]. Memory O([`BLOCK`]·(n + m)).
pub fn mmd2(x: ArrayView2<f64>, y: ArrayView2<f64>, gamma: f64) -> Discrepancy {
    let (n, m) = (x.nrows() as f64, y.nrows() as f64);
    let Some(pooled) = centred(x, y) else {
        return Discrepancy { unbiased: f64::NAN, biased: f64::NAN };
    };
    let (x, y) = pooled.view().split_at(Axis(0), x.nrows());
    let sum = |a: ArrayView2<f64>, b: ArrayView2<f64>| -> f64 {
        a.axis_chunks_iter(Axis(0), BLOCK).map(|block| gaussian(block, b, gamma).sum()).sum()
    };
    let (xx, yy, xy) = (sum(x, x), sum(y, y), sum(x, y));
    let unbiased = if n < 2.0 || m < 2.0 {
        f64::NAN
    } else {
        (xx - n) / (n * (n - 1.0)) + (yy - m) / (m * (m - 1.0)) - 2.0 * xy / (n * m)
    };
    Discrepancy { unbiased, biased: xx / (n * n) + yy / (m * m) - 2.0 * xy / (n * m) }
}

/// The permutation test of the unbiased MMD². Each block of the kernel meets all permutations at
/// once. Memory O((n + m)·rounds). `None` below two rows a side.
pub fn mmd2_test(x: ArrayView2<f64>, y: ArrayView2<f64>, gamma: f64, rounds: usize, seed: u64) -> Option<Permutation> {
    let (n, m) = (x.nrows(), y.nrows());
    if n < 2 || m < 2 {
        return None;
    }
    let pooled = centred(x, y)?;
    let members = memberships(n, m, rounds, seed);
    // For each labelling u: uᵀKu and, with the row sums r of K, uᵀr; the rest follows.
    let mut own = Array1::<f64>::zeros(members.ncols());
    let mut with_all = Array1::<f64>::zeros(members.ncols());
    let mut total = 0.0;
    for start in (0..n + m).step_by(BLOCK) {
        let block = Slice::from(start..(start + BLOCK).min(n + m));
        let kernel = gaussian(pooled.slice_axis(Axis(0), block), pooled.view(), gamma);
        let rows = kernel.sum_axis(Axis(1));
        total += rows.sum();
        let reached = kernel.dot(&members);
        let labels = members.slice_axis(Axis(0), block);
        own += &(&labels * &reached).sum_axis(Axis(0));
        with_all += &labels.t().dot(&rows);
    }
    let (a, b) = (n as f64, m as f64);
    let statistic = |i: usize| {
        let xx = own[i];
        let xy = with_all[i] - xx;
        let yy = total - xx - 2.0 * xy;
        (xx - a) / (a * (a - 1.0)) + (yy - b) / (b * (b - 1.0)) - 2.0 * xy / (a * b)
    };
    Some(counted(statistic, members.ncols()))
}

/// One column a labelling, 1 where a row belongs to the first sample; the first column is the truth.
fn memberships(n: usize, m: usize, rounds: usize, seed: u64) -> Array2<f64> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut members = Array2::zeros((n + m, rounds + 1));
    (0..n).for_each(|row| members[[row, 0]] = 1.0);
    let mut order: Vec<usize> = (0..n + m).collect();
    for column in 1..=rounds {
        random.shuffle(&mut order);
        order[..n].iter().for_each(|row| members[[*row, column]] = 1.0);
    }
    members
}

fn counted(statistic: impl Fn(usize) -> f64, columns: usize) -> Permutation {
    let observed = statistic(0);
    // Sums in another order differ by rounding: equal statistics count as reached.
    let slack = 1e-12 * observed.abs().max(1e-12);
    let reached = (1..columns).filter(|i| statistic(*i) >= observed - slack).count();
    Permutation { statistic: observed, p: (1 + reached) as f64 / columns as f64 }
}

/// Kernel centres of the density difference.
const CENTRES: usize = 100;

/// The permutation test of the least-squares density difference (Sugiyama et al. 2013): ∫(p − q)²
/// with Gaussians of width σ at up to 100 rows drawn from both samples, ridge λ. Memory
/// O((n + m)·(100 + rounds)). `None` below two rows a side.
pub fn lsdd_test(
    x: ArrayView2<f64>,
    y: ArrayView2<f64>,
    sigma: f64,
    lambda: f64,
    rounds: usize,
    seed: u64,
) -> Option<Permutation> {
    let (n, m) = (x.nrows(), y.nrows());
    if n < 2 || m < 2 || sigma.is_nan() || sigma <= 0.0 {
        return None;
    }
    let pooled = centred(x, y)?;
    let mut random = fastrand::Rng::with_seed(seed ^ 0x5eed);
    let mut order: Vec<usize> = (0..n + m).collect();
    random.shuffle(&mut order);
    order.truncate(CENTRES);
    let centres = pooled.select(Axis(0), &order);
    let gamma = 1.0 / (2.0 * sigma * sigma);
    let reach = gaussian(pooled.view(), centres.view(), gamma);
    // ∫ of two Gaussians is a wider one; the constant factor cancels in the test.
    let mut h = gaussian(centres.view(), centres.view(), gamma / 2.0);
    let inner = h.clone();
    h.diag_mut().iter_mut().for_each(|v| *v += lambda);
    let members = memberships(n, m, rounds, seed);
    let sums = reach.t().dot(&members);
    let all = reach.sum_axis(Axis(0));
    let (a, b) = (n as f64, m as f64);
    let mut difference = sums;
    for mut column in difference.axis_iter_mut(Axis(1)) {
        column.zip_mut_with(&all, |sum, total| *sum = *sum / a - (total - *sum) / b);
    }
    let theta = solve(h, difference.clone())?;
    let spread = inner.dot(&theta);
    let statistic =
        |i: usize| 2.0 * theta.column(i).dot(&difference.column(i)) - theta.column(i).dot(&spread.column(i));
    Some(counted(statistic, members.ncols()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(n: usize, shift: f64, seed: u64) -> Array2<f64> {
        let mut random = fastrand::Rng::with_seed(seed);
        Array2::from_shape_fn((n, 3), |_| (0..12).map(|_| random.f64()).sum::<f64>() - 6.0 + shift)
    }

    #[test]
    fn both_tests_see_a_shift_and_leave_the_same_law_alone() {
        let (x, same, moved) = (cloud(120, 0.0, 1), cloud(100, 0.0, 2), cloud(100, 0.8, 3));
        let sigma = median_distance(x.view(), same.view());
        let gamma = 1.0 / (2.0 * sigma * sigma);
        let mmd = |y: &Array2<f64>| mmd2_test(x.view(), y.view(), gamma, 200, 5).expect("defined");
        let lsdd = |y: &Array2<f64>| lsdd_test(x.view(), y.view(), sigma, 1e-3, 200, 5).expect("defined");
        assert!(mmd(&same).p > 0.05 && mmd(&moved).p < 0.01);
        assert!(lsdd(&same).p > 0.05 && lsdd(&moved).p < 0.01);
        assert!((mmd(&moved).statistic - mmd2(x.view(), moved.view(), gamma).unbiased).abs() < 1e-12);
    }

    #[test]
    fn too_few_rows_are_undefined() {
        let (one, many) = (cloud(1, 0.0, 1), cloud(5, 0.0, 2));
        assert!(mmd2(one.view(), many.view(), 1.0).unbiased.is_nan());
        assert!(mmd2_test(one.view(), many.view(), 1.0, 10, 1).is_none());
    }
}

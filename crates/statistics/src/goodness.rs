//! Two samples compared through their distribution functions: Anderson–Darling, Cramér–von Mises,
//! energy distance.

use std::collections::BTreeMap;

use ndarray::Array2;
use statrs::function::gamma::ln_gamma;

use crate::linear::solve;
use crate::ranks::midranks;

/// A step of the pooled sample: the value, how many are equal to it, and how many of each sample
/// lie below and at it.
pub(crate) struct Step {
    below: [f64; 2],
    pub(crate) at: [f64; 2],
}

/// Walks two sorted samples through their pooled distinct values.
pub(crate) fn steps(x: &[f64], y: &[f64]) -> Vec<(f64, Step)> {
    let (mut i, mut j) = (0, 0);
    let mut out = Vec::with_capacity(x.len() + y.len());
    while i < x.len() || j < y.len() {
        let at = match (x.get(i), y.get(j)) {
            (Some(a), Some(b)) => a.min(*b),
            (Some(a), None) => *a,
            (None, Some(b)) => *b,
            (None, None) => break,
        };
        let (from_x, from_y) = (i, j);
        while i < x.len() && x[i] <= at {
            i += 1;
        }
        while j < y.len() && y[j] <= at {
            j += 1;
        }
        if i == from_x && j == from_y {
            // NaN: it equals nothing and would never be passed.
            break;
        }
        out.push((at, Step { below: [from_x as f64, from_y as f64], at: [(i - from_x) as f64, (j - from_y) as f64] }));
    }
    out
}

/// The two-sample Anderson–Darling statistic, normalised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AndersonDarling {
    /// (A² − mean) / standard deviation, Scholz & Stephens (1987), midrank version.
    pub statistic: f64,
    /// Interpolated between tabled critical values, so within 0.001 and 0.25.
    pub p: f64,
}

/// Anderson–Darling of two *sorted* samples without NaN. `None` for fewer than two distinct values
/// or four rows in all.
pub fn anderson_darling_sorted(x: &[f64], y: &[f64]) -> Option<AndersonDarling> {
    let steps = steps(x, y);
    let sizes = [x.len() as f64, y.len() as f64];
    let total = sizes[0] + sizes[1];
    if steps.len() < 2 || sizes[0] == 0.0 || sizes[1] == 0.0 || total < 4.0 {
        return None;
    }
    let mut a2 = 0.0;
    for (side, size) in sizes.iter().enumerate() {
        let mut inner = 0.0;
        for (_, step) in &steps {
            let ties = step.at[0] + step.at[1];
            let b = step.below[0] + step.below[1] + ties / 2.0;
            let m = step.below[side] + step.at[side] / 2.0;
            let difference = total * m - b * size;
            inner += ties / total * difference * difference / (b * (total - b) - total * ties / 4.0);
        }
        a2 += inner / size;
    }
    a2 *= (total - 1.0) / total;
    let n = total as usize;
    let (mut harmonic, mut g) = (0.0, 0.0);
    for i in 1..n - 1 {
        harmonic += 1.0 / (n - i) as f64;
        g += harmonic / (i + 1) as f64;
    }
    let (h, big_h, k) = (harmonic + 1.0, 1.0 / sizes[0] + 1.0 / sizes[1], 2.0);
    let a = (4.0 * g - 6.0) * (k - 1.0) + (10.0 - 6.0 * g) * big_h;
    let b = (2.0 * g - 4.0) * k * k + 8.0 * h * k + (2.0 * g - 14.0 * h - 4.0) * big_h - 8.0 * h + 4.0 * g - 6.0;
    let c = (6.0 * h + 2.0 * g - 2.0) * k * k + (4.0 * h - 4.0 * g + 6.0) * k + (2.0 * h - 6.0) * big_h + 4.0 * h;
    let d = (2.0 * h + 6.0) * k * k - 4.0 * h * k;
    let variance =
        (a * total.powi(3) + b * total * total + c * total + d) / ((total - 1.0) * (total - 2.0) * (total - 3.0));
    let statistic = (a2 - (k - 1.0)) / variance.sqrt();
    Some(AndersonDarling { statistic, p: anderson_darling_p(statistic) })
}

/// ln p is a parabola through the critical values that Scholz & Stephens table for k = 2.
fn anderson_darling_p(statistic: f64) -> f64 {
    // Their b₀ + b₁/√m + b₂/m with m = k − 1 = 1.
    const B0: [f64; 7] = [0.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085];
    const B1: [f64; 7] = [-0.245, 0.25, 0.678, 1.149, 1.822, 2.364, 3.615];
    const B2: [f64; 7] = [-0.105, -0.305, -0.362, -0.391, -0.396, -0.345, -0.154];
    const P: [f64; 7] = [0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001];
    let critical: Vec<f64> = (0..7).map(|i| B0[i] + B1[i] + B2[i]).collect();
    if statistic <= critical[0] {
        return P[0];
    }
    if statistic >= critical[6] {
        return P[6];
    }
    let ln: Vec<f64> = P.iter().map(|p| p.ln()).collect();
    let Some([c0, c1, c2]) = parabola(&critical, &ln) else {
        return f64::NAN;
    };
    (c0 + c1 * statistic + c2 * statistic * statistic).exp().clamp(P[6], P[0])
}

/// Least-squares parabola by the normal equations, lowest power first.
fn parabola(x: &[f64], y: &[f64]) -> Option<[f64; 3]> {
    let moment = |power: i32| x.iter().map(|v| v.powi(power)).sum::<f64>();
    let mixed = |power: i32| x.iter().zip(y).map(|(v, w)| v.powi(power) * w).sum::<f64>();
    let left = Array2::from_shape_fn((3, 3), |(i, j)| moment((i + j) as i32));
    let fitted = solve(left, Array2::from_shape_fn((3, 1), |(i, _)| mixed(i as i32)))?;
    Some([fitted[[0, 0]], fitted[[1, 0]], fitted[[2, 0]]])
}

/// The two-sample Cramér–von Mises test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CramerVonMises {
    /// T of Anderson (1962), with midranks. With heavy ties T does not shrink to 0 for equal
    /// samples: two equal constants give p near 0.01, which callers must not read as drift.
    pub statistic: f64,
    pub p_asymptotic: f64,
    /// Exact for up to 20 rows a side.
    pub p_exact: Option<f64>,
}

/// Cramér–von Mises of two samples without NaN, in any order. `None` for fewer than two rows.
pub fn cramer_von_mises(x: &[f64], y: &[f64]) -> Option<CramerVonMises> {
    let (n, m) = (x.len() as f64, y.len() as f64);
    if x.len() < 2 || y.len() < 2 {
        return None;
    }
    let pooled: Vec<f64> = x.iter().chain(y).copied().collect();
    let (ranks, _) = midranks(&pooled);
    let part = |ranks: &[f64]| -> f64 {
        let mut sorted = ranks.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted.iter().enumerate().map(|(i, r)| (r - (i + 1) as f64).powi(2)).sum()
    };
    let u = n * part(&ranks[..x.len()]) + m * part(&ranks[x.len()..]);
    let (k, total) = (n * m, n + m);
    let statistic = u / (k * total) - (4.0 * k - 1.0) / (6.0 * total);
    let mean = (1.0 + 1.0 / total) / 6.0;
    let variance =
        (total + 1.0) * (4.0 * k * total - 3.0 * (n * n + m * m) - 2.0 * k) / (45.0 * total * total * 4.0 * k);
    let scaled = 1.0 / 6.0 + (statistic - mean) / (45.0 * variance).sqrt();
    let p_asymptotic = if scaled < 0.003 { 1.0 } else { (1.0 - limit(scaled)).clamp(0.0, 1.0) };
    let p_exact = (x.len().max(y.len()) <= 20).then(|| exact(u, x.len() as i64, y.len() as i64));
    Some(CramerVonMises { statistic, p_asymptotic, p_exact })
}

/// The limiting distribution of the statistic at x > 0 (Anderson & Darling 1952).
fn limit(x: f64) -> f64 {
    let mut sum = 0.0;
    for k in 0..60 {
        let k = f64::from(k);
        let y = (4.0 * k + 1.0).powi(2) / (16.0 * x);
        let weight = (ln_gamma(k + 0.5) - ln_gamma(k + 1.0)).exp() / (std::f64::consts::PI.powf(1.5) * x.sqrt());
        let term = weight * (4.0 * k + 1.0).sqrt() * (-y).exp() * bessel_quarter(y);
        sum += term;
        if term.abs() < 1e-14 {
            break;
        }
    }
    sum
}

/// The modified Bessel function K of order ¼: ∫₀^∞ exp(−y cosh t) cosh(t/4) dt by the trapezoidal
/// rule, which converges exponentially on such integrands.
fn bessel_quarter(y: f64) -> f64 {
    const STEP: f64 = 1.0 / 64.0;
    let term = |t: f64| (-y * t.cosh()).exp() * (t / 4.0).cosh();
    let mut sum = term(0.0) / 2.0;
    let mut t = STEP;
    loop {
        let value = term(t);
        sum += value;
        if value < 1e-18 * sum || t > 700.0 {
            return sum * STEP;
        }
        t += STEP;
    }
}

/// Share of all arrangements whose statistic is at least this one (Xiao, Gordon & Yakovlev 2006):
/// every lattice path's sum of squared scaled distances from the diagonal, counted by value.
fn exact(u: f64, m: i64, n: i64) -> f64 {
    let (mut a, mut b) = (m, n);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let lcm = m / a * n;
    let (scale_m, scale_n) = (lcm / m, lcm / n);
    let mn = (m * n) as f64;
    let zeta = ((lcm * lcm * (m + n)) as f64 * (6.0 * u - mn * (4.0 * mn - 1.0)) / (6.0 * mn * mn)).floor();
    // paths[v] holds, for paths to (u, v), how many reach each sum.
    let mut paths: Vec<BTreeMap<i64, f64>> = vec![BTreeMap::new(); m as usize + 1];
    paths[0].insert(0, 1.0);
    for column in 0..=n {
        let mut below = BTreeMap::<i64, f64>::new();
        for (row, here) in paths.iter_mut().enumerate() {
            let mut merged = std::mem::take(here);
            for (value, count) in below {
                *merged.entry(value).or_insert(0.0) += count;
            }
            let distance = (scale_m * row as i64 - scale_n * column).pow(2);
            *here = merged.into_iter().map(|(value, count)| (value + distance, count)).collect();
            below = here.clone();
        }
    }
    let all = &paths[m as usize];
    let total: f64 = all.values().sum();
    all.iter().filter(|(value, _)| **value as f64 >= zeta).map(|(_, count)| count).sum::<f64>() / total
}

/// Energy distance √(2 E|X−Y| − E|X−X′| − E|Y−Y′|) = √2 · L² distance of the distribution
/// functions, of two *sorted* samples, in the root of the values' unit. NaN when a side is empty.
pub fn energy_distance_sorted(x: &[f64], y: &[f64]) -> f64 {
    if x.is_empty() || y.is_empty() {
        return f64::NAN;
    }
    let (n, m) = (x.len() as f64, y.len() as f64);
    let steps = steps(x, y);
    let area: f64 = steps
        .windows(2)
        .map(|pair| {
            let (at, step) = &pair[0];
            let f = (step.below[0] + step.at[0]) / n - (step.below[1] + step.at[1]) / m;
            f * f * (pair[1].0 - at)
        })
        .sum();
    (2.0 * area).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_of_two_points_is_the_root_of_twice_their_distance() {
        assert!((energy_distance_sorted(&[0.0], &[2.0]) - 2.0).abs() < 1e-12);
        assert_eq!(energy_distance_sorted(&[1.0, 2.0], &[1.0, 2.0]), 0.0);
    }

    #[test]
    fn constants_and_missing_values_give_no_panic() {
        assert_eq!(anderson_darling_sorted(&[1.0; 5], &[1.0; 5]), None);
        assert_eq!(anderson_darling_sorted(&[f64::NAN; 5], &[f64::NAN; 5]), None);
        assert!(cramer_von_mises(&[1.0], &[2.0, 3.0]).is_none());
    }
}

//! Do two series move together, and which comes first.

use statrs::distribution::{ContinuousCDF, Normal};

use super::trend::runs;
use crate::quantile::mean;
use crate::ranks::midranks;
use crate::t_test::two_sided;

/// A correlation from −1 to 1 with its two-sided p.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlation {
    pub r: f64,
    pub p: f64,
}

/// Pearson's r. `None` for fewer than two pairs, a constant side, or NaN.
pub fn pearson(x: &[f64], y: &[f64]) -> Option<Correlation> {
    let n = x.len().min(y.len());
    if n < 2 {
        return None;
    }
    let r = moment(&x[..n], &y[..n])?;
    Some(Correlation { r, p: p_of(r, n as f64) })
}

/// Spearman's: Pearson's of the midranks, p by Student's t.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<Correlation> {
    let n = x.len().min(y.len());
    if x[..n].iter().chain(&y[..n]).any(|v| v.is_nan()) {
        return None;
    }
    pearson(&midranks(&x[..n]).0, &midranks(&y[..n]).0)
}

fn moment(x: &[f64], y: &[f64]) -> Option<f64> {
    let (mx, my) = (mean(x), mean(y));
    let (mut sxy, mut sxx, mut syy) = (0.0, 0.0, 0.0);
    for (a, b) in x.iter().zip(y) {
        sxy += (a - mx) * (b - my);
        sxx += (a - mx) * (a - mx);
        syy += (b - my) * (b - my);
    }
    let r = sxy / (sxx.sqrt() * syy.sqrt());
    r.is_finite().then(|| r.clamp(-1.0, 1.0))
}

/// Student's t on n − 2 degrees of freedom, where n may be an effective number of pairs.
fn p_of(r: f64, n: f64) -> f64 {
    let degrees = n - 2.0;
    if degrees <= 0.0 {
        return 1.0;
    }
    if r.abs() >= 1.0 {
        return 0.0;
    }
    let t = r.abs() * (degrees / (1.0 - r * r)).sqrt();
    two_sided(t, degrees)
}

/// Kendall's τ-b with two p-values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kendall {
    pub tau_b: f64,
    pub p_asymptotic: f64,
    /// Exact for up to 33 pairs, or at most one discordant (or concordant) pair, without ties; else
    /// the asymptotic one.
    pub p: f64,
}

/// O(n²). `None` for fewer than two pairs, a constant side, or NaN.
pub fn kendall(x: &[f64], y: &[f64]) -> Option<Kendall> {
    let n = x.len().min(y.len());
    let (x, y) = (&x[..n], &y[..n]);
    if n < 2 || x.iter().chain(y).any(|v| v.is_nan()) {
        return None;
    }
    let (mut concordant, mut discordant) = (0.0, 0.0);
    for i in 0..n {
        for j in i + 1..n {
            let product = (x[i] - x[j]) * (y[i] - y[j]);
            concordant += f64::from(u8::from(product > 0.0));
            discordant += f64::from(u8::from(product < 0.0));
        }
    }
    let size = n as f64;
    let total = size * (size - 1.0) / 2.0;
    let sum = |values: &[f64], of: &dyn Fn(f64) -> f64| -> f64 { runs(values).into_iter().map(of).sum() };
    let pairs = |t: f64| t * (t - 1.0) / 2.0;
    let (tied_x, tied_y) = (sum(x, &pairs), sum(y, &pairs));
    let tau_b = (concordant - discordant) / ((total - tied_x) * (total - tied_y)).sqrt();
    if !tau_b.is_finite() {
        return None;
    }
    let spread = |t: f64| t * (t - 1.0) * (2.0 * t + 5.0);
    let triples = |t: f64| t * (t - 1.0) * (t - 2.0);
    let m = size * (size - 1.0);
    let third = if n > 2 { sum(x, &triples) * sum(y, &triples) / (9.0 * m * (size - 2.0)) } else { 0.0 };
    let variance =
        (m * (2.0 * size + 5.0) - sum(x, &spread) - sum(y, &spread)) / 18.0 + 2.0 * tied_x * tied_y / m + third;
    let z = (concordant - discordant) / variance.sqrt();
    let p_asymptotic = (2.0 * Normal::standard().sf(z.abs())).min(1.0);
    let fewer = discordant.min(total - discordant);
    let exact = tied_x == 0.0 && tied_y == 0.0 && (n <= 33 || fewer <= 1.0);
    Some(Kendall { tau_b, p_asymptotic, p: if exact { kendall_exact(n, fewer as usize) } else { p_asymptotic } })
}

/// The share of permutations of n with at most `fewer` inversions, twice.
fn kendall_exact(n: usize, fewer: usize) -> f64 {
    if 4 * fewer == n * (n - 1) {
        return 1.0;
    }
    // share[c]: permutations of j with c inversions, over j!.
    let mut share = vec![0.0; fewer + 1];
    share[0] = 1.0;
    for j in 2..=n {
        let mut sum = 0.0;
        let before = share.clone();
        for c in 0..=fewer {
            sum += before[c];
            if c >= j {
                sum -= before[c - j];
            }
            share[c] = sum / j as f64;
        }
    }
    (2.0 * share.iter().sum::<f64>()).min(1.0)
}

/// Correlation of x at t + k with y at t for lags −most..=most, of the full series' means and
/// deviations (ddof 0, biased): a positive lag means that x comes later. `None` for a constant side.
pub fn cross_correlation(x: &[f64], y: &[f64], most: usize) -> Option<Vec<f64>> {
    let n = x.len().min(y.len());
    let (x, y) = (&x[..n], &y[..n]);
    let (mx, my) = (mean(x), mean(y));
    let scale =
        (x.iter().map(|v| (v - mx).powi(2)).sum::<f64>() * y.iter().map(|v| (v - my).powi(2)).sum::<f64>()).sqrt();
    if n == 0 || scale.is_nan() || scale <= 0.0 {
        return None;
    }
    let most = most as i64;
    let at = |lag: i64| -> f64 {
        (0..n as i64)
            .filter(|t| (0..n as i64).contains(&(t + lag)))
            .map(|t| (x[(t + lag) as usize] - mx) * (y[t as usize] - my))
            .sum::<f64>()
            / scale
    };
    Some((-most..=most).map(at).collect())
}

/// Correlation of a series with itself at lags 0..=most, biased. `None` for a constant one.
pub fn autocorrelation(x: &[f64], most: usize) -> Option<Vec<f64>> {
    Some(cross_correlation(x, x, most)?.split_off(most))
}

/// The lag at which two series correlate most, with a p that allows for their own memory and for
/// having looked at every lag.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lagged {
    /// Positive: x comes later.
    pub lag: i64,
    pub r: f64,
    /// Pairs that count: n / (1 + 2 Σ (1 − k/n) ρₓ(k) ρᵧ(k)) (Bartlett 1946).
    pub effective_n: f64,
    pub p: f64,
}

/// See [`Lagged`]. `None` for a constant side or fewer than eight pairs.
pub fn lagged(x: &[f64], y: &[f64], most: usize) -> Option<Lagged> {
    let n = x.len().min(y.len());
    if n < 8 {
        return None;
    }
    let most = most.min(n / 4);
    let all = cross_correlation(x, y, most)?;
    let (place, r) = all.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?;
    let reach = n / 4;
    let (own_x, own_y) = (autocorrelation(&x[..n], reach)?, autocorrelation(&y[..n], reach)?);
    let size = n as f64;
    let memory: f64 = (1..=reach).map(|k| (1.0 - k as f64 / size) * own_x[k] * own_y[k]).sum();
    let effective_n = (size / (1.0 + 2.0 * memory).max(1.0)).max(3.0);
    let lag = place as i64 - most as i64;
    // Each lag was a test (Bonferroni, weakened by how alike neighbouring lags are).
    let looks = (all.len() as f64 * effective_n / size).max(1.0);
    Some(Lagged { lag, r: *r, effective_n, p: (p_of(*r, effective_n) * looks).min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_random_walks_are_not_found_related() {
        let mut random = fastrand::Rng::with_seed(11);
        let mut alarms = 0;
        for _ in 0..200 {
            let mut walk = || {
                let mut at = 0.0;
                (0..200)
                    .map(|_| {
                        at = 0.97 * at + random.f64() - 0.5;
                        at
                    })
                    .collect::<Vec<f64>>()
            };
            let (x, y) = (walk(), walk());
            alarms += usize::from(lagged(&x, &y, 10).expect("defined").p < 0.05);
        }
        assert!(alarms <= 30, "{alarms} of 200");
    }

    #[test]
    fn a_follower_is_found_at_its_lag() {
        let mut random = fastrand::Rng::with_seed(2);
        let x: Vec<f64> = (0..300).map(|_| random.f64()).collect();
        let y: Vec<f64> = (0..300).map(|t| if t >= 4 { x[t - 4] } else { 0.5 } + 0.1 * random.f64()).collect();
        let found = lagged(&x, &y, 10).expect("defined");
        assert!(found.lag == -4 && found.p < 1e-6, "{found:?}");
    }
}

//! The families of the statistics on any numbers at all; the first byte chooses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use statistics::control::{Rule, individuals, violations};
use statistics::divergence::{self, Base};
use statistics::quantile::{moments, quantile_sorted, sorted_finite};
use statistics::series::{
    StlOptions, fit_holt_winters, grubbs, kendall, lagged, mann_kendall, modified_z, pearson, pelt, seasonal_robust_z,
    spearman, stl, theil_sen,
};
use statistics::sketch::Sketch;
use statistics::{classification, goodness, kolmogorov_smirnov, ranks, regression, t_test};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let numbers: Vec<f64> = rest
        .chunks_exact(8)
        .map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
        .take(2000)
        .collect();
    let (a, b) = numbers.split_at(numbers.len() / 2);
    match first % 6 {
        0 => {
            let (x, y) = (sorted_finite(a), sorted_finite(b));
            let d = kolmogorov_smirnov::statistic_sorted(&x, &y);
            let _ = kolmogorov_smirnov::p_value(d, x.len(), y.len());
            let _ = (goodness::anderson_darling_sorted(&x, &y), goodness::energy_distance_sorted(&x, &y));
            let _ = (ranks::mann_whitney(a, b), t_test::welch(a, b), divergence::wasserstein_normalised(a, b));
        }
        1 => {
            let n = a.len().min(b.len());
            let (p, q) = (&a[..n], &b[..n]);
            let _ = (divergence::population_stability_index(p, q), divergence::jensen_shannon_distance(p, q, Base::Two));
            let _ = (divergence::kullback_leibler(p, q, Base::Two), divergence::hellinger(p, q));
            let _ = (regression::measures(p, q), pearson(p, q), spearman(p, q), kendall(p, q), lagged(p, q, 10));
        }
        2 => {
            let _ = (pelt(&numbers, None, 2), mann_kendall(&numbers), theil_sen(&numbers, 0.05), grubbs(&numbers, 0.05));
            let _ = (modified_z(&numbers), seasonal_robust_z(&numbers, 7, 3, 1e-9));
        }
        3 => {
            let _ = (fit_holt_winters(&numbers, 7, 5), stl(&numbers, StlOptions { period: 7, seasonal: 7, robust: first & 64 != 0 }));
        }
        4 => {
            let _ = (individuals(&numbers), moments(&numbers), violations(&numbers, Rule::NELSON[*first as usize % 8]));
            let truth: Vec<bool> = numbers.iter().map(|v| *v > 0.0).collect();
            let _ = (classification::roc_auc(&numbers, &truth), classification::average_precision(&numbers, &truth));
        }
        _ => {
            let (mut one, mut other) = (Sketch::new(0.01), Sketch::new(0.01));
            a.iter().for_each(|v| one.add(*v));
            b.iter().for_each(|v| other.add(*v));
            one.merge(&other);
            let _ = (one.quantile(0.5), quantile_sorted(&sorted_finite(&numbers), 0.9));
        }
    }
});

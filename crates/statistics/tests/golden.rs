//! The public functions against the numbers of the reference implementations in `tests/golden`.
//! READ each file's `convention`: it says which of several formulas of one name is meant.

use serde_json::Value;
use statistics::quantile::{quantile_sorted, sorted_finite, standard_deviation};
use statistics::{binning, categorical, divergence, intervals, kolmogorov_smirnov, multiple_testing};

fn cases(file: &str) -> Vec<Value> {
    let path = format!("{}/tests/golden/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
    let cases = document["cases"].as_array().expect("cases").clone();
    assert!(cases.len() > 5, "{file} holds cases");
    cases
}

/// Numbers without missing ones; generated where the file only says how.
fn numbers(input: &Value) -> Vec<f64> {
    match input {
        Value::Array(values) => values.iter().filter_map(Value::as_f64).collect(),
        recipe => generated(recipe),
    }
}

fn generated(recipe: &Value) -> Vec<f64> {
    let mut state = recipe["seed"].as_u64().expect("a seed");
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 * 2.0_f64.powi(-53)
    };
    let mut values = Vec::new();
    for segment in recipe["segments"].as_array().expect("segments") {
        for _ in 0..segment["n"].as_u64().expect("n") {
            let parameter = |name: &str| segment[name].as_f64().expect("a parameter");
            values.push(match segment["kind"].as_str().expect("kind") {
                "uniform" => parameter("lo") + (parameter("hi") - parameter("lo")) * uniform(),
                "normal12" => {
                    let sum: f64 = (0..12).fold(0.0, |sum, _| sum + uniform());
                    parameter("loc") + parameter("scale") * (sum - 6.0)
                }
                "bernoulli" => f64::from(u8::from(uniform() < parameter("p"))),
                "int" => (uniform() * parameter("k")).floor(),
                "exp" => -parameter("scale") * (1.0 - uniform()).ln(),
                other => panic!("unknown kind {other}"),
            });
        }
    }
    for (got, want) in values.iter().zip(recipe["first_values"].as_array().expect("first values")) {
        assert_eq!(*got, want.as_f64().expect("a number"), "the generator is the stated one");
    }
    values
}

/// Holds a value against its golden one, under the case's own tolerance.
fn hold(case: &Value, what: &str, got: f64, want: &Value) {
    let want = match want {
        Value::Null => {
            return assert!(!got.is_finite(), "{}: {what} is undefined, got {got}", case["name"]);
        }
        Value::String(text) if text == "inf" => f64::INFINITY,
        other => other.as_f64().unwrap_or_else(|| panic!("{what}: {other}")),
    };
    let tolerance = |name: &str| case["tolerance"][name].as_f64().unwrap_or_default();
    // Distances of identical laws: the square root of rounding.
    let bound = (tolerance("abs") + tolerance("rel") * want.abs()).max(1e-12);
    let root = if want.abs() < 1e-6 { 1e-7 } else { 0.0 };
    assert!((got - want).abs() <= bound.max(root) || got == want, "{}: {what} is {got}, golden {want}", case["name"]);
}

#[test]
fn kolmogorov_smirnov_and_wasserstein() {
    let mut held = 0;
    for case in cases("two_sample_numeric") {
        let (x, y) = (sorted_finite(&numbers(&case["input"]["ref"])), sorted_finite(&numbers(&case["input"]["cur"])));
        let expected = &case["expected"];
        if expected["ks"]["statistic"].is_null() {
            continue;
        }
        let d = kolmogorov_smirnov::statistic_sorted(&x, &y);
        hold(&case, "D", d, &expected["ks"]["statistic"]);
        let limit = kolmogorov_smirnov::p_limit(d, x.len(), y.len());
        if let Some(want) = expected["ks"]["p_kolmogorov_limit"].as_f64() {
            assert!((limit - want).abs() <= 1e-6 * want.max(1e-6), "{}: p {limit}, golden {want}", case["name"]);
        }
        hold(&case, "Wasserstein", divergence::wasserstein_sorted(&x, &y), &expected["wasserstein"]["raw"]);
        held += 1;
    }
    assert!(held >= 15, "{held} cases were held");
}

#[test]
fn psi_by_deciles_and_jensen_shannon_by_doane() {
    for case in cases("psi_divergence_numeric") {
        let (x, y) = (sorted_finite(&numbers(&case["input"]["ref"])), sorted_finite(&numbers(&case["input"]["cur"])));
        let (n, m) = (x.len() as u64, y.len() as u64);
        let expected = &case["expected"];
        let edges = binning::decile_edges(&x);
        let shares = |values: &[f64], n: u64| binning::shares(&binning::count_sorted(values, &edges).0, n);
        let psi = divergence::population_stability_index(&shares(&x, n), &shares(&y, m));
        hold(&case, "PSI", psi, &expected["psi_decile"]["psi"]);
        let edges = binning::doane_edges(&x);
        for (got, want) in edges.iter().zip(expected["nannyml_edges"].as_array().into_iter().flatten()) {
            hold(&case, "a Doane edge", *got, want);
        }
        let mut p = binning::shares(&binning::count_sorted(&x, &edges).0, n);
        let (counts, outside) = binning::count_sorted(&y, &edges);
        let mut q = binning::shares(&counts, m);
        if outside > 0 {
            p.push(0.0);
            q.push(outside as f64 / m as f64);
        }
        hold(&case, "Jensen–Shannon", divergence::jensen_shannon_distance(&p, &q), &expected["nannyml_js"]);
    }
}

#[test]
fn categories() {
    for case in cases("categorical_two_sample") {
        let side = |name: &str| case["input"][name].as_object().cloned().unwrap_or_default();
        let (before, now) = (side("ref"), side("cur"));
        let mut names: Vec<&String> = before.keys().chain(now.keys()).collect();
        names.sort();
        names.dedup();
        let counts = |of: &serde_json::Map<String, Value>| -> Vec<u64> {
            names.iter().map(|n| of.get(*n).and_then(Value::as_u64).unwrap_or_default()).collect()
        };
        let (a, b) = (counts(&before), counts(&now));
        let (n, m): (u64, u64) = (a.iter().sum(), b.iter().sum());
        if n == 0 || m == 0 {
            continue;
        }
        let (p, q) = (binning::shares(&a, n), binning::shares(&b, m));
        let expected = &case["expected"];
        hold(&case, "L∞", divergence::l_infinity(&p, &q), &expected["l_infinity"]);
        hold(&case, "JS distance", divergence::jensen_shannon_distance(&p, &q), &expected["js_distance_2"]);
        hold(&case, "PSI", divergence::population_stability_index(&p, &q), &expected["psi_floor"]);
        for (name, got) in [
            ("contingency", categorical::chi_square(&a, &b)),
            ("contingency_yates", categorical::chi_square_yates(&a, &b)),
        ] {
            if let Some(want) = expected[name]["statistic"].as_f64() {
                hold(&case, name, got.statistic, &Value::from(want));
                let p = expected[name]["p"].as_f64().expect("p");
                assert!((got.p - p).abs() <= 1e-9 + 1e-6 * p, "{}: {name} p {} {p}", case["name"], got.p);
            }
        }
    }
}

#[test]
fn wilson_intervals() {
    for case in cases("intervals").iter().filter(|c| c["expected"]["wilson"].is_array()) {
        let input = |name: &str| case["input"][name].as_f64().expect("a number");
        let z = match input("alpha") {
            0.05 => intervals::Z95,
            0.01 => 2.575_829_303_548_901,
            0.1 => 1.644_853_626_951_472_7,
            _ => continue,
        };
        let (low, high) = intervals::wilson(input("k"), input("n"), z);
        hold(case, "low", low, &case["expected"]["wilson"][0]);
        hold(case, "high", high, &case["expected"]["wilson"][1]);
    }
}

#[test]
fn benjamini_hochberg() {
    for case in cases("multiple_testing") {
        let p: Vec<f64> =
            case["input"]["p"].as_array().expect("p").iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect();
        if p.iter().any(|v| v.is_nan()) {
            continue;
        }
        let wanted = case["expected"]["fdr_bh"]["adjusted"].as_array().expect("adjusted").clone();
        for (got, want) in multiple_testing::benjamini_hochberg(&p).iter().zip(wanted) {
            hold(&case, "adjusted p", *got, &want);
        }
    }
}

#[test]
fn linear_quantiles_and_deviations() {
    for case in cases("quantiles") {
        let x = sorted_finite(&numbers(&case["input"]["x"]));
        if x.is_empty() {
            continue;
        }
        if let Some(quantiles) = case["expected"]["quantiles"].as_object() {
            for (q, want) in quantiles {
                hold(&case, q, quantile_sorted(&x, q.parse().expect("a share")), want);
            }
        }
        if case["expected"].get("std0").is_some() {
            hold(&case, "std0", standard_deviation(&x, 0), &case["expected"]["std0"]);
        }
    }
}

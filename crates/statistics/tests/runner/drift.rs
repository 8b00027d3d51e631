//! Two samples compared.

use ndarray::Array2;
use serde_json::{Map, Value, json};
use statistics::divergence::{self, Base};
use statistics::multiple_testing::{Adjustment, adjusted};
use statistics::quantile::{mean, moments, quantile_sorted, sorted_finite, standard_deviation};
use statistics::{binning, categorical, goodness, kernel, kolmogorov_smirnov as ks, principal, ranks, t_test};

use super::input::{known, list, n, numbers, object, optional};

pub fn two_sample_numeric(case: &Value, _: &[Value]) -> Value {
    let (raw_x, raw_y) = (known(&case["input"]["ref"]), known(&case["input"]["cur"]));
    let (x, y) = (sorted_finite(&raw_x), sorted_finite(&raw_y));
    let (nx, ny) = (x.len(), y.len());
    if x.is_empty() || y.is_empty() {
        return json!({"n": nx, "m": ny});
    }
    let d = ks::statistic_sorted(&x, &y);
    let expected = &case["expected"];
    // Asked only where the reference gives one: the exact counts of large samples take their time.
    let asked = |family: &str| !expected[family]["p_exact"].is_null();
    let mw = ranks::mann_whitney(&x, &y).expect("rows");
    let small = nx.min(ny) <= 8 && !mw.ties;
    let cvm = goodness::cramer_von_mises(&x, &y);
    let ad = goodness::anderson_darling_sorted(&x, &y);
    let t = |test: Option<t_test::TTest>| {
        test.map_or(Value::Null, |t| json!({"t": n(t.t), "df": n(t.degrees_of_freedom), "p": n(t.p)}))
    };
    json!({
        "n": nx, "m": ny,
        "ks": {
            "statistic": n(d), "p_asymp": n(ks::p_asymptotic(d, nx, ny)), "p_kolmogorov_limit": n(ks::p_limit(d, nx, ny)),
            "p_exact": if asked("ks") { n(ks::p_exact(d, nx, ny)) } else { Value::Null }, "p_auto": n(ks::p_value(d, nx, ny)),
        },
        "mannwhitney": {
            "u1": n(mw.u1), "p_asymp_cc": n(mw.p), "p_asymp_nocc": n(mw.p_uncorrected), "ties": mw.ties,
            "p_exact": if asked("mannwhitney") { n(ranks::mann_whitney_exact(mw.u1, nx, ny)) } else { Value::Null },
            "evidently_p": n(if small { ranks::mann_whitney_exact_less(mw.u1, nx, ny) } else { mw.p_less }),
        },
        "anderson": ad.map_or(Value::Null, |a| json!({"statistic": n(a.statistic), "p_interpolated": n(a.p)})),
        "cvm": cvm.map_or(Value::Null, |c| json!({"statistic": n(c.statistic), "p_asymp": n(c.p_asymptotic), "p_exact": optional(c.p_exact)})),
        "energy_distance": n(goodness::energy_distance_sorted(&x, &y)),
        "wasserstein": {
            "raw": n(divergence::wasserstein_sorted(&x, &y)), "std_ref_ddof0": n(standard_deviation(&x, 0)),
            "normed": n(divergence::wasserstein_normalised(&x, &y)),
        },
        "ttest": t(t_test::student(&raw_x, &raw_y)),
        "welch": t(t_test::welch(&raw_x, &raw_y)),
    })
}

pub fn categorical_two_sample(case: &Value, _: &[Value]) -> Value {
    let side = |name: &str| case["input"][name].as_object().cloned().unwrap_or_default();
    let (before, now) = (side("ref"), side("cur"));
    let mut names: Vec<&String> = before.keys().chain(now.keys()).collect();
    names.sort();
    names.dedup();
    let counts = |of: &Map<String, Value>| -> Vec<u64> {
        names.iter().map(|name| of.get(*name).and_then(Value::as_u64).unwrap_or_default()).collect()
    };
    let (a, b) = (counts(&before), counts(&now));
    let (na, nb): (u64, u64) = (a.iter().sum(), b.iter().sum());
    if na == 0 || nb == 0 {
        return Value::Null;
    }
    let (p, q) = (binning::shares(&a, na), binning::shares(&b, nb));
    let test =
        |t: categorical::ChiSquare| json!({"statistic": n(t.statistic), "df": t.degrees_of_freedom, "p": n(t.p)});
    let (fp, fq) = (divergence::filled_as_evidently(&p), divergence::filled_as_evidently(&q));
    // Unseen categories pooled, as NannyML does.
    let (mut np, mut nq, mut unseen) = (Vec::new(), Vec::new(), 0.0);
    for (p, q) in p.iter().zip(&q) {
        if *p > 0.0 {
            np.push(*p);
            nq.push(*q);
        } else {
            unseen += q;
        }
    }
    if unseen > 0.0 {
        np.push(0.0);
        nq.push(unseen);
    }
    let z = match (a.as_slice(), b.as_slice()) {
        ([_, second], [_, now]) => categorical::two_proportions(*second, na, *now, nb),
        _ => None,
    };
    // One value on both sides: nothing can differ.
    let z = z.map_or_else(
        || if names.len() == 1 { json!({"p": 1.0}) } else { Value::Null },
        |z| json!({"p": n(z.p), "z_ref_minus_cur_of_second_category": n(z.z)}),
    );
    json!({
        "categories": names,
        "contingency": test(categorical::chi_square(&a, &b)), "contingency_yates": test(categorical::chi_square_yates(&a, &b)),
        "g": test(categorical::g_test(&a, &b)), "evidently_chisquare": test(categorical::chi_square_goodness(&a, &b)),
        "evidently_z": z,
        "l_infinity": n(divergence::l_infinity(&p, &q)), "tv": n(divergence::total_variation(&p, &q)),
        "hellinger": n(divergence::hellinger(&p, &q)),
        "js_distance_e": n(divergence::jensen_shannon_distance(&p, &q, Base::E)),
        "js_divergence_e": n(divergence::jensen_shannon_divergence(&p, &q, Base::E)),
        "js_distance_2": n(divergence::jensen_shannon_distance(&p, &q, Base::Two)),
        "js_divergence_2": n(divergence::jensen_shannon_divergence(&p, &q, Base::Two)),
        "kl_ref_cur": n(divergence::kullback_leibler(&p, &q, Base::E)), "kl_cur_ref": n(divergence::kullback_leibler(&q, &p, Base::E)),
        "psi_floor": n(divergence::population_stability_index(&p, &q)),
        "evidently_psi": n(divergence::population_stability_index(&fp, &fq)),
        "evidently_kl": n(divergence::kullback_leibler(&fp, &fq, Base::E)),
        "evidently_js": n(divergence::jensen_shannon_distance(&p, &q, Base::E)),
        "evidently_hellinger": n(divergence::hellinger(&p, &q)),
        "nannyml_js": n(divergence::jensen_shannon_distance(&np, &nq, Base::Two)), "nannyml_hellinger": n(divergence::hellinger(&np, &nq)),
    })
}

pub fn psi_divergence_numeric(case: &Value, _: &[Value]) -> Value {
    let (x, y) = (sorted_finite(&numbers(&case["input"]["ref"])), sorted_finite(&numbers(&case["input"]["cur"])));
    let (nx, ny) = (x.len() as u64, y.len() as u64);
    if x.is_empty() || y.is_empty() {
        return Value::Null;
    }
    let shares =
        |values: &[f64], edges: &[f64]| binning::shares(&binning::count_sorted(values, edges).0, values.len() as u64);
    let psi = |edges: &[f64]| {
        let (p, q) = (shares(&x, edges), shares(&y, edges));
        json!({
            "inner_edges": list(&edges[1..edges.len() - 1]), "ref_shares": list(&p), "cur_shares": list(&q),
            "psi": n(divergence::population_stability_index(&p, &q)),
        })
    };
    let deciles = binning::decile_edges(&x);
    let wide = binning::opened(binning::evenly_spaced(x[0], x[x.len() - 1], 10));
    let pooled = sorted_finite(&[x.clone(), y.clone()].concat());
    let mut distinct = pooled.clone();
    distinct.dedup();
    let mut of_reference = x.clone();
    of_reference.dedup();
    let sturges = binning::sturges_edges(&pooled);
    let (p, q) = if of_reference.len() > 20 {
        (shares(&x, &sturges), shares(&y, &sturges))
    } else {
        let (a, b) = binning::count_distinct(&x, &y);
        (binning::shares(&a, nx), binning::shares(&b, ny))
    };
    let (fp, fq) = (divergence::filled_as_evidently(&p), divergence::filled_as_evidently(&q));
    let by_distinct = binning::sturges_edges(&distinct);
    let doane = binning::doane_edges(&x);
    let mut np = shares(&x, &doane);
    let (counts, outside) = binning::count_sorted(&y, &doane);
    let mut nq = binning::shares(&counts, ny);
    if outside > 0 {
        np.push(0.0);
        nq.push(outside as f64 / ny as f64);
    }
    json!({
        "psi_decile": psi(&deciles), "psi_equal_width": psi(&wide),
        "evidently_psi": n(divergence::population_stability_index(&fp, &fq)),
        "evidently_kl": n(divergence::kullback_leibler(&fp, &fq, Base::E)),
        "evidently_js": n(divergence::jensen_shannon_distance(&p, &q, Base::E)),
        "evidently_hellinger": n(divergence::hellinger(&shares(&x, &by_distinct), &shares(&y, &by_distinct))),
        "evidently_edges": list(&sturges), "nannyml_edges": list(&doane),
        "nannyml_js": n(divergence::jensen_shannon_distance(&np, &nq, Base::Two)), "nannyml_hellinger": n(divergence::hellinger(&np, &nq)),
    })
}

pub fn distributions(case: &Value, _: &[Value]) -> Value {
    let (p, q) = (numbers(&case["input"]["p"]), numbers(&case["input"]["q"]));
    let normalised = |v: &[f64]| -> Vec<f64> { v.iter().map(|x| x / v.iter().sum::<f64>()).collect() };
    json!({
        "kl_pq": n(divergence::kullback_leibler(&p, &q, Base::E)), "kl_qp": n(divergence::kullback_leibler(&q, &p, Base::E)),
        "kl_pq_2": n(divergence::kullback_leibler(&p, &q, Base::Two)),
        "js_divergence": n(divergence::jensen_shannon_divergence(&p, &q, Base::E)),
        "js_divergence_2": n(divergence::jensen_shannon_divergence(&p, &q, Base::Two)),
        "js_distance": n(divergence::jensen_shannon_distance(&p, &q, Base::E)),
        "js_distance_2": n(divergence::jensen_shannon_distance(&p, &q, Base::Two)),
        "hellinger": n(divergence::hellinger(&p, &q)), "tv": n(divergence::total_variation(&p, &q)),
        "l_infinity": n(divergence::l_infinity(&normalised(&p), &normalised(&q))), "bhattacharyya": n(divergence::bhattacharyya(&p, &q)),
    })
}

fn matrix(input: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = input.as_array().into_iter().flatten().map(numbers).collect();
    let columns = rows.first().map_or(0, Vec::len);
    Array2::from_shape_vec((rows.len(), columns), rows.concat()).expect("rows of one length")
}

pub fn mmd(case: &Value, _: &[Value]) -> Value {
    let (x, y) = (matrix(&case["input"]["x"]), matrix(&case["input"]["y"]));
    let sigma = kernel::median_distance(x.view(), y.view());
    let gamma = 1.0 / (2.0 * sigma * sigma);
    let found = kernel::mmd2(x.view(), y.view(), gamma);
    let p = kernel::mmd2_test(x.view(), y.view(), gamma, 2000, 1).map(|t| t.p);
    object([
        ("sigma", n(sigma)),
        ("mmd2_unbiased", n(found.unbiased)),
        ("mmd2_biased", n(found.biased)),
        ("p_permutation", optional(p)),
    ])
}

pub fn pca_reconstruction(case: &Value, _: &[Value]) -> Value {
    let (reference, current) = (matrix(&case["input"]["ref"]), matrix(&case["input"]["cur"]));
    let Some(fitted) = principal::Components::fit(reference.view()) else {
        return Value::Null;
    };
    let (before, now) = (fitted.errors(reference.view()), fitted.errors(current.view()));
    json!({
        "k": fitted.kept(), "explained_ratio": list(&fitted.explained),
        "ref_mean": n(mean(&before)), "ref_std": n(standard_deviation(&before, 1)),
        "cur_mean": n(mean(&now)), "cur_std": n(standard_deviation(&now, 1)), "cur_first": list(&now[..now.len().min(10)]),
    })
}

pub fn multiple_testing(case: &Value, _: &[Value]) -> Value {
    let (p, alpha) = (numbers(&case["input"]["p"]), case["input"]["alpha"].as_f64().expect("alpha"));
    let of = |how: Adjustment| {
        let q = adjusted(&p, how);
        json!({"adjusted": list(&q), "reject": q.iter().map(|q| *q <= alpha).collect::<Vec<bool>>()})
    };
    json!({
        "bonferroni": of(Adjustment::Bonferroni), "holm": of(Adjustment::Holm),
        "fdr_bh": of(Adjustment::BenjaminiHochberg), "fdr_by": of(Adjustment::BenjaminiYekutieli),
    })
}

pub fn quantiles(case: &Value, _: &[Value]) -> Value {
    let raw = numbers(&case["input"]["x"]);
    let x = sorted_finite(&raw);
    let missing = (raw.len() - x.len()) as f64 / raw.len() as f64;
    if x.is_empty() {
        return json!({"count": 0, "missing": missing});
    }
    let shape = moments(&x);
    let wanted = case["expected"]["quantiles"].as_object().cloned().unwrap_or_default();
    let quantiles: Map<String, Value> =
        wanted.keys().map(|q| (q.clone(), n(quantile_sorted(&x, q.parse().expect("a share"))))).collect();
    let mut distinct = x.clone();
    distinct.dedup();
    json!({
        "count": x.len(), "missing": missing, "quantiles": quantiles, "mean": n(mean(&x)),
        "std0": n(standard_deviation(&x, 0)), "std1": n(standard_deviation(&x, 1)), "min": n(x[0]), "max": n(x[x.len() - 1]),
        "skew": n(shape.skewness), "kurtosis": n(shape.excess_kurtosis), "distinct": distinct.len(),
    })
}

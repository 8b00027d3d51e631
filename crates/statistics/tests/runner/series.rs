//! Control charts, streams and series.

use serde_json::{Map, Value, json};
use statistics::control::{
    AttributeChart, Constants, Cusum, Ewma, Limits, Rule, attribute_limits, individuals, moving_ranges, violations,
    xbar_r, xbar_s,
};
use statistics::quantile::{mean, quantile_sorted, sorted_finite, standard_deviation};
use statistics::series::{
    Smoothing, StlOptions, autocorrelation, cross_correlation, grubbs, kendall, mann_kendall, modified_z, pearson,
    seasonal_robust_z, spearman, stl, theil_sen,
};
use statistics::stream::{Adwin, Ddm, Detector, Eddm, HddmA, HddmW, Kswin, Mode, PageHinkley, Signal};

use super::input::{list, n, numbers};

pub fn spc_constants(case: &Value, _: &[Value]) -> Value {
    let c = Constants::of(case["input"]["n"].as_u64().expect("n") as usize).expect("n of at least 2");
    let ((d3, d4), (b3, b4), (b5, b6)) = (c.range_factors(), c.deviation_factors(), c.known_deviation_factors());
    json!({
        "d2": c.d2, "d3": c.d3, "c4": c.c4, "A2": c.a2(), "A3": c.a3(), "D3": d3, "D4": d4, "B3": b3, "B4": b4, "B5": b5,
        "B6": b6, "E2": c.e2(),
    })
}

pub fn spc_charts(case: &Value, _: &[Value]) -> Value {
    let input = &case["input"];
    let number = |name: &str| input[name].as_f64().expect("a number");
    if let Some(groups) = input["subgroups"].as_array() {
        let groups: Vec<Vec<f64>> = groups.iter().map(numbers).collect();
        let means: Vec<f64> = groups.iter().map(|g| mean(g)).collect();
        let chart = |limits: Option<(Limits, Limits)>, spread: &dyn Fn(&[f64]) -> f64| {
            let (centre, width) = limits.expect("subgroups of one size");
            let spreads: Vec<f64> = groups.iter().map(|g| spread(g)).collect();
            json!({
                "center": centre.centre, "ucl": centre.upper, "lcl": centre.lower, "sigma": centre.sigma, "out": centre.outside(&means),
                "spread_center": width.centre, "spread_ucl": width.upper, "spread_lcl": width.lower, "spread_out": width.outside(&spreads),
            })
        };
        let range = |g: &[f64]| sorted_finite(g).last().expect("a value") - sorted_finite(g)[0];
        return json!({
            "xbar_r": chart(xbar_r(&groups), &range), "xbar_s": chart(xbar_s(&groups), &|g| standard_deviation(g, 1)),
        });
    }
    let x = numbers(&input["x"]);
    match input["chart"].as_str() {
        None => {
            let (centre, width) = individuals(&x).expect("two values");
            json!({"imr": {
                "center": centre.centre, "mr_bar": width.centre, "sigma": centre.sigma, "ucl": centre.upper, "lcl": centre.lower,
                "mr_ucl": width.upper, "out": centre.outside(&x), "mr_out": width.outside(&moving_ranges(&x)).iter().map(|i| i + 1).collect::<Vec<_>>(),
            }})
        }
        Some("ewma") => {
            let chart =
                Ewma { target: number("target"), sigma: number("sigma"), lambda: number("lambda"), width: number("L") };
            let points = chart.run(&x);
            let (low, high) = chart.steady();
            let places = |of: &dyn Fn(usize) -> bool| (0..points.len()).filter(|i| of(*i)).collect::<Vec<_>>();
            json!({
                "z": list(&points.iter().map(|p| p.z).collect::<Vec<_>>()), "ucl": list(&points.iter().map(|p| p.upper).collect::<Vec<_>>()),
                "lcl": list(&points.iter().map(|p| p.lower).collect::<Vec<_>>()), "out": places(&|i| points[i].outside()),
                "ucl_steady": high, "lcl_steady": low, "out_steady": places(&|i| points[i].z > high || points[i].z < low),
            })
        }
        Some("cusum") => {
            let chart = Cusum { target: number("target"), sigma: number("sigma"), k: number("k"), h: number("h") };
            let points = chart.run(&x);
            json!({
                "c_plus": list(&points.iter().map(|p| p.upper).collect::<Vec<_>>()),
                "c_minus": list(&points.iter().map(|p| p.lower).collect::<Vec<_>>()),
                "n_plus": points.iter().map(|p| p.upper_since).collect::<Vec<_>>(),
                "n_minus": points.iter().map(|p| p.lower_since).collect::<Vec<_>>(),
                "signal_up": (0..points.len()).filter(|i| points[*i].signal_up).collect::<Vec<_>>(),
                "signal_down": (0..points.len()).filter(|i| points[*i].signal_down).collect::<Vec<_>>(),
                "K": chart.k * chart.sigma, "H": chart.h * chart.sigma,
            })
        }
        Some(kind) => {
            let chart = match kind {
                "p" => AttributeChart::P,
                "np" => AttributeChart::Np,
                "c" => AttributeChart::C,
                "u" => AttributeChart::U,
                other => panic!("unknown chart {other}"),
            };
            let sizes = input["n"].as_f64().map_or_else(|| numbers(&input["n"]), |n| vec![n]);
            let found = attribute_limits(chart, &numbers(&input["counts"]), &sizes).expect("samples");
            let constant = !case["expected"]["ucl"].is_array();
            let limit = |of: &[f64]| if constant { n(of[0]) } else { list(of) };
            json!({
                "center": n(found.centre), "ucl": limit(&found.upper), "lcl": limit(&found.lower), "values": list(&found.values),
                "out": found.outside,
            })
        }
    }
}

pub fn spc_rules(case: &Value, _: &[Value]) -> Value {
    let z = numbers(&case["input"]["z"]);
    let named = |prefix: &str, rules: &[Rule]| -> Vec<(String, Value)> {
        rules.iter().enumerate().map(|(i, rule)| (format!("{prefix}{}", i + 1), json!(violations(&z, *rule)))).collect()
    };
    let both = named("WE", &Rule::WESTERN_ELECTRIC).into_iter().chain(named("N", &Rule::NELSON));
    Value::Object(both.collect::<Map<_, _>>())
}

pub fn change_detectors(case: &Value, _: &[Value]) -> Value {
    let input = &case["input"];
    let parameters = &input["params"];
    let number = |name: &str, default: f64| parameters[name].as_f64().unwrap_or(default);
    let stream = numbers(&input["stream"]);
    let two_sided = parameters["two_sided_test"].as_bool().unwrap_or(false);
    let kind = input["detector"].as_str().expect("a detector");
    let mut adwin = Adwin::new(number("delta", 0.002), number("clock", 32.0) as u64);
    let mut other: Box<dyn Detector> = match kind {
        "ADWIN" => Box::new(Adwin::default()),
        "PageHinkley" => {
            let mode = match parameters["mode"].as_str() {
                Some("up") => Mode::Up,
                Some("down") => Mode::Down,
                _ => Mode::Both,
            };
            Box::new(PageHinkley::new(
                number("min_instances", 30.0) as u64,
                number("delta", 0.005),
                number("threshold", 50.0),
                number("alpha", 0.9999),
                mode,
            ))
        }
        "KSWIN" => Box::new(Kswin::new(
            number("alpha", 0.005),
            number("window_size", 100.0) as usize,
            number("stat_size", 30.0) as usize,
            1,
        )),
        "DDM" => Box::new(Ddm::new(
            number("warm_start", 30.0),
            number("warning_threshold", 2.0),
            number("drift_threshold", 3.0),
        )),
        "EDDM" => Box::new(Eddm::new(number("warm_start", 30.0), number("alpha", 0.95), number("beta", 0.9))),
        "HDDM_A" => {
            Box::new(HddmA::new(number("drift_confidence", 0.001), number("warning_confidence", 0.005), two_sided))
        }
        "HDDM_W" => Box::new(HddmW::new(
            number("drift_confidence", 0.001),
            number("warning_confidence", 0.005),
            number("lambda_val", 0.05),
            two_sided,
        )),
        other => panic!("unknown detector {other}"),
    };
    let (mut drift, mut warning) = (Vec::new(), Vec::new());
    let wanted: Vec<u64> =
        case["expected"]["state"].as_array().into_iter().flatten().filter_map(|s| s["after"].as_u64()).collect();
    let mut state = Vec::new();
    for (i, value) in stream.iter().enumerate() {
        let signal = if kind == "ADWIN" { adwin.update(*value) } else { other.update(*value) };
        match signal {
            Signal::Drift => {
                drift.push(i);
                // River leaves EDDM's warning standing beside the detection.
                if kind == "EDDM" && warning.last().is_some_and(|last| *last + 1 == i) {
                    warning.push(i);
                }
            }
            Signal::Warning => warning.push(i),
            Signal::Stable => {}
        }
        if wanted.contains(&(i as u64 + 1)) {
            state.push(json!({"after": i + 1, "width": adwin.width(), "estimation": adwin.estimation()}));
        }
    }
    json!({"drift": drift, "warning": warning, "state": state})
}

pub fn time_series(case: &Value, _: &[Value]) -> Value {
    let input = &case["input"];
    let (x, y) = (numbers(&input["x"]), numbers(&input["y"]));
    let number = |name: &str| input[name].as_f64();
    let count = |name: &str| input[name].as_u64().map(|v| v as usize);
    if let Some(alpha) = number("alpha").filter(|_| input.get("horizon").is_some()) {
        let model = Smoothing {
            alpha,
            beta: number("beta"),
            gamma: number("gamma"),
            level: number("initial_level").expect("a level"),
            trend: number("initial_trend").unwrap_or(0.0),
            season: numbers(&input["initial_seasonal"]),
        };
        let run = model.run(&y);
        return json!({"fitted": list(&run.fitted), "forecast": list(&run.state.forecast(count("horizon").expect("a horizon")))});
    }
    if let Some(history) = count("history") {
        let z = seasonal_robust_z(&y, count("period").expect("a period"), history, number("floor").expect("a floor"));
        return json!({"seasonal_robust_z": list(&z.expect("a period"))});
    }
    if let Some(seasonal) = count("seasonal") {
        let options = StlOptions {
            period: count("period").expect("a period"),
            seasonal,
            robust: input["robust"].as_bool().unwrap_or(false),
        };
        let parts = stl(&y, options).expect("two periods");
        return json!({"trend": list(&parts.trend), "seasonal": list(&parts.season), "resid": list(&parts.rest)});
    }
    if let Some(alpha) = number("alpha") {
        let z = modified_z(&x);
        let outliers: Vec<usize> = (0..z.len()).filter(|i| z[*i].abs() > 3.5).collect();
        let median = quantile_sorted(&sorted_finite(&x), 0.5);
        let away: Vec<f64> = x.iter().map(|v| (v - median).abs()).collect();
        let test = grubbs(&x, alpha).filter(|g| g.g > 0.0).map(|g| {
            json!({
                "G": g.g, "index": g.place, "critical": {"two_sided": g.critical_two_sided, "one_sided_max": g.critical_one_sided},
                "outlier_two_sided": g.g > g.critical_two_sided, "G_max_side": g.g_max,
            })
        });
        return json!({
            "median": median, "mad": quantile_sorted(&sorted_finite(&away), 0.5), "modified_z": list(&z), "outliers": outliers,
            "grubbs": test,
        });
    }
    if let Some(most) = count("max_lag") {
        let ccf = cross_correlation(&x, &y, most).expect("both vary");
        let best = (0..ccf.len()).fold(0, |best, i| if ccf[i].abs() > ccf[best].abs() { i } else { best });
        let most = most as i64;
        return json!({
            "lags": (-most..=most).collect::<Vec<_>>(), "ccf": list(&ccf), "best_lag": best as i64 - most,
            "acf_x": list(&autocorrelation(&x, most as usize).expect("x varies")),
        });
    }
    if input.get("y").is_some() {
        let both = |c: Option<statistics::series::Correlation>| c.map(|c| json!({"r": n(c.r), "p": n(c.p)}));
        return json!({
            "pearson": both(pearson(&x, &y)), "spearman": both(spearman(&x, &y)),
            "kendall": kendall(&x, &y).map(|k| json!({"tau_b": n(k.tau_b), "p_asymp": n(k.p_asymptotic), "p_auto": n(k.p)})),
        });
    }
    let trend = mann_kendall(&x);
    let slope = theil_sen(&x, 0.05);
    json!({
        "mann_kendall": trend.map(|m| json!({"S": m.s, "var": n(m.variance), "z": n(m.z), "p": n(m.p), "tau": n(m.tau)})),
        "theil_sen": slope.map(|t| json!({"slope": n(t.slope), "intercept": n(t.intercept), "lo": n(t.low), "hi": n(t.high)})),
    })
}

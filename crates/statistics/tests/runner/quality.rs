//! Quality of models.

use serde_json::{Map, Value, json};
use statistics::calibration::Isotonic;
use statistics::categorical::two_proportions;
use statistics::classification::{
    self, Average, Confusion, Counts, Scores, average_precision, roc_auc, roc_auc_one_vs_one, separation, thresholds,
};
use statistics::fairness::{GroupRates, Undefined, compare};
use statistics::intervals::{ProportionInterval, mean_t, proportion};
use statistics::probabilistic::{self, Grouping, calibration_curve};
use statistics::quantile::mean;
use statistics::regression as errors;
use statistics::unlabelled::{Calibrator, ConfidenceBased, Estimates, Realised};

use super::input::{known, list, n, numbers, optional, texts};

pub fn classification(case: &Value, _: &[Value]) -> Value {
    let input = &case["input"];
    let truth = numbers(&input["y_true"]);
    let rows: Vec<Vec<f64>> = match &input["y_score"] {
        Value::Array(rows) if rows.first().is_some_and(Value::is_array) => rows.iter().map(numbers).collect(),
        Value::Array(_) => numbers(&input["y_score"]).into_iter().map(|s| vec![s]).collect(),
        _ => numbers(&input["y_pred"]).into_iter().map(|p| vec![p]).collect(),
    };
    let keep: Vec<usize> =
        (0..truth.len()).filter(|r| !truth[*r].is_nan() && rows[*r].iter().all(|v| !v.is_nan())).collect();
    let truth: Vec<usize> = keep.iter().map(|r| truth[*r] as usize).collect();
    let rows: Vec<Vec<f64>> = keep.iter().map(|r| rows[*r].clone()).collect();
    let argmax = |row: &Vec<f64>| (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
    let binary = input["threshold"].as_f64();
    let predicted: Vec<usize> = match binary {
        Some(threshold) => rows.iter().map(|r| usize::from(r[0] >= threshold)).collect(),
        None if rows.first().is_some_and(|r| r.len() > 1) => rows.iter().map(argmax).collect(),
        None => rows.iter().map(|r| r[0] as usize).collect(),
    };
    let mut labels: Vec<usize> = truth.iter().chain(&predicted).copied().collect();
    labels.sort_unstable();
    labels.dedup();
    let place = |class: &usize| labels.iter().position(|l| l == class).expect("a label");
    let codes = |of: &[usize]| -> Vec<usize> { of.iter().map(place).collect() };
    let k = labels.len();
    let confusion = Confusion::of(&codes(&truth), &codes(&predicted), k);
    let scores = |s: Scores| json!({"precision": n(s.precision), "recall": n(s.recall), "f1": n(s.f1)});
    let each = |of: &dyn Fn(Scores) -> f64| list(&(0..k).map(|c| of(confusion.class(c))).collect::<Vec<_>>());
    let matrix: Vec<Vec<u64>> = (0..k).map(|t| (0..k).map(|p| confusion.count(t, p)).collect()).collect();
    let mut out = json!({
        "labels": labels, "accuracy": n(confusion.accuracy()), "balanced_accuracy": n(confusion.balanced_accuracy()),
        "mcc": n(confusion.matthews()), "confusion": matrix, "cohen_kappa": n(confusion.kappa()),
        "micro": scores(confusion.average(Average::Micro)), "macro": scores(confusion.average(Average::Macro)),
        "weighted": scores(confusion.average(Average::Weighted)),
        "per_class": {
            "precision": each(&|s| s.precision), "recall": each(&|s| s.recall), "f1": each(&|s| s.f1),
            "support": (0..k).map(|c| confusion.support(c)).collect::<Vec<_>>(),
        },
    });
    if binary.is_some() {
        let yes: Vec<bool> = truth.iter().map(|t| *t == 1).collect();
        let score: Vec<f64> = rows.iter().map(|r| r[0]).collect();
        let mut counts = Counts::default();
        predicted.iter().zip(&yes).for_each(|(p, t)| counts.add(*p == 1, *t));
        let share = |(part, whole): (u64, u64)| if whole > 0 { part as f64 / whole as f64 } else { 0.0 };
        let (hits, of) = counts.overlap();
        out["binary"] = json!({
            "precision": share(counts.precision()), "recall": share(counts.recall()), "specificity": share(counts.specificity()),
            "f1": classification::f1_of_overlap(share((hits, of))),
        });
        out["roc_auc"] = optional(roc_auc(&score, &yes));
        out["average_precision"] = optional(average_precision(&score, &yes));
        out["log_loss"] = n(probabilistic::log_loss(&score, &yes));
        out["brier"] = n(probabilistic::brier(&score, &yes));
        out["ks_separation"] = optional(separation(&score, &yes));
        let (positives, negatives) =
            (yes.iter().filter(|t| **t).count() as f64, yes.iter().filter(|t| !**t).count() as f64);
        let curve = thresholds(&score, &yes);
        let with_start = |start: f64, of: Vec<f64>| list(&[vec![start], of].concat());
        out["roc_curve"] = json!({
            "fpr": with_start(0.0, curve.iter().map(|t| t.false_positives as f64 / negatives).collect()),
            "tpr": with_start(0.0, curve.iter().map(|t| t.true_positives as f64 / positives).collect()),
            "thresholds": with_start(f64::INFINITY, curve.iter().map(|t| t.threshold).collect()),
        });
    } else if rows.first().is_some_and(|r| r.len() > 1) {
        let flat = rows.concat();
        let classes = rows[0].len();
        let column = |c: usize| -> Vec<f64> { rows.iter().map(|r| r[c]).collect() };
        let is = |c: usize| -> Vec<bool> { truth.iter().map(|t| *t == c).collect() };
        let auc: Vec<f64> = (0..classes).map(|c| roc_auc(&column(c), &is(c)).unwrap_or(f64::NAN)).collect();
        let support: Vec<f64> = (0..classes).map(|c| is(c).iter().filter(|t| **t).count() as f64).collect();
        out["log_loss"] = n(probabilistic::log_loss_multiclass(&flat, &truth, classes));
        out["brier_multiclass"] = n(probabilistic::brier_multiclass(&flat, &truth, classes));
        out["roc_auc_per_class"] = list(&auc);
        out["roc_auc_ovr_macro"] = n(mean(&auc));
        out["roc_auc_ovr_weighted"] = n(auc.iter().zip(&support).map(|(a, s)| a * s).sum::<f64>() / truth.len() as f64);
        out["roc_auc_ovo_macro"] = optional(roc_auc_one_vs_one(&flat, &truth, classes));
        out["average_precision_per_class"] =
            (0..classes).map(|c| optional(average_precision(&column(c), &is(c)))).collect();
    }
    out
}

pub fn regression(case: &Value, _: &[Value]) -> Value {
    let (truth, predicted) = (numbers(&case["input"]["y_true"]), numbers(&case["input"]["y_pred"]));
    let Some(m) = errors::measures(&predicted, &truth) else {
        return Value::Null;
    };
    let wanted = case["expected"]["quantile_loss"].as_object().cloned().unwrap_or_default();
    let losses: Map<String, Value> = wanted
        .keys()
        .map(|q| (q.clone(), n(errors::quantile_loss(&predicted, &truth, q.parse().expect("a quantile")))))
        .collect();
    json!({
        "n": m.n, "mae": n(m.mean_absolute_error), "mse": n(m.mean_squared_error), "rmse": n(m.mean_squared_error.sqrt()),
        "mape": n(m.mean_absolute_percentage_error), "median_ae": n(m.median_absolute_error), "max_error": n(m.max_error),
        "r2": n(m.r2), "explained_variance": n(m.explained_variance), "mean_error": n(m.mean_error),
        "msle": n(m.mean_squared_log_error), "rmsle": n(m.mean_squared_log_error.sqrt()), "smape": n(m.symmetric_mape),
        "wape": n(m.weighted_absolute_percentage_error), "quantile_loss": losses,
    })
}

pub fn calibration(case: &Value, _: &[Value]) -> Value {
    let input = &case["input"];
    let isotonic = |x: &[f64], y: &[f64]| {
        let fit = Isotonic::fit(x, y);
        let grid = numbers(&case["expected"]["isotonic"]["grid"]);
        json!({
            "x_thresholds": list(&fit.x), "y_thresholds": list(&fit.y), "grid": list(&grid),
            "prediction": list(&grid.iter().map(|g| fit.predict(*g)).collect::<Vec<_>>()),
        })
    };
    if input.get("x").is_some() {
        return json!({"isotonic": isotonic(&numbers(&input["x"]), &numbers(&input["y"]))});
    }
    let (p, targets) = (numbers(&input["p"]), numbers(&input["y"]));
    let truth: Vec<bool> = targets.iter().map(|t| *t == 1.0).collect();
    let curve = |grouping| calibration_curve(&p, &truth, grouping);
    let ece = probabilistic::expected_calibration_error;
    let groups = |grouping| {
        let curve = curve(grouping);
        json!({
            "ece": n(ece(&curve)), "mce": n(probabilistic::maximum_calibration_error(&curve)),
            "counts": curve.iter().map(|b| b.n).collect::<Vec<_>>(),
            "mean_p": list(&curve.iter().map(|b| b.mean_probability).collect::<Vec<_>>()),
            "mean_y": list(&curve.iter().map(|b| b.share).collect::<Vec<_>>()),
        })
    };
    let plain = |grouping| {
        let filled: Vec<_> = curve(grouping).into_iter().filter(|b| b.n > 0).collect();
        json!({
            "prob_true": list(&filled.iter().map(|b| b.share).collect::<Vec<_>>()),
            "prob_pred": list(&filled.iter().map(|b| b.mean_probability).collect::<Vec<_>>()),
        })
    };
    json!({
        "equal_width_10": groups(Grouping::EqualWidth(10)), "equal_width_15": groups(Grouping::EqualWidth(15)),
        "equal_mass_10": groups(Grouping::EqualMass(10)), "nannyml_ece_10": n(ece(&curve(Grouping::NannyMl(10)))),
        "brier": n(probabilistic::brier(&p, &truth)), "sklearn_uniform_10": plain(Grouping::EqualWidth(10)),
        "sklearn_quantile_5": plain(Grouping::Quantile(5)), "isotonic": isotonic(&p, &targets),
    })
}

pub fn intervals(case: &Value, _: &[Value]) -> Value {
    let input = &case["input"];
    let number = |name: &str| input[name].as_f64();
    if let (Some(k), Some(size), Some(alpha)) = (number("k"), number("n"), number("alpha")) {
        let of = |how| {
            let (low, high) = proportion(k, size, alpha, how);
            list(&[low, high])
        };
        return json!({
            "wilson": of(ProportionInterval::Wilson), "clopper_pearson": of(ProportionInterval::ClopperPearson),
            "agresti_coull": of(ProportionInterval::AgrestiCoull), "wald": of(ProportionInterval::Wald),
            "jeffreys": of(ProportionInterval::Jeffreys),
        });
    }
    if let Some(alpha) = number("alpha") {
        let x = known(&input["x"]);
        return json!({"mean": n(mean(&x)), "mean_t": mean_t(&x, alpha).map(|(low, high)| list(&[low, high]))});
    }
    let count = |name: &str| input[name].as_u64().expect("a count");
    let test = two_proportions(count("k1"), count("n1"), count("k2"), count("n2"));
    json!({"two_proportions": test.map(|t| json!({"z": n(t.z), "p": n(t.p)}))})
}

pub fn fairness(case: &Value, _: &[Value]) -> Value {
    let input = &case["input"];
    let (truth, predicted, group) = (numbers(&input["y_true"]), numbers(&input["y_pred"]), texts(&input["group"]));
    let mut names = group.clone();
    names.sort();
    names.dedup();
    let rates: Vec<GroupRates> = names
        .iter()
        .map(|name| {
            let mut counts = Counts::default();
            (0..group.len())
                .filter(|r| group[*r] == *name)
                .for_each(|r| counts.add(predicted[r] == 1.0, truth[r] == 1.0));
            GroupRates::of(counts).expect("rows")
        })
        .collect();
    let groups: Map<String, Value> = names
        .iter()
        .zip(&rates)
        .map(|(name, r)| {
            let zero = |v: Option<f64>| v.unwrap_or(0.0);
            let value = json!({
                "count": r.n(), "selection_rate": r.selection_rate, "tpr": zero(r.true_positive_rate), "fpr": zero(r.false_positive_rate),
                "tpr_strict": optional(r.true_positive_rate), "fpr_strict": optional(r.false_positive_rate),
                "accuracy": r.accuracy, "precision": zero(r.precision), "base_rate": r.base_rate,
            });
            (name.clone(), value)
        })
        .collect();
    let c = compare(&rates, Undefined::Zero).expect("groups");
    let impact: Map<String, Value> =
        names.iter().cloned().zip(c.disparate_impact.iter().map(|v| optional(*v))).collect();
    json!({
        "groups": groups, "demographic_parity_difference": c.demographic_parity_difference,
        "demographic_parity_ratio": optional(c.demographic_parity_ratio), "equalized_odds_difference": c.equalized_odds_difference,
        "equalized_odds_ratio": optional(c.equalized_odds_ratio), "equal_opportunity_difference": c.equal_opportunity_difference,
        "privileged": names[c.privileged], "disparate_impact_vs": impact, "four_fifths_violation": c.four_fifths_violation,
    })
}

pub fn cbpe(case: &Value, all: &[Value]) -> Value {
    let input = &case["input"];
    let source = match input["same_data_as"].as_str() {
        Some(name) => &all.iter().find(|c| c["name"] == name).expect("the case it names")["input"],
        None => input,
    };
    let side = |name: &str| {
        let score = numbers(&source[name]["y_pred_proba"]);
        let truth: Vec<bool> = numbers(&source[name]["y_true"]).iter().map(|t| *t == 1.0).collect();
        let decided: Vec<bool> = score.iter().map(|s| *s >= 0.5).collect();
        (score, decided, truth)
    };
    let (reference, analysis) = (side("reference"), side("analysis"));
    // Whether calibration helps rests on random splits: the file says what its own came to.
    let calibrates = !case["expected"]["calibrated_analysis_proba"].is_null();
    let calibrator = if calibrates { Calibrator::isotonic(&reference.0, &reference.2) } else { Calibrator::AsGiven };
    let model = ConfidenceBased::fit(&reference.0, &reference.1, &reference.2, calibrator);
    let size = input["chunk_size"].as_u64().expect("a size") as usize;
    let (mut said, mut was, mut error, mut is_reference) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (first, (score, decided, truth)) in [(true, &reference), (false, &analysis)] {
        for start in (0..score.len()).step_by(size) {
            let rows = start..(start + size).min(score.len());
            let mut estimate = model.estimate(&score[rows.clone()], &decided[rows.clone()]);
            let mut realised = Realised::of(&score[rows.clone()], &decided[rows.clone()], &truth[rows.clone()]).0;
            if !decided[rows.clone()].contains(&true) {
                // Where nothing is called positive NannyML estimates a precision of 0 and leaves the
                // realised recall and F1 undefined; we say the opposite of both.
                estimate.precision = 0.0;
                realised.recall = f64::NAN;
                realised.f1 = f64::NAN;
            }
            said.push(estimate);
            was.push(realised);
            error.push(model.sampling_error(rows.len()));
            is_reference.push(first);
        }
    }
    let metric = |of: &dyn Fn(&Estimates) -> f64| {
        let estimated: Vec<f64> = said.iter().map(of).collect();
        let realised: Vec<f64> = was.iter().map(of).collect();
        let usual: Vec<f64> = realised.iter().zip(&is_reference).filter(|(_, r)| **r).map(|(v, _)| *v).collect();
        let limits = statistics::threshold::from_history(&usual, 3.0);
        let (lower, upper) = (limits.lower.max(0.0), limits.upper.min(1.0));
        json!({
            "estimated": list(&estimated), "realized": list(&realised),
            "sampling_error": list(&error.iter().map(of).collect::<Vec<_>>()),
            "upper_threshold": n(upper), "lower_threshold": n(lower),
            "alert": estimated.iter().map(|e| u8::from(*e > upper || *e < lower)).collect::<Vec<_>>(),
        })
    };
    let probability: Vec<f64> = analysis.0.iter().map(|s| model.calibrator.probability(*s)).collect();
    json!({
        "calibrated_analysis_proba": if calibrates { list(&probability) } else { Value::Null },
        "chunks": {},
        "accuracy": metric(&|e| e.accuracy), "precision": metric(&|e| e.precision), "recall": metric(&|e| e.recall),
        "specificity": metric(&|e| e.specificity), "f1": metric(&|e| e.f1), "roc_auc": metric(&|e| e.roc_auc),
    })
}

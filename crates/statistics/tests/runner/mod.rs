//! Runs files of golden numbers through the public functions.
//!
//! Each family computes, for a case's input, a tree of the same shape as the case's `expected`; then
//! every leaf that is expected is compared. A leaf that no function computes is a miss, not a pass,
//! unless it stands in [`NOT_OFFERED`] with the reason.

mod drift;
mod input;
mod quality;
mod series;

use serde_json::Value;

/// What a file came to.
#[derive(Debug, Default)]
pub struct Outcome {
    pub cases: usize,
    pub held: usize,
    pub not_offered: usize,
    pub misses: Vec<String>,
}

/// Expected leaves that no function is meant to give, by file and last name of the leaf.
const NOT_OFFERED: [(&str, &str, &str); 11] = [
    ("time_series", "forecast_statsmodels", "the seasonal state of before its last update; the textbook value is held"),
    ("mmd", "p_abs", "the tolerance of p_permutation"),
    ("mmd", "evidently_statistic", "its bandwidth counts the zero distances of rows to themselves"),
    ("mmd", "evidently_sigma", "as evidently_statistic"),
    ("fairness", "fairlearn_tpr_raw", "what `tpr` holds too"),
    ("fairness", "fairlearn_fpr_raw", "what `fpr` holds too"),
    ("cbpe", "nannyml_would_calibrate", "rests on scikit-learn's random splits; ours are others"),
    ("cbpe", "roc_auc.sampling_error", "of the rarer class alone, and of rows in the order of an unstable sort"),
    ("cbpe", "start", "the input's own numbering"),
    ("cbpe", "end", "the input's own numbering"),
    ("cbpe", "period", "the input's own numbering"),
];

/// Runs one document; `name` is its file's name without `.json`. `None` for a family nobody knows.
pub fn run(name: &str, document: &Value) -> Option<Outcome> {
    let family: fn(&Value, &[Value]) -> Value = match name {
        "two_sample_numeric" => drift::two_sample_numeric,
        "categorical_two_sample" => drift::categorical_two_sample,
        "psi_divergence_numeric" => drift::psi_divergence_numeric,
        "distributions" => drift::distributions,
        "mmd" => drift::mmd,
        "pca_reconstruction" => drift::pca_reconstruction,
        "multiple_testing" => drift::multiple_testing,
        "quantiles" => drift::quantiles,
        "classification" => quality::classification,
        "regression" => quality::regression,
        "calibration" => quality::calibration,
        "intervals" => quality::intervals,
        "fairness" => quality::fairness,
        "cbpe" => quality::cbpe,
        "spc_constants" => series::spc_constants,
        "spc_charts" => series::spc_charts,
        "spc_rules" => series::spc_rules,
        "change_detectors" => series::change_detectors,
        "time_series" => series::time_series,
        _ => return None,
    };
    let mut outcome = Outcome::default();
    let cases = document["cases"].as_array().cloned().unwrap_or_default();
    for case in &cases {
        outcome.cases += 1;
        let got = family(case, &cases);
        let mut comparison = Comparison { name, case, outcome: &mut outcome };
        comparison.compare(&mut Vec::new(), &got, &case["expected"]);
    }
    Some(outcome)
}

struct Comparison<'a> {
    name: &'a str,
    case: &'a Value,
    outcome: &'a mut Outcome,
}

impl Comparison<'_> {
    fn compare(&mut self, path: &mut Vec<String>, got: &Value, want: &Value) {
        let joined = path.join(".");
        if NOT_OFFERED.iter().any(|(file, leaf, _)| {
            *file == self.name && (joined == *leaf || path.last().is_some_and(|last| last == leaf))
        }) {
            self.outcome.not_offered += 1;
            return;
        }
        match (got, want) {
            (Value::Null, Value::Object(fields)) => {
                for (name, value) in fields {
                    path.push(name.clone());
                    self.compare(path, got, value);
                    path.pop();
                }
            }
            // Everything that is not named is undefined.
            (Value::Object(own), Value::Object(fields)) if fields.get("all") == Some(&Value::Null) => {
                let rest =
                    own.iter().filter(|(name, _)| !fields.contains_key(*name)).all(|(_, value)| undefined(value));
                let named =
                    fields.iter().filter(|(name, _)| *name != "all").all(|(name, value)| own.get(name) == Some(value));
                if rest && named { self.outcome.held += 1 } else { self.miss(&joined, got, want) }
            }
            (Value::Object(own), Value::Object(fields)) => {
                for (name, value) in fields {
                    path.push(name.clone());
                    self.compare(path, own.get(name).unwrap_or(&Value::Null), value);
                    path.pop();
                }
            }
            (Value::Array(own), Value::Array(values)) => {
                if own.len() != values.len() {
                    return self.miss(&format!("{joined}, {} values for {}", own.len(), values.len()), got, want);
                }
                for (i, (a, b)) in own.iter().zip(values).enumerate() {
                    path.push(i.to_string());
                    self.compare(path, a, b);
                    path.pop();
                }
            }
            (_, Value::Null) => {
                if undefined(got) {
                    self.outcome.held += 1
                } else {
                    self.miss(&joined, got, want)
                }
            }
            _ => {
                if self.equal(&joined, got, want) {
                    self.outcome.held += 1
                } else {
                    self.miss(&joined, got, want)
                }
            }
        }
    }

    fn equal(&self, path: &str, got: &Value, want: &Value) -> bool {
        let (Some(a), Some(b)) = (number(got), number(want)) else {
            return got == want;
        };
        if a == b {
            return true;
        }
        let tolerance = |name: &str| self.case["tolerance"][name].as_f64().unwrap_or_default();
        let (mut absolute, mut relative) = (tolerance("abs"), tolerance("rel"));
        let leaf = path.rsplit('.').next().unwrap_or_default();
        // What the notes of the files allow besides.
        match (self.name, leaf) {
            ("two_sample_numeric", "p_interpolated") => absolute = 2e-3,
            ("two_sample_numeric", "p_asymp") if path.starts_with("cvm") => absolute = 1e-6,
            ("two_sample_numeric", "p_exact") if path.starts_with("cvm") => relative = 1e-6,
            ("two_sample_numeric", _) if leaf.starts_with('p') || leaf == "evidently_p" => {
                if b < 1e-12 {
                    return a <= b * 10.0 && a >= b / 10.0;
                }
                relative = 1e-6;
            }
            // Distances of equal laws: the root of rounding.
            ("categorical_two_sample", _) if b.abs() < 1e-6 => absolute = 1e-7,
            ("mmd", "p_permutation") => absolute = self.case["expected"]["p_abs"].as_f64().unwrap_or_default(),
            ("spc_constants", "d3" | "D3" | "D4") => absolute = 1e-4,
            _ => {}
        }
        (a - b).abs() <= absolute + relative * b.abs()
    }

    fn miss(&mut self, path: &str, got: &Value, want: &Value) {
        let short = |value: &Value| value.to_string().chars().take(2000).collect::<String>();
        self.outcome.misses.push(format!("{} · {path}: got {}, golden {}", self.case["name"], short(got), short(want)));
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) if text == "inf" => Some(f64::INFINITY),
        Value::String(text) if text == "-inf" => Some(f64::NEG_INFINITY),
        Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
        other => other.as_f64(),
    }
}

/// Null all through.
fn undefined(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(undefined),
        Value::Array(values) => values.iter().all(undefined),
        _ => false,
    }
}

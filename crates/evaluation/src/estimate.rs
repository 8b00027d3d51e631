//! Quality without labels: what the model's own confidence, or a model of its error, lets one expect.
//!
//! Confidence-based (CBPE) holds while the meaning of the inputs does: calibrated on the baseline, a
//! probability of 0.8 is right 8 times in 10. When the link between inputs and truth itself changes
//! (concept drift), no estimate can see it; the scorecard shows that once labels arrive.

use domain::evidence::Estimated;
use domain::verdict::{Estimate, Metric, WindowReport};
use domain::view::Scorecard;
use statistics::intervals::Z95;
use statistics::unlabelled::{Estimates, estimate_multiclass};

use crate::Rows;
use crate::quality::{self, higher_is_better};
use crate::trained::{Estimator, Trained, class_scores, loss_inputs};

/// Rows that an estimate needs.
const ROWS_NEEDED: usize = 30;

/// `None` without an estimator, or with too few rows that it can speak of.
pub fn estimated(trained: &Trained, rows: &Rows, positive: Option<&str>) -> Option<Estimated> {
    match trained.estimator.as_ref()? {
        Estimator::Binary(model) => {
            let scores = rows.numbers("probability")?;
            let decided = quality::predicted_positive(rows, positive?)?;
            let (score, decided): (Vec<f64>, Vec<bool>) = scores
                .iter()
                .zip(&decided)
                .filter(|(s, d)| s.is_finite() && d.is_some())
                .map(|(s, d)| (*s, d == &Some(true)))
                .unzip();
            if score.len() < ROWS_NEEDED {
                return None;
            }
            let (said, error) = (model.estimate(&score, &decided), model.sampling_error(score.len()));
            Some(Estimated {
                metrics: shares(&said, &error, score.len()),
                method: "confidence".into(),
                rows: score.len() as u64,
            })
        }
        Estimator::Multiclass { classes, calibrators, errors } => {
            let all = class_scores(rows, Some(classes))?;
            let n = all.predicted.len();
            if n < ROWS_NEEDED {
                return None;
            }
            let said = estimate_multiclass(&all.scores, &all.predicted, calibrators);
            let said = Estimates {
                accuracy: said.accuracy,
                precision: said.macro_precision,
                recall: said.macro_recall,
                specificity: said.macro_specificity,
                f1: said.macro_f1,
                roc_auc: said.macro_auc,
            };
            let root = (n as f64).sqrt();
            let error = Estimates {
                accuracy: errors.accuracy / root,
                precision: errors.precision / root,
                recall: errors.recall / root,
                specificity: errors.specificity / root,
                f1: errors.f1 / root,
                roc_auc: errors.roc_auc / root,
            };
            Some(Estimated { metrics: shares(&said, &error, n), method: "confidence".into(), rows: n as u64 })
        }
        Estimator::Loss { encoding, model, absolute_deviation, squared_deviation } => {
            let n = rows.times.len();
            if n < ROWS_NEEDED {
                return None;
            }
            let inputs = loss_inputs(encoding, rows);
            let half = |deviation: f64| Z95 * deviation / (n as f64).sqrt();
            let (mae, rmse) = (model.mean_absolute_error(&inputs), model.root_mean_squared_error(&inputs));
            let (a, s) = (half(*absolute_deviation), half(*squared_deviation));
            let metric = |name: &str, value: f64, low: f64, high: f64| Metric {
                name: name.into(),
                estimate: Estimate { value, low, high, n: n as u64 },
                higher_is_better: false,
            };
            Some(Estimated {
                metrics: vec![
                    metric("mae", mae, (mae - a).max(0.0), mae + a),
                    metric("rmse", rmse, (rmse * rmse - s).max(0.0).sqrt(), (rmse * rmse + s).sqrt()),
                ],
                method: "loss".into(),
                rows: n as u64,
            })
        }
    }
}

fn shares(said: &Estimates, error: &Estimates, n: usize) -> Vec<Metric> {
    [
        ("accuracy", said.accuracy, error.accuracy),
        ("precision", said.precision, error.precision),
        ("recall", said.recall, error.recall),
        ("f1", said.f1, error.f1),
        ("specificity", said.specificity, error.specificity),
        ("roc_auc", said.roc_auc, error.roc_auc),
    ]
    .into_iter()
    .filter(|(_, value, _)| value.is_finite())
    .map(|(name, value, error)| {
        let half = if error.is_finite() { Z95 * error } else { 0.0 };
        let estimate = Estimate { value, low: (value - half).max(0.0), high: (value + half).min(1.0), n: n as u64 };
        Metric { name: name.into(), estimate, higher_is_better: higher_is_better(name) }
    })
    .collect()
}

/// Labels that a window needs to be held against its estimate: as a share of its rows.
const COVERAGE_NEEDED: f64 = 0.5;

/// How good the estimator has been; `None` while no window's truth is known.
pub fn scorecard(reports: &[WindowReport], metric: &str) -> Option<Scorecard> {
    let pairs: Vec<(Estimate, Estimate)> = reports
        .iter()
        .filter(|r| !r.reference)
        .filter_map(|r| {
            let realised = r.quality.as_ref().filter(|q| q.labelled >= 30 && q.coverage() >= COVERAGE_NEEDED)?;
            Some((r.estimated.as_ref()?.metric(metric)?.estimate, realised.metric(metric)?.estimate))
        })
        .collect();
    if pairs.is_empty() {
        return None;
    }
    let n = pairs.len() as f64;
    let mean = |of: &dyn Fn(&(Estimate, Estimate)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
    Some(Scorecard {
        windows: pairs.len() as u32,
        error: mean(&|(said, was)| (said.value - was.value).abs()),
        lean: mean(&|(said, was)| said.value - was.value),
        covered: mean(&|(said, was)| f64::from(u8::from(said.low <= was.value && was.value <= said.high))),
    })
}

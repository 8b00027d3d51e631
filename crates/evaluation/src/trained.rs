//! What is learnt from a baseline, once, and then asked about every window.
//!
//! All of it is deterministic by its seed and can be learnt again from the rows, so nothing here is
//! kept on disk: a restart costs time and no answer. The quick part is learnt with the baseline; the
//! slow part (autoencoder, weights, error model) in the background, and windows say until then that it
//! is missing, not that nothing was found. Of a baseline that moves, the quick part is learnt at each of its
//! steps and the slow one now and then, so each has the table of its own rows.

use std::collections::HashMap;
use std::sync::Arc;

use domain::event::{ColumnData, MISSING};
use domain::model::Task;
use statistics::autoencoder::{self, Autoencoder, UsualError};
use statistics::boosting::{self, Boosting, Loss};
use statistics::principal::Components;
use statistics::quantile::{mean, quantile_sorted, sorted_finite, standard_deviation};
use statistics::unlabelled::{Calibrator, ConfidenceBased, Estimates, LossModel, multiclass_sampling_error};

use crate::Rows;
use crate::encoding::{Encoding, thinned};
use crate::quality::{self, classes};

/// Baseline rows that the slow models learn from.
pub const LEARNT_FROM: usize = 12_000;
/// Baseline rows kept for the model that tells them from a window's.
const KEPT: usize = 600;
const SEED: u64 = 42;

/// Reconstruction by principal components, with what is usual.
#[derive(Debug, Clone)]
pub struct Reconstruction {
    pub components: Components,
    pub mean: f64,
    pub deviation: f64,
    /// The 99th percentile of single rows: a stranger row is an anomaly.
    pub strange: f64,
}

/// Estimates quality without labels.
#[derive(Debug, Clone)]
pub enum Estimator {
    Binary(ConfidenceBased),
    Multiclass {
        classes: Vec<String>,
        calibrators: Vec<Calibrator>,
        errors: Estimates,
    },
    /// Expects the error of a regression. `(deviation of |e|, of e²)` give the bands.
    Loss {
        /// Of the rows that it was learnt from.
        encoding: Encoding,
        model: LossModel,
        absolute_deviation: f64,
        squared_deviation: f64,
    },
}

/// The slow part.
#[derive(Debug, Clone)]
pub struct Learnt {
    /// Of the rows that it was learnt from.
    pub encoding: Encoding,
    /// `None` for too few rows.
    pub autoencoder: Option<Autoencoder>,
    /// Share of the model's output that rests on each column, by the store's name.
    pub importance: HashMap<String, f64>,
    /// Of a regression whose truth is known often enough.
    losses: Option<Estimator>,
}

/// Everything that windows are asked with.
#[derive(Debug, Clone, Default)]
pub struct Trained {
    pub encoding: Encoding,
    pub reconstruction: Option<Reconstruction>,
    pub estimator: Option<Estimator>,
    /// Encoded baseline rows, row-major.
    pub kept: Vec<f64>,
    /// `None` until it is learnt.
    pub learnt: Option<Arc<Learnt>>,
    /// What the autoencoder makes of the baseline's rows; `None` where it makes nothing of them.
    pub usual_error: Option<UsualError>,
}

impl Trained {
    /// The quick part: a second or so for a million rows.
    pub fn quickly(rows: &Rows, task: Task, positive: Option<&str>) -> Trained {
        let encoding = Encoding::of(rows);
        let matrix = encoding.matrix(rows);
        let reconstruction = Components::fit(matrix.view()).map(|components| {
            let errors = components.errors(matrix.view());
            Reconstruction {
                mean: mean(&errors),
                deviation: standard_deviation(&errors, 1),
                strange: quantile_sorted(&sorted_finite(&errors), 0.99),
                components,
            }
        });
        let kept = thinned(matrix.nrows(), KEPT).into_iter().flat_map(|r| matrix.row(r).to_vec()).collect();
        let estimator = match task {
            Task::BinaryClassification => positive.and_then(|p| binary(rows, p)),
            Task::MulticlassClassification => multiclass(rows),
            _ => None,
        };
        Trained { encoding, reconstruction, estimator, kept, ..Trained::default() }
    }

    /// With the slow part. `usual` are the rows that windows are held against where they are few of those that it
    /// was learnt from (the same hour of some weeks); without them it is what it makes of rows held back from it.
    pub fn with(self, learnt: Arc<Learnt>, usual: Option<&Rows>) -> Trained {
        let usual_error = learnt.autoencoder.as_ref().and_then(|net| match usual {
            Some(rows) => net.usual_of(&learnt.encoding.columns(rows)),
            None => Some(net.held_out()),
        });
        let estimator = learnt.losses.clone().or(self.estimator);
        Trained { estimator, usual_error, learnt: Some(learnt), ..self }
    }
}

impl Learnt {
    /// Learns from some rows. `progress` hears of each step, from 0 to 1.
    pub fn of(rows: &Rows, task: Task, positive: Option<&str>, progress: &dyn Fn(f64)) -> Learnt {
        let few = thinned(rows.times.len(), LEARNT_FROM);
        let columns =
            rows.columns.iter().map(|c| domain::event::Column { name: c.name.clone(), data: c.data.take(&few) });
        let columns: Vec<_> = columns.collect();
        let times: Vec<_> = few.iter().map(|r| rows.times[*r]).collect();
        let labels = rows.labels.map(|l| l.take(&few));
        let part = Rows { times: &times, columns: &columns, labels: labels.as_ref(), label_times: &[] };
        let encoding = Encoding::of(&part);
        progress(0.02);
        let autoencoder = Autoencoder::fit(&encoding.columns(&part), autoencoder::Options::default());
        progress(0.6);
        let importance = weigh(&encoding, &part, task, positive);
        progress(0.8);
        let losses = (task == Task::Regression).then(|| expect_errors(&encoding, &part)).flatten();
        progress(1.0);
        Learnt { encoding, autoencoder, importance, losses }
    }
}

/// How much of the model's own output a second model finds in each column.
fn weigh(encoding: &Encoding, rows: &Rows, task: Task, positive: Option<&str>) -> HashMap<String, f64> {
    let matrix = encoding.matrix(rows);
    let output: Option<Vec<f64>> = match task {
        Task::Regression => rows.numbers("prediction").map(<[f64]>::to_vec),
        Task::BinaryClassification => rows.numbers("probability").map(<[f64]>::to_vec).or_else(|| {
            let decided = quality::predicted_positive(rows, positive?)?;
            Some(decided.iter().map(|d| d.map_or(f64::NAN, |yes| f64::from(u8::from(yes)))).collect())
        }),
        Task::MulticlassClassification => rows.column("prediction").map(|data| {
            let (codes, _) = classes(data);
            codes.iter().map(|c| if *c == MISSING { f64::NAN } else { f64::from(*c) }).collect()
        }),
        Task::Ranking | Task::Text => None,
    };
    let Some(output) = output else {
        return HashMap::new();
    };
    let known: Vec<usize> = (0..output.len()).filter(|r| output[*r].is_finite()).collect();
    if known.len() < 200 || encoding.columns.is_empty() {
        return HashMap::new();
    }
    let inputs: Vec<f64> = known.iter().flat_map(|r| matrix.row(*r).to_vec()).collect();
    let target: Vec<f64> = known.iter().map(|r| output[*r]).collect();
    let options = boosting::Options { trees: 40, loss: Loss::Squared, seed: SEED, ..boosting::Options::default() };
    let model = Boosting::fit(&inputs, encoding.columns.len(), &target, options);
    encoding.columns.iter().map(|c| c.column.clone()).zip(model.importance()).collect()
}

fn expect_errors(encoding: &Encoding, rows: &Rows) -> Option<Estimator> {
    let predicted = rows.numbers("prediction")?;
    let truth = quality::numbers_of(rows.labels?);
    let errors: Vec<f64> = predicted.iter().zip(&truth).map(|(p, t)| p - t).collect();
    let known: Vec<f64> = errors.iter().copied().filter(|e| e.is_finite()).collect();
    let model = LossModel::fit(&loss_inputs(encoding, rows), encoding.columns.len() + 1, &errors, SEED)?;
    let absolute: Vec<f64> = known.iter().map(|e| e.abs()).collect();
    let squared: Vec<f64> = known.iter().map(|e| e * e).collect();
    Some(Estimator::Loss {
        encoding: encoding.clone(),
        model,
        absolute_deviation: standard_deviation(&absolute, 0),
        squared_deviation: standard_deviation(&squared, 0),
    })
}

/// Features and the prediction itself, row-major.
pub fn loss_inputs(encoding: &Encoding, rows: &Rows) -> Vec<f64> {
    let matrix = encoding.matrix(rows);
    let predicted = rows.numbers("prediction");
    (0..matrix.nrows())
        .flat_map(|r| {
            let own = predicted.map_or(f64::NAN, |p| p[r]);
            matrix.row(r).to_vec().into_iter().chain([own])
        })
        .collect()
}

/// Rows whose score, decision and truth are all known.
fn binary(rows: &Rows, positive: &str) -> Option<Estimator> {
    let (score, decided, truth) = known_binary(rows, positive)?;
    if score.len() < 100 || truth.iter().all(|t| *t) || truth.iter().all(|t| !*t) {
        return None;
    }
    let calibrator = Calibrator::choose(&score, &truth, SEED);
    Some(Estimator::Binary(ConfidenceBased::fit(&score, &decided, &truth, calibrator)))
}

fn known_binary(rows: &Rows, positive: &str) -> Option<(Vec<f64>, Vec<bool>, Vec<bool>)> {
    let scores = rows.numbers("probability")?;
    let decided = quality::predicted_positive(rows, positive)?;
    let truth = quality::truly_positive(rows.labels?, positive);
    let mut known = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..scores.len() {
        if let (true, Some(decided), Some(truth)) = (scores[row].is_finite(), decided[row], truth[row]) {
            known.0.push(scores[row]);
            known.1.push(decided);
            known.2.push(truth);
        }
    }
    Some(known)
}

/// Class scores row-major over the classes that have a probability of their own, with the place of
/// each row's predicted class. Rows with a gap are left out; `kept` are the others.
pub struct ClassScores {
    pub classes: Vec<String>,
    pub scores: Vec<f64>,
    pub predicted: Vec<usize>,
    pub kept: Vec<usize>,
}

pub fn class_scores(rows: &Rows, known: Option<&[String]>) -> Option<ClassScores> {
    let own: Vec<(String, &[f64])> = rows
        .columns
        .iter()
        .filter_map(|c| match (&c.data, c.name.strip_prefix("probability.")) {
            (ColumnData::Number(values), Some(class)) => Some((class.to_string(), values.as_slice())),
            _ => None,
        })
        .collect();
    let classes_wanted: Vec<String> =
        known.map_or_else(|| own.iter().map(|(c, _)| c.clone()).collect(), <[String]>::to_vec);
    let columns: Vec<&[f64]> = classes_wanted
        .iter()
        .map(|class| own.iter().find(|(c, _)| c == class).map(|(_, v)| *v))
        .collect::<Option<_>>()?;
    if columns.len() < 2 {
        return None;
    }
    let (codes, dictionary) = classes(rows.column("prediction")?);
    let places: Vec<Option<usize>> =
        dictionary.iter().map(|word| classes_wanted.iter().position(|c| c == word)).collect();
    let (mut scores, mut predicted, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for (row, code) in codes.iter().enumerate() {
        let place = places.get(*code as usize).copied().flatten();
        if let (Some(place), true) = (place, columns.iter().all(|c| c[row].is_finite())) {
            scores.extend(columns.iter().map(|c| c[row]));
            predicted.push(place);
            kept.push(row);
        }
    }
    Some(ClassScores { classes: classes_wanted, scores, predicted, kept })
}

fn multiclass(rows: &Rows) -> Option<Estimator> {
    let all = class_scores(rows, None)?;
    let (codes, dictionary) = classes(rows.labels?);
    let k = all.classes.len();
    let places: Vec<Option<usize>> = dictionary.iter().map(|w| all.classes.iter().position(|c| c == w)).collect();
    let (mut scores, mut predicted, mut truth) = (Vec::new(), Vec::new(), Vec::new());
    for (i, row) in all.kept.iter().enumerate() {
        if let Some(place) = places.get(codes[*row] as usize).copied().flatten() {
            scores.extend_from_slice(&all.scores[i * k..(i + 1) * k]);
            predicted.push(all.predicted[i]);
            truth.push(place);
        }
    }
    if truth.len() < 100 {
        return None;
    }
    let calibrators = (0..k)
        .map(|class| {
            let column: Vec<f64> = scores.iter().skip(class).step_by(k).copied().collect();
            let is: Vec<bool> = truth.iter().map(|t| *t == class).collect();
            Calibrator::choose(&column, &is, SEED)
        })
        .collect();
    let errors = multiclass_sampling_error(&scores, &predicted, &truth, k, 1);
    Some(Estimator::Multiclass { classes: all.classes, calibrators, errors })
}

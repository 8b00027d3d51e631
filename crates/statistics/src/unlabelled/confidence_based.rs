//! Confidence-based performance estimation (CBPE): if a probability means what it says, the share
//! of right decisions can be read off the probabilities themselves.
//!
//! It holds while the relation of inputs to truth holds. Where that changes (concept drift), no
//! look at the inputs can tell, and the estimate stays good while the model does not: show it apart
//! from realised quality.

use crate::calibration::Isotonic;
use crate::classification::{Counts, roc_auc};
use crate::probabilistic::{Grouping, calibration_curve, expected_calibration_error};

/// Makes scores into probabilities, if the reference's labels show that this helps.
#[derive(Debug, Clone, PartialEq)]
pub enum Calibrator {
    /// The scores are taken as they are.
    AsGiven,
    Isotonic(Isotonic),
}

/// Splits on which calibration has to prove itself, and their share of test rows.
const SPLITS: usize = 10;
const TEST_SHARE: f64 = 0.1;
/// Groups of equal size on which the calibration error is measured.
const GROUPS: usize = 10;

impl Calibrator {
    /// Isotonic regression where it lowers the calibration error (equal-mass, ten groups) on rows
    /// it has not seen, else as given; as given too with one class only or an almost perfect
    /// ranking (AUC above 0.999), where a fit would learn the sample by heart. The splits come from
    /// `seed`.
    pub fn choose(scores: &[f64], truth: &[bool], seed: u64) -> Calibrator {
        if roc_auc(scores, truth).is_none_or(|auc| auc > 0.999) {
            return Calibrator::AsGiven;
        }
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut raw, mut fitted, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..SPLITS {
            let (train, test) = stratified(truth, &mut random);
            let fit = Isotonic::fit(
                &train.iter().map(|r| scores[*r]).collect::<Vec<_>>(),
                &train.iter().map(|r| f64::from(u8::from(truth[*r]))).collect::<Vec<_>>(),
            );
            for row in test {
                raw.push(scores[row]);
                fitted.push(fit.predict(scores[row]));
                labels.push(truth[row]);
            }
        }
        let error = |p: &[f64]| expected_calibration_error(&calibration_curve(p, &labels, Grouping::NannyMl(GROUPS)));
        if error(&raw) > error(&fitted) { Calibrator::isotonic(scores, truth) } else { Calibrator::AsGiven }
    }

    /// Isotonic regression on all rows.
    pub fn isotonic(scores: &[f64], truth: &[bool]) -> Calibrator {
        let targets: Vec<f64> = truth.iter().map(|t| f64::from(u8::from(*t))).collect();
        Calibrator::Isotonic(Isotonic::fit(scores, &targets))
    }

    /// Isotonic regression in which reference rows count as
    /// [`crate::domain_classifier::importance_weights`] says: calibrated for now's mix of inputs.
    /// Where the mix changed and the relation of inputs to truth did not, it is nearer to the truth
    /// than one calibration for all times (`cargo xtask bench employment` measures by how much).
    pub fn weighted(scores: &[f64], truth: &[bool], weights: &[f64]) -> Calibrator {
        let targets: Vec<f64> = truth.iter().map(|t| f64::from(u8::from(*t))).collect();
        Calibrator::Isotonic(Isotonic::fit_weighted(scores, &targets, weights))
    }

    pub fn probability(&self, score: f64) -> f64 {
        match self {
            Calibrator::AsGiven => score,
            Calibrator::Isotonic(fit) => fit.predict(score),
        }
    }
}

/// Row numbers for training and for testing, both with the classes' shares.
fn stratified(truth: &[bool], random: &mut fastrand::Rng) -> (Vec<usize>, Vec<usize>) {
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for class in [false, true] {
        let mut rows: Vec<usize> = (0..truth.len()).filter(|r| truth[*r] == class).collect();
        random.shuffle(&mut rows);
        let held = ((rows.len() as f64 * TEST_SHARE).round() as usize).max(1).min(rows.len());
        test.extend_from_slice(&rows[..held]);
        train.extend_from_slice(&rows[held..]);
    }
    (train, test)
}

/// Expected counts of a two-class decision.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Expected {
    pub true_positive: f64,
    pub false_positive: f64,
    pub true_negative: f64,
    pub false_negative: f64,
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { f64::NAN }
}

impl Expected {
    pub fn n(&self) -> f64 {
        self.true_positive + self.false_positive + self.true_negative + self.false_negative
    }

    pub fn accuracy(&self) -> f64 {
        ratio(self.true_positive + self.true_negative, self.n())
    }

    pub fn precision(&self) -> f64 {
        ratio(self.true_positive, self.true_positive + self.false_positive)
    }

    pub fn recall(&self) -> f64 {
        ratio(self.true_positive, self.true_positive + self.false_negative)
    }

    pub fn specificity(&self) -> f64 {
        ratio(self.true_negative, self.true_negative + self.false_positive)
    }

    pub fn f1(&self) -> f64 {
        ratio(2.0 * self.true_positive, 2.0 * self.true_positive + self.false_positive + self.false_negative)
    }

    /// What the decisions are worth, given the worth of one of each kind.
    pub fn business_value(&self, value: &Expected) -> f64 {
        self.true_positive * value.true_positive
            + self.false_positive * value.false_positive
            + self.true_negative * value.true_negative
            + self.false_negative * value.false_negative
    }
}

/// Expected counts from calibrated probabilities of the positive class and the decisions made.
pub fn expected(probability: &[f64], decided: &[bool]) -> Expected {
    let mut counts = Expected::default();
    for (p, yes) in probability.iter().zip(decided) {
        if *yes {
            counts.true_positive += p;
            counts.false_positive += 1.0 - p;
        } else {
            counts.false_negative += p;
            counts.true_negative += 1.0 - p;
        }
    }
    counts
}

/// Expected area under the ROC curve: rows in falling order of the *uncalibrated* score, each its
/// own threshold, weighted by its calibrated probability. Sums are rounded to five decimals as
/// NannyML does. Where rows share a score the order given decides. NaN without rows.
pub fn expected_auc(score: &[f64], probability: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..score.len()).collect();
    // Rising and then reversed, ties and all.
    order.sort_by(|a, b| score[*a].total_cmp(&score[*b]));
    order.reverse();
    let round = |x: f64| (x * 1e5).round_ties_even() / 1e5;
    let (mut hits, mut misses) = (0.0, 0.0);
    let mut points = vec![(0.0, 0.0)];
    for row in order {
        hits += probability[row];
        misses += 1.0 - probability[row];
        points.push((round(misses), round(hits)));
    }
    let (all_misses, all_hits) = points[points.len() - 1];
    let area: f64 = points.windows(2).map(|p| (p[1].0 - p[0].0) * (p[1].1 + p[0].1) / 2.0).sum();
    area / (all_misses * all_hits)
}

/// Measures of one chunk, estimated or realised. NaN where a denominator is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimates {
    pub accuracy: f64,
    pub precision: f64,
    pub recall: f64,
    pub specificity: f64,
    pub f1: f64,
    pub roc_auc: f64,
}

/// What really happened, for comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Realised(pub Estimates);

impl Realised {
    /// Of rows of (score, decision, truth). AUC from the uncalibrated score.
    pub fn of(score: &[f64], decided: &[bool], truth: &[bool]) -> Realised {
        let mut counts = Counts::default();
        decided.iter().zip(truth).for_each(|(d, t)| counts.add(*d, *t));
        let share = |(part, whole): (u64, u64)| ratio(part as f64, whole as f64);
        let (hits, of) = counts.overlap();
        Realised(Estimates {
            accuracy: share(counts.accuracy()),
            precision: share(counts.precision()),
            recall: share(counts.recall()),
            specificity: share(counts.specificity()),
            f1: ratio(2.0 * hits as f64, (of + hits) as f64),
            roc_auc: roc_auc(score, truth).unwrap_or(f64::NAN),
        })
    }
}

/// The estimator, fitted on a reference whose truth is known.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfidenceBased {
    pub calibrator: Calibrator,
    /// Standard deviation that one row contributes to each measure, and the share of rows that
    /// count for it.
    errors: [(f64, f64); 6],
}

impl ConfidenceBased {
    /// From the reference's uncalibrated scores, decisions and truth.
    pub fn fit(score: &[f64], decided: &[bool], truth: &[bool], calibrator: Calibrator) -> ConfidenceBased {
        let n = truth.len() as f64;
        let mut counts = Counts::default();
        decided.iter().zip(truth).for_each(|(d, t)| counts.add(*d, *t));
        let of = |(part, whole): (u64, u64)| {
            let p = ratio(part as f64, whole as f64);
            ((p * (1.0 - p)).max(0.0).sqrt(), whole as f64 / n)
        };
        let (hits, overlap) = counts.overlap();
        let f1 = ratio(2.0 * hits as f64, (overlap + hits) as f64);
        // As NannyML: the spread of F1 over half of the rows that count for it.
        let f1 = ((f1 * (1.0 - f1)).max(0.0).sqrt(), overlap as f64 / n / 2.0);
        ConfidenceBased {
            calibrator,
            errors: [
                of(counts.accuracy()),
                of(counts.precision()),
                of(counts.recall()),
                of(counts.specificity()),
                f1,
                (auc_deviation(score, truth), 1.0),
            ],
        }
    }

    /// What a chunk's measures are expected to be.
    pub fn estimate(&self, score: &[f64], decided: &[bool]) -> Estimates {
        let probability: Vec<f64> = score.iter().map(|s| self.calibrator.probability(*s)).collect();
        let counts = expected(&probability, decided);
        Estimates {
            accuracy: counts.accuracy(),
            precision: counts.precision(),
            recall: counts.recall(),
            specificity: counts.specificity(),
            f1: counts.f1(),
            roc_auc: expected_auc(score, &probability),
        }
    }

    /// The standard error that a chunk of `n` rows has by chance alone, even if nothing changed.
    pub fn sampling_error(&self, n: usize) -> Estimates {
        let error = |(deviation, share): (f64, f64)| deviation / (n as f64 * share).sqrt();
        let [accuracy, precision, recall, specificity, f1, auc] = self.errors;
        Estimates {
            accuracy: error(accuracy),
            precision: error(precision),
            recall: error(recall),
            specificity: error(specificity),
            f1: error(f1),
            roc_auc: error(auc),
        }
    }
}

/// √n times the standard error of the AUC (DeLong, DeLong & Clarke-Pearson 1988): both classes'
/// spread of the chance to outrank the other.
fn auc_deviation(score: &[f64], truth: &[bool]) -> f64 {
    let of = |class: bool| -> Vec<f64> {
        let mut values: Vec<f64> = score.iter().zip(truth).filter(|(_, t)| **t == class).map(|(s, _)| *s).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let (negatives, positives) = (of(false), of(true));
    let variance = |own: &[f64], other: &[f64]| {
        let placed: Vec<f64> = own
            .iter()
            .map(|s| {
                let below = other.partition_point(|o| o < s) as f64;
                let through = other.partition_point(|o| o <= s) as f64;
                (below + through) / 2.0 / other.len() as f64
            })
            .collect();
        crate::quantile::standard_deviation(&placed, 0).powi(2)
    };
    let n = truth.len() as f64;
    (variance(&positives, &negatives) * n / positives.len() as f64
        + variance(&negatives, &positives) * n / negatives.len() as f64)
        .sqrt()
}

/// Expected measures of a decision between K classes.
#[derive(Debug, Clone, PartialEq)]
pub struct MulticlassEstimates {
    pub accuracy: f64,
    /// One against the rest, class by class.
    pub classes: Vec<Expected>,
    pub macro_precision: f64,
    pub macro_recall: f64,
    pub macro_f1: f64,
    pub macro_specificity: f64,
    /// Mean of the one-against-rest areas.
    pub macro_auc: f64,
    /// Row-major: expected rows of a true class predicted as each class.
    pub confusion: Vec<f64>,
}

/// From row-major class scores, the predicted classes and one calibrator a class. Calibrated
/// probabilities of a row are scaled to sum 1 for the confusion matrix and the accuracy.
pub fn estimate_multiclass(scores: &[f64], predicted: &[usize], calibrators: &[Calibrator]) -> MulticlassEstimates {
    let k = calibrators.len();
    let n = predicted.len();
    let mut probability = vec![0.0; n * k];
    for row in 0..n {
        let own: Vec<f64> = (0..k).map(|c| calibrators[c].probability(scores[row * k + c])).collect();
        let sum: f64 = own.iter().sum();
        for (c, p) in own.iter().enumerate() {
            probability[row * k + c] = if sum > 0.0 { p / sum } else { 1.0 / k as f64 };
        }
    }
    let mut confusion = vec![0.0; k * k];
    for (row, class) in predicted.iter().enumerate().filter(|(_, class)| **class < k) {
        for truth in 0..k {
            confusion[truth * k + class] += probability[row * k + truth];
        }
    }
    let mut auc = 0.0;
    let classes: Vec<Expected> = (0..k)
        .map(|class| {
            let column = |of: &[f64]| -> Vec<f64> { (0..n).map(|row| of[row * k + class]).collect() };
            let own = column(&probability);
            let decided: Vec<bool> = predicted.iter().map(|p| *p == class).collect();
            auc += expected_auc(&column(scores), &own);
            expected(&own, &decided)
        })
        .collect();
    let mean = |of: &dyn Fn(&Expected) -> f64| {
        classes.iter().map(of).map(|v| if v.is_nan() { 0.0 } else { v }).sum::<f64>() / k as f64
    };
    MulticlassEstimates {
        accuracy: (0..k).map(|c| confusion[c * k + c]).sum::<f64>() / n as f64,
        macro_precision: mean(&Expected::precision),
        macro_recall: mean(&Expected::recall),
        macro_f1: mean(&Expected::f1),
        macro_specificity: mean(&Expected::specificity),
        macro_auc: auc / k as f64,
        confusion,
        classes,
    }
}

/// The standard errors that a chunk of `n` rows has by chance alone in accuracy and in the macro
/// averages, from a reference whose truth is known: row-major class scores, predicted and true
/// classes. Of a macro average it is the root of the classes' summed squares over K, as if their
/// errors were independent. NaN where a class never occurs on a side.
pub fn multiclass_sampling_error(
    scores: &[f64],
    predicted: &[usize],
    truth: &[usize],
    classes: usize,
    n: usize,
) -> Estimates {
    let right: Vec<f64> = predicted.iter().zip(truth).map(|(p, t)| f64::from(u8::from(p == t))).collect();
    let each: Vec<Estimates> = (0..classes)
        .map(|class| {
            let column: Vec<f64> = scores.iter().skip(class).step_by(classes).copied().collect();
            let of = |side: &[usize]| -> Vec<bool> { side.iter().map(|c| *c == class).collect() };
            ConfidenceBased::fit(&column, &of(predicted), &of(truth), Calibrator::AsGiven).sampling_error(n)
        })
        .collect();
    let averaged = |of: fn(&Estimates) -> f64| each.iter().map(|e| of(e).powi(2)).sum::<f64>().sqrt() / classes as f64;
    Estimates {
        accuracy: crate::quantile::standard_deviation(&right, 0) / (n as f64).sqrt(),
        precision: averaged(|e| e.precision),
        recall: averaged(|e| e.recall),
        specificity: averaged(|e| e.specificity),
        f1: averaged(|e| e.f1),
        roc_auc: averaged(|e| e.roc_auc),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_probabilities_estimate_the_truth() {
        let mut random = fastrand::Rng::with_seed(4);
        let p: Vec<f64> = (0..40_000).map(|_| random.f64()).collect();
        let truth: Vec<bool> = p.iter().map(|p| random.f64() < *p).collect();
        let decided: Vec<bool> = p.iter().map(|p| *p >= 0.5).collect();
        let model = ConfidenceBased::fit(&p, &decided, &truth, Calibrator::AsGiven);
        let (said, was) = (model.estimate(&p, &decided), Realised::of(&p, &decided, &truth).0);
        for (a, b) in [(said.accuracy, was.accuracy), (said.f1, was.f1), (said.roc_auc, was.roc_auc)] {
            assert!((a - b).abs() < 0.01, "{a} {b}");
        }
        assert!((model.sampling_error(100).roc_auc - 0.043).abs() < 0.005, "{:?}", model.sampling_error(100));
    }

    #[test]
    fn accuracy_between_three_classes_scatters_as_its_error_says() {
        let mut random = fastrand::Rng::with_seed(12);
        let mut draw = |n: usize| {
            let (mut scores, mut predicted, mut truth) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..n {
                let class = random.usize(0..3);
                let own: Vec<f64> = (0..3).map(|c| random.f64() + if c == class { 0.6 } else { 0.0 }).collect();
                predicted.push((0..3).fold(0, |best, c| if own[c] > own[best] { c } else { best }));
                truth.push(class);
                scores.extend(own);
            }
            (scores, predicted, truth)
        };
        let reference = draw(5000);
        let error = multiclass_sampling_error(&reference.0, &reference.1, &reference.2, 3, 200);
        let share = |(_, p, t): &(Vec<f64>, Vec<usize>, Vec<usize>)| {
            p.iter().zip(t).filter(|(p, t)| p == t).count() as f64 / p.len() as f64
        };
        let seen: Vec<f64> = (0..400).map(|_| share(&draw(200))).collect();
        let spread = crate::quantile::standard_deviation(&seen, 1);
        assert!((error.accuracy / spread - 1.0).abs() < 0.12, "{} {spread}", error.accuracy);
        assert!(error.f1 > 0.0 && error.roc_auc > 0.0);
    }

    #[test]
    fn two_classes_are_the_binary_case() {
        let p = [0.9, 0.2, 0.6, 0.4];
        let both: Vec<f64> = p.iter().flat_map(|p| [1.0 - p, *p]).collect();
        let predicted = [1, 0, 1, 0];
        let many = estimate_multiclass(&both, &predicted, &[Calibrator::AsGiven, Calibrator::AsGiven]);
        let one = expected(&p, &[true, false, true, false]);
        assert!((many.accuracy - one.accuracy()).abs() < 1e-12);
        assert!((many.classes[1].f1() - one.f1()).abs() < 1e-12);
    }
}

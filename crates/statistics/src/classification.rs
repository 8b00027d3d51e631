//! Realised quality of classifications.

/// Counts of a two-class decision, the positive class being the one that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub true_positive: u64,
    pub false_positive: u64,
    pub true_negative: u64,
    pub false_negative: u64,
}

impl Counts {
    pub fn add(&mut self, predicted: bool, truth: bool) {
        match (predicted, truth) {
            (true, true) => self.true_positive += 1,
            (true, false) => self.false_positive += 1,
            (false, false) => self.true_negative += 1,
            (false, true) => self.false_negative += 1,
        }
    }

    pub fn n(&self) -> u64 {
        self.true_positive + self.false_positive + self.true_negative + self.false_negative
    }

    /// (numerator, denominator), so that an interval can be made from the same two counts.
    pub fn accuracy(&self) -> (u64, u64) {
        (self.true_positive + self.true_negative, self.n())
    }

    pub fn precision(&self) -> (u64, u64) {
        (self.true_positive, self.true_positive + self.false_positive)
    }

    pub fn recall(&self) -> (u64, u64) {
        (self.true_positive, self.true_positive + self.false_negative)
    }

    pub fn specificity(&self) -> (u64, u64) {
        (self.true_negative, self.true_negative + self.false_positive)
    }

    /// F1 is 2p/(1 + p) of p = TP/(TP + FP + FN): an interval for p carries over.
    pub fn overlap(&self) -> (u64, u64) {
        (self.true_positive, self.true_positive + self.false_positive + self.false_negative)
    }
}

/// F1 from the overlap p = TP/(TP + FP + FN).
pub fn f1_of_overlap(p: f64) -> f64 {
    2.0 * p / (1.0 + p)
}

/// How often each true class was predicted as each class, for K classes numbered 0..K.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// Row-major: rows are the truth, columns the prediction.
    counts: Vec<u64>,
}

/// Precision, recall and F1 of one class or of an average; 0 where a denominator is 0.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Scores {
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
}

/// How the classes' scores become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Average {
    /// Every decision counts the same.
    Micro,
    /// Every class counts the same.
    Macro,
    /// Every class counts by its true rows.
    Weighted,
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

impl Confusion {
    /// Of rows of (truth, prediction), both below `classes`; others are left out.
    pub fn of(truth: &[usize], predicted: &[usize], classes: usize) -> Confusion {
        let mut counts = vec![0; classes * classes];
        for (t, p) in truth.iter().zip(predicted).filter(|(t, p)| **t < classes && **p < classes) {
            counts[t * classes + p] += 1;
        }
        Confusion { classes, counts }
    }

    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Rows of this truth that were predicted so.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.counts[truth * self.classes + predicted]
    }

    pub fn n(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// True rows of a class.
    pub fn support(&self, class: usize) -> u64 {
        (0..self.classes).map(|p| self.count(class, p)).sum()
    }

    fn predicted(&self, class: usize) -> u64 {
        (0..self.classes).map(|t| self.count(t, class)).sum()
    }

    fn right(&self) -> u64 {
        (0..self.classes).map(|c| self.count(c, c)).sum()
    }

    pub fn accuracy(&self) -> f64 {
        ratio(self.right() as f64, self.n() as f64)
    }

    pub fn class(&self, class: usize) -> Scores {
        let hit = self.count(class, class) as f64;
        let (predicted, support) = (self.predicted(class) as f64, self.support(class) as f64);
        Scores {
            precision: ratio(hit, predicted),
            recall: ratio(hit, support),
            f1: ratio(2.0 * hit, predicted + support),
        }
    }

    pub fn average(&self, average: Average) -> Scores {
        if average == Average::Micro {
            let accuracy = self.accuracy();
            return Scores { precision: accuracy, recall: accuracy, f1: accuracy };
        }
        let mut sum = Scores::default();
        let mut weights = 0.0;
        for class in 0..self.classes {
            let weight = if average == Average::Weighted { self.support(class) as f64 } else { 1.0 };
            let scores = self.class(class);
            sum.precision += weight * scores.precision;
            sum.recall += weight * scores.recall;
            sum.f1 += weight * scores.f1;
            weights += weight;
        }
        Scores {
            precision: ratio(sum.precision, weights),
            recall: ratio(sum.recall, weights),
            f1: ratio(sum.f1, weights),
        }
    }

    /// Mean recall over the classes that truly occur.
    pub fn balanced_accuracy(&self) -> f64 {
        let present: Vec<usize> = (0..self.classes).filter(|c| self.support(*c) > 0).collect();
        ratio(present.iter().map(|c| self.class(*c).recall).sum(), present.len() as f64)
    }

    /// Matthews' correlation in Gorodkin's form (2004) for any number of classes; 0 where a
    /// denominator is 0.
    pub fn matthews(&self) -> f64 {
        let n = self.n() as f64;
        let (mut mixed, mut truths, mut predictions) = (0.0, 0.0, 0.0);
        for class in 0..self.classes {
            let (t, p) = (self.support(class) as f64, self.predicted(class) as f64);
            mixed += t * p;
            truths += t * t;
            predictions += p * p;
        }
        let scale = ((n * n - predictions) * (n * n - truths)).sqrt();
        ratio(self.right() as f64 * n - mixed, scale)
    }

    /// Cohen's κ between prediction and truth; NaN where both know one class only.
    pub fn kappa(&self) -> f64 {
        let n = self.n() as f64;
        let chance: f64 = (0..self.classes).map(|c| self.support(c) as f64 * self.predicted(c) as f64).sum();
        let chance = ratio(chance, n * n);
        (self.accuracy() - chance) / (1.0 - chance)
    }
}

/// Area under the ROC curve: the chance that a positive scores above a negative, ties counted
/// half (Mann–Whitney with midranks). `None` with one class only. NaN scores must be dropped first.
pub fn roc_auc(scores: &[f64], truth: &[bool]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let positives = truth.iter().filter(|t| **t).count() as f64;
    let negatives = truth.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let mut rank_sum = 0.0;
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && scores[order[end]] == scores[order[start]] {
            end += 1;
        }
        let midrank = (start + 1 + end) as f64 / 2.0;
        rank_sum += midrank * order[start..end].iter().filter(|i| truth[**i]).count() as f64;
        start = end;
    }
    Some((rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

/// One point of a curve over thresholds: everything scored at least `threshold` is called positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    pub threshold: f64,
    pub true_positives: u64,
    pub false_positives: u64,
}

/// The distinct thresholds from the highest score down, with what each calls positive. NaN scores
/// must be dropped first.
pub fn thresholds(scores: &[f64], truth: &[bool]) -> Vec<Threshold> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let (mut hits, mut misses) = (0, 0);
    let mut out: Vec<Threshold> = Vec::new();
    for (place, row) in order.iter().enumerate() {
        if truth[*row] {
            hits += 1;
        } else {
            misses += 1;
        }
        let last = order.get(place + 1).is_none_or(|next| scores[*next] != scores[*row]);
        if last {
            out.push(Threshold { threshold: scores[*row], true_positives: hits, false_positives: misses });
        }
    }
    out
}

/// Average precision Σ (Rᵢ − Rᵢ₋₁)·Pᵢ over distinct thresholds, without interpolation. `None`
/// without positives.
pub fn average_precision(scores: &[f64], truth: &[bool]) -> Option<f64> {
    let positives = truth.iter().filter(|t| **t).count() as f64;
    if positives == 0.0 {
        return None;
    }
    let (mut before, mut sum) = (0, 0.0);
    for at in thresholds(scores, truth) {
        let precision = at.true_positives as f64 / (at.true_positives + at.false_positives) as f64;
        sum += (at.true_positives - before) as f64 / positives * precision;
        before = at.true_positives;
    }
    Some(sum)
}

/// The largest distance between the score distributions of both classes (Kolmogorov–Smirnov of a
/// classifier). `None` with one class only.
pub fn separation(scores: &[f64], truth: &[bool]) -> Option<f64> {
    let positives = truth.iter().filter(|t| **t).count() as f64;
    let negatives = truth.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let distance =
        |at: &Threshold| (at.true_positives as f64 / positives - at.false_positives as f64 / negatives).abs();
    Some(thresholds(scores, truth).iter().map(distance).fold(0.0, f64::max))
}

/// Standard error of an area under the ROC curve (Hanley & McNeil 1982).
pub fn roc_auc_error(auc: f64, positives: f64, negatives: f64) -> f64 {
    let q1 = auc / (2.0 - auc);
    let q2 = 2.0 * auc * auc / (1.0 + auc);
    let variance = (auc * (1.0 - auc) + (positives - 1.0) * (q1 - auc * auc) + (negatives - 1.0) * (q2 - auc * auc))
        / (positives * negatives);
    variance.max(0.0).sqrt()
}

/// One-against-one AUC averaged over all pairs of classes that occur (Hand & Till 2001); `scores`
/// is row-major, one column a class. `None` where fewer than two classes occur.
pub fn roc_auc_one_vs_one(scores: &[f64], truth: &[usize], classes: usize) -> Option<f64> {
    let mut sum = 0.0;
    let mut pairs = 0;
    for a in 0..classes {
        for b in a + 1..classes {
            let rows: Vec<usize> = (0..truth.len()).filter(|r| truth[*r] == a || truth[*r] == b).collect();
            let against = |class: usize| {
                let own: Vec<f64> = rows.iter().map(|r| scores[r * classes + class]).collect();
                let is: Vec<bool> = rows.iter().map(|r| truth[*r] == class).collect();
                roc_auc(&own, &is)
            };
            if let (Some(x), Some(y)) = (against(a), against(b)) {
                sum += (x + y) / 2.0;
                pairs += 1;
            }
        }
    }
    (pairs > 0).then(|| sum / f64::from(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_is_the_chance_that_a_positive_outranks_a_negative() {
        assert_eq!(roc_auc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]), Some(0.75));
        assert_eq!(roc_auc(&[0.5, 0.5], &[false, true]), Some(0.5));
        assert_eq!(roc_auc(&[0.5, 0.6], &[true, true]), None);
        // NaN equals nothing, itself included; it must not hold the walk.
        assert!(roc_auc(&[f64::NAN, f64::NAN], &[true, false]).is_some());
    }

    #[test]
    fn f1_follows_from_the_overlap() {
        let counts = Counts { true_positive: 6, false_positive: 2, true_negative: 9, false_negative: 3 };
        let (hit, of) = counts.overlap();
        assert!((f1_of_overlap(hit as f64 / of as f64) - 12.0 / 17.0).abs() < 1e-12);
    }

    #[test]
    fn a_classifier_that_is_always_right_has_every_score_at_one() {
        let confusion = Confusion::of(&[0, 1, 2, 2], &[0, 1, 2, 2], 3);
        assert_eq!((confusion.accuracy(), confusion.matthews(), confusion.kappa()), (1.0, 1.0, 1.0));
        assert_eq!(confusion.average(Average::Macro).f1, 1.0);
    }
}

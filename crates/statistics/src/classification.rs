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
        let mut end = start;
        while end < order.len() && scores[order[end]] == scores[order[start]] {
            end += 1;
        }
        let midrank = (start + 1 + end) as f64 / 2.0;
        rank_sum += midrank * order[start..end].iter().filter(|i| truth[**i]).count() as f64;
        start = end;
    }
    Some((rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

/// Standard error of an area under the ROC curve (Hanley & McNeil 1982).
pub fn roc_auc_error(auc: f64, positives: f64, negatives: f64) -> f64 {
    let q1 = auc / (2.0 - auc);
    let q2 = 2.0 * auc * auc / (1.0 + auc);
    let variance = (auc * (1.0 - auc) + (positives - 1.0) * (q1 - auc * auc) + (negatives - 1.0) * (q2 - auc * auc))
        / (positives * negatives);
    variance.max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_is_the_chance_that_a_positive_outranks_a_negative() {
        assert_eq!(roc_auc(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]), Some(0.75));
        assert_eq!(roc_auc(&[0.5, 0.5], &[false, true]), Some(0.5));
        assert_eq!(roc_auc(&[0.5, 0.6], &[true, true]), None);
    }

    #[test]
    fn f1_follows_from_the_overlap() {
        let counts = Counts { true_positive: 6, false_positive: 2, true_negative: 9, false_negative: 3 };
        let (hit, of) = counts.overlap();
        assert!((f1_of_overlap(hit as f64 / of as f64) - 12.0 / 17.0).abs() < 1e-12);
    }
}

//! Do the members of an ensemble, or several raters, agree — and who is right when nobody knows.
//!
//! Votes are class numbers below `classes`, row-major, one column a member; `None` is no vote.

/// The share of rows on which each pair of members agrees, of those where both voted: a symmetric
/// matrix, row-major, NaN where a pair never met.
pub fn pairwise(votes: &[Option<usize>], members: usize) -> Vec<f64> {
    let mut agreed = vec![0.0; members * members];
    let mut met = vec![0.0; members * members];
    for row in votes.chunks_exact(members.max(1)) {
        for a in 0..members {
            for b in 0..members {
                if let (Some(x), Some(y)) = (row[a], row[b]) {
                    met[a * members + b] += 1.0;
                    agreed[a * members + b] += f64::from(u8::from(x == y));
                }
            }
        }
    }
    agreed.iter().zip(&met).map(|(a, n)| a / n).collect()
}

/// Fleiss' κ (1971): agreement above chance, for rows with the same number of votes each. `None`
/// for fewer than two members, rows that lack a vote, or agreement by chance alone of 1.
pub fn fleiss_kappa(votes: &[Option<usize>], members: usize, classes: usize) -> Option<f64> {
    if members < 2 || votes.is_empty() || votes.iter().any(Option::is_none) {
        return None;
    }
    let rows = (votes.len() / members) as f64;
    let size = members as f64;
    let mut shares = vec![0.0; classes];
    let mut observed = 0.0;
    for row in votes.chunks_exact(members) {
        let counts = counted(row, classes);
        observed += counts.iter().map(|c| c * (c - 1.0)).sum::<f64>() / (size * (size - 1.0));
        shares.iter_mut().zip(&counts).for_each(|(s, c)| *s += c / (rows * size));
    }
    let chance: f64 = shares.iter().map(|s| s * s).sum();
    (chance < 1.0).then(|| (observed / rows - chance) / (1.0 - chance))
}

fn counted(row: &[Option<usize>], classes: usize) -> Vec<f64> {
    let mut counts = vec![0.0; classes];
    row.iter().flatten().filter(|class| **class < classes).for_each(|class| counts[*class] += 1.0);
    counts
}

/// Krippendorff's α for classes (1970): as κ, with any number of votes a row. `None` where no row
/// has two votes or all votes are of one class.
pub fn krippendorff_alpha(votes: &[Option<usize>], members: usize, classes: usize) -> Option<f64> {
    let mut coincidences = vec![0.0; classes * classes];
    for row in votes.chunks_exact(members.max(1)) {
        let counts = counted(row, classes);
        let n: f64 = counts.iter().sum();
        if n < 2.0 {
            continue;
        }
        for a in 0..classes {
            for b in 0..classes {
                let pairs = counts[a] * (counts[b] - f64::from(u8::from(a == b)));
                coincidences[a * classes + b] += pairs / (n - 1.0);
            }
        }
    }
    let total: f64 = coincidences.iter().sum();
    let margin = |a: usize| coincidences[a * classes..(a + 1) * classes].iter().sum::<f64>();
    let observed: f64 = total - (0..classes).map(|a| coincidences[a * classes + a]).sum::<f64>();
    let expected = total * total - (0..classes).map(|a| margin(a).powi(2)).sum::<f64>();
    (expected > 0.0).then(|| 1.0 - (total - 1.0) * observed / expected)
}

/// Entropy of one row's votes over ln(classes): 0 where all agree, 1 where every class has as many.
/// NaN without votes.
pub fn vote_entropy(row: &[Option<usize>], classes: usize) -> f64 {
    let counts = counted(row, classes);
    let n: f64 = counts.iter().sum();
    if n == 0.0 || classes < 2 {
        return if n == 0.0 { f64::NAN } else { 0.0 };
    }
    let entropy: f64 = counts.iter().filter(|c| **c > 0.0).map(|c| -c / n * (c / n).ln()).sum();
    entropy / (classes as f64).ln()
}

/// The class with most votes and its share of them; the first of equals. `None` without votes.
/// With a truth, [`crate::probabilistic::calibration_curve`] of the shares against whether the
/// class was right says whether consensus means what it looks like.
pub fn consensus(row: &[Option<usize>], classes: usize) -> Option<(usize, f64)> {
    let counts = counted(row, classes);
    let n: f64 = counts.iter().sum();
    let best = (0..classes).fold(0, |best, c| if counts[c] > counts[best] { c } else { best });
    (n > 0.0).then(|| (best, counts[best] / n))
}

/// What Dawid & Skene's model (1979) makes of votes without a truth.
#[derive(Debug, Clone, PartialEq)]
pub struct DawidSkene {
    /// Row-major: the chance of each class for each row.
    pub truth: Vec<f64>,
    /// For each member, row-major: the chance of voting b where a is true.
    pub confusion: Vec<Vec<f64>>,
    /// Share of each class.
    pub prior: Vec<f64>,
    pub rounds: usize,
}

impl DawidSkene {
    /// The estimated share of right votes of a member.
    pub fn accuracy(&self, member: usize) -> f64 {
        let classes = self.prior.len();
        (0..classes).map(|c| self.prior[c] * self.confusion[member][c * classes + c]).sum()
    }
}

/// Expectation–maximisation from the majority's opinion, until nothing moves by 1e-6 or for 200
/// rounds. Members are taken to err independently given the truth; where they copy each other the
/// answer is too sure. `None` without votes, members or classes.
pub fn dawid_skene(votes: &[Option<usize>], members: usize, classes: usize) -> Option<DawidSkene> {
    if members == 0 || classes == 0 || votes.iter().flatten().next().is_none() {
        return None;
    }
    let rows: Vec<&[Option<usize>]> = votes.chunks_exact(members).collect();
    let mut truth: Vec<f64> = rows
        .iter()
        .flat_map(|row| {
            let counts = counted(row, classes);
            let n: f64 = counts.iter().sum();
            counts.into_iter().map(move |c| if n > 0.0 { c / n } else { 1.0 / classes as f64 })
        })
        .collect();
    let mut model = DawidSkene { truth: Vec::new(), confusion: Vec::new(), prior: Vec::new(), rounds: 0 };
    for round in 1..=200 {
        let mut prior = vec![0.0; classes];
        // A pinch of prior votes keeps a member from being certain for ever.
        let mut confusion = vec![vec![0.01; classes * classes]; members];
        for (row, chances) in rows.iter().zip(truth.chunks_exact(classes)) {
            for (class, chance) in chances.iter().enumerate() {
                prior[class] += chance / rows.len() as f64;
                for (member, vote) in row.iter().enumerate() {
                    if let Some(vote) = vote.filter(|v| *v < classes) {
                        confusion[member][class * classes + vote] += chance;
                    }
                }
            }
        }
        for member in &mut confusion {
            for class in member.chunks_exact_mut(classes) {
                let sum: f64 = class.iter().sum();
                class.iter_mut().for_each(|c| *c /= sum);
            }
        }
        let mut moved = 0.0_f64;
        for (row, chances) in rows.iter().zip(truth.chunks_exact_mut(classes)) {
            let ln: Vec<f64> = (0..classes)
                .map(|class| {
                    let said =
                        row.iter().enumerate().filter_map(|(m, vote)| vote.filter(|v| *v < classes).map(|v| (m, v)));
                    prior[class].max(1e-300).ln()
                        + said.map(|(m, v)| confusion[m][class * classes + v].ln()).sum::<f64>()
                })
                .collect();
            let most = ln.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = ln.iter().map(|l| (l - most).exp()).sum();
            for (chance, l) in chances.iter_mut().zip(&ln) {
                let next = (l - most).exp() / sum;
                moved = moved.max((next - *chance).abs());
                *chance = next;
            }
        }
        (model.confusion, model.prior, model.rounds) = (confusion, prior, round);
        if moved < 1e-6 {
            break;
        }
    }
    model.truth = truth;
    Some(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fleiss_own_example_gives_his_kappa() {
        // Fleiss (1971) as printed in textbooks: 10 rows, 14 votes, 5 classes, κ = 0.210.
        let counts = [
            [0, 0, 0, 0, 14],
            [0, 2, 6, 4, 2],
            [0, 0, 3, 5, 6],
            [0, 3, 9, 2, 0],
            [2, 2, 8, 1, 1],
            [7, 7, 0, 0, 0],
            [3, 2, 6, 3, 0],
            [2, 5, 3, 2, 2],
            [6, 5, 2, 1, 0],
            [0, 2, 2, 3, 7],
        ];
        let votes: Vec<Option<usize>> =
            counts.iter().flat_map(|row| row.iter().enumerate().flat_map(|(class, n)| vec![Some(class); *n])).collect();
        assert!((fleiss_kappa(&votes, 14, 5).expect("defined") - 0.210).abs() < 5e-4);
        let alpha = krippendorff_alpha(&votes, 14, 5).expect("defined");
        assert!((alpha - 0.210).abs() < 0.01, "α is near κ for full rows: {alpha}");
    }

    #[test]
    fn agreement_has_its_ends() {
        let same = vec![Some(1); 6];
        assert_eq!((fleiss_kappa(&same, 3, 2), vote_entropy(&same[..3], 2)), (None, 0.0));
        assert_eq!(pairwise(&[Some(0), Some(0), Some(1), None], 2)[1], 1.0);
        assert_eq!(consensus(&[Some(0), Some(1), Some(1)], 2), Some((1, 2.0 / 3.0)));
        assert!(vote_entropy(&[None, None], 2).is_nan() && dawid_skene(&[None], 1, 2).is_none());
    }

    #[test]
    fn the_careless_member_is_found_without_labels() {
        let mut random = fastrand::Rng::with_seed(6);
        let skill = [0.95, 0.9, 0.6];
        let truth: Vec<usize> = (0..2000).map(|_| usize::from(random.f64() < 0.3)).collect();
        let votes: Vec<Option<usize>> =
            truth.iter().flat_map(|t| skill.map(|s| Some(if random.f64() < s { *t } else { 1 - *t }))).collect();
        let model = dawid_skene(&votes, 3, 2).expect("fits");
        for (member, s) in skill.iter().enumerate() {
            assert!((model.accuracy(member) - s).abs() < 0.04, "{member}: {}", model.accuracy(member));
        }
        let right = truth.iter().enumerate().filter(|(i, t)| model.truth[i * 2 + **t] > 0.5).count();
        assert!(right as f64 / 2000.0 > 0.95);
    }
}

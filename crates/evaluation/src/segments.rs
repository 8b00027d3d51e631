//! Where a model is weakest: parts of the rows, by one feature and by two.
//!
//! A weak segment that chance explains is noise with a name, so one is listed only when its interval
//! lies wholly below the window's own value.

use domain::event::MISSING;
use domain::evidence::Segment;
use domain::model::Task;
use domain::verdict::Estimate;
use statistics::intervals::{Z95, mean_interval};

use crate::fairness::{Groups, groups_of};
use crate::reference::{Reference, display_name};
use crate::trained::{Estimator, Trained};
use crate::{Rows, quality};

/// Rows that a segment needs.
const LEAST: usize = 50;
/// Parts whose worth is kept, to be drawn.
const SPREAD: usize = 200;
/// Values of a feature that are looked at one by one; more make it an identifier.
const VALUES_AT_MOST: usize = 30;
const LISTED: usize = 8;
/// The weakest of single features are looked into with each other feature.
const LOOKED_INTO: usize = 3;

/// A row's own share of quality: 1 for a right answer, the chance of one where the truth is not
/// known, the absolute error of a number.
pub struct Scores {
    pub values: Vec<f64>,
    /// From labels, or expected without them.
    pub realised: bool,
    /// Whether less is worse.
    higher_is_better: bool,
}

/// `None` where neither labels nor an estimator say anything of single rows.
pub fn scores(rows: &Rows, trained: Option<&Trained>, task: Task, positive: Option<&str>) -> Option<Scores> {
    let labelled = rows.labels.map_or(0, |l| l.len() - l.missing());
    let enough = labelled >= 200 && labelled * 2 >= rows.times.len();
    match task {
        Task::BinaryClassification | Task::MulticlassClassification if enough => {
            let right = quality::answers_right(rows, task, positive)?;
            let values = right.into_iter().map(|r| r.map_or(f64::NAN, |r| f64::from(u8::from(r)))).collect();
            Some(Scores { values, realised: true, higher_is_better: true })
        }
        Task::BinaryClassification => {
            let decided = quality::predicted_positive(rows, positive?)?;
            let Some(Estimator::Binary(model)) = &trained?.estimator else {
                return None;
            };
            let score = rows.numbers("probability")?;
            let values = score
                .iter()
                .zip(&decided)
                .map(|(s, d)| match d {
                    Some(yes) if s.is_finite() => {
                        let p = model.calibrator.probability(*s);
                        if *yes { p } else { 1.0 - p }
                    }
                    _ => f64::NAN,
                })
                .collect();
            Some(Scores { values, realised: false, higher_is_better: true })
        }
        Task::Regression if enough => {
            let truth = quality::numbers_of(rows.labels?);
            let values = rows.numbers("prediction")?.iter().zip(&truth).map(|(p, t)| (p - t).abs()).collect();
            Some(Scores { values, realised: true, higher_is_better: false })
        }
        _ => None,
    }
}

/// What each baseline row was worth, where its truth is known.
pub fn merit(rows: &Rows, task: Task, positive: Option<&str>) -> Option<Vec<f64>> {
    scores(rows, None, task, positive).filter(|s| s.realised).map(|s| s.values)
}

/// The parts of a window.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parts {
    /// Those surely below the whole, worst first.
    pub weakest: Vec<Segment>,
    /// What each value of each feature is worth, where there are enough rows of it.
    pub values: Vec<f64>,
}

/// The parts of a window by the values of its features.
pub fn segments(rows: &Rows, reference: Option<&Reference>, scores: Option<&Scores>) -> Parts {
    let Some(scores) = scores else {
        return Parts::default();
    };
    let known: Vec<f64> = scores.values.iter().copied().filter(|v| v.is_finite()).collect();
    if known.len() < 2 * LEAST {
        return Parts::default();
    }
    let whole = statistics::quantile::mean(&known);
    let features: Vec<(String, Groups)> = rows
        .columns
        .iter()
        .filter(|c| c.name.starts_with("feature."))
        .filter_map(|c| {
            let name = display_name(&c.name);
            let groups = groups_of(rows, reference, &name)?;
            (2..=VALUES_AT_MOST).contains(&groups.names.len()).then_some((name, groups))
        })
        .collect();
    let judge = |name: String, conditions: String, all: Moments| -> Option<Segment> {
        if (all.n as usize) < LEAST || all.n as usize * 2 > known.len() {
            return None;
        }
        let (low, high) = mean_interval(all.mean(), all.deviation(), all.n, Z95);
        let worse = if scores.higher_is_better { high < whole } else { low > whole };
        worse.then(|| Segment {
            name,
            quality: Estimate { value: all.mean(), low, high, n: all.n as u64 },
            difference: all.mean() - whole,
            realised: scores.realised,
            conditions,
        })
    };
    let mut found: Vec<(usize, u32, Segment)> = Vec::new();
    let mut values_of_all = Vec::new();
    for (place, (name, groups)) in features.iter().enumerate() {
        let each = by_value(&groups.places, groups.names.len(), &scores.values, |_| true);
        for (value, moments) in each.into_iter().enumerate() {
            if moments.n as usize >= LEAST && values_of_all.len() < SPREAD {
                values_of_all.push(moments.mean());
            }
            let words = format!("{name} = {}", groups.names[value]);
            if let Some(segment) = judge(words, groups.conditions[value].clone(), moments) {
                found.push((place, value as u32, segment));
            }
        }
    }
    let badness = |s: &Segment| if scores.higher_is_better { s.difference } else { -s.difference };
    found.sort_by(|a, b| badness(&a.2).total_cmp(&badness(&b.2)));
    let mut all: Vec<Segment> = found.iter().map(|(_, _, s)| s.clone()).collect();
    for (place, value, parent) in found.iter().take(LOOKED_INTO) {
        let own = &features[*place].1.places;
        for (other, (name, groups)) in features.iter().enumerate().filter(|(o, _)| o != place) {
            let within = by_value(&groups.places, groups.names.len(), &scores.values, |row| own[row] == *value);
            for (second, moments) in within.into_iter().enumerate() {
                let joined = format!("{}, {name} = {}", parent.name, groups.names[second]);
                let both = match (parent.conditions.as_str(), groups.conditions[second].as_str()) {
                    ("", _) | (_, "") => String::new(),
                    (first, second) => format!("{first};{second}"),
                };
                if let Some(segment) = judge(joined, both, moments) {
                    // Worth a line of its own only where the second feature makes it clearly worse.
                    let clearly = badness(&segment) < 1.2 * badness(parent) && other != *place;
                    if clearly && segment.quality.n * 10 < parent.quality.n * 9 {
                        all.push(segment);
                    }
                }
            }
        }
    }
    all.sort_by(|a, b| badness(a).total_cmp(&badness(b)).then_with(|| a.name.cmp(&b.name)));
    // Two features meet from either side.
    let mut met = std::collections::HashSet::new();
    all.retain(|s| {
        let mut parts: Vec<&str> = s.name.split(", ").collect();
        parts.sort_unstable();
        met.insert(parts.join(", "))
    });
    all.truncate(LISTED);
    Parts { weakest: all, values: values_of_all }
}

/// Count, sum and sum of squares.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    n: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        *self = Moments { n: self.n + 1.0, sum: self.sum + value, squares: self.squares + value * value };
    }

    fn mean(&self) -> f64 {
        self.sum / self.n
    }

    fn deviation(&self) -> f64 {
        ((self.squares / self.n - self.mean().powi(2)).max(0.0) * self.n / (self.n - 1.0).max(1.0)).sqrt()
    }
}

fn by_value(places: &[u32], values: usize, scores: &[f64], wanted: impl Fn(usize) -> bool) -> Vec<Moments> {
    let mut all = vec![Moments::default(); values];
    for (row, (place, score)) in places.iter().zip(scores).enumerate() {
        if *place != MISSING && score.is_finite() && wanted(row) {
            all[*place as usize].add(*score);
        }
    }
    all
}

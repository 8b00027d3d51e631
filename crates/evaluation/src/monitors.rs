//! Limits learnt from the baseline's windows, and figures held against them.
//!
//! Every limit says how often it cries wolf, measured on the reader's own baseline: each window is held
//! against limits learnt from the others. Without that a threshold is an opinion.

use std::collections::HashMap;

use domain::evidence::{Figure, figure_shown, figure_title};
use domain::monitor::{Judgement, Limits, Monitor, ThresholdRule};
use domain::verdict::{Finding, WindowReport, narrower};
use domain::{TimeRange, Timestamp};
use statistics::quantile::{mean, standard_deviation};
use statistics::series::SeasonalBaseline;
use statistics::threshold::{self, Thresholds};
use statistics::{multiple_testing, power};

use crate::figures::figures;
use crate::quality::memory;

/// Windows without which nothing can be learnt.
pub const WINDOWS_NEEDED: usize = 5;
/// Hours of a week.
const WEEK: usize = 168;
/// Past windows that a judgement counts.
pub const PERSISTENCE: usize = domain::monitor::LOOKED_BACK as usize;
/// Beyond these a figure is not judged against the baseline's windows: more rows than usual is no fault
/// of an import, and repeated inputs are only what a person says they are.
const LEFT_ALONE: [&str; 2] = ["volume", "duplicates"];
/// Figures within 0 and 1.
const SHARES: [&str; 20] = [
    "accuracy",
    "precision",
    "recall",
    "f1",
    "specificity",
    "roc_auc",
    "brier",
    "anomalies",
    "confidence.mean",
    "confidence.low",
    "positive_share",
    "missing",
    "unseen",
    "out_of_range",
    "duplicates",
    "agreement",
    "consistency",
    "probing",
    "contradicted",
    "steadiness",
];

/// When, and what.
pub type Points = Vec<(Timestamp, f64)>;

/// What the windows of a baseline say of one figure.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub points: Points,
    /// Limits by [`usual_rule`], learnt once: to measure how often they cry wolf costs the square of the windows.
    usual: Option<Limits>,
    deviation: f64,
    memory: f64,
}

impl History {
    /// Of a figure of which more or less is `better`, or neither.
    pub fn of(figure: &str, points: Points, better: Option<bool>) -> History {
        let values: Vec<f64> = points.iter().map(|(_, v)| *v).collect();
        History {
            usual: limits(usual_rule(figure), &points, Timestamp(0), better),
            deviation: standard_deviation(&values, 0),
            memory: memory(&values),
            points,
        }
    }
}

/// Each figure's history over the windows of a baseline.
pub fn histories(reports: &[WindowReport]) -> HashMap<String, History> {
    let mut all: HashMap<String, (Points, Option<bool>)> = HashMap::new();
    for report in reports {
        for figure in figures(report) {
            let own = all.entry(figure.name).or_insert_with(|| (Vec::new(), figure.higher_is_better));
            own.0.push((report.range.from, figure.estimate.value));
        }
    }
    all.into_iter()
        .map(|(name, (points, better))| {
            let history = History::of(&name, points, better);
            (name, history)
        })
        .collect()
}

/// The limits of one figure by one rule. `None` where the history is too short for it.
pub fn limits(
    rule: ThresholdRule,
    history: &[(Timestamp, f64)],
    at: Timestamp,
    better: Option<bool>,
) -> Option<Limits> {
    let values: Vec<f64> = history.iter().map(|(_, v)| *v).collect();
    let centre = (!values.is_empty()).then(|| mean(&values));
    if let ThresholdRule::Fixed { lower, upper } = rule {
        let outside = |v: f64| lower.is_some_and(|l| v < l) || upper.is_some_and(|u| v > u);
        let crossed = values.iter().filter(|v| outside(**v)).count() as f64;
        return Some(Limits {
            lower,
            upper,
            centre,
            source: rule.words(),
            false_alarms_expected: None,
            false_alarms_measured: (!values.is_empty()).then(|| crossed / values.len() as f64),
            n: values.len() as u32,
        });
    }
    let learn = |history: &[(Timestamp, f64)], at: Timestamp| -> Option<Thresholds> {
        let values: Vec<f64> = history.iter().map(|(_, v)| *v).collect();
        if values.len() < WINDOWS_NEEDED {
            return None;
        }
        Some(match rule {
            ThresholdRule::History { deviations } => threshold::from_history(&values, deviations),
            ThresholdRule::Budget { windows } => {
                let chance = (1.0 / windows).clamp(1e-6, 0.5);
                threshold::from_history(&values, threshold::deviations_for(chance, values.len() as f64))
            }
            ThresholdRule::Decay { share, half_life } => threshold::decaying(&values, share, half_life),
            ThresholdRule::Conformal { share } => threshold::conformal(&values, share),
            ThresholdRule::Season { deviations } => return seasonal(history, at, deviations),
            ThresholdRule::Fixed { .. } => return None,
        })
    };
    let found = learn(history, at)?;
    // Each window against limits from the others, where they are enough.
    let (mut tried, mut outside) = (0_u32, 0_u32);
    for own in (0..history.len()).step_by(history.len().div_ceil(200)) {
        let mut others = history.to_vec();
        let (at, value) = others.remove(own);
        if let Some(limits) = learn(&others, at) {
            let (lower, upper) = sided(limits, better);
            tried += 1;
            outside += u32::from(lower.is_some_and(|l| value < l) || upper.is_some_and(|u| value > u));
        }
    }
    let measured = (tried > 0).then(|| f64::from(outside) / f64::from(tried));
    let (lower, upper) = sided(found, better);
    let sides = if better.is_some() { 0.5 } else { 1.0 };
    Some(Limits {
        lower,
        upper,
        centre,
        source: rule.words(),
        false_alarms_expected: found.false_alarms.is_finite().then_some(found.false_alarms * sides),
        false_alarms_measured: measured,
        n: found.n as u32,
    })
}

/// Limits of a figure without those that no value of it can cross: a share is never below nothing or above the whole.
pub fn possible(figure: &str, limits: Limits) -> Limits {
    if !SHARES.contains(&figure.strip_prefix("estimated.").unwrap_or(figure)) {
        return limits;
    }
    Limits { lower: limits.lower.filter(|l| *l > 0.0), upper: limits.upper.filter(|u| *u < 1.0), ..limits }
}

/// Only the side that is worse, where one is.
fn sided(found: Thresholds, better: Option<bool>) -> (Option<f64>, Option<f64>) {
    let finite = |v: f64| v.is_finite().then_some(v);
    (finite(found.lower).filter(|_| better != Some(false)), finite(found.upper).filter(|_| better != Some(true)))
}

fn seasonal(history: &[(Timestamp, f64)], at: Timestamp, deviations: f64) -> Option<Thresholds> {
    let hour = |t: Timestamp| (t.0.div_euclid(domain::time::HOUR)).rem_euclid(WEEK as i64) as usize;
    let own: Vec<f64> = history.iter().filter(|(t, _)| hour(*t) == hour(at)).map(|(_, v)| *v).collect();
    if own.len() < 3 {
        return None;
    }
    let values: Vec<f64> = history.iter().map(|(_, v)| *v).collect();
    let floor = standard_deviation(&values, 0) * 0.05;
    let baseline = SeasonalBaseline::of(&own, 1, floor)?;
    Some(threshold::seasonal(&baseline, 0, deviations))
}

/// What a window's figures are held against.
pub struct Ground<'a> {
    pub histories: &'a HashMap<String, History>,
    pub monitors: &'a [Monitor],
    /// Earlier windows, oldest first.
    pub recent: &'a [WindowReport],
    /// Rows of a usual window of the baseline.
    pub usual_rows: f64,
}

/// The rule of a figure for which nobody chose another.
pub fn usual_rule(figure: &str) -> ThresholdRule {
    match figure {
        // By its own construction: 0.5 lies at the threshold of each part.
        "drift.score" => ThresholdRule::Fixed { lower: None, upper: Some(0.5) },
        // The four-fifths rule.
        "fairness" => ThresholdRule::Fixed { lower: Some(0.8), upper: None },
        _ => ThresholdRule::USUAL,
    }
}

/// Figures that are means over a window's rows, or near enough to scatter as means do.
fn is_mean(figure: &str) -> bool {
    const MEANS: [&str; 14] = [
        "accuracy",
        "precision",
        "recall",
        "f1",
        "specificity",
        "brier",
        "log_loss",
        "mae",
        "rmse",
        "bias",
        "ndcg",
        "map",
        "mrr",
        "hit_rate",
    ];
    MEANS.contains(&figure.strip_prefix("estimated.").unwrap_or(figure))
}

/// Every figure that has limits, held against them; the worst first. `range` is the window's.
pub fn judge(figures: &[Figure], range: TimeRange, ground: &Ground) -> Vec<Judgement> {
    let judged: Vec<(&Figure, Limits, Option<&Monitor>, f64, f64)> = figures
        .iter()
        .filter_map(|figure| {
            let monitor = ground.monitors.iter().find(|m| m.figure == figure.name);
            if monitor.is_some_and(|m| !m.on) || (monitor.is_none() && LEFT_ALONE.contains(&figure.name.as_str())) {
                return None;
            }
            let rule = monitor.map_or_else(|| usual_rule(&figure.name), |m| m.threshold);
            let none = History::default();
            let history = ground.histories.get(&figure.name).unwrap_or(&none);
            let learnt_once = history.usual.as_ref().filter(|_| rule == usual_rule(&figure.name)).cloned();
            let found = learnt_once.or_else(|| limits(rule, &history.points, range.from, figure.higher_is_better))?;
            let mut limits = possible(&figure.name, found);
            let learnt = !matches!(rule, ThresholdRule::Fixed { .. });
            let narrow = if learnt && is_mean(&figure.name) {
                narrower(ground.usual_rows, figure.estimate.n as f64, history.memory)
            } else {
                1.0
            };
            if let Some(centre) = limits.centre.filter(|_| narrow < 1.0) {
                let near = |limit: f64| centre + (limit - centre) * narrow;
                (limits.lower, limits.upper) = (limits.lower.map(near), limits.upper.map(near));
                limits.source = format!("{}, narrowed for a larger window", limits.source);
            }
            // A window with fewer rows than the baseline's scatters more, and so it may.
            let spread =
                history.deviation * (ground.usual_rows / (figure.estimate.n.max(1) as f64)).sqrt().max(1.0) * narrow;
            Some((figure, limits, monitor, spread, history.points.len() as f64))
        })
        .collect();
    let away = |figure: &Figure, limits: &Limits, spread: f64| {
        limits.centre.filter(|_| spread > 0.0).map(|c| (figure.estimate.value - c) / spread)
    };
    let p: Vec<f64> = judged
        .iter()
        .map(|(figure, limits, _, spread, n)| {
            away(figure, limits, *spread).map_or(f64::NAN, |d| threshold::chance_beyond(d.abs(), *n))
        })
        .collect();
    let adjusted = multiple_testing::benjamini_hochberg(&p);
    let mut all: Vec<Judgement> = judged
        .into_iter()
        .zip(p.iter().zip(&adjusted))
        .map(|((figure, limits, monitor, spread, n), (p, adjusted))| {
            let value = figure.estimate.value;
            let effect = away(figure, &limits, spread);
            let is_outside = limits.outside(value);
            let past = ground.recent.iter().rev().take(PERSISTENCE - 1);
            let past: Vec<bool> = past
                .filter_map(|r| r.judgements.iter().find(|j| j.figure == figure.name))
                .map(|j| j.limits.outside(j.estimate.value))
                .collect();
            let outside = u32::from(is_outside) + past.iter().filter(|o| **o).count() as u32;
            let (wanted, among) = monitor.map_or((1, 1), |m| (m.windows, m.of));
            let lately = u32::from(is_outside)
                + past.iter().take(among.saturating_sub(1) as usize).filter(|o| **o).count() as u32;
            // Learnt limits also ask whether this window's own size could explain it.
            let by_hand = monitor.is_some_and(|m| matches!(m.threshold, ThresholdRule::Fixed { .. }));
            let sure = by_hand || (effect.is_none_or(|e| e.abs() > 2.0) && matters(figure, &limits));
            let finding = match (is_outside && sure && lately >= wanted, effect.map(f64::abs)) {
                (false, _) => Finding::None,
                (true, Some(e)) if e >= 6.0 => Finding::Large,
                (true, _) => Finding::Moderate,
            };
            let detectable = (spread > 0.0 && n > 1.0).then(|| power::detectable_shift(1.0, n, 0.05, 0.8) * spread);
            let judged = Judgement {
                sentence: String::new(),
                figure: figure.name.clone(),
                estimate: figure.estimate,
                higher_is_better: figure.higher_is_better,
                limits,
                finding,
                effect,
                p: p.is_finite().then_some(*p),
                p_adjusted: adjusted.is_finite().then_some(*adjusted),
                detectable,
                outside,
                of: past.len() as u32 + 1,
            };
            Judgement { sentence: sentence(&judged), ..judged }
        })
        .collect();
    all.sort_by(|a, b| {
        let far = |j: &Judgement| j.effect.map_or(0.0, f64::abs);
        b.finding.cmp(&a.finding).then_with(|| far(b).total_cmp(&far(a))).then_with(|| a.figure.cmp(&b.figure))
    });
    all
}

/// Whether a difference is worth a word, however sure it is: a fiftieth of the usual value, and half a
/// percent for what is usually next to nothing.
fn matters(figure: &Figure, limits: &Limits) -> bool {
    let Some(centre) = limits.centre else {
        return true;
    };
    let rare =
        ["missing", "unseen", "out_of_range", "anomalies", "probing", "contradicted"].contains(&figure.name.as_str());
    let least = (0.02 * centre.abs()).max(if rare { 0.005 } else { 0.0 });
    (figure.estimate.value - centre).abs() >= least
}

fn shown(figure: &str, value: f64) -> String {
    let unit = if figure == "latency_ms.p95" { " ms" } else { "" };
    format!("{}{unit}", figure_shown(figure, value))
}

/// What a figure is held against, in words.
pub fn held_against(judgement: &Judgement) -> String {
    let show = |v: f64| shown(&judgement.figure, v);
    let usual = match (judgement.limits.lower, judgement.limits.upper) {
        (Some(l), Some(u)) => format!("usually {} to {}", show(l), show(u)),
        (Some(l), None) => format!("usually at least {}", show(l)),
        (None, Some(u)) => format!("usually at most {}", show(u)),
        (None, None) => "no limit known".into(),
    };
    let Judgement { outside, of, .. } = judgement;
    if judgement.finding.drifted() && *of > 1 && *outside > 1 {
        format!("{usual}; outside of that in {outside} of the last {of} windows")
    } else {
        usual
    }
}

fn sentence(judgement: &Judgement) -> String {
    let value = shown(&judgement.figure, judgement.estimate.value);
    format!("{} is {value}, {}", figure_title(&judgement.figure), held_against(judgement))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(values: &[f64]) -> Points {
        values.iter().enumerate().map(|(i, v)| (Timestamp(i as i64 * domain::time::HOUR), *v)).collect()
    }

    fn accuracy() -> HashMap<String, History> {
        HashMap::from([("accuracy".to_string(), History::of("accuracy", history(&scattered(30)), Some(true)))])
    }

    fn scattered(n: usize) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(3);
        (0..n).map(|_| 0.8 + 0.01 * ((0..12).map(|_| random.f64()).sum::<f64>() - 6.0)).collect()
    }

    #[test]
    fn the_measured_rate_of_false_alarms_is_about_the_promised_one() {
        let long = history(&scattered(400));
        for rule in [
            ThresholdRule::Budget { windows: 20.0 },
            ThresholdRule::Conformal { share: 0.05 },
            ThresholdRule::Decay { share: 0.05, half_life: 200.0 },
        ] {
            let found = limits(rule, &long, Timestamp(0), None).expect("long enough");
            let (said, was) =
                (found.false_alarms_expected.expect("said"), found.false_alarms_measured.expect("measured"));
            assert!((said - was).abs() < 0.03, "{rule:?}: said {said}, was {was}");
        }
    }

    #[test]
    fn an_hour_of_the_week_seen_six_times_is_learnt_from_and_says_how_little_that_is() {
        let hours: Vec<f64> = scattered(6 * WEEK);
        let at = |hour: i64| Timestamp(hour * domain::time::HOUR);
        let history: Vec<(Timestamp, f64)> = hours.into_iter().enumerate().map(|(h, v)| (at(h as i64), v)).collect();
        let season = ThresholdRule::Season { deviations: 3.0 };
        let found = limits(season, &history, at(6 * WEEK as i64), None).expect("long enough");
        let (said, was) = (found.false_alarms_expected.expect("said"), found.false_alarms_measured.expect("measured"));
        assert!(found.n == 6 && said > 0.1 && (said - was).abs() < 0.07, "said {said}, was {was}");
    }

    #[test]
    fn where_less_is_better_only_more_is_worse() {
        let found = limits(ThresholdRule::USUAL, &history(&scattered(30)), Timestamp(0), Some(false)).expect("enough");
        assert!(found.lower.is_none() && found.upper.is_some());
        assert!(limits(ThresholdRule::USUAL, &history(&[0.8; 3]), Timestamp(0), None).is_none());
    }

    #[test]
    fn a_window_of_many_baseline_windows_scatters_less_than_one() {
        let histories = accuracy();
        let figure = |value: f64, n: u64| Figure {
            name: "accuracy".into(),
            estimate: domain::verdict::Estimate { value, low: value - 0.001, high: value + 0.001, n },
            higher_is_better: Some(true),
        };
        let range = TimeRange { from: Timestamp(0), to: Timestamp(1) };
        let ground = Ground { histories: &histories, monitors: &[], recent: &[], usual_rows: 1000.0 };
        let lower = |n: u64| judge(&[figure(0.78, n)], range, &ground)[0].limits.lower.expect("learnt");
        assert_eq!(lower(1000), lower(3000), "about the same size");
        assert!(0.8 - lower(16_000) < 0.5 * (0.8 - lower(1000)), "{} {}", lower(16_000), lower(1000));
        assert!(judge(&[figure(0.78, 16_000)], range, &ground)[0].finding.drifted());
        assert!(!judge(&[figure(0.78, 1000)], range, &ground)[0].finding.drifted());
    }

    #[test]
    fn one_window_just_outside_calls_nobody_unless_asked_to_and_one_far_outside_does() {
        let histories = accuracy();
        let ground = Ground { histories: &histories, monitors: &[], recent: &[], usual_rows: 5000.0 };
        let judged = |value: f64| {
            let estimate = domain::verdict::Estimate { value, low: value, high: value, n: 5000 };
            let figure = Figure { name: "accuracy".into(), estimate, higher_is_better: Some(true) };
            judge(&[figure], TimeRange { from: Timestamp(0), to: Timestamp(1) }, &ground).remove(0)
        };
        let near = judged(0.765);
        assert!(near.finding == Finding::Moderate && near.calls(1) && !near.calls(2), "{near:?}");
        assert!(domain::monitor::Judgement { outside: 2, ..near }.calls(2));
        assert!(judged(0.6).calls(2) && !judged(0.8).calls(1));
    }

    #[test]
    fn a_small_window_may_scatter_more_than_the_baseline_s() {
        let histories = accuracy();
        let ground = Ground { histories: &histories, monitors: &[], recent: &[], usual_rows: 5000.0 };
        let figure = |n: u64| Figure {
            name: "accuracy".into(),
            estimate: domain::verdict::Estimate { value: 0.765, low: 0.7, high: 0.8, n },
            higher_is_better: Some(true),
        };
        let range = TimeRange { from: Timestamp(0), to: Timestamp(1) };
        assert!(judge(&[figure(5000)], range, &ground)[0].finding.drifted());
        assert_eq!(judge(&[figure(40)], range, &ground)[0].finding, Finding::None);
    }
}

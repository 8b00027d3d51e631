//! Baselines: what “usual” means for a model.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::time::{DAY, HOUR, TimeRange, span_text};

/// Where a baseline's rows come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum BaselineSource {
    /// Rows sent for the purpose, kept apart from production.
    Upload,
    /// A range of production itself.
    Range { environment: String, range: TimeRange },
    /// The last so many microseconds of production before each window.
    Rolling { span: i64 },
    /// The same hour of the week in so many weeks before each window.
    Seasonal { weeks: u32 },
}

/// See [`BaselineSource::lesson`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lesson {
    pub learnt_from: TimeRange,
    pub serves: TimeRange,
}

/// A rolling baseline moves on in so many steps of its own length: moving it window by window would
/// read and sort all its rows for each.
const STEPS: i64 = 7;
pub const WEEKS_AT_MOST: u32 = 12;

impl BaselineSource {
    /// What is wrong with it, if anything.
    pub fn problem(&self) -> Option<String> {
        match self {
            BaselineSource::Rolling { span } if !(HOUR..=366 * DAY).contains(span) => {
                Some("a rolling baseline is between 1 h and 366 d long".into())
            }
            BaselineSource::Seasonal { weeks } if !(1..=WEEKS_AT_MOST).contains(weeks) => {
                Some(format!("a seasonal baseline looks back 1 to {WEEKS_AT_MOST} weeks"))
            }
            BaselineSource::Range { range, .. } if range.from >= range.to => {
                Some("a range begins before it ends".into())
            }
            _ => None,
        }
    }

    /// Whether what it stands for moves with the window.
    pub fn moves(&self) -> bool {
        matches!(self, BaselineSource::Rolling { .. } | BaselineSource::Seasonal { .. })
    }

    /// The ranges of event time whose rows a window that begins at `at` is held against; none of them
    /// holds a row of the window itself. Everything for what does not move.
    pub fn ranges(&self, at: Timestamp) -> Vec<TimeRange> {
        match self {
            BaselineSource::Upload => vec![TimeRange::ALL],
            BaselineSource::Range { range, .. } => vec![*range],
            BaselineSource::Rolling { span } => {
                let step = (span / STEPS).max(1);
                let to = Timestamp(at.0.div_euclid(step) * step);
                vec![TimeRange { from: to.plus(-span), to }]
            }
            BaselineSource::Seasonal { weeks } => {
                let hour = Timestamp(at.0.div_euclid(HOUR) * HOUR);
                (1..=i64::from(*weeks))
                    .rev()
                    .map(|w| hour.plus(-w * 7 * DAY))
                    .map(|from| TimeRange { from, to: from.plus(HOUR) })
                    .collect()
            }
        }
    }

    /// What takes long to learn, for a window that begins at `at`: the range whose rows it is learnt from, and the
    /// windows that it serves, none of which holds a row of it. Learning at each step of a baseline that moves would
    /// take all of the machine, so it is learnt anew at most hourly of one that rolls, and weekly, from all hours of
    /// its weeks, of a seasonal one. Of one that does not move: once, for all.
    pub fn lesson(&self, at: Timestamp) -> Lesson {
        let anew = |every: i64, reach: i64| {
            let from = Timestamp(at.0.div_euclid(every) * every);
            let learnt_from = TimeRange { from: from.plus(-reach), to: from };
            Lesson { learnt_from, serves: TimeRange { from, to: from.plus(every) } }
        };
        match self {
            BaselineSource::Upload => Lesson { learnt_from: TimeRange::ALL, serves: TimeRange::ALL },
            BaselineSource::Range { range, .. } => Lesson { learnt_from: *range, serves: TimeRange::ALL },
            BaselineSource::Rolling { span } => anew((span / STEPS).max(HOUR), *span),
            BaselineSource::Seasonal { weeks } => anew(7 * DAY, i64::from(*weeks) * 7 * DAY),
        }
    }

    /// As a reader meets it.
    pub fn words(&self) -> String {
        match self {
            BaselineSource::Upload => "uploaded rows".into(),
            BaselineSource::Range { environment, range } => {
                format!("{environment}, {} – {}", range.from.date(), range.to.date())
            }
            BaselineSource::Rolling { span } => format!("the {} before each window", span_text(*span)),
            BaselineSource::Seasonal { weeks } => format!("the same hour of the week, {weeks} weeks back"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Baseline {
    pub id: i64,
    pub model_id: i64,
    pub name: String,
    pub source: BaselineSource,
    /// The one that verdicts compare with.
    pub active: bool,
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moving_baseline_never_holds_the_window_it_is_for() {
        for source in [BaselineSource::Rolling { span: 14 * DAY }, BaselineSource::Seasonal { weeks: 4 }] {
            for at in [0, 5 * HOUR + 17, 100 * DAY + 3] {
                let at = Timestamp(at);
                let ranges = source.ranges(at);
                assert!(!ranges.is_empty() && ranges.iter().all(|r| r.to <= at && r.from < r.to), "{ranges:?}");
                let Lesson { learnt_from, serves } = source.lesson(at);
                assert!(serves.from <= at && at < serves.to, "{serves:?}");
                assert!(learnt_from.from < learnt_from.to && learnt_from.to <= serves.from, "{learnt_from:?}");
            }
        }
        let weeks = BaselineSource::Seasonal { weeks: 2 }.ranges(Timestamp(30 * DAY + 3 * HOUR));
        assert_eq!(weeks[1].from, Timestamp(23 * DAY + 3 * HOUR));
    }
}

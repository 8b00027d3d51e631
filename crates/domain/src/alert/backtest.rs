//! Back-tests: what a rule would have done, beside the incidents that there were.

use serde::{Deserialize, Serialize};

use super::Labels;
use super::lifecycle::{Phase, Seen, Timing, Turn, step as turn};
use crate::Timestamp;

/// A rule tried on what is known, before it is saved.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Backtest {
    pub from: Timestamp,
    pub to: Timestamp,
    /// Seconds between two checks.
    pub step: f64,
    pub checks: u32,
    /// Milliseconds that it took.
    pub took_ms: f64,
    pub firings: Vec<PastFiring>,
    /// Firings that ended within ten minutes.
    pub flaps: u32,
    /// Dips that did not last long enough to fire.
    pub not_fired: u32,
    pub pages_a_week: f64,
    pub at_night: u32,
    /// Incidents in the range.
    pub incidents: u32,
    #[serde(flatten)]
    pub against: AgainstIncidents,
    /// The line that is drawn, with its limit.
    pub line: Vec<crate::signal::Sample>,
    pub limit: Option<f64>,
    pub unit: String,
    /// Other limits over the same range.
    pub others: Vec<OtherLimit>,
    /// What cannot be said of this rule's past, in words; empty where all can.
    pub remark: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PastFiring {
    pub labels: Labels,
    pub from: Timestamp,
    pub to: Timestamp,
    pub open: bool,
    /// The farthest out; NaN where nothing is known.
    #[serde(deserialize_with = "crate::number::number")]
    pub extreme: f64,
    /// The incident it overlaps.
    pub incident: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OtherLimit {
    pub limit: f64,
    pub fired: u32,
    #[serde(flatten)]
    pub against: AgainstIncidents,
    pub current: bool,
    /// It misses fewer incidents than the limit in force, or as many with fewer firings outside of them.
    pub suggested: bool,
}

/// Firings beside the incidents that people handled.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgainstIncidents {
    /// Incidents of the range that a firing overlaps.
    pub found: u32,
    /// Firings that overlap none.
    pub outside: u32,
    /// Microseconds by which the first firing came before the incident was opened, the middle of those found.
    /// Below 0 where it came later.
    pub earlier: Option<i64>,
}

/// The spans in which a rule would have fired on what was seen of one label set at moments `step`
/// microseconds apart: (first, end) by place, the end being the number of moments where it fires still; and how
/// often it held without firing.
pub fn replay(seen: &[Seen], step: i64, timing: Timing) -> (Vec<(usize, usize)>, u32) {
    let is_pending = |phase: Option<Phase>| matches!(phase, Some(Phase::Pending { .. }));
    let (mut spans, mut phase, mut began, mut missed) = (Vec::new(), None::<Phase>, 0, 0);
    for (place, seen) in seen.iter().enumerate() {
        let pending = is_pending(phase);
        let (next, what) = turn(phase, *seen, timing, Timestamp(place as i64 * step));
        match what {
            Turn::Fired => began = place,
            Turn::Resolved(_) => spans.push((began, place)),
            _ => missed += u32::from(pending && !is_pending(next)),
        }
        phase = next;
    }
    if phase.is_some_and(Phase::fires) {
        spans.push((began, seen.len()));
    }
    (spans, missed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SECOND;

    #[test]
    fn a_replay_fires_as_the_rule_would_have() {
        use Seen::{Gone, Holds, HoldsNot};
        let seen = [HoldsNot, Holds, HoldsNot, Holds, Holds, Holds, Holds, HoldsNot, Gone, Holds];
        let timing = Timing { pending: 2 * SECOND, keep: 0 };
        let (spans, missed) = replay(&seen, SECOND, timing);
        assert_eq!((spans, missed), (vec![(5, 7)], 1));
    }
}

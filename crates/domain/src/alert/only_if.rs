//! What must hold besides a rule's condition, so that chance and planned work page nobody.
//!
//! A model's figure is an estimate from so many events. A rule that looks at its value alone fires in a quiet
//! night on what twelve events make of it; these are asked of what the value rests on, now and in a back-test
//! alike.

use serde::{Deserialize, Serialize};

use super::condition::Compare;
use crate::verdict::Estimate;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct OnlyIf {
    /// So many events at least in the newest window of the figure; 0 for any.
    pub events: u64,
    /// The whole 95 % interval of the figure lies beyond the limit.
    pub surely: bool,
    /// No planned maintenance covers what the alert would be about.
    pub outside_maintenance: bool,
}

/// More events than this are asked for by mistake.
const EVENTS_MAX: u64 = 1_000_000_000;

impl OnlyIf {
    /// Whether it asks what a value rests on, which is known of models' figures only.
    pub fn asks_evidence(self) -> bool {
        self.events > 0 || self.surely
    }

    /// Whether what a value beyond its limits rests on is enough. `limits` are the lower and the upper one;
    /// nothing known of it is not enough.
    pub fn allows(self, evidence: Option<Estimate>, compare: Compare, limits: (f64, f64)) -> bool {
        if !self.asks_evidence() {
            return true;
        }
        evidence.is_some_and(|e| e.n >= self.events && (!self.surely || beyond(e, compare, limits)))
    }

    /// In words, each after “only if”.
    pub fn words(self) -> Vec<String> {
        let events = format!("at least {} events are behind it", crate::format::count(self.events as f64));
        let all = [
            (self.events > 0, events.as_str()),
            (self.surely, "its whole interval is beyond"),
            (self.outside_maintenance, "no maintenance is on"),
        ];
        all.into_iter().filter(|(asked, _)| *asked).map(|(_, words)| words.to_string()).collect()
    }

    pub(super) fn problem(self) -> Option<String> {
        (self.events > EVENTS_MAX).then(|| format!("at most {EVENTS_MAX} events can be asked for"))
    }
}

/// Whether all of an interval lies on the wrong side.
fn beyond(e: Estimate, compare: Compare, (low, high): (f64, f64)) -> bool {
    match compare {
        Compare::Above => e.low > high,
        Compare::Below => e.high < low,
        Compare::Outside => e.low > high || e.high < low,
        // The query compares itself: there is no limit to be sure of.
        Compare::Returned => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_beyond_its_limit_counts_when_enough_lies_behind_it() {
        let of = |low: f64, high: f64, n| Some(Estimate { value: (low + high) / 2.0, low, high, n });
        let sure = OnlyIf { events: 200, surely: true, ..OnlyIf::default() };
        let below = |evidence| sure.allows(evidence, Compare::Below, (0.82, 0.82));
        assert!(below(of(0.78, 0.81, 200)));
        assert!(!below(of(0.78, 0.81, 199)), "too few events");
        assert!(!below(of(0.79, 0.83, 900)), "the interval reaches the limit");
        assert!(!below(None), "nothing is known of it");
        assert!(sure.allows(of(0.9, 1.1, 300), Compare::Outside, (0.2, 0.8)));
        assert!(!sure.allows(of(0.1, 0.9, 300), Compare::Outside, (0.2, 0.8)));
        assert!(OnlyIf::default().allows(None, Compare::Above, (1.0, 1.0)), "nothing was asked");
    }

    #[test]
    fn what_is_not_written_is_not_asked_and_other_words_are_refused() {
        assert_eq!(serde_json::from_str::<OnlyIf>("{}").ok(), Some(OnlyIf::default()));
        assert!(serde_json::from_str::<OnlyIf>(r#"{"at_least": 3}"#).is_err());
        let all = OnlyIf { events: 1200, surely: true, outside_maintenance: true };
        assert_eq!(
            all.words(),
            ["at least 1,200 events are behind it", "its whole interval is beyond", "no maintenance is on"]
        );
    }
}

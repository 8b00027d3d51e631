//! The life of one alert of one rule: inactive, pending for as long as `for` asks, firing, kept for as long
//! as `keep_firing_for` says, resolved.
//!
//! The state is kept by the store, so that a restart neither forgets what was pending nor fires twice.

use serde::{Deserialize, Serialize};

use super::Labels;
use crate::Timestamp;

/// How long a rule waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// Microseconds that it must hold before it fires.
    pub pending: i64,
    /// Microseconds that it fires on after it held last.
    pub keep: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Phase {
    Pending {
        since: Timestamp,
    },
    Firing {
        /// When it began to hold.
        since: Timestamp,
        fired: Timestamp,
        /// When it held last.
        held: Timestamp,
    },
}

/// A label set of a rule that is not inactive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Instance {
    pub labels: Labels,
    pub phase: Phase,
}

/// What an evaluation saw of a label set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Holds,
    HoldsNot,
    /// The series is not there any more.
    Gone,
    /// The evaluation failed, or there is no data and the rule says to keep its state.
    Unknown,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Nothing,
    Pended,
    Fired,
    Resolved(&'static str),
}

/// One step. `None` is inactive.
pub fn step(before: Option<Phase>, seen: Seen, timing: Timing, now: Timestamp) -> (Option<Phase>, Turn) {
    let firing = |since| Some(Phase::Firing { since, fired: now, held: now });
    match (before, seen) {
        (None, Seen::Holds) if timing.pending <= 0 => (firing(now), Turn::Fired),
        (None, Seen::Holds) => (Some(Phase::Pending { since: now }), Turn::Pended),
        (None, _) => (None, Turn::Nothing),
        (Some(Phase::Pending { since }), Seen::Holds) if now.0 - since.0 >= timing.pending => {
            (firing(since), Turn::Fired)
        }
        (Some(Phase::Pending { .. }), Seen::Holds | Seen::Unknown) => (before, Turn::Nothing),
        (Some(Phase::Pending { .. }), Seen::HoldsNot | Seen::Gone) => (None, Turn::Nothing),
        (Some(Phase::Firing { since, fired, .. }), Seen::Holds) => {
            (Some(Phase::Firing { since, fired, held: now }), Turn::Nothing)
        }
        (Some(Phase::Firing { .. }), Seen::Unknown) => (before, Turn::Nothing),
        (Some(Phase::Firing { held, .. }), Seen::HoldsNot | Seen::Gone) => {
            if now.0 - held.0 < timing.keep {
                return (before, Turn::Nothing);
            }
            let reason = if seen == Seen::Gone { "its series is not there any more" } else { "it holds no longer" };
            (None, Turn::Resolved(reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::SECOND;

    fn seen() -> impl Strategy<Value = Seen> {
        prop_oneof![Just(Seen::Holds), Just(Seen::HoldsNot), Just(Seen::Gone), Just(Seen::Unknown)]
    }

    proptest! {
        /// Whatever happens: it fires only after it held for as long as asked without a break, resolves
        /// only what fired, and not before it has been quiet for as long as it is kept.
        #[test]
        fn it_fires_when_due_and_resolves_what_fired(
            steps in prop::collection::vec((seen(), 1i64..40), 1..80), pending in 0i64..100, keep in 0i64..100,
        ) {
            let timing = Timing { pending: pending * SECOND, keep: keep * SECOND };
            let (mut phase, mut now, mut fires) = (None, Timestamp(0), false);
            let (mut unbroken, mut held) = (None::<Timestamp>, None::<Timestamp>);
            for (seen, seconds) in steps {
                now = now.plus(seconds * SECOND);
                match seen {
                    Seen::Holds => { unbroken = unbroken.or(Some(now)); held = Some(now); }
                    Seen::HoldsNot | Seen::Gone => unbroken = None,
                    Seen::Unknown => {}
                }
                let (next, turn) = step(phase, seen, timing, now);
                match turn {
                    Turn::Fired => {
                        prop_assert!(!fires);
                        prop_assert!(now.0 - unbroken.expect("it holds").0 >= timing.pending);
                        fires = true;
                    }
                    Turn::Resolved(_) => {
                        prop_assert!(fires);
                        prop_assert!(now.0 - held.expect("it held").0 >= timing.keep);
                        fires = false;
                    }
                    Turn::Pended => prop_assert!(!fires && timing.pending > 0),
                    Turn::Nothing => {}
                }
                prop_assert_eq!(matches!(next, Some(Phase::Firing { .. })), fires);
                phase = next;
            }
        }
    }

    #[test]
    fn what_was_pending_before_a_restart_goes_on_pending() {
        let timing = Timing { pending: 60 * SECOND, keep: 0 };
        let (phase, _) = step(None, Seen::Holds, timing, Timestamp(0));
        let kept = serde_json::to_string(&phase).expect("written");
        let phase: Option<Phase> = serde_json::from_str(&kept).expect("read");
        assert_eq!(step(phase, Seen::Holds, timing, Timestamp(60 * SECOND)).1, Turn::Fired);
    }
}

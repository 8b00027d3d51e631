//! The life of one alert of one rule: inactive, pending for as long as `for` asks, firing, kept for as long
//! as `keep_firing_for` says, resolved; and for an hour after that remembered, so that what comes again and again
//! is one alert that stays, not twenty that come and go.
//!
//! The state is kept by the store, so that a restart neither forgets what was pending nor fires twice.

use serde::{Deserialize, Serialize};

use super::Labels;
use crate::Timestamp;
use crate::time::{HOUR, MINUTE};

/// What resolved and does not fire again for this long is forgotten.
pub const CALM: i64 = HOUR;
/// Firings after which an alert that comes again within [`CALM`] is held open. Twice may be chance.
const FLAPS: u32 = 2;
/// What it is held open for at first; each further firing doubles it, up to [`CALM`].
const HELD: i64 = 5 * MINUTE;

/// Microseconds that an alert which fired `again` times before, within an hour of each other, is kept after it
/// held last: none, 5 minutes, 10, 20, 40, an hour.
pub fn damping(again: u32) -> i64 {
    if again < FLAPS { 0 } else { (HELD << (again - FLAPS).min(10)).min(CALM) }
}

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
        /// Firings before, each within [`CALM`] of the one that followed.
        #[serde(default)]
        again: u32,
    },
    Firing {
        /// When it began to hold.
        since: Timestamp,
        fired: Timestamp,
        /// When it held last.
        held: Timestamp,
        #[serde(default)]
        again: u32,
    },
    /// Resolved, and not forgotten yet.
    Calm {
        since: Timestamp,
        /// Firings so far.
        again: u32,
    },
}

impl Phase {
    pub fn fires(self) -> bool {
        matches!(self, Phase::Firing { .. })
    }

    /// Firings before this one, or so far.
    pub fn again(self) -> u32 {
        match self {
            Phase::Pending { again, .. } | Phase::Firing { again, .. } | Phase::Calm { again, .. } => again,
        }
    }
}

/// A label set of a rule that is not inactive, or was not lately.
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

/// One step. `None` is inactive and forgotten.
pub fn step(before: Option<Phase>, seen: Seen, timing: Timing, now: Timestamp) -> (Option<Phase>, Turn) {
    let firing = |since, again| Some(Phase::Firing { since, fired: now, held: now, again });
    let rested = |since: Timestamp| now.0 - since.0 >= CALM;
    match (before, seen) {
        (None | Some(Phase::Calm { .. }), Seen::Holds) => {
            let again = match before {
                Some(Phase::Calm { since, again }) if !rested(since) => again,
                _ => 0,
            };
            if timing.pending <= 0 {
                (firing(now, again), Turn::Fired)
            } else {
                (Some(Phase::Pending { since: now, again }), Turn::Pended)
            }
        }
        (None, _) => (None, Turn::Nothing),
        (Some(Phase::Calm { since, .. }), _) => (before.filter(|_| !rested(since)), Turn::Nothing),
        (Some(Phase::Pending { since, again }), Seen::Holds) if now.0 - since.0 >= timing.pending => {
            (firing(since, again), Turn::Fired)
        }
        (Some(Phase::Pending { .. }), Seen::Holds | Seen::Unknown) => (before, Turn::Nothing),
        (Some(Phase::Pending { again, .. }), Seen::HoldsNot | Seen::Gone) => {
            (Some(Phase::Calm { since: now, again }).filter(|_| again > 0), Turn::Nothing)
        }
        (Some(Phase::Firing { since, fired, again, .. }), Seen::Holds) => {
            (Some(Phase::Firing { since, fired, held: now, again }), Turn::Nothing)
        }
        (Some(Phase::Firing { .. }), Seen::Unknown) => (before, Turn::Nothing),
        (Some(Phase::Firing { held, again, .. }), Seen::HoldsNot | Seen::Gone) => {
            if now.0 - held.0 < timing.keep.max(damping(again)) {
                return (before, Turn::Nothing);
            }
            let reason = if seen == Seen::Gone { "its series is not there any more" } else { "it holds no longer" };
            (Some(Phase::Calm { since: now, again: again.saturating_add(1) }), Turn::Resolved(reason))
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
                        let quiet = now.0 - held.expect("it held").0;
                        prop_assert!(quiet >= timing.keep && quiet >= damping(phase.map_or(0, Phase::again)));
                        fires = false;
                    }
                    Turn::Pended => prop_assert!(!fires && timing.pending > 0),
                    Turn::Nothing => {}
                }
                prop_assert_eq!(next.is_some_and(Phase::fires), fires);
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

    #[test]
    fn what_comes_again_and_again_stays_one_alert() {
        // Ten seconds wrong, fifty well, for six hours.
        let timing = Timing { pending: 0, keep: 0 };
        let (mut phase, mut fired) = (None, Vec::new());
        for tick in 0..6 * 360_i64 {
            let now = Timestamp(tick * 10 * SECOND);
            let seen = if tick % 6 == 0 { Seen::Holds } else { Seen::HoldsNot };
            let (next, turn) = step(phase, seen, timing, now);
            if turn == Turn::Fired {
                fired.push(now.0 / SECOND);
            }
            phase = next;
        }
        assert_eq!(fired, [0, 60, 120], "without damping it would be 360 alerts");
        assert!(phase.is_some_and(Phase::fires));
    }

    #[test]
    fn an_hour_of_calm_is_forgotten() {
        let timing = Timing::default();
        let calm = Phase::Calm { since: Timestamp(0), again: 7 };
        let (phase, turn) = step(Some(calm), Seen::Holds, timing, Timestamp(CALM));
        assert_eq!((phase.map(Phase::again), turn), (Some(0), Turn::Fired));
        assert_eq!(step(Some(calm), Seen::HoldsNot, timing, Timestamp(CALM)).0, None);
        assert_eq!(step(Some(calm), Seen::Gone, timing, Timestamp(CALM - 1)).0, Some(calm));
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 90].map(|n| damping(n) / MINUTE), [0, 0, 5, 10, 20, 40, 60, 60]);
    }
}

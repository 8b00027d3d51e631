//! What past runs teach: when a response rests, who decides, how often it helped.

use serde::{Deserialize, Serialize};

use super::{Control, Response, Run, State};
use crate::time::{DAY, SECOND};
use crate::{TimeRange, Timestamp};

/// After so many runs in a row that did not help, a person is asked again.
const VAIN_MAX: usize = 2;
/// So many runs that helped, of so many at least, and a response may be let run by itself.
const TRUSTED: (u64, u64) = (4, 5);

/// Why a response is not proposed now, if so. `past`: its runs of the last days, newest first.
pub fn rests(response: &Response, past: &[Run], fingerprint: &str, now: Timestamp) -> Option<String> {
    let own: Vec<&Run> = past.iter().filter(|r| r.response == response.name).collect();
    if own.iter().any(|r| r.state.is_open()) {
        return Some("a run of it is not over yet".into());
    }
    // Who said no is not asked again about the same alert; neither is it withdrawn and proposed every second.
    let day = TimeRange { from: now.plus(-DAY), to: now.plus(SECOND) };
    let refused = |r: &Run| r.fingerprint == fingerprint && r.denied.as_ref().is_some_and(|w| day.contains(w.at));
    if own.iter().any(|r| refused(r)) {
        return Some("somebody denied it for this alert today".into());
    }
    let ran: Vec<Timestamp> = own.iter().filter_map(|r| sent_at(r)).collect();
    if ran.iter().any(|at| now.0 - at.0 < response.rest) {
        return Some("it rests after its last run".into());
    }
    let today = ran.iter().filter(|at| day.contains(**at)).count() as u32;
    (today >= response.per_day).then(|| format!("it ran {today} times within a day, as often as it may"))
}

/// Who decides now, and why a person where it may run by itself: what did not help lately is not repeated blindly.
pub fn control_now(response: &Response, past: &[Run]) -> (Control, String) {
    let known = past.iter().filter(|r| r.response == response.name).filter_map(|r| r.helped.or(in_vain(r)));
    let vain = known.take_while(|helped| !helped).count();
    if response.control == Control::Itself && vain >= VAIN_MAX {
        return (Control::One, format!("it did not help the last {vain} times"));
    }
    (response.control, String::new())
}

/// When it was sent; also what failed was, and is not sent again at once.
fn sent_at(run: &Run) -> Option<Timestamp> {
    run.ran_at.or_else(|| (run.state == State::Failed).then_some(run.due_at))
}

/// What somebody took back did not help.
fn undone(run: &Run) -> Option<bool> {
    (run.state == State::Undone).then_some(false)
}

/// Neither did what failed.
fn in_vain(run: &Run) -> Option<bool> {
    undone(run).or_else(|| (run.state == State::Failed).then_some(false))
}

/// How often a response helped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tally {
    /// Runs of which it is known.
    pub known: u64,
    pub helped: u64,
    pub failed: u64,
}

impl Tally {
    pub fn of<'a>(runs: impl Iterator<Item = &'a Run>) -> Tally {
        let mut tally = Tally::default();
        for run in runs {
            if let Some(helped) = run.helped.filter(|_| run.state != State::Undone).or(undone(run)) {
                tally.known += 1;
                tally.helped += u64::from(helped);
            }
            tally.failed += u64::from(run.state == State::Failed);
        }
        tally
    }

    /// In words; empty where nothing is known.
    pub fn words(self) -> String {
        match self.known {
            0 => String::new(),
            known => format!("helped {} of {known} times", self.helped),
        }
    }

    /// Whether its past speaks for letting it run by itself.
    pub fn is_trusted(self) -> bool {
        self.known >= TRUSTED.1 && self.failed == 0 && self.helped * TRUSTED.1 >= self.known * TRUSTED.0
    }
}

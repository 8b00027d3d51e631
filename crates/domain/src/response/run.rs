//! A run: one time that a response was proposed, and what came of it.
//!
//! It is proposed by an alert or by a person, and its plan (where it goes, with what) is fixed there: who approves it
//! approves this plan and no other. `step` is the whole of its life; the engine stores the run and carries out what it
//! says. If these rules break, something happens to production that nobody decided.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Call, Control, in_order};
use crate::Timestamp;

/// Tries of one call, with growing pauses between them.
pub const ATTEMPTS_MAX: u32 = 5;

/// What will be sent, fixed when it is proposed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    pub url: String,
    pub parameters: Value,
    pub undo_url: String,
    /// The calls after that one.
    #[serde(default)]
    pub then: Vec<Call>,
    /// Of all that is above; an approval names it.
    pub hash: String,
}

impl Plan {
    /// All that is called, in order.
    pub fn calls(&self) -> Vec<Call> {
        in_order(&self.url, &self.parameters, &self.undo_url, &self.then)
    }

    fn can_be_undone(&self, place: usize) -> bool {
        let url = if place == 0 { Some(&self.undo_url) } else { self.then.get(place - 1).map(|c| &c.undo_url) };
        url.is_some_and(|url| !url.is_empty())
    }
}

/// The call that is made next: which of the plan's, and whether to take it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    pub place: usize,
    pub undo: bool,
}

/// One person's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Word {
    pub who: String,
    /// Their number; 0 for a program.
    pub person: i64,
    pub at: Timestamp,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for people.
    Proposed,
    /// Is sent, again where it did not arrive.
    Running,
    /// All of it arrived; the alert is watched.
    Watched,
    /// Arrived, and it is known whether it helped.
    Done,
    Failed,
    Denied,
    Expired,
    /// The alert was over before anybody decided.
    Withdrawn,
    /// Its undoing is sent: a person asked for that, or a later call failed.
    Undoing,
    Undone,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Proposed => "proposed",
            State::Running => "running",
            State::Watched => "watched",
            State::Done => "done",
            State::Failed => "failed",
            State::Denied => "denied",
            State::Expired => "expired",
            State::Withdrawn => "withdrawn",
            State::Undoing => "undoing",
            State::Undone => "undone",
        }
    }

    /// Whether something may still happen to it by itself.
    pub fn is_open(self) -> bool {
        matches!(self, State::Proposed | State::Running | State::Watched | State::Undoing)
    }

    fn may_be_undone(self) -> bool {
        matches!(self, State::Watched | State::Done)
    }
}

/// One time that a response was proposed, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Run {
    pub id: i64,
    pub response: String,
    pub description: String,
    pub touches: Vec<(String, String)>,
    pub fingerprint: String,
    /// The alert, in words.
    pub about: String,
    pub incident: Option<i64>,
    /// Who proposed it; empty for the alert itself.
    pub by: String,
    pub control: Control,
    /// Why a person is asked although it may run by itself.
    pub held_back: String,
    pub plan: Plan,
    pub proposed_at: Timestamp,
    pub expires_at: Timestamp,
    pub helps_within: i64,
    /// When it was tried without effect, whether that went well, and what was answered; `None` where its receiver
    /// does not know how, or has not answered yet.
    pub tried: Option<(Timestamp, bool, String)>,
    pub try_first: bool,
    pub approved: Vec<Word>,
    pub denied: Option<Word>,
    pub undone: Option<Word>,
    pub state: State,
    pub attempts: u32,
    /// When it is looked at next.
    pub due_at: Timestamp,
    pub ran_at: Option<Timestamp>,
    /// What was answered last, or why it did not arrive.
    pub answer: String,
    /// What each call that arrived answered, in order.
    #[serde(default)]
    pub answers: Vec<String>,
    /// Of these, from the last, how many the way back has passed.
    #[serde(default)]
    pub back: usize,
    /// Calls that were taken back; those without a way back are passed and stay done.
    #[serde(default)]
    pub taken_back: usize,
    /// Whether the alert was over in time.
    pub helped: Option<bool>,
}

/// What happens to a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Approved {
        word: Word,
        hash: String,
    },
    Denied(Word),
    UndoAsked(Word),
    Tried {
        good: bool,
        answer: String,
    },
    /// It is to be tried without effect once more.
    TryAgain,
    /// The next call arrived.
    Arrived {
        answer: String,
    },
    /// It did not; tried again after so many microseconds, or given up.
    Lost {
        problem: String,
        again: Option<i64>,
    },
    /// Time went by; whether the alert fires.
    Looked {
        fires: bool,
    },
}

impl Run {
    /// As it begins: nothing has been said of it or done. Where nobody is asked it runs at once.
    pub fn proposed(response: &str, control: Control, plan: Plan, at: Timestamp) -> Run {
        Run {
            id: 0,
            response: response.into(),
            description: String::new(),
            touches: Vec::new(),
            fingerprint: String::new(),
            about: String::new(),
            incident: None,
            by: String::new(),
            control,
            held_back: String::new(),
            plan,
            proposed_at: at,
            expires_at: at,
            helps_within: 0,
            tried: None,
            try_first: false,
            approved: Vec::new(),
            denied: None,
            undone: None,
            state: if control == Control::Itself { State::Running } else { State::Proposed },
            attempts: 0,
            due_at: at,
            ran_at: None,
            answer: String::new(),
            answers: Vec::new(),
            back: 0,
            taken_back: 0,
            helped: None,
        }
    }

    /// How the run stands after an event.
    ///
    /// # Errors
    /// A sentence for whoever asked for what cannot be.
    pub fn step(mut self, event: Event, now: Timestamp) -> Result<Run, String> {
        use State::{Denied, Done, Expired, Failed, Proposed, Running, Undoing, Watched, Withdrawn};
        let gone = |state: State| Err(format!("it is {} already", state.name()));
        match (self.state, event) {
            (Proposed, Event::Approved { .. } | Event::Denied(_)) if self.expires_at <= now => {
                return Err("the proposal has run out; it is proposed anew while the alert fires".into());
            }
            (Proposed, Event::Approved { word, hash }) => {
                if hash != self.plan.hash {
                    return Err("the plan is not the one that was shown; read it again".into());
                }
                if word.reason.trim().is_empty() {
                    return Err("say why: the reason is kept with it".into());
                }
                if self.approved.iter().any(|w| w.person == word.person) {
                    return Err("you have approved it; another person has to".into());
                }
                self.approved.push(word);
                if self.approved.len() >= self.control.needed() {
                    (self.state, self.due_at) = (Running, now);
                }
            }
            (Proposed, Event::Denied(word)) => (self.state, self.denied) = (Denied, Some(word)),
            (state, Event::Approved { .. } | Event::Denied(_)) => return gone(state),
            (state, Event::UndoAsked(word)) => {
                if !state.may_be_undone() {
                    return gone(state);
                }
                if !self.has_way_back() {
                    return Err("it has no way back: no address to undo it was prepared".into());
                }
                if word.reason.trim().is_empty() {
                    return Err("say why: the reason is kept with it".into());
                }
                self.undone = Some(word);
                self.turn_back(now);
            }
            (Proposed, Event::TryAgain) if self.try_first => self.tried = None,
            (Proposed, Event::TryAgain) => return Err("its receiver does not know how to try it".into()),
            (state, Event::TryAgain) => return gone(state),
            (Proposed, Event::Tried { good, answer }) => {
                self.tried = Some((now, good, answer));
                // What may run by itself does, unless trying it went wrong: then a person is asked.
                if good && self.control == Control::Itself {
                    (self.state, self.due_at) = (Running, now);
                }
            }
            (Running, Event::Arrived { answer }) => {
                self.answers.push(answer.clone());
                (self.answer, self.attempts, self.due_at) = (answer, 0, now);
                if self.answers.len() > self.plan.then.len() {
                    (self.state, self.ran_at) = (Watched, Some(now));
                }
            }
            (Undoing, Event::Arrived { answer }) => {
                // Of what failed, it stays known why.
                if self.undone.is_some() {
                    self.answer = answer;
                }
                (self.attempts, self.due_at) = (0, now);
                self.back += 1;
                self.taken_back += 1;
                self.pass_what_stays();
            }
            (Running | Undoing, Event::Lost { problem, again }) => {
                self.attempts += 1;
                if self.state == Running || self.undone.is_some() {
                    self.answer.clone_from(&problem);
                }
                match again.filter(|_| self.attempts < ATTEMPTS_MAX) {
                    Some(pause) => self.due_at = now.plus(pause),
                    None if self.state == Running && self.has_way_back() => self.turn_back(now),
                    // What could not be undone is still done.
                    None if self.undone.is_some() => self.state = Done,
                    None => (self.state, self.due_at) = (Failed, now),
                }
            }
            (Proposed, Event::Looked { fires }) => {
                if !fires {
                    self.state = Withdrawn;
                } else if self.expires_at <= now {
                    self.state = Expired;
                }
            }
            (Watched, Event::Looked { fires }) => {
                let until = self.ran_at.unwrap_or(now).plus(self.helps_within);
                if !fires || until <= now {
                    (self.state, self.helped) = (Done, Some(!fires));
                }
            }
            // An answer that comes late changes nothing that was decided meanwhile.
            (_, Event::Tried { .. } | Event::Arrived { .. } | Event::Lost { .. } | Event::Looked { .. }) => {}
        }
        Ok(self)
    }

    /// Calls that arrived.
    fn arrived(&self) -> usize {
        // A run of before it was counted had one.
        self.answers.len().max(usize::from(self.ran_at.is_some()))
    }

    /// Whether any of what is done can be taken back.
    pub fn has_way_back(&self) -> bool {
        (0..self.arrived().saturating_sub(self.back)).any(|place| self.plan.can_be_undone(place))
    }

    /// What is sent next, if anything is.
    pub fn next(&self) -> Option<Next> {
        match self.state {
            State::Running => Some(Next { place: self.answers.len(), undo: false }),
            State::Undoing => {
                let place = self.arrived().saturating_sub(self.back).checked_sub(1)?;
                Some(Next { place, undo: true })
            }
            _ => None,
        }
    }

    fn turn_back(&mut self, now: Timestamp) {
        (self.state, self.attempts, self.due_at) = (State::Undoing, 0, now);
        self.pass_what_stays();
    }

    /// Goes back over calls that cannot be undone; at the beginning the way back ends.
    fn pass_what_stays(&mut self) {
        while let Some(next) = self.next() {
            if self.plan.can_be_undone(next.place) {
                return;
            }
            self.back += 1;
        }
        self.state = if self.undone.is_some() { State::Undone } else { State::Failed };
    }

    /// Where it stands among its calls: “ at call 2 of 3”; empty where there is one.
    fn place_words(&self) -> String {
        match self.plan.then.len() {
            0 => String::new(),
            then => format!(" at call {} of {}", self.answers.len() + 1, then + 1),
        }
    }

    /// How it stands, in words.
    pub fn words(&self) -> String {
        let missing = self.control.needed().saturating_sub(self.approved.len());
        match self.state {
            State::Proposed if self.control == Control::Itself && self.tried.is_none() => {
                "is tried without effect".into()
            }
            State::Proposed if missing > 1 => "waits for two people".into(),
            State::Proposed if !self.approved.is_empty() => "waits for another person".into(),
            State::Proposed => "waits for a person".into(),
            State::Running => format!("is being sent{}", self.place_words().replace(" at", ",")),
            State::Watched => "ran; the alert is watched".into(),
            State::Done => match self.helped {
                Some(true) => "ran, and the alert ended".into(),
                Some(false) => "ran, and the alert went on".into(),
                None => "ran".into(),
            },
            State::Failed => match (self.taken_back, self.answers.len()) {
                (_, 0) => format!("failed{}", self.place_words()),
                (back, all) if back == all => format!("failed{}; what came before was taken back", self.place_words()),
                (back, all) => format!("failed{}; {back} of {all} before it were taken back", self.place_words()),
            },
            State::Denied => "was denied".into(),
            State::Expired => "ran out: nobody decided".into(),
            State::Withdrawn => "was not needed: the alert ended".into(),
            State::Undoing if self.undone.is_none() => {
                format!("failed{}; what came before is taken back", self.place_words())
            }
            State::Undoing => "is being undone".into(),
            State::Undone if self.taken_back < self.answers.len() => {
                format!("was undone, {} of {} calls", self.taken_back, self.answers.len())
            }
            State::Undone => "was undone".into(),
        }
    }
}

//! Responses: what can be done about an alert by calling a team's own automation, and who decides that it is.
//!
//! A run is proposed by an alert or by a person, and its plan (where it goes, with what) is fixed there: who
//! approves it approves this plan and no other. `step` is the whole of its life; the engine stores the run and
//! carries out what it says. If these rules break, something happens to production that nobody decided.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::alert::Labels;
use crate::alert::matcher::Matcher;
use crate::alert::template::{filled, number};
use crate::time::{DAY, HOUR, MINUTE, SECOND};
use crate::{TimeRange, Timestamp};

/// Tries of one call, with growing pauses between them.
pub const ATTEMPTS_MAX: u32 = 5;
/// After so many runs in a row that did not help, a person is asked again.
const VAIN_MAX: usize = 2;
/// So many runs that helped, of so many at least, and a response may be let run by itself.
const TRUSTED: (u64, u64) = (4, 5);
const TEXT_MAX: usize = 4000;
pub const RESPONSES_MAX: usize = 200;

/// Who decides that it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// One person approves.
    #[default]
    One,
    /// Two different people approve.
    Two,
    /// It runs by itself; people can stop it, and undo it.
    Itself,
}

impl Control {
    pub const ALL: [Control; 3] = [Control::One, Control::Two, Control::Itself];

    pub fn name(self) -> &'static str {
        ["one", "two", "itself"][self as usize]
    }

    pub fn words(self) -> &'static str {
        ["one person approves", "two people approve", "runs by itself"][self as usize]
    }

    /// People whose approval it takes.
    pub fn needed(self) -> usize {
        [1, 2, 0][self as usize]
    }
}

/// What people prepared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Response {
    pub name: String,
    /// What it does, for whoever decides at night.
    #[serde(default)]
    pub description: String,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The alerts that propose it.
    pub matchers: Vec<Matcher>,
    /// The alert has fired for so long.
    #[serde(default, with = "crate::span")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub after: i64,
    #[serde(default)]
    pub control: Control,
    /// Where it is called, by POST.
    pub url: String,
    /// Sent along; `{{value}}` and `{{labels.NAME}}` in its texts are filled in.
    #[serde(default)]
    pub parameters: Value,
    /// Signs what is sent, as a webhook's; never shown again.
    #[serde(default)]
    pub secret: String,
    /// Its receiver understands `"dry_run": true`: each run is tried before it is decided.
    #[serde(default)]
    pub dry_run: bool,
    /// Called to take it back; empty where that cannot be.
    #[serde(default)]
    pub undo_url: String,
    /// What it touches, as short facts: “Services restarted”, “3 pods in turn”.
    #[serde(default)]
    pub touches: Vec<(String, String)>,
    /// A proposal holds for so long.
    #[serde(default = "hour", with = "crate::span")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub holds: i64,
    /// The alert should be over so soon after it ran: whether it helped.
    #[serde(default = "quarter", with = "crate::span")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub helps_within: i64,
    /// Between two runs, whatever they are about.
    #[serde(default = "quarter", with = "crate::span")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub rest: i64,
    #[serde(default = "three")]
    pub per_day: u32,
}

fn yes() -> bool {
    true
}
fn hour() -> i64 {
    HOUR
}
fn quarter() -> i64 {
    15 * MINUTE
}
fn three() -> u32 {
    3
}

impl Response {
    /// What is wrong with it, if anything; whether its addresses can be called is checked by whoever calls.
    pub fn problem(&self) -> Option<String> {
        let name = self.name.trim();
        let odd = |c: char| c.is_control() || c == '/';
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(odd) {
            return Some("a response has a name of 1 to 100 characters, without “/”".into());
        }
        if self.matchers.is_empty() {
            return Some("say for which alerts it is: without a matcher it would be for all".into());
        }
        if !(self.parameters.is_null() || self.parameters.is_object()) {
            return Some("the parameters are a JSON object".into());
        }
        let texts = [&self.description, &self.url, &self.undo_url, &self.secret];
        let facts = self.touches.iter().flat_map(|(of, what)| [of, what]);
        let long = self.parameters.to_string().len() > TEXT_MAX;
        if long || texts.into_iter().chain(facts).any(|t| t.len() > TEXT_MAX) || self.touches.len() > 20 {
            return Some(format!("texts have at most {TEXT_MAX} bytes, and 20 facts are enough"));
        }
        let within = |v: i64, least: i64, most: i64| (least..=most).contains(&v);
        if !within(self.after, 0, DAY) || !within(self.holds, MINUTE, 7 * DAY) {
            return Some("it waits at most a day, and a proposal holds for 1 min to 7 d".into());
        }
        if !within(self.helps_within, MINUTE, DAY) || !within(self.rest, 0, 7 * DAY) {
            return Some("it helps within 1 min to 1 d, and rests for at most 7 d".into());
        }
        (!(1..=1000).contains(&self.per_day)).then(|| "it runs 1 to 1,000 times a day at most".into())
    }

    /// The parameters about an alert. What is filled in stays text: it cannot become another field.
    pub fn filled(&self, labels: &Labels, value: Option<f64>) -> Value {
        let value = number(value);
        fill(&self.parameters, &|text| filled(text, labels, &value, ""))
    }
}

fn fill(value: &Value, text: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(own) => Value::String(text(own)),
        Value::Array(all) => Value::Array(all.iter().map(|v| fill(v, text)).collect()),
        Value::Object(all) => Value::Object(all.iter().map(|(n, v)| (n.clone(), fill(v, text))).collect()),
        other => other.clone(),
    }
}

/// What will be sent, fixed when it is proposed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    pub url: String,
    pub parameters: Value,
    pub undo_url: String,
    /// Of all that is above; an approval names it.
    pub hash: String,
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
    /// Arrived; the alert is watched.
    Watched,
    /// Arrived, and it is known whether it helped.
    Done,
    Failed,
    Denied,
    Expired,
    /// The alert was over before anybody decided.
    Withdrawn,
    /// Its undoing is sent.
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
    /// It arrived.
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
    /// How the run stands after an event.
    ///
    /// # Errors
    /// A sentence for whoever asked for what cannot be.
    pub fn step(mut self, event: Event, now: Timestamp) -> Result<Run, String> {
        use State::{Denied, Done, Expired, Failed, Proposed, Running, Undoing, Undone, Watched, Withdrawn};
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
                if self.plan.undo_url.is_empty() {
                    return Err("it has no way back: no address to undo it was prepared".into());
                }
                if word.reason.trim().is_empty() {
                    return Err("say why: the reason is kept with it".into());
                }
                (self.state, self.undone, self.attempts, self.due_at) = (Undoing, Some(word), 0, now);
            }
            (Proposed, Event::Tried { good, answer }) => {
                self.tried = Some((now, good, answer));
                // What may run by itself does, unless trying it went wrong: then a person is asked.
                if good && self.control == Control::Itself {
                    (self.state, self.due_at) = (Running, now);
                }
            }
            (Running, Event::Arrived { answer }) => {
                (self.state, self.answer, self.ran_at) = (Watched, answer, Some(now));
                self.due_at = now;
            }
            (Undoing, Event::Arrived { answer }) => (self.state, self.answer) = (Undone, answer),
            (Running | Undoing, Event::Lost { problem, again }) => {
                self.attempts += 1;
                self.answer = problem;
                match again.filter(|_| self.attempts < ATTEMPTS_MAX) {
                    Some(pause) => self.due_at = now.plus(pause),
                    // What could not be undone is still done.
                    None if self.state == Undoing => self.state = Done,
                    None => self.state = Failed,
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
            State::Running => "is being sent".into(),
            State::Watched => "ran; the alert is watched".into(),
            State::Done => match self.helped {
                Some(true) => "ran, and the alert ended".into(),
                Some(false) => "ran, and the alert went on".into(),
                None => "ran".into(),
            },
            State::Failed => "failed".into(),
            State::Denied => "was denied".into(),
            State::Expired => "ran out: nobody decided".into(),
            State::Withdrawn => "was not needed: the alert ended".into(),
            State::Undoing => "is being undone".into(),
            State::Undone => "was undone".into(),
        }
    }
}

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
    let ran: Vec<Timestamp> = own.iter().filter_map(|r| r.ran_at).collect();
    if ran.iter().any(|at| now.0 - at.0 < response.rest) {
        return Some("it rests after its last run".into());
    }
    let today = ran.iter().filter(|at| day.contains(**at)).count() as u32;
    (today >= response.per_day).then(|| format!("it ran {today} times within a day, as often as it may"))
}

/// Who decides now, and why a person where it may run by itself: what did not help lately is not repeated blindly.
pub fn control_now(response: &Response, past: &[Run]) -> (Control, String) {
    let known = past.iter().filter(|r| r.response == response.name).filter_map(|r| r.helped.or(undone(r)));
    let vain = known.take_while(|helped| !helped).count();
    if response.control == Control::Itself && vain >= VAIN_MAX {
        return (Control::One, format!("it did not help the last {vain} times"));
    }
    (response.control, String::new())
}

/// What somebody took back did not help.
fn undone(run: &Run) -> Option<bool> {
    (run.state == State::Undone).then_some(false)
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

/// All that people prepared, as it is kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Responses {
    /// Nothing is proposed or sent since, by whom and why.
    pub stopped: Option<Word>,
    pub all: Vec<Response>,
}

/// What a person does about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum RunAct {
    /// The hash of the plan that was read, and one's own password once more.
    Approve {
        hash: String,
        reason: String,
        password: String,
    },
    Deny {
        reason: String,
    },
    Undo {
        reason: String,
    },
}

/// A response with what is known of it. Its secret is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResponseView {
    pub response: Response,
    pub signed: bool,
    pub tally: Tally,
    /// Why it would not run by itself now, although it may.
    pub held_back: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResponsesView {
    pub now: Timestamp,
    pub stopped: Option<Word>,
    pub all: Vec<ResponseView>,
    /// Newest first.
    pub runs: Vec<Run>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn response(control: Control) -> Response {
        Response {
            control,
            ..serde_json::from_str(
                r#"{"name": "restart", "matchers": [], "url": "http://a/", "undo_url": "http://a/undo"}"#,
            )
            .expect("a response")
        }
    }

    fn proposed(control: Control) -> Run {
        Run {
            id: 1,
            response: "restart".into(),
            description: String::new(),
            touches: Vec::new(),
            fingerprint: "f".into(),
            about: String::new(),
            incident: None,
            by: String::new(),
            control,
            held_back: String::new(),
            plan: Plan {
                url: "http://a/".into(),
                parameters: Value::Null,
                undo_url: "http://a/undo".into(),
                hash: "h".into(),
            },
            proposed_at: Timestamp(0),
            expires_at: Timestamp(HOUR),
            helps_within: 15 * MINUTE,
            tried: None,
            try_first: false,
            approved: Vec::new(),
            denied: None,
            undone: None,
            state: if control == Control::Itself { State::Running } else { State::Proposed },
            attempts: 0,
            due_at: Timestamp(0),
            ran_at: None,
            answer: String::new(),
            helped: None,
        }
    }

    fn word(who: &str, reason: &str) -> Word {
        Word {
            who: who.into(),
            person: who.len() as i64 + i64::from(who == "noor"),
            at: Timestamp(0),
            reason: reason.into(),
        }
    }

    fn approve(who: &str, hash: &str) -> Event {
        Event::Approved { word: word(who, "it leaks"), hash: hash.into() }
    }

    #[test]
    fn two_people_approve_what_they_read_and_each_says_why() {
        let now = Timestamp(MINUTE);
        let run = proposed(Control::Two);
        assert!(run.clone().step(approve("mara", "another plan"), now).is_err());
        assert!(run.clone().step(Event::Approved { word: word("mara", " "), hash: "h".into() }, now).is_err());
        let once = run.step(approve("mara", "h"), now).expect("approves");
        assert_eq!((once.state, once.words().as_str()), (State::Proposed, "waits for another person"));
        assert!(once.clone().step(approve("mara", "h"), now).is_err(), "the same person twice is one");
        assert_eq!(once.clone().step(approve("noor", "h"), now).expect("approves").state, State::Running);
        assert!(once.step(approve("noor", "h"), Timestamp(HOUR)).is_err(), "too late");
    }

    #[test]
    fn what_arrived_is_watched_until_it_helped_or_the_time_is_over() {
        let arrived = Event::Arrived { answer: "ok".into() };
        let ran = proposed(Control::Itself).step(arrived, Timestamp(SECOND)).expect("runs");
        let look = |fires, at| ran.clone().step(Event::Looked { fires }, at).expect("looks");
        assert_eq!(look(true, Timestamp(MINUTE)).state, State::Watched);
        assert_eq!(look(false, Timestamp(MINUTE)).helped, Some(true));
        assert_eq!(look(true, Timestamp(HOUR)).helped, Some(false));
        let undoing = look(true, Timestamp(HOUR)).step(Event::UndoAsked(word("mara", "worse")), Timestamp(HOUR));
        let undoing = undoing.expect("can be undone");
        let back = undoing.step(Event::Arrived { answer: String::new() }, Timestamp(HOUR)).expect("undone");
        assert_eq!((back.state, Tally::of([&back].into_iter()).words()), (State::Undone, "helped 0 of 1 times".into()));
    }

    #[test]
    fn what_did_not_help_twice_is_not_done_again_without_a_person() {
        let done = |helped| Run {
            state: State::Done,
            helped: Some(helped),
            ran_at: Some(Timestamp(0)),
            ..proposed(Control::Itself)
        };
        let response = response(Control::Itself);
        assert_eq!(control_now(&response, &[done(false), done(true)]).0, Control::Itself);
        assert_eq!(control_now(&response, &[done(false), done(false), done(true)]).0, Control::One);
    }

    #[test]
    fn a_response_rests_and_runs_so_often_a_day() {
        let at = |minutes: i64| Run {
            state: State::Done,
            ran_at: Some(Timestamp(minutes * MINUTE)),
            ..proposed(Control::One)
        };
        let response = response(Control::One);
        let rests = |past: &[Run], minute: i64| rests(&response, past, "f", Timestamp(minute * MINUTE));
        assert!(rests(&[at(0)], 14).is_some() && rests(&[at(0)], 16).is_none());
        assert!(rests(&[at(40), at(20), at(0)], 60).is_some_and(|why| why.contains("3 times")));
        assert!(rests(&[proposed(Control::One)], 1).is_some(), "one at a time");
        let denied = Run { state: State::Denied, denied: Some(word("mara", "no")), ..proposed(Control::One) };
        assert!(rests(std::slice::from_ref(&denied), 60).is_some() && rests(&[denied], 25 * 60).is_none());
    }

    #[test]
    fn what_an_alert_says_cannot_become_another_field() {
        let mut own = response(Control::One);
        own.parameters = serde_json::json!({"service": "{{labels.service}}", "n": 3, "why": ["{{value}} now"]});
        let labels = Labels::from([("service".into(), "x\", \"n\": 9".into())]);
        let filled = own.filled(&labels, Some(0.5));
        assert_eq!(filled, serde_json::json!({"service": "x\", \"n\": 9", "n": 3, "why": ["0.5 now"]}));
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let words = prop_oneof![Just("mara"), Just("noor")];
        prop_oneof![
            (words.clone(), any::<bool>()).prop_map(|(w, right)| approve(w, if right { "h" } else { "x" })),
            words.clone().prop_map(|w| Event::Denied(word(w, "no"))),
            words.prop_map(|w| Event::UndoAsked(word(w, "worse"))),
            any::<bool>().prop_map(|good| Event::Tried { good, answer: String::new() }),
            Just(Event::Arrived { answer: String::new() }),
            prop::option::of(0..MINUTE).prop_map(|again| Event::Lost { problem: "no".into(), again }),
            any::<bool>().prop_map(|fires| Event::Looked { fires }),
        ]
    }

    proptest! {
        /// Whatever happens in whatever order, nothing is sent that as many people as it takes have not approved,
        /// and nothing after somebody denied it.
        #[test]
        fn nothing_runs_that_nobody_decided(
            control in prop_oneof![Just(Control::One), Just(Control::Two)],
            events in prop::collection::vec((any_event(), 0..20 * MINUTE), 0..40),
        ) {
            let (mut run, mut now) = (proposed(control), Timestamp(0));
            for (event, pause) in events {
                now = now.plus(pause);
                run = run.clone().step(event, now).unwrap_or(run);
                let people: std::collections::BTreeSet<&str> = run.approved.iter().map(|w| w.who.as_str()).collect();
                if run.state == State::Running || run.ran_at.is_some() {
                    prop_assert!(people.len() >= control.needed() && run.denied.is_none());
                }
                prop_assert!(run.attempts <= ATTEMPTS_MAX);
            }
        }
    }
}

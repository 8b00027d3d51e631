//! Responses: what can be done about an alert by calling a team's own automation, and who decides that it is.
//!
//! What people prepare is here; what becomes of it when it is proposed is in `run`, what is learnt from that in `past`.

mod past;
mod run;
#[cfg(test)]
mod tests;
mod view;

pub use past::{Tally, control_now, rests};
pub use run::{ATTEMPTS_MAX, Event, Next, Plan, Run, State, Word};
pub use view::{ResponseView, Responses, ResponsesView, RunAct};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::alert::Labels;
use crate::alert::matcher::Matcher;
use crate::alert::template::{filled, number};
use crate::time::{DAY, HOUR, MINUTE};

const TEXT_MAX: usize = 4000;
pub const RESPONSES_MAX: usize = 200;
/// Calls of one response, at most.
pub const CALLS_MAX: usize = 10;

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

/// One call of a team's automation, by POST.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// What it does, in a few words.
    #[serde(default)]
    pub name: String,
    pub url: String,
    /// Sent along; `{{value}}` and `{{labels.NAME}}` in its texts are filled in.
    #[serde(default)]
    pub parameters: Value,
    /// Called to take it back; empty where that cannot be.
    #[serde(default)]
    pub undo_url: String,
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
    /// Where it is called, by POST: its first call, and mostly its only one.
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
    /// What is called after that, in this order, each when the one before it has answered. Where one fails, those
    /// before it are taken back, the last first.
    #[serde(default)]
    pub then: Vec<Call>,
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
        let calls = self.calls();
        if calls.len() > CALLS_MAX {
            return Some(format!("a response has {CALLS_MAX} calls at most"));
        }
        if calls.iter().any(|c| c.url.is_empty()) {
            return Some("each call has an address".into());
        }
        if calls.iter().any(|c| !(c.parameters.is_null() || c.parameters.is_object())) {
            return Some("the parameters of a call are a JSON object".into());
        }
        let texts = [&self.description, &self.secret].into_iter();
        let texts = texts.chain(calls.iter().flat_map(|c| [&c.name, &c.url, &c.undo_url]));
        let facts = self.touches.iter().flat_map(|(of, what)| [of, what]);
        let long = calls.iter().any(|c| c.parameters.to_string().len() > TEXT_MAX);
        if long || texts.chain(facts).any(|t| t.len() > TEXT_MAX) || self.touches.len() > 20 {
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

    /// All its calls, in order.
    pub fn calls(&self) -> Vec<Call> {
        in_order(&self.url, &self.parameters, &self.undo_url, &self.then)
    }

    /// Its calls about an alert. What is filled into parameters stays text: it cannot become another field.
    pub fn filled(&self, labels: &Labels, value: Option<f64>) -> Vec<Call> {
        let value = number(value);
        let about =
            |call: Call| Call { parameters: fill(&call.parameters, &|text| filled(text, labels, &value, "")), ..call };
        self.calls().into_iter().map(about).collect()
    }
}

/// The first call, which has no name of its own, and those after it.
fn in_order(url: &str, parameters: &Value, undo_url: &str, then: &[Call]) -> Vec<Call> {
    let (url, parameters, undo_url) = (url.to_string(), parameters.clone(), undo_url.to_string());
    let first = Call { name: String::new(), url, parameters, undo_url };
    std::iter::once(first).chain(then.iter().cloned()).collect()
}

fn fill(value: &Value, text: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(own) => Value::String(text(own)),
        Value::Array(all) => Value::Array(all.iter().map(|v| fill(v, text)).collect()),
        Value::Object(all) => Value::Object(all.iter().map(|(n, v)| (n.clone(), fill(v, text))).collect()),
        other => other.clone(),
    }
}

//! Alerts: what is wrong now, who is to know, and what they were told.
//!
//! Every machine here is a pure function `(state, event, now) → (state, what to do)`. The engine keeps the
//! state and carries out the rest; if one of these functions read a clock, a back-test would no longer be
//! the same function over the past, and a restart would forget how long something has been pending.

pub mod backtest;
#[cfg(feature = "decide")]
pub mod calendar;
pub mod condition;
pub mod config;
#[cfg(feature = "decide")]
pub mod correlate;
pub mod destination;
pub mod escalation;
pub mod group;
#[cfg(feature = "decide")]
pub mod inhibit;
pub mod interval;
#[cfg(feature = "decide")]
mod label_index;
pub mod lifecycle;
pub mod matcher;
pub mod message;
pub mod only_if;
pub mod priority;
pub mod rule;
pub mod schedule;
pub mod silence;
pub mod template;
pub mod view;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::signal::Layer;
use priority::Priority;

pub type Labels = BTreeMap<String, String>;

/// The label that names an alert.
pub const ALERTNAME: &str = "alertname";

/// What tells alerts apart: FNV-1a over names and values, each ended by a byte that no text holds, as
/// Prometheus does, so that both say the same of the same labels.
pub fn fingerprint(labels: &Labels) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |byte: u8| {
        hash ^= u64::from(byte);
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
    };
    for (name, value) in labels {
        name.bytes().for_each(&mut add);
        add(0xff);
        value.bytes().for_each(&mut add);
        add(0xff);
    }
    format!("{hash:016x}")
}

/// Where an alert came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Source {
    /// One of Plimsoll's own rules.
    Rule { id: i64 },
    /// Posted by a program that speaks Alertmanager's API.
    Posted,
}

/// That somebody took an alert on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Acknowledgement {
    pub by: String,
    pub at: Timestamp,
    /// When it counts as unacknowledged again; `None` for as long as the alert fires.
    pub until: Option<Timestamp>,
}

impl Acknowledgement {
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// One alert from its firing to its end. The same labels firing again later are another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Alert {
    pub id: i64,
    pub fingerprint: String,
    pub labels: Labels,
    pub annotations: Labels,
    pub source: Source,
    pub starts_at: Timestamp,
    pub updated_at: Timestamp,
    /// When it ended, or will have unless it is heard of again.
    pub ends_at: Option<Timestamp>,
    /// Why it ended, in words; empty while it fires.
    #[serde(default)]
    pub resolution: String,
    #[serde(default)]
    pub generator: String,
    pub priority: Priority,
    /// How the priority came about.
    #[serde(default)]
    pub priority_reason: String,
    #[serde(default)]
    pub value: Option<f64>,
    #[serde(default)]
    pub limit: Option<f64>,
    #[serde(default)]
    pub unit: String,
    /// `below 0.82`, `band 59.8–63.4`: what the value is held against, in words.
    #[serde(default)]
    pub against: String,
    /// PromQL whose line is drawn beside the alert; empty where there is none.
    #[serde(default)]
    pub query: String,
    #[serde(default)]
    pub acknowledged: Option<Acknowledgement>,
    #[serde(default)]
    pub assigned: String,
    #[serde(default)]
    pub incident: Option<i64>,
    #[serde(default)]
    pub runbook: String,
    #[serde(default)]
    pub remediation: String,
}

impl Alert {
    /// One that begins to fire, with nothing known of it yet but its labels.
    pub fn new(labels: Labels, source: Source, at: Timestamp) -> Alert {
        Alert {
            id: 0,
            fingerprint: fingerprint(&labels),
            labels,
            annotations: Labels::new(),
            source,
            starts_at: at,
            updated_at: at,
            ends_at: None,
            resolution: String::new(),
            generator: String::new(),
            priority: Priority::default(),
            priority_reason: String::new(),
            value: None,
            limit: None,
            unit: String::new(),
            against: String::new(),
            query: String::new(),
            acknowledged: None,
            assigned: String::new(),
            incident: None,
            runbook: String::new(),
            remediation: String::new(),
        }
    }

    pub fn fires(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }

    pub fn name(&self) -> &str {
        self.label(ALERTNAME)
    }

    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    pub fn system(&self) -> &str {
        self.label("system")
    }

    pub fn layer(&self) -> Option<Layer> {
        Layer::parse(self.label("layer"))
    }

    /// The sentence a person reads first.
    pub fn summary(&self) -> &str {
        ["summary", "description", "message"]
            .iter()
            .find_map(|name| self.annotations.get(*name).filter(|t| !t.is_empty()))
            .map_or_else(|| self.name(), String::as_str)
    }

    /// What it is about, in the shortest words: a model, a service, a host.
    pub fn subject(&self) -> &str {
        ["model", "service", "job", "host", "instance", "system"]
            .iter()
            .map(|name| self.label(name))
            .find(|v| !v.is_empty())
            .unwrap_or_default()
    }

    pub fn is_acknowledged(&self, now: Timestamp) -> bool {
        self.acknowledged.as_ref().is_some_and(|a| a.holds(now))
    }
}

/// Says what is wrong with labels from outside, if anything.
pub fn labels_problem(labels: &Labels) -> Option<String> {
    if labels.is_empty() {
        return Some("an alert needs labels".into());
    }
    if labels.len() > 64 {
        return Some("an alert has at most 64 labels".into());
    }
    labels.iter().find_map(|(name, value)| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':' || c == '.';
        if name.is_empty() || name.len() > 256 || !name.chars().all(plain) {
            return Some(format!("“{}” is no name of a label", name.chars().take(40).collect::<String>()));
        }
        (value.len() > 4096).then(|| format!("the value of {name} is longer than 4096 bytes"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_prometheus() {
        // model.LabelSet{"alertname": "a"} and the empty set, as Prometheus' common library gives them.
        assert_eq!(fingerprint(&Labels::new()), "cbf29ce484222325");
        let one = Labels::from([("a".to_string(), "bc".to_string())]);
        let other = Labels::from([("ab".to_string(), "c".to_string())]);
        assert_ne!(fingerprint(&one), fingerprint(&other));
    }
}

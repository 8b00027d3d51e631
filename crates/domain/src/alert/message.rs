//! What a destination is told: one group, its alerts, and why now.

use serde::{Deserialize, Serialize};

use super::group::Why;
use super::priority::Priority;
use super::{Alert, Labels};
use crate::Timestamp;

/// Alerts that one message names; the rest are counted.
pub const NAMED: usize = 50;

/// What is said with a link, instead of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Words {
    /// All of the heading, as “Mara Lindqvist shares Overview”.
    pub title: String,
    pub text: String,
}

/// A message on its way, as it was planned: what is sent again after a crash is this, not something newer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Message {
    pub group_key: String,
    pub receiver: String,
    pub why: Why,
    pub labels: Labels,
    pub firing: Vec<Alert>,
    pub resolved: Vec<Alert>,
    /// Beyond those named.
    pub left_out: u64,
    /// Where a person reads more.
    pub url: String,
    /// Where one click acknowledges; empty where nobody may.
    #[serde(default)]
    pub acknowledge_url: String,
    pub at: Timestamp,
    #[serde(default)]
    pub incident: Option<i64>,
    /// A message that only tests the destination, or a sign of life.
    #[serde(default)]
    pub test: bool,
    #[serde(default)]
    pub words: Option<Words>,
}

impl Message {
    pub fn fires(&self) -> bool {
        !self.firing.is_empty()
    }

    pub fn priority(&self) -> Priority {
        let alerts = if self.fires() { &self.firing } else { &self.resolved };
        alerts.iter().map(|a| a.priority).min().unwrap_or_default()
    }

    /// `P1 Estimated AUC low (credit-risk), 2 more`, `Solved: …`
    pub fn title(&self) -> String {
        if let Some(words) = &self.words {
            return words.title.clone();
        }
        let alerts = if self.fires() { &self.firing } else { &self.resolved };
        let Some(first) = alerts.iter().min_by_key(|a| a.priority) else {
            return "Plimsoll".into();
        };
        let subject = first.subject();
        let about = if subject.is_empty() { String::new() } else { format!(" ({subject})") };
        let more = alerts.len() as u64 - 1 + self.left_out;
        let more = if more > 0 { format!(", {more} more") } else { String::new() };
        let start = if self.fires() { first.priority.name().to_string() } else { "Solved:".to_string() };
        format!("{start} {}{about}{more}", first.name())
    }

    /// What a person reads, a line an alert.
    pub fn lines(&self) -> Vec<String> {
        if let Some(words) = &self.words {
            return Some(words.text.clone()).filter(|t| !t.is_empty()).into_iter().collect();
        }
        let line = |alert: &Alert, state: &str| {
            let value = alert.value.map(|v| format!(" {}", crate::format::compact(v))).unwrap_or_default();
            let against = if alert.against.is_empty() { String::new() } else { format!(" {}", alert.against) };
            let numbers = if value.is_empty() { String::new() } else { format!(" —{value}{against}") };
            format!("{state}{}: {}{numbers}", alert.name(), alert.summary())
        };
        let firing = self.firing.iter().map(|a| line(a, &format!("{} ", a.priority.name())));
        firing.chain(self.resolved.iter().map(|a| line(a, "Solved "))).collect()
    }

    /// Labels, or annotations, that all its alerts share.
    pub fn common(&self, of: fn(&Alert) -> &Labels) -> Labels {
        let mut all = self.firing.iter().chain(&self.resolved);
        let Some(first) = all.next() else {
            return Labels::new();
        };
        let mut common = of(first).clone();
        for alert in all {
            common.retain(|name, value| of(alert).get(name) == Some(value));
        }
        common
    }
}

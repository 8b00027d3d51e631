//! Rules: a condition, how long it must hold, how much it matters, and what is said.

use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::lifecycle::Timing;
use super::only_if::OnlyIf;
use super::priority::{Priority, Severity, Urgency};
use super::template::{filled, number};
use super::{ALERTNAME, Labels, labels_problem};
use crate::Timestamp;
use crate::time::DAY;

/// What to do where the query finds nothing, or cannot be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NoData {
    /// Keep what was: neither fires nor resolves.
    Keep,
    /// An alert of its own, after `for`.
    Alert,
    /// As if all were well: what fired resolves, and says why.
    #[default]
    Ignore,
}

impl NoData {
    pub const ALL: [NoData; 3] = [NoData::Keep, NoData::Alert, NoData::Ignore];

    pub fn name(self) -> &'static str {
        ["keep", "alert", "ignore"][self as usize]
    }
}

/// What a person writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(default = "yes")]
    pub enabled: bool,
    pub condition: Condition,
    #[serde(default)]
    pub only_if: OnlyIf,
    /// It must hold for so long.
    #[serde(default, rename = "for", with = "crate::span")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub pending: i64,
    #[serde(default, with = "crate::span")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub keep_firing_for: i64,
    /// Between two evaluations.
    #[serde(default = "every", with = "crate::span")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub every: i64,
    #[serde(default)]
    pub no_data: NoData,
    #[serde(default)]
    pub severity: Severity,
    #[serde(default)]
    pub urgency: Urgency,
    /// Instead of the computed one.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// Added to each alert.
    #[serde(default)]
    pub labels: Labels,
    /// `summary` and others; `{{value}}`, `{{limit}}` and `{{labels.NAME}}` are filled in.
    #[serde(default)]
    pub annotations: Labels,
    #[serde(default)]
    pub runbook: String,
    #[serde(default)]
    pub remediation: String,
}

fn yes() -> bool {
    true
}

fn every() -> i64 {
    EVERY
}

/// How often a rule is evaluated where nobody says: fast enough that nobody waits a second.
pub const EVERY: i64 = crate::time::SECOND / 2;

/// A rule as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rule {
    pub id: i64,
    pub version: u32,
    pub updated_at: Timestamp,
    pub updated_by: String,
    /// What it was made for by itself (`host/disk`, `model/7/drift`); empty for a person's own.
    #[serde(default)]
    pub made_for: String,
    #[serde(flatten)]
    pub text: RuleText,
}

impl RuleText {
    /// Its alerts’ priority on a system of usual weight.
    pub fn usual_priority(&self) -> Priority {
        let computed = || super::priority::priority(self.severity, self.urgency, super::priority::Criticality::Usual).0;
        self.priority.unwrap_or_else(computed)
    }

    /// What it looks for, what must hold besides and for how long, in one line.
    pub fn words(&self) -> String {
        let besides = match self.only_if.words() {
            words if words.is_empty() => String::new(),
            words => format!(", only if {}", words.join(" and ")),
        };
        let wait = match self.pending {
            0 => String::new(),
            pending => format!(" for {}", crate::time::span_text(pending)),
        };
        format!("{}{wait}{besides}", self.condition.words())
    }

    pub fn timing(&self) -> Timing {
        Timing { pending: self.pending, keep: self.keep_firing_for }
    }

    /// What is wrong with it, if anything; queries are checked by whoever can read them.
    pub fn problem(&self) -> Option<String> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > 120 || name.chars().any(char::is_control) {
            return Some("a rule has a name of 1 to 120 characters".into());
        }
        let span = |v: i64| (0..=30 * DAY).contains(&v);
        if !span(self.pending) || !span(self.keep_firing_for) || !(EVERY / 5..=DAY).contains(&self.every) {
            return Some("a rule waits at most 30 days and is evaluated every 0.1 s to 24 h".into());
        }
        if let Some(problem) = (!self.labels.is_empty()).then(|| labels_problem(&self.labels)).flatten() {
            return Some(problem);
        }
        let texts = [&self.description, &self.runbook, &self.remediation].into_iter().chain(self.annotations.values());
        if texts.map(String::len).any(|n| n > 4000) || self.annotations.len() > 32 {
            return Some("texts of a rule have at most 4000 bytes".into());
        }
        self.only_if.problem().or_else(|| self.condition.problem(0))
    }

    /// The labels of an alert of this rule about a series.
    pub fn labels_of(&self, series: &Labels) -> Labels {
        let mut labels: Labels =
            series.iter().filter(|(n, _)| *n != "__name__").map(|(n, v)| (n.clone(), v.clone())).collect();
        labels.extend(self.labels.iter().map(|(n, v)| (n.clone(), v.clone())));
        labels.insert(ALERTNAME.into(), self.name.clone());
        labels.entry("severity".into()).or_insert_with(|| self.severity.name().into());
        labels
    }

    /// Annotations with what is known filled in. A name that is not known stays as it was written.
    pub fn annotations_of(&self, labels: &Labels, value: Option<f64>, limit: Option<f64>) -> Labels {
        let (value, limit) = (number(value), number(limit));
        let fill = |text: &str| filled(text, labels, &value, &limit);
        let mut all: Labels = self.annotations.iter().map(|(n, text)| (n.clone(), fill(text))).collect();
        if !self.runbook.is_empty() {
            all.entry("runbook_url".into()).or_insert_with(|| self.runbook.clone());
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_filled_and_what_is_not_known_stays() {
        let text = RuleText {
            annotations: Labels::from([("summary".into(), "{{ $value }} of {{labels.model}}, {{other}} {{".into())]),
            ..rule()
        };
        let labels = Labels::from([("model".into(), "<b>m</b>".into())]);
        assert_eq!(text.annotations_of(&labels, Some(0.5), None)["summary"], "0.5 of <b>m</b>, {{other}} {{");
    }

    fn rule() -> RuleText {
        serde_json::from_value(serde_json::json!({
            "name": "n", "condition": {"is": "signal", "query": "up", "compare": "below", "limit": {"from": "fixed", "value": 1.0}}
        }))
        .expect("a rule")
    }

    #[test]
    fn a_rule_is_read_with_defaults_and_nonsense_is_refused() {
        let rule = rule();
        assert_eq!(rule.problem(), None);
        assert_eq!((rule.every, rule.no_data, rule.enabled), (EVERY, NoData::Ignore, true));
        assert!(RuleText { name: " ".into(), ..rule.clone() }.problem().is_some());
        let one = Condition::All { of: vec![Condition::Absent { query: "q".into() }] };
        assert!(RuleText { condition: one, ..rule }.problem().is_some());
    }
}

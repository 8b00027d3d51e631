//! Incidents: what is wrong as people handle it, from onset to review.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::alert::priority::Priority;
use crate::alert::view::{AlertRow, Entry};
use crate::signal::{Layer, Sample};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    Open,
    Acknowledged,
    Resolved,
}

impl IncidentState {
    pub fn title(self) -> &'static str {
        ["Open", "Acknowledged", "Resolved"][self as usize]
    }
}

/// What a person does with an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum IncidentAct {
    /// Takes it on, with all its alerts.
    Acknowledge,
    Resolve {
        #[serde(default)]
        how: String,
    },
    /// For those who work on it.
    Note { text: String },
    /// In plain words, for everybody.
    Update { text: String },
    /// Whether the likely cause was right, or another one in words.
    Cause {
        #[serde(default)]
        right: Option<bool>,
        #[serde(default)]
        title: String,
    },
    /// Makes somebody a responder.
    Call { name: String, part: String },
    /// Keeps the review; drafts one from the timeline where there is no text.
    Review {
        #[serde(default)]
        text: Option<String>,
    },
}

/// What somebody does in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Responder {
    pub name: String,
    /// `leads`, `communicates`, or what they know.
    pub part: String,
    pub since: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Incident {
    pub id: i64,
    pub title: String,
    pub environment: String,
    /// Systems it touches, the first being the one it began with.
    pub systems: Vec<String>,
    pub priority: Priority,
    pub opened_by: String,
    /// When it began, as far as is known: the earliest sign.
    pub onset: Timestamp,
    pub opened_at: Timestamp,
    /// When the first person was told.
    #[serde(default)]
    pub told_at: Option<Timestamp>,
    #[serde(default)]
    pub acknowledged_at: Option<Timestamp>,
    #[serde(default)]
    pub acknowledged_by: String,
    #[serde(default)]
    pub resolved_at: Option<Timestamp>,
    #[serde(default)]
    pub resolution: String,
    #[serde(default)]
    pub responders: Vec<Responder>,
    /// What it means for people and money, in plain words.
    #[serde(default)]
    pub impact: String,
    #[serde(default)]
    pub cause: Option<Cause>,
    #[serde(default)]
    pub review: String,
}

/// A likely cause, with what speaks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cause {
    pub title: String,
    pub text: String,
    /// 0 to 1.
    pub confidence: f64,
    pub evidence: Vec<String>,
    /// What people said of it.
    #[serde(default)]
    pub right: Option<bool>,
}

impl Incident {
    /// One that is opened now.
    pub fn new(title: String, priority: Priority, opened_by: String, at: Timestamp) -> Incident {
        Incident {
            id: 0,
            title,
            environment: String::new(),
            systems: Vec::new(),
            priority,
            opened_by,
            onset: at,
            opened_at: at,
            told_at: None,
            acknowledged_at: None,
            acknowledged_by: String::new(),
            resolved_at: None,
            resolution: String::new(),
            responders: Vec::new(),
            impact: String::new(),
            cause: None,
            review: String::new(),
        }
    }

    pub fn state(&self) -> IncidentState {
        match (self.resolved_at, self.acknowledged_at) {
            (Some(_), _) => IncidentState::Resolved,
            (None, Some(_)) => IncidentState::Acknowledged,
            (None, None) => IncidentState::Open,
        }
    }

    /// `INC-147`
    pub fn name(&self) -> String {
        format!("INC-{}", self.id)
    }

    /// Microseconds it has been, or was, open.
    pub fn lasted(&self, now: Timestamp) -> i64 {
        self.resolved_at.unwrap_or(now).0 - self.opened_at.0
    }
}

/// Mean times over incidents: to acknowledge and to resolve, in microseconds, with how many count.
pub fn mean_times(incidents: &[Incident]) -> ((Option<i64>, usize), (Option<i64>, usize)) {
    let mean = |spans: Vec<i64>| {
        let n = spans.len();
        ((n > 0).then(|| spans.iter().sum::<i64>() / n as i64), n)
    };
    let to = |of: fn(&Incident) -> Option<Timestamp>| {
        mean(incidents.iter().filter_map(|i| of(i).map(|at| (at.0 - i.opened_at.0).max(0))).collect())
    };
    (to(|i| i.acknowledged_at), to(|i| i.resolved_at))
}

/// Whether a change that names `touched` was made to one of these systems, and whether to something that one calls.
pub fn reaches(touched: &[String], systems: &[String], linked: &dyn Fn(&str, &str) -> bool) -> (bool, bool) {
    let own = systems.iter().any(|s| touched.contains(s));
    (own, systems.iter().any(|s| touched.iter().any(|t| linked(s, t))))
}

/// Whether a change is part of what happened to these systems: one made elsewhere is not, unless its sender named no
/// place.
pub fn near(touched: &[String], systems: &[String], linked: &dyn Fn(&str, &str) -> bool) -> bool {
    let (own, upstream) = reaches(touched, systems, linked);
    own || upstream || touched.is_empty() || systems.is_empty()
}

/// What could be the cause: the change before the onset that is nearest to it and closest to the system.
/// `changes`: title, system or service it was made to, when. Confidence is what the signs add up to: in
/// time, in place, and the only one.
pub fn likely_cause(
    onset: Timestamp,
    systems: &[String],
    changes: &[(String, Vec<String>, Timestamp)],
    linked: &dyn Fn(&str, &str) -> bool,
) -> Option<Cause> {
    const BEFORE: i64 = 2 * crate::time::HOUR;
    const SLACK: i64 = 5 * crate::time::MINUTE;
    let near: Vec<_> =
        changes.iter().filter(|(_, _, at)| at.0 <= onset.0 + SLACK && at.0 >= onset.0 - BEFORE).collect();
    let scored = near.iter().filter_map(|(title, touched, at)| {
        let apart = (onset.0 - at.0).max(0);
        let (own, upstream) = reaches(touched, systems, linked);
        // One of several changes elsewhere explains nothing.
        if !own && !upstream && near.len() > 1 {
            return None;
        }
        let close = apart <= 15 * crate::time::MINUTE;
        let mut evidence = vec![format!("{} before the onset", crate::format::duration(apart))];
        if own {
            evidence.push("made to this system".into());
        } else if upstream {
            evidence.push("upstream in the topology".into());
        }
        if near.len() == 1 {
            evidence.push("the only change in two hours".into());
        }
        let confidence: f64 = 0.25
            + if close { 0.25 } else { 0.1 }
            + if own {
                0.3
            } else if upstream {
                0.2
            } else {
                0.0
            }
            + if near.len() == 1 { 0.15 } else { 0.0 };
        Some((title, confidence, evidence, *at))
    });
    let (title, confidence, evidence, at) = scored.max_by(|a, b| a.1.total_cmp(&b.1).then(a.3.cmp(&b.3)))?;
    Some(Cause {
        title: title.clone(),
        text: format!("It changed at {} UTC; the first sign came at {}.", at.clock_seconds(), onset.clock_seconds()),
        confidence,
        evidence,
        right: None,
    })
}

/// A review drafted from the timeline, for a person to finish.
pub fn draft_review(incident: &Incident, timeline: &[Entry]) -> String {
    let mut text = format!("# {} {}\n\n", incident.name(), incident.title);
    let line = |label: &str, value: String| format!("- {label}: {value}\n");
    text += &line("Priority", format!("{} {}", incident.priority.name(), incident.priority.title()));
    text += &line("Onset", format!("{} UTC", incident.onset.date_clock()));
    text += &line("Opened", format!("{} UTC, by {}", incident.opened_at.date_clock(), incident.opened_by));
    if let Some(at) = incident.acknowledged_at {
        let after = crate::format::duration((at.0 - incident.opened_at.0).max(0));
        text +=
            &line("Acknowledged", format!("{} UTC by {}, after {after}", at.date_clock(), incident.acknowledged_by));
    }
    if let Some(at) = incident.resolved_at {
        let after = crate::format::duration((at.0 - incident.opened_at.0).max(0));
        text += &line("Resolved", format!("{} UTC, after {after}", at.date_clock()));
    }
    if !incident.impact.is_empty() {
        text += &line("Impact", incident.impact.clone());
    }
    if let Some(cause) = &incident.cause {
        let said = match cause.right {
            Some(true) => "confirmed",
            Some(false) => "found wrong",
            None => "not confirmed",
        };
        text += &line("Likely cause", format!("{} ({said})", cause.title));
    }
    text += "\n## What happened\n\n";
    for entry in timeline {
        let who = if entry.who.is_empty() { String::new() } else { format!(" ({})", entry.who) };
        let more = if entry.text.is_empty() { String::new() } else { format!(": {}", entry.text) };
        text += &format!("- {} {}{more}{who}\n", entry.at.clock_seconds(), entry.title);
    }
    text += "\n## What went well\n\n\n## What to change\n\n";
    text
}

/// A signal on the incident's common axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlignedSignal {
    pub label: String,
    pub query: String,
    pub layer: Layer,
    pub unit: String,
    pub points: Vec<Sample>,
    /// What was usual before the onset: low and high.
    pub usual: Option<(f64, f64)>,
    pub before: Option<f64>,
    pub now: Option<f64>,
    /// Seconds after the onset at which it left its usual range.
    pub left_after: Option<f64>,
    /// How it moves with the line of the first alert, whichever comes first: correlation, and the p of one as large by chance.
    #[serde(default)]
    pub linked: Option<(f64, f64)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IncidentView {
    pub now: Timestamp,
    pub incident: Incident,
    pub alerts: Vec<AlertRow>,
    pub timeline: Vec<Entry>,
    pub signals: Vec<AlignedSignal>,
    pub annotations: Vec<crate::annotation::Annotation>,
    /// Earlier ones that were alike: id, title, when, what resolved them.
    pub similar: Vec<(i64, String, Timestamp, String)>,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Money lost since the onset, with its currency, where the system's business events say so.
    pub cost: Option<(f64, String)>,
    /// People who may be mentioned and made responders.
    pub people: Vec<String>,
    /// What was, or may be, done about it; newest first.
    pub runs: Vec<crate::response::Run>,
    /// Responses that people may propose, each with the alert that it is for.
    pub offered: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IncidentsView {
    pub now: Timestamp,
    pub open: Vec<Incident>,
    pub past: Vec<Incident>,
    pub left_out: u64,
    /// Over those shown: microseconds, and how many count.
    pub to_acknowledge: (Option<i64>, usize),
    pub to_resolve: (Option<i64>, usize),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::MINUTE;

    #[test]
    fn the_change_just_before_on_the_same_system_is_the_likely_cause() {
        let at = |minutes: i64| Timestamp(minutes * MINUTE);
        let changes = vec![
            ("chat 2.0".to_string(), vec!["chat".to_string()], at(58)),
            ("income-feed 3.8".to_string(), vec!["income-feed".to_string()], at(59)),
            ("old".to_string(), vec!["credit".to_string()], at(-200)),
            ("too late".to_string(), vec!["credit".to_string()], at(90)),
        ];
        let linked = |a: &str, b: &str| (a, b) == ("credit", "income-feed");
        let cause = likely_cause(at(60), &["credit".to_string()], &changes, &linked).expect("one");
        assert_eq!(cause.title, "income-feed 3.8");
        assert!(cause.confidence > 0.6 && cause.confidence < 1.0);
        assert_eq!(likely_cause(at(60), &[], &changes[2..], &linked), None);
        let elsewhere = likely_cause(at(60), &["offers".to_string()], &changes, &linked);
        assert_eq!(elsewhere, None, "neither of two changes to other systems explains it");
    }
}

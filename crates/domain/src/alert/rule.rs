//! Rules: what is looked for, how long it must hold, and what is said.

use serde::{Deserialize, Serialize};

use super::lifecycle::{Phase, Seen, Timing, Turn, step as turn};
use super::only_if::OnlyIf;
use super::priority::{Priority, Severity, Urgency};
use super::{ALERTNAME, Labels, labels_problem};
use crate::Timestamp;
use crate::monitor::LOOKED_BACK;
use crate::telemetry::ChangeKind;
use crate::time::{DAY, HOUR, MINUTE};

/// On which side of its limit a value is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    #[default]
    Above,
    Below,
    /// Outside a band; for limits that are learnt.
    Outside,
    /// The query compares itself, as Prometheus' rules do: whatever it returns is wrong.
    Returned,
}

impl Compare {
    pub fn words(self) -> &'static str {
        match self {
            Compare::Above => "above",
            Compare::Below => "below",
            Compare::Outside => "outside",
            Compare::Returned => "returned by the query",
        }
    }
}

/// Where the limit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum Limit {
    Fixed {
        value: f64,
    },
    /// The median of the last `days` ± `deviations` robust standard deviations.
    Learned {
        deviations: f64,
        days: u32,
    },
    /// As far out as gives so many false alarms a week on the last `days`.
    Budget {
        per_week: f64,
        days: u32,
    },
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Condition {
    /// Each line of a PromQL query held against a limit.
    Signal {
        query: String,
        compare: Compare,
        limit: Limit,
    },
    /// The query finds nothing.
    Absent {
        query: String,
    },
    /// The newest values do not belong.
    Anomaly {
        query: String,
        #[serde(default = "day", with = "crate::span")]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        lookback: i64,
    },
    /// The limit will be crossed within a time.
    Forecast {
        query: String,
        compare: Compare,
        value: f64,
        #[serde(with = "crate::span")]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        within: i64,
        #[serde(default = "week", with = "crate::span")]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        lookback: i64,
    },
    /// A model's newest closed window lies outside its own adaptive thresholds; of the [`Figures`] named. What
    /// is not far outside counts once so many of the last windows were.
    Verdict {
        model: String,
        #[serde(default)]
        figure: String,
        #[serde(default)]
        environment: String,
        #[serde(default = "one")]
        windows: u32,
    },
    /// Something changed within the last while.
    Change {
        #[serde(default)]
        kind: Option<ChangeKind>,
        #[serde(default)]
        system: String,
        #[serde(with = "crate::span")]
        #[cfg_attr(feature = "schema", schemars(with = "String"))]
        within: i64,
    },
    /// All hold for the same labels.
    All {
        of: Vec<Condition>,
    },
    Any {
        of: Vec<Condition>,
    },
    /// The first holds and none of the others does.
    Unless {
        of: Vec<Condition>,
    },
    AtLeast {
        count: u32,
        of: Vec<Condition>,
    },
}

fn one() -> u32 {
    1
}

fn day() -> i64 {
    DAY
}

fn week() -> i64 {
    7 * DAY
}

/// Figures that a condition names in words; of more, the first two.
const FIGURES_NAMED: usize = 5;

/// The figures that a verdict is asked about, as a list with commas; none named means all.
pub struct Figures<'a>(Vec<&'a str>);

impl<'a> Figures<'a> {
    pub fn of(list: &'a str) -> Figures<'a> {
        Figures(list.split(',').map(str::trim).filter(|f| !f.is_empty()).collect())
    }

    pub fn has(&self, figure: &str) -> bool {
        self.0.is_empty() || self.0.contains(&figure)
    }
}

impl Condition {
    /// The query that is drawn for it; of a composite the first.
    pub fn query(&self) -> &str {
        match self {
            Condition::Signal { query, .. }
            | Condition::Absent { query }
            | Condition::Anomaly { query, .. }
            | Condition::Forecast { query, .. } => query,
            Condition::Verdict { .. } | Condition::Change { .. } => "",
            Condition::All { of }
            | Condition::Any { of }
            | Condition::Unless { of }
            | Condition::AtLeast { of, .. } => of.first().map_or("", Condition::query),
        }
    }

    /// In one line, as a person would say it.
    pub fn words(&self) -> String {
        let join = |of: &[Condition], word: &str| {
            of.iter().map(Condition::words).collect::<Vec<_>>().join(&format!(" {word} "))
        };
        match self {
            Condition::Signal { query, compare: Compare::Returned, .. } => query.clone(),
            Condition::Signal { query, compare, limit } => match limit {
                Limit::Fixed { value } => format!("{query} {} {}", compare.words(), crate::format::compact(*value)),
                Limit::Learned { deviations, days } => {
                    format!("{query} {} its usual band of {days} days ± {deviations} deviations", compare.words())
                }
                Limit::Budget { per_week, days } => {
                    format!("{query} {} what {days} days crossed {per_week} times a week", compare.words())
                }
            },
            Condition::Absent { query } => format!("no data of {query}"),
            Condition::Anomaly { query, .. } => format!("{query} does not belong"),
            Condition::Forecast { query, compare, value, within, .. } => format!(
                "{query} will be {} {} within {}",
                compare.words(),
                crate::format::compact(*value),
                crate::format::duration(*within)
            ),
            Condition::Verdict { model, figure, .. } => match Figures::of(figure).0.as_slice() {
                [] => format!("a figure of {model} is out of bounds"),
                [one] => format!("{one} of {model} is out of bounds"),
                [few @ .., last] if few.len() < FIGURES_NAMED => {
                    format!("{} or {last} of {model} is out of bounds", few.join(", "))
                }
                all => {
                    let (named, n) = (all[..2].join(", "), all.len());
                    format!("{named} or another of {n} figures of {model} is out of bounds")
                }
            },
            Condition::Change { kind, .. } => {
                format!("a {} happened", kind.map_or("change", |k| k.title()).to_lowercase())
            }
            Condition::All { of } => join(of, "and"),
            Condition::Any { of } => join(of, "or"),
            Condition::Unless { of } => join(of, "unless"),
            Condition::AtLeast { count, of } => format!("{count} of: {}", join(of, "or")),
        }
    }

    fn problem(&self, depth: usize) -> Option<String> {
        let empty = |query: &str| query.trim().is_empty().then(|| "write a query".to_string());
        match self {
            Condition::Signal { query, compare, limit } => empty(query).or_else(|| match (compare, limit) {
                (Compare::Outside, Limit::Fixed { .. }) => {
                    Some("a band is learnt; a fixed limit is above or below".into())
                }
                (Compare::Returned, _) => None,
                (_, Limit::Fixed { value }) => (!value.is_finite()).then(|| "the limit is a number".into()),
                (_, Limit::Learned { deviations, days }) => (!(0.5..=20.0).contains(deviations)
                    || !(1..=90).contains(days))
                .then(|| "0.5 to 20 deviations, of 1 to 90 days".into()),
                (_, Limit::Budget { per_week, days }) => (!(0.01..=1000.0).contains(per_week)
                    || !(1..=90).contains(days))
                .then(|| "0.01 to 1000 false alarms a week, of 1 to 90 days".into()),
            }),
            Condition::Absent { query } => empty(query),
            Condition::Anomaly { query, lookback } => {
                empty(query).or_else(|| (!(HOUR..=31 * DAY).contains(lookback)).then(|| "look back 1 h to 31 d".into()))
            }
            Condition::Forecast { query, compare, value, within, lookback } => empty(query).or_else(|| {
                let wrong = !value.is_finite()
                    || !matches!(compare, Compare::Above | Compare::Below)
                    || !(MINUTE..=366 * DAY).contains(within)
                    || !(HOUR..=90 * DAY).contains(lookback);
                wrong.then(|| "a forecast crosses a number above or below, within a year, from 1 h to 90 d back".into())
            }),
            Condition::Verdict { model, windows, .. } => match (model.trim(), windows) {
                ("", _) => Some("name a model".into()),
                (_, 1..=LOOKED_BACK) => None,
                _ => Some(format!("a verdict is waited for in 1 to {LOOKED_BACK} windows")),
            },
            Condition::Change { within, .. } => {
                (!(MINUTE..=7 * DAY).contains(within)).then(|| "a change within 1 min to 7 d".into())
            }
            Condition::All { of }
            | Condition::Any { of }
            | Condition::Unless { of }
            | Condition::AtLeast { of, .. } => {
                if depth >= 3 || of.len() < 2 || of.len() > 10 {
                    return Some("a composite has 2 to 10 conditions, three deep at most".into());
                }
                if let Condition::AtLeast { count, .. } = self
                    && !(1..=of.len() as u32).contains(count)
                {
                    return Some("so many of the conditions that are there".into());
                }
                of.iter().find_map(|c| c.problem(depth + 1))
            }
        }
    }
}

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
        let number = |v: Option<f64>| v.map_or_else(|| "no data".to_string(), crate::format::compact);
        let fill = |text: &str| {
            let mut out = String::with_capacity(text.len());
            let mut rest = text;
            while let Some((before, after)) = rest.split_once("{{") {
                out.push_str(before);
                let Some((name, behind)) = after.split_once("}}") else {
                    out.push_str("{{");
                    rest = after;
                    continue;
                };
                let asked = name.trim();
                let plain = asked.trim_start_matches(['$', '.']);
                match plain {
                    "value" => out.push_str(&number(value)),
                    "limit" | "threshold" => out.push_str(&number(limit)),
                    _ => match plain.strip_prefix("labels.").or_else(|| plain.strip_prefix("Labels.")) {
                        Some(label) => out.push_str(labels.get(label).map_or("", String::as_str)),
                        None => {
                            out.push_str("{{");
                            out.push_str(name);
                            out.push_str("}}");
                        }
                    },
                }
                rest = behind;
            }
            out.push_str(rest);
            out
        };
        let mut all: Labels = self.annotations.iter().map(|(n, text)| (n.clone(), fill(text))).collect();
        if !self.runbook.is_empty() {
            all.entry("runbook_url".into()).or_insert_with(|| self.runbook.clone());
        }
        all
    }
}

/// What an evaluation found of one label set.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub labels: Labels,
    pub value: Option<f64>,
    pub limit: Option<f64>,
    pub holds: bool,
    /// What the value is held against, in words.
    pub against: String,
}

/// Whether two label sets speak of the same thing: the labels that both have agree.
pub fn agree(a: &Labels, b: &Labels) -> bool {
    let (few, many) = if a.len() < b.len() { (a, b) } else { (b, a) };
    few.iter().filter(|(n, _)| *n != "__name__").all(|(n, v)| many.get(n).is_none_or(|other| other == v))
}

/// What a composite finds, from what its conditions found. The labels are those of the first condition
/// that holds for them.
pub fn combine(condition: &Condition, parts: Vec<Vec<Found>>) -> Vec<Found> {
    let holding = |found: &Found, part: &[Found]| part.iter().any(|f| f.holds && agree(&f.labels, &found.labels));
    let mut parts = parts.into_iter();
    match condition {
        Condition::All { .. } | Condition::Unless { .. } => {
            let all = matches!(condition, Condition::All { .. });
            let Some(mut first) = parts.next() else {
                return Vec::new();
            };
            let rest: Vec<Vec<Found>> = parts.collect();
            for found in &mut first {
                let others = rest.iter().filter(|part| holding(found, part)).count();
                found.holds &= if all { others == rest.len() } else { others == 0 };
            }
            first
        }
        Condition::Any { .. } | Condition::AtLeast { .. } => {
            let least = if let Condition::AtLeast { count, .. } = condition { *count as usize } else { 1 };
            let parts: Vec<Vec<Found>> = parts.collect();
            let mut out: Vec<Found> = Vec::new();
            for found in parts.iter().flatten() {
                let holds = parts.iter().filter(|part| holding(found, part)).count() >= least;
                let known = out.iter_mut().find(|o| agree(&o.labels, &found.labels));
                match known {
                    Some(known) => {
                        if found.holds && !known.holds && holds {
                            *known = Found { labels: known.labels.clone(), holds, ..found.clone() };
                        }
                    }
                    None => out.push(Found { holds, ..found.clone() }),
                }
            }
            out
        }
        _ => parts.next().unwrap_or_default(),
    }
}

/// A rule tried on what is known, before it is saved.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Backtest {
    pub from: Timestamp,
    pub to: Timestamp,
    /// Seconds between two checks.
    pub step: f64,
    pub checks: u32,
    /// Milliseconds that it took.
    pub took_ms: f64,
    pub firings: Vec<PastFiring>,
    /// Firings that ended within ten minutes.
    pub flaps: u32,
    /// Dips that did not last long enough to fire.
    pub not_fired: u32,
    pub pages_a_week: f64,
    pub at_night: u32,
    /// Incidents in the range.
    pub incidents: u32,
    #[serde(flatten)]
    pub against: AgainstIncidents,
    /// The line that is drawn, with its limit.
    pub line: Vec<crate::signal::Sample>,
    pub limit: Option<f64>,
    pub unit: String,
    /// Other limits over the same range.
    pub others: Vec<OtherLimit>,
    /// What cannot be said of this rule's past, in words; empty where all can.
    pub remark: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PastFiring {
    pub labels: Labels,
    pub from: Timestamp,
    pub to: Timestamp,
    pub open: bool,
    /// The farthest out; NaN where nothing is known.
    #[serde(deserialize_with = "crate::number::number")]
    pub extreme: f64,
    /// The incident it overlaps.
    pub incident: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OtherLimit {
    pub limit: f64,
    pub fired: u32,
    #[serde(flatten)]
    pub against: AgainstIncidents,
    pub current: bool,
    /// It misses fewer incidents than the limit in force, or as many with fewer firings outside of them.
    pub suggested: bool,
}

/// Firings beside the incidents that people handled.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgainstIncidents {
    /// Incidents of the range that a firing overlaps.
    pub found: u32,
    /// Firings that overlap none.
    pub outside: u32,
    /// Microseconds by which the first firing came before the incident was opened, the middle of those found.
    /// Below 0 where it came later.
    pub earlier: Option<i64>,
}

/// The spans in which a rule would have fired on what was seen of one label set at moments `step`
/// microseconds apart: (first, end) by place, the end being the number of moments where it fires still; and how
/// often it held without firing.
pub fn replay(seen: &[Seen], step: i64, timing: Timing) -> (Vec<(usize, usize)>, u32) {
    let is_pending = |phase: Option<Phase>| matches!(phase, Some(Phase::Pending { .. }));
    let (mut spans, mut phase, mut began, mut missed) = (Vec::new(), None::<Phase>, 0, 0);
    for (place, seen) in seen.iter().enumerate() {
        let pending = is_pending(phase);
        let (next, what) = turn(phase, *seen, timing, Timestamp(place as i64 * step));
        match what {
            Turn::Fired => began = place,
            Turn::Resolved(_) => spans.push((began, place)),
            _ => missed += u32::from(pending && !is_pending(next)),
        }
        phase = next;
    }
    if phase.is_some_and(Phase::fires) {
        spans.push((began, seen.len()));
    }
    (spans, missed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SECOND;

    fn found(pairs: &[(&str, &str)], holds: bool) -> Found {
        let labels = pairs.iter().map(|(n, v)| ((*n).to_string(), (*v).to_string())).collect();
        Found { labels, value: Some(1.0), limit: None, holds, against: String::new() }
    }

    fn three() -> Vec<Condition> {
        (0..3).map(|i| Condition::Absent { query: format!("q{i}") }).collect()
    }

    #[test]
    fn composites_join_on_the_labels_they_share() {
        let parts = || {
            vec![
                vec![found(&[("host", "a")], true), found(&[("host", "b")], true)],
                vec![found(&[("host", "a"), ("disk", "x")], true), found(&[("host", "b"), ("disk", "y")], false)],
                vec![found(&[], false)],
            ]
        };
        let holds = |c: Condition| -> Vec<String> {
            combine(&c, parts()).into_iter().filter(|f| f.holds).map(|f| f.labels["host"].clone()).collect()
        };
        assert!(holds(Condition::All { of: three() }).is_empty());
        assert_eq!(holds(Condition::AtLeast { count: 2, of: three() }), ["a"]);
        assert_eq!(holds(Condition::Any { of: three() }), ["a", "b"]);
        assert!(combine(&Condition::All { of: three() }, parts()[..2].to_vec())[0].holds);
        let unless = combine(&Condition::Unless { of: three() }, parts()[..2].to_vec());
        assert_eq!(unless.iter().map(|f| f.holds).collect::<Vec<_>>(), [false, true]);
    }

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
    fn few_figures_are_named_and_of_many_the_first() {
        let words = |figure: &str| {
            Condition::Verdict { model: "m".into(), figure: figure.into(), environment: String::new(), windows: 1 }
                .words()
        };
        assert_eq!(words("accuracy"), "accuracy of m is out of bounds");
        assert_eq!(words("missing, unseen,volume"), "missing, unseen or volume of m is out of bounds");
        assert_eq!(words("a,b,c,d,e,f"), "a, b or another of 6 figures of m is out of bounds");
    }

    #[test]
    fn a_rule_is_read_with_defaults_and_nonsense_is_refused() {
        let rule = rule();
        assert_eq!(rule.problem(), None);
        assert_eq!((rule.every, rule.no_data, rule.enabled), (EVERY, NoData::Ignore, true));
        assert!(RuleText { name: " ".into(), ..rule.clone() }.problem().is_some());
        let one = Condition::All { of: three()[..1].to_vec() };
        assert!(RuleText { condition: one, ..rule }.problem().is_some());
    }

    #[test]
    fn a_replay_fires_as_the_rule_would_have() {
        use Seen::{Gone, Holds, HoldsNot};
        let seen = [HoldsNot, Holds, HoldsNot, Holds, Holds, Holds, Holds, HoldsNot, Gone, Holds];
        let timing = Timing { pending: 2 * SECOND, keep: 0 };
        let (spans, missed) = replay(&seen, SECOND, timing);
        assert_eq!((spans, missed), (vec![(5, 7)], 1));
    }
}

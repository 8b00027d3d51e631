//! Spans, logs, evaluations, feedback and business events: the names of their columns, and what is read out
//! of them.
//!
//! The names stand here once: who writes a column and who reads it must mean the same.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::traffic::Calls;

/// Columns of a span. Its id is trace and span in one, its time the start.
pub mod span {
    pub const TRACE: &str = "trace_id";
    pub const PARENT: &str = "parent_id";
    pub const NAME: &str = "name";
    pub const SERVICE: &str = "service";
    pub const KIND: &str = "kind";
    pub const STATUS: &str = "status";
    pub const PEER: &str = "peer";
    pub const MODEL: &str = "model";
    pub const SYSTEM: &str = "system";
    pub const ATTRIBUTES: &str = "attributes";
    pub const DURATION: &str = "duration_ms";
    pub const HTTP_STATUS: &str = "http_status";
    pub const WORDS: [&str; 17] = [
        TRACE,
        PARENT,
        NAME,
        SERVICE,
        KIND,
        STATUS,
        "message",
        "error",
        PEER,
        MODEL,
        "session_id",
        SYSTEM,
        "scope",
        ATTRIBUTES,
        "events",
        "links",
        "resource",
    ];
    pub const NUMBERS: [&str; 2] = [DURATION, HTTP_STATUS];
    /// Columns that a search for words looks at.
    pub const SEARCHED: [&str; 8] = [NAME, SERVICE, "message", "error", PEER, MODEL, ATTRIBUTES, "events"];
}

/// Columns of a line of a log.
pub mod log {
    pub const BODY: &str = "body";
    pub const SERVICE: &str = "service";
    pub const SEVERITY: &str = "severity";
    pub const TRACE: &str = "trace_id";
    pub const ATTRIBUTES: &str = "attributes";
    pub const LEVEL: &str = "severity_number";
    pub const WORDS: [&str; 9] = [BODY, SERVICE, "host", SEVERITY, TRACE, "span_id", "event", ATTRIBUTES, "resource"];
    pub const NUMBERS: [&str; 1] = [LEVEL];
    pub const SEARCHED: [&str; 4] = [BODY, SERVICE, "event", ATTRIBUTES];
}

/// Columns of an evaluation.
pub mod evaluation {
    pub const WORDS: [&str; 8] =
        ["evaluator", "label", "explanation", "response_id", "model", "service", "trace_id", "span_id"];
    pub const NUMBERS: [&str; 1] = ["score"];
}

/// Columns of feedback.
pub mod feedback {
    pub const WORDS: [&str; 9] =
        ["feedback", "value", "comment", "model", "system", "prediction_id", "trace_id", "session_id", "user"];
    pub const NUMBERS: [&str; 1] = ["score"];
}

/// Columns of a business event.
pub mod business {
    pub const WORDS: [&str; 9] =
        ["event", "currency", "model", "system", "prediction_id", "trace_id", "session_id", "variant", "comment"];
    pub const NUMBERS: [&str; 2] = ["amount", "quantity"];
}

/// What people, or what they do, say of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FeedbackKind {
    /// A grade; `score` from 0 to 1.
    Rating,
    ThumbsUp,
    ThumbsDown,
    Accepted,
    Edited,
    Rejected,
    TaskCompleted,
    TaskFailed,
    /// Handed over to a person.
    HandedOver,
    /// Words; `comment`.
    Comment,
    /// Implicit: asked for another answer.
    Regenerated,
    Abandoned,
    Copied,
    /// `score` in seconds.
    Dwelt,
    /// What was decided with the answer was taken back.
    Reversed,
    /// The person came back.
    Returned,
}

impl FeedbackKind {
    pub const ALL: [FeedbackKind; 16] = [
        FeedbackKind::Rating,
        FeedbackKind::ThumbsUp,
        FeedbackKind::ThumbsDown,
        FeedbackKind::Accepted,
        FeedbackKind::Edited,
        FeedbackKind::Rejected,
        FeedbackKind::TaskCompleted,
        FeedbackKind::TaskFailed,
        FeedbackKind::HandedOver,
        FeedbackKind::Comment,
        FeedbackKind::Regenerated,
        FeedbackKind::Abandoned,
        FeedbackKind::Copied,
        FeedbackKind::Dwelt,
        FeedbackKind::Reversed,
        FeedbackKind::Returned,
    ];

    pub fn name(self) -> &'static str {
        match self {
            FeedbackKind::Rating => "rating",
            FeedbackKind::ThumbsUp => "thumbs_up",
            FeedbackKind::ThumbsDown => "thumbs_down",
            FeedbackKind::Accepted => "accepted",
            FeedbackKind::Edited => "edited",
            FeedbackKind::Rejected => "rejected",
            FeedbackKind::TaskCompleted => "task_completed",
            FeedbackKind::TaskFailed => "task_failed",
            FeedbackKind::HandedOver => "handed_over",
            FeedbackKind::Comment => "comment",
            FeedbackKind::Regenerated => "regenerated",
            FeedbackKind::Abandoned => "abandoned",
            FeedbackKind::Copied => "copied",
            FeedbackKind::Dwelt => "dwelt",
            FeedbackKind::Reversed => "reversed",
            FeedbackKind::Returned => "returned",
        }
    }

    pub fn parse(text: &str) -> Option<FeedbackKind> {
        FeedbackKind::ALL.into_iter().find(|kind| kind.name() == text)
    }

    /// What a deed lets one think of the answer: whether it was right, and how often a deed of this kind says so
    /// truly. Weak labels; they are never mixed with truth. The shares are conventions, on the careful side.
    pub fn implies(self) -> Option<(bool, f64)> {
        match self {
            FeedbackKind::Copied => Some((true, 0.7)),
            FeedbackKind::Reversed => Some((false, 0.9)),
            FeedbackKind::HandedOver => Some((false, 0.8)),
            FeedbackKind::Regenerated => Some((false, 0.75)),
            FeedbackKind::Abandoned => Some((false, 0.6)),
            _ => None,
        }
    }

    /// Whether it was read from what somebody did rather than said by them.
    pub fn is_implicit(self) -> bool {
        matches!(
            self,
            FeedbackKind::Regenerated
                | FeedbackKind::Abandoned
                | FeedbackKind::Copied
                | FeedbackKind::Dwelt
                | FeedbackKind::Reversed
                | FeedbackKind::Returned
        )
    }
}

/// What a system was worth, or cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BusinessKind {
    Revenue,
    Cost,
    Saving,
    Conversion,
}

impl BusinessKind {
    pub const ALL: [BusinessKind; 4] =
        [BusinessKind::Revenue, BusinessKind::Cost, BusinessKind::Saving, BusinessKind::Conversion];

    pub fn name(self) -> &'static str {
        match self {
            BusinessKind::Revenue => "revenue",
            BusinessKind::Cost => "cost",
            BusinessKind::Saving => "saving",
            BusinessKind::Conversion => "conversion",
        }
    }

    pub fn parse(text: &str) -> Option<BusinessKind> {
        BusinessKind::ALL.into_iter().find(|kind| kind.name() == text)
    }
}

/// The name of a severity, 1 to 24 as OpenTelemetry counts; empty where nobody said.
pub fn severity_name(number: i32) -> &'static str {
    match number {
        1..=4 => "trace",
        5..=8 => "debug",
        9..=12 => "info",
        13..=16 => "warn",
        17..=20 => "error",
        21..=24 => "fatal",
        _ => "",
    }
}

/// The number of a severity by one of the names that programs use; 0 for others.
pub fn severity_number(name: &str) -> i32 {
    match name.trim().to_ascii_lowercase().as_str() {
        "trace" | "verbose" => 1,
        "debug" | "dbg" => 5,
        "info" | "information" | "informational" => 9,
        "notice" => 10,
        "warn" | "warning" => 13,
        "error" | "err" => 17,
        "critical" | "crit" => 18,
        "alert" => 19,
        "fatal" | "panic" => 21,
        "emergency" | "emerg" => 24,
        _ => 0,
    }
}

/// A span as pages and programs read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SpanView {
    pub trace_id: String,
    pub span_id: String,
    pub parent_id: String,
    pub at: Timestamp,
    pub duration_ms: f64,
    pub name: String,
    pub service: String,
    pub kind: String,
    pub status: String,
    pub message: String,
    pub error: String,
    pub peer: String,
    pub model: String,
    /// JSON objects and lists as they were sent; empty where there are none or nobody asked.
    pub attributes: String,
    pub events: String,
    pub resource: String,
}

/// A line of a log as pages and programs read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogView {
    pub id: String,
    pub at: Timestamp,
    pub severity: String,
    pub service: String,
    pub host: String,
    pub body: String,
    pub event: String,
    pub trace_id: String,
    pub span_id: String,
    pub attributes: String,
}

/// A page of an answer, and what asks for the next one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// What happened to a system from the outside: what explains most incidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    Deploy,
    ModelVersion,
    PromptVersion,
    FeatureFlag,
    DataRelease,
    Configuration,
    Other,
}

impl ChangeKind {
    pub const ALL: [ChangeKind; 7] = [
        ChangeKind::Deploy,
        ChangeKind::ModelVersion,
        ChangeKind::PromptVersion,
        ChangeKind::FeatureFlag,
        ChangeKind::DataRelease,
        ChangeKind::Configuration,
        ChangeKind::Other,
    ];

    pub fn name(self) -> &'static str {
        match self {
            ChangeKind::Deploy => "deploy",
            ChangeKind::ModelVersion => "model_version",
            ChangeKind::PromptVersion => "prompt_version",
            ChangeKind::FeatureFlag => "feature_flag",
            ChangeKind::DataRelease => "data_release",
            ChangeKind::Configuration => "configuration",
            ChangeKind::Other => "other",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            ChangeKind::Deploy => "Deploy",
            ChangeKind::ModelVersion => "Model version",
            ChangeKind::PromptVersion => "Prompt version",
            ChangeKind::FeatureFlag => "Feature flag",
            ChangeKind::DataRelease => "Data release",
            ChangeKind::Configuration => "Configuration",
            ChangeKind::Other => "Change",
        }
    }

    pub fn parse(text: &str) -> Option<ChangeKind> {
        ChangeKind::ALL.into_iter().find(|kind| kind.name() == text)
    }
}

/// A change as it is kept. Its id is what makes sending it again harmless.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Change {
    pub id: String,
    pub at: Timestamp,
    pub kind: ChangeKind,
    pub title: String,
    #[serde(default)]
    pub environment: String,
    #[serde(default)]
    pub system: String,
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub model: String,
    #[serde(default)]
    pub version: String,
    #[serde(default)]
    pub author: String,
    #[serde(default)]
    pub url: String,
    /// Who told: `api`, `cloudevents`, `github`, `gitlab`.
    #[serde(default)]
    pub source: String,
}

impl Change {
    /// What it was made to, as its sender said; empty where they named no place.
    pub fn touched(&self) -> Vec<String> {
        let places = [&self.system, &self.service, &self.model];
        places.into_iter().filter(|place| !place.is_empty()).cloned().collect()
    }
}

/// Something that is called or calls: a service, a model, a database, a queue, something outside.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TopologyNode {
    pub name: String,
    pub kind: String,
    pub calls: u64,
    pub errors: u64,
    pub p50_ms: f64,
    pub p95_ms: f64,
}

/// Calls from one to another.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TopologyEdge {
    pub from: String,
    pub to: String,
    pub calls: u64,
    pub errors: u64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    /// Whether a person says so; otherwise spans do.
    pub declared: bool,
}

impl TopologyNode {
    pub fn seen(&self) -> Calls {
        Calls { calls: self.calls, errors: self.errors, p50_ms: self.p50_ms, p95_ms: self.p95_ms }
    }
}

impl TopologyEdge {
    pub fn seen(&self) -> Calls {
        Calls { calls: self.calls, errors: self.errors, p50_ms: self.p50_ms, p95_ms: self.p95_ms }
    }
}

/// Who calls whom within a range.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Topology {
    /// Most called first.
    pub nodes: Vec<TopologyNode>,
    pub edges: Vec<TopologyEdge>,
    /// How many spans this rests on.
    pub spans: u64,
    /// Whether the range holds more, of which these are the newest.
    pub newest_only: bool,
}

/// The conditions of a search that an address holds as one text, `name=value;name=value`.
pub fn search_parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty())
}

/// What spans are looked for by; empty is any.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct SpanSearch {
    pub environment: String,
    pub service: String,
    pub name: String,
    pub status: String,
    pub model: String,
    pub min_ms: Option<f64>,
    pub max_ms: Option<f64>,
    /// Words, or a phrase in quotes; `begin*` for words that begin so.
    pub text: String,
    /// Attributes, `name=value` each.
    pub attributes: Vec<String>,
    /// Only the first span of each trace.
    pub roots: bool,
}

/// What lines of logs are looked for by; empty is any.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct LogSearch {
    pub environment: String,
    pub service: String,
    /// This severity and those above it.
    pub severity: String,
    pub trace: String,
    pub text: String,
    pub attributes: Vec<String>,
}

/// What came by one way in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Arrival {
    pub way: String,
    pub accepted: u64,
    pub refused: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub refused_at: Option<Timestamp>,
    /// Why the last refusal was.
    pub reason: String,
}

/// A metric in the list of those that can be looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MetricName {
    /// As PromQL spells it.
    pub name: String,
    pub layer: crate::signal::Layer,
    pub unit: String,
    pub series: u64,
}

/// A label of a metric, with values it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LabelKnown {
    pub name: String,
    pub values: Vec<String>,
    /// How many values more there are.
    pub more: u64,
}

/// A query's answer as lines.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QueryView {
    pub query: String,
    pub lines: Vec<QueryLine>,
    pub unit: String,
    /// Seconds between two points.
    pub step: f64,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Lines that the answer has and that are not shown.
    pub left_out: u64,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QueryLine {
    pub label: String,
    /// The service that its labels name, whose traces may say more; empty where they name none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// A value a step; `None` where there is none.
    pub values: Vec<Option<f64>>,
}

/// One line of a trace as it is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TraceRow {
    pub span: SpanView,
    pub depth: u32,
    pub children: u32,
}

/// A trace, a part of its lines at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TraceView {
    pub trace_id: String,
    pub from: Timestamp,
    pub to: Timestamp,
    pub spans: u64,
    pub errors: u64,
    pub services: Vec<String>,
    /// Which line the first of these is.
    pub first: u64,
    pub rows: Vec<TraceRow>,
    /// Everything of the one that is looked at.
    pub chosen: Option<SpanView>,
}

/// The spans of a trace as a tree: each after its parent, siblings in order of time. A span whose parent is
/// not there, or that is its own ancestor, stands at the root.
pub fn waterfall(spans: Vec<SpanView>) -> Vec<TraceRow> {
    let mut places: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    for (place, span) in spans.iter().enumerate() {
        places.insert(&span.span_id, place);
    }
    let parent = |place: usize| places.get(spans[place].parent_id.as_str()).copied().filter(|p| *p != place);
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
    let mut roots = Vec::new();
    for place in 0..spans.len() {
        match parent(place) {
            Some(above) => children[above].push(place),
            None => roots.push(place),
        }
    }
    let by_time = |list: &mut Vec<usize>| list.sort_by_key(|p| (spans[*p].at, *p));
    by_time(&mut roots);
    children.iter_mut().for_each(by_time);
    let mut order: Vec<(usize, u32)> = Vec::with_capacity(spans.len());
    let mut seen = vec![false; spans.len()];
    // What no root leads to goes in a circle: it is begun somewhere.
    for start in roots.into_iter().chain(0..spans.len()) {
        let mut waiting = vec![(start, 0_u32)];
        while let Some((place, depth)) = waiting.pop() {
            if std::mem::replace(&mut seen[place], true) {
                continue;
            }
            order.push((place, depth));
            waiting.extend(children[place].iter().rev().map(|child| (*child, depth + 1)));
        }
    }
    let counts: Vec<u32> = children.iter().map(|c| c.len() as u32).collect();
    let mut spans: Vec<Option<SpanView>> = spans.into_iter().map(Some).collect();
    let row =
        |(place, depth): (usize, u32)| Some(TraceRow { span: spans[place].take()?, depth, children: counts[place] });
    order.into_iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: &str, parent: &str, at: i64) -> SpanView {
        SpanView { span_id: id.into(), parent_id: parent.into(), at: Timestamp(at), ..SpanView::default() }
    }

    #[test]
    fn a_trace_is_a_tree_in_order_of_time() {
        let spans =
            vec![span("c", "a", 3), span("a", "", 1), span("b", "a", 2), span("d", "b", 9), span("e", "gone", 0)];
        let rows: Vec<(String, u32)> = waterfall(spans).into_iter().map(|r| (r.span.span_id, r.depth)).collect();
        let wanted = [("e", 0), ("a", 0), ("b", 1), ("d", 2), ("c", 1)];
        assert_eq!(rows, wanted.map(|(id, depth)| (id.to_string(), depth)));
    }

    #[test]
    fn a_circle_loses_no_span() {
        let rows = waterfall(vec![span("a", "b", 1), span("b", "a", 2), span("c", "c", 3)]);
        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn names_are_read_back_as_what_they_name() {
        assert!(FeedbackKind::ALL.into_iter().all(|k| FeedbackKind::parse(k.name()) == Some(k)));
        assert!(BusinessKind::ALL.into_iter().all(|k| BusinessKind::parse(k.name()) == Some(k)));
        assert!(ChangeKind::ALL.into_iter().all(|k| ChangeKind::parse(k.name()) == Some(k)));
        for name in ["trace", "debug", "info", "warn", "error", "fatal"] {
            assert_eq!(severity_name(severity_number(name)), name);
        }
        assert_eq!(severity_name(severity_number("whatever")), "");
    }
}

//! The fields of a rule, there and back. What the form has no fields for is written as JSON.

use std::collections::BTreeMap;

use domain::alert::matcher::Matcher;
use domain::alert::priority::{Priority, Severity, Urgency};
use domain::alert::rule::{Compare, Condition, Limit, NoData, RuleText};
use domain::time::{DAY, HOUR, parse_span, span_text};

use crate::components::form::Sent;

pub const KINDS: [(&str, &str); 7] = [
    ("signal", "a signal is beyond a limit"),
    ("absent", "a signal is absent"),
    ("anomaly", "a signal’s newest values do not belong"),
    ("forecast", "a limit will be crossed"),
    ("verdict", "a model’s figure is out of its thresholds"),
    ("change", "something changed"),
    ("code", "several conditions, as JSON"),
];

pub const COMPARES: [(&str, &str, Compare); 4] = [
    ("above", "above", Compare::Above),
    ("below", "below", Compare::Below),
    ("outside", "outside of", Compare::Outside),
    ("returned", "returned by the query itself", Compare::Returned),
];

pub const LIMITS: [(&str, &str); 3] =
    [("fixed", "a number"), ("learned", "its usual band"), ("budget", "what gives so many false alarms a week")];

/// What the form shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fields {
    pub kind: &'static str,
    pub query: String,
    pub compare: &'static str,
    pub limit: &'static str,
    pub value: String,
    pub days: String,
    pub span: String,
    pub model: String,
    pub figure: String,
    pub code: String,
}

pub fn compare_name(compare: Compare) -> &'static str {
    COMPARES.iter().find(|c| c.2 == compare).map_or("above", |c| c.0)
}

impl Fields {
    pub fn of(condition: &Condition) -> Fields {
        let mut fields = Fields {
            kind: "signal",
            compare: "above",
            limit: "fixed",
            days: "14".into(),
            code: serde_json::to_string_pretty(condition).unwrap_or_default(),
            ..Fields::default()
        };
        match condition {
            Condition::Signal { query, compare, limit } => {
                fields.query.clone_from(query);
                fields.compare = compare_name(*compare);
                match limit {
                    Limit::Fixed { value } => fields.value = value.to_string(),
                    Limit::Learned { deviations, days } => {
                        fields.limit = "learned";
                        fields.value = deviations.to_string();
                        fields.days = days.to_string();
                    }
                    Limit::Budget { per_week, days } => {
                        fields.limit = "budget";
                        fields.value = per_week.to_string();
                        fields.days = days.to_string();
                    }
                }
            }
            Condition::Absent { query } => {
                fields.kind = "absent";
                fields.query.clone_from(query);
            }
            Condition::Anomaly { query, lookback } => {
                fields.kind = "anomaly";
                fields.query.clone_from(query);
                fields.span = span_text(*lookback);
            }
            Condition::Forecast { query, compare, value, within, .. } => {
                fields.kind = "forecast";
                fields.query.clone_from(query);
                fields.compare = compare_name(*compare);
                fields.value = value.to_string();
                fields.span = span_text(*within);
            }
            Condition::Verdict { model, figure, .. } => {
                fields.kind = "verdict";
                fields.model.clone_from(model);
                fields.figure.clone_from(figure);
            }
            Condition::Change { system, within, .. } => {
                fields.kind = "change";
                fields.model.clone_from(system);
                fields.span = span_text(*within);
            }
            Condition::All { .. } | Condition::Any { .. } | Condition::Unless { .. } | Condition::AtLeast { .. } => {
                fields.kind = "code";
            }
        }
        fields
    }
}

fn number(sent: &Sent, name: &str, words: &str) -> Result<f64, String> {
    sent.text(name).trim().parse::<f64>().map_err(|_| format!("{words} is a number"))
}

fn span(sent: &Sent, name: &str, or: i64) -> Result<i64, String> {
    let text = sent.text(name);
    if text.trim().is_empty() {
        return Ok(or);
    }
    parse_span(text.trim()).ok_or_else(|| format!("“{}” is no span of time; write 30s, 10m, 6h or 7d", text.trim()))
}

/// What the form has no field for stays as it was.
fn condition(sent: &Sent, before: &Condition) -> Result<Condition, String> {
    let query = sent.text("query").trim().to_string();
    let compare = COMPARES.iter().find(|c| c.0 == sent.text("compare")).map_or(Compare::Above, |c| c.2);
    let days = || Ok::<u32, String>(number(sent, "days", "The number of days")?.round().clamp(1.0, 90.0) as u32);
    Ok(match sent.text("kind").as_str() {
        "absent" => Condition::Absent { query },
        "anomaly" => Condition::Anomaly { query, lookback: span(sent, "span", DAY)? },
        "forecast" => Condition::Forecast {
            query,
            compare,
            value: number(sent, "value", "The limit")?,
            within: span(sent, "span", 7 * DAY)?,
            lookback: if let Condition::Forecast { lookback, .. } = before { *lookback } else { 7 * DAY },
        },
        "verdict" => Condition::Verdict {
            model: sent.text("model").trim().to_string(),
            figure: sent.text("figure").trim().to_string(),
            environment: match before {
                Condition::Verdict { environment, .. } => environment.clone(),
                _ => String::new(),
            },
        },
        "change" => Condition::Change {
            kind: if let Condition::Change { kind, .. } = before { *kind } else { None },
            system: sent.text("model").trim().to_string(),
            within: span(sent, "span", HOUR)?,
        },
        "code" => serde_json::from_str(&sent.text("code")).map_err(|e| format!("the condition cannot be read: {e}"))?,
        _ => {
            let limit = match (compare, sent.text("limit").as_str()) {
                // The query compares itself.
                (Compare::Returned, _) => Limit::Fixed { value: 0.0 },
                (_, "learned") => {
                    Limit::Learned { deviations: number(sent, "value", "The number of deviations")?, days: days()? }
                }
                (_, "budget") => Limit::Budget { per_week: number(sent, "value", "The budget")?, days: days()? },
                _ => Limit::Fixed { value: number(sent, "value", "The limit")? },
            };
            Condition::Signal { query, compare, limit }
        }
    })
}

/// The rule that a form holds.
///
/// # Errors
/// A sentence about the first field that cannot be read.
pub fn read(sent: &Sent, before: &RuleText) -> Result<RuleText, String> {
    let labels: BTreeMap<String, String> =
        Matcher::parse_all(&sent.text("labels"))?.into_iter().map(|m| (m.name, m.value)).collect();
    let mut annotations = before.annotations.clone();
    let summary = sent.text("summary");
    if summary.trim().is_empty() {
        annotations.remove("summary");
    } else {
        annotations.insert("summary".into(), summary);
    }
    Ok(RuleText {
        name: sent.text("name"),
        description: sent.text("description"),
        enabled: !sent.text("enabled").is_empty(),
        condition: condition(sent, &before.condition)?,
        pending: span(sent, "for", 0)?,
        keep_firing_for: span(sent, "keep", 0)?,
        every: before.every,
        no_data: NoData::ALL.into_iter().find(|n| n.name() == sent.text("no_data")).unwrap_or_default(),
        severity: Severity::ALL.into_iter().find(|s| s.name() == sent.text("severity")).unwrap_or_default(),
        urgency: Urgency::ALL.into_iter().find(|u| u.name() == sent.text("urgency")).unwrap_or_default(),
        priority: Priority::parse(&sent.text("priority")),
        labels,
        annotations,
        runbook: sent.text("runbook"),
        remediation: sent.text("remediation"),
    })
}

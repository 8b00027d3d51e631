//! A whole rule there and back: how its conditions join, and everything that is not a condition.

use std::collections::BTreeMap;

use domain::alert::condition::Condition;
use domain::alert::matcher::Matcher;
use domain::alert::only_if::OnlyIf;
use domain::alert::priority::{Priority, Severity, Urgency};
use domain::alert::rule::{NoData, RuleText};
use domain::time::parse_span;

use super::clause::no_span;
use crate::components::form::Sent;

/// How several conditions join.
pub const JOINS: [(&str, &str); 4] = [
    ("all", "all of these hold"),
    ("any", "any of these holds"),
    ("unless", "the first holds and none of the others"),
    ("at_least", "at least so many of these hold"),
];

/// The clauses of a condition, how they join, and how many have to hold. `None` where composites stand in
/// composites, which is written as JSON.
pub fn clauses(condition: &Condition) -> Option<(&'static str, u32, Vec<Condition>)> {
    let (join, count, of) = match condition {
        Condition::All { of } => ("all", 2, of),
        Condition::Any { of } => ("any", 2, of),
        Condition::Unless { of } => ("unless", 2, of),
        Condition::AtLeast { count, of } => ("at_least", *count, of),
        one => return Some(("all", 2, vec![one.clone()])),
    };
    of.iter().all(|one| one.parts().is_empty()).then(|| (join, count, of.clone()))
}

/// The condition that clauses make.
pub fn joined(join: &str, count: u32, mut of: Vec<Condition>) -> Option<Condition> {
    Some(match (of.len(), join) {
        (0, _) => return None,
        (1, _) => of.remove(0),
        (_, "any") => Condition::Any { of },
        (_, "unless") => Condition::Unless { of },
        (_, "at_least") => Condition::AtLeast { count, of },
        _ => Condition::All { of },
    })
}

fn span(sent: &Sent, name: &str) -> Result<i64, String> {
    match sent.text(name).trim() {
        "" => Ok(0),
        text => parse_span(text).ok_or_else(|| no_span(text)),
    }
}

/// Whether a condition looks at a model's figure, of which alone it is known what it rests on. The server reads
/// the queries themselves and has the last word.
pub fn of_figure(condition: &Condition) -> bool {
    condition.any(&|one| match one {
        Condition::Signal { query, .. } => query.contains("model_"),
        Condition::Verdict { .. } => true,
        _ => false,
    })
}

/// What has to hold besides. What is not shown is not asked.
fn only_if(sent: &Sent, condition: &Condition) -> Result<OnlyIf, String> {
    let ticked = |name: &str| !sent.text(name).is_empty();
    let outside_maintenance = ticked("outside_maintenance");
    if !of_figure(condition) {
        return Ok(OnlyIf { outside_maintenance, ..OnlyIf::default() });
    }
    let events = match (ticked("enough"), sent.text("events").trim().replace([',', ' '], "")) {
        (false, _) => 0,
        (true, text) => text.parse().map_err(|_| format!("“{text}” is no number of events"))?,
    };
    Ok(OnlyIf { events, surely: ticked("surely"), outside_maintenance })
}

/// The rule that a form holds.
///
/// # Errors
/// A sentence about the first field that cannot be read.
pub fn read(sent: &Sent, condition: Condition, before: &RuleText) -> Result<RuleText, String> {
    let labels: BTreeMap<String, String> =
        Matcher::parse_all(&sent.text("labels"))?.into_iter().map(|m| (m.name, m.value)).collect();
    let mut annotations = before.annotations.clone();
    let summary = sent.text("summary");
    if summary.trim().is_empty() {
        annotations.remove("summary");
    } else {
        annotations.insert("summary".into(), summary);
    }
    let only_if = only_if(sent, &condition)?;
    Ok(RuleText {
        name: sent.text("name"),
        description: sent.text("description"),
        enabled: !sent.text("enabled").is_empty(),
        condition,
        only_if,
        pending: span(sent, "for")?,
        keep_firing_for: span(sent, "keep")?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_join_back_to_the_condition_they_came_from() {
        let one = |q: &str| Condition::Absent { query: q.into() };
        let two = || vec![one("a"), one("b")];
        for condition in [
            one("a"),
            Condition::All { of: two() },
            Condition::Any { of: two() },
            Condition::Unless { of: two() },
            Condition::AtLeast { count: 1, of: two() },
        ] {
            let (join, count, of) = clauses(&condition).expect("sentences can say it");
            assert_eq!(joined(join, count, of), Some(condition));
        }
        let nested = Condition::All { of: vec![one("a"), Condition::Any { of: two() }] };
        assert_eq!(clauses(&nested), None);
        assert_eq!(joined("all", 2, Vec::new()), None);
    }
}

//! What verdicts say in plain words. A reader who knows no statistics must understand each.

use domain::format;
use domain::verdict::{ColumnKind, Finding, Usual, WindowReport, metric_title, metric_words};

/// One sentence for one column.
pub(crate) fn column(
    name: &str,
    finding: Finding,
    type_changed: bool,
    (kind, centre): (ColumnKind, &Option<(String, String)>),
    before: (u64, u64),
    now: (u64, u64),
    unseen: u64,
) -> String {
    let share = |(missing, present): (u64, u64)| missing as f64 / ((missing + present).max(1)) as f64;
    if type_changed {
        return format!("{name} used to be a number and now holds text");
    }
    if share(now) - share(before) >= crate::drift::MISSING_LIMIT {
        return format!(
            "{name} is missing in {} of rows, {} before",
            format::percent(share(now)),
            format::percent(share(before))
        );
    }
    let how = match finding {
        Finding::NotEnoughData => {
            return format!("{name}: {} rows are too few to say", format::count(now.1 as f64));
        }
        Finding::None => return format!("{name} is as it was"),
        Finding::Small => "has changed a little",
        Finding::Moderate => "has changed",
        Finding::Large => "has changed a lot",
    };
    let new = if unseen > 0 {
        format!("; {} rows hold values that the baseline never had", format::count(unseen as f64))
    } else {
        String::new()
    };
    match (kind, centre) {
        (_, Some((was, is))) if was != is => format!("{name} {how}: typically {is}, {was} before{new}"),
        (ColumnKind::Categorical, Some((_, is))) => {
            format!("{name} {how}: {is} is the most frequent as before, what the others share is not the same{new}")
        }
        _ => format!("{name} {how}: its middle is where it was, its spread is not{new}"),
    }
}

/// One sentence for a window, the worst thing first. `name` is the leading measure.
pub fn window(report: &WindowReport, name: &str, usual: Option<&Usual>) -> String {
    if report.rows == 0 {
        return "No predictions".into();
    }
    let mut parts = Vec::new();
    let realised = report.quality.as_ref().filter(|q| q.labelled >= 30).and_then(|q| q.metric(name));
    let estimated = report.estimated.as_ref().and_then(|e| e.metric(name));
    let said = realised.map(|m| (m, metric_title(&m.name).to_string()));
    let said = said.or_else(|| estimated.map(|m| (m, format!("Estimated {}", metric_words(&m.name)))));
    match (said, usual) {
        (Some((metric, title)), Some(usual)) => {
            let value = metric.estimate.value;
            let range = format!("{}–{}", format::fixed(usual.lower, 3), format::fixed(usual.upper, 3));
            let worse = if metric.higher_is_better { value < usual.lower } else { value > usual.upper };
            let outside = if worse { "outside the usual" } else { "usual" };
            parts.push(format!("{title} is {}, {outside} {range}", format::fixed(value, 3)));
        }
        (Some((metric, title)), None) => parts.push(format!("{title} is {}", format::fixed(metric.estimate.value, 3))),
        (None, _) => {}
    }
    if report.drift.as_ref().is_some_and(|d| d.concept) {
        parts.push("outcomes no longer follow the inputs as they did".into());
    }
    parts.extend(report.data.complaints().into_iter().take(1));
    // A column keeps its own name, also where it comes first.
    let named_first = parts.is_empty();
    let columns = &report.columns;
    let drifted: Vec<&str> = columns.iter().filter(|c| c.finding.drifted()).map(|c| c.name.as_str()).collect();
    match drifted.as_slice() {
        [] if columns.is_empty() => parts.push("no baseline to compare with".into()),
        [] => parts.push("no drift".into()),
        [one] => parts.push(format!("{one} has drifted")),
        [one, two] => parts.push(format!("{one} and {two} have drifted")),
        [one, two, rest @ ..] => parts.push(format!("{one}, {two} and {} more have drifted", rest.len())),
    }
    if let Some(unfair) = report.fairness.iter().find(|f| f.unfair) {
        parts.push(format!("groups of {} are treated unlike each other", unfair.column));
    }
    let text = parts.join("; ");
    if named_first && !drifted.is_empty() { text } else { format::begun(&text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_has_no_middle_and_no_spread() {
        let same = Some(("rent".to_string(), "rent".to_string()));
        let said = |kind| column("home", Finding::Large, false, (kind, &same), (0, 500), (0, 500), 0);
        assert!(said(ColumnKind::Categorical).contains("rent is the most frequent as before"));
        assert!(said(ColumnKind::Numeric).contains("its middle is where it was"));
    }
}

//! What verdicts say in plain words. A reader who knows no statistics must understand each.

use domain::format;
use domain::verdict::{ColumnVerdict, Finding, Metric, Usual, metric_title};

/// One sentence for one column.
pub(crate) fn column(
    name: &str,
    finding: Finding,
    type_changed: bool,
    centre: &Option<(String, String)>,
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
    match centre {
        Some((was, is)) if was != is => format!("{name} {how}: typically {is}, {was} before{new}"),
        _ => format!("{name} {how}: its middle is where it was, its spread is not{new}"),
    }
}

/// One sentence for a window, the worst thing first.
pub fn window(rows: u64, metric: Option<&Metric>, usual: Option<&Usual>, columns: &[ColumnVerdict]) -> String {
    let mut parts = Vec::new();
    if let (Some(metric), Some(usual)) = (metric, usual) {
        let value = metric.estimate.value;
        let title = metric_title(&metric.name);
        let range = format!("{}–{}", format::fixed(usual.lower, 3), format::fixed(usual.upper, 3));
        let worse = if metric.higher_is_better { value < usual.lower } else { value > usual.upper };
        if worse {
            parts.push(format!("{title} is {}, outside the usual {range}", format::fixed(value, 3)));
        } else {
            parts.push(format!("{title} is {}, usual {range}", format::fixed(value, 3)));
        }
    } else if let Some(metric) = metric {
        parts.push(format!("{} is {}", metric_title(&metric.name), format::fixed(metric.estimate.value, 3)));
    }
    let drifted: Vec<&str> = columns.iter().filter(|c| c.finding.drifted()).map(|c| c.name.as_str()).collect();
    match drifted.as_slice() {
        [] if columns.is_empty() => parts.push("no baseline to compare with".into()),
        [] => parts.push("no drift".into()),
        [one] => parts.push(format!("{one} has drifted")),
        [one, two] => parts.push(format!("{one} and {two} have drifted")),
        [one, two, rest @ ..] => parts.push(format!("{one}, {two} and {} more have drifted", rest.len())),
    }
    if rows == 0 {
        return "No predictions".into();
    }
    parts.join("; ")
}

//! Conditions: what a rule looks for, alone or several together, and what an evaluation of them finds.

use serde::{Deserialize, Serialize};

use super::Labels;
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
    /// The conditions of a composite; of any other none.
    pub fn parts(&self) -> &[Condition] {
        match self {
            Condition::All { of }
            | Condition::Any { of }
            | Condition::Unless { of }
            | Condition::AtLeast { of, .. } => of,
            _ => &[],
        }
    }

    /// Whether it, or one of the conditions in it, is one of these.
    pub fn any(&self, of: &impl Fn(&Condition) -> bool) -> bool {
        of(self) || self.parts().iter().any(|part| part.any(of))
    }

    /// The query that is drawn for it; of a composite the first.
    pub fn query(&self) -> &str {
        match self {
            Condition::Signal { query, .. }
            | Condition::Absent { query }
            | Condition::Anomaly { query, .. }
            | Condition::Forecast { query, .. } => query,
            _ => self.parts().first().map_or("", Condition::query),
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

    pub(super) fn problem(&self, depth: usize) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn few_figures_are_named_and_of_many_the_first() {
        let words = |figure: &str| {
            Condition::Verdict { model: "m".into(), figure: figure.into(), environment: String::new(), windows: 1 }
                .words()
        };
        assert_eq!(words("accuracy"), "accuracy of m is out of bounds");
        assert_eq!(words("missing, unseen,volume"), "missing, unseen or volume of m is out of bounds");
        assert_eq!(words("a,b,c,d,e,f"), "a, b or another of 6 figures of m is out of bounds");
    }
}

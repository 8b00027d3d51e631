//! Priority: how much it hurts, how soon, and how much the business rests on it. Computed, explained,
//! and never hidden: a person may override it on the rule.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Priority {
    P1,
    P2,
    #[default]
    P3,
    P4,
}

impl Priority {
    pub const ALL: [Priority; 4] = [Priority::P1, Priority::P2, Priority::P3, Priority::P4];

    pub fn name(self) -> &'static str {
        ["P1", "P2", "P3", "P4"][self as usize]
    }

    pub fn title(self) -> &'static str {
        ["Critical", "High", "Medium", "Low"][self as usize]
    }

    pub fn parse(text: &str) -> Option<Priority> {
        Priority::ALL.into_iter().find(|p| p.name().eq_ignore_ascii_case(text))
    }

    /// Those that a list by commas names.
    pub fn parse_all(text: &str) -> Vec<Priority> {
        text.split(',').filter_map(|part| Priority::parse(part.trim())).collect()
    }

    /// Whether a person is called at any hour.
    pub fn pages(self) -> bool {
        self <= Priority::P2
    }
}

/// How much is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Critical,
    #[default]
    Warning,
    Info,
}

impl Severity {
    pub const ALL: [Severity; 3] = [Severity::Critical, Severity::Warning, Severity::Info];

    pub fn name(self) -> &'static str {
        ["critical", "warning", "info"][self as usize]
    }

    /// As senders write it: other words than ours are warnings.
    pub fn read(text: &str) -> Severity {
        match text.to_ascii_lowercase().as_str() {
            "critical" | "page" | "error" | "emergency" | "fatal" | "high" | "p1" => Severity::Critical,
            "info" | "information" | "none" | "low" | "notice" | "p4" => Severity::Info,
            _ => Severity::Warning,
        }
    }
}

/// How soon somebody must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    Now,
    #[default]
    Soon,
    Later,
}

impl Urgency {
    pub const ALL: [Urgency; 3] = [Urgency::Now, Urgency::Soon, Urgency::Later];

    pub fn name(self) -> &'static str {
        ["now", "soon", "later"][self as usize]
    }
}

/// How much the business rests on a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Criticality {
    High,
    #[default]
    Usual,
    Low,
}

impl Criticality {
    /// From a system's business weight beside the mean of all.
    pub fn of(weight: f64, mean: f64) -> Criticality {
        match weight / mean {
            _ if mean <= 0.0 => Criticality::Usual,
            share if share >= 1.5 => Criticality::High,
            share if share <= 0.5 => Criticality::Low,
            _ => Criticality::Usual,
        }
    }

    fn words(self) -> &'static str {
        ["a system the business rests on", "a system of usual weight", "a system of little weight"][self as usize]
    }
}

/// Each of the three counts 3, 2 or 1: from 8 of 9 on it is P1, with 7 P2, with 5 or 6 P3, below P4.
pub fn priority(severity: Severity, urgency: Urgency, criticality: Criticality) -> (Priority, String) {
    let points = 9 - (severity as u32 + urgency as u32 + criticality as u32);
    let priority = match points {
        8.. => Priority::P1,
        7 => Priority::P2,
        5 | 6 => Priority::P3,
        _ => Priority::P4,
    };
    let reason = format!(
        "{} severity, to act on {}, {}: {points} of 9 points",
        severity.name(),
        urgency.name(),
        criticality.words()
    );
    (priority, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worse_never_ranks_lower() {
        for severity in Severity::ALL {
            for urgency in Urgency::ALL {
                let of = |c| priority(severity, urgency, c).0;
                assert!(of(Criticality::High) <= of(Criticality::Usual));
                assert!(of(Criticality::Usual) <= of(Criticality::Low));
            }
        }
        assert_eq!(priority(Severity::Critical, Urgency::Now, Criticality::Usual).0, Priority::P1);
        assert_eq!(priority(Severity::Warning, Urgency::Soon, Criticality::Usual).0, Priority::P3);
        assert_eq!(priority(Severity::Info, Urgency::Later, Criticality::Usual).0, Priority::P4);
    }
}

//! From alerts to incidents: what happened at the same time, close by, is one thing.
//!
//! Deliberately simple and explained: an alert joins an open incident of the same name or system, or of a
//! system linked with it, while that incident is young or still growing.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::time::MINUTE;

/// An incident that still grows takes in what comes so soon after its last alert.
pub const TOGETHER: i64 = 15 * MINUTE;
/// What is linked with it only, so soon.
pub const LINKED: i64 = 10 * MINUTE;

/// What correlation needs to know of an open incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Open {
    pub id: i64,
    pub environment: String,
    /// Names of its alerts, its systems and what they are about.
    pub names: Vec<String>,
    pub systems: Vec<String>,
    pub subjects: Vec<String>,
    pub last_alert: Timestamp,
}

/// What it needs to know of an alert.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Newcomer<'a> {
    pub name: &'a str,
    pub system: &'a str,
    pub subject: &'a str,
    pub environment: &'a str,
    pub at: Timestamp,
}

/// The incident that an alert belongs to, with why in words.
pub fn belongs(open: &[Open], alert: Newcomer<'_>, linked: &dyn Fn(&str, &str) -> bool) -> Option<(i64, String)> {
    let has = |list: &[String], one: &str| !one.is_empty() && list.iter().any(|x| x == one);
    let near = |o: &&Open, span: i64| {
        let same = o.environment.is_empty() || alert.environment.is_empty() || o.environment == alert.environment;
        same && (alert.at.0 - o.last_alert.0).abs() <= span
    };
    let newest = |found: Vec<&Open>| found.into_iter().max_by_key(|o| (o.last_alert, o.id)).map(|o| o.id);
    let of = |span: i64, test: &dyn Fn(&Open) -> bool| {
        newest(open.iter().filter(|o| near(o, span)).filter(|o| test(o)).collect())
    };
    if let Some(id) = of(TOGETHER, &|o| has(&o.systems, alert.system)) {
        return Some((id, format!("the same system, {}, at the same time", alert.system)));
    }
    if let Some(id) = of(TOGETHER, &|o| has(&o.subjects, alert.subject)) {
        return Some((id, format!("about {} too, at the same time", alert.subject)));
    }
    if let Some(id) = of(TOGETHER, &|o| has(&o.names, alert.name)) {
        return Some((id, format!("the same alert, {}, at the same time", alert.name)));
    }
    let touches = |o: &Open| {
        let theirs = o.systems.iter().chain(&o.subjects);
        let own = [alert.system, alert.subject];
        theirs.into_iter().any(|t| own.iter().any(|a| !a.is_empty() && (linked(t, a) || linked(a, t))))
    };
    of(LINKED, &touches).map(|id| (id, "linked in the topology, at the same time".to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(id: i64, system: &str, at: i64) -> Open {
        Open {
            id,
            environment: "production".into(),
            names: vec!["Slow".into()],
            systems: vec![system.into()],
            subjects: vec![format!("{system}-model")],
            last_alert: Timestamp(at),
        }
    }

    fn alert<'a>(name: &'a str, system: &'a str, at: i64) -> Newcomer<'a> {
        Newcomer { name, system, subject: "", environment: "production", at: Timestamp(at) }
    }

    #[test]
    fn one_system_at_one_time_is_one_incident_and_another_day_is_not() {
        let incidents = [open(1, "credit", 0), open(2, "chat", 0)];
        let none = |_: &str, _: &str| false;
        assert_eq!(belongs(&incidents, alert("Drift", "chat", MINUTE), &none).map(|f| f.0), Some(2));
        assert_eq!(belongs(&incidents, alert("Drift", "chat", 16 * MINUTE), &none), None);
        assert_eq!(belongs(&incidents, alert("Drift", "offers", MINUTE), &none), None);
        assert_eq!(belongs(&incidents, alert("Slow", "offers", MINUTE), &none).map(|f| f.0), Some(2), "the newest");
        let other = Newcomer { environment: "staging", ..alert("Drift", "chat", MINUTE) };
        assert_eq!(belongs(&incidents, other, &none), None);
    }

    #[test]
    fn what_depends_on_it_joins() {
        let incidents = [open(1, "feature-store", 0)];
        let linked = |a: &str, b: &str| (a, b) == ("credit", "feature-store");
        let (id, why) = belongs(&incidents, alert("Drift", "credit", MINUTE), &linked).expect("joins");
        assert!(id == 1 && why.contains("topology"));
    }
}

//! Who is told of what, and how: the routing tree, receivers, inhibitions, times, policies, schedules.
//! One document, replaced as a whole, so that what is in force can always be read as one.

use serde::{Deserialize, Serialize};

use super::destination::Destination;
use super::escalation::Policy;
use super::interval::TimeInterval;
use super::matcher::Matcher;
use super::schedule::Schedule;
use crate::time::{HOUR, MINUTE, SECOND};

/// A node of the routing tree. Empty fields take the parent's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Route {
    pub matchers: Vec<Matcher>,
    /// Whose receiver is told; the parent's where empty.
    pub receiver: String,
    /// Labels that make a group; `...` is every label, each alert a group of its own.
    pub group_by: Option<Vec<String>>,
    /// Before a new group is told of.
    #[serde(with = "crate::span::optional")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub group_wait: Option<i64>,
    /// Between two messages of a group that changed.
    #[serde(with = "crate::span::optional")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub group_interval: Option<i64>,
    /// Between two messages of one that did not.
    #[serde(with = "crate::span::optional")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub repeat_interval: Option<i64>,
    /// The siblings behind this one are asked too.
    #[serde(rename = "continue")]
    pub goes_on: bool,
    /// Names of intervals in which nothing new is told.
    pub mute_intervals: Vec<String>,
    /// Names of intervals outside which nothing new is told; empty is always.
    pub active_intervals: Vec<String>,
    pub routes: Vec<Route>,
}

/// What a route comes to for an alert, its parents' settings filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Routed {
    /// Its place in the tree: `0/2`; the root is empty.
    pub path: String,
    pub receiver: String,
    pub group_by: Vec<String>,
    pub group_wait: i64,
    pub group_interval: i64,
    pub repeat_interval: i64,
    pub mute_intervals: Vec<String>,
    pub active_intervals: Vec<String>,
}

pub const GROUP_WAIT: i64 = 30 * SECOND;
pub const GROUP_INTERVAL: i64 = 5 * MINUTE;
pub const REPEAT_INTERVAL: i64 = 4 * HOUR;
/// Every label, each alert a group of its own.
pub const EVERY_LABEL: &str = "...";

#[cfg(feature = "decide")]
mod routing {
    use super::{EVERY_LABEL, GROUP_INTERVAL, GROUP_WAIT, REPEAT_INTERVAL, Route, Routed};
    use crate::alert::Labels;
    use crate::alert::matcher::Matchers;

    /// The tree with its expressions compiled.
    pub struct Tree {
        matchers: Matchers,
        goes_on: bool,
        here: Routed,
        below: Vec<Tree>,
    }

    impl Tree {
        /// # Errors
        /// A matcher whose expression is none.
        pub fn of(route: &Route) -> Result<Tree, String> {
            let top = Routed {
                path: String::new(),
                receiver: String::new(),
                group_by: vec!["alertname".into(), "system".into()],
                group_wait: GROUP_WAIT,
                group_interval: GROUP_INTERVAL,
                repeat_interval: REPEAT_INTERVAL,
                mute_intervals: Vec::new(),
                active_intervals: Vec::new(),
            };
            Tree::build(route, &top, String::new())
        }

        fn build(route: &Route, parent: &Routed, path: String) -> Result<Tree, String> {
            let here = Routed {
                receiver: if route.receiver.is_empty() { parent.receiver.clone() } else { route.receiver.clone() },
                group_by: route.group_by.clone().unwrap_or_else(|| parent.group_by.clone()),
                group_wait: route.group_wait.unwrap_or(parent.group_wait),
                group_interval: route.group_interval.unwrap_or(parent.group_interval),
                repeat_interval: route.repeat_interval.unwrap_or(parent.repeat_interval),
                // Times are a node's own: children do not inherit them.
                mute_intervals: route.mute_intervals.clone(),
                active_intervals: route.active_intervals.clone(),
                path,
            };
            let below = route
                .routes
                .iter()
                .enumerate()
                .map(|(i, child)| {
                    let path = if here.path.is_empty() { i.to_string() } else { format!("{}/{i}", here.path) };
                    Tree::build(child, &here, path)
                })
                .collect::<Result<_, _>>()?;
            Ok(Tree { matchers: Matchers::of(&route.matchers)?, goes_on: route.goes_on, here, below })
        }

        /// The node at a path.
        pub fn at(&self, path: &str) -> Option<&Routed> {
            if self.here.path == path {
                return Some(&self.here);
            }
            self.below.iter().find_map(|child| child.at(path))
        }

        /// The nodes that an alert goes to: the deepest that match, the first of each level unless it
        /// says to go on.
        pub fn routes(&self, labels: &Labels) -> Vec<&Routed> {
            if !self.matchers.matches(labels) {
                return Vec::new();
            }
            let mut found = Vec::new();
            for child in &self.below {
                let of_child = child.routes(labels);
                let stops = !of_child.is_empty() && !child.goes_on;
                found.extend(of_child);
                if stops {
                    break;
                }
            }
            if found.is_empty() {
                found.push(&self.here);
            }
            found
        }
    }

    impl Routed {
        /// The labels that an alert's group is known by.
        pub fn group_labels(&self, labels: &Labels) -> Labels {
            let all = self.group_by.iter().any(|name| name == EVERY_LABEL);
            labels
                .iter()
                .filter(|(n, _)| all || self.group_by.contains(n))
                .map(|(n, v)| (n.clone(), v.clone()))
                .collect()
        }
    }
}
#[cfg(feature = "decide")]
pub use routing::Tree;

/// An alert that makes others its consequence.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Inhibition {
    pub source: Vec<Matcher>,
    pub target: Vec<Matcher>,
    /// Labels that must agree.
    pub equal: Vec<String>,
}

/// Somebody or something that is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    pub name: String,
    #[serde(default)]
    pub destinations: Vec<Destination>,
    #[serde(default = "yes")]
    pub send_resolved: bool,
    /// Who is called, step by step, until somebody acknowledges; empty is nobody.
    #[serde(default)]
    pub policy: String,
    /// Messages that one destination gets in a minute at most; the rest go together in the next.
    #[serde(default = "per_minute")]
    pub per_minute: u32,
}

impl Receiver {
    /// Whether any of its destinations collects security events.
    pub fn collects(&self) -> bool {
        self.destinations.iter().any(|d| matches!(d, Destination::Siem { .. }))
    }
}

fn yes() -> bool {
    true
}

fn per_minute() -> u32 {
    30
}

/// Everything that decides who is told of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Alerting {
    pub route: Route,
    pub receivers: Vec<Receiver>,
    pub inhibitions: Vec<Inhibition>,
    pub intervals: Vec<TimeInterval>,
    pub policies: Vec<Policy>,
    pub schedules: Vec<Schedule>,
    /// After which a posted alert without an end counts as over.
    #[serde(with = "crate::span")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub resolve_timeout: i64,
    /// Told every [`WATCHDOG_EVERY`] that Plimsoll lives; empty is nobody.
    pub watchdog: String,
    /// Whose collectors of security events are told every deed of people and keys; empty is nobody.
    pub audit: String,
}

/// Between two signs of life.
pub const WATCHDOG_EVERY: i64 = MINUTE;

impl Default for Alerting {
    /// Everything to one receiver that has no destination yet; what is critical quiets what is less so
    /// about the same thing.
    fn default() -> Self {
        let inhibition = Inhibition {
            source: vec![Matcher::equal("severity", "critical")],
            target: vec![Matcher { is_regex: true, ..Matcher::equal("severity", "warning|info") }],
            equal: vec!["alertname".into(), "system".into(), "model".into(), "host".into()],
        };
        Alerting {
            route: Route { receiver: "everyone".into(), ..Route::default() },
            receivers: vec![Receiver {
                name: "everyone".into(),
                destinations: Vec::new(),
                send_resolved: true,
                policy: String::new(),
                per_minute: per_minute(),
            }],
            inhibitions: vec![inhibition],
            intervals: Vec::new(),
            policies: Vec::new(),
            schedules: Vec::new(),
            resolve_timeout: 5 * MINUTE,
            watchdog: String::new(),
            audit: String::new(),
        }
    }
}

/// Of each list at most.
#[cfg(feature = "decide")]
const LIST_MAX: usize = 200;

impl Alerting {
    pub fn receiver(&self, name: &str) -> Option<&Receiver> {
        self.receivers.iter().find(|r| r.name == name)
    }

    pub fn schedule(&self, name: &str) -> Option<&Schedule> {
        self.schedules.iter().find(|s| s.name == name)
    }

    pub fn policy(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|p| p.name == name)
    }

    /// What is wrong with it, if anything: names that lead nowhere, above all.
    #[cfg(feature = "decide")]
    pub fn problem(&self) -> Option<String> {
        let lists = [
            self.receivers.len(),
            self.inhibitions.len(),
            self.intervals.len(),
            self.policies.len(),
            self.schedules.len(),
        ];
        if lists.iter().any(|n| *n > LIST_MAX) {
            return Some(format!("a list has at most {LIST_MAX} entries"));
        }
        if self.resolve_timeout < SECOND {
            return Some("an alert without an end counts for at least a second".into());
        }
        for receiver in &self.receivers {
            if receiver.name.trim().is_empty() {
                return Some("a receiver needs a name".into());
            }
            if self.receivers.iter().filter(|r| r.name == receiver.name).count() > 1 {
                return Some(format!("the receiver {} is there twice", receiver.name));
            }
            if let Some(problem) = receiver.destinations.iter().find_map(Destination::problem) {
                return Some(format!("{}: {problem}", receiver.name));
            }
            if !receiver.policy.is_empty() && self.policy(&receiver.policy).is_none() {
                return Some(format!("{}: there is no policy {}", receiver.name, receiver.policy));
            }
        }
        let own = self.policies.iter().find_map(|p| p.problem(self));
        let own = own.or_else(|| self.schedules.iter().find_map(Schedule::problem));
        let own = own.or_else(|| self.intervals.iter().find_map(TimeInterval::problem));
        if own.is_some() {
            return own;
        }
        for rule in &self.inhibitions {
            for side in [&rule.source, &rule.target] {
                if side.is_empty() {
                    return Some("an inhibition needs matchers on both sides".into());
                }
                if let Err(problem) = super::matcher::Matchers::of(side) {
                    return Some(problem);
                }
            }
        }
        if !self.watchdog.is_empty() && self.receiver(&self.watchdog).is_none() {
            return Some(format!("there is no receiver {}", self.watchdog));
        }
        if !self.audit.is_empty() {
            match self.receiver(&self.audit) {
                None => return Some(format!("there is no receiver {}", self.audit)),
                Some(receiver) if !receiver.collects() => {
                    return Some(format!("{} has no destination that collects security events", self.audit));
                }
                Some(_) => {}
            }
        }
        if self.receiver(&self.route.receiver).is_none() {
            return Some("the root of the routes needs a receiver that is there".into());
        }
        if !self.route.matchers.is_empty() {
            return Some("the root of the routes takes every alert: it has no matchers".into());
        }
        self.route_problem(&self.route, 0)
    }

    #[cfg(feature = "decide")]
    fn route_problem(&self, route: &Route, depth: usize) -> Option<String> {
        if depth > 10 || route.routes.len() > LIST_MAX {
            return Some(format!("routes go 10 deep and have at most {LIST_MAX} beside each other"));
        }
        if !route.receiver.is_empty() && self.receiver(&route.receiver).is_none() {
            return Some(format!("there is no receiver {}", route.receiver));
        }
        for name in route.mute_intervals.iter().chain(&route.active_intervals) {
            if !self.intervals.iter().any(|i| i.name == *name) {
                return Some(format!("there is no interval {name}"));
            }
        }
        let negative = |v: Option<i64>| v.is_some_and(|v| v < 0);
        if negative(route.group_wait)
            || route.group_interval.is_some_and(|v| v < SECOND)
            || route.repeat_interval.is_some_and(|v| v < SECOND)
        {
            return Some("a group waits 0 s or longer; its intervals are at least a second".into());
        }
        if let Err(problem) = super::matcher::Matchers::of(&route.matchers) {
            return Some(problem);
        }
        route.routes.iter().find_map(|child| self.route_problem(child, depth + 1))
    }
}

#[cfg(all(test, feature = "decide"))]
mod tests {
    use super::*;
    use crate::alert::Labels;

    fn route(matchers: &str, receiver: &str, goes_on: bool, routes: Vec<Route>) -> Route {
        Route {
            matchers: Matcher::parse_all(matchers).expect("matchers"),
            receiver: receiver.into(),
            goes_on,
            routes,
            ..Route::default()
        }
    }

    fn told(tree: &Tree, pairs: &[(&str, &str)]) -> Vec<String> {
        let labels: Labels = pairs.iter().map(|(n, v)| ((*n).to_string(), (*v).to_string())).collect();
        tree.routes(&labels).into_iter().map(|r| r.receiver.clone()).collect()
    }

    #[test]
    fn the_first_match_stops_unless_it_says_to_go_on_and_children_inherit() {
        let inner = Route {
            group_wait: Some(0),
            ..route("team=\"ml\"", "", false, vec![route("p=\"1\"", "pager", false, vec![])])
        };
        let tree = Tree::of(&route(
            "",
            "all",
            false,
            vec![
                route("team=\"db\"", "db", true, vec![]),
                route("team=~\"db|ml\"", "both", true, vec![]),
                inner,
                route("team=\"ml\"", "never", false, vec![]),
            ],
        ))
        .expect("a tree");
        assert_eq!(told(&tree, &[]), ["all"]);
        assert_eq!(told(&tree, &[("team", "db")]), ["db", "both"]);
        assert_eq!(told(&tree, &[("team", "ml")]), ["both", "all"]);
        assert_eq!(told(&tree, &[("team", "ml"), ("p", "1")]), ["both", "pager"]);
        let labels = Labels::from([("team".into(), "ml".into()), ("p".into(), "1".into())]);
        assert_eq!(tree.routes(&labels)[1].group_wait, 0, "inherited");
        assert_eq!(tree.routes(&labels)[1].path, "2/0");
    }

    #[test]
    fn what_leads_nowhere_is_refused_by_name() {
        assert_eq!(Alerting::default().problem(), None);
        let mut wrong = Alerting::default();
        wrong.route.routes.push(route("a=\"b\"", "nobody", false, vec![]));
        assert!(wrong.problem().expect("refused").contains("nobody"));
        wrong = Alerting { watchdog: "dog".into(), ..Alerting::default() };
        assert!(wrong.problem().expect("refused").contains("dog"));
        wrong = Alerting::default();
        wrong.receivers[0]
            .destinations
            .push(Destination::PagerDuty { routing_key: "short".into(), url: String::new() });
        assert!(wrong.problem().expect("refused").contains("32"));
        wrong = Alerting { audit: "everyone".into(), ..Alerting::default() };
        assert!(wrong.problem().expect("refused").contains("collects security events"));
    }
}

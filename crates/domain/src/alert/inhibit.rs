//! Inhibition: an alert that is the consequence of another is not told of.
//!
//! As in Alertmanager: the labels named in `equal` must agree, missing ones being empty; an alert that
//! matches both sides of a rule is not inhibited by another that does.

use std::collections::HashMap;

use super::Labels;
use super::config::Inhibition;
use super::label_index::LabelIndex;
use super::matcher::Matchers;

struct Ready {
    source: Matchers,
    target: Matchers,
    equal: Vec<String>,
}

type Sources = HashMap<Vec<String>, Vec<(String, bool)>>;

/// Inhibitions with the alerts that fire now on their source side.
pub struct Inhibitions {
    rules: Vec<Ready>,
    by_target: LabelIndex,
    /// By rule and the values of its equal labels: the sources' fingerprints, and whether each matches the
    /// target side too.
    sources: Vec<Sources>,
}

fn values(equal: &[String], labels: &Labels) -> Vec<String> {
    equal.iter().map(|name| labels.get(name).cloned().unwrap_or_default()).collect()
}

impl Inhibitions {
    /// `firing`: fingerprints and labels of the alerts that fire.
    pub fn of<'a>(inhibitions: &[Inhibition], firing: impl Iterator<Item = (&'a str, &'a Labels)>) -> Inhibitions {
        let rules: Vec<Ready> = inhibitions
            .iter()
            .filter_map(|rule| {
                Some(Ready {
                    source: Matchers::of(&rule.source).ok()?,
                    target: Matchers::of(&rule.target).ok()?,
                    equal: rule.equal.clone(),
                })
            })
            .collect();
        let by_source = LabelIndex::of(rules.iter().map(|r| &r.source));
        let mut sources: Vec<Sources> = rules.iter().map(|_| Sources::new()).collect();
        for (fingerprint, labels) in firing {
            for place in by_source.candidates(labels) {
                let rule = &rules[place];
                if rule.source.matches(labels) {
                    let both = rule.target.matches(labels);
                    let here = sources[place].entry(values(&rule.equal, labels)).or_default();
                    here.push((fingerprint.to_string(), both));
                }
            }
        }
        let by_target = LabelIndex::of(rules.iter().map(|r| &r.target));
        Inhibitions { rules, by_target, sources }
    }

    /// The alert by which this one is inhibited, if any.
    pub fn inhibitor(&self, fingerprint: &str, labels: &Labels) -> Option<&str> {
        self.by_target.candidates(labels).into_iter().find_map(|place| {
            let (rule, sources) = (&self.rules[place], &self.sources[place]);
            if sources.is_empty() || !rule.target.matches(labels) {
                return None;
            }
            let both = rule.source.matches(labels);
            let here = sources.get(&values(&rule.equal, labels))?;
            here.iter()
                .find(|(source, source_both)| source != fingerprint && !(both && *source_both))
                .map(|(source, _)| source.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::matcher::Matcher;

    fn labels(text: &str) -> Labels {
        text.split(',').filter_map(|p| p.split_once('=')).map(|(n, v)| (n.into(), v.into())).collect()
    }

    fn rule(source: &str, target: &str, equal: &[&str]) -> Inhibition {
        Inhibition {
            source: Matcher::parse_all(source).expect("matchers"),
            target: Matcher::parse_all(target).expect("matchers"),
            equal: equal.iter().map(|e| (*e).to_string()).collect(),
        }
    }

    fn inhibited(rules: &[Inhibition], firing: &[&str], target: &str) -> bool {
        let all: Vec<Labels> = firing.iter().map(|l| labels(l)).collect();
        let prints: Vec<String> = all.iter().map(super::super::fingerprint).collect();
        let pairs = prints.iter().map(String::as_str).zip(&all);
        let target = labels(target);
        Inhibitions::of(rules, pairs).inhibitor(&super::super::fingerprint(&target), &target).is_some()
    }

    #[test]
    fn the_equal_labels_must_agree_and_missing_ones_are_empty() {
        let rules = [rule("severity=\"critical\"", "severity=\"warning\"", &["system"])];
        let fires = ["severity=critical,system=a"];
        assert!(inhibited(&rules, &fires, "severity=warning,system=a"));
        assert!(!inhibited(&rules, &fires, "severity=warning,system=b"));
        assert!(!inhibited(&rules, &fires, "severity=warning"));
        assert!(inhibited(&rules, &["severity=critical"], "severity=warning"));
        assert!(!inhibited(&rules, &[], "severity=warning"));
    }

    #[test]
    fn one_that_matches_both_sides_is_not_inhibited_by_another_that_does() {
        let rules = [rule("a=\"1\"", "b=\"1\"", &[])];
        assert!(!inhibited(&rules, &["a=1,b=1,n=x"], "a=1,b=1,n=y"));
        assert!(inhibited(&rules, &["a=1,n=x"], "a=1,b=1,n=y"));
        assert!(inhibited(&rules, &["a=1,b=1,n=x"], "b=1,n=y"));
        assert!(!inhibited(&rules, &["a=1,b=1"], "a=1,b=1"), "nor by itself");
    }
}

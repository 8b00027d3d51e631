//! Queries that a sentence can say: one function of one metric, by labels, over a span. What is read here is
//! written back as the same query; anything else stays PromQL, or a rule would change by being opened.

use domain::alert::matcher::Matcher;
use domain::time::{parse_span, span_text};

/// Name in the form, words in the sentence, and PromQL up to the metric.
pub const FUNCTIONS: [(&str, &str, &str); 9] = [
    ("last", "newest value", "last_over_time("),
    ("avg", "average", "avg_over_time("),
    ("max", "highest value", "max_over_time("),
    ("min", "lowest value", "min_over_time("),
    ("sum", "sum", "sum_over_time("),
    ("median", "median", "quantile_over_time(0.5,"),
    ("p95", "95th percentile", "quantile_over_time(0.95,"),
    ("rate", "rate a second", "rate("),
    ("increase", "increase", "increase("),
];

#[derive(Debug, Clone, PartialEq)]
pub struct Plain {
    /// A name of [`FUNCTIONS`].
    pub function: &'static str,
    pub metric: String,
    /// `host="a", disk=~"x.*"`
    pub labels: String,
    /// Microseconds; 0 only for the newest value, which then looks no further back than PromQL does.
    pub over: i64,
}

impl Plain {
    /// Reads a query; `None` where it says more than a sentence can.
    pub fn read(query: &str) -> Option<Plain> {
        let query = query.trim();
        for (function, _, call) in FUNCTIONS {
            let Some(inner) = query.strip_prefix(call).and_then(|rest| rest.strip_suffix(')')) else {
                continue;
            };
            let (selector, over) = inner.trim().strip_suffix(']')?.rsplit_once('[')?;
            return Plain::of(function, selector, parse_span(over.trim())?);
        }
        Plain::of("last", query, 0)
    }

    fn of(function: &'static str, selector: &str, over: i64) -> Option<Plain> {
        let (metric, labels) = match selector.trim().split_once('{') {
            Some((metric, rest)) => (metric, rest.strip_suffix('}')?),
            None => (selector, ""),
        };
        let metric = metric.trim();
        let first = metric.chars().next()?;
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        if first.is_ascii_digit() || !metric.chars().all(good) {
            return None;
        }
        let matchers = if labels.trim().is_empty() { Vec::new() } else { Matcher::parse_all(labels).ok()? };
        let labels = matchers.iter().map(Matcher::text).collect::<Vec<_>>().join(", ");
        Some(Plain { function, metric: metric.to_string(), labels, over })
    }

    pub fn query(&self) -> String {
        let labels = self.labels.trim();
        let selector = if labels.is_empty() { self.metric.clone() } else { format!("{}{{{labels}}}", self.metric) };
        if self.over == 0 {
            return selector;
        }
        let call = FUNCTIONS.iter().find(|f| f.0 == self.function).map_or("last_over_time(", |f| f.2);
        let space = if call.ends_with(',') { " " } else { "" };
        format!("{call}{space}{selector}[{}])", span_text(self.over))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sentence_can_say_is_read_and_written_as_the_same_query() {
        for query in [
            "queue_depth",
            "queue_depth{queue=\"mail\"}",
            "avg_over_time(model_accuracy{model=\"credit\", environment!=\"test\"}[5m])",
            "quantile_over_time(0.95, latency_seconds{service=~\"a|b\"}[1h])",
            "rate(errors_total[90s])",
            "last_over_time(model_drift_score[2d])",
        ] {
            assert_eq!(Plain::read(query).map(|p| p.query()).as_deref(), Some(query));
        }
        let odd = Plain::read("max_over_time( up { job = \"a\" } [10m] )").expect("spaces do not matter");
        assert_eq!(odd.query(), "max_over_time(up{job=\"a\"}[10m])");
    }

    #[test]
    fn what_says_more_stays_a_query() {
        for query in [
            "",
            "a / b",
            "sum(rate(errors_total[5m]))",
            "rate(errors_total[5m]) > 1",
            "avg_over_time(up[1h:5m])",
            "up offset 1d",
            "quantile_over_time(0.99, a[5m])",
            "rate(a[5m]) + rate(b[5m])",
        ] {
            assert_eq!(Plain::read(query), None, "{query}");
        }
    }
}

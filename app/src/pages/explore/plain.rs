//! Simple queries as their parts, so that they can be changed by choosing: a function over a span of one metric,
//! where labels match, summed up by labels. A query that says more than that is left to its text.

/// How the values of one series within a span become one, as PromQL calls it and in words.
pub const OVER: [(&str, &str); 9] = [
    ("rate", "per second"),
    ("increase", "increase"),
    ("avg_over_time", "mean"),
    ("max_over_time", "highest"),
    ("min_over_time", "lowest"),
    ("stddev_over_time", "spread"),
    ("p50", "median"),
    ("p95", "p95"),
    ("p99", "p99"),
];
/// How several series become one.
pub const SUMMED: [(&str, &str); 5] =
    [("sum", "sum"), ("avg", "mean"), ("max", "highest"), ("min", "lowest"), ("count", "number")];
pub const SPANS: [&str; 7] = ["1m", "5m", "15m", "1h", "6h", "1d", "7d"];

/// Quantiles, which PromQL writes with a number.
const QUANTILES: [(&str, &str); 3] = [("p50", "0.5"), ("p95", "0.95"), ("p99", "0.99")];
const QUANTILE: &str = "quantile_over_time";
const OPERATORS: [&str; 4] = ["=~", "!~", "!=", "="];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    pub label: String,
    /// One of PromQL's four.
    pub operator: &'static str,
    pub value: String,
}

/// A query of one metric. Texts are empty where the query does not say them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plain {
    /// Of [`SUMMED`].
    pub summed: &'static str,
    pub by: Vec<String>,
    /// Of [`OVER`].
    pub over: &'static str,
    /// Stands exactly where `over` does.
    pub span: String,
    pub metric: String,
    pub filters: Vec<Filter>,
}

impl Plain {
    /// The parts of a query, where it has no others.
    pub fn parse(query: &str) -> Option<Plain> {
        let mut reader = Reader(query);
        let mut plain = Plain::default();
        let before = reader.0;
        let word = reader.word();
        match SUMMED.iter().find(|(name, _)| *name == word) {
            Some((name, _)) if reader.starts("(") || reader.starts("by") => {
                plain.summed = name;
                plain.by = reader.by()?;
                reader.take("(")?;
                plain.inner(&mut reader)?;
                reader.take(")")?;
                if plain.by.is_empty() {
                    plain.by = reader.by()?;
                }
            }
            _ => {
                reader.0 = before;
                plain.inner(&mut reader)?;
            }
        }
        reader.0.trim().is_empty().then_some(plain)
    }

    fn inner(&mut self, reader: &mut Reader) -> Option<()> {
        let word = reader.word();
        if !reader.starts("(") {
            return self.selector(word, reader);
        }
        reader.take("(")?;
        self.over = if word == QUANTILE {
            let number = reader.until(',');
            reader.take(",")?;
            QUANTILES.iter().find(|(_, q)| *q == number).map(|(name, _)| *name)?
        } else {
            // Quantiles have a name here, and none in PromQL.
            let named = |name: &str| QUANTILES.iter().all(|(quantile, _)| *quantile != name);
            OVER.iter().map(|(name, _)| *name).find(|name| *name == word && named(name))?
        };
        let metric = reader.word();
        self.selector(metric, reader)?;
        reader.take("[")?;
        self.span = reader.until(']').to_string();
        reader.take("]")?;
        reader.take(")")?;
        domain::time::parse_span(&self.span).map(|_| ())
    }

    fn selector(&mut self, metric: &str, reader: &mut Reader) -> Option<()> {
        let begins = metric.chars().next()?;
        if begins.is_ascii_digit() {
            return None;
        }
        self.metric = metric.to_string();
        if !reader.starts("{") {
            return Some(());
        }
        reader.take("{")?;
        while !reader.starts("}") {
            let label = reader.word().to_string();
            let operator = OPERATORS.into_iter().find(|o| reader.starts(o))?;
            reader.take(operator)?;
            let value = reader.quoted()?;
            self.filters.push(Filter { label, operator, value });
            if !reader.starts("}") {
                reader.take(",")?;
            }
        }
        reader.take("}")
    }

    /// The query as PromQL spells it.
    pub fn text(&self) -> String {
        let filters: Vec<String> =
            self.filters.iter().map(|f| format!("{}{}{}", f.label, f.operator, quoted(&f.value))).collect();
        let filters = if filters.is_empty() { String::new() } else { format!("{{{}}}", filters.join(", ")) };
        let selector = format!("{}{filters}", self.metric);
        let series = match QUANTILES.iter().find(|(name, _)| *name == self.over) {
            Some((_, q)) => format!("{QUANTILE}({q}, {selector}[{}])", self.span),
            None if self.over.is_empty() => selector,
            None => format!("{}({selector}[{}])", self.over, self.span),
        };
        match (self.summed, self.by.as_slice()) {
            ("", _) => series,
            (summed, []) => format!("{summed}({series})"),
            (summed, by) => format!("{summed} by ({}) ({series})", by.join(", ")),
        }
    }

    /// With another function over time; an empty one takes it away.
    pub fn over(&self, over: &'static str) -> Plain {
        let span = match (over, self.span.as_str()) {
            ("", _) => String::new(),
            (_, "") => "5m".to_string(),
            (_, span) => span.to_string(),
        };
        Plain { over, span, ..self.clone() }
    }

    pub fn within(&self, span: &str) -> Plain {
        Plain { span: span.to_string(), ..self.clone() }
    }

    /// Summed up otherwise; not at all, it has no groups either.
    pub fn summed(&self, summed: &'static str) -> Plain {
        let by = if summed.is_empty() { Vec::new() } else { self.by.clone() };
        Plain { summed, by, ..self.clone() }
    }

    /// By one label more, or no longer by it.
    pub fn by_turned(&self, label: &str) -> Plain {
        let mut by = self.by.clone();
        match by.iter().position(|l| l == label) {
            Some(at) => drop(by.remove(at)),
            None => by.push(label.to_string()),
        }
        // What is counted adds up; what is measured has a mean.
        let fitting = if ["rate", "increase"].contains(&self.over) { "sum" } else { "avg" };
        let summed = if self.summed.is_empty() { fitting } else { self.summed };
        Plain { by, summed, ..self.clone() }
    }

    pub fn only(&self, label: &str, value: &str) -> Plain {
        let mut filters = self.filters.clone();
        filters.push(Filter { label: label.to_string(), operator: "=", value: value.to_string() });
        Plain { filters, ..self.clone() }
    }

    pub fn without(&self, place: usize) -> Plain {
        let mut filters = self.filters.clone();
        if place < filters.len() {
            filters.remove(place);
        }
        Plain { filters, ..self.clone() }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// What of a query is still to be read.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn starts(&self, text: &str) -> bool {
        self.0.trim_start().starts_with(text)
    }

    fn take(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(text)?;
        Some(())
    }

    /// A name; empty where none stands.
    fn word(&mut self) -> &'a str {
        let text = self.0.trim_start();
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
        self.0 = &text[end..];
        &text[..end]
    }

    fn until(&mut self, stop: char) -> &'a str {
        let end = self.0.find(stop).unwrap_or(self.0.len());
        let (before, rest) = self.0.split_at(end);
        self.0 = rest;
        before.trim()
    }

    /// `by (a, b)`; nothing where that does not stand.
    fn by(&mut self) -> Option<Vec<String>> {
        let before = self.0;
        if self.word() != "by" {
            self.0 = before;
            return Some(Vec::new());
        }
        self.take("(")?;
        let mut labels = Vec::new();
        while !self.starts(")") {
            let label = self.word();
            if label.is_empty() {
                return None;
            }
            labels.push(label.to_string());
            if !self.starts(")") {
                self.take(",")?;
            }
        }
        self.take(")")?;
        Some(labels)
    }

    fn quoted(&mut self) -> Option<String> {
        let text = self.0.trim_start();
        let quote = text.chars().next().filter(|c| ['"', '\''].contains(c))?;
        let mut value = String::new();
        let mut characters = text.char_indices().skip(1);
        while let Some((at, c)) = characters.next() {
            match c {
                '\\' => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    known @ ('\\' | '"' | '\'') => value.push(known),
                    _ => return None,
                },
                c if c == quote => {
                    self.0 = &text[at + c.len_utf8()..];
                    return Some(value);
                }
                c => value.push(c),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_only_these_parts_is_written_as_it_was_read() {
        for query in [
            "up",
            "up{job=\"a\"}",
            "rate(http_requests_total{code=~\"5..\", path!=\"/a \\\"b\\\" \\\\\"}[5m])",
            "sum by (service, code) (rate(http_requests_total[1m]))",
            "avg(up)",
            "quantile_over_time(0.95, latency{zone=\"ü\"}[1h])",
            "max by (a) (min_over_time(x:y_z[7d]))",
        ] {
            assert_eq!(Plain::parse(query).map(|p| p.text()).as_deref(), Some(query));
        }
        assert_eq!(Plain::parse(" sum( rate(x[5m]) ) by (a) ").unwrap().text(), "sum by (a) (rate(x[5m]))");
        assert_eq!(Plain::parse("sum").unwrap().metric, "sum");
    }

    #[test]
    fn what_says_more_is_left_to_its_text() {
        for query in [
            "",
            "1",
            "a + b",
            "rate(x[5m]) * 2",
            "rate(x[5m:1m])",
            "rate(x[5m] offset 1d)",
            "topk(5, x)",
            "histogram_quantile(0.9, x)",
            "quantile_over_time(0.7, x[5m])",
            "sum without (a) (x)",
            "x{a=\"b}",
            "x{a=\"\\d\"}",
            "sum by (a (x)",
            "{__name__=\"x\"}",
        ] {
            assert_eq!(Plain::parse(query), None, "{query}");
        }
    }

    #[test]
    fn parts_are_changed_one_by_one() {
        let plain = Plain::parse("http_requests_total").unwrap();
        let rate = plain.over("rate").only("code", "500");
        assert_eq!(rate.text(), "rate(http_requests_total{code=\"500\"}[5m])");
        let by = rate.by_turned("path").within("1h");
        assert_eq!(by.text(), "sum by (path) (rate(http_requests_total{code=\"500\"}[1h]))");
        assert_eq!(by.without(0).by_turned("path").text(), "sum(rate(http_requests_total[1h]))");
        assert_eq!(by.summed("").over("").without(0).text(), "http_requests_total");
        assert_eq!(plain.by_turned("a").text(), "avg by (a) (http_requests_total)");
    }
}

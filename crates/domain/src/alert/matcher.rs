//! Matchers on labels, as Alertmanager writes and means them: a missing label is an empty one, a regular
//! expression matches the whole value.

use serde::{Deserialize, Serialize};

#[cfg(feature = "decide")]
use super::Labels;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Matcher {
    pub name: String,
    pub value: String,
    #[serde(default)]
    pub is_regex: bool,
    #[serde(default = "yes")]
    pub is_equal: bool,
}

fn yes() -> bool {
    true
}

impl Matcher {
    pub fn equal(name: &str, value: &str) -> Matcher {
        Matcher { name: name.into(), value: value.into(), is_regex: false, is_equal: true }
    }

    /// `severity=~"a|b"`
    pub fn text(&self) -> String {
        let sign = match (self.is_equal, self.is_regex) {
            (true, false) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (false, true) => "!~",
        };
        format!("{}{sign}\"{}\"", self.name, self.value.replace('\\', "\\\\").replace('"', "\\\""))
    }

    /// Reads `name=value`, `name!="value"`, `name=~regex`, `name!~regex`.
    ///
    /// # Errors
    /// A sentence on what a matcher looks like.
    pub fn parse(text: &str) -> Result<Matcher, String> {
        let text = text.trim();
        let wrong = || format!("“{text}” is no matcher; write name=\"value\", !=, =~ or !~");
        let end = text.find(['=', '!']).ok_or_else(wrong)?;
        let (name, rest) = text.split_at(end);
        let (is_equal, is_regex, value) = if let Some(v) = rest.strip_prefix("=~") {
            (true, true, v)
        } else if let Some(v) = rest.strip_prefix("!~") {
            (false, true, v)
        } else if let Some(v) = rest.strip_prefix("!=") {
            (false, false, v)
        } else {
            (true, false, rest.strip_prefix('=').ok_or_else(wrong)?)
        };
        let (name, value) = (name.trim().trim_matches('"').to_string(), value.trim());
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.strip_suffix('"').ok_or_else(wrong)?.replace("\\\"", "\"").replace("\\\\", "\\"),
            None => value.to_string(),
        };
        if name.is_empty() {
            return Err(wrong());
        }
        Ok(Matcher { name, value, is_regex, is_equal })
    }

    /// Several, by commas that stand outside quotes.
    ///
    /// # Errors
    /// As [`Matcher::parse`], for the first that is none.
    pub fn parse_all(text: &str) -> Result<Vec<Matcher>, String> {
        let text = text.trim().trim_start_matches('{').trim_end_matches('}');
        let (mut all, mut part, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
        for c in text.chars() {
            match c {
                ',' if !quoted => all.push(std::mem::take(&mut part)),
                _ => {
                    if c == '"' && !escaped {
                        quoted = !quoted;
                    }
                    part.push(c);
                }
            }
            escaped = c == '\\' && !escaped;
        }
        all.push(part);
        all.iter().filter(|p| !p.trim().is_empty()).map(|p| Matcher::parse(p)).collect()
    }

    /// Whether an empty value matches, so that every label set without the label does.
    #[cfg(feature = "decide")]
    pub fn matches_empty(&self) -> bool {
        Ready::of(self).is_some_and(|ready| ready.accepts(""))
    }
}

/// A matcher with its expression compiled.
#[cfg(feature = "decide")]
#[derive(Debug, Clone)]
pub struct Ready {
    name: String,
    value: String,
    equal: bool,
    expression: Option<regex::Regex>,
}

#[cfg(feature = "decide")]
impl Ready {
    /// `None` for an expression that is none.
    pub fn of(matcher: &Matcher) -> Option<Ready> {
        let expression = if matcher.is_regex {
            let whole = format!("^(?s:{})$", matcher.value);
            Some(regex::RegexBuilder::new(&whole).size_limit(1 << 20).build().ok()?)
        } else {
            None
        };
        Some(Ready { name: matcher.name.clone(), value: matcher.value.clone(), equal: matcher.is_equal, expression })
    }

    fn accepts(&self, value: &str) -> bool {
        let same = match &self.expression {
            Some(expression) => expression.is_match(value),
            None => value == self.value,
        };
        same == self.equal
    }

    pub fn matches(&self, labels: &Labels) -> bool {
        self.accepts(labels.get(&self.name).map_or("", String::as_str))
    }
}

/// Matchers that must all match.
#[cfg(feature = "decide")]
#[derive(Debug, Clone, Default)]
pub struct Matchers(Vec<Ready>);

#[cfg(feature = "decide")]
impl Matchers {
    /// # Errors
    /// The first expression that is none, by its text.
    pub fn of(matchers: &[Matcher]) -> Result<Matchers, String> {
        let ready = |m: &Matcher| Ready::of(m).ok_or_else(|| format!("{} is no regular expression", m.text()));
        Ok(Matchers(matchers.iter().map(ready).collect::<Result<_, _>>()?))
    }

    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|m| m.matches(labels))
    }

    /// A label and the one value it must have, where one of the matchers says so: what an index may go by.
    pub fn key(&self) -> Option<(&str, &str)> {
        let plain = |m: &&Ready| m.equal && m.expression.is_none() && !m.value.is_empty();
        self.0.iter().find(plain).map(|m| (m.name.as_str(), m.value.as_str()))
    }
}

#[cfg(all(test, feature = "decide"))]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(n, v)| ((*n).to_string(), (*v).to_string())).collect()
    }

    #[test]
    fn an_expression_matches_the_whole_value_and_a_missing_label_is_empty() {
        let matches = |text: &str, pairs: &[(&str, &str)]| {
            Matchers::of(&Matcher::parse_all(text).expect("matchers")).expect("right").matches(&labels(pairs))
        };
        assert!(matches("a=~\"x|y\"", &[("a", "y")]));
        assert!(!matches("a=~\"x\"", &[("a", "xx")]));
        assert!(matches("a=\"\"", &[]) && matches("a!=\"b\"", &[]) && matches("a=~\".*\"", &[]));
        assert!(!matches("a=~\".+\"", &[]));
        assert!(matches("{a=\"1,2\", b!~\"c.*\"}", &[("a", "1,2"), ("b", "d")]));
    }

    #[test]
    fn texts_are_read_back_as_they_were_written() {
        for text in ["a=\"b\"", "a!=\"b\"", "a=~\"b|c\"", "a!~\"b\\\\d\"", "a=\"say \\\"no\\\"\""] {
            assert_eq!(Matcher::parse(text).expect("one").text(), text);
        }
        assert!(Matcher::parse("nothing").is_err() && Matcher::parse("=x").is_err());
    }
}

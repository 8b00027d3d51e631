//! What a program answers when its metrics are asked for: Prometheus' text format and OpenMetrics.
//!
//! A line that cannot be read is counted and left out; the others are kept. Nothing is unbounded: neither the
//! lines nor the labels of one.

use std::collections::BTreeMap;

/// Samples of one answer at most.
pub const SAMPLES_MAX: usize = 200_000;
const LABELS_MAX: usize = 64;
const LABEL_BYTES: usize = 1024;

/// One sample as it stands in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'a> {
    pub name: &'a str,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
    /// Milliseconds since 1970, where the text says it.
    pub at: Option<i64>,
    pub exemplar: Option<Exemplar>,
}

/// One observation named beside a sample, mostly with the trace it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
    pub at: Option<i64>,
}

#[derive(Debug, Default)]
pub struct Exposition<'a> {
    pub lines: Vec<Line<'a>>,
    /// Units by metric, where OpenMetrics says them.
    pub units: BTreeMap<&'a str, &'a str>,
    pub refused: u64,
    /// The first line that could not be read, and why.
    pub reason: Option<String>,
}

/// Reads a whole answer.
pub fn read(text: &str) -> Exposition<'_> {
    let mut found = Exposition::default();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.split_ascii_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some("UNIT"), Some(name), Some(unit)) => drop(found.units.insert(name, unit)),
                (Some("EOF"), None, None) => break,
                _ => {}
            }
            continue;
        }
        let outcome = if found.lines.len() >= SAMPLES_MAX {
            Err(format!("an answer has at most {SAMPLES_MAX} samples"))
        } else {
            sample(line)
        };
        match outcome {
            Ok(line) => found.lines.push(line),
            Err(reason) => {
                found.refused += 1;
                found.reason.get_or_insert_with(|| format!("line {}: {reason}", number + 1));
            }
        }
    }
    found
}

fn sample(line: &str) -> Result<Line<'_>, String> {
    let end = line.find(|c: char| c == '{' || c.is_ascii_whitespace()).ok_or("a sample has no value")?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    // A name of any characters stands in quotes among the labels.
    let mut labels = labels;
    let quoted = labels.remove("");
    let named_in_quotes = name.is_empty() && quoted.is_some();
    if !(good_name(name) || named_in_quotes) {
        return Err(format!("“{}” is no name of a metric", shown(name)));
    }
    if let Some(quoted) = quoted {
        return Err(format!("the quoted name “{}” is not supported", shown(&quoted)));
    }
    let (rest, exemplar) = match rest.split_once(" # ") {
        Some((rest, exemplar)) => (rest, exemplar_of(exemplar)),
        None => (rest, None),
    };
    let mut words = rest.split_ascii_whitespace();
    let value = words.next().ok_or("a sample has no value")?;
    let value = number(value).ok_or_else(|| format!("“{}” is no number", shown(value)))?;
    let at = words.next().map(|t| instant(t).ok_or_else(|| format!("“{}” is no time", shown(t)))).transpose()?;
    if words.next().is_some() {
        return Err("more stands behind the time".into());
    }
    Ok(Line { name, labels, value, at, exemplar })
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

fn good_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
        && name.len() <= 512
}

/// `name="value",…}` and what follows. A text in quotes alone is filed under the empty name.
fn labels(text: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let mut labels = BTreeMap::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        if rest.starts_with('"') {
            let (value, after) = quoted(rest)?;
            labels.insert(String::new(), value);
            rest = after.trim_start();
        } else {
            let (name, after) = rest.split_once('=').ok_or("a label has no value")?;
            let (value, after) = quoted(after.trim_start())?;
            let name = name.trim();
            if name.is_empty() || name.len() > LABEL_BYTES || value.len() > LABEL_BYTES {
                return Err(format!("the label “{}” has no name, or more than {LABEL_BYTES} bytes", shown(name)));
            }
            if labels.insert(name.to_string(), value).is_some() {
                return Err(format!("the label “{}” stands twice", shown(name)));
            }
            if labels.len() > LABELS_MAX {
                return Err(format!("a series has at most {LABELS_MAX} labels"));
            }
            rest = after.trim_start();
        }
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
        } else if !rest.starts_with('}') {
            return Err("the labels are not closed".into());
        }
    }
}

/// A text in quotes, and what follows.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let inner = text.strip_prefix('"').ok_or("a label’s value stands in quotes")?;
    let mut value = String::new();
    let mut escaped = false;
    for (place, c) in inner.char_indices() {
        match c {
            'n' if escaped => value.push('\n'),
            c if escaped => value.push(c),
            '\\' => {
                escaped = true;
                continue;
            }
            '"' => return Ok((value, &inner[place + 1..])),
            c => value.push(c),
        }
        escaped = false;
    }
    Err("a label’s value is not closed".into())
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ => text.parse().ok(),
    }
}

/// Milliseconds of the text format, or seconds with a fraction of OpenMetrics.
fn instant(text: &str) -> Option<i64> {
    match text.parse::<i64>() {
        // Seconds of this century are ten digits, milliseconds thirteen.
        Ok(whole) if whole.abs() < 100_000_000_000 => Some(whole * 1000),
        Ok(whole) => Some(whole),
        Err(_) => text.parse::<f64>().ok().filter(|v| v.abs() < 1e12).map(|seconds| (seconds * 1000.0) as i64),
    }
}

fn exemplar_of(text: &str) -> Option<Exemplar> {
    let (labels, rest) = labels(text.trim_start().strip_prefix('{')?).ok()?;
    let mut words = rest.split_ascii_whitespace();
    let value = number(words.next()?)?;
    Some(Exemplar { labels, value, at: words.next().and_then(instant) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_formats_are_read() {
        let text = "# HELP a b\n# TYPE a counter\n# UNIT took_seconds seconds\na_total{x=\"1\",y=\"q\\\"\\n\\\\\"} 3 1700000000000\n\
                    took_seconds_bucket{le=\"+Inf\"} 7 1700000000.5 # {trace_id=\"abc\"} 0.25 1700000000.1\nup 1\n# EOF\nrest 1\n";
        let found = read(text);
        assert_eq!((found.lines.len(), found.refused), (3, 0));
        assert_eq!(found.lines[0].labels["y"], "q\"\n\\");
        assert_eq!(found.lines[0].at, Some(1_700_000_000_000));
        assert_eq!(found.lines[1].at, Some(1_700_000_000_500));
        let exemplar = found.lines[1].exemplar.as_ref().expect("there");
        assert_eq!((exemplar.labels["trace_id"].as_str(), exemplar.value), ("abc", 0.25));
        assert_eq!(found.units["took_seconds"], "seconds");
    }

    #[test]
    fn a_wrong_line_is_named_and_the_others_are_kept() {
        let found = read("a 1\nb{x=\"1\"\nc one\n3d 1\ne 2\n");
        assert_eq!((found.lines.len(), found.refused), (2, 3));
        assert!(found.reason.as_deref().is_some_and(|r| r.starts_with("line 2")), "{:?}", found.reason);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ -~\\n\u{e9}]{0,200}") {
            let _ = read(&text);
        }
    }
}

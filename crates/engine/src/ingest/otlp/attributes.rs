//! Attributes as the store keeps them: text for columns, one JSON object for all the rest.
//!
//! All of it is hostile: values are cut to a bound, and what may hold somebody's words to a model is left
//! out unless the installation says that it is to be kept ([`Privacy`]).

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

use crate::ingest::privacy::{Privacy, is_text};
use crate::signature::hex;

/// Bytes of one value, and of all attributes of one event.
const VALUE_BYTES: usize = 4096;
const ALL_BYTES: usize = 32 * 1024;
/// Lists and maps within each other.
const DEPTH: usize = 8;

/// The first so many bytes of a text, cut between characters.
pub fn cut(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let mut end = bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn find<'a>(attributes: &'a [KeyValue], names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| {
        let found = attributes.iter().find(|a| a.key == *name)?;
        found.value.as_ref()?.value.as_ref()
    })
}

/// A value as text, by the first of some names that is there.
pub fn text(attributes: &[KeyValue], names: &[&str]) -> Option<String> {
    Some(match find(attributes, names)? {
        Value::StringValue(text) => cut(text, VALUE_BYTES).to_string(),
        Value::BoolValue(value) => value.to_string(),
        Value::IntValue(value) => value.to_string(),
        Value::DoubleValue(value) => value.to_string(),
        Value::ArrayValue(list) => {
            let words = list.values.iter().filter_map(|v| match v.value.as_ref()? {
                Value::StringValue(text) => Some(text.as_str()),
                _ => None,
            });
            cut(&words.collect::<Vec<_>>().join(","), VALUE_BYTES).to_string()
        }
        _ => return None,
    })
    .filter(|text| !text.is_empty())
}

/// A finite number, by the first of some names that is there.
pub fn number(attributes: &[KeyValue], names: &[&str]) -> Option<f64> {
    match find(attributes, names)? {
        Value::IntValue(value) => Some(*value as f64),
        Value::DoubleValue(value) => Some(*value),
        Value::StringValue(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|v: &f64| v.is_finite())
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// `painted` texts are what somebody said: patterns of privacy apply to them.
fn json(out: &mut String, value: Option<&AnyValue>, privacy: &Privacy, painted: bool, depth: usize) {
    match value.and_then(|v| v.value.as_ref()) {
        _ if depth > DEPTH || out.len() > ALL_BYTES => out.push_str("null"),
        None | Some(Value::StringValueStrindex(_)) => out.push_str("null"),
        Some(Value::StringValue(text)) if painted => quoted(out, &privacy.redacted(cut(text, VALUE_BYTES))),
        Some(Value::StringValue(text)) => quoted(out, cut(text, VALUE_BYTES)),
        Some(Value::BoolValue(value)) => out.push_str(if *value { "true" } else { "false" }),
        Some(Value::IntValue(value)) => out.push_str(&value.to_string()),
        Some(Value::DoubleValue(value)) if value.is_finite() => out.push_str(&value.to_string()),
        Some(Value::DoubleValue(value)) => quoted(out, &value.to_string()),
        Some(Value::BytesValue(bytes)) => quoted(out, &hex(&bytes[..bytes.len().min(VALUE_BYTES / 2)])),
        Some(Value::ArrayValue(list)) => {
            out.push('[');
            for (i, value) in list.values.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                json(out, Some(value), privacy, painted, depth + 1);
            }
            out.push(']');
        }
        Some(Value::KvlistValue(map)) => object(out, &map.values, privacy, painted, depth + 1),
    }
}

fn object(out: &mut String, attributes: &[KeyValue], privacy: &Privacy, painted: bool, depth: usize) {
    out.push('{');
    let mut first = true;
    for attribute in attributes.iter().filter(|a| privacy.keeps(&a.key)) {
        // The rest would not fit: an object that is whole says more than one that is cut.
        if out.len() > ALL_BYTES {
            break;
        }
        if !first {
            out.push(',');
        }
        first = false;
        quoted(out, cut(&attribute.key, 256));
        out.push(':');
        json(out, attribute.value.as_ref(), privacy, painted || is_text(&attribute.key), depth);
    }
    out.push('}');
}

/// All attributes as one JSON object, without those that privacy leaves out; `None` where none are left.
pub fn all(attributes: &[KeyValue], privacy: &Privacy) -> Option<String> {
    let mut out = String::with_capacity(64 * attributes.len());
    object(&mut out, attributes, privacy, false, 0);
    (out.len() > 2).then_some(out)
}

/// A value as text: words as they are, the rest as JSON.
pub fn body(value: Option<&AnyValue>, privacy: &Privacy, painted: bool) -> String {
    match value.and_then(|v| v.value.as_ref()) {
        None => String::new(),
        Some(Value::StringValue(text)) if painted => privacy.redacted(cut(text, ALL_BYTES)).into_owned(),
        Some(Value::StringValue(text)) => cut(text, ALL_BYTES).to_string(),
        Some(_) => {
            let mut out = String::new();
            json(&mut out, value, privacy, painted, 0);
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(key: &str, value: Value) -> KeyValue {
        KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
    }

    #[test]
    fn attributes_become_json_that_reads_back_the_same() {
        let list = [
            attribute("a \"b\"\n\u{1}", Value::StringValue("x\\y\t".into())),
            attribute("n", Value::IntValue(-3)),
            attribute("inf", Value::DoubleValue(f64::INFINITY)),
        ];
        let text = all(&list, &Privacy::default()).expect("some");
        let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read, serde_json::json!({"a \"b\"\n\u{1}": "x\\y\t", "n": -3, "inf": "inf"}));
    }

    #[test]
    fn what_was_said_to_a_model_is_left_out_unless_it_is_to_be_kept() {
        let list = [
            attribute("gen_ai.input.messages", Value::StringValue("my card is 4111 1111 1111 1111".into())),
            attribute("gen_ai.request.model", Value::StringValue("m".into())),
        ];
        let text = all(&list, &Privacy::default()).expect("some");
        assert_eq!(text, "{\"gen_ai.request.model\":\"m\"}");
        let open = Privacy::keeping_text(&Privacy::patterns()).expect("patterns");
        let text = all(&list, &open).expect("some");
        assert!(text.contains("my card is [redacted]"), "{text}");
    }

    #[test]
    fn a_value_is_cut_between_characters() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
    }
}

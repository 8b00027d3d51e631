//! Spans in documents that people read and write: `"30s"`, `"5m"`, `"500ms"`. A number is microseconds, which is how
//! they are held and how they were written before.

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

use crate::time::{SECOND, parse_span, span_text};

const MILLISECOND: i64 = SECOND / 1000;

/// For `#[serde(with = "crate::span")]`.
///
/// # Errors
/// Those of the format.
pub fn serialize<S: Serializer>(span: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let text = span_text(*span);
    match *span {
        0 => serializer.serialize_str("0s"),
        span if parse_span(&text) == Some(span) => serializer.serialize_str(&text),
        span if (1..SECOND).contains(&span) && span % MILLISECOND == 0 => {
            serializer.collect_str(&format_args!("{}ms", span / MILLISECOND))
        }
        span => serializer.serialize_i64(span),
    }
}

/// # Errors
/// What is no span, named.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    struct Span;

    impl Visitor<'_> for Span {
        type Value = i64;

        fn expecting(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
            out.write_str("a span, as \"30s\", \"5m\", \"4h\" or \"7d\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
            let text = text.trim();
            let count = |text: &str| text.parse::<u32>().ok().map(i64::from);
            let known = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
                (Some(millis), _) => count(millis).map(|n| n * MILLISECOND),
                (None, Some("0")) => Some(0),
                _ => parse_span(text),
            };
            known.ok_or_else(|| {
                E::custom(format!("“{text}” is no span; write a number and its unit, as 30s, 5m, 4h or 7d"))
            })
        }

        fn visit_i64<E: Error>(self, micros: i64) -> Result<i64, E> {
            Ok(micros)
        }

        fn visit_u64<E: Error>(self, micros: u64) -> Result<i64, E> {
            i64::try_from(micros).map_err(|_| E::custom("a span of more microseconds than there are"))
        }
    }

    deserializer.deserialize_any(Span)
}

/// The same where there may be none.
pub mod optional {
    use serde::{Deserialize, Deserializer, Serializer};

    /// # Errors
    /// Those of the format.
    pub fn serialize<S: Serializer>(span: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => super::serialize(span, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// # Errors
    /// What is no span, named.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        #[derive(Deserialize)]
        struct Given(#[serde(with = "super")] i64);
        Ok(Option::<Given>::deserialize(deserializer)?.map(|given| given.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use crate::time::{DAY, HOUR, MINUTE, SECOND};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Document {
        #[serde(with = "crate::span")]
        wait: i64,
        #[serde(default, with = "crate::span::optional")]
        hold: Option<i64>,
    }

    #[test]
    fn spans_are_read_as_people_write_them_and_as_they_were_written_before() {
        let read = |json: &str| serde_json::from_str::<Document>(json).map(|d| (d.wait, d.hold));
        assert_eq!(read(r#"{"wait":"5m","hold":"0s"}"#).expect("spans"), (5 * MINUTE, Some(0)));
        assert_eq!(read(r#"{"wait":30000000,"hold":null}"#).expect("numbers"), (30 * SECOND, None));
        assert_eq!(read(r#"{"wait":"500ms"}"#).expect("half a second"), (SECOND / 2, None));
        let wrong = read(r#"{"wait":"soon"}"#).expect_err("is no span").to_string();
        assert!(wrong.contains("“soon” is no span"), "{wrong}");
        let written = serde_json::to_string(&Document { wait: 4 * HOUR, hold: Some(7 * DAY) }).expect("writes");
        assert_eq!(written, r#"{"wait":"4h","hold":"7d"}"#);
    }

    proptest! {
        #[test]
        fn every_span_comes_back_as_it_went(wait in any::<i64>(), seconds in 0..300_000_000_i64) {
            for wait in [wait, seconds * SECOND] {
                let document = Document { wait, hold: Some(wait) };
                let text = serde_json::to_string(&document).expect("writes");
                prop_assert_eq!(serde_json::from_str::<Document>(&text).expect("reads"), document);
            }
        }
    }
}

//! One JSON object as a row of a table, read straight into its columns.
//!
//! `features`, `groups`, `members` and `probabilities` are opened; lists and other nested objects are
//! kept as their JSON text (ranked lists, embeddings). A row that is wrong leaves no trace.

use std::fmt;

use domain::problem::LineError;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::cells::{Cell, TEXT_MAX, Table};

/// Adds the row of a line of JSON, or says what was wrong with it.
pub fn push(table: &mut Table, line: u64, bytes: &[u8]) {
    match row(table, bytes) {
        Ok(()) => table.end_row(line),
        Err(reason) => {
            table.drop_row();
            table.errors.push(LineError { line, field: None, reason });
        }
    }
}

fn row(table: &mut Table, bytes: &[u8]) -> Result<(), String> {
    let no_json = |e: serde_json::Error| format!("this is no JSON: {e}");
    if bytes.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(no_json)?;
        return Err("a row must be a JSON object, as {\"prediction_id\": …}".into());
    }
    let mut refusal = None;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = Row { table, refusal: &mut refusal }.deserialize(&mut reader).and_then(|()| reader.end());
    match (read, refusal) {
        (_, Some(refusal)) => Err(refusal),
        (Err(error), None) => Err(no_json(error)),
        (Ok(()), None) => Ok(()),
    }
}

/// Reads an object. A reason of our own to refuse it is kept beside the parser's, which would put a
/// place in the line behind it.
struct Row<'a> {
    table: &'a mut Table,
    refusal: &'a mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter) -> fmt::Result {
        to.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Name)? {
            let inner = match &*name {
                "features" => Some(""),
                "groups" => Some("group."),
                "members" => Some("member."),
                "probabilities" => Some("probability."),
                _ => None,
            };
            let (table, refusal) = (&mut *self.table, &mut *self.refusal);
            map.next_value_seed(Place { table, refusal, prefix: "", name: &name, inner })?;
        }
        Ok(())
    }
}

/// A name, borrowed where it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = std::borrow::Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = std::borrow::Cow<'de, str>;

    fn expecting(&self, to: &mut fmt::Formatter) -> fmt::Result {
        to.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(text.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.to_string().into())
    }
}

/// Where a value goes.
struct Place<'a> {
    table: &'a mut Table,
    refusal: &'a mut Option<String>,
    prefix: &'a str,
    name: &'a str,
    /// What the names inside begin with, where an object is to be opened.
    inner: Option<&'a str>,
}

impl Place<'_> {
    fn refuse<E: Error>(self, reason: String) -> Result<(), E> {
        *self.refusal = Some(reason);
        Err(E::custom("refused"))
    }

    fn set<E: Error>(self, cell: Cell<'_>) -> Result<(), E> {
        match self.table.set(self.prefix, self.name, cell) {
            Ok(()) => Ok(()),
            Err(reason) => self.refuse(reason),
        }
    }

    fn nested<E: Error>(self, value: &Value) -> Result<(), E> {
        let text = value.to_string();
        if text.len() > TEXT_MAX {
            let reason = format!("“{}” holds {} bytes of nested JSON; {TEXT_MAX} are allowed", self.name, text.len());
            return self.refuse(reason);
        }
        self.set(Cell::Text(&text))
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter) -> fmt::Result {
        to.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.set(Cell::Missing)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.set(Cell::Text(if value { "true" } else { "false" }))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.set(Cell::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.set(i64::try_from(value).map_or(Cell::Number(value as f64), Cell::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        if value.is_finite() {
            return self.set(Cell::Number(value));
        }
        let reason = format!("“{}” is no finite number", self.name);
        self.refuse(reason)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if text.len() > TEXT_MAX {
            let reason = format!("“{}” is a text of {} bytes; {TEXT_MAX} are allowed", self.name, text.len());
            return self.refuse(reason);
        }
        self.set(Cell::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<(), A::Error> {
        let value: Value = serde::Deserialize::deserialize(SeqAccessDeserializer::new(list))?;
        self.nested(&value)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some(prefix) = self.inner else {
            let value: Value = serde::Deserialize::deserialize(MapAccessDeserializer::new(map))?;
            return self.nested(&value);
        };
        while let Some(name) = map.next_key_seed(Name)? {
            let (table, refusal) = (&mut *self.table, &mut *self.refusal);
            map.next_value_seed(Place { table, refusal, prefix, name: &name, inner: None })?;
        }
        Ok(())
    }
}

//! How what the server tells reaches a page: as JSON, read by one reader. Everything that is read is compiled
//! for each reader there is, so with those of the libraries (one of bytes, one of text, each also taking a
//! list where a record belongs) reading is a third of what a browser has to load.
//!
//! Whatever a page reads goes through here; one `serde_json::from_str` of a large type doubles its code.

use std::future::Future;

use leptos::prelude::*;
use leptos::server::codee::{Decoder, Encoder};
use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::{Serialize, forward_to_deserialize_any};
use serde_json::{Error, Map, Number, Value};
use server_fn::codec::Post;
use server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType};

/// The encoding of server functions and of what a page is delivered with.
#[derive(Debug)]
pub struct Wire;

/// Arguments and answers of a server function.
pub type Json = Post<Wire>;

/// What a page reads from the server.
pub type Read<T> = Resource<T, Wire>;

/// Reads with `fetch`, and again whenever `source` changes; what the server has read already is not asked again.
pub fn resource<S, T, F>(
    source: impl Fn() -> S + Send + Sync + 'static,
    fetch: impl Fn(S) -> F + Send + Sync + 'static,
) -> Read<T>
where
    S: PartialEq + Clone + Send + Sync + 'static,
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    F: Future<Output = T> + Send + 'static,
{
    Resource::new_with_options(source, fetch, false)
}

/// What a JSON text says.
///
/// # Errors
/// Where it is no JSON, or says something else than a `T`.
pub fn from_text<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    T::deserialize(Node(serde_json::from_str(text)?))
}

impl ContentType for Wire {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for Wire {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for Wire {
    type Error = Error;

    fn encode(told: &T) -> Result<Bytes, Error> {
        serde_json::to_vec(told).map(Bytes::from)
    }
}

impl<T: DeserializeOwned> Decodes<T> for Wire {
    type Error = Error;

    fn decode(bytes: Bytes) -> Result<T, Error> {
        from_text(std::str::from_utf8(&bytes).map_err(Error::custom)?)
    }
}

impl<T: Serialize> Encoder<T> for Wire {
    type Error = Error;
    type Encoded = String;

    fn encode(told: &T) -> Result<String, Error> {
        serde_json::to_string(told)
    }
}

impl<T: DeserializeOwned> Decoder<T> for Wire {
    type Error = Error;
    type Encoded = str;

    fn decode(text: &str) -> Result<T, Error> {
        from_text(text)
    }
}

/// A value that is being read.
struct Node(Value);

/// Said once for all types, so that it is compiled once.
#[inline(never)]
fn not(what: &str, found: &Value) -> Error {
    let found = match found {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a record",
    };
    Error::custom(format_args!("{what} is expected, not {found}"))
}

fn record(value: Value) -> Result<Fields, Error> {
    match value {
        Value::Object(fields) => Ok(Fields { left: fields.into_iter(), value: Value::Null }),
        other => Err(not("a record", &other)),
    }
}

fn list(value: Value) -> Result<Items, Error> {
    match value {
        Value::Array(items) => Ok(Items(items.into_iter())),
        other => Err(not("a list", &other)),
    }
}

fn number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, Error> {
    match (number.as_u64(), number.as_i64()) {
        (Some(n), _) => visitor.visit_u64(n),
        (None, Some(n)) => visitor.visit_i64(n),
        (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
    }
}

impl<'de> Deserializer<'de> for Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(is) => visitor.visit_bool(is),
            Value::Number(n) => number(&n, visitor),
            Value::String(text) => visitor.visit_string(text),
            items @ Value::Array(_) => visitor.visit_seq(list(items)?),
            fields @ Value::Object(_) => visitor.visit_map(record(fields)?),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(record(self.0)?)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(record(self.0)?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(list(self.0)?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(list(self.0)?)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(list(self.0)?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(Variant::of(self.0)?)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct identifier
    }
}

struct Items(std::vec::IntoIter<Value>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|value| seed.deserialize(Node(value))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Fields {
    left: <Map<String, Value> as IntoIterator>::IntoIter,
    /// What the key that was read last stands for.
    value: Value,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.left.next() else {
            return Ok(None);
        };
        self.value = value;
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Node(self.value.take()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// A key is a text, also where it stands for a number.
struct Key(String);

macro_rules! numbers {
    ($($read:ident)*) => {
        $(fn $read<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            number(&self.0.parse().map_err(Error::custom)?, visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Key {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.0)
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(Variant { name: self.0, held: Value::Null })
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

struct Variant {
    name: String,
    held: Value,
}

impl Variant {
    fn of(value: Value) -> Result<Variant, Error> {
        match value {
            Value::String(name) => Ok(Variant { name, held: Value::Null }),
            Value::Object(fields) => {
                let mut fields = fields.into_iter();
                match (fields.next(), fields.next()) {
                    (Some((name, held)), None) => Ok(Variant { name, held }),
                    _ => Err(Error::custom("one of several is expected, not none or many")),
                }
            }
            other => Err(not("one of several", &other)),
        }
    }
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Error;
    type Variant = Node;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Node), Error> {
        let name: StringDeserializer<Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, Node(self.held)))
    }
}

impl<'de> VariantAccess<'de> for Node {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.0 {
            Value::Null => Ok(()),
            other => Err(not("a name alone", &other)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(list(self.0)?)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(record(self.0)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Micros(i64);

    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Plain {
        First,
        Second,
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Holding {
        Nothing,
        One(f64),
        Two(u8, String),
        Named { at: Micros, left: Option<i32> },
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Tagged {
        Above { limit: f64 },
        Never,
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(f64),
        Text(String),
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct All {
        unit: (),
        flag: bool,
        small: i8,
        large: u64,
        negative: i64,
        share: f64,
        whole: f64,
        letter: char,
        text: String,
        some: Option<String>,
        none: Option<String>,
        pair: (i32, Plain),
        list: Vec<Holding>,
        by_name: BTreeMap<String, Tagged>,
        by_number: BTreeMap<i64, Micros>,
        by_kind: BTreeMap<Plain, f64>,
        either: Vec<Either>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left_out: Vec<u8>,
        #[serde(flatten)]
        rest: BTreeMap<String, Value>,
    }

    fn all() -> All {
        All {
            unit: (),
            flag: true,
            small: -7,
            large: u64::MAX,
            negative: i64::MIN,
            share: 0.1 + 0.2,
            whole: 3.0,
            letter: 'ß',
            text: "a \"quoted\" \u{1f6a2}\n".to_string(),
            some: Some(String::new()),
            none: None,
            pair: (4, Plain::Second),
            list: vec![
                Holding::Nothing,
                Holding::One(-0.5),
                Holding::Two(255, "two".to_string()),
                Holding::Named { at: Micros(12), left: Some(-1) },
            ],
            by_name: [("a".to_string(), Tagged::Above { limit: 2.0 }), ("n".to_string(), Tagged::Never)].into(),
            by_number: [(-5, Micros(1)), (5, Micros(2))].into(),
            by_kind: [(Plain::First, 1.5)].into(),
            either: vec![Either::Number(2.5), Either::Text("x".to_string())],
            left_out: Vec::new(),
            rest: [("more".to_string(), serde_json::json!({"of": [1, null]}))].into(),
        }
    }

    #[test]
    fn what_is_told_in_any_shape_is_read_as_it_was() {
        let told = serde_json::to_string(&all()).unwrap();
        assert_eq!(from_text::<All>(&told).unwrap(), all());
        let answered: Result<All, Tagged> = from_text(&format!("{{\"Ok\":{told}}}")).unwrap();
        assert_eq!(answered, Ok(all()));
    }

    #[test]
    fn what_is_something_else_is_refused_and_said() {
        for (text, said) in [
            ("[1]", "a record is expected, not a list"),
            ("{\"at\":1}", "missing field"),
            ("{", "EOF"),
            ("\"text\"", "a record is expected, not a text"),
        ] {
            let refused = from_text::<All>(text).unwrap_err().to_string();
            assert!(refused.contains(said), "{text}: {refused}");
        }
        assert!(from_text::<Plain>("\"third\"").is_err());
        assert!(from_text::<Holding>("{\"One\":1,\"Two\":2}").is_err());
        assert!(from_text::<u8>("256").is_err());
    }
}

//! Prometheus remote write, versions 1 and 2: samples of time series.
//!
//! A sender repeats all labels of a series with every sample. The labels' bytes are hashed as they
//! came; only a spelling never seen before is read as labels.

use std::collections::BTreeMap;

use domain::conventions;
use domain::signal::Series;
use domain::time::{HOUR, MINUTE, SECOND};
use domain::{Action, Actor, Object};
use store::{Points, Registered};
use xxhash_rust::xxh3::Xxh3Default;

use super::protobuf::{Broken, Fields, Value, packed};
use crate::{Engine, EngineError, Result};

/// Bytes of a request once unpacked.
const UNPACKED_MAX: usize = 32 << 20;
/// Labels of one series at most, and bytes of one name or value.
const LABELS_MAX: usize = 64;
const LABEL_BYTES: usize = 1024;
/// A sample may come so late.
pub(crate) const LATE: i64 = 24 * HOUR;
/// A sender's clock may be so far ahead.
pub(crate) const AHEAD: i64 = 10 * MINUTE;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    One,
    Two,
}

/// What became of a request. Of native histograms and exemplars nothing is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    pub samples: u64,
    /// Samples that were not kept, and why the first of them was not.
    pub refused: u64,
    pub reason: Option<String>,
}

impl Written {
    fn refuse(&mut self, samples: usize, reason: impl FnOnce() -> String) {
        self.refused += samples as u64;
        self.reason.get_or_insert_with(reason);
    }
}

impl From<Broken> for EngineError {
    fn from(_: Broken) -> Self {
        EngineError::Invalid("the request is no whole Protocol Buffers message of remote write".into())
    }
}

/// A series of a request: where its labels lie, and its samples.
struct Sent<'a> {
    labels: Labels<'a>,
    hash: u128,
    /// Milliseconds since 1970, value.
    samples: Vec<(i64, f64)>,
    unit: &'a str,
}

enum Labels<'a> {
    /// Label messages one by one.
    Spelled(Vec<&'a [u8]>),
    /// Pairs of places in the table of symbols.
    Symbols(Vec<u64>),
}

/// A snappy block, unpacked.
///
/// # Errors
/// It is none; it is too large when unpacked.
pub(crate) fn unpacked(body: &[u8]) -> Result<Vec<u8>> {
    let wrong = |e: snap::Error| EngineError::Invalid(format!("the body is no snappy block: {e}"));
    let size = snap::raw::decompress_len(body).map_err(wrong)?;
    if size > UNPACKED_MAX {
        return Err(EngineError::TooLarge(format!(
            "the request has {size} bytes unpacked; {UNPACKED_MAX} are allowed"
        )));
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(wrong)
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| EngineError::Invalid("a label is no UTF-8".into()))
}

fn sample(message: &[u8]) -> std::result::Result<(i64, f64), Broken> {
    let (mut at, mut value) = (0, 0.0);
    for field in Fields::of(message) {
        match field? {
            (1, Value::Fixed64(bits)) => value = f64::from_bits(bits),
            (2, Value::Varint(millis)) => at = millis as i64,
            _ => {}
        }
    }
    Ok((at, value))
}

fn version_one(message: &[u8]) -> Result<Vec<Sent<'_>>> {
    let mut all = Vec::new();
    for field in Fields::of(message) {
        let (1, Value::Bytes(series)) = field? else {
            continue;
        };
        let mut labels = Vec::new();
        let mut samples = Vec::new();
        let mut hash = Xxh3Default::new();
        for field in Fields::of(series) {
            match field? {
                (1, Value::Bytes(label)) => {
                    hash.update(&(label.len() as u32).to_le_bytes());
                    hash.update(label);
                    labels.push(label);
                }
                (2, Value::Bytes(message)) => samples.push(sample(message)?),
                _ => {}
            }
        }
        all.push(Sent { labels: Labels::Spelled(labels), hash: hash.digest128(), samples, unit: "" });
    }
    Ok(all)
}

fn version_two<'a>(message: &'a [u8], symbols: &mut Vec<&'a [u8]>) -> Result<Vec<Sent<'a>>> {
    let mut parts = Vec::new();
    for field in Fields::of(message) {
        match field? {
            (4, Value::Bytes(symbol)) => symbols.push(symbol),
            (5, Value::Bytes(series)) => parts.push(series),
            _ => {}
        }
    }
    let symbol = |place: u64| -> Result<&'a [u8]> {
        let found = usize::try_from(place).ok().and_then(|place| symbols.get(place));
        found.copied().ok_or_else(|| EngineError::Invalid(format!("there is no symbol number {place}")))
    };
    let mut all = Vec::new();
    for series in parts {
        let mut refs = Vec::new();
        let mut samples = Vec::new();
        let mut unit = "";
        for field in Fields::of(series) {
            match field? {
                (1, Value::Bytes(numbers)) => refs.extend(packed(numbers)?),
                (1, Value::Varint(number)) => refs.push(number),
                (2, Value::Bytes(message)) => samples.push(sample(message)?),
                (5, Value::Bytes(metadata)) => {
                    for field in Fields::of(metadata) {
                        if let (4, Value::Varint(place)) = field? {
                            unit = text(symbol(place)?)?;
                        }
                    }
                }
                _ => {}
            }
        }
        let mut hash = Xxh3Default::new();
        for place in &refs {
            let word = symbol(*place)?;
            hash.update(&(word.len() as u32).to_le_bytes());
            hash.update(word);
        }
        // So that a spelling of version 1 never stands for one of version 2.
        hash.update(&[2]);
        all.push(Sent { labels: Labels::Symbols(refs), hash: hash.digest128(), samples, unit });
    }
    Ok(all)
}

/// Reads the labels of a series.
///
/// # Errors
/// What a series may not be called, in words.
fn series_of(sent: &Sent, symbols: &[&[u8]]) -> Result<std::result::Result<Series, String>> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    match &sent.labels {
        Labels::Spelled(labels) => {
            for label in labels {
                let (mut name, mut value) = ("", "");
                for field in Fields::of(label) {
                    match field? {
                        (1, Value::Bytes(bytes)) => name = text(bytes)?,
                        (2, Value::Bytes(bytes)) => value = text(bytes)?,
                        _ => {}
                    }
                }
                pairs.push((name, value));
            }
        }
        Labels::Symbols(refs) => {
            for pair in refs.chunks(2) {
                let [name, value] = pair else {
                    return Ok(Err("a label has a name and no value".into()));
                };
                // Both places were found when the hash was made.
                let word = |place: &u64| symbols.get(*place as usize).copied().unwrap_or_default();
                pairs.push((text(word(name))?, text(word(value))?));
            }
        }
    }
    if pairs.len() > LABELS_MAX {
        return Ok(Err(format!("a series has {} labels; {LABELS_MAX} are allowed", pairs.len())));
    }
    if let Some((name, value)) = pairs.iter().find(|(n, v)| n.len() > LABEL_BYTES || v.len() > LABEL_BYTES) {
        let shown: String = name.chars().take(60).collect();
        let bytes = name.len().max(value.len());
        return Ok(Err(format!("the label “{shown}” has {bytes} bytes; {LABEL_BYTES} are allowed")));
    }
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        // An empty value says that there is no such label.
        if !value.is_empty() && labels.insert(name.to_string(), value.to_string()).is_some() {
            return Ok(Err(format!("the label “{name}” stands twice")));
        }
    }
    let Some(name) = labels.remove("__name__") else {
        return Ok(Err("a series has no name: its label “__name__” is missing".into()));
    };
    Ok(Ok(conventions::described(name, labels, sent.unit)))
}

impl Engine {
    /// Keeps the samples of a remote-write request, packed as it came.
    ///
    /// # Errors
    /// Not allowed; a body that is no snappy block, too large when unpacked, or no such message; a full
    /// queue. Samples that are refused one by one are counted, with the reason of the first.
    pub async fn remote_write(&self, actor: &Actor, version: Version, body: &[u8]) -> Result<Written> {
        self.may(actor, Action::Ingest, &Object::Installation)?;
        let message = unpacked(body)?;
        let mut written = Written::default();
        let mut symbols = Vec::new();
        let sent = match version {
            Version::One => version_one(&message)?,
            Version::Two => version_two(&message, &mut symbols)?,
        };
        let ids = self.series_ids(actor, &sent, &symbols, &mut written).await?;
        let now = self.now().0;
        let mut points = Points::default();
        for (sent, id) in sent.iter().zip(ids) {
            let Some(id) = id else {
                continue;
            };
            for (millis, value) in &sent.samples {
                let at = millis.saturating_mul(1000);
                if at < now - LATE || at > now + AHEAD {
                    written.refuse(1, || too_far(at, now));
                } else if value.is_finite() {
                    // The others, Prometheus' mark for the end of a series among them, say that there is no
                    // value: a gap, which is what is kept of it.
                    points.push(id, at, *value);
                }
            }
        }
        written.samples = points.len() as u64;
        self.store.append_points(points).await?;
        Ok(written)
    }

    /// The number of each series, `None` for those refused.
    async fn series_ids(
        &self,
        actor: &Actor,
        sent: &[Sent<'_>],
        symbols: &[&[u8]],
        written: &mut Written,
    ) -> Result<Vec<Option<i64>>> {
        let hashes: Vec<u128> = sent.iter().map(|s| s.hash).collect();
        let mut ids = self.store.series_spelled(&hashes);
        if ids.iter().all(Option::is_some) {
            return Ok(ids);
        }
        let mut wanted = Vec::new();
        let mut places = Vec::new();
        for (place, sent) in sent.iter().enumerate().filter(|(place, _)| ids[*place].is_none()) {
            match series_of(sent, symbols)? {
                Ok(series) => {
                    wanted.push(series);
                    places.push(place);
                }
                Err(reason) => written.refuse(sent.samples.len(), || reason),
            }
        }
        let registered = self.store.register_series(wanted, &sender(actor), &self.inner.options.series).await?;
        for (place, registered) in places.into_iter().zip(registered) {
            match registered {
                Registered::Known(id) => {
                    self.store.remember_spelling(hashes[place], id);
                    ids[place] = Some(id);
                }
                Registered::Refused(reason) => written.refuse(sent[place].samples.len(), || reason),
            }
        }
        Ok(ids)
    }
}

/// Who is answerable for the series that a request brings.
pub(crate) fn sender(actor: &Actor) -> String {
    match actor {
        Actor::Key { id, .. } => format!("key {id}"),
        Actor::Person { id, .. } => format!("person {id}"),
        Actor::Local | Actor::Anonymous => String::new(),
    }
}

pub(crate) fn too_far(at: i64, now: i64) -> String {
    let distance = (now - at) / SECOND;
    if distance > 0 {
        format!("a sample is {distance} s old; {} s are accepted", LATE / SECOND)
    } else {
        format!("a sample lies {} s ahead of this clock; {} s are accepted", -distance, AHEAD / SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
        out.push(number << 3 | 2);
        out.push(bytes.len() as u8);
        out.extend_from_slice(bytes);
    }

    fn label(name: &str, value: &str) -> Vec<u8> {
        let mut out = Vec::new();
        field(&mut out, 1, name.as_bytes());
        field(&mut out, 2, value.as_bytes());
        out
    }

    fn sample_bytes(value: f64, millis: u8) -> Vec<u8> {
        let mut out = vec![0x09];
        out.extend_from_slice(&value.to_le_bytes());
        out.extend_from_slice(&[0x10, millis]);
        out
    }

    fn request(labels: &[(&str, &str)]) -> Vec<u8> {
        let mut series = Vec::new();
        for (name, value) in labels {
            field(&mut series, 1, &label(name, value));
        }
        field(&mut series, 2, &sample_bytes(1.5, 7));
        let mut message = Vec::new();
        field(&mut message, 1, &series);
        message
    }

    #[test]
    fn a_series_of_version_one_is_read() {
        let message = request(&[("__name__", "up_seconds_total"), ("job", "a"), ("empty", "")]);
        let sent = version_one(&message).expect("reads");
        assert_eq!(sent[0].samples, [(7, 1.5)]);
        let series = series_of(&sent[0], &[]).expect("reads").expect("is welcome");
        assert_eq!((series.name.as_str(), series.unit.as_str(), series.labels.len()), ("up_seconds_total", "s", 1));
    }

    #[test]
    fn a_series_of_version_two_is_read_through_its_symbols() {
        let mut message = Vec::new();
        for symbol in ["", "__name__", "requests", "job", "a", "By"] {
            field(&mut message, 4, symbol.as_bytes());
        }
        let mut series = Vec::new();
        field(&mut series, 1, &[1, 2, 3, 4]);
        field(&mut series, 2, &sample_bytes(2.5, 9));
        field(&mut series, 5, &[0x20, 5]);
        field(&mut message, 5, &series);
        let mut symbols = Vec::new();
        let sent = version_two(&message, &mut symbols).expect("reads");
        let read = series_of(&sent[0], &symbols).expect("reads").expect("is welcome");
        assert_eq!((read.name.as_str(), read.unit.as_str(), &read.labels["job"]), ("requests", "By", &"a".to_string()));
        series[3] = 77;
        let mut message = Vec::new();
        field(&mut message, 5, &series);
        assert!(version_two(&message, &mut Vec::new()).is_err());
    }

    #[test]
    fn what_is_no_series_is_refused_in_words() {
        for labels in [&[("job", "a")][..], &[("__name__", "x"), ("a", "1"), ("a", "2")]] {
            let message = request(labels);
            let sent = version_one(&message).expect("reads");
            assert!(series_of(&sent[0], &[]).expect("reads").is_err());
        }
        assert!(version_one(&[0x0a, 200]).is_err());
    }
}

//! Columns as bytes: compact, and checked on the way back.
//!
//! Every blob is `format byte · payload · xxh3-64 of both`. A blob that fails its checksum is
//! reported as damaged, never decoded. Formats are only ever added: old numbers stay readable.

use domain::Timestamp;
use domain::event::{ColumnData, MISSING};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::samples::Points;
use crate::{Result, StoreError};

const FORMAT_ROWS: u8 = 1;
const FORMAT_NUMBER: u8 = 2;
const FORMAT_CATEGORY: u8 = 3;
const FORMAT_VECTOR: u8 = 4;
const FORMAT_IDS_INT: u8 = 5;
const FORMAT_IDS_UUID: u8 = 6;
const FORMAT_IDS_TEXT: u8 = 7;
const FORMAT_INTS: u8 = 8;
const FORMAT_SAMPLES: u8 = 9;
const FORMAT_POINTS: u8 = 10;
const FORMAT_RUN: u8 = 11;
const FORMAT_FILTER: u8 = 12;

/// pco's effort; 4 is within 2 % of the smallest and four times as fast.
const PCO_LEVEL: usize = 4;
/// Decoded blobs never grow past this: a bound for what a damaged length could ask for.
const DECODED_MAX: usize = 1 << 30;

fn seal(format: u8, payload: Vec<u8>) -> Vec<u8> {
    let mut blob = Vec::with_capacity(payload.len() + 9);
    blob.push(format);
    blob.extend_from_slice(&payload);
    let sum = xxh3_64(&blob);
    blob.extend_from_slice(&sum.to_le_bytes());
    blob
}

fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(what.to_string())
}

/// Checks the sum and gives format and payload.
fn open(blob: &[u8]) -> Result<(u8, &[u8])> {
    if blob.len() < 9 {
        return Err(damaged("a blob is shorter than its own frame"));
    }
    let (body, sum) = blob.split_at(blob.len() - 8);
    let expected = u64::from_le_bytes(sum.try_into().map_err(|_| damaged("a blob lacks its checksum"))?);
    if xxh3_64(body) != expected {
        return Err(damaged("a blob's checksum does not match its content"));
    }
    Ok((body[0], &body[1..]))
}

/// Whether the blob is whole, without decoding it.
pub(crate) fn verify(blob: &[u8]) -> Result<()> {
    open(blob).map(|_| ())
}

fn pack(bytes: &[u8], level: i32) -> Vec<u8> {
    zstd::bulk::compress(bytes, level).unwrap_or_default()
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>> {
    let size = zstd::zstd_safe::get_frame_content_size(bytes)
        .ok()
        .flatten()
        .ok_or_else(|| damaged("a compressed blob does not say its size"))?;
    if size as usize > DECODED_MAX {
        return Err(damaged("a compressed blob claims more than a gibibyte"));
    }
    zstd::bulk::decompress(bytes, size as usize).map_err(|e| damaged(&format!("a blob does not decompress ({e})")))
}

/// Any serialisable value, compressed lightly: the fresh log, label batches, reports.
pub(crate) fn encode_rows<T: Serialize>(value: &T) -> Vec<u8> {
    let bytes = postcard::to_stdvec(value).unwrap_or_default();
    seal(FORMAT_ROWS, pack(&bytes, 1))
}

pub(crate) fn decode_rows<T: DeserializeOwned>(blob: &[u8]) -> Result<T> {
    match open(blob)? {
        (FORMAT_ROWS, payload) => {
            postcard::from_bytes(&unpack(payload)?).map_err(|e| damaged(&format!("rows do not decode ({e})")))
        }
        (other, _) => Err(damaged(&format!("format {other} where rows were expected"))),
    }
}

/// JSON inside the frame: for shapes that grow fields over time.
pub(crate) fn encode_json<T: Serialize>(value: &T) -> Vec<u8> {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    seal(FORMAT_ROWS, pack(&bytes, 3))
}

pub(crate) fn decode_json<T: DeserializeOwned>(blob: &[u8]) -> Result<T> {
    match open(blob)? {
        (FORMAT_ROWS, payload) => {
            serde_json::from_slice(&unpack(payload)?).map_err(|e| damaged(&format!("a document does not decode ({e})")))
        }
        (other, _) => Err(damaged(&format!("format {other} where a document was expected"))),
    }
}

pub(crate) fn encode_filter(bytes: &[u8]) -> Vec<u8> {
    seal(FORMAT_FILTER, bytes.to_vec())
}

pub(crate) fn decode_filter(blob: &[u8]) -> Result<&[u8]> {
    match open(blob)? {
        (FORMAT_FILTER, payload) => Ok(payload),
        (other, _) => Err(damaged(&format!("format {other} where a filter was expected"))),
    }
}

fn compress_numbers<T: pco::data_types::Number>(values: &[T]) -> Vec<u8> {
    let config = pco::ChunkConfig::default().with_compression_level(PCO_LEVEL);
    pco::standalone::simple_compress(values, &config).unwrap_or_default()
}

fn decompress_numbers<T: pco::data_types::Number>(bytes: &[u8]) -> Result<Vec<T>> {
    pco::standalone::simple_decompress(bytes).map_err(|e| damaged(&format!("numbers do not decompress ({e})")))
}

pub(crate) fn encode_column(data: &ColumnData) -> Vec<u8> {
    match data {
        ColumnData::Number(values) => seal(FORMAT_NUMBER, compress_numbers(values)),
        ColumnData::Category { codes, dictionary } => {
            let (codes, dictionary) = used_words(codes, dictionary);
            let body = postcard::to_stdvec(&(&dictionary, codes.len() as u64)).unwrap_or_default();
            let mut payload = (body.len() as u32).to_le_bytes().to_vec();
            payload.extend_from_slice(&body);
            match code_width(dictionary.len()) {
                1 => payload.extend(codes.iter().map(|c| *c as u8)),
                2 => payload.extend(codes.iter().flat_map(|c| (*c as u16).to_le_bytes())),
                _ => payload.extend(codes.iter().flat_map(|c| c.to_le_bytes())),
            }
            seal(FORMAT_CATEGORY, pack(&payload, 3))
        }
        ColumnData::Vector { dimension, values } => {
            let mut payload = dimension.to_le_bytes().to_vec();
            payload.extend(compress_numbers(values));
            seal(FORMAT_VECTOR, payload)
        }
    }
}

/// Drops the words that no row uses: a segment must not carry its whole batch's dictionary.
fn used_words(codes: &[u32], dictionary: &[String]) -> (Vec<u32>, Vec<String>) {
    let mut map = vec![MISSING; dictionary.len()];
    let mut words = Vec::new();
    let codes = codes
        .iter()
        .map(|&code| {
            if code == MISSING {
                return MISSING;
            }
            let slot = &mut map[code as usize];
            if *slot == MISSING {
                *slot = words.len() as u32;
                words.push(dictionary[code as usize].clone());
            }
            *slot
        })
        .collect();
    (codes, words)
}

pub(crate) fn decode_column(blob: &[u8]) -> Result<ColumnData> {
    match open(blob)? {
        (FORMAT_NUMBER, payload) => Ok(ColumnData::Number(decompress_numbers(payload)?)),
        (FORMAT_CATEGORY, payload) => decode_category(&unpack(payload)?),
        (FORMAT_VECTOR, payload) => {
            let (dimension, rest) =
                payload.split_at_checked(4).ok_or_else(|| damaged("a vector column is cut short"))?;
            let dimension =
                u32::from_le_bytes(dimension.try_into().map_err(|_| damaged("a vector column is cut short"))?);
            Ok(ColumnData::Vector { dimension, values: decompress_numbers(rest)? })
        }
        (other, _) => Err(damaged(&format!("format {other} where a column was expected"))),
    }
}

/// One row of a column, as a column of one row.
pub(crate) fn decode_cell(blob: &[u8], row: usize) -> Result<ColumnData> {
    if let (FORMAT_CATEGORY, payload) = open(blob)? {
        let bytes = unpack(payload)?;
        // The words are not made texts of: there may be as many as rows.
        let (dictionary, rows, packed): (Vec<&str>, usize, &[u8]) = category_parts(&bytes)?;
        let width = code_width(dictionary.len());
        let code = packed.get(row * width..(row + 1) * width).filter(|_| row < rows).ok_or_else(cut_category)?;
        let code = code.iter().rev().fold(0_u32, |code, byte| (code << 8) | u32::from(*byte));
        if code == u32::MAX >> (32 - 8 * width) {
            return Ok(ColumnData::Category { codes: vec![MISSING], dictionary: Vec::new() });
        }
        let word = dictionary.get(code as usize).ok_or_else(cut_category)?;
        return Ok(ColumnData::Category { codes: vec![0], dictionary: vec![word.to_string()] });
    }
    if let (FORMAT_NUMBER, payload) = open(blob)? {
        return Ok(ColumnData::Number(vec![number_at(payload, row)?]));
    }
    let column = decode_column(blob)?;
    if row < column.len() { Ok(column.take(&[row])) } else { Err(damaged("a column is cut short")) }
}

/// One of some whole numbers.
pub(crate) fn decode_int(blob: &[u8], row: usize) -> Result<i64> {
    match open(blob)? {
        (FORMAT_INTS, payload) => number_at(payload, row),
        (other, _) => Err(damaged(&format!("format {other} where whole numbers were expected"))),
    }
}

/// One of some numbers; those after it are not decompressed.
fn number_at<T: pco::data_types::Number + Default>(bytes: &[u8], row: usize) -> Result<T> {
    use pco::standalone::{DecompressorItem, FileDecompressor};
    /// Numbers come in steps of so many.
    const STEP: usize = 256;
    let wrong = |e: pco::errors::PcoError| damaged(&format!("numbers do not decompress ({e})"));
    let (file, mut rest) = FileDecompressor::new(bytes).map_err(wrong)?;
    let mut left = row;
    while let DecompressorItem::Chunk(mut chunk) = file.chunk_decompressor::<T, _>(rest).map_err(wrong)? {
        let here = chunk.n();
        let mut numbers = vec![T::default(); (left.min(here - 1) + 1).next_multiple_of(STEP).min(here)];
        chunk.read(&mut numbers).map_err(wrong)?;
        if left < here {
            return Ok(numbers[left]);
        }
        left -= here;
        rest = chunk.into_src();
    }
    Err(damaged("numbers are cut short"))
}

fn cut_category() -> StoreError {
    damaged("a category column is cut short")
}

/// Bytes of a code; the greatest code stands for missing.
fn code_width(words: usize) -> usize {
    match words {
        0..255 => 1,
        255..65_535 => 2,
        _ => 4,
    }
}

/// Words, number of rows and codes of an unpacked category column.
fn category_parts<'a, W: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(Vec<W>, usize, &'a [u8])> {
    let (size, rest) = bytes.split_at_checked(4).ok_or_else(cut_category)?;
    let size = u32::from_le_bytes(size.try_into().map_err(|_| cut_category())?) as usize;
    let (head, packed) = rest.split_at_checked(size).ok_or_else(cut_category)?;
    let (dictionary, rows): (Vec<W>, u64) = postcard::from_bytes(head).map_err(|_| cut_category())?;
    Ok((dictionary, rows as usize, packed))
}

fn decode_category(bytes: &[u8]) -> Result<ColumnData> {
    let (dictionary, rows, packed): (Vec<String>, usize, &[u8]) = category_parts(bytes)?;
    let codes: Vec<u32> = match code_width(dictionary.len()) {
        1 => packed.iter().map(|b| if *b == u8::MAX { MISSING } else { u32::from(*b) }).collect(),
        2 => packed
            .chunks_exact(2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]))
            .map(|c| if c == u16::MAX { MISSING } else { u32::from(c) })
            .collect(),
        _ => packed.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
    };
    let valid = codes.iter().all(|c| *c == MISSING || (*c as usize) < dictionary.len());
    if codes.len() != rows || !valid {
        return Err(cut_category());
    }
    Ok(ColumnData::Category { codes, dictionary })
}

pub(crate) fn encode_ints(values: &[i64]) -> Vec<u8> {
    seal(FORMAT_INTS, compress_numbers(values))
}

pub(crate) fn decode_ints(blob: &[u8]) -> Result<Vec<i64>> {
    match open(blob)? {
        (FORMAT_INTS, payload) => decompress_numbers(payload),
        (other, _) => Err(damaged(&format!("format {other} where whole numbers were expected"))),
    }
}

pub(crate) fn encode_times(times: &[Timestamp]) -> Vec<u8> {
    encode_ints(&times.iter().map(|t| t.0).collect::<Vec<_>>())
}

pub(crate) fn decode_times(blob: &[u8]) -> Result<Vec<Timestamp>> {
    Ok(decode_ints(blob)?.into_iter().map(Timestamp).collect())
}

/// Ids in the smallest of three shapes that gives back the same text.
pub(crate) fn encode_ids(ids: &[String]) -> Vec<u8> {
    let whole: Option<Vec<i64>> =
        ids.iter().map(|id| id.parse::<i64>().ok().filter(|n| n.to_string() == *id)).collect();
    if let Some(numbers) = whole {
        return seal(FORMAT_IDS_INT, compress_numbers(&numbers));
    }
    let uuids: Option<Vec<[u8; 16]>> = ids.iter().map(|id| parse_uuid(id)).collect();
    if let Some(uuids) = uuids {
        // The greater half of a time-ordered id repeats from row to row: store it apart.
        let high: Vec<u64> = uuids.iter().map(|u| half(u, 0)).collect();
        let low: Vec<u8> = uuids.iter().flat_map(|u| u[8..].to_vec()).collect();
        let high = compress_numbers(&high);
        let mut payload = (high.len() as u32).to_le_bytes().to_vec();
        payload.extend(high);
        payload.extend(low);
        return seal(FORMAT_IDS_UUID, payload);
    }
    seal(FORMAT_IDS_TEXT, pack(&postcard::to_stdvec(ids).unwrap_or_default(), 3))
}

/// A segment's ids as they lie there: finding some among them needs no text of the others.
pub(crate) enum IdColumn {
    Ints(Vec<i64>),
    Uuids(Vec<u128>),
    Texts(Vec<String>),
}

impl IdColumn {
    /// The row of each id, compared in full.
    pub(crate) fn find(&self, ids: &[&str]) -> Vec<Option<usize>> {
        match self {
            IdColumn::Ints(known) => find(known, ids.iter().map(|id| id.parse().ok())),
            IdColumn::Uuids(known) => {
                let whole = |u: [u8; 16]| u128::from_be_bytes(u);
                find(known, ids.iter().map(|id| parse_uuid(id).map(whole)))
            }
            IdColumn::Texts(known) => find(known, ids.iter().map(|id| Some(id.to_string()))),
        }
    }

    pub(crate) fn texts(self) -> Vec<String> {
        match self {
            IdColumn::Ints(known) => known.iter().map(i64::to_string).collect(),
            IdColumn::Uuids(known) => known.iter().map(|u| uuid_text((u >> 64) as u64, *u as u64)).collect(),
            IdColumn::Texts(known) => known,
        }
    }
}

fn find<T: std::hash::Hash + Eq>(known: &[T], asked: impl Iterator<Item = Option<T>>) -> Vec<Option<usize>> {
    let asked: Vec<Option<T>> = asked.collect();
    if let [one] = asked.as_slice() {
        return vec![one.as_ref().and_then(|one| known.iter().position(|k| k == one))];
    }
    let mut found = vec![None; asked.len()];
    let mut places: std::collections::HashMap<&T, Vec<usize>> = std::collections::HashMap::new();
    for (place, id) in asked.iter().enumerate() {
        if let Some(id) = id {
            places.entry(id).or_default().push(place);
        }
    }
    for (row, id) in known.iter().enumerate() {
        for place in places.get(id).into_iter().flatten() {
            found[*place] = Some(row);
        }
    }
    found
}

pub(crate) fn decode_ids(blob: &[u8]) -> Result<Vec<String>> {
    decode_id_column(blob).map(IdColumn::texts)
}

pub(crate) fn decode_id_column(blob: &[u8]) -> Result<IdColumn> {
    let short = || damaged("a column of ids is cut short");
    match open(blob)? {
        (FORMAT_IDS_INT, payload) => Ok(IdColumn::Ints(decompress_numbers::<i64>(payload)?)),
        (FORMAT_IDS_UUID, payload) => {
            let (size, rest) = payload.split_at_checked(4).ok_or_else(short)?;
            let size = u32::from_le_bytes(size.try_into().map_err(|_| short())?) as usize;
            let (high, low) = rest.split_at_checked(size).ok_or_else(short)?;
            let high = decompress_numbers::<u64>(high)?;
            if low.len() != high.len() * 8 {
                return Err(short());
            }
            let whole =
                high.iter().zip(low.chunks_exact(8)).map(|(h, l)| u128::from(*h) << 64 | u128::from(half(l, 0)));
            Ok(IdColumn::Uuids(whole.collect()))
        }
        (FORMAT_IDS_TEXT, payload) => {
            Ok(IdColumn::Texts(postcard::from_bytes(&unpack(payload)?).map_err(|_| short())?))
        }
        (other, _) => Err(damaged(&format!("format {other} where ids were expected"))),
    }
}

fn half(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

/// Reads the one canonical spelling: 36 characters, lower case.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let bytes = text.as_bytes();
    if bytes.len() != 36 || [8, 13, 18, 23].iter().any(|i| bytes[*i] != b'-') {
        return None;
    }
    let mut out = [0; 16];
    let mut digits = 0;
    for (i, byte) in bytes.iter().enumerate() {
        if [8, 13, 18, 23].contains(&i) {
            continue;
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        out[digits / 2] = (out[digits / 2] << 4) | digit;
        digits += 1;
    }
    Some(out)
}

fn uuid_text(high: u64, low: u64) -> String {
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// Decimal places that are looked for in values: what people and exporters round to.
const DECIMALS_MAX: u8 = 6;

/// Values as whole numbers of the smallest decimal unit that gives each of them back exactly; `None` where
/// there is none. Differences of whole numbers pack better than those of fractions.
fn as_decimals(values: &[f64]) -> Option<(u8, Vec<i64>)> {
    (0..=DECIMALS_MAX).find_map(|places| {
        let unit = 10_f64.powi(i32::from(places));
        let whole = |value: &f64| {
            let scaled = (value * unit).round();
            let number = scaled as i64;
            // Through the whole number, so that −0.0 is seen to lose its sign.
            let exact = scaled.abs() < 9e15 && (number as f64 / unit).to_bits() == value.to_bits();
            exact.then_some(number)
        };
        // Most series fail at their first value, which then costs nothing more.
        values.iter().map(whole).collect::<Option<Vec<i64>>>().map(|numbers| (places, numbers))
    })
}

/// Points of one series: even steps of time as a start and a step, decimal values as whole numbers, values
/// that never change as one.
pub(crate) fn encode_samples(times: &[i64], values: &[f64]) -> Vec<u8> {
    let mut payload = (times.len() as u32).to_le_bytes().to_vec();
    let step = times.get(1).map_or(0, |second| second.wrapping_sub(times[0]));
    if !times.is_empty() && times.windows(2).all(|w| w[1].wrapping_sub(w[0]) == step) {
        payload.push(1);
        payload.extend(times[0].to_le_bytes());
        payload.extend(step.to_le_bytes());
    } else {
        let times = compress_numbers(times);
        payload.push(0);
        payload.extend((times.len() as u32).to_le_bytes());
        payload.extend(times);
    }
    if !values.is_empty() && values.iter().all(|v| v.to_bits() == values[0].to_bits()) {
        payload.push(1);
        payload.extend(values[0].to_le_bytes());
    } else if let Some((places, numbers)) = as_decimals(values) {
        payload.extend([2, places]);
        payload.extend(compress_numbers(&numbers));
    } else {
        payload.push(0);
        payload.extend(compress_numbers(values));
    }
    seal(FORMAT_RUN, payload)
}

pub(crate) fn decode_samples(blob: &[u8]) -> Result<(Vec<i64>, Vec<f64>)> {
    let short = || damaged("a chunk of samples is cut short");
    let payload = match open(blob)? {
        (FORMAT_RUN, payload) => return decode_run(payload),
        (FORMAT_SAMPLES, payload) => payload,
        (other, _) => return Err(damaged(&format!("format {other} where samples were expected"))),
    };
    let (size, rest) = payload.split_at_checked(4).ok_or_else(short)?;
    let size = u32::from_le_bytes(size.try_into().map_err(|_| short())?) as usize;
    let (times, values) = rest.split_at_checked(size).ok_or_else(short)?;
    let (times, values) = (decompress_numbers(times)?, decompress_numbers(values)?);
    if times.len() != values.len() {
        return Err(short());
    }
    Ok((times, values))
}

fn decode_run(payload: &[u8]) -> Result<(Vec<i64>, Vec<f64>)> {
    let mut rest = payload;
    let mut take = |count: usize| -> Result<&[u8]> {
        let (taken, left) = rest.split_at_checked(count).ok_or_else(|| damaged("a chunk of samples is cut short"))?;
        rest = left;
        Ok(taken)
    };
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    let count = number(take(4)?) as usize;
    if count > DECODED_MAX / 16 {
        return Err(damaged("a chunk claims more samples than fit a gibibyte"));
    }
    let times = match take(1)?[0] {
        1 => {
            let (start, step) = (number(take(8)?) as i64, number(take(8)?) as i64);
            (0..count as i64).map(|i| start.wrapping_add(step.wrapping_mul(i))).collect()
        }
        _ => {
            let size = number(take(4)?) as usize;
            decompress_numbers::<i64>(take(size)?)?
        }
    };
    let values = match take(1)?[0] {
        1 => vec![f64::from_bits(number(take(8)?)); count],
        2 => {
            let unit = 10_f64.powi(i32::from(take(1)?[0]));
            decompress_numbers::<i64>(rest)?.into_iter().map(|n| n as f64 / unit).collect()
        }
        _ => decompress_numbers::<f64>(rest)?,
    };
    if times.len() != count || values.len() != count {
        return Err(damaged("a chunk of samples is cut short"));
    }
    Ok((times, values))
}

/// Samples as they came, of many series: light, for they are read once.
pub(crate) fn encode_points(points: &Points) -> Vec<u8> {
    let mut payload = Vec::with_capacity(points.len() * 24);
    for column in [&points.series, &points.at] {
        payload.extend(column.iter().flat_map(|v| v.to_le_bytes()));
    }
    payload.extend(points.values.iter().flat_map(|v| v.to_le_bytes()));
    seal(FORMAT_POINTS, pack(&payload, 1))
}

pub(crate) fn decode_points(blob: &[u8]) -> Result<Points> {
    let payload = match open(blob)? {
        (FORMAT_POINTS, payload) => unpack(payload)?,
        // As written before there was a shape of their own.
        (FORMAT_ROWS, payload) => {
            let rows: Vec<(i64, i64, f64)> = postcard::from_bytes(&unpack(payload)?)
                .map_err(|e| damaged(&format!("samples do not decode ({e})")))?;
            let mut points = Points::default();
            rows.into_iter().for_each(|(series, at, value)| points.push(series, at, value));
            return Ok(points);
        }
        (other, _) => return Err(damaged(&format!("format {other} where samples were expected"))),
    };
    if payload.len() % 24 != 0 {
        return Err(damaged("a batch of samples is cut short"));
    }
    let column = |i: usize| payload[i * payload.len() / 3..(i + 1) * payload.len() / 3].as_chunks::<8>().0;
    Ok(Points {
        series: column(0).iter().map(|b| i64::from_le_bytes(*b)).collect(),
        at: column(1).iter().map(|b| i64::from_le_bytes(*b)).collect(),
        values: column(2).iter().map(|b| f64::from_le_bytes(*b)).collect(),
    })
}

/// Labels aligned with a segment's rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LabelColumn {
    pub(crate) values: ColumnData,
    /// When the truth became known; [`i64::MIN`] where there is no label.
    pub(crate) times: Vec<i64>,
    pub(crate) received: Vec<i64>,
}

impl LabelColumn {
    pub(crate) fn empty(rows: usize) -> LabelColumn {
        LabelColumn {
            values: ColumnData::Category { codes: vec![MISSING; rows], dictionary: Vec::new() },
            times: vec![i64::MIN; rows],
            received: vec![i64::MIN; rows],
        }
    }
}

pub(crate) fn encode_labels(labels: &LabelColumn) -> Vec<u8> {
    let parts = (encode_column(&labels.values), encode_ints(&labels.times), encode_ints(&labels.received));
    encode_rows(&parts)
}

/// The label of one row, as a column of one row.
pub(crate) fn decode_label(blob: &[u8], row: usize) -> Result<LabelColumn> {
    let (values, times, received): (Vec<u8>, Vec<u8>, Vec<u8>) = decode_rows(blob)?;
    let (time, received) = (decode_int(&times, row)?, decode_int(&received, row)?);
    Ok(LabelColumn { values: decode_cell(&values, row)?, times: vec![time], received: vec![received] })
}

pub(crate) fn decode_labels(blob: &[u8]) -> Result<LabelColumn> {
    let (values, times, received): (Vec<u8>, Vec<u8>, Vec<u8>) = decode_rows(blob)?;
    Ok(LabelColumn { values: decode_column(&values)?, times: decode_ints(&times)?, received: decode_ints(&received)? })
}

/// Gives bytes a right frame, so that they reach the decoders of their format; the first byte chooses it.
#[cfg(fuzzing)]
pub(crate) fn decode_anything(bytes: &[u8]) {
    let Some((format, payload)) = bytes.split_first() else {
        return;
    };
    let format = format % 13;
    let packed = pack(payload, 1);
    for body in [payload.to_vec(), packed] {
        let blob = seal(format, body);
        let _ = decode_column(&blob).map(|column| column.missing());
        let _ = (decode_cell(&blob, payload.len() / 2), decode_label(&blob, 3));
        let _ = (decode_ints(&blob), decode_ids(&blob), decode_labels(&blob), decode_samples(&blob));
        let _ = (decode_points(&blob), decode_rows::<domain::event::EventBatch>(&blob), decode_filter(&blob));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::event::CategoryBuilder;
    use proptest::prelude::*;

    fn category(values: &[Option<String>]) -> ColumnData {
        let mut builder = CategoryBuilder::default();
        values.iter().for_each(|v| builder.push(v.as_deref()));
        builder.finish()
    }

    proptest! {
        #[test]
        fn columns_come_back_as_they_went(values in prop::collection::vec(prop::option::of(any::<f64>()), 0..300)) {
            let data = ColumnData::Number(values.iter().map(|v| v.unwrap_or(f64::NAN)).collect());
            let ColumnData::Number(back) = decode_column(&encode_column(&data)).expect("decodes") else { panic!("numbers") };
            let ColumnData::Number(sent) = data else { panic!("numbers") };
            prop_assert!(sent.iter().zip(&back).all(|(a, b)| a.to_bits() == b.to_bits()));
            let blob = encode_column(&ColumnData::Number(sent.clone()));
            for (row, number) in sent.iter().enumerate() {
                let ColumnData::Number(one) = decode_cell(&blob, row).expect("decodes") else { panic!("a number") };
                prop_assert_eq!(one.iter().map(|n| n.to_bits()).collect::<Vec<_>>(), vec![number.to_bits()]);
            }
            prop_assert!(decode_cell(&blob, sent.len()).is_err());
            prop_assert_eq!(sent.len(), back.len());
        }

        #[test]
        fn categories_come_back_as_they_went(values in prop::collection::vec(prop::option::of("[a-e]{0,3}|\\PC{0,4}"), 0..600)) {
            let data = category(&values);
            let back = decode_column(&encode_column(&data)).expect("decodes");
            let blob = encode_column(&category(&values));
            for (row, value) in values.iter().enumerate() {
                prop_assert_eq!(&back.text(row), value);
                prop_assert_eq!(&decode_cell(&blob, row).expect("decodes").text(0), value);
            }
            prop_assert!(decode_cell(&blob, values.len()).is_err());
        }

        #[test]
        fn ids_come_back_as_they_went(ids in prop::collection::vec("-?[0-9]{1,20}|[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|\\PC{1,20}", 0..50)) {
            let blob = encode_ids(&ids);
            prop_assert_eq!(&decode_ids(&blob).expect("decodes"), &ids);
            let asked: Vec<&str> = ids.iter().map(String::as_str).chain(["not there", "77"]).collect();
            for (id, place) in asked.iter().zip(decode_id_column(&blob).expect("decodes").find(&asked)) {
                prop_assert_eq!(place.map(|p| ids[p].as_str()), ids.iter().find(|i| i == id).map(String::as_str));
            }
        }

        #[test]
        fn samples_come_back_as_they_went(rows in prop::collection::vec(any::<(i64, i64, f64)>(), 0..50)) {
            let mut points = Points::default();
            rows.iter().for_each(|(series, at, value)| points.push(*series, *at, *value));
            let same = |a: &Points, b: &Points| {
                a.series == b.series && a.at == b.at
                    && a.values.iter().map(|v| v.to_bits()).eq(b.values.iter().map(|v| v.to_bits()))
            };
            prop_assert!(same(&decode_points(&encode_points(&points)).expect("decodes"), &points));
            prop_assert!(same(&decode_points(&encode_rows(&rows)).expect("the older shape decodes"), &points));
        }

        #[test]
        fn a_run_comes_back_as_it_went(
            steps in prop::collection::vec(0..3_i64, 0..60),
            values in prop::collection::vec(prop_oneof![
                (-1000..1000_i32).prop_map(|n| f64::from(n) / 100.0),
                Just(-0.0),
                Just(17.25),
                any::<f64>().prop_filter("finite", |v| v.is_finite()),
            ], 60),
        ) {
            let times: Vec<i64> = steps.iter().scan(1_700_000_000_000_000, |at, s| { *at += s; Some(*at) }).collect();
            for values in [&values[..times.len()], &vec![2.5; times.len()]] {
                let (back_times, back) = decode_samples(&encode_samples(&times, values)).expect("decodes");
                prop_assert_eq!(&back_times, &times);
                prop_assert!(back.iter().map(|v| v.to_bits()).eq(values.iter().map(|v| v.to_bits())));
            }
        }

        #[test]
        fn any_single_changed_byte_is_noticed(at in 0usize..200, flip in 1u8..=255) {
            let mut blob = encode_ints(&(0..100).map(|i| i * 7919).collect::<Vec<_>>());
            let at = at % blob.len();
            blob[at] ^= flip;
            prop_assert!(matches!(decode_ints(&blob), Err(StoreError::Corrupt(_))));
        }
    }

    #[test]
    fn uuids_take_the_compact_shape_and_wide_dictionaries_their_own_width() {
        let ids: Vec<String> = (0..100u64).map(|i| uuid_text(0x0190_0000_0000_7000 + (i << 16), i * 77)).collect();
        let blob = encode_ids(&ids);
        assert_eq!(blob[0], FORMAT_IDS_UUID);
        assert_eq!(decode_ids(&blob).expect("decodes"), ids);
        for words in [254, 255, 300, 70_000] {
            let values: Vec<Option<String>> = (0..words).map(|i| Some(format!("w{i}"))).chain([None]).collect();
            let back = decode_column(&encode_column(&category(&values))).expect("decodes");
            assert_eq!(back.text(words - 1), values[words - 1]);
            assert_eq!(back.text(words), None);
            let blob = encode_column(&category(&values));
            let cell = |row: usize| decode_cell(&blob, row).expect("decodes").text(0);
            assert_eq!((cell(words - 1), cell(words)), (values[words - 1].clone(), None));
        }
    }
}

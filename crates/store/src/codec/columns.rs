//! Columns of numbers, categories, vectors, whole numbers and labels; whole, or one row of them.

use domain::Timestamp;
use domain::event::{ColumnData, MISSING};
use serde::{Deserialize, Serialize};

use super::{
    FORMAT_CATEGORY, FORMAT_INTS, FORMAT_NUMBER, FORMAT_VECTOR, compress_numbers, damaged, decode_rows,
    decompress_numbers, encode_rows, open, pack, seal, unpack,
};
use crate::{Result, StoreError};

pub(crate) fn encode_column(data: &ColumnData) -> Vec<u8> {
    match data {
        ColumnData::Number(values) => seal(FORMAT_NUMBER, compress_numbers(values)),
        ColumnData::Category { codes, dictionary } => {
            let (codes, dictionary) = used_words(codes.iter().copied(), dictionary);
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
fn used_words<W: AsRef<str>>(codes: impl Iterator<Item = u32>, dictionary: &[W]) -> (Vec<u32>, Vec<String>) {
    let mut map = vec![MISSING; dictionary.len()];
    let mut words = Vec::new();
    let codes = codes
        .map(|code| {
            if code == MISSING {
                return MISSING;
            }
            let slot = &mut map[code as usize];
            if *slot == MISSING {
                *slot = words.len() as u32;
                words.push(dictionary[code as usize].as_ref().to_string());
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
        (FORMAT_VECTOR, payload) => decode_vector(payload),
        (other, _) => Err(damaged(&format!("format {other} where a column was expected"))),
    }
}

/// Some rows of a column, in their order: of what else it holds no texts are made, and what comes after them is not
/// decompressed.
pub(crate) fn decode_some(blob: &[u8], rows: &[usize]) -> Result<ColumnData> {
    match open(blob)? {
        (FORMAT_NUMBER, payload) => Ok(ColumnData::Number(numbers_at(payload, rows)?)),
        (FORMAT_CATEGORY, payload) => some_categories(&unpack(payload)?, rows),
        (FORMAT_VECTOR, payload) => {
            let vectors = decode_vector(payload)?;
            let whole = rows.last().is_none_or(|last| *last < vectors.len());
            if whole { Ok(vectors.take(rows)) } else { Err(cut_vector()) }
        }
        (other, _) => Err(damaged(&format!("format {other} where a column was expected"))),
    }
}

/// One of some whole numbers.
pub(crate) fn decode_int(blob: &[u8], row: usize) -> Result<i64> {
    match open(blob)? {
        (FORMAT_INTS, payload) => Ok(numbers_at(payload, &[row])?[0]),
        (other, _) => Err(damaged(&format!("format {other} where whole numbers were expected"))),
    }
}

/// Those of some numbers that stand in these rows, which are in order; those after them are not decompressed.
fn numbers_at<T: pco::data_types::Number + Default>(bytes: &[u8], rows: &[usize]) -> Result<Vec<T>> {
    use pco::standalone::{DecompressorItem, FileDecompressor};
    /// Numbers come in steps of so many.
    const STEP: usize = 256;
    let wrong = |e: pco::errors::PcoError| damaged(&format!("numbers do not decompress ({e})"));
    let (file, mut rest) = FileDecompressor::new(bytes).map_err(wrong)?;
    let (mut left, mut before, mut found) = (rows, 0, Vec::with_capacity(rows.len()));
    let mut numbers = Vec::new();
    while let Some(last) = left.last() {
        let DecompressorItem::Chunk(mut chunk) = file.chunk_decompressor::<T, _>(rest).map_err(wrong)? else {
            return Err(damaged("numbers are cut short"));
        };
        let here = chunk.n();
        numbers.resize((last - before + 1).next_multiple_of(STEP).min(here), T::default());
        chunk.read(&mut numbers).map_err(wrong)?;
        let (now, later) = left.split_at(left.partition_point(|row| *row < before + here));
        found.extend(now.iter().map(|row| numbers[row - before]));
        (left, before, rest) = (later, before + here, chunk.into_src());
    }
    Ok(found)
}

fn cut_vector() -> StoreError {
    damaged("a vector column is cut short")
}

fn decode_vector(payload: &[u8]) -> Result<ColumnData> {
    let (dimension, rest) = payload.split_at_checked(4).ok_or_else(cut_vector)?;
    let dimension = u32::from_le_bytes(dimension.try_into().map_err(|_| cut_vector())?);
    Ok(ColumnData::Vector { dimension, values: decompress_numbers(rest)? })
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

fn some_categories(bytes: &[u8], rows: &[usize]) -> Result<ColumnData> {
    let (dictionary, all, packed): (Vec<&str>, usize, &[u8]) = category_parts(bytes)?;
    let width = code_width(dictionary.len());
    let code = |row: &usize| -> Result<u32> {
        let code = packed.get(row * width..(row + 1) * width).filter(|_| *row < all).ok_or_else(cut_category)?;
        let code = code.iter().rev().fold(0_u32, |code, byte| (code << 8) | u32::from(*byte));
        let code = if code == u32::MAX >> (32 - 8 * width) { MISSING } else { code };
        if code == MISSING || (code as usize) < dictionary.len() { Ok(code) } else { Err(cut_category()) }
    };
    let codes: Vec<u32> = rows.iter().map(code).collect::<Result<_>>()?;
    let (codes, dictionary) = used_words(codes.into_iter(), &dictionary);
    Ok(ColumnData::Category { codes, dictionary })
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

    pub(crate) fn take(&self, rows: &[usize]) -> LabelColumn {
        let some = |times: &[i64]| rows.iter().map(|row| times[*row]).collect();
        LabelColumn { values: self.values.take(rows), times: some(&self.times), received: some(&self.received) }
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
    Ok(LabelColumn { values: decode_some(&values, &[row])?, times: vec![time], received: vec![received] })
}

pub(crate) fn decode_labels(blob: &[u8]) -> Result<LabelColumn> {
    let (values, times, received): (Vec<u8>, Vec<u8>, Vec<u8>) = decode_rows(blob)?;
    Ok(LabelColumn { values: decode_column(&values)?, times: decode_ints(&times)?, received: decode_ints(&received)? })
}

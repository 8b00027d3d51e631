//! Columns as bytes: compact, and checked on the way back.
//!
//! Every blob is `format byte · payload · xxh3-64 of both`. A blob that fails its checksum is
//! reported as damaged, never decoded. Formats are only ever added: old numbers stay readable.

mod columns;
mod ids;
mod samples;

use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64;

use crate::{Result, StoreError};
pub(crate) use columns::*;
pub(crate) use ids::*;
pub(crate) use samples::*;

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
        let _ = (decode_some(&blob, &[2, payload.len() / 2 + 2]), decode_label(&blob, 3));
        let _ = (
            decode_ints(&blob),
            decode_id_column(&blob).map(IdColumn::texts),
            decode_labels(&blob),
            decode_samples(&blob),
        );
        let _ = (decode_points(&blob), decode_rows::<domain::event::EventBatch>(&blob), decode_filter(&blob));
    }
}

#[cfg(test)]
mod tests {
    use super::ids::uuid_text;
    use super::*;
    use crate::samples::Points;
    use domain::event::{CategoryBuilder, ColumnData};
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
            for every in 1..=sent.len() {
                let rows: Vec<usize> = (0..sent.len()).step_by(every).collect();
                let ColumnData::Number(some) = decode_some(&blob, &rows).expect("decodes") else { panic!("numbers") };
                prop_assert!(some.iter().map(|n| n.to_bits()).eq(rows.iter().map(|row| sent[*row].to_bits())));
            }
            prop_assert!(decode_some(&blob, &[sent.len()]).is_err());
            prop_assert_eq!(sent.len(), back.len());
        }

        #[test]
        fn categories_come_back_as_they_went(values in prop::collection::vec(prop::option::of("[a-e]{0,3}|\\PC{0,4}"), 0..600)) {
            let data = category(&values);
            let back = decode_column(&encode_column(&data)).expect("decodes");
            let blob = encode_column(&category(&values));
            for (row, value) in values.iter().enumerate() {
                prop_assert_eq!(&back.text(row), value);
                prop_assert_eq!(&decode_some(&blob, &[row]).expect("decodes").text(0), value);
            }
            for every in 1..=values.len().min(9) {
                let rows: Vec<usize> = (0..values.len()).step_by(every).collect();
                let some = decode_some(&blob, &rows).expect("decodes");
                prop_assert!((0..some.len()).map(|row| some.text(row)).eq(rows.iter().map(|row| back.text(*row))));
            }
            prop_assert!(decode_some(&blob, &[values.len()]).is_err());
        }

        #[test]
        fn ids_come_back_as_they_went(ids in prop::collection::vec("-?[0-9]{1,20}|[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|\\PC{1,20}", 0..50)) {
            let blob = encode_ids(&ids);
            let column = decode_id_column(&blob).expect("decodes");
            let odd: Vec<usize> = (1..ids.len()).step_by(2).collect();
            prop_assert!(column.texts_of(&odd).expect("there").iter().eq(odd.iter().map(|row| &ids[*row])));
            prop_assert_eq!(column.texts_of(&[ids.len()]), None);
            prop_assert_eq!(&column.texts(), &ids);
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
        assert_eq!(decode_id_column(&blob).expect("decodes").texts(), ids);
        for words in [254, 255, 300, 70_000] {
            let values: Vec<Option<String>> = (0..words).map(|i| Some(format!("w{i}"))).chain([None]).collect();
            let back = decode_column(&encode_column(&category(&values))).expect("decodes");
            assert_eq!(back.text(words - 1), values[words - 1]);
            assert_eq!(back.text(words), None);
            let blob = encode_column(&category(&values));
            let cell = |row: usize| decode_some(&blob, &[row]).expect("decodes").text(0);
            assert_eq!((cell(words - 1), cell(words)), (values[words - 1].clone(), None));
        }
    }
}

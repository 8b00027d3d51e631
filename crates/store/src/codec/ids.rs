//! Ids of events: whole numbers, UUIDs or texts, each in its smallest shape.

use super::{
    FORMAT_IDS_INT, FORMAT_IDS_TEXT, FORMAT_IDS_UUID, compress_numbers, damaged, decompress_numbers, open, pack, seal,
    unpack,
};
use crate::Result;

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
            IdColumn::Texts(known) => known,
            other => (0..other.len()).map(|row| other.text(row)).collect(),
        }
    }

    /// Those of some rows. `None` where there are not so many.
    pub(crate) fn texts_of(&self, rows: &[usize]) -> Option<Vec<String>> {
        let all = self.len();
        rows.iter().map(|row| (*row < all).then(|| self.text(*row))).collect()
    }

    fn len(&self) -> usize {
        match self {
            IdColumn::Ints(known) => known.len(),
            IdColumn::Uuids(known) => known.len(),
            IdColumn::Texts(known) => known.len(),
        }
    }

    fn text(&self, row: usize) -> String {
        match self {
            IdColumn::Ints(known) => known[row].to_string(),
            IdColumn::Uuids(known) => uuid_text((known[row] >> 64) as u64, known[row] as u64),
            IdColumn::Texts(known) => known[row].clone(),
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

pub(super) fn uuid_text(high: u64, low: u64) -> String {
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

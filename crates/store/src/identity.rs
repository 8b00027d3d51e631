//! Which prediction is which: hashes of ids, fingerprints of rows, filters over segments.
//!
//! A hash finds a candidate; the full id decides. The first row of an id wins, and a resend that
//! says something else is reported, never silently taken.

use domain::event::{ColumnData, EventBatch, MISSING};
use xorf::{BinaryFuse16, BinaryFuse16Ref, DmaSerializable, Filter, FilterRef};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

pub(crate) fn id_hash(id: &str) -> u64 {
    xxh3_64(id.as_bytes())
}

/// Wide enough to stand for the id itself where the text is not at hand.
pub(crate) fn id_hash_wide(id: &str) -> u128 {
    xxh3_128(id.as_bytes())
}

/// One figure a row, equal when time and all present values are.
pub(crate) fn fingerprints(batch: &EventBatch) -> Vec<u32> {
    let mut sums: Vec<u64> = batch.times.iter().map(|t| xxh3_64(&t.0.to_le_bytes())).collect();
    for column in &batch.columns {
        let salt = xxh3_64(column.name.as_bytes());
        // Addition: the order of columns in a request says nothing.
        match &column.data {
            ColumnData::Number(values) => {
                for (sum, value) in sums.iter_mut().zip(values).filter(|(_, v)| !v.is_nan()) {
                    *sum = sum.wrapping_add(mix(salt ^ value.to_bits()));
                }
            }
            ColumnData::Category { codes, dictionary } => {
                let words: Vec<u64> = dictionary.iter().map(|w| mix(salt ^ xxh3_64(w.as_bytes()))).collect();
                for (sum, code) in sums.iter_mut().zip(codes).filter(|(_, c)| **c != MISSING) {
                    *sum = sum.wrapping_add(words[*code as usize]);
                }
            }
            ColumnData::Vector { dimension, values } => {
                let width = (*dimension).max(1) as usize;
                for (sum, row) in
                    sums.iter_mut().zip(values.chunks(width)).filter(|(_, r)| !r.iter().all(|v| v.is_nan()))
                {
                    let row: u64 = row.iter().fold(salt, |h, v| mix(h ^ u64::from(v.to_bits())));
                    *sum = sum.wrapping_add(row);
                }
            }
        }
    }
    sums.into_iter().map(|s| mix(s) as u32).collect()
}

/// A strong 64-bit finaliser (Stafford's variant 13), so that sums do not cancel.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A map by hashes that are spread well already: hashing them again would double the cost of a look.
pub(crate) type HashedMap<K, V> = std::collections::HashMap<K, V, std::hash::BuildHasherDefault<LowHalf>>;

#[derive(Default)]
pub(crate) struct LowHalf(u64);

impl std::hash::Hasher for LowHalf {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn write_u128(&mut self, value: u128) {
        self.0 = value as u64;
    }
}

/// Says “certainly not here” for nearly every id that is not: about 1.5 in 100,000 slip through
/// and are then looked up. Empty where no filter could be built, which lets everything through.
pub(crate) struct IdFilter {
    descriptor: Vec<u8>,
    /// Fingerprints from `start` on, so placed that they are aligned for reading as `u16`.
    buffer: Vec<u8>,
    start: usize,
}

impl IdFilter {
    /// The filter as bytes to keep.
    pub(crate) fn build(hashes: &[u64]) -> Vec<u8> {
        let mut unique = hashes.to_vec();
        unique.sort_unstable();
        unique.dedup();
        let Ok(filter) = BinaryFuse16::try_from(&unique) else {
            return Vec::new();
        };
        let mut bytes = vec![0; BinaryFuse16::DESCRIPTOR_LEN];
        filter.dma_copy_descriptor_to(&mut bytes);
        bytes.extend_from_slice(filter.dma_fingerprints());
        bytes
    }

    pub(crate) fn read(bytes: &[u8]) -> IdFilter {
        let (descriptor, fingerprints) = bytes.split_at_checked(BinaryFuse16::DESCRIPTOR_LEN).unwrap_or_default();
        let mut buffer = vec![0; fingerprints.len() + 1];
        let start = buffer.as_ptr().align_offset(2).min(1);
        buffer[start..start + fingerprints.len()].copy_from_slice(fingerprints);
        buffer.truncate(start + fingerprints.len());
        IdFilter { descriptor: descriptor.to_vec(), buffer, start }
    }

    /// What it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.descriptor.len() + self.buffer.len() + size_of::<IdFilter>()
    }

    pub(crate) fn may_contain(&self, hash: u64) -> bool {
        if self.descriptor.is_empty() {
            return true;
        }
        BinaryFuse16Ref::from_dma(&self.descriptor, &self.buffer[self.start..]).contains(&hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use domain::event::Column;

    fn batch(columns: Vec<Column>) -> EventBatch {
        EventBatch { ids: vec!["a".into(), "b".into()], times: vec![Timestamp(1), Timestamp(2)], columns }
    }

    #[test]
    fn a_fingerprint_changes_with_any_value_and_not_with_the_order_of_columns() {
        let x = Column { name: "x".into(), data: ColumnData::Number(vec![1.0, 2.0]) };
        let y = Column { name: "y".into(), data: ColumnData::Number(vec![3.0, f64::NAN]) };
        let one = fingerprints(&batch(vec![x.clone(), y.clone()]));
        assert_eq!(one, fingerprints(&batch(vec![y.clone(), x.clone()])));
        let other = Column { name: "x".into(), data: ColumnData::Number(vec![1.0, 2.5]) };
        let two = fingerprints(&batch(vec![other, y]));
        assert_eq!(one[0], two[0]);
        assert_ne!(one[1], two[1]);
    }

    #[test]
    fn a_filter_knows_its_own_and_turns_away_nearly_all_others() {
        let hashes: Vec<u64> = (0..10_000u64).map(|i| id_hash(&i.to_string())).collect();
        let filter = IdFilter::read(&IdFilter::build(&hashes));
        assert!(hashes.iter().all(|h| filter.may_contain(*h)));
        let strangers = (10_000..110_000u64).filter(|i| filter.may_contain(id_hash(&i.to_string()))).count();
        assert!(strangers < 20, "{strangers} of 100,000");
    }
}

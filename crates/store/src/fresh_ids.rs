//! What this process knows of the ids in a stream's fresh log, so that a resend is known for one without asking.
//!
//! It holds every id of the last minutes of every stream, so its size is what a process with many models holds. Ids lie
//! in tables that are filled to the brim, oldest first: one table of all would be half empty after each time it grew,
//! and would keep that size when its rows have gone to a segment.

use domain::event::EventBatch;

use crate::Result;
use crate::codec;
use crate::database::{Transaction, params};
use crate::identity::{HashedMap, fingerprints, id_hash_wide};
use crate::models::Stream;

/// Ids of a table before the next one is begun; a stream of few rows has one small table.
const FULL: usize = 14_336;

/// Ids of some rows of the fresh log, one after the other.
#[derive(Default)]
struct Table {
    last_seq: i64,
    /// By half of an id's hash: another part of it, and the row's fingerprint.
    ids: HashedMap<u64, (u32, u32)>,
}

/// Brought up to date inside each transaction, because another process may have written.
#[derive(Default)]
pub(crate) struct FreshIds {
    pub last_seq: i64,
    through: i64,
    tables: Vec<Table>,
}

/// What an id is looked up by, and what tells it apart from another with the same: together 96 bits. Of two ids with the
/// same first half, which nobody will see, the second is not known; compaction leaves out a resend of it.
fn halves(hash: u128) -> (u64, u32) {
    (hash as u64, (hash >> 64) as u32)
}

impl FreshIds {
    /// The fingerprint of a row whose id is in the fresh log, or was lately.
    pub fn get(&self, id: &str) -> Option<u32> {
        let (key, rest) = halves(id_hash_wide(id));
        let mut found = self.tables.iter().rev().filter_map(|table| table.ids.get(&key));
        found.find(|(known, _)| *known == rest).map(|(_, print)| *print)
    }

    pub fn learn(&mut self, seq: i64, additions: impl IntoIterator<Item = (u128, u32)>) {
        self.last_seq = self.last_seq.max(seq);
        for (hash, print) in additions {
            let (key, rest) = halves(hash);
            let full = |t: &Table| t.ids.len() >= FULL && t.ids.len() == t.ids.capacity();
            if self.tables.last().is_none_or(full) {
                self.tables.push(Table::default());
            }
            if let Some(table) = self.tables.last_mut() {
                table.last_seq = table.last_seq.max(seq);
                // The first wins.
                table.ids.entry(key).or_insert((rest, print));
            }
        }
    }

    /// Takes in what others wrote.
    pub async fn catch_up(&mut self, transaction: &mut Transaction, stream: &Stream) -> Result<()> {
        let rows = transaction
            .fetch(
                "SELECT seq, body FROM fresh WHERE bucket = $1 AND stream_id = $2 AND seq > $3 ORDER BY seq",
                params![stream.bucket(), stream.id, self.last_seq],
            )
            .await?;
        for row in rows {
            let batch: EventBatch = codec::decode_rows(&row.blob(1)?)?;
            let prints = fingerprints(&batch);
            self.learn(row.int(0)?, batch.ids.iter().map(|id| id_hash_wide(id)).zip(prints));
        }
        Ok(())
    }

    /// Lets go of what segments hold: of tables that hold nothing else.
    pub fn forget(&mut self, through: i64) {
        if through > self.through {
            self.through = through;
            self.tables.retain(|table| table.last_seq > through);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_until_its_table_is_in_segments_and_the_first_wins() {
        let mut known = FreshIds::default();
        let hashes = |from: usize| (from..from + 10_000).map(|i| (id_hash_wide(&format!("id-{i}")), i as u32));
        (0..4).for_each(|row| known.learn(row as i64 + 1, hashes(row * 10_000)));
        known.learn(5, [(id_hash_wide("id-7"), 99)]);
        assert!((0..40_000).all(|i| known.get(&format!("id-{i}")).is_some()), "all are known");
        assert_eq!((known.get("id-39999"), known.get("nobody")), (Some(39_999), None));
        assert!(known.tables.len() > 1 && known.tables.iter().all(|t| t.ids.capacity() <= 2 * FULL));
        known.forget(2);
        assert_eq!(known.get("id-35000"), Some(35_000), "what is fresh stays");
        known.forget(5);
        assert!(known.get("id-35000").is_none() && known.tables.is_empty());
    }
}

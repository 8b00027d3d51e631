//! The samples that are not in chunks yet, in memory.
//!
//! They lie in blocks, each of consecutive rows of the log, so that what a compaction took, here or in
//! another process, can be dropped block by block.

use std::collections::{HashMap, VecDeque};

use super::{Points, Run};

/// Samples of one block before the next is begun.
const BLOCK: usize = 1 << 19;

#[derive(Default)]
struct Block {
    last_seq: i64,
    points: usize,
    series: HashMap<i64, Run>,
}

#[derive(Default)]
pub(super) struct Head {
    blocks: VecDeque<Block>,
    last_seq: i64,
    /// The newest sample of each series, in chunks or not.
    latest: HashMap<i64, (i64, f64)>,
}

impl Head {
    pub(super) fn last_seq(&self) -> i64 {
        self.last_seq
    }

    pub(super) fn len(&self) -> usize {
        self.blocks.iter().map(|b| b.points).sum()
    }

    pub(super) fn latest(&self, series: i64) -> Option<(i64, f64)> {
        self.latest.get(&series).copied()
    }

    /// Takes points that this process committed.
    pub(super) fn keep(&mut self, points: Points, seq: i64) {
        // A gap means that another process wrote between: catching up reads those rows, and this one.
        if self.last_seq + 1 == seq || self.last_seq == 0 {
            self.add(points, seq);
        }
    }

    /// Takes points read from the log; those known already are left out.
    pub(super) fn catch_up(&mut self, points: Points, seq: i64) {
        if self.last_seq < seq {
            self.add(points, seq);
        }
    }

    fn add(&mut self, points: Points, seq: i64) {
        self.last_seq = seq;
        if self.blocks.back().is_none_or(|b| b.points >= BLOCK) {
            self.blocks.push_back(Block::default());
        }
        let Some(block) = self.blocks.back_mut() else {
            return;
        };
        block.last_seq = seq;
        block.points += points.len();
        for (series, at, value) in points.iter() {
            block.series.entry(series).or_default().push(at, value);
        }
        for (series, at, value) in points.iter() {
            self.note_latest(series, at, value);
        }
    }

    pub(super) fn note_latest(&mut self, series: i64, at: i64, value: f64) {
        let newest = self.latest.entry(series).or_insert((at, value));
        if at >= newest.0 {
            *newest = (at, value);
        }
    }

    /// What the head has of a series, in the order in which it came.
    pub(super) fn read(&self, series: i64) -> Run {
        let mut run = Run::default();
        for own in self.blocks.iter().filter_map(|block| block.series.get(&series)) {
            run.times.extend_from_slice(&own.times);
            run.values.extend_from_slice(&own.values);
        }
        run
    }

    /// Everything up to the last row of the newest finished block, or of all blocks: by series, with
    /// the number of that row. It stays here until dropped.
    pub(super) fn take(&self, all: bool) -> Option<(i64, HashMap<i64, Run>)> {
        let count = if all { self.blocks.len() } else { self.blocks.iter().filter(|b| b.points >= BLOCK).count() };
        let through = self.blocks.get(count.checked_sub(1)?)?.last_seq;
        let mut taken: HashMap<i64, Run> = HashMap::new();
        for block in self.blocks.iter().take(count) {
            for (series, run) in &block.series {
                let into = taken.entry(*series).or_default();
                into.times.extend_from_slice(&run.times);
                into.values.extend_from_slice(&run.values);
            }
        }
        Some((through, taken))
    }

    /// Lets go of blocks whose rows are gone from the log.
    pub(super) fn drop_before(&mut self, seq: i64) {
        while self.blocks.front().is_some_and(|b| b.last_seq < seq) {
            self.blocks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[(i64, i64)]) -> Points {
        let mut points = Points::default();
        values.iter().for_each(|(series, at)| points.push(*series, *at, *at as f64));
        points
    }

    #[test]
    fn rows_of_another_process_are_left_to_be_read() {
        let mut head = Head::default();
        head.keep(points(&[(1, 10)]), 1);
        head.keep(points(&[(1, 30)]), 3);
        assert_eq!((head.last_seq(), head.len()), (1, 1));
        head.catch_up(points(&[(1, 20)]), 2);
        head.catch_up(points(&[(1, 30)]), 3);
        head.catch_up(points(&[(1, 30)]), 3);
        assert_eq!(head.read(1).times, [10, 20, 30]);
        let (through, taken) = head.take(true).expect("something is there");
        assert_eq!((through, taken[&1].times.len()), (3, 3));
        head.drop_before(4);
        assert_eq!((head.len(), head.latest(1)), (0, Some((30, 30.0))));
    }
}

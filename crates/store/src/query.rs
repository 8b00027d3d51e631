//! Questions about many rows that are answered with a few figures: groups, spreads, histograms, the
//! newest rows that meet a condition. Memory is bounded by the answer, not by the rows asked about.

use std::collections::HashMap;
use std::ops::ControlFlow;

use domain::event::{ColumnData, MISSING};
use domain::{TimeRange, Timestamp};
use statistics::sketch::Sketch;

use crate::models::Stream;
use crate::predicate::Predicate;
use crate::read::{Columns, Frame, Read};
use crate::{Result, Store, StoreError};

/// Groups of one answer at most.
const GROUPS_MAX: usize = 10_000;
/// Relative accuracy of quantiles.
const ACCURACY: f64 = 0.005;

/// What rows are grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// Spans of so many microseconds, counted from 1970.
    Time(i64),
    /// The values of a column, as text.
    Column(String),
}

/// What the rows of a group have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupKey {
    From(Timestamp),
    Value(String),
    Missing,
}

/// A question: which rows, grouped how, and which numbers of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub range: TimeRange,
    pub predicates: Vec<Predicate>,
    pub group_by: Vec<GroupBy>,
    /// The column whose spread is wanted; rows are counted where none is.
    pub column: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Group {
    /// One key for each grouping.
    pub key: Vec<GroupKey>,
    pub rows: u64,
    pub spread: Spread,
}

/// How the numbers of a column lie, without having kept them.
#[derive(Debug, Clone)]
pub struct Spread {
    pub sum: f64,
    sketch: Sketch,
}

impl Default for Spread {
    fn default() -> Self {
        Spread { sum: 0.0, sketch: Sketch::new(ACCURACY) }
    }
}

impl Spread {
    fn of(values: &[f64]) -> Spread {
        /// Values added beside each other: one after the other, each would wait for the sum before it.
        const BESIDE: usize = 8;
        let (whole, rest) = values.as_chunks::<BESIDE>();
        let mut sums = [0.0_f64; BESIDE];
        let mut add = |values: &[f64]| {
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += if value.is_nan() { 0.0 } else { *value });
        };
        whole.iter().for_each(|values| add(values));
        add(rest);
        let mut spread = Spread { sum: sums.iter().sum(), ..Spread::default() };
        spread.sketch.add_all(values);
        spread
    }

    fn merge(&mut self, other: &Spread) {
        self.sum += other.sum;
        self.sketch.merge(&other.sketch);
    }

    pub fn count(&self) -> u64 {
        self.sketch.count()
    }

    /// Infinite where there is no number.
    pub fn min(&self) -> f64 {
        self.sketch.least()
    }

    /// Infinite, below zero, where there is no number.
    pub fn max(&self) -> f64 {
        self.sketch.greatest()
    }

    /// NaN where there is no number.
    pub fn mean(&self) -> f64 {
        self.sum / self.count() as f64
    }

    /// The value below which a share of the numbers lies, within half a per cent of itself; NaN where
    /// there is none.
    pub fn quantile(&self, share: f64) -> f64 {
        self.sketch.quantile(share)
    }
}

type Groups = HashMap<Vec<GroupKey>, (u64, Spread)>;

impl Store {
    /// Answers a question about the rows of a stream; groups in order of their keys.
    ///
    /// # Errors
    /// More than ten thousand groups.
    pub async fn aggregate(&self, stream: &Stream, question: &Aggregate) -> Result<Vec<Group>> {
        let mut names: Vec<String> = question.column.iter().cloned().collect();
        names.extend(question.group_by.iter().filter_map(|g| match g {
            GroupBy::Column(name) => Some(name.clone()),
            GroupBy::Time(_) => None,
        }));
        let by_time = question.group_by.iter().any(|g| matches!(g, GroupBy::Time(_)));
        let read = Read::of(question.range, Columns::Named(names)).timed(by_time);
        let read = Read { predicates: question.predicates.clone(), ..read };
        let mut whole: Groups = HashMap::new();
        self.scan(
            stream,
            &read,
            |frame| groups_of(&frame, question),
            |part| {
                for (key, (rows, spread)) in part {
                    let known = whole.entry(key).or_default();
                    known.0 += rows;
                    known.1.merge(&spread);
                }
                if whole.len() > GROUPS_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        )
        .await?;
        if whole.len() > GROUPS_MAX {
            return Err(StoreError::TooMany(format!(
                "the answer has more than {GROUPS_MAX} groups; group by a column of fewer values, or by longer spans"
            )));
        }
        let mut groups: Vec<Group> =
            whole.into_iter().map(|(key, (rows, spread))| Group { key, rows, spread }).collect();
        groups.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(groups)
    }

    /// How many numbers of a column lie between each two neighbouring edges, the last included; numbers
    /// outside are counted in the first and last entry of the answer, which has one more than there are
    /// edges.
    pub async fn histogram(
        &self,
        stream: &Stream,
        range: TimeRange,
        predicates: &[Predicate],
        column: &str,
        edges: &[f64],
    ) -> Result<Vec<u64>> {
        let read = Read::of(range, Columns::Named(vec![column.to_string()])).timed(false);
        let read = Read { predicates: predicates.to_vec(), ..read };
        let mut whole = vec![0; edges.len() + 1];
        let last = edges.last().copied().unwrap_or(f64::NAN);
        let count = |frame: Frame| {
            let mut counts = vec![0_u64; edges.len() + 1];
            for value in frame.numbers(column).unwrap_or_default().iter().filter(|v| !v.is_nan()) {
                let above = edges.partition_point(|edge| edge <= value);
                // The greatest edge belongs to the last bin.
                counts[if *value == last { edges.len() - 1 } else { above }] += 1;
            }
            counts
        };
        self.scan(stream, &read, count, |part| {
            whole.iter_mut().zip(part).for_each(|(whole, part)| *whole += part);
            ControlFlow::Continue(())
        })
        .await?;
        Ok(whole)
    }

    /// The newest rows that meet the conditions, newest first, at most `limit`.
    pub async fn newest_events(&self, stream: &Stream, read: &Read, limit: usize) -> Result<Frame> {
        // What the conditions look at is read first; the other columns only of what met them.
        let plan = self.plan(stream, read).await?;
        let narrow = Read { columns: Columns::None, newest_first: true, ids: false, labels: false, ..read.clone() };
        let mut times: Vec<Timestamp> = Vec::new();
        let newest = |frame: Frame| frame.times.iter().rev().take(limit).copied().collect::<Vec<_>>();
        self.scan_planned(&plan, stream, &narrow, newest, |found| {
            times.extend(found);
            times.sort_unstable_by(|a, b| b.cmp(a));
            times.truncate(limit);
            if times.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await?;
        // A part not looked at may hold rows between these; whichever it is, the newest rows of all are no
        // older than the oldest found.
        let Some(oldest) = times.last().copied() else {
            return Ok(Frame::default());
        };
        let range = TimeRange { from: oldest, to: read.range.to };
        let frame = self.read_planned(&plan, stream, &Read { range, newest_first: false, ..read.clone() }).await?;
        let mut order: Vec<usize> = (0..frame.rows()).collect();
        order.reverse();
        order.truncate(limit);
        Ok(frame.take(&order))
    }
}

impl Store {
    /// The oldest rows of a reading, oldest first, at most `limit`.
    pub async fn oldest_events(&self, stream: &Stream, read: &Read, limit: usize) -> Result<Frame> {
        // Segments come in order of their first row: as soon as enough rows are no younger than the first row
        // of a segment, no later segment holds an older one.
        let plan = self.plan(stream, read).await?;
        let narrow = Read { columns: Columns::None, newest_first: false, ids: false, labels: false, ..read.clone() };
        let mut times: Vec<Timestamp> = Vec::new();
        self.scan_planned(
            &plan,
            stream,
            &narrow,
            |frame| frame.times,
            |part| {
                let first = part.iter().min().copied();
                times.extend(part);
                if times.len() > 2 * limit {
                    times.select_nth_unstable(limit - 1);
                    times.truncate(limit);
                }
                let enough = times.len() >= limit
                    && first.is_some_and(|first| times.iter().max().is_some_and(|last| *last <= first));
                if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        )
        .await?;
        times.sort_unstable();
        // Rows of the fresh log that were not looked at lie within as well, or are not among the oldest.
        let to = times.get(limit - 1).map_or(read.range.to, |last| last.plus(1));
        let range = TimeRange { from: read.range.from, to };
        let frame = self.read_planned(&plan, stream, &Read { range, newest_first: false, ..read.clone() }).await?;
        Ok(frame.slice(0, frame.rows().min(limit)))
    }
}

/// Groups the rows of one part. Rows are told apart by small numbers; only each group's key becomes
/// text.
fn groups_of(frame: &Frame, question: &Aggregate) -> Groups {
    let numbers = question.column.as_deref().and_then(|name| frame.numbers(name));
    if question.group_by.is_empty() {
        let all = (frame.rows() as u64, numbers.map(Spread::of).unwrap_or_default());
        return if all.0 > 0 { HashMap::from([(Vec::new(), all)]) } else { HashMap::new() };
    }
    let mut places: Vec<usize> = vec![0; frame.rows()];
    let mut keys: Vec<Vec<GroupKey>> = vec![Vec::new()];
    for grouping in &question.group_by {
        // Splits the groups so far by one more key.
        let mut split: HashMap<(usize, u64), usize> = HashMap::new();
        let mut next: Vec<Vec<GroupKey>> = Vec::new();
        for (row, place) in places.iter_mut().enumerate() {
            *place = *split.entry((*place, code_of(frame, grouping, row))).or_insert_with(|| {
                let mut key = keys[*place].clone();
                key.push(key_of(frame, grouping, row));
                next.push(key);
                next.len() - 1
            });
        }
        keys = next;
    }
    // The numbers of a group side by side, for they are counted together.
    let mut counts = vec![0_usize; keys.len()];
    places.iter().for_each(|place| counts[*place] += 1);
    let mut starts = Vec::with_capacity(keys.len());
    let mut end = 0;
    for n in &counts {
        starts.push(end);
        end += n;
    }
    let mut next = starts.clone();
    let mut sorted = vec![0.0; if numbers.is_some() { places.len() } else { 0 }];
    for (place, value) in places.iter().zip(numbers.unwrap_or_default()) {
        sorted[next[*place]] = *value;
        next[*place] += 1;
    }
    let spread = |i: usize| numbers.map(|_| Spread::of(&sorted[starts[i]..starts[i] + counts[i]])).unwrap_or_default();
    keys.into_iter().enumerate().map(|(i, key)| (key, (counts[i] as u64, spread(i)))).collect()
}

/// A number that rows of one key share within a part.
fn code_of(frame: &Frame, grouping: &GroupBy, row: usize) -> u64 {
    match grouping {
        GroupBy::Time(step) => frame.times[row].0.div_euclid((*step).max(1)) as u64,
        GroupBy::Column(name) => match frame.column(name) {
            Some(ColumnData::Category { codes, .. }) => u64::from(codes[row]),
            Some(ColumnData::Number(values)) => values[row].to_bits(),
            _ => u64::from(MISSING),
        },
    }
}

fn key_of(frame: &Frame, grouping: &GroupBy, row: usize) -> GroupKey {
    match grouping {
        GroupBy::Time(step) => {
            let step = (*step).max(1);
            GroupKey::From(Timestamp(frame.times[row].0.div_euclid(step) * step))
        }
        GroupBy::Column(name) => {
            frame.column(name).and_then(|data| data.text(row)).map_or(GroupKey::Missing, GroupKey::Value)
        }
    }
}

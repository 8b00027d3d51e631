//! Which segments there are: kept in memory, followed from the database, so that finding the few a
//! question concerns does not cost reading a row of each.
//!
//! Segments are only ever added, with growing numbers, until retention removes them. What another
//! process removed is noticed when its columns are gone; then the stream is read anew.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use domain::{TimeRange, Timestamp};

use crate::Result;
use crate::database::Row;
use crate::identity::IdFilter;

/// Bytes of id filters held: 28 million events. Beyond, the ones unused for longest are read again.
const FILTER_BYTES: usize = 64 << 20;

/// What finding a segment needs.
pub(crate) struct Segment {
    pub(crate) id: i64,
    pub(crate) rows: i64,
    pub(crate) min: Timestamp,
    pub(crate) max: Timestamp,
    pub(crate) created_at: Timestamp,
    ids: Option<(Box<str>, Box<str>)>,
}

/// Shorter first, then by text: numbers that grow stay in order.
pub(crate) fn id_order(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

impl Segment {
    /// Whether the segment's smallest id comes after this one.
    pub(crate) fn begins_after(&self, id: &str) -> bool {
        self.ids.as_ref().is_some_and(|(low, _)| id_order(id, low).is_lt())
    }

    /// Whether the segment's greatest id comes before this one.
    pub(crate) fn ends_before(&self, id: &str) -> bool {
        self.ids.as_ref().is_some_and(|(_, high)| id_order(high, id).is_lt())
    }

    /// Whether its smallest id comes before another's; one that does not know its ids may hold any.
    fn begins_before(&self, other: &Segment) -> bool {
        match (&self.ids, &other.ids) {
            (Some((a, _)), Some((b, _))) => id_order(a, b).is_lt(),
            (a, b) => a.is_none() && b.is_some(),
        }
    }

    /// Whether the id lies between the segment's smallest and greatest.
    pub(crate) fn spans(&self, id: &str) -> bool {
        !self.begins_after(id) && !self.ends_before(id)
    }
}

/// The segments of one stream, oldest event first.
#[derive(Default, Clone)]
pub(crate) struct Segments {
    pub(crate) list: Vec<Arc<Segment>>,
    /// The same by their last events.
    by_end: Vec<Arc<Segment>>,
    /// The newest fresh row that any segment took in.
    pub(crate) through: i64,
    /// The greatest number that any had.
    pub(crate) newest: i64,
    rows: i64,
    by_ids: ByIds,
}

/// The same in the order of their greatest ids, those that do not know theirs last: where ids grow, as most do, the
/// few that span some of them are found without asking each.
#[derive(Default, Clone)]
struct ByIds {
    order: Vec<Arc<Segment>>,
    /// By place in `order`: where, from there on, the least of the smallest ids is. These never fall.
    least: Vec<usize>,
}

impl ByIds {
    /// Takes one in; of ids that grow the last, which costs nothing for those that are there.
    fn insert(&mut self, segment: Arc<Segment>) {
        let place = self.order.partition_point(|known| match (&known.ids, &segment.ids) {
            (Some((_, a)), Some((_, b))) => id_order(a, b).is_le(),
            (a, b) => a.is_some() || b.is_none(),
        });
        let moved = self.least.partition_point(|least| *least < place);
        self.least[moved..].iter_mut().for_each(|least| *least += 1);
        // Those after it stand one further already where `least` says, and not yet in `order`.
        let after = self.least.get(place).copied().filter(|after| !segment.begins_before(&self.order[after - 1]));
        self.least.insert(place, after.unwrap_or(place));
        self.order.insert(place, segment);
        for before in (0..place).rev() {
            if !self.order[place].begins_before(&self.order[self.least[before]]) {
                break;
            }
            self.least[before] = place;
        }
    }
}

impl Segments {
    /// Takes one into each order.
    fn insert(&mut self, segment: Arc<Segment>) {
        self.rows += segment.rows.max(0);
        let place = self.list.partition_point(|s| (s.min, s.id) <= (segment.min, segment.id));
        self.list.insert(place, segment.clone());
        let place = self.by_end.partition_point(|s| s.max <= segment.max);
        self.by_end.insert(place, segment.clone());
        self.by_ids.insert(segment);
    }

    /// Their rows, the first and the last event of all; `None` where there is no segment.
    pub(crate) fn extent(&self) -> Option<(i64, Timestamp, Timestamp)> {
        Some((self.rows, self.list.first()?.min, self.by_end.last()?.max))
    }

    /// Those that may hold ids between these two, both included.
    pub(crate) fn holding<'a>(&'a self, low: &'a str, high: &'a str) -> impl Iterator<Item = &'a Arc<Segment>> {
        let ByIds { order, least } = &self.by_ids;
        let first = order.partition_point(|s| s.ends_before(low));
        (first..order.len())
            .take_while(move |place| !order[least[*place]].begins_after(high))
            .map(|place| &order[place])
            .filter(|s| !s.begins_after(high))
    }

    /// Those that may hold rows of the range, oldest event first.
    pub(crate) fn within(&self, range: TimeRange) -> Box<dyn Iterator<Item = Arc<Segment>> + Send + '_> {
        // Those that begin before the range ends are a head of the one order, those that end after it begins a tail of
        // the other: the fewer are looked at.
        let begun = &self.list[..self.list.partition_point(|s| s.min < range.to)];
        let lasting = self.lasting(range);
        if begun.len() <= lasting.len() {
            return Box::new(begun.iter().filter(move |s| range.overlaps(s.min, s.max)).cloned());
        }
        let mut found: Vec<_> = lasting.iter().filter(|s| range.overlaps(s.min, s.max)).cloned().collect();
        found.sort_by_key(|s| (s.min, s.id));
        Box::new(found.into_iter())
    }

    /// The same, newest event first.
    pub(crate) fn newest_within(&self, range: TimeRange) -> Box<dyn Iterator<Item = Arc<Segment>> + Send + '_> {
        Box::new(self.lasting(range).iter().rev().filter(move |s| range.overlaps(s.min, s.max)).cloned())
    }

    /// Those that end after a range begins.
    fn lasting(&self, range: TimeRange) -> &[Arc<Segment>] {
        &self.by_end[self.by_end.partition_point(|s| s.max < range.from)..]
    }
}

pub(crate) const NEWER_SEGMENTS: &str =
    "SELECT id, event_rows, min_time, max_time, through_seq, created_at, low_id, high_id
     FROM segment WHERE bucket = $1 AND stream_id = $2 AND id > $3 ORDER BY id";

#[derive(Default)]
pub(crate) struct Catalogue {
    streams: RwLock<HashMap<i64, Arc<Segments>>>,
    filters: Mutex<Filters>,
}

impl Catalogue {
    /// The segments known so far; ask the database for those newer than [`Catalogue::newest`] first.
    pub(crate) fn segments(&self, stream: i64) -> Arc<Segments> {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        streams.get(&stream).cloned().unwrap_or_default()
    }

    pub(crate) fn newest(&self, stream: i64) -> i64 {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        streams.get(&stream).map_or(0, |s| s.newest)
    }

    /// Takes in what [`NEWER_SEGMENTS`] answered.
    pub(crate) fn learn(&self, stream: i64, rows: &[Row]) -> Result<Arc<Segments>> {
        if rows.is_empty() {
            return Ok(self.segments(stream));
        }
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        let known = streams.entry(stream).or_default();
        let segments = Arc::make_mut(known);
        for row in rows {
            let id = row.int(0)?;
            if id <= segments.newest {
                continue;
            }
            segments.newest = id;
            segments.through = segments.through.max(row.int(4)?);
            let ids = row.opt_text(6)?.zip(row.opt_text(7)?);
            let segment = Segment {
                id,
                rows: row.int(1)?,
                min: row.time(2)?,
                max: row.time(3)?,
                created_at: row.time(5)?,
                ids: ids.map(|(low, high)| (low.into(), high.into())),
            };
            segments.insert(Arc::new(segment));
        }
        Ok(known.clone())
    }

    /// Segments that are gone.
    pub(crate) fn drop_segments(&self, stream: i64, ids: &[i64]) {
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(segments) = streams.get_mut(&stream) {
            let segments = Arc::make_mut(segments);
            segments.list.retain(|s| !ids.contains(&s.id));
            segments.by_end.retain(|s| !ids.contains(&s.id));
            segments.rows = segments.list.iter().map(|s| s.rows.max(0)).sum();
            segments.by_ids = ByIds::default();
            segments.list.iter().for_each(|s| segments.by_ids.insert(s.clone()));
        }
    }

    pub(crate) fn filter(&self, segment: i64) -> Option<Arc<IdFilter>> {
        self.filters.lock().unwrap_or_else(PoisonError::into_inner).get(segment)
    }

    pub(crate) fn keep_filter(&self, segment: i64, filter: Arc<IdFilter>) {
        self.filters.lock().unwrap_or_else(PoisonError::into_inner).put(segment, filter);
    }
}

/// The filters in memory, and when each was last asked.
#[derive(Default)]
struct Filters {
    known: HashMap<i64, (Arc<IdFilter>, u64)>,
    bytes: usize,
    turn: u64,
}

impl Filters {
    fn get(&mut self, segment: i64) -> Option<Arc<IdFilter>> {
        self.turn += 1;
        let (filter, asked) = self.known.get_mut(&segment)?;
        *asked = self.turn;
        Some(filter.clone())
    }

    fn put(&mut self, segment: i64, filter: Arc<IdFilter>) {
        self.turn += 1;
        self.bytes += filter.bytes();
        if let Some((old, _)) = self.known.insert(segment, (filter, self.turn)) {
            self.bytes -= old.bytes();
        }
        if self.bytes > FILTER_BYTES {
            // Half go at once, so that this is rare.
            let mut turns: Vec<u64> = self.known.values().map(|(_, asked)| *asked).collect();
            turns.sort_unstable();
            let cut = turns[turns.len() / 2];
            self.known.retain(|_, (_, asked)| *asked > cut);
            self.bytes = self.known.values().map(|(f, _)| f.bytes()).sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment(id: usize, ids: Option<(u32, u32)>, (from, to): (i64, i64)) -> Arc<Segment> {
        let text = |n: u32| n.to_string().into_boxed_str();
        let ids = ids.map(|(a, b)| (text(a.min(b)), text(a.max(b))));
        let (min, max) = (Timestamp(from.min(to)), Timestamp(from.max(to)));
        Arc::new(Segment { id: id as i64, rows: 1, min, max, created_at: Timestamp(0), ids })
    }

    fn all(segments: impl Iterator<Item = Arc<Segment>>) -> Segments {
        let mut all = Segments::default();
        segments.for_each(|segment| all.insert(segment));
        all
    }

    proptest! {
        #[test]
        fn those_that_hold_ids_are_the_ones_that_asking_each_finds(
            spans in prop::collection::vec(prop::option::weighted(0.9, (0u32..2000, 0u32..2000)), 0..40),
            (a, b) in (0u32..2000, 0u32..2000),
        ) {
            let segments = all(spans.into_iter().enumerate().map(|(i, ids)| segment(i, ids, (0, 0))));
            let (low, high) = (a.min(b).to_string(), a.max(b).to_string());
            let mut found: Vec<i64> = segments.holding(&low, &high).map(|s| s.id).collect();
            found.sort_unstable();
            let asked = segments.list.iter().filter(|s| !s.ends_before(&low) && !s.begins_after(&high));
            prop_assert_eq!(found, asked.map(|s| s.id).collect::<Vec<_>>());
        }

        #[test]
        fn those_of_a_range_are_found_in_both_orders_whatever_their_spans(
            spans in prop::collection::vec((0i64..100, 0i64..100), 0..40),
            (a, b) in (0i64..101, 0i64..101),
        ) {
            let segments = all(spans.into_iter().enumerate().map(|(i, span)| segment(i, None, span)));
            prop_assert!(segments.list.is_sorted_by_key(|s| (s.min, s.id)));
            let last = segments.list.iter().map(|s| s.max).max();
            let extent = segments.list.first().zip(last).map(|(first, last)| (segments.list.len() as i64, first.min, last));
            prop_assert_eq!(segments.extent(), extent);
            let range = TimeRange { from: Timestamp(a.min(b)), to: Timestamp(a.max(b)) };
            let asked = segments.list.iter().filter(|s| range.overlaps(s.min, s.max));
            let mut asked: Vec<i64> = asked.map(|s| s.id).collect();
            prop_assert_eq!(&segments.within(range).map(|s| s.id).collect::<Vec<_>>(), &asked);
            let newest: Vec<_> = segments.newest_within(range).collect();
            prop_assert!(newest.is_sorted_by(|a, b| a.max >= b.max));
            let mut newest: Vec<i64> = newest.iter().map(|s| s.id).collect();
            newest.sort_unstable();
            asked.sort_unstable();
            prop_assert_eq!(newest, asked);
        }
    }
}

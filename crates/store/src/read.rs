//! Reading events: segments found in the catalogue, pruned by time and by what their columns hold,
//! decoded in parallel a few at a time; fresh rows laid over them, labels joined.
//!
//! A reader sees every acknowledged row exactly once, whatever compaction does meanwhile: fresh
//! rows are listed first, then segments, and fresh rows that a listed segment has taken in are left
//! out.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use domain::event::{Column, ColumnData, EventBatch};
use domain::{TimeRange, Timestamp};
use rayon::prelude::*;
use tokio::task::JoinHandle;

use crate::background::in_background;
use crate::catalogue::{NEWER_SEGMENTS, Segment, Segments};
use crate::codec;
use crate::database::{Value, params};
use crate::labels::Overlay;
use crate::models::Stream;
use crate::parts::{Blobs, decode_segment, fresh_frame};
use crate::predicate::Predicate;
use crate::sql::{size_for, with_places};
use crate::{BLOCK_ROWS, Result, Store, StoreError};

/// Segments whose columns are fetched and decoded together, and their rows: what a scan holds in memory, twice where
/// it fetches ahead, besides what the caller keeps.
const SEGMENTS_AT_ONCE: usize = 64;
const ROWS_AT_ONCE: usize = 16 * BLOCK_ROWS;
/// Rows that are looked at first for the newest of some: who wants fifty has them there, mostly.
const NEWEST_ROWS: usize = BLOCK_ROWS;
/// Rows of the fresh log that are decoded together.
const FRESH_AT_ONCE: usize = 16;

/// Which columns to read: each one costs its own decompression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Columns {
    All,
    Named(Vec<String>),
    None,
}

impl Columns {
    pub(crate) fn wants(&self, name: &str) -> bool {
        match self {
            Columns::All => true,
            Columns::Named(names) => names.iter().any(|n| n == name),
            Columns::None => false,
        }
    }
}

/// What to read of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    pub range: TimeRange,
    pub columns: Columns,
    pub ids: bool,
    pub labels: bool,
    /// Rows that meet all of these.
    pub predicates: Vec<Predicate>,
    /// Newest part first; the rows of a part stay in order of time.
    pub newest_first: bool,
    /// One row in so many, evenly; all where it is 1.
    pub every: usize,
    /// On one core only: for work that nobody waits for.
    pub gentle: bool,
    /// Whether each row's time is asked for. Where it is not, rows of a part that lies within the range as a whole bear
    /// the time of its first.
    pub times: bool,
}

impl Read {
    /// All rows of a range with these columns, oldest first, without ids and labels.
    pub fn of(range: TimeRange, columns: Columns) -> Read {
        let predicates = Vec::new();
        let (ids, labels, newest_first, every, gentle, times) = (false, false, false, 1, false, true);
        Read { range, columns, ids, labels, predicates, newest_first, every, gentle, times }
    }

    /// With each row's time, or only where the range cuts through a part.
    pub fn timed(self, times: bool) -> Read {
        Read { times, ..self }
    }

    /// One row in so many, evenly.
    pub fn thinned(self, every: usize) -> Read {
        Read { every: every.max(1), ..self }
    }

    pub fn gently(self) -> Read {
        Read { gentle: true, ..self }
    }

    pub fn with_ids(self) -> Read {
        Read { ids: true, ..self }
    }

    pub fn with_labels(self) -> Read {
        Read { labels: true, ..self }
    }

    pub(crate) fn labels_needed(&self) -> bool {
        self.labels || self.predicates.iter().any(Predicate::needs_labels)
    }

    pub(crate) fn times_needed(&self, segment: &Segment) -> bool {
        self.times || !(self.range.contains(segment.min) && self.range.contains(segment.max))
    }

    /// The columns to decode: those wanted, and those that predicates look at.
    pub(crate) fn names(&self) -> Option<BTreeSet<&str>> {
        let mut names: BTreeSet<&str> = match &self.columns {
            Columns::All => return None,
            Columns::Named(names) => names.iter().map(String::as_str).collect(),
            Columns::None => BTreeSet::new(),
        };
        names.extend(self.predicates.iter().flat_map(Predicate::columns));
        Some(names)
    }
}

/// Rows of a stream in order of event time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    /// Empty unless asked for.
    pub ids: Vec<String>,
    pub times: Vec<Timestamp>,
    pub columns: Vec<Column>,
    /// Row-aligned when asked for; missing where no label is known.
    pub labels: Option<ColumnData>,
    /// When each truth became known; [`Timestamp::MIN`] where none is.
    pub label_times: Vec<Timestamp>,
}

impl Frame {
    pub fn rows(&self) -> usize {
        self.times.len()
    }

    pub fn column(&self, name: &str) -> Option<&ColumnData> {
        Column::named(&self.columns, name)
    }

    pub fn numbers(&self, name: &str) -> Option<&[f64]> {
        self.column(name)?.numbers()
    }

    /// The rows of a span of positions, as a frame of its own.
    pub fn slice(&self, from: usize, to: usize) -> Frame {
        let keep: Vec<usize> = (from..to).collect();
        self.take(&keep)
    }

    pub fn take(&self, keep: &[usize]) -> Frame {
        Frame {
            ids: if self.ids.is_empty() { Vec::new() } else { keep.iter().map(|&i| self.ids[i].clone()).collect() },
            times: keep.iter().map(|&i| self.times[i]).collect(),
            columns: self.columns.iter().map(|c| Column { name: c.name.clone(), data: c.data.take(keep) }).collect(),
            labels: self.labels.as_ref().map(|l| l.take(keep)),
            label_times: if self.label_times.is_empty() {
                Vec::new()
            } else {
                keep.iter().map(|&i| self.label_times[i]).collect()
            },
        }
    }

    /// Puts the rows of `other` after its own; columns that one side lacks are filled with missing values.
    pub fn append(&mut self, other: Frame) {
        if self.times.is_empty() && self.columns.is_empty() {
            *self = other;
            return;
        }
        let mut ours = EventBatch { ids: Vec::new(), times: Vec::new(), columns: std::mem::take(&mut self.columns) };
        let rows = self.times.len();
        // Let the batch's own rule for columns that one side lacks apply here too.
        ours.ids.resize(rows, String::new());
        ours.append(EventBatch {
            ids: vec![String::new(); other.times.len()],
            times: Vec::new(),
            columns: other.columns,
        });
        self.columns = ours.columns;
        match (&mut self.labels, other.labels) {
            (Some(a), Some(b)) => a.append(&b),
            (slot @ None, Some(b)) => *slot = Some(b),
            _ => {}
        }
        self.times.extend(other.times);
        self.ids.extend(other.ids);
        self.label_times.extend(other.label_times);
    }

    pub(crate) fn sort_by_time(&mut self) {
        if self.times.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        order.sort_by_key(|i| self.times[*i]);
        *self = self.take(&order);
    }
}

/// What a stream holds, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StreamSummary {
    pub rows: u64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
}

/// What a scan has to look at.
pub(crate) struct Plan {
    overlay: Arc<Overlay>,
    fresh: Vec<Vec<u8>>,
    segments: Arc<Segments>,
}

impl Store {
    /// The rows of a stream that meet a reading's conditions, sorted by event time. Holds all of them:
    /// for ranges that may be long, [`Store::scan`].
    pub async fn read_events(&self, stream: &Stream, read: &Read) -> Result<Frame> {
        let plan = self.plan(stream, read).await?;
        self.read_planned(&plan, stream, read).await
    }

    /// The same by a plan that was made for all of it, or for more.
    pub(crate) async fn read_planned(&self, plan: &Plan, stream: &Stream, read: &Read) -> Result<Frame> {
        let mut whole = Frame::default();
        self.scan_planned(
            plan,
            stream,
            read,
            |part| part,
            |part| {
                whole.append(part);
                ControlFlow::Continue(())
            },
        )
        .await?;
        if read.labels && whole.labels.is_none() {
            whole.labels = Some(ColumnData::Category { codes: Vec::new(), dictionary: Vec::new() });
        }
        tokio::task::block_in_place(|| whole.sort_by_time());
        Ok(whole)
    }

    /// Reads a stream part by part (a segment, or a row of the fresh log), each in order of event time
    /// within itself. `each` runs beside others on the processor's cores; `fold` gets its answers one
    /// after the other and may say that it has enough.
    pub async fn scan<T: Send>(
        &self,
        stream: &Stream,
        read: &Read,
        each: impl Fn(Frame) -> T + Sync,
        fold: impl FnMut(T) -> ControlFlow<()>,
    ) -> Result<()> {
        let plan = self.plan(stream, read).await?;
        self.scan_planned(&plan, stream, read, each, fold).await
    }

    /// The same by a plan that was made for all of it, or for more.
    pub(crate) async fn scan_planned<T: Send>(
        &self,
        plan: &Plan,
        stream: &Stream,
        read: &Read,
        each: impl Fn(Frame) -> T + Sync,
        mut fold: impl FnMut(T) -> ControlFlow<()>,
    ) -> Result<()> {
        let Plan { overlay, fresh, segments } = plan;
        let fresh_part = |body: &Vec<u8>| -> Result<T> {
            let batch: EventBatch = codec::decode_rows(body)?;
            Ok(each(fresh_frame(batch, read, overlay)))
        };
        if read.newest_first {
            for bodies in fresh.rchunks(FRESH_AT_ONCE) {
                let parts = beside(bodies.iter().rev().collect(), read.gentle, fresh_part);
                for part in parts {
                    if fold(part?).is_break() {
                        return Ok(());
                    }
                }
            }
        }
        let most = if read.gentle { ROWS_AT_ONCE / 4 } else { ROWS_AT_ONCE };
        let mut parts = match read.newest_first {
            true => in_parts(segments.newest_within(read.range), NEWEST_ROWS, most),
            false => in_parts(segments.within(read.range), most, most),
        };
        let fetch = |part: Vec<Arc<Segment>>| {
            let coming = Coming::of(self, stream, &part, read, overlay);
            (part, coming)
        };
        // Who has perhaps enough in the first part asks for the next when that is known.
        let mut may_have_enough = read.newest_first;
        let mut coming = None;
        while let Some((now, blobs)) = coming.take().or_else(|| parts.next().map(fetch)) {
            let blobs = blobs.come().await?;
            if !read.gentle && !may_have_enough {
                coming = parts.next().map(fetch);
            }
            may_have_enough = false;
            let work: Vec<(&Arc<Segment>, Blobs)> = now.iter().zip(blobs).filter_map(|(s, b)| Some((s, b?))).collect();
            let decode = |(segment, blobs): (&Arc<Segment>, Blobs)| -> Result<T> {
                Ok(each(decode_segment(segment, &blobs, read, overlay)?))
            };
            for part in beside(work, read.gentle, decode) {
                if fold(part?).is_break() {
                    return Ok(());
                }
            }
        }
        if !read.newest_first {
            for bodies in fresh.chunks(FRESH_AT_ONCE) {
                let parts = beside(bodies.iter().collect(), read.gentle, fresh_part);
                for part in parts {
                    if fold(part?).is_break() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) async fn plan(&self, stream: &Stream, read: &Read) -> Result<Plan> {
        let overlay = match stream.model_id.filter(|_| read.labels_needed()) {
            Some(model_id) => self.label_overlay(model_id).await?,
            None => Overlay::default(),
        };
        let overlay = Arc::new(overlay);
        let rows = self
            .database
            .fetch(
                "SELECT seq, body FROM fresh
                 WHERE bucket = $1 AND stream_id = $2 AND min_time < $4 AND max_time >= $3 ORDER BY seq",
                params![stream.bucket(), stream.id, read.range.from, read.range.to],
            )
            .await?;
        let segments = self.catalogue(stream).await?;
        let mut fresh = Vec::with_capacity(rows.len());
        for row in &rows {
            if row.int(0)? > segments.through {
                fresh.push(row.blob(1)?);
            }
        }
        Ok(Plan { overlay, fresh, segments })
    }

    /// The segments of a stream, those that came since the last question included.
    pub(crate) async fn catalogue(&self, stream: &Stream) -> Result<Arc<Segments>> {
        let newest = self.catalogue.newest(stream.id);
        let rows = self.database.fetch(NEWER_SEGMENTS, params![stream.bucket(), stream.id, newest]).await?;
        self.catalogue.learn(stream.id, &rows)
    }

    /// Rows, first and last event time of a stream.
    pub async fn stream_summary(&self, stream: &Stream) -> Result<StreamSummary> {
        let fresh = self
            .database
            .fetch(
                "SELECT seq, event_rows, min_time, max_time FROM fresh WHERE bucket = $1 AND stream_id = $2",
                params![stream.bucket(), stream.id],
            )
            .await?;
        let segments = self.catalogue(stream).await?;
        let mut parts: Vec<(i64, Timestamp, Timestamp)> = segments.extent().into_iter().collect();
        for row in &fresh {
            if row.int(0)? > segments.through {
                parts.push((row.int(1)?, row.time(2)?, row.time(3)?));
            }
        }
        Ok(StreamSummary {
            rows: parts.iter().map(|p| p.0.max(0) as u64).sum(),
            first: parts.iter().map(|p| p.1).min(),
            last: parts.iter().map(|p| p.2).max(),
        })
    }

    /// The columns of some segments as kept. `None` for a segment that no row can meet the predicates
    /// of, and for one that retention has removed meanwhile.
    pub(crate) async fn segment_blobs(
        &self,
        stream: &Stream,
        segments: &[Arc<Segment>],
        read: &Read,
        overlay: &Overlay,
    ) -> Result<Vec<Option<Blobs>>> {
        // What only helps to find is left where it is. A segment without its times has no body of them, but a row: by
        // that it is known to be there, whatever other columns it has.
        const ALL: &str = "SELECT segment_id, name, CASE WHEN name <> {} THEN body END FROM segment_column
             WHERE bucket = {} AND segment_id IN ({}) AND (substr(name, 1, 1) <> '#' OR name IN ({}))";
        const NAMED: &str = "SELECT segment_id, name, CASE WHEN name <> {} THEN body END FROM segment_column
             WHERE bucket = {} AND segment_id IN ({}) AND name IN ({})";
        let possible = self.possible(stream, segments, &read.predicates).await?;
        let wanted: Vec<i64> = segments.iter().zip(&possible).filter(|(_, p)| **p).map(|(s, _)| s.id).collect();
        if wanted.is_empty() {
            return Ok(segments.iter().map(|_| None).collect());
        }
        let size = size_for(wanted.len());
        let untimed = !segments.iter().any(|s| read.times_needed(s));
        let mut values = params![if untimed { "#time" } else { "" }, stream.bucket()];
        values.extend((0..size).map(|i| Value::from(wanted[i.min(wanted.len() - 1)])));
        let mut names = BTreeSet::from(["#time"]);
        if read.labels_needed() {
            names.insert("#label");
        }
        if read.ids || segments.iter().any(|s| overlay.concerns(s.id)) {
            names.insert("#id");
        }
        // Beyond the greatest size all columns are fetched, which is what nearly all are.
        let some = read.names().filter(|some| size_for(names.len() + some.len()) >= names.len() + some.len());
        let statement = if some.is_some() { NAMED } else { ALL };
        names.extend(some.into_iter().flatten());
        let names: Vec<&str> = names.into_iter().collect();
        let places = size_for(names.len());
        values.extend((0..places).map(|i| Value::from(names[i.min(names.len() - 1)])));
        let rows = self.database.fetch(with_places(statement, &[1, 1, size, places]), values).await?;
        let mut by_segment: HashMap<i64, Blobs> = HashMap::new();
        for row in &rows {
            let blobs = by_segment.entry(row.int(0)?).or_default();
            if let Some(body) = row.opt_blob(2)? {
                blobs.push((row.text(1)?, body));
            }
        }
        let gone: Vec<i64> = wanted.iter().filter(|id| !by_segment.contains_key(id)).copied().collect();
        if !gone.is_empty() {
            self.catalogue.drop_segments(stream.id, &gone);
        }
        Ok(segments.iter().map(|s| by_segment.remove(&s.id)).collect())
    }
}

/// Some segments in parts of so many rows, then of twice as many each until `most`, or of one segment that has more.
fn in_parts(
    segments: impl Iterator<Item = Arc<Segment>>,
    mut rows: usize,
    most: usize,
) -> impl Iterator<Item = Vec<Arc<Segment>>> {
    let mut segments = segments.peekable();
    std::iter::from_fn(move || {
        let mut part = vec![segments.next()?];
        let mut left = rows.saturating_sub(part[0].rows.max(0) as usize);
        while part.len() < SEGMENTS_AT_ONCE
            && let Some(next) = segments.next_if(|s| s.rows.max(0) as usize <= left)
        {
            left -= next.rows.max(0) as usize;
            part.push(next);
        }
        rows = (2 * rows).min(most);
        Some(part)
    })
}

/// The columns of some segments on their way: fetched by a task of its own while others are decoded, and given up
/// with whoever wanted them.
struct Coming(JoinHandle<Result<Vec<Option<Blobs>>>>);

impl Coming {
    fn of(store: &Store, stream: &Stream, segments: &[Arc<Segment>], read: &Read, overlay: &Arc<Overlay>) -> Coming {
        let (store, stream, segments) = (store.clone(), stream.clone(), segments.to_vec());
        let (read, overlay) = (read.clone(), overlay.clone());
        Coming(tokio::spawn(async move { store.segment_blobs(&stream, &segments, &read, &overlay).await }))
    }

    async fn come(mut self) -> Result<Vec<Option<Blobs>>> {
        match (&mut self.0).await {
            Ok(found) => found,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(StoreError::Closed),
        }
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Does a piece of work on each of some things, beside one another unless it is to be gentle.
pub(crate) fn beside<A: Send, T: Send>(things: Vec<A>, gentle: bool, work: impl Fn(A) -> T + Sync + Send) -> Vec<T> {
    if gentle {
        return in_background(|| things.into_iter().map(work).collect());
    }
    tokio::task::block_in_place(|| {
        if things.len() < 2 {
            things.into_iter().map(work).collect()
        } else {
            things.into_par_iter().map(work).collect()
        }
    })
}

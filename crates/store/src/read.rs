//! Reading events: segments pruned by time, fresh rows laid over them, labels joined.
//!
//! A reader sees every acknowledged row exactly once, whatever compaction does meanwhile: fresh
//! rows are listed first, then segments, and fresh rows that a listed segment has taken in are left
//! out.

use domain::event::{Column, ColumnData, EventBatch};
use domain::{TimeRange, Timestamp};

use crate::codec;
use crate::database::params;
use crate::labels::Overlay;
use crate::models::Stream;
use crate::{Result, Store};

/// Which columns to read: each one costs its own decompression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Columns {
    All,
    Named(Vec<String>),
    None,
}

impl Columns {
    fn wants(&self, name: &str) -> bool {
        match self {
            Columns::All => true,
            Columns::Named(names) => names.iter().any(|n| n == name),
            Columns::None => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub range: TimeRange,
    pub columns: Columns,
    pub ids: bool,
    pub labels: bool,
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
        self.columns.iter().find(|c| c.name == name).map(|c| &c.data)
    }

    pub fn numbers(&self, name: &str) -> Option<&[f64]> {
        match self.column(name)? {
            ColumnData::Number(values) => Some(values),
            _ => None,
        }
    }

    /// The rows of a span of positions, as a frame of its own.
    pub fn slice(&self, from: usize, to: usize) -> Frame {
        let keep: Vec<usize> = (from..to).collect();
        self.take(&keep)
    }

    fn take(&self, keep: &[usize]) -> Frame {
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

    fn append(&mut self, other: Frame) {
        let mut ours = EventBatch { ids: Vec::new(), times: Vec::new(), columns: std::mem::take(&mut self.columns) };
        let rows = self.times.len();
        // Let the batch's own rule for columns that one side lacks apply here too.
        ours.ids.resize(rows, String::new());
        ours.append(&EventBatch {
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

    fn sort_by_time(&mut self) {
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

pub(crate) struct SegmentRow {
    pub(crate) id: i64,
    pub(crate) min: Timestamp,
    pub(crate) max: Timestamp,
}

impl Store {
    /// The rows of a stream within a range of event time, sorted by it.
    pub async fn read_events(&self, stream: &Stream, read: &Read) -> Result<Frame> {
        let overlay = if read.labels { self.label_overlay(stream.model_id).await? } else { Overlay::default() };
        let fresh = self
            .database
            .fetch(
                "SELECT seq, body FROM fresh WHERE stream_id = $1 AND min_time < $3 AND max_time >= $2 ORDER BY seq",
                params![stream.id, read.range.from, read.range.to],
            )
            .await?;
        let (segments, through) = self.segments(stream, read.range).await?;
        let mut frame = Frame::default();
        for segment in &segments {
            frame.append(self.read_segment(stream, segment, read, &overlay).await?);
        }
        for row in fresh {
            if row.int(0)? <= through {
                continue;
            }
            let body = row.blob(1)?;
            let part = tokio::task::block_in_place(|| -> Result<Frame> {
                let batch: EventBatch = codec::decode_rows(&body)?;
                Ok(fresh_frame(batch, read, &overlay))
            })?;
            frame.append(part);
        }
        if read.labels && frame.labels.is_none() {
            frame.labels = Some(ColumnData::Category { codes: Vec::new(), dictionary: Vec::new() });
        }
        tokio::task::block_in_place(|| frame.sort_by_time());
        Ok(frame)
    }

    /// Rows, first and last event time of a stream.
    pub async fn stream_summary(&self, stream: &Stream) -> Result<StreamSummary> {
        let row = self
            .database
            .fetch_one(
                "SELECT CAST(coalesce(sum(event_rows), 0) AS BIGINT), min(min_time), max(max_time) FROM (
                     SELECT event_rows, min_time, max_time FROM segment WHERE stream_id = $1
                     UNION ALL SELECT event_rows, min_time, max_time FROM fresh WHERE stream_id = $1) AS parts",
                params![stream.id],
            )
            .await?;
        let Some(row) = row else {
            return Ok(StreamSummary::default());
        };
        Ok(StreamSummary {
            rows: row.int(0)?.max(0) as u64,
            first: row.opt_int(1)?.map(Timestamp),
            last: row.opt_int(2)?.map(Timestamp),
        })
    }

    /// The segments that may hold rows of the range, and the newest fresh row any segment took in.
    async fn segments(&self, stream: &Stream, range: TimeRange) -> Result<(Vec<SegmentRow>, i64)> {
        let rows = self
            .database
            .fetch(
                "SELECT id, min_time, max_time, through_seq FROM segment WHERE stream_id = $1 ORDER BY min_time, id",
                params![stream.id],
            )
            .await?;
        let mut through = 0;
        let mut segments = Vec::new();
        for row in &rows {
            through = through.max(row.int(3)?);
            let segment = SegmentRow { id: row.int(0)?, min: row.time(1)?, max: row.time(2)? };
            if range.overlaps(segment.min, segment.max) {
                segments.push(segment);
            }
        }
        Ok((segments, through))
    }

    async fn read_segment(
        &self,
        stream: &Stream,
        segment: &SegmentRow,
        read: &Read,
        overlay: &Overlay,
    ) -> Result<Frame> {
        let rows = match &read.columns {
            Columns::All => {
                self.database
                    .fetch(
                        "SELECT name, body FROM segment_column WHERE bucket = $1 AND segment_id = $2 ORDER BY name",
                        params![stream.bucket(), segment.id],
                    )
                    .await?
            }
            Columns::Named(_) | Columns::None => self.read_named(stream, segment.id, read, overlay).await?,
        };
        let mut blobs = Vec::with_capacity(rows.len());
        for row in &rows {
            blobs.push((row.text(0)?, row.blob(1)?));
        }
        tokio::task::block_in_place(|| decode_segment(segment, blobs, read, overlay))
    }

    async fn read_named(
        &self,
        stream: &Stream,
        segment: i64,
        read: &Read,
        overlay: &Overlay,
    ) -> Result<Vec<crate::database::Row>> {
        let mut names = vec!["#time".to_string()];
        if let Columns::Named(wanted) = &read.columns {
            names.extend(wanted.iter().cloned());
        }
        if read.labels {
            names.push("#label".into());
        }
        if read.ids || overlay.concerns(segment) {
            names.push("#id".into());
        }
        let mut rows = Vec::new();
        for name in names {
            rows.extend(
                self.database
                    .fetch(
                        "SELECT name, body FROM segment_column WHERE bucket = $1 AND segment_id = $2 AND name = $3",
                        params![stream.bucket(), segment, name],
                    )
                    .await?,
            );
        }
        Ok(rows)
    }
}

fn decode_segment(
    segment: &SegmentRow,
    blobs: Vec<(String, Vec<u8>)>,
    read: &Read,
    overlay: &Overlay,
) -> Result<Frame> {
    let mut frame = Frame::default();
    let mut labels = None;
    for (name, body) in &blobs {
        match name.as_str() {
            "#time" => frame.times = codec::decode_times(body)?,
            "#id" if read.ids || overlay.concerns(segment.id) => frame.ids = codec::decode_ids(body)?,
            "#label" if read.labels => labels = Some(codec::decode_labels(body)?),
            "#print" | "#id" | "#label" => {}
            name if read.columns.wants(name) => {
                frame.columns.push(Column { name: name.to_string(), data: codec::decode_column(body)? });
            }
            _ => {}
        }
    }
    if read.labels {
        let mut labels = labels.unwrap_or_else(|| codec::LabelColumn::empty(frame.times.len()));
        overlay.apply(Some(segment.id), &frame.ids, &mut labels);
        frame.label_times = labels.times.iter().map(|t| Timestamp(*t)).collect();
        frame.labels = Some(labels.values);
    }
    if !read.ids {
        frame.ids = Vec::new();
    }
    Ok(within(frame, read.range))
}

fn fresh_frame(batch: EventBatch, read: &Read, overlay: &Overlay) -> Frame {
    let EventBatch { ids, times, mut columns } = batch;
    columns.retain(|c| read.columns.wants(&c.name));
    let mut frame = Frame { ids, times, columns, ..Frame::default() };
    if read.labels {
        let mut labels = codec::LabelColumn::empty(frame.times.len());
        overlay.apply(None, &frame.ids, &mut labels);
        frame.label_times = labels.times.iter().map(|t| Timestamp(*t)).collect();
        frame.labels = Some(labels.values);
    }
    if !read.ids {
        frame.ids = Vec::new();
    }
    within(frame, read.range)
}

fn within(frame: Frame, range: TimeRange) -> Frame {
    if frame.times.iter().all(|t| range.contains(*t)) {
        return frame;
    }
    let keep: Vec<usize> = (0..frame.times.len()).filter(|i| range.contains(frame.times[*i])).collect();
    frame.take(&keep)
}

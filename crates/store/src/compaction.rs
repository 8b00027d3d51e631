//! Compaction: fresh rows become columnar segments of about [`segment_rows`] events.
//!
//! It always takes the oldest fresh rows of a stream, so that “everything up to this number is in
//! segments” stays true; readers and the duplicate check rely on it. An event that was sent again long
//! after the first is found and left out here.

use std::collections::HashSet;

use domain::Timestamp;
use domain::event::{ColumnData, EventBatch, EventKind};

use crate::background::in_background;
use crate::catalogue::id_order;
use crate::codec;
use crate::database::{Value, params};
use crate::identity::{IdFilter, fingerprints, id_hash};
use crate::models::Stream;
use crate::sought::Sought;
use crate::sql::with_rows;
use crate::writer::KNOWN_FOR;
use crate::{BLOCK_ROWS, Result, Store, StoreError, words};

/// Rows taken in one go: bounds memory and the length of the write.
const TAKE_ROWS: usize = 2 * BLOCK_ROWS;
/// Thousands of tiny commits are slow to lay over every read, however few rows they hold; so many are
/// folded into one.
const FOLD_BLOBS: usize = 512;
/// Columns written by one statement.
const COLUMNS_AT_ONCE: usize = 8;

/// Rows of a segment. One prediction is often asked for by its id, which costs reading all columns of its segment:
/// theirs are small. Spans and logs are found by filters over the words of a segment, which repeat themselves in
/// more but smaller ones, and references are read as a whole (decision 0022).
fn segment_rows(kind: EventKind) -> usize {
    match kind {
        EventKind::Prediction => BLOCK_ROWS / 4,
        _ => BLOCK_ROWS,
    }
}

struct EncodedColumn {
    name: String,
    min: Option<f64>,
    max: Option<f64>,
    missing: i64,
    body: Vec<u8>,
}

struct EncodedSegment {
    rows: i64,
    min: Timestamp,
    max: Timestamp,
    low_id: String,
    high_id: String,
    filter: Vec<u8>,
    columns: Vec<EncodedColumn>,
}

impl Store {
    /// Turns the oldest fresh rows of a stream into segments, when there are enough of them or
    /// `all` is set. Returns whether it did. The caller holds the model's maintenance lease.
    pub async fn compact(&self, stream: &Stream, all: bool, at: Timestamp) -> Result<bool> {
        let waiting = self
            .database
            .fetch(
                "SELECT seq, event_rows FROM fresh WHERE bucket = $1 AND stream_id = $2 ORDER BY seq",
                params![stream.bucket(), stream.id],
            )
            .await?;
        let mut through = None;
        let mut rows = 0_usize;
        let mut blobs = 0_usize;
        for row in &waiting {
            let more = row.int(1)?.max(0) as usize;
            if rows > 0 && rows + more > TAKE_ROWS {
                break;
            }
            rows += more;
            blobs += 1;
            through = Some(row.int(0)?);
        }
        let Some(through) = through else {
            return Ok(false);
        };
        if rows < BLOCK_ROWS && !all {
            if blobs >= FOLD_BLOBS {
                self.fold(stream, through).await?;
            }
            return Ok(false);
        }
        let (taken, mut batch) = self.fresh_rows(stream, through).await?;
        let again = self.sent_again(stream, &batch, at).await?;
        if !again.is_empty() {
            let keep: Vec<usize> = (0..batch.rows()).filter(|row| !again.contains(row)).collect();
            batch = batch.take(&keep);
        }
        let segments = in_background(|| encode(stream.kind, &batch));

        let mut transaction = self.database.begin_exclusive().await?;
        let start = std::time::Instant::now();
        let gone = transaction
            .execute(
                "DELETE FROM fresh WHERE bucket = $1 AND stream_id = $2 AND seq <= $3",
                params![stream.bucket(), stream.id, through],
            )
            .await?;
        if gone as usize != taken {
            // Somebody else compacted them: dropping the transaction undoes the delete.
            return Ok(false);
        }
        if !again.is_empty() {
            transaction
                .execute(
                    "UPDATE stream SET late_duplicates = late_duplicates + $2 WHERE id = $1",
                    params![stream.id, again.len() as i64],
                )
                .await?;
        }
        for segment in segments {
            let bytes = segment.filter.len() + segment.columns.iter().map(|c| c.body.len()).sum::<usize>();
            let row = transaction
                .fetch(
                    "INSERT INTO segment (bucket, stream_id, event_rows, min_time, max_time, through_seq, created_at,
                                          id_filter, low_id, high_id, bytes)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
                    params![
                        stream.bucket(),
                        stream.id,
                        segment.rows,
                        segment.min,
                        segment.max,
                        through,
                        at,
                        segment.filter,
                        segment.low_id,
                        segment.high_id,
                        bytes as i64,
                    ],
                )
                .await?;
            let id = row.first().map(|r| r.int(0)).transpose()?.unwrap_or_default();
            let mut columns = segment.columns.into_iter().peekable();
            while columns.peek().is_some() {
                let size = if columns.len() >= COLUMNS_AT_ONCE { COLUMNS_AT_ONCE } else { 1 };
                let values: Vec<Value> = columns
                    .by_ref()
                    .take(size)
                    .flat_map(|c| params![stream.bucket(), id, c.name, c.min, c.max, c.missing, c.body])
                    .collect();
                const SQL: &str = "INSERT INTO segment_column
                     (bucket, segment_id, name, min_value, max_value, missing, body) VALUES {}";
                transaction.execute(with_rows(SQL, 7, size), values).await?;
            }
        }
        transaction.commit().await?;
        tracing::debug!(rows = batch.rows(), held_writer = ?start.elapsed(), "fresh rows became segments");
        Ok(true)
    }

    /// The oldest rows of a stream's fresh log, in one batch, and how many they were.
    async fn fresh_rows(&self, stream: &Stream, through: i64) -> Result<(usize, EventBatch)> {
        const SQL: &str = "SELECT body FROM fresh WHERE bucket = $1 AND stream_id = $2 AND seq <= $3 ORDER BY seq";
        let rows = self.database.fetch(SQL, params![stream.bucket(), stream.id, through]).await?;
        let bodies: Vec<Vec<u8>> = rows.iter().map(|row| row.blob(0)).collect::<Result<_>>()?;
        Ok((rows.len(), in_background(|| gather(bodies))?))
    }

    /// Makes one row of the fresh log of many. It gets a number after all others, so that everybody who
    /// follows the log reads it again and finds nothing new.
    async fn fold(&self, stream: &Stream, through: i64) -> Result<()> {
        let (taken, batch) = self.fresh_rows(stream, through).await?;
        let body = in_background(|| codec::encode_rows(&batch));
        let min = batch.times.iter().min().copied().unwrap_or_default();
        let max = batch.times.iter().max().copied().unwrap_or_default();
        let mut transaction = self.database.begin_exclusive().await?;
        transaction
            .execute(
                "INSERT INTO fresh (bucket, stream_id, received_at, event_rows, min_time, max_time, body)
                 SELECT $1, $2, min(received_at), $4, $5, $6, $7 FROM fresh WHERE bucket = $1 AND stream_id = $2 AND seq <= $3",
                params![stream.bucket(), stream.id, through, batch.rows() as i64, min, max, body],
            )
            .await?;
        let gone = transaction
            .execute(
                "DELETE FROM fresh WHERE bucket = $1 AND stream_id = $2 AND seq <= $3",
                params![stream.bucket(), stream.id, through],
            )
            .await?;
        // Somebody else was here: dropping the transaction undoes both.
        if gone as usize == taken { transaction.commit().await } else { Ok(()) }
    }

    async fn segment_ids(&self, stream: &Stream, segment: i64) -> Result<codec::IdColumn> {
        const SQL: &str = "SELECT body FROM segment_column WHERE bucket = $1 AND segment_id = $2 AND name = '#id'";
        let row = self.database.fetch_one(SQL, params![stream.bucket(), segment]).await?;
        let row = row.ok_or_else(|| StoreError::Corrupt(format!("segment {segment} lacks its ids")))?;
        codec::decode_id_column(&row.blob(0)?)
    }

    /// Rows whose id is kept already, in segments too old for the writer to have looked there.
    async fn sent_again(&self, stream: &Stream, batch: &EventBatch, at: Timestamp) -> Result<HashSet<usize>> {
        let mut again = HashSet::new();
        let before = at.plus(-KNOWN_FOR);
        let segments = self.catalogue(stream).await?;
        let mut sought = Sought::new(batch.ids.iter().map(String::as_str).zip(0..).collect());
        for segment in sought.segments(&segments, |s| s.created_at < before) {
            let suspects = sought.within(&segment);
            if suspects.is_empty() {
                continue;
            }
            let Some(filter) = self.id_filter(stream, segment.id).await? else {
                continue;
            };
            let suspects: Vec<(&str, usize)> =
                suspects.iter().filter(|(id, _)| filter.may_contain(id_hash(id))).copied().collect();
            if suspects.is_empty() {
                continue;
            }
            let ids = self.segment_ids(stream, segment.id).await?;
            let asked: Vec<&str> = suspects.iter().map(|(id, _)| *id).collect();
            let found = suspects.iter().zip(ids.find(&asked)).filter(|(_, place)| place.is_some());
            again.extend(found.map(|((_, row), _)| *row));
        }
        Ok(again)
    }
}

fn gather(bodies: Vec<Vec<u8>>) -> Result<EventBatch> {
    let mut batch = EventBatch::default();
    for body in bodies {
        batch.append(codec::decode_rows(&body)?);
    }
    Ok(batch)
}

fn encode(kind: EventKind, batch: &EventBatch) -> Vec<EncodedSegment> {
    let mut order: Vec<usize> = (0..batch.rows()).collect();
    order.sort_by_key(|i| batch.times[*i]);
    // Nearly as many rows in each, whatever came together: what a question costs goes by them.
    let pieces = ((batch.rows() + segment_rows(kind) / 2) / segment_rows(kind)).max(1);
    let size = batch.rows().div_ceil(pieces).max(1);
    order.chunks(size).map(|rows| encode_segment(kind, &batch.take(rows))).collect()
}

fn encode_segment(kind: EventKind, batch: &EventBatch) -> EncodedSegment {
    let hashes: Vec<u64> = batch.ids.iter().map(|id| id_hash(id)).collect();
    let internal =
        |name: &str, body: Vec<u8>| EncodedColumn { name: name.into(), min: None, max: None, missing: 0, body };
    let prints: Vec<i64> = fingerprints(batch).into_iter().map(i64::from).collect();
    let mut columns = vec![
        internal("#id", codec::encode_ids(&batch.ids)),
        internal("#time", codec::encode_times(&batch.times)),
        internal("#print", codec::encode_ints(&prints)),
    ];
    columns.extend(words::filters(kind, batch).into_iter().map(|(name, body)| internal(name, body)));
    for column in &batch.columns {
        let range = match &column.data {
            ColumnData::Number(values) => {
                let present = values.iter().copied().filter(|v| !v.is_nan());
                present.fold(None, |range: Option<(f64, f64)>, v| {
                    Some(range.map_or((v, v), |(low, high)| (low.min(v), high.max(v))))
                })
            }
            _ => None,
        };
        columns.push(EncodedColumn {
            name: column.name.clone(),
            min: range.map(|r| r.0),
            max: range.map(|r| r.1),
            missing: column.data.missing() as i64,
            body: codec::encode_column(&column.data),
        });
    }
    EncodedSegment {
        rows: batch.rows() as i64,
        min: batch.times.first().copied().unwrap_or_default(),
        max: batch.times.last().copied().unwrap_or_default(),
        low_id: batch.ids.iter().min_by(|a, b| id_order(a, b)).cloned().unwrap_or_default(),
        high_id: batch.ids.iter().max_by(|a, b| id_order(a, b)).cloned().unwrap_or_default(),
        filter: IdFilter::build(&hashes),
        columns,
    }
}

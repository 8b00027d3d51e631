//! Compaction: fresh rows become columnar segments of about [`SEGMENT_ROWS`] events.
//!
//! It always takes the oldest fresh rows of a stream, so that “everything up to this number is in
//! segments” stays true; readers and the duplicate check rely on it.

use domain::Timestamp;
use domain::event::{ColumnData, EventBatch};

use crate::codec;
use crate::database::params;
use crate::identity::{IdFilter, IdIndex, fingerprints};
use crate::models::Stream;
use crate::{Result, SEGMENT_ROWS, Store};

/// Rows taken in one go: bounds memory and the length of the write.
const TAKE_ROWS: usize = 4 * SEGMENT_ROWS;

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
    filter: Vec<u8>,
    columns: Vec<EncodedColumn>,
}

impl Store {
    /// Turns the oldest fresh rows of a stream into segments, when there are enough of them or
    /// `all` is set. Returns whether it did. The caller holds the model's maintenance lease.
    pub async fn compact(&self, stream: &Stream, all: bool, at: Timestamp) -> Result<bool> {
        let waiting = self
            .database
            .fetch("SELECT seq, event_rows FROM fresh WHERE stream_id = $1 ORDER BY seq", params![stream.id])
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
        // Thousands of tiny commits are slow to lay over every read, however few rows they hold.
        if rows < SEGMENT_ROWS && !all && blobs < 512 {
            return Ok(false);
        }
        let bodies = self
            .database
            .fetch(
                "SELECT body FROM fresh WHERE stream_id = $1 AND seq <= $2 ORDER BY seq",
                params![stream.id, through],
            )
            .await?;
        let bodies: Vec<Vec<u8>> = bodies.iter().map(|row| row.blob(0)).collect::<Result<_>>()?;
        let segments = tokio::task::block_in_place(|| encode(&bodies))?;

        let mut transaction = self.database.begin_exclusive().await?;
        let gone = transaction
            .execute(
                "DELETE FROM fresh WHERE bucket = $1 AND stream_id = $2 AND seq <= $3",
                params![stream.bucket(), stream.id, through],
            )
            .await?;
        if gone as usize != bodies.len() {
            // Somebody else compacted them: dropping the transaction undoes the delete.
            return Ok(false);
        }
        for segment in segments {
            let row = transaction
                .fetch(
                    "INSERT INTO segment (bucket, stream_id, event_rows, min_time, max_time, through_seq, created_at, id_filter)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
                    params![
                        stream.bucket(),
                        stream.id,
                        segment.rows,
                        segment.min,
                        segment.max,
                        through,
                        at,
                        segment.filter,
                    ],
                )
                .await?;
            let id = row.first().map(|r| r.int(0)).transpose()?.unwrap_or_default();
            for column in segment.columns {
                transaction
                    .execute(
                        "INSERT INTO segment_column (bucket, segment_id, name, min_value, max_value, missing, body)
                         VALUES ($1, $2, $3, $4, $5, $6, $7)",
                        params![stream.bucket(), id, column.name, column.min, column.max, column.missing, column.body],
                    )
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(true)
    }
}

fn encode(bodies: &[Vec<u8>]) -> Result<Vec<EncodedSegment>> {
    let mut batch = EventBatch::default();
    for body in bodies {
        batch.append(&codec::decode_rows(body)?);
    }
    let mut order: Vec<usize> = (0..batch.rows()).collect();
    order.sort_by_key(|i| batch.times[*i]);
    let pieces = (batch.rows() / SEGMENT_ROWS).max(1);
    let size = batch.rows().div_ceil(pieces).max(1);
    Ok(order.chunks(size).map(|rows| encode_segment(&batch.take(rows))).collect())
}

fn encode_segment(batch: &EventBatch) -> EncodedSegment {
    let index = IdIndex::of(&batch.ids);
    let internal =
        |name: &str, body: Vec<u8>| EncodedColumn { name: name.into(), min: None, max: None, missing: 0, body };
    let prints: Vec<i64> = fingerprints(batch).into_iter().map(i64::from).collect();
    let mut columns = vec![
        internal("#id", codec::encode_ids(&batch.ids)),
        internal("#time", codec::encode_times(&batch.times)),
        internal("#print", codec::encode_ints(&prints)),
    ];
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
        filter: IdFilter::build(&index.hashes()),
        columns,
    }
}

//! Group commit: one task writes telemetry; whatever queued up during a commit shares the next.
//!
//! A caller is answered after the commit that holds its rows, never before. There is no timer: an
//! idle writer commits at once, a busy one in ever larger groups. A full queue refuses at once, so
//! that senders slow down and memory stays bounded.

use std::collections::HashMap;
use std::sync::Arc;

use domain::Timestamp;
use domain::event::{EventBatch, LabelBatch};
use tokio::sync::{mpsc, oneshot};

use crate::codec;
use crate::database::{Database, Transaction, params};
use crate::identity::{IdFilter, IdIndex, fingerprints, id_hash, id_hash_wide};
use crate::models::Stream;
use crate::samples::{Point, Samples};
use crate::{Result, SEGMENT_ROWS, Store, StoreError};

/// Rows that one group takes in before it commits.
const GROUP_ROWS: usize = 65_536;
const GROUP_REQUESTS: usize = 4096;
/// Changed ids named in an answer.
const NAMED: usize = 100;

/// What became of a batch of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventReceipt {
    pub accepted: u64,
    /// Same id, same content.
    pub duplicates: u64,
    /// Same id, other content: the first stays.
    pub changed: u64,
    /// The first hundred of those.
    pub changed_ids: Vec<String>,
}

enum Request {
    Events { stream: Stream, batch: EventBatch, at: Timestamp, reply: oneshot::Sender<Result<EventReceipt>> },
    Labels { model_id: i64, batch: LabelBatch, at: Timestamp, reply: oneshot::Sender<Result<u64>> },
    Samples { points: Vec<Point>, reply: oneshot::Sender<Result<()>> },
    Stop { reply: oneshot::Sender<()> },
}

#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Request>,
}

impl Writer {
    pub(crate) fn start(database: Arc<Database>, samples: Arc<Samples>, capacity: usize) -> Writer {
        let (queue, requests) = mpsc::channel(capacity.max(1));
        tokio::spawn(run(database, samples, requests));
        Writer { queue }
    }

    pub(crate) fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    pub(crate) async fn stop(&self) {
        let (reply, done) = oneshot::channel();
        if self.queue.send(Request::Stop { reply }).await.is_ok() {
            let _ = done.await;
        }
    }

    async fn submit<T>(&self, make: impl FnOnce(oneshot::Sender<Result<T>>) -> Request) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(make(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl Store {
    /// Keeps events. Rows of a known id are not kept twice: the first wins.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] when the queue is full; nothing was kept then.
    pub async fn append_events(&self, stream: &Stream, batch: EventBatch, at: Timestamp) -> Result<EventReceipt> {
        let mut receipt = EventReceipt::default();
        let mut rest = batch;
        while rest.rows() > 0 {
            let part = if rest.rows() > SEGMENT_ROWS {
                let head: Vec<usize> = (0..SEGMENT_ROWS).collect();
                let tail: Vec<usize> = (SEGMENT_ROWS..rest.rows()).collect();
                let part = rest.take(&head);
                rest = rest.take(&tail);
                part
            } else {
                std::mem::take(&mut rest)
            };
            let stream = stream.clone();
            let one = self.writer.submit(|reply| Request::Events { stream, batch: part, at, reply }).await?;
            receipt.accepted += one.accepted;
            receipt.duplicates += one.duplicates;
            receipt.changed += one.changed;
            receipt.changed_ids.extend(one.changed_ids);
            receipt.changed_ids.truncate(NAMED);
        }
        Ok(receipt)
    }

    /// Keeps labels in the log; they meet their events when merged. Returns how many.
    pub async fn append_labels(&self, model_id: i64, batch: LabelBatch, at: Timestamp) -> Result<u64> {
        if batch.rows() == 0 {
            return Ok(0);
        }
        self.writer.submit(|reply| Request::Labels { model_id, batch, at, reply }).await
    }

    pub(crate) async fn append_points(&self, points: Vec<Point>) -> Result<()> {
        self.writer.submit(|reply| Request::Samples { points, reply }).await
    }
}

async fn run(database: Arc<Database>, samples: Arc<Samples>, mut requests: mpsc::Receiver<Request>) {
    let mut state = Indexes::default();
    while let Some(first) = requests.recv().await {
        let mut group = Group::default();
        let mut stop = group.add(first);
        while stop.is_none() && group.rows < GROUP_ROWS && group.requests < GROUP_REQUESTS {
            match requests.try_recv() {
                Ok(request) => stop = group.add(request),
                Err(_) => break,
            }
        }
        if group.requests > 0 {
            group.commit(&database, &samples, &mut state).await;
        }
        if let Some(reply) = stop {
            // What is still queued came after the stop: its senders are told that nothing was kept.
            drop(requests);
            let _ = reply.send(());
            return;
        }
    }
}

type Waiting<T> = oneshot::Sender<Result<T>>;
/// What queued up for one stream, and when the first of it came.
type StreamGroup = (Stream, Vec<(EventBatch, Waiting<EventReceipt>)>, Timestamp);
/// New ids of a stream with their fingerprints, and the log row that holds them.
type Addition = (i64, i64, Vec<(u128, u32)>);

#[derive(Default)]
struct Group {
    rows: usize,
    requests: usize,
    events: Vec<StreamGroup>,
    labels: Vec<(i64, LabelBatch, Timestamp, Waiting<u64>)>,
    samples: Vec<Point>,
    sample_replies: Vec<Waiting<()>>,
}

impl Group {
    fn add(&mut self, request: Request) -> Option<oneshot::Sender<()>> {
        self.requests += 1;
        match request {
            Request::Stop { reply } => {
                self.requests -= 1;
                return Some(reply);
            }
            Request::Events { stream, batch, at, reply } => {
                self.rows += batch.rows();
                match self.events.iter_mut().find(|(known, _, _)| known.id == stream.id) {
                    Some((_, batches, _)) => batches.push((batch, reply)),
                    None => self.events.push((stream, vec![(batch, reply)], at)),
                }
            }
            Request::Labels { model_id, batch, at, reply } => {
                self.rows += batch.rows();
                self.labels.push((model_id, batch, at, reply));
            }
            Request::Samples { points, reply } => {
                self.rows += points.len();
                self.samples.extend(points);
                self.sample_replies.push(reply);
            }
        }
        None
    }

    async fn commit(self, database: &Database, samples: &Samples, state: &mut Indexes) {
        let Group { events, labels, samples: points, sample_replies, .. } = self;
        let outcome = write(database, state, &events, &labels, &points).await;
        match outcome {
            Ok(written) => {
                for (stream_id, seq, additions) in written.additions {
                    state.learn(stream_id, seq, additions);
                }
                samples.keep(&points, written.sample_seq);
                for ((_, batches, _), receipts) in events.into_iter().zip(written.receipts) {
                    for ((_, reply), receipt) in batches.into_iter().zip(receipts) {
                        let _ = reply.send(Ok(receipt));
                    }
                }
                for (_, batch, _, reply) in labels {
                    let _ = reply.send(Ok(batch.rows() as u64));
                }
                sample_replies.into_iter().for_each(|reply| drop(reply.send(Ok(()))));
            }
            Err(error) => {
                tracing::error!(%error, "a group commit failed; its senders are told");
                let text = error.to_string();
                let failed = || StoreError::WriteFailed(text.clone());
                for (_, batches, _) in events {
                    batches.into_iter().for_each(|(_, reply)| drop(reply.send(Err(failed()))));
                }
                labels.into_iter().for_each(|(_, _, _, reply)| drop(reply.send(Err(failed()))));
                sample_replies.into_iter().for_each(|reply| drop(reply.send(Err(failed()))));
            }
        }
    }
}

/// What a group wrote, to be learnt once it is committed.
struct Written {
    receipts: Vec<Vec<EventReceipt>>,
    additions: Vec<Addition>,
    sample_seq: i64,
}

async fn write(
    database: &Database,
    state: &mut Indexes,
    events: &[StreamGroup],
    labels: &[(i64, LabelBatch, Timestamp, Waiting<u64>)],
    points: &[Point],
) -> Result<Written> {
    let mut transaction = database.begin_exclusive().await?;
    let mut written = Written { receipts: Vec::new(), additions: Vec::new(), sample_seq: 0 };
    for (stream, batches, at) in events {
        let index = state.streams.entry(stream.id).or_default();
        index.catch_up(&mut transaction, stream).await?;
        let mut merged = EventBatch::default();
        let mut additions: Vec<(u128, u32)> = Vec::new();
        let mut in_group: HashMap<u128, u32> = HashMap::new();
        let mut receipts = Vec::new();
        for (batch, _) in batches {
            let known = index.known(&mut transaction, stream, batch).await?;
            let (keep, receipt) = decide(batch, &known, &mut in_group, &mut additions);
            if keep.len() == batch.rows() {
                merged.append(batch);
            } else if !keep.is_empty() {
                merged.append(&batch.take(&keep));
            }
            receipts.push(receipt);
        }
        written.receipts.push(receipts);
        if merged.rows() > 0 {
            let seq = insert_fresh(&mut transaction, stream, &merged, *at).await?;
            written.additions.push((stream.id, seq, additions));
        }
    }
    for (model_id, batch, at, _) in labels {
        let body = tokio::task::block_in_place(|| codec::encode_rows(batch));
        transaction
            .execute(
                "INSERT INTO label_log (bucket, model_id, received_at, label_rows, body) VALUES ($1, $2, $3, $4, $5)",
                params![*model_id, *model_id, *at, batch.rows() as i64, body],
            )
            .await?;
    }
    if !points.is_empty() {
        let min = points.iter().map(|p| p.at).min().unwrap_or_default();
        let max = points.iter().map(|p| p.at).max().unwrap_or_default();
        let rows = transaction
            .fetch(
                "INSERT INTO sample_fresh (min_time, max_time, body) VALUES ($1, $2, $3) RETURNING seq",
                params![min, max, codec::encode_rows(&points)],
            )
            .await?;
        written.sample_seq = rows.first().map(|r| r.int(0)).transpose()?.unwrap_or_default();
    }
    transaction.commit().await?;
    Ok(written)
}

async fn insert_fresh(
    transaction: &mut Transaction,
    stream: &Stream,
    batch: &EventBatch,
    at: Timestamp,
) -> Result<i64> {
    let body = tokio::task::block_in_place(|| codec::encode_rows(batch));
    let min = batch.times.iter().min().copied().unwrap_or_default();
    let max = batch.times.iter().max().copied().unwrap_or_default();
    let rows = transaction
        .fetch(
            "INSERT INTO fresh (bucket, stream_id, received_at, event_rows, min_time, max_time, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING seq",
            params![stream.bucket(), stream.id, at, batch.rows() as i64, min, max, body],
        )
        .await?;
    transaction
        .execute(
            "INSERT INTO dirty (model_id, environment, from_time, to_time, reason) VALUES ($1, $2, $3, $4, $5)",
            params![stream.model_id, stream.dirty_key(), min, max.plus(1), "new events"],
        )
        .await?;
    rows.first().map(|r| r.int(0)).transpose()?.ok_or_else(|| StoreError::Corrupt("an insert gave no number".into()))
}

/// Which rows of a batch are new, given what is known of their ids.
fn decide(
    batch: &EventBatch,
    known: &HashMap<usize, u32>,
    in_group: &mut HashMap<u128, u32>,
    additions: &mut Vec<(u128, u32)>,
) -> (Vec<usize>, EventReceipt) {
    let prints = tokio::task::block_in_place(|| fingerprints(batch));
    let mut receipt = EventReceipt::default();
    let mut keep = Vec::with_capacity(batch.rows());
    for (row, id) in batch.ids.iter().enumerate() {
        let wide = id_hash_wide(id);
        match known.get(&row).copied().or_else(|| in_group.get(&wide).copied()) {
            None => {
                in_group.insert(wide, prints[row]);
                additions.push((wide, prints[row]));
                keep.push(row);
                receipt.accepted += 1;
            }
            Some(print) if print == prints[row] => receipt.duplicates += 1,
            Some(_) => {
                receipt.changed += 1;
                if receipt.changed_ids.len() < NAMED {
                    receipt.changed_ids.push(id.clone());
                }
            }
        }
    }
    (keep, receipt)
}

/// What this process knows of the ids of each stream; brought up to date inside each transaction,
/// because another process may have written.
#[derive(Default)]
struct Indexes {
    streams: HashMap<i64, StreamIndex>,
}

impl Indexes {
    fn learn(&mut self, stream_id: i64, seq: i64, additions: Vec<(u128, u32)>) {
        let index = self.streams.entry(stream_id).or_default();
        index.last_seq = index.last_seq.max(seq);
        index.fresh.extend(additions.into_iter().map(|(id, print)| (id, (print, seq))));
    }
}

#[derive(Default)]
struct StreamIndex {
    last_seq: i64,
    last_segment: i64,
    fresh: HashMap<u128, (u32, i64)>,
    segments: Vec<(i64, IdFilter)>,
}

impl StreamIndex {
    async fn catch_up(&mut self, transaction: &mut Transaction, stream: &Stream) -> Result<()> {
        let rows = transaction
            .fetch(
                "SELECT seq, body FROM fresh WHERE stream_id = $1 AND seq > $2 ORDER BY seq",
                params![stream.id, self.last_seq],
            )
            .await?;
        for row in rows {
            let seq = row.int(0)?;
            let batch: EventBatch = codec::decode_rows(&row.blob(1)?)?;
            let prints = fingerprints(&batch);
            for (id, print) in batch.ids.iter().zip(prints) {
                self.fresh.entry(id_hash_wide(id)).or_insert((print, seq));
            }
            self.last_seq = self.last_seq.max(seq);
        }
        let rows = transaction
            .fetch(
                "SELECT id, through_seq, id_filter FROM segment WHERE stream_id = $1 AND id > $2 ORDER BY id",
                params![stream.id, self.last_segment],
            )
            .await?;
        let mut through = 0;
        for row in rows {
            self.last_segment = row.int(0)?;
            through = through.max(row.int(1)?);
            self.segments.push((self.last_segment, IdFilter::read(&row.blob(2)?)));
        }
        if through > 0 {
            self.fresh.retain(|_, (_, seq)| *seq > through);
        }
        Ok(())
    }

    /// The fingerprints of those rows of `batch` whose ids are kept already.
    async fn known(
        &self,
        transaction: &mut Transaction,
        stream: &Stream,
        batch: &EventBatch,
    ) -> Result<HashMap<usize, u32>> {
        let mut known = HashMap::new();
        let mut suspects: HashMap<i64, Vec<usize>> = HashMap::new();
        for (row, id) in batch.ids.iter().enumerate() {
            if let Some((print, _)) = self.fresh.get(&id_hash_wide(id)) {
                known.insert(row, *print);
                continue;
            }
            let hash = id_hash(id);
            for (segment, filter) in &self.segments {
                if filter.may_contain(hash) {
                    suspects.entry(*segment).or_default().push(row);
                }
            }
        }
        for (segment, rows) in suspects {
            let found = transaction
                .fetch(
                    "SELECT name, body FROM segment_column
                     WHERE bucket = $1 AND segment_id = $2 AND name IN ('#id', '#print') ORDER BY name",
                    params![stream.bucket(), segment],
                )
                .await?;
            let [ids, prints] = found.as_slice() else {
                return Err(StoreError::Corrupt(format!("segment {segment} lacks its ids")));
            };
            let (ids, prints) = (codec::decode_ids(&ids.blob(1)?)?, codec::decode_ints(&prints.blob(1)?)?);
            let index = IdIndex::of(&ids);
            for row in rows {
                if let Some(at) = index.find(&batch.ids[row], &ids) {
                    known.insert(row, prints[at] as u32);
                }
            }
        }
        Ok(known)
    }
}

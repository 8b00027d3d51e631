//! Group commit: one task writes telemetry; whatever queued up during a commit shares the next.
//!
//! A caller is answered after the commit that holds its rows, never before. There is no timer: an
//! idle writer commits at once, a busy one in ever larger groups. A full queue refuses at once, so
//! that senders slow down and memory stays bounded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Timestamp;
use domain::event::{EventBatch, LabelBatch};
use tokio::sync::{mpsc, oneshot};

use crate::catalogue::{Catalogue, NEWER_SEGMENTS};
use crate::codec;
use crate::database::{Database, Transaction, is_full, params};
use crate::fresh_ids::FreshIds;
use crate::identity::{HashedMap, IdFilter, fingerprints, id_hash, id_hash_wide};
use crate::models::Stream;
use crate::samples::{Points, Samples};
use crate::sought::Sought;
use crate::{BLOCK_ROWS, Result, Store, StoreError};

/// Rows that one group takes in before it commits.
const GROUP_ROWS: usize = 16_384;
const GROUP_REQUESTS: usize = 4096;
/// A commit that takes longer says where its time went, for whoever reads the log at that level.
const SLOW: Duration = Duration::from_millis(100);
/// How old a measure of the database's size may be.
const MEASURE_AGAIN: Duration = Duration::from_secs(2);
/// Changed ids named in an answer.
const NAMED: usize = 100;
/// A resend is known for one by its answer when the first came within this time; older ones are
/// found, and left out, by compaction.
pub(crate) const KNOWN_FOR: i64 = domain::time::DAY;

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
    Events { stream: Stream, batch: EventBatch, at: Timestamp, reply: Waiting<EventReceipt> },
    Labels { model_id: i64, batch: LabelBatch, at: Timestamp, reply: Waiting<u64> },
    Samples { points: Points, reply: Waiting<()> },
    Stop { reply: oneshot::Sender<()> },
}

#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Request>,
}

impl Writer {
    pub(crate) fn start(
        database: Arc<Database>,
        samples: Arc<Samples>,
        catalogue: Arc<Catalogue>,
        capacity: usize,
    ) -> Writer {
        let (queue, requests) = mpsc::channel(capacity.max(1));
        let desk = Desk { database, samples, catalogue, fresh: HashMap::new(), measured: None, over: false };
        tokio::spawn(run(desk, requests));
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

    /// Hands a request in; where the queue is full, it waits its turn for as long as `patience` says.
    async fn submit<T>(
        &self,
        patience: Duration,
        make: impl FnOnce(oneshot::Sender<Result<T>>) -> Request,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let place = match self.queue.try_reserve() {
            Ok(place) => place,
            Err(mpsc::error::TrySendError::Closed(())) => return Err(StoreError::Closed),
            Err(mpsc::error::TrySendError::Full(())) if patience.is_zero() => return Err(StoreError::Overloaded),
            Err(mpsc::error::TrySendError::Full(())) => {
                match tokio::time::timeout(patience, self.queue.reserve()).await {
                    Err(_) => return Err(StoreError::Overloaded),
                    Ok(place) => place.map_err(|_| StoreError::Closed)?,
                }
            }
        };
        place.send(make(reply));
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl Store {
    /// Keeps events. Rows of a known id are not kept twice: the first wins.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] when the queue is full; nothing was kept then.
    pub async fn append_events(&self, stream: &Stream, batch: EventBatch, at: Timestamp) -> Result<EventReceipt> {
        self.append_events_within(Duration::ZERO, stream, batch, at).await
    }

    /// The same for one part of a large body, which must not fail half way because others write too: it waits
    /// for room.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] when there was no room in so long; what came before may have been kept.
    pub async fn append_events_within(
        &self,
        patience: Duration,
        stream: &Stream,
        batch: EventBatch,
        at: Timestamp,
    ) -> Result<EventReceipt> {
        let mut receipt = EventReceipt::default();
        let mut rest = batch;
        while rest.rows() > 0 {
            let part = if rest.rows() > BLOCK_ROWS {
                let head: Vec<usize> = (0..BLOCK_ROWS).collect();
                let tail: Vec<usize> = (BLOCK_ROWS..rest.rows()).collect();
                let part = rest.take(&head);
                rest = rest.take(&tail);
                part
            } else {
                std::mem::take(&mut rest)
            };
            let stream = stream.clone();
            let one = self.writer.submit(patience, |reply| Request::Events { stream, batch: part, at, reply }).await?;
            receipt.accepted += one.accepted;
            receipt.duplicates += one.duplicates;
            receipt.changed += one.changed;
            receipt.changed_ids.extend(one.changed_ids);
            receipt.changed_ids.truncate(NAMED);
            self.came.notify_one();
        }
        Ok(receipt)
    }

    /// Keeps labels in the log; they meet their events when merged. Returns how many.
    pub async fn append_labels(&self, model_id: i64, batch: LabelBatch, at: Timestamp) -> Result<u64> {
        if batch.rows() == 0 {
            return Ok(0);
        }
        let kept = self.writer.submit(Duration::ZERO, |reply| Request::Labels { model_id, batch, at, reply }).await?;
        self.came.notify_one();
        Ok(kept)
    }

    pub(crate) async fn submit_points(&self, points: Points) -> Result<()> {
        self.writer.submit(Duration::ZERO, |reply| Request::Samples { points, reply }).await
    }
}

type Waiting<T> = oneshot::Sender<Result<T>>;

async fn run(mut desk: Desk, mut requests: mpsc::Receiver<Request>) {
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
            desk.commit(group).await;
        }
        if let Some(reply) = stop {
            // What is still queued came after the stop: its senders are told that nothing was kept.
            drop(requests);
            let _ = reply.send(());
            return;
        }
    }
}

/// What queued up for one stream.
struct StreamGroup {
    stream: Stream,
    /// When the first of it came.
    at: Timestamp,
    batches: Vec<EventBatch>,
    replies: Vec<Waiting<EventReceipt>>,
}

#[derive(Default)]
struct Group {
    rows: usize,
    requests: usize,
    events: Vec<StreamGroup>,
    labels: Vec<(i64, LabelBatch, Timestamp)>,
    label_replies: Vec<(u64, Waiting<u64>)>,
    samples: Points,
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
                match self.events.iter_mut().find(|known| known.stream.id == stream.id) {
                    Some(known) => {
                        known.batches.push(batch);
                        known.replies.push(reply);
                    }
                    None => self.events.push(StreamGroup { stream, at, batches: vec![batch], replies: vec![reply] }),
                }
            }
            Request::Labels { model_id, batch, at, reply } => {
                self.rows += batch.rows();
                self.label_replies.push((batch.rows() as u64, reply));
                // Labels that came together are kept together, in the order in which they came.
                match self.labels.iter_mut().find(|(id, known, _)| *id == model_id && known.source == batch.source) {
                    Some((_, known, _)) => known.append(batch),
                    None => self.labels.push((model_id, batch, at)),
                }
            }
            Request::Samples { points, reply } => {
                self.rows += points.len() / 8;
                self.samples.append(points);
                self.sample_replies.push(reply);
            }
        }
        None
    }
}

/// What a group becomes before it is written: everything that needs thought and no database.
struct Prepared {
    events: Vec<PreparedEvents>,
    /// Model, arrival, rows, body.
    labels: Vec<(i64, Timestamp, i64, Vec<u8>)>,
    samples: Option<Vec<u8>>,
}

struct PreparedEvents {
    receipts: Vec<EventReceipt>,
    rows: usize,
    span: (Timestamp, Timestamp),
    body: Vec<u8>,
    additions: Vec<(u128, u32)>,
}

/// The one who writes, and what it knows of ids that are not in segments yet.
struct Desk {
    database: Arc<Database>,
    samples: Arc<Samples>,
    catalogue: Arc<Catalogue>,
    fresh: HashMap<i64, FreshIds>,
    /// When the bound on the database's size was last held against it, and whether it was reached.
    measured: Option<Instant>,
    over: bool,
}

impl Desk {
    async fn commit(&mut self, mut group: Group) {
        let written = self.write(&mut group).await;
        let Group { events, label_replies, samples, sample_replies, .. } = group;
        match written {
            Ok((prepared, seqs, sample_seq)) => {
                for ((of_stream, prepared), seq) in events.into_iter().zip(prepared.events).zip(seqs) {
                    if let Some(seq) = seq {
                        self.fresh.entry(of_stream.stream.id).or_default().learn(seq, prepared.additions);
                    }
                    for (reply, receipt) in of_stream.replies.into_iter().zip(prepared.receipts) {
                        let _ = reply.send(Ok(receipt));
                    }
                }
                if let Some(seq) = sample_seq {
                    self.samples.keep(samples, seq);
                }
                label_replies.into_iter().for_each(|(rows, reply)| drop(reply.send(Ok(rows))));
                sample_replies.into_iter().for_each(|reply| drop(reply.send(Ok(()))));
            }
            Err(error) => {
                tracing::error!(%error, "a group commit failed; its senders are told");
                // What was read inside the failed transaction is read again.
                self.fresh.clear();
                let (full, text) = (is_full(&error), error.to_string());
                let failed = || match full {
                    true => StoreError::Full(text.clone()),
                    false => StoreError::WriteFailed(text.clone()),
                };
                for of_stream in events {
                    of_stream.replies.into_iter().for_each(|reply| drop(reply.send(Err(failed()))));
                }
                label_replies.into_iter().for_each(|(_, reply)| drop(reply.send(Err(failed()))));
                sample_replies.into_iter().for_each(|reply| drop(reply.send(Err(failed()))));
            }
        }
    }

    /// Writes a group in one transaction. Gives what was prepared, the number of each stream's row in
    /// the fresh log and that of the samples'.
    async fn write(&mut self, group: &mut Group) -> Result<(Prepared, Vec<Option<i64>>, Option<i64>)> {
        let start = Instant::now();
        if self.measured.is_none_or(|at| at.elapsed() > MEASURE_AGAIN) {
            self.over = self.database.over_bound().await?;
            self.measured = Some(start);
        }
        if self.over {
            return Err(StoreError::Full("the database has reached retention.disk_bytes".into()));
        }
        let mut transaction = self.database.begin_exclusive().await?;
        let begun = start.elapsed();
        let mut known = Vec::with_capacity(group.events.len());
        for of_stream in &group.events {
            known.push(self.known(&mut transaction, of_stream).await?);
        }
        let looked = start.elapsed();
        let rows = group.rows;
        let prepared =
            if rows <= 1024 { prepare(group, &known) } else { tokio::task::block_in_place(|| prepare(group, &known)) };
        let thought = start.elapsed();
        let mut seqs = Vec::with_capacity(prepared.events.len());
        for (of_stream, events) in group.events.iter().zip(&prepared.events) {
            seqs.push(if events.rows == 0 {
                None
            } else {
                Some(insert_fresh(&mut transaction, &of_stream.stream, of_stream.at, events).await?)
            });
        }
        for (model_id, at, rows, body) in &prepared.labels {
            transaction
                .execute(
                    "INSERT INTO label_log (bucket, model_id, received_at, label_rows, body) VALUES ($1, $2, $3, $4, $5)",
                    params![*model_id, *model_id, *at, *rows, body.clone()],
                )
                .await?;
        }
        let mut sample_seq = None;
        if let Some(body) = &prepared.samples {
            let (min, max) = group.samples.span();
            let row = transaction
                .fetch(
                    "INSERT INTO sample_fresh (min_time, max_time, body) VALUES ($1, $2, $3) RETURNING seq",
                    params![min, max, body.clone()],
                )
                .await?;
            sample_seq = row.first().map(|r| r.int(0)).transpose()?;
        }
        let written = start.elapsed();
        transaction.commit().await?;
        let done = start.elapsed();
        if done > SLOW {
            tracing::debug!(rows, ?begun, ?looked, ?thought, ?written, ?done, "a slow group commit");
        }
        Ok((prepared, seqs, sample_seq))
    }

    /// The fingerprints of those rows of each batch whose ids are kept already.
    async fn known(&mut self, transaction: &mut Transaction, group: &StreamGroup) -> Result<Vec<HashMap<usize, u32>>> {
        let stream = &group.stream;
        let (newest, last) = (self.catalogue.newest(stream.id), self.fresh.get(&stream.id).map_or(0, |f| f.last_seq));
        // One question where nothing is new, as it mostly is: only other processes and compaction write besides.
        let new = transaction
            .fetch(
                "SELECT (SELECT COUNT(*) FROM segment WHERE bucket = $1 AND stream_id = $2 AND id > $3),
                        (SELECT COUNT(*) FROM fresh WHERE bucket = $1 AND stream_id = $2 AND seq > $4)",
                params![stream.bucket(), stream.id, newest, last],
            )
            .await?;
        let new = |place: usize| new.first().map_or(Ok(0), |row| row.int(place));
        let segments = if new(0)? > 0 {
            let newer = transaction.fetch(NEWER_SEGMENTS, params![stream.bucket(), stream.id, newest]).await?;
            self.catalogue.learn(stream.id, &newer)?
        } else {
            self.catalogue.segments(stream.id)
        };
        let fresh = self.fresh.entry(stream.id).or_default();
        if new(1)? > 0 {
            fresh.catch_up(transaction, stream).await?;
        }
        fresh.forget(segments.through);
        let since = group.at.plus(-KNOWN_FOR);
        let mut known: Vec<HashMap<usize, u32>> = Vec::with_capacity(group.batches.len());
        // The others, by batch and row.
        let mut others: Vec<(&str, (usize, usize))> = Vec::new();
        for (number, batch) in group.batches.iter().enumerate() {
            let mut of_batch = HashMap::new();
            for (row, id) in batch.ids.iter().enumerate() {
                if let Some(print) = fresh.get(id) {
                    of_batch.insert(row, print);
                } else {
                    others.push((id, (number, row)));
                }
            }
            known.push(of_batch);
        }
        let mut others = Sought::new(others);
        for segment in others.segments(&segments, |s| s.created_at >= since) {
            let suspects = others.within(&segment);
            if suspects.is_empty() {
                continue;
            }
            let segment = segment.id;
            let filter = match self.catalogue.filter(segment) {
                Some(filter) => filter,
                None => {
                    let row = transaction
                        .fetch(
                            "SELECT id_filter FROM segment WHERE bucket = $1 AND id = $2",
                            params![stream.bucket(), segment],
                        )
                        .await?;
                    let Some(row) = row.first() else {
                        continue;
                    };
                    let filter = Arc::new(IdFilter::read(&row.blob(0)?));
                    self.catalogue.keep_filter(segment, filter.clone());
                    filter
                }
            };
            let suspects: Vec<_> = suspects.iter().filter(|(id, _)| filter.may_contain(id_hash(id))).collect();
            if suspects.is_empty() {
                continue;
            }
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
            let (ids, prints) = (codec::decode_id_column(&ids.blob(1)?)?, codec::decode_ints(&prints.blob(1)?)?);
            let asked: Vec<&str> = suspects.iter().map(|(id, _)| *id).collect();
            for ((_, (number, row)), place) in suspects.into_iter().zip(ids.find(&asked)) {
                if let Some(place) = place {
                    known[*number].insert(*row, prints[place] as u32);
                }
            }
        }
        Ok(known)
    }
}

/// Decides which rows are new and turns everything into bytes.
fn prepare(group: &mut Group, known: &[Vec<HashMap<usize, u32>>]) -> Prepared {
    let events = group.events.iter_mut().zip(known).map(|(of_stream, known)| {
        let mut merged = EventBatch::default();
        let mut additions = Vec::new();
        let mut in_group: HashedMap<u128, u32> = HashedMap::default();
        let mut receipts = Vec::with_capacity(known.len());
        for (batch, known) in std::mem::take(&mut of_stream.batches).into_iter().zip(known) {
            let (keep, receipt) = decide(&batch, known, &mut in_group, &mut additions);
            if keep.len() == batch.rows() {
                merged.append(batch);
            } else if !keep.is_empty() {
                merged.append(batch.take(&keep));
            }
            receipts.push(receipt);
        }
        let min = merged.times.iter().min().copied().unwrap_or_default();
        let max = merged.times.iter().max().copied().unwrap_or_default();
        let rows = merged.rows();
        let body = if rows > 0 { codec::encode_rows(&merged) } else { Vec::new() };
        PreparedEvents { receipts, rows, span: (min, max), body, additions }
    });
    let events = events.collect();
    let labels =
        group.labels.iter().map(|(id, batch, at)| (*id, *at, batch.rows() as i64, codec::encode_rows(batch))).collect();
    let samples = (!group.samples.is_empty()).then(|| codec::encode_points(&group.samples));
    Prepared { events, labels, samples }
}

async fn insert_fresh(
    transaction: &mut Transaction,
    stream: &Stream,
    at: Timestamp,
    events: &PreparedEvents,
) -> Result<i64> {
    let (min, max) = events.span;
    // The stream must still be there: a model that was removed keeps nothing that is still on its way.
    let rows = transaction
        .fetch(
            "INSERT INTO fresh (bucket, stream_id, received_at, event_rows, min_time, max_time, body)
             SELECT $1, id, $3, $4, $5, $6, $7 FROM stream WHERE id = $2 RETURNING seq",
            params![stream.bucket(), stream.id, at, events.rows as i64, min, max, events.body.clone()],
        )
        .await?;
    let seq = rows.first().map(|r| r.int(0)).transpose()?;
    let seq = seq.ok_or_else(|| StoreError::NotFound("model any more: it was removed meanwhile".into()))?;
    if let Some((model_id, key)) = stream.dirty_key() {
        transaction
            .execute(
                "INSERT INTO dirty (model_id, environment, from_time, to_time, reason) VALUES ($1, $2, $3, $4, $5)",
                params![model_id, key, min, max.plus(1), "new events"],
            )
            .await?;
    }
    Ok(seq)
}

/// Which rows of a batch are new, given what is known of their ids.
fn decide(
    batch: &EventBatch,
    known: &HashMap<usize, u32>,
    in_group: &mut HashedMap<u128, u32>,
    additions: &mut Vec<(u128, u32)>,
) -> (Vec<usize>, EventReceipt) {
    let prints = fingerprints(batch);
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

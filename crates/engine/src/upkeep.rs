//! Upkeep of what is kept: fresh rows into segments, labels to their events, samples into chunks, the
//! old away.
//!
//! It runs apart from evaluation, which may take long: as long as rows come, segments must be made, or
//! the fresh log, which every reader lays over what it reads, would only grow.

use std::time::{Duration, Instant};

use domain::time::{DAY, SECOND};
use domain::{Action, Actor, Object, Timestamp};
use store::{Kept, Retention};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::{Engine, Result};

/// A lease outlives its holder by so much: after a crash the work rests that long, no longer.
const LEASE: i64 = 15 * SECOND;
const LEASE_RENEWED: Duration = Duration::from_secs(4);
/// Between two rounds of compaction and merging.
const ROUND: Duration = Duration::from_millis(250);
/// How long a round that would find nothing is put off: other processes bring work as well.
const QUIET: Duration = Duration::from_secs(1);
/// Between two looks at what is too old.
const RETENTION_ROUND: Duration = Duration::from_secs(600);
/// Samples in memory before some become chunks; all do after [`SAMPLES_AGE`].
const SAMPLES_MOST: usize = 3 << 20;
const SAMPLES_AGE: Duration = Duration::from_secs(3600);

/// How long, and how much, is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keep {
    pub events_days: u32,
    pub spans_days: u32,
    pub logs_days: u32,
    pub samples_days: u32,
    pub reports_days: u32,
    /// Bytes of each kind at most; 0 is no bound.
    pub event_bytes: u64,
    pub span_bytes: u64,
    pub log_bytes: u64,
    pub sample_bytes: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Keep {
            events_days: 400,
            spans_days: 30,
            logs_days: 30,
            samples_days: 90,
            reports_days: 800,
            event_bytes: 0,
            span_bytes: 0,
            log_bytes: 0,
            sample_bytes: 0,
        }
    }
}

impl Keep {
    /// The bounds at an instant.
    pub fn at(&self, now: Timestamp) -> Retention {
        let before = |days: u32| (days > 0).then(|| now.plus(-i64::from(days) * DAY));
        let most = |bytes: u64| (bytes > 0).then_some(bytes);
        Retention {
            by_arrival: true,
            events_before: before(self.events_days),
            spans_before: before(self.spans_days),
            logs_before: before(self.logs_days),
            samples_before: before(self.samples_days),
            reports_before: before(self.reports_days),
            event_bytes: most(self.event_bytes),
            span_bytes: most(self.span_bytes),
            log_bytes: most(self.log_bytes),
            sample_bytes: most(self.sample_bytes),
        }
    }
}

pub(crate) async fn run(engine: Engine, keep: Keep, stop: CancellationToken) {
    let mut chunked = Instant::now();
    let mut expired: Option<Instant> = None;
    let mut quiet = false;
    loop {
        let rest = async {
            tokio::time::sleep(ROUND).await;
            if quiet {
                let _ = tokio::time::timeout(QUIET, engine.store.something_came()).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = rest => {}
        }
        quiet = match engine.maintain().await {
            Ok(worked) => !worked,
            Err(error) => {
                tracing::error!(%error, "upkeep failed; it is tried again");
                tokio::time::sleep(Duration::from_secs(5)).await;
                false
            }
        };
        let old = chunked.elapsed() > SAMPLES_AGE;
        if old || engine.store.fresh_samples() > SAMPLES_MOST {
            if let Err(error) = engine.under_lease("samples".into(), engine.chunk_samples(old)).await {
                tracing::error!(%error, "samples could not be put into chunks; it is tried again");
            }
            if old {
                chunked = Instant::now();
            }
        }
        if expired.is_none_or(|at| at.elapsed() > RETENTION_ROUND) {
            expired = Some(Instant::now());
            if let Err(error) = engine.under_lease("retention".into(), engine.expire(&keep)).await {
                tracing::error!(%error, "what is too old could not be removed; it is tried again");
            }
        }
    }
}

impl Engine {
    /// One round of compaction and label merging over all that has work: models, and kinds of telemetry. Whether
    /// anything had.
    pub async fn maintain(&self) -> Result<bool> {
        let with_work = self.store.buckets_with_work().await?;
        for bucket in &with_work {
            self.under_lease(format!("maintain/{bucket}"), self.maintain_bucket(*bucket)).await?;
        }
        Ok(!with_work.is_empty())
    }

    async fn maintain_bucket(&self, bucket: i64) -> Result<()> {
        for stream in self.store.streams(bucket).await? {
            while self.store.compact(&stream, false, self.now()).await? {}
        }
        if bucket > 0 {
            while self.store.merge_labels(bucket).await? > 0 {}
        }
        Ok(())
    }

    /// Leaves as little as possible for the next start to read, before an orderly end.
    pub async fn settle(&self) -> Result<()> {
        self.write_arrivals().await?;
        self.under_lease("samples".into(), self.chunk_samples(true)).await?;
        Ok(self.store.give_back().await?)
    }

    async fn chunk_samples(&self, all: bool) -> Result<()> {
        self.store.compact_samples(all).await?;
        Ok(())
    }

    async fn expire(&self, keep: &Keep) -> Result<()> {
        let (segments, chunks) = self.store.expire(&keep.at(self.now())).await?;
        if segments + chunks > 0 {
            tracing::info!(segments, chunks, "the oldest was removed, as retention says");
        }
        Ok(())
    }

    /// What is kept, and how much of it there is.
    pub async fn kept(&self, actor: &Actor) -> Result<Kept> {
        self.may(actor, Action::View, &Object::Installation)?;
        Ok(self.store.kept().await?)
    }

    /// Does work that one process at a time may do; nothing where another one holds the lease. The
    /// lease is renewed on a clock of its own, since the work may be long between two places where
    /// it could do that itself, and for no longer than the work is there: not after a panic either.
    pub(crate) async fn under_lease(&self, lease: String, work: impl Future<Output = Result<()>>) -> Result<()> {
        let now = self.now();
        if !self.store.claim(&lease, &self.inner.holder, now, now.plus(LEASE)).await? {
            return Ok(());
        }
        let renewing = AbortOnDropHandle::new(tokio::spawn(self.clone().renew(lease.clone())));
        let outcome = work.await;
        drop(renewing);
        self.store.release(&lease, &self.inner.holder).await?;
        outcome
    }

    async fn renew(self, lease: String) {
        loop {
            tokio::time::sleep(LEASE_RENEWED).await;
            let now = self.now();
            if let Err(error) = self.store.claim(&lease, &self.inner.holder, now, now.plus(LEASE)).await {
                tracing::warn!(%error, lease, "a lease could not be renewed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_removed_where_no_bound_is_set() {
        let now = Timestamp(1000 * DAY + 7);
        let keep = Keep {
            events_days: 10,
            samples_days: 0,
            reports_days: 0,
            event_bytes: 0,
            sample_bytes: 5,
            ..Keep::default()
        };
        let bounds = keep.at(now);
        assert_eq!(bounds.events_before, Some(Timestamp(990 * DAY + 7)));
        assert_eq!((bounds.samples_before, bounds.event_bytes, bounds.sample_bytes), (None, None, Some(5)));
    }
}

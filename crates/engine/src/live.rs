//! Live events: what changed, so that pages read again. Never the data itself, so that what a
//! person may see is decided where it is read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::Engine;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveEvent {
    /// `events`, `labels`, `samples`, `reports` or `alerts`.
    pub changed: Vec<String>,
}

pub struct Bus {
    sender: broadcast::Sender<LiveEvent>,
    told: AtomicU64,
}

impl Bus {
    pub(crate) fn new() -> Bus {
        Bus { sender: broadcast::channel(16).0, told: AtomicU64::new(0) }
    }

    pub fn subscribe(&self) -> broadcast::Receiver<LiveEvent> {
        self.sender.subscribe()
    }

    /// Grows with each event. A page that was drawn at another number than it began to listen at has missed
    /// one meanwhile.
    pub fn told(&self) -> u64 {
        self.told.load(Ordering::SeqCst)
    }

    /// Open pages that listen.
    pub fn listeners(&self) -> usize {
        self.sender.receiver_count()
    }
}

/// Asks the database once a second what came, while anybody listens: it sees the writes of every
/// process, and costs one indexed query.
pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let mut last: Option<[i64; 5]> = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        // What it is compared with is known before the first page listens.
        if engine.inner.live.listeners() == 0 && last.is_some() {
            continue;
        }
        let Ok(counters) = engine.store.change_counters().await else {
            continue;
        };
        if let Some(before) = last {
            let changed: Vec<String> = ["events", "labels", "samples", "reports", "alerts"]
                .iter()
                .zip(before.iter().zip(counters))
                .filter(|(_, (before, now))| **before != *now)
                .map(|(name, _)| (*name).to_string())
                .collect();
            if !changed.is_empty() {
                engine.inner.live.told.fetch_add(1, Ordering::SeqCst);
                let _ = engine.inner.live.sender.send(LiveEvent { changed });
            }
        }
        last = Some(counters);
    }
}

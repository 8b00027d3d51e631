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

/// How many events there have been, and how many of them were of alerts. A page that was drawn at other numbers than
/// it began to listen at has missed some meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub all: u64,
    pub alerts: u64,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.alerts, self.all)
    }
}

pub struct Bus {
    sender: broadcast::Sender<LiveEvent>,
    all: AtomicU64,
    alerts: AtomicU64,
}

impl Bus {
    pub(crate) fn new() -> Bus {
        Bus { sender: broadcast::channel(16).0, all: AtomicU64::new(0), alerts: AtomicU64::new(0) }
    }

    pub fn subscribe(&self) -> broadcast::Receiver<LiveEvent> {
        self.sender.subscribe()
    }

    pub fn told(&self) -> Told {
        Told { alerts: self.alerts.load(Ordering::SeqCst), all: self.all.load(Ordering::SeqCst) }
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
                let bus = &engine.inner.live;
                bus.alerts.fetch_add(u64::from(changed.iter().any(|c| c == "alerts")), Ordering::SeqCst);
                bus.all.fetch_add(1, Ordering::SeqCst);
                let _ = engine.inner.live.sender.send(LiveEvent { changed });
            }
        }
        last = Some(counters);
    }
}

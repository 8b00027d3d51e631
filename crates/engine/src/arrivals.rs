//! What came by each way in: how much, first and last, what was refused and why. So that somebody who connects
//! a program sees it arrive, or why it does not.
//!
//! Counted in memory, written every few seconds; what a crash loses of it is a count, never data.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::telemetry::Arrival;
use domain::{Action, Actor, Object, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::{Engine, Result};

const WRITE_EVERY: Duration = Duration::from_secs(2);
const REASON_BYTES: usize = 500;

#[derive(Default)]
pub struct Arrivals {
    since: Mutex<BTreeMap<&'static str, Arrival>>,
}

impl Arrivals {
    fn take(&self) -> Vec<Arrival> {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *since).into_values().collect()
    }

    fn note(&self, way: &'static str, accepted: u64, refused: u64, reason: Option<&str>, now: Timestamp) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let arrival = since.entry(way).or_insert_with(|| Arrival {
            way: way.to_string(),
            accepted: 0,
            refused: 0,
            first_at: now,
            last_at: now,
            refused_at: None,
            reason: String::new(),
        });
        arrival.accepted += accepted;
        arrival.refused += refused;
        arrival.last_at = now;
        if refused > 0 || reason.is_some() {
            arrival.refused_at = Some(now);
            arrival.reason = crate::ingest::otlp::attributes::cut(reason.unwrap_or_default(), REASON_BYTES).to_string();
        }
    }
}

impl Engine {
    /// Counts what came by a way, and why some of it was refused.
    pub fn note_arrival(&self, way: &'static str, accepted: u64, refused: u64, reason: Option<&str>) {
        if accepted + refused > 0 || reason.is_some() {
            self.inner.arrivals.note(way, accepted, refused, reason, self.now());
        }
    }

    pub async fn arrivals(&self, actor: &Actor) -> Result<Vec<Arrival>> {
        self.may(actor, Action::View, &Object::Installation)?;
        self.write_arrivals().await?;
        Ok(self.store.arrivals().await?)
    }

    pub(crate) async fn write_arrivals(&self) -> Result<()> {
        let since = self.inner.arrivals.take();
        if !since.is_empty() {
            self.store.add_arrivals(&since).await?;
        }
        Ok(())
    }
}

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(WRITE_EVERY) => {}
        }
        if let Err(error) = engine.write_arrivals().await {
            tracing::warn!(%error, "what arrived could not be counted");
        }
    }
}

//! Deeds on their way to where a company collects security events: each at least once, in their order.
//!
//! How far the record has been sent is kept beside it, so that nothing is left out while a collector is away, however
//! long: it moves only when every collector of the receiver has taken the same deeds.

use std::time::Duration;

use domain::alert::destination::Destination;
use domain::audit::Forwarding;
use domain::{Action, Actor, Object};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::siem::{Collector, event_of};
use crate::{Engine, EngineError, Result};

/// Sent together.
const BATCH: usize = 500;
/// How often it is looked for what has been done.
const EVERY: Duration = Duration::from_secs(5);
const DOCUMENT: &str = "audit.sent";

/// How far the record has been sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Sent {
    /// The number of the last deed that was taken.
    last: i64,
    /// Why the next was not; empty where it was, or there is none.
    problem: String,
}

/// Sends the record, one batch after the other; a collector that is slow delays nothing else.
pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let turns = async {
        loop {
            let turn = if engine.leads_alerts() { engine.deeds_turn().await } else { Ok(false) };
            let more = turn.unwrap_or_else(|error| {
                tracing::error!(%error, "deeds could not be sent; it is tried again");
                false
            });
            if !more {
                tokio::time::sleep(EVERY).await;
            }
        }
    };
    // What is cut off here was not noted as sent, and is sent once more.
    tokio::select! {
        () = stop.cancelled() => {}
        () = turns => {}
    }
}

impl Engine {
    /// Sends what has been done since, if there is anybody to tell; whether more waits.
    async fn deeds_turn(&self) -> Result<bool> {
        let document = self.alerting_document().await?;
        let Some(receiver) = document.receiver(&document.audit) else {
            return Ok(false);
        };
        let sent: Sent = self.document(DOCUMENT).await?;
        let deeds = self.store.deeds_after(sent.last, BATCH).await?;
        let (count, Some(last)) = (deeds.len(), deeds.last().map(|d| d.id)) else {
            return Ok(false);
        };
        let events: Vec<_> = self.with_names(deeds).await?.iter().map(event_of).collect();
        let mut problems = Vec::new();
        for destination in &receiver.destinations {
            if let Destination::Siem { url, format, token } = destination
                && let Err(refused) = (Collector { url, format: *format, token }).send(&events).await
            {
                problems.push(format!("{} {}: {}", destination.title(), destination.shown(), refused.text));
            }
        }
        let problem = problems.join("; ");
        let more = problem.is_empty() && count == BATCH;
        let now = Sent { last: if problem.is_empty() { last } else { sent.last }, problem };
        if now != sent {
            let text = serde_json::to_string(&now).map_err(|e| EngineError::Invalid(e.to_string()))?;
            self.store.set_setting(DOCUMENT, &text).await?;
        }
        Ok(more)
    }

    /// Where deeds are sent, and how that goes.
    pub async fn forwarding(&self, actor: &Actor) -> Result<Forwarding> {
        self.may(actor, Action::ReadAudit, &Object::Installation)?;
        let document = self.alerting_document().await?;
        let sent: Sent = self.document(DOCUMENT).await?;
        let able = document.receivers.iter().filter(|r| r.collects());
        Ok(Forwarding {
            able: able.map(|r| r.name.clone()).collect(),
            waiting: self.store.deeds_after(sent.last, BATCH).await?.len(),
            receiver: document.audit,
            problem: sent.problem,
        })
    }

    /// Tells a receiver's collectors every deed from the first that is kept; nobody where it is empty.
    ///
    /// # Errors
    /// Not allowed; no such receiver, or none that collects.
    pub async fn forward_deeds(&self, actor: &Actor, receiver: &str) -> Result<()> {
        self.may(actor, Action::ReadAudit, &Object::Installation)?;
        let document = self.alerting(actor).await?;
        self.set_alerting(actor, domain::alert::config::Alerting { audit: receiver.trim().into(), ..document }).await
    }
}

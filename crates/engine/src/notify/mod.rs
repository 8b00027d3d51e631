//! Messages on their way: from the outbox to where people read them.
//!
//! At least once, and with the same idempotency key each time: a crash between sending and noting it sends
//! once more. Each kind of destination says what went wrong and whether trying again may help.

mod chat;
pub(crate) mod deeds;
mod email;
mod ntfy;
mod pagerduty;
mod siem;
mod ticket;
pub(crate) mod webhook;

use std::time::{Duration, Instant};

use bytes::Bytes;
use domain::alert::config::WATCHDOG_EVERY;
use domain::alert::destination::Destination;
use domain::alert::group::Why;
use domain::alert::message::{Message, Words};
use domain::alert::priority::Priority;
use domain::alert::{ALERTNAME, Alert, Labels, Source};
use domain::share::NOTE_MAX;
use domain::time::SECOND;
use domain::{Action, Actor, Object};
use store::Outgoing;
use tokio_util::sync::CancellationToken;

use crate::alert::is_synthetic;
use crate::outgoing::{self, Outcome};
use crate::people::random_text;
use crate::{Engine, EngineError};

/// Sent at once, each to another place or about another group.
const AT_ONCE: usize = 16;
/// A message is tried so often before the group's next turn makes a new one.
pub(crate) const ATTEMPTS_MAX: u32 = 10;
const PAUSE_FIRST: i64 = SECOND;
const PAUSE_MOST: i64 = 300 * SECOND;

/// Where e-mail is handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    pub from: String,
    /// TLS from the first byte, by STARTTLS, or none at all.
    pub tls: SmtpTls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    Always,
    StartTls,
    None,
}

/// Why a message did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub text: String,
    /// Trying again may help.
    pub passes: bool,
    /// Microseconds that the destination asks for.
    pub after: Option<i64>,
}

impl Problem {
    pub(crate) fn lasting(text: impl Into<String>) -> Problem {
        Problem { text: text.into(), passes: false, after: None }
    }

    fn passing(text: impl Into<String>) -> Problem {
        Problem { text: text.into(), passes: true, after: None }
    }

    /// What an HTTP answer means: its body, where it is a good one.
    pub(crate) fn of(answer: Outcome<outgoing::Answer>) -> std::result::Result<Bytes, Problem> {
        match answer {
            Err(text) => Err(Problem::passing(text)),
            Ok(answer) if (200..300).contains(&answer.status) => Ok(answer.body),
            Ok(answer) => {
                let words: String =
                    String::from_utf8_lossy(&answer.body).chars().filter(|c| !c.is_control()).take(200).collect();
                let text = format!("it answered {}{}{words}", answer.status, if words.is_empty() { "" } else { ": " });
                let passes = answer.status == 429 || answer.status == 408 || answer.status >= 500;
                Err(Problem { text, passes, after: answer.retry_after.map(|s| s * SECOND) })
            }
        }
    }
}

/// The first so many characters of a text, on one line: what comes from telemetry begins no other.
fn one_line(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect()
}

/// Microseconds until the next attempt: doubled each time, or what the destination asks for.
pub(crate) fn pause(attempts: u32, asked: Option<i64>) -> i64 {
    let own = PAUSE_FIRST << attempts.saturating_sub(1).min(16);
    own.max(asked.unwrap_or(0)).min(PAUSE_MOST.max(asked.unwrap_or(0).min(3600 * SECOND)))
}

/// How often it is asked whether the weekly summary is due.
const SUMMARY_EVERY: Duration = Duration::from_secs(60);

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let tasks = tokio_util::task::TaskTracker::new();
    let permits = std::sync::Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
    let (mut watched, mut summed) = (Instant::now(), Instant::now());
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = engine.inner.alerts.send.notified() => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        if !engine.leads_alerts() {
            continue;
        }
        if watched.elapsed().as_micros() as i64 >= WATCHDOG_EVERY {
            watched = Instant::now();
            tasks.spawn(sign_of_life(engine.clone()));
        }
        if summed.elapsed() >= SUMMARY_EVERY {
            summed = Instant::now();
            let engine = engine.clone();
            tasks.spawn(async move {
                if let Err(error) = engine.weekly_turn().await {
                    tracing::warn!(%error, "the weekly summary was not sent; it is tried again");
                }
            });
        }
        let due = match engine.store.messages_due(engine.now(), 200).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(%error, "the outbox could not be read; it is tried again");
                continue;
            }
        };
        for message in due {
            if is_synthetic(&message) {
                if let Err(error) = engine.synthetic_arrived().await {
                    tracing::error!(%error, "the synthetic alert could not be taken from the outbox");
                }
                continue;
            }
            let Ok(permit) = permits.clone().acquire_owned().await else {
                break;
            };
            match engine.message_flies(&message).await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => {
                    tracing::error!(%error, "a message could not be taken from the outbox");
                    continue;
                }
            }
            let engine = engine.clone();
            tasks.spawn(async move {
                send(&engine, &message).await;
                drop(permit);
            });
        }
    }
    tasks.close();
    // What is on its way may arrive; what is not noted is sent again by the next process.
    let _ = tokio::time::timeout(Duration::from_secs(5), tasks.wait()).await;
}

async fn send(engine: &Engine, message: &Outgoing) {
    let begun = Instant::now();
    let outcome = match engine.destination_of(message).await {
        Some(destination) => engine.deliver(&destination, &message.message, &message.id).await,
        None => Err(Problem::lasting("its destination is not known any more")),
    };
    if let Err(problem) = &outcome {
        tracing::warn!(destination = message.destination, problem = problem.text, "a message did not arrive");
    }
    if let Err(error) = engine.message_landed(message, outcome, begun.elapsed()).await {
        tracing::error!(%error, "what came of a message could not be noted; it may be sent once more");
    }
}

/// The dead man's switch: as long as it comes, Plimsoll evaluates and sends.
async fn sign_of_life(engine: Engine) {
    let Ok(document) = engine.alerting_document().await else {
        return;
    };
    let Some(receiver) = document.receiver(&document.watchdog) else {
        return;
    };
    let mut message = engine.test_message(&receiver.name);
    if let Some(alert) = message.firing.first_mut() {
        alert.labels.insert(ALERTNAME.into(), "Watchdog".into());
        alert.annotations.insert("summary".into(), "Plimsoll lives; worry when this stops coming.".into());
    }
    // A ticket is somebody's work; a sign of life is nobody's.
    for destination in receiver.destinations.iter().filter(|d| !matches!(d, Destination::Ticket { .. })) {
        if let Err(problem) = engine.deliver(destination, &message, &random_text(24)).await {
            tracing::warn!(problem = problem.text, "a sign of life did not arrive");
        }
    }
}

impl Engine {
    /// A message that says only that it arrived.
    pub(crate) fn test_message(&self, receiver: &str) -> Message {
        let now = self.now();
        let labels =
            Labels::from([(ALERTNAME.to_string(), "Test".to_string()), ("severity".to_string(), "info".to_string())]);
        let alert = Alert {
            annotations: Labels::from([("summary".into(), "This is only a test: messages arrive here.".into())]),
            priority: Priority::P4,
            ..Alert::new(labels.clone(), Source::Posted, now)
        };
        Message {
            group_key: "test".into(),
            receiver: receiver.into(),
            why: Why::New,
            labels,
            firing: vec![alert],
            resolved: Vec::new(),
            left_out: 0,
            url: format!("{}/alerts", self.inner.options.public_url),
            acknowledge_url: String::new(),
            at: now,
            incident: None,
            test: true,
            words: None,
        }
    }

    /// Posts a link with a person's words where people of a receiver talk, at once; how many places took it.
    /// Pagers and programs are not for this.
    ///
    /// # Errors
    /// Not allowed; no such receiver, or none that takes words; what a destination answered.
    pub async fn post_link(&self, actor: &Actor, receiver: &str, words: Words, url: &str) -> crate::Result<usize> {
        self.may(actor, Action::Share, &Object::Installation)?;
        if words.text.len() > NOTE_MAX || words.title.len() > NOTE_MAX {
            return Err(EngineError::Invalid(format!("write at most {NOTE_MAX} bytes")));
        }
        let took = self.post_words(receiver, words, url).await?;
        self.audit(actor, "link.post", receiver).await;
        Ok(took)
    }

    /// Sends words and a link to those destinations of a receiver that take words; how many did.
    pub(crate) async fn post_words(&self, receiver: &str, words: Words, url: &str) -> crate::Result<usize> {
        let document = self.alerting_document().await?;
        let found = document.receivers.iter().find(|r| r.name == receiver);
        let found = found.ok_or_else(|| EngineError::NotFound(format!("there is no receiver “{receiver}”")))?;
        let message = Message {
            words: Some(words),
            firing: Vec::new(),
            labels: Labels::new(),
            url: url.to_string(),
            group_key: "link".into(),
            ..self.test_message(receiver)
        };
        let mut took = 0;
        for destination in found.destinations.iter().filter(|d| d.takes_words()) {
            self.deliver(destination, &message, &random_text(24))
                .await
                .map_err(|problem| EngineError::Unanswerable(format!("{}: {}", destination.title(), problem.text)))?;
            took += 1;
        }
        if took == 0 {
            return Err(EngineError::Invalid(format!("“{receiver}” has no destination that takes words")));
        }
        Ok(took)
    }

    /// Sends a message to a destination and waits for its answer: what the message is known by there, where it tells.
    pub(crate) async fn deliver(
        &self,
        destination: &Destination,
        message: &Message,
        key: &str,
    ) -> std::result::Result<String, Problem> {
        let options = &self.inner.options;
        let sent = match destination {
            Destination::Ticket { tracker, url, token, kind } => {
                return ticket::Desk { tracker: *tracker, url, token, kind }.send(message).await;
            }
            Destination::Webhook { url, secret } => webhook::send(url, secret, message, key, &options.public_url).await,
            Destination::Slack { url } => chat::slack(url, message).await,
            Destination::Teams { url } => chat::teams(url, message).await,
            Destination::PagerDuty { routing_key, url } => pagerduty::send(url, routing_key, message).await,
            Destination::Ntfy { url, token } => ntfy::send(url, token, message).await,
            Destination::Siem { url, format, token } => {
                siem::Collector { url, format: *format, token }.send(&siem::events_of(message)).await
            }
            Destination::Email { address } => match &options.smtp {
                Some(smtp) => email::send(smtp, &options.authorities, address, message, key).await,
                None => {
                    Err(Problem::lasting("no mail server is configured: set notify.smtp_host and notify.smtp_from"))
                }
            },
        };
        sent.map(|()| String::new())
    }

    async fn destination_of(&self, message: &Outgoing) -> Option<Destination> {
        self.ledger_destination(&message.group_key, &message.destination).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_five_minutes_and_obey_who_asks_for_more() {
        assert_eq!(pause(1, None), SECOND);
        assert_eq!(pause(3, None), 4 * SECOND);
        assert_eq!(pause(20, None), PAUSE_MOST);
        assert_eq!(pause(1, Some(30 * SECOND)), 30 * SECOND);
        assert_eq!(pause(1, Some(900 * SECOND)), 900 * SECOND);
    }
}

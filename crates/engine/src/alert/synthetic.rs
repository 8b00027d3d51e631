//! An alert that concerns nobody goes the whole way again and again, and how long it takes is a signal: a sample
//! is written, a rule finds it, a group speaks, the outbox keeps the message, and the sender takes it from there.
//! Only the last step is left out: no destination hears of it (what those take is `plimsoll_delivery_p99_seconds`).
//!
//! It has a board of its own, so no list, incident or count of people knows it, and the outbox forgets it.

use std::sync::{LazyLock, Mutex, PoisonError};

use domain::Timestamp;
use domain::alert::condition::{Compare, Condition, Limit};
use domain::alert::config::{Alerting, Receiver, Route};
use domain::alert::destination::Destination;
use domain::alert::only_if::OnlyIf;
use domain::alert::{ALERTNAME, Alert, Labels, Source};
use domain::signal::Layer;
use domain::time::{MINUTE, SECOND};
use store::{Decided, Outgoing};

use super::board::{Board, Surroundings};
use super::self_watch::Lately;
use crate::collect::reading;
use crate::people::random_text;
use crate::{Engine, Result};

/// From one to the next.
const EVERY: i64 = 30 * SECOND;
/// What has not arrived by then counts as having taken this long.
const LOST: i64 = MINUTE;
const SAMPLE: &str = "plimsoll_synthetic_alert_sent";
const RECEIVER: &str = "synthetic";
/// No address that anybody could set: those begin with `http`.
const ADDRESS: &str = "plimsoll:synthetic";

#[derive(Default)]
pub(super) struct Synthetic(Mutex<Course>);

#[derive(Default)]
struct Course {
    /// When the next one sets out.
    next: Timestamp,
    on_its_way: Option<Journey>,
    took: Lately,
}

#[derive(Clone)]
struct Journey {
    began: Timestamp,
    /// The sample's value: seconds since 1970, more than any before.
    value: f64,
    /// The message is in the outbox, or on its way there.
    sent: bool,
}

impl Synthetic {
    fn with<T>(&self, change: impl FnOnce(&mut Course) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whatever set out is not waited for: another process may have led meanwhile.
    pub fn stays(&self) {
        self.with(|c| c.on_its_way = None);
    }

    /// Seconds that the last journey took, and the 99th percentile of the last ones.
    pub fn took(&self) -> Option<(f64, f64)> {
        self.with(|c| Some((c.took.last()?, c.took.percentile(0.99)?)))
    }
}

impl Course {
    /// The one on its way is over, after so long.
    fn over(&mut self, took: i64) {
        self.on_its_way = None;
        self.took.add(took as f64 / 1e6);
    }
}

fn nowhere() -> Destination {
    Destination::Webhook { url: ADDRESS.into(), secret: String::new() }
}

/// The key of [`nowhere`], asked for with each message that is sent.
static KEY: LazyLock<String> = LazyLock::new(|| nowhere().key());

/// Whether a message of the outbox is one of these.
pub(crate) fn is_synthetic(message: &Outgoing) -> bool {
    message.destination == *KEY
}

impl Engine {
    /// The next step of the journey, where one is due.
    pub(super) async fn synthetic_turn(&self) -> Result<()> {
        let now = self.now();
        let synthetic = &self.inner.alerts.synthetic;
        let journey = synthetic.with(|c| c.on_its_way.clone());
        match journey {
            Some(journey) if now.0 - journey.began.0 >= LOST => {
                self.store.commit(&[Decided::Forgotten { destination: KEY.clone() }]).await?;
                synthetic.with(|c| c.over(LOST));
            }
            Some(journey) if journey.sent => {}
            Some(journey) => {
                if let Some(message) = self.synthetic_message(&journey, now).await? {
                    // Before it is sent, or the sender may have it before anybody waits for it.
                    synthetic.with(|c| c.on_its_way = Some(Journey { sent: true, ..journey }));
                    self.store.commit(&[Decided::Message(message)]).await?;
                    self.inner.alerts.send.notify_one();
                }
            }
            None if synthetic.with(|c| c.next) <= now => {
                let value = now.0 as f64 / 1e6;
                let parts = [("part", "alerting")];
                let sample = reading(SAMPLE, &parts, "s", Layer::Infrastructure, None, now, value);
                self.store.append_samples(&[sample]).await?;
                synthetic.with(|c| {
                    c.next = now.plus(EVERY);
                    c.on_its_way = Some(Journey { began: now, value, sent: false });
                });
            }
            None => {}
        }
        Ok(())
    }

    /// What the rule finds, as a group of it says it; `None` where it does not find it yet.
    async fn synthetic_message(&self, journey: &Journey, now: Timestamp) -> Result<Option<Outgoing>> {
        // Half a second before its own value, and so after that of any other.
        let limit = Limit::Fixed { value: journey.value - 0.5 };
        let condition = Condition::Signal { query: SAMPLE.into(), compare: Compare::Above, limit };
        let found = self.observe(&condition, OnlyIf::default(), now).await?;
        let Some(found) = found.into_iter().find(|f| f.holds) else {
            return Ok(None);
        };
        let mut board = Board { loaded: true, ..Board::default() };
        board.set_alerting(alerting());
        let name = [(ALERTNAME.to_string(), "Synthetic".to_string())];
        let labels: Labels = found.labels.into_iter().chain(name).collect();
        let alert = Alert { value: found.value, ..Alert::new(labels, Source::Rule { id: 0 }, now) };
        board.put(alert);
        let id = || random_text(24);
        let around = Surroundings { now, url: "", acknowledge: &|_| String::new(), id: &id };
        Ok(board.turn(&around).into_iter().find_map(|decided| match decided {
            Decided::Message(message) => Some(message),
            _ => None,
        }))
    }

    /// The sender has it.
    pub(crate) async fn synthetic_arrived(&self) -> Result<()> {
        self.store.commit(&[Decided::Forgotten { destination: KEY.clone() }]).await?;
        let now = self.now();
        self.inner.alerts.synthetic.with(|c| {
            if let Some(journey) = c.on_its_way.clone().filter(|j| j.sent) {
                c.over(now.0 - journey.began.0);
            }
        });
        Ok(())
    }
}

/// One route without a pause, to one receiver.
fn alerting() -> Alerting {
    let receiver = Receiver {
        name: RECEIVER.into(),
        destinations: vec![nowhere()],
        send_resolved: false,
        policy: String::new(),
        per_minute: 60,
    };
    let route = Route { receiver: RECEIVER.into(), group_wait: Some(0), ..Route::default() };
    Alerting { route, receivers: vec![receiver], ..Alerting::default() }
}

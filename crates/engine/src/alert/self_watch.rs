//! Plimsoll watches its own alerting, as signals like any other: default rules alert on them, and people see
//! whether a message that did not come was not due or was lost.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use domain::signal::Layer;
use domain::time::SECOND;
use statistics::quantile::{quantile_sorted, sorted_finite};

use crate::collect::reading;
use crate::{Engine, Result};

/// How often its signals are written.
pub(super) const EVERY: i64 = 15 * SECOND;
/// What was measured since the last writing, and the last messages.
#[derive(Default)]
pub(super) struct Watch(Mutex<Measured>);

#[derive(Default)]
struct Measured {
    slowest_turn: f64,
    deliveries: Lately,
}

/// The last so many measurements, in seconds.
#[derive(Default)]
pub(super) struct Lately(VecDeque<f64>);

impl Lately {
    /// Measurements behind a percentile.
    const MOST: usize = 1000;

    pub fn add(&mut self, seconds: f64) {
        if self.0.len() >= Lately::MOST {
            self.0.pop_front();
        }
        self.0.push_back(seconds);
    }

    pub fn last(&self) -> Option<f64> {
        self.0.back().copied()
    }

    /// `None` of nothing.
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let sorted = sorted_finite(&self.0.iter().copied().collect::<Vec<_>>());
        (!sorted.is_empty()).then(|| quantile_sorted(&sorted, share))
    }
}

impl Watch {
    pub fn turn(&self, took: Duration) {
        let mut measured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        measured.slowest_turn = measured.slowest_turn.max(took.as_secs_f64());
    }

    /// A message arrived so many seconds after it was decided.
    pub fn delivered(&self, seconds: f64) {
        let mut measured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        measured.deliveries.add(seconds);
    }

    /// The slowest turn since the last time, and the 99th percentile of the last deliveries.
    fn take(&self) -> (f64, Option<f64>) {
        let mut measured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slowest = std::mem::take(&mut measured.slowest_turn);
        (slowest, measured.deliveries.percentile(0.99))
    }
}

impl Engine {
    /// Writes the signals of the alerting itself.
    pub(super) async fn watch_self(&self, at: Timestamp) -> Result<()> {
        let (turn, p99) = self.inner.alerts.watch.take();
        let failing = self.failing_destinations().await?;
        let waiting = self.inner.alerts.board.lock().await.waiting.len();
        let own = |name: &str, unit: &str, value: f64| {
            reading(name, &[("part", "alerting")], unit, Layer::Infrastructure, Some(false), at, value)
        };
        let mut readings = vec![
            own("plimsoll_alert_turn_seconds", "s", turn),
            own("plimsoll_destinations_failing", "", failing as f64),
            own("plimsoll_messages_waiting", "", waiting as f64),
            own("plimsoll_write_queue", "", self.store.queued() as f64),
        ];
        // Nothing was sent yet: no percentile, rather than zero.
        if let Some(p99) = p99 {
            readings.push(own("plimsoll_delivery_p99_seconds", "s", p99));
        }
        if let Some((last, p99)) = self.inner.alerts.synthetic.took() {
            readings.push(own("plimsoll_synthetic_alert_seconds", "s", last));
            readings.push(own("plimsoll_synthetic_alert_p99_seconds", "s", p99));
        }
        self.store.append_samples(&readings).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_turn_is_told_once_and_no_delivery_is_no_percentile() {
        let watch = Watch::default();
        watch.turn(Duration::from_millis(20));
        watch.turn(Duration::from_millis(5));
        assert_eq!(watch.take(), (0.02, None));
        watch.delivered(0.5);
        assert_eq!(watch.take(), (0.0, Some(0.5)));
    }
}

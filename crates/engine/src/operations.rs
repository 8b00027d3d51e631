//! The operator's page, read in one go. What is dear to read is kept for a moment: many people keep this
//! page open, and all of them ask for the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::event::EventKind;
use domain::health::SystemHealth;
use domain::signal::{Sample, SeriesData};
use domain::telemetry::Topology;
use domain::time::{DAY, HOUR, MINUTE, SECOND};
use domain::traffic::Traffic;
use domain::view::{DiskFills, LiveHost, ModelCard, ModelSegments, OperationsView};
use domain::{Action, Actor, Object, TimeRange, Timestamp};
use moka::future::Cache;
use statistics::series::theil_sen;
use store::Aggregate;

use crate::alert::happenings::of_environment;
use crate::health::STALE;
use crate::traffic::with_signals;
use crate::views::{BUCKETS, held};
use crate::{Engine, EngineError, Result};

/// Answers that are kept at once, and for how long at most.
const KEPT: u64 = 32;
const KEPT_FOR: Duration = Duration::from_secs(30);
/// An answer is kept for this share of its range: what came since would move its lines by less than a point.
const STILL: i64 = 2000;
const STILL_LEAST: i64 = SECOND;
const STILL_MOST: i64 = 10 * SECOND;
/// The answer after this one is read ahead where somebody asks in so late a part of a step, and a step lasts at least
/// so long: whoever comes first in a step would wait for all of it, and pages that are read again come often.
const AHEAD_FROM: f64 = 0.6;
const AHEAD_LEAST: i64 = 5 * SECOND;
/// Points that a disk's slope is taken from, and the least that say anything.
const DISK_POINTS: usize = 96;
const DISK_POINTS_LEAST: usize = 12;
/// A shorter past says nothing of the days to come: what starts up fills a disk for minutes.
const DISK_PAST_LEAST: i64 = HOUR;

/// What was measured over a range.
#[derive(Clone)]
pub(crate) struct Measured {
    range: TimeRange,
    systems: Vec<SystemHealth>,
    cards: Vec<ModelCard>,
    host: Vec<SeriesData>,
    live: LiveHost,
    probes: Vec<SeriesData>,
    traffic: Traffic,
    map: Topology,
    segments: Vec<ModelSegments>,
    decisions: u64,
}

/// By environment and range.
pub(crate) type Kept = Cache<(String, TimeRange), Arc<Measured>>;

pub(crate) fn kept() -> Kept {
    Cache::builder().max_capacity(KEPT).time_to_live(KEPT_FOR).build()
}

/// The range that stands for this one as long as a page would look the same. Its end never lies before what
/// was asked for.
fn still(range: TimeRange) -> TimeRange {
    if range == TimeRange::ALL {
        return range;
    }
    let step = step_of(range);
    let up = |at: i64| at.div_euclid(step).saturating_add(1).saturating_mul(step);
    let to = Timestamp(up(range.to.0));
    TimeRange { from: Timestamp(range.from.0.saturating_add(to.0.saturating_sub(range.to.0))), to }
}

fn step_of(range: TimeRange) -> i64 {
    (range.micros() / STILL).clamp(STILL_LEAST, STILL_MOST)
}

/// What will stand for a range that moves with the time, when it is worth reading ahead.
fn next_still(range: TimeRange, now: Timestamp) -> Option<TimeRange> {
    if range.to.0.abs_diff(now.0) > SECOND as u64 {
        return None;
    }
    let step = step_of(range);
    let gone = range.to.0.rem_euclid(step) as f64 / step as f64;
    (step >= AHEAD_LEAST && gone >= AHEAD_FROM).then(|| {
        let on = |at: Timestamp| at.plus(step);
        still(TimeRange { from: on(range.from), to: on(range.to) })
    })
}

impl Engine {
    /// The operator's page.
    pub async fn operations(&self, actor: &Actor, environment: &str, range: TimeRange) -> Result<OperationsView> {
        self.may(actor, Action::View, &Object::Installation)?;
        if let Some(next) = next_still(range, self.now()) {
            self.read_ahead(actor, environment, next);
        }
        let range = still(range);
        let key = (environment.to_string(), range);
        let measured = self.inner.operations.try_get_with(key, self.measured(actor, environment, range)).await;
        let measured = measured.map_err(|error: Arc<EngineError>| {
            // Whoever waited along gets the words; whoever asked first, the error itself.
            Arc::try_unwrap(error).unwrap_or_else(|shared| EngineError::Unanswerable(shared.to_string()))
        })?;
        let Measured { range, systems, cards, host, live, probes, traffic, map, segments, decisions } =
            Measured::clone(&measured);
        Ok(OperationsView {
            now: self.now(),
            range,
            systems,
            cards,
            host,
            live,
            probes,
            incident: self.banner(environment).await?,
            traffic,
            map,
            timeline: self.timeline(environment, range).await?,
            flags: self.flags(range, &of_environment(environment)).await?,
            events: self.newest_events(environment).await?,
            segments,
            decisions,
        })
    }

    fn read_ahead(&self, actor: &Actor, environment: &str, range: TimeRange) {
        let key = (environment.to_string(), range);
        if self.inner.operations.contains_key(&key) {
            return;
        }
        let (engine, actor) = (self.clone(), actor.clone());
        tokio::spawn(async move {
            let environment = key.0.clone();
            // Whoever then asks in earnest reads what failed here once more, and is told.
            let _ = engine.inner.operations.try_get_with(key, engine.measured(&actor, &environment, range)).await;
        });
    }

    async fn measured(&self, actor: &Actor, environment: &str, range: TimeRange) -> Result<Arc<Measured>> {
        let now = self.now();
        let found = self.systems(actor, environment).await?;
        let mut host = Vec::new();
        for prefix in
            ["system.cpu.utilization", "system.memory.", "system.network.", "system.disk.", "process.", "gpu."]
        {
            host.extend(self.store.read_signals(prefix, range, BUCKETS).await?);
        }
        let latest = self.store.latest_samples("", now.plus(-5 * MINUTE)).await?;
        let (map, mut traffic) = self.map_and_traffic(actor, environment, range).await?;
        with_signals(&mut traffic, &latest);
        let mut cores: BTreeMap<String, u32> = BTreeMap::new();
        for (series, _) in latest.iter().filter(|(s, _)| s.name == "system.cpu.core.utilization") {
            *cores.entry(series.labels.get("host").cloned().unwrap_or_default()).or_default() += 1;
        }
        let fresh = || latest.iter().filter(|(_, sample)| sample.at >= now.plus(-STALE));
        let live = LiveHost {
            latest: fresh().filter(|(s, _)| !s.name.starts_with("system.cpu.core")).cloned().collect(),
            filesystems: fresh().filter(|(s, _)| s.name == "system.filesystem.utilization").cloned().collect(),
            gpu: self.gpu_state().words(),
            cores: cores.into_iter().collect(),
            fills: self.next_full("", now).await?,
        };
        let mut segments = Vec::new();
        let mut decisions = 0;
        for card in &found.cards {
            let newest = self.store.newest_reports(card.id, environment, 1).await?;
            if let Some(report) =
                newest.into_iter().next_back().filter(|r| card.task.is_classification() && !r.segment_values.is_empty())
            {
                segments.push(ModelSegments {
                    model: card.name.clone(),
                    values: report.segment_values,
                    weakest: report.segments,
                });
            }
            decisions += self.predictions_of(card.id, environment, last_hour(range, now)).await?;
        }
        Ok(Arc::new(Measured {
            range: held(range, &host),
            systems: found.systems,
            cards: found.cards,
            host,
            live,
            probes: self.store.read_signals("probe.", range, 60).await?,
            traffic,
            map,
            segments,
            decisions,
        }))
    }

    /// The disk of a host, or of any where `host` is empty, that is full first, if its share in use goes on rising as it surely did over the last day.
    pub(crate) async fn next_full(&self, host: &str, now: Timestamp) -> Result<Option<DiskFills>> {
        let day = TimeRange { from: now.plus(-DAY), to: now };
        let disks = self.store.read_signals("system.filesystem.utilization", day, DISK_POINTS).await?;
        let fills = disks.into_iter().filter_map(|disk| {
            let within = until_full(&disk.points)?;
            let label = |name: &str| disk.series.labels.get(name).cloned().unwrap_or_default();
            Some(DiskFills { host: label("host"), mount: label("mount"), within })
        });
        Ok(fills.filter(|f| host.is_empty() || f.host == host).min_by_key(|f| f.within))
    }

    async fn predictions_of(&self, model: i64, environment: &str, range: TimeRange) -> Result<u64> {
        let Some(stream) = self.store.existing_stream(model, EventKind::Prediction, environment).await? else {
            return Ok(0);
        };
        let question = Aggregate { range, predicates: Vec::new(), group_by: Vec::new(), column: None };
        Ok(self.store.aggregate(&stream, &question).await?.first().map_or(0, |group| group.rows))
    }
}

/// The last hour of a range, as far as it is over.
fn last_hour(range: TimeRange, now: Timestamp) -> TimeRange {
    let to = range.to.min(now);
    TimeRange { from: to.plus(-HOUR).max(range.from), to }
}

/// Microseconds until a share in use reaches 1 by its slope; `None` where it does not surely rise, or not
/// within a hundred days.
fn until_full(points: &[Sample]) -> Option<i64> {
    let (first, last) = (points.first()?, points.last()?);
    let values: Vec<f64> = points.iter().map(|p| p.value).collect();
    if values.len() < DISK_POINTS_LEAST || last.at.0 - first.at.0 < DISK_PAST_LEAST {
        return None;
    }
    let slope = theil_sen(&values, 0.05).filter(|s| s.low > 0.0)?;
    let step = (last.at.0 - first.at.0) as f64 / (values.len() - 1) as f64;
    let within = (1.0 - last.value).max(0.0) / slope.slope * step;
    (within < (100 * DAY) as f64).then_some(within as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_fills_says_when_and_one_that_does_not_says_nothing() {
        let rising = |by: f64| -> Vec<Sample> {
            (0..48).map(|i| Sample { at: Timestamp(i * HOUR), value: 0.5 + by * i as f64 }).collect()
        };
        // 0.547 now, 0.001 an hour.
        let within = until_full(&rising(0.001)).expect("it fills");
        assert!((within - 453 * HOUR).abs() < 2 * HOUR, "{}", within / HOUR);
        assert_eq!(until_full(&rising(0.0)), None);
        assert_eq!(until_full(&rising(0.001)[..5]), None);
        let minutes: Vec<Sample> =
            (0..48).map(|i| Sample { at: Timestamp(i * MINUTE / 2), value: 0.5 + 1e-4 * i as f64 }).collect();
        assert_eq!(until_full(&minutes), None, "less than an hour says nothing of days");
    }

    #[test]
    fn a_range_stands_still_for_a_while_and_never_ends_before_what_was_asked_for() {
        let range = |now: i64, span: i64| TimeRange { from: Timestamp(now - span), to: Timestamp(now + 1) };
        let now = 1_790_000_000 * SECOND + 200_000;
        assert_eq!(still(range(now, HOUR)), still(range(now + 500_000, HOUR)));
        assert_ne!(still(range(now, HOUR)), still(range(now + 3 * SECOND, HOUR)));
        for span in [HOUR, DAY, 365 * DAY] {
            let (asked, kept) = (range(now, span), still(range(now, span)));
            assert!(kept.to >= asked.to && kept.to.0 - asked.to.0 <= STILL_MOST);
            assert_eq!(kept.micros(), asked.micros());
        }
        assert_eq!(still(TimeRange::ALL), TimeRange::ALL);
    }

    #[test]
    fn late_in_a_step_the_next_one_is_read_ahead() {
        let begun = Timestamp(1_790_000_000 * SECOND);
        let day = |to: Timestamp| TimeRange { from: to.plus(-DAY), to };
        let late = begun.plus(8 * SECOND);
        let next = next_still(day(late), late).expect("late in its step");
        assert_eq!(next, still(day(begun.plus(12 * SECOND))), "what the next step asks for");
        assert_ne!(next, still(day(late)));
        assert_eq!(next_still(day(begun.plus(2 * SECOND)), begun.plus(2 * SECOND)), None, "early in its step");
        assert_eq!(next_still(day(late), late.plus(HOUR)), None, "a range that is over does not move");
        assert_eq!(next_still(TimeRange { from: late.plus(-HOUR), to: late }, late), None, "its steps are short");
        assert_eq!(next_still(TimeRange::ALL, late), None);
    }
}

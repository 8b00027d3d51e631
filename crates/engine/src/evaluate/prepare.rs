//! What windows are held against, made ready and kept in memory: the baseline sorted and binned, what is
//! usual of each figure, and what is learnt from the rows.
//!
//! All of it can be made again from the store, so it is a cache and nothing more. The slow learning runs
//! one model at a time, in the background; when it is done the windows that lack it are judged again.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use domain::baseline::{Baseline, BaselineSource};
use domain::event::EventKind;
use domain::model::Model;
use domain::verdict::{Usual, WindowReport};
use domain::view::Training;
use domain::{TimeRange, Timestamp};
use evaluation::monitors::{History, histories};
use evaluation::quality::{headline, usual};
use evaluation::reference::Reference;
use evaluation::segments::merit;
use evaluation::trained::{LEARNT_FROM, Trained};
use store::{Columns, Frame, Read, Stream};

use super::{BASELINE, rows_of};
use crate::{Engine, Result};

/// Values of a baseline that are compared with, eight bytes each: a million rows of twenty columns. Of one that
/// holds more every so many-th row is read.
const BASELINE_VALUES: usize = 20_000_000;
const BASELINE_ROWS: usize = 1_000_000;
/// So many rows are read of however wide a baseline.
const BASELINE_ROWS_LEAST: usize = 10_000;
/// Baselines kept ready.
const KEPT: usize = 64;
/// With a tenth more labels than it was made with, and so many, a baseline is made ready again.
const LABELS_MORE: u64 = 50;
/// Values of all baselines kept ready, but for the one in use.
const VALUES_KEPT: usize = 20_000_000;

/// A baseline made ready.
#[derive(Clone)]
pub(super) struct Prepared {
    pub reference: Arc<Reference>,
    pub trained: Arc<Trained>,
    /// Rows whose truth was known when it was made.
    labelled: u64,
}

impl Prepared {
    fn values(&self) -> usize {
        self.reference.rows as usize * self.reference.columns.len()
    }
}

/// Rows of a baseline that are learnt from, to be read when it is their turn: a frame of each model that waits
/// would hold more memory than all else.
struct Lesson {
    stream: Stream,
    ranges: Vec<TimeRange>,
    /// One row in so many.
    every: usize,
    /// How many that makes, nearly.
    rows: u64,
}

/// What is usual of a baseline's windows.
#[derive(Default)]
pub(crate) struct Ground {
    pub usual: Option<Usual>,
    pub histories: HashMap<String, History>,
    /// Rows of its middle window.
    pub usual_rows: f64,
    /// Its rows whose truth is known by now.
    pub labelled: u64,
}

impl Ground {
    /// `reports` count as the baseline's own, whoever's they are.
    pub fn of(model: &Model, mut reports: Vec<WindowReport>) -> Ground {
        reports.iter_mut().for_each(|r| r.reference = true);
        let mut rows: Vec<u64> = reports.iter().map(|r| r.rows).collect();
        rows.sort_unstable();
        Ground {
            usual: usual(&reports, headline(model.task)),
            histories: histories(&reports),
            usual_rows: rows.get(rows.len() / 2).copied().unwrap_or_default() as f64,
            labelled: reports.iter().filter_map(|r| Some(r.quality.as_ref()?.labelled)).sum(),
        }
    }
}

/// Changes with the reports that something was made from.
type Stamp = (i64, i64);

/// Prepared baselines, each with when it was last asked for.
#[derive(Default)]
struct Ready {
    by_key: HashMap<String, (u64, Prepared)>,
    asked: u64,
}

/// Prepared baselines by what they were made from, and how the learning goes.
#[derive(Default)]
pub struct References {
    prepared: Mutex<Ready>,
    /// What was learnt in the background: small beside the rows, and dear, so it outlives them.
    learnt: Mutex<HashMap<String, Arc<Trained>>>,
    training: Mutex<HashMap<i64, Training>>,
    /// By model, with the stamp of the reports that it was made from.
    grounds: Mutex<HashMap<i64, (Stamp, Arc<Ground>)>>,
    /// Keys whose slow part is being learnt or waits for its turn.
    waiting: Mutex<HashSet<String>>,
}

impl References {
    fn get(&self, key: &str) -> Option<Prepared> {
        let mut ready = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        ready.asked += 1;
        let now = ready.asked;
        let (asked, own) = ready.by_key.get_mut(key)?;
        *asked = now;
        Some(own.clone())
    }

    /// Keeps one, and lets go of those asked for longest ago while there are too many.
    fn put(&self, key: String, own: Prepared) {
        let mut ready = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        ready.asked += 1;
        let now = ready.asked;
        ready.by_key.insert(key, (now, own));
        while ready.by_key.len() > 1 {
            let values: usize = ready.by_key.values().map(|(_, p)| p.values()).sum();
            if ready.by_key.len() <= KEPT && values <= VALUES_KEPT {
                break;
            }
            let oldest = ready.by_key.iter().min_by_key(|(_, (asked, _))| *asked).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                ready.by_key.remove(&oldest);
            }
        }
    }

    fn learnt(&self, key: &str) -> Option<Arc<Trained>> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep_learnt(&self, model_id: i64, key: &str, trained: Arc<Trained>) {
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        // One a model: what was learnt from another baseline is learnt again when that one is used.
        let prefix = format!("{model_id}/");
        learnt.retain(|known, _| !known.starts_with(&prefix));
        learnt.insert(key.to_string(), trained);
    }

    fn ground(&self, model_id: i64, stamp: Stamp) -> Option<Arc<Ground>> {
        let grounds = self.grounds.lock().unwrap_or_else(PoisonError::into_inner);
        grounds.get(&model_id).filter(|(known, _)| *known == stamp).map(|(_, ground)| ground.clone())
    }

    fn keep_ground(&self, model_id: i64, stamp: Stamp, ground: Arc<Ground>) {
        self.grounds.lock().unwrap_or_else(PoisonError::into_inner).insert(model_id, (stamp, ground));
    }

    /// How the learning of a model goes; `None` where nothing was learnt since the start.
    pub(crate) fn training(&self, model_id: i64) -> Option<Training> {
        self.training.lock().unwrap_or_else(PoisonError::into_inner).get(&model_id).cloned()
    }

    fn say(&self, model_id: i64, training: Training) {
        self.training.lock().unwrap_or_else(PoisonError::into_inner).insert(model_id, training);
    }

    /// Forgets what was learnt of a model, so that it is learnt again.
    pub(crate) fn forget(&self, model_id: i64) {
        let prefix = format!("{model_id}/");
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).by_key.retain(|key, _| !key.starts_with(&prefix));
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner).retain(|key, _| !key.starts_with(&prefix));
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).retain(|key| !key.starts_with(&prefix));
    }
}

impl Engine {
    /// The stream and the ranges whose rows a window of `environment` that begins at `at` is held against.
    async fn baseline_rows(
        &self,
        model: &Model,
        baseline: &Baseline,
        environment: &str,
        at: Timestamp,
    ) -> Result<(Stream, Vec<TimeRange>)> {
        let (kind, of) = match &baseline.source {
            BaselineSource::Upload => (EventKind::Baseline, baseline.name.as_str()),
            BaselineSource::Range { environment, .. } => (EventKind::Prediction, environment.as_str()),
            BaselineSource::Rolling { .. } | BaselineSource::Seasonal { .. } => (EventKind::Prediction, environment),
        };
        Ok((self.store.stream(model.id, kind, of).await?, baseline.source.ranges(at)))
    }

    /// The baseline ready for a window of `environment` that begins at `at`. What was learnt when much
    /// fewer than `labelled` of its rows had a known truth is learnt again.
    pub(super) async fn prepared(
        &self,
        model: &Model,
        baseline: &Baseline,
        environment: &str,
        at: Timestamp,
        labelled: u64,
    ) -> Result<Prepared> {
        let (stream, ranges) = self.baseline_rows(model, baseline, environment, at).await?;
        // Of a baseline that moves, rows that come late are few; of one that does not, they may be all.
        let whole = self.store.stream_summary(&stream).await?.rows;
        let rows = if baseline.source.moves() { 0 } else { whole };
        let of = if baseline.source.moves() { environment } else { "" };
        let key = format!("{}/{}/{of}/{rows}/{:?}/{:?}", model.id, baseline.id, ranges, model.schema);
        let fresh = |p: &Prepared| labelled <= p.labelled + p.labelled / 10 + LABELS_MORE;
        if let Some(ready) = self.inner.references.get(&key).filter(fresh) {
            return Ok(ready);
        }
        let most = BASELINE_VALUES / model.schema.fields.len().max(1);
        let most = most.clamp(BASELINE_ROWS_LEAST, BASELINE_ROWS);
        let mut there = whole as usize;
        // One that moves is made ready again and again: its rows are counted only where there may be too many.
        if !baseline.source.moves() || there > most {
            there = 0;
            for range in &ranges {
                there += self.rows_within(&stream, *range).await?;
            }
        }
        let every = there.div_ceil(most);
        let frame = self.rows_in_ranges(&stream, &ranges, every).await?;
        let importance: HashMap<String, f64> = model
            .schema
            .fields
            .iter()
            .filter(|f| f.importance > 0.0)
            .filter_map(|f| Some((f.role.column()?, f.importance)))
            .collect();
        let positive = model.schema.positive_class.as_deref();
        let ready = store::in_background(|| {
            let rows = rows_of(&frame);
            let reference = Reference::of(&frame.columns, frame.rows(), &importance);
            let reference = match merit(&rows, model.task, positive) {
                Some(score) => reference.with_merit(&frame.columns, &score),
                None => reference,
            };
            let labelled = frame.labels.as_ref().map_or(0, |l| l.len() - l.missing()) as u64;
            // Learnt with fewer labels than there are now, it is learnt again.
            let known = self.inner.references.learnt(&format!("{key}/{labelled}"));
            let trained = known.unwrap_or_else(|| Arc::new(Trained::quickly(&rows, model.task, positive)));
            Prepared { reference: Arc::new(reference), trained, labelled }
        });
        self.inner.references.put(key.clone(), ready.clone());
        if !baseline.source.moves() && !ready.trained.complete {
            let every = there.div_ceil(LEARNT_FROM).max(1);
            let lesson = Lesson { stream, ranges, every, rows: (there / every) as u64 };
            self.learn(model, key, lesson, ready.clone());
        }
        Ok(ready)
    }

    async fn rows_within(&self, stream: &Stream, range: TimeRange) -> Result<usize> {
        let read = Read::of(range, Columns::None).gently();
        let mut rows = 0;
        let count = |frame: Frame| frame.rows();
        self.store
            .scan(stream, &read, count, |part| {
                rows += part;
                ControlFlow::Continue(())
            })
            .await?;
        Ok(rows)
    }

    /// One row in so many of some ranges, with their labels.
    async fn rows_in_ranges(&self, stream: &Stream, ranges: &[TimeRange], every: usize) -> Result<Frame> {
        let mut frame = Frame::default();
        for range in ranges {
            let read = Read::of(*range, Columns::All).with_labels().gently().thinned(every);
            frame.append(self.store.read_events(stream, &read).await?);
        }
        Ok(frame)
    }

    /// Learns the slow part in the background, one model at a time.
    fn learn(&self, model: &Model, key: String, lesson: Lesson, ready: Prepared) {
        if !self.inner.references.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone()) {
            return;
        }
        let (engine, model) = (self.clone(), model.clone());
        let begun = self.now();
        engine.inner.references.say(model.id, Training { share: 0.0, begun, done: None, rows: lesson.rows });
        tokio::spawn(async move {
            let _turn = engine.inner.learning.acquire().await;
            let frame = match engine.rows_in_ranges(&lesson.stream, &lesson.ranges, lesson.every).await {
                Ok(frame) => frame,
                Err(error) => {
                    tracing::error!(%error, model = model.name, "the rows to learn from could not be read");
                    engine.inner.references.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
                    return;
                }
            };
            let work = {
                let (engine, model, frame) = (engine.clone(), model.clone(), frame);
                move || {
                    let say = |share: f64| {
                        let state = Training { share, begun, done: None, rows: frame.rows() as u64 };
                        engine.inner.references.say(model.id, state);
                    };
                    let positive = model.schema.positive_class.as_deref();
                    let trained = (*ready.trained).clone().thoroughly(&rows_of(&frame), model.task, positive, &say);
                    (Prepared { trained: Arc::new(trained), ..ready }, frame.rows() as u64)
                }
            };
            match tokio::task::spawn_blocking(work).await {
                Ok((learnt, rows)) => {
                    let of = format!("{key}/{}", learnt.labelled);
                    engine.inner.references.keep_learnt(model.id, &of, learnt.trained.clone());
                    engine.inner.references.put(key.clone(), learnt);
                    let done = Some(engine.now());
                    engine.inner.references.say(model.id, Training { share: 1.0, begun, done, rows });
                    if let Err(error) = engine.judge_again(&model).await {
                        tracing::error!(%error, model = model.name, "what was learnt was not told to the evaluator");
                    }
                }
                Err(error) => tracing::error!(%error, model = model.name, "learning from the baseline failed"),
            }
            engine.inner.references.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        });
    }

    /// Marks the windows that lack what has now been learnt.
    async fn judge_again(&self, model: &Model) -> Result<()> {
        let lacks = |r: WindowReport| {
            let learnt = r.multivariate.autoencoder.is_some() || r.multivariate.components.is_none();
            let estimated = r.estimated.is_some() || r.rows < 30;
            (!learnt || !estimated).then_some(r.range)
        };
        let mut lacking: Option<TimeRange> = None;
        for environment in self.store.environments().await? {
            let (before, most) = (Timestamp::MAX, super::RELEARNT);
            let found = self.store.of_reports_before(model.id, &environment, before, most, lacks).await?;
            let of_both = |a: TimeRange, b: TimeRange| TimeRange { from: a.from.min(b.from), to: a.to.max(b.to) };
            lacking = lacking.into_iter().chain(found.into_iter().flatten()).reduce(of_both);
        }
        // The baseline's own windows tell what is usual of what was learnt.
        if self.store.newest_reports(model.id, BASELINE, 1).await?.iter().any(|r| r.multivariate.autoencoder.is_none())
        {
            lacking = Some(TimeRange::ALL);
        }
        if let Some(range) = lacking {
            self.store.mark_dirty(model.id, "*", range, "learnt from the baseline").await?;
        }
        Ok(())
    }

    /// What is usual for a window of `environment` that begins at `at`.
    pub(crate) async fn evaluation_ground(
        &self,
        model: &Model,
        baseline: Option<&Baseline>,
        environment: &str,
        at: Timestamp,
    ) -> Result<Arc<Ground>> {
        if let Some(baseline) = baseline.filter(|b| b.source.moves()) {
            let mut reports = Vec::new();
            for range in baseline.source.ranges(at) {
                reports.extend(self.store.reports(model.id, environment, range).await?);
            }
            return Ok(Arc::new(Ground::of(model, reports)));
        }
        let stamp = self.store.reports_stamp(model.id, BASELINE).await?;
        if let Some(known) = self.inner.references.ground(model.id, stamp) {
            return Ok(known);
        }
        let reports = self.store.reports(model.id, BASELINE, TimeRange::ALL).await?;
        let ground = Arc::new(Ground::of(model, reports));
        self.inner.references.keep_ground(model.id, stamp, ground.clone());
        Ok(ground)
    }
}

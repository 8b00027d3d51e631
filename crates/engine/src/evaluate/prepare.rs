//! What windows are held against, made ready and kept in memory: the baseline sorted and binned, what is
//! usual of each figure, and what is learnt from the rows.
//!
//! All of it can be made again from the store, so it is a cache and nothing more. The slow learning runs
//! one model at a time, in the background; when it is done the windows that lack it are judged again.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use domain::baseline::{Baseline, BaselineSource, Lesson};
use domain::event::EventKind;
use domain::model::Model;
use domain::verdict::{Usual, WindowReport};
use domain::view::Training;
use domain::{TimeRange, Timestamp};
use evaluation::monitors::{History, histories};
use evaluation::quality::{headline, usual};
use evaluation::reference::Reference;
use evaluation::segments::merit;
use evaluation::trained::{LEARNT_FROM, Learnt, Trained};
use store::{BASELINE, Columns, Frame, Read, Stream};

use super::rows_of;
use crate::{Engine, EngineError, Result};

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

/// What is to be learnt when it is its turn. Its rows are read then: a frame of each model that waits would hold more
/// memory than all else.
struct ToLearn {
    /// Names the rows and what is made of them.
    key: String,
    /// The beginning of the keys of what this takes the place of.
    place: String,
    stream: Stream,
    lesson: Lesson,
    /// Whose windows it serves; `*` for those of all environments.
    environment: String,
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

/// Changes with the reports that something was made from: of each range, how many and of when.
type Stamp = Vec<(TimeRange, (i64, i64))>;

type Stamped = (Stamp, Arc<Ground>);

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
    learnt: Mutex<HashMap<String, Arc<Learnt>>>,
    training: Mutex<HashMap<i64, Training>>,
    /// By model and whose reports, with the stamp of those that it was made from.
    grounds: Mutex<HashMap<(i64, String), Stamped>>,
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

    fn learnt(&self, key: &str) -> Option<Arc<Learnt>> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep_learnt(&self, model_id: i64, to_learn: &ToLearn, own: Arc<Learnt>) {
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        // One a baseline and environment: what another baseline taught is learnt again when that one is used.
        let (of_model, place) = (format!("{model_id}/"), &to_learn.place);
        let of_baseline = place.split_inclusive('/').take(2).collect::<String>();
        learnt.retain(|k, _| !k.starts_with(&of_model) || (k.starts_with(&of_baseline) && !k.starts_with(place)));
        learnt.insert(to_learn.key.clone(), own);
    }

    fn ground(&self, model_id: i64, of: &str, stamp: &Stamp) -> Option<Arc<Ground>> {
        let grounds = self.grounds.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, ground) = grounds.get(&(model_id, of.to_string()))?;
        (known == stamp).then(|| ground.clone())
    }

    fn keep_ground(&self, model_id: i64, of: &str, stamp: Stamp, ground: Arc<Ground>) {
        let mut grounds = self.grounds.lock().unwrap_or_else(PoisonError::into_inner);
        grounds.insert((model_id, of.to_string()), (stamp, ground));
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
        let summary = self.store.stream_summary(&stream).await?;
        let whole = summary.rows;
        let rows = if baseline.source.moves() { 0 } else { whole };
        let of = if baseline.source.moves() { environment } else { "" };
        let place = format!("{}/{}/{of}/", model.id, baseline.id);
        let key = format!("{place}{rows}/{ranges:?}/{:?}", model.schema);
        let lesson = baseline.source.lesson(at);
        // Learnt with fewer labels than there are now, it is learnt again.
        let lesson_key = |labelled: u64| match baseline.source.moves() {
            true => format!("{place}{:?}/{:?}", lesson.learnt_from, model.schema),
            false => format!("{key}/{labelled}"),
        };
        let fresh = |p: &Prepared| {
            let learnt = p.trained.learnt.is_some() || self.inner.references.learnt(&lesson_key(p.labelled)).is_none();
            learnt && labelled <= p.labelled + p.labelled / 10 + LABELS_MORE
        };
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
            let trained = Trained::quickly(&rows, model.task, positive);
            let trained = match self.inner.references.learnt(&lesson_key(labelled)) {
                Some(learnt) => {
                    // Learnt from all hours, it is held against those of this one.
                    let seasonal = matches!(baseline.source, BaselineSource::Seasonal { .. });
                    trained.with(learnt, seasonal.then_some(&rows))
                }
                None => trained,
            };
            Prepared { reference: Arc::new(reference), trained: Arc::new(trained), labelled }
        });
        self.inner.references.put(key.clone(), ready.clone());
        // Of one that moves, what serves the newest windows: those before it keep what was said of them in their time.
        let newest = summary.last.is_none_or(|last| last < lesson.serves.to);
        if ready.trained.learnt.is_none() && newest {
            let environment = if baseline.source.moves() { environment } else { "*" }.to_string();
            let to_learn = ToLearn { key: lesson_key(ready.labelled), place, stream, lesson, environment };
            self.learn(model, to_learn);
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
    fn learn(&self, model: &Model, to_learn: ToLearn) {
        let key = to_learn.key.clone();
        if !self.inner.references.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone()) {
            return;
        }
        let (engine, model) = (self.clone(), model.clone());
        engine.inner.references.say(model.id, Training { share: 0.0, begun: self.now(), done: None, rows: 0 });
        tokio::spawn(async move {
            let _turn = engine.inner.learning.acquire().await;
            if let Err(error) = engine.learn_in_turn(&model, to_learn).await {
                tracing::error!(%error, model = model.name, "learning from the baseline failed");
            }
            engine.inner.references.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        });
    }

    async fn learn_in_turn(&self, model: &Model, to_learn: ToLearn) -> Result<()> {
        let range = to_learn.lesson.learnt_from;
        let there = self.rows_within(&to_learn.stream, range).await?;
        let frame = self.rows_in_ranges(&to_learn.stream, &[range], there.div_ceil(LEARNT_FROM).max(1)).await?;
        let (begun, rows) = (self.now(), frame.rows() as u64);
        let work = {
            let (engine, model) = (self.clone(), model.clone());
            move || {
                let say = |share: f64| {
                    engine.inner.references.say(model.id, Training { share, begun, done: None, rows });
                };
                let positive = model.schema.positive_class.as_deref();
                Learnt::of(&rows_of(&frame), model.task, positive, &say)
            }
        };
        let learnt = tokio::task::spawn_blocking(work).await;
        let learnt = learnt.map_err(|error| EngineError::Unanswerable(format!("it was given up: {error}")))?;
        self.inner.references.keep_learnt(model.id, &to_learn, Arc::new(learnt));
        self.inner.references.say(model.id, Training { share: 1.0, begun, done: Some(self.now()), rows });
        self.judge_again(model, &to_learn).await
    }

    /// Marks the windows that lack what has now been learnt.
    async fn judge_again(&self, model: &Model, learnt: &ToLearn) -> Result<()> {
        let serves = learnt.lesson.serves;
        let lacks = |r: WindowReport| {
            let learnt = r.multivariate.autoencoder.is_some() || r.multivariate.components.is_none();
            let estimated = r.estimated.is_some() || r.rows < 30;
            (!learnt || !estimated).then_some(r.range)
        };
        let mut lacking: Option<TimeRange> = None;
        for environment in self.store.environments().await? {
            if learnt.environment == "*" || learnt.environment == environment {
                let found =
                    self.store.of_newest_reports(model.id, &environment, serves, super::RELEARNT, lacks).await?;
                let of_both = |a: TimeRange, b: TimeRange| TimeRange { from: a.from.min(b.from), to: a.to.max(b.to) };
                lacking = lacking.into_iter().chain(found.into_iter().flatten()).reduce(of_both);
            }
        }
        // The baseline's own windows tell what is usual of what was learnt.
        if self.store.newest_reports(model.id, BASELINE, 1).await?.iter().any(|r| r.multivariate.autoencoder.is_none())
        {
            lacking = Some(TimeRange::ALL);
        }
        if let Some(range) = lacking {
            self.store.mark_dirty(model.id, &learnt.environment, range, "learnt from the baseline").await?;
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
        let (of, ranges) = match baseline.filter(|b| b.source.moves()) {
            Some(baseline) => (environment, baseline.source.ranges(at)),
            None => (BASELINE, vec![TimeRange::ALL]),
        };
        let mut stamp = Vec::with_capacity(ranges.len());
        for range in ranges {
            stamp.push((range, self.store.reports_stamp(model.id, of, range).await?));
        }
        if let Some(known) = self.inner.references.ground(model.id, of, &stamp) {
            return Ok(known);
        }
        let most = (super::baseline::BASELINE_WINDOWS / stamp.len().max(1)) as i64;
        let mut reports = Vec::new();
        for (range, (count, _)) in &stamp {
            reports.extend(self.store.some_reports(model.id, of, *range, *count, most).await?);
        }
        let ground = Arc::new(Ground::of(model, reports));
        self.inner.references.keep_ground(model.id, of, stamp, ground.clone());
        Ok(ground)
    }
}

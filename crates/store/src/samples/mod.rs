//! Samples of time series: a durable log of what came, a head in memory, compressed chunks.
//!
//! The head only mirrors rows of `sample_fresh`; it is rebuilt from them at start and follows what
//! other processes write, so losing it loses nothing.

mod chunks;
mod head;
mod registry;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use domain::signal::{Sample, Series, SeriesData, downsample};
use domain::{TimeRange, Timestamp};

use crate::codec;
use crate::database::params;
use crate::read::beside;
use crate::sql::{size_for, with_places};
use crate::{Result, Store};

pub use registry::{Registered, SeriesLimits};

use head::Head;
use registry::Registry;

/// Series whose chunks one statement reads.
const SERIES_AT_ONCE: usize = 64;

/// Samples in columns: which series, when, what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Points {
    pub series: Vec<i64>,
    /// Microseconds since 1970.
    pub at: Vec<i64>,
    pub values: Vec<f64>,
}

impl Points {
    pub fn push(&mut self, series: i64, at: i64, value: f64) {
        self.series.push(series);
        self.at.push(at);
        self.values.push(value);
    }

    pub fn len(&self) -> usize {
        self.series.len()
    }

    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    pub(crate) fn append(&mut self, other: Points) {
        if self.is_empty() {
            *self = other;
            return;
        }
        self.series.extend(other.series);
        self.at.extend(other.at);
        self.values.extend(other.values);
    }

    /// The first and last instant.
    pub(crate) fn span(&self) -> (Timestamp, Timestamp) {
        let first = self.at.iter().min().copied().unwrap_or_default();
        let last = self.at.iter().max().copied().unwrap_or_default();
        (Timestamp(first), Timestamp(last))
    }

    fn iter(&self) -> impl Iterator<Item = (i64, i64, f64)> + '_ {
        self.series.iter().zip(&self.at).zip(&self.values).map(|((s, t), v)| (*s, *t, *v))
    }
}

/// One series' samples in order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Run {
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<f64>,
}

impl Run {
    pub(crate) fn push(&mut self, time: i64, value: f64) {
        self.times.push(time);
        self.values.push(value);
    }

    fn extend(&mut self, times: Vec<i64>, values: Vec<f64>) {
        if self.times.is_empty() {
            (self.times, self.values) = (times, values);
        } else {
            self.times.extend(times);
            self.values.extend(values);
        }
    }

    /// In order of time, one sample an instant: of several the last that was added.
    pub(crate) fn settle(&mut self) {
        if self.times.windows(2).all(|w| w[0] < w[1]) {
            return;
        }
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        order.sort_by_key(|i| self.times[*i]);
        let mut settled = Run::default();
        for i in order {
            if settled.times.last() == Some(&self.times[i]) {
                settled.values.pop();
                settled.times.pop();
            }
            settled.push(self.times[i], self.values[i]);
        }
        *self = settled;
    }
}

#[derive(Default)]
pub(crate) struct Samples {
    head: RwLock<Head>,
    registry: RwLock<Registry>,
}

impl Samples {
    fn head(&self) -> RwLockReadGuard<'_, Head> {
        self.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn head_mut(&self) -> RwLockWriteGuard<'_, Head> {
        self.head.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn registry(&self) -> RwLockReadGuard<'_, Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn registry_mut(&self) -> RwLockWriteGuard<'_, Registry> {
        self.registry.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes committed points into the head. The writer brings them in the order of their numbers.
    pub(crate) fn keep(&self, points: Points, seq: i64) {
        self.head_mut().keep(points, seq);
    }
}

impl Store {
    pub(crate) async fn load_samples(&self) -> Result<()> {
        self.catch_up_series().await?;
        // Where each series stood: the newest sample may have become part of a chunk already.
        const ENDS: &str = "SELECT series_id, body FROM sample_chunk
             WHERE end_time >= (SELECT max(end_time) FROM sample_chunk) - 600000000";
        for row in self.database.fetch(ENDS, vec![]).await? {
            let (times, values) = codec::decode_samples(&row.blob(1)?)?;
            if let (Some(time), Some(value)) = (times.last(), values.last()) {
                self.samples.head_mut().note_latest(row.int(0)?, *time, *value);
            }
        }
        self.catch_up_samples().await
    }

    /// Reads what other processes wrote, and lets go of what they have turned into chunks.
    async fn catch_up_samples(&self) -> Result<()> {
        // The oldest there is, then what is newer than what is known: one question, as it is asked for each read.
        const NEWER: &str = "SELECT 0 AS part, (SELECT min(seq) FROM sample_fresh) AS number, NULL AS body
             UNION ALL SELECT 1, seq, body FROM sample_fresh WHERE seq > $1 ORDER BY part, number LIMIT 1001";
        let mut last = self.samples.head().last_seq();
        loop {
            let rows = self.database.fetch(NEWER, params![last]).await?;
            let Some((oldest, newer)) = rows.split_first() else {
                return Ok(());
            };
            for row in newer {
                let points = codec::decode_points(&row.blob(2)?)?;
                last = row.int(1)?;
                self.samples.head_mut().catch_up(points, last);
            }
            if newer.len() < 1000 {
                self.samples.head_mut().drop_before(oldest.opt_int(1)?.unwrap_or(last + 1));
                return Ok(());
            }
        }
    }

    /// Keeps samples durably. Values that are not finite are left out: absence is a gap.
    pub async fn append_samples(&self, samples: &[(Series, Sample)]) -> Result<()> {
        self.append_samples_of(samples, "", &SeriesLimits::NONE).await.map(|_| ())
    }

    /// The same of a source that may bring so many series; why some were refused, where some were.
    pub async fn append_samples_of(
        &self,
        samples: &[(Series, Sample)],
        source: &str,
        limits: &SeriesLimits,
    ) -> Result<Option<String>> {
        let finite: Vec<&(Series, Sample)> = samples.iter().filter(|(_, s)| s.value.is_finite()).collect();
        let wanted: Vec<Series> = finite.iter().map(|(series, _)| series.clone()).collect();
        let registered = self.register_series(wanted, source, limits).await?;
        let (mut points, mut refused) = (Points::default(), None);
        for ((_, sample), registered) in finite.into_iter().zip(registered) {
            match registered {
                Registered::Known(id) => points.push(id, sample.at.0, sample.value),
                Registered::Refused(reason) => drop(refused.get_or_insert(reason)),
            }
        }
        self.append_points(points).await?;
        Ok(refused)
    }

    /// Keeps samples of registered series durably.
    pub async fn append_points(&self, points: Points) -> Result<()> {
        if points.is_empty() { Ok(()) } else { self.submit_points(points).await }
    }

    /// All series whose name begins with `prefix`, by name.
    pub async fn series(&self, prefix: &str) -> Result<Vec<(i64, Arc<Series>)>> {
        self.catch_up_series().await?;
        Ok(self.samples.registry().beginning_with(prefix))
    }

    /// How many series there are, and the number of the newest.
    pub async fn series_extent(&self) -> Result<(usize, i64)> {
        self.catch_up_series().await?;
        Ok(self.samples.registry().extent())
    }

    /// Series that came after the one of a number, by their numbers.
    pub fn series_after(&self, id: i64) -> Vec<(i64, Arc<Series>)> {
        self.samples.registry().after(id)
    }

    /// The samples of some series within a range, in order of time; empty where there are none.
    pub(crate) async fn read_runs(&self, series: &[i64], range: TimeRange) -> Result<Vec<Run>> {
        const CHUNKS: &str = "SELECT series_id, body FROM sample_chunk
             WHERE start_time < {} AND end_time >= {} AND series_id IN ({}) ORDER BY series_id, start_time";
        self.catch_up_samples().await?;
        // The head before the chunks: what goes from the one to the others meanwhile is read twice, and not missed.
        let fresh: Vec<Run> = {
            let head = self.samples.head();
            series.iter().map(|id| head.read(*id)).collect()
        };
        let mut fresh = fresh.into_iter();
        let mut runs = Vec::with_capacity(series.len());
        for part in series.chunks(SERIES_AT_ONCE) {
            let size = size_for(part.len());
            let mut values = params![range.to, range.from];
            values.extend((0..size).map(|i| part[i.min(part.len() - 1)].into()));
            let mut chunks: HashMap<i64, Vec<Vec<u8>>> = HashMap::new();
            for row in self.database.fetch(with_places(CHUNKS, &[1, 1, size]), values).await? {
                chunks.entry(row.int(0)?).or_default().push(row.blob(1)?);
            }
            let work = part.iter().map(|id| chunks.remove(id).unwrap_or_default()).zip(fresh.by_ref()).collect();
            for run in beside(work, false, |(chunks, fresh)| one_run(chunks, fresh, range)) {
                runs.push(run?);
            }
        }
        Ok(runs)
    }

    /// The points of one series within a range, at most four a bucket, extremes kept.
    pub async fn read_samples(&self, series_id: i64, range: TimeRange, buckets: usize) -> Result<Vec<Sample>> {
        let run = self.read_runs(&[series_id], range).await?.pop().unwrap_or_default();
        Ok(downsample(&samples(&run), buckets))
    }

    /// Every series whose name begins with `prefix`, with its points.
    pub async fn read_signals(&self, prefix: &str, range: TimeRange, buckets: usize) -> Result<Vec<SeriesData>> {
        let known = self.series(prefix).await?;
        let mut found = Vec::new();
        // A part at a time: whatever the range, only what is shown is held of all of them.
        for part in known.chunks(SERIES_AT_ONCE) {
            let ids: Vec<i64> = part.iter().map(|(id, _)| *id).collect();
            for ((_, series), run) in part.iter().zip(self.read_runs(&ids, range).await?) {
                let points = downsample(&samples(&run), buckets);
                if !points.is_empty() {
                    found.push(SeriesData { series: (**series).clone(), points });
                }
            }
        }
        Ok(found)
    }

    /// Every series whose name begins with `prefix`, with the mean of each step from `range.from` on;
    /// NaN where a step has no sample. Series without any are left out.
    pub async fn read_steps(&self, prefix: &str, range: TimeRange, step: i64) -> Result<Vec<(Arc<Series>, Vec<f64>)>> {
        let step = step.max(1);
        let steps = ((range.to.0.saturating_sub(range.from.0)).max(0) as u64).div_ceil(step as u64) as usize;
        let known = self.series(prefix).await?;
        let mut found = Vec::new();
        for part in known.chunks(SERIES_AT_ONCE) {
            let ids: Vec<i64> = part.iter().map(|(id, _)| *id).collect();
            for ((_, series), run) in part.iter().zip(self.read_runs(&ids, range).await?) {
                if !run.times.is_empty() {
                    found.push((series.clone(), means(&run, range.from.0, step, steps)));
                }
            }
        }
        Ok(found)
    }

    /// The newest point of every series whose name begins with `prefix`, if it is not older than
    /// `since`.
    pub async fn latest_samples(&self, prefix: &str, since: Timestamp) -> Result<Vec<(Series, Sample)>> {
        self.catch_up_samples().await?;
        let all = self.series(prefix).await?;
        let head = self.samples.head();
        Ok(all
            .into_iter()
            .filter_map(|(id, series)| {
                let (at, value) = head.latest(id)?;
                (at >= since.0).then(|| ((*series).clone(), Sample { at: Timestamp(at), value }))
            })
            .collect())
    }

    /// The samples of some series within a range, as they are: microseconds since 1970, values.
    pub async fn read_raw(&self, series: &[i64], range: TimeRange) -> Result<Vec<(Vec<i64>, Vec<f64>)>> {
        let runs = self.read_runs(series, range).await?;
        Ok(runs.into_iter().map(|run| (run.times, run.values)).collect())
    }

    /// What a series stood at last, as far as this process knows.
    pub fn latest_value(&self, series: i64) -> Option<f64> {
        self.samples.head().latest(series).map(|(_, value)| value)
    }

    /// Samples that are not in chunks yet.
    pub fn fresh_samples(&self) -> usize {
        self.samples.head().len()
    }

    /// Drops chunks that ended before `before`, a slice at a time so that writers get their turn.
    pub async fn expire_samples(&self, before: Timestamp) -> Result<u64> {
        const SQL: &str = "DELETE FROM sample_chunk WHERE (series_id, start_time) IN
            (SELECT series_id, start_time FROM sample_chunk WHERE end_time < $1 LIMIT 2000)";
        let mut gone = 0;
        loop {
            let more = self.database.execute(SQL, params![before]).await?;
            gone += more;
            if more < 2000 {
                return Ok(gone);
            }
        }
    }
}

/// The samples of one series within a range: what its chunks hold, and what is in none yet.
fn one_run(chunks: Vec<Vec<u8>>, fresh: Run, range: TimeRange) -> Result<Run> {
    let mut run = Run::default();
    for chunk in chunks {
        let (times, values) = codec::decode_samples(&chunk)?;
        run.extend(times, values);
    }
    run.extend(fresh.times, fresh.values);
    run.settle();
    let from = run.times.partition_point(|t| *t < range.from.0);
    let to = run.times.partition_point(|t| *t < range.to.0);
    run.times.truncate(to);
    run.times.drain(..from);
    run.values.truncate(to);
    run.values.drain(..from);
    Ok(run)
}

fn samples(run: &Run) -> Vec<Sample> {
    run.times.iter().zip(&run.values).map(|(t, v)| Sample { at: Timestamp(*t), value: *v }).collect()
}

fn means(run: &Run, from: i64, step: i64, steps: usize) -> Vec<f64> {
    let mut means = vec![f64::NAN; steps];
    let mut start = 0;
    while start < run.times.len() {
        let place = ((run.times[start] - from) / step) as usize;
        let border = from + (place as i64 + 1) * step;
        let end = start + run.times[start..].iter().take_while(|t| **t < border).count();
        if let Some(mean) = means.get_mut(place) {
            *mean = run.values[start..end].iter().sum::<f64>() / (end - start) as f64;
        }
        start = end;
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settled_run_is_in_order_and_the_last_word_on_an_instant_counts() {
        let mut run = Run::default();
        [(5, 1.0), (3, 2.0), (5, 3.0), (4, 4.0)].iter().for_each(|(t, v)| run.push(*t, *v));
        run.settle();
        assert_eq!(run, Run { times: vec![3, 4, 5], values: vec![2.0, 4.0, 3.0] });
    }

    #[test]
    fn a_step_without_samples_has_no_mean() {
        let run = Run { times: vec![10, 12, 31], values: vec![1.0, 3.0, 7.0] };
        let steps = means(&run, 10, 10, 3);
        assert_eq!((steps[0], steps[2]), (2.0, 7.0));
        assert!(steps[1].is_nan());
    }
}

//! Samples of time series: a durable log of requests, a head in memory, compressed chunks.
//!
//! The head only mirrors rows of `sample_fresh`; it is rebuilt from them at start and follows what
//! other processes write, so losing it loses nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use domain::signal::{Sample, Series, SeriesData, downsample};
use domain::{TimeRange, Timestamp};
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::database::params;
use crate::{Result, Store};

/// Samples of one chunk at most.
const CHUNK_SAMPLES: usize = 720;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) series: i64,
    pub(crate) at: Timestamp,
    pub(crate) value: f64,
}

#[derive(Default)]
struct Head {
    /// By series: (time, value, number of the log row).
    points: HashMap<i64, Vec<(i64, f64, i64)>>,
    last_seq: i64,
    series: HashMap<String, i64>,
}

#[derive(Default)]
pub(crate) struct Samples {
    head: RwLock<Head>,
}

impl Samples {
    fn read(&self) -> RwLockReadGuard<'_, Head> {
        self.head.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Head> {
        self.head.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes committed points into the head. The writer brings them in the order of their numbers.
    pub(crate) fn keep(&self, points: &[Point], seq: i64) {
        if points.is_empty() {
            return;
        }
        let mut head = self.write();
        // A gap means that another process wrote between: `catch_up` reads those rows, and this one.
        if head.last_seq + 1 == seq || head.last_seq == 0 {
            head.last_seq = seq;
            insert(&mut head, points, seq);
        }
    }
}

fn insert(head: &mut Head, points: &[Point], seq: i64) {
    for point in points {
        head.points.entry(point.series).or_default().push((point.at.0, point.value, seq));
    }
}

impl Store {
    pub(crate) async fn load_samples(&self) -> Result<()> {
        for row in self.database.fetch("SELECT series_key, id FROM series", vec![]).await? {
            let (key, id) = (row.text(0)?, row.int(1)?);
            self.samples.write().series.insert(key, id);
        }
        self.catch_up_samples().await
    }

    async fn catch_up_samples(&self) -> Result<()> {
        let last = self.samples.read().last_seq;
        let rows = self
            .database
            .fetch("SELECT seq, body FROM sample_fresh WHERE seq > $1 ORDER BY seq", params![last])
            .await?;
        for row in rows {
            let points: Vec<Point> = codec::decode_rows(&row.blob(1)?)?;
            let seq = row.int(0)?;
            let mut head = self.samples.write();
            if head.last_seq < seq {
                head.last_seq = seq;
                insert(&mut head, &points, seq);
            }
        }
        Ok(())
    }

    async fn series_id(&self, series: &Series) -> Result<i64> {
        let key = series.key();
        if let Some(id) = self.samples.read().series.get(&key).copied() {
            return Ok(id);
        }
        let body = serde_json::to_string(series).unwrap_or_default();
        let row = self
            .database
            .execute_returning(
                "INSERT INTO series (series_key, name, body) VALUES ($1, $2, $3)
                 ON CONFLICT (series_key) DO UPDATE SET body = excluded.body RETURNING id",
                params![key.as_str(), series.name.as_str(), body],
            )
            .await?;
        let id = row.map(|r| r.int(0)).transpose()?.unwrap_or_default();
        self.samples.write().series.insert(key, id);
        Ok(id)
    }

    /// Keeps samples durably. Values that are not finite are left out: absence is a gap.
    pub async fn append_samples(&self, samples: &[(Series, Sample)]) -> Result<()> {
        let mut points = Vec::with_capacity(samples.len());
        for (series, sample) in samples.iter().filter(|(_, s)| s.value.is_finite()) {
            points.push(Point { series: self.series_id(series).await?, at: sample.at, value: sample.value });
        }
        if points.is_empty() { Ok(()) } else { self.append_points(points).await }
    }

    /// All series whose name begins with `prefix`.
    pub async fn series(&self, prefix: &str) -> Result<Vec<(i64, Series)>> {
        let end = format!("{prefix}\u{10ffff}");
        let rows = self
            .database
            .fetch("SELECT id, body FROM series WHERE name >= $1 AND name < $2 ORDER BY name, id", params![prefix, end])
            .await?;
        rows.iter().map(|row| Ok((row.int(0)?, row.json(1)?))).collect()
    }

    /// The points of one series within a range, at most four a bucket, extremes kept.
    pub async fn read_samples(&self, series_id: i64, range: TimeRange, buckets: usize) -> Result<Vec<Sample>> {
        self.catch_up_samples().await?;
        let rows = self
            .database
            .fetch(
                "SELECT body FROM sample_chunk WHERE series_id = $1 AND start_time < $3 AND end_time >= $2
                 ORDER BY start_time",
                params![series_id, range.from, range.to],
            )
            .await?;
        let mut points: BTreeMap<i64, f64> = BTreeMap::new();
        for row in rows {
            let (times, values) = codec::decode_samples(&row.blob(0)?)?;
            points.extend(times.into_iter().zip(values).filter(|(t, _)| range.contains(Timestamp(*t))));
        }
        if let Some(head) = self.samples.read().points.get(&series_id) {
            points.extend(head.iter().filter(|(t, _, _)| range.contains(Timestamp(*t))).map(|(t, v, _)| (*t, *v)));
        }
        let samples: Vec<Sample> = points.into_iter().map(|(t, value)| Sample { at: Timestamp(t), value }).collect();
        Ok(downsample(&samples, buckets))
    }

    /// Every series whose name begins with `prefix`, with its points.
    pub async fn read_signals(&self, prefix: &str, range: TimeRange, buckets: usize) -> Result<Vec<SeriesData>> {
        let mut found = Vec::new();
        for (id, series) in self.series(prefix).await? {
            let points = self.read_samples(id, range, buckets).await?;
            if !points.is_empty() {
                found.push(SeriesData { series, points });
            }
        }
        Ok(found)
    }

    /// The newest point of every series whose name begins with `prefix`, if it is not older than
    /// `since`. Looks at the head only: what is newer than the last chunk.
    pub async fn latest_samples(&self, prefix: &str, since: Timestamp) -> Result<Vec<(Series, Sample)>> {
        self.catch_up_samples().await?;
        let all = self.series(prefix).await?;
        let head = self.samples.read();
        Ok(all
            .into_iter()
            .filter_map(|(id, series)| {
                let newest = head.points.get(&id)?.iter().max_by_key(|(t, _, _)| *t)?;
                let sample = Sample { at: Timestamp(newest.0), value: newest.1 };
                (sample.at >= since).then_some((series, sample))
            })
            .collect())
    }

    /// Moves log rows that end before `cutoff` into chunks. Returns how many chunks were written.
    /// The caller holds the lease for samples.
    pub async fn compact_samples(&self, cutoff: Timestamp) -> Result<usize> {
        let rows = self
            .database
            .fetch("SELECT seq, body FROM sample_fresh WHERE max_time < $1 ORDER BY seq LIMIT 2000", params![cutoff])
            .await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let mut moved: HashSet<i64> = HashSet::new();
        let mut by_series: HashMap<i64, BTreeMap<i64, f64>> = HashMap::new();
        for row in &rows {
            moved.insert(row.int(0)?);
            let points: Vec<Point> = codec::decode_rows(&row.blob(1)?)?;
            for point in points {
                by_series.entry(point.series).or_default().insert(point.at.0, point.value);
            }
        }
        let mut written = 0;
        let mut transaction = self.database.begin_exclusive().await?;
        for (series, points) in by_series {
            let points: Vec<(i64, f64)> = points.into_iter().collect();
            for chunk in points.chunks(CHUNK_SAMPLES) {
                let mut merged: BTreeMap<i64, f64> = BTreeMap::new();
                let same = transaction
                    .fetch(
                        "SELECT body FROM sample_chunk WHERE series_id = $1 AND start_time = $2",
                        params![series, chunk[0].0],
                    )
                    .await?;
                for row in same {
                    let (times, values) = codec::decode_samples(&row.blob(0)?)?;
                    merged.extend(times.into_iter().zip(values));
                }
                merged.extend(chunk.iter().copied());
                let times: Vec<i64> = merged.keys().copied().collect();
                let values: Vec<f64> = merged.values().copied().collect();
                let low = values.iter().copied().fold(f64::INFINITY, f64::min);
                let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                transaction
                    .execute(
                        "INSERT INTO sample_chunk
                             (series_id, start_time, end_time, samples, min_value, max_value, sum_value, body)
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                         ON CONFLICT (series_id, start_time) DO UPDATE SET end_time = excluded.end_time,
                             samples = excluded.samples, min_value = excluded.min_value,
                             max_value = excluded.max_value, sum_value = excluded.sum_value, body = excluded.body",
                        params![
                            series,
                            times[0],
                            times[times.len() - 1],
                            times.len() as i64,
                            low,
                            high,
                            values.iter().sum::<f64>(),
                            codec::encode_samples(&times, &values),
                        ],
                    )
                    .await?;
                written += 1;
            }
        }
        for seq in &moved {
            transaction.execute("DELETE FROM sample_fresh WHERE seq = $1", params![*seq]).await?;
        }
        transaction.commit().await?;
        let mut head = self.samples.write();
        head.points.values_mut().for_each(|points| points.retain(|(_, _, seq)| !moved.contains(seq)));
        head.points.retain(|_, points| !points.is_empty());
        Ok(written)
    }

    /// Drops chunks that ended before `before`.
    pub async fn expire_samples(&self, before: Timestamp) -> Result<u64> {
        self.database.execute("DELETE FROM sample_chunk WHERE end_time < $1", params![before]).await
    }
}

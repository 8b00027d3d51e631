//! Compaction: what the head holds becomes chunks of up to [`CHUNK_SAMPLES`] samples of one series.
//!
//! A series' last chunk is filled up while it is short, and late samples are merged into the chunks
//! they fall among, so that chunks neither stay tiny nor overlap. The log's rows go in the last of
//! several transactions: if it does not come to that, the same samples are merged once more, which
//! changes nothing.

use std::collections::HashMap;

use domain::Timestamp;

use super::Run;
use crate::background::in_background;
use crate::codec;
use crate::database::{Value, params};
use crate::sql::{size_for, with_places, with_rows};
use crate::{Result, Store};

/// Samples of one chunk at most.
const CHUNK_SAMPLES: usize = 1440;
/// A last chunk with fewer is filled up.
const SHORT: i64 = 720;
/// Series whose chunks are looked for and written together.
const SLICE: usize = 64;
/// Slices written in one transaction: it must not keep the writer waiting for long.
const SLICES_A_COMMIT: usize = 8;

struct Chunk {
    series: i64,
    run: Run,
}

/// What a slice of series becomes: chunks that are replaced, chunks that are written.
#[derive(Default)]
struct Rewrite {
    gone: Vec<(i64, i64)>,
    made: Vec<Chunk>,
}

impl Store {
    /// Moves samples into chunks: the full blocks of the head, or all of it. Returns how many chunks
    /// were written. The caller holds the lease for samples.
    pub async fn compact_samples(&self, all: bool) -> Result<usize> {
        self.catch_up_samples().await?;
        let Some((through, mut taken)) = in_background(|| self.samples.head().take(all)) else {
            return Ok(0);
        };
        let mut series: Vec<i64> = taken.keys().copied().collect();
        series.sort_unstable();
        let mut written = 0;
        for slices in series.chunks(SLICE * SLICES_A_COMMIT) {
            let mut rewrites = Vec::new();
            for slice in slices.chunks(SLICE) {
                let runs = slice.iter().map(|id| (*id, taken.remove(id).unwrap_or_default())).collect();
                rewrites.push(self.rewrite(runs).await?);
            }
            written += rewrites.iter().map(|r| r.made.len()).sum::<usize>();
            self.write_chunks(rewrites).await?;
        }
        self.database.execute("DELETE FROM sample_fresh WHERE seq <= $1", params![through]).await?;
        self.samples.head_mut().drop_before(through + 1);
        Ok(written)
    }

    /// Reads the chunks that a slice's samples touch or fill up and merges them.
    async fn rewrite(&self, mut runs: Vec<(i64, Run)>) -> Result<Rewrite> {
        const TAILS: &str =
            "SELECT series_id, max(start_time) FROM sample_chunk WHERE series_id IN ({}) GROUP BY series_id";
        const TOUCHED: &str = "SELECT series_id, start_time, end_time, samples, body FROM sample_chunk
             WHERE series_id IN ({}) AND end_time >= {}";
        const BY_KEY: &str = "SELECT series_id, start_time, end_time, samples, body FROM sample_chunk
             WHERE (series_id, start_time) IN (VALUES {}) ";
        runs.iter_mut().for_each(|(_, run)| run.settle());
        runs.retain(|(_, run)| !run.times.is_empty());
        let Some(first) = runs.iter().map(|(_, run)| run.times[0]).min() else {
            return Ok(Rewrite::default());
        };
        let size = size_for(runs.len());
        let ids: Vec<Value> = (0..size).map(|i| runs[i.min(runs.len() - 1)].0.into()).collect();
        let tails = self.database.fetch(with_places(TAILS, &[size]), ids.clone()).await?;
        let mut existing = HashMap::new();
        if !tails.is_empty() {
            let mut values: Vec<Value> = Vec::with_capacity(SLICE * 2);
            for i in 0..SLICE {
                let tail = &tails[i.min(tails.len() - 1)];
                values.extend([tail.int(0)?.into(), tail.int(1)?.into()]);
            }
            let mut rows = self.database.fetch(with_rows(BY_KEY, 2, SLICE), values).await?;
            let mut values = ids;
            values.push(first.into());
            rows.extend(self.database.fetch(with_places(TOUCHED, &[size, 1]), values).await?);
            for row in rows {
                let (series, start, end, samples) = (row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?);
                let Some((_, run)) = runs.iter().find(|(id, _)| *id == series) else {
                    continue;
                };
                let touched = end >= run.times[0] && start <= run.times[run.times.len() - 1];
                let filled = end < run.times[0] && samples < SHORT;
                if touched || filled {
                    existing.insert((series, start), row.blob(4)?);
                }
            }
        }
        in_background(|| merge(runs, existing))
    }

    async fn write_chunks(&self, rewrites: Vec<Rewrite>) -> Result<()> {
        const DELETE: &str = "DELETE FROM sample_chunk WHERE (series_id, start_time) IN (VALUES {})";
        const INSERT: &str = "INSERT INTO sample_chunk
             (series_id, start_time, end_time, samples, min_value, max_value, sum_value, body) VALUES {}";
        let mut gone = Vec::new();
        let mut made = Vec::new();
        for rewrite in rewrites {
            gone.extend(rewrite.gone);
            made.extend(rewrite.made);
        }
        let rows: Vec<Vec<Value>> = in_background(|| made.iter().map(row_of).collect());
        let mut transaction = self.database.begin_exclusive().await?;
        for part in gone.chunks(SLICE) {
            let size = size_for(part.len());
            let keys = (0..size).map(|i| part[i.min(part.len() - 1)]);
            let values = keys.flat_map(|(series, start)| params![series, start]).collect();
            transaction.execute(with_rows(DELETE, 2, size), values).await?;
        }
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let left = rows.len();
            let size = [SLICE, 16, 4, 1].into_iter().find(|s| *s <= left).unwrap_or(1);
            let values: Vec<Value> = rows.by_ref().take(size).flatten().collect();
            transaction.execute(with_rows(INSERT, 8, size), values).await?;
        }
        transaction.commit().await
    }
}

fn merge(runs: Vec<(i64, Run)>, mut existing: HashMap<(i64, i64), Vec<u8>>) -> Result<Rewrite> {
    let mut rewrite = Rewrite::default();
    for (series, new) in runs {
        let mut keys: Vec<(i64, i64)> = existing.keys().filter(|(s, _)| *s == series).copied().collect();
        keys.sort_unstable();
        let mut run = Run::default();
        for key in keys {
            let (times, values) = codec::decode_samples(&existing.remove(&key).unwrap_or_default())?;
            run.extend(times, values);
            rewrite.gone.push(key);
        }
        run.extend(new.times, new.values);
        run.settle();
        let pieces = run.times.len().div_ceil(CHUNK_SAMPLES);
        let size = run.times.len().div_ceil(pieces.max(1)).max(1);
        for (times, values) in run.times.chunks(size).zip(run.values.chunks(size)) {
            rewrite.made.push(Chunk { series, run: Run { times: times.to_vec(), values: values.to_vec() } });
        }
    }
    Ok(rewrite)
}

fn row_of(chunk: &Chunk) -> Vec<Value> {
    let Run { times, values } = &chunk.run;
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let last = times.last().copied().unwrap_or_default();
    params![
        chunk.series,
        Timestamp(times[0]),
        last,
        times.len() as i64,
        low,
        high,
        values.iter().sum::<f64>(),
        codec::encode_samples(times, values),
    ]
}

//! Labels: a log of their own, merged into columns beside the events they speak of.
//!
//! The newest label received for an id is the one in force; the log keeps the earlier ones. A label
//! whose event has not come yet waits as an orphan and is tried again on every newer segment.

use std::collections::HashMap;

use domain::event::{CategoryBuilder, ColumnData, EventBatch, LabelBatch, number_text};
use domain::{TimeRange, Timestamp};

use crate::codec::{self, LabelColumn};
use crate::database::params;
use crate::identity::{IdFilter, IdIndex, id_hash};
use crate::models::Stream;
use crate::{Result, Store};

/// Labels merged in one go.
const MERGE_ROWS: i64 = 100_000;

#[derive(Debug, Clone, PartialEq)]
struct Label {
    value: String,
    time: i64,
    received: i64,
}

/// Labels that are kept and not yet in a segment's column.
#[derive(Default)]
pub(crate) struct Overlay {
    /// Newest first wins over nothing: later entries replace earlier ones.
    unmerged: HashMap<String, Label>,
    /// Orphans, with the newest segment they were compared with.
    orphans: HashMap<String, (Label, i64)>,
    oldest_check: i64,
}

impl Overlay {
    /// Whether any label may still have to be joined to that segment.
    pub(crate) fn concerns(&self, segment: i64) -> bool {
        !self.unmerged.is_empty() || (!self.orphans.is_empty() && self.oldest_check < segment)
    }

    /// Lays the labels over rows of a segment, or of the fresh log (`None`).
    pub(crate) fn apply(&self, segment: Option<i64>, ids: &[String], column: &mut LabelColumn) {
        if ids.is_empty() || segment.is_some_and(|s| !self.concerns(s)) {
            return;
        }
        let found = ids.iter().enumerate().filter_map(|(row, id)| {
            let orphan =
                self.orphans.get(id).filter(|(_, checked)| segment.is_none_or(|s| *checked < s)).map(|(l, _)| l);
            self.unmerged.get(id).or(orphan).map(|label| (row, label))
        });
        join(column, found);
    }
}

/// Sets labels by row; a label received before the one in place changes nothing. Returns the rows
/// whose label is new or different.
fn join<'a>(column: &mut LabelColumn, labels: impl Iterator<Item = (usize, &'a Label)>) -> Vec<usize> {
    let mut set: HashMap<usize, &Label> = HashMap::new();
    for (row, label) in labels {
        if label.received >= column.received[row] {
            set.insert(row, label);
        }
    }
    if set.is_empty() {
        return Vec::new();
    }
    let mut changed = Vec::new();
    let texts: Vec<Option<String>> = (0..column.times.len())
        .map(|row| {
            let before = column.values.text(row);
            match set.get(&row) {
                Some(label) => {
                    if before.as_deref() != Some(label.value.as_str()) {
                        changed.push(row);
                    }
                    column.times[row] = label.time;
                    column.received[row] = label.received;
                    Some(label.value.clone())
                }
                None => before,
            }
        })
        .collect();
    column.values = values_of(&texts);
    changed
}

/// Numbers where every present label is a number in its shortest spelling, else categories.
fn values_of(texts: &[Option<String>]) -> ColumnData {
    let numbers: Option<Vec<f64>> = texts
        .iter()
        .map(|text| match text {
            None => Some(f64::NAN),
            Some(text) => text.parse::<f64>().ok().filter(|n| n.is_finite() && number_text(*n) == *text),
        })
        .collect();
    if let Some(numbers) = numbers {
        return ColumnData::Number(numbers);
    }
    let mut builder = CategoryBuilder::default();
    texts.iter().for_each(|t| builder.push(t.as_deref()));
    builder.finish()
}

fn labels_of(batch: LabelBatch, received: i64) -> impl Iterator<Item = (String, Label)> {
    batch
        .ids
        .into_iter()
        .zip(batch.values)
        .zip(batch.times)
        .map(move |((id, value), time)| (id, Label { value, time: time.0, received }))
}

/// An orphan batch as it is kept.
type OrphanRows = Vec<(String, String, i64, i64)>;

impl Store {
    pub(crate) async fn label_overlay(&self, model_id: i64) -> Result<Overlay> {
        let mut overlay = Overlay { oldest_check: i64::MAX, ..Overlay::default() };
        let rows = self
            .database
            .fetch(
                "SELECT received_at, body FROM label_log WHERE model_id = $1 AND merged = 0 ORDER BY seq",
                params![model_id],
            )
            .await?;
        for row in rows {
            let batch: LabelBatch = codec::decode_rows(&row.blob(1)?)?;
            overlay.unmerged.extend(labels_of(batch, row.int(0)?));
        }
        let rows = self
            .database
            .fetch("SELECT checked_segment, body FROM label_orphan WHERE model_id = $1 ORDER BY id", params![model_id])
            .await?;
        for row in rows {
            let checked = row.int(0)?;
            overlay.oldest_check = overlay.oldest_check.min(checked);
            let labels: OrphanRows = codec::decode_rows(&row.blob(1)?)?;
            for (id, value, time, received) in labels {
                overlay.orphans.insert(id, (Label { value, time, received }, checked));
            }
        }
        Ok(overlay)
    }

    /// Labels that wait for an event that has not come.
    pub async fn orphaned_labels(&self, model_id: i64) -> Result<u64> {
        const SQL: &str = "SELECT CAST(coalesce(sum(label_rows), 0) AS BIGINT) FROM label_orphan WHERE model_id = $1";
        self.label_rows(SQL, model_id).await
    }

    /// Labels that were sent for a model, relabels included.
    pub async fn label_count(&self, model_id: i64) -> Result<u64> {
        const SQL: &str = "SELECT CAST(coalesce(sum(label_rows), 0) AS BIGINT) FROM label_log WHERE model_id = $1";
        self.label_rows(SQL, model_id).await
    }

    async fn label_rows(&self, sql: &'static str, model_id: i64) -> Result<u64> {
        let row = self.database.fetch_one(sql, params![model_id]).await?;
        Ok(row.map(|r| r.int(0)).transpose()?.unwrap_or_default().max(0) as u64)
    }

    /// Merges some waiting labels of a model into its segments and marks the windows they touch.
    /// Returns how many labels it looked at; 0 when there is nothing to do. The caller holds the
    /// model's maintenance lease.
    pub async fn merge_labels(&self, model_id: i64) -> Result<usize> {
        let streams = self.streams(model_id).await?;
        let segments = self.filters(model_id).await?;
        let newest = segments.iter().map(|s| s.id).max().unwrap_or_default();
        let mut waiting: HashMap<String, (Label, i64)> = HashMap::new();
        let mut orphan_ids = Vec::new();
        let rows = self
            .database
            .fetch(
                "SELECT id, checked_segment, body FROM label_orphan WHERE model_id = $1 ORDER BY id",
                params![model_id],
            )
            .await?;
        for row in rows.iter().take(8) {
            let checked = row.int(1)?;
            if checked >= newest {
                continue;
            }
            orphan_ids.push(row.int(0)?);
            let labels: OrphanRows = codec::decode_rows(&row.blob(2)?)?;
            for (id, value, time, received) in labels {
                waiting.insert(id, (Label { value, time, received }, checked));
            }
        }
        let rows = self
            .database
            .fetch(
                "SELECT seq, received_at, label_rows, body FROM label_log
                 WHERE model_id = $1 AND merged = 0 ORDER BY seq LIMIT 200",
                params![model_id],
            )
            .await?;
        let mut through = None;
        let mut taken = 0;
        for row in &rows {
            if taken > 0 && taken + row.int(2)? > MERGE_ROWS {
                break;
            }
            taken += row.int(2)?;
            through = Some(row.int(0)?);
            let batch: LabelBatch = codec::decode_rows(&row.blob(3)?)?;
            waiting.extend(labels_of(batch, row.int(1)?).map(|(id, label)| (id, (label, 0))));
        }
        if waiting.is_empty() && through.is_none() {
            return Ok(0);
        }
        let looked_at = waiting.len().max(1);
        let mut dirty: Vec<(String, TimeRange)> = Vec::new();
        let mut columns = Vec::new();
        let mut placed: Vec<String> = Vec::new();
        for segment in &segments {
            let suspects: Vec<(&String, &Label)> = waiting
                .iter()
                .filter(|(id, (_, checked))| *checked < segment.id && segment.filter.may_contain(id_hash(id)))
                .map(|(id, (label, _))| (id, label))
                .collect();
            if suspects.is_empty() {
                continue;
            }
            if let Some(merged) = self.merge_into(segment, &suspects).await? {
                columns.push((segment.bucket, segment.id, merged.body));
                if let (Some(span), Some(stream)) = (merged.span, streams.iter().find(|s| s.id == segment.stream_id)) {
                    dirty.push((stream.dirty_key(), span));
                }
                placed.extend(merged.ids);
            }
        }
        for id in placed {
            waiting.remove(&id);
        }
        dirty.extend(self.fresh_spans(&streams, &waiting).await?);
        let rest: Vec<(String, String, i64, i64)> =
            waiting.into_iter().map(|(id, (l, _))| (id, l.value, l.time, l.received)).collect();

        let mut transaction = self.database.begin_exclusive().await?;
        for (bucket, segment, body) in columns {
            transaction
                .execute(
                    "INSERT INTO segment_column (bucket, segment_id, name, missing, body) VALUES ($1, $2, '#label', 0, $3)
                     ON CONFLICT (bucket, segment_id, name) DO UPDATE SET body = excluded.body",
                    params![bucket, segment, body],
                )
                .await?;
        }
        if let Some(through) = through {
            transaction
                .execute(
                    "UPDATE label_log SET merged = 1 WHERE bucket = $1 AND model_id = $1 AND merged = 0 AND seq <= $2",
                    params![model_id, through],
                )
                .await?;
        }
        for id in orphan_ids {
            transaction
                .execute("DELETE FROM label_orphan WHERE bucket = $1 AND id = $2", params![model_id, id])
                .await?;
        }
        for chunk in rest.chunks(MERGE_ROWS as usize) {
            transaction
                .execute(
                    "INSERT INTO label_orphan (bucket, model_id, checked_segment, label_rows, body)
                     VALUES ($1, $2, $3, $4, $5)",
                    params![model_id, model_id, newest, chunk.len() as i64, codec::encode_rows(&chunk)],
                )
                .await?;
        }
        for (environment, span) in dirty {
            transaction
                .execute(
                    "INSERT INTO dirty (model_id, environment, from_time, to_time, reason) VALUES ($1, $2, $3, $4, 'labels')",
                    params![model_id, environment, span.from, span.to],
                )
                .await?;
        }
        transaction.commit().await?;
        Ok(looked_at)
    }

    async fn filters(&self, model_id: i64) -> Result<Vec<SegmentFilter>> {
        let rows = self
            .database
            .fetch(
                "SELECT id, bucket, stream_id, id_filter FROM segment WHERE bucket = $1 ORDER BY id",
                params![model_id],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(SegmentFilter {
                    id: row.int(0)?,
                    bucket: row.int(1)?,
                    stream_id: row.int(2)?,
                    filter: IdFilter::read(&row.blob(3)?),
                })
            })
            .collect()
    }

    async fn merge_into(&self, segment: &SegmentFilter, suspects: &[(&String, &Label)]) -> Result<Option<Merged>> {
        let rows = self
            .database
            .fetch(
                "SELECT name, body FROM segment_column
                 WHERE bucket = $1 AND segment_id = $2 AND name IN ('#id', '#label', '#time')",
                params![segment.bucket, segment.id],
            )
            .await?;
        let mut ids = Vec::new();
        let mut times = Vec::new();
        let mut column = None;
        for row in &rows {
            match row.text(0)?.as_str() {
                "#id" => ids = codec::decode_ids(&row.blob(1)?)?,
                "#time" => times = codec::decode_times(&row.blob(1)?)?,
                _ => column = Some(codec::decode_labels(&row.blob(1)?)?),
            }
        }
        Ok(tokio::task::block_in_place(|| {
            let mut column = column.unwrap_or_else(|| LabelColumn::empty(ids.len()));
            let index = IdIndex::of(&ids);
            let found: Vec<(usize, &Label)> =
                suspects.iter().filter_map(|(id, label)| index.find(id, &ids).map(|row| (row, *label))).collect();
            if found.is_empty() {
                return None;
            }
            let placed = found.iter().map(|(row, _)| ids[*row].clone()).collect();
            let changed = join(&mut column, found.into_iter());
            let span = span_of(changed.iter().map(|row| times[*row]));
            Some(Merged { body: codec::encode_labels(&column), span, ids: placed })
        }))
    }

    /// The spans of fresh rows that waiting labels speak of: their windows change too.
    async fn fresh_spans(
        &self,
        streams: &[Stream],
        waiting: &HashMap<String, (Label, i64)>,
    ) -> Result<Vec<(String, TimeRange)>> {
        let mut spans = Vec::new();
        for stream in streams {
            let rows = self
                .database
                .fetch("SELECT body FROM fresh WHERE stream_id = $1 ORDER BY seq", params![stream.id])
                .await?;
            for row in rows {
                let batch: EventBatch = codec::decode_rows(&row.blob(0)?)?;
                let times =
                    batch.ids.iter().zip(&batch.times).filter(|(id, _)| waiting.contains_key(*id)).map(|(_, t)| *t);
                spans.extend(span_of(times).map(|span| (stream.dirty_key(), span)));
            }
        }
        Ok(spans)
    }
}

struct SegmentFilter {
    id: i64,
    bucket: i64,
    stream_id: i64,
    filter: IdFilter,
}

struct Merged {
    body: Vec<u8>,
    span: Option<TimeRange>,
    ids: Vec<String>,
}

fn span_of(times: impl Iterator<Item = Timestamp> + Clone) -> Option<TimeRange> {
    let from = times.clone().min()?;
    let to = times.max()?.plus(1);
    Some(TimeRange { from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(value: &str, received: i64) -> Label {
        Label { value: value.into(), time: received, received }
    }

    #[test]
    fn the_label_received_last_is_in_force_and_an_older_one_changes_nothing() {
        let mut column = LabelColumn::empty(3);
        assert_eq!(join(&mut column, [(0, &label("1", 10)), (2, &label("0", 10))].into_iter()), [0, 2]);
        assert_eq!(join(&mut column, [(0, &label("0", 5))].into_iter()), Vec::<usize>::new());
        assert_eq!(join(&mut column, [(0, &label("0", 20))].into_iter()), [0]);
        assert_eq!((column.values.text(0), column.values.text(1)), (Some("0".into()), None));
    }

    #[test]
    fn labels_are_numbers_only_when_that_loses_nothing() {
        assert!(matches!(values_of(&[Some("1".into()), None, Some("-2.5".into())]), ColumnData::Number(_)));
        assert!(matches!(values_of(&[Some("01".into())]), ColumnData::Category { .. }));
    }
}

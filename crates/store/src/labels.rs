//! Labels: a log of their own, merged into columns beside the events they speak of.
//!
//! The newest label received for an id is the one in force; the log keeps the earlier ones. A label
//! whose event has not come yet waits as an orphan and is tried again on every newer segment.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::event::{ColumnData, EventBatch, LabelBatch, MISSING, number_text};
use domain::{TimeRange, Timestamp};

use crate::background::in_background;
use crate::catalogue::{Segment, id_order};
use crate::codec::{self, LabelColumn};
use crate::database::{Transaction, params};
use crate::identity::{HashedMap, id_hash, id_hash_wide};
use crate::models::Stream;
use crate::{Result, Store};

/// The reason of windows that are judged again because outcomes came.
pub const LABELS: &str = "labels";
/// Labels merged in one go: each segment they touch is written once for all of them.
const MERGE_ROWS: i64 = 200_000;
/// Rows of the label log read at once to be laid over what is read.
const OVERLAID_AT_ONCE: i64 = 64;
/// Labels that wait for their event, a row: as many rows as are tried again at once make one merge.
const ORPHANS_A_ROW: usize = 25_000;
const ORPHANS_AT_ONCE: i64 = MERGE_ROWS / ORPHANS_A_ROW as i64;
/// Rows of the fresh log read at once to find events that labels wait for.
const FRESH_AT_ONCE: i64 = 64;
/// Segments written in one transaction: it must not keep the writer waiting for long.
const SEGMENTS_A_COMMIT: usize = 128;

#[derive(Debug, Clone, PartialEq)]
struct Label {
    value: String,
    time: i64,
    received: i64,
}

/// A label without its id, its value by its place among those that are used.
#[derive(Clone, Copy)]
struct Placed {
    value: u32,
    time: i64,
    received: i64,
}

/// Labels that are kept and not yet in a segment's column. A flood of them is laid over every read until it is merged,
/// so ids are kept by their hashes and each value once.
#[derive(Default)]
pub(crate) struct Overlay {
    values: Vec<String>,
    places: HashMap<String, u32>,
    /// Newest first wins over nothing: later entries replace earlier ones.
    unmerged: HashedMap<u128, Placed>,
    /// Orphans, with the newest segment they were compared with.
    orphans: HashedMap<u128, (Placed, i64)>,
    oldest_check: i64,
}

impl Overlay {
    fn placed(&mut self, value: String, time: i64, received: i64) -> Placed {
        let value = match self.places.get(&value) {
            Some(place) => *place,
            None => {
                let place = self.values.len() as u32;
                self.values.push(value.clone());
                self.places.insert(value, place);
                place
            }
        };
        Placed { value, time, received }
    }

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
            let id = id_hash_wide(id);
            let orphan =
                self.orphans.get(&id).filter(|(_, checked)| segment.is_none_or(|s| *checked < s)).map(|(l, _)| l);
            let Placed { value, time, received } = *self.unmerged.get(&id).or(orphan)?;
            Some((row, Label { value: self.values.get(value as usize)?.clone(), time, received }))
        });
        let found: Vec<(usize, Label)> = found.collect();
        join(column, found.iter().map(|(row, label)| (*row, label)));
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
    let mut changed: Vec<usize> = set
        .iter()
        .filter(|(row, label)| column.values.text(**row).as_deref() != Some(label.value.as_str()))
        .map(|(row, _)| *row)
        .collect();
    changed.sort_unstable();
    for (row, label) in &set {
        column.times[*row] = label.time;
        column.received[*row] = label.received;
    }
    set_values(&mut column.values, &set);
    changed
}

/// The number that a text spells in its shortest way.
fn number_of(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|n| n.is_finite() && number_text(*n) == text)
}

/// Sets some values: numbers as long as every label is a number in its shortest spelling, else words.
fn set_values(values: &mut ColumnData, set: &HashMap<usize, &Label>) {
    let numeric = set.values().all(|label| number_of(&label.value).is_some());
    if numeric && values.missing() == values.len() {
        *values = ColumnData::Number(vec![f64::NAN; values.len()]);
    }
    if !numeric && matches!(values, ColumnData::Number(_)) {
        *values = values.to_category();
    }
    match values {
        ColumnData::Number(numbers) => {
            for (row, label) in set {
                numbers[*row] = number_of(&label.value).unwrap_or(f64::NAN);
            }
        }
        ColumnData::Category { codes, dictionary } => {
            let mut known: HashMap<String, u32> =
                dictionary.iter().enumerate().map(|(i, w)| (w.clone(), i as u32)).collect();
            for (row, label) in set {
                codes[*row] = match known.get(&label.value) {
                    Some(code) => *code,
                    None => {
                        dictionary.push(label.value.clone());
                        known.insert(label.value.clone(), dictionary.len() as u32 - 1);
                        dictionary.len() as u32 - 1
                    }
                };
            }
            debug_assert!(codes.iter().all(|c| *c == MISSING || (*c as usize) < dictionary.len()));
        }
        ColumnData::Vector { .. } => {}
    }
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
        let mut after = i64::MIN;
        loop {
            let rows = self
                .database
                .fetch(
                    "SELECT seq, received_at, body FROM label_log
                     WHERE bucket = $1 AND model_id = $1 AND merged = 0 AND seq > $2 ORDER BY seq LIMIT $3",
                    params![model_id, after, OVERLAID_AT_ONCE],
                )
                .await?;
            for row in &rows {
                let batch: LabelBatch = codec::decode_rows(&row.blob(2)?)?;
                for (id, label) in labels_of(batch, row.int(1)?) {
                    let placed = overlay.placed(label.value, label.time, label.received);
                    overlay.unmerged.insert(id_hash_wide(&id), placed);
                }
            }
            match rows.last() {
                Some(last) if rows.len() as i64 == OVERLAID_AT_ONCE => after = last.int(0)?,
                _ => break,
            }
        }
        let rows = self
            .database
            .fetch(
                // Those compared with every segment can only concern fresh rows.
                "SELECT checked_segment, body FROM label_orphan WHERE bucket = $1 AND model_id = $1
                 AND (checked_segment < (SELECT coalesce(max(id), 0) FROM segment WHERE bucket = $1)
                      OR EXISTS (SELECT 1 FROM fresh WHERE bucket = $1)) ORDER BY id",
                params![model_id],
            )
            .await?;
        for row in rows {
            let checked = row.int(0)?;
            overlay.oldest_check = overlay.oldest_check.min(checked);
            let labels: OrphanRows = codec::decode_rows(&row.blob(1)?)?;
            for (id, value, time, received) in labels {
                let placed = overlay.placed(value, time, received);
                overlay.orphans.insert(id_hash_wide(&id), (placed, checked));
            }
        }
        overlay.places = HashMap::new();
        Ok(overlay)
    }

    /// Labels that wait to be merged.
    pub async fn unmerged_labels(&self, model_id: i64) -> Result<u64> {
        const SQL: &str = "SELECT CAST(coalesce(sum(label_rows), 0) AS BIGINT) FROM label_log WHERE bucket = $1 AND model_id = $1 AND merged = 0";
        self.label_rows(SQL, model_id).await
    }

    /// Labels that wait for an event that had not come, into a segment or the fresh log, when they were merged last.
    pub async fn orphaned_labels(&self, model_id: i64) -> Result<u64> {
        const SQL: &str =
            "SELECT CAST(coalesce(sum(label_rows), 0) AS BIGINT) FROM label_orphan WHERE bucket = $1 AND model_id = $1";
        self.label_rows(SQL, model_id).await
    }

    /// Labels that were sent for a model, relabels included.
    pub async fn label_count(&self, model_id: i64) -> Result<u64> {
        const SQL: &str =
            "SELECT CAST(coalesce(sum(label_rows), 0) AS BIGINT) FROM label_log WHERE bucket = $1 AND model_id = $1";
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
        let mut segments: Vec<(&Stream, Arc<Segment>)> = Vec::new();
        for stream in &streams {
            segments.extend(self.catalogue(stream).await?.list.iter().map(|s| (stream, s.clone())));
        }
        let newest = segments.iter().map(|(_, s)| s.id).max().unwrap_or_default();
        let mut waiting: HashMap<String, (Label, i64)> = HashMap::new();
        let mut orphan_ids = Vec::new();
        let rows = self
            .database
            .fetch(
                "SELECT id, checked_segment, body FROM label_orphan WHERE bucket = $1 AND model_id = $1 AND checked_segment < $2
                 ORDER BY id LIMIT $3",
                params![model_id, newest, ORPHANS_AT_ONCE],
            )
            .await?;
        for row in rows {
            let checked = row.int(1)?;
            orphan_ids.push(row.int(0)?);
            let labels: OrphanRows = codec::decode_rows(&row.blob(2)?)?;
            for (id, value, time, received) in labels {
                waiting.insert(id, (Label { value, time, received }, checked));
            }
        }
        // How far is known before anything is read: a flood leaves more in the log than is to be held at once.
        let sizes = self
            .database
            .fetch(
                "SELECT seq, label_rows FROM label_log WHERE bucket = $1 AND model_id = $1 AND merged = 0 ORDER BY seq LIMIT 200",
                params![model_id],
            )
            .await?;
        let mut through = None;
        let mut taken = 0;
        for row in &sizes {
            if taken > 0 && taken + row.int(1)? > MERGE_ROWS {
                break;
            }
            taken += row.int(1)?;
            through = Some(row.int(0)?);
        }
        if let Some(through) = through {
            let rows = self
                .database
                .fetch(
                    "SELECT received_at, body FROM label_log
                     WHERE bucket = $1 AND model_id = $1 AND merged = 0 AND seq <= $2 ORDER BY seq",
                    params![model_id, through],
                )
                .await?;
            for row in rows {
                let batch: LabelBatch = codec::decode_rows(&row.blob(1)?)?;
                waiting.extend(labels_of(batch, row.int(0)?).map(|(id, label)| (id, (label, 0))));
            }
        }
        if waiting.is_empty() && through.is_none() {
            return Ok(0);
        }
        let looked_at = waiting.len().max(1);
        let mut sorted: Vec<&String> = waiting.keys().collect();
        sorted.sort_unstable_by(|a, b| id_order(a, b));
        let mut placed: Vec<String> = Vec::new();
        for some in segments.chunks(SEGMENTS_A_COMMIT) {
            placed.extend(self.merge_into_segments(some, &sorted, &waiting).await?);
        }
        for id in placed {
            waiting.remove(&id);
        }
        let (dirty, in_fresh) = self.fresh_spans(&streams, &waiting).await?;
        let rest: Vec<(String, String, i64, i64)> =
            waiting.into_iter().map(|(id, (l, _))| (id, l.value, l.time, l.received)).collect();

        let mut transaction = self.database.begin_exclusive().await?;
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
        for chunk in rest.chunks(ORPHANS_A_ROW) {
            transaction
                .execute(
                    "INSERT INTO label_orphan (bucket, model_id, checked_segment, label_rows, body, newest_received)
                     VALUES ($1, $2, $3, $4, $5, $6)",
                    params![
                        model_id,
                        model_id,
                        newest,
                        chunk.iter().filter(|(id, ..)| !in_fresh.contains(id)).count() as i64,
                        codec::encode_rows(&chunk),
                        chunk.iter().map(|(_, _, _, received)| *received).max().unwrap_or_default(),
                    ],
                )
                .await?;
        }
        mark_dirty(&mut transaction, model_id, dirty).await?;
        transaction.commit().await?;
        Ok(looked_at)
    }

    /// Merges what waits into some segments, together with the marks on the windows they touch: if the
    /// rest of the work does not come to its end, what was written here is complete by itself. `sorted` are
    /// the ids that wait, in their order. Returns those that found their event.
    async fn merge_into_segments(
        &self,
        segments: &[(&Stream, Arc<Segment>)],
        sorted: &[&String],
        waiting: &HashMap<String, (Label, i64)>,
    ) -> Result<Vec<String>> {
        let mut columns = Vec::new();
        let mut dirty = Vec::new();
        let mut placed = Vec::new();
        for (stream, segment) in segments {
            let first = sorted.partition_point(|id| segment.begins_after(id));
            let suspects: Vec<(&str, &Label)> = sorted[first..]
                .iter()
                .take_while(|id| segment.spans(id))
                .filter_map(|id| {
                    let (label, checked) = waiting.get(*id)?;
                    (*checked < segment.id).then_some((id.as_str(), label))
                })
                .collect();
            if suspects.is_empty() {
                continue;
            }
            let Some(filter) = self.id_filter(stream, segment.id).await? else {
                continue;
            };
            let suspects: Vec<(&str, &Label)> =
                suspects.into_iter().filter(|(id, _)| filter.may_contain(id_hash(id))).collect();
            if suspects.is_empty() {
                continue;
            }
            if let Some(merged) = self.merge_into(stream, segment, &suspects).await? {
                columns.push((stream.bucket(), segment.id, merged.body));
                dirty.extend(stream.dirty_key().zip(merged.span).map(|((_, key), span)| (key, span)));
                placed.extend(merged.ids);
            }
        }
        if columns.is_empty() {
            return Ok(placed);
        }
        let mut transaction = self.database.begin_exclusive().await?;
        for (bucket, segment, body) in columns {
            // Only where the segment is still there: retention may have taken it meanwhile.
            transaction
                .execute(
                    "INSERT INTO segment_column (bucket, segment_id, name, missing, body)
                     SELECT $1, id, '#label', 0, $3 FROM segment WHERE bucket = $1 AND id = $2
                     ON CONFLICT (bucket, segment_id, name) DO UPDATE SET body = excluded.body",
                    params![bucket, segment, body],
                )
                .await?;
        }
        if let Some(model_id) = segments.first().and_then(|(stream, _)| stream.model_id) {
            mark_dirty(&mut transaction, model_id, dirty).await?;
        }
        transaction.commit().await?;
        Ok(placed)
    }

    async fn merge_into(
        &self,
        stream: &Stream,
        segment: &Segment,
        suspects: &[(&str, &Label)],
    ) -> Result<Option<Merged>> {
        let rows = self
            .database
            .fetch(
                "SELECT name, body FROM segment_column
                 WHERE bucket = $1 AND segment_id = $2 AND name IN ('#id', '#label', '#time')",
                params![stream.bucket(), segment.id],
            )
            .await?;
        let mut blobs: HashMap<String, Vec<u8>> = HashMap::new();
        for row in &rows {
            blobs.insert(row.text(0)?, row.blob(1)?);
        }
        let (Some(ids), Some(times)) = (blobs.get("#id"), blobs.get("#time")) else {
            return Ok(None);
        };
        in_background(|| {
            let times = codec::decode_times(times)?;
            let asked: Vec<&str> = suspects.iter().map(|(id, _)| *id).collect();
            let places = codec::decode_id_column(ids)?.find(&asked);
            let found: Vec<(usize, &Label)> =
                places.iter().zip(suspects).filter_map(|(place, (_, label))| Some(((*place)?, *label))).collect();
            if found.is_empty() {
                return Ok(None);
            }
            let mut column = match blobs.get("#label") {
                Some(blob) => codec::decode_labels(blob)?,
                None => LabelColumn::empty(times.len()),
            };
            let ids = places.iter().zip(&asked).filter(|(p, _)| p.is_some()).map(|(_, id)| id.to_string()).collect();
            let changed = join(&mut column, found.into_iter());
            let span = span_of(changed.iter().map(|row| times[*row]));
            Ok(Some(Merged { body: codec::encode_labels(&column), span, ids }))
        })
    }

    /// The spans of fresh rows that waiting labels speak of: their windows change too. And which labels those are.
    async fn fresh_spans(
        &self,
        streams: &[Stream],
        waiting: &HashMap<String, (Label, i64)>,
    ) -> Result<(Vec<(String, TimeRange)>, HashSet<String>)> {
        let mut spans = Vec::new();
        let mut found = HashSet::new();
        for stream in streams {
            let mut after = 0;
            loop {
                let rows = self
                    .database
                    .fetch(
                        "SELECT seq, body FROM fresh
                         WHERE bucket = $1 AND stream_id = $2 AND seq > $3 ORDER BY seq LIMIT $4",
                        params![stream.bucket(), stream.id, after, FRESH_AT_ONCE],
                    )
                    .await?;
                let read = rows.len() as i64;
                for row in rows {
                    after = row.int(0)?;
                    let batch: EventBatch = codec::decode_rows(&row.blob(1)?)?;
                    let known = batch.ids.into_iter().zip(batch.times).filter(|(id, _)| waiting.contains_key(id));
                    let (ids, times): (Vec<String>, Vec<Timestamp>) = known.unzip();
                    found.extend(ids);
                    let times = times.into_iter();
                    spans.extend(stream.dirty_key().zip(span_of(times)).map(|((_, key), span)| (key, span)));
                }
                if read < FRESH_AT_ONCE {
                    break;
                }
            }
        }
        Ok((spans, found))
    }
}

/// Spans that touch become one: a thousand would cost the evaluator a thousand looks.
fn coalesce(mut spans: Vec<(String, TimeRange)>) -> Vec<(String, TimeRange)> {
    spans.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.from.cmp(&b.1.from)));
    let mut whole: Vec<(String, TimeRange)> = Vec::new();
    for (environment, span) in spans {
        match whole.last_mut().filter(|(known, last)| *known == environment && span.from <= last.to) {
            Some((_, last)) => last.to = last.to.max(span.to),
            None => whole.push((environment, span)),
        }
    }
    whole
}

async fn mark_dirty(transaction: &mut Transaction, model_id: i64, spans: Vec<(String, TimeRange)>) -> Result<()> {
    for (environment, span) in coalesce(spans) {
        transaction
            .execute(
                "INSERT INTO dirty (model_id, environment, from_time, to_time, reason) VALUES ($1, $2, $3, $4, $5)",
                params![model_id, environment, span.from, span.to, LABELS],
            )
            .await?;
    }
    Ok(())
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
        let mut column = LabelColumn::empty(3);
        join(&mut column, [(0, &label("1", 10)), (2, &label("-2.5", 10))].into_iter());
        assert_eq!(column.values.text(2), Some("-2.5".into()));
        assert!(matches!(column.values, ColumnData::Number(_)));
        join(&mut column, [(1, &label("01", 11))].into_iter());
        assert!(matches!(column.values, ColumnData::Category { .. }));
        let texts: Vec<_> = (0..3).map(|row| column.values.text(row).unwrap_or_default()).collect();
        assert_eq!(texts, ["1", "01", "-2.5"]);
    }

    #[test]
    fn spans_that_touch_become_one() {
        let span = |from, to| ("production".to_string(), TimeRange { from: Timestamp(from), to: Timestamp(to) });
        assert_eq!(coalesce(vec![span(5, 9), span(0, 5), span(20, 21)]), [span(0, 9), span(20, 21)]);
    }
}

//! One part of a stream, a segment or a row of the fresh log, as the rows of it that a reading asks for. Both ways must
//! leave the same rows out: a row that compaction moves from the one to the other must neither come nor go.

use std::collections::BTreeSet;

use domain::Timestamp;
use domain::event::{Column, EventBatch};

use crate::catalogue::Segment;
use crate::codec;
use crate::labels::Overlay;
use crate::predicate::Predicate;
use crate::read::{Frame, Read};
use crate::{Result, StoreError};

/// The columns of a segment by name, as they are kept.
pub(crate) type Blobs = Vec<(String, Vec<u8>)>;

/// One of them, which must be there.
pub(crate) fn body_of<'a>(segment: i64, blobs: &'a Blobs, name: &str) -> Result<&'a [u8]> {
    let found = blobs.iter().find(|(known, _)| known == name);
    let lacks = || StoreError::Corrupt(format!("segment {segment} lacks its column {name}"));
    found.map(|(_, body)| body.as_slice()).ok_or_else(lacks)
}

/// The rows of a segment that a reading asks for. What decides about rows is decoded first, all else only of those that
/// are left.
pub(crate) fn decode_segment(segment: &Segment, blobs: &Blobs, read: &Read, overlay: &Overlay) -> Result<Frame> {
    let times = match read.times_needed(segment) {
        true => codec::decode_times(body_of(segment.id, blobs, "#time")?)?,
        false => vec![segment.min; segment.rows.max(0) as usize],
    };
    let rows = times.len();
    let mut frame = Frame { times, ..Frame::default() };
    let joined = read.labels_needed() && overlay.concerns(segment.id);
    let ids = |keep: Option<&[usize]>| -> Result<Vec<String>> {
        let ids = codec::decode_id_column(body_of(segment.id, blobs, "#id")?)?;
        let lacks = || StoreError::Corrupt(format!("segment {} has fewer ids than rows", segment.id));
        match keep {
            Some(keep) => ids.texts_of(keep).ok_or_else(lacks),
            None => Ok(ids.texts()),
        }
    };
    let label = |frame: &mut Frame, keep: Option<&[usize]>| -> Result<()> {
        let mut labels = match blobs.iter().find(|(name, _)| name == "#label") {
            Some((_, body)) => codec::decode_labels(body)?,
            None => codec::LabelColumn::empty(rows),
        };
        if let Some(keep) = keep {
            labels = labels.take(keep);
        }
        lay(frame, labels, overlay, Some(segment.id));
        Ok(())
    };

    // What the store keeps for itself is no column to ask about.
    let deciding = read.predicates.iter().flat_map(Predicate::columns).filter(|name| !name.starts_with('#'));
    let deciding: BTreeSet<&str> = deciding.collect();
    for (name, body) in blobs.iter().filter(|(name, _)| deciding.contains(name.as_str())) {
        frame.columns.push(Column { name: name.clone(), data: codec::decode_column(body)? });
    }
    let labels_decide = read.predicates.iter().any(Predicate::needs_labels);
    if labels_decide {
        frame.ids = if joined { ids(None)? } else { Vec::new() };
        label(&mut frame, None)?;
    }
    let keep = kept(&frame, read);
    let keep = keep.as_deref();
    if let Some(keep) = keep {
        frame = frame.take(keep);
    }
    if frame.times.is_empty() {
        return Ok(Frame::default());
    }

    if frame.ids.is_empty() && (read.ids || joined) {
        frame.ids = ids(keep)?;
    }
    if read.labels && !labels_decide {
        label(&mut frame, keep)?;
    }
    let wanted = |name: &str| !name.starts_with('#') && read.columns.wants(name) && !deciding.contains(name);
    for (name, body) in blobs.iter().filter(|(name, _)| wanted(name)) {
        let data = keep.map_or_else(|| codec::decode_column(body), |keep| codec::decode_some(body, keep))?;
        frame.columns.push(Column { name: name.clone(), data });
    }
    Ok(asked_for(frame, read))
}

/// The same of a row of the fresh log.
pub(crate) fn fresh_frame(batch: EventBatch, read: &Read, overlay: &Overlay) -> Frame {
    let EventBatch { ids, times, mut columns } = batch;
    if let Some(names) = read.names() {
        columns.retain(|c| names.contains(c.name.as_str()));
    }
    let mut frame = Frame { ids, times, columns, ..Frame::default() };
    if read.labels_needed() {
        let none = codec::LabelColumn::empty(frame.times.len());
        lay(&mut frame, none, overlay, None);
    }
    frame.sort_by_time();
    if let Some(keep) = kept(&frame, read) {
        frame = frame.take(&keep);
    }
    asked_for(frame, read)
}

/// Gives rows their labels, those that are merged and those that wait.
fn lay(frame: &mut Frame, mut labels: codec::LabelColumn, overlay: &Overlay, segment: Option<i64>) {
    overlay.apply(segment, &frame.ids, &mut labels);
    frame.label_times = labels.times.iter().map(|t| Timestamp(*t)).collect();
    frame.labels = Some(labels.values);
}

/// The rows that a reading asks for: of its range, that meet its conditions, one in so many. `None` where all are.
fn kept(frame: &Frame, read: &Read) -> Option<Vec<usize>> {
    let inside = frame.times.iter().all(|t| read.range.contains(*t));
    if inside && read.predicates.is_empty() && read.every == 1 {
        return None;
    }
    let rows = (0..frame.times.len()).filter(|row| read.range.contains(frame.times[*row])).collect();
    let rows = read.predicates.iter().fold(rows, |rows, predicate| predicate.holding(frame, rows));
    Some(if read.every > 1 { rows.into_iter().step_by(read.every).collect() } else { rows })
}

/// Without what only helped to decide.
fn asked_for(mut frame: Frame, read: &Read) -> Frame {
    if !read.ids {
        frame.ids = Vec::new();
    }
    if !read.labels {
        frame.labels = None;
        frame.label_times = Vec::new();
    }
    frame.columns.retain(|c| read.columns.wants(&c.name));
    frame
}

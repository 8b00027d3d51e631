//! One event by its id: found by what each segment says of its ids, and read alone.
//!
//! Segments are asked before the fresh log, which costs reading all of it. A row that compaction moves between the
//! two questions would be in neither answer, so segments that came meanwhile are asked last.

use std::sync::Arc;

use domain::event::{Column, EventBatch};
use domain::{TimeRange, Timestamp};

use crate::catalogue::Segment;
use crate::codec::{self, LabelColumn};
use crate::database::params;
use crate::identity::{IdFilter, id_hash};
use crate::labels::Overlay;
use crate::models::Stream;
use crate::parts::{Blobs, body_of, fresh_frame};
use crate::read::{Columns, Frame, Read, beside};
use crate::{Result, Store};

impl Store {
    /// The event of an id, with everything known of it.
    pub async fn read_event(&self, stream: &Stream, id: &str) -> Result<Option<Frame>> {
        // Labels before any column, as in every reading: what is merged meanwhile is then found where it was merged to.
        let labels = async {
            match stream.model_id {
                Some(model_id) => self.label_overlay(model_id).await,
                None => Ok(Overlay::default()),
            }
        };
        let (overlay, before) = tokio::try_join!(labels, self.catalogue(stream))?;
        let holding: Vec<_> = before.holding(id, id).cloned().collect();
        if let Some(found) = self.event_in(stream, &holding, id, &overlay).await? {
            return Ok(Some(found));
        }
        const FRESH: &str =
            "SELECT body FROM fresh WHERE bucket = $1 AND stream_id = $2 AND seq > $3 ORDER BY seq DESC";
        for row in self.database.fetch(FRESH, params![stream.bucket(), stream.id, before.through]).await? {
            let batch: EventBatch = codec::decode_rows(&row.blob(0)?)?;
            if let Some(place) = batch.ids.iter().position(|known| known == id) {
                return Ok(Some(fresh_frame(batch.take(&[place]), &whole(), &overlay)));
            }
        }
        let after = self.catalogue(stream).await?;
        if after.through == before.through {
            return Ok(None);
        }
        let came: Vec<_> = after.holding(id, id).filter(|s| s.id > before.newest).cloned().collect();
        self.event_in(stream, &came, id, &overlay).await
    }

    /// The event of an id in segments that may hold it.
    async fn event_in(
        &self,
        stream: &Stream,
        segments: &[Arc<Segment>],
        id: &str,
        overlay: &Overlay,
    ) -> Result<Option<Frame>> {
        let hash = id_hash(id);
        for segment in segments {
            // Of ids that grow, one segment alone spans each: asking its filter first would cost a reading more.
            if segments.len() > 1 {
                let filter = self.id_filter(stream, segment.id).await?;
                if filter.is_none_or(|filter| !filter.may_contain(hash)) {
                    continue;
                }
            }
            let blobs = self.segment_blobs(stream, std::slice::from_ref(segment), &whole(), overlay).await?;
            let Some(Some(blobs)) = blobs.into_iter().next() else {
                return Ok(None);
            };
            let ids = codec::decode_id_column(body_of(segment.id, &blobs, "#id")?)?;
            if let Some(row) = ids.find(&[id])[0] {
                return one_row(segment.id, &blobs, row, id, overlay).map(Some);
            }
        }
        Ok(None)
    }

    /// The filter of a segment's ids; `None` when the segment is gone.
    pub(crate) async fn id_filter(&self, stream: &Stream, segment: i64) -> Result<Option<Arc<IdFilter>>> {
        if let Some(filter) = self.catalogue.filter(segment) {
            return Ok(Some(filter));
        }
        const SQL: &str = "SELECT id_filter FROM segment WHERE bucket = $1 AND id = $2";
        let Some(row) = self.database.fetch_one(SQL, params![stream.bucket(), segment]).await? else {
            return Ok(None);
        };
        let filter = Arc::new(IdFilter::read(&row.blob(0)?));
        self.catalogue.keep_filter(segment, filter.clone());
        Ok(Some(filter))
    }
}

fn whole() -> Read {
    Read::of(TimeRange::ALL, Columns::All).with_ids().with_labels()
}

fn one_row(segment: i64, blobs: &Blobs, row: usize, id: &str, overlay: &Overlay) -> Result<Frame> {
    let cell = |(name, body): &(String, Vec<u8>)| -> Result<Option<Column>> {
        // Ids, times and labels are not among the event's columns.
        let own = !name.starts_with('#');
        own.then(|| Ok(Column { name: name.clone(), data: codec::decode_some(body, &[row])? })).transpose()
    };
    let columns: Vec<Option<Column>> =
        beside(blobs.iter().collect(), false, cell).into_iter().collect::<Result<_>>()?;
    let time = codec::decode_int(body_of(segment, blobs, "#time")?, row)?;
    let label = blobs.iter().find(|(name, _)| name == "#label");
    let mut label = label.map_or_else(|| Ok(LabelColumn::empty(1)), |(_, body)| codec::decode_label(body, row))?;
    let ids = vec![id.to_string()];
    overlay.apply(Some(segment), &ids, &mut label);
    Ok(Frame {
        ids,
        times: vec![Timestamp(time)],
        columns: columns.into_iter().flatten().collect(),
        label_times: label.times.iter().map(|t| Timestamp(*t)).collect(),
        labels: Some(label.values),
    })
}

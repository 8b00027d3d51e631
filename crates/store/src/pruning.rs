//! Which segments need not be read: what the catalogue and the columns' figures rule out before a body is fetched. What is
//! called possible may turn out to hold nothing; what is called impossible must hold nothing, or rows are lost.

use std::sync::Arc;

use domain::event::EventKind;

use crate::catalogue::Segment;
use crate::database::{Value, params};
use crate::identity::IdFilter;
use crate::models::Stream;
use crate::predicate::Predicate;
use crate::sql::{size_for, with_places};
use crate::{Result, Store, codec, words};

/// Segments whose figures are not asked for first: what is looked at first for the newest rows.
const FEW: usize = 4;

impl Store {
    /// Which segments may hold rows that meet the predicates, by the smallest and greatest value and
    /// the number of missing ones of each column.
    pub(crate) async fn possible(
        &self,
        stream: &Stream,
        segments: &[Arc<Segment>],
        predicates: &[Predicate],
    ) -> Result<Vec<bool>> {
        const SQL: &str = "SELECT segment_id, min_value, max_value, missing FROM segment_column
             WHERE bucket = {} AND name = {} AND segment_id IN ({})";
        let mut possible = self.possible_by_words(stream, segments, predicates).await?;
        // A few are read as soon as they are asked about.
        if segments.len() <= FEW {
            return Ok(possible);
        }
        for predicate in predicates.iter().filter(|p| p.can_prune()) {
            let Some(column) = predicate.columns().first().copied() else {
                continue;
            };
            let size = size_for(segments.len());
            let mut values = params![stream.bucket(), column];
            values.extend((0..size).map(|i| Value::from(segments[i.min(segments.len() - 1)].id)));
            let rows = self.database.fetch(with_places(SQL, &[1, 1, size]), values).await?;
            for (segment, possible) in segments.iter().zip(&mut possible) {
                let mut row = None;
                for candidate in &rows {
                    if candidate.int(0)? == segment.id {
                        row = Some(candidate);
                    }
                }
                *possible &= match row {
                    Some(row) => {
                        let range = row.opt_real(1)?.zip(row.opt_real(2)?);
                        predicate.may_hold(range, row.int(3)?, segment.rows)
                    }
                    // The column is not there at all: missing in every row.
                    None => predicate.may_hold(None, segment.rows, segment.rows),
                };
            }
        }
        Ok(possible)
    }

    /// Which segments may hold the words, or the traces, that the predicates ask for.
    async fn possible_by_words(
        &self,
        stream: &Stream,
        segments: &[Arc<Segment>],
        predicates: &[Predicate],
    ) -> Result<Vec<bool>> {
        const SQL: &str = "SELECT segment_id, body FROM segment_column
             WHERE bucket = {} AND name = {} AND segment_id IN ({})";
        let mut possible = vec![true; segments.len()];
        if !matches!(stream.kind, EventKind::Span | EventKind::Log) {
            return Ok(possible);
        }
        for (filter, alternatives) in predicates.iter().filter_map(Predicate::words) {
            if alternatives.iter().any(Vec::is_empty) {
                continue;
            }
            let may =
                |known: &IdFilter| alternatives.iter().any(|words| words.iter().all(|word| known.may_contain(*word)));
            let mut unknown = Vec::new();
            for (segment, possible) in segments.iter().zip(&mut possible) {
                match self.catalogue.filter(filter_place(segment.id, filter)) {
                    Some(known) => *possible &= may(&known),
                    None => unknown.push(segment.id),
                }
            }
            if unknown.is_empty() {
                continue;
            }
            let size = size_for(unknown.len());
            let mut values = params![stream.bucket(), filter];
            values.extend((0..size).map(|i| Value::from(unknown[i.min(unknown.len() - 1)])));
            for row in self.database.fetch(with_places(SQL, &[1, 1, size]), values).await? {
                let id = row.int(0)?;
                let known = Arc::new(IdFilter::read(codec::decode_filter(&row.blob(1)?)?));
                for (segment, possible) in segments.iter().zip(&mut possible) {
                    if segment.id == id {
                        *possible &= may(&known);
                    }
                }
                self.catalogue.keep_filter(filter_place(id, filter), known);
            }
        }
        Ok(possible)
    }
}

/// Where the catalogue keeps a filter of a segment that is not the one over its ids.
fn filter_place(segment: i64, filter: &str) -> i64 {
    if filter == words::WORDS { -2 * segment } else { -2 * segment - 1 }
}

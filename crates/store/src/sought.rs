//! Many ids that are looked for at once: which of them may lie in which segment, without asking every segment for
//! every id. What is written costs no more for all that was kept before.

use std::sync::Arc;

use crate::catalogue::{Segment, Segments, id_order};

/// Ids, each with what its asker knows it by.
pub(crate) struct Sought<'a, T> {
    ids: Vec<(&'a str, T)>,
}

impl<'a, T: Copy> Sought<'a, T> {
    pub(crate) fn new(ids: Vec<(&'a str, T)>) -> Sought<'a, T> {
        Sought { ids }
    }

    /// The segments that may hold some of them, of those that are chosen. [`Sought::within`] tells which.
    pub(crate) fn segments(&mut self, of: &Segments, chosen: impl Fn(&Segment) -> bool) -> Vec<Arc<Segment>> {
        let low = self.ids.iter().map(|(id, _)| *id).min_by(|a, b| id_order(a, b));
        let high = self.ids.iter().map(|(id, _)| *id).max_by(|a, b| id_order(a, b));
        let Some((low, high)) = low.zip(high) else { return Vec::new() };
        let found: Vec<_> = of.holding(low, high).filter(|s| chosen(s)).cloned().collect();
        if !found.is_empty() {
            self.ids.sort_unstable_by(|a, b| id_order(a.0, b.0));
        }
        found
    }

    /// Those between the smallest and the greatest id of a segment that [`Sought::segments`] gave.
    pub(crate) fn within(&self, segment: &Segment) -> &[(&'a str, T)] {
        let first = self.ids.partition_point(|(id, _)| segment.begins_after(id));
        let end = self.ids.partition_point(|(id, _)| !segment.ends_before(id));
        self.ids.get(first..end).unwrap_or_default()
    }
}

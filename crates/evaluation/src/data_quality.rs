//! Whether the rows are what they were agreed to be: present, of their type, in their range.

use domain::event::ColumnData;
use domain::evidence::DataQuality;
use domain::verdict::{ColumnVerdict, Estimate};

use crate::Rows;
use crate::reference::{Reference, display_name};
use crate::share::share_of_some;

/// Of the columns' verdicts and the rows they were made from.
pub fn data_quality(
    reference: Option<&Reference>,
    columns: &[ColumnVerdict],
    rows: &Rows,
    duplicates: Option<Estimate>,
) -> DataQuality {
    let features = || rows.columns.iter().filter(|c| c.name.starts_with("feature."));
    let n = rows.times.len() as u64;
    let (mut gaps, mut cells) = (0, 0);
    for column in features() {
        gaps += column.data.missing() as u64;
        cells += n;
    }
    let sum = |of: &dyn Fn(&ColumnVerdict) -> u64| -> u64 { columns.iter().map(of).sum() };
    let present = sum(&|c| c.n_current);
    let named = |which: &dyn Fn(&ColumnVerdict) -> bool| -> Vec<String> {
        columns.iter().filter(|c| which(c)).map(|c| c.name.clone()).collect()
    };
    let (mut absent, mut added) = (Vec::new(), Vec::new());
    if let (Some(reference), true) = (reference, n > 0) {
        let known = |name: &str| reference.columns.iter().any(|c| c.column == name);
        let gone = |name: &str| rows.column(name).is_none_or(|data| data.missing() == data.len());
        absent = reference
            .columns
            .iter()
            .filter(|c| c.column.starts_with("feature.") && c.values.n() > 0 && gone(&c.column))
            .map(|c| c.name.clone())
            .collect();
        added = features()
            .filter(|c| {
                !known(&c.name) && !matches!(c.data, ColumnData::Vector { .. }) && c.data.missing() < c.data.len()
            })
            .map(|c| display_name(&c.name))
            .collect();
    }
    DataQuality {
        missing: share_of_some(gaps, cells),
        out_of_range: reference.and(share_of_some(sum(&|c| c.out_of_range), present)),
        unseen: reference.and(share_of_some(sum(&|c| c.unseen), present)),
        duplicates,
        absent,
        added,
        constant: named(&|c| c.constant),
        retyped: named(&|c| c.retyped),
    }
}

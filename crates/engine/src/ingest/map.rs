//! A table's columns become what the model's schema says they are.

use std::collections::HashMap;

use domain::Timestamp;
use domain::event::{Column, ColumnData, ColumnRole, EventBatch, LabelBatch, LabelSource};
use domain::model::{Mapping, Model, Schema, infer_schema};
use domain::problem::LineError;

use super::cells::{Cell, Cells, Table};
use super::{Replay, classes_in};
use crate::{EngineError, Result};

const ID_MAX: usize = 256;

pub struct Mapped {
    pub events: EventBatch,
    pub labels: LabelBatch,
    pub errors: Vec<LineError>,
}

/// The class that counts as “yes”, from predictions and labels.
pub fn positive_class(schema: &Schema, columns: &[(String, ColumnData)]) -> Option<String> {
    let column = |role: ColumnRole| {
        let field = schema.fields.iter().find(|f| f.role == role)?;
        columns.iter().find(|(name, _)| *name == field.name).map(|(_, data)| data)
    };
    column(ColumnRole::Prediction).or_else(|| column(ColumnRole::Label)).and_then(classes_in)
}

fn time_of(cell: Cell) -> Option<Timestamp> {
    match cell {
        Cell::Missing => None,
        Cell::Int(value) => Timestamp::from_epoch_number(value as f64),
        Cell::Number(value) => Timestamp::from_epoch_number(value),
        Cell::Text(text) => Timestamp::parse(text),
    }
}

/// The role of each column of this table: what was said with this body, then the model's schema.
fn roles(table: &Table, schema: &Schema, mapping: &Mapping) -> Result<Vec<ColumnRole>> {
    if *mapping == Mapping::default() {
        let known = table.columns().iter().map(|(name, _)| schema.field(name).map(|f| f.role.clone()));
        if let Some(roles) = known.collect() {
            return Ok(roles);
        }
    }
    let said = infer_schema(&table.typed(), mapping).map_err(EngineError::Invalid)?;
    let explicit = |name: &str| {
        [&mapping.id, &mapping.timestamp, &mapping.prediction, &mapping.label]
            .iter()
            .any(|m| m.as_deref() == Some(name))
            || mapping.ignore.iter().any(|n| n == name)
            || mapping.probability.iter().any(|p| p.split('=').next_back() == Some(name))
    };
    Ok(table
        .columns()
        .iter()
        .map(|(name, _)| {
            let inferred = said.field(name).map(|f| f.role.clone()).unwrap_or(ColumnRole::Ignored);
            if explicit(name) { inferred } else { schema.field(name).map_or(inferred, |f| f.role.clone()) }
        })
        .collect())
}

fn find<'a>(table: &'a Table, roles: &[ColumnRole], role: &ColumnRole) -> Option<(&'a str, &'a Cells)> {
    let place = roles.iter().position(|r| r == role)?;
    let (name, cells) = &table.columns()[place];
    Some((name, cells))
}

fn id_of(cell: Cell) -> std::result::Result<String, String> {
    match cell.text().filter(|t| !t.is_empty()) {
        None => Err("the prediction id is missing".into()),
        Some(id) if id.len() > ID_MAX => Err(format!("the prediction id has {} bytes; {ID_MAX} are allowed", id.len())),
        Some(id) => Ok(id.into_owned()),
    }
}

/// Rows as events of the model, with the labels that travel in them. A row whose id or time cannot
/// be read, or that holds an infinite number, is reported and left out.
pub fn events(
    table: &Table,
    model: &Model,
    mapping: &Mapping,
    baseline: bool,
    now: Timestamp,
    shift: Option<Replay>,
) -> Result<Mapped> {
    let roles = roles(table, &model.schema, mapping)?;
    let ids = find(table, &roles, &ColumnRole::Id);
    if ids.is_none() && !baseline {
        let names: Vec<&str> = table.columns().iter().map(|(n, _)| n.as_str()).take(40).collect();
        return Err(EngineError::Invalid(format!(
            "no column holds the prediction id; name it with “id”. The columns are {}",
            names.join(", ")
        )));
    }
    let times = find(table, &roles, &ColumnRole::Timestamp);
    let mut errors = Vec::new();
    let mut keep = Vec::with_capacity(table.rows());
    let mut batch = EventBatch::default();
    let infinite: Vec<&(String, Cells)> = table.columns().iter().filter(|(_, cells)| cells.any_infinite()).collect();
    for row in 0..table.rows() {
        let line = table.lines()[row];
        let mut refuse = |field: Option<&str>, reason: String| {
            errors.push(LineError { line, field: field.map(String::from), reason });
        };
        let id = match ids {
            Some((name, cells)) => match id_of(cells.get(row)) {
                Ok(id) => id,
                Err(reason) => {
                    refuse(Some(name), reason);
                    continue;
                }
            },
            None => format!("row-{line}"),
        };
        let time = match times {
            Some((name, cells)) => match time_of(cells.get(row)) {
                Some(time) => shift.map_or(time, |s| s.apply(time)),
                None => {
                    let shown: String = cells.get(row).text().unwrap_or_default().chars().take(60).collect();
                    refuse(Some(name), format!("“{shown}” is no time; send RFC 3339, or seconds since 1970"));
                    continue;
                }
            },
            // A baseline without times keeps its order.
            None if baseline => Timestamp(now.0 - 1_000_000_000 + line as i64),
            None => now,
        };
        if let Some((name, _)) = infinite.iter().find(|(_, cells)| cells.is_infinite(row)) {
            refuse(Some(name), "the number is infinite; send it as missing".into());
            continue;
        }
        batch.ids.push(id);
        batch.times.push(time);
        keep.push(row);
    }
    let some = (keep.len() < table.rows()).then_some(keep.as_slice());
    for ((name, cells), role) in table.columns().iter().zip(&roles) {
        let Some(column) = role.column() else {
            continue;
        };
        let field = model.schema.field(name);
        let class = *role == ColumnRole::Prediction && model.task.is_classification();
        let member = matches!(role, ColumnRole::Member(_)) && model.task.is_classification();
        let text = matches!(
            role,
            ColumnRole::Group(_)
                | ColumnRole::TraceId
                | ColumnRole::SessionId
                | ColumnRole::InputId
                | ColumnRole::Version
                | ColumnRole::Ranking
                | ColumnRole::Text
        );
        let categorical = matches!(role, ColumnRole::Feature(_)) && field.is_some_and(|f| !f.numeric);
        let vectors = matches!(role, ColumnRole::Feature(_)).then(|| embedding(cells, &keep)).flatten();
        let data = vectors.unwrap_or_else(|| cells.typed(some, class || member || text || categorical));
        batch.columns.push(Column { name: column, data });
    }
    let labels = match find(table, &roles, &ColumnRole::Label) {
        None => LabelBatch::default(),
        Some((_, cells)) => {
            let label_times = find(table, &roles, &ColumnRole::LabelTime).map(|(_, cells)| cells);
            collect_labels(&batch.ids, &keep, cells, label_times, |i| batch.times[i], shift)
        }
    };
    Ok(Mapped { events: batch, labels, errors })
}

fn collect_labels(
    ids: &[String],
    rows: &[usize],
    cells: &Cells,
    times: Option<&Cells>,
    default: impl Fn(usize) -> Timestamp,
    shift: Option<Replay>,
) -> LabelBatch {
    let mut labels = LabelBatch { source: LabelSource::Api, ..LabelBatch::default() };
    for (i, row) in rows.iter().enumerate() {
        let Some(value) = cells.get(*row).text() else {
            continue;
        };
        let said = times.and_then(|t| time_of(t.get(*row))).map(|t| shift.map_or(t, |s| s.apply(t)));
        labels.ids.push(ids[i].clone());
        labels.values.push(value.into_owned());
        labels.times.push(said.unwrap_or_else(|| default(i)));
    }
    labels
}

/// Rows as labels: an id, a truth, and when it became known (arrival, if not said).
pub fn labels(
    table: &Table,
    mapping: &Mapping,
    now: Timestamp,
    shift: Option<Replay>,
) -> Result<(LabelBatch, Vec<LineError>)> {
    // What was said of the predictions' columns does not bind a file of labels.
    let here = |name: &Option<String>| name.clone().filter(|n| table.column(n).is_some());
    let mapping = Mapping { id: here(&mapping.id), label: here(&mapping.label), ..Mapping::default() };
    let roles = roles(table, &Schema::default(), &mapping)?;
    let missing = |what: &str, option: &str| {
        let names: Vec<&str> = table.columns().iter().map(|(n, _)| n.as_str()).take(40).collect();
        EngineError::Invalid(format!(
            "no column holds the {what}; name it with “{option}”. The columns are {}",
            names.join(", ")
        ))
    };
    let (id_name, ids) = find(table, &roles, &ColumnRole::Id).ok_or_else(|| missing("prediction id", "id"))?;
    let (label_name, values) = find(table, &roles, &ColumnRole::Label).ok_or_else(|| missing("label", "label"))?;
    let times = find(table, &roles, &ColumnRole::LabelTime).map(|(_, cells)| cells);
    let mut errors = Vec::new();
    let (mut kept_ids, mut rows) = (Vec::new(), Vec::new());
    for row in 0..table.rows() {
        let line = table.lines()[row];
        let problem = match (id_of(ids.get(row)), values.get(row)) {
            (Err(reason), _) => Some((id_name, reason)),
            (Ok(_), Cell::Missing) => Some((label_name, "the label is missing".to_string())),
            (Ok(id), _) => {
                kept_ids.push(id);
                rows.push(row);
                None
            }
        };
        if let Some((field, reason)) = problem {
            errors.push(LineError { line, field: Some(field.to_string()), reason });
        }
    }
    Ok((collect_labels(&kept_ids, &rows, values, times, |_| now, shift), errors))
}

/// Cells that are all JSON lists of numbers of one length are embedding vectors.
fn embedding(cells: &Cells, keep: &[usize]) -> Option<ColumnData> {
    let list = |row: &usize| matches!(cells.get(*row), Cell::Text(text) if text.starts_with('['));
    if !keep.iter().any(list) {
        return None;
    }
    let mut lengths: HashMap<usize, ()> = HashMap::new();
    let mut rows: Vec<Option<Vec<f32>>> = Vec::with_capacity(keep.len());
    for row in keep {
        match cells.get(*row) {
            Cell::Missing => rows.push(None),
            Cell::Text(text) if text.starts_with('[') => {
                let values: Vec<f32> = serde_json::from_str(text).ok()?;
                lengths.insert(values.len(), ());
                rows.push(Some(values));
            }
            _ => return None,
        }
    }
    let dimension = *lengths.keys().next().filter(|d| lengths.len() == 1 && **d > 0)?;
    let values = rows.into_iter().flat_map(|row| row.unwrap_or_else(|| vec![f32::NAN; dimension])).collect();
    Some(ColumnData::Vector { dimension: dimension as u32, values })
}

//! Out again: predictions with their labels, and verdicts, as tables in Parquet, CSV or NDJSON, a page at a time.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use domain::event::{ColumnData, EventKind};
use domain::telemetry::QueryView;
use domain::verdict::WindowReport;
use domain::{Action, Actor, Object, TimeRange, Timestamp};
use parquet::arrow::ArrowWriter;
use serde_json::{Map, Value, json};
use store::{Columns, Read};

use crate::telemetry::{cursor, next_cursor};
use crate::{Engine, EngineError, Result};

/// Rows of one page at most, and where nobody says.
pub const ROWS_MAX: usize = 100_000;
pub const ROWS_DEFAULT: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Ndjson,
    Csv,
    Parquet,
}

impl Format {
    /// # Errors
    /// A name that is none of the three.
    pub fn parse(text: &str) -> Result<Format> {
        match text {
            "" | "ndjson" | "jsonl" => Ok(Format::Ndjson),
            "csv" => Ok(Format::Csv),
            "parquet" => Ok(Format::Parquet),
            _ => Err(EngineError::Invalid("the format is ndjson, csv or parquet".into())),
        }
    }

    /// Of a file's name.
    pub fn ending(self) -> &'static str {
        match self {
            Format::Ndjson => "ndjson",
            Format::Csv => "csv",
            Format::Parquet => "parquet",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Format::Ndjson => "application/x-ndjson",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Parquet => "application/vnd.apache.parquet",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Cells {
    Times(Vec<Option<i64>>),
    Numbers(Vec<Option<f64>>),
    Words(Vec<Option<String>>),
}

/// Columns of equal length, with their names.
#[derive(Debug, Clone, Default, PartialEq)]
struct Sheet(Vec<(String, Cells)>);

impl Sheet {
    fn rows(&self) -> usize {
        self.0.first().map_or(0, |(_, cells)| match cells {
            Cells::Times(v) => v.len(),
            Cells::Numbers(v) => v.len(),
            Cells::Words(v) => v.len(),
        })
    }

    fn value(cells: &Cells, row: usize) -> Value {
        match cells {
            Cells::Times(v) => v[row].map_or(Value::Null, |t| json!(Timestamp(t).to_string())),
            Cells::Numbers(v) => v[row].map_or(Value::Null, |n| json!(n)),
            Cells::Words(v) => v[row].as_ref().map_or(Value::Null, |w| json!(w)),
        }
    }

    fn write(&self, format: Format) -> Result<Vec<u8>> {
        let broken =
            |e: &dyn std::fmt::Display| EngineError::Unanswerable(format!("the table could not be written: {e}"));
        match format {
            Format::Ndjson => {
                let mut out = Vec::new();
                for row in 0..self.rows() {
                    let object: Map<String, Value> =
                        self.0.iter().map(|(name, cells)| (name.clone(), Self::value(cells, row))).collect();
                    serde_json::to_writer(&mut out, &object).map_err(|e| broken(&e))?;
                    out.push(b'\n');
                }
                Ok(out)
            }
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(Vec::new());
                writer.write_record(self.0.iter().map(|(name, _)| guarded(name))).map_err(|e| broken(&e))?;
                for row in 0..self.rows() {
                    let cells = self.0.iter().map(|(_, cells)| match Self::value(cells, row) {
                        Value::Null => String::new(),
                        Value::String(text) => guarded(&text),
                        other => other.to_string(),
                    });
                    writer.write_record(cells).map_err(|e| broken(&e))?;
                }
                writer.into_inner().map_err(|e| broken(&e))
            }
            Format::Parquet => {
                let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) =
                    self.0.iter().map(|(name, cells)| arrow(name, cells)).unzip();
                let schema = Arc::new(Schema::new(fields));
                let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(|e| broken(&e))?;
                let mut writer = ArrowWriter::try_new(Vec::new(), schema, None).map_err(|e| broken(&e))?;
                writer.write(&batch).map_err(|e| broken(&e))?;
                writer.into_inner().map_err(|e| broken(&e))
            }
        }
    }
}

/// A text that a spreadsheet would take for a formula begins with a quote here: what is in it is a stranger's.
fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '@', '\t', '\r']) || (text.starts_with('-') && text.parse::<f64>().is_err()) {
        format!("'{text}")
    } else {
        text.to_string()
    }
}

fn arrow(name: &str, cells: &Cells) -> (Field, ArrayRef) {
    let (kind, array): (DataType, ArrayRef) = match cells {
        Cells::Times(v) => {
            let array = TimestampMicrosecondArray::from(v.clone()).with_timezone("UTC");
            (DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), Arc::new(array))
        }
        Cells::Numbers(v) => (DataType::Float64, Arc::new(Float64Array::from(v.clone()))),
        Cells::Words(v) => (DataType::Utf8, Arc::new(StringArray::from(v.clone()))),
    };
    (Field::new(name, kind, true), array)
}

fn words(data: &ColumnData) -> Cells {
    Cells::Words((0..data.len()).map(|row| data.text(row)).collect())
}

fn column(data: &ColumnData) -> Cells {
    match data {
        ColumnData::Number(values) => Cells::Numbers(values.iter().map(|v| (!v.is_nan()).then_some(*v)).collect()),
        other => words(other),
    }
}

/// Instants in a column, and each line beside them.
fn beside_instants(view: &QueryView) -> Sheet {
    let points = view.lines.iter().map(|line| line.values.len()).max().unwrap_or(0);
    let at = |i: usize| Some(view.from.0 + (i as f64 * view.step * 1e6) as i64);
    let mut sheet = vec![("time".to_string(), Cells::Times((0..points).map(at).collect()))];
    sheet.extend(view.lines.iter().map(|line| (line.label.clone(), Cells::Numbers(line.values.clone()))));
    Sheet(sheet)
}

impl Engine {
    /// The lines that a query gives over a range, as Explore shows them: a row an instant, a column a line.
    ///
    /// # Errors
    /// Not allowed; a query that cannot be read or answered.
    pub async fn export_query(&self, actor: &Actor, query: &str, range: TimeRange, format: Format) -> Result<Vec<u8>> {
        let view = self.query_view(actor, query, range).await?;
        tokio::task::block_in_place(|| beside_instants(&view).write(format))
    }

    /// A page of predictions with their labels, oldest first, and what asks for the next page.
    ///
    /// # Errors
    /// Not allowed; no such model; a cursor that is none.
    pub async fn export_predictions(
        &self,
        actor: &Actor,
        model: &str,
        environment: &str,
        range: TimeRange,
        format: Format,
        (from, limit): (Option<&str>, usize),
    ) -> Result<(Vec<u8>, Option<String>)> {
        self.may(actor, Action::View, &Object::Model(model.to_string()))?;
        let known = self.known_model(model).await?;
        let limit = limit.clamp(1, ROWS_MAX);
        let before = cursor(from)?;
        let mut range = range;
        let skip = before.map_or(0, |(at, skip)| {
            range.from = range.from.max(at);
            skip
        });
        let Some(stream) = self.store.existing_stream(known.id, EventKind::Prediction, environment).await? else {
            return Ok((Sheet::default().write(Format::Ndjson)?, None));
        };
        let read = Read::of(range, Columns::All).with_ids().with_labels();
        let frame = self.store.oldest_events(&stream, &read, limit + skip + 1).await?;
        let more = frame.rows() > limit + skip;
        let frame = frame.slice(skip.min(frame.rows()), frame.rows().min(limit + skip));
        let next = if more { next_cursor(&frame.times, before) } else { None };
        let body = tokio::task::block_in_place(|| {
            let mut sheet = Sheet(vec![
                ("prediction_id".into(), Cells::Words(frame.ids.iter().cloned().map(Some).collect())),
                ("timestamp".into(), Cells::Times(frame.times.iter().map(|t| Some(t.0)).collect())),
            ]);
            sheet.0.extend(frame.columns.iter().map(|c| (c.name.clone(), column(&c.data))));
            if let Some(labels) = &frame.labels {
                let known = |t: &Timestamp| (*t != Timestamp::MIN).then_some(t.0);
                sheet.0.push(("label".into(), words(labels)));
                sheet.0.push(("label_time".into(), Cells::Times(frame.label_times.iter().map(known).collect())));
            }
            sheet.write(format)
        })?;
        Ok((body, next))
    }

    /// Verdicts as a table: a row for each measure of quality and each test of each column of each window. The
    /// next page begins after the last window of this one.
    ///
    /// # Errors
    /// As [`Engine::export_predictions`].
    pub async fn export_verdicts(
        &self,
        actor: &Actor,
        model: &str,
        environment: &str,
        range: TimeRange,
        format: Format,
        (from, limit): (Option<&str>, usize),
    ) -> Result<(Vec<u8>, Option<String>)> {
        let mut range = range;
        if let Some((at, _)) = cursor(from)? {
            range.from = range.from.max(at.plus(1));
        }
        let reports = self.windows(actor, model, environment, range, false).await?;
        let limit = limit.clamp(1, ROWS_MAX);
        let mut rows = 0;
        let taken = reports.iter().take_while(|report| {
            let fits = rows < limit;
            rows += lines(report);
            fits
        });
        let taken: Vec<&WindowReport> = taken.collect();
        let next =
            (taken.len() < reports.len()).then(|| taken.last().map(|r| format!("{}-0", r.range.from.0))).flatten();
        Ok((tokio::task::block_in_place(|| verdicts(&taken).write(format))?, next))
    }
}

fn lines(report: &WindowReport) -> usize {
    let tests: usize = report.columns.iter().map(|c| c.tests.len()).sum();
    (report.quality.as_ref().map_or(0, |q| q.metrics.len()) + tests).max(1)
}

fn verdicts(reports: &[&WindowReport]) -> Sheet {
    let (mut from, mut to) = (Vec::new(), Vec::new());
    let mut texts: [Vec<Option<String>>; 6] = Default::default();
    let mut numbers: [Vec<Option<f64>>; 9] = Default::default();
    let mut add = |report: &WindowReport, words: [Option<&str>; 4], figures: [Option<f64>; 7]| {
        from.push(Some(report.range.from.0));
        to.push(Some(report.range.to.0));
        let state = json!(report.state).as_str().map(String::from);
        texts[0].push(state);
        words.into_iter().zip(&mut texts[1..5]).for_each(|(w, column)| column.push(w.map(String::from)));
        texts[5].push(Some(report.sentence.clone()));
        numbers[0].push(Some(report.rows as f64));
        numbers[1].push(Some(f64::from(report.revision)));
        let finite = figures.into_iter().map(|f| f.filter(|v| v.is_finite()));
        finite.zip(&mut numbers[2..]).for_each(|(f, column)| column.push(f));
    };
    for report in reports {
        let mut any = false;
        for metric in report.quality.iter().flat_map(|q| &q.metrics) {
            any = true;
            let e = &metric.estimate;
            let figures = [Some(e.value), Some(e.low), Some(e.high), Some(e.n as f64), None, None, None];
            add(report, [Some("quality"), None, Some(&metric.name), None], figures);
        }
        for column in &report.columns {
            for test in &column.tests {
                any = true;
                let n = Some(column.n_current as f64);
                let figures = [test.statistic, None, None, n, test.p_value, test.p_adjusted, Some(test.threshold)];
                let drifted = Some(if test.drifted { "drifted" } else { "not drifted" });
                add(report, [Some("drift"), Some(&column.column), Some(&test.name), drifted], figures);
            }
        }
        if !any {
            add(report, [Some("none"), None, None, None], [None; 7]);
        }
    }
    let [state, kind, column, measure, finding, sentence] = texts;
    let [rows, revision, value, low, high, n, p, p_adjusted, threshold] = numbers;
    let word = |name: &str, cells| (name.to_string(), Cells::Words(cells));
    let number = |name: &str, cells| (name.to_string(), Cells::Numbers(cells));
    Sheet(vec![
        ("from".into(), Cells::Times(from)),
        ("to".into(), Cells::Times(to)),
        word("state", state),
        number("revision", revision),
        number("rows", rows),
        word("kind", kind),
        word("column", column),
        word("measure", measure),
        number("value", value),
        number("low", low),
        number("high", high),
        number("n", n),
        number("p_value", p),
        number("p_adjusted", p_adjusted),
        number("threshold", threshold),
        word("finding", finding),
        word("sentence", sentence),
    ])
}

#[cfg(test)]
mod tests {
    use domain::telemetry::QueryLine;

    use super::*;

    fn sheet() -> Sheet {
        Sheet(vec![
            ("at".into(), Cells::Times(vec![Some(1_700_000_000_000_000), None])),
            ("x".into(), Cells::Numbers(vec![Some(0.5), None])),
            ("w".into(), Cells::Words(vec![Some("=1+1".into()), Some("a,\"b\"".into())])),
        ])
    }

    #[test]
    fn the_three_formats_say_the_same() {
        let text = |format| String::from_utf8(sheet().write(format).expect("writes")).expect("text");
        assert_eq!(text(Format::Csv), "at,x,w\n2023-11-14T22:13:20Z,0.5,'=1+1\n,,\"a,\"\"b\"\"\"\n");
        let first: Value = serde_json::from_str(text(Format::Ndjson).lines().next().expect("a line")).expect("JSON");
        assert_eq!(first, json!({"at": "2023-11-14T22:13:20Z", "x": 0.5, "w": "=1+1"}));
        let bytes = sheet().write(Format::Parquet).expect("writes");
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes));
        let batch = reader.expect("reads").build().expect("reads").next().expect("rows").expect("rows");
        assert_eq!((batch.num_rows(), batch.num_columns()), (2, 3));
    }

    #[test]
    fn lines_stand_beside_their_instants_and_a_gap_is_an_empty_cell() {
        let line = |label: &str, values: [Option<f64>; 2]| QueryLine {
            label: label.into(),
            values: values.to_vec(),
            ..QueryLine::default()
        };
        let view = QueryView {
            query: "q".into(),
            lines: vec![line("=a", [Some(1.5), None]), line("b", [Some(-2.0), Some(3.0)])],
            unit: String::new(),
            step: 0.5,
            from: Timestamp(0),
            to: Timestamp(1_000_000),
            left_out: 0,
        };
        let text = String::from_utf8(beside_instants(&view).write(Format::Csv).expect("writes")).expect("text");
        assert_eq!(text, "time,'=a,b\n1970-01-01T00:00:00Z,1.5,-2.0\n1970-01-01T00:00:00.5Z,,3.0\n");
    }

    #[test]
    fn a_negative_number_is_no_formula() {
        assert_eq!(guarded("-1.5"), "-1.5");
        assert_eq!(guarded("-cmd"), "'-cmd");
    }
}

//! Bodies as tables, a piece at a time: NDJSON, a JSON array, CSV, Parquet, Arrow; gzip or zstd around any.
//!
//! A body is hostile until decoded: its size when unpacked is bounded, a wrong line is reported and
//! skipped, and the format is known by the first bytes when nobody says it.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_cast::cast;
use arrow_ipc::reader::StreamDecoder;
use arrow_schema::DataType;
use domain::problem::LineError;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::cells::{COLUMNS_MAX, Cell, Cells, PIECE_ROWS, Table};
use super::json;
use crate::{EngineError, Result};

/// Bytes of a body once unpacked.
const UNPACKED_MAX: u64 = 4 << 30;
/// Bytes of one line or JSON row.
const LINE_MAX: usize = 8 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Ndjson,
    JsonArray,
    Csv,
    Parquet,
    /// A stream of Arrow IPC.
    Arrow,
}

impl Format {
    /// From a media type; `None` for those that say nothing (octet-stream, none).
    ///
    /// # Errors
    /// A type that is certainly none of the four.
    pub fn from_media_type(media: Option<&str>) -> Result<Option<Format>> {
        let kind = media.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Ok(match kind.as_str() {
            "" | "application/octet-stream" | "application/x-www-form-urlencoded" | "text/plain" => None,
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines" => {
                Some(Format::Ndjson)
            }
            // Both an array and lines travel under this name: look.
            "application/json" => None,
            "text/csv" | "application/csv" => Some(Format::Csv),
            "application/vnd.apache.parquet" | "application/parquet" | "application/x-parquet" => Some(Format::Parquet),
            "application/vnd.apache.arrow.stream" => Some(Format::Arrow),
            other => {
                let shown: String = other.chars().take(80).collect();
                return Err(EngineError::Invalid(format!(
                    "the content type “{shown}” is none of NDJSON, JSON, CSV, Parquet and Arrow; leave it out to have the body recognised"
                )));
            }
        })
    }
}

pub type Pieces = Box<dyn Iterator<Item = Result<Table>> + Send>;

/// Opens a body as an iterator of tables of at most [`PIECE_ROWS`] rows.
///
/// # Errors
/// An empty body; a body whose first bytes are of no known format.
pub fn tables(format: Option<Format>, body: Box<dyn Read + Send>) -> Result<Pieces> {
    let mut reader = BufReader::with_capacity(1 << 16, body);
    let head = reader.fill_buf().map_err(unreadable)?;
    if head.starts_with(&[0x1f, 0x8b]) {
        let unpacked = flate2::bufread::MultiGzDecoder::new(reader);
        return open(format, BufReader::with_capacity(1 << 16, Box::new(unpacked)));
    }
    if head.starts_with(&ZSTD) {
        let mut unpacked = zstd::stream::read::Decoder::with_buffer(reader).map_err(unreadable)?;
        // What a sender may ask of memory: 128 MiB.
        unpacked.window_log_max(27).map_err(unreadable)?;
        return open(format, BufReader::with_capacity(1 << 16, Box::new(unpacked)));
    }
    open(format, reader)
}

/// How a body packed by zstd begins.
pub(super) const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// How a stream of Arrow begins: the mark before each message.
const ARROW: [u8; 4] = [0xff, 0xff, 0xff, 0xff];

fn open(format: Option<Format>, mut reader: BufReader<Box<dyn Read + Send>>) -> Result<Pieces> {
    let head = reader.fill_buf().map_err(unreadable)?;
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let first = head.iter().copied().find(|b| !b.is_ascii_whitespace());
    let found = match first {
        None => {
            return Err(EngineError::Invalid(
                "the body is empty; send rows as NDJSON, JSON, CSV, Parquet or Arrow".into(),
            ));
        }
        Some(b'[') => Format::JsonArray,
        Some(b'{') => Format::Ndjson,
        Some(_) if head.starts_with(b"PAR1") => Format::Parquet,
        Some(_) if head.starts_with(&ARROW) => Format::Arrow,
        Some(byte) if byte.is_ascii_graphic() => Format::Csv,
        Some(_) => {
            return Err(EngineError::Invalid(
                "the body’s first bytes are of none of NDJSON, JSON, CSV, Parquet, Arrow, gzip and zstd".into(),
            ));
        }
    };
    let limited = reader.take(UNPACKED_MAX);
    match format.unwrap_or(found) {
        Format::Parquet => Ok(Box::new(ParquetPieces::open(limited)?)),
        Format::Arrow => Ok(Box::new(ArrowPieces::open(limited)?)),
        Format::Csv => CsvPieces::open(limited),
        // What a person calls NDJSON and begins with a bracket is an array.
        Format::Ndjson | Format::JsonArray if found == Format::JsonArray => Ok(Box::new(ArrayPieces::new(limited))),
        Format::Ndjson | Format::JsonArray => {
            Ok(Box::new(LinePieces { reader: Box::new(limited), line: 0, done: false }))
        }
    }
}

fn unreadable(error: std::io::Error) -> EngineError {
    EngineError::Invalid(format!("the body could not be read to its end: {error}"))
}

/// Whether a piece has grown enough to be handed on.
fn full(table: &Table) -> bool {
    table.rows() >= PIECE_ROWS || table.errors.len() >= PIECE_ROWS
}

struct LinePieces {
    reader: Box<dyn BufRead + Send>,
    line: u64,
    done: bool,
}

impl Iterator for LinePieces {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let mut table = Table::default();
        let mut buffer = Vec::new();
        while !full(&table) {
            buffer.clear();
            let read = (&mut self.reader).take(LINE_MAX as u64 + 1).read_until(b'\n', &mut buffer);
            match read {
                Err(error) => {
                    self.done = true;
                    table.errors.push(LineError {
                        line: self.line + 1,
                        field: None,
                        reason: unreadable(error).to_string(),
                    });
                    break;
                }
                Ok(0) => {
                    self.done = true;
                    break;
                }
                Ok(_) => {}
            }
            self.line += 1;
            if buffer.len() > LINE_MAX {
                self.done = true;
                let reason = format!("the line is longer than {LINE_MAX} bytes; nothing after it was read");
                table.errors.push(LineError { line: self.line, field: None, reason });
                break;
            }
            let text = buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&buffer);
            if !text.iter().all(u8::is_ascii_whitespace) {
                json::push(&mut table, self.line, text);
            }
        }
        (table.rows() > 0 || !table.errors.is_empty()).then_some(Ok(table))
    }
}

/// A JSON array read element by element, never held whole.
struct ArrayPieces<R: Read> {
    bytes: std::io::Bytes<BufReader<R>>,
    row: u64,
    state: ArrayState,
}

#[derive(PartialEq)]
enum ArrayState {
    Before,
    Inside,
    Done,
}

impl<R: Read> ArrayPieces<R> {
    fn new(reader: R) -> Self {
        ArrayPieces { bytes: BufReader::new(reader).bytes(), row: 0, state: ArrayState::Before }
    }

    /// The bytes of the next element, `None` at the end, an explanation when cut short.
    fn element(&mut self) -> std::result::Result<Option<Vec<u8>>, String> {
        let mut element = Vec::new();
        let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
        for byte in &mut self.bytes {
            let byte = byte.map_err(|e| unreadable(e).to_string())?;
            if self.state == ArrayState::Before {
                if byte == b'[' {
                    self.state = ArrayState::Inside;
                }
                continue;
            }
            if quoted {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => quoted = false,
                    _ => {}
                }
            } else {
                match byte {
                    b'"' => quoted = true,
                    b'{' | b'[' => depth += 1,
                    b']' if depth == 0 => {
                        self.state = ArrayState::Done;
                        return Ok((!element.is_empty()).then_some(element));
                    }
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    b',' if depth == 0 => {
                        if element.is_empty() {
                            continue;
                        }
                        return Ok(Some(element));
                    }
                    b if b.is_ascii_whitespace() => continue,
                    _ => {}
                }
            }
            element.push(byte);
            if element.len() > LINE_MAX {
                return Err(format!("a row is longer than {LINE_MAX} bytes; nothing after it was read"));
            }
        }
        Err("the array is cut short: its closing bracket is missing; the rows before were kept".into())
    }
}

impl<R: Read + Send> Iterator for ArrayPieces<R> {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut table = Table::default();
        while self.state != ArrayState::Done && !full(&table) {
            match self.element() {
                Ok(Some(element)) => {
                    self.row += 1;
                    json::push(&mut table, self.row, &element);
                }
                Ok(None) => break,
                Err(reason) => {
                    self.state = ArrayState::Done;
                    table.errors.push(LineError { line: self.row + 1, field: None, reason });
                }
            }
        }
        (table.rows() > 0 || !table.errors.is_empty()).then_some(Ok(table))
    }
}

struct CsvPieces<R: Read> {
    records: csv::StringRecordsIntoIter<R>,
    names: Vec<String>,
    done: bool,
}

impl<R: Read + Send + 'static> CsvPieces<R> {
    fn open(reader: R) -> Result<Pieces> {
        let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(reader);
        let header = csv.headers().map_err(|e| EngineError::Invalid(format!("the CSV header cannot be read: {e}")))?;
        let names: Vec<String> = header.iter().map(|n| n.trim_start_matches('\u{feff}').trim().to_string()).collect();
        if names.len() > COLUMNS_MAX {
            return Err(EngineError::TooLarge(format!(
                "the table has {} columns; {COLUMNS_MAX} are allowed",
                names.len()
            )));
        }
        Ok(Box::new(CsvPieces { records: csv.into_records(), names, done: false }))
    }
}

impl<R: Read + Send> Iterator for CsvPieces<R> {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut table = Table::default();
        while !self.done && !full(&table) {
            match self.records.next() {
                None => self.done = true,
                Some(Err(error)) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    table.errors.push(LineError { line, field: None, reason: format!("this line is no CSV: {error}") });
                    self.done = matches!(error.kind(), csv::ErrorKind::Io(_));
                }
                Some(Ok(record)) => {
                    let line = record.position().map_or(0, csv::Position::line);
                    if record.len() != self.names.len() {
                        let reason = format!("the line has {} fields, the header {}", record.len(), self.names.len());
                        table.errors.push(LineError { line, field: None, reason });
                        continue;
                    }
                    // The header was within the bound on columns, so each has room.
                    for (name, field) in self.names.iter().zip(&record) {
                        let _ = table.set("", name, Cell::parse(field));
                    }
                    table.end_row(line);
                }
            }
        }
        (table.rows() > 0 || !table.errors.is_empty()).then_some(Ok(table))
    }
}

struct ParquetPieces {
    reader: ParquetRecordBatchReader,
    row: u64,
}

impl ParquetPieces {
    /// Parquet keeps its index at the end, so the body goes to a temporary file first.
    fn open(mut body: impl Read) -> Result<ParquetPieces> {
        let mut file = temporary_file().map_err(unreadable)?;
        std::io::copy(&mut body, &mut file).map_err(unreadable)?;
        file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        let wrong =
            |e: parquet::errors::ParquetError| EngineError::Invalid(format!("this is no whole Parquet file: {e}"));
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(wrong)?;
        let columns = builder.schema().fields().len();
        if columns > COLUMNS_MAX {
            return Err(EngineError::TooLarge(format!("the table has {columns} columns; {COLUMNS_MAX} are allowed")));
        }
        Ok(ParquetPieces { reader: builder.with_batch_size(PIECE_ROWS).build().map_err(wrong)?, row: 0 })
    }
}

fn temporary_file() -> std::io::Result<std::fs::File> {
    let path = std::env::temp_dir().join(format!("plimsoll-{}-{}", std::process::id(), crate::people::random_text(12)));
    let file = std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    // Gone from the folder at once; the space is freed when the handle closes, even on a crash.
    std::fs::remove_file(&path)?;
    Ok(file)
}

impl Iterator for ParquetPieces {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.reader.next()? {
            Ok(batch) => batch,
            Err(error) => {
                return Some(Err(EngineError::Invalid(format!("the Parquet file is damaged: {error}"))));
            }
        };
        let rows = batch.num_rows() as u64;
        let table = record_batch(&batch, self.row);
        self.row += rows;
        Some(table)
    }
}

/// A stream of Arrow, taken in as it comes: what a message claims to hold is never asked of memory before
/// it is there. (That is also why packed columns are refused: the body may be packed whole.)
struct ArrowPieces {
    reader: Box<dyn Read + Send>,
    decoder: StreamDecoder,
    coming: Buffer,
    /// Rows of a batch that is longer than a piece.
    rest: Option<RecordBatch>,
    row: u64,
    done: bool,
}

impl ArrowPieces {
    fn open(reader: impl Read + Send + 'static) -> Result<ArrowPieces> {
        let mut pieces = ArrowPieces {
            reader: Box::new(reader),
            decoder: StreamDecoder::new(),
            coming: Buffer::from_vec(Vec::<u8>::new()),
            rest: None,
            row: 0,
            done: false,
        };
        // The first batch tells whether it is a stream at all, and how wide.
        pieces.rest = pieces.batch()?;
        let columns = pieces.rest.as_ref().map_or(0, |b| b.num_columns());
        if columns > COLUMNS_MAX {
            return Err(EngineError::TooLarge(format!("the table has {columns} columns; {COLUMNS_MAX} are allowed")));
        }
        Ok(pieces)
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        let wrong = |e: arrow_schema::ArrowError| {
            EngineError::Invalid(format!("this is no whole stream of Arrow without packed columns: {e}"))
        };
        while !self.done {
            if self.coming.is_empty() {
                let mut chunk = vec![0; 1 << 16];
                let read = self.reader.read(&mut chunk).map_err(unreadable)?;
                if read == 0 {
                    self.done = true;
                    self.decoder.finish().map_err(wrong)?;
                    break;
                }
                chunk.truncate(read);
                self.coming = Buffer::from_vec(chunk);
            }
            if let Some(batch) = self.decoder.decode(&mut self.coming).map_err(wrong)? {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }
}

impl Iterator for ArrowPieces {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.rest.take() {
            Some(batch) => batch,
            None => match self.batch() {
                Ok(batch) => batch?,
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            },
        };
        let rows = batch.num_rows().min(PIECE_ROWS);
        if rows < batch.num_rows() {
            self.rest = Some(batch.slice(rows, batch.num_rows() - rows));
        }
        let table = record_batch(&batch.slice(0, rows), self.row);
        self.row += rows as u64;
        Some(table)
    }
}

fn record_batch(batch: &RecordBatch, before: u64) -> Result<Table> {
    let rows = batch.num_rows();
    let mut table = Table::of_lines((0..rows as u64).map(|i| before + i + 1).collect());
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        // pandas writes its row index when it is not a plain count; it is no data.
        if field.name().starts_with("__index_level_") {
            continue;
        }
        let cells = array_cells(field.data_type(), array).map_err(|e| {
            EngineError::Invalid(format!(
                "the column “{}” has the type {} that cannot be read ({e})",
                field.name(),
                field.data_type()
            ))
        })?;
        table.add_column(field.name(), cells);
    }
    Ok(table)
}

fn array_cells(kind: &DataType, array: &ArrayRef) -> std::result::Result<Cells, arrow_schema::ArrowError> {
    let mut cells = Cells::missing(0);
    match kind {
        DataType::Boolean => {
            let text = |v| Cell::Text(if v { "true" } else { "false" });
            array.as_boolean().iter().for_each(|v| cells.push(v.map_or(Cell::Missing, text)));
        }
        DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64 => {
            let unit = DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, None);
            let micros = cast(&cast(array, &unit)?, &DataType::Int64)?;
            for value in micros.as_primitive::<Int64Type>() {
                match value {
                    Some(value) => cells.push(Cell::Text(&domain::Timestamp(value).to_string())),
                    None => cells.push(Cell::Missing),
                }
            }
        }
        kind if kind.is_integer() && *kind != DataType::UInt64 => {
            let ints = cast(array, &DataType::Int64)?;
            ints.as_primitive::<Int64Type>().iter().for_each(|v| cells.push(v.map_or(Cell::Missing, Cell::Int)));
        }
        kind if kind.is_numeric() => {
            let numbers = cast(array, &DataType::Float64)?;
            let values = numbers.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN));
            cells = Cells::numbers(values.collect());
        }
        _ => {
            let text = cast(array, &DataType::Utf8)?;
            text.as_string::<i32>().iter().for_each(|v| cells.push(v.map_or(Cell::Missing, Cell::Text)));
        }
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> Vec<Table> {
        let body: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(body.to_vec()));
        tables(None, body).expect("opens").map(|t| t.expect("reads")).collect()
    }

    fn column<'a>(table: &'a Table, name: &str) -> Vec<Cell<'a>> {
        table.column(name).expect("there").iter().collect()
    }

    #[test]
    fn the_same_rows_come_from_every_text_format() {
        let ndjson = read(b"{\"id\":\"a\",\"features\":{\"x\":1.5}}\n\n{\"id\":\"b\",\"features\":{\"x\":null}}\n");
        let array = read(b"  [ {\"id\":\"a\",\"x\":1.5}, {\"id\":\"b\",\"x\":null} ]");
        let csv = read(b"\xef\xbb\xbfid,x\na,1.5\nb,\n");
        for table in [&ndjson[0], &array[0], &csv[0]] {
            assert_eq!(column(table, "id"), [Cell::Text("a"), Cell::Text("b")]);
            assert_eq!(column(table, "x"), [Cell::Number(1.5), Cell::Missing]);
            assert!(table.errors.is_empty());
        }
        assert_eq!(ndjson[0].lines(), [1, 3]);
    }

    #[test]
    fn gzip_is_seen_by_its_first_bytes() {
        use std::io::Write;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"{\"id\":1}").expect("writes");
        let table = &read(&gzip.finish().expect("ends"))[0];
        assert_eq!(column(table, "id"), [Cell::Int(1)]);
    }

    #[test]
    fn wrong_lines_are_named_and_the_others_kept() {
        let table = &read(b"{\"id\":1}\nnot json\n[1]\n{\"id\":2}\n")[0];
        assert_eq!(table.rows(), 2);
        assert_eq!(table.errors.iter().map(|e| e.line).collect::<Vec<_>>(), [2, 3]);
        let table = &read(b"[{\"id\":1},{\"id\":2")[0];
        assert_eq!((table.rows(), table.errors.len()), (1, 1));
        let table = &read(b"id,x\na,1\nb\nc,3\n")[0];
        assert_eq!((table.rows(), table.errors[0].line), (2, 3));
    }

    #[test]
    fn quotes_brackets_and_backslashes_inside_strings_do_not_end_a_row() {
        let table = &read(br#"[{"id":"a\\"},{"id":"b\"],{"},{"id":"c\\\""}]"#)[0];
        assert_eq!(column(table, "id"), [Cell::Text("a\\"), Cell::Text("b\"],{"), Cell::Text("c\\\"")]);
        assert!(table.errors.is_empty(), "{:?}", table.errors);
    }

    #[test]
    fn empty_and_binary_bodies_are_refused_with_the_reason() {
        for body in [&b""[..], b"  \n", b"\x00\x01\x02", b"PAR1 and then nothing"] {
            let body: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(body.to_vec()));
            assert!(matches!(tables(None, body), Err(EngineError::Invalid(_))));
        }
    }
}

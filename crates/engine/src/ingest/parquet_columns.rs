//! Parquet files read column by column, so that a table larger than memory is compared in pieces
//! and columns are decoded side by side.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{Array, ArrayRef};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema};
use domain::event::{CategoryBuilder, ColumnData, MISSING};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use crate::{EngineError, Result};

/// Rows decoded at once.
const BATCH: usize = 1 << 16;

/// A Parquet file whose columns are read one at a time.
pub struct ParquetTable {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
    names: Vec<String>,
    rows: usize,
}

fn wrong(path: &Path, error: impl std::fmt::Display) -> EngineError {
    EngineError::Invalid(format!("{} is no whole Parquet file: {error}", path.display()))
}

impl ParquetTable {
    /// Opens a file; `None` where its first bytes are not Parquet's.
    pub fn open(path: &Path) -> Result<Option<ParquetTable>> {
        let unreadable = |e: std::io::Error| EngineError::Invalid(format!("cannot read {}: {e}", path.display()));
        let mut file = File::open(path).map_err(unreadable)?;
        let mut head = [0; 4];
        if std::io::Read::read(&mut file, &mut head).map_err(unreadable)? < 4 || &head != b"PAR1" {
            return Ok(None);
        }
        let plain = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new().with_skip_arrow_metadata(true))
            .map_err(|e| wrong(path, e))?;
        // Text is read as codes into a dictionary: a million words are some dozens.
        let fields: Vec<Field> = plain
            .schema()
            .fields()
            .iter()
            .map(|field| {
                let kind = match field.data_type() {
                    DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
                    }
                    other => other.clone(),
                };
                Field::new(field.name(), kind, field.is_nullable())
            })
            .collect();
        let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
        let metadata = ArrowReaderMetadata::try_new(plain.metadata().clone(), options).map_err(|e| wrong(path, e))?;
        let fields = metadata.schema().fields();
        let names = fields.iter().map(|f| f.name().clone()).filter(|n| !n.starts_with("__index_level_")).collect();
        let rows = usize::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or_default();
        Ok(Some(ParquetTable { path: path.to_path_buf(), metadata, names, rows }))
    }

    /// Its columns in order, without what pandas writes for its own index.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// All values of a column.
    pub fn column(&self, name: &str) -> Result<ColumnData> {
        let Some((place, _)) = self.metadata.schema().column_with_name(name) else {
            return Err(EngineError::NotFound(format!("{} has no column “{name}”", self.path.display())));
        };
        // A handle of its own: those of a cloned one would share their place in the file.
        let file = File::open(&self.path).map_err(|e| wrong(&self.path, e))?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let mask = ProjectionMask::roots(builder.parquet_schema(), [place]);
        let reader = builder.with_projection(mask).with_batch_size(BATCH).build().map_err(|e| wrong(&self.path, e))?;
        let mut column = Gathered::None;
        for batch in reader {
            let batch = batch.map_err(|e| wrong(&self.path, e))?;
            column.take(batch.column(0), self.rows).map_err(|e| {
                EngineError::Invalid(format!("the column “{name}” of {} cannot be read ({e})", self.path.display()))
            })?;
        }
        Ok(column.finish(self.rows))
    }
}

/// A column as far as it was read.
enum Gathered {
    None,
    Numbers(Vec<f64>),
    Codes { codes: Vec<u32>, dictionary: Vec<String>, places: HashMap<String, u32> },
    Words(CategoryBuilder),
}

impl Gathered {
    fn take(&mut self, array: &ArrayRef, rows: usize) -> std::result::Result<(), arrow_schema::ArrowError> {
        if let Gathered::None = self {
            *self = match array.data_type() {
                kind if kind.is_numeric() && *kind != DataType::UInt64 => Gathered::Numbers(Vec::with_capacity(rows)),
                DataType::Dictionary(_, _) => {
                    Gathered::Codes { codes: Vec::with_capacity(rows), dictionary: Vec::new(), places: HashMap::new() }
                }
                _ => Gathered::Words(CategoryBuilder::default()),
            };
        }
        match self {
            Gathered::None => {}
            Gathered::Numbers(values) => {
                let array = cast(array, &DataType::Float64)?;
                let array = array.as_primitive::<Float64Type>();
                match array.nulls() {
                    None => values.extend_from_slice(array.values()),
                    Some(_) => values.extend(array.iter().map(|v| v.unwrap_or(f64::NAN))),
                }
            }
            Gathered::Codes { codes, dictionary, places } => {
                let array = array.as_dictionary::<Int32Type>();
                let words = array.values().as_string::<i32>();
                let known: Vec<u32> = words
                    .iter()
                    .map(|word| {
                        let Some(word) = word else {
                            return MISSING;
                        };
                        *places.entry(word.to_string()).or_insert_with(|| {
                            dictionary.push(word.to_string());
                            (dictionary.len() - 1) as u32
                        })
                    })
                    .collect();
                let keys = array.keys();
                match keys.nulls() {
                    None => codes.extend(keys.values().iter().map(|key| known[*key as usize])),
                    Some(_) => codes.extend(keys.iter().map(|key| key.map_or(MISSING, |key| known[key as usize]))),
                }
            }
            Gathered::Words(words) => {
                let array = cast(array, &DataType::Utf8)?;
                array.as_string::<i32>().iter().for_each(|word| words.push(word));
            }
        }
        Ok(())
    }

    fn finish(self, rows: usize) -> ColumnData {
        match self {
            Gathered::None => ColumnData::Number(vec![f64::NAN; rows]),
            Gathered::Numbers(values) => ColumnData::Number(values),
            Gathered::Codes { codes, dictionary, .. } => ColumnData::Category { codes, dictionary },
            Gathered::Words(words) => words.finish(),
        }
    }
}

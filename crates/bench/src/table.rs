//! A Parquet file as a whole in memory, for data of a few hundred thousand rows.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_cast::cast;
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// A table by column: numbers, or words as written.
pub(crate) struct Table {
    numbers: HashMap<String, Vec<f64>>,
    words: HashMap<String, Vec<String>>,
}

pub(crate) fn read(path: &Path) -> Result<Table, String> {
    let file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|b| b.with_batch_size(1 << 16).build());
    let mut table = Table { numbers: HashMap::new(), words: HashMap::new() };
    for batch in reader.map_err(|e| e.to_string())? {
        let batch = batch.map_err(|e| e.to_string())?;
        for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
            let name = field.name().clone();
            if field.data_type().is_numeric() {
                let array = cast(array, &DataType::Float64).map_err(|e| e.to_string())?;
                let values = array.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN));
                table.numbers.entry(name).or_default().extend(values);
            } else if let DataType::Timestamp(_, _) = field.data_type() {
                let array = cast(array, &DataType::Int64).map_err(|e| e.to_string())?;
                let values = array.as_primitive::<Int64Type>().iter().map(|v| v.unwrap_or_default() as f64);
                table.numbers.entry(name).or_default().extend(values);
            } else {
                let array = cast(array, &DataType::Utf8).map_err(|e| e.to_string())?;
                let words = array.as_string::<i32>().iter().map(|v| v.unwrap_or_default().to_string());
                table.words.entry(name).or_default().extend(words);
            }
        }
    }
    Ok(table)
}

impl Table {
    pub(crate) fn number(&self, name: &str) -> Result<&Vec<f64>, String> {
        self.numbers.get(name).ok_or_else(|| format!("there is no column {name} of numbers"))
    }

    /// A column of numbers by `prediction_id`.
    pub(crate) fn by_id(&self, name: &str) -> Result<HashMap<i64, f64>, String> {
        Ok(self.number("prediction_id")?.iter().zip(self.number(name)?).map(|(id, v)| (*id as i64, *v)).collect())
    }

    /// A column as words: missing ones are empty.
    pub(crate) fn word(&self, name: &str) -> Vec<String> {
        self.words.get(name).cloned().unwrap_or_else(|| {
            let numbers = self.numbers.get(name).cloned().unwrap_or_default();
            numbers.iter().map(|v| if v.is_nan() { String::new() } else { v.to_string() }).collect()
        })
    }
}

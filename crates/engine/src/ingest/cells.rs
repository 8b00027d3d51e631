//! A piece of somebody's table, before anything is known of its meaning.

use domain::event::{CategoryBuilder, ColumnData, number_text};
use domain::problem::LineError;

/// Columns of one table or model at most.
pub const COLUMNS_MAX: usize = 1024;
/// Bytes of one text cell at most.
pub const TEXT_MAX: usize = 64 * 1024;
/// Rows of one piece: as many as a segment holds.
pub const PIECE_ROWS: usize = store::SEGMENT_ROWS;

#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Missing,
    Int(i64),
    Number(f64),
    Text(String),
}

impl Cell {
    pub fn text(&self) -> Option<String> {
        match self {
            Cell::Missing => None,
            Cell::Int(value) => Some(value.to_string()),
            Cell::Number(value) => Some(number_text(*value)),
            Cell::Text(text) => Some(text.clone()),
        }
    }

    /// Reads a cell of a text format. Numbers that would lose their spelling (`007`) stay text.
    pub fn parse(text: &str) -> Cell {
        match text.trim() {
            "" | "NaN" | "nan" | "NA" | "N/A" | "null" | "NULL" | "None" => Cell::Missing,
            trimmed => match trimmed.parse::<i64>() {
                Ok(value) if value.to_string() == trimmed => Cell::Int(value),
                Ok(_) => Cell::Text(trimmed.to_string()),
                Err(_) => match trimmed.parse::<f64>() {
                    Ok(value) if value.is_finite() && looks_numeric(trimmed) => Cell::Number(value),
                    _ => Cell::Text(trimmed.to_string()),
                },
            },
        }
    }
}

/// `1e5` and `-0.5` are numbers; `infinity` and `007.5` are words somebody chose.
fn looks_numeric(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    let begins_as_one = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let after_zero = digits.strip_prefix('0').map_or("", |rest| rest);
    begins_as_one && (after_zero.is_empty() || after_zero.starts_with(['.', 'e', 'E']))
}

/// Named columns of equal length, and the place each row had in the body.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub columns: Vec<(String, Vec<Cell>)>,
    /// 1-based line or row in the body.
    pub lines: Vec<u64>,
    pub errors: Vec<LineError>,
}

impl Table {
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    pub fn column(&self, name: &str) -> Option<&[Cell]> {
        self.columns.iter().find(|(n, _)| n == name).map(|(_, cells)| cells.as_slice())
    }

    /// Adds a row; columns it does not name are missing, new ones begin missing.
    ///
    /// # Errors
    /// More than [`COLUMNS_MAX`] columns.
    pub fn push(&mut self, line: u64, cells: impl IntoIterator<Item = (String, Cell)>) -> Result<(), LineError> {
        let rows = self.rows();
        for (name, cell) in cells {
            if let Some((_, column)) = self.columns.iter_mut().find(|(n, _)| *n == name) {
                // The last of equal names wins, as in JSON.
                if column.len() > rows {
                    column[rows] = cell
                } else {
                    column.push(cell)
                }
                continue;
            }
            if self.columns.len() >= COLUMNS_MAX {
                self.columns.iter_mut().for_each(|(_, c)| c.truncate(rows));
                let reason =
                    format!("the row brings column number {}; a table has at most {COLUMNS_MAX}", COLUMNS_MAX + 1);
                return Err(LineError { line, field: Some(name), reason });
            }
            let mut column = vec![Cell::Missing; rows];
            column.push(cell);
            self.columns.push((name, column));
        }
        for (_, column) in &mut self.columns {
            if column.len() == rows {
                column.push(Cell::Missing);
            }
        }
        self.lines.push(line);
        Ok(())
    }

    /// The columns with the type that holds all their cells.
    pub fn typed(&self) -> Vec<(String, ColumnData)> {
        self.columns.iter().map(|(name, cells)| (name.clone(), typed(cells, false))).collect()
    }
}

/// Numbers where all present cells are numbers (and `as_text` is not set), else categories.
pub fn typed(cells: &[Cell], as_text: bool) -> ColumnData {
    let numeric = !as_text && cells.iter().all(|c| !matches!(c, Cell::Text(_)));
    if numeric && cells.iter().any(|c| !matches!(c, Cell::Missing)) {
        return ColumnData::Number(
            cells
                .iter()
                .map(|cell| match cell {
                    Cell::Int(value) => *value as f64,
                    Cell::Number(value) => *value,
                    _ => f64::NAN,
                })
                .collect(),
        );
    }
    let mut builder = CategoryBuilder::default();
    for cell in cells {
        match cell {
            Cell::Text(text) => builder.push(Some(text)),
            other => builder.push(other.text().as_deref()),
        }
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_keep_what_a_number_would_lose() {
        assert_eq!(Cell::parse("42"), Cell::Int(42));
        assert_eq!(Cell::parse("-0.5"), Cell::Number(-0.5));
        assert_eq!(Cell::parse("007"), Cell::Text("007".into()));
        assert_eq!(Cell::parse(" NaN "), Cell::Missing);
        assert_eq!(Cell::parse("infinity"), Cell::Text("infinity".into()));
        assert_eq!(Cell::parse("1e5"), Cell::Number(1e5));
    }

    #[test]
    fn rows_of_different_shape_stay_aligned() {
        let mut table = Table::default();
        table.push(1, [("a".to_string(), Cell::Int(1))]).expect("fits");
        table.push(2, [("b".to_string(), Cell::Int(2)), ("b".to_string(), Cell::Int(3))]).expect("fits");
        assert_eq!(table.column("a"), Some(&[Cell::Int(1), Cell::Missing][..]));
        assert_eq!(table.column("b"), Some(&[Cell::Missing, Cell::Int(3)][..]));
    }
}

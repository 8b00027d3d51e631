//! A piece of somebody's table, before anything is known of its meaning.
//!
//! Columns are kept in the narrowest shape that holds their cells: nearly all are numbers or words
//! throughout, and only the few that are neither pay for a value with a tag.

use std::borrow::Cow;
use std::collections::HashMap;

use domain::event::{CategoryBuilder, ColumnData, number_text};
use domain::problem::LineError;

/// Columns of one table or model at most.
pub const COLUMNS_MAX: usize = 1024;
/// Bytes of one text cell at most.
pub const TEXT_MAX: usize = 64 * 1024;
/// Rows of one piece: as many as are kept in one go.
pub const PIECE_ROWS: usize = store::BLOCK_ROWS;
/// Whole numbers up to here keep their spelling as floating-point numbers.
const WHOLE_MAX: i64 = 9_000_000_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    Missing,
    Int(i64),
    Number(f64),
    Text(&'a str),
}

impl<'a> Cell<'a> {
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Cell::Missing => None,
            Cell::Int(value) => Some(Cow::Owned(value.to_string())),
            Cell::Number(value) => Some(Cow::Owned(number_text(value))),
            Cell::Text(text) => Some(Cow::Borrowed(text)),
        }
    }

    /// Reads a cell of a text format. Numbers that would lose their spelling (`007`) stay text.
    pub fn parse(text: &'a str) -> Cell<'a> {
        match text.trim() {
            "" | "NaN" | "nan" | "NA" | "N/A" | "null" | "NULL" | "None" => Cell::Missing,
            trimmed => match trimmed.parse::<i64>() {
                Ok(value) if value.to_string() == trimmed => Cell::Int(value),
                Ok(_) => Cell::Text(trimmed),
                Err(_) => match trimmed.parse::<f64>() {
                    Ok(value) if value.is_finite() && looks_numeric(trimmed) => Cell::Number(value),
                    _ => Cell::Text(trimmed),
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

/// Texts one after the other; where a cell is missing, `present` says so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Words {
    text: String,
    ends: Vec<u32>,
    present: Vec<bool>,
}

impl Words {
    fn push(&mut self, word: Option<&str>) {
        self.text.push_str(word.unwrap_or_default());
        self.ends.push(self.text.len() as u32);
        self.present.push(word.is_some());
    }

    fn get(&self, row: usize) -> Option<&str> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        self.present[row].then(|| &self.text[start..self.ends[row] as usize])
    }

    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows);
        self.present.truncate(rows);
        self.text.truncate(self.ends.last().map_or(0, |e| *e as usize));
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Owned {
    Missing,
    Int(i64),
    Number(f64),
    Text(String),
}

/// The cells of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct Cells(Shape);

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    /// NaN is missing.
    Numbers(Vec<f64>),
    Words(Words),
    Mixed(Vec<Owned>),
}

impl Cells {
    /// A column whose first rows are missing.
    pub fn missing(rows: usize) -> Cells {
        Cells(Shape::Numbers(vec![f64::NAN; rows]))
    }

    /// A column of numbers; NaN is missing.
    pub fn numbers(values: Vec<f64>) -> Cells {
        Cells(Shape::Numbers(values))
    }

    pub fn len(&self) -> usize {
        match &self.0 {
            Shape::Numbers(values) => values.len(),
            Shape::Words(words) => words.ends.len(),
            Shape::Mixed(cells) => cells.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn get(&self, row: usize) -> Cell<'_> {
        match &self.0 {
            Shape::Numbers(values) => match values[row] {
                value if value.is_nan() => Cell::Missing,
                value if value.fract() == 0.0 && value.abs() <= WHOLE_MAX as f64 => Cell::Int(value as i64),
                value => Cell::Number(value),
            },
            Shape::Words(words) => words.get(row).map_or(Cell::Missing, Cell::Text),
            Shape::Mixed(cells) => match &cells[row] {
                Owned::Missing => Cell::Missing,
                Owned::Int(value) => Cell::Int(*value),
                Owned::Number(value) => Cell::Number(*value),
                Owned::Text(text) => Cell::Text(text),
            },
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Cell<'_>> {
        (0..self.len()).map(|row| self.get(row))
    }

    pub fn push(&mut self, cell: Cell<'_>) {
        match (&mut self.0, cell) {
            (Shape::Numbers(values), Cell::Missing) => values.push(f64::NAN),
            (Shape::Numbers(values), Cell::Number(value)) => values.push(value),
            (Shape::Numbers(values), Cell::Int(value)) if value.abs() <= WHOLE_MAX => values.push(value as f64),
            (Shape::Words(words), Cell::Text(text)) => words.push(Some(text)),
            (Shape::Words(words), Cell::Missing) => words.push(None),
            (Shape::Mixed(cells), cell) => cells.push(match cell {
                Cell::Missing => Owned::Missing,
                Cell::Int(value) => Owned::Int(value),
                Cell::Number(value) if value.is_nan() => Owned::Missing,
                Cell::Number(value) => Owned::Number(value),
                Cell::Text(text) => Owned::Text(text.to_string()),
            }),
            (Shape::Numbers(values), Cell::Text(_)) if values.iter().all(|v| v.is_nan()) => {
                let mut words = Words::default();
                values.iter().for_each(|_| words.push(None));
                self.0 = Shape::Words(words);
                self.push(cell);
            }
            _ => {
                let mut mixed = Cells(Shape::Mixed(Vec::with_capacity(self.len() + 1)));
                self.iter().for_each(|cell| mixed.push(cell));
                mixed.push(cell);
                *self = mixed;
            }
        }
    }

    fn truncate(&mut self, rows: usize) {
        match &mut self.0 {
            Shape::Numbers(values) => values.truncate(rows),
            Shape::Words(words) => words.truncate(rows),
            Shape::Mixed(cells) => cells.truncate(rows),
        }
    }

    /// Rows that hold an infinite number.
    pub fn is_infinite(&self, row: usize) -> bool {
        match &self.0 {
            Shape::Numbers(values) => values[row].is_infinite(),
            Shape::Words(_) => false,
            Shape::Mixed(cells) => matches!(cells[row], Owned::Number(v) if v.is_infinite()),
        }
    }

    pub fn any_infinite(&self) -> bool {
        match &self.0 {
            Shape::Numbers(values) => values.iter().any(|v| v.is_infinite()),
            Shape::Words(_) => false,
            Shape::Mixed(_) => (0..self.len()).any(|row| self.is_infinite(row)),
        }
    }

    /// The rows of `keep` (all, where none is given) with the type that holds them: numbers where all
    /// present cells are numbers and `as_text` is not set, else categories.
    pub fn typed(&self, keep: Option<&[usize]>, as_text: bool) -> ColumnData {
        let rows = keep.map_or(self.len(), <[usize]>::len);
        let place = |i: usize| keep.map_or(i, |k| k[i]);
        match &self.0 {
            Shape::Numbers(values) if !as_text && (0..rows).any(|i| !values[place(i)].is_nan()) => {
                ColumnData::Number((0..rows).map(|i| values[place(i)]).collect())
            }
            Shape::Mixed(_) if !as_text && (0..rows).all(|i| !matches!(self.get(place(i)), Cell::Text(_))) => {
                let number = |cell| match cell {
                    Cell::Int(value) => value as f64,
                    Cell::Number(value) => value,
                    _ => f64::NAN,
                };
                ColumnData::Number((0..rows).map(|i| number(self.get(place(i)))).collect())
            }
            _ => {
                let mut builder = CategoryBuilder::default();
                (0..rows).for_each(|i| builder.push(self.get(place(i)).text().as_deref()));
                builder.finish()
            }
        }
    }
}

/// Named columns of equal length, and the place each row had in the body.
#[derive(Debug, Clone, Default)]
pub struct Table {
    columns: Vec<(String, Cells)>,
    places: HashMap<String, usize>,
    /// 1-based line or row in the body.
    lines: Vec<u64>,
    pub errors: Vec<LineError>,
    /// The column that a row in the same order as the last would name next.
    next: usize,
    /// Columns that were there before the row under way.
    settled: usize,
}

impl Table {
    /// A table whose rows will be added as whole columns of this many cells.
    pub fn of_lines(lines: Vec<u64>) -> Table {
        Table { lines, ..Table::default() }
    }

    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    pub fn lines(&self) -> &[u64] {
        &self.lines
    }

    pub fn columns(&self) -> &[(String, Cells)] {
        &self.columns
    }

    pub fn column(&self, name: &str) -> Option<&Cells> {
        self.places.get(name).map(|place| &self.columns[*place].1)
    }

    /// Adds a whole column, as long as the table has rows.
    pub fn add_column(&mut self, name: &str, cells: Cells) {
        self.places.insert(name.to_string(), self.columns.len());
        self.columns.push((name.to_string(), cells));
    }

    /// Sets a cell of the row under way; of equal names the last wins, as in JSON. The column's name
    /// is `prefix` and `name` together.
    ///
    /// # Errors
    /// More than [`COLUMNS_MAX`] columns.
    pub fn set(&mut self, prefix: &str, name: &str, cell: Cell<'_>) -> Result<(), String> {
        let rows = self.rows();
        let place = match self.place(prefix, name) {
            Some(place) => place,
            None if self.columns.len() >= COLUMNS_MAX => {
                return Err(format!(
                    "the row brings column number {}; a table has at most {COLUMNS_MAX}",
                    COLUMNS_MAX + 1
                ));
            }
            None => {
                self.add_column(&format!("{prefix}{name}"), Cells::missing(rows));
                self.columns.len() - 1
            }
        };
        self.next = place + 1;
        let column = &mut self.columns[place].1;
        column.truncate(rows);
        column.push(cell);
        Ok(())
    }

    fn place(&self, prefix: &str, name: &str) -> Option<usize> {
        // Rows of one sender name their columns in one order.
        let expected = self.columns.get(self.next);
        if expected.is_some_and(|(known, _)| known.strip_prefix(prefix) == Some(name)) {
            return Some(self.next);
        }
        if prefix.is_empty() {
            self.places.get(name).copied()
        } else {
            self.places.get(&format!("{prefix}{name}")).copied()
        }
    }

    /// Ends the row under way: columns it did not name are missing.
    pub fn end_row(&mut self, line: u64) {
        self.lines.push(line);
        let rows = self.rows();
        for (_, column) in &mut self.columns {
            if column.len() < rows {
                column.push(Cell::Missing);
            }
        }
        self.next = 0;
        self.settled = self.columns.len();
    }

    /// Forgets the row under way, and the columns that it brought.
    pub fn drop_row(&mut self) {
        let rows = self.rows();
        for (name, _) in self.columns.drain(self.settled..) {
            self.places.remove(&name);
        }
        self.columns.iter_mut().for_each(|(_, column)| column.truncate(rows));
        self.next = 0;
    }

    /// The columns with the type that holds all their cells.
    pub fn typed(&self) -> Vec<(String, ColumnData)> {
        self.columns.iter().map(|(name, cells)| (name.clone(), cells.typed(None, false))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_keep_what_a_number_would_lose() {
        assert_eq!(Cell::parse("42"), Cell::Int(42));
        assert_eq!(Cell::parse("-0.5"), Cell::Number(-0.5));
        assert_eq!(Cell::parse("007"), Cell::Text("007"));
        assert_eq!(Cell::parse(" NaN "), Cell::Missing);
        assert_eq!(Cell::parse("infinity"), Cell::Text("infinity"));
        assert_eq!(Cell::parse("1e5"), Cell::Number(1e5));
    }

    #[test]
    fn a_column_holds_whatever_comes() {
        let mut cells = Cells::missing(1);
        for cell in [Cell::Int(3), Cell::Number(0.5), Cell::Text("x"), Cell::Missing, Cell::Int(i64::MAX)] {
            cells.push(cell);
        }
        let texts: Vec<_> = cells.iter().map(|c| c.text().map(Cow::into_owned)).collect();
        let want = [None, Some("3"), Some("0.5"), Some("x"), None, Some("9223372036854775807")];
        assert_eq!(texts, want.map(|t| t.map(String::from)));
        assert_eq!(cells.typed(Some(&[1, 2]), false), ColumnData::Number(vec![3.0, 0.5]));
        assert_eq!(cells.typed(None, false).text(3), Some("x".into()));
    }

    #[test]
    fn rows_of_different_shape_stay_aligned() {
        let mut table = Table::default();
        table.set("", "a", Cell::Int(1)).expect("room");
        table.end_row(1);
        table.set("", "b", Cell::Text("x")).expect("room");
        table.set("", "a", Cell::Int(2)).expect("room");
        table.set("", "a", Cell::Int(3)).expect("room");
        table.end_row(2);
        table.set("", "b", Cell::Text("half a row")).expect("room");
        table.set("", "new", Cell::Int(1)).expect("room");
        table.drop_row();
        assert!(table.column("new").is_none());
        table.set("group.", "c", Cell::Number(0.5)).expect("room");
        table.end_row(4);
        let column = |name: &str| table.column(name).expect("there").iter().collect::<Vec<_>>();
        assert_eq!(column("a"), [Cell::Int(1), Cell::Int(3), Cell::Missing]);
        assert_eq!(column("b"), [Cell::Missing, Cell::Text("x"), Cell::Missing]);
        assert_eq!(column("group.c"), [Cell::Missing, Cell::Missing, Cell::Number(0.5)]);
        assert_eq!(table.lines(), [1, 2, 4]);
    }
}

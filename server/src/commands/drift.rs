//! `plimsoll drift`: the same verdicts without a server, for pipelines.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clap::Args;
use domain::event::ColumnData;
use domain::format;
use domain::verdict::ColumnVerdict;
use engine::ingest::decode;
use engine::ingest::parquet_columns::ParquetTable;
use evaluation::drift::{DriftOptions, TESTS, judge};
use evaluation::measured::{Measured, measure};
use evaluation::reference::ReferenceColumn;
use evaluation::report::DriftReport;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use super::{Outcome, text};

/// Compare the columns of two tables (Parquet, CSV, NDJSON, JSON; also gzipped).
///
/// A column drifts when the difference is no chance (p after correction for the number of columns)
/// and large enough to matter (an effect beyond its threshold).
#[derive(Debug, Args)]
pub struct Drift {
    /// The table that shows what is usual
    #[arg(long, value_name = "FILE")]
    reference: PathBuf,
    /// The table to judge
    #[arg(long, value_name = "FILE")]
    current: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Columns to compare [default: all that both tables have]
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    columns: Vec<String>,
    /// Columns to leave out, such as ids and times
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    ignore: Vec<String>,
    /// Tests to run: ks, psi, jensen_shannon, wasserstein, chi_square, l_infinity [default: all that fit]
    #[arg(long, value_name = "TEST", value_delimiter = ',')]
    tests: Vec<String>,
    /// A test's threshold, as psi=0.2; may be repeated
    #[arg(long, value_name = "TEST=VALUE")]
    threshold: Vec<String>,
    /// Level of significance after correction
    #[arg(long, default_value_t = 0.05)]
    alpha: f64,
    /// The table drifts when at least this share of columns does; 0: any column
    #[arg(long, default_value_t = 0.0)]
    share: f64,
}

impl Drift {
    pub fn run(&self) -> Outcome {
        let options = self.options()?;
        let reference = Source::open(&self.reference)?;
        let current = Source::open(&self.current)?;
        let chosen = self.chosen(&reference, &current)?;
        let progress = progress(chosen.len(), reference.rows().max(current.rows()));
        // A column at a time on each core: neither table has to fit in memory.
        let measured: Result<Vec<Option<Measured>>, String> = chosen
            .par_iter()
            .map(|name| {
                let column = format!("feature.{name}");
                let before = ReferenceColumn::of(&column, reference.column(name)?, 0.0);
                let measured = match before {
                    Some(before) => {
                        let now = current.has(name).then(|| current.column(name)).transpose()?;
                        Some(measure(&before, now, current.rows(), &options))
                    }
                    None => None,
                };
                progress.inc(1);
                Ok(measured)
            })
            .collect();
        progress.finish_and_clear();
        let measured = measured?.into_iter().flatten().collect();
        let verdicts: Vec<ColumnVerdict> = judge(measured, &options).into_iter().map(|(v, _)| v).collect();
        let report = DriftReport::of(&verdicts, self.share);
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report).map_err(text)?);
        } else {
            print(&report, &verdicts);
        }
        Ok(u8::from(report.drifted))
    }

    fn options(&self) -> Result<DriftOptions, String> {
        let known = |test: &str| {
            if TESTS.contains(&test) {
                Ok(())
            } else {
                Err(format!("there is no test “{test}”; there are {}", TESTS.join(", ")))
            }
        };
        self.tests.iter().try_for_each(|t| known(t))?;
        let tests = if self.tests.is_empty() { TESTS.map(String::from).to_vec() } else { self.tests.clone() };
        let mut options = DriftOptions { tests, alpha: self.alpha, ..DriftOptions::default() };
        for pair in &self.threshold {
            let (test, value) =
                pair.split_once('=').ok_or_else(|| format!("--threshold takes TEST=VALUE; “{pair}” has no “=”"))?;
            known(test)?;
            let value: f64 = value.parse().map_err(|_| format!("--threshold {test}: “{value}” is no number"))?;
            match test {
                "ks" => options.ks = value,
                "psi" => options.psi = value,
                "jensen_shannon" => options.jensen_shannon = value,
                "l_infinity" => options.l_infinity = value,
                "wasserstein" => options.wasserstein = value,
                _ => options.alpha = value,
            }
        }
        Ok(options)
    }

    fn chosen(&self, reference: &Source, current: &Source) -> Result<Vec<String>, String> {
        let before = reference.names();
        for wanted in &self.columns {
            if !before.contains(wanted) {
                return Err(format!("the reference has no column “{wanted}”; it has {}", before.join(", ")));
            }
        }
        let mut chosen: Vec<String> = before
            .iter()
            .filter(|n| if self.columns.is_empty() { current.has(n) } else { self.columns.contains(n) })
            .filter(|n| !self.ignore.contains(n))
            .cloned()
            .collect();
        if self.columns.is_empty() {
            // Ids and event times differ by nature. Names say which they are.
            let mapping = domain::model::Mapping::default();
            let empty: Vec<(String, ColumnData)> =
                before.iter().map(|name| (name.clone(), ColumnData::Number(Vec::new()))).collect();
            if let Ok(schema) = domain::model::infer_schema(&empty, &mapping) {
                use domain::event::ColumnRole::{Id, LabelTime, Timestamp};
                chosen.retain(|n| !schema.field(n).is_some_and(|f| matches!(f.role, Id | Timestamp | LabelTime)));
            }
        }
        if chosen.is_empty() {
            return Err("the two tables have no column in common to compare".into());
        }
        Ok(chosen)
    }
}

/// Bars for work that takes a while; nothing for the rest, and nothing into a pipe.
fn progress(columns: usize, rows: usize) -> ProgressBar {
    if columns.saturating_mul(rows) < 50_000_000 {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} columns, {eta} left");
    ProgressBar::new(columns as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A table to compare: Parquet is read a column at a time, everything else as a whole.
enum Source {
    Parquet(ParquetTable),
    Whole { columns: Vec<(String, ColumnData)>, names: Vec<String>, rows: usize },
}

impl Source {
    fn open(path: &Path) -> Result<Source, String> {
        if let Some(table) = ParquetTable::open(path).map_err(text)? {
            return if table.rows() == 0 {
                Err(format!("{} holds no rows", path.display()))
            } else {
                Ok(Source::Parquet(table))
            };
        }
        let columns = read(path)?;
        let rows = columns.first().map_or(0, |(_, data)| data.len());
        let names = columns.iter().map(|(name, _)| name.clone()).collect();
        Ok(Source::Whole { columns, names, rows })
    }

    fn names(&self) -> &[String] {
        match self {
            Source::Parquet(table) => table.names(),
            Source::Whole { names, .. } => names,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.names().iter().any(|n| n == name)
    }

    fn rows(&self) -> usize {
        match self {
            Source::Parquet(table) => table.rows(),
            Source::Whole { rows, .. } => *rows,
        }
    }

    fn column(&self, name: &str) -> Result<Cow<'_, ColumnData>, String> {
        match self {
            Source::Parquet(table) => table.column(name).map(Cow::Owned).map_err(text),
            Source::Whole { columns, .. } => {
                let found = columns.iter().find(|(n, _)| n == name);
                found.map(|(_, data)| Cow::Borrowed(data)).ok_or_else(|| format!("there is no column “{name}”"))
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<(String, ColumnData)>, String> {
    let file = std::fs::File::open(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let mut whole: Vec<(String, ColumnData)> = Vec::new();
    let mut rows = 0;
    for table in decode::tables(None, Box::new(file)).map_err(|e| format!("{}: {e}", path.display()))? {
        let table = table.map_err(|e| format!("{}: {e}", path.display()))?;
        if let Some(error) = table.errors.first() {
            return Err(format!("{}, line {}: {}", path.display(), error.line, error.reason));
        }
        for (name, data) in table.typed() {
            match whole.iter_mut().find(|(n, _)| *n == name) {
                Some((_, column)) => column.append(&data),
                None => {
                    let mut column = data.missing_like(rows);
                    column.append(&data);
                    whole.push((name, column));
                }
            }
        }
        rows += table.rows();
        for (_, column) in &mut whole {
            let short = rows - column.len();
            let filler = column.missing_like(short);
            column.append(&filler);
        }
    }
    if rows == 0 { Err(format!("{} holds no rows", path.display())) } else { Ok(whole) }
}

fn print(report: &DriftReport, verdicts: &[ColumnVerdict]) {
    let mut ranked: Vec<&ColumnVerdict> = verdicts.iter().collect();
    ranked.sort_by_key(|v| std::cmp::Reverse(v.finding));
    println!("{:<24} {:<12} {:>8} {:>8} {:>10}  verdict", "column", "drift", "PSI", "JS", "p");
    for v in ranked {
        let number = |test: &str| v.statistic(test).map_or_else(|| "–".into(), |s| format::fixed(s, 3));
        let p = v.tests.iter().find_map(|t| t.p_adjusted).map_or_else(|| "–".into(), format::p_value);
        println!(
            "{:<24} {:<12} {:>8} {:>8} {:>10}  {}",
            v.name,
            v.finding.title(),
            number("psi"),
            number("jensen_shannon"),
            p,
            v.sentence
        );
    }
    let drifted = report.columns.iter().filter(|c| c.drifted).count();
    println!("\n{}: {drifted} of {} columns", if report.drifted { "Drift" } else { "No drift" }, report.columns.len());
}

//! `plimsoll drift`: the same verdicts without a server, for pipelines.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use domain::event::{Column, ColumnData};
use domain::format;
use domain::verdict::ColumnVerdict;
use engine::ingest::decode;
use evaluation::Rows;
use evaluation::drift::{DriftOptions, TESTS, compare};
use evaluation::reference::Reference;
use evaluation::report::DriftReport;

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
    /// Tests to run: ks, psi, jensen_shannon, chi_square, l_infinity [default: all that fit]
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
        let reference = read(&self.reference)?;
        let current = read(&self.current)?;
        let chosen = self.chosen(&reference, &current)?;
        let pick = |table: Vec<(String, ColumnData)>| -> Vec<Column> {
            let kept = table.into_iter().filter(|(name, _)| chosen.contains(name));
            kept.map(|(name, data)| Column { name: format!("feature.{name}"), data }).collect()
        };
        let rows_before = reference.first().map_or(0, |(_, d)| d.len());
        let rows_now = current.first().map_or(0, |(_, d)| d.len());
        let baseline = Reference::of(&pick(reference), rows_before, &HashMap::new());
        let columns = pick(current);
        let times = vec![domain::Timestamp(0); rows_now];
        let rows = Rows { times: &times, columns: &columns, labels: None };
        let verdicts: Vec<ColumnVerdict> = compare(&baseline, &rows, &options).into_iter().map(|(v, _)| v).collect();
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
        let mut options = DriftOptions { tests: self.tests.clone(), alpha: self.alpha, ..DriftOptions::default() };
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
                _ => options.alpha = value,
            }
        }
        Ok(options)
    }

    fn chosen(
        &self,
        reference: &[(String, ColumnData)],
        current: &[(String, ColumnData)],
    ) -> Result<Vec<String>, String> {
        let names = |table: &[(String, ColumnData)]| -> Vec<String> { table.iter().map(|(n, _)| n.clone()).collect() };
        let (before, now) = (names(reference), names(current));
        for wanted in &self.columns {
            if !before.contains(wanted) {
                return Err(format!("the reference has no column “{wanted}”; it has {}", before.join(", ")));
            }
        }
        let mut chosen: Vec<String> = before
            .iter()
            .filter(|n| if self.columns.is_empty() { now.contains(n) } else { self.columns.contains(n) })
            .filter(|n| !self.ignore.contains(n))
            .cloned()
            .collect();
        if self.columns.is_empty() {
            // Ids and event times differ by nature.
            let mapping = domain::model::Mapping::default();
            if let Ok(schema) = domain::model::infer_schema(reference, &mapping) {
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

//! Figures, one JSON line each: `cargo xtask bench …`. Never part of a test: a timed test fails on
//! a busy machine and passes on a fast one.

mod drift;
mod employment;
mod flights;
mod statistics;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The whole `plimsoll drift`, from start to exit
    Drift {
        #[arg(long)]
        reference: PathBuf,
        #[arg(long)]
        current: PathBuf,
        /// Runs; the middle one is reported
        #[arg(long, default_value_t = 5)]
        runs: usize,
    },
    /// `plimsoll drift` of a table too large for memory, written first: time and peak memory
    Wide {
        #[arg(long, default_value_t = 3_000_000)]
        rows: usize,
        #[arg(long, default_value_t = 1000)]
        columns: usize,
        #[arg(long, default_value_t = 100_000)]
        reference_rows: usize,
        /// Where the tables are written; they stay there for the next run
        #[arg(long)]
        folder: PathBuf,
    },
    /// NannyML's run over the employment data, number by number, and label-free accuracy against what
    /// was realised, with and without importance weights
    Employment {
        /// The folder with reference.parquet, analysis.parquet and labels.parquet
        #[arg(long)]
        data: PathBuf,
        /// nannyml_employment_ma.json
        #[arg(long)]
        golden: PathBuf,
    },
    /// A regression's error estimated without labels against what was realised
    Flights {
        /// The folder with reference.parquet, analysis.parquet and labels.parquet
        #[arg(long)]
        data: PathBuf,
    },
    /// False-alarm rates and power of tests, detectors and thresholds on simulated streams
    Statistics {
        /// More rounds, narrower answers
        #[arg(long, default_value_t = 2000)]
        rounds: usize,
    },
}

fn main() -> ExitCode {
    let outcome = match Bench::parse().what {
        What::Drift { reference, current, runs } => drift::drift(&reference, &current, runs),
        What::Wide { rows, columns, reference_rows, folder } => drift::wide(rows, columns, reference_rows, &folder),
        What::Employment { data, golden } => employment::employment(&data, &golden),
        What::Flights { data } => flights::flights(&data),
        What::Statistics { rounds } => {
            statistics::simulate(rounds);
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

//! Figures, one JSON line each: `cargo xtask bench …`. Never part of a test: a timed test fails on
//! a busy machine and passes on a fast one.

mod alert;
mod detection;
mod drift;
mod employment;
mod evaluate;
mod flights;
mod footprint;
mod ingest;
mod kill;
mod labels;
mod load;
mod otlp;
mod pages;
mod promql;
mod query;
mod samples;
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
    /// Predictions over HTTP, acknowledged durable: rates, latency, bytes at rest
    Ingest {
        #[command(flatten)]
        on: On,
        /// Seconds of each measurement
        #[arg(long, default_value_t = 10.0)]
        seconds: f64,
    },
    /// Labels over HTTP against many predictions: rate, and rate of merging
    Labels {
        #[command(flatten)]
        on: On,
        #[arg(long, default_value_t = 10_000_000)]
        predictions: usize,
        /// Labels of each run
        #[arg(long, default_value_t = 1_000_000)]
        labels: usize,
    },
    /// What pages ask, on stores of some millions of predictions
    Query {
        #[arg(long, value_enum, default_value_t = load::Database::Sqlite)]
        database: load::Database,
        #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 30])]
        millions: Vec<usize>,
    },
    /// SIGKILL at random moments under load; what was acknowledged and is not there
    Kill {
        #[arg(long, value_enum, default_value_t = load::Database::Sqlite)]
        database: load::Database,
        #[arg(long, default_value_t = 200)]
        kills: usize,
    },
    /// Remote-write samples of ten thousand series: rate, bytes at rest
    Samples {
        #[command(flatten)]
        on: On,
        /// Samples of each series
        #[arg(long, default_value_t = 1440)]
        steps: usize,
    },
    /// Spans and data points by OTLP over HTTP: rates, bytes at rest, a large trace opened
    Otlp {
        #[command(flatten)]
        on: On,
        /// Seconds of each measurement
        #[arg(long, default_value_t = 10.0)]
        seconds: f64,
    },
    /// From a sample, or a posted alert, to the webhook; ten thousand open alerts; a storm
    Alert {
        #[arg(long, value_enum, default_value_t = load::Database::Sqlite)]
        database: load::Database,
    },
    /// Operations over a day for twenty people at once, and every other page, drawn on the server
    Pages {
        #[arg(long, value_enum, default_value_t = load::Database::Sqlite)]
        database: load::Database,
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// The same samples into Prometheus, the same questions to both: the share of answers that agree
    Promql {
        #[arg(long, value_enum, default_value_t = load::Database::Sqlite)]
        database: load::Database,
    },
    /// Memory and processor time, idle and loaded
    Footprint {
        #[command(flatten)]
        on: On,
        /// Seconds of each measurement
        #[arg(long, default_value_t = 30.0)]
        seconds: f64,
    },
    /// Many models under steady load: how soon after its end a window is judged, and a month judged again
    Evaluate {
        #[arg(long, value_enum, default_value_t = load::Database::Sqlite)]
        database: load::Database,
        #[arg(long, default_value_t = 50)]
        models: usize,
        /// Events a second in all
        #[arg(long, default_value_t = 10_000)]
        rate: usize,
        /// Rows of the month that is judged again
        #[arg(long, default_value_t = 300_000)]
        recomputed: usize,
    },
    /// Streams with planted faults: what each detector finds, how soon, and how often it cries wolf
    Detection {
        /// Streams of each fault
        #[arg(long, default_value_t = 10)]
        rounds: usize,
    },
    /// False-alarm rates and power of tests, detectors and thresholds on simulated streams
    Statistics {
        /// More rounds, narrower answers
        #[arg(long, default_value_t = 2000)]
        rounds: usize,
    },
}

/// Where and how often.
#[derive(clap::Args)]
struct On {
    #[arg(long, value_enum, default_value_t = load::Database::Sqlite)]
    database: load::Database,
    /// Runs; the middle one is reported
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

/// The clients' half of a benchmark under load, on the same cores as the server.
fn under_load(work: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| e.to_string())?.block_on(work)
}

fn main() -> ExitCode {
    let outcome = match Bench::parse().what {
        What::Drift { reference, current, runs } => drift::drift(&reference, &current, runs),
        What::Wide { rows, columns, reference_rows, folder } => drift::wide(rows, columns, reference_rows, &folder),
        What::Employment { data, golden } => employment::employment(&data, &golden),
        What::Flights { data } => flights::flights(&data),
        What::Ingest { on, seconds } => under_load(ingest::ingest(on.database, on.runs, seconds)),
        What::Labels { on, predictions, labels } => {
            under_load(labels::labels(on.database, on.runs, predictions, labels))
        }
        What::Query { database, millions } => under_load(query::query(database, &millions)),
        What::Kill { database, kills } => under_load(kill::kill(database, kills)),
        What::Samples { on, steps } => under_load(samples::samples(on.database, on.runs, steps)),
        What::Otlp { on, seconds } => under_load(otlp::otlp(on.database, on.runs, seconds)),
        What::Alert { database } => under_load(alert::alert(database)),
        What::Pages { database, seconds } => under_load(pages::pages(database, seconds)),
        What::Promql { database } => under_load(promql::promql(database)),
        What::Footprint { on, seconds } => under_load(footprint::footprint(on.database, on.runs, seconds)),
        What::Evaluate { database, models, rate, recomputed } => {
            under_load(evaluate::evaluate(database, models, rate, recomputed))
        }
        What::Detection { rounds } => detection::detection(rounds),
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

//! Load on a running server: the program itself, started on an empty database, asked over HTTP by
//! clients on the same machine.

pub(crate) mod client;
pub(crate) mod events;
pub(crate) mod fill;
pub(crate) mod remote;
pub(crate) mod server;

use serde_json::{Map, Value, json};

/// The database a run is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Database::Sqlite => "sqlite",
            Database::Postgres => "postgres",
        }
    }
}

/// The one line that a benchmark ends with.
pub(crate) fn report(bench: &str, database: Database, runs: usize, figures: &[(&str, f64)]) {
    let figures: Map<String, Value> =
        figures.iter().map(|(name, value)| (name.to_string(), json!((value * 1000.0).round() / 1000.0))).collect();
    println!("{}", json!({"bench": bench, "database": database.name(), "runs": runs, "figures": figures}));
}

/// The middle of some figures.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value that a share of the figures do not exceed.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len().max(1));
    values.get(at - 1).copied().unwrap_or(f64::NAN)
}

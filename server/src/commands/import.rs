//! `plimsoll import`: files into the store, beside a running server or without one.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use domain::environment::PRODUCTION;
use domain::model::Mapping;
use domain::problem::Receipt;
use domain::{Actor, Timestamp};
use engine::Engine;
use engine::ingest::{Body, Envelope, Replay, decode};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Outcome, open, text};
use crate::config::Config;

/// Import Parquet, CSV, NDJSON or JSON files (also gzipped) into a model.
///
/// Roles of columns are found by their usual names (prediction_id, timestamp, y_pred, y_pred_proba,
/// y_true …); the options name the others. All columns without a role become features.
#[derive(Debug, Args)]
pub struct Import {
    /// The model; it is registered if it is new
    model: String,
    /// Files with predictions (or, with --baseline, with baseline rows)
    files: Vec<PathBuf>,
    /// Files with labels: an id, the truth, when it became known
    #[arg(long, value_name = "FILE")]
    labels: Vec<PathBuf>,
    /// The files are a baseline of this name
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "baseline")]
    baseline: Option<String>,
    /// Column with the prediction id
    #[arg(long, value_name = "COLUMN")]
    id: Option<String>,
    /// Column with the event time
    #[arg(long, value_name = "COLUMN")]
    timestamp: Option<String>,
    /// Column with the prediction
    #[arg(long, value_name = "COLUMN")]
    prediction: Option<String>,
    /// Column with the positive class's probability, or CLASS=COLUMN; may be repeated
    #[arg(long, value_name = "COLUMN")]
    probability: Vec<String>,
    /// Column with the truth
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// Column that names a group; may be repeated
    #[arg(long, value_name = "COLUMN")]
    group: Vec<String>,
    /// Column that is a feature; if given, only those named are
    #[arg(long, value_name = "COLUMN")]
    feature: Vec<String>,
    /// Column to leave out; may be repeated
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,
    #[arg(long, value_name = "NAME", default_value = PRODUCTION)]
    environment: String,
    /// The AI system the model belongs to [default: the model's name]
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
    /// Windows: auto, month, a span like 6h, or a number of predictions
    #[arg(long, value_name = "WINDOW")]
    window: Option<String>,
    /// Shift event times so that the last event meets now, distances divided by SPEED
    #[arg(long, value_name = "SPEED", num_args = 0..=1, default_missing_value = "1")]
    replay: Option<f64>,
    /// Leave the evaluation to the server
    #[arg(long)]
    no_evaluate: bool,
}

impl Import {
    pub async fn run(self, config: &Config) -> Outcome {
        if self.files.is_empty() && self.labels.is_empty() {
            return Err("nothing to import: name a file, or --labels FILE".into());
        }
        let engine = open(config).await?;
        let outcome = self.import(&engine).await;
        engine.store.close().await;
        outcome
    }

    async fn import(&self, engine: &Engine) -> Outcome {
        let mapping = Mapping {
            id: self.id.clone(),
            timestamp: self.timestamp.clone(),
            prediction: self.prediction.clone(),
            probability: self.probability.clone(),
            label: self.label.clone(),
            group: self.group.clone(),
            feature: self.feature.clone(),
            ignore: self.ignore.clone(),
        };
        let shift = match self.replay {
            None => None,
            Some(speed) if speed > 0.0 && speed.is_finite() => {
                let last = newest_event(&self.files, self.timestamp.as_deref())?;
                Some(Replay { last, now: engine.now(), speed })
            }
            Some(speed) => return Err(format!("--replay takes a speed above 0; {speed} is none")),
        };
        let envelope = Envelope {
            mapping,
            environment: Some(self.environment.clone()),
            system: self.system.clone(),
            baseline: self.baseline.clone(),
            shift,
        };
        let mut rejected = 0;
        for path in &self.files {
            let (reader, bar) = open_file(path)?;
            let receipt = engine
                .ingest_predictions(&Actor::Local, &self.model, &envelope, None, Body::Coming(reader), |rows| {
                    note(&bar, rows)
                })
                .await
                .map_err(|e| format!("{}: {e}", path.display()))?;
            bar.finish_and_clear();
            rejected += report(path, &receipt, "rows");
        }
        let labels = Envelope { baseline: None, ..envelope };
        for path in &self.labels {
            let (reader, bar) = open_file(path)?;
            let receipt = engine
                .ingest_labels(&Actor::Local, &self.model, &labels, None, Body::Coming(reader), |rows| note(&bar, rows))
                .await
                .map_err(|e| format!("{}: {e}", path.display()))?;
            bar.finish_and_clear();
            rejected += report(path, &receipt, "labels");
        }
        if let Some(window) = &self.window {
            let change = domain::model::ModelChange { window: Some(window.clone()), ..Default::default() };
            engine.update_model(&Actor::Local, &self.model, change).await.map_err(text)?;
        }
        if !self.no_evaluate {
            let bar = ProgressBar::new_spinner().with_message("evaluating windows");
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
            engine.maintain().await.map_err(text)?;
            engine.evaluate().await.map_err(text)?;
            bar.finish_and_clear();
        }
        Ok(u8::from(rejected > 0))
    }
}

fn note(bar: &ProgressBar, rows: u64) {
    bar.set_message(format!("{} rows", domain::format::count(rows as f64)));
}

fn report(path: &Path, receipt: &Receipt, what: &str) -> u64 {
    println!(
        "{}: {} {what} kept, {} known already, {} changed and not taken, {} rejected{}",
        path.display(),
        domain::format::count(receipt.accepted as f64),
        domain::format::count(receipt.duplicates as f64),
        domain::format::count(receipt.changed_duplicates as f64),
        domain::format::count(receipt.rejected as f64),
        if receipt.labels > 0 {
            format!("; {} labels came with them", domain::format::count(receipt.labels as f64))
        } else {
            String::new()
        },
    );
    for error in receipt.errors.iter().take(10) {
        let field = error.field.as_deref().map(|f| format!(", {f}")).unwrap_or_default();
        println!("  line {}{field}: {}", error.line, error.reason);
    }
    receipt.rejected
}

/// Counts the bytes read, so that the bar knows how far it is.
struct Counted {
    file: File,
    bar: ProgressBar,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.file.read(buffer)?;
        self.bar.set_position(self.read.fetch_add(got as u64, Ordering::Relaxed) + got as u64);
        Ok(got)
    }
}

fn open_file(path: &Path) -> Result<(Box<dyn Read + Send>, ProgressBar), String> {
    let file = File::open(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let bytes = file.metadata().map_or(0, |m| m.len());
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(bytes).with_style(style);
    let reader = Counted { file, bar: bar.clone(), read: Arc::default() };
    Ok((Box::new(reader), bar))
}

/// The newest event time in the files: a replay counts back from it.
fn newest_event(files: &[PathBuf], column: Option<&str>) -> Result<Timestamp, String> {
    let mut newest = Timestamp::MIN;
    for path in files {
        let file = File::open(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        for table in decode::tables(None, Box::new(file)).map_err(text)? {
            let table = table.map_err(text)?;
            let name = column.map(String::from).or_else(|| {
                let mapping = Mapping::default();
                let schema = domain::model::infer_schema(&table.typed(), &mapping).ok()?;
                schema.fields.iter().find(|f| f.role == domain::event::ColumnRole::Timestamp).map(|f| f.name.clone())
            });
            let cells = name.as_deref().and_then(|n| table.column(n));
            let cells = cells.ok_or("--replay needs a column with the event time; name it with --timestamp")?;
            for time in cells.iter().filter_map(|c| c.text()).filter_map(|t| Timestamp::parse(&t)) {
                newest = newest.max(time);
            }
        }
    }
    if newest == Timestamp::MIN { Err("--replay found no event time in the files".into()) } else { Ok(newest) }
}

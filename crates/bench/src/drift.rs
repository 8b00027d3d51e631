//! `plimsoll drift` as a whole process: what a pipeline waits for.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

fn program() -> Result<PathBuf, String> {
    std::env::var_os("PLIMSOLL_PROGRAM").map(PathBuf::from).ok_or("PLIMSOLL_PROGRAM must name the program".to_string())
}

/// What a run took, and what it printed.
struct Run {
    seconds: f64,
    /// Peak resident memory.
    bytes: u64,
    printed: Vec<u8>,
}

fn compare(reference: &Path, current: &Path, json: bool) -> Result<Run, String> {
    let mut command = Command::new(program()?);
    command.arg("drift").arg("--reference").arg(reference).arg("--current").arg(current);
    if json {
        command.arg("--json");
    }
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let watcher = std::thread::spawn(move || watch(&status));
    let mut printed = Vec::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_end(&mut printed).map_err(|e| e.to_string())?;
    }
    let ended = child.wait().map_err(|e| e.to_string())?;
    let seconds = started.elapsed().as_secs_f64();
    let bytes = watcher.join().unwrap_or_default();
    match ended.code() {
        Some(0 | 1) => Ok(Run { seconds, bytes, printed }),
        _ => Err(format!("the program ended with {ended}")),
    }
}

/// The peak as the kernel counts it, read until the process is gone.
fn watch(status: &Path) -> u64 {
    let mut peak = 0;
    while let Ok(text) = std::fs::read_to_string(status) {
        let Some(line) = text.lines().find_map(|l| l.strip_prefix("VmHWM:")) else {
            break;
        };
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap_or_default();
        peak = peak.max(kib * 1024);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    peak
}

/// The middle of several runs.
pub fn drift(reference: &Path, current: &Path, runs: usize) -> Result<(), String> {
    let answer = compare(reference, current, true)?;
    let answer: Value = serde_json::from_slice(&answer.printed).map_err(|e| e.to_string())?;
    let columns = answer["columns"].as_array().map_or(0, Vec::len);
    let (mut times, mut peak) = (Vec::new(), 0);
    for _ in 0..runs.max(1) {
        let run = compare(reference, current, false)?;
        times.push(run.seconds);
        peak = peak.max(run.bytes);
    }
    times.sort_by(f64::total_cmp);
    println!(
        "{}",
        json!({
            "bench": "drift", "columns": columns, "seconds": times[times.len() / 2], "fastest": times[0],
            "slowest": times[times.len() - 1], "runs": times.len(), "peak_bytes": peak, "cores": cores(),
        })
    );
    Ok(())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

/// Rows of a row group, and of the pieces that are written.
const GROUP: usize = 100_000;

pub fn wide(rows: usize, columns: usize, reference_rows: usize, folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    let table = |name: &str, rows: usize, seed: u64| -> Result<PathBuf, String> {
        let path = folder.join(format!("{name}-{rows}x{columns}.parquet"));
        if !path.exists() {
            eprintln!("writing {}", path.display());
            write(&path, rows, columns, seed)?;
        }
        Ok(path)
    };
    let reference = table("reference", reference_rows, 1)?;
    let current = table("current", rows, 2)?;
    let run = compare(&reference, &current, false)?;
    println!(
        "{}",
        json!({
            "bench": "drift wide", "rows": rows, "columns": columns, "reference_rows": reference_rows, "seconds": run.seconds,
            "raw_bytes": rows * columns * 8, "file_bytes": std::fs::metadata(&current).map_or(0, |m| m.len()),
            "peak_bytes": run.bytes, "cores": cores(),
        })
    );
    Ok(())
}

fn write(path: &Path, rows: usize, columns: usize, seed: u64) -> Result<(), String> {
    let schema = Arc::new(Schema::new(
        (0..columns).map(|c| Field::new(format!("n{c:04}"), DataType::Float64, false)).collect::<Vec<_>>(),
    ));
    let level = ZstdLevel::try_new(1).map_err(|e| e.to_string())?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_dictionary_enabled(false)
        .set_max_row_group_row_count(Some(GROUP))
        .build();
    let file = File::create(path).map_err(|e| e.to_string())?;
    let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties)).map_err(|e| e.to_string())?;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut left = rows;
    while left > 0 {
        let n = left.min(GROUP);
        let arrays: Vec<ArrayRef> = (0..columns)
            .map(|c| {
                // Rounded as measurements are, so that files are of a size that occurs.
                let values =
                    (0..n).map(|_| ((random.f64() + random.f64()) * 1000.0 * (1 + c % 7) as f64).round() / 100.0);
                Arc::new(Float64Array::from_iter_values(values)) as ArrayRef
            })
            .collect();
        let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(|e| e.to_string())?;
        writer.write(&batch).map_err(|e| e.to_string())?;
        left -= n;
    }
    writer.close().map_err(|e| e.to_string())?;
    Ok(())
}

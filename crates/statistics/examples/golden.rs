//! Runs a folder of golden files through the public functions: `cargo xtask golden DIR`.

#[path = "../tests/runner/mod.rs"]
mod runner;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1).map(PathBuf::from) else {
        eprintln!("name a folder of golden files");
        return ExitCode::FAILURE;
    };
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("{} cannot be read", folder.display());
        return ExitCode::FAILURE;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
    paths.sort();
    let (mut held, mut missed) = (0, 0);
    for path in paths.iter().filter(|p| p.extension().is_some_and(|e| e == "json")) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let document = std::fs::read_to_string(path).ok().and_then(|text| serde_json::from_str(&text).ok());
        let Some(document) = document else {
            println!("{name:24} is not readable as JSON");
            missed += 1;
            continue;
        };
        let Some(outcome) = runner::run(&name, &document) else {
            println!("{name:24} no family of this name; skipped");
            continue;
        };
        println!(
            "{name:24} {:4} cases {:7} numbers held {:5} not offered {:5} missed",
            outcome.cases,
            outcome.held,
            outcome.not_offered,
            outcome.misses.len()
        );
        outcome.misses.iter().take(20).for_each(|miss| println!("    {miss}"));
        held += outcome.held;
        missed += outcome.misses.len();
    }
    println!("{held} numbers held, {missed} missed");
    if missed == 0 && held > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! Coverage-guided fuzzing with the toolchain that is there: libFuzzer needs no more of the compiler than the
//! coverage counters that LLVM puts in, and those a stable one puts in when asked.

use std::path::PathBuf;
use std::process::Command;

use crate::{command, places};

/// What LLVM is asked for, as libFuzzer expects it: counters of eight bits for each edge, the table that says
/// where they lie, and the operands of comparisons.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1";
/// Seconds a target, memory it may take in MiB, and bytes of an input.
const SECONDS: &str = "60";
const MEMORY: &str = "2048";
const LENGTH: &str = "65536";

/// `cargo xtask fuzz [TARGET] [SECONDS]`: one target, or each in turn. What was found interesting is kept for the
/// next run; an input that breaks something is named and kept beside it.
pub fn fuzz(rest: &[String]) -> Result<(), String> {
    let package = places::root().join("fuzz");
    let all = targets(&package)?;
    let (seconds, names): (Vec<&String>, Vec<&String>) = rest.iter().partition(|a| a.parse::<u32>().is_ok());
    let wanted: Vec<&String> = if names.is_empty() { all.iter().collect() } else { names };
    if let Some(unknown) = wanted.iter().find(|name| !all.contains(name)) {
        return Err(format!("there is no target “{unknown}”; there are {}", all.join(", ")));
    }
    let seconds = seconds.first().map_or(SECONDS, |s| s.as_str());
    let host = host().ok_or("rustc -vV names no host; is Rust installed?")?;
    let folder = places::cache().join("fuzz");
    command::step("the fuzz targets, with coverage counters");
    let mut build = command::cargo(&["build", "--release", "--locked", "--target", &host]);
    build.current_dir(&package).env("CARGO_TARGET_DIR", folder.join("target")).env("RUSTFLAGS", FLAGS);
    command::run(&mut build, "see the compiler’s message above")?;
    for name in wanted {
        command::step(&format!("{name}, for {seconds} s"));
        let (corpus, found) = (folder.join("corpus").join(name), folder.join("found"));
        for folder in [&corpus, &found] {
            std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        let program = folder.join("target").join(&host).join("release").join(name);
        let mut run = Command::new(program);
        run.arg(&corpus).args([
            format!("-max_total_time={seconds}"),
            format!("-rss_limit_mb={MEMORY}"),
            format!("-max_len={LENGTH}"),
            "-timeout=10".into(),
            "-print_final_stats=1".into(),
            format!("-artifact_prefix={}/{name}-", found.display()),
        ]);
        command::run(&mut run, "the input that breaks it is named above; make it a test, then mend what it found")?;
    }
    Ok(())
}

/// Each file of the package's targets is one.
fn targets(package: &std::path::Path) -> Result<Vec<String>, String> {
    let folder = package.join("fuzz_targets");
    let files = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let stem = |file: PathBuf| Some(file.file_stem()?.to_str()?.to_string());
    let mut names: Vec<String> = files.flatten().filter_map(|file| stem(file.path())).collect();
    names.sort_unstable();
    Ok(names)
}

fn host() -> Option<String> {
    let said = command::output(Command::new("rustc").arg("-vV"))?;
    said.lines().find_map(|line| line.strip_prefix("host: ")).map(String::from)
}

//! `cargo xtask`: set-up, start, test, development. No dependencies, so that it compiles in
//! seconds on a machine that has nothing but rustup.

mod command;
mod database;
mod dev;
mod fuzz;
mod places;
mod room;
mod setup;
mod site;
mod suite;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask start [--demo] [ARGUMENTS OF plimsoll serve]   set up, build, serve
cargo xtask test                                           set up, build, run every check
cargo xtask dev [ARGUMENTS]                                serve, rebuild and restart on change
cargo xtask setup                                          only install what is missing
cargo xtask release                                        build target/plimsoll, one self-contained program
cargo xtask golden DIR                                     hold the statistics against a folder of golden files
cargo xtask bench NAME [ARGUMENTS]                         figures, one JSON line each; --help lists them
cargo xtask fuzz [TARGET] [SECONDS]                        hostile input to every reader, guided by coverage
cargo xtask plimsoll ARGUMENTS                             run the release program with any command

Build output lies in PLIMSOLL_CACHE, by default ~/.cache/plimsoll, so that a second clone builds warm.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, rest) = arguments.split_first().map_or(("help", &[][..]), |(n, r)| (n.as_str(), r));
    if ["help", "--help", "-h"].contains(&name) {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let outcome = places::settle().and_then(|()| match name {
        "start" => start(rest),
        "test" => suite::suite(),
        "dev" => dev::run_dev(rest),
        "setup" => setup::for_building().and_then(|()| setup::for_testing()),
        "release" => release(),
        "golden" => golden(rest),
        "bench" => bench(rest),
        "fuzz" => fuzz::fuzz(rest),
        "plimsoll" => program().and_then(|path| command::hand_over(&path, rest)),
        other => Err(format!("there is no “{other}”\n\n{HELP}")),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the self-contained program and says where it is.
fn program() -> Result<std::path::PathBuf, String> {
    setup::for_building()?;
    // The browser half is compiled by one core for minutes. All that the program is made of beside the site it holds is
    // compiled meanwhile, as part of the same program and with its features: otherwise it would be compiled twice.
    let libraries = command::start(
        command::cargo(&["build", "--release", "--lib", "--package", "app", "--package", "plimsoll"])
            .args(["--no-default-features", "--features", "plimsoll/embed"])
            .env("CARGO_TERM_PROGRESS_WHEN", "never"),
        "see the compiler’s message above",
    )?;
    let site = site::build(site::Kind::Release)?;
    libraries.finish()?;
    command::step("the program, with the site inside");
    command::run(
        command::cargo(&["build", "--release", "--package", "plimsoll", "--features", "embed"])
            .env("PLIMSOLL_SITE", &site),
        "see the compiler’s message above",
    )?;
    Ok(places::target().join("release/plimsoll"))
}

fn start(rest: &[String]) -> Result<(), String> {
    let path = program()?;
    let rest: Vec<String> = match rest.iter().position(|a| a == "--demo") {
        Some(at) => {
            command::step("the demonstration’s data");
            command::run(
                std::process::Command::new(&path).arg("demo"),
                "remove the database it names, or start without --demo",
            )?;
            let mut rest = rest.to_vec();
            rest.remove(at);
            rest
        }
        None => rest.to_vec(),
    };
    command::step("serving; stop with Ctrl-C");
    command::hand_over(&path, &rest)
}

fn bench(rest: &[String]) -> Result<(), String> {
    let mut bench = std::process::Command::new(places::target().join("release/bench"));
    let name = rest.first().map_or("", String::as_str);
    if name == "browser" {
        return browser();
    }
    let under_load =
        ["ingest", "labels", "samples", "query", "footprint", "kill", "otlp", "promql", "evaluate", "alert", "pages"]
            .contains(&name);
    if under_load || ["drift", "wide"].contains(&name) {
        bench.env("PLIMSOLL_PROGRAM", program()?);
    }
    // Stopped when it goes out of scope.
    let _postgres = if under_load && rest.iter().any(|a| a.ends_with("postgres")) {
        let server = database::Postgres::start(database::Durability::Real)?;
        bench.env("PLIMSOLL_TEST_POSTGRES", &server.url);
        Some(server)
    } else {
        None
    };
    command::run(
        &mut command::cargo(&["build", "--quiet", "--release", "--package", "bench"]),
        "see the compiler’s message above",
    )?;
    // Run where the person is: the paths are meant from there.
    command::run(bench.args(rest), "see above")
}

/// What pages cost a browser: measured by the browser, so by its own script.
fn browser() -> Result<(), String> {
    setup::for_testing()?;
    let chromium = setup::chromium().ok_or("Chromium is missing; run cargo xtask setup")?;
    command::run(
        std::process::Command::new("node")
            .arg("figures.mjs")
            .current_dir(places::root().join("end2end"))
            .env("PLIMSOLL_PROGRAM", program()?)
            .env("PLIMSOLL_CHROMIUM", chromium),
        "see above",
    )
}

fn golden(rest: &[String]) -> Result<(), String> {
    let folder = rest.first().ok_or("name a folder of golden files")?;
    // Cargo runs it in the checkout; the folder is meant from here.
    let folder = std::fs::canonicalize(folder).map_err(|e| format!("{folder}: {e}"))?;
    command::run(
        command::cargo(&["run", "--quiet", "--package", "statistics", "--example", "golden", "--"]).arg(&folder),
        "a number above is not met",
    )?;
    // NannyML's whole run needs the data it was made on, which lies beside the folder or nowhere.
    let whole = folder.join("nannyml_employment_ma.json");
    let data = folder.join("../data/employment_ma");
    if !whole.exists() {
        return Ok(());
    }
    if !data.exists() {
        eprintln!("NOT RUN: {} needs the data set, which is not at {}", whole.display(), data.display());
        return Ok(());
    }
    let path = |p: &std::path::Path| p.display().to_string();
    bench(&["employment".into(), "--data".into(), path(&data), "--golden".into(), path(&whole)])
}

fn release() -> Result<(), String> {
    let path = program()?;
    let target = places::root().join("target");
    std::fs::create_dir_all(&target).map_err(|e| e.to_string())?;
    let copy = target.join("plimsoll");
    // A program that runs cannot be written over, but its file can be replaced.
    match std::fs::remove_file(&copy) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("cannot replace {}: {e}", copy.display()));
        }
        _ => {}
    }
    std::fs::copy(&path, &copy).map_err(|e| format!("cannot write {}: {e}", copy.display()))?;
    println!("{}", copy.display());
    Ok(())
}

//! Every check there is, in the order in which they fail fastest.

use std::process::Command;

use crate::command::{cargo, find, run, step};
use crate::{database, places, program, room, setup};

pub fn suite() -> Result<(), String> {
    setup::for_building()?;
    setup::for_testing()?;
    room::make()?;

    step("formatting");
    run(&mut cargo(&["fmt", "--all", "--check"]), "run cargo fmt --all")?;

    step("lints, with warnings as errors");
    let lint = ["clippy", "--workspace", "--exclude", "frontend", "--all-targets", "--", "--deny", "warnings"];
    run(&mut cargo(&lint), "mend what clippy names")?;

    if find("cargo-deny").is_some() {
        step("licences and sources of what Plimsoll is built from");
        run(&mut cargo(&["deny", "check", "bans", "licenses", "sources"]), "see deny.toml")?;
    } else {
        step("licences are not looked at, since cargo-deny is not here; cargo install --locked cargo-deny adds it");
    }

    let postgres = database::Postgres::start(database::Durability::None)?;
    step("unit, conformance and integration tests, on SQLite and PostgreSQL");
    run(
        cargo(&["test", "--workspace", "--exclude", "frontend", "--no-fail-fast"])
            .env("PLIMSOLL_TEST_POSTGRES", &postgres.url)
            .env("PLIMSOLL_TEST_PYTHON", setup::python())
            .env("RUST_TEST_THREADS", threads().to_string()),
        "see the failing test above",
    )?;

    let path = program()?;
    step("pages in a real browser, on SQLite");
    let chromium = setup::chromium().ok_or("Chromium is missing; run cargo xtask setup")?;
    let journeys = |arguments: &[&str], server: Option<&str>| {
        let mut command = Command::new("npx");
        command
            .args(["playwright", "test"])
            .args(arguments)
            .current_dir(places::root().join("end2end"))
            .env("PLIMSOLL_PROGRAM", &path)
            .env("PLIMSOLL_CHROMIUM", &chromium)
            .env_remove("PLIMSOLL_TEST_POSTGRES");
        server.map(|url| command.env("PLIMSOLL_TEST_POSTGRES", url));
        run(&mut command, "see the failing page above; its pictures are in end2end/test-results")
    };
    journeys(&[], None)?;
    step("the same journeys on PostgreSQL");
    // How pages look, and to whom, does not depend on where their data lies.
    journeys(&["--grep-invert", "every page|accessibility"], Some(&postgres.url))?;
    step("everything passed");
    Ok(())
}

/// Tests at a time: twice as many as there are cores, since those that talk to a running server mostly wait.
fn threads() -> usize {
    2 * std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

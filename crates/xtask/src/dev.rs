//! `cargo xtask dev`: serve, and on every change of a file build again and restart. Open pages
//! reload by themselves when the browser half has another name.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, SystemTime};

use crate::command::{cargo, run, step};
use crate::{places, setup, site};

const WATCHED: [&str; 7] = ["app", "crates", "frontend", "server", "style", "public", "migrations"];

/// The newest change below a folder.
fn newest(path: &Path) -> SystemTime {
    let own = std::fs::metadata(path).and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let inside = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| newest(&entry.path()));
    inside.fold(own, SystemTime::max)
}

fn changed() -> SystemTime {
    WATCHED.iter().map(|folder| newest(&places::root().join(folder))).fold(SystemTime::UNIX_EPOCH, SystemTime::max)
}

fn build(arguments: &[String]) -> Result<Child, String> {
    let site = site::build(site::Kind::Development)?;
    run(&mut cargo(&["build", "--package", "plimsoll"]), "mend what the compiler names; saving builds again")?;
    Command::new(places::target().join("debug/plimsoll"))
        .args(arguments)
        .env("PLIMSOLL_SITE", site)
        .spawn()
        .map_err(|e| format!("the program could not start: {e}"))
}

pub fn run_dev(arguments: &[String]) -> Result<(), String> {
    setup::for_building()?;
    let mut seen = changed();
    let mut child = build(arguments).map_err(|e| eprintln!("{e}")).ok();
    step("watching for changes; stop with Ctrl-C");
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let now = changed();
        if now <= seen {
            continue;
        }
        seen = now;
        if let Some(mut old) = child.take() {
            let _ = Command::new("kill").arg(old.id().to_string()).status();
            let _ = old.wait();
        }
        child = build(arguments).map_err(|e| eprintln!("{e}")).ok();
    }
}

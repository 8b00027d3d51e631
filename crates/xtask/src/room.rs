//! Room on the disk. Cargo keeps every build it ever made, and a full disk shows itself as anything
//! but that (a database that does not answer, a program that does not link): what is old goes before
//! it hurts, and too little room is said by name.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command::{cargo, output, run, step};
use crate::places;

const GIB: u64 = 1 << 30;

/// Bytes the builds may take: about three times what one of each profile takes.
const BUILDS: u64 = 32 * GIB;
/// Bytes a whole run of the tests writes at most, builds of our packages included.
const RUN: u64 = 16 * GIB;
/// With less than this the tests' databases are in danger.
const LEAST: u64 = 3 * GIB;

/// Removes what was built of our own packages when builds have grown too big or the disk is nearly
/// full; what they depend on stays.
pub fn make() -> Result<(), String> {
    let target = places::target();
    if size(&target) > BUILDS || free(&target).is_some_and(|bytes| bytes < RUN) {
        step("removing old builds of our own packages, for room");
        for profile in places::profiles(&target) {
            let _ = fs::remove_dir_all(profile.join("incremental"));
        }
        let ours = places::packages();
        for profile in ["dev", "release"] {
            let mut clean = vec!["clean", "--profile", profile];
            ours.iter().for_each(|package| clean.extend(["--package", package.as_str()]));
            run(&mut cargo(&clean), "remove the folder of the builds by hand")?;
        }
    }
    match free(&target) {
        Some(bytes) if bytes < LEAST => Err(format!(
            "{} of disk are left where the builds go ({}), and a run needs about {}; make room, or set \
             PLIMSOLL_CACHE to a folder on another disk",
            gib(bytes),
            target.display(),
            gib(RUN)
        )),
        _ => Ok(()),
    }
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / GIB as f64)
}

/// Bytes of the files below a folder; of what cannot be read, none.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => size(&entry.path()),
            Ok(kind) if kind.is_file() => entry.metadata().map_or(0, |m| m.len()),
            _ => 0,
        })
        .sum()
}

/// Bytes left on the disk of a folder, where `df` tells.
fn free(folder: &Path) -> Option<u64> {
    let folder = folder.ancestors().find(|folder| folder.exists())?;
    output(Command::new("df").args(["--output=avail", "--block-size=1"]).arg(folder))?
        .lines()
        .last()?
        .trim()
        .parse()
        .ok()
}

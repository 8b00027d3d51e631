//! Where things lie: the checkout, and the cache outside it.

use std::fs;
use std::path::{Path, PathBuf};

/// The checkout: asked when this runs, since the build folder, and this program in it, may be
/// shared with another one.
pub fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let manifest = PathBuf::from(manifest);
    manifest.ancestors().nth(2).map_or(manifest.clone(), PathBuf::from)
}

/// What outlives a clone: compiled code, tools, the tests' database.
pub fn cache() -> PathBuf {
    if let Some(folder) = std::env::var_os("PLIMSOLL_CACHE") {
        return PathBuf::from(folder);
    }
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(|| root().join("target"));
    base.join("plimsoll")
}

pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| cache().join("target"), PathBuf::from)
}

pub fn tools() -> PathBuf {
    cache().join("tools")
}

/// Makes the shared build folder this checkout's. Cargo names our own packages alike in every
/// checkout and trusts file times to tell what changed, so what another checkout built later than
/// these files were written would pass for them: our packages are built again, what they depend
/// on stays.
pub fn settle() -> Result<(), String> {
    let target = target();
    let note = target.join("checkout");
    let here = root().display().to_string();
    if fs::read_to_string(&note).is_ok_and(|last| last == here) {
        return Ok(());
    }
    let ours = packages();
    for profile in profiles(&target) {
        let Ok(entries) = fs::read_dir(profile.join(".fingerprint")) else {
            continue;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.rsplit_once('-').is_some_and(|(package, _)| ours.iter().any(|own| own == package)) {
                fs::remove_dir_all(entry.path()).map_err(|e| format!("{}: {e}", entry.path().display()))?;
            }
        }
    }
    fs::create_dir_all(&target).map_err(|e| format!("{}: {e}", target.display()))?;
    fs::write(&note, here).map_err(|e| format!("{}: {e}", note.display()))
}

/// The names of the packages of this checkout.
pub fn packages() -> Vec<String> {
    let root = root();
    let mut folders = vec![root.join("app"), root.join("frontend"), root.join("server")];
    folders.extend(fs::read_dir(root.join("crates")).into_iter().flatten().flatten().map(|entry| entry.path()));
    folders
        .iter()
        .filter_map(|folder| fs::read_to_string(folder.join("Cargo.toml")).ok())
        .filter_map(|text| Some(text.lines().find_map(|l| l.strip_prefix("name = "))?.trim_matches('"').to_string()))
        .collect()
}

/// `target/debug`, `target/wasm32-unknown-unknown/release`: folders that hold builds of a profile.
pub fn profiles(target: &Path) -> Vec<PathBuf> {
    let folders = |of: &Path| -> Vec<PathBuf> {
        fs::read_dir(of).into_iter().flatten().flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect()
    };
    let mut found = folders(target);
    found.extend(folders(target).iter().flat_map(|folder| folders(folder)));
    found
}

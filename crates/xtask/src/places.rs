//! Where things lie: the checkout, and the cache outside it.

use std::path::PathBuf;

/// The checkout.
pub fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
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

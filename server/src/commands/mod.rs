//! The commands, one file each.

pub mod demo;
pub mod drift;
pub mod import;
pub mod people;
pub mod serve;
pub mod upkeep;

use engine::Engine;
use store::{Store, StoreOptions};

use crate::config::Config;

/// An exit code, or what to print after “error:”.
pub type Outcome = Result<u8, String>;

/// Opens the configured database.
pub async fn open(config: &Config) -> Result<Engine, String> {
    let mut options = StoreOptions::new(config.database.url.clone());
    options.connections = config.database.connections;
    options.queue = config.limits.write_queue;
    options.bytes = (config.retention.disk_bytes > 0).then_some(config.retention.disk_bytes);
    let store = Store::open(&options).await.map_err(|e| e.to_string())?;
    Ok(Engine::with(store, config.options()?))
}

pub fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

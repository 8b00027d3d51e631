//! `plimsoll backup` and `plimsoll check`.

use std::path::PathBuf;

use clap::Args;

use super::{Outcome, open, text};
use crate::config::Config;

#[derive(Debug, Args)]
pub struct Backup {
    /// The file to write; it must not exist
    file: PathBuf,
}

impl Backup {
    pub async fn run(self, config: &Config) -> Outcome {
        let engine = open(config).await?;
        engine.store.backup(&self.file).await.map_err(text)?;
        let bytes = std::fs::metadata(&self.file).map_or(0, |m| m.len());
        println!(
            "{}: {}; to restore, stop Plimsoll and put it in the database's place",
            self.file.display(),
            domain::format::bytes(bytes as f64)
        );
        engine.store.close().await;
        Ok(0)
    }
}

pub async fn check(config: &Config) -> Outcome {
    println!("configuration: good");
    let engine = open(config).await?;
    println!("database: {} answers, its schema is up to date", engine.store.backend().name());
    let report =
        engine.store.check(|table, blobs| println!("  {table}: walked, {blobs} blobs so far")).await.map_err(text)?;
    println!("{} blobs, {}", report.blobs, domain::format::bytes(report.bytes as f64));
    for damage in &report.damaged {
        println!("damaged: {damage}");
    }
    engine.store.close().await;
    if report.damaged.is_empty() {
        println!("everything is whole");
        Ok(0)
    } else {
        Err(format!("{} damaged; restore a backup, or delete what they belong to", report.damaged.len()))
    }
}

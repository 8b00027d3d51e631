//! `plimsoll backup` and `plimsoll check`.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use percent_encoding::percent_decode_str;

use super::{Outcome, open, text};
use crate::config::Config;

#[derive(Debug, Args)]
pub struct Backup {
    /// The file to write; it must not exist
    file: PathBuf,
}

impl Backup {
    pub async fn run(self, config: &Config) -> Outcome {
        let how = if config.database.url.starts_with("postgres") {
            dump(&config.database.url, &self.file)?;
            "to restore, run pg_restore --clean --if-exists -d DATABASE on it while Plimsoll is stopped"
        } else {
            let engine = open(config).await?;
            engine.store.backup(&self.file).await.map_err(text)?;
            engine.store.close().await;
            "to restore, stop Plimsoll and put it in the database's place"
        };
        let bytes = std::fs::metadata(&self.file).map_or(0, |m| m.len());
        println!("{}: {}; {how}", self.file.display(), domain::format::bytes(bytes as f64));
        Ok(0)
    }
}

/// PostgreSQL's own tool knows best how to copy it; it sees one moment of the database while
/// everything goes on.
fn dump(url: &str, file: &Path) -> Result<(), String> {
    if file.exists() {
        return Err(format!("{} exists; name a file that does not", file.display()));
    }
    let (address, password) = without_password(url);
    let mut command = Command::new("pg_dump");
    command.args(["--format=custom", "--no-owner", "--dbname", &address, "--file"]).arg(file);
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("pg_dump ended with {status}; what it said stands above")),
        Err(error) => {
            Err(format!("pg_dump cannot be run ({error}); install PostgreSQL's client tools of the server's version"))
        }
    }
}

/// The address without its password, which every user of the machine could read from the list of
/// processes, and the password by itself.
fn without_password(url: &str) -> (String, Option<String>) {
    let parts = url.split_once("://").and_then(|(scheme, rest)| {
        let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (person, host) = authority.rsplit_once('@')?;
        let (name, password) = person.split_once(':')?;
        Some((format!("{scheme}://{name}@{host}{tail}"), percent_decode_str(password).decode_utf8_lossy().into_owned()))
    });
    parts.map_or_else(|| (url.to_string(), None), |(address, password)| (address, Some(password)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_leaves_the_address() {
        let (address, password) = without_password("postgres://mara:p%40ss:x@db.example:5433/plimsoll?sslmode=require");
        assert_eq!(address, "postgres://mara@db.example:5433/plimsoll?sslmode=require");
        assert_eq!(password.as_deref(), Some("p@ss:x"));
        assert_eq!(without_password("postgres://db/plimsoll"), ("postgres://db/plimsoll".into(), None));
    }
}

//! `plimsoll backup`, `plimsoll restore` and `plimsoll check`.

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
            "`plimsoll restore` brings it back"
        } else {
            let engine = open(config).await?;
            engine.store.backup(&self.file).await.map_err(text)?;
            engine.store.close().await;
            "`plimsoll restore` brings it back"
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

#[derive(Debug, Args)]
pub struct Restore {
    /// A file that `plimsoll backup` wrote
    file: PathBuf,
    /// Replace a database that is there and holds something
    #[arg(long)]
    replace: bool,
}

impl Restore {
    /// Brings a backup back: verified first, then put in the database's place, then verified there.
    pub async fn run(self, config: &Config) -> Outcome {
        let url = &config.database.url;
        if url.starts_with("postgres") {
            pg_restore(url, &self.file, self.replace).await?;
        } else {
            let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
            restore_file(&self.file, Path::new(path), self.replace).await?;
        }
        println!("restored; now verified as it lies there:");
        check(config).await
    }
}

async fn restore_file(from: &Path, to: &Path, replace: bool) -> Result<(), String> {
    if to.exists() && !replace {
        return Err(format!("{} is there already; --replace puts the backup in its place", to.display()));
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    // Beside its place, so that putting it there is one step that either happens or does not.
    let beside = to.with_extension("restoring");
    std::fs::copy(from, &beside).map_err(|e| format!("{}: {e}", from.display()))?;
    let verified = async {
        let store = store::Store::open(&store::StoreOptions::new(format!("sqlite:{}", beside.display())))
            .await
            .map_err(|e| format!("{} is no backup of Plimsoll: {e}", from.display()))?;
        let report = store.check(|_, _| ()).await.map_err(text)?;
        store.close().await;
        match report.damaged.first() {
            None => Ok(()),
            Some(damage) => Err(format!("the backup itself is damaged and was not used: {damage}")),
        }
    };
    let outcome = match verified.await {
        Ok(()) => replace_file(&beside, to).await,
        Err(error) => Err(error),
    };
    if outcome.is_err() {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", beside.display()));
        }
    }
    outcome
}

async fn replace_file(beside: &Path, to: &Path) -> Result<(), String> {
    if to.exists() {
        if store::in_use(to).await {
            return Err(format!("{} is in use; stop Plimsoll first", to.display()));
        }
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", to.display()));
        }
    }
    std::fs::rename(beside, to).map_err(|e| format!("{}: {e}", to.display()))
}

async fn pg_restore(url: &str, file: &Path, replace: bool) -> Result<(), String> {
    if !replace {
        // Opening would make the tables; only look whether there are some.
        if store::holds_something(url).await.map_err(text)? {
            return Err("the database holds something already; --replace removes it first".into());
        }
    }
    let (address, password) = without_password(url);
    let mut command = Command::new("pg_restore");
    command.args(["--clean", "--if-exists", "--no-owner", "--single-transaction", "--dbname", &address]).arg(file);
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            Err(format!("pg_restore ended with {status}; what it said stands above, and nothing was changed"))
        }
        Err(error) => Err(format!("pg_restore cannot be run ({error}); install PostgreSQL's client tools")),
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

//! The program under load: started on a database of its own, measured from `/proc`, stopped.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::Database;
use super::client::Connection;

static STARTED: AtomicUsize = AtomicUsize::new(0);

/// A running server. Killed and its data removed when dropped.
pub(crate) struct Server {
    child: Child,
    program: PathBuf,
    url: String,
    arguments: Vec<String>,
    pub(crate) folder: PathBuf,
    pub(crate) address: String,
    pub(crate) key: String,
}

impl Server {
    /// Starts on an empty database; `arguments` are `plimsoll serve`'s.
    pub(crate) fn start(database: Database, arguments: &[&str]) -> Result<Server, String> {
        let program = std::env::var_os("PLIMSOLL_PROGRAM").map(PathBuf::from);
        let program = program.ok_or("PLIMSOLL_PROGRAM must name the program; `cargo xtask bench` sets it")?;
        let name = format!("plimsoll_bench_{}_{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let parent = std::env::var_os("PLIMSOLL_BENCH_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = parent.join(&name);
        std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let url = match database {
            Database::Sqlite => format!("sqlite:{}", folder.join("plimsoll.db").display()),
            Database::Postgres => {
                let server = std::env::var("PLIMSOLL_TEST_POSTGRES")
                    .map_err(|_| "PLIMSOLL_TEST_POSTGRES must name a server; `cargo xtask bench` starts one")?;
                psql(&format!("{server}/postgres"), &format!("CREATE DATABASE {name}"))?;
                format!("{server}/{name}")
            }
        };
        let arguments = arguments.iter().map(|a| a.to_string()).collect();
        let (child, address) = spawn(&program, &url, &arguments)?;
        let mut server = Server { child, program, url, arguments, folder, address, key: String::new() };
        server.key = server.new_key("admin")?;
        Ok(server)
    }

    /// A new API key of a scope.
    pub(crate) fn new_key(&self, scope: &str) -> Result<String, String> {
        let output = self.command(&["key", "create", scope, "--scope", scope])?;
        Ok(output.trim().to_string())
    }

    /// Runs another command of the program on the same database; its standard output.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<String, String> {
        self.told(arguments, "")
    }

    /// Somebody who has set it up: until then every page leads there.
    pub(crate) fn set_up(&self) -> Result<(), String> {
        let person = ["user", "add", "bench@bench.example", "--name", "Bench", "--role", "administrator"];
        self.told(&person, "four boats at noon\n").map(drop)
    }

    fn told(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut child = Command::new(&self.program)
            .args(["--database", &self.url, "--set", "log.level=error"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that reads nothing may be gone already.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            Ok(text)
        } else {
            Err(format!("{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr)))
        }
    }

    /// SIGKILL, then a new process on the same database.
    pub(crate) fn kill_and_restart(&mut self) -> Result<(), String> {
        self.kill();
        (self.child, self.address) = spawn(&self.program, &self.url, &self.arguments)?;
        Ok(())
    }

    /// SIGTERM, and the wait for an orderly end.
    pub(crate) fn stop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) async fn connect(&self) -> Result<Connection, String> {
        Connection::open(&self.address).await
    }

    /// Resident memory now and at its greatest, in MiB.
    pub(crate) fn memory_mib(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let read = |name: &str| {
            let line = status.lines().find(|l| l.starts_with(name)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|v| v.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
        };
        (read("VmRSS:"), read("VmHWM:"))
    }

    /// Processor time used so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |i: usize| fields.get(i).and_then(|v| v.parse::<f64>().ok()).unwrap_or(f64::NAN);
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Bytes of the database at rest. Best asked when the program has stopped: until then a log of
    /// what was written lies beside the data.
    pub(crate) fn bytes(&self) -> Result<u64, String> {
        if self.url.starts_with("sqlite:") {
            let size = |name: &str| std::fs::metadata(self.folder.join(name)).map_or(0, |m| m.len());
            return Ok(size("plimsoll.db") + size("plimsoll.db-wal"));
        }
        psql(&self.url, "VACUUM")?;
        let text = psql(&self.url, "SELECT pg_database_size(current_database())")?;
        text.trim().parse().map_err(|_| format!("PostgreSQL said {text}"))
    }

    /// A figure of `/metrics`, all its label sets added.
    pub(crate) async fn metric(&self, name: &str) -> Result<f64, String> {
        let (_, body) = self.connect().await?.get("/metrics", &self.key).await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        let values = text.lines().filter(|l| l.starts_with(name) && !l.starts_with('#'));
        Ok(values.filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }

    /// Waits until the program does next to nothing any more.
    pub(crate) async fn rest(&self) -> Result<(), String> {
        for _ in 0..600 {
            let before = self.cpu_seconds();
            tokio::time::sleep(Duration::from_secs(2)).await;
            if self.cpu_seconds() - before < 0.05 {
                return Ok(());
            }
        }
        Err("it was still busy after twenty minutes".into())
    }

    /// Waits until nothing of so many streams waits to be compacted or merged; how long that took.
    pub(crate) async fn settle(&self, streams: usize) -> Result<Duration, String> {
        let start = Instant::now();
        loop {
            // Less than a segment's rows of each may wait for more.
            let waiting = self.metric("plimsoll_store_fresh_events").await?
                + self.metric("plimsoll_store_unmerged_labels").await?;
            if waiting < 16_384.0 * streams as f64 {
                return Ok(start.elapsed());
            }
            if start.elapsed() > Duration::from_secs(300) {
                return Err(format!("{waiting} rows still wait after five minutes"));
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

fn spawn(program: &Path, url: &str, arguments: &Vec<String>) -> Result<(Child, String), String> {
    let mut child = Command::new(program)
        .args(["--database", url, "--listen", "127.0.0.1:0", "--set", "log.level=warn"])
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{}: {e}", program.display()))?;
    let output = child.stdout.take().ok_or("no output")?;
    let mut lines = BufReader::new(output).lines();
    let address = lines
        .find_map(|line| line.ok()?.split("http://").nth(1)?.split('/').next().map(String::from))
        .ok_or("the program did not say where it serves")?;
    // Whoever writes to a closed pipe is killed by it.
    std::thread::spawn(move || lines.for_each(drop));
    Ok((child, address))
}

fn psql(url: &str, sql: &str) -> Result<String, String> {
    let output = Command::new("psql").args(["-At", url, "-c", sql]).output().map_err(|e| format!("psql: {e}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        // For whoever wants to look at what a run has left.
        if std::env::var_os("PLIMSOLL_BENCH_KEEP").is_some() {
            return;
        }
        let _ = std::fs::remove_dir_all(&self.folder);
        if let Some((server, name)) = self.url.rsplit_once('/').filter(|_| self.url.starts_with("postgres")) {
            let _ = psql(&format!("{server}/postgres"), &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

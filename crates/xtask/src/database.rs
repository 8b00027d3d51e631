//! A private PostgreSQL for tests and measurements: own folder, free port, stopped when dropped.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command::{output, run, step};

/// Where `initdb` and `pg_ctl` are.
pub fn programs() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().or_else(|| crate::command::find("initdb").and_then(|p| p.parent().map(Path::to_path_buf)))
}

pub struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    as_user: Option<&'static str>,
    pub url: String,
}

/// Whether commits reach the disk. Tests that throw the server away need not wait for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    Real,
    None,
}

impl Postgres {
    pub fn start(durability: Durability) -> Result<Postgres, String> {
        step("a private PostgreSQL");
        let programs = programs().ok_or("PostgreSQL’s programs are missing; run cargo xtask setup")?;
        let folder = std::env::temp_dir().join(format!("plimsoll-pg-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        // PostgreSQL refuses to run as root: borrow the account its package made.
        let root = output(Command::new("id").arg("-u")).as_deref() == Some("0");
        let as_user = root.then_some("postgres");
        if let Some(user) = as_user {
            run(Command::new("chown").arg(user).arg(&folder), "does the account exist?")?;
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(|e| e.to_string())?.port();
        let server = Postgres { folder, programs, as_user, url: format!("postgres://plimsoll@127.0.0.1:{port}") };
        let data = server.folder.join("data");
        let data = data.to_string_lossy();
        run(
            server
                .command("initdb")
                .args(["-D", &data, "-A", "trust", "-U", "plimsoll", "-E", "UTF8"])
                .stdout(Stdio::null()),
            "is the disk full?",
        )?;
        // What is measured gets the memory that its manual advises, not the little that it starts with.
        let (fsync, memory) = if durability == Durability::Real { ("on", "2GB") } else { ("off", "128MB") };
        let options = format!(
            "-p {port} -k {} -c listen_addresses=127.0.0.1 -c max_connections=200 -c fsync={fsync} -c shared_buffers={memory}",
            server.folder.display(),
        );
        let log = server.folder.join("log");
        run(
            server
                .command("pg_ctl")
                .args(["-D", &data, "-o", &options, "-w", "-l", &log.to_string_lossy(), "start"])
                .stdout(Stdio::null()),
            "see its log in the temporary folder",
        )?;
        Ok(server)
    }

    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = match self.as_user {
            Some(user) => {
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--"]).arg(path);
                command
            }
            None => Command::new(path),
        };
        command.current_dir(&self.folder);
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.folder.join("data");
        let _ = self
            .command("pg_ctl")
            .args(["-D", &data.to_string_lossy(), "-m", "immediate", "stop"])
            .stdout(Stdio::null())
            .status();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

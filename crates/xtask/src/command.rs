//! Running other programs, saying what and why, failing with the remedy.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::places;

pub fn step(what: &str) {
    eprintln!("\n▸ {what}");
}

/// Runs to the end; its output is the user's to see.
pub fn run(command: &mut Command, remedy: &str) -> Result<(), String> {
    start(command, remedy)?.finish()
}

/// A program that runs beside what is done next; it is stopped where that fails.
pub struct Started {
    child: Child,
    shown: String,
    remedy: String,
}

pub fn start(command: &mut Command, remedy: &str) -> Result<Started, String> {
    let shown = show(command);
    let child = command.spawn().map_err(|e| format!("{shown} could not start ({e}); {remedy}"))?;
    Ok(Started { child, shown, remedy: remedy.to_string() })
}

impl Started {
    pub fn finish(mut self) -> Result<(), String> {
        let Started { child, shown, remedy } = &mut self;
        let status = child.wait().map_err(|e| format!("{shown} was lost sight of ({e}); {remedy}"))?;
        if status.success() { Ok(()) } else { Err(format!("{shown} failed ({status}); {remedy}")) }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Nothing where it has ended.
        let _ = self.child.kill();
    }
}

/// What a program prints, `None` when it fails or is not there.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}

fn show(command: &Command) -> String {
    let mut parts = vec![command.get_program().to_string_lossy().into_owned()];
    parts.extend(command.get_args().map(|a| a.to_string_lossy().into_owned()));
    format!("“{}”", parts.join(" "))
}

/// Cargo in the checkout, with its output in the cache.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(places::root()).env("CARGO_TARGET_DIR", places::target());
    // Set for xtask itself, and wrong for what it starts: build scripts that look at them would make cargo build half
    // of everything anew after each cargo that was called by hand.
    let own = |name: &str| ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|of| name.starts_with(of));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(own)) {
        command.env_remove(name);
    }
    command
}

pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Becomes the program, so that signals reach it.
pub fn hand_over(program: &Path, arguments: &[String]) -> Result<(), String> {
    use std::os::unix::process::CommandExt;
    let error = Command::new(program).args(arguments).exec();
    Err(format!("{} could not start: {error}", program.display()))
}

/// Installs Debian packages.
pub fn apt(packages: &[&str], why: &str) -> Result<(), String> {
    let by_hand = format!("install by hand: apt-get install {}", packages.join(" "));
    step(&format!("installing {} ({why})", packages.join(", ")));
    if find("apt-get").is_none() {
        return Err(format!("{} missing, and this is no Debian; {by_hand}", packages.join(", ")));
    }
    let root = output(Command::new("id").arg("-u")).as_deref() == Some("0");
    let make = |arguments: &[&str]| {
        let mut command = if root {
            Command::new("apt-get")
        } else {
            let mut command = Command::new("sudo");
            command.arg("apt-get");
            command
        };
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    if run(&mut make(&arguments), &by_hand).is_ok() {
        return Ok(());
    }
    // Lists may be missing or old.
    run(&mut make(&["update"]), &by_hand)?;
    run(&mut make(&arguments), &by_hand)
}

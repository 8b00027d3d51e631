//! `plimsoll`: the command line. Each command is a file; this one only hands over.

#![recursion_limit = "512"]

mod arenas;
mod commands;
mod config;
mod http;
mod logs;

use clap::{Parser, Subcommand};

/// Production monitoring for AI systems: do the models still do their job?
#[derive(Parser)]
#[command(
    name = "plimsoll",
    version,
    about,
    long_about = "Production monitoring for AI systems. Started bare, it serves; open the address it prints in a browser.\n\nConfiguration comes from a TOML file, then the environment (PLIMSOLL_SERVER_LISTEN for [server] listen), then flags; without any, Plimsoll keeps an SQLite database in the data directory of your platform and listens on 127.0.0.1:3000."
)]
struct Arguments {
    #[command(flatten)]
    settings: config::Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve pages and API (the default)
    Serve,
    /// Import predictions, a baseline or labels from files
    Import(Box<commands::import::Import>),
    /// Compare two tables without a server; exit code 0: no drift, 1: drift, 2: error
    Drift(commands::drift::Drift),
    /// Manage people
    #[command(subcommand)]
    User(commands::people::User),
    /// Manage API keys
    #[command(subcommand)]
    Key(commands::people::Key),
    /// Copy the database to a file while everything goes on
    Backup(commands::upkeep::Backup),
    /// Bring a backup back, verified before and after
    Restore(commands::upkeep::Restore),
    /// Check configuration and database: every stored blob is verified
    Check,
    /// Fill the installation with a labelled demonstration, or remove it
    Demo(commands::demo::Demo),
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.command, None | Some(Command::Serve)) {
        arenas::few();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime could not start: {error}");
            return std::process::ExitCode::from(2);
        }
    };
    let outcome = runtime.block_on(run(arguments));
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    match outcome {
        Ok(code) => std::process::ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> commands::Outcome {
    if let Some(Command::Drift(drift)) = &arguments.command {
        return drift.run();
    }
    let config = config::load(&arguments.settings)?;
    logs::start(&config.log)?;
    match arguments.command {
        None | Some(Command::Serve) => commands::serve::run(config).await,
        Some(Command::Import(import)) => import.run(&config).await,
        Some(Command::User(user)) => user.run(&config).await,
        Some(Command::Key(key)) => key.run(&config).await,
        Some(Command::Backup(backup)) => backup.run(&config).await,
        Some(Command::Restore(restore)) => restore.run(&config).await,
        Some(Command::Check) => commands::upkeep::check(&config).await,
        Some(Command::Demo(demo)) => demo.run(&config).await,
        Some(Command::Drift(drift)) => drift.run(),
    }
}

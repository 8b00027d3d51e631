//! Logs on standard error: readable for people, JSON for machines. Never a secret.

use tracing_subscriber::EnvFilter;

use crate::config::LogConfig;

/// Starts logging for the whole process.
///
/// # Errors
/// A level that is none.
pub fn start(config: &LogConfig) -> Result<(), String> {
    let filter = EnvFilter::try_new(format!("{},sqlx=warn,hyper=warn,rustls=warn", config.level))
        .map_err(|e| format!("log.level is “{}”: {e}", config.level))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if config.format == "json" {
        builder.json().flatten_event(true).init();
    } else {
        builder.with_target(false).init();
    }
    Ok(())
}

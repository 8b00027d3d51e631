//! Configuration: file, then environment, then flags; one struct a concern.
//!
//! A key that no struct has is refused with the nearest right name: a setting that is silently
//! ignored is worse than one that is missing.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

/// Where pages and API are served.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct ServerConfig {
    /// Address and port. Default `127.0.0.1:3000`.
    pub listen: String,
    /// Whose installation this is, in a word or two: stands beside Plimsoll’s name. Default none.
    pub name: String,
    /// How people reach this installation, as `https://monitor.example`. Decides cookies and links.
    pub public_url: Option<String>,
    /// Addresses of proxies whose `X-Forwarded-For` is believed. Default none.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// PEM files for built-in TLS; read again when they change.
    pub tls_certificate: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        ServerConfig {
            listen: "127.0.0.1:3000".into(),
            name: String::new(),
            public_url: None,
            trusted_proxies: Vec::new(),
            tls_certificate: None,
            tls_key: None,
        }
    }
}

impl ServerConfig {
    /// Whether browsers meet this installation over TLS, so that cookies may demand it.
    pub fn secure(&self) -> bool {
        self.tls_certificate.is_some() || self.public_url.as_deref().is_some_and(|u| u.starts_with("https://"))
    }
}

/// Where everything is kept.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct DatabaseConfig {
    /// `sqlite:PATH` or `postgres://…`. Default: SQLite in the platform's data directory.
    pub url: String,
    /// Connections for reading. Default 8.
    pub connections: u32,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        let folder = directories::ProjectDirs::from("", "", "plimsoll")
            .map_or_else(|| PathBuf::from("plimsoll-data"), |dirs| dirs.data_dir().to_path_buf());
        DatabaseConfig { url: format!("sqlite:{}", folder.join("plimsoll.db").display()), connections: 8 }
    }
}

/// What is written to standard error.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct LogConfig {
    /// `readable` or `json`. Default `readable`.
    pub format: String,
    /// A level, or directives as `info,sqlx=warn`. Default `info`.
    pub level: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        LogConfig { format: "readable".into(), level: "info".into() }
    }
}

/// Bounds; each has a clear answer when reached.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct LimitConfig {
    /// Bytes of one request's body. Default 256 MiB.
    pub body_bytes: u64,
    /// Large bodies decoded at once; more are told to come back. Default 8.
    pub ingest_requests: usize,
    /// Bytes of small bodies that may wait in memory. Default 64 MiB.
    pub ingest_bytes: usize,
    /// Batches waiting for the writer. Default 1024.
    pub write_queue: usize,
    /// Time series in all. Default 100,000.
    pub series: usize,
    /// Time series of one metric. Default 20,000.
    pub series_of_a_metric: usize,
    /// Time series that one API key may bring. Default 50,000.
    pub series_of_a_source: usize,
}

impl Config {
    /// What the engine needs to know.
    ///
    /// # Errors
    /// A pattern that is none; a file of authorities that cannot be read.
    pub fn options(&self) -> Result<engine::Options, String> {
        use engine::ingest::privacy::Privacy;
        let privacy =
            if self.privacy.keep_text { Privacy::keeping_text(&self.privacy.redact) } else { Ok(Privacy::default()) };
        let authorities = self.outgoing.authorities()?;
        engine::outgoing::trust(&authorities).map_err(|e| format!("outgoing.ca_file: {e}"))?;
        Ok(engine::Options {
            privacy: std::sync::Arc::new(privacy.map_err(|e| format!("privacy.redact: {e}"))?),
            series: self.limits.of_series(),
            scrape_file: self.collect.scrape_file.clone(),
            syslog: self.collect.syslog.clone(),
            public_url: self.server.public_url.as_deref().unwrap_or_default().trim_end_matches('/').to_string(),
            name: self.server.name.clone(),
            smtp: self.notify.smtp()?,
            authorities,
        })
    }
}

impl LimitConfig {
    fn of_series(&self) -> store::SeriesLimits {
        store::SeriesLimits {
            in_all: self.series,
            of_a_metric: self.series_of_a_metric,
            of_a_source: self.series_of_a_source,
        }
    }
}

impl Default for LimitConfig {
    fn default() -> Self {
        LimitConfig {
            body_bytes: 256 << 20,
            ingest_requests: 8,
            ingest_bytes: 64 << 20,
            write_queue: 1024,
            series: 100_000,
            series_of_a_metric: 20_000,
            series_of_a_source: 50_000,
        }
    }
}

/// How long, and how much, is kept. Days of 0 keep for ever, bytes of 0 set no bound.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct RetentionConfig {
    /// Predictions and their labels, feedback, business events. Default 400 days.
    pub events_days: u32,
    /// Spans of traces. Default 30 days.
    pub spans_days: u32,
    /// Lines of logs. Default 30 days.
    pub logs_days: u32,
    /// Samples of signals. Default 90 days.
    pub samples_days: u32,
    /// Reports of windows. Default 800 days.
    pub reports_days: u32,
    /// Bytes of predictions and the like. Default no bound.
    pub event_bytes: u64,
    /// Bytes of spans. Default no bound.
    pub span_bytes: u64,
    /// Bytes of logs. Default no bound.
    pub log_bytes: u64,
    /// Bytes of samples. Default no bound.
    pub sample_bytes: u64,
    /// Bytes of the whole database; from nine tenths on a warning is shown. Default no bound but the disk.
    pub disk_bytes: u64,
}

impl RetentionConfig {
    pub fn keep(&self) -> engine::upkeep::Keep {
        engine::upkeep::Keep {
            events_days: self.events_days,
            spans_days: self.spans_days,
            logs_days: self.logs_days,
            samples_days: self.samples_days,
            reports_days: self.reports_days,
            event_bytes: self.event_bytes,
            span_bytes: self.span_bytes,
            log_bytes: self.log_bytes,
            sample_bytes: self.sample_bytes,
        }
    }
}

impl Default for RetentionConfig {
    fn default() -> Self {
        let keep = engine::upkeep::Keep::default();
        RetentionConfig {
            events_days: keep.events_days,
            spans_days: keep.spans_days,
            logs_days: keep.logs_days,
            samples_days: keep.samples_days,
            reports_days: keep.reports_days,
            event_bytes: keep.event_bytes,
            span_bytes: keep.span_bytes,
            log_bytes: keep.log_bytes,
            sample_bytes: keep.sample_bytes,
            disk_bytes: 0,
        }
    }
}

/// What this process measures by itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct CollectConfig {
    /// The host and its GPUs. Default true.
    pub host: bool,
    /// Programs to ask for metrics, in Prometheus’ JSON for lists of targets; read again when it changes.
    pub scrape_file: Option<PathBuf>,
    /// Address and port for syslog (RFC 5424) over UDP and TCP. Default none.
    pub syslog: Option<String>,
}

impl Default for CollectConfig {
    fn default() -> Self {
        CollectConfig { host: true, scrape_file: None, syslog: None }
    }
}

/// What is kept of people’s words to models and of the answers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct PrivacyConfig {
    /// Text of prompts and completions. Default false.
    pub keep_text: bool,
    /// Patterns painted over in what is kept. Default e-mail addresses, card numbers, keys.
    pub redact: Vec<String>,
}

impl Default for PrivacyConfig {
    fn default() -> Self {
        PrivacyConfig { keep_text: false, redact: engine::ingest::privacy::Privacy::patterns() }
    }
}

/// How messages leave, beyond what each receiver says itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct NotifyConfig {
    /// The mail server that takes e-mail. Default none: no e-mail is sent.
    pub smtp_host: Option<String>,
    /// Default 587.
    pub smtp_port: u16,
    /// Default none: no sign-in.
    pub smtp_user: Option<String>,
    pub smtp_password: Option<String>,
    /// The sender’s address. Default `plimsoll@` and the mail server’s name.
    pub smtp_from: Option<String>,
    /// `starttls`, `always`, or `none` for a server on this machine. Default `starttls`.
    pub smtp_tls: String,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        NotifyConfig {
            smtp_host: None,
            smtp_port: 587,
            smtp_user: None,
            smtp_password: None,
            smtp_from: None,
            smtp_tls: "starttls".into(),
        }
    }
}

impl NotifyConfig {
    fn smtp(&self) -> Result<Option<engine::notify::Smtp>, String> {
        use engine::notify::{Smtp, SmtpTls};
        let Some(host) = self.smtp_host.clone().filter(|h| !h.is_empty()) else {
            return Ok(None);
        };
        let tls = match self.smtp_tls.as_str() {
            "starttls" => SmtpTls::StartTls,
            "always" => SmtpTls::Always,
            "none" => SmtpTls::None,
            other => return Err(format!("notify.smtp_tls is “{other}”; use starttls, always or none")),
        };
        Ok(Some(Smtp {
            from: self.smtp_from.clone().unwrap_or_else(|| format!("plimsoll@{host}")),
            host,
            port: self.smtp_port,
            user: self.smtp_user.clone().unwrap_or_default(),
            password: self.smtp_password.clone().unwrap_or_default(),
            tls,
        }))
    }
}

/// Everything that this program calls: destinations, probes, exporters, responses, the mail server.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct OutgoingConfig {
    /// PEM file of authorities that are trusted beside the public ones, as a company’s own. Default none.
    pub ca_file: Option<PathBuf>,
}

impl OutgoingConfig {
    /// The file's bytes; nothing where there is none.
    fn authorities(&self) -> Result<Vec<u8>, String> {
        let Some(file) = &self.ca_file else {
            return Ok(Vec::new());
        };
        std::fs::read(file).map_err(|e| format!("outgoing.ca_file {}: {e}", file.display()))
    }
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    pub server: ServerConfig,
    pub database: DatabaseConfig,
    pub log: LogConfig,
    pub limits: LimitConfig,
    pub retention: RetentionConfig,
    pub collect: CollectConfig,
    pub privacy: PrivacyConfig,
    pub notify: NotifyConfig,
    pub outgoing: OutgoingConfig,
}

/// Every key there is. The test below holds it against the structs.
const KEYS: [&str; 39] = [
    "server.listen",
    "server.name",
    "server.public_url",
    "server.trusted_proxies",
    "server.tls_certificate",
    "server.tls_key",
    "database.url",
    "database.connections",
    "log.format",
    "log.level",
    "limits.body_bytes",
    "limits.ingest_requests",
    "limits.ingest_bytes",
    "limits.write_queue",
    "limits.series",
    "limits.series_of_a_metric",
    "limits.series_of_a_source",
    "retention.events_days",
    "retention.spans_days",
    "retention.logs_days",
    "retention.samples_days",
    "retention.reports_days",
    "retention.event_bytes",
    "retention.span_bytes",
    "retention.log_bytes",
    "retention.sample_bytes",
    "retention.disk_bytes",
    "outgoing.ca_file",
    "collect.host",
    "collect.scrape_file",
    "collect.syslog",
    "privacy.keep_text",
    "privacy.redact",
    "notify.smtp_host",
    "notify.smtp_port",
    "notify.smtp_user",
    "notify.smtp_password",
    "notify.smtp_from",
    "notify.smtp_tls",
];

#[derive(Debug, Clone, Default, Args)]
pub struct Flags {
    /// TOML file with settings
    #[arg(long, global = true, env = "PLIMSOLL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port to listen on [default: 127.0.0.1:3000]
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Database: sqlite:PATH or postgres://… [default: SQLite in the data directory]
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// Any setting, as server.public_url=https://monitor.example; may be repeated
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Reads the configuration.
///
/// # Errors
/// An unreadable file, an unknown key (with the nearest right one), a value of the wrong type.
pub fn load(flags: &Flags) -> Result<Config, String> {
    let mut table = match &flags.config {
        None => toml::Table::new(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
            text.parse::<toml::Table>().map_err(|e| format!("{} is no TOML: {e}", path.display()))?
        }
    };
    for key in KEYS {
        let variable = format!("PLIMSOLL_{}", key.replace('.', "_").to_uppercase());
        if let Ok(value) = std::env::var(&variable) {
            set(&mut table, key, &value)?;
        }
    }
    for (key, value) in [("server.listen", &flags.listen), ("database.url", &flags.database)] {
        if let Some(value) = value {
            set(&mut table, key, value)?;
        }
    }
    for pair in &flags.set {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("--set takes KEY=VALUE; “{pair}” has no “=”"))?;
        known(key.trim())?;
        set(&mut table, key.trim(), value)?;
    }
    parse(table)
}

fn parse(table: toml::Table) -> Result<Config, String> {
    for (section, value) in &table {
        match value {
            toml::Value::Table(inner) => inner.keys().try_for_each(|key| known(&format!("{section}.{key}")))?,
            _ => known(section)?,
        }
    }
    let config: Config = table.try_into().map_err(|e: toml::de::Error| format!("the configuration: {e}"))?;
    if !["readable", "json"].contains(&config.log.format.as_str()) {
        return Err(format!("log.format is “{}”; use readable or json", config.log.format));
    }
    if config.server.tls_certificate.is_some() != config.server.tls_key.is_some() {
        return Err("server.tls_certificate and server.tls_key go together; one of them is missing".into());
    }
    Ok(config)
}

fn known(key: &str) -> Result<(), String> {
    if KEYS.contains(&key) {
        return Ok(());
    }
    let nearest = KEYS.iter().max_by(|a, b| strsim::jaro_winkler(a, key).total_cmp(&strsim::jaro_winkler(b, key)));
    Err(format!("there is no setting “{key}”; the nearest is “{}”", nearest.unwrap_or(&"")))
}

/// Sets one value, read in the type that its key has: lists from commas, numbers and switches as
/// themselves.
fn set(table: &mut toml::Table, key: &str, text: &str) -> Result<(), String> {
    let (section, name) = key.split_once('.').ok_or_else(|| format!("“{key}” is no setting"))?;
    let value = match key {
        "server.trusted_proxies" | "privacy.redact" => {
            let parts = text.split(',').map(str::trim).filter(|p| !p.is_empty());
            toml::Value::Array(parts.map(|p| toml::Value::String(p.into())).collect())
        }
        _ if ["database.connections", "notify.smtp_port"].contains(&key)
            || ["limits", "retention"].contains(&section) =>
        {
            toml::Value::Integer(
                text.trim().parse().map_err(|_| format!("{key} takes a whole number; “{text}” is none"))?,
            )
        }
        "collect.host" | "privacy.keep_text" => toml::Value::Boolean(
            text.trim().parse().map_err(|_| format!("{key} takes true or false; “{text}” is neither"))?,
        ),
        _ => toml::Value::String(text.to_string()),
    };
    let section = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    match section {
        toml::Value::Table(inner) => {
            inner.insert(name.to_string(), value);
            Ok(())
        }
        _ => Err(format!("the section of {key} is no table")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_right_one() {
        let table = "[server]\nlissen = \"x\"".parse().expect("TOML");
        let error = parse(table).expect_err("refused");
        assert!(error.contains("server.lissen") && error.contains("server.listen"), "{error}");
        let error = parse("port = 3".parse().expect("TOML")).expect_err("refused");
        assert!(error.contains("port"), "{error}");
    }

    #[test]
    fn every_listed_key_can_be_set_from_text() {
        let mut table = toml::Table::new();
        for key in KEYS {
            let text = match key {
                "collect.host" | "privacy.keep_text" => "false",
                "server.trusted_proxies" => "10.0.0.1, ::1",
                "log.format" => "json",
                _ => "7",
            };
            set(&mut table, key, text).expect(key);
        }
        let config = parse(table).expect("valid");
        assert_eq!(config.limits.write_queue, 7);
        assert_eq!(config.server.trusted_proxies.len(), 2);
        assert!(!config.collect.host);
    }

    #[test]
    fn half_of_tls_is_refused() {
        let mut table = toml::Table::new();
        set(&mut table, "server.tls_key", "k.pem").expect("sets");
        assert!(parse(table).is_err());
    }
}

//! Service probes: is it there, how fast does it answer, when does its certificate end.
//!
//! Targets are set by operators; answers are read up to a bound and thrown away.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::signal::{Layer, Sample, Series};
use domain::{Action, Actor, Object};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use store::Probe;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::reading;
use crate::{Engine, EngineError, Result};

/// Bytes of an answer that are read.
const ANSWER_MAX: usize = 1 << 20;
/// Probes of one installation.
const PROBES_MAX: usize = 500;

/// What one probe found.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub available: bool,
    pub latency_ms: f64,
    pub certificate_days: Option<f64>,
    /// Why it is not available.
    pub problem: Option<String>,
}

/// Where a probe goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Http { tls: bool, host: String, port: u16, path: String },
    Tcp { host: String, port: u16 },
}

impl Target {
    /// Reads `https://host/path`, `http://host:port/` or `tcp://host:port`.
    ///
    /// # Errors
    /// A sentence saying what a target looks like.
    pub fn parse(text: &str) -> std::result::Result<Target, String> {
        let wrong = || "a target is https://host/path, http://host:port/path or tcp://host:port".to_string();
        let (scheme, rest) = text.trim().split_once("://").ok_or_else(wrong)?;
        let (authority, path) = rest.split_once('/').map_or((rest, String::new()), |(a, p)| (a, p.to_string()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse::<u16>().map_err(|_| wrong())?)),
            _ => (authority, None),
        };
        let host = host.trim_matches(['[', ']']).to_string();
        let bad = |c: char| c.is_whitespace() || c.is_control() || c == '@';
        if host.is_empty() || text.len() > 2000 || authority.contains(bad) || path.contains(bad) {
            return Err(wrong());
        }
        match (scheme, port) {
            ("tcp", Some(port)) => Ok(Target::Tcp { host, port }),
            ("http", port) => Ok(Target::Http { tls: false, host, port: port.unwrap_or(80), path: format!("/{path}") }),
            ("https", port) => {
                Ok(Target::Http { tls: true, host, port: port.unwrap_or(443), path: format!("/{path}") })
            }
            _ => Err(wrong()),
        }
    }
}

/// Addresses that no probe may reach: link-local ones, where clouds hand out credentials to whoever
/// asks, and those that name no single host.
pub fn forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => forbidden(IpAddr::V4(v4)),
            // fe80::/10, and the one address of a cloud's metadata service outside it.
            None => {
                v6.is_unspecified()
                    || v6.is_multicast()
                    || v6.segments()[0] & 0xffc0 == 0xfe80
                    || v6.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
            }
        },
    }
}

/// Resolves once and connects to what was checked, so that a name cannot change in between.
async fn connect(host: &str, port: u16) -> std::result::Result<TcpStream, String> {
    let mut problem = format!("{host} has no address");
    for address in tokio::net::lookup_host((host, port)).await.map_err(|e| e.to_string())? {
        if forbidden(address.ip()) {
            problem = format!("{} is link-local or no single host; probes do not go there", address.ip());
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => problem = error.to_string(),
        }
    }
    Err(problem)
}

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let mut due: HashMap<i64, Instant> = HashMap::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        let Ok(probes) = engine.store.probes().await else {
            continue;
        };
        due.retain(|id, _| probes.iter().any(|p| p.id == *id));
        for probe in probes {
            let now = Instant::now();
            if due.get(&probe.id).is_some_and(|at| *at > now) {
                continue;
            }
            due.insert(probe.id, now + Duration::from_secs(probe.every_secs.max(1) as u64));
            let at = engine.now();
            if !engine
                .store
                .claim(&format!("probe/{}", probe.id), &engine.inner.holder, at, at.plus(probe.every_secs * 900_000))
                .await
                .unwrap_or(false)
            {
                continue;
            }
            let engine = engine.clone();
            tokio::spawn(async move {
                let outcome = ask(&probe).await;
                if let Some(problem) = &outcome.problem {
                    tracing::debug!(probe = probe.name, problem, "a probe failed");
                }
                if let Err(error) = engine.store.append_samples(&readings(&probe, &outcome, engine.now())).await {
                    tracing::warn!(%error, probe = probe.name, "a probe's outcome was not kept");
                }
            });
        }
    }
}

fn readings(probe: &Probe, outcome: &Outcome, at: domain::Timestamp) -> Vec<(Series, Sample)> {
    let labels = [("probe", probe.name.as_str()), ("target", probe.target.as_str())];
    let one = |name: &str, unit: &str, better: bool, value: f64| {
        reading(name, &labels, unit, Layer::Application, Some(better), at, value)
    };
    let mut out = vec![one("probe.availability", "1", true, f64::from(u8::from(outcome.available)))];
    if outcome.available {
        out.push(one("probe.latency", "ms", false, outcome.latency_ms));
    }
    if let Some(days) = outcome.certificate_days {
        out.push(one("probe.certificate.days_left", "d", true, days));
    }
    out
}

/// Asks once, within the probe's time limit.
pub async fn ask(probe: &Probe) -> Outcome {
    let started = Instant::now();
    let limit = Duration::from_millis(probe.timeout_ms.clamp(100, 60_000) as u64);
    let answer = match Target::parse(&probe.target) {
        Err(problem) => Err(problem),
        Ok(target) => tokio::time::timeout(limit, reach(&target))
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} ms", limit.as_millis()))),
    };
    let latency_ms = started.elapsed().as_secs_f64() * 1000.0;
    match answer {
        Ok(certificate_days) => Outcome { available: true, latency_ms, certificate_days, problem: None },
        Err(problem) => Outcome { available: false, latency_ms, certificate_days: None, problem: Some(problem) },
    }
}

async fn reach(target: &Target) -> std::result::Result<Option<f64>, String> {
    match target {
        Target::Tcp { host, port } => {
            connect(host, *port).await?;
            Ok(None)
        }
        Target::Http { tls, host, port, path } => {
            let stream = connect(host, *port).await?;
            if !*tls {
                request(TokioIo::new(stream), host, path).await?;
                return Ok(None);
            }
            let roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            let config =
                rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                    .with_safe_default_protocol_versions()
                    .map_err(|e| e.to_string())?
                    .with_root_certificates(roots)
                    .with_no_client_auth();
            let name = ServerName::try_from(host.clone()).map_err(|e| e.to_string())?;
            let stream = tokio_rustls::TlsConnector::from(Arc::new(config))
                .connect(name, stream)
                .await
                .map_err(|e| e.to_string())?;
            let days =
                stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).and_then(|c| days_left(c));
            request(TokioIo::new(stream), host, path).await?;
            Ok(days)
        }
    }
}

fn days_left(certificate: &[u8]) -> Option<f64> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(parsed.validity().time_to_expiration()?.whole_seconds() as f64 / 86_400.0)
}

async fn request<S>(stream: S, host: &str, path: &str) -> std::result::Result<(), String>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.map_err(|e| e.to_string())?;
    let driver = tokio::spawn(connection);
    let request = Request::get(path)
        .header("host", host)
        .header("user-agent", concat!("plimsoll/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<bytes::Bytes>::new())
        .map_err(|e| e.to_string())?;
    let response = sender.send_request(request).await.map_err(|e| e.to_string());
    let outcome = match response {
        Err(error) => Err(error),
        Ok(response) if response.status().as_u16() >= 400 => Err(format!("it answers {}", response.status())),
        Ok(response) => {
            Limited::new(response.into_body(), ANSWER_MAX).collect().await.map(|_| ()).map_err(|e| e.to_string())
        }
    };
    driver.abort();
    outcome
}

impl Engine {
    pub async fn probes(&self, actor: &Actor) -> Result<Vec<Probe>> {
        self.may(actor, Action::View, &Object::Installation)?;
        Ok(self.store.probes().await?)
    }

    pub async fn create_probe(&self, actor: &Actor, name: &str, target: &str, every_secs: i64) -> Result<()> {
        self.may(actor, Action::EditProbes, &Object::Installation)?;
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
            return Err(EngineError::Invalid("a probe’s name has 1 to 80 characters".into()));
        }
        Target::parse(target).map_err(EngineError::Invalid)?;
        if !(1..=3600).contains(&every_secs) {
            return Err(EngineError::Invalid("a probe asks every 1 to 3600 seconds".into()));
        }
        if self.store.probes().await?.len() >= PROBES_MAX {
            return Err(EngineError::TooLarge(format!("an installation has at most {PROBES_MAX} probes")));
        }
        let probe =
            Probe { id: 0, name: name.into(), target: target.trim().into(), every_secs, timeout_ms: 5000, demo: false };
        self.store.create_probe(&probe).await?;
        self.audit(actor, "probe.create", name).await;
        Ok(())
    }

    pub async fn delete_probe(&self, actor: &Actor, id: i64) -> Result<()> {
        self.may(actor, Action::EditProbes, &Object::Installation)?;
        if !self.store.delete_probe(id).await? {
            return Err(EngineError::NotFound("that probe is gone already".into()));
        }
        self.audit(actor, "probe.delete", &id.to_string()).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_do_not_reach_where_credentials_are_handed_out() {
        for bad in
            ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254", "0.0.0.0", "::", "224.0.0.1"]
        {
            assert!(forbidden(bad.parse().expect("an address")), "{bad}");
        }
        for good in ["127.0.0.1", "10.1.2.3", "192.0.2.7", "::1", "2001:db8::1"] {
            assert!(!forbidden(good.parse().expect("an address")), "{good}");
        }
    }

    #[test]
    fn targets_are_read_and_nonsense_is_refused() {
        assert_eq!(Target::parse("tcp://db:5432"), Ok(Target::Tcp { host: "db".into(), port: 5432 }));
        assert_eq!(
            Target::parse("https://example.com/health?x=1"),
            Ok(Target::Http { tls: true, host: "example.com".into(), port: 443, path: "/health?x=1".into() })
        );
        for bad in ["", "db:5432", "tcp://db", "ftp://x/", "http://", "http://a b/", "http://u@h/"] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }
}

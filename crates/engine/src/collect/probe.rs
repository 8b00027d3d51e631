//! Service probes: is it there, how fast does it answer, when does its certificate end.
//!
//! Targets are set by operators; answers are read up to a bound and thrown away.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::signal::{Layer, Sample, Series};
use domain::{Action, Actor, Object};
use store::Probe;
use tokio_util::sync::CancellationToken;

use super::{EMPTY_ROUND, ROUND, reading};
use crate::outgoing::{self, Target};
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

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let mut due: HashMap<i64, Instant> = HashMap::new();
    let mut pause = ROUND;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let Ok(probes) = engine.store.probes().await else {
            continue;
        };
        pause = if probes.is_empty() { EMPTY_ROUND } else { ROUND };
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
        Target::Tcp { tls, host, port } => outgoing::reach(*tls, host, *port).await,
        Target::Http { tls, host, port, path } => {
            let answer = outgoing::get((*tls, host, *port, path), &[], ANSWER_MAX).await?;
            if answer.status >= 400 {
                return Err(format!("it answers {}", answer.status));
            }
            Ok(answer.certificate_days)
        }
    }
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

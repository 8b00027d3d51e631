//! Scraping: programs that answer with their metrics are asked, in Prometheus' text format or OpenMetrics.
//!
//! Which ones: those of the settings page, those of a file, and those that an address names (both as Prometheus
//! writes its lists of targets). Each target is asked by one process at a time.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use domain::conventions;
use domain::signal::{Layer, Sample, Series};
use domain::time::SECOND;
use domain::{Action, Actor, Object, Timestamp};
use serde::Deserialize;
use store::{Exemplar, Points, Registered, ScrapeJob};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_128;

use super::{EMPTY_ROUND, ROUND};
use crate::ingest::exposition;
use crate::outgoing::{self, Target};
use crate::{Engine, EngineError, Result};

/// Bytes of an answer, as it comes and unpacked.
const ANSWER_MAX: usize = 16 << 20;
const UNPACKED_MAX: u64 = 64 << 20;
const JOBS_MAX: usize = 500;
const TARGETS_MAX: usize = 2000;
/// Targets asked at once.
const AT_ONCE: usize = 16;
/// Exemplars of one answer that are kept.
const EXEMPLARS_MAX: usize = 200;
const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.6,*/*;q=0.1";

/// One program to ask.
#[derive(Debug, Clone, PartialEq)]
struct Scraped {
    job: String,
    url: String,
    every: i64,
    credentials: String,
    labels: BTreeMap<String, String>,
}

/// A list of targets as Prometheus writes it.
#[derive(Debug, Deserialize)]
struct Group {
    targets: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// The targets of a list.
fn listed(text: &str, job: &str, every: i64, credentials: &str) -> std::result::Result<Vec<Scraped>, String> {
    let groups: Vec<Group> = serde_json::from_str(text)
        .map_err(|e| format!("a list of targets is [{{\"targets\": [\"host:port\"], \"labels\": {{}}}}]: {e}"))?;
    let mut found = Vec::new();
    for group in groups {
        let hidden = |name: &str| group.labels.get(name).cloned();
        let scheme = hidden("__scheme__").unwrap_or_else(|| "http".into());
        let path = hidden("__metrics_path__").unwrap_or_else(|| "/metrics".into());
        let mut labels = group.labels.clone();
        labels.retain(|name, _| !name.starts_with("__"));
        let job = labels.remove("job").unwrap_or_else(|| job.to_string());
        for target in group.targets.iter().take(TARGETS_MAX) {
            let url = if target.contains("://") { target.clone() } else { format!("{scheme}://{target}{path}") };
            found.push(Scraped {
                job: job.clone(),
                url,
                every,
                credentials: credentials.to_string(),
                labels: labels.clone(),
            });
        }
    }
    found.truncate(TARGETS_MAX);
    Ok(found)
}

/// The targets of the file, read again when it changes.
#[derive(Default)]
struct FromFile {
    changed: Option<SystemTime>,
    targets: Vec<Scraped>,
}

impl FromFile {
    fn targets(&mut self, path: &Path) -> &[Scraped] {
        let changed = std::fs::metadata(path).and_then(|m| m.modified()).ok();
        if changed != self.changed {
            self.changed = changed;
            match std::fs::read_to_string(path).map_err(|e| e.to_string()).and_then(|t| listed(&t, "file", 15, "")) {
                Ok(targets) => self.targets = targets,
                Err(error) => tracing::warn!(path = %path.display(), error, "the file of targets is not used"),
            }
        }
        &self.targets
    }
}

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let mut due: HashMap<(String, String), Instant> = HashMap::new();
    let mut from_file = FromFile::default();
    let mut discovered: HashMap<i64, (Instant, Vec<Scraped>)> = HashMap::new();
    let turn = Arc::new(Semaphore::new(AT_ONCE));
    let mut pause = ROUND;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let Ok(jobs) = engine.store.scrape_jobs().await else {
            continue;
        };
        let file = engine.inner.options.scrape_file.as_deref();
        let mut targets: Vec<Scraped> = file.map(|f| from_file.targets(f).to_vec()).unwrap_or_default();
        pause = if jobs.is_empty() && targets.is_empty() { EMPTY_ROUND } else { ROUND };
        discovered.retain(|id, _| jobs.iter().any(|j| j.id == *id && j.discovery));
        for job in &jobs {
            if !job.discovery {
                targets.push(Scraped {
                    job: job.job.clone(),
                    url: job.url.clone(),
                    every: job.every_secs,
                    credentials: job.credentials.clone(),
                    labels: BTreeMap::new(),
                });
                continue;
            }
            let old = discovered.get(&job.id).is_none_or(|(at, _)| at.elapsed() > Duration::from_secs(30));
            if old {
                let found = match discover(job).await {
                    Ok(found) => found,
                    Err(reason) => {
                        engine.note_arrival("scrape", 0, 0, Some(&format!("{}: {reason}", job.url)));
                        discovered.get(&job.id).map(|(_, known)| known.clone()).unwrap_or_default()
                    }
                };
                discovered.insert(job.id, (Instant::now(), found));
            }
            targets.extend(discovered.get(&job.id).map(|(_, found)| found.clone()).unwrap_or_default());
        }
        targets.truncate(TARGETS_MAX);
        due.retain(|(job, url), _| targets.iter().any(|t| t.job == *job && t.url == *url));
        for target in targets {
            let now = Instant::now();
            let key = (target.job.clone(), target.url.clone());
            if due.get(&key).is_some_and(|at| *at > now) {
                continue;
            }
            due.insert(key, now + Duration::from_secs(target.every.max(1) as u64));
            let at = engine.now();
            let lease = format!("scrape/{:x}", xxh3_128(format!("{}\u{1}{}", target.job, target.url).as_bytes()));
            let until = at.plus(target.every * SECOND * 9 / 10);
            if !engine.store.claim(&lease, &engine.inner.holder, at, until).await.unwrap_or(false) {
                continue;
            }
            let (engine, turn) = (engine.clone(), turn.clone());
            tokio::spawn(async move {
                let _turn = turn.acquire_owned().await;
                if let Err(error) = engine.scrape(&target).await {
                    tracing::warn!(%error, url = target.url, "what a program answered was not kept");
                }
            });
        }
    }
}

async fn ask(url: &str, credentials: &str, every: i64) -> std::result::Result<String, String> {
    let Target::Http { tls, host, port, path } = Target::parse(url)? else {
        return Err("metrics are asked for by http:// or https://".into());
    };
    let mut headers = vec![("accept", ACCEPT), ("accept-encoding", "gzip")];
    if !credentials.is_empty() {
        headers.push(("authorization", credentials));
    }
    let limit = Duration::from_secs(every.clamp(1, 10) as u64);
    let answer = tokio::time::timeout(limit, outgoing::get((tls, &host, port, &path), &headers, ANSWER_MAX));
    let answer = answer.await.unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs())))?;
    if answer.status != 200 {
        return Err(format!("it answers {}", answer.status));
    }
    let text = if answer.body.starts_with(&[0x1f, 0x8b]) {
        let mut text = String::new();
        let unpacked = flate2::read::GzDecoder::new(&answer.body[..]);
        unpacked.take(UNPACKED_MAX).read_to_string(&mut text).map_err(|e| format!("its answer is no text: {e}"))?;
        text
    } else {
        String::from_utf8(answer.body.to_vec()).map_err(|_| "its answer is no text".to_string())?
    };
    Ok(text)
}

async fn discover(job: &ScrapeJob) -> std::result::Result<Vec<Scraped>, String> {
    let text = ask(&job.url, &job.credentials, 5).await?;
    listed(&text, &job.job, job.every_secs, "")
}

/// `host:port` of an address: what a target is called.
fn instance(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest).to_string()
}

impl Engine {
    /// Asks one program and keeps what it answers, and whether it did.
    async fn scrape(&self, target: &Scraped) -> Result<()> {
        let started = Instant::now();
        let answer = ask(&target.url, &target.credentials, target.every).await;
        let took = started.elapsed().as_secs_f64();
        let now = self.now();
        let mut own = target.labels.clone();
        own.insert("job".into(), target.job.clone());
        own.insert("instance".into(), instance(&target.url));
        let up = answer.is_ok();
        let (kept, problem) = match answer {
            Err(reason) => (0, Some(reason)),
            Ok(text) => {
                let source = format!("scrape {}", target.job);
                let found = tokio::task::block_in_place(|| exposition::read(&text));
                let (kept, refusal) = self.keep_exposition(&found, &own, &source, now).await?;
                (kept, found.reason.clone().or(refusal))
            }
        };
        let reason = problem.map(|p| format!("{}: {p}", target.url));
        self.note_arrival("scrape", kept, 0, reason.as_deref());
        let one = |name: &str, unit: &str, better, value: f64| {
            let series = Series {
                name: name.into(),
                labels: own.clone(),
                unit: unit.into(),
                layer: Layer::Infrastructure,
                higher_is_better: better,
            };
            (series, Sample { at: now, value })
        };
        let samples = [
            one("up", "1", Some(true), f64::from(u8::from(up))),
            one("scrape_duration_seconds", "s", Some(false), took),
            one("scrape_samples_scraped", "1", None, kept as f64),
        ];
        Ok(self.store.append_samples(&samples).await?)
    }

    /// Keeps the samples of an answer; gives how many, and why the first of the others was not.
    async fn keep_exposition(
        &self,
        found: &exposition::Exposition<'_>,
        own: &BTreeMap<String, String>,
        source: &str,
        now: Timestamp,
    ) -> Result<(u64, Option<String>)> {
        let spellings: Vec<u128> = tokio::task::block_in_place(|| {
            let of_target = own.iter().map(|(n, v)| format!("{n}\u{1}{v}\u{2}")).collect::<String>();
            let spelled = found.lines.iter().map(|line| {
                let mut text = of_target.clone();
                text.push_str(line.name);
                for (name, value) in &line.labels {
                    text.push('\u{3}');
                    text.push_str(name);
                    text.push('\u{4}');
                    text.push_str(value);
                }
                xxh3_128(text.as_bytes())
            });
            spelled.collect()
        });
        let mut ids = self.store.series_spelled(&spellings);
        let unknown: Vec<usize> = (0..ids.len()).filter(|i| ids[*i].is_none()).collect();
        let mut reason = None;
        if !unknown.is_empty() {
            let wanted = unknown.iter().map(|place| {
                let line = &found.lines[*place];
                let mut labels = own.clone();
                for (name, value) in &line.labels {
                    // What the target says of itself must not pass for what it is called here.
                    let name = if own.contains_key(name) { format!("exported_{name}") } else { name.clone() };
                    labels.insert(name, value.clone());
                }
                let unit =
                    found.units.iter().find(|(metric, _)| line.name.starts_with(**metric)).map_or("", |(_, u)| u);
                conventions::described(line.name.to_string(), labels, if unit == "seconds" { "s" } else { unit })
            });
            let registered = self.store.register_series(wanted.collect(), source, &self.inner.options.series).await?;
            for (place, registered) in unknown.into_iter().zip(registered) {
                match registered {
                    Registered::Known(id) => {
                        self.store.remember_spelling(spellings[place], id);
                        ids[place] = Some(id);
                    }
                    Registered::Refused(why) => drop(reason.get_or_insert(why)),
                }
            }
        }
        let mut points = Points::default();
        let mut exemplars = Vec::new();
        for (line, id) in found.lines.iter().zip(&ids) {
            let Some(id) = *id else {
                continue;
            };
            if line.value.is_finite() {
                points.push(id, line.at.map_or(now.0, |millis| millis.saturating_mul(1000)), line.value);
            }
            if let Some(exemplar) = line.exemplar.as_ref().filter(|_| exemplars.len() < EXEMPLARS_MAX) {
                exemplars.push(Exemplar {
                    series_id: id,
                    at: exemplar.at.map_or(now, |millis| Timestamp(millis.saturating_mul(1000))),
                    value: exemplar.value,
                    labels: exemplar.labels.clone(),
                });
            }
        }
        let kept = points.len() as u64;
        self.store.append_points(points).await?;
        if !exemplars.is_empty() {
            self.store.append_exemplars(&exemplars).await?;
        }
        Ok((kept, reason))
    }

    pub async fn scrape_jobs(&self, actor: &Actor) -> Result<Vec<ScrapeJob>> {
        self.may(actor, Action::View, &Object::Installation)?;
        Ok(self.store.scrape_jobs().await?)
    }

    /// Adds a program to ask, or an address that tells which programs to ask.
    ///
    /// # Errors
    /// Not allowed; an address that is none; one that is asked already.
    pub async fn create_scrape_job(&self, actor: &Actor, new: NewScrapeJob) -> Result<()> {
        self.may(actor, Action::EditProbes, &Object::Installation)?;
        let invalid = |text: &str| EngineError::Invalid(text.into());
        let job = new.job.trim();
        if job.is_empty() || job.len() > 80 || job.chars().any(char::is_control) {
            return Err(invalid("a job’s name has 1 to 80 characters"));
        }
        match Target::parse(&new.url).map_err(EngineError::Invalid)? {
            Target::Http { .. } => {}
            Target::Tcp { .. } => return Err(invalid("metrics are asked for by http:// or https://")),
        }
        let every_secs = new.every_secs.unwrap_or(15);
        if !(1..=3600).contains(&every_secs) {
            return Err(invalid("a target is asked every 1 to 3600 seconds"));
        }
        let credentials = new.credentials.unwrap_or_default().trim().to_string();
        if credentials.len() > 2000 || !credentials.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
            return Err(invalid("credentials are what goes into the header “Authorization”, as “Bearer …”"));
        }
        if self.store.scrape_jobs().await?.len() >= JOBS_MAX {
            return Err(EngineError::TooLarge(format!("an installation asks at most {JOBS_MAX} addresses")));
        }
        let job = ScrapeJob {
            id: 0,
            job: job.into(),
            url: new.url.trim().into(),
            discovery: new.discovery,
            every_secs,
            credentials,
        };
        self.store.create_scrape_job(&job, self.now()).await?;
        self.audit(actor, "scrape.create", &job.url).await;
        Ok(())
    }

    pub async fn delete_scrape_job(&self, actor: &Actor, id: i64) -> Result<()> {
        self.may(actor, Action::EditProbes, &Object::Installation)?;
        if !self.store.delete_scrape_job(id).await? {
            return Err(EngineError::NotFound("that target is gone already".into()));
        }
        self.audit(actor, "scrape.delete", &id.to_string()).await;
        Ok(())
    }
}

/// A target as somebody enters it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewScrapeJob {
    pub job: String,
    pub url: String,
    #[serde(default)]
    pub discovery: bool,
    #[serde(default)]
    pub every_secs: Option<i64>,
    #[serde(default)]
    pub credentials: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_targets_is_read_as_prometheus_writes_it() {
        let text = r#"[{"targets": ["a:9100", "https://b/m"], "labels": {"zone": "x", "__metrics_path__": "/own", "job": "node"}}]"#;
        let found = listed(text, "sd", 15, "").expect("reads");
        assert_eq!(found[0].url, "http://a:9100/own");
        assert_eq!((found[1].url.as_str(), found[1].job.as_str()), ("https://b/m", "node"));
        assert_eq!(found[0].labels, BTreeMap::from([("zone".into(), "x".into())]));
        assert!(listed("{}", "sd", 15, "").is_err());
        assert_eq!(instance("http://a:9100/metrics"), "a:9100");
    }
}

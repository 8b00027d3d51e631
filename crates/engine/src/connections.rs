//! What connects this installation with others, besides telemetry itself: samples by hand, changes, declared
//! dependencies, webhooks of code hosts, notes on signals.

use std::collections::BTreeMap;

use domain::conventions::{self, SignalNote};
use domain::problem::{LineError, Receipt};
use domain::telemetry::Change;
use domain::{Action, Actor, Object, TimeRange, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use store::{Dependency, Points, Registered, Webhook};

use crate::ingest::add_errors;
use crate::ingest::environment_name;
use crate::ingest::remote_write::{AHEAD, LATE, sender, too_far};
use crate::people::random_text;
use crate::{Engine, EngineError, Result};

/// Samples of one request at most.
const SAMPLES_MAX: usize = 100_000;
const WEBHOOKS_MAX: usize = 100;
const DEPENDENCIES_MAX: usize = 2000;
/// Kinds of things that may be depended on.
const KINDS: [&str; 7] = ["service", "model", "database", "queue", "external", "pipeline", "tool"];

/// One sample as a script writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSample {
    #[serde(alias = "metric", alias = "signal")]
    name: String,
    value: f64,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    unit: String,
    #[serde(default, alias = "at", alias = "time")]
    timestamp: Option<Value>,
}

impl NewSample {
    fn problem(&self) -> Option<String> {
        let bad = |c: char| c.is_control() || c.is_whitespace();
        if self.name.is_empty() || self.name.len() > 512 || self.name.contains(bad) {
            return Some("a sample has a name of 1 to 512 characters without spaces".into());
        }
        if self.labels.len() > 64 || self.labels.iter().any(|(n, v)| n.is_empty() || n.len() > 256 || v.len() > 1024) {
            return Some("a sample has at most 64 labels of at most 1024 bytes".into());
        }
        (!self.value.is_finite()).then(|| "the value is no number".into())
    }

    fn at(&self, now: Timestamp) -> std::result::Result<Timestamp, String> {
        match &self.timestamp {
            None | Some(Value::Null) => Ok(now),
            Some(Value::String(text)) => Timestamp::parse(text).ok_or_else(|| format!("“{text}” is no time")),
            Some(Value::Number(n)) => {
                n.as_f64().and_then(Timestamp::from_epoch_number).ok_or_else(|| format!("{n} is no time"))
            }
            Some(_) => Err("the timestamp is no time".into()),
        }
    }
}

fn short(what: &str, text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
        return Err(EngineError::Invalid(format!("{what} has 1 to 200 characters")));
    }
    Ok(text.to_string())
}

impl Engine {
    /// Keeps samples of signals that a script sends, one JSON object a line or an array of them.
    ///
    /// # Errors
    /// Not allowed; a body that is no JSON; too many at once. Samples that are wrong are named in the receipt.
    pub async fn ingest_samples(&self, actor: &Actor, body: &[u8]) -> Result<Receipt> {
        self.may(actor, Action::Ingest, &Object::Installation)?;
        let now = self.now();
        let mut receipt = Receipt::default();
        let mut good: Vec<(u64, NewSample, Timestamp)> = Vec::new();
        let lines: Vec<(u64, std::result::Result<NewSample, String>)> =
            if body.trim_ascii_start().first() == Some(&b'[') {
                let list: Vec<Value> = serde_json::from_slice(body)
                    .map_err(|e| EngineError::Invalid(format!("the body is no array of JSON: {e}")))?;
                (1..).zip(list.into_iter().map(|v| serde_json::from_value(v).map_err(|e| e.to_string()))).collect()
            } else {
                let lines = (1..).zip(body.split(|b| *b == b'\n')).filter(|(_, l)| !l.trim_ascii().is_empty());
                lines.map(|(n, line)| (n, serde_json::from_slice(line).map_err(|e| e.to_string()))).collect()
            };
        if lines.len() > SAMPLES_MAX {
            return Err(EngineError::TooLarge(format!("a request holds at most {SAMPLES_MAX} samples")));
        }
        for (line, read) in lines {
            let checked = read.and_then(|sample| match sample.problem() {
                Some(problem) => Err(problem),
                None => {
                    let at = sample.at(now)?;
                    if at.0 < now.0 - LATE || at.0 > now.0 + AHEAD {
                        return Err(too_far(at.0, now.0));
                    }
                    Ok((sample, at))
                }
            });
            match checked {
                Ok((sample, at)) => good.push((line, sample, at)),
                Err(reason) => add_errors(&mut receipt, vec![LineError { line, field: None, reason }]),
            }
        }
        let wanted =
            good.iter().map(|(_, s, _)| conventions::described(s.name.clone(), s.labels.clone(), &s.unit)).collect();
        let registered = self.store.register_series(wanted, &sender(actor), &self.inner.options.series).await?;
        let mut points = Points::default();
        for ((line, sample, at), registered) in good.iter().zip(registered) {
            match registered {
                Registered::Known(id) => points.push(id, at.0, sample.value),
                Registered::Refused(reason) => {
                    add_errors(&mut receipt, vec![LineError { line: *line, field: None, reason }]);
                }
            }
        }
        receipt.accepted = points.len() as u64;
        self.store.append_points(points).await?;
        Ok(receipt)
    }

    /// Changes within a range, newest first; an empty condition lets all through.
    pub async fn changes(
        &self,
        actor: &Actor,
        range: TimeRange,
        environment: &str,
        system: &str,
        model: &str,
    ) -> Result<Vec<Change>> {
        self.may(actor, Action::View, &Object::Installation)?;
        Ok(self.store.changes(range, environment, system, model).await?)
    }

    pub async fn dependencies(&self, actor: &Actor) -> Result<Vec<Dependency>> {
        self.may(actor, Action::View, &Object::Installation)?;
        Ok(self.store.dependencies().await?)
    }

    /// Declares that one thing needs another.
    ///
    /// # Errors
    /// Not allowed; names that are none; declared already.
    pub async fn declare_dependency(&self, actor: &Actor, from: &str, to: &str, kind: &str) -> Result<()> {
        self.may(actor, Action::EditModel, &Object::Installation)?;
        let (from, to) = (short("a name", from)?, short("a name", to)?);
        if from == to {
            return Err(EngineError::Invalid("nothing depends on itself".into()));
        }
        if !KINDS.contains(&kind) {
            return Err(EngineError::Invalid(format!("a dependency is one of {}", KINDS.join(", "))));
        }
        if self.store.dependencies().await?.len() >= DEPENDENCIES_MAX {
            return Err(EngineError::TooLarge(format!("at most {DEPENDENCIES_MAX} dependencies are declared")));
        }
        self.store.declare_dependency(&from, &to, kind).await?;
        self.audit(actor, "dependency.declare", &format!("{from} → {to}")).await;
        Ok(())
    }

    pub async fn delete_dependency(&self, actor: &Actor, id: i64) -> Result<()> {
        self.may(actor, Action::EditModel, &Object::Installation)?;
        if !self.store.delete_dependency(id).await? {
            return Err(EngineError::NotFound("that dependency is gone already".into()));
        }
        self.audit(actor, "dependency.delete", &id.to_string()).await;
        Ok(())
    }

    pub async fn webhooks(&self, actor: &Actor) -> Result<Vec<Webhook>> {
        self.may(actor, Action::EditProbes, &Object::Installation)?;
        Ok(self.store.webhooks().await?)
    }

    /// Makes an address that a code host calls; gives its path and the secret, which is shown this once.
    ///
    /// # Errors
    /// Not allowed; a kind that is none; a name that is taken.
    pub async fn create_webhook(
        &self,
        actor: &Actor,
        name: &str,
        kind: &str,
        environment: &str,
        system: &str,
    ) -> Result<(String, String)> {
        self.may(actor, Action::EditProbes, &Object::Installation)?;
        if !["github", "gitlab"].contains(&kind) {
            return Err(EngineError::Invalid("a webhook is of the kind github or gitlab".into()));
        }
        if self.store.webhooks().await?.len() >= WEBHOOKS_MAX {
            return Err(EngineError::TooLarge(format!("an installation has at most {WEBHOOKS_MAX} webhooks")));
        }
        let environment = if environment.is_empty() { String::new() } else { environment_name(Some(environment))? };
        let hook = Webhook {
            id: 0,
            name: short("a webhook’s name", name)?,
            kind: kind.into(),
            token: random_text(32),
            secret: random_text(40),
            environment,
            system: system.trim().chars().take(200).collect(),
            last_at: None,
        };
        self.store.create_webhook(&hook, self.now()).await?;
        self.audit(actor, "webhook.create", &hook.name).await;
        Ok((format!("/hooks/{kind}/{}", hook.token), hook.secret))
    }

    pub async fn delete_webhook(&self, actor: &Actor, id: i64) -> Result<()> {
        self.may(actor, Action::EditProbes, &Object::Installation)?;
        if !self.store.delete_webhook(id).await? {
            return Err(EngineError::NotFound("that webhook is gone already".into()));
        }
        self.audit(actor, "webhook.delete", &id.to_string()).await;
        Ok(())
    }

    /// What people say of signals, by metric.
    pub async fn signal_notes(&self, actor: &Actor) -> Result<BTreeMap<String, SignalNote>> {
        self.may(actor, Action::View, &Object::Installation)?;
        Ok(self.store.signal_notes().await?)
    }

    /// Notes what a signal is: what is left out stays as it was.
    ///
    /// # Errors
    /// Not allowed; texts that are too long.
    pub async fn note_signal(&self, actor: &Actor, name: &str, note: SignalNote) -> Result<SignalNote> {
        self.may(actor, Action::EditModel, &Object::Installation)?;
        let texts = [&note.title, &note.unit, &note.owner];
        if name.is_empty() || name.len() > 512 || texts.into_iter().flatten().any(|t| t.len() > 200) {
            return Err(EngineError::Invalid("a title, a unit and an owner have at most 200 characters".into()));
        }
        let mut known = self.store.signal_notes().await?.remove(name).unwrap_or_default();
        known.title = note.title.or(known.title);
        known.unit = note.unit.or(known.unit);
        known.layer = note.layer.or(known.layer);
        known.better = note.better.or(known.better);
        known.owner = note.owner.or(known.owner);
        self.store.set_signal_note(name, &known).await?;
        self.audit(actor, "signal.note", name).await;
        Ok(known)
    }
}

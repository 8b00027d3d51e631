//! Changes: deploys, versions, flags, releases of data. By REST, by CloudEvents, by webhooks of code hosts.

use domain::problem::{LineError, Receipt};
use domain::telemetry::{Change, ChangeKind};
use domain::{Action, Actor, Object, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use super::otlp::attributes::cut;
use super::{add_errors, environment_name};
use crate::signature::{hex, hmac_sha256, same};
use crate::{Engine, EngineError, Result};

/// Changes of one request at most.
const CHANGES_MAX: usize = 1000;

/// A change as a sender writes it. Only what happened is needed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewChange {
    pub id: Option<String>,
    #[serde(alias = "timestamp", alias = "time")]
    pub at: Option<Value>,
    pub kind: Option<String>,
    pub title: String,
    pub environment: String,
    pub system: String,
    pub service: String,
    pub model: String,
    pub version: String,
    pub author: String,
    pub url: String,
}

impl NewChange {
    /// The change as it is kept.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn checked(self, source: &str, now: Timestamp) -> std::result::Result<Change, String> {
        let kind = match self.kind.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("") => ChangeKind::Deploy,
            Some(said) => ChangeKind::parse(&said.replace('-', "_")).ok_or_else(|| {
                let names: Vec<&str> = ChangeKind::ALL.iter().map(|k| k.name()).collect();
                format!("“{}” is no kind of change; use one of {}", cut(said, 60), names.join(", "))
            })?,
        };
        let at = match &self.at {
            None | Some(Value::Null) => now,
            Some(Value::String(text)) => {
                Timestamp::parse(text).ok_or_else(|| format!("“{}” is no time", cut(text, 60)))?
            }
            Some(Value::Number(number)) => {
                number.as_f64().and_then(Timestamp::from_epoch_number).ok_or_else(|| format!("{number} is no time"))?
            }
            Some(_) => return Err("“at” is a time".into()),
        };
        if !self.environment.is_empty() {
            environment_name(Some(&self.environment)).map_err(|e| e.to_string())?;
        }
        if !(self.url.is_empty() || self.url.starts_with("https://") || self.url.starts_with("http://")) {
            return Err("“url” begins with https:// or http://".into());
        }
        let short = |text: &str| cut(text.trim(), 500).to_string();
        let title = match short(&self.title) {
            title if !title.is_empty() => title,
            _ => [kind.title(), self.service.as_str(), self.model.as_str(), self.version.as_str()]
                .iter()
                .filter(|part| !part.is_empty())
                .copied()
                .collect::<Vec<_>>()
                .join(" "),
        };
        let mut change = Change {
            id: String::new(),
            at,
            kind,
            title,
            environment: self.environment.clone(),
            system: short(&self.system),
            service: short(&self.service),
            model: short(&self.model),
            version: short(&self.version),
            author: short(&self.author),
            url: cut(&self.url, 2000).to_string(),
            source: source.to_string(),
        };
        change.id = match self.id.filter(|id| !id.is_empty()) {
            Some(id) => cut(&id, 200).to_string(),
            // Without an id of its own, what it says is its id; without a time, it is new each time.
            None => format!("{:032x}", xxh3_128(serde_json::to_string(&change).unwrap_or_default().as_bytes())),
        };
        Ok(change)
    }
}

/// The objects of a body: one, an array of them, or one a line.
fn objects(body: &[u8]) -> Result<Vec<(u64, Value)>> {
    let wrong = |e: serde_json::Error| EngineError::Invalid(format!("the body is no JSON: {e}"));
    let found: Vec<(u64, Value)> = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Array(list)) => (1..).zip(list).collect(),
        Ok(one) => vec![(1, one)],
        Err(whole) => {
            let lines = body.split(|b| *b == b'\n').zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty());
            lines
                .map(|(line, number)| Ok((number, serde_json::from_slice(line)?)))
                .collect::<std::result::Result<_, serde_json::Error>>()
                .map_err(|_| wrong(whole))?
        }
    };
    if found.len() > CHANGES_MAX {
        return Err(EngineError::TooLarge(format!("a request holds at most {CHANGES_MAX} changes")));
    }
    Ok(found)
}

impl Engine {
    /// Keeps changes.
    ///
    /// # Errors
    /// Not allowed; a body that is no JSON. Changes that are wrong are named in the receipt.
    pub async fn ingest_changes(&self, actor: &Actor, source: &str, body: &[u8]) -> Result<Receipt> {
        self.may(actor, Action::Ingest, &Object::Installation)?;
        let now = self.now();
        let mut receipt = Receipt::default();
        let mut good = Vec::new();
        for (line, value) in objects(body)? {
            let read = serde_json::from_value::<NewChange>(value).map_err(|e| e.to_string());
            match read.and_then(|new| new.checked(source, now)) {
                Ok(change) => good.push(change),
                Err(reason) => add_errors(&mut receipt, vec![LineError { line, field: None, reason }]),
            }
        }
        receipt.accepted = self.store.append_changes(&good, now).await?;
        receipt.duplicates = good.len() as u64 - receipt.accepted;
        Ok(receipt)
    }

    /// Takes what a code host says at an address made for it. Gives what was kept of it: nothing, mostly.
    ///
    /// # Errors
    /// No such address; a signature or token that is not the one agreed on; a body that is no JSON.
    pub async fn webhook_event(
        &self,
        token: &str,
        event: &str,
        proof: &Proof<'_>,
        body: &[u8],
    ) -> Result<Option<Change>> {
        let hook = self.store.webhook(token).await?;
        let hook = hook.ok_or_else(|| EngineError::NotFound("there is no such webhook".into()))?;
        let holds = match proof {
            Proof::Signature(signature) => hook.kind == "github" && signed(&hook.secret, body, signature),
            Proof::Token(said) => hook.kind == "gitlab" && same(said.as_bytes(), hook.secret.as_bytes()),
        };
        if !holds {
            return Err(EngineError::Unproven("the signature is not the one of this webhook’s secret".into()));
        }
        let value: Value =
            serde_json::from_slice(body).map_err(|e| EngineError::Invalid(format!("the body is no JSON: {e}")))?;
        let now = self.now();
        self.store.note_webhook(hook.id, now).await?;
        let new = if hook.kind == "github" { of_github(event, &value) } else { of_gitlab(event, &value) };
        let Some(mut new) = new else {
            return Ok(None);
        };
        if new.environment.is_empty() || environment_name(Some(&new.environment)).is_err() {
            new.environment.clone_from(&hook.environment);
        }
        new.system.clone_from(&hook.system);
        let change = new.checked(&hook.kind, now).map_err(EngineError::Invalid)?;
        self.store.append_changes(std::slice::from_ref(&change), now).await?;
        Ok(Some(change))
    }
}

/// How a caller of a webhook shows that it knows the secret.
pub enum Proof<'a> {
    /// `sha256=` and the HMAC of the body, as GitHub sends it.
    Signature(&'a str),
    /// The secret itself, as GitLab sends it.
    Token(&'a str),
}

fn signed(secret: &str, body: &[u8], signature: &str) -> bool {
    let expected = hex(&hmac_sha256(secret.as_bytes(), body));
    signature.strip_prefix("sha256=").is_some_and(|said| same(said.as_bytes(), expected.as_bytes()))
}

fn at<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn number_at(value: &Value, path: &str) -> String {
    value.pointer(path).and_then(Value::as_i64).map(|n| n.to_string()).unwrap_or_default()
}

/// Deployments and releases; the other events of a repository change nothing that runs.
fn of_github(event: &str, value: &Value) -> Option<NewChange> {
    let repository = at(value, "/repository/full_name");
    let base = NewChange {
        service: at(value, "/repository/name").to_string(),
        author: at(value, "/sender/login").to_string(),
        ..NewChange::default()
    };
    let short = |sha: &str| sha.chars().take(10).collect::<String>();
    Some(match event {
        "deployment_status" if at(value, "/deployment_status/state") == "success" => NewChange {
            id: Some(format!("github/{repository}/deployment/{}", number_at(value, "/deployment/id"))),
            at: Some(value.pointer("/deployment_status/created_at").cloned().unwrap_or_default()),
            title: format!(
                "{repository} {} deployed to {}",
                at(value, "/deployment/ref"),
                at(value, "/deployment/environment")
            ),
            environment: at(value, "/deployment/environment").to_string(),
            version: short(at(value, "/deployment/sha")),
            url: at(value, "/deployment_status/target_url").to_string(),
            ..base
        },
        "release" if at(value, "/action") == "published" => NewChange {
            id: Some(format!("github/{repository}/release/{}", number_at(value, "/release/id"))),
            at: Some(value.pointer("/release/published_at").cloned().unwrap_or_default()),
            title: format!("{repository} {} released", at(value, "/release/tag_name")),
            version: at(value, "/release/tag_name").to_string(),
            url: at(value, "/release/html_url").to_string(),
            ..base
        },
        _ => return None,
    })
}

fn of_gitlab(event: &str, value: &Value) -> Option<NewChange> {
    let project = at(value, "/project/path_with_namespace");
    let base = NewChange { service: at(value, "/project/name").to_string(), ..NewChange::default() };
    // GitLab writes “2026-01-31 12:00:00 +0100”.
    let time = |text: &str| {
        let iso = text.replacen(' ', "T", 1).replacen(' ', "", 1).replace("UTC", "Z");
        Timestamp::parse(&iso).map(|_| Value::String(iso))
    };
    Some(match event {
        "Deployment Hook" if at(value, "/status") == "success" => NewChange {
            id: Some(format!("gitlab/{project}/deployment/{}", number_at(value, "/deployment_id"))),
            at: time(at(value, "/status_changed_at")),
            title: format!("{project} {} deployed to {}", at(value, "/ref"), at(value, "/environment")),
            environment: at(value, "/environment").to_string(),
            version: at(value, "/short_sha").to_string(),
            author: at(value, "/user/username").to_string(),
            url: at(value, "/deployable_url").to_string(),
            ..base
        },
        "Release Hook" if at(value, "/action") == "create" => NewChange {
            id: Some(format!("gitlab/{project}/release/{}", at(value, "/tag"))),
            at: time(at(value, "/released_at")),
            title: format!("{project} {} released", at(value, "/tag")),
            version: at(value, "/tag").to_string(),
            url: at(value, "/url").to_string(),
            ..base
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_taken_with_its_own_signature_only() {
        let sum = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert!(signed("Jefe", b"what do ya want for nothing?", &format!("sha256={}", hex(&sum))));
        assert!(!signed("jefe", b"what do ya want for nothing?", &format!("sha256={}", hex(&sum))));
    }

    #[test]
    fn a_change_says_what_happened_and_is_the_same_when_sent_again() {
        let now = Timestamp(1_700_000_000_000_000);
        let read = |value: Value| serde_json::from_value::<NewChange>(value).expect("reads").checked("api", now);
        let body = json!({"kind": "model-version", "model": "credit", "version": "7", "at": "2026-01-31T00:00:00Z"});
        let one = read(body.clone()).expect("good");
        assert_eq!((one.kind, one.title.as_str()), (ChangeKind::ModelVersion, "Model version credit 7"));
        assert_eq!(one.id, read(body).expect("good").id);
        assert!(read(json!({"kind": "earthquake"})).is_err());
        assert!(read(json!({"url": "javascript:alert(1)"})).is_err());
    }

    #[test]
    fn code_hosts_tell_of_deployments_and_of_nothing_else() {
        let value = json!({"deployment": {"id": 7, "ref": "main", "environment": "production", "sha": "0123456789abcdef"},
            "deployment_status": {"state": "success", "created_at": "2026-01-31T00:00:00Z"},
            "repository": {"full_name": "acme/shop", "name": "shop"}, "sender": {"login": "ada"}});
        let change = of_github("deployment_status", &value).expect("a change");
        assert_eq!((change.version.as_str(), change.author.as_str()), ("0123456789", "ada"));
        assert!(of_github("issues", &value).is_none());
    }
}

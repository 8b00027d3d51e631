//! Alertmanager's API, version 2: what `amtool`, Prometheus and vmalert speak.
//!
//! The shapes here are that API's and nothing else's; a member that is renamed breaks programs that
//! Plimsoll never hears of.

use std::collections::BTreeMap;

use axum::extract::{Path, RawQuery, State as From};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use domain::Timestamp;
use domain::alert::matcher::{Matcher, Matchers};
use domain::alert::silence::Silence;
use domain::alert::view::Suppressed;
use engine::alert::{NewAlert, OpenAlert};
use engine::{Caller, EngineError};
use serde::{Deserialize, Deserializer, Serialize};

use super::State;
use super::problem::Answer;

type Labels = BTreeMap<String, String>;

/// Why there is no answer.
pub enum Refusal {
    /// As Alertmanager writes it: the words, as a JSON string.
    Words(StatusCode, String),
    Other(Box<EngineError>),
}

impl std::convert::From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Invalid(text) => Refusal::Words(StatusCode::BAD_REQUEST, text),
            EngineError::NotFound(text) => Refusal::Words(StatusCode::NOT_FOUND, text),
            EngineError::Conflict(text) => Refusal::Words(StatusCode::CONFLICT, text),
            other => Refusal::Other(Box::new(other)),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Refusal::Words(status, text) => (status, Json(text)).into_response(),
            Refusal::Other(error) => Answer::from(*error).into_response(),
        }
    }
}

fn bad(text: impl Into<String>) -> Refusal {
    Refusal::Words(StatusCode::BAD_REQUEST, text.into())
}

/// What is asked for: `filter` may stand several times.
struct Asked(Vec<(String, String)>);

impl Asked {
    fn of(query: Option<String>) -> Asked {
        Asked(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    fn switch(&self, name: &str) -> Result<bool, Refusal> {
        match self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()) {
            None | Some("" | "true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(other) => Err(bad(format!("{name} is true or false, not “{other}”"))),
        }
    }

    fn matchers(&self) -> Result<Vec<Matcher>, Refusal> {
        let mut all = Vec::new();
        for (_, text) in self.0.iter().filter(|(n, _)| n == "filter") {
            all.extend(Matcher::parse_all(text).map_err(bad)?);
        }
        Ok(all)
    }

    /// Which receivers are asked about: a regular expression that matches the whole name.
    fn receiver(&self) -> Result<Option<Matchers>, Refusal> {
        let text = self.0.iter().find(|(n, v)| n == "receiver" && !v.is_empty()).map(|(_, v)| v);
        let Some(text) = text else { return Ok(None) };
        let matcher = Matcher { is_regex: true, ..Matcher::equal("receiver", text) };
        Matchers::of(&[matcher]).map(Some).map_err(bad)
    }
}

fn named(receiver: &str) -> Labels {
    Labels::from([("receiver".to_string(), receiver.to_string())])
}

#[derive(Serialize)]
struct Receiver {
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertStatus {
    state: &'static str,
    silenced_by: Vec<String>,
    inhibited_by: Vec<String>,
    muted_by: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Gettable {
    annotations: Labels,
    ends_at: String,
    fingerprint: String,
    receivers: Vec<Receiver>,
    starts_at: String,
    status: AlertStatus,
    updated_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    labels: Labels,
}

impl Gettable {
    fn of(open: OpenAlert, timeout: i64) -> Gettable {
        let alert = open.alert;
        let mut status = AlertStatus {
            state: if open.suppressed.is_some() { "suppressed" } else { "active" },
            silenced_by: Vec::new(),
            inhibited_by: Vec::new(),
            muted_by: Vec::new(),
        };
        match open.suppressed {
            Some(Suppressed::Silence { ids }) => status.silenced_by = ids,
            Some(Suppressed::Inhibition { fingerprint, .. }) => status.inhibited_by = vec![fingerprint],
            Some(Suppressed::Muted { interval }) => status.muted_by = vec![interval],
            None => {}
        }
        Gettable {
            ends_at: alert.ends_at.unwrap_or_else(|| alert.updated_at.plus(timeout)).rfc3339(),
            starts_at: alert.starts_at.rfc3339(),
            updated_at: alert.updated_at.rfc3339(),
            fingerprint: alert.fingerprint,
            receivers: open.receivers.into_iter().map(|name| Receiver { name }).collect(),
            status,
            generator_url: alert.generator,
            annotations: alert.annotations,
            labels: alert.labels,
        }
    }
}

/// Lets through what a query asks for.
struct Wanted {
    matchers: Matchers,
    receiver: Option<Matchers>,
    active: bool,
    silenced: bool,
    inhibited: bool,
}

impl Wanted {
    fn of(query: Option<String>) -> Result<Wanted, Refusal> {
        let asked = Asked::of(query);
        Ok(Wanted {
            matchers: Matchers::of(&asked.matchers()?).map_err(bad)?,
            receiver: asked.receiver()?,
            active: asked.switch("active")?,
            silenced: asked.switch("silenced")?,
            inhibited: asked.switch("inhibited")?,
        })
    }

    fn takes(&self, open: &OpenAlert) -> bool {
        let state = match open.suppressed {
            None => self.active,
            Some(Suppressed::Silence { .. }) => self.silenced,
            Some(Suppressed::Inhibition { .. }) => self.inhibited,
            Some(Suppressed::Muted { .. }) => true,
        };
        state && self.matchers.matches(&open.alert.labels)
    }

    fn told(&self, receiver: &str) -> bool {
        self.receiver.as_ref().is_none_or(|r| r.matches(&named(receiver)))
    }
}

pub async fn alerts(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let wanted = Wanted::of(query)?;
    let timeout = state.engine.resolve_timeout(&caller.actor).await?;
    let open = state.engine.open_alerts(&caller.actor).await?;
    let mut rows: Vec<Gettable> = open
        .into_iter()
        .filter(|o| wanted.takes(o) && (wanted.receiver.is_none() || o.receivers.iter().any(|r| wanted.told(r))))
        .map(|o| Gettable::of(o, timeout))
        .collect();
    rows.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
    Ok(Json(rows).into_response())
}

pub async fn groups(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    #[derive(Serialize)]
    struct Group {
        alerts: Vec<Gettable>,
        labels: Labels,
        receiver: Receiver,
    }
    let wanted = Wanted::of(query)?;
    let timeout = state.engine.resolve_timeout(&caller.actor).await?;
    let groups = state.engine.alert_groups(&caller.actor).await?;
    let rows: Vec<Group> = groups
        .into_iter()
        .filter(|group| wanted.told(&group.receiver))
        .map(|group| Group {
            alerts: group.alerts.into_iter().filter(|o| wanted.takes(o)).map(|o| Gettable::of(o, timeout)).collect(),
            labels: group.labels,
            receiver: Receiver { name: group.receiver },
        })
        .filter(|group| !group.alerts.is_empty())
        .collect();
    Ok(Json(rows).into_response())
}

/// RFC 3339; Go's zero time is no time.
fn instant<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    if text.is_empty() || text.starts_with("0001-01-01T00:00:00") {
        return Ok(None);
    }
    let read = Timestamp::parse(&text);
    read.map(Some).ok_or_else(|| serde::de::Error::custom(format!("“{text}” is no time as RFC 3339 writes them")))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Postable {
    labels: Labels,
    #[serde(default)]
    annotations: Labels,
    #[serde(default, deserialize_with = "instant")]
    starts_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "instant")]
    ends_at: Option<Timestamp>,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|e| bad(format!("the body cannot be read: {e}")))
}

pub async fn post_alerts(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    body: axum::body::Bytes,
) -> Result<Response, Refusal> {
    let alerts: Vec<Postable> = read(&body)?;
    let alerts = alerts.into_iter().map(|a| NewAlert {
        labels: a.labels,
        annotations: a.annotations,
        starts_at: a.starts_at,
        ends_at: a.ends_at,
        generator: a.generator_url,
    });
    let posted = state.engine.post_alerts(&caller.actor, alerts.collect()).await?;
    if posted.problems.is_empty() {
        return Ok(StatusCode::OK.into_response());
    }
    // As Alertmanager does: the good ones are kept, and the answer says what was wrong with the others.
    Err(bad(posted.problems.join("; ")))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GettableSilence {
    id: String,
    status: SilenceStatus,
    updated_at: String,
    comment: String,
    created_by: String,
    ends_at: String,
    matchers: Vec<Matcher>,
    starts_at: String,
}

#[derive(Serialize)]
struct SilenceStatus {
    state: &'static str,
}

impl GettableSilence {
    fn of(silence: Silence, now: Timestamp) -> GettableSilence {
        GettableSilence {
            status: SilenceStatus { state: silence.state(now).name() },
            id: silence.id,
            updated_at: silence.updated_at.rfc3339(),
            comment: silence.comment,
            created_by: silence.created_by,
            ends_at: silence.ends_at.rfc3339(),
            starts_at: silence.starts_at.rfc3339(),
            matchers: silence.matchers,
        }
    }
}

pub async fn silences(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let filter = Asked::of(query).matchers()?;
    let now = state.engine.now();
    let mut found = state.engine.silences(&caller.actor).await?;
    // A silence is found by the values it names, as Alertmanager does.
    let filter = Matchers::of(&filter).map_err(bad)?;
    found.retain(|s| filter.matches(&s.matchers.iter().map(|m| (m.name.clone(), m.value.clone())).collect()));
    found.sort_by_key(|s| (s.state(now) as u8 != 1, s.state(now) as u8, s.ends_at, s.id.clone()));
    let rows: Vec<GettableSilence> = found.into_iter().map(|s| GettableSilence::of(s, now)).collect();
    Ok(Json(rows).into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableSilence {
    #[serde(default)]
    id: String,
    matchers: Vec<Matcher>,
    #[serde(deserialize_with = "instant")]
    starts_at: Option<Timestamp>,
    #[serde(deserialize_with = "instant")]
    ends_at: Option<Timestamp>,
    created_by: String,
    comment: String,
}

pub async fn post_silence(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    body: axum::body::Bytes,
) -> Result<Response, Refusal> {
    let asked: PostableSilence = read(&body)?;
    let now = state.engine.now();
    let (Some(starts_at), Some(ends_at)) = (asked.starts_at, asked.ends_at) else {
        return Err(bad("a silence starts and ends at a time"));
    };
    let silence = Silence {
        id: asked.id,
        matchers: asked.matchers,
        starts_at,
        ends_at,
        updated_at: now,
        created_by: asked.created_by,
        comment: asked.comment,
        maintenance: false,
    };
    let id = state.engine.put_silence(&caller.actor, silence).await?;
    Ok(Json(serde_json::json!({ "silenceID": id })).into_response())
}

pub async fn silence(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let silence = state.engine.silence(&caller.actor, &id).await?;
    Ok(Json(GettableSilence::of(silence, state.engine.now())).into_response())
}

pub async fn expire_silence(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    state.engine.expire_silence(&caller.actor, &id).await?;
    Ok(StatusCode::OK.into_response())
}

pub async fn receivers(From(state): From<State>, Extension(caller): Extension<Caller>) -> Result<Response, Refusal> {
    let names = state.engine.receivers(&caller.actor).await?;
    let rows: Vec<Receiver> = names.into_iter().map(|name| Receiver { name }).collect();
    Ok(Json(rows).into_response())
}

pub async fn status(From(state): From<State>) -> Response {
    Json(serde_json::json!({
        "cluster": {"status": "disabled", "peers": []},
        // The routes are Plimsoll's own document, read at /api/v1/alerting.
        "config": {"original": ""},
        "uptime": state.started.rfc3339(),
        "versionInfo": {
            "version": env!("CARGO_PKG_VERSION"), "revision": "", "branch": "", "buildUser": "", "buildDate": "",
            "goVersion": "",
        },
    }))
    .into_response()
}

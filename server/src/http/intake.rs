//! What comes besides predictions and metrics: feedback, business events, changes, logs, CloudEvents, plain samples,
//! and what GitHub and GitLab say by themselves.

use axum::body::Body;
use axum::extract::{Path, Query, State as From};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use engine::ingest::changes::Proof;
use engine::ingest::cloud_events::{CloudEvent, structured};
use engine::ingest::records::About;
use engine::{Caller, EngineError};
use serde::Deserialize;
use serde_json::Value;

use super::State;
use super::api::noted;
use super::problem::{Answer, ApiResult};
use super::upload::{self, Upload};

/// Bytes of a body that is understood whole.
const WHOLE_MAX: usize = 16 << 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AboutQuery {
    environment: Option<String>,
    model: Option<String>,
    system: Option<String>,
}

impl AboutQuery {
    fn about(self) -> About {
        About { environment: self.environment, model: self.model, system: self.system }
    }
}

pub async fn feedback(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<AboutQuery>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let Upload { format, body, _permits } = upload::receive(&state, &headers, body).await?;
    let outcome = state.engine.ingest_feedback(&caller.actor, &query.about(), format, body).await;
    noted(&state, "feedback", outcome)
}

pub async fn business(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<AboutQuery>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let Upload { format, body, _permits } = upload::receive(&state, &headers, body).await?;
    let outcome = state.engine.ingest_business(&caller.actor, &query.about(), format, body).await;
    noted(&state, "business", outcome)
}

pub async fn changes(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let (body, _permits) = upload::receive_up_to(&state, &headers, body, WHOLE_MAX).await?;
    noted(&state, "changes", state.engine.ingest_changes(&caller.actor, "api", &body).await)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinesQuery {
    environment: Option<String>,
    service: Option<String>,
}

pub async fn log_lines(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<LinesQuery>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let (body, _permits) = upload::receive_up_to(&state, &headers, body, WHOLE_MAX).await?;
    let body = upload::unpacked(body)?;
    let service = query.service.unwrap_or_default();
    let outcome = state.engine.ingest_log_lines(&caller.actor, query.environment.as_deref(), &service, &body).await;
    noted(&state, "logs", outcome)
}

pub async fn samples(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let (body, _permits) = upload::receive_up_to(&state, &headers, body, WHOLE_MAX).await?;
    let body = upload::unpacked(body)?;
    noted(&state, "samples", state.engine.ingest_samples(&caller.actor, &body).await)
}

/// A CloudEvent in binary mode: the envelope in headers, the data in the body.
fn binary(headers: &HeaderMap, body: &[u8]) -> ApiResult<CloudEvent> {
    let said = |name: &str| said(headers, name).map(String::from);
    let data: Value = serde_json::from_slice(body)
        .map_err(|e| Answer::new(400, "invalid", "That cannot be used", format!("the data is no JSON: {e}")))?;
    Ok(CloudEvent {
        specversion: said("ce-specversion").unwrap_or_default(),
        id: said("ce-id").unwrap_or_default(),
        source: said("ce-source").unwrap_or_default(),
        kind: said("ce-type").unwrap_or_default(),
        subject: said("ce-subject"),
        time: said("ce-time"),
        data,
    })
}

pub async fn cloud_events(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let (body, _permits) = upload::receive_up_to(&state, &headers, body, WHOLE_MAX).await?;
    let events =
        if headers.contains_key("ce-specversion") { vec![binary(&headers, &body)?] } else { structured(&body)? };
    noted(&state, "cloudevents", state.engine.ingest_cloud_events(&caller.actor, events).await)
}

fn said<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|v| v.to_str().ok())
}

pub async fn github(
    From(state): From<State>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let proof = Proof::Signature(said(&headers, "x-hub-signature-256").unwrap_or_default());
    hook(&state, &token, &headers, "x-github-event", &proof, body).await
}

pub async fn gitlab(
    From(state): From<State>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let proof = Proof::Token(said(&headers, "x-gitlab-token").unwrap_or_default());
    hook(&state, &token, &headers, "x-gitlab-event", &proof, body).await
}

async fn hook(
    state: &State,
    token: &str,
    headers: &HeaderMap,
    event: &str,
    proof: &Proof<'_>,
    body: Body,
) -> ApiResult<Response> {
    let (body, _permits) = upload::receive_up_to(state, headers, body, WHOLE_MAX).await?;
    let event = said(headers, event).unwrap_or_default();
    match state.engine.webhook_event(token, event, proof, &body).await {
        Ok(change) => {
            state.engine.note_arrival("webhook", u64::from(change.is_some()), 0, None);
            Ok(Json(serde_json::json!({"kept": change.is_some()})).into_response())
        }
        Err(error) => {
            if let EngineError::Unproven(text) = &error {
                state.engine.note_arrival("webhook", 0, 1, Some(text));
            }
            Err(error.into())
        }
    }
}

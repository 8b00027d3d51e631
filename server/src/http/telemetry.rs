//! What comes besides predictions and metrics (feedback, business events, changes, logs, CloudEvents, plain
//! samples), and questions about it: searches, traces, the map of who calls whom.

use axum::body::Body;
use axum::extract::{Path, Query, State as From};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use domain::conventions::SignalNote;
use domain::event::EventKind;
use domain::prices::{Price, Prices};
use domain::telemetry::{Arrival, Change, LogSearch, LogView, Page, SpanSearch, SpanView, Topology, search_parts};
use domain::time::HOUR;
use domain::{TimeRange, Timestamp};
use engine::collect::scrape::NewScrapeJob;
use engine::ingest::changes::Proof;
use engine::ingest::cloud_events::{CloudEvent, structured};
use engine::ingest::environment_name;
use engine::ingest::records::About;
use engine::{Caller, EngineError};
use serde::Deserialize;
use serde_json::Value;
use store::{Dependency, ScrapeJob, Webhook};

use super::State;
use super::api::noted;
use super::problem::{Answer, ApiResult};
use super::range::range;
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

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchQuery {
    from: Option<String>,
    to: Option<String>,
    environment: Option<String>,
    service: Option<String>,
    name: Option<String>,
    status: Option<String>,
    severity: Option<String>,
    model: Option<String>,
    system: Option<String>,
    kind: Option<String>,
    trace_id: Option<String>,
    prediction_id: Option<String>,
    session_id: Option<String>,
    /// Milliseconds.
    min_ms: Option<f64>,
    max_ms: Option<f64>,
    /// Words, or a phrase in quotes.
    q: Option<String>,
    /// Attributes, as `name=value;name=value`.
    attributes: Option<String>,
    /// Only the first span of each trace.
    roots: bool,
    cursor: Option<String>,
    limit: Option<usize>,
    /// With attributes and events of each span.
    whole: bool,
    /// When a trace was, nearly; finds it sooner.
    at: Option<String>,
}

impl SearchQuery {
    fn range(&self, now: Timestamp) -> ApiResult<TimeRange> {
        let hour = TimeRange { from: now.plus(-HOUR), to: now.plus(HOUR) };
        if self.from.as_deref() == Some("all") {
            return range(None, self.to.as_deref(), TimeRange::ALL, now);
        }
        range(self.from.as_deref(), self.to.as_deref(), hour, now)
    }

    fn environment(&self) -> ApiResult<String> {
        Ok(environment_name(self.environment.as_deref())?)
    }

    fn attributes(&self) -> Vec<String> {
        let text = self.attributes.as_deref().unwrap_or_default();
        search_parts(text).map(String::from).collect()
    }

    fn limit(&self) -> usize {
        self.limit.unwrap_or(50)
    }
}

pub async fn spans(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<SearchQuery>,
) -> ApiResult<Json<Page<SpanView>>> {
    let search = SpanSearch {
        environment: query.environment()?,
        attributes: query.attributes(),
        min_ms: query.min_ms,
        max_ms: query.max_ms,
        roots: query.roots,
        service: query.service.clone().unwrap_or_default(),
        name: query.name.clone().unwrap_or_default(),
        status: query.status.clone().unwrap_or_default(),
        model: query.model.clone().unwrap_or_default(),
        text: query.q.clone().unwrap_or_default(),
    };
    let range = query.range(state.engine.now())?;
    Ok(Json(state.engine.search_spans(&caller.actor, &search, range, query.cursor.as_deref(), query.limit()).await?))
}

pub async fn trace(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(query): Query<SearchQuery>,
) -> ApiResult<Json<Vec<SpanView>>> {
    let near = query.at.as_deref().and_then(Timestamp::parse);
    let environment = query.environment()?;
    Ok(Json(state.engine.trace(&caller.actor, &environment, &id, near, query.whole).await?))
}

pub async fn span(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path((trace, id)): Path<(String, String)>,
    Query(query): Query<SearchQuery>,
) -> ApiResult<Json<SpanView>> {
    Ok(Json(state.engine.span(&caller.actor, &query.environment()?, &trace, &id).await?))
}

pub async fn logs(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<SearchQuery>,
) -> ApiResult<Json<Page<LogView>>> {
    let search = LogSearch {
        environment: query.environment()?,
        attributes: query.attributes(),
        service: query.service.clone().unwrap_or_default(),
        severity: query.severity.clone().unwrap_or_default(),
        trace: query.trace_id.clone().unwrap_or_default(),
        text: query.q.clone().unwrap_or_default(),
    };
    let range = query.range(state.engine.now())?;
    Ok(Json(state.engine.search_logs(&caller.actor, &search, range, query.cursor.as_deref(), query.limit()).await?))
}

async fn records(state: State, caller: Caller, query: SearchQuery, kind: EventKind) -> ApiResult<Json<Page<Value>>> {
    let environment = query.environment()?;
    let range = range(query.from.as_deref(), query.to.as_deref(), TimeRange::ALL, state.engine.now())?;
    let word = |value: &Option<String>| value.clone().unwrap_or_default();
    let (by_kind, by_id) = match kind {
        EventKind::Business => ("event", "prediction_id"),
        EventKind::Evaluation => ("evaluator", "response_id"),
        _ => ("feedback", "prediction_id"),
    };
    let wanted = [
        (by_kind, word(&query.kind)),
        ("model", word(&query.model)),
        ("system", word(&query.system)),
        (by_id, word(&query.prediction_id)),
        ("trace_id", word(&query.trace_id)),
        ("session_id", word(&query.session_id)),
    ];
    let wanted: Vec<(&str, &str)> = wanted.iter().map(|(c, v)| (*c, v.as_str())).collect();
    let (cursor, limit) = (query.cursor.as_deref(), query.limit());
    Ok(Json(state.engine.records_page(&caller.actor, kind, &environment, range, &wanted, cursor, limit).await?))
}

pub async fn list_feedback(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<SearchQuery>,
) -> ApiResult<Json<Page<Value>>> {
    records(state, caller, query, EventKind::Feedback).await
}

pub async fn list_business(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<SearchQuery>,
) -> ApiResult<Json<Page<Value>>> {
    records(state, caller, query, EventKind::Business).await
}

pub async fn list_evaluations(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<SearchQuery>,
) -> ApiResult<Json<Page<Value>>> {
    records(state, caller, query, EventKind::Evaluation).await
}

pub async fn list_changes(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<SearchQuery>,
) -> ApiResult<Json<Vec<Change>>> {
    let range = range(query.from.as_deref(), query.to.as_deref(), TimeRange::ALL, state.engine.now())?;
    let word = |value: &Option<String>| value.clone().unwrap_or_default();
    let (environment, system, model) = (word(&query.environment), word(&query.system), word(&query.model));
    Ok(Json(state.engine.changes(&caller.actor, range, &environment, &system, &model).await?))
}

pub async fn topology(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<SearchQuery>,
) -> ApiResult<Json<Topology>> {
    let (environment, range) = (query.environment()?, query.range(state.engine.now())?);
    Ok(Json(state.engine.topology(&caller.actor, &environment, range).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDependency {
    from: String,
    to: String,
    #[serde(default)]
    kind: Option<String>,
}

pub async fn declare_dependency(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(new): Json<NewDependency>,
) -> ApiResult<StatusCode> {
    let kind = new.kind.unwrap_or_else(|| "service".into());
    state.engine.declare_dependency(&caller.actor, &new.from, &new.to, &kind).await?;
    Ok(StatusCode::CREATED)
}

pub async fn list_dependencies(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
) -> ApiResult<Json<Vec<Dependency>>> {
    Ok(Json(state.engine.dependencies(&caller.actor).await?))
}

pub async fn delete_dependency(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<i64>,
) -> ApiResult<StatusCode> {
    state.engine.delete_dependency(&caller.actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn scrape_jobs(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
) -> ApiResult<Json<Vec<ScrapeJob>>> {
    Ok(Json(state.engine.scrape_jobs(&caller.actor).await?))
}

pub async fn create_scrape_job(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(new): Json<NewScrapeJob>,
) -> ApiResult<StatusCode> {
    state.engine.create_scrape_job(&caller.actor, new).await?;
    Ok(StatusCode::CREATED)
}

pub async fn delete_scrape_job(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<i64>,
) -> ApiResult<StatusCode> {
    state.engine.delete_scrape_job(&caller.actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    name: String,
    /// `github` or `gitlab`.
    kind: String,
    #[serde(default)]
    environment: String,
    #[serde(default)]
    system: String,
}

pub async fn webhooks(From(state): From<State>, Extension(caller): Extension<Caller>) -> ApiResult<Json<Vec<Webhook>>> {
    Ok(Json(state.engine.webhooks(&caller.actor).await?))
}

pub async fn create_webhook(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(new): Json<NewWebhook>,
) -> ApiResult<Response> {
    let NewWebhook { name, kind, environment, system } = new;
    let (path, secret) = state.engine.create_webhook(&caller.actor, &name, &kind, &environment, &system).await?;
    Ok((StatusCode::CREATED, Json(serde_json::json!({"path": path, "secret": secret}))).into_response())
}

pub async fn delete_webhook(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<i64>,
) -> ApiResult<StatusCode> {
    state.engine.delete_webhook(&caller.actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn arrivals(From(state): From<State>, Extension(caller): Extension<Caller>) -> ApiResult<Json<Vec<Arrival>>> {
    Ok(Json(state.engine.arrivals(&caller.actor).await?))
}

pub async fn prices(From(state): From<State>, Extension(caller): Extension<Caller>) -> ApiResult<Json<Prices>> {
    Ok(Json(state.engine.prices(&caller.actor).await?))
}

pub async fn set_prices(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(rows): Json<Vec<Price>>,
) -> ApiResult<StatusCode> {
    state.engine.set_prices(&caller.actor, rows).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn note_signal(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Json(note): Json<SignalNote>,
) -> ApiResult<Json<SignalNote>> {
    Ok(Json(state.engine.note_signal(&caller.actor, &name, note).await?))
}

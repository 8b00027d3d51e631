//! The REST API under `/api/v1`: each handler is a few lines into the engine.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{Path, Query, State as From};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use domain::audit::Deed;
use domain::baseline::BaselineSource;
use domain::model::ModelChange;
use domain::model::{Mapping, Model};
use domain::problem::Receipt;
use domain::signal::SeriesData;
use domain::verdict::WindowReport;
use domain::{TimeRange, Timestamp};
use engine::ingest::{Envelope, environment_name};
use engine::{Caller, EngineError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::Probe;

use super::State;
use super::problem::{Answer, ApiResult};
use super::range::range;
use super::upload::{self, Upload};

/// Roles of columns and context of a body, as query parameters; lists are separated by commas.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IngestQuery {
    id: Option<String>,
    timestamp: Option<String>,
    prediction: Option<String>,
    probability: Option<String>,
    label: Option<String>,
    group: Option<String>,
    feature: Option<String>,
    ignore: Option<String>,
    environment: Option<String>,
    system: Option<String>,
    /// Name of a baseline.
    name: Option<String>,
}

fn list(text: Option<String>) -> Vec<String> {
    text.map(|t| t.split(',').map(|p| p.trim().to_string()).filter(|p| !p.is_empty()).collect()).unwrap_or_default()
}

impl IngestQuery {
    fn envelope(self, baseline: bool) -> Envelope {
        Envelope {
            mapping: Mapping {
                id: self.id,
                timestamp: self.timestamp,
                prediction: self.prediction,
                probability: list(self.probability),
                label: self.label,
                group: list(self.group),
                feature: list(self.feature),
                ignore: list(self.ignore),
            },
            environment: self.environment,
            system: self.system,
            baseline: baseline.then(|| self.name.unwrap_or_else(|| "baseline".into())),
            shift: None,
        }
    }
}

/// 200 when anything was kept or known, 422 when every row was wrong.
pub(super) fn receipt(receipt: Receipt) -> Response {
    let taken = receipt.accepted + receipt.duplicates + receipt.changed_duplicates;
    let status = if taken == 0 && receipt.rejected > 0 { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    (status, Json(receipt)).into_response()
}

pub async fn predictions(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(model): Path<String>,
    Query(query): Query<IngestQuery>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let upload = upload::receive(&state, &headers, body).await?;
    let outcome = rows(&state, &caller, &model, query.envelope(false), upload).await;
    state.metrics.predictions.inc_by(outcome.as_ref().map_or(0, |r| r.accepted));
    noted(&state, "predictions", outcome)
}

pub async fn baseline(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(model): Path<String>,
    Query(query): Query<IngestQuery>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let upload = upload::receive(&state, &headers, body).await?;
    let outcome = rows(&state, &caller, &model, query.envelope(true), upload).await;
    noted(&state, "baseline", outcome)
}

async fn rows(
    state: &State,
    caller: &Caller,
    model: &str,
    envelope: Envelope,
    upload: Upload,
) -> Result<Receipt, EngineError> {
    let Upload { format, body, _permits } = upload;
    state.engine.ingest_predictions(&caller.actor, model, &envelope, format, body, |_| ()).await
}

/// Counts what came by a way, and answers with it.
pub(super) fn noted(state: &State, way: &'static str, outcome: Result<Receipt, EngineError>) -> ApiResult<Response> {
    match outcome {
        Ok(answer) => {
            let kept = answer.accepted + answer.duplicates + answer.changed_duplicates;
            let reason = answer.errors.first().map(|e| format!("line {}: {}", e.line, e.reason));
            state.engine.note_arrival(way, kept, answer.rejected, reason.as_deref());
            Ok(receipt(answer))
        }
        Err(error) => {
            if !matches!(error, EngineError::Denied(_)) {
                state.engine.note_arrival(way, 0, 0, Some(&error.to_string()));
            }
            Err(error.into())
        }
    }
}

pub async fn labels(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(model): Path<String>,
    Query(query): Query<IngestQuery>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let Upload { format, body, _permits } = upload::receive(&state, &headers, body).await?;
    let envelope = query.envelope(false);
    let outcome = state.engine.ingest_labels(&caller.actor, &model, &envelope, format, body, |_| ()).await;
    state.metrics.labels.inc_by(outcome.as_ref().map_or(0, |r| r.accepted));
    noted(&state, "labels", outcome)
}

pub async fn models(From(state): From<State>, Extension(caller): Extension<Caller>) -> ApiResult<Json<Vec<Model>>> {
    Ok(Json(state.engine.models(&caller.actor).await?))
}

pub async fn model(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(model): Path<String>,
) -> ApiResult<Json<Model>> {
    Ok(Json(state.engine.model(&caller.actor, &model).await?))
}

pub async fn update_model(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(model): Path<String>,
    Json(change): Json<ModelChange>,
) -> ApiResult<Json<Model>> {
    Ok(Json(state.engine.update_model(&caller.actor, &model, change).await?))
}

pub async fn delete_model(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(model): Path<String>,
) -> ApiResult<StatusCode> {
    state.engine.delete_model(&caller.actor, &model).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RangeQuery {
    from: Option<String>,
    to: Option<String>,
    environment: Option<String>,
    /// The baseline's own windows instead of production's.
    baseline: bool,
    /// Signals whose name begins so.
    prefix: Option<String>,
}

pub async fn windows(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(model): Path<String>,
    Query(query): Query<RangeQuery>,
) -> ApiResult<Json<Vec<WindowReport>>> {
    let range = range(query.from.as_deref(), query.to.as_deref(), TimeRange::ALL, state.engine.now())?;
    let environment = environment_name(query.environment.as_deref())?;
    Ok(Json(state.engine.windows(&caller.actor, &model, &environment, range, query.baseline).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineChoice {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    environment: Option<String>,
    /// Both ends of a range of production.
    from: Option<String>,
    to: Option<String>,
    /// Or what came before each window, as `14d`.
    rolling: Option<String>,
    /// Or the same hour of the week, so many weeks back.
    seasonal_weeks: Option<u32>,
}

pub async fn choose_baseline(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(model): Path<String>,
    Json(choice): Json<BaselineChoice>,
) -> ApiResult<StatusCode> {
    let invalid = |text: &str| Answer::new(400, "invalid", "That cannot be used", text);
    let time = |text: &Option<String>| text.as_deref().and_then(Timestamp::parse);
    let source = match (&choice.rolling, choice.seasonal_weeks, time(&choice.from), time(&choice.to)) {
        (Some(span), None, None, None) => BaselineSource::Rolling {
            span: domain::time::parse_span(span).ok_or_else(|| invalid("“rolling” is a span, as 14d"))?,
        },
        (None, Some(weeks), None, None) => BaselineSource::Seasonal { weeks },
        (None, None, Some(from), Some(to)) if from < to => BaselineSource::Range {
            environment: environment_name(choice.environment.as_deref())?,
            range: TimeRange { from, to },
        },
        _ => {
            return Err(invalid(
                "a baseline is “from” and “to”, two times, the first before the second, as 2026-01-31T00:00:00Z; or “rolling”, a span as 14d; or “seasonal_weeks”, a number",
            ));
        }
    };
    let name = choice.name.unwrap_or_else(|| "range".into());
    state.engine.choose_baseline(&caller.actor, &model, &name, source).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn signals(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<RangeQuery>,
) -> ApiResult<Json<Vec<SeriesData>>> {
    let now = state.engine.now();
    let hour = TimeRange { from: now.plus(-domain::time::HOUR), to: now.plus(1) };
    let range = range(query.from.as_deref(), query.to.as_deref(), hour, now)?;
    Ok(Json(state.engine.signals(&caller.actor, query.prefix.as_deref().unwrap_or_default(), range).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepsQuery {
    #[serde(default)]
    prefix: String,
    from: Option<String>,
    to: Option<String>,
    /// A span, as `60s`.
    step: String,
}

/// What is answered of series in even steps.
#[derive(Serialize, JsonSchema)]
pub struct Steps<'a> {
    from: String,
    step_seconds: f64,
    series: Vec<StepsOfOne<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct StepsOfOne<'a> {
    name: &'a str,
    labels: &'a BTreeMap<String, String>,
    unit: &'a str,
    /// Nothing where a step has no sample.
    #[schemars(with = "Vec<Option<f64>>")]
    values: &'a [f64],
}

/// Series in even steps: the first instant, the step, and a value or null for each step.
pub async fn steps(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<StepsQuery>,
) -> ApiResult<Response> {
    let now = state.engine.now();
    let hour = TimeRange { from: now.plus(-domain::time::HOUR), to: now.plus(1) };
    let range = range(query.from.as_deref(), query.to.as_deref(), hour, now)?;
    let step = domain::time::parse_span(&query.step)
        .ok_or_else(|| Answer::new(400, "invalid", "That cannot be used", "“step” is a span, as 60s or 5m"))?;
    // From whole steps on, so that a page that asks again gets the same steps.
    let range = TimeRange { from: Timestamp(range.from.0.div_euclid(step.max(1)) * step.max(1)), to: range.to };
    let found = state.engine.steps(&caller.actor, &query.prefix, range, step).await?;
    let series = found.iter().map(|(series, values)| StepsOfOne {
        name: &series.name,
        labels: &series.labels,
        unit: &series.unit,
        values,
    });
    let steps = Steps { from: range.from.to_string(), step_seconds: step as f64 / 1e6, series: series.collect() };
    Ok(Json(steps).into_response())
}

pub async fn probes(From(state): From<State>, Extension(caller): Extension<Caller>) -> ApiResult<Json<Vec<Probe>>> {
    Ok(Json(state.engine.probes(&caller.actor).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewProbe {
    name: String,
    target: String,
    #[serde(default = "half_a_minute")]
    every_secs: i64,
}

fn half_a_minute() -> i64 {
    30
}

pub async fn create_probe(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(new): Json<NewProbe>,
) -> ApiResult<StatusCode> {
    state.engine.create_probe(&caller.actor, &new.name, &new.target, new.every_secs).await?;
    Ok(StatusCode::CREATED)
}

pub async fn delete_probe(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<i64>,
) -> ApiResult<StatusCode> {
    state.engine.delete_probe(&caller.actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditQuery {
    after: i64,
    limit: Option<usize>,
}

/// Who did what, for programs that keep such records: each asks for what came after the last it has read.
pub async fn audit(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<AuditQuery>,
) -> ApiResult<Json<Vec<Deed>>> {
    let limit = query.limit.unwrap_or(domain::audit::PAGE);
    Ok(Json(state.engine.deeds_after(&caller.actor, query.after, limit).await?))
}

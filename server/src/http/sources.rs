//! Where telemetry comes from and how it is read: declared dependencies, scrape jobs, webhooks, what has arrived,
//! prices of models, notes on signals.

use axum::extract::{Path, State as From};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use domain::conventions::SignalNote;
use domain::prices::{Price, Prices};
use domain::telemetry::Arrival;
use engine::Caller;
use engine::collect::scrape::NewScrapeJob;
use serde::Deserialize;
use store::{Dependency, ScrapeJob, Webhook};

use super::State;
use super::problem::ApiResult;

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

//! Responses and their runs, for programs. Programs prepare, propose, deny and undo; only people approve.

use axum::extract::{Path, Query, State as From};
use axum::http::StatusCode;
use axum::{Extension, Json};
use domain::response::{Response, ResponsesView, Run, RunAct};
use engine::Caller;
use serde::Deserialize;

use super::State;
use super::problem::ApiResult;

pub async fn all(From(state): From<State>, Extension(caller): Extension<Caller>) -> ApiResult<Json<ResponsesView>> {
    Ok(Json(state.engine.responses(&caller.actor).await?))
}

pub async fn save(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(new): Json<Response>,
) -> ApiResult<StatusCode> {
    state.engine.save_response(&caller.actor, new).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn delete(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    state.engine.delete_response(&caller.actor, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why all are stopped; without a reason they go on.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stop {
    reason: Option<String>,
}

pub async fn stop(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(stop): Json<Stop>,
) -> ApiResult<StatusCode> {
    state.engine.stop_responses(&caller, stop.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunQuery {
    incident: Option<i64>,
    /// The fingerprint of an alert.
    alert: String,
}

pub async fn runs(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<RunQuery>,
) -> ApiResult<Json<Vec<Run>>> {
    Ok(Json(state.engine.response_runs(&caller.actor, query.incident, &query.alert).await?))
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    response: String,
    /// The fingerprint of an alert that fires.
    alert: String,
}

pub async fn propose(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(new): Json<Proposal>,
) -> ApiResult<(StatusCode, Json<Run>)> {
    let run = state.engine.propose_response(&caller, &new.response, &new.alert).await?;
    Ok((StatusCode::CREATED, Json(run)))
}

pub async fn act(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<i64>,
    Json(act): Json<RunAct>,
) -> ApiResult<Json<Run>> {
    Ok(Json(state.engine.act_on_run(&caller, id, act).await?))
}

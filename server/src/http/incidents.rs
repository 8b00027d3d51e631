//! Incidents and annotations, for programs.

use axum::extract::{Path, Query, State as From};
use axum::http::StatusCode;
use axum::{Extension, Json};
use domain::TimeRange;
use domain::alert::priority::Priority;
use domain::annotation::{Annotation, AnnotationAct, AnnotationText, Subject};
use domain::incident::{IncidentAct, IncidentView, IncidentsView};
use domain::time::DAY;
use engine::Caller;
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::problem::ApiResult;
use super::range::range;

pub async fn all(From(state): From<State>, Extension(caller): Extension<Caller>) -> ApiResult<Json<IncidentsView>> {
    Ok(Json(state.engine.incidents(&caller.actor).await?))
}

pub async fn one(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<i64>,
) -> ApiResult<Json<IncidentView>> {
    Ok(Json(state.engine.incident_view(&caller.actor, id).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewIncident {
    title: String,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    systems: Vec<String>,
    #[serde(default)]
    environment: String,
}

pub async fn open(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(new): Json<NewIncident>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    let (who, engine) = (caller.name(), &state.engine);
    let id = engine.open_incident(&caller.actor, &who, &new.title, new.priority, new.systems, &new.environment).await?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

pub async fn act(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<i64>,
    Json(act): Json<IncidentAct>,
) -> ApiResult<Json<Value>> {
    let review = state.engine.act_on_incident(&caller.actor, &caller.name(), id, act).await?;
    Ok(Json(json!({ "review": review })))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnnotationQuery {
    from: Option<String>,
    to: Option<String>,
    environment: String,
    system: String,
    model: String,
    signal: String,
    incident: Option<i64>,
}

pub async fn annotations(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<AnnotationQuery>,
) -> ApiResult<Json<Vec<Annotation>>> {
    let now = state.engine.now();
    let default = TimeRange { from: now.plus(-30 * DAY), to: now };
    let range = range(query.from.as_deref(), query.to.as_deref(), default, now)?;
    let subject = Subject {
        signal: query.signal,
        system: query.system,
        model: query.model,
        incident: query.incident,
        environment: query.environment,
    };
    Ok(Json(state.engine.annotations(&caller.actor, range, &subject).await?))
}

pub async fn annotate(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(text): Json<AnnotationText>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    let id = state.engine.annotate(&caller.actor, &caller.name(), text).await?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

pub async fn act_on_annotation(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<i64>,
    Json(act): Json<AnnotationAct>,
) -> ApiResult<StatusCode> {
    state.engine.act_on_annotation(&caller.actor, &caller.name(), id, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

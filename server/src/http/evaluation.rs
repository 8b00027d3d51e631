//! What evaluation says beyond a model's windows: thresholds tried, signals looked at closely, KPIs, health,
//! users and business.

use axum::extract::{Path, Query, State as From};
use axum::http::StatusCode;
use axum::{Extension, Json};
use domain::TimeRange;
use domain::analysis::{AnalysisView, CompanionView, UnusualView};
use domain::find::Hit;
use domain::health::HealthWeights;
use domain::kpi::{Kpi, KpiView};
use domain::monitor::{LimitsPreview, ThresholdRule};
use domain::outcome::OutcomeView;
use domain::time::{DAY, HOUR, RangeChoice};
use domain::view::{HostView, OperationsView, OverviewView, SystemView};
use engine::Caller;
use engine::ingest::environment_name;
use serde::Deserialize;

use super::State;
use super::problem::{Answer, ApiResult};
use super::range::range;

fn last_week(state: &State, from: Option<&str>, to: Option<&str>) -> ApiResult<TimeRange> {
    let now = state.engine.now();
    range(from, to, TimeRange { from: now.plus(-7 * DAY), to: now }, now)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsQuery {
    environment: Option<String>,
    /// One figure; all without it.
    figure: Option<String>,
    /// A rule to try, as JSON; those in force without it.
    threshold: Option<String>,
}

pub async fn limits(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(model): Path<String>,
    Query(query): Query<LimitsQuery>,
) -> ApiResult<Json<Vec<LimitsPreview>>> {
    let rule = match &query.threshold {
        None => None,
        Some(text) => Some(serde_json::from_str::<ThresholdRule>(text).map_err(|e| {
            Answer::new(
                400,
                "invalid",
                "That cannot be used",
                format!("“threshold” is no rule ({e}); write {{\"from\":\"history\",\"deviations\":3}}"),
            )
        })?),
    };
    let environment = environment_name(query.environment.as_deref())?;
    Ok(Json(state.engine.limits_preview(&caller.actor, &model, &environment, query.figure.as_deref(), rule).await?))
}

pub async fn learn(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(model): Path<String>,
) -> ApiResult<StatusCode> {
    state.engine.learn_again(&caller.actor, &model).await?;
    Ok(StatusCode::ACCEPTED)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnalysisQuery {
    query: String,
    from: Option<String>,
    to: Option<String>,
    /// A value whose crossing is forecast, and the side from which it is crossed.
    limit: Option<f64>,
    above: Option<bool>,
}

pub async fn analysis(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<AnalysisQuery>,
) -> ApiResult<Json<AnalysisView>> {
    let range = last_week(&state, query.from.as_deref(), query.to.as_deref())?;
    let limit = query.limit.map(|limit| (limit, query.above.unwrap_or(true)));
    Ok(Json(state.engine.analyse(&caller.actor, &query.query, range, limit).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompanionQuery {
    query: String,
    from: Option<String>,
    to: Option<String>,
}

pub async fn companions(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<CompanionQuery>,
) -> ApiResult<Json<CompanionView>> {
    let range = last_week(&state, query.from.as_deref(), query.to.as_deref())?;
    Ok(Json(state.engine.companions(&caller.actor, &query.query, range).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnusualQuery {
    from: Option<String>,
    to: Option<String>,
}

pub async fn unusual(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<UnusualQuery>,
) -> ApiResult<Json<UnusualView>> {
    let range = last_week(&state, query.from.as_deref(), query.to.as_deref())?;
    Ok(Json(state.engine.unusual(&caller.actor, range).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SystemQuery {
    environment: Option<String>,
    from: Option<String>,
    to: Option<String>,
    system: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageQuery {
    environment: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

pub async fn health(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<OverviewView>> {
    let now = state.engine.now();
    let month = RangeChoice::MONTH.resolve(now);
    let range = range(query.from.as_deref(), query.to.as_deref(), month, now)?;
    let environment = environment_name(query.environment.as_deref())?;
    Ok(Json(state.engine.overview(&caller.actor, &environment, range).await?))
}

pub async fn system(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(system): Path<String>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<SystemView>> {
    let range = last_week(&state, query.from.as_deref(), query.to.as_deref())?;
    let environment = environment_name(query.environment.as_deref())?;
    Ok(Json(state.engine.system_view(&caller.actor, &system, &environment, range).await?))
}

pub async fn outcomes(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<SystemQuery>,
) -> ApiResult<Json<OutcomeView>> {
    let range = last_week(&state, query.from.as_deref(), query.to.as_deref())?;
    let environment = environment_name(query.environment.as_deref())?;
    let system = query.system.unwrap_or_default();
    Ok(Json(state.engine.outcomes(&caller.actor, &system, &environment, range).await?))
}

fn last_hour(state: &State, query: &PageQuery) -> ApiResult<TimeRange> {
    let now = state.engine.now();
    range(query.from.as_deref(), query.to.as_deref(), TimeRange { from: now.plus(-HOUR), to: now.plus(1) }, now)
}

pub async fn operations(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<OperationsView>> {
    let range = last_hour(&state, &query)?;
    let environment = environment_name(query.environment.as_deref())?;
    Ok(Json(state.engine.operations(&caller.actor, &environment, range).await?))
}

pub async fn host(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(host): Path<String>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<HostView>> {
    let range = last_hour(&state, &query)?;
    let environment = environment_name(query.environment.as_deref())?;
    Ok(Json(state.engine.host_view(&caller.actor, &host, &environment, range).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FindQuery {
    q: String,
}

pub async fn find(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<FindQuery>,
) -> ApiResult<Json<Vec<Hit>>> {
    let typed: String = query.q.chars().take(200).collect();
    Ok(Json(state.engine.find(&caller.actor, &typed).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KpiQuery {
    from: Option<String>,
    to: Option<String>,
    system: Option<String>,
}

pub async fn kpis(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<KpiQuery>,
) -> ApiResult<Json<Vec<KpiView>>> {
    let range = last_week(&state, query.from.as_deref(), query.to.as_deref())?;
    Ok(Json(state.engine.kpi_views(&caller.actor, query.system.as_deref(), range).await?))
}

pub async fn set_kpis(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(kpis): Json<Vec<Kpi>>,
) -> ApiResult<StatusCode> {
    state.engine.set_kpis(&caller.actor, kpis).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn weights(From(state): From<State>, Extension(caller): Extension<Caller>) -> ApiResult<Json<HealthWeights>> {
    Ok(Json(state.engine.health_weights(&caller.actor).await?))
}

pub async fn set_weights(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(weights): Json<HealthWeights>,
) -> ApiResult<StatusCode> {
    state.engine.set_health_weights(&caller.actor, weights).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Single events, and how the numbers of a column lie: what drill-down and programs ask.

use axum::extract::{Path, Query, State as From};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use domain::time::{DAY, HOUR, parse_span};
use domain::{TimeRange, Timestamp};
use engine::Caller;
use engine::export::{Format, ROWS_DEFAULT};
use engine::ingest::environment_name;
use engine::questions::{Scope, conditions};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{GroupBy, GroupKey};

use super::State;
use super::problem::{Answer, ApiResult};
use super::range::range;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventsQuery {
    from: Option<String>,
    to: Option<String>,
    environment: Option<String>,
    /// Conditions, separated by semicolons.
    r#where: Option<String>,
    limit: Option<usize>,
    /// `values` only: which column, grouped by which column or span, in which bins.
    column: Option<String>,
    by: Option<String>,
    every: Option<String>,
    bins: Option<usize>,
    low: Option<f64>,
    high: Option<f64>,
}

impl EventsQuery {
    fn scope(&self, now: Timestamp) -> ApiResult<Scope> {
        let range = range(self.from.as_deref(), self.to.as_deref(), TimeRange::ALL, now)?;
        let environment = environment_name(self.environment.as_deref())?;
        Ok(Scope { environment, range, conditions: conditions(self.r#where.as_deref().unwrap_or_default())? })
    }
}

pub async fn newest(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(model): Path<String>,
    Query(query): Query<EventsQuery>,
) -> ApiResult<Json<Vec<Value>>> {
    let scope = query.scope(state.engine.now())?;
    Ok(Json(state.engine.events(&caller.actor, &model, &scope, query.limit.unwrap_or(50)).await?))
}

pub async fn one(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path((model, id)): Path<(String, String)>,
    Query(query): Query<EventsQuery>,
) -> ApiResult<Json<Value>> {
    let environment = environment_name(query.environment.as_deref())?;
    Ok(Json(state.engine.event(&caller.actor, &model, &environment, &id).await?))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExportQuery {
    from: Option<String>,
    to: Option<String>,
    environment: Option<String>,
    /// `predictions` (default) or `verdicts`.
    what: Option<String>,
    format: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
}

/// A page of a table; the header `x-next-cursor` asks for the next one.
pub async fn export(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(model): Path<String>,
    Query(query): Query<ExportQuery>,
) -> ApiResult<Response> {
    let range = range(query.from.as_deref(), query.to.as_deref(), TimeRange::ALL, state.engine.now())?;
    let environment = environment_name(query.environment.as_deref())?;
    let format = Format::parse(query.format.as_deref().unwrap_or_default())?;
    let page = (query.cursor.as_deref(), query.limit.unwrap_or(ROWS_DEFAULT));
    let engine = &state.engine;
    let (body, next) = match query.what.as_deref() {
        None | Some("" | "predictions") => {
            engine.export_predictions(&caller.actor, &model, &environment, range, format, page).await?
        }
        Some("verdicts") => engine.export_verdicts(&caller.actor, &model, &environment, range, format, page).await?,
        Some(_) => {
            let detail = "“what” is predictions or verdicts";
            return Err(Answer::new(400, "invalid", "That cannot be used", detail));
        }
    };
    let mut response = ([(header::CONTENT_TYPE, format.media_type())], body).into_response();
    if let Some(value) = next.and_then(|n| HeaderValue::try_from(n).ok()) {
        response.headers_mut().insert("x-next-cursor", value);
    }
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryExport {
    query: String,
    from: Option<String>,
    to: Option<String>,
    format: Option<String>,
}

/// The lines of a query as a file.
pub async fn export_query(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(asked): Query<QueryExport>,
) -> ApiResult<Response> {
    let now = state.engine.now();
    let hour = TimeRange { from: now.plus(-HOUR), to: now };
    let range = range(asked.from.as_deref(), asked.to.as_deref(), hour, now)?;
    let format = Format::parse(asked.format.as_deref().unwrap_or("csv"))?;
    let body = state.engine.export_query(&caller.actor, &asked.query, range, format).await?;
    let named = format!("attachment; filename=\"query.{}\"", format.ending());
    Ok(([(header::CONTENT_TYPE, format.media_type()), (header::CONTENT_DISPOSITION, named.as_str())], body)
        .into_response())
}

pub async fn values(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(model): Path<String>,
    Query(query): Query<EventsQuery>,
) -> ApiResult<Json<Value>> {
    let invalid = |detail: &str| Answer::new(400, "invalid", "That cannot be used", detail);
    let scope = query.scope(state.engine.now())?;
    let column = query.column.as_deref().ok_or_else(|| invalid("name a column, as column=feature.amount"))?;
    let mut group_by = Vec::new();
    if let Some(every) = &query.every {
        let span = parse_span(every).filter(|s| *s > 0).ok_or_else(|| invalid("“every” is a span, as 1h or 15m"))?;
        group_by.push(GroupBy::Time(span.min(3660 * DAY)));
    }
    let by = query.by.as_deref().unwrap_or_default();
    group_by.extend(by.split(',').map(str::trim).filter(|b| !b.is_empty()).map(|b| GroupBy::Column(b.to_string())));
    let histogram = match (query.bins, query.low, query.high) {
        (None, None, None) => None,
        (Some(bins @ 1..=500), Some(low), Some(high)) if low < high => {
            let edges: Vec<f64> = (0..=bins).map(|i| low + (high - low) * i as f64 / bins as f64).collect();
            let counts = state.engine.bins(&caller.actor, &model, &scope, column, &edges).await?;
            Some(json!({"edges": edges, "counts": counts}))
        }
        _ => return Err(invalid("a histogram takes bins (1 to 500), low and high, low below high")),
    };
    if histogram.is_some() && group_by.is_empty() {
        return Ok(Json(json!({"column": column, "histogram": histogram})));
    }
    let groups = state.engine.values(&caller.actor, &model, &scope, column, group_by).await?;
    let groups: Vec<Value> = groups
        .iter()
        .map(|group| {
            let key: Vec<Value> = group
                .key
                .iter()
                .map(|key| match key {
                    GroupKey::From(at) => json!(at.to_string()),
                    GroupKey::Value(text) => json!(text),
                    GroupKey::Missing => Value::Null,
                })
                .collect();
            let spread = &group.spread;
            let some = |value: f64| (spread.count() > 0).then_some(value);
            json!({
                "key": key,
                "rows": group.rows,
                "values": spread.count(),
                "mean": some(spread.mean()),
                "min": some(spread.min()),
                "max": some(spread.max()),
                "p05": some(spread.quantile(0.05)),
                "p25": some(spread.quantile(0.25)),
                "p50": some(spread.quantile(0.5)),
                "p75": some(spread.quantile(0.75)),
                "p95": some(spread.quantile(0.95)),
                "p99": some(spread.quantile(0.99)),
            })
        })
        .collect();
    Ok(Json(json!({"column": column, "groups": groups, "histogram": histogram})))
}

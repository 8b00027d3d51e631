//! Questions about what came: spans, logs, feedback, business events, evaluations, changes, and who calls whom.

use axum::extract::{Path, Query, State as From};
use axum::{Extension, Json};
use domain::event::EventKind;
use domain::telemetry::{Change, LogSearch, LogView, Page, SpanSearch, SpanView, Topology, search_parts};
use domain::time::HOUR;
use domain::{TimeRange, Timestamp};
use engine::Caller;
use engine::ingest::environment_name;
use serde::Deserialize;
use serde_json::Value;

use super::State;
use super::problem::ApiResult;
use super::range::range;

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

//! The query API of Prometheus, so that Grafana, `promtool` and whoever else speaks it work here unchanged.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Path, Request, State as From};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use domain::{TimeRange, Timestamp};
use engine::{Caller, EngineError};
use promql::{Grid, LOOKBACK, Value, is_absent};
use serde_json::{Value as Answer, json};

use super::State;
use super::problem::Answer as Problem;

/// What was asked: parameters of the address, or of a form, in which names may stand several times.
pub struct Asked(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Asked {
    type Rejection = BytesRejection;

    async fn from_request(request: Request, state: &S) -> Result<Asked, BytesRejection> {
        let mut pairs = form_pairs(request.uri().query().unwrap_or_default().as_bytes());
        let form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let posted = request.method() == Method::POST;
        let body = Bytes::from_request(request, state).await?;
        if posted && form {
            pairs.extend(form_pairs(&body));
        }
        Ok(Asked(pairs))
    }
}

impl Asked {
    fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect()
    }

    /// Those of `match[]`, of which there is one at least.
    fn selectors(&self) -> Result<Vec<String>, Refusal> {
        let all = self.all("match[]");
        if all.is_empty() { Err(bad("no match[] parameter provided")) } else { Ok(all) }
    }

    /// Milliseconds since 1970.
    fn time(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.one(name) else {
            return Ok(None);
        };
        let read = match text.parse::<f64>() {
            Ok(seconds) if seconds.abs() < 1e11 => Some((seconds * 1000.0).round() as i64),
            Ok(_) => None,
            Err(_) => Timestamp::parse(text).map(|t| t.0.div_euclid(1000)),
        };
        read.map(Some)
            .ok_or_else(|| bad(&format!("invalid parameter \"{name}\": cannot parse \"{text}\" to a valid timestamp")))
    }

    /// Milliseconds.
    fn span(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.one(name) else {
            return Ok(None);
        };
        let read = match text.parse::<f64>() {
            Ok(seconds) => Some((seconds * 1000.0).round() as i64),
            Err(_) => domain::time::parse_span(text).map(|micros| micros / 1000),
        };
        read.filter(|span| *span > 0).map(Some).ok_or_else(|| {
            bad(&format!("invalid parameter \"{name}\": cannot parse \"{text}\" to a valid duration above zero"))
        })
    }
}

fn form_pairs(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).into_owned().collect()
}

/// Why there is no answer, as Prometheus says it.
pub enum Refusal {
    /// What was asked cannot be understood.
    Bad(String),
    /// It is understood and has no answer.
    Execution(String),
    /// What is no matter of the query.
    Other(Problem),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, kind, text) = match self {
            Refusal::Bad(text) => (StatusCode::BAD_REQUEST, "bad_data", text),
            Refusal::Execution(text) => (StatusCode::UNPROCESSABLE_ENTITY, "execution", text),
            Refusal::Other(problem) => return problem.into_response(),
        };
        (status, Json(json!({"status": "error", "errorType": kind, "error": text}))).into_response()
    }
}

fn bad(text: &str) -> Refusal {
    Refusal::Bad(text.to_string())
}

fn refused(error: EngineError) -> Refusal {
    match error {
        EngineError::Invalid(text) => Refusal::Bad(text),
        EngineError::Unanswerable(text) => Refusal::Execution(text),
        other => Refusal::Other(Problem::from(other)),
    }
}

fn success(data: Answer) -> Response {
    Json(json!({"status": "success", "data": data})).into_response()
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else {
        value.to_string()
    }
}

fn pair(millis: i64, value: f64) -> Answer {
    json!([millis as f64 / 1000.0, number(value)])
}

fn shown(value: Value, grid: &Grid, range: bool) -> Answer {
    let times: Vec<i64> = grid.times().collect();
    let pairs = |values: &[f64]| -> Vec<Answer> {
        times.iter().zip(values).filter(|(_, v)| !is_absent(**v)).map(|(t, v)| pair(*t, *v)).collect()
    };
    match value {
        Value::Scalar(values) if range => {
            json!({"resultType": "matrix", "result": [{"metric": {}, "values": pairs(&values)}]})
        }
        Value::Scalar(values) => json!({"resultType": "scalar", "result": pair(times[0], values[0])}),
        Value::Text(text) => json!({"resultType": "string", "result": [times[0] as f64 / 1000.0, text]}),
        Value::Vector(mut series) if range => {
            series.sort_by(|a, b| a.labels.cmp(&b.labels));
            let rows = series.iter().map(|s| json!({"metric": s.labels, "values": pairs(&s.values)}));
            json!({"resultType": "matrix", "result": rows.collect::<Vec<_>>()})
        }
        Value::Vector(series) => {
            let present = series.iter().filter(|s| !is_absent(s.values[0]));
            let rows = present.map(|s| json!({"metric": s.labels, "value": pair(times[0], s.values[0])}));
            json!({"resultType": "vector", "result": rows.collect::<Vec<_>>()})
        }
        Value::Raw(series) => {
            let rows = series.iter().map(|s| {
                let values = s.times.iter().zip(&s.values).map(|(t, v)| pair(*t, *v));
                json!({"metric": s.labels, "values": values.collect::<Vec<_>>()})
            });
            json!({"resultType": "matrix", "result": rows.collect::<Vec<_>>()})
        }
    }
}

pub async fn query(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let text = asked.one("query").ok_or_else(|| bad("invalid parameter \"query\": it is missing"))?;
    let at = asked.time("time")?.unwrap_or(state.engine.now().0 / 1000);
    let lookback = asked.span("lookback_delta")?.unwrap_or(LOOKBACK);
    let grid = Grid::instant(at);
    let value = state.engine.promql(&caller.actor, text, grid, lookback).await.map_err(refused)?;
    Ok(success(shown(value, &grid, false)))
}

/// The newest values of what selectors find, in Prometheus' text format, so that whatever scrapes (Prometheus
/// itself, a cloud's agent, an OpenTelemetry collector) takes them on. Without times: they are of now, as far as a
/// query that is asked now sees them.
pub async fn federate(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let selectors = asked.selectors()?;
    let grid = Grid::instant(state.engine.now().0 / 1000);
    let mut lines: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for selector in &selectors {
        let value = state.engine.promql(&caller.actor, selector, grid, LOOKBACK).await.map_err(refused)?;
        let Value::Vector(series) = value else {
            return Err(bad(&format!("invalid parameter \"match[]\": \"{selector}\" finds no series")));
        };
        for one in series.iter().filter(|s| !is_absent(s.values[0])) {
            let name = one.labels.get("__name__").map_or("", String::as_str);
            if !name.is_empty() {
                lines.entry(name.to_string()).or_default().insert(line_of(&one.labels), one.values[0]);
            }
        }
    }
    let mut text = String::new();
    for (name, series) in &lines {
        text.push_str(&format!("# TYPE {name} untyped\n"));
        for (labels, value) in series {
            text.push_str(&format!("{name}{labels} {}\n", number(*value)));
        }
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// `{a="b"}` without the name; empty for none.
fn line_of(labels: &BTreeMap<String, String>) -> String {
    let escaped = |v: &str| v.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs = labels.iter().filter(|(n, _)| *n != "__name__").map(|(n, v)| format!("{n}=\"{}\"", escaped(v)));
    let pairs = pairs.collect::<Vec<_>>().join(",");
    if pairs.is_empty() { pairs } else { format!("{{{pairs}}}") }
}

pub async fn query_range(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let missing = |name: &str| bad(&format!("invalid parameter \"{name}\": it is missing"));
    let text = asked.one("query").ok_or_else(|| missing("query"))?;
    let start = asked.time("start")?.ok_or_else(|| missing("start"))?;
    let end = asked.time("end")?.ok_or_else(|| missing("end"))?;
    let step = asked.span("step")?.ok_or_else(|| missing("step"))?;
    if end < start {
        return Err(bad("invalid parameter \"end\": end timestamp must not be before start time"));
    }
    let lookback = asked.span("lookback_delta")?.unwrap_or(LOOKBACK);
    let grid = Grid { start, end, step };
    let value = state.engine.promql(&caller.actor, text, grid, lookback).await.map_err(refused)?;
    Ok(success(shown(value, &grid, true)))
}

pub async fn series(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let selectors = asked.selectors()?;
    let found = state.engine.promql_series(&caller.actor, &selectors).await.map_err(refused)?;
    let limit = asked.one("limit").and_then(|l| l.parse().ok()).filter(|l| *l > 0).unwrap_or(10_000_usize);
    Ok(success(json!(found.iter().take(limit).map(|labels| json!(**labels)).collect::<Vec<_>>())))
}

pub async fn labels(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let found = state.engine.promql_labels(&caller.actor, &asked.all("match[]"), None).await.map_err(refused)?;
    Ok(success(json!(found)))
}

pub async fn label_values(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let selectors = asked.all("match[]");
    let found = state.engine.promql_labels(&caller.actor, &selectors, Some(&name)).await.map_err(refused)?;
    Ok(success(json!(found)))
}

pub async fn metadata(From(state): From<State>, Extension(caller): Extension<Caller>) -> Result<Response, Refusal> {
    let known = state.engine.promql_metadata(&caller.actor).await.map_err(refused)?;
    let rows =
        known.into_iter().map(|(name, (kind, unit, help))| (name, json!([{"type": kind, "unit": unit, "help": help}])));
    Ok(success(json!(rows.collect::<BTreeMap<String, Answer>>())))
}

pub async fn exemplars(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    asked: Asked,
) -> Result<Response, Refusal> {
    let text = asked.one("query").ok_or_else(|| bad("invalid parameter \"query\": it is missing"))?;
    let now = state.engine.now();
    let at = |millis: Option<i64>, or: Timestamp| millis.map_or(or, |m| Timestamp(m.saturating_mul(1000)));
    let range =
        TimeRange { from: at(asked.time("start")?, now.plus(-domain::time::HOUR)), to: at(asked.time("end")?, now) };
    let found = state.engine.promql_exemplars(&caller.actor, text, range).await.map_err(refused)?;
    let rows = found.into_iter().map(|(labels, exemplars)| {
        let exemplars = exemplars
            .iter()
            .map(|e| json!({"labels": e.labels, "value": number(e.value), "timestamp": e.at.0 as f64 / 1e6}));
        json!({"seriesLabels": *labels, "exemplars": exemplars.collect::<Vec<_>>()})
    });
    Ok(success(json!(rows.collect::<Vec<_>>())))
}

/// Rules as Prometheus lists them, in one group: for tools that show them beside those of others.
pub async fn rules(From(state): From<State>, Extension(caller): Extension<Caller>) -> Result<Response, Refusal> {
    let rules = state.engine.rules(&caller.actor).await.map_err(refused)?;
    let rows: Vec<Answer> = rules
        .iter()
        .map(|known| {
            let text = &known.rule.text;
            let health = match (&known.evaluated, known.problem.is_empty()) {
                (None, _) => "unknown",
                (_, true) => "ok",
                (_, false) => "err",
            };
            json!({
                "type": "alerting", "name": text.name, "query": text.condition.words(),
                "duration": text.pending as f64 / 1e6, "keepFiringFor": text.keep_firing_for as f64 / 1e6,
                "labels": text.labels, "annotations": text.annotations, "alerts": [],
                "state": if known.firing > 0 { "firing" } else if known.pending > 0 { "pending" } else { "inactive" },
                "health": health, "lastError": known.problem, "evaluationTime": known.took_ms / 1000.0,
                "lastEvaluation": known.evaluated.unwrap_or(known.rule.updated_at).rfc3339(),
            })
        })
        .collect();
    Ok(success(json!({"groups": [{"name": "plimsoll", "file": "", "interval": 0.5, "limit": 0, "rules": rows}]})))
}

/// Alerts that fire, as Prometheus lists them.
pub async fn alerts(From(state): From<State>, Extension(caller): Extension<Caller>) -> Result<Response, Refusal> {
    let open = state.engine.open_alerts(&caller.actor).await.map_err(refused)?;
    let rows: Vec<Answer> = open
        .iter()
        .map(|o| {
            json!({
                "labels": o.alert.labels, "annotations": o.alert.annotations, "state": "firing",
                "activeAt": o.alert.starts_at.rfc3339(), "value": o.alert.value.map_or_else(String::new, number),
            })
        })
        .collect();
    Ok(success(json!({ "alerts": rows })))
}

pub async fn build_info() -> Response {
    success(json!({"application": "plimsoll", "version": env!("CARGO_PKG_VERSION"), "features": {}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_prometheus_writes_them() {
        assert_eq!(number(f64::INFINITY), "+Inf");
        assert_eq!(number(0.1), "0.1");
        assert_eq!(number(1e21), "1000000000000000000000");
        assert_eq!(number(f64::NAN), "NaN");
    }
}

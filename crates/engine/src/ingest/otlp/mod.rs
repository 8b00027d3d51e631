//! OTLP: metrics, traces and logs, over HTTP in Protocol Buffers or JSON and over gRPC.
//!
//! What is refused is counted and named in a partial success, and the rest is kept. A request that is sent
//! again changes nothing: spans have ids, lines of a log get theirs from what they say.

pub mod attributes;
pub mod batch;
pub mod exponential;
pub mod gen_ai;
pub mod logs;
pub mod metrics;
pub mod resource;
pub mod traces;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::event::{ColumnRole, EventBatch, EventKind};
use domain::model::{Field, ModelSettings, Schema, Task};
use domain::signal::{Layer, Sample, Series};
use domain::telemetry::evaluation;
use domain::{Action, Actor, Object, Timestamp};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde::de::DeserializeOwned;
use store::{NewModel, Points, Registered};

use super::remote_write::{AHEAD, LATE, sender, too_far};
use super::targets::Target;
use crate::{Engine, EngineError, Result};
use batch::Rows;
use gen_ai::{Call, Evaluation};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Protobuf,
    Json,
}

/// How much was refused, and why the first of it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused {
    pub count: u64,
    pub reason: Option<String>,
}

impl Refused {
    pub fn add(&mut self, count: u64, reason: impl Into<String>) {
        if count > 0 {
            self.count += count;
            self.warn(reason);
        }
    }

    /// What was sent is kept; something that comes of it is not.
    pub fn warn(&mut self, reason: impl Into<String>) {
        self.reason.get_or_insert_with(|| reason.into());
    }
}

/// What became of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    pub accepted: u64,
    pub refused: Refused,
}

pub(crate) fn micros(nanos: u64) -> Timestamp {
    Timestamp((nanos / 1000) as i64)
}

/// Reads a request.
///
/// # Errors
/// Bytes that are no such message.
pub fn decode<T: Message + Default + DeserializeOwned>(encoding: Encoding, body: &[u8]) -> Result<T> {
    match encoding {
        Encoding::Protobuf => T::decode(body)
            .map_err(|e| EngineError::Invalid(format!("the body is no whole OTLP message in Protocol Buffers: {e}"))),
        Encoding::Json => serde_json::from_slice(body)
            .map_err(|e| EngineError::Invalid(format!("the body is no OTLP message in JSON: {e}"))),
    }
}

impl Engine {
    /// Keeps spans, and the calls of models and the evaluations among them.
    pub async fn otlp_traces(&self, actor: &Actor, request: ExportTraceServiceRequest) -> Result<Outcome> {
        self.may(actor, Action::Ingest, &Object::Installation)?;
        let privacy = self.privacy();
        let read = tokio::task::block_in_place(|| traces::read(request, &privacy));
        self.keep_events(EventKind::Span, read.spans).await?;
        let mut refused = read.refused;
        self.keep_calls(read.found.calls, &mut refused).await?;
        self.keep_evaluations(actor, read.found.evaluations, &mut refused).await?;
        self.keep_tools(actor, read.found.tools, &mut refused).await?;
        Ok(Outcome { accepted: read.accepted, refused })
    }

    /// Keeps lines of logs, and the evaluations among them.
    pub async fn otlp_logs(&self, actor: &Actor, request: ExportLogsServiceRequest) -> Result<Outcome> {
        self.may(actor, Action::Ingest, &Object::Installation)?;
        let (privacy, now) = (self.privacy(), self.now());
        let read = tokio::task::block_in_place(|| logs::read(&request, &privacy, now));
        self.keep_events(EventKind::Log, read.logs).await?;
        let mut refused = Refused::default();
        self.keep_evaluations(actor, read.evaluations, &mut refused).await?;
        Ok(Outcome { accepted: read.accepted, refused })
    }

    /// Keeps samples of metrics.
    pub async fn otlp_metrics(&self, actor: &Actor, request: ExportMetricsServiceRequest) -> Result<Outcome> {
        self.may(actor, Action::Ingest, &Object::Installation)?;
        let now = self.now().0;
        let mut read = tokio::task::block_in_place(|| metrics::read(&request, &self.inner.counters));
        let spellings: Vec<u128> = read.points.iter().map(|p| p.spelling).collect();
        let mut ids = self.store.series_spelled(&spellings);
        let mut refused = std::mem::take(&mut read.refused);
        let unknown: Vec<usize> = (0..ids.len()).filter(|i| ids[*i].is_none()).collect();
        if !unknown.is_empty() {
            let wanted = unknown.iter().map(|i| read.series(&read.points[*i])).collect();
            let registered = self.store.register_series(wanted, &sender(actor), &self.inner.options.series).await?;
            for (place, registered) in unknown.into_iter().zip(registered) {
                match registered {
                    Registered::Known(id) => {
                        self.store.remember_spelling(spellings[place], id);
                        ids[place] = Some(id);
                    }
                    Registered::Refused(reason) => refused.add(1, reason),
                }
            }
        }
        let mut points = Points::default();
        let mut grown: Vec<i64> = Vec::new();
        for (point, id) in read.points.iter().zip(ids) {
            let at = micros(point.at).0;
            let Some(id) = id else {
                continue;
            };
            if at < now - LATE || at > now + AHEAD {
                refused.add(1, too_far(at, now));
            } else if point.value.is_finite() {
                let value = if point.delta {
                    grown.push(id);
                    self.inner.counters.add(&self.store, id, point.value)
                } else {
                    point.value
                };
                points.push(id, at, value);
            }
        }
        if let Err(error) = self.store.append_points(points).await {
            // They will be sent again, and must not be added up twice.
            self.inner.counters.forget(&grown, &read.histograms);
            return Err(error.into());
        }
        Ok(Outcome { accepted: read.accepted.saturating_sub(refused.count), refused })
    }

    /// Keeps events that belong to no model, by environment.
    pub(crate) async fn keep_events(&self, kind: EventKind, batches: BTreeMap<String, EventBatch>) -> Result<u64> {
        let now = self.now();
        let mut accepted = 0;
        for (environment, batch) in batches {
            let stream = self.telemetry_stream(kind, &environment).await?;
            accepted += self.store.append_events(&stream, batch, now).await?.accepted;
        }
        Ok(accepted)
    }

    /// The stream of a kind in an environment; known ones are remembered.
    async fn telemetry_stream(&self, kind: EventKind, environment: &str) -> Result<store::Stream> {
        if let Some(stream) = self.inner.targets.telemetry(kind, environment) {
            return Ok(stream);
        }
        if self.store.environments().await?.len() > ENVIRONMENTS_MAX {
            return Err(EngineError::Invalid(format!("there are {ENVIRONMENTS_MAX} environments already")));
        }
        let stream = self.store.telemetry_stream(kind, environment).await?;
        self.inner.targets.remember(stream.clone());
        Ok(stream)
    }

    /// Calls as events of their models; a model registers itself with its first.
    async fn keep_calls(&self, calls: Vec<Call>, refused: &mut Refused) -> Result<()> {
        let mut groups: BTreeMap<(String, String), Vec<Call>> = BTreeMap::new();
        for call in calls {
            groups.entry((model_name(&call.model), call.environment.clone())).or_default().push(call);
        }
        let prices = if groups.is_empty() { Arc::default() } else { self.prices_now().await? };
        let now = self.now();
        for ((model, environment), mut calls) in groups {
            for call in &mut calls {
                if call.cost.is_none() && !call.agent {
                    let provider = call.provider.as_deref().unwrap_or_default();
                    call.cost = prices.cost(provider, &call.model, call.input, call.output, call.cached);
                }
            }
            let target = match self.called_model(&model, &environment, &calls[0], now).await {
                Err(EngineError::TooLarge(reason)) => {
                    refused.warn(reason);
                    continue;
                }
                found => found?,
            };
            self.store.append_events(&target.1, events_of(&calls), now).await?;
        }
        Ok(())
    }

    async fn called_model(&self, name: &str, environment: &str, call: &Call, now: Timestamp) -> Result<Target> {
        if let Some(known) = self.inner.targets.get(name, EventKind::Prediction, environment, now) {
            return Ok(known);
        }
        let model = match self.store.model(name).await? {
            Some(model) => model,
            None => {
                let new = NewModel {
                    name: name.to_string(),
                    title: call.model.clone(),
                    system: call.system.clone(),
                    task: Task::Text,
                    schema: call_schema(),
                    settings: ModelSettings::default(),
                    demo: false,
                };
                self.register_model(&new, now).await?
            }
        };
        let stream = self.store.stream(model.id, EventKind::Prediction, environment).await?;
        let target = Arc::new((model, stream));
        self.inner.targets.put(target.clone(), now);
        Ok(target)
    }

    /// Evaluations as events, and their scores as signals of quality.
    async fn keep_evaluations(&self, actor: &Actor, evaluations: Vec<Evaluation>, refused: &mut Refused) -> Result<()> {
        if evaluations.is_empty() {
            return Ok(());
        }
        let mut rows: BTreeMap<String, Rows> = BTreeMap::new();
        let mut samples = Vec::new();
        for found in &evaluations {
            let rows = rows
                .entry(found.environment.clone())
                .or_insert_with(|| Rows::new(&evaluation::WORDS, &evaluation::NUMBERS));
            let subject = found.response.as_deref().unwrap_or(&found.span);
            let id = format!("{}/{subject}/{}", found.evaluator, found.at.0);
            let words = [
                Some(found.evaluator.as_str()),
                found.label.as_deref(),
                found.explanation.as_deref(),
                found.response.as_deref(),
                found.model.as_deref(),
                Some(found.service.as_str()),
                Some(found.trace.as_str()),
                Some(found.span.as_str()),
            ];
            rows.push(id, found.at, &words, &[found.score]);
            if let Some(value) = found.score {
                let mut labels = BTreeMap::from([
                    ("gen_ai.evaluation.name".to_string(), found.evaluator.clone()),
                    ("service.name".to_string(), found.service.clone()),
                    ("deployment.environment.name".to_string(), found.environment.clone()),
                ]);
                if let Some(model) = &found.model {
                    labels.insert("gen_ai.request.model".into(), model.clone());
                }
                let series = Series {
                    name: "gen_ai.evaluation.score".into(),
                    labels,
                    unit: "1".into(),
                    layer: Layer::Quality,
                    higher_is_better: Some(true),
                };
                samples.push((series, Sample { at: found.at, value }));
            }
        }
        let batches = rows.into_iter().map(|(environment, rows)| (environment, rows.finish())).collect();
        self.keep_events(EventKind::Evaluation, batches).await?;
        self.keep_signals(actor, &samples, refused).await
    }

    /// Runs of tools as signals: whether each failed, so that their mean is the rate of errors, and how long it took.
    async fn keep_tools(&self, actor: &Actor, tools: Vec<gen_ai::ToolRun>, refused: &mut Refused) -> Result<()> {
        let mut samples = Vec::with_capacity(2 * tools.len());
        for run in tools {
            let labels = BTreeMap::from([
                ("gen_ai.tool.name".to_string(), run.tool),
                ("service.name".to_string(), run.service),
                ("deployment.environment.name".to_string(), run.environment),
            ]);
            let mut add = |name: &str, unit: &str, value: f64| {
                let (labels, better) = (labels.clone(), Some(false));
                let layer = Layer::Application;
                let series = Series { name: name.into(), labels, unit: unit.into(), layer, higher_is_better: better };
                samples.push((series, Sample { at: run.at, value }));
            };
            add("gen_ai.tool.failed", "1", f64::from(u8::from(run.failed)));
            add("gen_ai.tool.duration", "s", run.seconds);
        }
        self.keep_signals(actor, &samples, refused).await
    }

    /// Signals that come of a sender's spans and logs, as many series as it may bring.
    async fn keep_signals(&self, actor: &Actor, samples: &[(Series, Sample)], refused: &mut Refused) -> Result<()> {
        if samples.is_empty() {
            return Ok(());
        }
        let limits = &self.inner.options.series;
        if let Some(reason) = self.store.append_samples_of(samples, &sender(actor), limits).await? {
            refused.warn(reason);
        }
        Ok(())
    }
}

/// Environments that telemetry may bring.
const ENVIRONMENTS_MAX: usize = 200;

/// The name under which a called model is known here: what the sender writes, in letters that an address may
/// hold.
pub fn model_name(model: &str) -> String {
    let name: String =
        model.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).take(100).collect();
    let name = name.trim_matches(['-', '.', '_']).to_string();
    if name.is_empty() { "model".into() } else { name }
}

const CALL_WORDS: [(&str, &str); 7] = [
    ("feature.operation", "operation"),
    ("feature.provider", "provider"),
    ("feature.finish_reason", "finish_reason"),
    ("feature.error", "error"),
    ("feature.prompt_version", "prompt_version"),
    ("version", "version"),
    ("text", "text"),
];

fn call_schema() -> Schema {
    let field = |name: &str, role: ColumnRole, numeric: bool, unit: &str| Field {
        name: name.into(),
        role,
        numeric,
        unit: unit.into(),
        importance: 0.0,
    };
    let feature = |name: &str| ColumnRole::Feature(name.into());
    Schema {
        fields: vec![
            field("id", ColumnRole::Id, false, ""),
            field("timestamp", ColumnRole::Timestamp, false, ""),
            field("latency_ms", ColumnRole::LatencyMs, true, "ms"),
            field("time_to_first_token_ms", feature("time_to_first_token_ms"), true, "ms"),
            field("tokens_in", ColumnRole::TokensIn, true, "{token}"),
            field("tokens_out", ColumnRole::TokensOut, true, "{token}"),
            field("tokens_cached", feature("tokens_cached"), true, "{token}"),
            field("cost", ColumnRole::Cost, true, "USD"),
            field("tools", feature("tools"), true, ""),
            field("tool_errors", feature("tool_errors"), true, ""),
            field("operation", feature("operation"), false, ""),
            field("provider", feature("provider"), false, ""),
            field("finish_reason", feature("finish_reason"), false, ""),
            field("error", feature("error"), false, ""),
            field("prompt_version", feature("prompt_version"), false, ""),
            field("version", ColumnRole::Version, false, ""),
            field("text", ColumnRole::Text, false, ""),
            field("trace_id", ColumnRole::TraceId, false, ""),
            field("session_id", ColumnRole::SessionId, false, ""),
        ],
        positive_class: None,
        groups: Vec::new(),
    }
}

fn events_of(calls: &[Call]) -> EventBatch {
    let mut words: Vec<&'static str> = CALL_WORDS.iter().map(|(column, _)| *column).collect();
    words.extend(["trace_id", "session_id"]);
    let numbers = [
        "latency_ms",
        "feature.time_to_first_token_ms",
        "tokens.input",
        "tokens.output",
        "feature.tokens_cached",
        "cost",
        "feature.tools",
        "feature.tool_errors",
    ];
    let mut rows = Rows::new(&words, &numbers);
    for call in calls {
        let words = [
            Some(call.operation.as_str()),
            call.provider.as_deref(),
            call.finish.as_deref(),
            call.error.as_deref(),
            call.prompt_version.as_deref(),
            call.version.as_deref(),
            call.text.as_deref(),
            Some(call.trace.as_str()),
            call.session.as_deref(),
        ];
        // A call that runs no tool says nothing of tools.
        let of_tools = |count: u32| (call.tools.runs > 0).then_some(f64::from(count));
        let numbers = [
            Some(call.latency_ms),
            call.first_token_ms,
            call.input,
            call.output,
            call.cached,
            call.cost,
            of_tools(call.tools.runs),
            of_tools(call.tools.failed),
        ];
        rows.push(call.id.clone(), call.at, &words, &numbers);
    }
    rows.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_so_that_an_address_can_hold_it() {
        assert_eq!(model_name("openai/gpt-4o:2024"), "openai-gpt-4o-2024");
        assert_eq!(model_name("///"), "model");
        assert!(domain::model::model_name_problem(&model_name("a b\u{0}c")).is_none());
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert!(decode::<ExportTraceServiceRequest>(Encoding::Protobuf, &[0x0a, 200]).is_err());
        assert!(decode::<ExportTraceServiceRequest>(Encoding::Json, b"{\"resourceSpans\":3}").is_err());
        let read = decode::<ExportTraceServiceRequest>(Encoding::Json, b"{\"resourceSpans\":[]}").expect("reads");
        assert!(read.resource_spans.is_empty());
    }
}

//! The conventions for generative AI, old names and new: a span that calls a model is a call of that model,
//! an evaluation's result is quality.
//!
//! A call becomes an event of its model, as a prediction is: so a model that answers in words has the same
//! pages, windows and questions as one that answers in numbers.

use std::collections::HashMap;

use domain::Timestamp;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::attributes::{cut, number, text};
use super::micros;
use super::resource::Source;
use crate::ingest::privacy::Privacy;
use crate::signature::hex;

/// The model that is called.
pub const MODEL: [&str; 4] = ["gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "llm.request.model"];
/// The name of the event that carries an evaluation.
pub const EVALUATION: &str = "gen_ai.evaluation.result";

const OPERATION: [&str; 2] = ["gen_ai.operation.name", "llm.request.type"];
const PROVIDER: [&str; 3] = ["gen_ai.provider.name", "gen_ai.system", "llm.provider"];
const INPUT: [&str; 5] = [
    "gen_ai.usage.input_tokens",
    "gen_ai.client.inference.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.usage.prompt_tokens",
    "llm.token_count.prompt",
];
const OUTPUT: [&str; 5] = [
    "gen_ai.usage.output_tokens",
    "gen_ai.client.inference.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.usage.completion_tokens",
    "llm.token_count.completion",
];
const CACHED: [&str; 4] = [
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.client.inference.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
];
/// In seconds.
const FIRST_TOKEN: [&str; 3] = [
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.server.time_to_first_token",
    "gen_ai.client.operation.time_to_first_chunk",
];
const COST: [&str; 3] = ["gen_ai.usage.cost", "llm.usage.total_cost", "llm.cost.total"];

/// One call of a model, or one run of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub environment: String,
    pub system: String,
    /// As the sender writes it.
    pub model: String,
    pub agent: bool,
    pub id: String,
    pub at: Timestamp,
    pub latency_ms: f64,
    pub first_token_ms: Option<f64>,
    pub input: Option<f64>,
    pub output: Option<f64>,
    pub cached: Option<f64>,
    /// As the sender says; otherwise by the table of prices.
    pub cost: Option<f64>,
    pub provider: Option<String>,
    pub operation: String,
    pub finish: Option<String>,
    pub error: Option<String>,
    pub version: Option<String>,
    pub prompt_version: Option<String>,
    pub trace: String,
    pub session: Option<String>,
    pub text: Option<String>,
    pub tools: Tools,
}

/// Tools that ran for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tools {
    pub runs: u32,
    pub failed: u32,
}

/// What an evaluator found of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    pub environment: String,
    pub service: String,
    pub at: Timestamp,
    pub evaluator: String,
    pub score: Option<f64>,
    pub label: Option<String>,
    pub explanation: Option<String>,
    pub response: Option<String>,
    pub model: Option<String>,
    pub trace: String,
    pub span: String,
}

/// One run of a tool that a model or an agent asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolRun {
    pub environment: String,
    pub service: String,
    pub tool: String,
    pub trace: String,
    pub began: Timestamp,
    /// When it ended.
    pub at: Timestamp,
    pub seconds: f64,
    pub failed: bool,
}

/// What spans say of generative AI.
#[derive(Debug, Default)]
pub struct Found {
    pub calls: Vec<Call>,
    pub evaluations: Vec<Evaluation>,
    pub tools: Vec<ToolRun>,
}

impl Found {
    /// Counts each run of a tool for the call that asked for it, the last of its trace that began before it, and
    /// for the agents that were at work then. What comes in another request than its call is counted for none.
    pub fn count_tools(&mut self) {
        if self.tools.is_empty() {
            return;
        }
        let mut of_trace: HashMap<&str, Vec<(Timestamp, usize)>> = HashMap::new();
        for (place, call) in self.calls.iter().enumerate() {
            of_trace.entry(&call.trace).or_default().push((call.at, place));
        }
        of_trace.values_mut().for_each(|calls| calls.sort_unstable());
        let mut counted = vec![Tools::default(); self.calls.len()];
        for run in &self.tools {
            let calls = of_trace.get(run.trace.as_str()).map(Vec::as_slice).unwrap_or_default();
            let before = &calls[..calls.partition_point(|(began, _)| *began <= run.began)];
            let near = before.iter().rev().take(CALLS_LOOKED_AT).map(|(_, place)| *place);
            let asked = near.clone().find(|place| !self.calls[*place].agent);
            let at_work = near.filter(|place| {
                let call = &self.calls[*place];
                call.agent && run.began.0 <= call.at.0 + (call.latency_ms * 1000.0) as i64
            });
            for place in at_work.chain(asked) {
                counted[place].runs += 1;
                counted[place].failed += u32::from(run.failed);
            }
        }
        self.calls.iter_mut().zip(counted).for_each(|(call, tools)| call.tools = tools);
    }
}

/// Calls of a trace before a tool’s run that may have asked for it: a trace without end costs no more than others.
const CALLS_LOOKED_AT: usize = 200;

/// Reads what a span says of calls, evaluations and tools.
pub fn of_span(span: &Span, source: &Source, privacy: &Privacy, all: &mut Found) {
    let attributes = &span.attributes;
    for event in span.events.iter().filter(|e| e.name == EVALUATION) {
        let found = evaluation(&event.attributes, source, micros(event.time_unix_nano), span);
        all.evaluations.extend(found);
    }
    // Nearly all spans are none of this.
    if !attributes.iter().any(|a| a.key.starts_with("gen_ai.") || a.key.starts_with("llm.")) {
        return;
    }
    let operation = text(attributes, &OPERATION).unwrap_or_default();
    let agent = operation == "invoke_agent";
    let model = if agent { text(attributes, &["gen_ai.agent.name"]) } else { text(attributes, &MODEL) };
    let tokens = (number(attributes, &INPUT), number(attributes, &OUTPUT));
    let is_call = agent
        || matches!(operation.as_str(), "chat" | "text_completion" | "generate_content" | "embeddings" | "completion")
        || (operation.is_empty() && tokens.0.is_some());
    let failed = span.status.as_ref().is_some_and(|s| s.code == 2);
    if operation == "execute_tool" {
        all.tools.push(ToolRun {
            environment: source.environment.clone(),
            service: source.service.clone(),
            tool: cut(&text(attributes, &["gen_ai.tool.name"]).unwrap_or_else(|| span.name.clone()), 100).to_string(),
            trace: hex(&span.trace_id),
            began: micros(span.start_time_unix_nano),
            at: micros(span.end_time_unix_nano),
            seconds: span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano) as f64 / 1e9,
            failed: failed || text(attributes, &["error.type"]).is_some(),
        });
        return;
    }
    let (true, Some(model)) = (is_call, model) else {
        return;
    };
    let trace = hex(&span.trace_id);
    let error = text(attributes, &["error.type"]).or_else(|| failed.then(|| "error".to_string()));
    // What an answer is called by those who evaluate it later.
    let id = text(attributes, &["gen_ai.response.id"]).unwrap_or_else(|| format!("{trace}{}", hex(&span.span_id)));
    let said = || {
        let words = text(attributes, &["gen_ai.output.messages", "gen_ai.completion", "gen_ai.completion.0.content"])?;
        Some(privacy.redacted(&words).into_owned())
    };
    all.calls.push(Call {
        environment: source.environment.clone(),
        system: source.system.clone().unwrap_or_else(|| source.service.clone()),
        model: cut(&model, 100).to_string(),
        agent,
        id: cut(&id, 200).to_string(),
        at: micros(span.start_time_unix_nano),
        latency_ms: span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano) as f64 / 1e6,
        first_token_ms: number(attributes, &FIRST_TOKEN).map(|s| s * 1000.0),
        input: tokens.0,
        output: tokens.1,
        cached: number(attributes, &CACHED),
        cost: number(attributes, &COST),
        provider: text(attributes, &PROVIDER),
        operation: if operation.is_empty() { "chat".into() } else { operation },
        finish: text(attributes, &["gen_ai.response.finish_reasons", "gen_ai.response.finish_reason"]),
        error,
        version: text(attributes, &["gen_ai.response.model", "gen_ai.agent.version"]),
        prompt_version: text(attributes, &["gen_ai.prompt.version", "gen_ai.prompt.name", "prompt.version"]),
        trace,
        session: text(attributes, &["gen_ai.conversation.id", "session.id"]),
        text: privacy.keeps_text().then(said).flatten(),
        tools: Tools::default(),
    });
}

fn evaluation(attributes: &[KeyValue], source: &Source, at: Timestamp, span: &Span) -> Option<Evaluation> {
    let found = read_evaluation(attributes, source, at, hex(&span.trace_id), hex(&span.span_id))?;
    let response = found.response.or_else(|| text(&span.attributes, &["gen_ai.response.id"]));
    let model = found.model.or_else(|| text(&span.attributes, &MODEL));
    Some(Evaluation { response, model, ..found })
}

/// Reads an evaluation that came as a log record.
pub fn of_log(record: &LogRecord, source: &Source, now: Timestamp, evaluations: &mut Vec<Evaluation>) {
    let named = text(&record.attributes, &["event.name"]);
    if record.event_name != EVALUATION && named.as_deref() != Some(EVALUATION) {
        return;
    }
    let at = match record.time_unix_nano.max(record.observed_time_unix_nano) {
        0 => now,
        _ if record.time_unix_nano > 0 => micros(record.time_unix_nano),
        observed => micros(observed),
    };
    let (trace, span) = (hex(&record.trace_id), hex(&record.span_id));
    evaluations.extend(read_evaluation(&record.attributes, source, at, trace, span));
}

fn read_evaluation(
    attributes: &[KeyValue],
    source: &Source,
    at: Timestamp,
    trace: String,
    span: String,
) -> Option<Evaluation> {
    Some(Evaluation {
        environment: source.environment.clone(),
        service: source.service.clone(),
        at,
        evaluator: text(attributes, &["gen_ai.evaluation.name"])?,
        score: number(attributes, &["gen_ai.evaluation.score.value", "gen_ai.evaluation.score"]),
        label: text(attributes, &["gen_ai.evaluation.score.label", "gen_ai.evaluation.label"]),
        explanation: text(attributes, &["gen_ai.evaluation.explanation"]),
        response: text(attributes, &["gen_ai.response.id"]),
        model: text(attributes, &MODEL),
        trace,
        span,
    })
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::AnyValue;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::trace::v1::Status;

    use super::*;

    fn attribute(key: &str, value: Value) -> KeyValue {
        KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
    }

    fn span(attributes: Vec<KeyValue>) -> Span {
        Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            start_time_unix_nano: 1_000_000_000,
            end_time_unix_nano: 1_250_000_000,
            attributes,
            ..Span::default()
        }
    }

    fn found(attributes: Vec<KeyValue>) -> Found {
        let mut found = Found::default();
        of_span(&span(attributes), &Source::default(), &Privacy::default(), &mut found);
        found
    }

    fn calls(attributes: Vec<KeyValue>) -> Vec<Call> {
        found(attributes).calls
    }

    #[test]
    fn old_and_new_names_say_the_same() {
        let text = |s: &str| Value::StringValue(s.into());
        let new = calls(vec![
            attribute("gen_ai.operation.name", text("chat")),
            attribute("gen_ai.provider.name", text("openai")),
            attribute("gen_ai.request.model", text("gpt-4o")),
            attribute("gen_ai.usage.input_tokens", Value::IntValue(12)),
            attribute("gen_ai.usage.output_tokens", Value::IntValue(3)),
        ]);
        let old = calls(vec![
            attribute("gen_ai.system", text("openai")),
            attribute("gen_ai.request.model", text("gpt-4o")),
            attribute("gen_ai.usage.prompt_tokens", Value::IntValue(12)),
            attribute("gen_ai.usage.completion_tokens", Value::IntValue(3)),
        ]);
        assert_eq!(new, old);
        assert_eq!((new[0].latency_ms, new[0].input, new[0].output), (250.0, Some(12.0), Some(3.0)));
    }

    #[test]
    fn a_tool_is_no_model_and_a_plain_span_no_call() {
        let text = |s: &str| Value::StringValue(s.into());
        let tool = found(vec![
            attribute("gen_ai.operation.name", text("execute_tool")),
            attribute("gen_ai.tool.name", text("search")),
            attribute("error.type", text("timeout")),
        ]);
        assert!(tool.calls.is_empty());
        let run = &tool.tools[0];
        assert_eq!((run.tool.as_str(), run.failed, run.seconds), ("search", true, 0.25));
        assert!(calls(vec![attribute("http.route", Value::StringValue("/".into()))]).is_empty());
    }

    #[test]
    fn a_tool_counts_for_the_call_that_asked_for_it_and_for_its_agent() {
        let text = |s: &str| Value::StringValue(s.into());
        let call = |operation: &str, name: &str| {
            let of = if operation == "invoke_agent" { "gen_ai.agent.name" } else { "gen_ai.request.model" };
            vec![attribute("gen_ai.operation.name", text(operation)), attribute(of, text(name))]
        };
        let tool = || vec![attribute("gen_ai.operation.name", text("execute_tool"))];
        let mut all = Found::default();
        let mut add = |attributes: Vec<KeyValue>, trace: u8, from: u64, to: u64, failed: bool| {
            let status = failed.then(|| Status { code: 2, ..Status::default() });
            let (start, end) = (from * 1_000_000, to * 1_000_000);
            let span = Span {
                trace_id: vec![trace; 16],
                start_time_unix_nano: start,
                end_time_unix_nano: end,
                status,
                ..span(attributes)
            };
            of_span(&span, &Source::default(), &Privacy::default(), &mut all);
        };
        add(call("chat", "first"), 1, 10, 20, false);
        add(tool(), 1, 20, 30, true);
        add(call("chat", "second"), 1, 30, 40, false);
        add(tool(), 1, 40, 50, false);
        add(tool(), 1, 40, 45, false);
        add(call("invoke_agent", "agent"), 1, 0, 60, false);
        add(call("invoke_agent", "over"), 1, 0, 5, false);
        add(tool(), 2, 40, 45, true);
        all.count_tools();
        let counted = |name: &str| all.calls.iter().find(|c| c.model == name).map(|c| (c.tools.runs, c.tools.failed));
        assert_eq!(counted("first"), Some((1, 1)));
        assert_eq!(counted("second"), Some((2, 0)));
        assert_eq!(counted("agent"), Some((3, 1)));
        assert_eq!(counted("over"), Some((0, 0)), "its work was done before");
    }
}

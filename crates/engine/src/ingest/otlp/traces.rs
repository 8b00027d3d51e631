//! Spans: rows of the stream of spans, and of models where they are calls of one.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::event::EventBatch;
use domain::telemetry::span;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::attributes::{all, cut, number, text};
use super::batch::Rows;
use super::gen_ai;
use super::resource::Source;
use super::{Refused, micros};
use crate::ingest::privacy::Privacy;
use crate::signature::hex;

/// What a request of spans becomes.
#[derive(Default)]
pub struct Read {
    /// By environment.
    pub spans: BTreeMap<String, EventBatch>,
    pub found: gen_ai::Found,
    pub accepted: u64,
    pub refused: Refused,
}

fn kind_name(kind: i32) -> &'static str {
    match kind {
        2 => "server",
        3 => "client",
        4 => "producer",
        5 => "consumer",
        _ => "internal",
    }
}

fn status_name(code: i32) -> &'static str {
    match code {
        1 => "ok",
        2 => "error",
        _ => "unset",
    }
}

/// Why a span cannot be kept.
fn problem(span: &Span) -> Option<&'static str> {
    if span.trace_id.len() != 16 || span.trace_id.iter().all(|b| *b == 0) {
        return Some("a span’s trace id is not 16 bytes, or all of them are zero");
    }
    if span.span_id.len() != 8 || span.span_id.iter().all(|b| *b == 0) {
        return Some("a span’s id is not 8 bytes, or all of them are zero");
    }
    if span.start_time_unix_nano == 0 {
        return Some("a span has no start time");
    }
    if span.end_time_unix_nano < span.start_time_unix_nano {
        return Some("a span ends before it starts");
    }
    None
}

/// The other side of a call that leaves a service: what the topology draws an arrow to.
const PEER: [&str; 9] = [
    "peer.service",
    "db.system.name",
    "db.system",
    "messaging.system",
    "rpc.service",
    "server.address",
    "net.peer.name",
    "http.host",
    "url.domain",
];

pub fn read(request: ExportTraceServiceRequest, privacy: &Privacy) -> Read {
    let mut read = Read::default();
    let mut rows: BTreeMap<String, Rows> = BTreeMap::new();
    for resource in &request.resource_spans {
        let source = Source::of(resource.resource.as_ref());
        let own = resource.resource.as_ref().map(|r| r.attributes.as_slice()).unwrap_or_default();
        let about = all(own, privacy);
        for scope in &resource.scope_spans {
            let scope_name = scope.scope.as_ref().map(|s| cut(&s.name, 256)).unwrap_or_default();
            for span in &scope.spans {
                if let Some(reason) = problem(span) {
                    read.refused.add(1, reason);
                    continue;
                }
                read.accepted += 1;
                if !rows.contains_key(&source.environment) {
                    rows.insert(source.environment.clone(), Rows::new(&span::WORDS, &span::NUMBERS));
                }
                let Some(rows) = rows.get_mut(&source.environment) else {
                    continue;
                };
                add(rows, span, &source, about.as_deref(), scope_name, privacy);
                gen_ai::of_span(span, &source, privacy, &mut read.found);
            }
        }
    }
    read.found.count_tools();
    read.spans = rows.into_iter().map(|(environment, rows)| (environment, rows.finish())).collect();
    read
}

fn add(rows: &mut Rows, span: &Span, source: &Source, about: Option<&str>, scope: &str, privacy: &Privacy) {
    let trace = hex(&span.trace_id);
    let id = format!("{trace}{}", hex(&span.span_id));
    let parent = hex(&span.parent_span_id);
    let (code, message) = span.status.as_ref().map_or((0, ""), |s| (s.code, s.message.as_str()));
    // HTTP errors of servers that do not say so themselves.
    let http = number(&span.attributes, &["http.response.status_code", "http.status_code"]);
    let code = if code == 0 && http.is_some_and(|s| s >= 500.0) { 2 } else { code };
    let peer = matches!(span.kind, 3 | 4).then(|| text(&span.attributes, &PEER)).flatten();
    let attributes = all(&span.attributes, privacy);
    let events = events(span, privacy);
    let links = (!span.links.is_empty()).then(|| {
        let ids = span.links.iter().take(64).map(|l| format!("{}{}", hex(&l.trace_id), hex(&l.span_id)));
        ids.collect::<Vec<_>>().join(",")
    });
    let session = text(&span.attributes, &["session.id", "gen_ai.conversation.id"]);
    let model = text(&span.attributes, &gen_ai::MODEL);
    let error = text(&span.attributes, &["error.type", "exception.type"]);
    let words = [
        Some(trace.as_str()),
        Some(parent.as_str()),
        Some(cut(&span.name, 512)),
        Some(source.service.as_str()),
        Some(kind_name(span.kind)),
        Some(status_name(code)),
        Some(cut(message, 1024)),
        error.as_deref(),
        peer.as_deref(),
        model.as_deref(),
        session.as_deref(),
        source.system.as_deref(),
        Some(scope),
        attributes.as_deref(),
        events.as_deref(),
        links.as_deref(),
        about,
    ];
    let duration = (span.end_time_unix_nano - span.start_time_unix_nano) as f64 / 1e6;
    rows.push(id, micros(span.start_time_unix_nano), &words, &[Some(duration), http]);
}

/// Events of a span as a JSON array.
fn events(span: &Span, privacy: &Privacy) -> Option<String> {
    if span.events.is_empty() {
        return None;
    }
    let mut text = String::from("[");
    for event in span.events.iter().take(128) {
        if text.len() > 1 {
            text.push(',');
        }
        let at: Timestamp = micros(event.time_unix_nano);
        let name = serde_json::to_string(cut(&event.name, 256)).unwrap_or_default();
        text.push_str(&format!("{{\"at\":{},\"name\":{name}", at.0));
        // The words of prompts and answers travel in events of their own, too.
        let kept = privacy.keeps_text() || !event.name.starts_with("gen_ai.") || event.name == gen_ai::EVALUATION;
        if let Some(attributes) = kept.then(|| all(&event.attributes, privacy)).flatten() {
            text.push_str(",\"attributes\":");
            text.push_str(&attributes);
        }
        text.push('}');
    }
    text.push(']');
    Some(text)
}

//! What surrounds the simulated models: calls from service to service, what people make of the answers, what
//! it is worth, and the changes that explain an accident. All of it comes in by the doors that everybody uses.

use std::ops::ControlFlow;

use domain::environment::PRODUCTION;
use domain::event::EventKind;
use domain::kpi::{Kpi, KpiUnit};
use domain::signal::Layer;
use domain::time::{DAY, HOUR};
use domain::{Actor, TimeRange, Timestamp};
use engine::Engine;
use engine::ingest::records::About;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use serde_json::{Value, json};
use store::{Columns, Frame, Read, Stream};

use super::simulator::{accident_at, lines, normal, uniform};
use crate::commands::text;

/// What changes of the demonstration name as their source, and what their ids begin with.
pub const SOURCE: &str = "demonstration";
/// Traces of each flow in a round.
const TRACES: usize = 3;

/// A call within a flow: who does what, in how many milliseconds of its own, and which call asked for it.
struct Call(&'static str, &'static str, f64, usize);

/// The system of each flow, and its calls; the first is asked for from outside.
const FLOWS: [(&str, &[Call]); 3] = [
    (
        "credit-risk",
        &[
            Call("decision-api", "POST /decide", 9.0, 0),
            Call("feature-store", "GET /features", 6.0, 0),
            Call("income-feed", "GET /income", 18.0, 1),
            Call("credit-risk", "predict", 22.0, 0),
        ],
    ),
    (
        "support-assistant",
        &[
            Call("chat-gateway", "POST /ask", 12.0, 0),
            Call("retriever", "search", 45.0, 0),
            Call("support-assistant", "answer", 620.0, 0),
        ],
    ),
    (
        "offer-ranker",
        &[
            Call("app-api", "GET /offers", 5.0, 0),
            Call("event-stream", "read", 3.0, 0),
            Call("offer-ranker", "rank", 11.0, 0),
        ],
    ),
];

fn id(bytes: usize) -> String {
    (0..bytes).map(|_| format!("{:02x}", rand::random::<u8>())).collect()
}

/// One trace that ends now and what its services wrote to their logs, as OTLP’s JSON has them, a resource for each
/// service.
struct Flow {
    spans: Vec<Value>,
    logs: Vec<Value>,
}

fn flow(system: &str, calls: &[Call], now: Timestamp, accident: bool) -> Flow {
    let late = |call: &Call| accident && call.0 == "income-feed";
    let own: Vec<f64> =
        calls.iter().map(|call| call.2 * normal(0.0, 0.3).exp() * if late(call) { 9.0 } else { 1.0 }).collect();
    // Callers come before what they call, so sums are made from the end and starts from the beginning.
    let mut whole = own.clone();
    for i in (1..calls.len()).rev() {
        whole[calls[i].3] += whole[i];
    }
    let mut starts = vec![now.0 as f64 / 1000.0 - whole[0]; calls.len()];
    let mut next: Vec<f64> = starts.clone();
    next[0] += own[0] / 2.0;
    for i in 1..calls.len() {
        let by = calls[i].3;
        starts[i] = next[by];
        next[i] = starts[i] + own[i] / 2.0;
        next[by] += whole[i];
    }
    let (trace, spans): (String, Vec<String>) = (id(16), calls.iter().map(|_| id(8)).collect());
    let failed = uniform() < if accident && system == "credit-risk" { 0.06 } else { 0.002 };
    let nanos = |millis: f64| format!("{:.0}", millis * 1e6);
    let word = |key: &str, text: &str| json!({"key": key, "value": {"stringValue": text}});
    let (mut told, mut logs) = (Vec::new(), Vec::new());
    for (i, call) in calls.iter().enumerate() {
        let parent = if i == 0 { "" } else { &spans[call.3] };
        let broken = failed && (i == 0 || call.0 == "income-feed");
        let span = json!({"traceId": trace, "spanId": spans[i], "parentSpanId": parent, "name": call.1, "kind": 2,
            "startTimeUnixNano": nanos(starts[i]), "endTimeUnixNano": nanos(starts[i] + whole[i]),
            "status": {"code": if broken { 2 } else { 1 }}});
        let resource = json!({"attributes": [word("service.name", call.0), word("plimsoll.system", system)]});
        told.push(json!({"resource": resource, "scopeSpans": [{"spans": [span]}]}));
        let took = domain::format::milliseconds(whole[i]);
        let line = match (broken, i) {
            (true, _) => ("ERROR", 17, format!("{} failed after {took}", call.1)),
            (false, 0) => ("INFO", 9, format!("{} answered in {took}", call.1)),
            (false, _) if late(call) => ("WARN", 13, format!("{} slow: {took}", call.1)),
            (false, _) => continue,
        };
        let record = json!({"timeUnixNano": nanos(starts[i] + whole[i]), "severityText": line.0,
            "severityNumber": line.1, "body": {"stringValue": line.2}, "traceId": trace, "spanId": spans[i]});
        logs.push(json!({"resource": resource, "scopeLogs": [{"logRecords": [record]}]}));
    }
    Flow { spans: told, logs }
}

/// What people make of one answer, if they say anything.
fn feedback(model: &str, prediction: &str, at: Timestamp) -> Option<Value> {
    let (asked, chance, accident) = (uniform(), uniform(), accident_at(at));
    let said = match model {
        "support-assistant" if asked < 0.10 => {
            if chance < 0.88 {
                "thumbs_up"
            } else {
                "thumbs_down"
            }
        }
        "support-assistant" if asked < 0.30 => {
            if chance < 0.86 {
                "task_completed"
            } else {
                "handed_over"
            }
        }
        "offer-ranker" if asked < 0.20 => {
            if chance < 0.72 {
                "accepted"
            } else {
                "rejected"
            }
        }
        "credit-risk" if asked < 0.20 => {
            if chance < if accident { 0.70 } else { 0.95 } {
                "accepted"
            } else {
                "edited"
            }
        }
        _ => return None,
    };
    Some(json!({"model": model, "system": model, "prediction_id": prediction, "feedback": said,
        "timestamp": at.to_string()}))
}

/// What a round, or an hour of the past, is worth.
fn money(at: Timestamp, share: f64, accident: bool) -> [Value; 4] {
    // Fewer people buy and apply at weekends; the first day that is counted from was a Thursday.
    let weekend = matches!(at.0.div_euclid(DAY).rem_euclid(7), 2 | 3);
    let busy = if weekend { 0.7 } else { 1.0 } * share;
    let one = |system: &str, event: &str, euros: f64| {
        let amount = (euros * busy * normal(1.0, 0.08).max(0.2) * 100.0).round() / 100.0;
        json!({"event": event, "amount": amount, "currency": "EUR", "system": system, "timestamp": at.to_string()})
    };
    [
        one("credit-risk", "revenue", if accident { 1100.0 } else { 2600.0 }),
        one("support-assistant", "saving", 850.0),
        one("support-assistant", "cost", 95.0),
        one("offer-ranker", "revenue", 1500.0),
    ]
}

/// Thirty days of money by the hour, and what is to be reached.
pub async fn prepare(engine: &Engine) -> Result<(), String> {
    let now = engine.now();
    let past: Vec<Value> = (1..=720).rev().flat_map(|hour| money(now.plus(-hour * HOUR), 1.0, false)).collect();
    engine.ingest_business(&Actor::Local, &About::default(), None, lines(&past)).await.map_err(text)?;
    let mut all = engine.kpis(&Actor::Local).await.map_err(text)?;
    all.retain(|kpi| !is_ours(kpi));
    all.extend(kpis());
    engine.set_kpis(&Actor::Local, all).await.map_err(text)
}

fn kpi(name: &str, system: &str, query: &str, layer: Layer, (target, limit): (f64, f64)) -> Kpi {
    Kpi {
        name: name.into(),
        query: format!("{query}{{system=\"{system}\"}}"),
        layer,
        system: system.into(),
        target,
        limit,
        benchmark: None,
        objective: None,
        higher_is_better: target > limit,
        unit: KpiUnit::Share,
        currency: String::new(),
        owner: String::new(),
    }
}

fn kpis() -> [Kpi; 4] {
    [
        kpi("Decided rightly (simulated)", "credit-risk", "model_accuracy", Layer::Quality, (0.84, 0.78)),
        kpi("Offers taken up (simulated)", "offer-ranker", "users_acceptance", Layer::Users, (0.70, 0.55)),
        kpi("Glad of the answer (simulated)", "support-assistant", "users_satisfaction", Layer::Users, (0.85, 0.75)),
        kpi("Handed to a person (simulated)", "support-assistant", "users_handed_over", Layer::Users, (0.15, 0.30)),
    ]
}

fn is_ours(kpi: &Kpi) -> bool {
    kpis().iter().any(|own| (&own.name, &own.system) == (&kpi.name, &kpi.system))
}

/// Takes away what a model’s own removal does not. Gives the kinds of which rows stay, because others' rows lie
/// among them: those go when their retention ends.
pub async fn remove(engine: &Engine) -> Result<Vec<&'static str>, String> {
    let mut all = engine.kpis(&Actor::Local).await.map_err(text)?;
    all.retain(|kpi| !is_ours(kpi));
    engine.set_kpis(&Actor::Local, all).await.map_err(text)?;
    engine.store.delete_changes(SOURCE).await.map_err(text)?;
    let mut stay = Vec::new();
    for (kind, title) in [
        (EventKind::Span, "spans"),
        (EventKind::Log, "lines of logs"),
        (EventKind::Feedback, "feedback"),
        (EventKind::Business, "business events"),
    ] {
        let known = engine.store.existing_telemetry_stream(kind, PRODUCTION).await.map_err(text)?;
        let Some(stream) = known else { continue };
        match others(engine, &stream).await.map_err(text)? {
            true => stay.push(title),
            false => engine.store.empty_stream(&stream).await.map_err(text)?,
        }
    }
    Ok(stay)
}

/// Whether a stream holds a row of a system that is not simulated.
async fn others(engine: &Engine, stream: &Stream) -> store::Result<bool> {
    let read = Read::of(TimeRange::ALL, Columns::Named(vec!["system".into()]));
    let foreign = |frame: Frame| {
        let ours = |system: Option<String>| FLOWS.iter().any(|(own, _)| system.as_deref() == Some(own));
        (0..frame.rows()).any(|row| !ours(frame.column("system").and_then(|data| data.text(row))))
    };
    let mut found = false;
    engine
        .store
        .scan(stream, &read, foreign, |part| {
            found |= part;
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await?;
    Ok(found)
}

/// A change as the accident begins or ends.
pub async fn turn(engine: &Engine, at: Timestamp, accident: bool) -> Result<(), String> {
    let (title, version) =
        if accident { ("income-feed 3.8 goes live", "3.8") } else { ("income-feed back to 3.7", "3.7") };
    let id = format!("{SOURCE}-{}", at.0);
    let change = json!({"id": id, "kind": "deploy", "title": title, "service": "income-feed", "system": "credit-risk",
        "environment": PRODUCTION, "version": version, "author": "simulator", "at": at.to_string()});
    engine.ingest_changes(&Actor::Local, SOURCE, change.to_string().as_bytes()).await.map(|_| ()).map_err(text)
}

/// Traces of each flow that end at some instants, with the logs of their services.
pub async fn calls(engine: &Engine, ends: &[Timestamp]) -> Result<(), String> {
    let flows = ends.iter().flat_map(|at| FLOWS.iter().map(move |flow| (*at, flow)));
    let each = flows.flat_map(|flow| std::iter::repeat_n(flow, TRACES));
    let (mut spans, mut logs) = (Vec::new(), Vec::new());
    for (at, (system, calls)) in each {
        let flow = flow(system, calls, at, accident_at(at));
        spans.extend(flow.spans);
        logs.extend(flow.logs);
    }
    let traces: ExportTraceServiceRequest = serde_json::from_value(json!({"resourceSpans": spans})).map_err(text)?;
    engine.otlp_traces(&Actor::Local, traces).await.map_err(text)?;
    let logs: ExportLogsServiceRequest = serde_json::from_value(json!({"resourceLogs": logs})).map_err(text)?;
    engine.otlp_logs(&Actor::Local, logs).await.map(|_| ()).map_err(text)
}

/// What people make of some answers: model, id and when.
pub async fn opinions(engine: &Engine, answers: impl Iterator<Item = (&str, &str, Timestamp)>) -> Result<(), String> {
    let said: Vec<Value> = answers.filter_map(|(model, id, at)| feedback(model, id, at)).collect();
    engine.ingest_feedback(&Actor::Local, &About::default(), None, lines(&said)).await.map(|_| ()).map_err(text)
}

/// One round: traces of each flow, what people make of the answers just given, and money.
pub async fn round(engine: &Engine, now: Timestamp, answers: &[(&str, String, i64)], share: f64) -> Result<(), String> {
    calls(engine, &[now]).await?;
    opinions(engine, answers.iter().map(|(model, id, _)| (*model, id.as_str(), now))).await?;
    let money = money(now, share, accident_at(now));
    engine.ingest_business(&Actor::Local, &About::default(), None, lines(&money)).await.map(|_| ()).map_err(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_lies_within_the_one_that_asked_for_it() {
        for (system, calls) in &FLOWS {
            let Flow { spans, logs } = flow(system, calls, Timestamp(1_700_000_000_000_000), true);
            let time = |i: usize, name: &str| -> f64 {
                let span = &spans[i]["scopeSpans"][0]["spans"][0];
                span[name].as_str().and_then(|t| t.parse().ok()).expect("nanoseconds")
            };
            for (i, call) in calls.iter().enumerate().skip(1) {
                let (from, to) = ("startTimeUnixNano", "endTimeUnixNano");
                assert!(time(call.3, from) <= time(i, from) && time(i, to) <= time(call.3, to), "{system} {}", call.1);
            }
            let traces = json!({"resourceSpans": spans});
            let read: ExportTraceServiceRequest = serde_json::from_value(traces).expect("is OTLP");
            assert_eq!(read.resource_spans.len(), calls.len());
            let read: ExportLogsServiceRequest =
                serde_json::from_value(json!({"resourceLogs": logs})).expect("is OTLP");
            assert!((1..=calls.len()).contains(&read.resource_logs.len()), "whoever is asked first says so");
        }
    }
}

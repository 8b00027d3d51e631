//! `bench otlp`: spans and data points by OTLP over HTTP, acknowledged durable, search index on.

use std::time::Instant;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use crate::ingest::now_millis;
use crate::load::client::{request, send_all};
use crate::load::server::Server;
use crate::load::{Database, median, report};

const SPANS_A_REQUEST: usize = 512;
const POINTS_A_REQUEST: usize = 2000;
const SERIES: usize = 10_000;
const CONNECTIONS: usize = 4;
pub(crate) const PROTOBUF: &str = "content-type: application/x-protobuf\r\n";

fn word(key: &str, value: impl Into<String>) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.into())) }),
        ..KeyValue::default()
    }
}

fn resource(service: usize) -> Option<Resource> {
    Some(Resource {
        attributes: vec![
            word("service.name", format!("service-{service}")),
            word("service.version", "1.8.2"),
            word("deployment.environment.name", "production"),
            word("telemetry.sdk.language", "python"),
        ],
        ..Resource::default()
    })
}

/// Traces of sixteen spans, about 600 bytes each.
pub(crate) fn spans(random: &mut fastrand::Rng, nanos: u64) -> (Vec<u8>, usize) {
    let mut all = Vec::with_capacity(SPANS_A_REQUEST);
    let (mut trace, mut parent) = (Vec::new(), Vec::new());
    for i in 0..SPANS_A_REQUEST {
        let mut id = vec![0; 8];
        random.fill(&mut id);
        if i % 16 == 0 {
            trace = vec![0; 16];
            random.fill(&mut trace);
            parent = Vec::new();
        }
        let route = format!("/api/v1/orders/{{id}}/lines/{}", random.u32(0..40));
        let attributes = vec![
            word("http.request.method", "GET"),
            word("http.route", route.clone()),
            word("url.path", format!("/api/v1/orders/{}/lines", random.u32(..))),
            word("server.address", format!("10.0.{}.{}", random.u8(..), random.u8(..))),
            word("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"),
            word("enduser.id", format!("user-{}", random.u32(0..100_000))),
            word("db.statement", "SELECT id, sku, quantity FROM order_line WHERE order_id = $1 ORDER BY id LIMIT 50"),
            word("thread.name", format!("worker-{}", random.u8(0..16))),
        ];
        let took = u64::from(random.u32(10_000..90_000_000));
        all.push(Span {
            trace_id: trace.clone(),
            span_id: id.clone(),
            parent_span_id: parent.clone(),
            name: format!("GET {route}"),
            kind: 2,
            start_time_unix_nano: nanos + i as u64 * 1000,
            end_time_unix_nano: nanos + i as u64 * 1000 + took,
            attributes,
            ..Span::default()
        });
        if i % 16 == 0 {
            parent = id;
        }
    }
    let message = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: resource(random.usize(0..8)),
            scope_spans: vec![ScopeSpans { spans: all, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    };
    let bytes = message.encode_to_vec();
    let size = bytes.len() / SPANS_A_REQUEST;
    (bytes, size)
}

/// Data points of some of ten thousand series.
fn points(random: &mut fastrand::Rng, first: usize, nanos: u64) -> Vec<u8> {
    let metric = |m: usize| {
        let of_metric = (first..first + POINTS_A_REQUEST).filter(|i| i % 50 == m);
        let data_points = of_metric.map(|i| NumberDataPoint {
            attributes: vec![
                word("host", format!("10.0.{}.{}", i / 250, i % 250)),
                word("zone", format!("zone-{}", i % 3)),
                word("queue", format!("q{}", i % 7)),
            ],
            time_unix_nano: nanos,
            value: Some(number_data_point::Value::AsDouble(f64::from(random.u32(0..100_000)) / 100.0)),
            ..NumberDataPoint::default()
        });
        Metric {
            name: format!("bench.metric.{m}"),
            unit: "ms".into(),
            data: Some(Data::Gauge(Gauge { data_points: data_points.collect() })),
            ..Metric::default()
        }
    };
    let metrics: Vec<Metric> = (0..50).map(metric).collect();
    let message = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: resource(0),
            scope_metrics: vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        }],
    };
    message.encode_to_vec()
}

/// Sends slices of requests made ahead, until the time is up; things a second.
async fn rate(
    server: &Server,
    seconds: f64,
    things: usize,
    mut slice: impl FnMut() -> Vec<Vec<u8>>,
) -> Result<f64, String> {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(server.connect().await?);
    }
    let (mut spent, mut sent) = (0.0, 0_usize);
    while spent < seconds {
        let mut queues: Vec<Vec<Vec<u8>>> = (0..CONNECTIONS).map(|_| Vec::new()).collect();
        for (i, bytes) in slice().into_iter().enumerate() {
            queues[i % CONNECTIONS].push(bytes);
            sent += things;
        }
        spent += send_all(&mut connections, queues, &[200]).await?;
    }
    Ok(sent as f64 / spent)
}

pub(crate) async fn otlp(database: Database, runs: usize, seconds: f64) -> Result<(), String> {
    let (mut span_rates, mut point_rates, mut bytes, mut opened) = (vec![], vec![], vec![], vec![]);
    for run in 0..runs {
        let mut server = Server::start(database, &["--set", "collect.host=false"])?;
        let empty = server.bytes()?;
        let mut random = fastrand::Rng::with_seed(run as u64 + 1);
        let key = server.key.clone();
        let nanos = || now_millis() as u64 * 1_000_000;
        let (mut size, mut sent) = (0, 0_u64);
        span_rates.push(
            rate(&server, seconds, SPANS_A_REQUEST, || {
                let made = (0..160).map(|_| {
                    let (body, bytes) = spans(&mut random, nanos());
                    size = bytes;
                    sent += SPANS_A_REQUEST as u64;
                    request("/v1/traces", &key, PROTOBUF, &body).0
                });
                made.collect()
            })
            .await?,
        );
        server.settle(1).await?;
        bytes.push((server.bytes()? - empty) as f64 / sent as f64);
        opened.push(open_large_trace(&server, &mut random, nanos()).await?);
        let mut step = 0_u64;
        let start = nanos() - 3_600_000_000_000;
        point_rates.push(
            rate(&server, seconds, POINTS_A_REQUEST, || {
                let mut made = Vec::new();
                for _ in 0..8 {
                    step += 1;
                    let at = start + step * 10_000_000_000;
                    for first in (0..SERIES).step_by(POINTS_A_REQUEST) {
                        made.push(request("/v1/metrics", &key, PROTOBUF, &points(&mut random, first, at)).0);
                    }
                }
                made
            })
            .await?,
        );
        eprintln!(
            "run {} of {runs}: {:.0} spans/s of {size} bytes, {:.0} bytes a span at rest, {:.0} points/s, a trace of 30,000 spans in {:.0} ms",
            run + 1,
            span_rates[run],
            bytes[run],
            point_rates[run],
            opened[run]
        );
        server.stop();
    }
    report(
        "otlp",
        database,
        runs,
        &[
            ("spans_per_s", median(span_rates)),
            ("points_per_s", median(point_rates)),
            ("bytes_per_span", median(bytes)),
            ("trace_30k_ms", median(opened)),
        ],
    );
    Ok(())
}

/// One trace of thirty thousand spans among the others; milliseconds until all of it was answered.
async fn open_large_trace(server: &Server, random: &mut fastrand::Rng, nanos: u64) -> Result<f64, String> {
    let trace: Vec<u8> = (0..16).map(|_| random.u8(1..)).collect();
    let mut connection = server.connect().await?;
    for part in 0..60_u64 {
        let spans = (0..500_u64).map(|i| Span {
            trace_id: trace.clone(),
            span_id: (part * 500 + i + 1).to_be_bytes().to_vec(),
            parent_span_id: if part + i == 0 { Vec::new() } else { 1_u64.to_be_bytes().to_vec() },
            name: format!("step {}", i % 20),
            kind: 1,
            start_time_unix_nano: nanos + part * 1_000_000 + i * 1000,
            end_time_unix_nano: nanos + part * 1_000_000 + i * 1000 + 500,
            attributes: vec![word("n", i.to_string())],
            ..Span::default()
        });
        let message = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: resource(0),
                scope_spans: vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }],
                ..ResourceSpans::default()
            }],
        };
        let bytes = request("/v1/traces", &server.key, PROTOBUF, &message.encode_to_vec()).0;
        match connection.send(&bytes).await? {
            200 => {}
            other => return Err(format!("the answer was {other}")),
        }
    }
    server.settle(1).await?;
    let hex: String = trace.iter().map(|b| format!("{b:02x}")).collect();
    let path = format!("/api/v1/traces/{hex}");
    let mut times = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        let (status, body) = connection.get(&path, &server.key).await?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        let spans = String::from_utf8_lossy(&body).matches("\"span_id\"").count();
        if status != 200 || spans != 30_000 {
            return Err(format!("the trace was answered with {status} and {spans} spans"));
        }
    }
    Ok(median(times))
}

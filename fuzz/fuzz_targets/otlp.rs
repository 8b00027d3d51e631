//! OTLP requests in both encodings, read down to rows. The first byte chooses.
#![no_main]

use engine::ingest::otlp::exponential::Exponential;
use engine::ingest::otlp::{Encoding, decode, logs, traces};
use engine::ingest::privacy::Privacy;
use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let encoding = if first & 1 == 0 { Encoding::Protobuf } else { Encoding::Json };
    let privacy = Privacy::default();
    match first >> 1 & 3 {
        0 => drop(decode::<ExportTraceServiceRequest>(encoding, rest).map(|r| traces::read(r, &privacy))),
        1 => drop(
            decode::<ExportLogsServiceRequest>(encoding, rest)
                .map(|r| logs::read(&r, &privacy, Default::default())),
        ),
        _ => {
            let Ok(request) = decode::<ExportMetricsServiceRequest>(encoding, rest) else {
                return;
            };
            let metrics = request.resource_metrics.iter().flat_map(|r| &r.scope_metrics).flat_map(|s| &s.metrics);
            for metric in metrics {
                if let Some(Data::ExponentialHistogram(histogram)) = &metric.data {
                    let mut whole = Exponential::default();
                    histogram.data_points.iter().for_each(|point| whole.add(Exponential::of(point)));
                    let _ = whole.cumulative();
                }
            }
        }
    }
});

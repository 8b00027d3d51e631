//! OTLP over HTTP (`/v1/traces`, `/v1/metrics`, `/v1/logs`) and over gRPC, on the one port.
//!
//! What is refused travels back as a partial success, which is an answer and no error: senders must not send
//! it again.

use std::io::Read;

use axum::Extension;
use axum::body::Body;
use axum::extract::State as From;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::Actor;
use engine::ingest::otlp::{Encoding, Outcome, decode};
use engine::{Caller, EngineError};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use serde::Serialize;
use store::StoreError;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request, Status};

use super::State;
use super::problem::{Answer, ApiResult};
use super::upload;

/// Bytes of a request, as it comes and unpacked.
const BODY_MAX: usize = 16 << 20;
const UNPACKED_MAX: usize = 64 << 20;

fn encoding(headers: &HeaderMap) -> ApiResult<Encoding> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    match media.split(';').next().unwrap_or_default().trim() {
        "application/x-protobuf" | "application/protobuf" => Ok(Encoding::Protobuf),
        "application/json" => Ok(Encoding::Json),
        _ => Err(Answer::new(
            415,
            "media-type",
            "Unknown content type",
            "OTLP over HTTP is of the type application/x-protobuf or application/json",
        )),
    }
}

fn unpacked(headers: &HeaderMap, body: Bytes) -> ApiResult<Bytes> {
    let said = headers.get(header::CONTENT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or("identity");
    match said.trim() {
        "identity" | "none" | "" => Ok(body),
        "gzip" => {
            let mut out = Vec::new();
            let mut reader = flate2::read::GzDecoder::new(&body[..]).take(UNPACKED_MAX as u64 + 1);
            reader
                .read_to_end(&mut out)
                .map_err(|e| Answer::new(400, "invalid", "That cannot be used", format!("the body is no gzip: {e}")))?;
            if out.len() > UNPACKED_MAX {
                let detail = format!("a request has at most {UNPACKED_MAX} bytes unpacked; send smaller batches");
                return Err(Answer::new(413, "too-large", "Too large", detail));
            }
            Ok(out.into())
        }
        _ => Err(Answer::new(415, "encoding", "Unknown content encoding", "OTLP is packed by gzip or not at all")),
    }
}

async fn receive(state: &State, headers: &HeaderMap, body: Body) -> ApiResult<(Encoding, Bytes, upload::Permits)> {
    let encoding = encoding(headers)?;
    let (body, permits) = upload::receive_up_to(state, headers, body, BODY_MAX).await?;
    Ok((encoding, unpacked(headers, body)?, permits))
}

fn answer<T: Message + Serialize>(encoding: Encoding, message: &T) -> Response {
    match encoding {
        Encoding::Protobuf => {
            (StatusCode::OK, [(header::CONTENT_TYPE, "application/x-protobuf")], message.encode_to_vec())
                .into_response()
        }
        Encoding::Json => axum::Json(message).into_response(),
    }
}

fn of_traces(outcome: &Outcome) -> ExportTraceServiceResponse {
    ExportTraceServiceResponse {
        partial_success: outcome.refused.reason.as_ref().map(|reason| ExportTracePartialSuccess {
            rejected_spans: outcome.refused.count as i64,
            error_message: reason.clone(),
        }),
    }
}

fn of_metrics(outcome: &Outcome) -> ExportMetricsServiceResponse {
    ExportMetricsServiceResponse {
        partial_success: outcome.refused.reason.as_ref().map(|reason| ExportMetricsPartialSuccess {
            rejected_data_points: outcome.refused.count as i64,
            error_message: reason.clone(),
        }),
    }
}

fn of_logs(outcome: &Outcome) -> ExportLogsServiceResponse {
    ExportLogsServiceResponse {
        partial_success: outcome.refused.reason.as_ref().map(|reason| ExportLogsPartialSuccess {
            rejected_log_records: outcome.refused.count as i64,
            error_message: reason.clone(),
        }),
    }
}

impl State {
    /// Counts what came by a way; an error counts as a refusal with its words, but for those who may not send
    /// at all: they are no arrival.
    fn noted(&self, way: &'static str, outcome: Result<Outcome, EngineError>) -> Result<Outcome, EngineError> {
        match &outcome {
            Ok(o) => self.engine.note_arrival(way, o.accepted, o.refused.count, o.refused.reason.as_deref()),
            Err(EngineError::Denied(_)) => {}
            Err(error) => self.engine.note_arrival(way, 0, 0, Some(&error.to_string())),
        }
        outcome
    }

    async fn traces(&self, actor: &Actor, request: ExportTraceServiceRequest) -> Result<Outcome, EngineError> {
        self.noted("otlp_traces", self.engine.otlp_traces(actor, request).await)
    }

    async fn metric_points(&self, actor: &Actor, request: ExportMetricsServiceRequest) -> Result<Outcome, EngineError> {
        self.noted("otlp_metrics", self.engine.otlp_metrics(actor, request).await)
    }

    async fn log_records(&self, actor: &Actor, request: ExportLogsServiceRequest) -> Result<Outcome, EngineError> {
        self.noted("otlp_logs", self.engine.otlp_logs(actor, request).await)
    }
}

pub async fn traces(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let (encoding, body, _permits) = receive(&state, &headers, body).await?;
    let outcome = state.traces(&caller.actor, decode(encoding, &body)?).await?;
    Ok(answer(encoding, &of_traces(&outcome)))
}

pub async fn metrics(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let (encoding, body, _permits) = receive(&state, &headers, body).await?;
    let outcome = state.metric_points(&caller.actor, decode(encoding, &body)?).await?;
    Ok(answer(encoding, &of_metrics(&outcome)))
}

pub async fn logs(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let (encoding, body, _permits) = receive(&state, &headers, body).await?;
    let outcome = state.log_records(&caller.actor, decode(encoding, &body)?).await?;
    Ok(answer(encoding, &of_logs(&outcome)))
}

/// The three services over gRPC.
#[derive(Clone)]
pub struct Grpc(State);

/// What an error is called in gRPC; senders try `Unavailable` and `ResourceExhausted` with a delay again.
fn status(error: EngineError) -> Status {
    let code = match &error {
        EngineError::Denied(_) => Code::PermissionDenied,
        EngineError::Invalid(_) | EngineError::TooLarge(_) | EngineError::Unanswerable(_) => Code::InvalidArgument,
        EngineError::Unproven(_) => Code::Unauthenticated,
        EngineError::NotFound(_) => Code::NotFound,
        EngineError::Conflict(_) => Code::AlreadyExists,
        EngineError::TooMany(_) => Code::ResourceExhausted,
        EngineError::Store(
            StoreError::Overloaded | StoreError::Closed | StoreError::WriteFailed(_) | StoreError::Full(_),
        ) => Code::Unavailable,
        EngineError::Store(_) => Code::Internal,
    };
    Status::new(code, error.to_string())
}

fn actor<T>(request: &Request<T>) -> Actor {
    request.extensions().get::<Caller>().map_or(Actor::Anonymous, |c| c.actor.clone())
}

type Answered<T> = Result<tonic::Response<T>, Status>;

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Answered<ExportTraceServiceResponse> {
        let actor = actor(&request);
        let outcome = self.0.traces(&actor, request.into_inner()).await.map_err(status)?;
        Ok(tonic::Response::new(of_traces(&outcome)))
    }
}

#[tonic::async_trait]
impl MetricsService for Grpc {
    async fn export(&self, request: Request<ExportMetricsServiceRequest>) -> Answered<ExportMetricsServiceResponse> {
        let actor = actor(&request);
        let outcome = self.0.metric_points(&actor, request.into_inner()).await.map_err(status)?;
        Ok(tonic::Response::new(of_metrics(&outcome)))
    }
}

#[tonic::async_trait]
impl LogsService for Grpc {
    async fn export(&self, request: Request<ExportLogsServiceRequest>) -> Answered<ExportLogsServiceResponse> {
        let actor = actor(&request);
        let outcome = self.0.log_records(&actor, request.into_inner()).await.map_err(status)?;
        Ok(tonic::Response::new(of_logs(&outcome)))
    }
}

pub const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
pub const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
pub const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

pub fn grpc_traces(state: &State) -> TraceServiceServer<Grpc> {
    TraceServiceServer::new(Grpc(state.clone()))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(BODY_MAX)
}

pub fn grpc_metrics(state: &State) -> MetricsServiceServer<Grpc> {
    MetricsServiceServer::new(Grpc(state.clone()))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(BODY_MAX)
}

pub fn grpc_logs(state: &State) -> LogsServiceServer<Grpc> {
    LogsServiceServer::new(Grpc(state.clone()))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(BODY_MAX)
}

//! Prometheus remote write and remote read: `POST /api/v1/write`, `POST /api/v1/read`.

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State as From;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::Caller;
use engine::ingest::remote_write::Version;

use super::State;
use super::problem::{Answer, ApiResult};
use super::upload;

/// Bytes of a request, packed.
const BODY_MAX: usize = 1 << 20;

/// Which version a sender speaks, by its content type.
///
/// # Errors
/// Another type, or another encoding than snappy: 415, as the protocol asks.
fn version(headers: &HeaderMap) -> ApiResult<Version> {
    let said = |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let wrong = |detail: &str| Answer::new(415, "media-type", "Unknown content type", detail);
    let encoding = said(header::CONTENT_ENCODING);
    if !encoding.is_empty() && encoding != "snappy" {
        return Err(wrong("remote write is packed as a snappy block; the encoding says otherwise"));
    }
    let media = said(header::CONTENT_TYPE);
    let mut parts = media.split(';').map(str::trim);
    if parts.next() != Some("application/x-protobuf") {
        return Err(wrong("remote write is of the type application/x-protobuf"));
    }
    match parts.find_map(|p| p.strip_prefix("proto=")) {
        None | Some("prometheus.writerequest") => Ok(Version::One),
        Some("io.prometheus.write.v2.request") => Ok(Version::Two),
        Some(_) => Err(wrong("the message is neither prometheus.WriteRequest nor io.prometheus.write.v2.Request")),
    }
}

pub async fn write(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let version = version(&headers)?;
    let (body, _permits) = upload::receive_up_to(&state, &headers, body, BODY_MAX).await?;
    let written = state.engine.remote_write(&caller.actor, version, &body).await?;
    state.engine.note_arrival("remote_write", written.samples, written.refused, written.reason.as_deref());
    state.metrics.samples.inc_by(written.samples);
    let mut response = match &written.reason {
        None => StatusCode::NO_CONTENT.into_response(),
        // The protocol has no partial success: the rest is kept, and senders do not send a 400 again.
        Some(reason) => {
            let detail = format!("{} samples were kept, {} were not: {reason}", written.samples, written.refused);
            Answer::new(400, "refused-samples", "Not everything was kept", detail).into_response()
        }
    };
    for (kind, count) in [("samples", written.samples), ("histograms", 0), ("exemplars", 0)] {
        let name = HeaderName::try_from(format!("x-prometheus-remote-write-{kind}-written"));
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(count.to_string())) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

/// The samples that a Prometheus asks for.
pub async fn read(From(state): From<State>, Extension(caller): Extension<Caller>, body: Bytes) -> ApiResult<Response> {
    let answer = state.engine.remote_read(&caller.actor, &body).await?;
    let headers = [(header::CONTENT_TYPE, "application/x-protobuf"), (header::CONTENT_ENCODING, "snappy")];
    Ok((headers, answer).into_response())
}

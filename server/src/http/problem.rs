//! Errors over HTTP: RFC 9457 problem documents, one place where each kind gets its status.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Denied;
use domain::problem::Problem;
use engine::EngineError;
use store::StoreError;

/// A problem on its way out.
#[derive(Debug)]
pub struct Answer {
    problem: Problem,
    retry_after: Option<u64>,
}

pub type ApiResult<T> = Result<T, Answer>;

impl Answer {
    pub fn new(status: u16, kind: &str, title: &str, detail: impl Into<String>) -> Answer {
        Answer { problem: Problem::new(status, kind, title, detail), retry_after: None }
    }

    pub fn busy(detail: &str) -> Answer {
        Answer { retry_after: Some(1), ..Answer::new(429, "busy", "Too much at once", detail) }
    }
}

impl From<Denied> for Answer {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotSignedIn => Answer::new(401, "not-signed-in", "Not signed in", denied.to_string()),
            Denied::NotAllowed { .. } => Answer::new(403, "not-allowed", "Not allowed", denied.to_string()),
        }
    }
}

impl From<EngineError> for Answer {
    fn from(error: EngineError) -> Self {
        let text = error.to_string();
        match error {
            EngineError::Denied(denied) => denied.into(),
            EngineError::Invalid(_) => Answer::new(400, "invalid", "That cannot be used", text),
            EngineError::Unproven(_) => Answer::new(401, "signature", "Signature not accepted", text),
            EngineError::NotFound(_) => Answer::new(404, "not-found", "Not there", text),
            EngineError::Conflict(_) => Answer::new(409, "conflict", "Conflicts with what is there", text),
            EngineError::TooMany(seconds) => {
                Answer { retry_after: Some(seconds), ..Answer::new(429, "too-many", "Too many attempts", text) }
            }
            EngineError::Unanswerable(_) => Answer::new(422, "unanswerable", "No answer", text),
            EngineError::TooLarge(_) => Answer::new(413, "too-large", "Too large", text),
            EngineError::Store(StoreError::Overloaded) => Answer::busy(&text),
            EngineError::Store(StoreError::Closed) => {
                Answer { retry_after: Some(5), ..Answer::new(503, "stopping", "Stopping", text) }
            }
            EngineError::Store(StoreError::Full(_)) => {
                Answer { retry_after: Some(60), ..Answer::new(507, "full", "No room left", text) }
            }
            EngineError::Store(StoreError::WriteFailed(_)) => {
                let detail = "the database could not be written; nothing of this was kept, send it again";
                Answer { retry_after: Some(5), ..Answer::new(503, "write-failed", "Not kept", detail) }
            }
            EngineError::Store(error) => {
                tracing::error!(%error, "a request failed in the store");
                Answer::new(
                    500,
                    "internal",
                    "Plimsoll failed",
                    "the store failed; the log names the cause under this request’s id",
                )
            }
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(value) = self.retry_after.and_then(|s| HeaderValue::from_str(&s.to_string()).ok()) {
            headers.insert(header::RETRY_AFTER, value);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What a handler's panic becomes: a bug of ours, named as such.
pub fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    Answer::new(
        500,
        "internal",
        "Plimsoll failed",
        "this is a fault in Plimsoll; the log names it under this request’s id",
    )
    .into_response()
}

/// Turns bare refusals of the framework (wrong method, malformed query) into problem documents.
pub async fn name_request(request: Request, next: Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    let response = next.run(request).await;
    let status = response.status();
    let plain =
        response.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !api || !status.is_client_error() || !plain {
        return response;
    }
    let detail = match axum::body::to_bytes(response.into_body(), 4096).await {
        Ok(bytes) if !bytes.is_empty() => String::from_utf8_lossy(&bytes).into_owned(),
        _ => status.canonical_reason().unwrap_or_default().to_string(),
    };
    Answer::new(status.as_u16(), "request", status.canonical_reason().unwrap_or("Refused"), detail).into_response()
}

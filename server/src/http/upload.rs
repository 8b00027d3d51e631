//! Bodies that senders bring: how much of them may be under way at once, and how long they may take.
//!
//! A small body is read whole before anything else happens, so that a slow sender holds nothing but
//! the bytes it has sent. What waits in memory counts against `limits.ingest_bytes`; a large body is
//! decoded while it comes and counts against `limits.ingest_requests`.

use std::io::Read;
use std::time::Duration;

use axum::body::{Body as HttpBody, Bytes};
use axum::http::{HeaderMap, header};
use bytes::BytesMut;
use engine::ingest::Body;
use engine::ingest::body::WHOLE_MAX;
use engine::ingest::decode::Format;
use futures::{Stream, StreamExt};
use http_body_util::{LengthLimitError, Limited};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::State;
use super::problem::{Answer, ApiResult};

/// A sender may pause so long within a body.
const PAUSE: Duration = Duration::from_secs(20);
/// One permit of the budget for bytes stands for so many.
pub const BYTES_A_PERMIT: usize = 1024;

/// A body that may be read, and what it holds of the shared budgets until it is dropped.
pub struct Upload {
    pub format: Option<Format>,
    pub body: Body,
    pub _permits: OwnedSemaphorePermit,
}

type Chunks = std::pin::Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// Opens a body for reading, within the bounds on size, time and uploads at once.
pub async fn receive(state: &State, headers: &HeaderMap, body: HttpBody) -> ApiResult<Upload> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let format = Format::from_media_type(media)
        .map_err(|error| Answer::new(415, "media-type", "Unknown content type", error.to_string()))?;
    match read(state, headers, body).await? {
        Received::Whole(bytes, _permits) => Ok(Upload { format, body: Body::Whole(bytes), _permits }),
        Received::Rest(head, rest) => {
            let _permits = state
                .ingest
                .clone()
                .try_acquire_owned()
                .map_err(|_| Answer::busy("as many uploads as allowed are under way; send again in a second"))?;
            let rest = SyncIoBridge::new(StreamReader::new(rest));
            Ok(Upload { format, body: Body::Coming(Box::new(std::io::Cursor::new(head).chain(rest))), _permits })
        }
    }
}

/// What a body holds of the shared budget until it is dropped.
pub type Permits = OwnedSemaphorePermit;

/// A body that must be whole before it is understood, of at most so many bytes.
pub async fn receive_up_to(
    state: &State,
    headers: &HeaderMap,
    body: HttpBody,
    most: usize,
) -> ApiResult<(Bytes, Permits)> {
    match read(state, headers, body).await? {
        Received::Whole(bytes, permits) => Ok((bytes, permits)),
        Received::Rest(mut held, mut rest) => {
            while let Some(chunk) = rest.next().await {
                held.extend_from_slice(&chunk.map_err(broken)?);
                if held.len() > most {
                    return Err(too_large(most as u64, "send less at once"));
                }
            }
            let permits = reserve(state, held.len())?;
            Ok((held.freeze(), permits))
        }
    }
}

/// Bytes of a text that came packed, at most.
const UNPACKED_MAX: u64 = 128 << 20;

/// A text as it was before somebody packed it by gzip or zstd, known by its first bytes.
pub fn unpacked(body: Bytes) -> ApiResult<Bytes> {
    let mut out = Vec::new();
    let read = if body.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(&body[..]).take(UNPACKED_MAX + 1).read_to_end(&mut out)
    } else if body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        zstd::stream::read::Decoder::new(&body[..]).and_then(|r| r.take(UNPACKED_MAX + 1).read_to_end(&mut out))
    } else {
        return Ok(body);
    };
    read.map_err(broken)?;
    if out.len() as u64 > UNPACKED_MAX {
        return Err(too_large(UNPACKED_MAX, "unpacked it is longer: send less at once"));
    }
    Ok(out.into())
}

fn broken(error: std::io::Error) -> Answer {
    Answer::new(400, "invalid", "That cannot be used", format!("the body broke off: {error}"))
}

fn reserve(state: &State, bytes: usize) -> ApiResult<Permits> {
    let permits = (bytes / BYTES_A_PERMIT + 1) as u32;
    let reserved = state.ingest_bytes.clone().try_acquire_many_owned(permits);
    reserved.map_err(|_| Answer::busy("as much as may wait in memory is waiting already; send again in a second"))
}

enum Received {
    Whole(Bytes, OwnedSemaphorePermit),
    Rest(BytesMut, Chunks),
}

fn too_large(limit: u64, advice: &str) -> Answer {
    Answer::new(413, "too-large", "Too large", format!("a body has at most {limit} bytes here; {advice}"))
}

async fn read(state: &State, headers: &HeaderMap, body: HttpBody) -> ApiResult<Received> {
    let limit = state.config.limits.body_bytes;
    let advice = "send several, or raise limits.body_bytes";
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if length.is_some_and(|l| l > limit) {
        return Err(too_large(limit, advice));
    }
    let limited = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX));
    let mut chunks: Chunks = Box::pin(paced(HttpBody::new(limited)));
    let mut held = BytesMut::new();
    loop {
        match chunks.next().await {
            None => break,
            Some(Ok(chunk)) => held.extend_from_slice(&chunk),
            Some(Err(error)) if error.get_ref().is_some_and(|e| e.is::<LengthLimitError>()) => {
                return Err(too_large(limit, advice));
            }
            Some(Err(error)) if error.kind() == std::io::ErrorKind::TimedOut => {
                return Err(Answer::new(408, "too-slow", "Too slow", error.to_string()));
            }
            Some(Err(error)) => {
                return Err(broken(error));
            }
        }
        if held.len() > WHOLE_MAX {
            return Ok(Received::Rest(held, chunks));
        }
    }
    let permits = reserve(state, held.len())?;
    Ok(Received::Whole(held.freeze(), permits))
}

/// The chunks of a body; one that does not come within [`PAUSE`] ends it.
fn paced(body: HttpBody) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    futures::stream::unfold(Some(body.into_data_stream()), |state| async move {
        let mut stream = state?;
        match tokio::time::timeout(PAUSE, stream.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some(stream))),
            Ok(Some(Err(error))) => {
                let inner: Box<dyn std::error::Error + Send + Sync> = error.into_inner();
                Some((Err(std::io::Error::other(inner)), None))
            }
            Err(_) => {
                let reason = format!("nothing more of the body came for {} s", PAUSE.as_secs());
                Some((Err(std::io::Error::new(std::io::ErrorKind::TimedOut, reason)), None))
            }
        }
    })
}

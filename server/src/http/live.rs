//! `/live`: what changed, as server-sent events. Pages read again what they show; the stream itself
//! carries no data, so it cannot show anybody too much.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State as From;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use tokio::sync::broadcast::error::RecvError;

use super::State;

pub async fn live(From(state): From<State>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let receiver = state.engine.live().subscribe();
    let told = state.engine.live().told();
    let hello = Event::default().event("hello").data(format!("{} {told}", super::site::assets().js));
    let stop = state.stop.clone();
    let events = futures::stream::unfold((receiver, stop, Some(hello)), |(mut receiver, stop, hello)| async move {
        if let Some(hello) = hello {
            return Some((Ok(hello), (receiver, stop, None)));
        }
        let event = tokio::select! {
            () = stop.cancelled() => return None,
            event = receiver.recv() => event,
        };
        let data = match event {
            Ok(event) => event.changed.join(","),
            // A slow reader missed some: everything may have changed.
            Err(RecvError::Lagged(_)) => "events,labels,samples,reports,alerts".into(),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok(Event::default().event("changed").data(data)), (receiver, stop, None)))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

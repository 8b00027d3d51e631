//! `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever keeps Plimsoll running.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State as From};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus::{Encoder, HistogramOpts, HistogramVec, IntCounter, IntGauge, Registry, TextEncoder};

use super::State;

pub struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    pub predictions: IntCounter,
    pub labels: IntCounter,
    pub samples: IntCounter,
    queue: IntGauge,
    listeners: IntGauge,
    events: IntGauge,
    fresh_events: IntGauge,
    unmerged_labels: IntGauge,
    due: IntGauge,
    fresh_samples: IntGauge,
    series: IntGauge,
    bytes: IntGauge,
    alerts: IntGauge,
    incidents: IntGauge,
}

impl Metrics {
    /// # Panics
    /// When a metric is named wrongly here, which the first test would show.
    #[allow(clippy::unwrap_used)]
    pub fn new() -> Metrics {
        let registry = Registry::new();
        let requests = HistogramVec::new(
            HistogramOpts::new("plimsoll_http_request_seconds", "Time to answer, by route and status")
                .buckets(vec![0.001, 0.005, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0]),
            &["method", "route", "status"],
        )
        .unwrap();
        let predictions = IntCounter::new("plimsoll_predictions_accepted_total", "Predictions kept").unwrap();
        let labels = IntCounter::new("plimsoll_labels_accepted_total", "Labels kept").unwrap();
        let samples = IntCounter::new("plimsoll_samples_accepted_total", "Samples of time series kept").unwrap();
        let gauge = |name: &str, help: &str| IntGauge::new(name, help).unwrap();
        let events = gauge("plimsoll_store_events", "Predictions and baseline rows kept");
        let fresh_events = gauge("plimsoll_store_fresh_events", "Of those, rows not in segments yet");
        let unmerged_labels = gauge("plimsoll_store_unmerged_labels", "Labels not yet merged");
        let due = gauge("plimsoll_evaluations_due", "Stretches of time whose windows are to be judged");
        let fresh_samples = gauge("plimsoll_store_fresh_samples", "Samples not in chunks yet");
        let series = gauge("plimsoll_store_series", "Time series");
        let bytes = gauge("plimsoll_store_bytes", "Bytes of the database");
        let alerts = gauge("plimsoll_alerts_open", "Open alerts that nobody keeps quiet");
        let incidents = gauge("plimsoll_incidents_open", "Open incidents");
        let queue = IntGauge::new("plimsoll_write_queue", "Batches waiting for the writer").unwrap();
        let listeners = IntGauge::new("plimsoll_live_listeners", "Open live streams").unwrap();
        registry.register(Box::new(requests.clone())).unwrap();
        for counter in [&predictions, &labels, &samples] {
            registry.register(Box::new(counter.clone())).unwrap();
        }
        let store = [&events, &fresh_events, &unmerged_labels, &fresh_samples, &series, &bytes];
        for gauge in [&queue, &listeners, &alerts, &incidents, &due].into_iter().chain(store) {
            registry.register(Box::new(gauge.clone())).unwrap();
        }
        Metrics {
            registry,
            requests,
            predictions,
            labels,
            samples,
            queue,
            listeners,
            events,
            fresh_events,
            unmerged_labels,
            due,
            fresh_samples,
            series,
            bytes,
            alerts,
            incidents,
        }
    }
}

/// Times every request by its route, never by its path: a path is a stranger's text.
pub async fn count(From(state): From<State>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
    let method = METHODS.into_iter().find(|m| *m == request.method().as_str()).unwrap_or("other");
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let status = response.status();
    let labels = [method, route, status.as_str()];
    state.metrics.requests.with_label_values(&labels).observe(started.elapsed().as_secs_f64());
    response
}

pub async fn metrics(From(state): From<State>) -> Response {
    state.metrics.queue.set(state.engine.store.queued() as i64);
    state.metrics.listeners.set(state.engine.live().listeners() as i64);
    match state.engine.store.footprint().await {
        Ok(footprint) => {
            state.metrics.events.set(footprint.events as i64);
            state.metrics.fresh_events.set(footprint.fresh_events as i64);
            state.metrics.unmerged_labels.set(footprint.unmerged_labels as i64);
            state.metrics.series.set(footprint.series as i64);
            state.metrics.bytes.set(footprint.bytes as i64);
        }
        Err(error) => tracing::warn!(%error, "the store could not be measured"),
    }
    match state.engine.store.dirty_count().await {
        Ok(due) => state.metrics.due.set(due),
        Err(error) => tracing::warn!(%error, "what is to be evaluated could not be counted"),
    }
    match state.engine.open_counts(&domain::Actor::Local).await {
        Ok((alerts, incidents)) => {
            state.metrics.alerts.set(alerts as i64);
            state.metrics.incidents.set(incidents as i64);
        }
        Err(error) => tracing::warn!(%error, "the alerts could not be counted"),
    }
    state.metrics.fresh_samples.set(state.engine.store.fresh_samples() as i64);
    let mut text = Vec::new();
    if TextEncoder::new().encode(&state.metrics.registry.gather(), &mut text).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

pub async fn healthz() -> &'static str {
    "ok\n"
}

pub async fn readyz(From(state): From<State>) -> Response {
    match state.engine.store.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
        }
    }
}

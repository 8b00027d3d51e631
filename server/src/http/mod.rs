//! Everything that speaks HTTP: the router, who is calling, problems, static files, live events.
//!
//! Each route is registered with its [`Access`] through [`routes::Routes`], which guards it; a test
//! walks them all with every role. No logic lives here.

mod alertmanager;
mod alerts;
mod api;
mod caller;
mod evaluation;
mod events;
mod forms;
mod incidents;
mod intake;
mod live;
mod metrics;
mod openapi;
mod otlp;
mod pages;
mod problem;
mod prometheus;
mod range;
mod remote_write;
mod responses;
mod routes;
mod searches;
mod site;
mod sources;
mod upload;

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::FromRef;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{from_fn, from_fn_with_state};
use domain::{Access, Action};
use engine::Engine;
use leptos::config::LeptosOptions;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::csrf::CsrfLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

use crate::config::Config;
use routes::Routes;

/// What handlers share. One pointer: every request carries it through each layer.
#[derive(Clone)]
pub struct State(Arc<Parts>);

pub struct Parts {
    pub engine: Engine,
    pub config: Arc<Config>,
    pub leptos: LeptosOptions,
    /// Large bodies decoded while they come.
    pub ingest: Arc<Semaphore>,
    /// Small bodies that wait in memory, in permits of [`upload::BYTES_A_PERMIT`].
    pub ingest_bytes: Arc<Semaphore>,
    pub metrics: metrics::Metrics,
    /// The document of the API, once the routes are known.
    pub openapi: OnceLock<serde_json::Value>,
    pub stop: CancellationToken,
    pub started: domain::Timestamp,
}

impl Deref for State {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<State> for LeptosOptions {
    fn from_ref(state: &State) -> LeptosOptions {
        state.leptos.clone()
    }
}

/// The whole application.
pub fn router(engine: Engine, config: &Config, stop: CancellationToken) -> Router {
    build(engine, config, stop).0
}

/// The application and the table of its guarded routes.
fn build(engine: Engine, config: &Config, stop: CancellationToken) -> (Router, Vec<routes::Entry>) {
    let state = State(Arc::new(Parts {
        started: engine.now(),
        engine,
        config: Arc::new(config.clone()),
        leptos: LeptosOptions::builder().output_name("plimsoll").build(),
        ingest: Arc::new(Semaphore::new(config.limits.ingest_requests.max(1))),
        ingest_bytes: Arc::new(Semaphore::new((config.limits.ingest_bytes / upload::BYTES_A_PERMIT).max(1025))),
        metrics: metrics::Metrics::new(),
        openapi: OnceLock::new(),
        stop,
    }));
    let view = Access::Needs(Action::View);
    let ingest = Access::Needs(Action::Ingest);
    let respond = Access::Needs(Action::Respond);
    let alerting = Access::Needs(Action::EditAlerting);
    let routes = Routes::new()
        .get("/healthz", Access::Public, metrics::healthz)
        .get("/readyz", Access::Public, metrics::readyz)
        .get("/metrics", Access::Public, metrics::metrics)
        .post("/session", Access::Public, forms::sign_in)
        .post("/session/end", Access::Public, forms::sign_out)
        .post("/first-person", Access::Public, forms::set_up)
        .post("/account/password", Access::Needs(Action::EditOwnAccount), forms::change_password)
        .get("/live", view, live::live)
        .get("/api/v1/models", view, api::models)
        .get("/api/v1/models/{model}", view, api::model)
        .patch("/api/v1/models/{model}", Access::Needs(Action::EditModel), api::update_model)
        .delete("/api/v1/models/{model}", Access::Needs(Action::ManageInstallation), api::delete_model)
        .get("/api/v1/models/{model}/windows", view, api::windows)
        .post("/api/v1/models/{model}/predictions", ingest, api::predictions)
        .post("/api/v1/models/{model}/labels", ingest, api::labels)
        .post("/api/v1/models/{model}/baseline", ingest, api::baseline)
        .put("/api/v1/models/{model}/baseline", Access::Needs(Action::EditModel), api::choose_baseline)
        .get("/api/v1/models/{model}/events", view, events::newest)
        .get("/api/v1/models/{model}/events/{id}", view, events::one)
        .get("/api/v1/models/{model}/values", view, events::values)
        .get("/api/v1/models/{model}/export", view, events::export)
        .get("/api/v1/models/{model}/limits", view, evaluation::limits)
        .post("/api/v1/models/{model}/learn", Access::Needs(Action::EditModel), evaluation::learn)
        .get("/api/v1/analysis", view, evaluation::analysis)
        .get("/api/v1/unusual", view, evaluation::unusual)
        .get("/api/v1/companions", view, evaluation::companions)
        .get("/api/v1/health", view, evaluation::health)
        .get("/api/v1/health/weights", view, evaluation::weights)
        .put("/api/v1/health/weights", Access::Needs(Action::EditModel), evaluation::set_weights)
        .get("/api/v1/operations", view, evaluation::operations)
        .get("/api/v1/hosts/{host}", view, evaluation::host)
        .get("/api/v1/find", view, evaluation::find)
        .get("/api/v1/systems/{system}", view, evaluation::system)
        .get("/api/v1/outcomes", view, evaluation::outcomes)
        .get("/api/v1/kpis", view, evaluation::kpis)
        .put("/api/v1/kpis", Access::Needs(Action::EditModel), evaluation::set_kpis)
        .get("/api/v1/openapi.json", view, openapi::serve)
        .post("/api/v1/write", ingest, remote_write::write)
        .post("/api/v1/read", view, remote_write::read)
        .get("/api/v1/signals", view, api::signals)
        .get("/api/v1/signals/steps", view, api::steps)
        .patch("/api/v1/signals/{name}", Access::Needs(Action::EditModel), sources::note_signal)
        .post("/api/v1/samples", ingest, intake::samples)
        .post("/api/v1/feedback", ingest, intake::feedback)
        .get("/api/v1/feedback", view, searches::list_feedback)
        .post("/api/v1/business", ingest, intake::business)
        .get("/api/v1/business", view, searches::list_business)
        .get("/api/v1/evaluations", view, searches::list_evaluations)
        .post("/api/v1/changes", ingest, intake::changes)
        .get("/api/v1/changes", view, searches::list_changes)
        .post("/api/v1/events", ingest, intake::cloud_events)
        .post("/api/v1/logs", ingest, intake::log_lines)
        .get("/api/v1/logs", view, searches::logs)
        .get("/api/v1/spans", view, searches::spans)
        .get("/api/v1/traces/{trace}", view, searches::trace)
        .get("/api/v1/traces/{trace}/spans/{span}", view, searches::span)
        .get("/api/v1/topology", view, searches::topology)
        .get("/api/v1/dependencies", view, sources::list_dependencies)
        .post("/api/v1/dependencies", Access::Needs(Action::EditModel), sources::declare_dependency)
        .delete("/api/v1/dependencies/{id}", Access::Needs(Action::EditModel), sources::delete_dependency)
        .get("/api/v1/arrivals", view, sources::arrivals)
        .get("/api/v1/prices", view, sources::prices)
        .put("/api/v1/prices", Access::Needs(Action::EditModel), sources::set_prices)
        .get("/api/v1/scrapes", view, sources::scrape_jobs)
        .post("/api/v1/scrapes", Access::Needs(Action::EditProbes), sources::create_scrape_job)
        .delete("/api/v1/scrapes/{id}", Access::Needs(Action::EditProbes), sources::delete_scrape_job)
        .get("/api/v1/webhooks", Access::Needs(Action::EditProbes), sources::webhooks)
        .post("/api/v1/webhooks", Access::Needs(Action::EditProbes), sources::create_webhook)
        .delete("/api/v1/webhooks/{id}", Access::Needs(Action::EditProbes), sources::delete_webhook)
        .post("/hooks/github/{token}", Access::Public, intake::github)
        .post("/hooks/gitlab/{token}", Access::Public, intake::gitlab)
        .post("/v1/traces", ingest, otlp::traces)
        .post("/v1/metrics", ingest, otlp::metrics)
        .post("/v1/logs", ingest, otlp::logs)
        .service(otlp::TRACES, ingest, otlp::grpc_traces(&state))
        .service(otlp::METRICS, ingest, otlp::grpc_metrics(&state))
        .service(otlp::LOGS, ingest, otlp::grpc_logs(&state))
        .get("/api/v1/query", view, prometheus::query)
        .post("/api/v1/query", view, prometheus::query)
        .get("/api/v1/query_export", view, events::export_query)
        .get("/api/v1/query_range", view, prometheus::query_range)
        .post("/api/v1/query_range", view, prometheus::query_range)
        .get("/api/v1/query_exemplars", view, prometheus::exemplars)
        .post("/api/v1/query_exemplars", view, prometheus::exemplars)
        .get("/federate", view, prometheus::federate)
        .get("/api/v1/series", view, prometheus::series)
        .post("/api/v1/series", view, prometheus::series)
        .get("/api/v1/labels", view, prometheus::labels)
        .post("/api/v1/labels", view, prometheus::labels)
        .get("/api/v1/label/{name}/values", view, prometheus::label_values)
        .get("/api/v1/metadata", view, prometheus::metadata)
        .get("/api/v1/status/buildinfo", view, prometheus::build_info)
        .get("/api/v1/rules", view, prometheus::rules)
        .get("/api/v1/alerts", view, prometheus::alerts)
        .get("/api/v2/status", view, alertmanager::status)
        .get("/api/v2/receivers", view, alertmanager::receivers)
        .get("/api/v2/alerts", view, alertmanager::alerts)
        .post("/api/v2/alerts", ingest, alertmanager::post_alerts)
        .get("/api/v2/alerts/groups", view, alertmanager::groups)
        .get("/api/v2/silences", view, alertmanager::silences)
        .post("/api/v2/silences", respond, alertmanager::post_silence)
        .get("/api/v2/silence/{id}", view, alertmanager::silence)
        .delete("/api/v2/silence/{id}", respond, alertmanager::expire_silence)
        .get("/api/v1/alerts/board", view, alerts::board)
        .get("/api/v1/alerts/{fingerprint}", view, alerts::one)
        .post("/api/v1/alerts/{fingerprint}", respond, alerts::act)
        .get("/api/v1/alerting", alerting, alerts::document)
        .put("/api/v1/alerting", alerting, alerts::set_document)
        .get("/api/v1/alerting/destinations", view, alerts::destinations)
        .post("/api/v1/alerting/destinations/test", alerting, alerts::test_destination)
        .post("/api/v1/alerting/policies/test", alerting, alerts::test_policy)
        .post("/api/v1/alerting/who", view, alerts::who)
        .get("/api/v1/alerting/rules", view, alerts::rules)
        .post("/api/v1/alerting/rules", alerting, alerts::create_rule)
        .put("/api/v1/alerting/rules/{id}", alerting, alerts::update_rule)
        .delete("/api/v1/alerting/rules/{id}", alerting, alerts::delete_rule)
        .post("/api/v1/alerting/backtest", view, alerts::backtest)
        .get("/api/v1/incidents", view, incidents::all)
        .post("/api/v1/incidents", respond, incidents::open)
        .get("/api/v1/incidents/{id}", view, incidents::one)
        .post("/api/v1/incidents/{id}", Access::Needs(Action::Annotate), incidents::act)
        .get("/api/v1/audit", Access::Needs(Action::ReadAudit), api::audit)
        .get("/api/v1/responses", view, responses::all)
        .put("/api/v1/responses", Access::Needs(Action::EditAlerting), responses::save)
        .delete("/api/v1/responses/{name}", Access::Needs(Action::EditAlerting), responses::delete)
        .post("/api/v1/responses/stop", respond, responses::stop)
        .get("/api/v1/response_runs", view, responses::runs)
        .post("/api/v1/response_runs", respond, responses::propose)
        .post("/api/v1/response_runs/{id}", respond, responses::act)
        .get("/api/v1/annotations", view, incidents::annotations)
        .post("/api/v1/annotations", Access::Needs(Action::Annotate), incidents::annotate)
        .post("/api/v1/annotations/{id}", Access::Needs(Action::Annotate), incidents::act_on_annotation)
        .get("/on-call/calendar", Access::Public, alerts::calendar)
        .get("/acknowledge", Access::Public, alerts::acknowledge_page)
        .post("/acknowledge", Access::Public, alerts::acknowledge)
        .get("/api/v1/probes", view, api::probes)
        .post("/api/v1/probes", Access::Needs(Action::EditProbes), api::create_probe)
        .delete("/api/v1/probes/{id}", Access::Needs(Action::EditProbes), api::delete_probe);
    let (guarded, entries) = routes.finish();
    state.openapi.get_or_init(|| openapi::document(&entries));
    let header = |name: &'static str, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    let mut csrf = CsrfLayer::new();
    if let Some(url) = &state.config.server.public_url {
        match CsrfLayer::new().add_trusted_origin(url.trim_end_matches('/')) {
            Ok(layer) => csrf = layer,
            Err(error) => tracing::warn!(%error, "server.public_url is no origin"),
        }
    }
    let request_id = HeaderName::from_static("x-request-id");
    // As one layer: each that a router takes by itself is boxed and cloned for every request. The first is outermost.
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(request_id.clone(), MakeRequestUuid))
        .layer(TraceLayer::new_for_http().make_span_with(|request: &axum::http::Request<_>| {
            let id = request.headers().get("x-request-id").and_then(|v| v.to_str().ok()).unwrap_or_default();
            // The path alone: a query may hold a token.
            tracing::info_span!("request", method = %request.method(), path = request.uri().path(), id)
        }))
        .layer(PropagateRequestIdLayer::new(request_id))
        .layer(compression())
        .layer(header("content-security-policy", "default-src 'none'; frame-ancestors 'none'"))
        .layer(header("cross-origin-opener-policy", "same-origin"))
        .layer(header("permissions-policy", "camera=(), microphone=(), geolocation=()"))
        .layer(header("referrer-policy", "same-origin"))
        .layer(header("x-frame-options", "DENY"))
        .layer(header("x-content-type-options", "nosniff"))
        .layer(from_fn(problem::name_request))
        .layer(from_fn_with_state(state.clone(), metrics::count))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(csrf)
        .layer(from_fn_with_state(state.clone(), caller::identify));
    let app = guarded.merge(pages::router(&state)).fallback(site::fallback).layer(layers);
    let app = if state.config.server.secure() {
        app.layer(header("strict-transport-security", "max-age=31536000"))
    } else {
        app
    };
    (app.with_state(state), entries)
}

/// Answers that are long enough, for whoever takes them packed: pages and what they read are text, a third as long
/// packed, and a phone is far away. Site files are packed already; a stream of events must not wait for more of them.
fn compression() -> CompressionLayer<impl Predicate> {
    const LEAST: u64 = 1024;
    let streams = NotForContentType::SSE.and(NotForContentType::GRPC);
    let packed = NotForContentType::IMAGES.and(NotForContentType::const_new("application/vnd.apache.parquet"));
    let worth_it = SizeAbove::new(LEAST).and(streams).and(packed);
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_it)
}

#[cfg(test)]
mod tests;

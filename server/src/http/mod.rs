//! Everything that speaks HTTP: the router, who is calling, problems, static files, live events.
//!
//! Each route is registered with its [`Access`] through [`routes::Routes`], which guards it; a test
//! walks them all with every role. No logic lives here.

mod api;
mod caller;
mod events;
mod forms;
mod live;
mod metrics;
mod pages;
mod problem;
mod range;
mod remote_write;
mod routes;
mod site;
mod upload;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{from_fn, from_fn_with_state};
use domain::{Access, Action};
use engine::Engine;
use leptos::config::LeptosOptions;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

use crate::config::Config;
use routes::Routes;

#[derive(Clone)]
pub struct State {
    pub engine: Engine,
    pub config: Arc<Config>,
    pub leptos: LeptosOptions,
    /// Large bodies decoded while they come.
    pub ingest: Arc<Semaphore>,
    /// Small bodies that wait in memory, in permits of [`upload::BYTES_A_PERMIT`].
    pub ingest_bytes: Arc<Semaphore>,
    pub metrics: Arc<metrics::Metrics>,
    pub stop: CancellationToken,
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
    let state = State {
        engine,
        config: Arc::new(config.clone()),
        leptos: LeptosOptions::builder().output_name("plimsoll").build(),
        ingest: Arc::new(Semaphore::new(config.limits.ingest_requests.max(1))),
        ingest_bytes: Arc::new(Semaphore::new((config.limits.ingest_bytes / upload::BYTES_A_PERMIT).max(1025))),
        metrics: Arc::new(metrics::Metrics::new()),
        stop,
    };
    let view = Access::Needs(Action::View);
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
        .post("/api/v1/models/{model}/predictions", Access::Needs(Action::Ingest), api::predictions)
        .post("/api/v1/models/{model}/labels", Access::Needs(Action::Ingest), api::labels)
        .post("/api/v1/models/{model}/baseline", Access::Needs(Action::Ingest), api::baseline)
        .put("/api/v1/models/{model}/baseline", Access::Needs(Action::EditModel), api::choose_baseline)
        .get("/api/v1/models/{model}/events", view, events::newest)
        .get("/api/v1/models/{model}/events/{id}", view, events::one)
        .get("/api/v1/models/{model}/values", view, events::values)
        .post("/api/v1/write", Access::Needs(Action::Ingest), remote_write::write)
        .get("/api/v1/series", view, api::series)
        .get("/api/v1/signals", view, api::signals)
        .get("/api/v1/probes", view, api::probes)
        .post("/api/v1/probes", Access::Needs(Action::EditProbes), api::create_probe)
        .delete("/api/v1/probes/{id}", Access::Needs(Action::EditProbes), api::delete_probe);
    let (guarded, entries) = routes.finish();
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
    let app = guarded
        .merge(pages::router(&state))
        .fallback(site::fallback)
        .layer(from_fn_with_state(state.clone(), caller::identify))
        .layer(csrf)
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(from_fn_with_state(state.clone(), metrics::count))
        .layer(from_fn(problem::name_request))
        .layer(header("x-content-type-options", "nosniff"))
        .layer(header("x-frame-options", "DENY"))
        .layer(header("referrer-policy", "same-origin"))
        .layer(header("permissions-policy", "camera=(), microphone=(), geolocation=()"))
        .layer(header("cross-origin-opener-policy", "same-origin"))
        .layer(header("content-security-policy", "default-src 'none'; frame-ancestors 'none'"))
        .layer(PropagateRequestIdLayer::new(request_id.clone()))
        .layer(TraceLayer::new_for_http().make_span_with(|request: &axum::http::Request<_>| {
            let id = request.headers().get("x-request-id").and_then(|v| v.to_str().ok()).unwrap_or_default();
            // The path alone: a query may hold a token.
            tracing::info_span!("request", method = %request.method(), path = request.uri().path(), id)
        }))
        .layer(SetRequestIdLayer::new(request_id, MakeRequestUuid));
    let app = if state.config.server.secure() {
        app.layer(header("strict-transport-security", "max-age=31536000"))
    } else {
        app
    };
    (app.with_state(state), entries)
}

#[cfg(test)]
mod tests;

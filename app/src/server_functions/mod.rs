//! What the browser may ask the server: a few lines each into the engine.
//!
//! Server functions are a public API. Every one stands in [`access`], which the server's guard asks
//! before any of them runs; one that does not stand there is refused.

pub mod admin;
pub mod alerts;
pub mod evaluation;
pub mod find;
pub mod model_set_up;
pub mod responses;
pub mod shares;
pub mod telemetry;
pub mod views;

use domain::{Access, Action};
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::wire::Wire;

/// What a caller needs for the server function of this name: what an administrator may do where
/// nobody said.
pub fn access(name: &str) -> Access {
    Access::Needs(listed(name).unwrap_or(Action::ManageInstallation))
}

/// The table of rights.
pub fn listed(name: &str) -> Option<Action> {
    Some(match name {
        "me" | "overview" | "system" | "look_closer" | "unusual_now" | "companions" | "kpis" | "weights_of_health"
        | "try_limits" | "feature" | "prediction" | "predictions" | "operations" | "model" | "model_set_up"
        | "arrived" | "probes" => Action::View,
        "metric_names" | "metric_labels" | "run_query" | "run_queries" | "spans" | "log_lines" | "call_map"
        | "changes" | "trace" => Action::View,
        "arrivals" | "scrape_jobs" | "prices" | "known_signals" => Action::View,
        // Views for all need more; the engine asks.
        "find" | "host" | "saved_views" | "save_view" | "remove_view" => Action::View,
        "set_preferences" | "mentions" => Action::EditOwnAccount,
        "alerts" | "alert" | "covered" | "rules" | "rule_of" | "try_rule" | "incidents" | "incident" | "on_call"
        | "colleagues" | "silences_known" | "who_is_told" | "annotations" | "flags" | "look_at_incident" => {
            Action::View
        }
        "act_on_alerts" | "make_silence" | "end_silence" | "open_incident" => Action::Respond,
        "act_on_incident" | "annotate" | "act_on_annotation" => Action::Annotate,
        // The token is the right; there is no person.
        "shared" => Action::Enter,
        "share" | "preview_share" | "shares" | "end_share" | "share_visits" | "post_link" | "receivers"
        | "weekly_summary" | "set_weekly_summary" | "send_summary" => Action::Share,
        "responses" => Action::View,
        "stop_responses" | "propose_response" | "act_on_run" => Action::Respond,
        "save_response" | "delete_response" => Action::EditAlerting,
        "save_rule" | "delete_rule" | "alerting_document" | "set_alerting" | "test_destination" | "test_policy" => {
            Action::EditAlerting
        }
        "create_probe" | "delete_probe" => Action::EditProbes,
        "create_scrape_job" | "delete_scrape_job" => Action::EditProbes,
        "webhooks" | "create_webhook" | "delete_webhook" => Action::EditProbes,
        "change_model" | "choose_baseline" | "use_baseline" | "learn_again" | "set_kpis" | "weigh_health"
        | "set_prices" | "note_signal" => Action::EditModel,
        "people" | "create_person" | "change_person" => Action::ManagePeople,
        "keys" | "create_key" | "revoke_key" => Action::ManageKeys,
        "deeds" | "deeds_told" => Action::ReadAudit,
        "forward_deeds" => Action::EditAlerting,
        "remove_model" | "installation" => Action::ManageInstallation,
        _ => return None,
    })
}

/// Why a server function gave no answer, in words for the page.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum Failure {
    #[error("{0}")]
    Refused(String),
    /// The person’s role does not reach that far; in the words of [`domain::Denied`].
    #[error("{0}")]
    NotAllowed(String),
    /// The fault is Plimsoll’s own: the request’s id finds its cause in the log.
    #[error("{words} The log names the cause under the request {request}.")]
    Broken { words: String, request: String },
    #[error("the server did not answer: {0}")]
    Unreachable(String),
}

impl Failure {
    /// Whether asking again may help: nothing was wrong with what was asked.
    pub fn passes(&self) -> bool {
        matches!(self, Failure::Broken { .. } | Failure::Unreachable(_))
    }
}

/// What a server function answers to whoever may not ask it, as the browser's half reads it.
pub fn refusal(denied: &domain::Denied) -> Vec<u8> {
    Failure::NotAllowed(denied.to_string()).ser().to_vec()
}

impl FromServerFnError for Failure {
    type Encoder = Wire;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        Failure::Unreachable(error.to_string())
    }
}

#[cfg(feature = "ssr")]
pub(crate) mod server {
    use axum::http::StatusCode;
    use domain::Actor;
    use engine::{Caller, Engine, EngineError};
    use leptos::prelude::{expect_context, use_context};

    use super::Failure;

    impl From<EngineError> for Failure {
        fn from(error: EngineError) -> Self {
            let status = match &error {
                EngineError::Denied(_) => StatusCode::FORBIDDEN,
                EngineError::Invalid(_) => StatusCode::BAD_REQUEST,
                EngineError::Unproven(_) => StatusCode::UNAUTHORIZED,
                EngineError::NotFound(_) => StatusCode::NOT_FOUND,
                EngineError::Conflict(_) => StatusCode::CONFLICT,
                EngineError::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
                EngineError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
                EngineError::Unanswerable(_) => StatusCode::UNPROCESSABLE_ENTITY,
                EngineError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            // Only what the browser asks for: a page that shows the failure is itself an answer.
            let asked = use_context::<axum::http::request::Parts>().is_some_and(|p| p.uri.path().starts_with("/do/"));
            if let Some(response) = use_context::<leptos_axum::ResponseOptions>().filter(|_| asked) {
                response.set_status(status);
            }
            match error {
                EngineError::Store(error) => {
                    let request = request_id();
                    leptos::logging::error!("a server function failed in the store ({request}): {error}");
                    Failure::Broken { words: "Plimsoll’s store failed.".into(), request }
                }
                EngineError::Denied(denied) => Failure::NotAllowed(denied.to_string()),
                other => Failure::Refused(other.to_string()),
            }
        }
    }

    fn request_id() -> String {
        let parts = use_context::<axum::http::request::Parts>();
        let id = parts.as_ref().and_then(|p| p.headers.get("x-request-id")).and_then(|v| v.to_str().ok());
        id.unwrap_or("unknown").to_string()
    }

    /// How programs reach this installation: as configured, else as this request did.
    pub(crate) fn origin() -> String {
        let public = use_context::<crate::PublicUrl>();
        if let Some(url) = public.as_ref().and_then(|p| p.url.clone()) {
            return url;
        }
        let parts = use_context::<axum::http::request::Parts>();
        let host = parts.as_ref().and_then(|p| p.headers.get("host")).and_then(|h| h.to_str().ok());
        let scheme = if public.is_some_and(|p| p.secure) { "https" } else { "http" };
        format!("{scheme}://{}", host.unwrap_or("localhost:3000"))
    }

    pub(crate) fn engine() -> Engine {
        expect_context::<Engine>()
    }

    pub(crate) fn caller() -> Option<Caller> {
        use_context::<axum::http::request::Parts>()?.extensions.get::<Caller>().cloned()
    }

    /// Who asks, where that decides more than what they may.
    pub(crate) fn known() -> Result<Caller, Failure> {
        caller().ok_or_else(|| Failure::NotAllowed(domain::Denied::NotSignedIn.to_string()))
    }

    /// What stands beside what the caller did.
    pub(crate) fn name() -> String {
        caller().map(|c| c.name()).unwrap_or_default()
    }

    pub(crate) fn actor() -> Actor {
        caller().map_or(Actor::Anonymous, |c| c.actor)
    }
}

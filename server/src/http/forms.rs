//! Plain forms that work before any script has loaded: sign in and out, set-up, own password.

use axum::Extension;
use axum::extract::{Form, State as From};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use domain::Timestamp;
use engine::{Caller, EngineError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::State;
use super::caller::cookie;

/// Back to a form with a code that the page turns into words: nothing of a request is echoed.
fn back(page: &str, error: &EngineError) -> Response {
    let code = match error {
        EngineError::TooMany(_) => "too-many".to_string(),
        EngineError::Invalid(text) | EngineError::Conflict(text) => encode(text),
        _ => "failed".to_string(),
    };
    let join = if page.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{page}{join}error={code}")).into_response()
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn with_session(state: &State, token: &str, until: Timestamp, target: &str) -> Response {
    let seconds = (until.0 - state.engine.now().0) / 1_000_000;
    let mut response = Redirect::to(target).into_response();
    if let Ok(value) = HeaderValue::from_str(&cookie(state.config.server.secure(), token, seconds)) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// A path on this host, or the start: never somewhere else.
fn local_path(next: Option<&str>) -> &str {
    match next {
        Some(path) if path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n']) => path,
        _ => "/",
    }
}

#[derive(Deserialize)]
pub struct SignIn {
    email: String,
    password: String,
    next: Option<String>,
}

pub async fn sign_in(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Form(form): Form<SignIn>,
) -> Response {
    match state.engine.sign_in(&form.email, &form.password, &caller.address).await {
        Ok((_, token, until)) => {
            if let Some(old) = caller.session {
                // Rotation: the token from before the sign-in is worth nothing after it.
                let _ = state.engine.sign_out(&old).await;
            }
            with_session(&state, &token, until, local_path(form.next.as_deref()))
        }
        Err(error) => back("/sign-in", &error),
    }
}

pub async fn sign_out(From(state): From<State>, Extension(caller): Extension<Caller>) -> Response {
    if let Some(token) = caller.session {
        let _ = state.engine.sign_out(&token).await;
    }
    with_session(&state, "", Timestamp(state.engine.now().0), "/sign-in")
}

#[derive(Deserialize)]
pub struct SetUp {
    token: String,
    name: String,
    email: String,
    password: String,
}

pub async fn set_up(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Form(form): Form<SetUp>,
) -> Response {
    match state.engine.set_up(&form.token, &form.email, &form.name, &form.password, &caller.address).await {
        Ok(person) => match state.engine.begin_session(person.id).await {
            Ok((token, until)) => with_session(&state, &token, until, "/connect"),
            Err(error) => back("/sign-in", &error),
        },
        Err(error) => back(&format!("/setup?token={}", encode(&form.token)), &error),
    }
}

#[derive(Deserialize)]
pub struct ChangePassword {
    current: String,
    new: String,
}

pub async fn change_password(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Form(form): Form<ChangePassword>,
) -> Response {
    match state.engine.change_own_password(&caller.actor, &form.current, &form.new, &caller.address).await {
        Ok((token, until)) => with_session(&state, &token, until, "/settings?done=password"),
        Err(error) => back("/settings", &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_leads_only_to_pages_of_this_host() {
        assert_eq!(local_path(Some("/models/a?x=1")), "/models/a?x=1");
        for bad in ["https://evil.example", "//evil.example", "/\\evil", "evil"] {
            assert_eq!(local_path(Some(bad)), "/", "{bad}");
        }
    }
}

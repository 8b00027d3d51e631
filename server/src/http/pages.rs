//! Pages and server functions: Leptos, behind the same guard as everything else.

use std::collections::HashMap;

use app::{App, PublicUrl, shell};
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request};
use axum::http::header;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use domain::zone::Zone;
use domain::{Access, Action, Actor, Object, authorize};
use engine::Caller;
use leptos::prelude::provide_context;
use leptos_axum::{LeptosRoutes, generate_route_list};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::problem::Answer;
use super::{State, site};

/// What of an address stays as it is in a parameter of another.
const NEXT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/');

pub fn router(state: &State) -> Router<State> {
    let routes = generate_route_list(App);
    let assets = site::assets();
    let context = {
        let engine = state.engine.clone();
        let assets = assets.clone();
        let server = &state.config.server;
        let url = server.public_url.as_ref().map(|url| url.trim_end_matches('/').to_string());
        let url = PublicUrl { url, secure: server.secure() };
        move || {
            provide_context(engine.clone());
            provide_context(assets.clone());
            provide_context(url.clone());
        }
    };
    let page = move || shell(assets.clone());
    Router::new()
        .leptos_routes_with_context(state, routes, context, page)
        .layer(from_fn_with_state(state.clone(), in_zone))
        .layer(from_fn(guard))
        .layer(from_fn_with_state(state.clone(), first_things_first))
        .layer(from_fn(no_store))
}

/// What a page or a server function needs.
pub fn access(path: &str) -> Access {
    if let Some(name) = path.strip_prefix("/do/") {
        return app::server_functions::access(name);
    }
    if path.starts_with("/share/") {
        // The token is the right.
        return Access::Public;
    }
    match path {
        "/sign-in" | "/setup" => Access::Public,
        "/links" => Access::Needs(Action::Share),
        "/settings/people" => Access::Needs(Action::ManagePeople),
        "/settings/keys" => Access::Needs(Action::ManageKeys),
        "/settings/installation" => Access::Needs(Action::ManageInstallation),
        "/settings/audit" => Access::Needs(Action::ReadAudit),
        _ => Access::Needs(Action::View),
    }
}

/// The zone of a page’s times: the address’s own, else the person’s. One that is not known is UTC.
async fn in_zone(
    axum::extract::State(state): axum::extract::State<State>,
    query: Result<Query<HashMap<String, String>>, QueryRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    if request.method() != axum::http::Method::GET || request.uri().path().starts_with("/do/") {
        return next.run(request).await;
    }
    let mut name = query.ok().and_then(|Query(mut all)| all.remove("tz")).unwrap_or_default();
    let actor = request.extensions().get::<Caller>().filter(|c| c.person.is_some()).map(|c| c.actor.clone());
    if let Some(actor) = actor.filter(|_| name.is_empty()) {
        name = state.engine.preferences(&actor).await.map(|p| p.zone).unwrap_or_default();
    }
    if let Some(zone) = Zone::named(&name, state.engine.now()) {
        request.extensions_mut().insert(zone);
    }
    next.run(request).await
}

async fn guard(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_string();
    let Access::Needs(action) = access(&path) else {
        return next.run(request).await;
    };
    let actor = request.extensions().get::<Caller>().map_or(Actor::Anonymous, |c| c.actor.clone());
    match authorize(&actor, action, &Object::Installation) {
        Ok(()) => next.run(request).await,
        Err(_) if actor == Actor::Anonymous && !path.starts_with("/do/") => {
            let target = request.uri().path_and_query().map_or("/", |p| p.as_str());
            let next = utf8_percent_encode(target, NEXT);
            Redirect::to(&format!("/sign-in?next={next}")).into_response()
        }
        // A page that asks is told in the words that it reads.
        Err(denied) if path.starts_with("/do/") => {
            let body = app::server_functions::refusal(&denied);
            let status = Answer::from(denied).into_response().status();
            (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Err(denied) => Answer::from(denied).into_response(),
    }
}

/// Until somebody is here, every page leads to set-up; afterwards none does. The bare address leads
/// to the start page of one's role.
async fn first_things_first(
    axum::extract::State(state): axum::extract::State<State>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let get = request.method() == axum::http::Method::GET;
    let needs_setup = match state.engine.needs_setup().await {
        Ok(needs) => needs,
        Err(error) => return Answer::from(error).into_response(),
    };
    if get && needs_setup && path != "/setup" && !path.starts_with("/do/") {
        return Redirect::to("/setup").into_response();
    }
    if get && !needs_setup && path == "/setup" {
        return Redirect::to("/sign-in").into_response();
    }
    let caller = request.extensions().get::<Caller>().filter(|_| get && (path == "/" || path == "/sign-in"));
    if let Some((person, actor)) = caller.and_then(|c| Some((c.person.clone()?, c.actor.clone()))) {
        let chosen = state.engine.preferences(&actor).await.map(|p| p.start).unwrap_or_default();
        let start = if chosen.is_empty() { person.role.start_page() } else { &chosen };
        return Redirect::to(start).into_response();
    }
    next.run(request).await
}

/// Pages show what one person may see: no cache keeps them.
async fn no_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    response
}

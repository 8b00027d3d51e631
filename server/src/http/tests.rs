//! The walk over every route and server function, with every role and with none.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use domain::{Access, Actor, Object, Role, Scope, authorize};
use tower::ServiceExt;

use super::*;
use crate::config::Config;

struct Walk {
    app: Router,
    entries: Vec<routes::Entry>,
    /// Who, and the header that says so.
    callers: Vec<(Actor, Option<(&'static str, String)>)>,
    folder: std::path::PathBuf,
}

impl Drop for Walk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn walk() -> Walk {
    let folder = std::env::temp_dir().join(format!("plimsoll-walk-{}", engine::people::random_text(12)));
    let url = format!("sqlite:{}", folder.join("t.db").display());
    let store = store::Store::open(&store::StoreOptions::new(url)).await.expect("opens");
    let engine = Engine::new(store);
    let mut callers = vec![(Actor::Anonymous, None)];
    for role in Role::ALL {
        let email = format!("{}@example.com", role.name());
        let id =
            engine.create_person(&Actor::Local, &email, role.title(), role, "four boats at noon").await.expect("made");
        let (token, _) = engine.begin_session(id).await.expect("begun");
        callers.push((Actor::Person { id, role }, Some(("cookie", format!("plimsoll={token}")))));
    }
    for scope in Scope::ALL {
        let secret = engine.create_key(&Actor::Local, scope.name(), &[scope], None).await.expect("made");
        callers.push((Actor::Key { id: 0, scopes: vec![scope] }, Some(("authorization", format!("Bearer {secret}")))));
    }
    let (app, entries) = build(engine, &Config::default(), CancellationToken::new());
    Walk { app, entries, callers, folder }
}

async fn ask(app: &Router, method: &str, path: &str, header: &Option<(&'static str, String)>) -> StatusCode {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if let Some((name, value)) = header {
        request = request.header(*name, value);
    }
    let request = request.body(Body::from("{}")).expect("a request");
    app.clone().oneshot(request).await.expect("answers").status()
}

fn refused(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_each_caller_as_the_one_rule_says() {
    let walk = walk().await;
    assert!(walk.entries.len() > 15);
    for entry in &walk.entries {
        let path = entry.path.replace("{model}", "nothing").replace("{id}", "1").replace(['{', '}'], "");
        // The stream never ends; its guard is the same.
        let path = if path == "/live" { continue } else { path };
        for (actor, header) in &walk.callers {
            // Signing out as a person would end the session that the rest of the walk needs.
            if entry.access == Access::Public && *actor != Actor::Anonymous {
                continue;
            }
            let status = ask(&walk.app, entry.method, &path, header).await;
            let allowed = match entry.access {
                Access::Public => true,
                Access::Needs(action) => authorize(actor, action, &Object::Installation).is_ok(),
            };
            assert_eq!(refused(status), !allowed, "{} {path} as {actor:?}: {status}", entry.method);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_of_the_api_stands_in_its_document() {
    let walk = walk().await;
    for entry in walk.entries.iter().filter(|e| e.path.starts_with("/api/") || e.path.starts_with("/v1/")) {
        assert!(openapi::is_described(entry), "{} {}", entry.method, entry.path);
    }
    let document = openapi::document(&walk.entries);
    assert_eq!(document["openapi"], "3.1.0");
    let text = document.to_string();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap_or_default();
        assert!(document["components"]["schemas"].get(name).is_some(), "{name} is referred to and not there");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_server_function_answers_each_caller_as_the_one_rule_says() {
    let walk = walk().await;
    let functions: Vec<_> = server_fn::axum::server_fn_paths().collect();
    assert!(functions.len() >= 10, "the server functions are registered");
    for (path, method) in functions {
        for (actor, header) in &walk.callers {
            let Access::Needs(action) = pages::access(path) else { panic!("{path} is open to all") };
            let status = ask(&walk.app, method.as_str(), path, header).await;
            let allowed = authorize(actor, action, &Object::Installation).is_ok();
            assert_eq!(refused(status), !allowed, "{path} as {actor:?}: {status}");
        }
    }
}

#[test]
fn a_page_reads_why_it_is_refused() {
    use leptos::server_fn::error::FromServerFnError;
    let denied = domain::Denied::NotSignedIn;
    let read = app::server_functions::Failure::de(app::server_functions::refusal(&denied).into());
    assert_eq!(read, app::server_functions::Failure::NotAllowed(denied.to_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_server_function_stands_in_the_table_of_rights() {
    for (path, _) in server_fn::axum::server_fn_paths() {
        let name = path.strip_prefix("/do/").unwrap_or_else(|| panic!("{path} lies outside /do/"));
        assert!(app::server_functions::listed(name).is_some(), "{name} is missing in app::server_functions::listed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_send_strangers_to_the_sign_in_and_refuse_what_a_role_may_not_see() {
    let walk = walk().await;
    for (actor, header) in walk.callers.iter().filter(|(a, _)| !matches!(a, Actor::Key { .. })) {
        for (path, administrators) in [
            ("/overview", false),
            ("/operations", false),
            ("/settings", false),
            ("/settings/people", true),
            ("/settings/keys", true),
            ("/settings/installation", true),
            ("/connect", false),
        ] {
            let status = ask(&walk.app, "GET", path, header).await;
            let expected = match actor {
                Actor::Anonymous => StatusCode::SEE_OTHER,
                Actor::Person { role, .. } if administrators && *role != Role::Administrator => StatusCode::FORBIDDEN,
                _ => StatusCode::OK,
            };
            assert_eq!(status, expected, "{path} as {actor:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_from_another_site_is_refused() {
    let walk = walk().await;
    let request = Request::builder()
        .method("POST")
        .uri("/session/end")
        .header("host", "localhost")
        .header("origin", "https://evil.example")
        .header("sec-fetch-site", "cross-site")
        .body(Body::empty())
        .expect("a request");
    let response = walk.app.clone().oneshot(request).await.expect("answers");
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    for (name, _) in [("x-content-type-options", ()), ("content-security-policy", ()), ("x-request-id", ())] {
        assert!(response.headers().contains_key(name), "{name}");
    }
}

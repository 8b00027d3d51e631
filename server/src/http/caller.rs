//! Who is calling: a session cookie, an API key, or nobody.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State as From};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Actor;
use engine::Caller;

use super::State;
use super::problem::Answer;
use crate::config::ServerConfig;

/// The name of the session cookie; `__Host-` ties it to this host and to TLS.
pub fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-plimsoll" } else { "plimsoll" }
}

/// The cookie that begins a session, or with an empty token ends it.
pub fn cookie(secure: bool, token: &str, seconds: i64) -> String {
    let name = cookie_name(secure);
    let flag = if secure { "; Secure" } else { "" };
    format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{flag}")
}

fn cookie_value(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(n, _)| *n == name)
        .map(|(_, value)| value.to_string())
        .filter(|value| !value.is_empty())
}

/// The caller's address: the last one that no trusted proxy added.
fn address(peer: Option<IpAddr>, headers: &HeaderMap, config: &ServerConfig) -> String {
    let Some(peer) = peer else {
        return "unknown".into();
    };
    if !config.trusted_proxies.contains(&peer) {
        return peer.to_string();
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(str::trim)
        .collect();
    forwarded
        .into_iter()
        .rev()
        .filter_map(|text| text.parse::<IpAddr>().ok())
        .find(|address| !config.trusted_proxies.contains(address))
        .unwrap_or(peer)
        .to_string()
}

/// Finds out who is calling and passes it on. A key that is wrong is refused at once; a session
/// that is over is nobody.
pub async fn identify(From(state): From<State>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let address = address(peer, request.headers(), &state.config.server);
    let bearer = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .map(|v| v.strip_prefix("Bearer ").unwrap_or_default().trim().to_string());
    let mut caller = Caller { actor: Actor::Anonymous, person: None, address, session: None };
    if let Some(secret) = bearer {
        match state.engine.key_actor(&secret).await {
            Ok(Some(actor)) => caller.actor = actor,
            Ok(None) => {
                return Answer::new(
                    401,
                    "wrong-key",
                    "Key not accepted",
                    "this API key is unknown, revoked or past its end; make another under Settings, API keys",
                )
                .into_response();
            }
            Err(error) => return Answer::from(error).into_response(),
        }
    } else if let Some(token) = cookie_value(request.headers(), cookie_name(state.config.server.secure())) {
        match state.engine.session_actor(&token).await {
            Ok(Some((actor, person))) => {
                caller = Caller { actor, person: Some(person), session: Some(token), ..caller };
            }
            Ok(None) => {}
            Err(error) => return Answer::from(error).into_response(),
        }
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_addresses_count_only_from_trusted_proxies() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "6.6.6.6, 1.2.3.4, 10.0.0.2".parse().expect("valid"));
        let ip = |text: &str| text.parse::<IpAddr>().expect("valid");
        let config = ServerConfig { trusted_proxies: vec![ip("10.0.0.1"), ip("10.0.0.2")], ..ServerConfig::default() };
        assert_eq!(address(Some(ip("10.0.0.1")), &headers, &config), "1.2.3.4");
        assert_eq!(address(Some(ip("9.9.9.9")), &headers, &config), "9.9.9.9");
    }

    #[test]
    fn a_cookie_over_tls_is_tied_to_host_and_scheme() {
        assert!(cookie(true, "t", 1).starts_with("__Host-") && cookie(true, "t", 1).contains("; Secure"));
        assert!(cookie(false, "t", 1).contains("HttpOnly; SameSite=Lax"));
    }
}

//! Alerts, rules and who is told, for programs; and the page that a message's link leads to.

use std::collections::BTreeMap;

use axum::extract::{Form, Path, Query, State as From};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::{Extension, Json};
use domain::Timestamp;
use domain::alert::backtest::Backtest;
use domain::alert::config::Alerting;
use domain::alert::priority::Priority;
use domain::alert::rule::RuleText;
use domain::alert::view::{AlertAct, AlertFilter, AlertView, AlertsView, DestinationState, DryRun, Reached, RuleState};
use engine::Caller;
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use super::problem::{Answer, ApiResult};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BoardQuery {
    state: String,
    /// P1 to P4, by commas.
    priority: String,
    system: String,
    layer: String,
    environment: String,
    q: String,
    /// Matchers, as `team="ml"`.
    filter: String,
}

pub async fn board(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<BoardQuery>,
) -> ApiResult<Json<AlertsView>> {
    let filter = AlertFilter {
        state: query.state,
        priorities: Priority::parse_all(&query.priority),
        system: query.system,
        layer: query.layer,
        environment: query.environment,
        text: query.q,
        matchers: query.filter,
    };
    Ok(Json(state.engine.alerts(&caller.actor, &filter, &caller.name()).await?))
}

pub async fn one(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(fingerprint): Path<String>,
) -> ApiResult<Json<AlertView>> {
    Ok(Json(state.engine.alert_view(&caller.actor, &fingerprint).await?))
}

pub async fn act(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(fingerprint): Path<String>,
    Json(act): Json<AlertAct>,
) -> ApiResult<StatusCode> {
    state.engine.act_on_alert(&caller.actor, &caller.name(), &fingerprint, act).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn document(From(state): From<State>, Extension(caller): Extension<Caller>) -> ApiResult<Json<Alerting>> {
    Ok(Json(state.engine.alerting(&caller.actor).await?))
}

pub async fn set_document(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(document): Json<Alerting>,
) -> ApiResult<StatusCode> {
    state.engine.set_alerting(&caller.actor, document).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn destinations(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
) -> ApiResult<Json<Vec<DestinationState>>> {
    Ok(Json(state.engine.destinations(&caller.actor).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tested {
    key: String,
}

pub async fn test_destination(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(tested): Json<Tested>,
) -> ApiResult<StatusCode> {
    state.engine.test_destination(&caller.actor, &tested.key).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paged {
    name: String,
}

pub async fn test_policy(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(paged): Json<Paged>,
) -> ApiResult<Json<Vec<Reached>>> {
    Ok(Json(state.engine.test_policy(&caller.actor, &paged.name).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Who {
    labels: BTreeMap<String, String>,
    /// RFC 3339; now without it.
    #[serde(default)]
    at: Option<String>,
}

pub async fn who(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(asked): Json<Who>,
) -> ApiResult<Json<DryRun>> {
    let at = match asked.at {
        None => state.engine.now(),
        Some(text) => Timestamp::parse(&text).ok_or_else(|| {
            Answer::new(400, "invalid", "That cannot be used", "“at” is no time; write 2026-10-25T03:00:00Z")
        })?,
    };
    Ok(Json(state.engine.dry_run(&caller.actor, asked.labels, at).await?))
}

pub async fn rules(From(state): From<State>, Extension(caller): Extension<Caller>) -> ApiResult<Json<Vec<RuleState>>> {
    Ok(Json(state.engine.rules(&caller.actor).await?))
}

pub async fn create_rule(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Json(text): Json<RuleText>,
) -> ApiResult<(StatusCode, Json<Value>)> {
    let id = state.engine.create_rule(&caller.actor, &caller.name(), text).await?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

pub async fn update_rule(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<i64>,
    Json(text): Json<RuleText>,
) -> ApiResult<StatusCode> {
    state.engine.update_rule(&caller.actor, &caller.name(), id, text).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn delete_rule(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<i64>,
) -> ApiResult<StatusCode> {
    state.engine.delete_rule(&caller.actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BacktestQuery {
    days: Option<u32>,
}

pub async fn backtest(
    From(state): From<State>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<BacktestQuery>,
    Json(text): Json<RuleText>,
) -> ApiResult<Json<Backtest>> {
    Ok(Json(state.engine.backtest(&caller.actor, &text, query.days.unwrap_or(30)).await?))
}

/// What a signed link in a message says.
#[derive(Deserialize)]
pub struct Link {
    group: String,
    until: i64,
    signature: String,
}

/// What a signed link to a rotation says.
#[derive(Deserialize)]
pub struct CalendarLink {
    schedule: String,
    person: i64,
    signature: String,
}

/// A rotation for calendar programs, which cannot sign in.
pub async fn calendar(From(state): From<State>, Query(link): Query<CalendarLink>) -> Response {
    match state.engine.calendar(&link.schedule, link.person, &link.signature).await {
        Err(error) => link_refused(error),
        Ok(text) => {
            let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/calendar; charset=utf-8"));
            let kept = (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
            ([kind, kept], text).into_response()
        }
    }
}

/// Text of others, fit to stand in a page.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// A page without script: it opens on any telephone, signed in or not.
fn small_page(status: StatusCode, title: &str, body: &str) -> Response {
    let css = super::site::assets().css;
    let style = if css.is_empty() { String::new() } else { format!("<link rel=\"stylesheet\" href=\"{css}\">") };
    let text = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{title} · Plimsoll</title>{style}</head>\
         <body class=\"small-page\"><main><h1>{title}</h1>{body}</main></body></html>"
    );
    let mut response = (status, Html(text)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
        ),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn link_refused(error: engine::EngineError) -> Response {
    let text = escaped(&error.to_string());
    small_page(StatusCode::BAD_REQUEST, "This link does not work", &format!("<p>{text}.</p>"))
}

/// Asks first: mail programs follow links by themselves, and reading must change nothing.
pub async fn acknowledge_page(From(state): From<State>, Query(link): Query<Link>) -> Response {
    match state.engine.link_group(&link.group, link.until, &link.signature).await {
        Err(error) => link_refused(error),
        Ok(alerts) if alerts.is_empty() => {
            small_page(StatusCode::OK, "Nothing to acknowledge", "<p>These alerts are over.</p>")
        }
        Ok(alerts) => {
            let rows: String = alerts
                .iter()
                .take(20)
                .map(|a| format!("<li>{} {}: {}</li>", a.priority.name(), escaped(a.name()), escaped(a.summary())))
                .collect();
            let hidden = |name: &str, value: &str| {
                format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value))
            };
            let body = format!(
                "<ul>{rows}</ul><form method=\"post\" action=\"/acknowledge\">{}{}{}<button class=\"btn primary\">Acknowledge {}</button></form>",
                hidden("group", &link.group),
                hidden("until", &link.until.to_string()),
                hidden("signature", &link.signature),
                if alerts.len() == 1 { "this alert".to_string() } else { format!("these {} alerts", alerts.len()) },
            );
            small_page(StatusCode::OK, "Take these alerts on", &body)
        }
    }
}

pub async fn acknowledge(From(state): From<State>, Form(link): Form<Link>) -> Response {
    match state.engine.acknowledge_by_link(&link.group, link.until, &link.signature).await {
        Err(error) => link_refused(error),
        Ok(count) => {
            let words = if count == 1 { "One alert is".to_string() } else { format!("{count} alerts are") };
            let body = format!("<p>{words} acknowledged; nobody else is called for now.</p>");
            small_page(StatusCode::OK, "Acknowledged", &body)
        }
    }
}

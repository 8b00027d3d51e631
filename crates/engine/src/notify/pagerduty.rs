//! PagerDuty Events v2: one event a group, opened and resolved by the group's own key.

use domain::alert::message::Message;
use domain::alert::priority::Severity;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Problem;
use crate::outgoing;
use crate::signature::hex;

const URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// Bytes that PagerDuty takes.
const MOST: usize = 500_000;

pub fn body(routing_key: &str, message: &Message) -> Value {
    let alerts = if message.fires() { &message.firing } else { &message.resolved };
    let first = alerts.iter().min_by_key(|a| a.priority);
    // A group's key may be longer than the 255 characters that are taken.
    let dedup = hex(&Sha256::digest(message.group_key.as_bytes()));
    let severity = first.map_or(Severity::Warning, |a| Severity::read(a.label("severity")));
    let severity = match severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let summary: String = message.title().chars().take(1000).collect();
    let source = first.map_or("plimsoll", |a| a.subject());
    let mut links = Vec::new();
    if message.url.starts_with("http") {
        links.push(json!({"href": message.url, "text": "Open in Plimsoll"}));
    }
    json!({
        "routing_key": routing_key,
        "event_action": if message.fires() { "trigger" } else { "resolve" },
        "dedup_key": dedup,
        "client": "Plimsoll",
        "client_url": message.url,
        "links": links,
        "payload": {
            "summary": summary,
            "source": if source.is_empty() { "plimsoll" } else { source },
            "severity": severity,
            "timestamp": first.map(|a| a.starts_at.rfc3339()),
            "component": first.map(|a| a.label("service")),
            "group": first.map(|a| a.system()),
            "class": first.map(|a| a.name()),
            "custom_details": {
                "alerts": message.lines(),
                "labels": message.common(|a| &a.labels),
                "left_out": message.left_out
            }
        }
    })
}

pub async fn send(url: &str, routing_key: &str, message: &Message) -> Result<(), Problem> {
    let mut body = body(routing_key, message);
    if body.to_string().len() > MOST {
        body["payload"]["custom_details"] = json!({"left_out": "too long; open it in Plimsoll"});
    }
    let url = if url.is_empty() { URL } else { url };
    let headers = [("content-type", "application/json")];
    Problem::of(outgoing::post(url, &headers, body.to_string().into_bytes()).await).map(|_| ())
}

//! Slack (Block Kit) and Microsoft Teams (an Adaptive Card to a Workflows address). What comes from
//! telemetry is escaped as each of them asks, and cut to what each of them takes.

use domain::alert::message::Message;
use domain::alert::priority::Priority;
use serde_json::{Value, json};

use super::Problem;
use crate::outgoing;

/// Slack takes 3000 characters a section; a message of 13,000 in all is cut by it.
const SECTION: usize = 2900;
const LINES: usize = 20;

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_string() } else { text.chars().take(most - 1).chain(['…']).collect() }
}

/// Slack's three escapes; nothing else has a meaning in what is left.
fn escaped(text: &str) -> String {
    let plain = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    // Marks would be read as formatting.
    plain.replace(['*', '_', '`', '~'], "\u{2217}")
}

fn lines(message: &Message, escape: fn(&str) -> String) -> String {
    let all = message.lines();
    let more = (all.len().saturating_sub(LINES)) as u64 + message.left_out;
    let mut text: Vec<String> = all.iter().take(LINES).map(|l| format!("• {}", escape(&cut(l, 400)))).collect();
    if more > 0 {
        text.push(format!("… and {more} more"));
    }
    text.join("\n")
}

pub fn slack_body(message: &Message) -> Value {
    let mut buttons = vec![json!({
        "type": "button", "text": {"type": "plain_text", "text": if message.incident.is_some() { "Open incident" } else { "Open" }},
        "url": cut(&message.url, 2900)
    })];
    if !message.acknowledge_url.is_empty() && message.acknowledge_url.len() < 2900 {
        buttons.push(json!({
            "type": "button", "style": "primary", "text": {"type": "plain_text", "text": "Acknowledge"},
            "url": message.acknowledge_url
        }));
    }
    let mut blocks =
        vec![json!({"type": "header", "text": {"type": "plain_text", "text": cut(&message.title(), 150)}})];
    // Slack refuses a section without words.
    let text = cut(&lines(message, escaped), SECTION);
    if !text.is_empty() {
        blocks.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": text}}));
    }
    // Slack refuses a button whose address is none.
    if message.url.starts_with("http") {
        blocks.push(json!({"type": "actions", "elements": buttons}));
    }
    json!({"text": escaped(&cut(&message.title(), 300)), "blocks": blocks})
}

pub fn teams_body(message: &Message) -> Value {
    let colour = match (message.fires(), message.priority()) {
        (false, _) => "good",
        (true, Priority::P1 | Priority::P2) => "attention",
        _ => "warning",
    };
    // Cards read a little Markdown: marks are taken out, links cannot be made without them.
    let plain = |text: &str| text.replace(['*', '_', '`', '[', ']', '<', '>'], " ");
    let mut actions = Vec::new();
    if message.url.starts_with("http") {
        actions.push(json!({"type": "Action.OpenUrl", "title": "Open", "url": message.url}));
    }
    if !message.acknowledge_url.is_empty() {
        actions.push(json!({"type": "Action.OpenUrl", "title": "Acknowledge", "url": message.acknowledge_url}));
    }
    json!({"type": "message", "attachments": [{
        "contentType": "application/vnd.microsoft.card.adaptive",
        "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
            "body": [
                {"type": "TextBlock", "size": "Medium", "weight": "Bolder", "wrap": true, "color": colour,
                 "text": plain(&cut(&message.title(), 300))},
                {"type": "TextBlock", "wrap": true, "text": cut(&lines(message, |t| t.replace(['*', '_', '`', '[', ']', '<', '>'], " ")), 8000)}
            ],
            "actions": actions
        }
    }]})
}

pub async fn slack(url: &str, message: &Message) -> Result<(), Problem> {
    json_to(url, &slack_body(message)).await
}

pub async fn teams(url: &str, message: &Message) -> Result<(), Problem> {
    json_to(url, &teams_body(message)).await
}

async fn json_to(url: &str, body: &Value) -> Result<(), Problem> {
    let headers = [("content-type", "application/json")];
    Problem::of(outgoing::post(url, &headers, body.to_string().into_bytes()).await).map(|_| ())
}

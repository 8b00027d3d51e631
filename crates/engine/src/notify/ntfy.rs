//! ntfy: a push message to a topic. Headers hold no line breaks and only ASCII, so that what comes from
//! telemetry cannot add one.

use domain::alert::message::Message;
use domain::alert::priority::Priority;

use super::Problem;
use crate::outgoing;

fn header(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' }).take(most).collect()
}

pub async fn send(url: &str, token: &str, message: &Message) -> Result<(), Problem> {
    let priority = match (message.fires(), message.priority()) {
        (false, _) => "2",
        (true, Priority::P1) => "5",
        (true, Priority::P2) => "4",
        (true, Priority::P3) => "3",
        (true, Priority::P4) => "2",
    };
    let title = header(&message.title(), 250);
    let tags = if message.fires() { "rotating_light" } else { "white_check_mark" };
    let click = header(&message.url, 1500);
    let actions = if message.acknowledge_url.is_empty() {
        String::new()
    } else {
        format!("view, Acknowledge, {}", header(&message.acknowledge_url, 3000))
    };
    let bearer = format!("Bearer {}", header(token, 300));
    let mut headers = vec![("title", title.as_str()), ("priority", priority), ("tags", tags)];
    if message.url.starts_with("http") {
        headers.push(("click", &click));
    }
    if !actions.is_empty() {
        headers.push(("actions", &actions));
    }
    if !token.is_empty() {
        headers.push(("authorization", &bearer));
    }
    let mut lines = message.lines();
    lines.truncate(20);
    if message.left_out > 0 {
        lines.push(format!("… and {} more", message.left_out));
    }
    let body: String = lines.join("\n").chars().take(3900).collect();
    Problem::of(outgoing::post(url, &headers, body.into_bytes()).await).map(|_| ())
}

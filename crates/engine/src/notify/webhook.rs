//! The generic webhook: Alertmanager's body, version 4, so that whatever takes those takes these.
//!
//! `X-Plimsoll-Signature: t=SECONDS,v1=HEX` is HMAC-SHA256 over `SECONDS.BODY` with the shared secret;
//! `Idempotency-Key` stays the same when a message is sent again.

use domain::Timestamp;
use domain::alert::message::Message;
use domain::alert::{Alert, Labels};
use serde::Serialize;

use super::Problem;
use crate::outgoing;
use crate::signature::{hex, hmac_sha256};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    version: &'static str,
    group_key: &'a str,
    truncated_alerts: u64,
    status: &'static str,
    receiver: &'a str,
    group_labels: &'a Labels,
    common_labels: Labels,
    common_annotations: Labels,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    alerts: Vec<Item<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    status: &'static str,
    labels: &'a Labels,
    annotations: &'a Labels,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: &'a str,
}

fn item(alert: &Alert, fires: bool) -> Item<'_> {
    // Go's zero time stands for “not yet”.
    let ends = alert.ends_at.filter(|_| !fires);
    Item {
        status: if fires { "firing" } else { "resolved" },
        labels: &alert.labels,
        annotations: &alert.annotations,
        starts_at: alert.starts_at.rfc3339(),
        ends_at: ends.map_or_else(|| "0001-01-01T00:00:00Z".into(), Timestamp::rfc3339),
        generator_url: &alert.generator,
        fingerprint: &alert.fingerprint,
    }
}

pub fn body(message: &Message, external_url: &str) -> Vec<u8> {
    let alerts = message.firing.iter().map(|a| item(a, true)).chain(message.resolved.iter().map(|a| item(a, false)));
    let body = Body {
        version: "4",
        group_key: &message.group_key,
        truncated_alerts: message.left_out,
        status: if message.fires() { "firing" } else { "resolved" },
        receiver: &message.receiver,
        group_labels: &message.labels,
        common_labels: message.common(|a| &a.labels),
        common_annotations: message.common(|a| &a.annotations),
        external_url,
        alerts: alerts.collect(),
    };
    serde_json::to_vec(&body).unwrap_or_default()
}

/// The signature header's value.
pub fn signature(secret: &str, seconds: i64, body: &[u8]) -> String {
    let message = [format!("{seconds}.").as_bytes(), body].concat();
    format!("t={seconds},v1={}", hex(&hmac_sha256(secret.as_bytes(), &message)))
}

pub async fn send(url: &str, secret: &str, message: &Message, key: &str, external_url: &str) -> Result<(), Problem> {
    let body = body(message, external_url);
    let signed = if secret.is_empty() { String::new() } else { signature(secret, message.at.0 / 1_000_000, &body) };
    let mut headers = vec![("content-type", "application/json"), ("idempotency-key", key)];
    if !signed.is_empty() {
        headers.push(("x-plimsoll-signature", &signed));
    }
    Problem::of(outgoing::post(url, &headers, body).await).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_rfc() {
        // RFC 4231, test case 2, with the time's prefix taken into the message.
        let made = signature("Jefe", 1, b"what do ya want for nothing?");
        assert!(made.starts_with("t=1,v1=") && made.len() == 7 + 64, "{made}");
        assert_ne!(made, signature("Jefe", 2, b"what do ya want for nothing?"));
    }
}

//! `bench alert`: from a sample, or a posted alert, to the webhook that hears of it; ten thousand open alerts;
//! a storm.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::ingest::now_millis;
use crate::load::client::Connection;
use crate::load::server::Server;
use crate::load::{Database, quantile, report};

/// Alerts whose way is timed.
const TIMED: usize = 300;
const OPEN: usize = 10_000;
const SILENCES: usize = 1000;
const INHIBITIONS: usize = 100;

/// When each alert, by its label `i`, was first heard of; and how many messages came.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<(HashMap<String, Instant>, usize)>>);

impl Heard {
    fn at(&self, name: &str) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.get(name).copied()
    }

    fn messages(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

async fn hook() -> Result<(String, Heard), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| e.to_string())?;
    let address = listener.local_addr().map_err(|e| e.to_string())?.to_string();
    let heard = Heard::default();
    let kept = heard.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(take(stream, kept.clone()));
        }
    });
    Ok((address, heard))
}

async fn take(mut stream: TcpStream, heard: Heard) {
    let mut buffer = Vec::new();
    loop {
        let split = loop {
            if let Some(split) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break split + 4;
            }
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let head = String::from_utf8_lossy(&buffer[..split]).to_ascii_lowercase();
        let length = head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        let end = split + length.unwrap_or(0);
        while buffer.len() < end {
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let now = Instant::now();
        let body: Value = serde_json::from_slice(&buffer[split..end]).unwrap_or(Value::Null);
        {
            let mut kept = heard.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.1 += 1;
            for alert in body["alerts"].as_array().into_iter().flatten() {
                let name = alert["labels"]["i"].as_str().unwrap_or_default().to_string();
                kept.0.entry(name).or_insert(now);
            }
        }
        buffer.drain(..end);
        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
            return;
        }
    }
}

struct Client {
    connection: Connection,
    key: String,
}

impl Client {
    async fn say(&mut self, method: &str, path: &str, body: &Value) -> Result<(), String> {
        match self.connection.json(method, path, &self.key, &body.to_string()).await? {
            200..=204 => Ok(()),
            other => Err(format!("{method} {path}: the answer was {other}")),
        }
    }

    async fn timed(&mut self, path: &str) -> Result<f64, String> {
        let begun = Instant::now();
        let (status, _) = self.connection.get(path, &self.key).await?;
        if status == 200 { Ok(begun.elapsed().as_secs_f64() * 1000.0) } else { Err(format!("{path}: {status}")) }
    }
}

fn alerting(address: &str, group_by: &str, wait: i64, inhibitions: usize) -> Value {
    let inhibitions: Vec<Value> = (0..inhibitions)
        .map(|n| json!({"source": [{"name": "cause", "value": n.to_string()}], "target": [{"name": "of", "value": n.to_string()}], "equal": ["host"]}))
        .collect();
    json!({
        "route": {"receiver": "hook", "group_by": [group_by], "group_wait": wait, "group_interval": 1_000_000, "repeat_interval": 14_400_000_000_i64},
        "receivers": [{"name": "hook", "per_minute": 1_000_000, "destinations": [{"to": "webhook", "url": format!("http://{address}/")}]}],
        "inhibitions": inhibitions,
    })
}

async fn until_heard(heard: &Heard, name: &str) -> Result<Instant, String> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(at) = heard.at(name) {
            return Ok(at);
        }
        if Instant::now() > until {
            return Err(format!("{name} was never told of"));
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
}

pub async fn alert(database: Database) -> Result<(), String> {
    let server = Server::start(database, &["--set", "collect.host=false"])?;
    let (address, heard) = hook().await?;
    let mut client = Client { connection: Connection::open(&server.address).await?, key: server.key.clone() };
    client.say("PUT", "/api/v1/alerting", &alerting(&address, "i", 0, 0)).await?;
    let sample = |name: &str, value: f64| json!({"name": "depth", "labels": {"i": name}, "value": value});
    client.say("POST", "/api/v1/samples", &sample("s0", 1.0)).await?;
    let rule = json!({"name": "Deep", "severity": "info", "urgency": "later", "condition": {"is": "signal", "query": "depth", "compare": "above", "limit": {"from": "fixed", "value": 10.0}}});
    client.say("POST", "/api/v1/alerting/rules", &rule).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut by_sample = Vec::with_capacity(TIMED);
    for n in 0..TIMED {
        let name = format!("s{n}");
        let sent = Instant::now();
        client.say("POST", "/api/v1/samples", &sample(&name, 50.0)).await?;
        by_sample.push((until_heard(&heard, &name).await? - sent).as_secs_f64() * 1000.0);
    }
    let mut posted = Vec::with_capacity(TIMED);
    for n in 0..TIMED {
        let name = format!("p{n}");
        let sent = Instant::now();
        client.say("POST", "/api/v2/alerts", &json!([{"labels": {"alertname": "Posted", "i": name}}])).await?;
        posted.push((until_heard(&heard, &name).await? - sent).as_secs_f64() * 1000.0);
    }
    drop(client);
    drop(server);

    let server = Server::start(database, &["--set", "collect.host=false"])?;
    let mut client = Client { connection: Connection::open(&server.address).await?, key: server.key.clone() };
    // A group is due in each turn and said once: what is measured is deciding, not sending.
    client.say("PUT", "/api/v1/alerting", &alerting(&address, "alertname", 1_000_000, INHIBITIONS)).await?;
    for from in (0..OPEN).step_by(1000) {
        let alerts: Vec<Value> = (from..from + 1000)
            .map(|n| {
                let role = if n % 50 == 0 { "cause" } else { "of" };
                json!({"labels": {"alertname": format!("a{}", n % 40), "i": n.to_string(), "host": format!("h{}", n % 500), role: (n % INHIBITIONS).to_string(), "severity": "info"}})
            })
            .collect();
        client.say("POST", "/api/v2/alerts", &json!(alerts)).await?;
    }
    let until = now_millis() + 3_600_000;
    for n in 0..SILENCES {
        let silence = json!({"matchers": [{"name": "i", "value": (n * 7).to_string(), "isRegex": false, "isEqual": true}], "startsAt": "2020-01-01T00:00:00Z", "endsAt": rfc3339(until), "createdBy": "bench", "comment": "known"});
        client.say("POST", "/api/v2/silences", &silence).await?;
    }
    let (mut page, mut list) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        page.push(client.timed("/api/v1/alerts/board").await?);
        list.push(client.timed("/api/v2/alerts").await?);
    }
    tokio::time::sleep(Duration::from_secs(35)).await;
    let (_, answer) = client.connection.get("/api/v1/query?query=plimsoll_alert_turn_seconds", &client.key).await?;
    let answer: Value = serde_json::from_slice(&answer).map_err(|e| e.to_string())?;
    let turn = answer["data"]["result"][0]["value"][1].as_str().and_then(|v| v.parse::<f64>().ok());
    let tick = turn.ok_or("the alerting published no turn")? * 1000.0;
    drop(client);
    drop(server);

    let server = Server::start(database, &["--set", "collect.host=false"])?;
    let mut client = Client { connection: Connection::open(&server.address).await?, key: server.key.clone() };
    client.say("PUT", "/api/v1/alerting", &alerting(&address, "alertname", 1_000_000, 0)).await?;
    let (before, begun) = (heard.messages(), Instant::now());
    for second in 0..10 {
        let alerts: Vec<Value> = (0..1000)
            .map(|n| json!({"labels": {"alertname": "Storm", "system": "shop", "i": format!("x{second}-{n}"), "severity": "critical"}}))
            .collect();
        client.say("POST", "/api/v2/alerts", &json!(alerts)).await?;
        let next = Duration::from_secs(second + 1);
        tokio::time::sleep(next.saturating_sub(begun.elapsed())).await;
    }
    let storm = begun.elapsed().as_secs_f64();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (_, answer) = client.connection.get("/api/v1/incidents", &client.key).await?;
    let incidents: Value = serde_json::from_slice(&answer).map_err(|e| e.to_string())?;
    report(
        "alert",
        database,
        1,
        &[
            ("sample_to_webhook_p50_ms", quantile(&mut by_sample.clone(), 0.5)),
            ("sample_to_webhook_p99_ms", quantile(&mut by_sample, 0.99)),
            ("posted_to_webhook_p50_ms", quantile(&mut posted.clone(), 0.5)),
            ("posted_to_webhook_p99_ms", quantile(&mut posted, 0.99)),
            ("tick_10k_ms", tick),
            ("page_10k_ms", quantile(&mut page, 0.5)),
            ("list_10k_ms", quantile(&mut list, 0.5)),
            ("storm_alerts_per_second", 10_000.0 / storm),
            ("storm_messages", (heard.messages() - before) as f64),
            ("storm_incidents", incidents["open"].as_array().map_or(0, Vec::len) as f64),
        ],
    );
    Ok(())
}

/// Milliseconds since 1970 as RFC 3339.
fn rfc3339(millis: i64) -> String {
    domain::Timestamp(millis * 1000).rfc3339()
}

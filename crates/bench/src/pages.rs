//! `bench pages`: Operations over a day with everything on it, drawn on the server, for twenty people who each
//! load it every few seconds; and the other pages, one after another.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::ingest::now_millis;
use crate::load::client::{Connection, request, send_all};
use crate::load::server::Server;
use crate::load::{Database, fill, quantile, report};
use crate::otlp::{PROTOBUF, spans};

const USERS: u32 = 20;
const EVERY: Duration = Duration::from_secs(5);
const DAY_MS: i64 = 86_400_000;
/// Requests of spans, each of 512, spread over the day.
const SPAN_REQUESTS: i64 = 200;
const PREDICTIONS: usize = 200_000;
/// The host's own signals over the day, a reading every ten seconds.
const READINGS: i64 = 8640;
const PATH: &str = "/operations?from=now-1d";
const OTHERS: [&str; 6] = ["/overview", "/alerts", "/incidents", "/models/credit-risk", "/explore", "/rules"];

async fn filled(server: &Server) -> Result<(), String> {
    fill::predictions(server, PREDICTIONS, 1.0).await?;
    let mut random = fastrand::Rng::with_seed(3);
    let mut queues: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 2];
    let now = now_millis();
    for i in 0..SPAN_REQUESTS {
        let at = now - DAY_MS + i * DAY_MS / SPAN_REQUESTS;
        let (body, _) = spans(&mut random, at as u64 * 1_000_000);
        queues[i as usize % 2].push(request("/v1/traces", &server.key, PROTOBUF, &body).0);
    }
    let signals: [(&str, &str, f64); 9] = [
        ("system.cpu.utilization", "1", 0.4),
        ("system.memory.usage", "By", 8e9),
        ("system.memory.utilization", "1", 0.5),
        ("system.network.receive", "By/s", 1e6),
        ("system.network.transmit", "By/s", 4e5),
        ("system.disk.read", "By/s", 2e5),
        ("system.disk.write", "By/s", 3e5),
        ("system.filesystem.utilization", "1", 0.6),
        ("process.memory.usage", "By", 1e8),
    ];
    for from in (0..READINGS).step_by(200) {
        let mut lines = String::new();
        for i in from..(from + 200).min(READINGS) {
            let at = (now - DAY_MS + i * DAY_MS / READINGS) as f64 / 1000.0;
            for (name, unit, middle) in signals {
                let value = middle * (0.8 + 0.4 * random.f64());
                let line = json!({"name": name, "labels": {"host": "node-1", "mount": "/"}, "unit": unit, "value": value, "timestamp": at});
                lines.push_str(&line.to_string());
                lines.push('\n');
            }
        }
        let kind = "content-type: application/x-ndjson\r\n";
        queues[0].push(request("/api/v1/samples", &server.key, kind, lines.as_bytes()).0);
    }
    let mut connections = vec![server.connect().await?, server.connect().await?];
    send_all(&mut connections, queues, &[200]).await?;
    let alerts: Vec<_> = (0..40)
        .map(|n| json!({"labels": {"alertname": format!("a{n}"), "system": format!("s{}", n % 4), "severity": "warning"}}))
        .collect();
    let mut connection = server.connect().await?;
    match connection.json("POST", "/api/v2/alerts", &server.key, &json!(alerts).to_string()).await? {
        200 => Ok(()),
        other => Err(format!("alerts: the answer was {other}")),
    }
}

async fn timed(connection: &mut Connection, path: &str, key: &str) -> Result<(f64, usize), String> {
    let begun = Instant::now();
    let (status, body) = connection.page(path, key).await?;
    if status == 200 {
        Ok((begun.elapsed().as_secs_f64() * 1000.0, body.len()))
    } else {
        Err(format!("{path}: {status}"))
    }
}

pub(crate) async fn pages(database: Database, seconds: u64) -> Result<(), String> {
    // The host collects as it always does: pages must hold up while it writes.
    let server = Server::start(database, &[])?;
    server.set_up()?;
    filled(&server).await?;
    // Two kinds of events leave less than a segment each in the fresh log, which is how it is all day.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let mut connection = server.connect().await?;
    let (first, size) = timed(&mut connection, PATH, &server.key).await?;
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut users = Vec::new();
    for user in 0..USERS {
        let mut connection = server.connect().await?;
        let key = server.key.clone();
        users.push(tokio::spawn(async move {
            tokio::time::sleep(EVERY * user / USERS).await;
            let mut took = Vec::new();
            while Instant::now() < until {
                let begun = Instant::now();
                took.push(timed(&mut connection, PATH, &key).await?.0);
                tokio::time::sleep(EVERY.saturating_sub(begun.elapsed())).await;
            }
            Ok::<_, String>(took)
        }));
    }
    let mut all = Vec::new();
    for user in users {
        all.extend(user.await.map_err(|e| e.to_string())??);
    }
    let mut others = Vec::new();
    for path in OTHERS {
        for _ in 0..5 {
            let (took, _) = timed(&mut connection, path, &server.key).await?;
            eprintln!("  {path}: {took:.0} ms");
            others.push(took);
        }
    }
    report(
        "pages",
        database,
        1,
        &[
            ("operations_p50_ms", quantile(&mut all.clone(), 0.5)),
            ("operations_p99_ms", quantile(&mut all.clone(), 0.99)),
            ("operations_first_ms", first),
            ("operations_kib", size as f64 / 1024.0),
            ("loads", all.len() as f64),
            ("other_pages_p50_ms", quantile(&mut others.clone(), 0.5)),
            ("other_pages_most_ms", quantile(&mut others, 1.0)),
        ],
    );
    Ok(())
}

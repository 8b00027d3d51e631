//! `bench evaluate`: many models under steady load, and how soon after its end a window is judged; and how
//! long a month of one model takes to be judged again.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::load::client::{Connection, request};
use crate::load::server::Server;
use crate::load::{Database, quantile, report};

const FEATURES: usize = 50;
/// Long enough that a whole window of each model ends, and is closed, within it.
const SECONDS: u64 = 200;

fn rows(random: &mut fastrand::Rng, prefix: &str, from: i64, to: i64, count: usize, label: bool) -> String {
    let mut text = String::with_capacity(count * 600);
    for i in 0..count {
        let at = from + (to - from) * i as i64 / count as i64;
        let x: Vec<f64> = (0..FEATURES).map(|_| ((random.f64() - 0.5) * 2000.0).round() / 1000.0).collect();
        let p = 1.0 / (1.0 + (-(1.5 * x[0] - x[1])).exp());
        let mut row = serde_json::Map::new();
        row.insert("prediction_id".into(), json!(format!("{prefix}{i}")));
        row.insert("timestamp".into(), json!(at as f64 / 1000.0));
        for (f, v) in x.iter().enumerate() {
            row.insert(format!("f{f}"), json!(v));
        }
        row.insert("probability".into(), json!((p * 1000.0).round() / 1000.0));
        row.insert("prediction".into(), json!(u8::from(p >= 0.5)));
        if label {
            row.insert("label".into(), json!(u8::from(random.f64() < p)));
        }
        text.push_str(&Value::Object(row).to_string());
        text.push('\n');
    }
    text
}

async fn windows(connection: &mut Connection, server: &Server, path: &str) -> Result<Value, String> {
    let (status, body) = connection.get(path, &server.key).await?;
    if status != 200 {
        return Err(format!("{path} answered {status}"));
    }
    serde_json::from_slice(&body).map_err(|e| e.to_string())
}

fn now() -> i64 {
    crate::ingest::now_millis()
}

async fn post(connection: &mut Connection, server: &Server, path: &str, body: &str) -> Result<(), String> {
    for _ in 0..200 {
        let (bytes, _) = request(path, &server.key, "content-type: application/x-ndjson\r\n", body.as_bytes());
        match connection.send(&bytes).await? {
            200 => return Ok(()),
            429 | 503 => tokio::time::sleep(Duration::from_millis(100)).await,
            other => return Err(format!("{path} answered {other}")),
        }
    }
    Err(format!("{path}: the server stayed busy"))
}

/// `models` models with windows of one minute and `rate` events a second in all; `recomputed` rows of another
/// judged again.
pub(crate) async fn evaluate(database: Database, models: usize, rate: usize, recomputed: usize) -> Result<(), String> {
    let mut server = Server::start(database, &[])?;
    let mut connection = server.connect().await?;
    let mut random = fastrand::Rng::with_seed(5);
    let mut figures = Vec::new();
    if models > 0 {
        figures.extend(closing(&server, &mut connection, &mut random, models, rate).await?);
    }
    if recomputed > 0 {
        figures.extend(month(&server, &mut connection, &mut random, models, recomputed).await?);
    }
    figures.push(("peak_rss_mib", server.memory_mib().1));
    report("evaluate", database, 1, &figures);
    server.stop();
    Ok(())
}

/// How soon after their end windows are judged, under steady load.
async fn closing(
    server: &Server,
    connection: &mut Connection,
    random: &mut fastrand::Rng,
    models: usize,
    rate: usize,
) -> Result<[(&'static str, f64); 4], String> {
    let begun = now();
    for m in 0..models {
        let path = format!("/api/v1/models/m{m}");
        // A baseline of forty minutes at the pace of the load.
        let baseline = rows(random, &format!("b{m}-"), begun - 7_200_000, begun - 4_800_000, 6000, true);
        post(connection, server, &format!("{path}/baseline"), &baseline).await?;
        // Windows end together; how late an event may be staggers their closing over the minute.
        let lateness = 1 + m * 50 / models.max(1);
        let change = format!(r#"{{"window":"1m","allowed_lateness":"{lateness}s"}}"#);
        connection.json("PATCH", &path, &server.key, &change).await?;
    }
    eprintln!("{models} models have a baseline after {} s", (now() - begun) / 1000);
    for m in 0..models {
        learnt(connection, server, &format!("/api/v1/models/m{m}")).await?;
    }
    eprintln!("all has been learnt from them after {} s", (now() - begun) / 1000);
    let begun = now();
    let per_model = rate / models;
    let start = Instant::now();
    let mut sent = 0_u64;
    while start.elapsed() < Duration::from_secs(SECONDS) {
        for m in 0..models {
            let at = now();
            let prefix = format!("p{m}-{at}-");
            let body = rows(random, &prefix, at - 1000, at, per_model, false);
            post(connection, server, &format!("/api/v1/models/m{m}/predictions"), &body).await?;
            sent += per_model as u64;
        }
        let due = Duration::from_secs_f64(sent as f64 / rate as f64);
        if let Some(rest) = due.checked_sub(start.elapsed()) {
            tokio::time::sleep(rest).await;
        }
    }
    let ended = now();
    let offered = sent as f64 / start.elapsed().as_secs_f64();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let mut delays = Vec::new();
    for m in 0..models {
        let path = format!("/api/v1/models/m{m}/windows");
        let found: Value = windows(connection, server, &path).await?;
        for window in found.as_array().into_iter().flatten() {
            let (Some(to), Some(at)) = (window["range"]["to"].as_i64(), window["computed_at"].as_i64()) else {
                continue;
            };
            // Only windows that began and were closed under load, in their first closed revision.
            let lateness = 1 + m as i64 * 50 / models.max(1) as i64;
            let inside = to / 1000 - 60_000 >= begun && to / 1000 + lateness * 1000 < ended;
            if inside && window["state"] != "open" && window["revision"] == 1 {
                delays.push((at - to) as f64 / 1000.0 - lateness as f64 * 1000.0);
            }
        }
    }
    let judged = delays.len();
    let p99 = quantile(&mut delays, 0.99);
    let p50 = quantile(&mut delays, 0.5);
    eprintln!("{judged} windows closed, half within {p50:.0} ms");
    Ok([
        ("close_to_verdict_p99_ms", p99),
        ("close_to_verdict_p50_ms", p50),
        ("windows", judged as f64),
        ("events_per_s", offered),
    ])
}

/// Seconds that a month of one model takes, a million rows: to be judged again where the windows stay, and with
/// windows of another length, of whose rows nothing is known yet.
async fn month(
    server: &Server,
    connection: &mut Connection,
    random: &mut fastrand::Rng,
    models: usize,
    recomputed: usize,
) -> Result<[(&'static str, f64); 2], String> {
    let begun = now();
    let week = 7 * 24 * 3_600_000_i64;
    let month = 30 * 24 * 3_600_000_i64;
    let path = "/api/v1/models/month";
    // A week before: its windows hold enough rows each to say what is usual.
    let baseline = rows(random, "mb-", begun - month - week, begun - month, 20_000, true);
    post(connection, server, &format!("{path}/baseline"), &baseline).await?;
    connection.json("PATCH", path, &server.key, r#"{"window":"1h"}"#).await?;
    let parts = recomputed.div_ceil(5000);
    for part in 0..parts {
        let from = begun - month + month * part as i64 / parts as i64;
        let to = begun - month + month * (part as i64 + 1) / parts as i64;
        let body = rows(random, &format!("m{part}-"), from, to, recomputed / parts, false);
        post(connection, server, &format!("{path}/predictions"), &body).await?;
    }
    learnt(connection, server, path).await?;
    // The models of the first part have a stream of predictions and a baseline each.
    server.settle(2 * models + 1).await?;
    evaluated(server).await?;
    let mut taken = [0.0; 2];
    for (taken, change) in taken.iter_mut().zip([r#"{"low_confidence":0.55}"#, r#"{"window":"90m"}"#]) {
        let start = Instant::now();
        connection.json("PATCH", path, &server.key, change).await?;
        evaluated(server).await?;
        *taken = start.elapsed().as_secs_f64() * 1e6 / recomputed as f64;
    }
    Ok([("recompute_s_per_million", taken[0]), ("recut_s_per_million", taken[1])])
}

/// Waits until what is slow has been learnt from a model's baseline: before that a load is not steady.
async fn learnt(connection: &mut Connection, server: &Server, path: &str) -> Result<(), String> {
    for _ in 0..1200 {
        let found: Value = windows(connection, server, &format!("{path}/windows?baseline=true")).await?;
        if found.as_array().into_iter().flatten().any(|w| !w["multivariate"]["autoencoder"].is_null()) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err(format!("{path}: nothing was learnt within ten minutes"))
}

/// Waits until no window is to be judged.
async fn evaluated(server: &Server) -> Result<(), String> {
    for _ in 0..3000 {
        if server.metric("plimsoll_evaluations_due").await? == 0.0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err("windows were still to be judged after ten minutes".into())
}

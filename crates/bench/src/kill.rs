//! `bench kill`: SIGKILL at random moments while predictions, labels and samples come in; then every
//! acknowledged one is there, once, and the store is whole.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::load::client::request;
use crate::load::server::Server;
use crate::load::{Database, report};

const ROWS: u64 = 50;

#[derive(Default)]
struct Acknowledged {
    /// First ids of batches of [`ROWS`].
    batches: Vec<u64>,
    labels: Vec<u64>,
    /// Answers other than 200, by status.
    refused: HashMap<u16, u64>,
}

fn body(first: u64) -> Vec<u8> {
    let row = |i: u64| {
        format!(
            "{{\"prediction_id\":{i},\"timestamp\":{},\"prediction\":{},\"features\":{{\"x\":{}}}}}\n",
            // Within ten years, however many kills there are: a time beyond 2200 is refused.
            1_700_000_000 + i / 10 % 300_000_000,
            i % 2,
            i % 97
        )
    };
    (first..first + ROWS).map(row).collect::<String>().into_bytes()
}

/// How a life ends, and whether it did anything yet.
#[derive(Default)]
struct Life {
    acknowledged: AtomicBool,
    over: AtomicBool,
}

impl Life {
    /// Of four lives, three are ended while they acknowledge; the fourth at any moment, be it before it listens. Were
    /// all ended so, those of a store that takes longer and longer to open would all end before their first deed.
    async fn lived(&self, round: usize, random: &mut fastrand::Rng) {
        let begun = Instant::now();
        while !round.is_multiple_of(4)
            && !self.acknowledged.load(Ordering::Relaxed)
            && begun.elapsed() < Duration::from_secs(30)
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_millis(random.u64(30..1200))).await;
    }
}

/// Sends batches, and labels for half of them, until the life is over or the connection cut off.
async fn send(address: String, key: String, worker: u64, round: u64, life: Arc<Life>) -> Acknowledged {
    let mut known = Acknowledged::default();
    let Ok(mut connection) = crate::load::client::Connection::open(&address).await else {
        return known;
    };
    let mut number = 0;
    while !life.over.load(Ordering::Relaxed) {
        let first = ((round * 64 + worker) * 100_000 + number) * ROWS;
        number += 1;
        let bytes = request("/api/v1/models/killed/predictions", &key, "", &body(first)).0;
        match connection.send(&bytes).await {
            Ok(200) => {
                known.batches.push(first);
                life.acknowledged.store(true, Ordering::Relaxed);
            }
            Ok(status) => {
                *known.refused.entry(status).or_default() += 1;
                continue;
            }
            Err(_) => break,
        }
        if number % 2 == 0 {
            let line = format!("{{\"prediction_id\":{first},\"label\":{}}}\n", first % 3);
            let bytes = request("/api/v1/models/killed/labels", &key, "", line.as_bytes()).0;
            match connection.send(&bytes).await {
                Ok(200) => known.labels.push(first),
                Ok(status) => *known.refused.entry(status).or_default() += 1,
                Err(_) => break,
            }
        }
    }
    known
}

pub(crate) async fn kill(database: Database, kills: usize) -> Result<(), String> {
    let mut server = Server::start(database, &["--set", "collect.host=false"])?;
    let mut random = fastrand::Rng::with_seed(11);
    let mut batches: Vec<u64> = Vec::new();
    let mut labels: Vec<u64> = Vec::new();
    let mut refused: HashMap<u16, u64> = HashMap::new();
    for round in 0..kills {
        let life = Arc::new(Life::default());
        let tasks: Vec<_> = (0..8)
            .map(|worker| {
                tokio::spawn(send(server.address.clone(), server.key.clone(), worker, round as u64, life.clone()))
            })
            .collect();
        life.lived(round, &mut random).await;
        server.kill();
        life.over.store(true, Ordering::Relaxed);
        for task in tasks {
            let known = task.await.map_err(|e| e.to_string())?;
            batches.extend(known.batches);
            labels.extend(known.labels);
            for (status, count) in known.refused {
                *refused.entry(status).or_default() += count;
            }
        }
        server.kill_and_restart()?;
        eprint!(
            "\r{} of {kills} kills, {} predictions acknowledged, refused {refused:?} ",
            round + 1,
            batches.len() as u64 * ROWS
        );
    }
    eprintln!();
    server.settle(1).await?;
    let acknowledged = batches.len() as u64 * ROWS;
    let (lost, duplicated) = missing(&server, &batches, &labels).await?;
    server.command(&["check"])?;
    report(
        "kill",
        database,
        1,
        &[
            ("kills", kills as f64),
            ("acknowledged", (acknowledged + labels.len() as u64) as f64),
            ("lost", lost as f64),
            ("duplicated", duplicated as f64),
        ],
    );
    if lost + duplicated > 0 { Err("the store did not keep its word".into()) } else { Ok(()) }
}

/// Acknowledged rows and labels that are not there, and rows that are there more than once.
async fn missing(server: &Server, batches: &[u64], labels: &[u64]) -> Result<(u64, u64), String> {
    let mut connection = server.connect().await?;
    let mut lost = 0;
    // Sent again, every acknowledged row must be known already.
    for (done, first) in batches.iter().enumerate() {
        if done % 1000 == 0 {
            eprint!("\r{done} of {} batches sent again ", batches.len());
        }
        let bytes = request("/api/v1/models/killed/predictions", &server.key, "", &body(*first)).0;
        let (status, answer) = connection.exchange(&bytes).await?;
        let answer: serde_json::Value = serde_json::from_slice(&answer).map_err(|e| format!("{status}: {e}"))?;
        lost += ROWS - answer["duplicates"].as_u64().unwrap_or(0).min(ROWS);
    }
    eprintln!();
    for (done, id) in labels.iter().enumerate() {
        if done % 1000 == 0 {
            eprint!("\r{done} of {} labels looked up ", labels.len());
        }
        let (_, answer) = connection.get(&format!("/api/v1/models/killed/events/{id}"), &server.key).await?;
        let answer: serde_json::Value = serde_json::from_slice(&answer).map_err(|e| e.to_string())?;
        lost += u64::from(answer["label"] != serde_json::json!((id % 3).to_string()));
    }
    eprintln!();
    // Rows in all, by the store's own count and by distinct values counted in a question.
    let (_, answer) = connection.get("/api/v1/models/killed/values?column=feature.x&by=feature.x", &server.key).await?;
    let answer: serde_json::Value = serde_json::from_slice(&answer).map_err(|e| e.to_string())?;
    let read: u64 = answer["groups"].as_array().into_iter().flatten().filter_map(|g| g["rows"].as_u64()).sum();
    let mut ids: HashMap<u64, u64> = HashMap::new();
    let mut to = "now".to_string();
    // All ids, a page at a time, newest first.
    loop {
        let path = format!("/api/v1/models/killed/events?limit=1000&to={to}");
        let (_, page) = connection.get(&path, &server.key).await?;
        let page: Vec<serde_json::Value> = serde_json::from_slice(&page).map_err(|e| e.to_string())?;
        for event in &page {
            let id = event["prediction_id"].as_str().and_then(|id| id.parse().ok()).ok_or("an id that was not sent")?;
            *ids.entry(id).or_default() += 1;
        }
        let oldest = page.last().and_then(|e| e["timestamp"].as_str()).unwrap_or_default().to_string();
        if page.len() < 1000 || oldest.is_empty() || ids.len() > 20_000 {
            break;
        }
        to = oldest;
    }
    let twice = ids.values().filter(|n| **n > 1).count() as u64;
    let whole = server.metric("plimsoll_store_events").await? as u64;
    Ok((lost, twice + whole.abs_diff(read)))
}

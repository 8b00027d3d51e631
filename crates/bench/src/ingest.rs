//! `bench ingest`: predictions over HTTP, acknowledged durable.
//!
//! Batched: NDJSON in requests of 500 on a few connections. Single: one event a request on many
//! keep-alive connections. Latency: batches offered at 80 % of the greatest rate measured, each
//! sent when it is due, late or not.

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::load::events::Template;
use crate::load::server::Server;
use crate::load::{Database, median, quantile, report};

const BATCH: usize = 500;
const PATH: &str = "/api/v1/models/credit-risk/predictions";

/// How hard and how long.
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) rows: usize,
    pub(crate) seconds: f64,
    /// Requests a second; as fast as answers come where none is given.
    pub(crate) rate: Option<f64>,
}

pub(crate) fn now_millis() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}

pub(crate) struct Offered {
    pub(crate) rows_per_s: f64,
    pub(crate) latencies_ms: Vec<f64>,
    pub(crate) refused: u64,
}

/// Offers predictions to a server.
pub(crate) async fn offer(server: &Server, load: &Load) -> Result<Offered, String> {
    let stop = Arc::new(AtomicBool::new(false));
    let accepted = Arc::new(AtomicU64::new(0));
    let turn = Arc::new(AtomicU64::new(0));
    let refused = Arc::new(AtomicU64::new(0));
    // Everything to be sent is made before the clock starts.
    let mut workers = Vec::new();
    for worker in 0..load.connections {
        let mut random = fastrand::Rng::with_seed(worker as u64 + 1);
        let templates: Vec<Template> =
            (0..8).map(|_| Template::new(PATH, &server.key, load.rows, &mut random)).collect();
        workers.push((server.connect().await?, templates, random));
    }
    let start = Instant::now();
    let warm = start + Duration::from_secs(1);
    let mut tasks = Vec::new();
    for (mut connection, mut templates, mut random) in workers {
        let (stop, accepted, turn, refused) = (stop.clone(), accepted.clone(), turn.clone(), refused.clone());
        let (rows, rate) = (load.rows, load.rate);
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            let mut next = 0;
            while !stop.load(Ordering::Relaxed) {
                let mut due = Instant::now();
                if let Some(rate) = rate {
                    due = start + Duration::from_secs_f64(turn.fetch_add(1, Ordering::Relaxed) as f64 / rate);
                    tokio::time::sleep_until(due.into()).await;
                }
                let now = now_millis();
                next = (next + 1) % templates.len();
                let bytes = templates[next].fill(&mut random, |_| now);
                match connection.send(bytes).await? {
                    200 => {
                        if due > warm {
                            latencies.push(due.elapsed().as_secs_f64() * 1000.0);
                        }
                        accepted.fetch_add(rows as u64, Ordering::Relaxed);
                    }
                    429 | 503 => {
                        refused.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    other => return Err(format!("the answer was {other}")),
                }
            }
            Ok::<_, String>(latencies)
        }));
    }
    // The first second warms caches and connections.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (before, began) = (accepted.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(Duration::from_secs_f64(load.seconds)).await;
    let rows = accepted.load(Ordering::Relaxed) - before;
    let rows_per_s = rows as f64 / began.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    let mut latencies_ms = Vec::new();
    for task in tasks {
        latencies_ms.extend(task.await.map_err(|e| e.to_string())??);
    }
    Ok(Offered { rows_per_s, latencies_ms, refused: refused.load(Ordering::Relaxed) })
}

/// The median time of an fdatasync of 64 KiB in the folder where the data lies, in milliseconds.
fn fdatasync_p50_ms(folder: &std::path::Path) -> Result<f64, String> {
    let path = folder.join("fdatasync");
    let mut file = std::fs::File::create(&path).map_err(|e| e.to_string())?;
    file.write_all(&vec![0; 1 << 22]).and_then(|()| file.sync_all()).map_err(|e| e.to_string())?;
    let block = vec![1_u8; 1 << 16];
    let mut times = Vec::new();
    for i in 0..50 {
        let start = Instant::now();
        file.write_all_at(&block, (i % 64) << 16).and_then(|()| file.sync_data()).map_err(|e| e.to_string())?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    let _ = std::fs::remove_file(path);
    Ok(median(times))
}

pub(crate) async fn ingest(database: Database, runs: usize, seconds: f64) -> Result<(), String> {
    let (mut batched, mut single, mut p99, mut bytes, mut sync, mut peak, mut backlog) =
        (vec![], vec![], vec![], vec![], vec![], vec![], vec![]);
    let mut refused = 0;
    for run in 0..runs {
        eprintln!("run {} of {runs}", run + 1);
        let mut server = Server::start(database, &["--set", "collect.host=false"])?;
        let empty = server.bytes()?;
        sync.push(fdatasync_p50_ms(&server.folder)?);
        let whole = offer(&server, &Load { connections: 8, rows: BATCH, seconds, rate: None }).await?;
        eprintln!("  batched {:.0}/s, memory {:.0?} MiB", whole.rows_per_s, server.memory_mib());
        refused += whole.refused;
        backlog.push(server.settle(1).await?.as_secs_f64());
        let rate = 0.8 * whole.rows_per_s / BATCH as f64;
        let mut steady = offer(&server, &Load { connections: 32, rows: BATCH, seconds, rate: Some(rate) }).await?;
        p99.push(quantile(&mut steady.latencies_ms, 0.99));
        eprintln!("  at 80 %: p99 {:.1} ms, {} refused", p99[run], steady.refused);
        batched.push(whole.rows_per_s);
        server.settle(1).await?;
        let events = server.metric("plimsoll_store_events").await?;
        peak.push(server.memory_mib().1);
        server.stop();
        bytes.push((server.bytes()? - empty) as f64 / events);
        drop(server);
        let server = Server::start(database, &["--set", "collect.host=false"])?;
        let ones = offer(&server, &Load { connections: 128, rows: 1, seconds, rate: None }).await?;
        eprintln!("  single {:.0}/s", ones.rows_per_s);
        single.push(ones.rows_per_s);
    }
    report(
        "ingest",
        database,
        runs,
        &[
            ("predictions_per_s_batched", median(batched)),
            ("predictions_per_s_single", median(single)),
            ("ack_p99_ms", median(p99)),
            ("bytes_per_prediction", median(bytes)),
            ("fdatasync_p50_ms", median(sync)),
            ("settle_s", median(backlog)),
            ("refused", refused as f64),
            ("loaded_peak_rss_mib", median(peak)),
        ],
    );
    Ok(())
}

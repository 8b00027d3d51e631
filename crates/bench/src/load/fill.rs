//! A store with many predictions in it, spread evenly over the days before now.

use std::time::{Duration, Instant};

use super::events::Template;
use super::server::Server;
use crate::ingest::now_millis;

pub(crate) const PATH: &str = "/api/v1/models/credit-risk/predictions";
/// Days that a fill spreads over.
pub(crate) const DAYS: f64 = 30.0;
const PER_REQUEST: usize = 1000;

/// Sends so many predictions and waits until they are in segments. Gives their ids as the milliseconds
/// and the random half that make up each UUID.
pub(crate) async fn predictions(server: &Server, count: usize, days: f64) -> Result<Vec<(i64, u128)>, String> {
    let start = Instant::now();
    let end = now_millis() - 60_000;
    let span = days * 86_400_000.0;
    let mut random = fastrand::Rng::with_seed(77);
    let mut templates: Vec<Template> =
        (0..16).map(|_| Template::new(PATH, &server.key, PER_REQUEST, &mut random)).collect();
    let mut ids = Vec::with_capacity(count);
    let mut connections = vec![server.connect().await?, server.connect().await?, server.connect().await?];
    let mut sent = 0;
    while sent < count {
        let mut tasks = Vec::new();
        for mut connection in connections.drain(..) {
            let at = |row: usize| end - (span * (1.0 - (sent + row) as f64 / count as f64)) as i64;
            let place = (sent / PER_REQUEST) % templates.len();
            let bytes = templates[place].fill_with(&mut random, at, &mut ids).to_vec();
            sent += PER_REQUEST;
            tasks.push(tokio::spawn(async move {
                loop {
                    match connection.send(&bytes).await? {
                        200 => return Ok::<_, String>(connection),
                        429 | 503 => tokio::time::sleep(Duration::from_millis(50)).await,
                        other => return Err(format!("the answer was {other}")),
                    }
                }
            }));
        }
        for task in tasks {
            connections.push(task.await.map_err(|e| e.to_string())??);
        }
        if sent % 1_000_000 < PER_REQUEST * 3 {
            eprint!(
                "\r{:.1} of {:.1} million predictions, {:.0} s ",
                sent as f64 / 1e6,
                count as f64 / 1e6,
                start.elapsed().as_secs_f64()
            );
        }
    }
    server.settle(1).await?;
    eprintln!(
        "\r{:.1} million predictions are in segments after {:.0} s",
        sent as f64 / 1e6,
        start.elapsed().as_secs_f64()
    );
    Ok(ids)
}

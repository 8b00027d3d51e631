//! `bench labels`: labels over HTTP against ten million predictions, some of them in the order of the
//! predictions and some scattered over all of them, until they are merged.

use std::time::Instant;

use crate::load::client::request;
use crate::load::events::write_uuid;
use crate::load::fill::{self, DAYS};
use crate::load::server::Server;
use crate::load::{Database, median, report};

const PER_REQUEST: usize = 2000;
const CONNECTIONS: usize = 4;

pub(crate) async fn labels(database: Database, runs: usize, predictions: usize, count: usize) -> Result<(), String> {
    let server = Server::start(database, &["--set", "collect.host=false"])?;
    let ids = fill::predictions(&server, predictions, DAYS).await?;
    let (mut rates, mut merged) = (vec![], vec![]);
    for run in 0..runs {
        let mut random = fastrand::Rng::with_seed(run as u64);
        // Half for a stretch of predictions in their order, half for any.
        let stretch = random.usize(0..ids.len().saturating_sub(count / 2).max(1));
        let wanted: Vec<usize> = (0..count)
            .map(|i| if i < count / 2 { (stretch + i) % ids.len() } else { random.usize(0..ids.len()) })
            .collect();
        let mut queues: Vec<Vec<Vec<u8>>> = (0..CONNECTIONS).map(|_| Vec::new()).collect();
        for (number, part) in wanted.chunks(PER_REQUEST).enumerate() {
            let mut body = Vec::with_capacity(part.len() * 90);
            for place in part {
                let (millis, low) = ids[*place];
                body.extend_from_slice(b"{\"prediction_id\":\"");
                let start = body.len();
                body.resize(start + 36, b'-');
                write_uuid(&mut body[start..], millis, low);
                let label = ["approve", "review", "decline"][(place + run) % 3];
                body.extend_from_slice(format!("\",\"label\":\"{label}\"}}\n").as_bytes());
            }
            let path = "/api/v1/models/credit-risk/labels";
            queues[number % CONNECTIONS].push(request(path, &server.key, "", &body).0);
        }
        let start = Instant::now();
        let mut tasks = Vec::new();
        for queue in queues {
            let mut connection = server.connect().await?;
            tasks.push(tokio::spawn(async move {
                for bytes in &queue {
                    while matches!(connection.send(bytes).await?, 429 | 503) {
                        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    }
                }
                Ok::<_, String>(())
            }));
        }
        for task in tasks {
            task.await.map_err(|e| e.to_string())??;
        }
        rates.push(count as f64 / start.elapsed().as_secs_f64());
        server.settle(1).await?;
        merged.push(count as f64 / start.elapsed().as_secs_f64());
        eprintln!("run {} of {runs}: accepted {:.0}/s, merged {:.0}/s", run + 1, rates[run], merged[run]);
    }
    report(
        "labels",
        database,
        runs,
        &[
            ("labels_per_s", median(rates)),
            ("merged_per_s", median(merged)),
            ("predictions", predictions as f64),
            ("loaded_peak_rss_mib", server.memory_mib().1),
        ],
    );
    Ok(())
}

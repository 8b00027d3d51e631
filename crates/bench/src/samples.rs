//! `bench samples`: remote write of ten thousand series, 2,000 samples a request, into a server that
//! turns them into chunks meanwhile; what a sample takes at rest.

use std::time::Instant;

use crate::ingest::now_millis;
use crate::load::client::send_all;
use crate::load::remote::{Fleet, SERIES, STEP_MS};
use crate::load::server::Server;
use crate::load::{Database, median, report};

const PER_REQUEST: usize = 2000;
const CONNECTIONS: usize = 4;

pub(crate) async fn samples(database: Database, runs: usize, steps: usize) -> Result<(), String> {
    let (mut rates, mut bytes, mut peaks) = (vec![], vec![], vec![]);
    for run in 0..runs {
        let mut server = Server::start(database, &["--set", "collect.host=false"])?;
        let empty = server.bytes()?;
        let start_ms = (now_millis() - steps as i64 * STEP_MS) / STEP_MS * STEP_MS;
        let mut fleet = Fleet::new(run as u64 + 1);
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(server.connect().await?);
        }
        // Requests are made ahead in slices, so that making them costs the served nothing.
        let (mut spent, mut sent) = (0.0, 0_usize);
        for slice in (0..steps).step_by(60) {
            let mut queues: Vec<Vec<Vec<u8>>> = (0..CONNECTIONS).map(|_| Vec::new()).collect();
            for step in slice..(slice + 60).min(steps) {
                for (i, first) in (0..SERIES).step_by(PER_REQUEST).enumerate() {
                    let at = start_ms + step as i64 * STEP_MS;
                    queues[i % CONNECTIONS].push(fleet.request(&server.key, first, PER_REQUEST, at));
                    sent += PER_REQUEST;
                }
            }
            spent += send_all(&mut connections, queues, &[200, 204]).await?;
        }
        rates.push(sent as f64 / spent);
        let settled = Instant::now();
        server.settle(1).await?;
        let settled = settled.elapsed().as_secs_f64();
        peaks.push(server.memory_mib().1);
        server.stop();
        bytes.push((server.bytes()? - empty) as f64 / sent as f64);
        eprintln!(
            "run {} of {runs}: {:.0}/s, {:.2} bytes a sample, settled after {settled:.1} s, at most {:.0} MiB",
            run + 1,
            rates[run],
            bytes[run],
            peaks[run]
        );
    }
    report(
        "samples",
        database,
        runs,
        &[
            ("samples_per_s", median(rates)),
            ("bytes_per_sample", median(bytes)),
            ("loaded_peak_rss_mib", median(peaks)),
        ],
    );
    Ok(())
}

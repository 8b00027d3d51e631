//! `bench footprint`: what the program costs when idle, and at its greatest under full load.

use std::time::{Duration, Instant};

use crate::ingest::{Load, offer};
use crate::load::server::Server;
use crate::load::{Database, median, report};

pub(crate) async fn footprint(database: Database, runs: usize, seconds: f64) -> Result<(), String> {
    let (mut idle, mut cpu, mut loaded) = (vec![], vec![], vec![]);
    for run in 0..runs {
        eprintln!("run {} of {runs}: idle for {seconds} s", run + 1);
        let server = Server::start(database, &[])?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (before, start) = (server.cpu_seconds(), Instant::now());
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        cpu.push(100.0 * (server.cpu_seconds() - before) / start.elapsed().as_secs_f64());
        idle.push(server.memory_mib().0);
        offer(&server, &Load { connections: 16, rows: 500, seconds, rate: None }).await?;
        loaded.push(server.memory_mib().1);
        eprintln!("  idle {:.1} MiB, {:.2} % of a core; loaded {:.0} MiB", idle[run], cpu[run], loaded[run]);
    }
    report(
        "footprint",
        database,
        runs,
        &[("idle_rss_mib", median(idle)), ("idle_cpu_percent", median(cpu)), ("loaded_peak_rss_mib", median(loaded))],
    );
    Ok(())
}

//! `bench query`: what pages ask, over HTTP, on a store of 1, 10 and 30 million predictions: how the
//! numbers of one feature lie over the newest million, the newest fifty that one in a hundred meets (as of some instants
//! of that million, since it depends on how the segments there lie), one by its id; and a day of twenty series in steps
//! of a minute.

use std::time::Instant;

use crate::ingest::now_millis;
use crate::load::client::Connection;
use crate::load::events::write_uuid;
use crate::load::fill;
use crate::load::remote::{Fleet, STEP_MS};
use crate::load::server::Server;
use crate::load::{Database, median, report};

/// Times each question is asked.
const ASKED: usize = 201;
const MILLION: usize = 1_000_000;

struct Answers {
    column: f64,
    newest: f64,
    by_id: f64,
}

/// The middle time of some answers, in milliseconds.
async fn ask(connection: &mut Connection, key: &str, paths: &[String], wanted: &str) -> Result<f64, String> {
    let mut times = Vec::new();
    for turn in 0..ASKED + 3 {
        let path = &paths[turn % paths.len()];
        let start = Instant::now();
        let (status, body) = connection.get(path, key).await?;
        let elapsed = start.elapsed().as_secs_f64() * 1000.0;
        let text = String::from_utf8_lossy(&body);
        if status != 200 || !text.contains(wanted) {
            return Err(format!("{path}: {status} {}", text.chars().take(300).collect::<String>()));
        }
        // The first answers warm what the others find warm.
        if turn >= 3 {
            times.push(elapsed);
        }
    }
    Ok(median(times))
}

async fn on(server: &Server, ids: &[(i64, u128)]) -> Result<Answers, String> {
    let mut connection = server.connect().await?;
    let model = "/api/v1/models/credit-risk";
    let first = ids[ids.len().saturating_sub(MILLION)].0;
    let range = format!("from={first}&to=now");
    let column = format!("{model}/values?column=feature.amount&{range}");
    // One in a hundred: found from the distribution itself.
    let (_, body) = connection.get(&column, &server.key).await?;
    let answer: serde_json::Value = serde_json::from_slice(&body).map_err(|e| e.to_string())?;
    let rows = answer["groups"][0]["rows"].as_f64().unwrap_or(0.0);
    if !(0.97..1.03).contains(&(rows / MILLION.min(ids.len()) as f64)) {
        return Err(format!("the question was to be about a million rows and is about {rows}"));
    }
    let high = answer["groups"][0]["p99"].as_f64().ok_or("no p99")?;
    let mut random = fastrand::Rng::with_seed(5);
    let newest: Vec<String> = (0..ASKED)
        .map(|_| {
            let to = ids[ids.len() - 1 - random.usize(0..MILLION.min(ids.len()) / 2)].0;
            format!("{model}/events?where=feature.amount%3E%3D{high}&limit=50&to={to}")
        })
        .collect();
    let some: Vec<String> = (0..ASKED)
        .map(|_| {
            let (millis, low) = ids[random.usize(0..ids.len())];
            let mut text = vec![b'-'; 36];
            write_uuid(&mut text, millis, low);
            format!("{model}/events/{}", String::from_utf8_lossy(&text))
        })
        .collect();
    Ok(Answers {
        column: ask(&mut connection, &server.key, &[column], "\"rows\"").await?,
        newest: ask(&mut connection, &server.key, &newest, "prediction_id").await?,
        by_id: ask(&mut connection, &server.key, &some, "prediction_id").await?,
    })
}

/// A day of ten thousand series' first twenty, and the middle time of reading it.
async fn series(server: &Server) -> Result<f64, String> {
    let mut fleet = Fleet::new(3);
    let mut connection = server.connect().await?;
    let steps = 86_400_000 / STEP_MS;
    // The oldest must still be welcome when it comes.
    let end = now_millis() / 60_000 * 60_000;
    let start = end - 86_400_000 + 120_000;
    for step in 0..steps - 12 {
        let bytes = fleet.request(&server.key, 0, 1000, start + step * STEP_MS);
        let status = connection.send(&bytes).await?;
        if status != 204 {
            return Err(format!("the answer was {status}"));
        }
    }
    // One metric has twenty of the thousand.
    let path = format!("/api/v1/signals/steps?prefix=bench_metric_07&step=60s&from={start}&to={end}");
    ask(&mut connection, &server.key, &[path], "\"series\"").await
}

pub(crate) async fn query(database: Database, millions: &[usize]) -> Result<(), String> {
    let mut all: Vec<(usize, Answers)> = Vec::new();
    let mut day = f64::NAN;
    for count in millions {
        let server = Server::start(database, &["--set", "collect.host=false"])?;
        let ids = fill::predictions(&server, count * MILLION, 2.0 * *count as f64).await?;
        // Windows of all these rows are judged meanwhile; wait until that is done.
        server.rest().await?;
        let answers = on(&server, &ids).await?;
        eprintln!(
            "{count} million: one column of a million {:.1} ms, newest fifty {:.1} ms, one by id {:.1} ms, {:.0} MiB",
            answers.column,
            answers.newest,
            answers.by_id,
            server.memory_mib().1
        );
        all.push((*count, answers));
        if day.is_nan() {
            day = series(&server).await?;
            eprintln!("a day of twenty series {day:.1} ms");
        }
    }
    let of = |count: usize| all.iter().find(|(c, _)| *c == count).map(|(_, a)| a);
    let growth = of(1).zip(of(30)).map_or(f64::NAN, |(one, thirty)| {
        (thirty.column / one.column).max(thirty.newest / one.newest).max(thirty.by_id / one.by_id)
    });
    let ten = of(10).or(all.last().map(|(_, a)| a)).ok_or("name a size")?;
    report(
        "query",
        database,
        ASKED,
        &[
            ("column_1m_ms", ten.column),
            ("newest50_10m_ms", ten.newest),
            ("by_id_ms", ten.by_id),
            ("series20_24h_ms", day),
            ("growth_30m_over_1m", growth),
        ],
    );
    Ok(())
}

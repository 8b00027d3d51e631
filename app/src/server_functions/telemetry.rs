//! What Explore and the pages of connections read and change.

use domain::conventions::{SignalKnown, SignalNote};
use domain::prices::Price;
use domain::telemetry::{
    Arrival, Change, LabelKnown, LogSearch, LogView, MetricName, Page, QueryView, SpanSearch, SpanView, Topology,
    TraceView,
};
use domain::time::RangeChoice;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::wire::Json;

#[server(prefix = "/do", endpoint = "metric_names", input = Json, output = Json)]
pub async fn metric_names() -> Result<Vec<MetricName>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().metric_names(&actor()).await?)
}

/// The labels of the metric that a simple query is of; none of another query.
#[server(prefix = "/do", endpoint = "metric_labels", input = Json, output = Json)]
pub async fn metric_labels(metric: String) -> Result<Vec<LabelKnown>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().metric_labels(&actor(), &metric).await?)
}

#[server(prefix = "/do", endpoint = "known_signals", input = Json, output = Json)]
pub async fn known_signals(sought: String) -> Result<Vec<SignalKnown>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().known_signals(&actor(), &sought).await?)
}

#[server(prefix = "/do", endpoint = "note_signal", input = Json, output = Json)]
pub async fn note_signal(name: String, note: SignalNote) -> Result<(), Failure> {
    use super::server::{actor, engine};
    engine().note_signal(&actor(), &name, note).await?;
    Ok(())
}

/// `None` where nothing is asked. `ago`: microseconds by which the range is moved back.
#[server(prefix = "/do", endpoint = "run_query", input = Json, output = Json)]
pub async fn run_query(query: String, range: RangeChoice, ago: i64) -> Result<Option<QueryView>, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    if query.trim().is_empty() {
        engine.metric_names(&actor()).await?;
        return Ok(None);
    }
    let range = range.resolve(engine.now());
    let range = domain::TimeRange { from: range.from.plus(-ago), to: range.to.plus(-ago) };
    Ok(Some(engine.query_view(&actor(), &query, range).await?))
}

/// Several queries over one range; each answers for itself.
#[server(prefix = "/do", endpoint = "run_queries", input = Json, output = Json)]
pub async fn run_queries(queries: Vec<String>, range: RangeChoice) -> Result<Vec<Result<QueryView, String>>, Failure> {
    use super::server::{actor, engine};
    let (engine, actor) = (engine(), actor());
    let range = range.resolve(engine.now());
    engine.query_views(&actor, &queries, range).await.map_err(Failure::from)
}

#[server(prefix = "/do", endpoint = "spans", input = Json, output = Json)]
pub async fn spans(search: SpanSearch, range: RangeChoice, cursor: Option<String>) -> Result<Page<SpanView>, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.search_spans(&actor(), &search, range, cursor.as_deref(), 50).await?)
}

#[server(prefix = "/do", endpoint = "log_lines", input = Json, output = Json)]
pub async fn log_lines(
    search: LogSearch,
    range: RangeChoice,
    cursor: Option<String>,
) -> Result<Page<LogView>, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.search_logs(&actor(), &search, range, cursor.as_deref(), 100).await?)
}

#[server(prefix = "/do", endpoint = "call_map", input = Json, output = Json)]
pub async fn call_map(environment: String, range: RangeChoice) -> Result<Topology, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.topology(&actor(), &environment, range).await?)
}

#[server(prefix = "/do", endpoint = "changes", input = Json, output = Json)]
pub async fn changes(environment: String, range: RangeChoice) -> Result<Vec<Change>, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.changes(&actor(), range, &environment, "", "").await?)
}

/// A part of a trace from its `first` line on; `chosen` is the span that is looked at, `at` when the trace was.
#[server(prefix = "/do", endpoint = "trace", input = Json, output = Json)]
pub async fn trace(
    environment: String,
    id: String,
    at: Option<i64>,
    first: u64,
    chosen: Option<String>,
) -> Result<TraceView, Failure> {
    use super::server::{actor, engine};
    let near = at.map(domain::Timestamp);
    Ok(engine().trace_view(&actor(), &environment, &id, near, first, chosen.as_deref()).await?)
}

#[server(prefix = "/do", endpoint = "arrivals", input = Json, output = Json)]
pub async fn arrivals() -> Result<Vec<Arrival>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().arrivals(&actor()).await?)
}

/// A program that is asked for its metrics, as the page lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScrapeRow {
    pub id: i64,
    pub job: String,
    pub url: String,
    pub discovery: bool,
    pub every_secs: i64,
}

#[server(prefix = "/do", endpoint = "scrape_jobs", input = Json, output = Json)]
pub async fn scrape_jobs() -> Result<Vec<ScrapeRow>, Failure> {
    use super::server::{actor, engine};
    let jobs = engine().scrape_jobs(&actor()).await?;
    let row = |j: engine::ScrapeJob| ScrapeRow {
        id: j.id,
        job: j.job,
        url: j.url,
        discovery: j.discovery,
        every_secs: j.every_secs,
    };
    Ok(jobs.into_iter().map(row).collect())
}

#[server(prefix = "/do", endpoint = "create_scrape_job", input = Json, output = Json)]
pub async fn create_scrape_job(
    job: String,
    url: String,
    discovery: bool,
    every_secs: i64,
    credentials: String,
) -> Result<(), Failure> {
    use super::server::{actor, engine};
    let new = engine::collect::scrape::NewScrapeJob {
        job,
        url,
        discovery,
        every_secs: Some(every_secs),
        credentials: Some(credentials),
    };
    Ok(engine().create_scrape_job(&actor(), new).await?)
}

#[server(prefix = "/do", endpoint = "delete_scrape_job", input = Json, output = Json)]
pub async fn delete_scrape_job(id: i64) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().delete_scrape_job(&actor(), id).await?)
}

#[server(prefix = "/do", endpoint = "prices", input = Json, output = Json)]
pub async fn prices() -> Result<Vec<Price>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().prices(&actor()).await?.rows)
}

#[server(prefix = "/do", endpoint = "set_prices", input = Json, output = Json)]
pub async fn set_prices(rows: Vec<Price>) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().set_prices(&actor(), rows).await?)
}

/// A webhook as the page lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookRow {
    pub id: i64,
    pub name: String,
    pub kind: String,
    pub system: String,
    pub last_at: Option<domain::Timestamp>,
}

#[server(prefix = "/do", endpoint = "webhooks", input = Json, output = Json)]
pub async fn webhooks() -> Result<Vec<WebhookRow>, Failure> {
    use super::server::{actor, engine};
    let row =
        |h: engine::Webhook| WebhookRow { id: h.id, name: h.name, kind: h.kind, system: h.system, last_at: h.last_at };
    Ok(engine().webhooks(&actor()).await?.into_iter().map(row).collect())
}

/// Gives the address to call and the secret, this once.
#[server(prefix = "/do", endpoint = "create_webhook", input = Json, output = Json)]
pub async fn create_webhook(name: String, kind: String, system: String) -> Result<(String, String), Failure> {
    use super::server::{actor, engine, origin};
    let (path, secret) = engine().create_webhook(&actor(), &name, &kind, "", &system).await?;
    Ok((format!("{}{path}", origin()), secret))
}

#[server(prefix = "/do", endpoint = "delete_webhook", input = Json, output = Json)]
pub async fn delete_webhook(id: i64) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().delete_webhook(&actor(), id).await?)
}

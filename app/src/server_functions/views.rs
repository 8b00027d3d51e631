//! What pages read.

use domain::time::RangeChoice;
use domain::view::{ModelView, OperationsView, OverviewView};
use domain::{Role, Status};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::wire::Json;

/// A model in the rail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RailModel {
    pub name: String,
    pub title: String,
    pub status: Status,
    /// Made by the simulator.
    pub demo: bool,
}

/// Who is looking.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reader {
    pub name: String,
    pub initials: String,
    pub email: String,
    pub role: Option<Role>,
    pub models: Vec<RailModel>,
    /// Environments that have predictions.
    pub environments: Vec<String>,
    /// Open alerts that nobody keeps quiet, and open incidents.
    pub alerts: u64,
    pub incidents: u64,
    /// Times somebody named the reader, unseen.
    pub mentions: u64,
    pub preferences: domain::people::Preferences,
    /// How programs reach this installation: `https://monitor.example`.
    pub origin: String,
    /// Whose installation this is; empty where nobody said.
    pub installation: String,
}

#[server(prefix = "/do", endpoint = "me", input = Json, output = Json)]
pub async fn me() -> Result<Reader, Failure> {
    use super::server::{actor, caller, engine, origin};
    let person = caller().and_then(|c| c.person);
    let models = engine()
        .cards(&actor(), domain::environment::PRODUCTION)
        .await?
        .into_iter()
        .map(|card| RailModel {
            name: card.name,
            title: card.title,
            demo: card.demo,
            status: card.layer.map_or(Status::NoData, |l| Status::of(l.score)),
        })
        .collect();
    let (alerts, incidents) = engine().open_counts(&actor()).await?;
    let mentions = engine().unseen_mentions(&actor()).await?;
    Ok(Reader {
        mentions,
        alerts,
        incidents,
        name: person.as_ref().map(|p| p.name.clone()).unwrap_or_default(),
        initials: person.as_ref().map(domain::people::Person::initials).unwrap_or_default(),
        email: person.as_ref().map(|p| p.email.clone()).unwrap_or_default(),
        role: person.map(|p| p.role),
        models,
        environments: engine().environments(&actor()).await?,
        preferences: engine().preferences(&actor()).await?,
        origin: origin(),
        installation: engine().name().to_string(),
    })
}

#[server(prefix = "/do", endpoint = "overview", input = Json, output = Json)]
pub async fn overview(environment: String, range: RangeChoice) -> Result<OverviewView, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.overview(&actor(), &environment, range).await?)
}

#[server(prefix = "/do", endpoint = "operations", input = Json, output = Json)]
pub async fn operations(environment: String, range: RangeChoice) -> Result<OperationsView, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.operations(&actor(), &environment, range).await?)
}

#[server(prefix = "/do", endpoint = "model", input = Json, output = Json)]
pub async fn model(name: String, environment: String, range: RangeChoice) -> Result<ModelView, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.model_view(&actor(), &name, &environment, Some(range)).await?)
}

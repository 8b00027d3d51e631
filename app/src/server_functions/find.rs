//! Finding anything, hosts, and what people keep for themselves: views and preferences.

use domain::find::Hit;
use domain::mention::Mention;
use domain::people::{Preferences, SavedView};
use domain::time::RangeChoice;
use domain::view::HostView;
use leptos::prelude::*;

use super::Failure;
use crate::wire::Json;

#[server(prefix = "/do", endpoint = "find", input = Json, output = Json)]
pub async fn find(typed: String) -> Result<Vec<Hit>, Failure> {
    use super::server::{actor, engine};
    let typed: String = typed.chars().take(200).collect();
    Ok(engine().find(&actor(), &typed).await?)
}

#[server(prefix = "/do", endpoint = "save_view", input = Json, output = Json)]
pub async fn save_view(view: SavedView, for_all: bool) -> Result<(), Failure> {
    use super::server::{actor, engine, name};
    Ok(engine().save_view(&actor(), &name(), view, for_all).await?)
}

#[server(prefix = "/do", endpoint = "remove_view", input = Json, output = Json)]
pub async fn remove_view(name: String, for_all: bool) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().remove_view(&actor(), &name, for_all).await?)
}

#[server(prefix = "/do", endpoint = "saved_views", input = Json, output = Json)]
pub async fn saved_views() -> Result<Vec<SavedView>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().saved_views(&actor()).await?)
}

/// Where others named the reader; seen from now on.
#[server(prefix = "/do", endpoint = "mentions", input = Json, output = Json)]
pub async fn mentions() -> Result<Vec<Mention>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().mentions(&actor()).await?)
}

/// Theme, start page, zone and letters; views are saved one by one.
#[server(prefix = "/do", endpoint = "set_preferences", input = Json, output = Json)]
pub async fn set_preferences(wanted: Preferences) -> Result<(), Failure> {
    use super::server::{actor, engine};
    let (engine, actor) = (engine(), actor());
    let views = engine.preferences(&actor).await?.views;
    Ok(engine.set_preferences(&actor, Preferences { views, ..wanted }).await?)
}

#[server(prefix = "/do", endpoint = "host", input = Json, output = Json)]
pub async fn host(name: String, environment: String, range: RangeChoice) -> Result<HostView, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.host_view(&actor(), &name, &environment, range).await?)
}

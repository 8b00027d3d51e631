//! What a model's set-up page reads and changes.

use domain::baseline::BaselineSource;
use domain::model::ModelChange;
use domain::view::ModelSetUpView;
use leptos::prelude::*;

use super::Failure;
use crate::wire::Json;

#[server(prefix = "/do", endpoint = "model_set_up", input = Json, output = Json)]
pub async fn model_set_up(name: String) -> Result<ModelSetUpView, Failure> {
    use super::server::{actor, engine};
    Ok(engine().model_set_up(&actor(), &name).await?)
}

/// The same for a model that may not have sent anything yet.
#[server(prefix = "/do", endpoint = "arrived", input = Json, output = Json)]
pub async fn arrived(name: String) -> Result<Option<ModelSetUpView>, Failure> {
    use super::server::{actor, engine};
    match engine().model_set_up(&actor(), &name).await {
        Err(engine::EngineError::NotFound(_)) => Ok(None),
        other => Ok(Some(other?)),
    }
}

#[server(prefix = "/do", endpoint = "change_model", input = Json, output = Json)]
pub async fn change_model(name: String, change: ModelChange) -> Result<(), Failure> {
    use super::server::{actor, engine};
    engine().update_model(&actor(), &name, change).await?;
    Ok(())
}

/// Makes rows of production the baseline.
#[server(prefix = "/do", endpoint = "choose_baseline", input = Json, output = Json)]
pub async fn choose_baseline(model: String, name: String, source: BaselineSource) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().choose_baseline(&actor(), &model, &name, source).await?)
}

/// Learns from the baseline again.
#[server(prefix = "/do", endpoint = "learn_again", input = Json, output = Json)]
pub async fn learn_again(name: String) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().learn_again(&actor(), &name).await?)
}

/// Compares with a baseline that is there already.
#[server(prefix = "/do", endpoint = "use_baseline", input = Json, output = Json)]
pub async fn use_baseline(model: String, name: String) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().use_baseline(&actor(), &model, &name).await?)
}

/// Removes a model with all that is kept of it.
#[server(prefix = "/do", endpoint = "remove_model", input = Json, output = Json)]
pub async fn remove_model(name: String) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().delete_model(&actor(), &name).await?)
}

//! Responses: what people prepared, what was proposed, and what they decide.

use domain::response::{Response, ResponsesView, RunAct};
use leptos::prelude::*;

use super::Failure;
use crate::wire::Json;

#[server(prefix = "/do", endpoint = "responses", input = Json, output = Json)]
pub async fn responses() -> Result<ResponsesView, Failure> {
    use super::server::{actor, engine};
    Ok(engine().responses(&actor()).await?)
}

#[server(prefix = "/do", endpoint = "save_response", input = Json, output = Json)]
pub async fn save_response(new: Response) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().save_response(&actor(), new).await?)
}

#[server(prefix = "/do", endpoint = "delete_response", input = Json, output = Json)]
pub async fn delete_response(name: String) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().delete_response(&actor(), &name).await?)
}

/// Stops all with a reason; without one they go on.
#[server(prefix = "/do", endpoint = "stop_responses", input = Json, output = Json)]
pub async fn stop_responses(reason: Option<String>) -> Result<(), Failure> {
    use super::server::{engine, known};
    Ok(engine().stop_responses(&known()?, reason).await?)
}

#[server(prefix = "/do", endpoint = "propose_response", input = Json, output = Json)]
pub async fn propose_response(name: String, alert: String) -> Result<(), Failure> {
    use super::server::{engine, known};
    engine().propose_response(&known()?, &name, &alert).await?;
    Ok(())
}

#[server(prefix = "/do", endpoint = "act_on_run", input = Json, output = Json)]
pub async fn act_on_run(id: i64, act: RunAct) -> Result<(), Failure> {
    use super::server::{engine, known};
    engine().act_on_run(&known()?, id, act).await?;
    Ok(())
}

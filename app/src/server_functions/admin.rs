//! People, keys, probes: what the installation's settings change.

use domain::audit::{Deed, Forwarding};
use domain::people::{ApiKey, Person};
use domain::view::InstallationCheck;
use domain::{Role, Scope};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::wire::Json;

/// A service probe as the page lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeRow {
    pub id: i64,
    pub name: String,
    pub target: String,
    pub every_secs: i64,
}

#[server(prefix = "/do", endpoint = "people", input = Json, output = Json)]
pub async fn people() -> Result<Vec<Person>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().people(&actor()).await?)
}

#[server(prefix = "/do", endpoint = "create_person", input = Json, output = Json)]
pub async fn create_person(email: String, name: String, role: Role, password: String) -> Result<(), Failure> {
    use super::server::{actor, engine};
    engine().create_person(&actor(), &email, &name, role, &password).await?;
    Ok(())
}

#[server(prefix = "/do", endpoint = "change_person", input = Json, output = Json)]
pub async fn change_person(id: i64, role: Role, disabled: bool) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().change_person(&actor(), id, role, disabled).await?)
}

#[server(prefix = "/do", endpoint = "keys", input = Json, output = Json)]
pub async fn keys() -> Result<Vec<ApiKey>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().keys(&actor()).await?)
}

/// Gives the secret, this once.
#[server(prefix = "/do", endpoint = "create_key", input = Json, output = Json)]
pub async fn create_key(name: String, scopes: Vec<Scope>, days: Option<u32>) -> Result<String, Failure> {
    use super::server::{actor, engine};
    Ok(engine().create_key(&actor(), &name, &scopes, days).await?)
}

#[server(prefix = "/do", endpoint = "revoke_key", input = Json, output = Json)]
pub async fn revoke_key(id: i64) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().revoke_key(&actor(), id).await?)
}

#[server(prefix = "/do", endpoint = "probes", input = Json, output = Json)]
pub async fn probes() -> Result<Vec<ProbeRow>, Failure> {
    use super::server::{actor, engine};
    let probes = engine().probes(&actor()).await?;
    Ok(probes
        .into_iter()
        .map(|p| ProbeRow { id: p.id, name: p.name, target: p.target, every_secs: p.every_secs })
        .collect())
}

#[server(prefix = "/do", endpoint = "create_probe", input = Json, output = Json)]
pub async fn create_probe(name: String, target: String, every_secs: i64) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().create_probe(&actor(), &name, &target, every_secs).await?)
}

#[server(prefix = "/do", endpoint = "delete_probe", input = Json, output = Json)]
pub async fn delete_probe(id: i64) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().delete_probe(&actor(), id).await?)
}

/// What an administrator wants to know of the installation.
#[server(prefix = "/do", endpoint = "installation", input = Json, output = Json)]
pub async fn installation() -> Result<Vec<InstallationCheck>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().installation_checks(&actor()).await?)
}

/// Where deeds are sent as they are done.
#[server(prefix = "/do", endpoint = "deeds_told", input = Json, output = Json)]
pub async fn deeds_told() -> Result<Forwarding, Failure> {
    use super::server::{actor, engine};
    Ok(engine().forwarding(&actor()).await?)
}

/// Tells a receiver's collectors every deed; nobody where it is empty.
#[server(prefix = "/do", endpoint = "forward_deeds", input = Json, output = Json)]
pub async fn forward_deeds(receiver: String) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().forward_deeds(&actor(), &receiver).await?)
}

/// Who did what, newest first: deeds before a number, whose deed or object holds a text.
#[server(prefix = "/do", endpoint = "deeds", input = Json, output = Json)]
pub async fn deeds(before: i64, text: String) -> Result<Vec<Deed>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().deeds_before(&actor(), before, &text, domain::audit::PAGE).await?)
}

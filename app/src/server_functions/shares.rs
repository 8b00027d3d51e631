//! Links by which others see a page.

use domain::people::Colleague;
use domain::share::{ShareRow, ShareText, SharedView, Visit};
use domain::summary::Weekly;
use leptos::prelude::*;

use super::Failure;
use crate::wire::Json;

/// What a token shows.
#[server(prefix = "/do", endpoint = "shared", input = Json, output = Json)]
pub async fn shared(token: String) -> Result<SharedView, Failure> {
    use super::server::{caller, engine};
    let seen = engine().open_share(&token, caller().as_ref()).await?;
    // Browsers hold this above X-Frame-Options. A session is of no use there: its cookie stays at home.
    if seen.embed {
        crate::content_security_policy("*");
    }
    Ok(seen)
}

/// Makes a link and gives its address, this once.
#[server(prefix = "/do", endpoint = "share", input = Json, output = Json)]
pub async fn make_share(text: ShareText) -> Result<String, Failure> {
    use super::server::{actor, engine, name, origin};
    let token = engine().share(&actor(), &name(), text).await?;
    Ok(format!("{}/share/{token}", origin()))
}

/// What a link would show, were it made now.
#[server(prefix = "/do", endpoint = "preview_share", input = Json, output = Json)]
pub async fn preview_share(text: ShareText) -> Result<SharedView, Failure> {
    use super::server::{actor, engine, name};
    Ok(engine().preview_share(&actor(), &name(), text).await?)
}

/// Posts a link of this installation where people of a receiver talk; how many places took it.
#[server(prefix = "/do", endpoint = "post_link", input = Json, output = Json)]
pub async fn post_link(receiver: String, title: String, text: String, link: String) -> Result<usize, Failure> {
    use super::server::{actor, engine, name, origin};
    // Only what is here: this is no way to send people elsewhere under Plimsoll's name.
    if !link.starts_with(&format!("{}/", origin())) {
        return Err(::engine::EngineError::Invalid("only links of this installation can be posted".into()).into());
    }
    let words = domain::alert::message::Words { title: format!("{} shares {title}", name()), text };
    Ok(engine().post_link(&actor(), &receiver, words, &link).await?)
}

/// Where the weekly summary goes and when; the names of those who can be told.
#[server(prefix = "/do", endpoint = "weekly_summary", input = Json, output = Json)]
pub async fn weekly_summary() -> Result<(Weekly, Vec<String>), Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    Ok((engine.weekly_summary(&actor()).await?, engine.receivers(&actor()).await?))
}

#[server(prefix = "/do", endpoint = "set_weekly_summary", input = Json, output = Json)]
pub async fn set_weekly_summary(wanted: Weekly) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().set_weekly_summary(&actor(), wanted).await?)
}

/// Sends the summary of Overview now; how many places took it.
#[server(prefix = "/do", endpoint = "send_summary", input = Json, output = Json)]
pub async fn send_summary(receiver: String) -> Result<usize, Failure> {
    use super::server::{actor, engine};
    Ok(engine().send_summary(&actor(), &receiver).await?)
}

/// Names of those who can be told.
#[server(prefix = "/do", endpoint = "receivers", input = Json, output = Json)]
pub async fn receivers() -> Result<Vec<String>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().receivers(&actor()).await?)
}

/// Everybody a link can be meant for.
#[server(prefix = "/do", endpoint = "colleagues", input = Json, output = Json)]
pub async fn colleagues() -> Result<Vec<Colleague>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().colleagues(&actor()).await?)
}

#[server(prefix = "/do", endpoint = "shares", input = Json, output = Json)]
pub async fn shares() -> Result<Vec<ShareRow>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().shares(&actor()).await?)
}

#[server(prefix = "/do", endpoint = "end_share", input = Json, output = Json)]
pub async fn end_share(id: i64) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().end_share(&actor(), id).await?)
}

#[server(prefix = "/do", endpoint = "share_visits", input = Json, output = Json)]
pub async fn share_visits(id: i64) -> Result<Vec<Visit>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().share_visits(&actor(), id).await?)
}

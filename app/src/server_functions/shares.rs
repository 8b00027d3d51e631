//! Links by which others see a page.

use domain::share::{ShareRow, ShareText, SharedView, Visit};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;

use super::Failure;

/// What a token shows.
#[server(prefix = "/do", endpoint = "shared", input = Json)]
pub async fn shared(token: String) -> Result<SharedView, Failure> {
    use super::server::{caller, engine};
    let address = caller().map(|c| c.address).unwrap_or_default();
    let seen = engine().open_share(&token, &address).await?;
    // Browsers hold this above X-Frame-Options. A session is of no use there: its cookie stays at home.
    if seen.embed {
        crate::content_security_policy("*");
    }
    Ok(seen)
}

/// Makes a link and gives its address, this once.
#[server(prefix = "/do", endpoint = "share", input = Json)]
pub async fn make_share(text: ShareText) -> Result<String, Failure> {
    use super::server::{actor, engine, name, origin};
    let token = engine().share(&actor(), &name(), text).await?;
    Ok(format!("{}/share/{token}", origin()))
}

#[server(prefix = "/do", endpoint = "shares", input = Json)]
pub async fn shares() -> Result<Vec<ShareRow>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().shares(&actor()).await?)
}

#[server(prefix = "/do", endpoint = "end_share", input = Json)]
pub async fn end_share(id: i64) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().end_share(&actor(), id).await?)
}

#[server(prefix = "/do", endpoint = "share_visits", input = Json)]
pub async fn share_visits(id: i64) -> Result<Vec<Visit>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().share_visits(&actor(), id).await?)
}

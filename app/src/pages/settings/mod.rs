//! Settings: what is yours, what the installation is, who may enter it, what it asks.

mod account;
mod audit;
mod connections;
mod installation;
mod keys;
mod kpis;
mod people;
mod prices;
mod probes;
mod scraping;
mod signals;
mod ways_out;
mod webhooks;

pub use account::Account;
pub use audit::Audit;
pub use connections::Connections;
pub use installation::Installation;
pub(crate) use installation::word;
pub use keys::Keys;
pub use kpis::Kpis;
pub use people::People;
pub use prices::Prices;
pub use probes::Probes;
pub use scraping::Scraping;
pub use signals::Signals;
pub use webhooks::Webhooks;

use domain::Role;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;

use crate::components::frame::Frame;
use crate::components::panel::{Empty, Failed};
use crate::components::reading::standing;
use crate::server_functions::Failure;
use crate::server_functions::views::me;
use crate::wire::resource;

/// The frame of every settings page.
#[component]
fn Settings(#[prop(into)] title: String, children: Children) -> impl IntoView {
    let path = use_location().pathname;
    let who = resource(|| (), |()| me());
    let link = move |href: &'static str, name: &'static str| {
        view! { <a href=href aria-current=move || (path.get() == href).then_some("page")>{name}</a> }
    };
    let admin = standing(move || async move {
        let role = who.await.ok().and_then(|m| m.role);
        (role == Some(Role::Administrator)).then(|| {
            view! {
                <div class="lab">"Workspace"</div>
                {link("/settings/installation", "Installation")}
                {link("/settings/people", "People and roles")}
                {link("/settings/keys", "API keys")}
                {link("/settings/audit", "Audit")}
            }
        })
    });
    view! {
        <Title text=title.clone()/>
        <Frame title=Signal::stored(title) crumbs=vec![("Settings", "/settings")]>
            <div class="setg">
                <nav class="views" aria-label="Settings">
                    <div class="lab">"You"</div>{link("/settings", "Account")}
                    <div class="lab">"Watching"</div>{link("/settings/kpis", "KPIs and health")}
                    <div class="lab">"Data"</div>{link("/settings/connections", "Connections")}{link("/settings/scraping", "Scraping")}
                    {link("/settings/signals", "Signals")}{link("/settings/webhooks", "Webhooks")}{link("/settings/prices", "Prices")}{link("/settings/probes", "Service probes")}
                    <Transition fallback=|| ()>{admin}</Transition>
                </nav>
                <div>{children()}</div>
            </div>
        </Frame>
    }
}

/// A list as a table, or the words for none, or what went wrong.
fn listed<T>(
    list: Result<Vec<T>, Failure>,
    empty: (&'static str, &'static str),
    table: impl FnOnce(Vec<T>) -> AnyView,
) -> AnyView {
    match list {
        Ok(rows) if rows.is_empty() => view! { <Empty title=empty.0 text=empty.1/> }.into_any(),
        Ok(rows) => table(rows),
        Err(error) => view! { <Failed error/> }.into_any(),
    }
}

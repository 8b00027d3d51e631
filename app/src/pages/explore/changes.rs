//! Changes: what happened to systems from the outside.

use domain::telemetry::Change;
use domain::time::{DAY, RangeChoice};
use leptos::prelude::*;

use crate::components::panel::{Empty, Failed, Loading};
use crate::components::reading::standing;
use crate::components::state::use_place;
use crate::components::zone::{Here, zone_label};
use crate::server_functions::telemetry::changes;
use crate::wire::resource;

const DEFAULT: RangeChoice = RangeChoice::Last(30 * DAY);

#[component]
pub fn Changes() -> impl IntoView {
    let place = use_place();
    let found = resource(
        move || (place.get().environment, place.get().range.unwrap_or(DEFAULT)),
        |(environment, range)| changes(environment, range),
    );
    view! {
        <Transition fallback=Loading>{standing(move || async move {
            match found.await {
                Ok(list) if list.is_empty() => view! { <section class="panel"><Empty title="No change in the range" text="Deploys, versions, flags and data releases explain most incidents. They come by REST, CloudEvents, and webhooks of GitHub and GitLab."><a class="btn" href="/settings/webhooks">"Set up a webhook"</a></Empty></section> }.into_any(),
                Ok(list) => table(list),
                Err(error) => view! { <Failed error/> }.into_any(),
            }
        })}</Transition>
    }
}

fn table(list: Vec<Change>) -> AnyView {
    let rows: Vec<_> = list
        .into_iter()
        .map(|c| {
            let what = [c.system, c.service, c.model].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(", ");
            let title = if c.url.is_empty() {
                view! { {c.title} }.into_any()
            } else {
                view! { <a href=c.url rel="noopener noreferrer" target="_blank">{c.title}</a> }.into_any()
            };
            view! {
                <tr><td class="nw">{c.at.here().date_clock()}</td><td class="nw">{c.kind.title()}</td><th scope="row">{title}</th><td>{what}</td><td class="mono">{c.version}</td><td>{c.author}</td><td>{c.environment}</td></tr>
            }
        })
        .collect();
    view! {
        <section class="panel" aria-label="Changes"><table class="t"><thead><tr><th scope="col">"When "<span class="u">{zone_label()}</span></th><th scope="col">"Kind"</th><th scope="col">"What"</th><th scope="col">"Of"</th><th scope="col">"Version"</th><th scope="col">"By"</th><th scope="col">"Environment"</th></tr></thead><tbody>{rows}</tbody></table></section>
    }
    .into_any()
}

//! A page as a link shows it: read only, without the rail, with its scope said.

use domain::share::{SharedBody, SharedView};
use domain::time::RangeChoice;
use leptos::prelude::*;
use leptos_meta::{Meta, Title};
use leptos_router::hooks::use_params_map;

use super::{incidents, model, operations, overview, system};
use crate::charts::shared::ReadOnly;
use crate::components::panel::{Empty, Loading};
use crate::components::reading::awaited;
use crate::components::state::{Place, encoded};
use crate::components::zone::Here;
use crate::server_functions::Failure;
use crate::server_functions::shares::shared;
use crate::wire::resource;

#[component]
pub fn Shared() -> impl IntoView {
    let params = use_params_map();
    let token = Memo::new(move |_| params.with(|p| p.get("token")).unwrap_or_default());
    token.with_untracked(|_| ());
    let data = resource(move || token.get(), shared);
    view! {
        <Meta name="robots" content="noindex"/>
        <Transition fallback=Loading>{awaited(move || token.get(), move || data, |token, data| match data {
                Err(Failure::NotAllowed(words)) => {
                    let next = format!("/sign-in?next=/share/{}", encoded(&token));
                    let (title, text) = ("This page is for people who sign in", format!("{words}."));
                    view! { <Title text="Shared page"/><main class="page" id="main"><h1 class="sr">"Shared page"</h1><Empty title text><a class="btn pri" href=next rel="external">"Sign in"</a></Empty></main> }.into_any()
                }
                Err(error) => view! { <Title text="Shared page"/><main class="page" id="main"><h1 class="sr">"Shared page"</h1><Empty title="This link shows nothing" text=error.to_string()/></main> }.into_any(),
                Ok(seen) => view! { <Title text=seen.title.clone()/><a class="skip" href="#main">"Skip to content"</a><main id="main">{framed(&seen)}</main> }.into_any(),
        })}</Transition>
    }
    .into_any()
}

/// What a link shows, in the frame that says whose it is and how long it holds.
pub fn framed(seen: &SharedView) -> AnyView {
    provide_context(ReadOnly);
    let place = Place { environment: seen.environment.clone(), range: Some(RangeChoice::Fixed(seen.range)) };
    let body = match &seen.body {
        SharedBody::Overview(view) => overview::page(view, &place).into_any(),
        SharedBody::Operations(view) => operations::page(view, &place).into_any(),
        SharedBody::System(view) => system::page(view, &place),
        SharedBody::Model(view) => model::quality(view, &place),
        SharedBody::Incident(view) => incidents::read_only(view),
    };
    let until = seen
        .expires_at
        .map_or("until it is ended".to_string(), |end| format!("until {}", end.here().date_clock_zone()));
    let range = match (&seen.body, seen.frozen) {
        (SharedBody::Overview(_) | SharedBody::Incident(_), _) => String::new(),
        (_, true) => format!(
            "{} to {}, as it was. ",
            seen.range.from.here().date_clock(),
            seen.range.to.here().date_clock_zone()
        ),
        (_, false) => "The range moves on with time. ".to_string(),
    };
    let brand = if seen.installation.is_empty() { "Plimsoll".to_string() } else { seen.installation.clone() };
    let note = (!seen.note.is_empty()).then(|| view! { <p class="note">{seen.note.clone()}</p> });
    // Within another site nobody can sign in.
    let more =
        (!seen.embed).then(|| view! { <a class="btn sm noprint" href="/" rel="external">"Sign in for more"</a> });
    view! {
        <header class="shb"><span class="brand"><svg width="22" height="22" viewBox="0 0 24 24" aria-hidden="true"><use href="#logo"></use></svg><span class="nm">{brand}</span></span>
        <span class="mid grow">{format!("Shared by {} on {}, {until}. {range}", seen.author, seen.created_at.day_month())}</span><span class="tag">"Read only"</span>{more}</header>
        <div class="page shared">{note}{body}</div>
    }
    .into_any()
}

//! Explore: signals by query, traces, logs, the map of who calls whom, changes. All that is asked stands in the
//! address.

mod answer;
mod builder;
mod changes;
mod closer;
mod drawn;
mod formula;
mod logs;
mod map;
mod pinned;
mod plain;
mod signals;
pub mod trace;
mod traces;

use domain::Timestamp;
use domain::time::{HOUR, RangeChoice};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::state::{Place, encoded, use_place};
use crate::components::zone::Here;

const DEFAULT: RangeChoice = RangeChoice::Last(HOUR);

/// What is looked at, with its name in the address.
const VIEWS: [(&str, &str); 5] =
    [("signals", "Signals"), ("traces", "Traces"), ("logs", "Logs"), ("map", "Map"), ("changes", "Changes")];

#[component]
pub fn Explore() -> impl IntoView {
    let query = use_query_map();
    let place = use_place();
    let view = Memo::new(move |_| {
        let said = query.with(|q| q.get("view")).unwrap_or_default();
        VIEWS.iter().find(|(name, _)| *name == said).map_or("signals", |(name, _)| *name)
    });
    let tabs = move || {
        let (here, place) = (view.get(), place.get());
        VIEWS
            .into_iter()
            .map(|(name, title)| {
                let current = (here == name).then_some("page");
                view! { <a href=with(&place, &[("view", name)]) aria-current=current>{title}</a> }
            })
            .collect::<Vec<_>>()
    };
    let body = move || match view.get() {
        "traces" => traces::Traces().into_any(),
        "logs" => logs::Logs().into_any(),
        "map" => map::Map().into_any(),
        "changes" => changes::Changes().into_any(),
        _ => signals::Signals().into_any(),
    };
    view! {
        <Title text="Explore"/>
        <Frame title=Signal::stored("Explore".to_string()) range="Last 1 h">
            <h1 class="sr">"Explore"</h1>
            <nav class="tabs" aria-label="What to explore">{tabs}</nav>
            {body}
        </Frame>
    }
}

/// The address of Explore with some parameters, environment and range kept.
fn with(place: &Place, parameters: &[(&str, &str)]) -> String {
    place.link_to("/explore", parameters)
}

/// A parameter of the address.
fn parameter(name: &'static str) -> Memo<String> {
    let query = use_query_map();
    let value = Memo::new(move |_| query.with(|q| q.get(name)).unwrap_or_default());
    // Parts that are drawn side by side must not be the first to ask: see `use_place`.
    value.with_untracked(|_| ());
    value
}

/// `30 Nov 01:09:55`: of what happens many times a minute.
fn to_the_second(at: Timestamp) -> String {
    let at = at.here();
    format!("{} {}", at.day_month(), at.clock_seconds())
}

/// What a form must carry besides its fields: environment, range, view.
fn carried(place: &Place, view: &'static str) -> impl IntoView + use<> {
    view! { <input type="hidden" name="view" value=view/>{place.fields()} }
}

/// The way to the rows before these.
fn more(next: Option<String>, link: impl Fn(&str) -> String) -> Option<impl IntoView> {
    let next = next?;
    Some(
        view! { <footer class="pf"><a class="btn sm" href=link(&next)>"Older"<Icon name="right" small=true/></a></footer> },
    )
}

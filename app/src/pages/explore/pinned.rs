//! Queries pinned below the one that is worked on: panels on one time axis that share their crosshair. The address
//! holds them, so a saved view of Explore is a board of one's own.

use domain::telemetry::QueryView;
use leptos::prelude::*;

use super::signals::effective;
use super::{DEFAULT, parameter, with};
use crate::charts::chart::Chart;
use crate::components::icons::Icon;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Failed, Loading};
use crate::components::reading::{awaited, reading};
use crate::components::state::{Place, use_place};
use crate::server_functions::telemetry::run_queries;

/// Panels at most: what a person can still take in, and a server draw at once.
pub const MOST: usize = 20;
const HEIGHT: f64 = 130.0;

/// The queries of an address, each once.
pub fn read(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for query in text.lines().map(str::trim).filter(|q| !q.is_empty()) {
        if all.len() < MOST && !all.iter().any(|known| known == query) {
            all.push(query.to_string());
        }
    }
    all
}

/// The same with one more, or without one.
pub fn turned(text: &str, query: &str) -> String {
    let mut all = read(text);
    match all.iter().position(|known| known == query.trim()) {
        Some(place) => drop(all.remove(place)),
        None => all.push(query.trim().replace('\n', " ")),
    }
    all.join("\n")
}

#[component]
pub fn Pinned() -> impl IntoView {
    let (place, live) = (use_place(), use_live());
    let pins = parameter("pin");
    let query = effective();
    let found = reading(
        move || (read(&pins.get()), place.get().range.unwrap_or(DEFAULT)),
        // Twenty queries a second would be work that nobody sees.
        move || live.calm.get(),
        |(queries, range)| run_queries(queries, range),
    );
    view! {
        <Transition fallback=Loading>{awaited(move || (place.get(), query.get(), pins.get()), move || found, |(place, query, pins), found| match found {
            Ok(views) if views.is_empty() => ().into_any(),
            Ok(views) => {
                let panels: Vec<_> = read(&pins).iter().zip(views).map(|(own, found)| panel(own, found, &place, &query, &pins)).collect();
                view! { <h2 class="h2l mt-12">"Pinned"</h2><div class="g mb-16">{panels}</div> }.into_any()
            }
            Err(error) => view! { <Failed error/> }.into_any(),
        })}</Transition>
    }
}

fn panel(own: &str, found: Result<QueryView, String>, place: &Place, query: &str, pins: &str) -> AnyView {
    let without = with(place, &[("view", "signals"), ("q", query), ("pin", &turned(pins, own))]);
    let open = with(place, &[("view", "signals"), ("q", own), ("pin", pins)]);
    let body = match found {
        Err(problem) => view! { <p class="note critical" role="alert">{problem}</p> }.into_any(),
        Ok(view) if view.lines.is_empty() => {
            view! { <Empty title="Nothing in this range" text="The query is right; no series has a sample here."/> }
                .into_any()
        }
        Ok(view) => {
            let description = format!("{} lines of {own}", view.lines.len());
            let spec = super::drawn::plain(&view, HEIGHT);
            view! { <Chart spec title=own.to_string() description left=56/> }.into_any()
        }
    };
    view! {
        <section class="panel c-6" aria-label=format!("Pinned: {own}")><header class="ph"><h2 class="mono cutq"><a href=open>{own.to_string()}</a></h2><div class="act"><a class="btn ghost xs icon" href=without aria-label=format!("Unpin {own}")><Icon name="x" small=true/></a></div></header><div class="pb">{body}</div></section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_pinned_once_and_taken_away_again() {
        let one = turned("", "up");
        let two = turned(&one, " rate(x[5m]) ");
        assert_eq!(read(&two), ["up", "rate(x[5m])"]);
        assert_eq!(turned(&two, "up"), "rate(x[5m])");
        let many: Vec<String> = (0..30).map(|i| format!("q{i}")).collect();
        assert_eq!(read(&many.join("\n")).len(), MOST);
        assert!(read(" \n\n").is_empty());
    }
}

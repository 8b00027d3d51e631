//! The map: who calls whom, how often, how fast, how well.

use domain::format;
use domain::telemetry::{Topology, TopologyEdge};
use leptos::prelude::*;

use super::DEFAULT;
use crate::charts::topology::topology;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Failed, Loading};
use crate::components::reading::awaited;
use crate::components::state::{Place, use_place};
use crate::components::status::Status;
use crate::server_functions::telemetry::call_map;
use crate::wire::resource;

#[component]
pub fn Map() -> impl IntoView {
    let place = use_place();
    let live = use_live();
    let found = resource(
        move || (place.get().environment, place.get().range.unwrap_or(DEFAULT), live.reports.get()),
        |(environment, range, _)| call_map(environment, range),
    );
    view! {
        <Transition fallback=Loading>{awaited(move || place.get(), move || found, |place, found| match found {
            Ok(map) if map.nodes.is_empty() => view! { <section class="panel"><Empty title="No call is known in the range" text="The map is learned from spans; what sends none can be declared by POST /api/v1/dependencies."><a class="btn" href="/settings/connections">"How to send spans"</a></Empty></section> }.into_any(),
            Ok(map) => drawn(&map, &place),
            Err(error) => view! { <Failed error/> }.into_any(),
        })}</Transition>
    }
}

fn drawn(map: &Topology, place: &Place) -> AnyView {
    let edges: Vec<_> = map.edges.iter().map(edge_row).collect();
    let sub = if map.newest_only {
        format!("learned from the newest {} spans of the range", format::count(map.spans as f64))
    } else {
        format!("learned from {} spans", format::count(map.spans as f64))
    };
    view! {
        <section class="panel" aria-label="Map">
            <header class="ph"><h2>"Who calls whom"</h2><span class="sub">{sub}</span></header>
            <div class="pb">{topology(map, place, usize::MAX)}</div>
        </section>
        <section class="panel mt-12" aria-label="Calls">
            <table class="t"><thead><tr><th scope="col">"From"</th><th scope="col">"To"</th><th scope="col" class="num">"Calls"</th><th scope="col" class="num">"Failed"</th><th scope="col" class="num">"p50"</th><th scope="col" class="num">"p95"</th><th scope="col">"State"</th></tr></thead><tbody>{edges}</tbody></table>
        </section>
    }
    .into_any()
}

fn edge_row(edge: &TopologyEdge) -> impl IntoView + use<> {
    let calls = edge.seen();
    let known = edge.calls > 0;
    let cell = |text: String| if known { text } else { "–".to_string() };
    let of = calls.status();
    let words = match (known, edge.declared) {
        (false, _) => "declared, not seen".to_string(),
        (true, true) => format!("{}, declared", of.title()),
        (true, false) => of.title().to_string(),
    };
    view! {
        <tr><th scope="row">{edge.from.clone()}</th><td>{edge.to.clone()}</td><td class="num">{cell(format::count(edge.calls as f64))}</td>
        <td class="num v">{calls.error_share().map_or_else(|| "–".to_string(), format::percent)}</td><td class="num">{cell(format::milliseconds(edge.p50_ms))}</td><td class="num">{cell(format::milliseconds(edge.p95_ms))}</td>
        <td><Status of=of text=words/></td></tr>
    }
}

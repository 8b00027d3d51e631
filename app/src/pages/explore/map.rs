//! The map: who calls whom, how often, how fast, how well.

use domain::format;
use domain::telemetry::{Topology, TopologyEdge};
use leptos::prelude::*;

use super::{DEFAULT, took, with};
use crate::components::live::use_live;
use crate::components::panel::{Empty, Failed, Loading};
use crate::components::state::{Place, use_place};
use crate::components::status::Status;
use crate::server_functions::telemetry::call_map;

/// Shares of failed calls from which an arrow is drawn as in trouble, and as failing.
const TROUBLE: f64 = 0.01;
const FAILING: f64 = 0.05;
const NODE: (f64, f64) = (168.0, 44.0);
const GAP: (f64, f64) = (92.0, 18.0);

#[component]
pub fn Map() -> impl IntoView {
    let place = use_place();
    let live = use_live();
    let found = Resource::new(
        move || (place.get().environment, place.get().range.unwrap_or(DEFAULT), live.reports.get()),
        |(environment, range, _)| call_map(environment, range),
    );
    view! {
        <Transition fallback=Loading>{move || Suspend::new(async move {
            match found.await {
                Ok(map) if map.nodes.is_empty() => view! { <section class="panel"><Empty title="No call is known in the range" text="The map is learned from spans; what sends none can be declared by POST /api/v1/dependencies."><a class="btn" href="/settings/connections">"How to send spans"</a></Empty></section> }.into_any(),
                Ok(map) => drawn(&map, &place.get()),
                Err(error) => view! { <Failed text=error.to_string()/> }.into_any(),
            }
        })}</Transition>
    }
}

fn share(errors: u64, calls: u64) -> f64 {
    if calls == 0 { 0.0 } else { errors as f64 / calls as f64 }
}

fn health(errors: u64, calls: u64) -> domain::Status {
    match share(errors, calls) {
        _ if calls == 0 => domain::Status::NoData,
        s if s >= FAILING => domain::Status::Critical,
        s if s >= TROUBLE => domain::Status::Poor,
        _ => domain::Status::Good,
    }
}

/// How far from the outside each node stands: one more than the farthest of those that call it.
fn columns(map: &Topology) -> Vec<usize> {
    let place = |name: &str| map.nodes.iter().position(|n| n.name == name);
    let arrows: Vec<(usize, usize)> = map.edges.iter().filter_map(|e| Some((place(&e.from)?, place(&e.to)?))).collect();
    let mut columns = vec![0; map.nodes.len()];
    // As many rounds as there are nodes settle everything but circles, which stay where they are by then.
    for _ in 0..map.nodes.len().min(12) {
        for (from, to) in &arrows {
            if columns[*to] <= columns[*from] && columns[*from] < 8 {
                columns[*to] = columns[*from] + 1;
            }
        }
    }
    columns
}

fn drawn(map: &Topology, place: &Place) -> AnyView {
    let columns = columns(map);
    let mut rows = vec![0_usize; columns.iter().max().map_or(1, |m| m + 1)];
    let at: Vec<(f64, f64)> = columns
        .iter()
        .map(|column| {
            let row = rows[*column];
            rows[*column] += 1;
            (*column as f64 * (NODE.0 + GAP.0) + 4.0, row as f64 * (NODE.1 + GAP.1) + 4.0)
        })
        .collect();
    let width = rows.len() as f64 * (NODE.0 + GAP.0) - GAP.0 + 8.0;
    let height = rows.iter().max().copied().unwrap_or(1) as f64 * (NODE.1 + GAP.1) - GAP.1 + 8.0;
    let node_at = |name: &str| map.nodes.iter().position(|n| n.name == name).map(|i| at[i]);
    let arrows: Vec<_> = map
        .edges
        .iter()
        .filter_map(|edge| {
            let (from, to) = (node_at(&edge.from)?, node_at(&edge.to)?);
            let (x1, y1) = (from.0 + NODE.0, from.1 + NODE.1 / 2.0);
            let (x2, y2) = (to.0, to.1 + NODE.1 / 2.0);
            let bend = ((x2 - x1).abs() / 2.0).max(30.0);
            let d = format!("M{x1:.0} {y1:.0}C{:.0} {y1:.0} {:.0} {y2:.0} {x2:.0} {y2:.0}", x1 + bend, x2 - bend);
            let class =
                format!("tpe {}{}", health(edge.errors, edge.calls).name(), if edge.declared { " dcl" } else { "" });
            Some(view! { <path class=class d=d></path> })
        })
        .collect();
    let boxes: Vec<_> = map
        .nodes
        .iter()
        .zip(&at)
        .map(|(node, (x, y))| {
            let of = health(node.errors, node.calls);
            let words = if node.calls == 0 {
                node.kind.clone()
            } else {
                format!("{} calls, p95 {}", format::count(node.calls as f64), took(node.p95_ms))
            };
            let link = match node.kind.as_str() {
                "service" => with(place, &[("view", "traces"), ("service", &node.name), ("all", "1")]),
                _ => with(place, &[("view", "traces"), ("q", &format!("\"{}\"", node.name)), ("all", "1")]),
            };
            view! {
                <a class=format!("tpn {}", of.name()) href=link style=format!("left:{x:.0}px;top:{y:.0}px;width:{}px;height:{}px", NODE.0, NODE.1)>
                    <b>{node.name.clone()}</b><span class="hint">{words}</span></a>
            }
        })
        .collect();
    let edges: Vec<_> = map.edges.iter().map(edge_row).collect();
    let sub = if map.newest_only {
        format!("learned from the newest {} spans of the range", format::count(map.spans as f64))
    } else {
        format!("learned from {} spans", format::count(map.spans as f64))
    };
    view! {
        <section class="panel" aria-label="Map">
            <header class="ph"><h2>"Who calls whom"</h2><span class="sub">{sub}</span></header>
            <div class="pb tpw" tabindex="0" role="group" aria-label="Map of calls; the table below says the same"><div class="tp" style=format!("width:{width:.0}px;height:{height:.0}px")>
                <svg width=format!("{width:.0}") height=format!("{height:.0}") aria-hidden="true">{arrows}</svg>{boxes}</div></div>
        </section>
        <section class="panel mt-12" aria-label="Calls">
            <table class="t"><thead><tr><th scope="col">"From"</th><th scope="col">"To"</th><th scope="col" class="num">"Calls"</th><th scope="col" class="num">"Failed"</th><th scope="col" class="num">"p50"</th><th scope="col" class="num">"p95"</th><th scope="col">"State"</th></tr></thead><tbody>{edges}</tbody></table>
        </section>
    }
    .into_any()
}

fn edge_row(edge: &TopologyEdge) -> impl IntoView + use<> {
    let known = edge.calls > 0;
    let cell = |text: String| if known { text } else { "–".to_string() };
    let of = health(edge.errors, edge.calls);
    let words = match (known, edge.declared) {
        (false, _) => "declared, not seen".to_string(),
        (true, true) => format!("{}, declared", of.title()),
        (true, false) => of.title().to_string(),
    };
    view! {
        <tr><th scope="row">{edge.from.clone()}</th><td>{edge.to.clone()}</td><td class="num">{cell(format::count(edge.calls as f64))}</td>
        <td class="num v">{cell(format::percent(share(edge.errors, edge.calls)))}</td><td class="num">{cell(took(edge.p50_ms))}</td><td class="num">{cell(took(edge.p95_ms))}</td>
        <td><Status of=of text=words/></td></tr>
    }
}

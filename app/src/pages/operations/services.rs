//! Services as their calls show them, and probes that ask them from outside.

use domain::signal::SeriesData;
use domain::traffic::{ServiceRow, Traffic};
use domain::view::OperationsView;
use domain::{Status as Of, format};
use leptos::prelude::*;

use crate::charts::spark::Spark;
use crate::components::panel::Empty;
use crate::components::state::Place;
use crate::components::status::{Shape, Status};
use crate::components::zone::Here;

/// Services shown; all of them are on the map in Explore.
const SHOWN: usize = 12;

pub fn table(view: &OperationsView, place: &Place) -> AnyView {
    if view.traffic.services.is_empty() {
        return view! { <Empty title="No service has sent a span" text="Point an OpenTelemetry exporter at /v1/traces: requests, latency, errors and who calls whom follow from it."><a class="btn" href="/settings/connections">"How to send spans"</a></Empty> }.into_any();
    }
    // The worst first, then the busiest.
    let mut services: Vec<&ServiceRow> = view.traffic.services.iter().collect();
    services.sort_by_key(|s| match s.status() {
        Of::NoData => Of::Excellent,
        of => of,
    });
    let rows: Vec<_> = services.into_iter().take(SHOWN).map(|s| row(s, &view.traffic, place)).collect();
    let since = view.traffic.since.map(|at| {
        view! { <p class="hint pf2">{format!("From the newest {} spans, since {}.", format::count(view.traffic.spans as f64), at.here().date_clock_zone())}</p> }
    });
    view! {
        <table class="t svc">
            <thead><tr><th scope="col">"Service"</th><th scope="col" class="num">"Requests"</th><th scope="col"><span class="sr">"Requests over time"</span></th><th scope="col" class="num">"p50"</th><th scope="col" class="num">"p95"</th><th scope="col"><span class="sr">"p95 over time"</span></th><th scope="col" class="num">"Errors"</th><th scope="col" class="num">"Queue"</th><th scope="col" class="num">"CPU"</th><th scope="col" class="num">"GPU"</th></tr></thead>
            <tbody>{rows}</tbody>
        </table>
        {since}
    }
    .into_any()
}

fn row(service: &ServiceRow, traffic: &Traffic, place: &Place) -> impl IntoView + use<> {
    let status = service.status();
    let troubled = status < Of::Good && status != Of::NoData;
    let (rate, unit) = traffic.rate(service.now.calls);
    let known = service.now.calls > 0;
    let ms = |value: f64| if known { format::milliseconds(value) } else { "–".to_string() };
    let slow = service.slower().is_some_and(|times| times >= 1.5);
    let failing = service.now.status() < Of::Good && known;
    let hot = |is: bool| if is { "num hotv nw" } else { "num nw" };
    let calls: Vec<Option<f64>> = service.calls.iter().map(|c| Some(*c)).collect();
    let share = |value: Option<f64>| match value {
        None => view! { <span class="dim">"–"</span> }.into_any(),
        Some(value) => {
            let class = if value >= 0.9 { "kp" } else { "kt" };
            view! { <span class="cpu"><span class=format!("mbar {class}")><i style=format!("width:{:.0}%", (value * 100.0).clamp(0.0, 100.0))></i></span>{format::fixed(value * 100.0, 0)}</span> }.into_any()
        }
    };
    let link = place.link_to("/explore", &[("view", "traces"), ("all", "1"), ("service", &service.name)]);
    view! {
        <tr>
            <th scope="row"><span class="row"><span class=format!("st {}", status.name())><Shape of=status/><span class="sr">{status.title()}</span></span><a class="mono" href=link>{service.name.clone()}</a></span></th>
            <td class="num nw">{rate}<span class="u">{unit}</span></td>
            <td><Spark values=calls label=format!("Requests of {}", service.name) width=48 height=18/></td>
            <td class="num nw">{ms(service.now.p50_ms)}</td>
            <td class=hot(slow)>{ms(service.now.p95_ms)}</td>
            <td><Spark values=service.p95_ms.clone() label=format!("p95 of {}", service.name) class=if troubled { "kp" } else { "kt" } width=56 height=18/></td>
            <td class=hot(failing)>{service.now.error_share().map_or_else(|| "–".to_string(), |s| format!("{}%", format::fixed(s * 100.0, 2)))}</td>
            <td class="num">{service.queue.map_or_else(|| "–".to_string(), format::compact)}</td>
            <td class="num">{share(service.cpu)}</td>
            <td class="num">{share(service.gpu)}</td>
        </tr>
    }
}

pub fn probes(view: &OperationsView) -> AnyView {
    let of = |name: &str, probe: &str| {
        view.probes
            .iter()
            .find(|s| s.series.name == name && s.series.labels.get("probe").map(String::as_str) == Some(probe))
            .cloned()
    };
    let mut names: Vec<String> = view.probes.iter().filter_map(|s| s.series.labels.get("probe").cloned()).collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        return view! { <Empty title="No probe yet" text="A probe asks a service from outside whether it answers, how fast, and when its certificate ends."><a class="btn" href="/settings/probes">"Add a probe"</a></Empty> }.into_any();
    }
    let rows: Vec<_> = names
        .into_iter()
        .map(|probe| {
            let last = |s: &Option<SeriesData>| s.as_ref().and_then(|s| s.points.last()).map(|p| p.value);
            let available = last(&of("probe.availability", &probe));
            let latency = of("probe.latency", &probe);
            let days = last(&of("probe.certificate.days_left", &probe));
            let status = match available {
                Some(v) if v >= 1.0 => Of::Good,
                Some(_) => Of::Critical,
                None => Of::NoData,
            };
            let words = match status {
                Of::Good => "yes",
                Of::Critical => "no",
                _ => "no data",
            };
            let values: Vec<Option<f64>> =
                latency.iter().flat_map(|s| s.points.iter().map(|p| Some(p.value))).collect();
            view! {
                <tr>
                    <th scope="row">{probe.clone()}</th>
                    <td><Status of=status text=words/></td>
                    <td class="num v">{last(&latency).map_or_else(|| "–".to_string(), format::milliseconds)}</td>
                    <td><Spark values label=format!("Latency of {probe}") height=18/></td>
                    <td class="num">{days.map_or_else(|| "–".to_string(), |d| format!("{d:.0} d"))}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <table class="t">
            <thead><tr><th scope="col">"Service"</th><th scope="col">"Answers"</th><th scope="col" class="num">"Latency"</th><th scope="col">"Latency over time"</th><th scope="col" class="num">"Certificate"</th></tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

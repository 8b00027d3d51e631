//! Health of systems by layer, and how models fare.

use domain::health::{LayerHealth, SystemHealth, overall};
use domain::signal::Layer;
use domain::view::{ModelCard, OperationsView};
use domain::{Status as Of, format};
use leptos::prelude::*;

use crate::charts::spark::Spark;
use crate::components::panel::Empty;
use crate::components::state::Place;
use crate::components::status::{Shape, Status};

fn cell(score: Option<f64>, href: &str, last: bool) -> impl IntoView + use<> {
    let status = score.map_or(Of::NoData, Of::of);
    let class = format!("hc {}{}", status.name(), if last { " hs" } else { "" });
    let text = score.map_or_else(|| "–".to_string(), |s| format::fixed(s, 2));
    let inside = view! { <Shape of=status/><span>{text}</span><span class="sr">{status.title()}</span> };
    if href.is_empty() {
        view! { <td class=class><span class="cell">{inside}</span></td> }.into_any()
    } else {
        view! { <td class=class><a href=href.to_string()>{inside}</a></td> }.into_any()
    }
}

/// Systems by layer, and all of them together.
pub fn matrix(view: &OperationsView, place: &Place) -> AnyView {
    if view.systems.is_empty() {
        return view! { <Empty title="No AI system yet" text="A system appears with the first predictions sent to it."><a class="btn pri" href="/connect">"Connect a system"</a></Empty> }.into_any();
    }
    let rows: Vec<_> = view.systems.iter().map(|system| row(system, place)).collect();
    let all = (view.systems.len() > 1).then(|| {
        // By the weight of each system, like the whole.
        let of = |layer: Layer| {
            let own: Vec<(f64, f64)> =
                view.systems.iter().filter_map(|s| Some((s.layer(layer)?.score, s.weight))).collect();
            let weight: f64 = own.iter().map(|(_, w)| w).sum();
            (weight > 0.0).then(|| own.iter().map(|(s, w)| s * w).sum::<f64>() / weight)
        };
        let cells: Vec<_> = Layer::ALL.into_iter().map(|layer| cell(of(layer), "", false)).collect();
        view! { <tr class="tot"><th scope="row">"All systems"<span class="hint blk">"weighted"</span></th>{cells}{cell(overall(&view.systems), "", true)}</tr> }
    });
    let heads: Vec<_> = ["Infra", "App", "Quality", "Users", "Business", "Health"]
        .into_iter()
        .map(|name| view! { <th scope="col">{name}</th> })
        .collect();
    view! {
        <table class="t mxt">
            <thead><tr><th scope="col">"System"</th>{heads}</tr></thead>
            <tbody>{rows}{all}</tbody>
        </table>
    }
    .into_any()
}

fn row(system: &SystemHealth, place: &Place) -> impl IntoView + use<> {
    let href = place.link(&format!("/systems/{}", system.system));
    let of = |layer: &Option<&LayerHealth>| layer.map(|l| l.score);
    let cells: Vec<_> = Layer::ALL.into_iter().map(|layer| cell(of(&system.layer(layer)), &href, false)).collect();
    view! {
        <tr>
            <th scope="row"><a href=href.clone()>{system.title.clone()}</a><span class="hint mono">{system.system.clone()}</span></th>
            {cells}{cell(system.score, &href, true)}
        </tr>
    }
}

pub fn models(view: &OperationsView, place: &Place) -> AnyView {
    if view.cards.is_empty() {
        return view! { <Empty title="No model yet" text="POST predictions to /api/v1/models/NAME/predictions, or run plimsoll import."/> }.into_any();
    }
    let rows: Vec<_> = view.cards.iter().map(|c| model_row(c, place)).collect();
    view! {
        <table class="t">
            <thead><tr><th scope="col">"Model"</th><th scope="col">"Quality"</th><th scope="col">"Trend"</th><th scope="col" class="num">"Drift"</th><th scope="col" class="num">"Predictions"</th><th scope="col">"Newest window"</th><th scope="col">"Verdict"</th></tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

fn model_row(card: &ModelCard, place: &Place) -> impl IntoView + use<> {
    let score = card.layer.as_ref().map(|l| l.score);
    let status = score.map_or(Of::NoData, Of::of);
    let drift = card.layer.as_ref().and_then(|l| l.signals.iter().find(|s| s.name == "Drift")).map(|s| s.shown.clone());
    let values: Vec<Option<f64>> = card.trend.iter().map(|s| Some(s.value)).collect();
    let class = if status < Of::Fair && status != Of::NoData { "kp" } else { "kt" };
    view! {
        <tr>
            <th scope="row"><a class="mono" href=place.link(&format!("/models/{}", card.name))>{card.name.clone()}</a></th>
            <td><Status of=status/></td>
            <td><Spark values label=format!("{} over recent windows", card.title) class height=18/></td>
            <td class="num v">{drift.unwrap_or_else(|| "–".into())}</td>
            <td class="num">{format::count(card.rows as f64)}</td>
            <td class="nw">{card.last.map_or_else(|| "–".to_string(), domain::Timestamp::date_clock)}</td>
            <td class="mid">{card.sentence.clone()}</td>
        </tr>
    }
}

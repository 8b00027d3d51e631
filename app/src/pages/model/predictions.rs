//! The predictions of a model, newest first, narrowed by conditions: what stands behind a segment, a feature or a
//! figure, one by one.

use domain::format;
use domain::time::RangeChoice;
use domain::view::{PredictionLine, PredictionsView};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::{ModelTabs, address, came_true, predictions_link};
use crate::components::frame::Frame;
use crate::components::lasting::given;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Failed, Loading};
use crate::components::reading::{awaited, reading};
use crate::components::state::{Place, use_place};
use crate::components::title::titled;
use crate::components::zone::{Here, zone_label};
use crate::server_functions::evaluation::predictions;

#[component]
pub fn PredictionsPage() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let place = use_place();
    let live = use_live();
    let name = Memo::new(move |_| params.with(|p| p.get("name")).unwrap_or_default());
    let asked = Memo::new(move |_| query.with(|q| q.get("where")).unwrap_or_default());
    name.with_untracked(|_| ());
    asked.with_untracked(|_| ());
    let data = reading(
        move || {
            let here = place.get();
            (name.get(), here.environment, here.range.unwrap_or(RangeChoice::All), asked.get())
        },
        move || live.reports.get(),
        |(name, environment, range, conditions)| predictions(name, environment, range, conditions),
    );
    view! {
        <Title text=titled(move || format!("Predictions of {}", name.get()))/>
        <Frame title=Signal::derive(move || name.get()) crumbs=vec![("AI systems", "/overview")] range="All data">
            <div class="head"><div class="grow"><h1>"Predictions"</h1><p>"One by one, the newest first. A segment, or conditions of one’s own, narrow them."</p></div></div>
            {move || view! { <ModelTabs name=name.get() current="predictions"/> }}
            {move || narrow(&name.get(), &asked.get(), &place.get())}
            <Transition fallback=Loading>{awaited(move || place.get(), move || data, |place, data| match data {
                Ok(view) => table(&view, &place),
                Err(error) => view! { <Failed error/> }.into_any(),
            })}</Transition>
        </Frame>
    }
    .into_any()
}

/// The conditions, each to be taken away, and a field for all of them.
fn narrow(model: &str, asked: &str, place: &Place) -> AnyView {
    let parts: Vec<&str> = domain::telemetry::search_parts(asked).collect();
    let chips: Vec<_> = parts
        .iter()
        .enumerate()
        .map(|(i, part)| {
            let rest: Vec<&str> = parts.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, p)| *p).collect();
            let without = predictions_link(place, model, &rest.join(";"));
            let shown = part.trim_start_matches("feature.").to_string();
            view! { <a class="chip on" href=without aria-label=format!("Without {shown}")><b>{shown.clone()}</b><span class="x" aria-hidden="true">"×"</span></a> }
        })
        .collect();
    let kept = place.fields();
    view! {
        <form class="row wrap gap-8 mb-12" method="get" action=address(model, "predictions") role="search">{kept}
            <label class="f grow"><span class="sr">"Conditions"</span><input class="in mono" name="where" autocomplete="off" spellcheck="false" placeholder="feature.amount>=100; feature.country=DE,FR; unlabelled" {..given(asked.to_string())}/></label>
            <button class="btn" type="submit">"Narrow"</button></form>
        <div class="row wrap gap-8 mb-12">{chips}</div>
    }
    .into_any()
}

fn table(view: &PredictionsView, place: &Place) -> AnyView {
    if view.rows.is_empty() {
        return view! { <section class="panel"><Empty title="No prediction meets this" text="Choose a longer range, or take a condition away."/></section> }.into_any();
    }
    let heads: Vec<_> = view
        .columns
        .iter()
        .map(|c| view! { <th scope="col" class="num">{c.trim_start_matches("feature.").to_string()}</th> })
        .collect();
    let timed = view.rows.iter().any(|r| !r.latency_ms.is_empty());
    let rows: Vec<_> = view.rows.iter().map(|row| line(row, view, place, timed)).collect();
    let older = view.rows.last().filter(|_| view.more).map(|last| {
        view! { <footer class="pf"><span class="hint">{format!("The newest {} of the range; the oldest shown is of {}. Choose an earlier range for more.", view.rows.len(), last.at.here().date_clock_zone())}</span></footer> }
    });
    let latency = timed.then(|| view! { <th scope="col" class="num">"Latency"</th> });
    view! {
        <section class="panel" aria-label="Predictions"><div class="x"><table class="t dense"><thead><tr><th scope="col">"Time "<span class="u">{zone_label()}</span></th><th scope="col">"Prediction"</th>{heads}<th scope="col" class="num">"Answer"</th><th scope="col" class="num">"Probability"</th>{latency}<th scope="col">"Outcome"</th></tr></thead><tbody>{rows}</tbody></table></div>{older}</section>
    }
    .into_any()
}

fn line(row: &PredictionLine, view: &PredictionsView, place: &Place, timed: bool) -> impl IntoView + use<> {
    let outcome = came_true(view.model.task, &row.prediction, &row.label);
    let number = |text: &str, decimals: usize| {
        text.parse::<f64>().map_or_else(|_| text.to_string(), |v| format::fixed(v, decimals))
    };
    let href = place.link_to(&address(&view.model.name, "prediction"), &[("id", &row.id)]);
    let values: Vec<_> = row.values.iter().map(|v| view! { <td class="num v">{v.clone()}</td> }).collect();
    let latency = timed.then(|| view! { <td class="num">{number(&row.latency_ms, 0)}</td> });
    view! { <tr><td class="nw">{row.at.here().date_clock()}</td><th scope="row" class="mono plain"><a href=href>{row.id.clone()}</a></th>{values}<td class="num">{row.prediction.clone()}</td><td class="num">{number(&row.probability, 4)}</td>{latency}<td>{outcome}</td></tr> }
}

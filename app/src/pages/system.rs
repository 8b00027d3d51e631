//! One system: all its layers on one page, from servers to revenue.

use domain::annotation::Subject;
use domain::health::LayerHealth;
use domain::outcome::{Experience, Impact, OutcomeView};
use domain::signal::Layer;
use domain::time::{DAY, RangeChoice};
use domain::verdict::Estimate;
use domain::view::{ModelCard, SystemView};
use domain::{Status as Of, format};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use super::overview::kpi_card;
use crate::charts::shared::happened;
use crate::charts::spark::Spark;
use crate::components::frame::Frame;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Panel, Read};
use crate::components::reading::reading;
use crate::components::state::{Place, use_place};
use crate::components::status::{LoadScale, Status};
use crate::components::title::titled;
use crate::components::zone::Here;
use crate::server_functions::evaluation::system;

#[component]
pub fn SystemPage() -> impl IntoView {
    let params = use_params_map();
    let place = use_place();
    let live = use_live();
    let name = Memo::new(move |_| params.with(|p| p.get("name")).unwrap_or_default());
    let data = reading(
        move || {
            let here = place.get();
            (name.get(), here.environment, here.range.unwrap_or(RangeChoice::Last(7 * DAY)))
        },
        move || live.reports.get(),
        |(name, environment, range)| system(name, environment, range),
    );
    view! {
        <Title text=titled(move || name.get())/>
        <Frame title=Signal::derive(move || name.get()) crumbs=vec![("AI systems", "/overview")] range="Last 7 d">
            <Read what=data title=Signal::derive(move || name.get()) draw=page/>
        </Frame>
    }
    .into_any()
}

pub(crate) fn page(view: &SystemView, place: &Place) -> AnyView {
    let about =
        Subject { system: view.health.system.clone(), environment: place.environment.clone(), ..Subject::default() };
    happened(&view.flags, about);
    let status = view.health.status();
    let text = view
        .health
        .score
        .map_or_else(|| "No data".to_string(), |s| format!("{} {}", format::fixed(s, 2), status.title()));
    let kpis: Vec<_> = view.kpis.iter().map(|kpi| kpi_card(kpi, "over the range", place)).collect();
    let none = kpis.is_empty();
    let models: Vec<_> = view.cards.iter().map(|card| model_row(card, place)).collect();
    let changes: Vec<_> = view
        .changes
        .iter()
        .take(12)
        .map(|c| view! { <li><div class="grow"><b>{c.title.clone()}</b><p class="hint">{format!("{} {}", c.at.here().date_clock_zone(), c.author)}</p></div></li> })
        .collect();
    let quiet = changes.is_empty();
    let p1 = layers(&view.health.layers);
    let p2 = experience(&view.outcome);
    let p3 = business(&view.outcome.impact);
    let p4 = if models.is_empty() {
        view! { <Empty title="No model" text="Predictions name the system they belong to."/> }.into_any()
    } else {
        view! { <ul class="sys">{models}</ul> }.into_any()
    };
    let p5 = if quiet {
        view! { <Empty title="None told" text="Deployments, prompts, flags and data releases appear here when they are sent to /api/v1/changes."/> }.into_any()
    } else {
        view! { <ul class="list">{changes}</ul> }.into_any()
    };
    view! {
        <div class="head"><div class="grow"><div class="row wrap gap-12"><h1>{view.health.title.clone()}</h1><Status of=status pill=true text=text/><span class="tag mono">{view.health.system.clone()}</span>
            <span class="mid">{format!("business weight {}", format::compact(view.health.weight))}</span></div></div></div>
        <div class="g">
            <div class="c-4 col gap-16">
                <section class="panel hero grow" aria-label="Health">
                    <div class="lab">"Health of this system"</div>
                    <div class="big">{view.health.score.map_or_else(|| "–".to_string(), |s| format::fixed(s, 2))}" "<Status of=status pill=true/></div>
                    <LoadScale score=view.health.score/>
                    <p class="hint exp">"The weighted mean of its layers; what has no data is left out."</p>
                </section>
                {(!none).then(|| view! { <section class="kcs" aria-label="KPIs">{kpis}</section> })}
            </div>
            <Panel title="Layers" sub="what each rests on" span="c-8" flush=true>{p1}</Panel>
            <div class="c-8 col gap-16">
                <Panel title="Models" sub="newest windows" span="" flush=true>{p4}</Panel>
                <div class="g grow">
                    <Panel title="Users" sub="what feedback says, each with its n" span="c-6" flush=true>{p2}</Panel>
                    <Panel title="Business" sub="what it is worth, with its interval" span="c-6" flush=true>{p3}</Panel>
                </div>
            </div>
            <Panel title="Changes" sub="in the range" span="c-4" flush=true>{p5}</Panel>
        </div>
        <footer class="ft"><span>{format!("Figures up to {}", view.now.here().date_clock_zone())}</span></footer>
    }
    .into_any()
}

fn layers(layers: &[LayerHealth]) -> AnyView {
    let rows: Vec<_> = Layer::ALL
        .into_iter()
        .map(|layer| match layers.iter().find(|l| l.layer == layer) {
            Some(l) => {
                let signals: Vec<_> = l
                    .signals
                    .iter()
                    .map(|s| {
                        let status = Of::of(s.score());
                        let title = format!("target {}, limit {}", format::compact(s.target), format::compact(s.limit));
                        view! { <span class="chip" title=title><Status of=status text=format!("{} {}", s.name, s.shown)/></span> }
                    })
                    .collect();
                view! { <tr><th scope="row">{layer.title()}</th><td><Status of=Of::of(l.score)/></td><td class="num v">{format::fixed(l.score, 2)}</td><td><div class="row wrap gap-8">{signals}</div></td></tr> }.into_any()
            }
            None => view! { <tr><th scope="row">{layer.title()}</th><td><Status of=Of::NoData/></td><td class="num dim">"–"</td><td class="dim">"nothing that is held against a target"</td></tr> }.into_any(),
        })
        .collect();
    view! { <table class="t lay"><thead><tr><th scope="col">"Layer"</th><th scope="col">"Status"</th><th scope="col" class="num">"Score"</th><th scope="col">"Signals"</th></tr></thead><tbody>{rows}</tbody></table> }.into_any()
}

fn model_row(card: &ModelCard, place: &Place) -> impl IntoView + use<> {
    let score = card.layer.as_ref().map(|l| l.score);
    let status = score.map_or(Of::NoData, Of::of);
    let values: Vec<Option<f64>> = card.trend.iter().map(|s| Some(s.value)).collect();
    let (title, sentence) = (card.title.clone(), card.sentence.clone());
    view! {
        <li><a href=place.link(&format!("/models/{}", card.name))>
            <span class="nm"><b>{title.clone()}</b><span class="hint">{card.does()}</span></span>
            <span class="sc"><span>{score.map_or_else(|| "–".to_string(), |s| format::fixed(s, 2))}</span><Status of=status/></span>
            <Spark values label=format!("{title}, recent windows") class="kt"/>
            <p>{sentence}</p>
        </a></li>
    }
}

/// A share with its interval and n, or a dash.
fn estimate_row(name: &'static str, what: &'static str, e: Option<Estimate>) -> Option<impl IntoView + use<>> {
    e.map(|e| {
        view! { <tr><th scope="row" class="plain" title=what>{name}</th><td class="num v">{format::percent(e.value)}</td><td class="num dim">{format!("{} – {}", format::percent(e.low), format::percent(e.high))}</td><td class="num dim">{format::count(e.n as f64)}</td></tr> }
    })
}

fn experience(outcome: &OutcomeView) -> AnyView {
    let x: &Experience = &outcome.experience;
    if x.events == 0 {
        return view! { <Empty title="Nobody has said anything" text="Send ratings, thumbs, acceptances and hand-overs to /api/v1/feedback; each is joined to its prediction, trace or session."/> }.into_any();
    }
    view! {
        <table class="t dense"><thead><tr><th scope="col">"What"</th><th scope="col" class="num">"Share"</th><th scope="col" class="num">"95 %"</th><th scope="col" class="num">"n"</th></tr></thead><tbody>
            {estimate_row("Trust", "mean of accepted, not overridden, not handed over and returned, over those there are", x.trust)}
            {estimate_row("Accepted", "of accepted, edited and rejected", x.acceptance)}
            {estimate_row("Overridden", "edited or reversed", x.overridden)}
            {estimate_row("Handed over to a person", "of tasks completed, failed and handed over", x.handed_over)}
            {estimate_row("Task completed", "of all that ended or were abandoned", x.completion)}
            {estimate_row("Came back", "of those who came back or abandoned", x.returned)}
            {estimate_row("Satisfied", "mean grade, thumbs as 0 and 1", x.satisfaction)}
            {estimate_row("Asked again", "of all that was said", x.regenerated)}
            {estimate_row("Right, as deeds let one think", "weak labels, not truth: copied speaks for an answer (true in 70 %), asked again (75 %), taken back (90 %), handed over (80 %) and left (60 %) against it; each corrected by how often it is true", x.implied)}
        </tbody></table>
    }
    .into_any()
}

fn business(impact: &[Impact]) -> AnyView {
    if impact.is_empty() {
        return view! { <Empty title="No money yet" text="Send revenue, cost, savings and conversions to /api/v1/business; mark a control group with variant=control to see what the system makes of the difference."/> }.into_any();
    }
    let rows: Vec<_> = impact
        .iter()
        .map(|i| {
            let money = |v: f64| format::money(v, &i.currency);
            let range = |e: &Estimate| format!("{} – {}", money(e.low), money(e.high));
            let uplift = i.comparison.as_ref().map(|u| view! { <tr><th scope="row" class="plain">{format!("More than {}", u.against)}</th><td class="num v">{money(u.total.value)}</td><td class="num dim">{range(&u.total)}</td></tr> });
            let roi = i.roi.map(|r| view! { <tr><th scope="row" class="plain">"Return on cost"</th><td class="num v">{format::percent(r)}</td><td class="num dim">{format!("{} for 1 spent", format::fixed(r + 1.0, 2))}</td></tr> });
            view! {
                <tr><th scope="row" class="plain">"Net"</th><td class="num v">{money(i.net.value)}</td><td class="num dim">{range(&i.net)}</td></tr>
                <tr><th scope="row" class="plain">"Revenue, saving, cost"</th><td class="num v">{format!("{}, {}, {}", money(i.revenue), money(i.saving), money(i.cost))}</td><td class="num dim">{format!("{} conversions", format::count(i.conversions as f64))}</td></tr>
                {uplift}{roi}
            }
        })
        .collect();
    view! { <table class="t dense"><thead><tr><th scope="col">"What"</th><th scope="col" class="num">"Amount"</th><th scope="col" class="num">"95 %"</th></tr></thead><tbody>{rows}</tbody></table> }.into_any()
}

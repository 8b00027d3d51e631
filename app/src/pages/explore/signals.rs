//! Signals: every metric by layer, and queries in PromQL.

use domain::analysis::{AnalysisView, CompanionView, UnusualView};
use domain::annotation::Subject;
use domain::signal::Layer;
use domain::telemetry::{MetricName, QueryView};
use leptos::html::Input;
use leptos::prelude::*;

use super::{DEFAULT, carried, parameter, with};
use crate::charts::chart::Chart;
use crate::charts::shared::happened;
use crate::charts::spark::Spark;
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::components::icons::Icon;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Failed, Loading};
use crate::components::state::{Place, use_place};
use crate::server_functions::alerts::flags;
use crate::server_functions::evaluation::{companions, look_closer, unusual_now};
use crate::server_functions::telemetry::{metric_names, run_query};

/// Names of one layer that are listed; the others are found by typing.
const LISTED: usize = 200;
/// Classes of lines, told apart by colour and named beside each value.
const CLASSES: [&str; 6] = ["k1", "k2", "k3", "k4", "k5", "k6"];

#[component]
pub fn Signals() -> impl IntoView {
    let place = use_place();
    let live = use_live();
    let query = parameter("q");
    let names = Resource::new(|| (), |()| metric_names());
    let answer = Resource::new(
        move || (query.get(), place.get().range.unwrap_or(DEFAULT), live.tick.get()),
        |(query, range, _)| run_query(query, range),
    );
    // What happened meanwhile explains a line; a failure to say so takes no line away.
    let flagged = Resource::new(
        move || (place.get(), live.tick.get()),
        |(place, _)| async move {
            let about = Subject { environment: place.environment, ..Subject::default() };
            flags(about, place.range.unwrap_or(DEFAULT)).await.unwrap_or_default()
        },
    );
    let look = parameter("look");
    let closer = Resource::new(
        move || (query.get(), place.get().range.unwrap_or(DEFAULT), look.get(), live.tick.get() / 30),
        |(query, range, look, _)| async move {
            match look.as_str() {
                _ if query.trim().is_empty() => Some(unusual_now(range).await.map(Closer::Unusual)),
                "closer" => Some(look_closer(query, range).await.map(Closer::Analysis)),
                "companions" => Some(companions(query, range).await.map(Closer::Companions)),
                _ => None,
            }
        },
    );
    let find = RwSignal::new(String::new());
    let field = NodeRef::<Input>::new();
    let finder = NodeRef::<Input>::new();
    // The fields are filled by the server and belong to the person from then on: what was typed before
    // this page came alive stays, and only another query chosen later replaces it.
    Effect::new(move |before: Option<String>| {
        let now = query.get();
        if let Some(field) = field.get_untracked().filter(|_| before.as_ref().is_some_and(|b| *b != now)) {
            field.set_value(&now);
        }
        now
    });
    Effect::new(move |_| finder.get().map(|field| find.set(field.value())));
    view! {
        <div class="exg">
            <aside class="panel brw" aria-label="Metrics">
                <label class="fnd"><span class="sr">"Find a metric"</span>
                    <input node_ref=finder class="in w" type="search" placeholder="Find a metric" on:input=move |ev| find.set(event_target_value(&ev))/></label>
                <Transition fallback=Loading>{move || Suspend::new(async move {
                    match names.await {
                        Ok(names) => tree(&names, &find.get(), &query.get(), &place.get()),
                        Err(error) => view! { <Failed error/> }.into_any(),
                    }
                })}</Transition>
            </aside>
            <div class="exb">
                <form class="panel qb" action="/explore" method="get" role="search" aria-label="Query">
                    {move || carried(&place.get(), "signals")}
                    <div class="qr"><span class="ql" aria-hidden="true">"A"</span>
                        <label class="grow"><span class="sr">"Query in PromQL"</span>
                            <input class="in w mono" name="q" node_ref=field value=query.get_untracked() autocomplete="off" spellcheck="false" placeholder="sum by (service_name) (rate(http_server_request_duration_count[5m]))"/></label>
                        <button class="btn pri" type="submit">"Run"</button></div>
                </form>
                {move || (!query.get().is_empty()).then(|| looks(&place.get(), &query.get(), &look.get()))}
                <Transition fallback=Loading>{move || Suspend::new(async move {
                    match closer.await {
                        None => ().into_any(),
                        Some(Ok(Closer::Analysis(view))) => super::closer::analysis(&view),
                        Some(Ok(Closer::Unusual(view))) => super::closer::unusual(&view, &place.get()),
                        Some(Ok(Closer::Companions(view))) => super::closer::companions(&view, &place.get()),
                        Some(Err(error)) => view! { <Failed error/> }.into_any(),
                    }
                })}</Transition>
                <Transition fallback=Loading>{move || Suspend::new(async move {
                    let about = Subject { environment: place.get().environment, signal: query.get(), ..Subject::default() };
                    happened(&flagged.await, about);
                    match answer.await {
                        Ok(Some(view)) => shown(&view),
                        Ok(None) => view! { <section class="panel"><Empty title="Choose a metric, or ask in PromQL" text="Functions of Prometheus work here: rate, histogram_quantile, sum by, topk and the others that dashboards use."/></section> }.into_any(),
                        Err(error) => view! { <Failed error/> }.into_any(),
                    }
                })}</Transition>
            </div>
        </div>
    }
}

/// What is shown besides the lines themselves.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
enum Closer {
    Analysis(AnalysisView),
    Companions(CompanionView),
    Unusual(UnusualView),
}

fn looks(place: &Place, query: &str, look: &str) -> impl IntoView + use<> {
    let links: Vec<_> = [("", "Lines"), ("closer", "Look closer"), ("companions", "What moved with it")]
        .into_iter()
        .map(|(value, words)| {
            let href = with(place, &[("view", "signals"), ("q", query), ("look", value)]);
            view! { <a class="btn sm" href=href aria-current=(value == look).then_some("true")>{words}</a> }
        })
        .collect();
    view! { <nav class="row gap-8 mb-12" aria-label="Ways to look at it">{links}</nav> }
}

fn tree(names: &[MetricName], find: &str, query: &str, place: &Place) -> AnyView {
    if names.is_empty() {
        return view! { <Empty title="No metric yet" text="They appear when something is measured or sent."><a class="btn" href="/settings/connections">"Connect something"</a></Empty> }.into_any();
    }
    let find = find.trim().to_lowercase();
    let chosen = query.split(['{', '[']).next().unwrap_or_default().trim().to_string();
    let layers: Vec<_> = Layer::ALL
        .into_iter()
        .filter_map(|layer| {
            let all: Vec<&MetricName> =
                names.iter().filter(|n| n.layer == layer && n.name.to_lowercase().contains(&find)).collect();
            if all.is_empty() {
                return None;
            }
            let open = !find.is_empty() || all.iter().any(|n| n.name == chosen);
            let more = all.len().saturating_sub(LISTED);
            let count = all.len();
            let items: Vec<_> = all
                .into_iter()
                .take(LISTED)
                .map(|n| {
                    let on = n.name == chosen;
                    let title = format!("{} series{}{}", n.series, if n.unit.is_empty() { "" } else { ", " }, n.unit);
                    view! { <li class:on=on><a class="mono" href=with(place, &[("view", "signals"), ("q", &n.name)]) title=title aria-current=on.then_some("true")>{n.name.clone()}</a></li> }
                })
                .collect();
            Some(view! {
                <li><details open=open><summary><Icon name="right" small=true/><span>{layer.title()}</span><span class="n">{count}</span></summary>
                <ul>{items}{(more > 0).then(|| view! { <li class="hint">{format!("and {more} more: type to find them")}</li> })}</ul></details></li>
            })
        })
        .collect();
    if layers.is_empty() {
        return view! { <p class="hint pb">"No metric has that in its name."</p> }.into_any();
    }
    view! { <ul class="tree">{layers}</ul> }.into_any()
}

fn unit_of(view: &QueryView) -> Unit {
    match Unit::of_signal(&view.unit) {
        // A ratio that leaves 0 to 1 is no share.
        Unit::Percent
            if view.lines.iter().flat_map(|l| l.values.iter().flatten()).any(|v| !(0.0..=1.0).contains(v)) =>
        {
            Unit::Compact
        }
        unit => unit,
    }
}

fn shown(view: &QueryView) -> AnyView {
    if view.lines.is_empty() {
        return view! { <section class="panel"><Empty title="Nothing answers to this in the range" text="The query is right, but no series has a sample there. Choose a longer range, or other labels."/></section> }.into_any();
    }
    let unit = unit_of(view);
    let at = |i: usize| view.from.0 as f64 + i as f64 * view.step * 1e6;
    let class = |i: usize| CLASSES[i % CLASSES.len()];
    let marks: Vec<Mark> = view
        .lines
        .iter()
        .enumerate()
        .map(|(i, line)| Mark::Line {
            name: line.label.clone(),
            class: class(i).to_string(),
            points: line.values.iter().enumerate().map(|(step, v)| (at(step), *v)).collect(),
        })
        .collect();
    let from_zero = view.lines.iter().flat_map(|l| l.values.iter().flatten()).all(|v| *v >= 0.0);
    let spec = ChartSpec::fit(260.0, Axis::Time, unit, marks, from_zero);
    let description = format!("{} lines of {}", view.lines.len(), view.query);
    let rows: Vec<_> = view
        .lines
        .iter()
        .enumerate()
        .map(|(i, line)| {
            let present: Vec<f64> = line.values.iter().flatten().copied().collect();
            let n = present.len() as f64;
            let cell = |v: Option<f64>| v.map_or_else(|| "–".to_string(), |v| unit.show(v));
            let low = present.iter().copied().reduce(f64::min);
            let high = present.iter().copied().reduce(f64::max);
            let mean = (n > 0.0).then(|| present.iter().sum::<f64>() / n);
            view! {
                <tr><th scope="row"><span class="lbk"><i class=format!("key sq {}", class(i))></i><span class="mono">{line.label.clone()}</span></span></th>
                <td class="num v">{cell(line.values.iter().rev().flatten().next().copied())}</td><td class="num">{cell(mean)}</td>
                <td class="num">{cell(low)}</td><td class="num">{cell(high)}</td><td class="num">{present.len()}</td>
                <td><Spark values=line.values.clone() label=format!("{} over the range", line.label) class=class(i) height=18/></td></tr>
            }
        })
        .collect();
    let sub =
        format!("{} lines, a point every {}", view.lines.len(), domain::format::duration((view.step * 1e6) as i64));
    let left_out = (view.left_out > 0)
        .then(|| format!("{} more lines are not shown; add labels, or take topk(20, …)", view.left_out));
    view! {
        <section class="panel" aria-label="Chart">
            <header class="ph"><h2 class="mono cutq">{view.query.clone()}</h2><span class="sub">{sub}</span></header>
            <div class="pb"><Chart spec title=view.query.clone() description left=64/></div>
            {left_out.map(|text| view! { <footer class="pf"><span class="hint">{text}</span></footer> })}
        </section>
        <section class="panel mt-12" aria-label="Values">
            <header class="ph"><h2>"Values"</h2><span class="sub">"over the range"</span></header>
            <div class="pb flush"><table class="t"><thead><tr><th scope="col">"Series"</th><th scope="col" class="num">"Newest"</th><th scope="col" class="num">"Mean"</th><th scope="col" class="num">"Lowest"</th><th scope="col" class="num">"Highest"</th><th scope="col" class="num">"Points"</th><th scope="col">"Range"</th></tr></thead><tbody>{rows}</tbody></table></div>
        </section>
    }
    .into_any()
}

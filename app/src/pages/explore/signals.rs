//! Signals: every metric by layer, and queries in PromQL.

use domain::analysis::{AnalysisView, CompanionView, UnusualView};
use domain::annotation::Subject;
use domain::signal::Layer;
use domain::telemetry::MetricName;
use domain::time::parse_span;
use leptos::html::Input;
use leptos::prelude::*;

use super::builder::builder;
use super::drawn::Drawn;
use super::formula::joined;
use super::pinned::{MOST, Pinned, read, turned};
use super::plain::Plain;
use super::{DEFAULT, carried, parameter, with};
use crate::charts::shared::happened;
use crate::components::icons::Icon;
use crate::components::lasting::{given, initially};
use crate::components::live::use_live;
use crate::components::panel::{Empty, Failed, Loading};
use crate::components::reading::{awaited, reading};
use crate::components::state::{Place, use_place};
use crate::server_functions::alerts::flags;
use crate::server_functions::evaluation::{companions, look_closer, unusual_now};
use crate::server_functions::telemetry::{metric_labels, metric_names, run_query};
use crate::wire::resource;

/// Names of one layer that are listed; the others are found by typing.
const LISTED: usize = 200;

/// What is asked: the query of the address, or a formula of two.
pub fn effective() -> Memo<String> {
    let (a, b, formula) = (parameter("q"), parameter("b"), parameter("f"));
    let query = Memo::new(move |_| joined(&a.get(), &b.get(), &formula.get()));
    query.with_untracked(|_| ());
    query
}

#[component]
pub fn Signals() -> impl IntoView {
    let place = use_place();
    let live = use_live();
    let (first, second, formula, pins) = (parameter("q"), parameter("b"), parameter("f"), parameter("pin"));
    let query = effective();
    let names = resource(|| (), |()| metric_names());
    let (draw, before) = (parameter("draw"), parameter("cmp"));
    let answer = reading(
        move || (query.get(), place.get().range.unwrap_or(DEFAULT), parse_span(&before.get()).unwrap_or(0)),
        move || live.tick.get(),
        |(query, range, ago)| async move {
            let now = run_query(query.clone(), range, 0).await?;
            let then = if ago > 0 { run_query(query, range, ago).await?.map(|view| (ago, view)) } else { None };
            Ok(now.map(|view| (view, then)))
        },
    );
    // What happened meanwhile explains a line; a failure to say so takes no line away.
    let flagged = resource(
        move || (place.get(), live.tick.get()),
        |(place, _)| async move {
            let about = Subject { environment: place.environment, ..Subject::default() };
            flags(about, place.range.unwrap_or(DEFAULT)).await.unwrap_or_default()
        },
    );
    let look = parameter("look");
    let closer = resource(
        move || {
            let (look, alone) = (look.get(), pins.get().is_empty());
            (query.get(), place.get().range.unwrap_or(DEFAULT), look, alone, live.tick.get() / 30)
        },
        |(query, range, look, alone, _)| async move {
            match look.as_str() {
                _ if query.trim().is_empty() && !alone => None,
                _ if query.trim().is_empty() => Some(unusual_now(range).await.map(Closer::Unusual)),
                "closer" => Some(look_closer(query, range).await.map(Closer::Analysis)),
                "companions" => Some(companions(query, range).await.map(Closer::Companions)),
                _ => None,
            }
        },
    );
    let labels = resource(
        move || Plain::parse(&first.get()).map(|plain| plain.metric).unwrap_or_default(),
        |metric| async move { if metric.is_empty() { Vec::new() } else { metric_labels(metric).await.unwrap_or_default() } },
    );
    let asked = move || (query.get(), pins.get(), place.get());
    let built = move || (first.get(), second.get(), formula.get(), pins.get(), place.get());
    let looked = move || Looked {
        place: place.get(),
        query: query.get(),
        first: first.get(),
        second: second.get(),
        formula: formula.get(),
        pins: pins.get(),
        look: look.get(),
        draw: draw.get(),
        before: before.get(),
    };
    let find = RwSignal::new(String::new());
    let field = NodeRef::<Input>::new();
    let finder = NodeRef::<Input>::new();
    // The fields are filled by the server and belong to the person from then on: what was typed before
    // this page came alive stays, and only another query chosen later replaces it.
    Effect::new(move |before: Option<String>| {
        let now = first.get();
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
                <Transition fallback=Loading>{awaited(move || (find.get(), asked()), move || names, |(find, (query, pins, place)), names| match names {
                    Ok(names) => tree(&names, &find, &query, &pins, &place),
                    Err(error) => view! { <Failed error/> }.into_any(),
                })}</Transition>
            </aside>
            <div class="exb">
                <form class="panel qb" action="/explore" method="get" role="search" aria-label="Query">
                    {move || carried(&place.get(), "signals")}
                    {move || (!pins.get().is_empty()).then(|| view! { <input type="hidden" name="pin" value=pins.get()/> })}
                    <div class="qr"><span class="ql" aria-hidden="true">"A"</span>
                        <label class="grow"><span class="sr">"Query in PromQL"</span>
                            <input class="in w mono" name="q" {..given(first.get_untracked())} node_ref=field autocomplete="off" spellcheck="false" placeholder="sum by (service_name) (rate(http_server_request_duration_count[5m]))"/></label>
                        <button class="btn pri" type="submit">"Run"</button></div>
                    <Transition>{awaited(built, move || labels, |(first, second, formula, pins, place), labels| {
                        let kept = [("pin", pins.as_str()), ("b", second.as_str()), ("f", formula.as_str())];
                        (!first.is_empty()).then(|| builder(&first, &labels, &place, &kept))
                    })}</Transition>
                    {move || (!first.get().is_empty()).then(|| second_query(&first.get(), second.get_untracked(), formula.get(), &place.get(), &pins.get()))}
                </form>
                {move || (!query.get().is_empty()).then(|| looks(&looked()))}
                <Transition fallback=Loading>{awaited(move || place.get(), move || closer, |place, closer| match closer {
                    None => ().into_any(),
                    Some(Ok(Closer::Analysis(view))) => super::closer::analysis(&view),
                    Some(Ok(Closer::Unusual(view))) => super::closer::unusual(&view, &place),
                    Some(Ok(Closer::Companions(view))) => super::closer::companions(&view, &place),
                    Some(Err(error)) => view! { <Failed error/> }.into_any(),
                })}</Transition>
                <Transition fallback=Loading>{awaited(looked, move || async move { (flagged.await, answer.await) }, |looked, (flagged, answer)| {
                    let (environment, signal) = (looked.place.environment.clone(), looked.query.clone());
                    happened(&flagged, Subject { environment, signal, ..Subject::default() });
                    match answer {
                        Ok(Some((view, then))) => super::answer::shown(&view, then.as_ref(), &looked.place, Drawn::named(&looked.draw), ways_to_draw(&looked)),
                        Ok(None) if !looked.pins.is_empty() => ().into_any(),
                        Ok(None) => view! { <section class="panel"><Empty title="Choose a metric, or ask in PromQL" text="Functions of Prometheus work here: rate, histogram_quantile, sum by, topk and the others that dashboards use."/></section> }.into_any(),
                        Err(error) => view! { <Failed error/> }.into_any(),
                    }
                })}</Transition>
                {move || (!pins.get().is_empty()).then(Pinned)}
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

/// What was asked for and how it is looked at, as the address says it.
#[derive(Clone)]
struct Looked {
    place: Place,
    query: String,
    /// What it is made of.
    first: String,
    second: String,
    formula: String,
    pins: String,
    look: String,
    draw: String,
    /// What it is compared with.
    before: String,
}

impl Looked {
    /// The address of the same looked at otherwise.
    fn link(&self, look: &str, draw: &str, before: &str) -> String {
        let (first, second, formula) = (self.first.as_str(), self.second.as_str(), self.formula.as_str());
        let made = [("view", "signals"), ("q", first), ("b", second), ("f", formula)];
        let own = [("look", look), ("draw", draw), ("cmp", before), ("pin", self.pins.as_str())];
        with(&self.place, &[made.as_slice(), &own].concat())
    }
}

/// The fields of a second query and of a formula of both, or the way to them.
fn second_query(first: &str, second: String, formula: String, place: &Place, pins: &str) -> AnyView {
    let to = |formula: &str| with(place, &[("view", "signals"), ("q", first), ("f", formula), ("pin", pins)]);
    if formula.is_empty() {
        let more = to("A / B");
        return view! { <div class="mt-8"><a class="btn ghost xs" href=more><Icon name="plus" small=true/>"Formula with a second query"</a></div> }.into_any();
    }
    view! {
        <div class="qr mt-8"><span class="ql b" aria-hidden="true">"B"</span>
            <label class="grow"><span class="sr">"Second query, B"</span><input class="in w mono" name="b" {..given(second)} autocomplete="off" spellcheck="false" placeholder="sum(rate(http_server_request_duration_count[5m]))"/></label></div>
        <div class="qr mt-8"><span class="ql b" aria-hidden="true">"="</span>
            <label class="grow"><span class="sr">"Formula of A and B"</span><input class="in w mono" name="f" {..given(formula)} autocomplete="off" spellcheck="false" placeholder="A / B"/></label>
            <a class="btn ghost icon" href=to("") aria-label="Without B and the formula"><Icon name="x" small=true/></a></div>
    }
    .into_any()
}

fn ways_to_draw(looked: &Looked) -> AnyView {
    let ways = Drawn::ALL.map(|way| {
        let href = looked.link(&looked.look, way.name(), &looked.before);
        view! { <a href=href aria-current=(way.name() == looked.draw).then_some("true")>{way.title()}</a> }
    });
    view! { <nav class="seg sm" aria-label="Drawn as">{ways.into_iter().collect::<Vec<_>>()}</nav> }.into_any()
}

fn looks(looked: &Looked) -> impl IntoView + use<> {
    let Looked { place, query, pins, look, draw, before, .. } = looked;
    let link = |words: &'static str, href: String, on: bool| {
        view! { <a class="btn sm" href=href aria-current=on.then_some("true")>{words}</a> }
    };
    let ways = [("", "Lines"), ("closer", "Look closer"), ("companions", "What moved with it")]
        .map(|(value, words)| link(words, looked.link(value, draw, before), value == look));
    // A second click takes the comparison away.
    let compared = [("1d", "A day before"), ("7d", "A week before")].map(|(value, words)| {
        let on = value == before;
        link(words, looked.link(look, draw, if on { "" } else { value }), on)
    });
    let rule = place.link_to("/rules/new", &[("signal", query)]);
    let known = read(pins);
    let pinned = known.iter().any(|p| p == query.trim());
    let pin = (pinned || known.len() < MOST).then(|| {
        let href = Looked { pins: turned(pins, query), ..looked.clone() }.link(look, draw, before);
        link(if pinned { "Unpin" } else { "Pin below" }, href, pinned)
    });
    view! {
        <div class="row wrap gap-8 mb-12">
            <nav class="row gap-8" aria-label="Ways to look at it">{ways.into_iter().collect::<Vec<_>>()}</nav>
            <nav class="row gap-8" aria-label="Compare with">{compared.into_iter().collect::<Vec<_>>()}</nav>
            <span class="grow"></span>
            {pin}<a class="btn sm" href=rule><Icon name="slid" small=true/>"Make a rule"</a>
        </div>
    }
}

fn tree(names: &[MetricName], find: &str, query: &str, pins: &str, place: &Place) -> AnyView {
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
                    view! { <li class:on=on><a class="mono" href=with(place, &[("view", "signals"), ("q", &n.name), ("pin", pins)]) title=title aria-current=on.then_some("true")>{n.name.clone()}</a></li> }
                })
                .collect();
            Some(view! {
                <li><details {..initially("open", open)}><summary><Icon name="right" small=true/><span>{layer.title()}</span><span class="n">{count}</span></summary>
                <ul>{items}{(more > 0).then(|| view! { <li class="hint">{format!("and {more} more: type to find them")}</li> })}</ul></details></li>
            })
        })
        .collect();
    if layers.is_empty() {
        return view! { <p class="hint pb">"No metric has that in its name."</p> }.into_any();
    }
    view! { <ul class="tree">{layers}</ul> }.into_any()
}

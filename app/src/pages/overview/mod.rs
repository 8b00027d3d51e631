//! Overview: what an executive reads before a meeting. No statistics jargon.

mod weekly;
mod worth;

use domain::annotation::Subject;
use domain::health::LayerHealth;
use domain::kpi::{KpiUnit, KpiView};
use domain::signal::Layer;
use domain::time::{DAY, RangeChoice};
use domain::view::{ModelCard, OverviewView};
use domain::{Status as Of, Timestamp, format};
use leptos::prelude::*;
use leptos_meta::Title;

use crate::charts::shared::{ReadOnly, happened};
use crate::charts::spark::Spark;
use crate::components::alert::{Avatar, Sev};
use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Panel, Read};
use crate::components::reading::reading;
use crate::components::state::{Place, use_place};
use crate::components::status::{Delta, LoadScale, Shape, Status};
use crate::components::zone::Here;
use crate::server_functions::views::overview;
use weekly::Weekly;

/// Points of the line beside the score.
const HERO_POINTS: usize = 30;

#[component]
pub fn Overview() -> impl IntoView {
    let place = use_place();
    let live = use_live();
    let data = reading(
        move || {
            let here = place.get();
            (here.environment, here.range.unwrap_or(RangeChoice::MONTH))
        },
        move || (live.alerts.get(), live.calm.get()),
        |(environment, range)| overview(environment, range),
    );
    view! {
        <Title text="Overview"/>
        <Frame title=Signal::stored("Overview".to_string()) range="Last 30 days">
            <Read what=data title="Overview" draw=|view, place| page(view, place).into_any()/>
        </Frame>
    }
}

pub(crate) fn page(view: &OverviewView, place: &Place) -> impl IntoView + use<> {
    happened(&view.flags, Subject { environment: place.environment.clone(), ..Subject::default() });
    let (head, detail) = domain::summary::answer(view);
    let systems: Vec<_> = view.cards.iter().map(|card| system_row(card, place)).collect();
    let layers: Vec<_> = Layer::ALL
        .into_iter()
        .filter_map(|layer| view.layers.iter().find(|l| l.layer == layer))
        .map(|layer| layer_row(layer, view))
        .collect();
    let kpis: Vec<_> =
        view.kpis.iter().take(5).map(|kpi| kpi_card(kpi, &format!("in {}", view.span()), place)).collect();
    let absent: Vec<&str> =
        Layer::ALL.into_iter().filter(|l| !view.layers.iter().any(|h| h.layer == *l)).map(Layer::title).collect();
    let footer =
        (!absent.is_empty()).then(|| view! { <span>{format!("No data yet: {}", absent.join(", "))}</span> }.into_any());
    let empty = systems.is_empty();
    let print = move |_| {
        #[cfg(feature = "hydrate")]
        if let Some(window) = web_sys::window() {
            let _ = window.print();
        }
    };
    let weekly = use_context::<ReadOnly>().is_none().then(|| view! { <Weekly/> });
    let how = use_context::<ReadOnly>()
        .is_none()
        .then(|| view! { <a class="noprint" href=place.link("/settings/kpis")>"How the score is made"</a> });
    let span = view.span();
    let (p1, p2, p3, p4) = (hero(view), worth::ahead(view), attention(view, place), dates(view, place));
    view! {
        <div class="head"><div class="grow"><h1>{head}</h1><p>{detail}</p></div>
            {weekly}
            <button class="btn hide-m noprint" type="button" on:click=print><Icon name="dl" small=true/>"PDF"</button></div>
        <div class="g">
            {p1}
            <section class="panel c-7" aria-label="AI systems">
                <h2 class="sr">"AI systems"</h2>
                {if empty {
                    view! { <Empty title="No AI system yet" text="A system appears with the first predictions sent to it."><a class="btn pri" href="/connect">"Connect a system"</a></Empty> }.into_any()
                } else {
                    view! { <ul class="sys">{systems}</ul> }.into_any()
                }}
            </section>
            {(!kpis.is_empty()).then(|| view! { <section class="c-12 kcs" aria-label="KPIs">{kpis}</section> })}
            {p2}
            {p3}
            <Panel title="From servers to revenue" sub="health of each layer, all systems together" span="c-8" flush=true footer=footer>
                {if layers.is_empty() {
                    view! { <Empty title="No layer has data" text="The host is measured as soon as the collector runs."/> }.into_any()
                } else {
                    view! {
                        <table class="t lay">
                            <thead><tr><th scope="col">"Layer"</th><th scope="col">"Status"</th><th scope="col" class="num">"Score"</th><th scope="col">{span}</th><th scope="col">"In short"</th></tr></thead>
                            <tbody>{layers}</tbody>
                        </table>
                    }.into_any()
                }}
            </Panel>
            {p4}
        </div>
        <footer class="ft"><span>{format!("Figures up to {}. Today is not complete.", view.now.here().date_clock_zone())}</span>{how}</footer>
    }
}

/// Overall health, where it stands on the scale, and where it usually stands.
fn hero(view: &OverviewView) -> AnyView {
    let status = view.score.map_or(Of::NoData, Of::of);
    let weights = if view.systems.len() > 1 {
        let total: f64 = view.systems.iter().filter(|s| s.score.is_some()).map(|s| s.weight).sum();
        let each: Vec<String> = view
            .systems
            .iter()
            .filter(|s| s.score.is_some() && total > 0.0)
            .map(|s| format!("{} {}%", s.title, format::fixed(s.weight / total * 100.0, 0)))
            .collect();
        format!("Weighted by how much depends on each system: {}.", each.join(", "))
    } else {
        "From the layers that have data; no data lowers confidence, not the score.".to_string()
    };
    let values: Vec<f64> = view.past.iter().map(|s| s.value).collect();
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    let usual =
        (sorted.len() >= 20).then(|| format!("usual {}–{}", format::fixed(at(0.05), 2), format::fixed(at(0.95), 2)));
    let day_ago = view.past.iter().rev().find(|s| s.at <= view.now.plus(-domain::time::DAY)).map(|s| s.value);
    let delta = view.score.zip(day_ago).filter(|(now, then)| (now - then).abs() >= 0.005).map(|(now, then)| {
        let text = format!("{} since yesterday", format::fixed((now - then).abs(), 2));
        let rises = now > then;
        view! { <Delta text rises better=Some(rises)/> }
    });
    let spark = (values.len() > 1).then(|| {
        // A line of hundreds of points in so little room is a smudge; where it stands now is its own point.
        let each = values.len().div_ceil(HERO_POINTS);
        let newest = values.last().copied().filter(|_| each > 1);
        let means = values.chunks(each).map(|some| some.iter().sum::<f64>() / some.len() as f64);
        let values: Vec<Option<f64>> = means.chain(newest).map(Some).collect();
        view! { <Spark values label=format!("Overall health over {}", view.span()) class="ka" width=150 height=46 filled=true/> }
    });
    view! {
        <section class="panel c-5 hero" aria-label="Overall health">
            <div class="lab">"Overall health"</div>
            <div class="hh"><div>
                <div class="big">{view.score.map_or_else(|| "–".to_string(), |s| format::fixed(s, 2))}" "<Status of=status pill=true/></div>
                <p class="row hint">{delta}{usual}</p>
            </div>{spark}</div>
            <LoadScale score=view.score/>
            <p class="hint exp">{weights}</p>
        </section>
    }
    .into_any()
}

/// What needs attention, in plain words.
fn attention(view: &OverviewView, place: &Place) -> AnyView {
    let (sub, all) = match view.open_alerts {
        0 => (String::new(), String::new()),
        1 => ("1 open alert".to_string(), "The open alert".to_string()),
        open => (format!("{open} open alerts"), format!("All {open} open alerts")),
    };
    let rows: Vec<_> = view
        .attention
        .iter()
        .map(|concern| {
            let lost = concern.lost.as_ref().map(|(money, currency)| {
                view! { <p class="st critical money"><Shape of=Of::Critical/>{format!("about {} less than before, so far", format::money(*money, currency))}</p> }
            });
            let who = if concern.who.is_empty() {
                view! { <p class="row hint">"Nobody is on it yet"</p> }.into_any()
            } else {
                view! { <p class="row hint"><Avatar name=concern.who.clone()/>{format!("{} is on it", concern.who)}</p> }.into_any()
            };
            let text = (!concern.text.is_empty()).then(|| view! { <p class="mid">{concern.text.clone()}</p> });
            view! { <li><div><Sev of=concern.priority/></div><div class="grow"><a href=place.link(&concern.href)><b>{concern.title.clone()}</b></a>
                <p class="hint">{format!("since {}", concern.since.here().date_clock_zone())}</p>{text}{lost}{who}</div></li> }
        })
        .collect();
    let none = rows.is_empty();
    let more = (view.open_alerts > 0).then(|| view! { <a href=place.link("/alerts")>{all}</a> }.into_any());
    view! {
        <Panel title="What needs attention" sub=sub span="c-4" flush=true footer=more>
            {if none {
                view! { <Empty title="Nothing" text="No incident is open, and no alert that anybody should know of."/> }.into_any()
            } else {
                view! { <ul class="list att">{rows}</ul> }.into_any()
            }}
        </Panel>
    }
    .into_any()
}

/// What is decided or due next.
fn dates(view: &OverviewView, place: &Place) -> AnyView {
    let rows: Vec<_> = view
        .dates
        .iter()
        .map(|due| {
            let (icon, when) = match due.at {
                Some(at) => ("cal", format!("{}, ", at.date())),
                None => ("flag", String::new()),
            };
            view! { <li><Icon name=icon/><div class="grow"><a href=place.link(&due.href)><b>{due.title.clone()}</b></a><p class="hint">{format!("{when}{}", due.text)}</p></div></li> }
        })
        .collect();
    let none = rows.is_empty();
    view! {
        <Panel title="Decisions and dates" sub="" span="c-4" flush=true>
            {if none {
                view! { <Empty title="Nothing is due" text="Targets with a date and reviews that wait to be written stand here."><a class="btn noprint" href="/settings/kpis">"Set a target"</a></Empty> }.into_any()
            } else {
                view! { <ul class="list">{rows}</ul> }.into_any()
            }}
        </Panel>
    }
    .into_any()
}

fn system_row(card: &ModelCard, place: &Place) -> impl IntoView + use<> {
    let score = card.layer.as_ref().map(|l| l.score);
    let status = score.map_or(Of::NoData, Of::of);
    let values: Vec<Option<f64>> = card.trend.iter().map(|s| Some(s.value)).collect();
    let class = if status < Of::Fair && status != Of::NoData { "kp" } else { "kt" };
    let (title, plain) = (card.title.clone(), card.plain.clone());
    view! {
        <li><a href=place.link(&format!("/models/{}", card.name))>
            <span class="nm"><b>{title.clone()}</b><span class="hint">{card.does()}</span></span>
            <span class="sc"><span>{score.map_or_else(|| "–".to_string(), |s| format::fixed(s, 2))}</span><Status of=status/></span>
            <Spark values label=format!("{title}, recent windows") class/>
            <p>{plain}</p>
            <Icon name="right"/>
        </a></li>
    }
}

/// One KPI: value, status, target, trend over a span that has a name, and when a forecast says it is met or lost.
pub(super) fn kpi_card(view: &KpiView, span: &str, place: &Place) -> impl IntoView + use<> {
    let kpi = &view.kpi;
    let values: Vec<Option<f64>> = view.trend.iter().map(|s| Some(s.value)).collect();
    let (status, words) = view.standing();
    let class = if status < Of::Fair && status != Of::NoData { "kp" } else { "kt" };
    let delta = view.before.zip(view.value).filter(|(before, now)| before != now).map(|(before, now)| {
        let better = (now > before) == kpi.higher_is_better;
        let difference = match kpi.unit {
            KpiUnit::Share => format!("{} pts", format::fixed((now - before).abs() * 100.0, 1)),
            _ => kpi.shown((now - before).abs()),
        };
        let rises = now > before;
        view! { <Delta text=format!("{difference} {span}") rises better=Some(better)/> }
    });
    // A day that is today would say nothing.
    let when = |at: Timestamp| match view.trend.last() {
        Some(last) if at.0 - last.at.0 <= DAY => "within a day".to_string(),
        _ => format!("about {}", at.day_month()),
    };
    let ahead = match (view.leaves, view.meets) {
        (Some(at), _) => Some(format!("leaves its limit {}", when(at))),
        (None, Some(at)) => Some(format!("meets its target {}", when(at))),
        (None, None) => None,
    };
    let benchmark = kpi.benchmark.map(|b| format!("others {}", kpi.shown(b)));
    let date = kpi.objective.map(|d| format!("by {}", d.date()));
    let shown = view.value.map_or_else(|| "–".to_string(), |v| kpi.shown(v));
    // The unit is set smaller than its number.
    let (number, unit) = match shown.rsplit_once(' ') {
        Some((number, unit)) => (number.to_string(), format!(" {unit}")),
        None => match shown.strip_suffix('%') {
            Some(number) => (number.to_string(), "%".to_string()),
            None => (shown.clone(), String::new()),
        },
    };
    // From a figure to what it is of: its system, or the signal itself.
    let deeper = if kpi.system.is_empty() {
        place.link_to("/explore", &[("q", &kpi.query)])
    } else {
        place.link(&format!("/systems/{}", kpi.system))
    };
    let problem = (!view.problem.is_empty()).then(|| view! { <span class="hint">{view.problem.clone()}</span> });
    view! {
        <section class="panel kpi" aria-label=kpi.name.clone()>
            <a class="l" href=deeper>{kpi.name.clone()}</a>
            <span class="v">{number}<span class="u">{unit}</span></span>
            <span class="m"><Status of=status text=words/></span>
            <Spark values label=format!("{} {span}", kpi.name) class width=160/>
            <span class="m"><span class="tgt">{format!("target {}", kpi.shown(kpi.target))}</span>{date}{benchmark}</span>
            <span class="m">{delta}</span>
            {ahead.map(|text| view! { <span class="m">{text}</span> })}
            {problem}
        </section>
    }
}

fn layer_row(layer: &LayerHealth, view: &OverviewView) -> impl IntoView + use<> {
    let icon = match layer.layer {
        Layer::Infrastructure => "cpu",
        Layer::Application => "app",
        Layer::Quality => "target",
        Layer::Users => "smile",
        Layer::Business => "coin",
    };
    let status = Of::of(layer.score);
    let past: Vec<Option<f64>> = view
        .layers_past
        .iter()
        .find(|(of, _)| *of == layer.layer)
        .map(|(_, points)| points.iter().map(|s| Some(s.value)).collect())
        .unwrap_or_default();
    let class = if status < Of::Fair { "kp" } else { "kt" };
    let short = match layer.worst() {
        Some(worst) if worst.score() < 0.95 && worst.name == "Drift" => {
            "What comes in differs from what the system was made for.".to_string()
        }
        Some(worst) if worst.score() < 0.95 => {
            format!("{} is the weakest point: {}.", worst.name, worst.shown)
        }
        _ => "Everything measured has room to spare.".to_string(),
    };
    view! {
        <tr>
            <th scope="row"><span class="row"><Icon name=icon/>{layer.layer.title()}</span></th>
            <td><Status of=status/></td>
            <td class="num v">{format::fixed(layer.score, 2)}</td>
            <td><Spark values=past label=format!("{} over {}", layer.layer.title(), view.span()) class height=18 width=88 range=(0.5, 1.0)/></td>
            <td class="mid">{short}</td>
        </tr>
    }
}

//! Overview: what an executive reads before a meeting. No statistics jargon.

use domain::health::LayerHealth;
use domain::kpi::KpiView;
use domain::signal::Layer;
use domain::view::{ModelCard, OverviewView};
use domain::{Status as Of, format};
use leptos::prelude::*;
use leptos_meta::Title;

use crate::charts::spark::Spark;
use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Failed, Loading, Panel};
use crate::components::state::{Place, use_place};
use crate::components::status::{LoadScale, Status};
use crate::server_functions::views::overview;

#[component]
pub fn Overview() -> impl IntoView {
    let place = use_place();
    let live = use_live();
    let data = Resource::new(
        move || (place.get().environment, live.reports.get(), live.tick.get() / 5),
        |(environment, _, _)| overview(environment),
    );
    view! {
        <Title text="Overview"/>
        <Frame title=Signal::stored("Overview".to_string())>
            <Transition fallback=Loading>
                {move || Suspend::new(async move {
                    match data.await {
                        Ok(view) => page(&view, &place.get()).into_any(),
                        Err(error) => view! { <Failed text=error.to_string()/> }.into_any(),
                    }
                })}
            </Transition>
        </Frame>
    }
}

/// The answer first: how many systems need attention.
fn answer(view: &OverviewView) -> (String, String) {
    let judged: Vec<_> = view.systems.iter().filter(|s| s.score.is_some()).collect();
    let bad: Vec<_> = judged.iter().filter(|s| s.status() < Of::Fair).collect();
    let count = |n: usize| match n {
        1 => "One".to_string(),
        2 => "Two".to_string(),
        3 => "Three".to_string(),
        n => n.to_string(),
    };
    let head = match (judged.len(), bad.len()) {
        (0, _) => "No AI system is being judged yet".to_string(),
        (1, 0) => "The AI system is working as it should".to_string(),
        (n, 0) => format!("All {n} AI systems are working as they should"),
        (1, _) => "The AI system needs attention".to_string(),
        (n, b) => format!(
            "{} of {} AI systems {} attention",
            count(b),
            count(n).to_lowercase(),
            if b == 1 { "needs" } else { "need" }
        ),
    };
    let names = |good: bool| -> Vec<String> {
        judged.iter().filter(|s| (s.status() >= Of::Fair) == good).map(|s| s.title.clone()).collect()
    };
    let detail = match (names(false).join(", "), names(true).join(", ")) {
        (bad, good) if bad.is_empty() && good.is_empty() => {
            "Send predictions and a baseline, and this page answers whether the system still does its job.".to_string()
        }
        (bad, good) if bad.is_empty() => format!("Healthy: {good}."),
        (bad, good) if good.is_empty() => format!("Look at {bad}."),
        (bad, good) => format!("Look at {bad}. Healthy: {good}."),
    };
    (head, detail)
}

pub(crate) fn page(view: &OverviewView, place: &Place) -> impl IntoView + use<> {
    let (head, detail) = answer(view);
    let status = view.score.map_or(Of::NoData, Of::of);
    let systems: Vec<_> = view.cards.iter().map(|card| system_row(card, place)).collect();
    let layers: Vec<_> = Layer::ALL
        .into_iter()
        .filter_map(|layer| view.layers.iter().find(|l| l.layer == layer))
        .map(layer_row)
        .collect();
    let kpis: Vec<_> = view.kpis.iter().take(5).map(kpi_card).collect();
    let absent: Vec<&str> =
        Layer::ALL.into_iter().filter(|l| !view.layers.iter().any(|h| h.layer == *l)).map(Layer::title).collect();
    let footer =
        (!absent.is_empty()).then(|| view! { <span>{format!("No data yet: {}", absent.join(", "))}</span> }.into_any());
    let empty = systems.is_empty();
    let weights = if view.systems.len() > 1 {
        "Systems count by their business weight, layers by theirs; both can be set.".to_string()
    } else {
        "From the layers that have data; no data lowers confidence, not the score.".to_string()
    };
    view! {
        <div class="head"><div class="grow"><h1>{head}</h1><p>{detail}</p></div></div>
        <div class="g">
            <section class="panel c-5 hero" aria-label="Overall health">
                <div class="lab">"Overall health"</div>
                <div class="big">{view.score.map_or_else(|| "–".to_string(), |s| format::fixed(s, 2))}" "<Status of=status pill=true/></div>
                <LoadScale score=view.score/>
                <p class="hint exp">{weights}</p>
            </section>
            <section class="panel c-7" aria-label="AI systems">
                {if empty {
                    view! { <Empty title="No AI system yet" text="A system appears with the first predictions sent to it."><a class="btn pri" href="/connect">"Connect a system"</a></Empty> }.into_any()
                } else {
                    view! { <ul class="sys">{systems}</ul> }.into_any()
                }}
            </section>
            {(!kpis.is_empty()).then(|| view! { <section class="panel c-12" aria-label="KPIs"><div class="kp grid">{kpis}</div></section> })}
            {impact_panel(view)}
            <Panel title="From servers to revenue" sub="health of each layer, all systems together" span="c-12" flush=true footer=footer>
                {if layers.is_empty() {
                    view! { <Empty title="No layer has data" text="The host is measured as soon as the collector runs."/> }.into_any()
                } else {
                    view! {
                        <table class="t lay">
                            <thead><tr><th scope="col">"Layer"</th><th scope="col">"Status"</th><th scope="col" class="num">"Score"</th><th scope="col">"In short"</th></tr></thead>
                            <tbody>{layers}</tbody>
                        </table>
                    }.into_any()
                }}
            </Panel>
        </div>
        <footer class="ft"><span>{format!("Figures up to {} UTC, {}", view.now.clock(), view.now.date())}</span></footer>
    }
}

fn system_row(card: &ModelCard, place: &Place) -> impl IntoView + use<> {
    let score = card.layer.as_ref().map(|l| l.score);
    let status = score.map_or(Of::NoData, Of::of);
    let values: Vec<Option<f64>> = card.trend.iter().map(|s| Some(s.value)).collect();
    let class = if status < Of::Fair && status != Of::NoData { "kp" } else { "kt" };
    let (title, plain) = (card.model.title.clone(), card.plain.clone());
    let note = if card.model.demo {
        "demonstration"
    } else if card.model.replayed {
        "replayed"
    } else {
        card.model.task.title()
    };
    view! {
        <li><a href=place.link(&format!("/models/{}", card.model.name))>
            <span class="nm"><b>{title.clone()}</b><span class="hint">{note}</span></span>
            <span class="sc"><span>{score.map_or_else(|| "–".to_string(), |s| format::fixed(s, 2))}</span><Status of=status/></span>
            <Spark values label=format!("{title}, recent windows") class/>
            <p>{plain}</p>
            <Icon name="right"/>
        </a></li>
    }
}

/// One KPI: value, status, target, trend, and when a forecast says it is met or lost.
pub(super) fn kpi_card(view: &KpiView) -> impl IntoView + use<> {
    let kpi = &view.kpi;
    let values: Vec<Option<f64>> = view.trend.iter().map(|s| Some(s.value)).collect();
    let class = if view.status < Of::Fair && view.status != Of::NoData { "kp" } else { "kt" };
    let delta = view.before.zip(view.value).map(|(before, now)| {
        let better = (now > before) == kpi.higher_is_better;
        let difference = kpi.shown((now - before).abs());
        let sign = if now >= before { "+" } else { "−" };
        let class = if now == before { "dl flat" } else if better { "dl better" } else { "dl worse" };
        view! { <span class=class>{format!("{sign}{difference}")}<span class="sr">{if better { " (better)" } else { " (worse)" }}</span></span> }
    });
    let ahead = match (view.leaves, view.meets) {
        (Some(at), _) => Some(format!("leaves its limit about {}", at.day_month())),
        (None, Some(at)) => Some(format!("meets its target about {}", at.day_month())),
        (None, None) => None,
    };
    let benchmark = kpi.benchmark.map(|b| format!("others {}", kpi.shown(b)));
    let date = kpi.objective.map(|d| format!("by {}", d.date()));
    let value = view.value.map_or_else(|| "–".to_string(), |v| kpi.shown(v));
    let problem = (!view.problem.is_empty()).then(|| view! { <span class="hint">{view.problem.clone()}</span> });
    view! {
        <div class="kpi">
            <span class="l"><span>{kpi.name.clone()}</span><Status of=view.status/></span>
            <span class="v">{value}</span>
            <Spark values label=format!("{}, over the range", kpi.name) class width=160/>
            <span class="m"><span class="tgt">{format!("target {}", kpi.shown(kpi.target))}</span>{delta}{date}{benchmark}</span>
            {ahead.map(|text| view! { <span class="m">{text}</span> })}
            {problem}
        </div>
    }
}

/// What the systems are worth, in money with its interval.
fn impact_panel(view: &OverviewView) -> Option<AnyView> {
    if view.outcome.impact.is_empty() {
        return None;
    }
    let rows: Vec<_> = view
        .outcome
        .impact
        .iter()
        .map(|i| {
            let money = |v: f64| format!("{} {}", i.currency, format::compact(v));
            let more = i.comparison.as_ref().map_or_else(String::new, |u| {
                let surely = u.total.low > 0.0 || u.total.high < 0.0;
                if surely {
                    format!("{} {} than {}", money(u.total.value.abs()), if u.total.value > 0.0 { "more" } else { "less" }, u.against)
                } else {
                    format!("no sure difference from {}", u.against)
                }
            });
            view! { <li><div class="grow"><b>{format!("{} net in 7 days", money(i.net.value))}</b><p class="hint">{format!("between {} and {}", money(i.net.low), money(i.net.high))}</p></div><span class="mid">{more}</span></li> }
        })
        .collect();
    Some(view! { <Panel title="What it is worth" sub="revenue and savings less cost" span="c-12" flush=true><ul class="list">{rows}</ul></Panel> }.into_any())
}

fn layer_row(layer: &LayerHealth) -> impl IntoView + use<> {
    let icon = match layer.layer {
        Layer::Infrastructure => "cpu",
        Layer::Application => "app",
        Layer::Quality => "target",
        Layer::Users => "smile",
        Layer::Business => "coin",
    };
    let status = Of::of(layer.score);
    let short = match layer.worst() {
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
            <td class="mid">{short}</td>
        </tr>
    }
}

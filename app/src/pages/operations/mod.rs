//! Operations: what an operator keeps open all night.

mod charts;
mod health;
mod now;
mod services;

use domain::alert::priority::Priority;
use domain::annotation::Subject;
use domain::time::{HOUR, RangeChoice};
use domain::view::OperationsView;
use leptos::prelude::*;
use leptos_meta::Title;

use crate::charts::shared::happened;
use crate::charts::timeline::timeline;
use crate::charts::topology::topology;
use crate::components::alert::Sev;
use crate::components::frame::Frame;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Panel, Read};
use crate::components::reading::reading;
use crate::components::state::{Place, use_place};
use crate::components::zone::Here;
use crate::server_functions::views::operations;

const DEFAULT: RangeChoice = RangeChoice::Last(HOUR);
/// Nodes of the map that fit beside the health of systems; all of them are in Explore.
const NODES: usize = 14;

#[component]
pub fn Operations() -> impl IntoView {
    let place = use_place();
    let live = use_live();
    provide_context(charts::Chosen(RwSignal::new(charts::Resource::Cpu)));
    let data = reading(
        move || {
            let here = place.get();
            (here.environment, here.range.unwrap_or(DEFAULT))
        },
        move || (live.tick.get(), live.alerts.get()),
        |(environment, range)| operations(environment, range),
    );
    view! {
        <Title text="Operations"/>
        <Frame title=Signal::stored("Operations".to_string()) range="Last 1 h">
            <Read what=data title="Operations" draw=|view, place| page(view, place).into_any()/>
        </Frame>
    }
}

pub(crate) fn page(view: &OperationsView, place: &Place) -> impl IntoView + use<> {
    happened(&view.flags, Subject { environment: place.environment.clone(), ..Subject::default() });
    let health = health::matrix(view, place);
    let map = if view.map.nodes.is_empty() {
        view! { <Empty title="No call is known yet" text="The map is learned from spans; what sends none can be declared."><a class="btn" href="/settings/connections">"How to send spans"</a></Empty> }.into_any()
    } else {
        topology(&view.map, place, NODES)
    };
    let hidden = view.map.nodes.len().saturating_sub(NODES);
    let map_foot = (hidden > 0).then(|| {
        view! { <a href=place.link("/explore?view=map")>{format!("{hidden} more in Explore")}</a> }.into_any()
    });
    let bars = timeline(&view.timeline, &view.flags, view.range, place);
    let drawn = !view.timeline.lanes.is_empty() || !view.timeline.incidents.is_empty();
    let left_out = (view.timeline.left_out > 0).then(
        || view! { <span class="right">{format!("{} earlier alerts are not drawn", view.timeline.left_out)}</span> },
    );
    let bars_foot = drawn.then(|| {
        let priorities: Vec<_> = Priority::ALL.into_iter().map(|of| view! { <Sev of/> }).collect();
        view! { {priorities}<span><i class="key sil"></i>"silenced"</span>{left_out} }.into_any()
    });
    let span = domain::format::duration(view.range.micros());
    let p1 = charts::response_time(view);
    let p2 = charts::segments(view, place);
    let p3 = charts::resources(view);
    let p4 = services::table(view, place);
    let p5 = now::events(view, place);
    let p6 = health::models(view, place);
    let p7 = services::probes(view);
    let p8 = charts::own_memory(view);
    view! {
        <h1 class="sr">"Operations"</h1>
        {now::banner(view, place)}
        {now::strip(view, place)}
        <div class="g">
            <Panel title="Health" sub="systems by layer, now" span="c-5" flush=true>{health}</Panel>
            <Panel title="Topology" sub="width follows traffic, colour and shape follow failures" span="c-7" footer=map_foot>{map}</Panel>
            <Panel title="Alerts and incidents" sub=span span="c-12" footer=bars_foot>{bars}</Panel>
            <Panel title="Response time" sub="of calls from outside" span="c-5">{p1}</Panel>
            <Panel title="Quality by segment" sub="newest windows" span="c-3">{p2}</Panel>
            {p3}
            <Panel title="Services" sub="the newest twelfth of the range against the rest" span="c-8" flush=true>{p4}</Panel>
            <Panel title="Live events" sub="" span="c-4" flush=true>{p5}</Panel>
            <Panel title="Models" sub="newest window" span="c-12" flush=true>{p6}</Panel>
            <Panel title="Service probes" sub="asked from here" span="c-8" flush=true>{p7}</Panel>
            <Panel title="Plimsoll" sub="own memory" span="c-4">{p8}</Panel>
        </div>
        <footer class="ft"><span>{format!("Read at {}", view.now.here().clock_seconds_zone())}</span></footer>
    }
}

//! Operations: what an operator keeps open all night.

use domain::signal::{Layer, SeriesData};
use domain::time::{HOUR, RangeChoice};
use domain::view::{ModelCard, OperationsView};
use domain::{Status as Of, format};
use leptos::prelude::*;
use leptos_meta::Title;

use crate::charts::chart::Chart;
use crate::charts::spark::Spark;
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::components::frame::Frame;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Failed, Loading, Panel};
use crate::components::state::{Place, use_place};
use crate::components::status::{Shape, Status};
use crate::server_functions::views::operations;

const DEFAULT: RangeChoice = RangeChoice::Last(HOUR);
/// Samples further apart than this are a gap, as a share of the range.
const GAP: f64 = 0.02;

#[component]
pub fn Operations() -> impl IntoView {
    let place = use_place();
    let live = use_live();
    let data = Resource::new(
        move || {
            let here = place.get();
            (here.environment, here.range.unwrap_or(DEFAULT), live.tick.get())
        },
        |(environment, range, _)| operations(environment, range),
    );
    view! {
        <Title text="Operations"/>
        <Frame title=Signal::stored("Operations".to_string()) range="Last 1 h">
            <h1 class="sr">"Operations"</h1>
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

pub(crate) fn page(view: &OperationsView, place: &Place) -> impl IntoView + use<> {
    let matrix: Vec<_> = view.systems.iter().map(|s| system_row(s, place)).collect();
    let models: Vec<_> = view.cards.iter().map(|c| model_row(c, place)).collect();
    let probes = probe_rows(view);
    let no_probe = probes.is_empty();
    let (no_system, no_model) = (matrix.is_empty(), models.is_empty());
    let utilisation = chart(
        view,
        &[("system.cpu.utilization", "CPU", "ka strong"), ("system.memory.utilization", "Memory", "k3")],
        Unit::Percent,
        "CPU and memory",
    );
    let network = chart(
        view,
        &[("system.network.receive", "received", "k1"), ("system.network.transmit", "sent", "k2")],
        Unit::BytesPerSecond,
        "Network",
    );
    let disk = chart(
        view,
        &[("system.disk.read", "read", "k1"), ("system.disk.write", "written", "k2")],
        Unit::BytesPerSecond,
        "Disk",
    );
    let process = chart(view, &[("process.memory.usage", "Plimsoll", "k6")], Unit::Bytes, "Memory of Plimsoll itself");
    let gpu = view.host.iter().any(|s| s.series.name.starts_with("gpu.")).then(|| {
        chart(
            view,
            &[("gpu.utilization", "GPU", "k1"), ("gpu.memory.utilization", "GPU memory", "k2")],
            Unit::Percent,
            "GPU",
        )
    });
    view! {
        {strip(view)}
        <div class="g">
            <Panel title="Health" sub="systems by layer, now" span="c-5" flush=true>
                {if no_system {
                    view! { <Empty title="No AI system yet" text="A system appears with the first predictions sent to it."/> }.into_any()
                } else {
                    view! {
                        <table class="t mxt">
                            <thead><tr><th scope="col">"System"</th><th scope="col">"Infra"</th><th scope="col">"App"</th><th scope="col">"Quality"</th><th scope="col">"Health"</th></tr></thead>
                            <tbody>{matrix}</tbody>
                        </table>
                    }.into_any()
                }}
            </Panel>
            <Panel title="CPU and memory" sub="this host, share in use" span="c-7">{utilisation}</Panel>
            <Panel title="Models" sub="newest window" span="c-12" flush=true>
                {if no_model {
                    view! { <Empty title="No model yet" text="POST predictions to /api/v1/models/NAME/predictions, or run plimsoll import."/> }.into_any()
                } else {
                    view! {
                        <table class="t">
                            <thead><tr><th scope="col">"Model"</th><th scope="col">"Quality"</th><th scope="col">"Trend"</th><th scope="col" class="num">"Drift"</th><th scope="col" class="num">"Predictions"</th><th scope="col">"Newest window"</th><th scope="col">"Verdict"</th></tr></thead>
                            <tbody>{models}</tbody>
                        </table>
                    }.into_any()
                }}
            </Panel>
            <Panel title="Network" sub="bytes a second" span="c-4">{network}</Panel>
            <Panel title="Disk" sub="bytes a second" span="c-4">{disk}</Panel>
            <Panel title="Plimsoll" sub="own memory" span="c-4">{process}</Panel>
            {gpu.map(|chart| view! { <Panel title="GPU" sub="share in use" span="c-12">{chart}</Panel> })}
            <Panel title="Service probes" sub="asked from here" span="c-12" flush=true>
                {if no_probe {
                    view! { <Empty title="No probe yet" text="A probe asks a service from outside whether it answers, how fast, and when its certificate ends."><a class="btn" href="/settings/probes">"Add a probe"</a></Empty> }.into_any()
                } else {
                    view! {
                        <table class="t">
                            <thead><tr><th scope="col">"Service"</th><th scope="col">"Answers"</th><th scope="col" class="num">"Latency "<span class="u">"ms"</span></th><th scope="col">"Latency over time"</th><th scope="col" class="num">"Certificate"</th></tr></thead>
                            <tbody>{probes}</tbody>
                        </table>
                    }.into_any()
                }}
            </Panel>
        </div>
        <footer class="ft"><span>{format!("Read at {} UTC", view.now.clock_seconds())}</span></footer>
    }
}

/// The newest readings in a row.
fn strip(view: &OperationsView) -> impl IntoView + use<> {
    let newest =
        |name: &str| view.live.latest.iter().find(|(s, _)| s.name == name).map(|(s, v)| (v.value, s.unit.clone()));
    let fullest = view.live.filesystems.iter().max_by(|a, b| a.1.value.total_cmp(&b.1.value));
    let cell = |label: String, value: Option<(f64, String)>, below: String| {
        let (number, unit) = value.map_or_else(|| ("–".to_string(), ""), |(v, unit)| format::with_unit(v, &unit));
        view! { <div role="listitem"><span class="lab">{label}</span><span class="sv">{number}<span class="u">{unit}</span></span><span class="hint">{below}</span></div> }
    };
    let mount = fullest.and_then(|(s, _)| s.labels.get("mount").cloned()).unwrap_or_else(|| "no data".into());
    let host = view.live.latest.iter().find_map(|(s, _)| s.labels.get("host").cloned()).unwrap_or_default();
    let gpu = newest("gpu.utilization");
    let gpu_words = if gpu.is_some() { "in use".to_string() } else { "no GPU found".to_string() };
    let rows: u64 = view.cards.iter().map(|c| c.rows).sum();
    view! {
        <div class="strip six panel" role="list" aria-label="Now">
            {cell("CPU".into(), newest("system.cpu.utilization"), host)}
            {cell("Load".into(), newest("system.cpu.load_average.1m"), "1 min average".into())}
            {cell("Memory".into(), newest("system.memory.utilization"), "in use".into())}
            {cell("Fullest disk".into(), fullest.map(|(s, v)| (v.value, s.unit.clone())), mount)}
            {cell("GPU".into(), gpu, gpu_words)}
            <div role="listitem"><span class="lab">"Predictions"</span><span class="sv">{format::count(rows as f64)}</span><span class="hint">"kept, all models"</span></div>
        </div>
    }
}

fn system_row(system: &domain::health::SystemHealth, place: &Place) -> impl IntoView + use<> {
    let cell = |score: Option<f64>, last: bool| {
        let status = score.map_or(Of::NoData, Of::of);
        let class = format!("hc {}{}", status.name(), if last { " hs" } else { "" });
        let text = score.map_or_else(|| "–".to_string(), |s| format::fixed(s, 2));
        view! { <td class=class><span class="cell"><Shape of=status/><span>{text}</span><span class="sr">{status.title()}</span></span></td> }
    };
    let of = |layer: Layer| system.layer(layer).map(|l| l.score);
    view! {
        <tr>
            <th scope="row"><a href=place.link(&format!("/models/{}", system.system))>{system.title.clone()}</a><span class="hint mono">{system.system.clone()}</span></th>
            {cell(of(Layer::Infrastructure), false)}{cell(of(Layer::Application), false)}{cell(of(Layer::Quality), false)}{cell(system.score, true)}
        </tr>
    }
}

fn model_row(card: &ModelCard, place: &Place) -> impl IntoView + use<> {
    let score = card.layer.as_ref().map(|l| l.score);
    let status = score.map_or(Of::NoData, Of::of);
    let drift = card.layer.as_ref().and_then(|l| l.signals.iter().find(|s| s.name == "Drift")).map(|s| s.shown.clone());
    let values: Vec<Option<f64>> = card.trend.iter().map(|s| Some(s.value)).collect();
    let class = if status < Of::Fair && status != Of::NoData { "kp" } else { "kt" };
    view! {
        <tr>
            <th scope="row"><a class="mono" href=place.link(&format!("/models/{}", card.model.name))>{card.model.name.clone()}</a></th>
            <td><Status of=status/></td>
            <td><Spark values label=format!("{} over recent windows", card.model.title) class height=18/></td>
            <td class="num v">{drift.unwrap_or_else(|| "–".into())}</td>
            <td class="num">{format::count(card.rows as f64)}</td>
            <td class="nw">{card.last.map_or_else(|| "–".to_string(), domain::Timestamp::date_clock)}</td>
            <td class="mid">{card.sentence.clone()}</td>
        </tr>
    }
}

fn probe_rows(view: &OperationsView) -> Vec<impl IntoView + use<>> {
    let of = |name: &str, probe: &str| {
        view.probes
            .iter()
            .find(|s| s.series.name == name && s.series.labels.get("probe").map(String::as_str) == Some(probe))
            .cloned()
    };
    let mut names: Vec<String> = view.probes.iter().filter_map(|s| s.series.labels.get("probe").cloned()).collect();
    names.sort();
    names.dedup();
    names
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
                    <td class="num v">{last(&latency).map_or_else(|| "–".to_string(), |v| format::fixed(v, 0))}</td>
                    <td><Spark values label=format!("Latency of {probe}") height=18/></td>
                    <td class="num">{days.map_or_else(|| "–".to_string(), |d| format!("{d:.0} d"))}</td>
                </tr>
            }
        })
        .collect()
}

/// Series of the host as lines over the page's range.
fn chart(view: &OperationsView, wanted: &[(&str, &str, &str)], unit: Unit, title: &str) -> AnyView {
    let mut marks = Vec::new();
    let mut last = Vec::new();
    for (name, label, class) in wanted {
        let Some(data) = view.host.iter().find(|s| s.series.name == *name) else {
            continue;
        };
        let span = view.range.to.0.saturating_sub(view.range.from.0) as f64;
        marks.push(Mark::Line {
            name: (*label).to_string(),
            class: (*class).to_string(),
            points: with_gaps(data, span * GAP),
        });
        if let Some(point) = data.points.last() {
            last.push((*label, point.value, *class));
        }
    }
    if marks.is_empty() {
        return view! { <Empty title="No data in this range" text="The collector writes a reading every second while Plimsoll runs."/> }.into_any();
    }
    let description = last
        .iter()
        .map(|(label, value, _)| format!("{label} is {} now", unit.show(*value)))
        .collect::<Vec<_>>()
        .join(", ");
    let mut spec = ChartSpec::fit(190.0, Axis::Time, unit, marks, true);
    if unit == Unit::Percent {
        spec.y = (0.0, 1.0);
    }
    let legend: Vec<_> = last
        .iter()
        .map(|(label, value, class)| view! { <span><i class=format!("key {class}")></i>{format!("{label} {}", unit.show(*value))}</span> })
        .collect();
    let left = if matches!(unit, Unit::Bytes | Unit::BytesPerSecond) { 72 } else { 44 };
    view! { <Chart spec title=title.to_string() description left/><div class="leg">{legend}</div> }.into_any()
}

/// Breaks the line where no sample came for longer than `gap` microseconds.
fn with_gaps(data: &SeriesData, gap: f64) -> Vec<(f64, Option<f64>)> {
    let mut points = Vec::with_capacity(data.points.len());
    let mut before: Option<f64> = None;
    for sample in &data.points {
        let at = sample.at.0 as f64;
        if let Some(before) = before.filter(|b| at - b > gap.max(15e6)) {
            points.push((before + 1.0, None));
        }
        points.push((at, Some(sample.value)));
        before = Some(at);
    }
    points
}

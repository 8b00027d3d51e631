//! The charts of Operations: response times as a heat map, quality by segment, resources as stacks.

use domain::evidence::Segment;
use domain::signal::SeriesData;
use domain::traffic::{HEAT_EDGES, Traffic};
use domain::view::OperationsView;
use domain::{TimeRange, format};
use leptos::prelude::*;

use crate::charts::chart::Chart;
use crate::charts::heat::{STEPS, cells, ramp};
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::charts::stack::{Layer, columns, stacked, sum};
use crate::components::panel::{Empty, Panel};
use crate::components::state::Place;
use crate::pages::host::gpu_name;

const HEIGHT: f64 = 168.0;
/// Bars of the histogram of segments.
const BARS: usize = 9;
const WORST: usize = 3;
/// Layers of a stack; the rest is one.
const LAYERS: usize = 5;

/// Which resource is looked at. Held by the page, so that it stays as it is when data comes.
#[derive(Clone, Copy)]
pub struct Chosen(pub RwSignal<Resource>);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    Cpu,
    Memory,
    Gpu,
    Disk,
    Network,
}

impl Resource {
    const ALL: [(Resource, &'static str); 5] = [
        (Resource::Cpu, "CPU"),
        (Resource::Memory, "Memory"),
        (Resource::Gpu, "GPU"),
        (Resource::Disk, "Disk"),
        (Resource::Network, "Network"),
    ];
}

/// Calls from outside by time and duration: darker is more.
pub fn response_time(view: &OperationsView) -> AnyView {
    let t: &Traffic = &view.traffic;
    let Some(range) = t.range.filter(|_| t.heat.iter().flatten().any(|c| *c > 0)) else {
        return view! { <Empty title="No call in this range" text="Each span without a parent is a call from outside."/> }.into_any();
    };
    let used: Vec<usize> = (0..=HEAT_EDGES.len()).filter(|row| t.heat.iter().any(|column| column[*row] > 0)).collect();
    let (low, high) = (used.first().copied().unwrap_or(0), used.last().copied().unwrap_or(0));
    let most = t.heat.iter().flatten().copied().max().unwrap_or(1) as f64;
    // Few and many differ by orders of magnitude: the ramp is of the logarithm.
    let level = |count: u32| ((1.0 + f64::from(count)).ln() / (1.0 + most).ln() * STEPS as f64).ceil() as usize;
    let used_cells = t.heat.iter().enumerate().flat_map(|(i, column)| {
        let left = range.from.0 as f64 + i as f64 * t.step as f64;
        (low..=high).filter(|row| column[*row] > 0).map(move |row| {
            let bottom = (row - low) as f64;
            (level(column[row]).max(1) - 1, (left, left + t.step as f64, bottom, bottom + 1.0))
        })
    });
    let mut spec = ChartSpec::fit(HEIGHT, Axis::Time, Unit::Compact, cells(used_cells), true).over(range);
    spec.y = (0.0, (high - low + 1) as f64);
    // An edge is written between its rows.
    spec.rows = (low..=high).skip(1).map(|row| ((row - low) as f64, edge_words(HEAT_EDGES[row - 1]))).collect();
    let description = format!(
        "{} calls; now p95 {}, usually {}",
        format::count((t.now.calls + t.usual.calls) as f64),
        format::milliseconds(t.now.p95_ms),
        format::milliseconds(t.usual.p95_ms)
    );
    view! {
        <Chart spec title="Response time" description=description.clone() left=52/>
        <p class="leg">{ramp("few", "many")}<span>{description}</span></p>
    }
    .into_any()
}

/// An edge between two rows, in the fewest letters.
fn edge_words(ms: f64) -> String {
    if ms >= 1000.0 { format!("{} s", ms / 1000.0) } else { format!("{ms} ms") }
}

/// How the quality of segments lies, and those that are surely below their model's whole.
pub fn segments(view: &OperationsView, place: &Place) -> AnyView {
    let values: Vec<f64> = view.segments.iter().flat_map(|m| m.values.clone()).collect();
    if values.len() < 3 {
        return view! { <Empty title="No segments yet" text="They appear with the first window that has labels or an estimate."/> }.into_any();
    }
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let width = ((high - low) / BARS as f64).max(1e-6);
    let bars = |all: &[f64]| -> Vec<(f64, f64, f64)> {
        (0..BARS)
            .map(|i| {
                let (left, right) = (low + i as f64 * width, low + (i + 1) as f64 * width);
                let inside = |v: f64| v >= left && (v < right || i + 1 == BARS);
                (left, right, all.iter().filter(|v| inside(**v)).count() as f64)
            })
            .collect()
    };
    // Of one feature, as all values are; two together are only listed.
    let mut surely: Vec<(&str, &Segment)> =
        view.segments.iter().flat_map(|m| m.weakest.iter().map(|s| (m.model.as_str(), s))).collect();
    let below: Vec<f64> = surely.iter().filter(|(_, s)| !s.name.contains(", ")).map(|(_, s)| s.quality.value).collect();
    let marks = vec![
        Mark::Bars { name: "segments".into(), class: "k1".into(), bars: bars(&values) },
        Mark::Bars { name: "surely below".into(), class: "kp".into(), bars: bars(&below) },
    ];
    let spec = ChartSpec::fit(HEIGHT - 40.0, Axis::Number, Unit::Compact, marks, true);
    surely.sort_by(|a, b| b.1.difference.abs().total_cmp(&a.1.difference.abs()));
    let words = format!("{} of {} surely worse than their model’s whole", below.len(), values.len());
    let worst: Vec<_> = surely
        .iter()
        .take(WORST)
        .map(|(model, s)| {
            let name = crate::pages::model::segment_name(s, model, place);
            view! { <li>{name}<span class="num v">{format::fixed(s.quality.value, 3)}</span><span class="hint">{format!("n {}", format::count(s.quality.n as f64))}</span></li> }
        })
        .collect();
    view! { <Chart spec title="Quality by segment" description=words.clone() left=24/><p class="hint">{words}</p><ul class="sgl">{worst}</ul> }.into_any()
}

fn host_of(series: &SeriesData) -> String {
    series.series.labels.get("host").cloned().unwrap_or_default()
}

/// Resources in use, stacked, with what they are of.
pub fn resources(view: &OperationsView) -> AnyView {
    let chosen = use_context::<Chosen>().unwrap_or_else(|| Chosen(RwSignal::new(Resource::Cpu))).0;
    let view = view.clone();
    let tabs: Vec<_> = Resource::ALL
        .into_iter()
        .map(|(of, name)| {
            view! { <button type="button" aria-pressed=move || (chosen.get() == of).to_string() on:click=move |_| chosen.set(of)>{name}</button> }
        })
        .collect();
    let footer = view! { <div class="seg">{tabs}</div> }.into_any();
    let chart = move || resource(chosen.get(), &view);
    view! { <Panel title="Resources" sub="in use" span="c-4" footer=Some(footer)>{chart}</Panel> }.into_any()
}

fn resource(of: Resource, view: &OperationsView) -> AnyView {
    let named = |name: &'static str| view.host.iter().filter(move |s| s.series.name == name);
    let mut hosts: Vec<String> = named("system.cpu.utilization").map(host_of).collect();
    hosts.sort();
    hosts.dedup();
    let alone = hosts.len() <= 1;
    let cores = |host: &str| view.live.cores.iter().find(|(h, _)| h == host).map_or(1.0, |(_, n)| f64::from(*n));
    let all_cores: f64 = hosts.iter().map(|h| cores(h)).sum();
    let layer = |name: String, values: Vec<Option<f64>>| Layer { name, values };
    let each = |series: &SeriesData, factor: f64| columns(&series.points, view.range, factor);
    // Of one host: what Plimsoll itself takes, and the rest.
    let with_own = |whole: Vec<Option<f64>>, own: Option<Vec<Option<f64>>>, host: &str| match own {
        Some(own) if alone => {
            let rest = whole.iter().zip(&own).map(|(w, o)| Some((w.as_ref()? - o.unwrap_or(0.0)).max(0.0))).collect();
            vec![layer("Plimsoll".into(), own), layer(format!("rest of {host}"), rest)]
        }
        _ => vec![layer(host.to_string(), whole)],
    };
    let own = |name: &'static str| named(name).next().map(|s| each(s, 1.0));
    let (title, unit, layers, limit): (&str, Unit, Vec<Layer>, Option<(f64, String)>) = match of {
        Resource::Cpu => {
            let layers = named("system.cpu.utilization")
                .flat_map(|s| with_own(each(s, cores(&host_of(s))), own("process.cpu.utilization"), &host_of(s)))
                .collect();
            let limit = (all_cores > 0.0).then(|| (0.9 * all_cores, format!("90% of {all_cores:.0}")));
            ("Cores in use", Unit::Compact, layers, limit)
        }
        Resource::Memory => {
            let layers = named("system.memory.usage")
                .flat_map(|s| with_own(each(s, 1.0), own("process.memory.usage"), &host_of(s)))
                .collect();
            ("Memory in use", Unit::Bytes, layers, None)
        }
        Resource::Gpu => {
            let name = |s: &SeriesData| {
                let number = s.series.labels.get("gpu").or_else(|| s.series.labels.get("index"));
                format!("{} GPU {}", host_of(s), number.map_or("", |number| gpu_name(number)))
            };
            (
                "GPUs in use",
                Unit::Compact,
                named("gpu.utilization").map(|s| layer(name(s), each(s, 1.0))).collect(),
                None,
            )
        }
        Resource::Disk => {
            let traffic = |name: &'static str, label: &str| total(named(name), view.range, label);
            (
                "Disk traffic",
                Unit::BytesPerSecond,
                vec![traffic("system.disk.read", "read"), traffic("system.disk.write", "written")],
                None,
            )
        }
        Resource::Network => {
            let traffic = |name: &'static str, label: &str| total(named(name), view.range, label);
            (
                "Network traffic",
                Unit::BytesPerSecond,
                vec![traffic("system.network.receive", "received"), traffic("system.network.transmit", "sent")],
                None,
            )
        }
    };
    let Some((mut spec, keys)) = stacked(HEIGHT, view.range, unit, layers, LAYERS) else {
        let (head, text) = match of {
            Resource::Gpu => ("No GPU", view.live.gpu.clone()),
            _ => (
                "No data in this range",
                "The collector writes a reading every second while Plimsoll runs.".to_string(),
            ),
        };
        return view! { <Empty title=head text=text/> }.into_any();
    };
    if let Some((at, label)) = limit {
        spec.y = (0.0, spec.y.1.max(at * 1.12));
        spec.marks.push(Mark::Rule { class: "thl kp".into(), y: at, label });
    }
    let left = if matches!(unit, Unit::Bytes | Unit::BytesPerSecond) { 66 } else { 34 };
    let description =
        keys.iter().map(|(name, _, now)| format!("{name} {}", unit.show(*now))).collect::<Vec<_>>().join(", ");
    let legend: Vec<_> = keys
        .iter()
        .map(|(name, class, now)| view! { <span><i class=format!("key sq {class}")></i>{format!("{name} {}", unit.show(*now))}</span> })
        .collect();
    view! { <Chart spec title=title description left right=58/><div class="leg">{legend}</div> }.into_any()
}

/// The sum of several series as one layer.
fn total<'a>(series: impl Iterator<Item = &'a SeriesData>, range: TimeRange, name: &str) -> Layer {
    let all: Vec<Vec<Option<f64>>> = series.map(|s| columns(&s.points, range, 1.0)).collect();
    Layer { name: name.to_string(), values: sum(all.iter().map(Vec::as_slice)) }
}

/// What Plimsoll itself takes.
pub fn own_memory(view: &OperationsView) -> AnyView {
    let own = view.host.iter().find(|s| s.series.name == "process.memory.usage");
    let layers = own.map(|s| Layer { name: "Plimsoll".into(), values: columns(&s.points, view.range, 1.0) });
    match stacked(96.0, view.range, Unit::Bytes, layers.into_iter().collect(), 1) {
        Some((spec, keys)) => {
            let now = keys.first().map_or_else(String::new, |(_, _, now)| format!("{} now", format::bytes(*now)));
            view! { <Chart spec title="Memory of Plimsoll" description=now left=66/> }.into_any()
        }
        None => view! { <Empty title="No data in this range" text="The collector writes a reading every second while Plimsoll runs."/> }.into_any(),
    }
}

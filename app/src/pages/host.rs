//! One host and its GPUs: everything that is measured on it, over one range.

use domain::annotation::Subject;
use domain::format;
use domain::signal::SeriesData;
use domain::time::{HOUR, RangeChoice};
use domain::view::HostView;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use crate::charts::chart::Chart;
use crate::charts::heat::{STEPS, cells, ramp};
use crate::charts::shared::happened;
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::charts::stack::columns;
use crate::components::frame::Frame;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Panel, Read};
use crate::components::reading::reading;
use crate::components::state::{Place, use_place};
use crate::components::title::titled;
use crate::components::zone::Here;
use crate::server_functions::find::host;

const DEFAULT: RangeChoice = RangeChoice::Last(HOUR);
const HEIGHT: f64 = 150.0;
/// Lines of one chart: the palette has so many colours; the rest is not drawn and counted.
const LINES: usize = 6;
const CLASSES: [&str; LINES] = ["k1", "k2", "k3", "k4", "k5", "k6"];

#[component]
pub fn HostPage() -> impl IntoView {
    let params = use_params_map();
    let place = use_place();
    let live = use_live();
    let name = Memo::new(move |_| params.with(|p| p.get("name")).unwrap_or_default());
    name.with_untracked(|_| ());
    let data = reading(
        move || {
            let here = place.get();
            (name.get(), here.environment, here.range.unwrap_or(DEFAULT))
        },
        move || live.tick.get(),
        |(name, environment, range)| host(name, environment, range),
    );
    view! {
        <Title text=titled(move || name.get())/>
        <Frame title=Signal::derive(move || name.get()) crumbs=vec![("Operations", "/operations")] range="Last 1 h">
            <Read what=data title=Signal::derive(move || name.get()) draw=page/>
        </Frame>
    }
    .into_any()
}

/// One chart of a host.
struct Wanted {
    title: &'static str,
    sub: &'static str,
    /// Signals, each with its words; those with several series are told apart by this label.
    signals: &'static [(&'static str, &'static str)],
    label: &'static str,
    unit: Unit,
    whole: bool,
}

const HOST: [Wanted; 6] = [
    Wanted {
        title: "CPU",
        sub: "share in use, all cores",
        signals: &[("system.cpu.utilization", "CPU")],
        label: "",
        unit: Unit::Percent,
        whole: true,
    },
    Wanted {
        title: "Load",
        sub: "processes that want to run",
        signals: &[("system.cpu.load_average.1m", "1 min"), ("system.cpu.load_average.15m", "15 min")],
        label: "",
        unit: Unit::Compact,
        whole: false,
    },
    Wanted {
        title: "Memory",
        sub: "share in use",
        signals: &[("system.memory.utilization", "memory"), ("system.swap.utilization", "swap")],
        label: "",
        unit: Unit::Percent,
        whole: true,
    },
    Wanted {
        title: "Disks",
        sub: "share in use",
        signals: &[("system.filesystem.utilization", "")],
        label: "mount",
        unit: Unit::Percent,
        whole: true,
    },
    Wanted {
        title: "Disk traffic",
        sub: "bytes a second",
        signals: &[("system.disk.read", "read"), ("system.disk.write", "written")],
        label: "mount",
        unit: Unit::BytesPerSecond,
        whole: false,
    },
    Wanted {
        title: "Network",
        sub: "bytes a second",
        signals: &[("system.network.receive", "received"), ("system.network.transmit", "sent")],
        label: "",
        unit: Unit::BytesPerSecond,
        whole: false,
    },
];

const GPU: [Wanted; 8] = [
    Wanted {
        title: "GPU in use",
        sub: "share of time",
        signals: &[("gpu.utilization", "")],
        label: "gpu",
        unit: Unit::Percent,
        whole: true,
    },
    Wanted {
        title: "GPU memory",
        sub: "share in use",
        signals: &[("gpu.memory.utilization", "")],
        label: "gpu",
        unit: Unit::Percent,
        whole: true,
    },
    Wanted {
        title: "GPU temperature",
        sub: "°C, slowed down from about 85",
        signals: &[("gpu.temperature", "")],
        label: "gpu",
        unit: Unit::Fixed(0),
        whole: false,
    },
    Wanted {
        title: "GPU power",
        sub: "W",
        signals: &[("gpu.power", "")],
        label: "gpu",
        unit: Unit::Fixed(0),
        whole: false,
    },
    Wanted {
        title: "GPU clocks",
        sub: "MHz",
        signals: &[("gpu.clock.sm", "SM"), ("gpu.clock.memory", "memory")],
        label: "gpu",
        unit: Unit::Fixed(0),
        whole: false,
    },
    Wanted {
        title: "Programs on the GPU",
        sub: "that compute",
        signals: &[("gpu.processes", "")],
        label: "gpu",
        unit: Unit::Compact,
        whole: false,
    },
    Wanted {
        title: "GPU slowed down",
        sub: "1 while it is",
        signals: &[
            ("gpu.throttled.heat", "slowed by heat"),
            ("gpu.throttled.supply", "slowed by its supply"),
            ("gpu.throttled.power_limit", "at its power limit"),
        ],
        label: "gpu",
        unit: Unit::Compact,
        whole: true,
    },
    Wanted {
        title: "GPU memory errors",
        sub: "since the driver started",
        signals: &[("gpu.ecc.corrected", "corrected"), ("gpu.ecc.uncorrected", "not corrected")],
        label: "gpu",
        unit: Unit::Compact,
        whole: false,
    },
];

fn page(view: &HostView, place: &Place) -> AnyView {
    happened(&view.flags, Subject { environment: place.environment.clone(), ..Subject::default() });
    let panels = |wanted: &'static [Wanted]| -> Vec<AnyView> {
        wanted
            .iter()
            .map(|w| {
                let chart = lines(view, w);
                view! { <Panel title=w.title sub=w.sub span="c-6">{chart}</Panel> }.into_any()
            })
            .collect()
    };
    let gpus = view.series.iter().any(|s| s.series.name.starts_with("gpu."));
    let gpu_panels = if gpus {
        panels(&GPU).into_any()
    } else {
        let why = view.gpu.clone();
        view! { <Panel title="GPU" sub="" span="c-12"><Empty title="No GPU measured here" text=why/></Panel> }
            .into_any()
    };
    let others: Vec<_> = view
        .hosts
        .iter()
        .filter(|h| **h != view.name)
        .map(|h| view! { <a class="chip" href=place.link(&format!("/hosts/{h}"))>{h.clone()}</a> })
        .collect();
    let fills = view.fills.as_ref().map(|f| {
        view! { <p class="note fair"><svg aria-hidden="true"><use href="#s-fair"></use></svg><span>{format!("{} is full in about {}, as its last day goes.", f.mount, format::duration(f.within))}</span></p> }
    });
    let cores = core_map(view);
    let own = panels(&HOST);
    view! {
        <div class="head"><div class="grow"><h1>{view.name.clone()}</h1><p>{format!("{} signals in the range", view.series.len())}</p></div><div class="row wrap">{others}</div></div>
        {fills}
        <div class="g">{own}{cores}{gpu_panels}</div>
        <footer class="ft"><span>{format!("Read at {}", view.now.here().clock_seconds_zone())}</span></footer>
    }
    .into_any()
}

/// Of a GPU's long number the end, which tells it from the others.
pub fn gpu_name(number: &str) -> &str {
    number.get(number.len().saturating_sub(6)..).unwrap_or(number)
}

fn lines(view: &HostView, wanted: &Wanted) -> AnyView {
    let mut found: Vec<(String, &SeriesData)> = Vec::new();
    for (name, words) in wanted.signals {
        for series in view.series.iter().filter(|s| s.series.name == *name) {
            let apart = series.series.labels.get(wanted.label).map_or("", String::as_str);
            let apart = if wanted.label == "gpu" { gpu_name(apart) } else { apart };
            let label = [*words, apart].into_iter().filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ");
            found.push((label, series));
        }
    }
    if found.is_empty() {
        return view! { <Empty title="No data in this range" text="Nothing of this kind was measured."/> }.into_any();
    }
    let left_out = found.len().saturating_sub(LINES);
    let (mut marks, mut keys) = (Vec::new(), Vec::new());
    let range = view.range;
    for ((label, series), class) in found.into_iter().zip(CLASSES) {
        let values = columns(&series.points, range, 1.0);
        let width = range.micros() as f64 / values.len().max(1) as f64;
        let points: Vec<(f64, Option<f64>)> =
            values.iter().enumerate().map(|(i, v)| (range.from.0 as f64 + (i as f64 + 0.5) * width, *v)).collect();
        if let Some(last) = series.points.last() {
            keys.push((label.clone(), class, last.value));
        }
        marks.push(Mark::Line { name: label, class: class.to_string(), points });
    }
    let mut spec = ChartSpec::fit(HEIGHT, Axis::Time, wanted.unit, marks, true).over(range);
    if wanted.whole {
        spec.y = (0.0, 1.0);
    }
    let unit = wanted.unit;
    let description = keys.iter().map(|(n, _, v)| format!("{n} {}", unit.show(*v))).collect::<Vec<_>>().join(", ");
    let legend: Vec<_> = keys
        .into_iter()
        .map(|(name, class, value)| view! { <span><i class=format!("key {class}")></i>{format!("{name} {}", unit.show(value))}</span> })
        .collect();
    let more = (left_out > 0).then(|| view! { <span class="dim">{format!("{left_out} more are not drawn")}</span> });
    let left = if matches!(unit, Unit::BytesPerSecond) { 72 } else { 44 };
    view! { <Chart spec title=wanted.title description left/><div class="leg">{legend}{more}</div> }.into_any()
}

/// Each core over time: darker is busier.
fn core_map(view: &HostView) -> Option<AnyView> {
    let mut cores: Vec<(u32, &SeriesData)> = view
        .series
        .iter()
        .filter(|s| s.series.name == "system.cpu.core.utilization")
        .filter_map(|s| Some((s.series.labels.get("cpu")?.parse().ok()?, s)))
        .collect();
    cores.sort_by_key(|(number, _)| *number);
    if cores.is_empty() {
        return None;
    }
    let count = cores.len();
    let used = cores.iter().enumerate().flat_map(|(row, (_, series))| {
        let values = columns(&series.points, view.range, 1.0);
        let width = view.range.micros() as f64 / values.len() as f64;
        let (from, bottom) = (view.range.from.0 as f64, (count - 1 - row) as f64);
        values.into_iter().enumerate().filter_map(move |(i, value)| {
            let left = from + i as f64 * width;
            Some(((value? * STEPS as f64) as usize, (left, left + width, bottom, bottom + 1.0)))
        })
    });
    let marks = cells(used);
    let height = (count as f64 * 12.0).clamp(48.0, 320.0);
    let mut spec = ChartSpec::fit(height, Axis::Time, Unit::Compact, marks, true).over(view.range);
    spec.y = (0.0, count as f64);
    let every = count.div_ceil(12).max(1);
    spec.rows = cores
        .iter()
        .enumerate()
        .filter(|(row, _)| row % every == 0)
        .map(|(row, (number, _))| ((count - 1 - row) as f64 + 0.5, number.to_string()))
        .collect();
    Some(
        view! {
            <Panel title="Cores" sub="each core’s share in use" span="c-12">
                <Chart spec title="Cores" description=format!("{count} cores") left=28/>
                <p class="leg">{ramp("idle", "busy")}</p>
            </Panel>
        }
        .into_any(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_is_named_by_the_end_of_its_number_whatever_was_sent_as_one() {
        assert_eq!(gpu_name("GPU-5e1f8a7c-0000-0000-0000-0000004f2a91"), "4f2a91");
        assert_eq!((gpu_name("0"), gpu_name("€€€")), ("0", "€€"));
        assert_eq!(gpu_name("a€€€"), "€€");
        assert_eq!(gpu_name("€abcde"), "€abcde", "no letter is cut in two");
    }
}

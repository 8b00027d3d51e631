//! How things stand at this moment: the open incident, the newest readings in a row, the newest events.

use domain::format;
use domain::happening::Happening;
use domain::traffic::Calls;
use domain::view::OperationsView;
use leptos::prelude::*;

use crate::components::alert::Sev;
use crate::components::icons::Icon;
use crate::components::panel::Empty;
use crate::components::state::Place;
use crate::components::status::Delta;
use crate::components::zone::Here;

/// Differences smaller than this share say nothing.
const SAME: f64 = 0.005;

/// The most urgent open incident.
pub fn banner(view: &OperationsView, place: &Place) -> Option<impl IntoView + use<>> {
    let incident = view.incident.as_ref()?;
    let age = format::duration(view.now.0 - incident.onset.0);
    let mut said = vec![format!("onset {}, {age} ago", incident.onset.here().clock())];
    match incident.alerts {
        0 => {}
        1 => said.push("1 alert".into()),
        n => said.push(format!("{n} alerts")),
    }
    said.push(if incident.lead.is_empty() { "nobody leads yet".into() } else { format!("{} leads", incident.lead) });
    if !incident.status.is_empty() {
        said.push(incident.status.clone());
    }
    let title = format!("INC-{} {}", incident.id, incident.title);
    let others = (incident.others > 0).then(
        || view! { <a class="btn sm ghost" href=place.link("/incidents")>{format!("{} more", incident.others)}</a> },
    );
    Some(view! {
        <section class="note critical inc-b" aria-label="Open incident">
            <svg aria-hidden="true"><use href="#s-critical"></use></svg>
            <p class="grow"><b>{title}</b><span class="mid">{format!(" · {}", said.join(" · "))}</span></p>
            {others}<a class="btn sm" href=place.link(&format!("/incidents/{}", incident.id))>"Open incident"</a>
        </section>
    })
}

struct Cell {
    label: &'static str,
    value: (String, String),
    delta: Option<AnyView>,
    below: String,
    href: String,
}

impl Cell {
    fn new(label: &'static str, value: Option<(String, &str)>, below: impl Into<String>, href: String) -> Cell {
        let value = value.map_or_else(|| ("–".to_string(), String::new()), |(v, u)| (v, u.to_string()));
        Cell { label, value, delta: None, below: below.into(), href }
    }
}

/// A relative difference, where both sides are known and it is worth a word.
fn relative(now: f64, usual: f64, less_is_better: Option<bool>) -> Option<AnyView> {
    if !(usual > 0.0 && now.is_finite()) || (now / usual - 1.0).abs() < SAME {
        return None;
    }
    let change = now / usual - 1.0;
    let better = less_is_better.map(|less| (change < 0.0) == less);
    let (text, rises) = (format!("{}%", format::fixed(change.abs() * 100.0, 0)), change > 0.0);
    Some(view! { <Delta text rises better/> }.into_any())
}

/// The newest readings in a row.
pub fn strip(view: &OperationsView, place: &Place) -> impl IntoView + use<> {
    let t = &view.traffic;
    let (now, usual): (&Calls, &Calls) = (&t.now, &t.usual);
    let seen = now.calls + usual.calls > 0;
    // Under a number without a difference.
    let compared = match (seen, usual.calls) {
        (false, _) => "no spans yet",
        (true, 0) => "nothing earlier to compare",
        _ => "as usual",
    };
    let traces = place.link("/explore?view=traces");
    let newest = |name: &str| {
        let all = view.live.latest.iter().filter(|(s, _)| s.name == name);
        all.max_by(|a, b| a.1.value.total_cmp(&b.1.value)).map(|(s, v)| (v.value, s))
    };
    let host = |name: &str| {
        let found = newest(name);
        let of = found.and_then(|(_, s)| s.labels.get("host").cloned()).unwrap_or_default();
        let value = found.map(|(v, s)| format::with_unit(v, &s.unit));
        (value, if of.is_empty() { String::new() } else { place.link(&format!("/hosts/{of}")) }, of)
    };
    let mut requests = Cell::new("Requests", seen.then(|| t.rate(now.calls)), compared, traces.clone());
    // The rest is eleven times as long as the newest part.
    let longer = view.traffic.range.map_or(1.0, |r| (r.micros() - t.recent) as f64 / t.recent.max(1) as f64);
    requests.delta = relative(now.calls as f64, usual.calls as f64 / longer.max(1e-9), None);
    let (p95, unit) = match format::milliseconds(now.p95_ms).split_once(' ') {
        Some((value, unit)) => (value.to_string(), unit.to_string()),
        None => ("–".to_string(), String::new()),
    };
    let mut latency =
        Cell::new("p95 latency", (now.calls > 0).then_some((p95, unit.as_str())), compared, traces.clone());
    latency.delta = (now.calls >= 20).then(|| relative(now.p95_ms, usual.p95_ms, Some(true))).flatten();
    let share = now.error_share();
    let failed = place.link("/explore?view=traces&status=error");
    let mut errors = Cell::new("Errors", share.map(|s| (format::fixed(s * 100.0, 2), "%")), compared, failed);
    errors.delta = share.zip(usual.error_share()).and_then(|(now, usual)| {
        let points = (now - usual) * 100.0;
        let (text, rises) = (format!("{} pts", format::fixed(points.abs(), 2)), points > 0.0);
        (points.abs() >= 0.01).then(|| view! { <Delta text rises better=Some(!rises)/> }.into_any())
    });
    let longest = t.services.iter().filter_map(|s| Some((s.queue?, s.name.clone()))).max_by(|a, b| a.0.total_cmp(&b.0));
    let (waiting, where_) =
        longest.map_or((None, "no queue named".to_string()), |(q, name)| (Some((format::compact(q), "")), name));
    let queue = Cell::new("Queue", waiting, where_, place.link("/explore"));
    let (cpu, cpu_link, cpu_host) = host("system.cpu.utilization");
    let (gpu, gpu_link, _) = host("gpu.utilization");
    let gpu_words = if gpu.is_some() { "busiest in use".to_string() } else { "none found".to_string() };
    let disk = match &view.live.fills {
        Some(fills) => Cell::new(
            "Disk full in",
            Some((format::duration(fills.within), "")),
            fills.mount.clone(),
            place.link(&format!("/hosts/{}", fills.host)),
        ),
        None => {
            let fullest = view.live.filesystems.iter().max_by(|a, b| a.1.value.total_cmp(&b.1.value));
            let mount = fullest.and_then(|(s, _)| s.labels.get("mount").cloned()).unwrap_or_else(|| "no data".into());
            Cell::new(
                "Fullest disk",
                fullest.map(|(s, v)| format::with_unit(v.value, &s.unit)),
                mount,
                cpu_link.clone(),
            )
        }
    };
    let decisions = Cell::new(
        "Decisions",
        Some((format::count(view.decisions as f64), "/h")),
        "predictions, all models",
        place.link("/overview"),
    );
    let cells = [
        requests,
        latency,
        errors,
        queue,
        Cell::new("CPU", cpu, cpu_host, cpu_link),
        Cell::new("GPU", gpu, gpu_words, gpu_link),
        disk,
        decisions,
    ];
    let cells: Vec<_> = cells
        .into_iter()
        .map(|cell| {
            let below = cell.delta.unwrap_or_else(|| view! { <span class="hint">{cell.below}</span> }.into_any());
            let label = if cell.href.is_empty() {
                view! { <span class="lab">{cell.label}</span> }.into_any()
            } else {
                view! { <a class="lab" href=cell.href>{cell.label}</a> }.into_any()
            };
            view! { <div role="listitem">{label}<span class="sv">{cell.value.0}<span class="u">{cell.value.1}</span></span>{below}</div> }
        })
        .collect();
    view! { <div class="strip panel" role="list" aria-label="Now">{cells}</div> }
}

/// The newest events, the last first.
pub fn events(view: &OperationsView, place: &Place) -> AnyView {
    if view.events.is_empty() {
        return view! { <Empty title="Nothing has happened" text="Alerts, what people do with them, changes and annotations appear here as they happen."/> }.into_any();
    }
    let lines: Vec<_> = view.events.iter().map(|event| line(event, place)).collect();
    view! { <ol class="feed">{lines}</ol> }.into_any()
}

fn line(event: &Happening, place: &Place) -> impl IntoView + use<> {
    let mark = match (&event.priority, event.who.is_empty()) {
        (Some(priority), _) => view! { <Sev of=*priority/> }.into_any(),
        (None, false) => view! { <Icon name="user" small=true/> }.into_any(),
        (None, true) => view! { <Icon name="flag" small=true/> }.into_any(),
    };
    let said = match (event.who.is_empty(), event.priority) {
        (false, None) => format!("{}: {}", event.who, event.title),
        _ => event.title.clone(),
    };
    let words = if event.href.is_empty() {
        view! { <span>{said}</span> }.into_any()
    } else {
        view! { <a href=place.link(&event.href)>{said}</a> }.into_any()
    };
    view! { <li><time>{event.at.here().clock_seconds()}</time><span class="tick">{mark}</span><span>{words}" "<span class="hint mono">{event.about.clone()}</span></span></li> }
}

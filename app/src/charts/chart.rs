//! The Leptos half of a chart: axes, words, flags, crosshair, tooltip, and what hands do to it: read,
//! mark a span, zoom, note, go deeper.
//!
//! The plot itself is never drawn again because a pointer moved: a move sets one signal, from which each
//! chart of the page moves a line, and the one under the pointer says values.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use domain::happening::Flag;
use domain::time::RangeChoice;
use domain::{TimeRange, Timestamp};
use leptos::ev;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};
use leptos_router::location::Location;

use super::absence::absences;
use super::draw::draw;
use super::reading::{data_table, nearest, place_name, places, readable, step};
use super::seen::seen;
#[cfg(feature = "hydrate")]
use super::shared::Down;
use super::shared::{Draft, Happened, Ranged, ReadOnly, use_shared};
use super::spec::{Axis, ChartSpec, Mark};
use super::{flags, ticks};
use crate::components::icons::Icon;
use crate::components::lasting::reachable;
use crate::components::state::{Place, use_place};
use crate::components::zone::zone;

/// Pixels that a pointer moves before it marks rather than clicks.
#[cfg(feature = "hydrate")]
const DRAG: f64 = 5.0;

/// A chart. `description` states the finding, for those who cannot see it.
#[component]
pub fn Chart(
    spec: ChartSpec,
    #[prop(into)] title: String,
    #[prop(into)] description: String,
    /// Room at the right for direct labels, px.
    #[prop(default = 14)]
    right: u32,
    #[prop(default = 44)] left: u32,
    /// What happened meanwhile, where it is not what happened on the page as a whole.
    #[prop(optional)]
    flags: Vec<Flag>,
    /// The page that a click on a point leads to, with the time around that point.
    #[prop(optional, into)]
    deeper: String,
) -> impl IntoView {
    let shared = use_shared();
    let Happened { flags: of_page, about } = use_context::<Happened>().unwrap_or_default();
    let place = use_place();
    let Location { pathname: path, search, .. } = use_location();
    let go = use_navigate();
    let timed = spec.axis == Axis::Time;
    let writable = timed && use_context::<ReadOnly>().is_none();
    let ranged = timed && writable && use_context::<Ranged>().is_some();
    let id = {
        // Of its title: the chart that is drawn again with newer data is the same one.
        let mut hasher = DefaultHasher::new();
        title.hash(&mut hasher);
        hasher.finish() | 1
    };
    let series = readable(&spec);
    let mut spec = spec;
    // Outcomes that are late have words of their own already.
    if timed && !spec.marks.iter().any(|mark| matches!(mark, Mark::Span { .. })) {
        let absent = absences(&series, spec.x, &zone());
        spec.marks.splice(0..0, absent);
    }
    let marks = draw(&spec);
    let at_places = places(&series);
    let apart = step(&at_places);
    let (x0, x1) = spec.x;
    // Charts that are not over time have a crosshair of their own.
    let at = if timed { shared.at } else { RwSignal::new(None) };
    let table_shown = RwSignal::new(false);
    let share = move |x: f64| (x - x0) / (x1 - x0);
    let is_over = move || shared.over.get() == id;
    let marked_here = move || shared.marked.get().filter(|_| shared.marked_in.get() == id);

    let note = move |from: f64, until: Option<f64>| {
        if writable {
            shared.draft.set(Some(Draft { at: from, until, about: about.clone() }));
        }
    };
    let navigate = {
        let go = go.clone();
        move |href: &str| {
            shared.marked.set(None);
            go(href, NavigateOptions { scroll: false, ..NavigateOptions::default() });
        }
    };
    let look_at = {
        let navigate = navigate.clone();
        move |from: f64, to: f64| {
            let range = TimeRange { from: Timestamp(from as i64), to: Timestamp(to as i64) };
            if ranged && range.micros() > 1000 {
                let there = Place { range: Some(RangeChoice::Fixed(range)), ..place.get_untracked() };
                navigate(&there.here(&path.get_untracked(), &search.get_untracked()));
            }
        }
    };
    let zoom = {
        let look_at = look_at.clone();
        move || {
            if let Some((from, to)) = shared.marked.get_untracked() {
                look_at(from, to);
            }
        }
    };
    let zoom_out = move || {
        let (middle, half) = ((x0 + x1) / 2.0, x1 - x0);
        look_at(middle - half, middle + half);
    };
    let go_deeper = {
        let (navigate, deeper) = (navigate.clone(), deeper.clone());
        move |x: f64| {
            if !deeper.is_empty() && timed {
                let around = apart.min((x1 - x0) / 20.0).max(1e6);
                let range = TimeRange { from: Timestamp((x - around) as i64), to: Timestamp((x + around) as i64) };
                let there = Place { range: Some(RangeChoice::Fixed(range)), ..place.get_untracked() };
                navigate(&there.link(&deeper));
            }
        }
    };

    let down = shared.down;
    let on_down = move |event: ev::PointerEvent| {
        #[cfg(feature = "hydrate")]
        if let Some((x, element)) = under(&event, x0, x1).filter(|_| timed && event.button() == 0) {
            down.set_value(Some(Down { chart: id, x, pixel: f64::from(event.client_x()) }));
            let _ = element.set_pointer_capture(event.pointer_id());
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = (&event, down);
    };
    let on_move = {
        let at_places = at_places.clone();
        move |event: ev::PointerEvent| {
            #[cfg(feature = "hydrate")]
            if let Some((x, _)) = under(&event, x0, x1) {
                let snapped = nearest(&at_places, x).map_or(x, |i| at_places[i]);
                // Between two points nothing is to be drawn anew.
                if at.get_untracked() != Some(snapped) {
                    at.set(Some(snapped));
                }
                if shared.over.get_untracked() != id {
                    shared.over.set(id);
                }
                match down.get_value().filter(|down| down.chart == id) {
                    // It was let go of where no chart saw it.
                    Some(_) if event.buttons() & 1 == 0 => down.set_value(None),
                    Some(from) if writable && from.moved(&event) => shared.mark(id, from.x, x),
                    _ => {}
                }
            }
            #[cfg(not(feature = "hydrate"))]
            let _ = (&event, &at_places);
        }
    };
    let on_up = {
        let (note, go_deeper) = (note.clone(), go_deeper.clone());
        move |event: ev::PointerEvent| {
            #[cfg(feature = "hydrate")]
            if let (Some(from), Some((now, _))) = (shared.let_go(id), under(&event, x0, x1)) {
                match (from.moved(&event), event.shift_key()) {
                    (true, _) => {}
                    (false, true) => note(from.x, None),
                    (false, false) if shared.marked.with_untracked(Option::is_some) => shared.marked.set(None),
                    (false, false) => go_deeper(at.get_untracked().unwrap_or(now)),
                }
            }
            #[cfg(not(feature = "hydrate"))]
            let _ = (&event, &note, &go_deeper);
        }
    };
    let on_key = {
        let (note, zoom, zoom_out, go_deeper) = (note.clone(), zoom.clone(), zoom_out.clone(), go_deeper.clone());
        let keys = at_places.clone();
        move |event: ev::KeyboardEvent| {
            if event.ctrl_key() || event.meta_key() || event.alt_key() {
                return;
            }
            let by = if event.shift_key() { 10 } else { 1 };
            let last = keys.len().saturating_sub(1);
            let here = at.get_untracked().and_then(|x| nearest(&keys, x));
            let marked = shared.marked.get_untracked();
            let step_to = |i: usize| {
                let Some(x) = keys.get(i).copied() else { return };
                // A span that was begun by key ends where the crosshair is.
                if let (Some((from, to)), Some(now)) = (marked.filter(|_| marked_here().is_some()), at.get_untracked())
                {
                    let anchor = if (now - from).abs() < (now - to).abs() { to } else { from };
                    shared.mark(id, anchor, x);
                }
                shared.over.set(id);
                at.set(Some(x));
            };
            match (event.key().as_str(), here) {
                ("ArrowRight", here) => step_to(here.map_or(0, |i| (i + by).min(last))),
                ("ArrowLeft", here) => step_to(here.map_or(last, |i| i.saturating_sub(by))),
                ("Enter", _) if marked.is_some() => zoom(),
                ("Enter", Some(i)) => go_deeper(keys[i]),
                ("m", Some(i)) if writable => shared.mark(id, keys[i], keys[i]),
                ("c", _) if writable => match (marked, at.get_untracked()) {
                    (Some((from, to)), _) if to > from => note(from, Some(to)),
                    (_, at) => note(at.unwrap_or(x1), None),
                },
                ("t", _) => table_shown.update(|shown| *shown = !*shown),
                ("-", _) if ranged => zoom_out(),
                ("Escape", _) => {
                    at.set(None);
                    shared.marked.set(None);
                }
                _ => return,
            }
            event.prevent_default();
            event.stop_propagation();
        }
    };

    let y_labels: Vec<_> = spec
        .y_labels()
        .into_iter()
        .map(|(y, words)| {
            let top = spec.place(0.0, y).1;
            view! { <span class="yl" style=format!("margin-top:{top:.1}px")>{words}</span> }
        })
        .collect();
    let x_labels: Vec<_> = x_ticks(&spec)
        .into_iter()
        .map(|(x, label)| {
            let share = share(x) * 100.0;
            let side = if share < 3.0 {
                "xl l"
            } else if share > 97.0 {
                "xl r"
            } else {
                "xl"
            };
            view! { <span class=side style=format!("margin-left:{share:.2}%")>{label}</span> }
        })
        .collect();
    let words: Vec<_> = spec.marks.iter().filter_map(|mark| said_by(&spec, mark)).collect();
    let table = data_table(&spec, &series, &title);
    let tip = {
        let (axis, unit, series) = (spec.axis.clone(), spec.unit, Arc::new(series.clone()));
        let can_go = !deeper.is_empty();
        let told = Memo::new(move |_| at.get().is_some() && is_over() && marked_here().is_none());
        // Drawn once; a move then changes its place and the words of its values, and nothing else of it.
        move || {
            told.get().then(|| {
                let percent = move || at.get().map_or(0.0, |x| (share(x) * 100.0).clamp(0.0, 100.0));
                // Opposite the pointer, never over the newest values.
                let before = Memo::new(move |_| percent() > 50.0);
                let moved = move || format!("transform:translateX({:.2}%)", percent() - if before.get() { 100.0 } else { 0.0 });
                let value = |i: usize| {
                    let series = series.clone();
                    let words = move |x| series[i].at(x, apart).map_or_else(|| "no data".to_string(), |v| unit.show(v));
                    move || at.get().map(&words)
                };
                let rows: Vec<_> = series
                    .iter()
                    .enumerate()
                    .map(|(i, s)| view! { <dt><i class=format!("key {}", s.class)></i>{s.name.clone()}</dt><dd>{value(i)}</dd> })
                    .collect();
                let how = match (can_go, writable) {
                    (true, _) => Some("click: look closer · drag: mark"),
                    (false, true) => Some("drag: mark · shift-click: note"),
                    (false, false) => None,
                };
                let axis = axis.clone();
                view! {
                    <div class="xt" class:before=before style=moved><div class="tip">
                        <div class="tm">{move || at.get().map(|x| place_name(&axis, x))}</div>
                        <dl>{rows}</dl>
                        {how.map(|how| view! { <div class="how">{how}</div> })}
                    </div></div>
                }
            })
        }
    };
    let plot = NodeRef::new();
    let seen = seen(plot);
    let line = move || match seen.get().then(|| at.get()).flatten().map(share) {
        // As wide as the plot, and moved: a browser shifts a layer without laying the page out again.
        Some(share) if (0.0..=1.0).contains(&share) => format!("transform:translateX({:.2}%)", share * 100.0),
        _ => "display:none".to_string(),
    };
    let band = move || match shared.marked.get().filter(|_| timed).map(|(from, to)| (share(from), share(to))) {
        Some((from, to)) if to >= 0.0 && from <= 1.0 => {
            let (from, to) = (from.max(0.0), to.min(1.0));
            format!("left:{:.2}%;width:{:.2}%", from * 100.0, (to - from) * 100.0)
        }
        _ => "display:none".to_string(),
    };
    let menu = {
        let (zoom, note) = (zoom.clone(), note.clone());
        move || {
            let (from, to) = marked_here()?;
            let (zoom, note) = (zoom.clone(), note.clone());
            let share = (share(to) * 100.0).clamp(0.0, 100.0);
            let style = if share > 60.0 { format!("right:{:.2}%", 100.0 - share) } else { format!("left:{share:.2}%") };
            Some(view! {
                <div class="mkm" style=style role="toolbar" aria-label="Marked span" on:pointerdown=|e| e.stop_propagation()
                    on:pointerup=|e| e.stop_propagation() on:keydown=|e| e.stop_propagation()>
                    {ranged.then(|| view! { <button class="btn xs" type="button" on:click=move |_| zoom()>"Zoom"</button> })}
                    <button class="btn xs" type="button" on:click=move |_| note(from, (to > from).then_some(to))>"Annotate"</button>
                    <button class="btn xs ghost" type="button" on:click=move |_| shared.marked.set(None)>"Clear"</button>
                </div>
            })
        }
    };
    let noted = {
        let flags = if flags.is_empty() { of_page.as_slice() } else { &flags };
        (timed && !flags.is_empty()).then(|| flags::drawn(flags, (x0, x1), &place.get_untracked()))
    };
    let svg_label = format!("{title}. {description}");
    let (menu_label, note_now, zoomed_out) = (format!("{title}: more"), note, zoom_out.clone());
    view! {
        <div class="chart">
            <details class="menu cm">
                <summary class="btn icon xs ghost" aria-label=menu_label><Icon name="dots" small=true/></summary>
                <div class="menu-l">
                    <button type="button" aria-pressed=move || table_shown.get().to_string() on:click=move |_| table_shown.update(|s| *s = !*s)>
                        {move || if table_shown.get() { "Hide table" } else { "Show as table" }}</button>
                    {writable.then(|| view! { <button type="button" on:click=move |_| note_now(at.get_untracked().unwrap_or(x1), None)>"Annotate"</button> })}
                    {ranged.then(|| view! { <button type="button" on:click=move |_| zoomed_out()>"Zoom out"</button> })}
                </div>
            </details>
            <div {..reachable()} node_ref=plot class="plot" class:tm=timed style=format!("--h:{:.0}px;--pl:{left}px;--pr:{right}px", spec.height) role="group"
                aria-label=format!("{title}; arrow keys read the points, t shows the table")
                on:pointerdown=on_down on:pointermove=on_move on:pointerup=on_up on:pointercancel=move |_| down.set_value(None)
                on:pointerleave=move |_| at.set(None) on:dblclick=move |_| zoom_out() on:keydown=on_key
                on:focus=move |_| shared.over.set(id) on:blur=move |_| at.set(None)>
                <svg viewBox=format!("0 0 1000 {:.0}", spec.height) preserveAspectRatio="none" role="img" aria-label=svg_label
                    inner_html=marks></svg>
                {noted}
                <div class="ov" aria-hidden="true">{y_labels}{x_labels}{words}<i class="mk-b" style=band></i><i class="xw"><i class="xline" style=line></i></i>{tip}</div>
                {menu}
            </div>
            <div class=move || if table_shown.get() { "dtb" } else { "sr far" }>{table}</div>
        </div>
    }
    .into_any()
}

#[cfg(feature = "hydrate")]
impl Down {
    /// Whether the pointer has gone so far since that it marks rather than clicks.
    fn moved(&self, event: &ev::PointerEvent) -> bool {
        (f64::from(event.client_x()) - self.pixel).abs() > DRAG
    }
}

/// Where on the axis a pointer is, and the element that was asked.
#[cfg(feature = "hydrate")]
fn under(event: &ev::PointerEvent, x0: f64, x1: f64) -> Option<(f64, web_sys::Element)> {
    use wasm_bindgen::JsCast;
    let element = event.current_target()?.dyn_into::<web_sys::Element>().ok()?;
    let place = element.get_bounding_client_rect();
    let share = (f64::from(event.client_x()) - place.left()) / place.width().max(1.0);
    Some((x0 + share.clamp(0.0, 1.0) * (x1 - x0), element))
}

fn x_ticks(spec: &ChartSpec) -> Vec<(f64, String)> {
    match &spec.axis {
        Axis::Time => ticks::times(spec.x.0, spec.x.1, &zone()),
        Axis::Number => {
            ticks::numbers(spec.x.0, spec.x.1, 5).into_iter().map(|x| (x, domain::format::compact(x))).collect()
        }
        Axis::Categories(names) => {
            let every = names.len().div_ceil(9).max(1);
            names
                .iter()
                .enumerate()
                .filter(|(i, _)| i % every == 0)
                .map(|(i, n)| (i as f64 + 0.5, n.chars().take(14).collect()))
                .collect()
        }
    }
}

/// The words of a mark.
fn said_by(spec: &ChartSpec, mark: &Mark) -> Option<AnyView> {
    match mark {
        Mark::Rule { y, label, .. } if !label.is_empty() => {
            let top = spec.place(0.0, *y).1;
            Some(view! { <span class="dlb" style=format!("top:{top:.1}px")>{label.clone()}</span> }.into_any())
        }
        Mark::Span { from, to, label, .. } if !label.is_empty() => {
            let (from, to) = (spec.place(from.max(spec.x.0), 0.0).0, spec.place(to.min(spec.x.1), 0.0).0);
            let middle = (from + to) * 50.0;
            // Words wider than their span would cover what they do not speak of.
            (to - from > 0.24).then(|| {
                view! { <span class="bl" style=format!("left:{middle:.2}%;top:6px")>{label.clone()}</span> }.into_any()
            })
        }
        _ => None,
    }
}

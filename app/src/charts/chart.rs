//! The Leptos half of a chart: axes, labels, crosshair, tooltip, and the same data as a table.

use leptos::ev;
use leptos::prelude::*;

use super::draw::draw;
use super::spec::{Axis, ChartSpec, Mark};
use super::ticks;

/// A named series as the tooltip reads it: class, then value by place.
#[derive(Clone, PartialEq)]
struct Readable {
    name: String,
    class: String,
    points: Vec<(f64, Option<f64>)>,
}

fn readable(spec: &ChartSpec) -> Vec<Readable> {
    spec.marks
        .iter()
        .filter_map(|mark| match mark {
            Mark::Line { name, class, points } if !name.is_empty() => {
                Some(Readable { name: name.clone(), class: class.clone(), points: points.clone() })
            }
            Mark::Bars { name, class, bars } | Mark::Step { name, class, bars } if !name.is_empty() => Some(Readable {
                name: name.clone(),
                class: class.clone(),
                points: bars.iter().map(|(left, right, y)| ((left + right) / 2.0, Some(*y))).collect(),
            }),
            _ => None,
        })
        .collect()
}

/// Words for a place on the axis.
fn place_name(axis: &Axis, x: f64) -> String {
    match axis {
        Axis::Time => format!("{} UTC", domain::Timestamp(x as i64).date_clock()),
        Axis::Number => domain::format::compact(x),
        Axis::Categories(names) => names.get(x.floor().max(0.0) as usize).cloned().unwrap_or_default(),
    }
}

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
) -> impl IntoView {
    let marks = draw(&spec);
    let series = readable(&spec);
    let places: Vec<f64> = series
        .iter()
        .max_by_key(|s| s.points.len())
        .map(|s| s.points.iter().map(|p| p.0).collect())
        .unwrap_or_default();
    let hover = RwSignal::new(None::<usize>);
    let x_range = spec.x;
    let nearest = {
        let places = places.clone();
        move |share: f64| {
            let x = x_range.0 + share * (x_range.1 - x_range.0);
            places.iter().enumerate().min_by(|a, b| (a.1 - x).abs().total_cmp(&(b.1 - x).abs())).map(|(i, _)| i)
        }
    };
    let on_move = move |event: ev::PointerEvent| {
        #[cfg(feature = "hydrate")]
        {
            use wasm_bindgen::JsCast;
            let target = event.current_target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
            if let Some(element) = target {
                let place = element.get_bounding_client_rect();
                let share = (f64::from(event.client_x()) - place.left()) / place.width().max(1.0);
                hover.set(nearest(share.clamp(0.0, 1.0)));
            }
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = (&event, &nearest);
    };
    let count = places.len();
    let on_key = move |event: ev::KeyboardEvent| {
        let step = if event.shift_key() { 10 } else { 1 };
        let last = count.saturating_sub(1);
        match event.key().as_str() {
            "ArrowRight" => hover.update(|h| *h = Some(h.map_or(0, |i| (i + step).min(last)))),
            "ArrowLeft" => hover.update(|h| *h = Some(h.map_or(last, |i| i.saturating_sub(step)))),
            "Escape" => hover.set(None),
            _ => return,
        }
        event.prevent_default();
    };
    let y_labels: Vec<_> = spec
        .unit
        .ticks(spec.y.0, spec.y.1)
        .into_iter()
        .map(|y| {
            let top = spec.place(0.0, y).1;
            view! { <span class="yl" style=format!("top:{top:.1}px")>{spec.unit.show(y)}</span> }
        })
        .collect();
    let x_ticks: Vec<(f64, String)> = match &spec.axis {
        Axis::Time => ticks::times(spec.x.0, spec.x.1),
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
    };
    let x_labels: Vec<_> = x_ticks
        .into_iter()
        .map(|(x, label)| {
            let share = spec.place(x, 0.0).0 * 100.0;
            let side = if share < 3.0 {
                "xl l"
            } else if share > 97.0 {
                "xl r"
            } else {
                "xl"
            };
            view! { <span class=side style=format!("left:{share:.2}%")>{label}</span> }
        })
        .collect();
    let words: Vec<_> = spec
        .marks
        .iter()
        .filter_map(|mark| match mark {
            Mark::Rule { y, label, .. } if !label.is_empty() => {
                let top = spec.place(0.0, *y).1;
                Some(view! { <span class="dlb" style=format!("top:{top:.1}px")>{label.clone()}</span> }.into_any())
            }
            Mark::Span { from, to, label, .. } if !label.is_empty() => {
                let (from, to) = (spec.place(from.max(spec.x.0), 0.0).0, spec.place(to.min(spec.x.1), 0.0).0);
                let middle = (from + to) * 50.0;
                // Words wider than their span would cover what they do not speak of.
                (to - from > 0.24).then(|| {
                    view! { <span class="bl" style=format!("left:{middle:.2}%;top:6px")>{label.clone()}</span> }
                        .into_any()
                })
            }
            _ => None,
        })
        .collect();
    let table = data_table(&spec, &series, &title);
    let tip = {
        let (axis, unit, places) = (spec.axis.clone(), spec.unit, places.clone());
        let (x0, x1) = spec.x;
        move || {
            let i = hover.get()?;
            let x = *places.get(i)?;
            let share = ((x - x0) / (x1 - x0) * 100.0).clamp(0.0, 100.0);
            // Opposite the pointer, never over the newest values.
            let side = if share > 50.0 {
                format!("right:{:.2}%;margin-right:10px", 100.0 - share)
            } else {
                format!("left:{share:.2}%;margin-left:10px")
            };
            let rows: Vec<_> = series
                .iter()
                .map(|s| {
                    let value = s.points.iter().find(|(at, _)| *at == x).and_then(|(_, y)| *y);
                    let text = value.map_or_else(|| "no data".to_string(), |v| unit.show(v));
                    view! { <dt><i class=format!("key {}", s.class)></i>{s.name.clone()}</dt><dd>{text}</dd> }
                })
                .collect();
            Some(view! {
                <i class="xline" style=format!("left:{share:.2}%")></i>
                <div class="tip" style=format!("{side};top:6px")>
                    <div class="tm">{place_name(&axis, x)}</div>
                    <dl>{rows}</dl>
                </div>
            })
        }
    };
    let svg_label = format!("{title}. {description}");
    view! {
        <div class="chart">
            <div class="plot" style=format!("--h:{:.0}px;--pl:{left}px;--pr:{right}px", spec.height) tabindex="0" role="group"
                aria-label=format!("{title}; arrow keys read the points")
                on:pointermove=on_move on:pointerleave=move |_| hover.set(None) on:keydown=on_key>
                <svg viewBox=format!("0 0 1000 {:.0}", spec.height) preserveAspectRatio="none" role="img" aria-label=svg_label
                    inner_html=marks></svg>
                <div class="ov" aria-hidden="true">{y_labels}{x_labels}{words}{tip}</div>
            </div>
            {table}
        </div>
    }
    .into_any()
}

/// The same data for those who read rather than look; long charts keep every n-th row.
fn data_table(spec: &ChartSpec, series: &[Readable], title: &str) -> impl IntoView + use<> {
    let longest = series.iter().max_by_key(|s| s.points.len());
    let places: Vec<f64> = longest.map(|s| s.points.iter().map(|p| p.0).collect()).unwrap_or_default();
    let every = places.len().div_ceil(60).max(1);
    let head: Vec<_> = series.iter().map(|s| view! { <th scope="col">{s.name.clone()}</th> }).collect();
    let rows: Vec<_> = places
        .iter()
        .step_by(every)
        .map(|x| {
            let cells: Vec<_> = series
                .iter()
                .map(|s| {
                    let value = s.points.iter().find(|(at, _)| at == x).and_then(|(_, y)| *y);
                    view! { <td>{value.map_or_else(|| "no data".to_string(), |v| spec.unit.show(v))}</td> }
                })
                .collect();
            view! { <tr><th scope="row">{place_name(&spec.axis, *x)}</th>{cells}</tr> }
        })
        .collect();
    let caption = title.to_string();
    view! {
        <div class="sr"><table>
            <caption>{caption}</caption>
            <thead><tr><th scope="col">"At"</th>{head}</tr></thead>
            <tbody>{rows}</tbody>
        </table></div>
    }
}

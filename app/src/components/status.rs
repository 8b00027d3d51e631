//! Status: shape, word and colour together, never colour alone.

use domain::Status as Of;
use domain::format;
use leptos::prelude::*;

use super::icons::Icon;

#[component]
pub fn Status(of: Of, #[prop(optional, into)] text: Option<String>, #[prop(optional)] pill: bool) -> impl IntoView {
    let class = format!("st {}{}", of.name(), if pill { " pill" } else { "" });
    let text = text.unwrap_or_else(|| of.title().to_string());
    view! { <span class=class><Shape of=of/>{text}</span> }
}

#[component]
pub fn Shape(of: Of) -> impl IntoView {
    view! { <svg aria-hidden="true"><use href=format!("#s-{}", of.name())></use></svg> }
}

/// The health scale from 0.60 to 1.00, the segment in force filled, the mark of the house on it.
#[component]
pub fn LoadScale(score: Option<f64>) -> impl IntoView {
    const EDGES: [(f64, f64, Of); 5] = [
        (0.60, 0.70, Of::Critical),
        (0.70, 0.80, Of::Poor),
        (0.80, 0.90, Of::Fair),
        (0.90, 0.95, Of::Good),
        (0.95, 1.00, Of::Excellent),
    ];
    let status = score.map(Of::of);
    let place = |v: f64| ((v - 0.6) / 0.4 * 100.0).clamp(0.0, 100.0);
    let segments: Vec<_> = EDGES
        .into_iter()
        .map(|(from, to, of)| {
            let class = format!("{}{}", of.name(), if status == Some(of) { " now" } else { "" });
            view! { <i class=class style=format!("flex:{:.0}", (to - from) * 100.0)></i> }
        })
        .collect();
    let ticks: Vec<_> = [0.70, 0.80, 0.90, 0.95]
        .into_iter()
        .map(|v| view! { <span class="tk" style=format!("left:{:.1}%", place(v))>{format::fixed(v, 2)}</span> })
        .collect();
    let names: Vec<_> = EDGES
        .into_iter()
        .map(|(from, to, of)| {
            let class = if status == Some(of) { "tk nm on" } else { "tk nm" };
            view! { <span class=class style=format!("left:{:.1}%", place((from + to) / 2.0))>{of.title()}</span> }
        })
        .collect();
    let label = match score {
        Some(score) => {
            format!("Health {} on a scale where 0.95 is excellent and below 0.70 critical", format::fixed(score, 2))
        }
        None => "No health yet: no data".to_string(),
    };
    view! {
        <div class="load" role="img" aria-label=label>
            <div class="seg5">{segments}</div>
            {score.map(|s| view! {
                <span class="mk" style=format!("left:{:.1}%", place(s))><svg viewBox="0 0 24 24"><use href="#logo"></use></svg></span>
            })}
            {ticks}{names}
        </div>
    }
}

/// A difference: arrow and sign for its direction, colour for better, worse, or neither.
#[component]
pub fn Delta(#[prop(into)] text: String, rises: bool, better: Option<bool>) -> impl IntoView {
    let (class, said) = match better {
        Some(true) => ("dl better", " (better)"),
        Some(false) => ("dl worse", " (worse)"),
        None => ("dl flat", ""),
    };
    view! { <span class=class><Icon name=if rises { "up" } else { "dn" }/>{text}<span class="sr">{said}</span></span> }
}

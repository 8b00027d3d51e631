//! Symbols, once a page; everything else refers to them.

use leptos::prelude::*;

#[component]
pub fn Symbols() -> impl IntoView {
    view! { <svg width="0" height="0" class="symbols" aria-hidden="true" inner_html=include_str!("symbols.svg")></svg> }
}

/// An icon beside words.
#[component]
pub fn Icon(name: &'static str, #[prop(optional)] small: bool) -> impl IntoView {
    let class = if small { "i s" } else { "i" };
    view! { <svg class=class aria-hidden="true"><use href=format!("#i-{name}")></use></svg> }
}

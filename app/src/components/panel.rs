//! Panels, and the states a panel can be in besides showing its data.

use leptos::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::icons::Icon;
use super::state::{Place, use_place};
use crate::server_functions::Failure;

#[component]
pub fn Panel(
    #[prop(into)] title: String,
    #[prop(into, optional)] sub: String,
    /// Columns of twelve, as `c-5`.
    #[prop(into)]
    span: String,
    /// Tables touch the panel's edges.
    #[prop(optional)]
    flush: bool,
    #[prop(optional_no_strip)] footer: Option<AnyView>,
    children: Children,
) -> impl IntoView {
    let body = if flush { "pb flush" } else { "pb" };
    let name = title.clone();
    view! {
        <section class=format!("panel {span}") aria-label=name>
            <header class="ph"><h2>{title}</h2><span class="sub">{sub}</span></header>
            <div class=body>{children()}</div>
            {footer.map(|f| view! { <footer class="pf">{f}</footer> })}
        </section>
    }
    .into_any()
}

/// Nothing there yet, and what to do about it.
#[component]
pub fn Empty(
    #[prop(into)] title: String,
    #[prop(into)] text: String,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty"><Icon name="inf"/><h3>{title}</h3><p>{text}</p>{children.map(|c| c())}</div>
    }
}

/// What a page reads, drawn; why it could not be read, under a heading of its own.
#[component]
pub fn Read<T>(
    what: Resource<Result<T, Failure>>,
    #[prop(into)] title: Signal<String>,
    draw: fn(&T, &Place) -> AnyView,
) -> impl IntoView
where
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let place = use_place();
    view! {
        <Transition fallback=Loading>
            {move || Suspend::new(async move {
                match what.await {
                    Ok(view) => draw(&view, &place.get()),
                    Err(error) => view! { <h1 class="sr">{title.get()}</h1><Failed text=error.to_string()/> }.into_any(),
                }
            })}
        </Transition>
    }
}

/// A panel's shape while its data comes.
#[component]
pub fn Loading() -> impl IntoView {
    view! {
        <div class="g" aria-busy="true" aria-label="Loading">
            <div class="panel c-12 skp"><i class="sk"></i><i class="sk"></i><i class="sk"></i></div>
        </div>
    }
}

/// What went wrong, and what to do.
#[component]
pub fn Failed(#[prop(into)] text: String) -> impl IntoView {
    view! {
        <div class="note critical" role="alert">
            <svg aria-hidden="true"><use href="#s-critical"></use></svg>
            <div><b>"This could not be read"</b><p>{text}</p></div>
        </div>
    }
}

//! Panels, and the states a panel can be in besides showing its data.

use leptos::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::icons::Icon;
use super::reading::awaited;
use super::state::{Place, use_place};
use crate::server_functions::Failure;
use crate::wire::Read;

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
        <div class="empty"><Icon name="inf"/><p class="et">{title}</p><p>{text}</p>{children.map(|c| c())}</div>
    }
}

/// What a page reads, drawn; why it could not be read, under a heading of its own.
#[component]
pub fn Read<T>(
    what: Read<Result<T, Failure>>,
    #[prop(into)] title: Signal<String>,
    draw: fn(&T, &Place) -> AnyView,
) -> impl IntoView
where
    T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let place = use_place();
    view! {
        <Transition fallback=Loading>
            {awaited(move || (place.get(), title.get()), move || what, move |(place, title), read| match read {
                Ok(view) => draw(&view, &place),
                Err(error) => view! { <h1 class="sr">{title}</h1><Failed error/> }.into_any(),
            })}
        </Transition>
    }
}

/// A panel’s shape while its data comes. When that takes long it says for how long, and lets go.
#[component]
pub fn Loading() -> impl IntoView {
    const LONG: u32 = 3;
    let seconds = RwSignal::new(0u32);
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        let each = std::time::Duration::from_secs(1);
        if let Ok(clock) = set_interval_with_handle(move || seconds.update(|s| *s += 1), each) {
            on_cleanup(move || clock.clear());
        }
    });
    let waiting = move || {
        let long = seconds.get() >= LONG;
        long.then(|| {
            view! {
                <p class="row gap-12 wrap still" role="status">
                    <span>"Still reading, "{move || seconds.get()}" s"</span>
                    <button class="btn sm" type="button" on:click=move |_| back()>"Cancel"</button>
                </p>
            }
        })
    };
    view! {
        <div class="g" aria-busy="true" aria-label="Loading">
            <div class="panel c-12 skp"><i class="sk"></i><i class="sk"></i><i class="sk"></i>{waiting}</div>
        </div>
    }
}

/// To where the reader came from.
fn back() {
    #[cfg(feature = "hydrate")]
    if let Some(history) = web_sys::window().and_then(|w| w.history().ok()) {
        let _ = history.back();
    }
}

/// What went wrong, what it touches and what to do; or whose right it needs.
#[component]
pub fn Failed(#[prop(into)] error: Failure) -> impl IntoView {
    let words = error.to_string();
    match error {
        Failure::NotAllowed(words) => view! {
            <div class="empty" role="alert">
                <Icon name="lock"/><p class="et">"You cannot see this"</p><p>{words}</p>
                <p class="hint">"An administrator gives roles under Settings, People."</p>
            </div>
        }
        .into_any(),
        Failure::Refused(_) => fault(words, None),
        Failure::Broken { .. } | Failure::Unreachable(_) => {
            let again = view! { <a class="btn sm" href="" rel="external"><Icon name="ref" small=true/>"Try again"</a> };
            fault(format!("{words} The rest of the page is not affected."), Some(again.into_any()))
        }
    }
}

fn fault(words: String, action: Option<AnyView>) -> AnyView {
    view! {
        <div class="note critical" role="alert">
            <svg aria-hidden="true"><use href="#s-critical"></use></svg>
            <div><b>"This could not be read"</b><p>{words}</p>{action}</div>
        </div>
    }
    .into_any()
}

//! The frame of every page: rail, top bar, tabs on small screens.

use domain::Role;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::icons::Icon;
use super::live::use_live;
use super::state::{RANGES, use_place};
use super::status::Shape;
use crate::server_functions::views::{Reader, me};

/// `crumbs`: what stands before the page's own name, with its address.
#[component]
pub fn Frame(
    #[prop(into)] title: Signal<String>,
    #[prop(optional)] crumbs: Vec<(&'static str, &'static str)>,
    /// Whether the page follows the range in the address; with the words for none.
    #[prop(optional)]
    range: Option<&'static str>,
    children: Children,
) -> impl IntoView {
    let live = use_live();
    let who = Resource::new(move || (live.reports.get(), live.alerts.get()), |_| me());
    let place = use_place();
    let path = use_location().pathname;
    // As in `use_place`: asked for before two parts ask at once.
    path.with_untracked(|_| ());
    let rail = move || {
        Suspend::new(async move {
            let me = who.await.unwrap_or_default();
            rail(&me, &path.get(), &place.get())
        })
    };
    let environments = move || {
        Suspend::new(async move {
            let known = who.await.map(|me| me.environments).unwrap_or_default();
            environment_menu(&known, &path.get(), &place.get())
        })
    };
    let tinted = move || if place.get().environment == "production" { "bar" } else { "bar other" };
    let trail: Vec<_> = crumbs
        .into_iter()
        .map(|(name, href)| view! { <a href=move || place.get().link(href)>{name}</a><Icon name="right" small=true/> })
        .collect();
    let tabs = move || {
        let (path, place) = (path.get(), place.get());
        [
            ("/overview", "grid", "Overview"),
            ("/operations", "pulse", "Operations"),
            ("/alerts", "bell", "Alerts"),
            ("/explore", "compass", "Explore"),
            ("/settings", "gear", "Settings"),
        ]
        .into_iter()
        .map(|(href, icon, name)| {
            let current = path.starts_with(href).then_some("page");
            view! { <a href=place.link(href) aria-current=current><Icon name=icon/>{name}</a> }
        })
        .collect::<Vec<_>>()
    };
    view! {
        <a class="skip" href="#main">"Skip to content"</a>
        <div class="app">
            <aside class="rail" aria-label="Main">
                <Transition fallback=|| ()>{rail}</Transition>
            </aside>
            <div class="main">
                <header class=tinted>
                    <nav class="crumb" aria-label="Breadcrumb">{trail}<b>{move || title.get()}</b></nav>
                    <div class="right row">
                        <Transition fallback=|| ()>{environments}</Transition>
                        {range.map(|words| view! { <RangePicker words/> })}
                        {move || share_link(&path.get(), &place.get())}
                        <button class="btn sm live hide-m" type="button" aria-pressed=move || live.on.get().to_string()
                            on:click=move |_| live.on.update(|on| *on = !*on)>
                            {move || if live.on.get() { view! { <span class="dot"></span>"Live" }.into_any() } else { "Paused".into_any() }}
                        </button>
                    </div>
                </header>
                <main class="page" id="main">{children()}</main>
            </div>
        </div>
        <nav class="tabs-m tabs-5" aria-label="Main">{tabs}</nav>
    }
    .into_any()
}

/// Pages that may be shown to others say so.
fn share_link(path: &str, place: &super::state::Place) -> Option<impl IntoView + use<>> {
    domain::share::SharedPage::of(path)?;
    let range = place.range.map(|r| format!("&{}", r.query())).unwrap_or_default();
    let href = format!("/links?of={path}&env={}{range}", place.environment);
    Some(view! { <a class="btn sm hide-m" href=href><Icon name="share" small=true/>"Share"</a> })
}

fn rail(me: &Reader, path: &str, place: &super::state::Place) -> impl IntoView + use<> {
    let item = |href: &str, icon: &'static str, name: &'static str| {
        let current = path.starts_with(href).then_some("page");
        view! { <a href=place.link(href) aria-current=current><Icon name=icon/><span class="lbl">{name}</span></a> }
    };
    let counted = |href: &str, icon: &'static str, name: &'static str, count: u64| {
        let current = path.starts_with(href).then_some("page");
        let count = (count > 0).then(|| view! { <span class="n hot">{count}<span class="sr">" open"</span></span> });
        view! { <a href=place.link(href) aria-current=current><Icon name=icon/><span class="lbl">{name}</span>{count}</a> }
    };
    let models: Vec<_> = me
        .models
        .iter()
        .map(|m| {
            let href = format!("/models/{}", m.name);
            let current = (path == href).then_some("page");
            let (title, status) = (m.title.clone(), m.status);
            view! {
                <a href=place.link(&href) aria-current=current>
                    <Icon name="cube"/><span class="lbl">{title}</span>
                    <span class=format!("n st {}", status.name())><Shape of=status/><span class="sr">{status.title()}</span></span>
                </a>
            }
        })
        .collect();
    let none = models.is_empty();
    let (initials, name, role) = (me.initials.clone(), me.name.clone(), me.role);
    view! {
        <a class="brand" href="/overview"><svg width="22" height="22" viewBox="0 0 24 24" aria-hidden="true"><use href="#logo"></use></svg><span class="nm">"Plimsoll"</span></a>
        <nav class="nav">
            <div class="nav-l">"Watch"</div>
            {item("/overview", "grid", "Overview")}
            {item("/operations", "pulse", "Operations")}
            {counted("/alerts", "bell", "Alerts", me.alerts)}
            {counted("/incidents", "bolt", "Incidents", me.incidents)}
            {item("/explore", "compass", "Explore")}
            {(!none).then(|| view! { <div class="nav-l">"AI systems"</div> })}
            {models}
            <div class="nav-l">"Run"</div>
            {item("/rules", "slid", "Rules")}
            {item("/on-call", "cal", "On-call")}
            {item("/settings", "gear", "Settings")}
        </nav>
        <div class="foot nav">
            <a href="/settings" title=role.map_or("", Role::title)><span class="ava">{initials}</span><span class="lbl">{name}</span></a>
            <form method="post" action="/session/end"><button class="btn ghost sm lbl" type="submit">"Sign out"</button></form>
        </div>
    }
}

/// Which environment is looked at. Nothing to choose, nothing shown.
fn environment_menu(known: &[String], path: &str, place: &super::state::Place) -> Option<impl IntoView + use<>> {
    let here = place.environment.clone();
    if known.iter().all(|e| *e == here) {
        return None;
    }
    let options: Vec<_> = known
        .iter()
        .map(|environment| {
            let there = super::state::Place { environment: environment.clone(), ..place.clone() };
            let current = (*environment == here).then_some("true");
            view! { <a href=there.link(path) aria-current=current>{environment.clone()}</a> }
        })
        .collect();
    Some(view! {
        <details class="menu env">
            <summary class="btn sm"><i class="key sq ka"></i><span>{here}</span><Icon name="down" small=true/></summary>
            <div class="menu-l">{options}</div>
        </details>
    })
}

/// A plain menu of links, so that it works before any script has loaded.
#[component]
fn RangePicker(words: &'static str) -> impl IntoView {
    let place = use_place();
    let path = use_location().pathname;
    let label = move || place.get().range.map_or_else(|| words.to_string(), domain::time::RangeChoice::label);
    let options = move || {
        let (here, path) = (place.get(), path.get());
        RANGES
            .into_iter()
            .map(|range| {
                let chosen = here.range == Some(range);
                let there = super::state::Place { range: Some(range), ..here.clone() };
                view! { <a href=there.link(&path) aria-current=chosen.then_some("true")>{range.label()}</a> }
            })
            .collect::<Vec<_>>()
    };
    view! {
        <details class="menu">
            <summary class="btn sm"><Icon name="clock" small=true/><span>{label}</span><span class="dim hide-m">"UTC"</span><Icon name="down" small=true/></summary>
            <div class="menu-l">{options}</div>
        </details>
    }
}

//! The frame of every page: rail, top bar, tabs on small screens.

use domain::environment::PRODUCTION;
use domain::people::Theme;
use domain::time::RangeChoice;
use domain::{Role, Timestamp};
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};
use leptos_router::location::Location;

use super::icons::Icon;
use super::keys::Letters;
use super::live::{Live, use_live};
use super::palette::{Over, use_overlay};
use super::reading::awaited;
use super::state::{RANGES, use_place};
use super::status::Shape;
use super::zone::{Here, zone};
use crate::charts::shared::Ranged;
use crate::server_functions::views::{Reader, me};
use crate::wire::resource;

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
    if range.is_some() {
        provide_context(Ranged);
    }
    let live = use_live();
    // Another page has other figures.
    Effect::new(move |_| live.forgive());
    let who = resource(move || (live.alerts.get(), live.calm.get()), |_| me());
    let letters = expect_context::<Letters>().0;
    Effect::new(move |_| {
        if let Some(Ok(me)) = who.get() {
            letters.set(me.preferences.letters);
            apply_theme(me.preferences.theme);
        }
    });
    let place = use_place();
    let Location { pathname: path, search, .. } = use_location();
    // As in `use_place`: asked for before two parts ask at once.
    path.with_untracked(|_| ());
    search.with_untracked(|_| ());
    let rail = awaited(
        move || (path.get(), place.get()),
        move || who,
        |(path, place), who| rail(&who.unwrap_or_default(), &path, &place),
    );
    let environments = awaited(
        move || (path.get(), search.get(), place.get()),
        move || who,
        |(path, search, place), who| {
            let known = who.map(|me| me.environments).unwrap_or_default();
            environment_menu(&known, &path, &search, &place)
        },
    );
    let tinted = move || if place.get().environment == PRODUCTION { "bar" } else { "bar other" };
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
                        <button class="btn sm live hide-m" type="button" aria-pressed=move || live.on.get().to_string()
                            on:click=move |_| live.on.update(|on| *on = !*on)>
                            {move || match (live.on.get(), live.held.get()) {
                                _ if live.late.with(Option::is_some) => "Not current".into_any(),
                                (true, false) => view! { <span class="dot"></span>"Live" }.into_any(),
                                (true, true) => format!("Paused, {} new", live.missed.get()).into_any(),
                                (false, _) => "Paused".into_any(),
                            }}
                        </button>
                        {move || share_link(&path.get(), &place.get())}
                    </div>
                </header>
                <main class="page" id="main" aria-busy=move || (live.busy.get() > 0).to_string()>
                    {move || live.late.get().map(|(read, why)| late(live, read, &why))}
                    {children()}
                </main>
            </div>
        </div>
        <nav class="tabs-m tabs-5" aria-label="Main">{tabs}</nav>
    }
    .into_any()
}

/// What is shown is of before, from when, and why.
fn late(live: Live, read: f64, why: &str) -> impl IntoView + use<> {
    let at = Timestamp((read * 1000.0) as i64).here().clock_seconds_zone();
    let words = format!("Read at {at}. Reading it anew failed: {why}");
    view! {
        <div class="note fair mb-12" role="status">
            <svg aria-hidden="true"><use href="#s-fair"></use></svg>
            <div class="grow"><b>"These figures are not current"</b><p>{words}</p></div>
            <button class="btn sm" type="button" on:click=move |_| live.read_again()><Icon name="ref" small=true/>"Try again"</button>
        </div>
    }
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
            let simulated = m.demo.then(|| view! { <span class="sr">", simulated"</span> });
            let whole = if m.demo { format!("{title}, simulated") } else { title.clone() };
            view! {
                <a href=place.link(&href) aria-current=current title=whole>
                    <Icon name="cube"/><span class="lbl">{title}{simulated}</span>
                    <span class=format!("n st {}", status.name())><Shape of=status/><span class="sr">{status.title()}</span></span>
                </a>
            }
        })
        .collect();
    let none = models.is_empty();
    let overlay = use_overlay();
    let (initials, name, role) = (me.initials.clone(), me.name.clone(), me.role);
    let words = if me.mentions == 1 { " new mention" } else { " new mentions" };
    // What is simulated says so on every page, and an installation that nobody named yet has room for it.
    let org = match me.installation.as_str() {
        "" if me.models.iter().any(|m| m.demo) => "Demonstration",
        name => name,
    };
    let org = (!org.is_empty()).then(|| view! { <span class="org">{org.to_string()}</span> });
    let named =
        (me.mentions > 0).then(|| view! { <span class="n hot">{me.mentions}<span class="sr">{words}</span></span> });
    view! {
        <a class="brand" href="/overview"><svg width="22" height="22" viewBox="0 0 24 24" aria-hidden="true"><use href="#logo"></use></svg><span class="nm">"Plimsoll"</span>{org}</a>
        <button class="cmdk" type="button" aria-label="Search or jump to ⌘K" on:click=move |_| overlay.set(Some(Over::Palette))><Icon name="search" small=true/><span class="grow">"Search or jump to"</span><kbd>"⌘K"</kbd></button>
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
            {item("/responses", "play", "Responses")}
            {item("/settings", "gear", "Settings")}
        </nav>
        <div class="foot nav">
            <button class="navb" type="button" on:click=move |_| overlay.set(Some(Over::Shortcuts))><Icon name="inf"/><span class="lbl">"Help and shortcuts"</span><kbd class="lbl right">"?"</kbd></button>
            <a href="/settings" title=role.map_or("", Role::title)><span class="ava">{initials}</span><span class="lbl">{name}</span>{named}</a>
            <form method="post" action="/session/end"><button class="btn ghost sm lbl" type="submit">"Sign out"</button></form>
        </div>
    }
}

/// Puts the theme on the document, and where the next page finds it before anything is painted.
fn apply_theme(theme: Theme) {
    #[cfg(feature = "hydrate")]
    if let Some(window) = web_sys::window() {
        let root = window.document().and_then(|d| d.document_element());
        let storage = window.local_storage().ok().flatten();
        match theme {
            Theme::System => {
                let _ = root.map(|r| r.remove_attribute("data-theme"));
                let _ = storage.map(|s| s.remove_item("theme"));
            }
            Theme::Light | Theme::Dark => {
                let _ = root.map(|r| r.set_attribute("data-theme", theme.name()));
                let _ = storage.map(|s| s.set_item("theme", theme.name()));
            }
        }
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = theme;
}

/// Which environment is looked at. Nothing to choose, nothing shown.
fn environment_menu(
    known: &[String],
    path: &str,
    search: &str,
    place: &super::state::Place,
) -> Option<impl IntoView + use<>> {
    let here = place.environment.clone();
    if known.iter().all(|e| *e == here) {
        return None;
    }
    let options: Vec<_> = known
        .iter()
        .map(|environment| {
            let there = super::state::Place { environment: environment.clone(), ..place.clone() };
            let current = (*environment == here).then_some("true");
            view! { <a href=there.here(path, search) aria-current=current>{environment.clone()}</a> }
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
    let Location { pathname: path, search, .. } = use_location();
    let (zone, label_zone) = (zone(), zone());
    let [from_words, to_words] = [format!("From, {}", zone.label()), format!("To, {}", zone.label())];
    let (short, name) = (zone.label(), zone.name.clone());
    let label = move || place.get().range.map_or_else(|| words.to_string(), |range| range.label(&label_zone));
    let options = move || {
        let (here, path, search) = (place.get(), path.get(), search.get());
        RANGES
            .into_iter()
            .map(|range| {
                let chosen = here.range == Some(range);
                let there = super::state::Place { range: Some(range), ..here.clone() };
                view! { <a href=there.here(&path, &search) aria-current=chosen.then_some("true")>{range.label(&zone)}</a> }
            })
            .collect::<Vec<_>>()
    };
    // A form of the browser's own: it carries what else the address says, and needs no script.
    let query = use_query_map();
    query.with_untracked(|_| ());
    let carried = move || {
        query
            .get()
            .into_iter()
            .filter(|(name, _)| !["from", "to", "tz"].contains(&name.as_ref()))
            .map(|(name, value)| view! { <input type="hidden" name=name.to_string() value=value/> })
            .collect::<Vec<_>>()
    };
    let fixed = move |end: bool| match place.get().range {
        Some(RangeChoice::Fixed(range)) => if end { range.to } else { range.from }.here().form_minute(),
        _ => String::new(),
    };
    view! {
        <details class="menu" data-ranged="">
            <summary class="btn sm"><Icon name="clock" small=true/><span>{label}</span><span class="dim hide-m">{short}</span><Icon name="down" small=true/></summary>
            <div class="menu-l">{options}
                <form class="rpf" method="get" action=move || path.get()>
                    {carried}
                    <input type="hidden" name="tz" value=name/>
                    <label class="f"><span>{from_words}</span><input class="in sm" type="datetime-local" name="from" required value=move || fixed(false)/></label>
                    <label class="f"><span>{to_words}</span><input class="in sm" type="datetime-local" name="to" required value=move || fixed(true)/></label>
                    <button class="btn sm" type="submit">"Show"</button>
                </form>
            </div>
        </details>
    }
}

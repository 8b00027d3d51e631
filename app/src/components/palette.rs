//! ⌘K: anything by a few letters. Pages and commands are known here; everything else is asked for.

use domain::find::{Hit, rank};
use domain::people::SavedView;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};

use super::form::{Sent, outcome};
use super::icons::Icon;
use super::latest::Latest;
use super::live::use_live;
use super::modal::Modal;
use super::state::use_place;
use crate::server_functions::Failure;
use crate::server_functions::find::{find, save_view};

/// What lies over the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Palette,
    Shortcuts,
    SaveView,
}

#[derive(Clone, Copy)]
pub struct Overlay(pub RwSignal<Option<Over>>);

pub fn use_overlay() -> RwSignal<Option<Over>> {
    expect_context::<Overlay>().0
}

/// Closes what lies over the page, where it still does.
fn close(overlay: RwSignal<Option<Over>>, what: Over) -> Callback<()> {
    Callback::new(move |()| {
        if overlay.get_untracked() == Some(what) {
            overlay.set(None);
        }
    })
}

/// Pages, and words that they are also known by.
const PAGES: [(&str, &str, &str); 19] = [
    ("Overview", "/overview", "home executive health"),
    ("Operations", "/operations", "live hosts services"),
    ("Alerts", "/alerts", "firing"),
    ("Silences", "/alerts/silences", "mute silence maintenance"),
    ("Incidents", "/incidents", "postmortem review"),
    ("Explore signals", "/explore", "promql query metrics"),
    ("Traces", "/explore?view=traces", "spans"),
    ("Logs", "/explore?view=logs", "lines"),
    ("Map of calls", "/explore?view=map", "topology dependencies"),
    ("Changes", "/explore?view=changes", "deployments releases"),
    ("Rules", "/rules", "alerting thresholds"),
    ("Responses", "/responses", "automation runbook approve rollback restart undo"),
    ("On-call", "/on-call", "rotation schedule escalation destinations"),
    ("Shared links", "/links", "share"),
    ("Settings: account", "/settings", "theme password preferences"),
    ("Settings: KPIs", "/settings/kpis", "targets weights"),
    ("Settings: audit", "/settings/audit", "who did what log deeds compliance"),
    ("Settings: connections", "/settings/connections", "send data otlp prometheus"),
    ("Connect a system", "/connect", "new model import"),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Command {
    NewRule,
    Silence,
    Live,
    SaveView,
    Shortcuts,
}

const COMMANDS: [(&str, Command); 5] = [
    ("New rule", Command::NewRule),
    ("Silence alerts", Command::Silence),
    ("Pause or resume live", Command::Live),
    ("Save this view", Command::SaveView),
    ("Show keyboard shortcuts", Command::Shortcuts),
];

#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Go(Hit),
    Do(&'static str, Command),
}

impl Entry {
    fn words(&self) -> (&str, &str, &str) {
        match self {
            Entry::Go(hit) => (&hit.kind, &hit.title, &hit.more),
            Entry::Do(title, _) => ("Command", title, ""),
        }
    }
}

/// Pages and commands that answer what was typed, then what the server found.
fn entries(typed: &str, found: &[Hit], recent: Vec<Hit>) -> Vec<Entry> {
    let page = |(title, href, _): &(&str, &str, &str)| {
        Entry::Go(Hit { kind: "Page".into(), title: (*title).into(), more: String::new(), href: (*href).into() })
    };
    if typed.trim().is_empty() {
        let mut all: Vec<Entry> = recent.into_iter().map(Entry::Go).collect();
        all.extend(found.iter().cloned().map(Entry::Go));
        all.extend(COMMANDS.iter().map(|(title, command)| Entry::Do(title, *command)));
        all.extend(PAGES.iter().map(page));
        return all;
    }
    let mut own: Vec<(u8, Entry)> = PAGES
        .iter()
        .filter_map(|p| Some((rank(p.0, typed).max(rank(p.2, typed).map(|_| 1))?, page(p))))
        .chain(COMMANDS.iter().filter_map(|(t, c)| Some((rank(t, typed)?, Entry::Do(t, *c)))))
        .collect();
    own.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    // What is meant to the letter comes first, wherever it was found.
    let sure = found.iter().take_while(|hit| hit.kind == "Incident" && hit.more.starts_with("INC-")).count().min(1);
    let mut all: Vec<Entry> = found[..sure].iter().cloned().map(Entry::Go).collect();
    let (begins, holds): (Vec<_>, Vec<_>) = own.into_iter().partition(|(rank, _)| *rank >= 2);
    all.extend(begins.into_iter().map(|(_, e)| e));
    all.extend(found[sure..].iter().cloned().map(Entry::Go));
    all.extend(holds.into_iter().map(|(_, e)| e));
    all
}

/// What was gone to last, kept in this browser.
mod recent {
    use domain::find::Hit;

    #[cfg(feature = "hydrate")]
    const KEY: &str = "recent";
    #[cfg(feature = "hydrate")]
    const KEPT: usize = 6;

    #[cfg(feature = "hydrate")]
    fn storage() -> Option<web_sys::Storage> {
        web_sys::window()?.local_storage().ok().flatten()
    }

    pub fn read() -> Vec<Hit> {
        #[cfg(feature = "hydrate")]
        {
            let text = storage().and_then(|s| s.get_item(KEY).ok().flatten());
            text.and_then(|t| crate::wire::from_text(&t).ok()).unwrap_or_default()
        }
        #[cfg(not(feature = "hydrate"))]
        Vec::new()
    }

    pub fn add(hit: &Hit) {
        #[cfg(feature = "hydrate")]
        {
            let mut all = read();
            all.retain(|known| known.href != hit.href);
            all.insert(0, hit.clone());
            all.truncate(KEPT);
            if let (Some(storage), Ok(text)) = (storage(), serde_json::to_string(&all)) {
                let _ = storage.set_item(KEY, &text);
            }
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = hit;
    }
}

#[component]
pub fn Palette() -> impl IntoView {
    let overlay = use_overlay();
    let place = use_place();
    let live = use_live();
    let go = use_navigate();
    let typed = RwSignal::new(String::new());
    let chosen = RwSignal::new(0_usize);
    let recent = RwSignal::new(Vec::new());
    let found = Latest::unasked();
    let look = move |typed: String| found.ask(async move { (typed.clone(), find(typed).await) });
    let is_open = Signal::derive(move || overlay.get() == Some(Over::Palette));
    Effect::new(move |_| {
        if is_open.get() {
            typed.set(String::new());
            chosen.set(0);
            recent.set(recent::read());
            look(String::new());
        }
    });
    let all = Memo::new(move |_| {
        let typed = typed.get();
        let found = found.answer();
        // What was found for other letters is not shown for these.
        let (found, failed) = match found {
            Some((for_, Ok(hits))) if for_ == typed => (hits, None),
            Some((_, Err(error))) => (Vec::new(), Some(error.to_string())),
            _ => (Vec::new(), None),
        };
        (entries(&typed, &found, recent.get()), failed)
    });
    let run = move |entry: &Entry| {
        overlay.set(None);
        let go_to = |path: &str| go(&place.get_untracked().link(path), NavigateOptions::default());
        match entry {
            Entry::Go(hit) => {
                recent::add(hit);
                go_to(&hit.href);
            }
            Entry::Do(_, Command::NewRule) => go_to("/rules/new"),
            Entry::Do(_, Command::Silence) => go_to("/alerts/silences"),
            Entry::Do(_, Command::Live) => live.on.update(|on| *on = !*on),
            Entry::Do(_, Command::SaveView) => overlay.set(Some(Over::SaveView)),
            Entry::Do(_, Command::Shortcuts) => overlay.set(Some(Over::Shortcuts)),
        }
    };
    let on_key = {
        let run = run.clone();
        move |event: leptos::ev::KeyboardEvent| {
            let count = all.with(|(entries, _)| entries.len());
            match event.key().as_str() {
                "ArrowDown" => chosen.update(|c| *c = (*c + 1) % count.max(1)),
                "ArrowUp" => chosen.update(|c| *c = (*c + count.max(1) - 1) % count.max(1)),
                "Enter" => {
                    if let Some(entry) = all.with(|(entries, _)| entries.get(chosen.get_untracked()).cloned()) {
                        run(&entry);
                    }
                }
                _ => return,
            }
            event.prevent_default();
        }
    };
    let list = move || {
        let (entries, failed) = all.get();
        let none = entries.is_empty();
        let rows: Vec<_> = entries
            .into_iter()
            .enumerate()
            .map(|(i, entry)| {
                let (kind, title, more) = entry.words();
                let (kind, title, more) = (kind.to_string(), title.to_string(), more.to_string());
                let run = run.clone();
                view! {
                    <li role="option" id=format!("pal-{i}") aria-selected=move || (chosen.get() == i).to_string()
                        on:click=move |_| run(&entry) on:pointermove=move |_| chosen.set(i)>
                        <span class="hint">{kind}</span><span class="grow">{title}</span><span class="hint">{more}</span></li>
                }
            })
            .collect();
        view! {
            {failed.map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
            <ul role="listbox" id="pal" aria-label="Found">{rows}</ul>
            {none.then(|| view! { <p class="hint pal-0">{move || if found.waits() { "Looking…" } else { "Nothing answers these letters." }}</p> })}
        }
    };
    view! {
        <Modal open=is_open close=close(overlay, Over::Palette) label="Search or run a command" class="pal">
            <div class="pal-i"><Icon name="search"/>
                <input type="text" autofocus autocomplete="off" spellcheck="false" placeholder="Search, or type a command" aria-label="Search or run a command"
                    role="combobox" aria-expanded="true" aria-controls="pal" aria-activedescendant=move || format!("pal-{}", chosen.get())
                    on:input=move |event| { let text = event_target_value(&event); typed.set(text.clone()); chosen.set(0); look(text); }
                    on:keydown=on_key.clone()/><kbd>"Esc"</kbd></div>
            {list.clone()}
        </Modal>
        <SaveView/>
        <Shortcuts/>
    }
}

/// Saves the page as it is, with filters and range, under a name.
#[component]
fn SaveView() -> impl IntoView {
    let overlay = use_overlay();
    let location = use_location();
    let save = Action::new(move |(view, for_all): &(SavedView, bool)| {
        let (view, for_all) = (view.clone(), *for_all);
        async move {
            save_view(view, for_all).await?;
            overlay.set(None);
            Ok::<(), Failure>(())
        }
    });
    let is_open = Signal::derive(move || overlay.get() == Some(Over::SaveView));
    let submit = move |event: leptos::ev::SubmitEvent| {
        let sent = Sent::of(&event);
        let (path, query) = (location.pathname.get_untracked(), location.search.get_untracked());
        let query = query.trim_start_matches('?');
        let href = if query.is_empty() { path } else { format!("{path}?{query}") };
        save.dispatch((SavedView { name: sent.text("name"), href, by: String::new() }, sent.text("all") == "on"));
    };
    view! {
        <Modal open=is_open close=close(overlay, Over::SaveView) label="Save this view" class="narrow">
            <form on:submit=submit>
                <header><h2>"Save this view"</h2></header>
                <div class="body col gap-12">
                    <p class="hint">"The page with its filters, range and environment, found again by ⌘K."</p>
                    <label class="f"><span>"Name"</span><input class="in" name="name" maxlength="60" required autofocus/></label>
                    <label class="row"><input type="checkbox" name="all"/><span>"For everybody"</span></label>
                    {move || outcome(save.value().get(), "")}
                </div>
                <footer><span class="grow"></span><button class="btn" type="button" on:click=move |_| overlay.set(None)>"Cancel"</button><button class="btn pri" type="submit">"Save"</button></footer>
            </form>
        </Modal>
    }
}

const SHORTCUTS: [(&str, &[(&str, &str)]); 3] = [
    (
        "Anywhere",
        &[
            ("⌘K, Ctrl K", "search or run a command"),
            ("?", "this list"),
            ("g o", "Overview"),
            ("g p", "Operations"),
            ("g a", "Alerts"),
            ("g i", "Incidents"),
            ("g e", "Explore"),
            ("l", "live on or off"),
            ("[  ]", "an earlier or later range"),
            ("-  =", "zoom out or in"),
            ("/", "filter"),
            ("Esc", "clear the topmost thing"),
        ],
    ),
    (
        "On a chart",
        &[
            ("← →", "one point; with Shift ten"),
            ("Enter", "look closer; with a span marked, zoom"),
            ("m", "mark a span from here"),
            ("c", "annotate"),
            ("t", "show the table"),
            ("drag", "mark a span"),
            ("Shift click", "annotate there"),
            ("double click", "zoom out"),
        ],
    ),
    (
        "In the list of alerts",
        &[("j  k", "next and previous"), ("x", "select"), ("a", "acknowledge"), ("s", "silence"), ("Enter", "open")],
    ),
];

#[component]
fn Shortcuts() -> impl IntoView {
    let overlay = use_overlay();
    let is_open = Signal::derive(move || overlay.get() == Some(Over::Shortcuts));
    let groups = move || {
        SHORTCUTS
            .into_iter()
            .map(|(title, keys)| {
                let rows: Vec<_> =
                    keys.iter().map(|(key, what)| view! { <dt><kbd>{*key}</kbd></dt><dd>{*what}</dd> }).collect();
                view! { <section><h3>{title}</h3><dl class="keys">{rows}</dl></section> }
            })
            .collect::<Vec<_>>()
    };
    view! {
        <Modal open=is_open close=close(overlay, Over::Shortcuts) label="Keyboard shortcuts" class="">
            <header><h2 class="grow">"Keyboard shortcuts"</h2><button class="btn icon sm ghost" type="button" aria-label="Close" autofocus on:click=move |_| overlay.set(None)><Icon name="x" small=true/></button></header>
            <div class="body keyg">{groups}</div>
            <footer><span class="hint">"Single letters are off inside fields, and can be switched off in your account."</span></footer>
        </Modal>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(typed: &str, found: &[Hit]) -> Vec<String> {
        entries(typed, found, Vec::new()).iter().map(|e| e.words().1.to_string()).collect()
    }

    #[test]
    fn a_page_is_found_by_its_name_and_by_what_else_it_is_called() {
        assert_eq!(titles("operat", &[])[0], "Operations");
        assert_eq!(titles("topology", &[]), ["Map of calls"]);
        assert!(titles("xyzzy", &[]).is_empty());
    }

    #[test]
    fn an_incident_that_is_meant_by_its_number_comes_first() {
        let hit = Hit {
            kind: "Incident".into(),
            title: "Wrong incomes".into(),
            more: "INC-7".into(),
            href: "/incidents/7".into(),
        };
        assert_eq!(titles("7", &[hit])[0], "Wrong incomes");
    }

    #[test]
    fn with_nothing_typed_the_last_places_come_first_and_commands_after() {
        let last =
            Hit { kind: "Model".into(), title: "credit".into(), more: String::new(), href: "/models/credit".into() };
        let all = entries("", &[], vec![last]);
        assert_eq!((all[0].words().1, all[1].words().0), ("credit", "Command"));
    }
}

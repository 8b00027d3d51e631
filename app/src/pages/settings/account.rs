//! One's own account: who one is here, how Plimsoll looks to one, the views one saved, the password.

use domain::Role;
use domain::mention::Mention;
use domain::people::{Preferences, STARTS, SavedView, Theme};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::Settings;
use crate::components::form::{Sent, outcome};
use crate::components::icons::Icon;
use crate::components::lasting::{given, initially};
use crate::components::live::use_live;
use crate::components::note::written;
use crate::components::panel::{Empty, Failed};
use crate::components::reading::standing;
use crate::components::zone::Here;
use crate::pages::sign_in::error_words;
use crate::server_functions::Failure;
use crate::server_functions::find::{mentions, remove_view, saved_views, set_preferences};
use crate::server_functions::views::me;
use crate::wire::resource;

#[component]
pub fn Account() -> impl IntoView {
    let query = use_query_map();
    let error = move || query.with(|q| q.get("error")).map(|e| error_words(&e));
    let done = move || query.with(|q| q.get("done")).is_some();
    let who = resource(|| (), |()| me());
    view! {
        <Settings title="Account">
            <div class="head"><div><h1>"Account"</h1>
                <Transition fallback=|| ()>{standing(move || async move {
                    who.await.ok().map(|m| view! { <p>{format!("{}, {}, {}", m.name, m.email, m.role.map_or("", Role::name))}</p> })
                })}</Transition>
            </div></div>
            <section class="panel narrow mb-16" aria-label="How it looks">
                <header class="ph"><h2>"How it looks"</h2><span class="sub">"in every browser you sign in with"</span></header>
                <Transition fallback=|| ()>{standing(move || async move {
                    who.await.ok().map(|m| view! { <Look of=m.preferences/> })
                })}</Transition>
            </section>
            <Mentions/>
            <Views/>
            <section class="panel narrow" aria-label="Password">
                <header class="ph"><h2>"Password"</h2></header>
                <form class="pb col gap-12" method="post" action="/account/password">
                    {move || error().map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
                    {move || done().then(|| view! { <p class="note good" role="status">"The password is changed; other sessions have ended."</p> })}
                    // A password manager must be told whose password it is.
                    <Transition fallback=|| ()>{standing(move || async move {
                        who.await.ok().map(|m| view! { <input type="text" name="email" autocomplete="username" value=m.email readonly hidden/> })
                    })}</Transition>
                    <label class="f"><span>"Current password"</span><input class="in" type="password" name="current" autocomplete="current-password" required/></label>
                    <label class="f"><span>"New password, at least 12 characters"</span><input class="in" type="password" name="new" autocomplete="new-password" minlength="12" maxlength="256" required/></label>
                    <div><button class="btn pri" type="submit">"Change password"</button></div>
                </form>
            </section>
        </Settings>
    }
}

#[component]
fn Look(of: Preferences) -> impl IntoView {
    let live = use_live();
    let before = of.zone.clone();
    let save = Action::new(move |wanted: &Preferences| {
        let wanted = wanted.clone();
        let moved = wanted.zone != before;
        async move {
            set_preferences(wanted).await?;
            if moved {
                // Every time on the page is of another zone now.
                reload();
            }
            // The frame reads who is there again, and with it the theme.
            live.read_again();
            Ok::<(), Failure>(())
        }
    });
    let submit = move |event: leptos::ev::SubmitEvent| {
        let sent = Sent::of(&event);
        let theme = Theme::ALL.into_iter().find(|t| t.name() == sent.text("theme")).unwrap_or_default();
        let letters = sent.text("letters") == "on";
        let zone = sent.text("zone").trim().to_string();
        save.dispatch(Preferences { theme, start: sent.text("start"), letters, zone, views: Vec::new() });
    };
    let themes: Vec<_> = [(Theme::System, "As the system is set"), (Theme::Light, "Light"), (Theme::Dark, "Dark")]
        .into_iter()
        .map(|(theme, words)| view! { <option {..initially("selected", theme == of.theme)} value=theme.name()>{words}</option> })
        .collect();
    let starts: Vec<_> = STARTS
        .into_iter()
        .map(|(path, words)| view! { <option {..initially("selected", path == of.start)} value=path>{words}</option> })
        .collect();
    let zone_field = NodeRef::<leptos::html::Input>::new();
    let fill = move || {
        if let (Some(field), Some(zone)) = (zone_field.get_untracked(), browser_zone()) {
            field.set_value(&zone);
        }
    };
    let zones = ZONES.map(|zone| view! { <option value=zone></option> }).into_iter().collect::<Vec<_>>();
    view! {
        <form class="pb col gap-12" on:submit=submit>
            <div class="two m0">
                <label class="f"><span>"Theme"</span><select class="in" name="theme">{themes}</select></label>
                <label class="f"><span>"Page after signing in"</span><select class="in" name="start">{starts}</select></label>
            </div>
            <div class="f"><label for="zone">"Times are shown in"</label>
                <div class="row gap-8"><input class="in mono" id="zone" name="zone" list="zones" placeholder="UTC" maxlength="64" autocomplete="off" {..given(of.zone)} node_ref=zone_field/>
                    <button class="btn" type="button" on:click=move |_| fill()>"As this browser"</button></div>
                <datalist id="zones">{zones}</datalist>
            </div>
            <label class="row"><input type="checkbox" name="letters" checked=of.letters/><span>"Single letters are shortcuts"</span></label>
            {move || outcome(save.value().get(), "Saved.")}
            <div><button class="btn pri" type="submit">"Save"</button></div>
        </form>
    }
}

/// Offered while typing; any other of the IANA's does as well.
const ZONES: [&str; 18] = [
    "UTC",
    "Africa/Johannesburg",
    "Africa/Lagos",
    "America/Chicago",
    "America/Los_Angeles",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Paris",
    "Europe/Stockholm",
    "Pacific/Auckland",
];

/// The zone that the browser is set to, where it says.
fn browser_zone() -> Option<String> {
    #[cfg(feature = "hydrate")]
    {
        let formats = js_sys::Intl::DateTimeFormat::new(&js_sys::Array::new(), &js_sys::Object::new());
        return js_sys::Reflect::get(&formats.resolved_options(), &"timeZone".into()).ok()?.as_string();
    }
    #[cfg(not(feature = "hydrate"))]
    None
}

fn reload() {
    #[cfg(feature = "hydrate")]
    if let Some(window) = web_sys::window() {
        let _ = window.location().reload();
    }
}

/// Where others named the reader. Shown, they count as seen.
#[component]
fn Mentions() -> impl IntoView {
    let live = use_live();
    let found = resource(move || live.alerts.get(), |_| mentions());
    let list = |all: Vec<Mention>| {
        let rows: Vec<_> = all
            .into_iter()
            .map(|m| {
                let new = (!m.seen).then(|| view! { <span class="tag">"new"</span> });
                let at = m.at.here().date_clock_zone();
                view! { <li><div class="grow"><a href=m.href><b>{m.by}</b></a>" "<span class="hint">{at}</span>" "{new}<p>{written(&m.text)}</p></div></li> }
            })
            .collect();
        view! { <ul class="list pb">{rows}</ul> }.into_any()
    };
    view! {
        <section class="panel narrow mb-16" aria-label="Mentions">
            <header class="ph"><h2>"Mentions"</h2><span class="sub">"where others wrote your name after an @"</span></header>
            <Transition fallback=|| ()>{standing(move || async move {
                match found.await {
                    Err(error) => view! { <Failed error/> }.into_any(),
                    Ok(all) if all.is_empty() => view! { <Empty title="Nobody named you yet" text="In a note, @ and the first part of an e-mail address names a person; they find it here, and by mail."/> }.into_any(),
                    Ok(all) => list(all),
                }
            })}</Transition>
        </section>
    }
}

#[component]
fn Views() -> impl IntoView {
    let changed = RwSignal::new(0_u32);
    let views = resource(move || changed.get(), |_| saved_views());
    let remove = Action::new(move |view: &SavedView| {
        let (name, for_all) = (view.name.clone(), !view.by.is_empty());
        async move {
            let result = remove_view(name, for_all).await;
            changed.update(|c| *c += 1);
            result
        }
    });
    view! {
        <section class="panel narrow mb-16" aria-label="Saved views">
            <header class="ph"><h2>"Saved views"</h2><span class="sub">"⌘K, then “Save this view”"</span></header>
            {move || outcome(remove.value().get(), "")}
            <Transition fallback=|| ()>{standing(move || async move {
                match views.await {
                    Err(error) => view! { <p class="note critical" role="alert">{error.to_string()}</p> }.into_any(),
                    Ok(all) if all.is_empty() => view! { <Empty title="No view saved" text="A page with its filters and range, found again by name."/> }.into_any(),
                    Ok(all) => {
                        let rows: Vec<_> = all.into_iter().map(|view| {
                            let by = if view.by.is_empty() { "yours".to_string() } else { format!("for all, by {}", view.by) };
                            let label = format!("Remove {}", view.name);
                            let (name, href) = (view.name.clone(), view.href.clone());
                            view! { <li><div class="grow"><a href=href.clone()><b>{name}</b></a><p class="hint mono">{href}</p></div><span class="hint">{by}</span>
                                <button class="btn icon xs ghost" type="button" aria-label=label on:click=move |_| { remove.dispatch(view.clone()); }><Icon name="trash" small=true/></button></li> }
                        }).collect();
                        view! { <ul class="list">{rows}</ul> }.into_any()
                    }
                }
            })}</Transition>
        </section>
    }
}

//! Incidents: those that are open, those that were, how long it took.

mod one;

pub use one::IncidentPage;
pub(crate) use one::read_only;

use domain::alert::priority::Priority;
use domain::incident::{Incident, IncidentsView};
use domain::{Timestamp, format};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_navigate;

use crate::components::alert::{Avatar, Sev};
use crate::components::form::{Sent, outcome};
use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::lasting::initially;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Failed, Loading, Panel};
use crate::components::reading::{reading, standing};
use crate::components::state::use_place;
use crate::components::zone::{Here, zone_label};
use crate::server_functions::alerts::{incidents, open_incident};

#[component]
pub fn Incidents() -> impl IntoView {
    let (live, place) = (use_live(), use_place());
    let open = Action::new(|(title, priority, system, environment): &(String, Priority, String, String)| {
        open_incident(title.clone(), *priority, system.clone(), environment.clone())
    });
    let navigate = use_navigate();
    Effect::new(move |_| {
        if let Some(Ok(id)) = open.value().get() {
            navigate(&format!("/incidents/{id}"), Default::default());
        }
    });
    let found = reading(|| (), move || live.alerts.get(), |()| incidents());
    let priorities: Vec<_> = Priority::ALL
        .into_iter()
        .map(|p| view! { <option {..initially("selected", p == Priority::P3)} value=p.name()>{p.name()}" "{p.title()}</option> })
        .collect();
    view! {
        <Title text="Incidents"/>
        <Frame title=Signal::stored("Incidents".to_string())>
            {move || outcome(open.value().get(), "")}
            <Transition fallback=Loading>{standing(move || async move {
                match found.await {
                    Err(error) => view! { <Failed error/> }.into_any(),
                    Ok(seen) => page(seen),
                }
            })}</Transition>
            <form class="panel mt-16" aria-label="Open an incident" on:submit=move |event| {
                let sent = Sent::of(&event);
                let priority = Priority::parse(&sent.text("priority")).unwrap_or_default();
                open.dispatch((sent.text("title"), priority, sent.text("system"), place.get_untracked().environment));
            }>
                <header class="ph"><h2>"Open an incident by hand"</h2></header>
                <div class="pb row wrap gap-12">
                    <label class="f grow"><span>"What is wrong"</span><input class="in" name="title" required maxlength="200" autocomplete="off"/></label>
                    <label class="f"><span>"System"</span><input class="in" name="system" maxlength="200" autocomplete="off"/></label>
                    <label class="f"><span>"Priority"</span><select class="in" name="priority">{priorities}</select></label>
                    <button class="btn pri end" type="submit"><Icon name="bolt" small=true/>"Open"</button>
                </div>
            </form>
        </Frame>
    }
}

fn page(seen: IncidentsView) -> AnyView {
    let title = match seen.open.len() {
        0 => "No open incident".to_string(),
        1 => "One open incident".to_string(),
        n => format!("{n} open incidents"),
    };
    let mean = |(span, n): (Option<i64>, usize)| {
        span.map_or("–".to_string(), |s| format!("{} (n = {n})", format::duration(s)))
    };
    let words = match (seen.to_acknowledge.0, seen.to_resolve.0) {
        (None, None) => "None was taken on or resolved yet.".to_string(),
        _ => format!("Mean time to acknowledge {}, to resolve {}.", mean(seen.to_acknowledge), mean(seen.to_resolve)),
    };
    let open = list(
        &seen.open,
        seen.now,
        "Alerts of high priority, and several that belong together, open one by themselves.",
    );
    let past = list(&seen.past, seen.now, "What was resolved stands here with its cause and its review.");
    let left = (seen.left_out > 0)
        .then(|| view! { <p class="hint mt-8">{format!("{} older ones are not shown.", seen.left_out)}</p> });
    view! {
        <div class="head"><div><h1>{title}</h1><p>{words}</p></div></div>
        <Panel title="Open" span="c-12" flush=true>{open}</Panel>
        <div class="mt-16"></div>
        <Panel title="Resolved" span="c-12" flush=true>{past}</Panel>{left}
    }
    .into_any()
}

fn list(incidents: &[Incident], now: Timestamp, empty: &'static str) -> AnyView {
    if incidents.is_empty() {
        return view! { <Empty title="None" text=empty/> }.into_any();
    }
    let rows: Vec<_> = incidents
        .iter()
        .map(|i| {
            let cause = i.cause.as_ref().map(|c| c.title.clone()).unwrap_or_default();
            let who = i.responders.first().map(|r| r.name.clone());
            let who = who.map(|name| view! { <span class="row"><Avatar name=name.clone()/><span>{name}</span></span> });
            view! {
                <tr><td><Sev of=i.priority/></td><th scope="row"><a href=format!("/incidents/{}", i.id)>{i.name()}" "{i.title.clone()}</a></th>
                <td class="nw">{i.opened_at.here().date_clock()}</td><td class="num nw">{format::duration(i.lasted(now))}</td><td>{i.state().title()}</td><td class="mid">{cause}</td><td class="nw">{who}</td></tr>
            }
        })
        .collect();
    view! {
        <table class="t"><thead><tr><th scope="col">"Priority"</th><th scope="col">"Incident"</th><th scope="col">"Opened "<span class="u">{zone_label()}</span></th><th scope="col" class="num">"Open for"</th><th scope="col">"State"</th><th scope="col">"Likely cause"</th><th scope="col">"Leads"</th></tr></thead><tbody>{rows}</tbody></table>
    }
    .into_any()
}

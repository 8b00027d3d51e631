//! Who did what: newest first, found by a part of the deed or of what it was done to.

use domain::audit::{Deed, Forwarding, PAGE};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{Settings, listed};
use crate::components::form::{Sent, outcome};
use crate::components::lasting::initially;
use crate::components::panel::Loading;
use crate::components::reading::standing;
use crate::components::state::encoded;
use crate::components::zone::{Here, zone_label};
use crate::server_functions::Failure;
use crate::server_functions::admin::{deeds, deeds_told, forward_deeds};
use crate::wire::resource;

#[component]
pub fn Audit() -> impl IntoView {
    let query = use_query_map();
    let asked = Memo::new(move |_| {
        query.with(|q| {
            let before = q.get("before").and_then(|b| b.parse::<i64>().ok()).unwrap_or(i64::MAX);
            (before, q.get("q").unwrap_or_default())
        })
    });
    asked.with_untracked(|_| ());
    let list = resource(move || asked.get(), |(before, text)| deeds(before, text));
    let table = move |rows: Vec<Deed>| {
        let (_, text) = asked.get_untracked();
        let next = (rows.len() == PAGE).then(|| rows.last().map(|d| d.id)).flatten();
        let older = next.map(|id| {
            let href = format!("/settings/audit?before={id}&q={}", encoded(&text));
            view! { <p class="pf2"><a class="btn sm" href=href>"Older"</a></p> }
        });
        let rows: Vec<_> = rows
            .into_iter()
            .map(|d| {
                let who = if d.who.is_empty() { d.actor.clone() } else { d.who };
                view! { <tr><td class="nw">{d.at.here().date_clock()}</td><td title=d.actor>{who}</td><td class="mono">{d.action}</td><td class="brk">{d.object}</td></tr> }
            })
            .collect();
        view! {
            <table class="t dense"><thead><tr><th scope="col">"When "<span class="u">{zone_label()}</span></th><th scope="col">"Who"</th><th scope="col">"What"</th><th scope="col">"Of what"</th></tr></thead><tbody>{rows}</tbody></table>{older}
        }
        .into_any()
    };
    let forward = Action::new(|receiver: &String| forward_deeds(receiver.clone()));
    let told = resource(move || forward.version().get(), |_| deeds_told());
    view! {
        <Settings title="Audit">
            <div class="head"><div><h1>"Audit"</h1><p>"Who changed what, and who decided what is done to production. Kept for three years; programs read it at /api/v1/audit."</p></div></div>
            {move || outcome(forward.value().get(), "")}
            <Transition fallback=|| ()>{standing(move || async move { told.await.map(|f| sent_to(f, forward)).ok() })}</Transition>
            <form class="row mb-12" action="/settings/audit" method="get" role="search"><label class="f grow"><span class="sr">"Search deeds"</span>
                <input class="in" name="q" placeholder="Part of what was done, or of what to" autocomplete="off" value=move || asked.get().1/></label><button class="btn" type="submit">"Search"</button></form>
            <section class="panel" aria-label="Deeds"><div class="tw">
                <Transition fallback=Loading>{standing(move || async move { listed(list.await, ("Nothing of the sort", "No deed answers these words."), table) })}</Transition></div></section>
        </Settings>
    }
}

/// Who is told every deed as it is done, and how that goes.
fn sent_to(told: Forwarding, forward: Action<String, Result<(), Failure>>) -> AnyView {
    if told.able.is_empty() {
        return view! { <p class="hint mb-12">"Deeds can be sent where security events are collected: add a SIEM under "<a href="/on-call">"On-call"</a>", then choose it here."</p> }.into_any();
    }
    let words = match (told.receiver.as_str(), told.problem.as_str(), told.waiting) {
        ("", ..) => "Nobody is told.".to_string(),
        (_, "", 0) => "All have been sent.".to_string(),
        (_, "", waiting) => format!("{waiting} are about to be sent."),
        (_, problem, waiting) => format!("{waiting} wait: {problem}. They are tried again and none is left out."),
    };
    let chosen = told.receiver.clone();
    let able: Vec<_> = told
        .able
        .into_iter()
        .map(|name| view! { <option value=name.clone() {..initially("selected", name == chosen)}>{name.clone()}</option> })
        .collect();
    let tone = if told.problem.is_empty() { "hint" } else { "note critical" };
    view! {
        <form class="panel mb-12" aria-label="Deeds sent on" on:submit=move |event| { forward.dispatch(Sent::of(&event).text("receiver")); }>
            <div class="pb row wrap gap-12 pt"><label class="f"><span>"Every deed is sent to"</span><select class="in" name="receiver"><option value="">"nobody"</option>{able}</select></label>
            <button class="btn end" type="submit">"Save"</button><p class=tone>{words}</p></div></form>
    }
    .into_any()
}

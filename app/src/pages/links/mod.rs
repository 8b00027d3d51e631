//! Links by which others see a page: made, counted, ended.

mod form;

use domain::share::{ShareRow, ShareText};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::form::outcome;
use crate::components::frame::Frame;
use crate::components::panel::{Empty, Failed, Loading};
use crate::components::reading::standing;
use crate::components::zone::{Here, zone_label};
use crate::server_functions::shares::{end_share, make_share, share_visits, shares};
use crate::wire::resource;
use form::NewLink;

#[component]
pub fn Links() -> impl IntoView {
    let query = use_query_map();
    let of = Memo::new(move |_| query.with(|q| q.get("of")).unwrap_or_else(|| "/overview".into()));
    of.with_untracked(|_| ());
    let make = Action::new(|text: &ShareText| make_share(text.clone()));
    let end = Action::new(|id: &i64| end_share(*id));
    let found = resource(move || (make.version().get(), end.version().get()), |_| shares());
    view! {
        <Title text="Shared links"/>
        <Frame title=Signal::stored("Shared links".to_string())>
            <div class="head"><div><h1>"Shared links"</h1><p>"Whoever has a link sees one page, read only, and nothing else. Each opening is counted; a link can be ended at any time."</p></div></div>
            {move || outcome(end.value().get(), "The link is ended.")}
            <NewLink of make/>
            <section class="panel mt-12" aria-label="Links"><Transition fallback=Loading>{standing(move || async move {
                match found.await {
                    Err(error) => view! { <Failed error/> }.into_any(),
                    Ok(rows) if rows.is_empty() => view! { <Empty title="No link yet" text="Share is at the top of Overview, Operations, systems, models and incidents."/> }.into_any(),
                    Ok(rows) => table(rows, end),
                }
            })}</Transition></section>
        </Frame>
    }
}

fn table(rows: Vec<ShareRow>, end: Action<i64, Result<(), crate::server_functions::Failure>>) -> AnyView {
    let rows: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let (id, s) = (row.share.id, row.share);
            let ends = match (s.revoked_at, s.expires_at) {
                (Some(at), _) => format!("ended {}", at.here().date_clock()),
                (None, Some(at)) => format!("until {}", at.here().date_clock()),
                (None, None) => "until it is ended".into(),
            };
            let last = row.last.map(|at| format!(", last {}", at.here().date_clock())).unwrap_or_default();
            let button = s.revoked_at.is_none().then(|| view! { <button class="btn xs danger" type="button" on:click=move |_| { end.dispatch(id); }>"End"</button> });
            let whom = s.text.whom();
            let opened = if row.visits == 0 { "never".into_any() } else { view! { <Visits id words=format!("{}{last}", row.visits)/> }.into_any() };
            view! { <tr><th scope="row" class="plain">{s.text.page.title()}<span class="hint blk">{s.text.note}</span></th><td>{whom}</td><td>{s.author}</td><td class="nw">{s.created_at.here().date_clock()}</td><td class="nw">{ends}</td><td>{opened}</td><td class="num">{button}</td></tr> }
        })
        .collect();
    view! {
        <table class="t"><thead><tr><th scope="col">"Page"</th><th scope="col">"For"</th><th scope="col">"By"</th><th scope="col">"Made "<span class="u">{zone_label()}</span></th><th scope="col">"Holds"</th><th scope="col">"Opened"</th><th scope="col"><span class="sr">"End"</span></th></tr></thead><tbody>{rows}</tbody></table>
    }
    .into_any()
}

/// How often a link was opened, and on demand by whom, from where and when.
#[component]
fn Visits(id: i64, words: String) -> impl IntoView {
    let look = Action::new(move |()| share_visits(id));
    let list = move || {
        let rows = match look.value().get()? {
            Err(error) => return Some(view! { <Failed error/> }.into_any()),
            Ok(rows) => rows,
        };
        let rows: Vec<_> = rows
            .into_iter()
            .map(|visit| {
                let who = if visit.who.is_empty() { "somebody".to_string() } else { visit.who };
                view! { <li>{format!("{}, {who} from {}", visit.at.here().date_clock(), visit.address)}</li> }
            })
            .collect();
        Some(view! { <ul class="list">{rows}</ul> }.into_any())
    };
    view! { <details on:toggle=move |_| { look.dispatch(()); }><summary>{words}</summary>{list}</details> }
}

//! Links by which others see a page: made, counted, ended.

use domain::Role;
use domain::share::{ShareRow, ShareText, SharedPage};
use domain::time::{DAY, RangeChoice};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::form::{Sent, outcome};
use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::panel::{Empty, Failed, Loading};
use crate::components::state::use_place;
use crate::components::zone::{Here, zone_label};
use crate::server_functions::shares::{end_share, make_share, post_link, receivers, share_visits, shares};
use crate::wire::resource;

#[component]
pub fn Links() -> impl IntoView {
    let (query, place) = (use_query_map(), use_place());
    let of = Memo::new(move |_| query.with(|q| q.get("of")).unwrap_or_else(|| "/overview".into()));
    of.with_untracked(|_| ());
    let make = Action::new(|text: &ShareText| make_share(text.clone()));
    let end = Action::new(|id: &i64| end_share(*id));
    let wrong = RwSignal::new(None::<String>);
    let found = resource(move || (make.version().get(), end.version().get()), |_| shares());
    let known = resource(|| (), |()| receivers());
    let post = Action::new(|(receiver, title, text, link): &(String, String, String, String)| {
        post_link(receiver.clone(), title.clone(), text.clone(), link.clone())
    });
    let made = move || {
        let url = make.value().get()?.ok()?;
        let link = url.clone();
        let to = move || {
            let link = link.clone();
            Suspend::new(async move {
                let names = known.await.unwrap_or_default();
                (!names.is_empty()).then(|| {
                    let options: Vec<_> = names.into_iter().map(|n| view! { <option value=n.clone()>{n.clone()}</option> }).collect();
                    view! {
                        <form class="row wrap gap-8 mt-8" aria-label="Post the link" on:submit=move |event| {
                            let sent = Sent::of(&event);
                            let title = SharedPage::of(&of.get_untracked()).map(|p| p.title()).unwrap_or_else(|| "a page".into());
                            post.dispatch((sent.text("receiver"), title, sent.text("words"), link.clone()));
                        }>
                            <label class="f"><span>"Post it to"</span><select class="in" name="receiver">{options}</select></label>
                            <label class="f grow"><span>"With words"</span><input class="in" name="words" maxlength="500" autocomplete="off"/></label>
                            <button class="btn end" type="submit" disabled=move || post.pending().get()><Icon name="msg" small=true/>"Post"</button>
                        </form>
                    }
                })
            })
        };
        Some(view! {
            <div class="note good" role="status"><div class="grow"><b>"The link is ready. Copy it now, it is not shown again."</b>
            <label class="f"><span>"Link"</span><input class="in mono w" readonly value=url/></label>
            <Transition fallback=|| ()>{to}</Transition></div></div>
            {move || outcome(post.value().get(), "Posted.")}
        })
    };
    let roles: Vec<_> = [Role::Viewer, Role::Executive, Role::Operator]
        .into_iter()
        .map(|role| view! { <option value=role.name()>{format!("{}s and above, signed in", role.name())}</option> })
        .collect();
    view! {
        <Title text="Shared links"/>
        <Frame title=Signal::stored("Shared links".to_string())>
            <div class="head"><div><h1>"Shared links"</h1><p>"Whoever has a link sees one page, read only, and nothing else. Each opening is counted; a link can be ended at any time."</p></div></div>
            {move || wrong.get().map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
            {move || outcome(make.value().get().map(|r| r.map(|_| ())), "")}
            {made}
            {move || outcome(end.value().get(), "The link is ended.")}
            <form class="panel" aria-label="New link" on:submit=move |event| {
                let sent = Sent::of(&event);
                let here = place.get_untracked();
                match SharedPage::of(&sent.text("page")) {
                    None => wrong.set(Some("Overview, Operations, a system, a model or an incident can be shared; write its address, as /models/credit-risk".into())),
                    Some(page) => {
                        wrong.set(None);
                        let moving = here.range.unwrap_or(if matches!(page, SharedPage::Model { .. }) { RangeChoice::All } else { RangeChoice::Last(7 * DAY) });
                        make.dispatch(ShareText {
                            page,
                            environment: here.environment,
                            range: moving,
                            frozen: !sent.text("frozen").is_empty(),
                            annotations: !sent.text("annotations").is_empty(),
                            embed: !sent.text("embed").is_empty(),
                            role: Role::parse(&sent.text("role")),
                            hours: sent.text("hours").parse().ok(),
                            note: sent.text("note"),
                        });
                    }
                }
            }>
                <div class="pb row wrap gap-12 pt">
                    <label class="f grow"><span>"Page"</span><input class="in mono" name="page" required value=move || of.get()/></label>
                    <label class="f"><span>"For"</span><select class="in" name="role"><option value="">"whoever has the link"</option>{roles}</select></label>
                    <label class="f"><span>"Holds for"</span><select class="in" name="hours"><option value="24">"a day"</option><option value="168" selected>"a week"</option><option value="720">"30 days"</option><option value="">"until it is ended"</option></select></label>
                    <label class="f grow"><span>"What it is for"</span><input class="in" name="note" maxlength="500" autocomplete="off"/></label>
                    <label class="row end"><input type="checkbox" name="frozen" value="yes"/><span>"Range as it is now"</span></label>
                    <label class="row end"><input type="checkbox" name="annotations" value="yes"/><span>"With notes"</span></label>
                    <label class="row end"><input type="checkbox" name="embed" value="yes"/><span>"Within other sites"</span></label>
                    <button class="btn pri end" type="submit"><Icon name="share" small=true/>"Make a link"</button>
                </div>
            </form>
            <section class="panel mt-12" aria-label="Links"><Transition fallback=Loading>{move || Suspend::new(async move {
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
            let whom = s.text.role.map_or("whoever has it".to_string(), |role| format!("{}s and above", role.name()));
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

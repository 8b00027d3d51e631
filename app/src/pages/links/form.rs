//! The form that makes a link: who may open it, what they see, and how that looks, drawn by the page itself as
//! whoever opens the link will meet it.

use domain::Role;
use domain::people::Colleague;
use domain::share::{ShareText, SharedPage};
use domain::time::{DAY, HOUR, RangeChoice};
use leptos::prelude::*;

use crate::components::form::{Sent, outcome};
use crate::components::icons::Icon;
use crate::components::lasting::initially;
use crate::components::panel::Failed;
use crate::components::reading::{awaited, standing};
use crate::components::state::{Place, use_place};
use crate::pages::shared;
use crate::server_functions::Failure;
use crate::server_functions::shares::{colleagues, post_link, preview_share, receivers};
use crate::wire::resource;

pub type Make = Action<ShareText, Result<String, Failure>>;

/// How long a link can hold, in hours; nothing is until it is ended.
const HOLDS: [(&str, &str); 4] = [("24", "a day"), ("168", "a week"), ("720", "30 days"), ("", "until it is ended")];
const HOLDS_USUALLY: &str = "168";

/// What the fields say before anybody has touched them; `None` where the page is none that can be shared.
fn at_first(page: &str, here: &Place) -> Option<ShareText> {
    let page = SharedPage::of(page)?;
    // What each page shows where the address names no range.
    let usual = match page {
        SharedPage::Overview => RangeChoice::MONTH,
        SharedPage::Operations => RangeChoice::Last(HOUR),
        SharedPage::Model { .. } => RangeChoice::All,
        SharedPage::System { .. } | SharedPage::Incident { .. } => RangeChoice::Last(7 * DAY),
    };
    Some(ShareText {
        page,
        environment: here.environment.clone(),
        range: here.range.unwrap_or(usual),
        frozen: false,
        annotations: false,
        embed: false,
        role: Some(Role::Executive),
        people: None,
        hours: HOLDS_USUALLY.parse().ok(),
        note: String::new(),
    })
}

/// What they say now.
fn asked(sent: &Sent, here: &Place) -> Option<ShareText> {
    Some(ShareText {
        frozen: sent.text("live").is_empty(),
        annotations: !sent.text("annotations").is_empty(),
        embed: !sent.text("embed").is_empty(),
        role: (sent.text("for") == "role").then(|| Role::parse(&sent.text("role"))).flatten(),
        people: (sent.text("for") == "people").then(|| sent.all("person")),
        hours: sent.text("hours").parse().ok(),
        note: sent.text("note"),
        ..at_first(&sent.text("page"), here)?
    })
}

#[component]
pub fn NewLink(of: Memo<String>, make: Make) -> impl IntoView {
    let place = use_place();
    let wrong = RwSignal::new(false);
    let changed = RwSignal::new(None::<Option<ShareText>>);
    let text = Memo::new(move |_| changed.get().unwrap_or_else(|| at_first(&of.get(), &place.get())));
    text.with_untracked(|_| ());
    let whom = Memo::new(move |_| {
        text.with(|t| match t {
            Some(t) if t.people.is_some() => "people",
            Some(t) if t.for_anyone() => "anyone",
            _ => "role",
        })
    });
    whom.with_untracked(|_| ());
    let preview = resource(
        // What it is for, who may open it and how long change nothing of what is seen.
        move || text.get().map(|t| ShareText { role: None, people: None, hours: None, note: String::new(), ..t }),
        |text| async move {
            match text {
                Some(text) => preview_share(text).await.map(Some),
                None => Ok(None),
            }
        },
    );
    let choice = move |value: &'static str, words: &'static str, hint: &'static str, first: bool| {
        let on = move || whom.get() == value;
        view! { <label class="opt" class:on=on><input type="radio" name="for" value=value checked=first/><span><b>{words}</b><span class="hint">{hint}</span></span></label> }
    };
    let switch = |name: &'static str, words: &'static str, hint: &'static str, on: bool| {
        view! { <label class="row gap-8"><input class="sw" type="checkbox" name=name value="yes" checked=on/><span>{words}</span><span class="hint">{hint}</span></label> }
    };
    let roles: Vec<_> = [Role::Executive, Role::Viewer, Role::Operator]
        .into_iter()
        .map(|role| view! { <option value=role.name()>{format!("{}s and above", role.name())}</option> })
        .collect();
    let holds: Vec<_> = HOLDS
        .into_iter()
        .map(|(value, words)| view! { <option {..initially("selected", value == HOLDS_USUALLY)} value=value>{words}</option> })
        .collect();
    let title = move || text.with(|t| t.as_ref().map_or("a page".to_string(), |t| t.page.title()));
    view! {
        <form class="panel" aria-label="New link" on:change=move |event| changed.set(Some(asked(&Sent::within(&event), &place.get_untracked())))
            on:submit=move |event| {
                let text = asked(&Sent::of(&event), &place.get_untracked());
                wrong.set(text.is_none());
                if let Some(text) = text {
                    make.dispatch(text);
                }
            }>
            <header class="ph"><h2>{move || format!("Share “{}”", title())}</h2><span class="sub">"Read only. Keeps the range and the environment you see now."</span></header>
            {move || wrong.get().then(|| view! { <p class="note critical" role="alert">"Overview, Operations, a system, a model or an incident can be shared; write its address, as /models/credit-risk"</p> })}
            <div class="pb shg">
                <div class="col gap-12">
                    <fieldset class="col gap-8"><legend>"Who can open it"</legend>
                        {choice("people", "Named people", "after signing in", false)}
                        {move || (whom.get() == "people").then(|| view! { <Named/> })}
                        {choice("role", "Anyone here with a role", "after signing in", true)}
                        {choice("anyone", "Anyone with the link", "without signing in, wherever it is passed on to", false)}
                    </fieldset>
                    <div class="two">
                        <label class="f"><span>"Role needed"</span><select class="in" name="role" disabled=move || whom.get() != "role">{roles}</select></label>
                        <label class="f"><span>"Holds for"</span><select class="in" name="hours">{holds}</select></label>
                    </div>
                    <fieldset class="col gap-8"><legend>"What they see"</legend>
                        {switch("live", "Live figures", "off: the range as it is now", true)}
                        {switch("annotations", "Notes", "with the names of those who wrote them", false)}
                        {switch("embed", "Within other sites", "in an iframe, where nobody signs in: for anyone with the link", false)}
                    </fieldset>
                    <label class="f"><span>"Page"</span><input class="in mono" name="page" required value=move || of.get()/></label>
                    <label class="f"><span>"What it is for"</span><input class="in" name="note" maxlength="500" autocomplete="off"/></label>
                </div>
                <div class="col gap-12">
                    <div><span class="lab">"Preview"</span><div class="pv" inert aria-hidden="true"><Transition>{standing(move || async move {
                        match preview.await {
                            Ok(Some(seen)) => view! { <div class="pvs">{shared::framed(&seen)}</div> }.into_any(),
                            Ok(None) => ().into_any(),
                            Err(error) => view! { <Failed error/> }.into_any(),
                        }
                    })}</Transition></div></div>
                    <Made make title=Signal::derive(title) embed=Signal::derive(move || text.with(|t| t.as_ref().is_some_and(|t| t.embed)))/>
                </div>
            </div>
            <footer class="pf row gap-8"><Icon name="lock" small=true/><span class="hint grow">"Every opening is written down"</span>
                <button class="btn pri" type="submit" disabled=move || make.pending().get()><Icon name="share" small=true/>"Make a link"</button></footer>
        </form>
    }
    .into_any()
}

/// Everybody a link can be meant for, to choose from.
#[component]
fn Named() -> impl IntoView {
    let known = resource(|| (), |()| colleagues());
    let choose = move || async move {
        let people = match known.await {
            Ok(people) => people,
            Err(error) => return view! { <Failed error/> }.into_any(),
        };
        let one = |person: Colleague| {
            view! { <li><label class="row gap-8"><input type="checkbox" name="person" value=person.email.clone()/><span>{person.name}</span><span class="hint">{person.email}</span></label></li> }
        };
        let people: Vec<_> = people.into_iter().map(one).collect();
        view! { <ul class="whom" aria-label="People">{people}</ul> }.into_any()
    };
    view! { <Transition fallback=|| ()>{standing(choose)}</Transition> }
}

/// The link that was made, this once; how to embed it, and who can be told of it.
#[component]
fn Made(make: Make, title: Signal<String>, embed: Signal<bool>) -> impl IntoView {
    let known = resource(|| (), |()| receivers());
    let post = Action::new(|(receiver, title, text, link): &(String, String, String, String)| {
        post_link(receiver.clone(), title.clone(), text.clone(), link.clone())
    });
    let offer = move |link: String, names: Vec<String>| {
        (!names.is_empty()).then(|| {
            let options: Vec<_> = names.into_iter().map(|n| view! { <option value=n.clone()>{n.clone()}</option> }).collect();
            let receiver = NodeRef::<leptos::html::Select>::new();
            let words = NodeRef::<leptos::html::Input>::new();
            let send = move || {
                if let (Some(receiver), Some(words)) = (receiver.get_untracked(), words.get_untracked()) {
                    post.dispatch((receiver.value(), title.get_untracked(), words.value(), link.clone()));
                }
            };
            // Enter posts the link that is there; it does not make another one.
            let by_key = {
                let send = send.clone();
                move |event: leptos::ev::KeyboardEvent| {
                    if event.key() == "Enter" {
                        event.prevent_default();
                        send();
                    }
                }
            };
            view! {
                <div class="row wrap gap-8" role="group" aria-label="Post the link">
                    <label class="f"><span>"Post it to"</span><select class="in" node_ref=receiver>{options}</select></label>
                    <label class="f grow"><span>"With words"</span><input class="in" node_ref=words maxlength="500" autocomplete="off" on:keydown=by_key/></label>
                    <button class="btn end" type="button" disabled=move || post.pending().get() on:click=move |_| send()><Icon name="msg" small=true/>"Post"</button>
                </div>
            }
        })
    };
    let to = move |link: String| {
        awaited(move || link.clone(), move || known, move |link, names| offer(link, names.unwrap_or_default()))
    };
    move || {
        let link = match make.value().get()? {
            Ok(link) => link,
            Err(error) => {
                return Some(view! { <p class="note critical" role="alert">{error.to_string()}</p> }.into_any());
            }
        };
        let frame = embed.get_untracked().then(|| {
            let code = format!(
                "<iframe src=\"{link}\" title=\"{}\" width=\"100%\" height=\"420\"></iframe>",
                title.get_untracked()
            );
            view! { <div><span class="lab">"Embed in a page"</span><pre class="codeb">{code}</pre></div> }
        });
        let (field, posted) = (link.clone(), link);
        Some(
            view! {
                <p class="note good" role="status"><b>"The link is ready. Copy it now, it is not shown again."</b></p>
                <label class="f"><span>"Link"</span><input class="in mono w" readonly value=field/></label>
                {frame}
                <Transition fallback=|| ()>{to(posted.clone())}</Transition>
                {move || outcome(post.value().get(), "Posted.")}
            }
            .into_any(),
        )
    }
}

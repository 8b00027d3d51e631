//! Responses: what can be done about alerts, who decides, how often it helped, and a switch that stops all of it.

mod form;
pub mod run;

use domain::response::{ResponseView, ResponsesView, Run};
use leptos::prelude::*;
use leptos_meta::Title;

use crate::components::form::{Sent, fold, outcome};
use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Failed, Loading, Panel};
use crate::components::reading::{reading, standing};
use crate::components::status::Status;
use crate::components::zone::{Here, zone_label};
use crate::server_functions::Failure;
use crate::server_functions::responses::{delete_response, responses, save_response, stop_responses};
use form::{Save, editor};

type Delete = Action<String, Result<(), Failure>>;
type Stop = Action<Option<String>, Result<(), Failure>>;

#[component]
pub fn Responses() -> impl IntoView {
    let live = use_live();
    let save: Save = Action::new(|new: &domain::response::Response| save_response(new.clone()));
    let delete: Delete = Action::new(|name: &String| delete_response(name.clone()));
    let stop: Stop = Action::new(|reason: &Option<String>| stop_responses(reason.clone()));
    let wrong = RwSignal::new(None::<String>);
    let data = reading(
        || (),
        move || (live.alerts.get(), save.version().get(), delete.version().get(), stop.version().get()),
        |()| responses(),
    );
    Effect::new(move |_| {
        if matches!(save.value().get(), Some(Ok(()))) || matches!(stop.value().get(), Some(Ok(()))) {
            fold("#main");
        }
    });
    view! {
        <Title text="Responses"/>
        <Frame title=Signal::stored("Responses".to_string())>
            {move || wrong.get().map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
            {move || outcome(save.value().get(), "The response is in force.")}
            {move || outcome(delete.value().get(), "The response is gone; its runs stay on record.")}
            {move || outcome(stop.value().get(), "It is in force at once.")}
            <Transition fallback=Loading>{standing(move || async move {
                match data.await {
                    Err(error) => view! { <Failed error/> }.into_any(),
                    Ok(seen) => page(&seen, save, delete, stop, wrong),
                }
            })}</Transition>
        </Frame>
    }
}

fn page(seen: &ResponsesView, save: Save, delete: Delete, stop: Stop, wrong: RwSignal<Option<String>>) -> AnyView {
    let switch = match &seen.stopped {
        Some(word) => {
            let text =
                format!("{} stopped all responses on {}: {}", word.who, word.at.here().date_clock_zone(), word.reason);
            view! {
                <div class="note critical mb-12" role="status"><svg aria-hidden="true"><use href="#s-critical"></use></svg><div class="grow"><b>"Nothing is proposed or sent"</b><p>{text}</p></div>
                    <button class="btn sm" type="button" on:click=move |_| { stop.dispatch(None); }>"Let them go on"</button></div>
            }
            .into_any()
        }
        None => ().into_any(),
    };
    let stopping = seen.stopped.is_none().then(|| {
        view! {
            <details class="menu"><summary class="btn danger">"Stop all"</summary>
            <form class="menu-l wide" on:submit=move |event| { stop.dispatch(Some(Sent::of(&event).text("reason"))); }>
                <label class="f"><span>"Why nothing shall be done by itself"</span><input class="in" name="reason" required maxlength="1000"/></label>
                <button class="btn danger sm mt-8" type="submit">"Stop all responses"</button></form></details>
        }
    });
    let cards: Vec<_> = seen.all.iter().map(|r| card(r, save, delete, wrong)).collect();
    let empty = cards.is_empty().then(|| {
        view! { <Empty title="No response yet" text="A response calls your own automation about an alert: restart, scale, roll back. It is proposed, a person approves it, and whether it helped is counted."/> }
    });
    view! {
        <div class="head"><div class="grow"><h1>"Responses"</h1><p>"What can be done about an alert by calling your own automation, and who decides that it is."</p></div>{stopping}</div>
        {switch}
        <section class="panel mb-12" aria-label="Prepared responses"><header class="ph"><h2>"Prepared"</h2></header>{empty}<ul class="list">{cards}</ul>
            <details class="pf2"><summary class="btn xs"><Icon name="plus" small=true/>"Response"</summary>{editor(None, save, wrong)}</details></section>
        {history(&seen.runs)}
    }
    .into_any()
}

fn card(of: &ResponseView, save: Save, delete: Delete, wrong: RwSignal<Option<String>>) -> AnyView {
    let r = &of.response;
    let matchers: Vec<String> = r.matchers.iter().map(domain::alert::matcher::Matcher::text).collect();
    let tally = of.tally.words();
    let trusted = (of.tally.is_trusted() && r.control.needed() > 0)
        .then(|| view! { <p class="hint">"It helped nearly always: it might run by itself."</p> });
    let held = (!of.held_back.is_empty())
        .then(|| view! { <p class="st fair">{format!("A person is asked: {}", of.held_back)}</p> });
    let off = (!r.enabled).then(|| view! { <span class="tag">"off"</span> });
    let gone = r.name.clone();
    let label = format!("Remove {}", r.name);
    view! {
        <li><div class="grow"><p><b>{r.name.clone()}</b>" "<span class="tag">{r.control.words()}</span>" "{off}</p>
            <p class="mid">{r.description.clone()}</p><p class="hint mono">{matchers.join(", ")}</p>
            <p class="hint">{tally}</p>{trusted}{held}
            <details><summary class="btn ghost xs">"Change"</summary>{editor(Some(of), save, wrong)}</details></div>
            <button class="btn ghost xs" type="button" aria-label=label on:click=move |_| { delete.dispatch(gone.clone()); }><Icon name="trash" small=true/></button></li>
    }
    .into_any()
}

fn history(runs: &[Run]) -> AnyView {
    let rows: Vec<_> = runs
        .iter()
        .map(|r| {
            let href = match r.incident {
                Some(id) => format!("/incidents/{id}"),
                None => format!("/alerts/{}", r.fingerprint),
            };
            let who = match (r.approved.last(), &r.denied) {
                (_, Some(word)) | (Some(word), None) => word.who.clone(),
                (None, None) => String::new(),
            };
            view! {
                <tr><td class="nw">{r.proposed_at.here().date_clock()}</td><th scope="row" class="plain"><a href=href>{r.response.clone()}</a></th><td>{r.about.clone()}</td>
                <td><Status of=run::status(r) text=r.words()/></td><td>{who}</td></tr>
            }
        })
        .collect();
    if rows.is_empty() {
        return view! { <Panel title="Runs" sub="" span="c-12"><Empty title="Nothing was proposed yet" text="Each proposal stands here with what was decided, and whether it helped."/></Panel> }.into_any();
    }
    view! {
        <Panel title="Runs" sub="the newest first" span="c-12" flush=true><div class="tw"><table class="t"><thead><tr><th scope="col">"Proposed "<span class="u">{zone_label()}</span></th><th scope="col">"Response"</th><th scope="col">"About"</th><th scope="col">"What came of it"</th><th scope="col">"Who decided"</th></tr></thead><tbody>{rows}</tbody></table></div></Panel>
    }
    .into_any()
}

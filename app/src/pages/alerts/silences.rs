//! Silences: what is kept quiet, until when, why; and what a new one would cover before it is made.

use domain::alert::matcher::Matcher;
use domain::alert::silence::{Silence, SilenceState};
use domain::time::HOUR;
use domain::{Timestamp, format};
use leptos::prelude::*;
use leptos_meta::Title;

use super::now_micros;
use crate::components::form::{Sent, outcome};
use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::latest::Latest;
use crate::components::panel::{Empty, Failed, Loading};
use crate::components::reading::standing;
use crate::components::zone::{Here, zone, zone_label};
use crate::server_functions::Failure;
use crate::server_functions::alerts::{covered, end_silence, make_silence, silences_known};
use crate::wire::resource;

type New = (String, Option<Timestamp>, Timestamp, String, bool);

#[component]
pub fn Silences() -> impl IntoView {
    let make = Action::new(|(matchers, from, until, why, maintenance): &New| {
        make_silence(matchers.clone(), *from, *until, why.clone(), *maintenance)
    });
    let preview = Latest::<Result<Vec<String>, Failure>>::unasked();
    let end = Action::new(|id: &String| end_silence(id.clone()));
    let found = resource(move || (make.version().get(), end.version().get()), |_| silences_known());
    let shown = move || match preview.answer() {
        None => None,
        Some(Err(error)) => Some(view! { <p class="note critical" role="alert">{error.to_string()}</p> }.into_any()),
        Some(Ok(names)) => {
            let words = match names.len() {
                0 => "It would cover no alert that is open now.".to_string(),
                n => format!("It would cover {n} open: {}", names.join(", ")),
            };
            Some(view! { <p class="note" role="status">{words}</p> }.into_any())
        }
    };
    let clock = zone();
    view! {
        <Title text="Silences"/>
        <Frame title=Signal::stored("Silences".to_string()) crumbs=vec![("Alerts", "/alerts")]>
            <div class="head"><div><h1>"Silences"</h1><p>"Alerts that somebody asked not to be told of. They are still evaluated, listed and counted."</p></div></div>
            {move || outcome(make.value().get(), "The silence is made.")}
            {move || outcome(end.value().get(), "The silence is over.")}
            <form class="panel" aria-label="New silence" on:submit=move |event| {
                let sent = Sent::of(&event);
                let hours: i64 = sent.text("hours").parse().unwrap_or(1);
                let from = clock.parse(&sent.text("from"));
                let until = from.unwrap_or(Timestamp(now_micros())).plus(hours * HOUR);
                make.dispatch((sent.text("matchers"), from, until, sent.text("why"), !sent.text("maintenance").is_empty()));
            }>
                <div class="pb row wrap gap-12 pt">
                    <label class="f grow"><span>"Matchers"</span><input class="in mono" name="matchers" required autocomplete="off" placeholder="alertname=\"Disk full\", host=~\"gpu-.*\""
                        on:change=move |event| { preview.ask(covered(event_target_value(&event))); }/></label>
                    <label class="f"><span>{format!("From, {}; now where empty", zone_label())}</span><input class="in" type="datetime-local" name="from"/></label>
                    <label class="f"><span>"For"</span><select class="in" name="hours"><option value="1">"1 h"</option><option value="2">"2 h"</option><option value="8">"8 h"</option><option value="24">"1 day"</option><option value="168">"7 days"</option><option value="720">"30 days"</option></select></label>
                    <label class="f grow"><span>"Why"</span><input class="in" name="why" required maxlength="500"/></label>
                    <label class="row chk end"><input type="checkbox" name="maintenance" value="yes"/><span>"Planned maintenance"</span></label>
                    <button class="btn pri end" type="submit"><Icon name="mute" small=true/>"Silence"</button>
                </div>
                <div class="pb">{shown}</div>
            </form>
            <section class="panel mt-12" aria-label="Silences"><Transition fallback=Loading>{standing(move || async move {
                match found.await {
                    Err(error) => view! { <Failed error/> }.into_any(),
                    Ok((_, silences)) if silences.is_empty() => view! { <Empty title="No silence" text="Nothing is kept quiet. A silence can be made here, from an alert, or by amtool."/> }.into_any(),
                    Ok((now, silences)) => table(silences, now, end),
                }
            })}</Transition></section>
        </Frame>
    }
}

fn table(silences: Vec<Silence>, now: Timestamp, end: Action<String, Result<(), Failure>>) -> AnyView {
    let rows: Vec<_> = silences
        .into_iter()
        .map(|s| {
            let state = s.state(now);
            let text: Vec<String> = s.matchers.iter().map(Matcher::text).collect();
            let when = match state {
                SilenceState::Active => format!("{} left", format::duration(s.ends_at.0 - now.0)),
                SilenceState::Pending => format!("begins {}", s.starts_at.here().date_clock_zone()),
                SilenceState::Expired => format!("ended {}", s.ends_at.here().date_clock_zone()),
            };
            let kind = s.maintenance.then(|| view! { <span class="tag">"maintenance"</span> });
            let button = (state != SilenceState::Expired).then(|| {
                let id = s.id.clone();
                view! { <button class="btn xs" type="button" on:click=move |_| { end.dispatch(id.clone()); }>"End"</button> }
            });
            view! {
                <tr><th scope="row" class="mono plain">{text.join(", ")}</th><td>{s.comment}" "{kind}</td><td>{s.created_by}</td><td class="nw">{state.name()}<span class="hint blk">{when}</span></td><td class="num">{button}</td></tr>
            }
        })
        .collect();
    view! {
        <table class="t"><thead><tr><th scope="col">"Matchers"</th><th scope="col">"Why"</th><th scope="col">"By"</th><th scope="col">"State"</th><th scope="col"><span class="sr">"End"</span></th></tr></thead><tbody>{rows}</tbody></table>
    }
    .into_any()
}

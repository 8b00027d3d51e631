//! The summary for those who do not open Overview: sent now, or each week.

use domain::summary::Weekly as Plan;
use leptos::prelude::*;

use crate::components::form::{Sent, outcome};
use crate::components::icons::Icon;
use crate::components::lasting::initially;
use crate::components::panel::Failed;
use crate::components::zone::{Here, zone};
use crate::server_functions::shares::{send_summary, set_weekly_summary, weekly_summary};

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Reads what is set only when it is opened.
#[component]
pub fn Weekly() -> impl IntoView {
    let look = Action::new(|()| weekly_summary());
    let body = move || {
        Some(match look.value().get()? {
            Err(error) => view! { <Failed error/> }.into_any(),
            Ok((_, receivers)) if receivers.is_empty() => {
                view! { <p class="hint">"Nobody can be told yet: add where messages go under On-call."</p> }.into_any()
            }
            Ok((plan, receivers)) => view! { <Form plan receivers/> }.into_any(),
        })
    };
    view! {
        <details class="menu hide-m noprint" on:toggle=move |_| { look.dispatch(()); }>
            <summary class="btn"><Icon name="msg" small=true/>"Weekly summary"</summary>
            <div class="menu-l wide pb">{body}</div>
        </details>
    }
}

#[component]
fn Form(plan: Plan, receivers: Vec<String>) -> impl IntoView {
    let send = Action::new(|receiver: &String| send_summary(receiver.clone()));
    let save = Action::new(|plan: &Plan| set_weekly_summary(plan.clone()));
    let own = zone().name.clone();
    let submit = move |event: leptos::ev::SubmitEvent| {
        let sent = Sent::of(&event);
        let number = |name: &str| sent.text(name).parse().unwrap_or(0);
        let receiver = sent.text("receiver");
        if sent.text("when") == "now" {
            send.dispatch(receiver);
            return;
        }
        let receiver = if sent.text("when") == "never" { String::new() } else { receiver };
        save.dispatch(Plan { receiver, day: number("day"), hour: number("hour"), zone: own.clone(), sent: None });
    };
    let on = !plan.receiver.is_empty();
    let names: Vec<_> = receivers
        .into_iter()
        .map(|name| view! { <option {..initially("selected", name == plan.receiver)} value=name.clone()>{name.clone()}</option> })
        .collect();
    let days: Vec<_> = (0_u8..)
        .zip(DAYS)
        .map(|(day, name)| view! { <option {..initially("selected", day == plan.day)} value=day.to_string()>{name}</option> })
        .collect();
    let hours: Vec<_> = (0..24_u8)
        .map(|hour| view! { <option {..initially("selected", hour == plan.hour)} value=hour.to_string()>{format!("{hour:02}:00")}</option> })
        .collect();
    let ways: Vec<_> = [("now", "now, once"), ("weekly", "each week"), ("never", "no more")]
        .into_iter()
        .map(|(way, words)| view! { <option {..initially("selected", way == if on { "weekly" } else { "now" })} value=way>{words}</option> })
        .collect();
    let last =
        plan.sent.map(|at| view! { <p class="hint">{format!("The last left {}.", at.here().date_clock_zone())}</p> });
    view! {
        <form class="col gap-12" aria-label="Weekly summary" on:submit=submit>
            <p class="hint">"What stands on this page, in words: the answer, the figures, what needs attention, what is due."</p>
            <label class="f"><span>"To"</span><select class="in" name="receiver">{names}</select></label>
            <label class="f"><span>"Send it"</span><select class="in" name="when">{ways}</select></label>
            <div class="two m0">
                <label class="f"><span>"On"</span><select class="in" name="day">{days}</select></label>
                <label class="f"><span>{format!("At, {}", zone().label())}</span><select class="in" name="hour">{hours}</select></label>
            </div>
            {last}
            {move || outcome(send.value().get().map(|r| r.map(|_| ())), "Sent.")}
            {move || outcome(save.value().get(), "Saved.")}
            <div><button class="btn pri" type="submit" disabled=move || send.pending().get()>"Do it"</button></div>
        </form>
    }
}

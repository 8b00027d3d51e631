//! What waits to be decided about an alert or an incident, what was done, and what may be proposed.

use domain::response::{Call, Control, Run, RunAct, State};
use domain::{Status as Of, format};
use leptos::prelude::*;

use super::form::written;
use crate::components::alert::Avatar;
use crate::components::form::{Sent, outcome};
use crate::components::icons::Icon;
use crate::components::status::Status;
use crate::components::zone::Here;
use crate::server_functions::Failure;
use crate::server_functions::responses::{act_on_run, propose_response};

/// What people do about runs, and what came of it.
#[derive(Clone, Copy)]
pub struct Hands {
    act: Action<(i64, RunAct), Result<(), Failure>>,
    propose: Action<(String, String), Result<(), Failure>>,
}

impl Hands {
    pub fn new() -> Hands {
        Hands {
            act: Action::new(|(id, act): &(i64, RunAct)| act_on_run(*id, act.clone())),
            propose: Action::new(|(name, alert): &(String, String)| propose_response(name.clone(), alert.clone())),
        }
    }

    /// Grows with each deed, so that the page reads what came of it.
    pub fn done(self) -> usize {
        self.act.version().get() + self.propose.version().get()
    }

    /// What went wrong, said where the page says such things.
    pub fn said(self) -> impl IntoView {
        view! { {move || outcome(self.act.value().get(), "It is noted.")}{move || outcome(self.propose.value().get(), "It is proposed.")} }
    }
}

impl Default for Hands {
    fn default() -> Self {
        Hands::new()
    }
}

/// The status that a run's state looks like.
pub fn status(run: &Run) -> Of {
    match run.state {
        State::Proposed | State::Running | State::Undoing => Of::Fair,
        State::Watched => Of::Good,
        State::Done if run.helped == Some(false) => Of::Poor,
        State::Done => Of::Good,
        State::Failed => Of::Critical,
        State::Denied | State::Expired | State::Withdrawn | State::Undone => Of::NoData,
    }
}

/// Beside an alert or an incident: proposals first, then what was done, then what may be proposed.
pub fn beside(runs: &[Run], offered: &[(String, String)], hands: Hands) -> AnyView {
    let (waiting, past): (Vec<&Run>, Vec<&Run>) = runs.iter().partition(|r| r.state == State::Proposed);
    let waiting: Vec<_> = waiting.into_iter().map(|run| decision(run, hands)).collect();
    let rows: Vec<_> = past.into_iter().map(|run| line(run, hands)).collect();
    let offers: Vec<_> = offered
        .iter()
        .map(|(name, alert)| {
            let (shown, own) = (format!("Propose: {name}"), (name.clone(), alert.clone()));
            view! { <button class="btn sm" type="button" on:click=move |_| { hands.propose.dispatch(own.clone()); }><Icon name="play" small=true/>{shown}</button> }
        })
        .collect();
    let other = (!rows.is_empty() || !offers.is_empty()).then(|| {
        view! {
            <section class="panel" aria-label="Responses"><header class="ph"><h2>"Responses"</h2><div class="act"><a href="/responses">"All"</a></div></header>
            <ul class="list">{rows}</ul>
            {(!offers.is_empty()).then(|| view! { <div class="pf2 row wrap gap-8">{offers}</div> })}</section>
        }
    });
    view! { {waiting}{other} }.into_any()
}

/// One that is decided already.
fn line(run: &Run, hands: Hands) -> AnyView {
    let at = run.ran_at.unwrap_or(run.proposed_at).here().date_clock();
    let people: Vec<_> = run
        .approved
        .iter()
        .chain(&run.denied)
        .map(|w| view! { <p class="row hint"><Avatar name=w.who.clone()/>{format!("{}: {}", w.who, w.reason)}</p> })
        .collect();
    let answer = (!run.answer.is_empty()).then(|| view! { <p class="hint mono">{run.answer.clone()}</p> });
    view! {
        <li><div class="grow"><b>{run.response.clone()}</b>" "<Status of=status(run) text=run.words()/><p class="hint">{at}</p>{people}{answer}{undo(run, hands)}</div></li>
    }
    .into_any()
}

/// The way back, where there is one.
fn undo(run: &Run, hands: Hands) -> Option<AnyView> {
    let can = matches!(run.state, State::Watched | State::Done) && run.has_way_back();
    let id = run.id;
    can.then(|| {
        view! {
            <details><summary class="btn xs">"Undo"</summary>
            <form class="row mt-8" on:submit=move |event| { hands.act.dispatch((id, RunAct::Undo { reason: Sent::of(&event).text("reason") })); }>
                <input class="in sm grow" name="reason" required maxlength="1000" aria-label="Why it is taken back" placeholder="Why"/>
                <button class="btn xs danger" type="submit">"Take it back"</button></form></details>
        }
        .into_any()
    })
}

/// What will be sent, call by call, as lines with numbers.
fn plan(run: &Run) -> AnyView {
    let calls = run.plan.calls();
    let count = calls.len();
    let shown = |(place, call): (usize, Call)| {
        let text = match written(&call.parameters) {
            none if none.is_empty() => "no parameters".to_string(),
            text => text,
        };
        let lines: Vec<_> = text
            .lines()
            .enumerate()
            .map(|(n, line)| view! { <div><span>{n + 1}</span><span></span><span>{line.to_string()}</span></div> })
            .collect();
        let name = (count > 1).then(|| {
            let words = if call.name.is_empty() { String::new() } else { format!(": {}", call.name) };
            let stays = if call.undo_url.is_empty() { ", without a way back" } else { "" };
            view! { <p class="hint mt-8">{format!("Call {} of {count}{words}{stays}", place + 1)}</p> }
        });
        view! { {name}<div class="diff mt-8"><div class="hd"><span></span><span></span><span title=call.url.clone()>{format!("POST {}", call.url)}</span></div>{lines}</div> }
    };
    calls.into_iter().enumerate().map(shown).collect_view().into_any()
}

/// What its receivers said when it was tried without effect, and a way to ask them once more.
fn tried(run: &Run, hands: Hands) -> AnyView {
    let id = run.id;
    match (&run.tried, run.try_first) {
        (Some((at, good, answer)), _) => {
            let of = if *good { Of::Good } else { Of::Critical };
            let text = format!("{} {}", if *good { "passed" } else { "failed" }, at.here().clock());
            view! { <dd><Status of text/><span class="hint">{answer.clone()}</span>
                <button class="btn ghost xs" type="button" on:click=move |_| { hands.act.dispatch((id, RunAct::Try)); }>"Try again"</button></dd> }
            .into_any()
        }
        (None, true) => view! { <dd>"on its way"</dd> }.into_any(),
        (None, false) => view! { <dd class="mid">"not prepared"</dd> }.into_any(),
    }
}

fn decision(run: &Run, hands: Hands) -> AnyView {
    let (id, hash) = (run.id, run.plan.hash.clone());
    let form = NodeRef::<leptos::html::Form>::new();
    let by = if run.by.is_empty() { "by its alert".to_string() } else { format!("by {}", run.by) };
    let words = format!(
        "{} Proposed {}, {by}. Holds until {}.",
        run.description,
        run.proposed_at.here().date_clock(),
        run.expires_at.here().date_clock_zone()
    );
    let held = (!run.held_back.is_empty())
        .then(|| view! { <p class="mid mt-4">{format!("It may run by itself, but {}.", run.held_back)}</p> });
    let facts: Vec<_> =
        run.touches.iter().map(|(of, what)| view! { <dt>{of.clone()}</dt><dd>{what.clone()}</dd> }).collect();
    let tried = tried(run, hands);
    let calls = run.plan.calls();
    let back = match (calls.iter().filter(|c| c.undo_url.is_empty()).count(), calls.len()) {
        (missing, all) if missing == all => "no way back is prepared".to_string(),
        (_, 1) => "by a person, here".into(),
        (0, _) => "by a person, here; by itself where a later call fails".into(),
        (missing, all) => format!("{} of {all} calls: by a person, or where a later one fails", all - missing),
    };
    let within = format!("within {}, or it did not help", format::duration(run.helps_within));
    let people: Vec<_> = run
        .approved
        .iter()
        .map(|w| view! { <p class="row hint mt-4"><Avatar name=w.who.clone()/>{format!("{} approved: {}", w.who, w.reason)}</p> })
        .collect();
    let two = (run.control == Control::Two)
        .then(|| view! { <p class="hint mt-8">"Two different people approve; it runs with the second."</p> });
    let deny = move |_| {
        let reason = form.get_untracked().map(|form| Sent::from(&form).text("reason")).unwrap_or_default();
        hands.act.dispatch((id, RunAct::Deny { reason }));
    };
    view! {
        <section class="panel emph poor apv" aria-label="Waiting for approval"><header class="ph"><h2>{run.response.clone()}</h2>
            <div class="act"><Status of=Of::Fair text=run.words() pill=true/></div></header>
        <div class="pb"><p class="mid">{words}</p>{held}<p class="mt-4">{run.about.clone()}</p>{plan(run)}
            <h3 class="lab mt-12">"What it touches"</h3>
            <dl class="kv">{facts}<dt>"Dry run"</dt>{tried}<dt>"Undo"</dt><dd>{back}</dd><dt>"Back to normal"</dt><dd>{within}</dd></dl>{people}
            // Sent before the script has come, what is in it does not stand in an address.
            <form node_ref=form method="post" on:submit=move |event| {
                let sent = Sent::of(&event);
                hands.act.dispatch((id, RunAct::Approve { hash: hash.clone(), reason: sent.text("reason"), password: sent.text("password") }));
            }>
                <label class="f mt-12"><span>"Reason, kept in the audit log"</span><input class="in" name="reason" required maxlength="1000" autocomplete="off"/></label>
                <label class="f mt-8"><span>"Your password once more"</span><input class="in" type="password" name="password" required autocomplete="current-password"/></label>
                <div class="row mt-12 gap-8"><button class="btn pri grow" type="submit"><Icon name="check" small=true/>"Approve and run"</button>
                    <button class="btn danger" type="button" on:click=deny>"Deny"</button></div></form>{two}
        </div></section>
    }
    .into_any()
}

//! Who is called, step by step, until somebody takes it on; read, written and taken away.

use domain::alert::escalation::{Policy, Step, Target};
use domain::alert::view::{OnCallView, Reached};
use domain::format;
use domain::time::{HOUR, MINUTE};
use leptos::prelude::*;

use super::edits::{Edit, target, target_value};
use super::{Change, Page};
use crate::components::form::Sent;
use crate::components::icons::Icon;
use crate::components::lasting::initially;
use crate::components::panel::Panel;

/// Waits that are offered before a step, in minutes.
const WAITS: [i64; 8] = [0, 1, 2, 5, 10, 15, 30, 60];
/// For how long an acknowledgement may hold, in hours.
const HOLDS: [i64; 4] = [1, 4, 12, 24];
/// How often the steps may be gone through.
const ROUNDS: [(u32, &str); 4] = [(0, "once"), (1, "twice"), (2, "three times"), (5, "six times")];
const STEPS_MAX: usize = 20;

pub fn escalation(seen: &OnCallView, change: Change, call: Page) -> AnyView {
    let policies: Vec<_> = seen.policies.iter().map(|policy| shown(policy, seen, change, call)).collect();
    let empty = policies.is_empty().then(
        || view! { <p class="mid">"No policy yet: messages go to destinations only, and nobody is called by name."</p> },
    );
    let first = seen.schedules.first().map(|s| s.schedule.name.clone());
    let own = seen.people.first().map(|p| Target::Person(p.email.clone()));
    let new = Policy {
        steps: match (first, own) {
            (Some(name), _) => vec![
                Step { after: 0, targets: vec![Target::OnCall(name.clone())] },
                Step { after: 5 * MINUTE, targets: vec![Target::Backup(name)] },
            ],
            (None, own) => vec![Step { after: 0, targets: own.into_iter().collect() }],
        },
        repeat: 1,
        ..Policy::default()
    };
    let new = editor(&new, seen, change);
    view! {
        <Panel title="Escalation" sub="until somebody takes it on" span="c-12"><div class="policies">{empty}{policies}
        <details><summary class="btn xs"><Icon name="plus" small=true/>"Policy"</summary>{new}</details></div></Panel>
    }
    .into_any()
}

fn when(after: i64) -> String {
    if after == 0 { "At once".to_string() } else { format!("After {}", format::duration(after)) }
}

/// What came of a test page, a line each.
pub fn reached(all: Vec<Reached>) -> AnyView {
    let good = all.iter().all(|one| one.problem.is_empty());
    let line = |one: Reached| match (one.by.as_str(), one.problem.as_str()) {
        ("", problem) => format!("{}: {problem}.", one.who),
        (by, "") => format!("{}: the page arrived by {by}.", one.who),
        (by, problem) => format!("{}: by {by}, {problem}.", one.who),
    };
    let lines: Vec<_> = all.into_iter().map(|one| view! { <p>{line(one)}</p> }).collect();
    let tone = if good { "note good" } else { "note critical" };
    view! { <div class=tone role="status"><div>{lines}</div></div> }.into_any()
}

fn shown(policy: &Policy, seen: &OnCallView, change: Change, call: Page) -> AnyView {
    let of: Vec<&str> =
        seen.receivers.iter().filter(|(_, own, _)| *own == policy.name).map(|(name, ..)| name.as_str()).collect();
    let of = if of.is_empty() { "of no receiver yet".to_string() } else { format!("for {}", of.join(", ")) };
    let steps: Vec<_> = policy
        .steps
        .iter()
        .enumerate()
        .map(|(n, s)| {
            let who: Vec<_> = s.targets.iter().map(|t| view! { <span class="chip"><Icon name="phone" small=true/>{words(seen, t)}</span> }).collect();
            view! { <li><span class="mk">{n + 1}</span><div class="box"><b>{when(s.after)}</b><div class="row wrap gap-4 mt-4">{who}</div></div></li> }
        })
        .collect();
    let again = ROUNDS.iter().find(|(n, _)| *n == policy.repeat).map(|(_, words)| (*words).to_string());
    let again = again.unwrap_or_else(|| format!("{} times", policy.repeat + 1));
    let holds = policy.acknowledged_for.map(|t| format!("; taken on holds for {}", format::duration(t)));
    let (name, gone, called) = (policy.name.clone(), policy.name.clone(), policy.name.clone());
    let label = format!("Remove the policy {name}");
    view! {
        <div class="mb-12"><p class="row wrap gap-8"><b class="grow">{name}</b>
        <button class="btn xs" type="button" disabled=move || call.pending().get() on:click=move |_| { call.dispatch(called.clone()); }><Icon name="play" small=true/>"Send a test page"</button>
        <button class="btn ghost xs" type="button" aria-label=label on:click=move |_| { change.dispatch(Edit::WithoutPolicy(gone.clone())); }><Icon name="trash" small=true/></button></p>
        <p class="hint">{format!("{of}, gone through {again}{}", holds.unwrap_or_default())}</p>
        <ol class="es mt-8">{steps}</ol>
        <details><summary class="btn ghost xs">"Change"</summary>{editor(policy, seen, change)}</details></div>
    }
    .into_any()
}

/// A step while it is written. The number stays with it when others come and go.
#[derive(Clone, Copy)]
struct Draft {
    number: usize,
    after: RwSignal<i64>,
    targets: RwSignal<Vec<Target>>,
}

impl Draft {
    fn of(number: usize, step: Step) -> Draft {
        Draft { number, after: RwSignal::new(step.after), targets: RwSignal::new(step.targets) }
    }
}

/// A policy in fields. One that has a name keeps it.
fn editor(policy: &Policy, seen: &OnCallView, change: Change) -> AnyView {
    let drafts = policy.steps.iter().cloned().enumerate().map(|(n, step)| Draft::of(n, step)).collect::<Vec<_>>();
    let (next, drafts) = (StoredValue::new(drafts.len()), RwSignal::new(drafts));
    let wrong = RwSignal::new(None::<&'static str>);
    let offered = StoredValue::new(offered(seen));
    let known = policy.name.clone();
    let is_new = known.is_empty();
    let (own_repeat, own_hold) = (policy.repeat, policy.acknowledged_for);
    let more = move |_| {
        let number = next.get_value();
        next.set_value(number + 1);
        drafts.update(|all| all.push(Draft::of(number, Step { after: 5 * MINUTE, targets: Vec::new() })));
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        let sent = Sent::of(&event);
        let step = |d: &Draft| Step { after: d.after.get_untracked(), targets: d.targets.get_untracked() };
        let steps: Vec<Step> = drafts.with_untracked(|all| all.iter().map(step).collect());
        if steps.iter().any(|s| s.targets.is_empty()) {
            wrong.set(Some("Each step calls somebody: add whom, or remove the step."));
            return;
        }
        wrong.set(None);
        let policy = Policy {
            name: if known.is_empty() { sent.text("name").trim().to_string() } else { known.clone() },
            steps,
            repeat: sent.text("repeat").parse().unwrap_or(own_repeat),
            acknowledged_for: match sent.text("holds").parse::<i64>() {
                Ok(hours) => Some(hours * HOUR),
                Err(_) if sent.text("holds").is_empty() => None,
                Err(_) => own_hold,
            },
        };
        change.dispatch(Edit::Policy { receiver: sent.text("receiver"), policy });
    };
    let names: Vec<_> =
        seen.receivers.iter().map(|(name, ..)| view! { <option value=name.clone()>{name.clone()}</option> }).collect();
    let as_it_is = (!is_new).then(|| view! { <option value="">"no other receiver"</option> });
    let rounds: Vec<_> = ROUNDS
        .into_iter()
        .map(|(n, words)| view! { <option {..initially("selected", n == policy.repeat)} value=n.to_string()>{words}</option> })
        .collect();
    let other_rounds = (!ROUNDS.iter().any(|(n, _)| *n == policy.repeat))
        .then(|| view! { <option {..initially("selected", true)} value=policy.repeat.to_string()>{format!("{} times", policy.repeat + 1)}</option> });
    let holds: Vec<_> = HOLDS
        .into_iter()
        .map(|hours| view! { <option {..initially("selected", own_hold == Some(hours * HOUR))} value=hours.to_string()>{format!("for {hours} h")}</option> })
        .collect();
    let other_hold = own_hold.filter(|own| !HOLDS.iter().any(|h| h * HOUR == *own)).map(|own| {
        view! { <option {..initially("selected", true)} value="own">{format!("for {}", format::duration(own))}</option> }
    });
    let name_field = is_new.then(
        || view! { <label class="f grow"><span>"Name"</span><input class="in" name="name" required maxlength="100"/></label> },
    );
    view! {
        <form class="col gap-12 mt-12" on:submit=submit>
            <div class="row wrap gap-12">{name_field}
                <label class="f grow"><span>"For the receiver"</span><select class="in" name="receiver">{as_it_is}{names}</select></label></div>
            <ol class="es"><For each=move || drafts.get() key=|d| d.number let:draft>{row(draft, drafts, offered)}</For></ol>
            <p><button class="btn xs" type="button" disabled=move || { drafts.with(Vec::len) >= STEPS_MAX } on:click=more><Icon name="plus" small=true/>"Step"</button></p>
            <div class="row wrap gap-12">
                <label class="f grow"><span>"All steps are gone through"</span><select class="in" name="repeat">{rounds}{other_rounds}</select></label>
                <label class="f grow"><span>"Whoever takes it on has it"</span><select class="in" name="holds"><option value="">"as long as it fires"</option>{holds}{other_hold}</select></label></div>
            {move || wrong.get().map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
            <button class="btn pri" type="submit">"Keep the policy"</button></form>
    }
    .into_any()
}

/// Everybody and everything a step can call: the value of the field, and words.
fn offered(seen: &OnCallView) -> Vec<(String, String)> {
    let turns = seen.schedules.iter().map(|s| s.schedule.name.clone());
    let turns = turns.flat_map(|name| [Target::OnCall(name.clone()), Target::Backup(name)]);
    let receivers = seen.receivers.iter().map(|(name, ..)| Target::Receiver(name.clone()));
    let people = seen.people.iter().map(|p| Target::Person(p.email.clone()));
    turns.chain(people).chain(receivers).map(|t| (target_value(&t), words(seen, &t))).collect()
}

fn words(seen: &OnCallView, target: &Target) -> String {
    match target {
        Target::Person(address) => seen.name_of(address).to_string(),
        Target::Receiver(name) => format!("all of {name}"),
        other => other.words(),
    }
}

fn row(draft: Draft, drafts: RwSignal<Vec<Draft>>, offered: StoredValue<Vec<(String, String)>>) -> AnyView {
    let Draft { number, after, targets } = draft;
    let place = move || drafts.with(|all| all.iter().position(|d| d.number == number)).unwrap_or_default() + 1;
    let own = after.get_untracked();
    let mut waits: Vec<i64> = WAITS.iter().map(|m| m * MINUTE).collect();
    if !waits.contains(&own) {
        waits.push(own);
    }
    let waits: Vec<_> = waits
        .into_iter()
        .map(|wait| view! { <option {..initially("selected", wait == own)} value=wait.to_string()>{when(wait)}</option> })
        .collect();
    let adder = NodeRef::<leptos::html::Select>::new();
    let chips = move || {
        targets
            .get()
            .into_iter()
            .map(|one| {
                let value = target_value(&one);
                let named = offered.with_value(|all| all.iter().find(|(v, _)| *v == value).map(|(_, text)| text.clone()));
                let text = named.unwrap_or_else(|| one.words());
                let label = format!("Do not call {text}");
                // The keys go on to where another can be added: the button is no more.
                let remove = move |_| {
                    targets.update(|all| all.retain(|t| *t != one));
                    if let Some(adder) = adder.get_untracked() {
                        let _ = adder.focus();
                    }
                };
                view! { <span class="chip"><Icon name="phone" small=true/>{text}<button class="x" type="button" aria-label=label on:click=remove>"×"</button></span> }
            })
            .collect::<Vec<_>>()
    };
    let add = move |event: leptos::ev::Event| {
        let one = target(&event_target_value(&event));
        targets.update(|all| {
            if !all.contains(&one) {
                all.push(one);
            }
        });
        if let Some(adder) = adder.get_untracked() {
            adder.set_value("");
        }
    };
    let options: Vec<_> =
        offered.get_value().into_iter().map(|(value, text)| view! { <option value=value>{text}</option> }).collect();
    let remove = move |_| drafts.update(|all| all.retain(|d| d.number != number));
    view! {
        <li><span class="mk">{place}</span><div class="box">
            <div class="row wrap gap-8"><select class="in" aria-label=move || format!("When step {} comes", place()) on:change=move |event| after.set(event_target_value(&event).parse().unwrap_or(own))>{waits}</select>
                <span class="grow"></span>
                <button class="btn ghost xs" type="button" aria-label=move || format!("Remove step {}", place()) disabled=move || { drafts.with(Vec::len) < 2 } on:click=remove><Icon name="trash" small=true/></button></div>
            <div class="row wrap gap-4 mt-8">{chips}
                <select class="in" node_ref=adder aria-label=move || format!("Add to step {}", place()) on:change=add><option value="">"Add…"</option>{options}</select></div>
        </div></li>
    }
    .into_any()
}

//! One incident: likely cause, signals of all layers on one axis, timeline, notes, people, and why somebody
//! was told.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::alert::view::{Entry, EntryKind};
use domain::annotation::{AnnotationText, Subject};
use domain::incident::{AlignedSignal, Incident, IncidentAct, IncidentState, IncidentView};
use domain::signal::Layer;
use domain::time::MINUTE;
use domain::{Timestamp, format};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use super::super::responses::run::{Hands, beside};
use crate::charts::chart::Chart;
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::components::alert::{Avatar, Sev};
use crate::components::form::{Sent, outcome};
use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::live::use_live;
use crate::components::note::written;
use crate::components::panel::{Failed, Loading, Panel};
use crate::components::reading::{reading, standing};
use crate::components::state::encoded;
use crate::components::status::Status;
use crate::components::title::titled;
use crate::components::zone::{Here, zone, zone_label};
use crate::server_functions::Failure;
use crate::server_functions::alerts::{act_on_incident, annotate, incident, look_at_incident};

/// How often a page says that it is open.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// Steps of the way to a person that the page names.
const WHY_STEPS: usize = 16;

type Act = Action<(i64, IncidentAct), Result<Option<String>, Failure>>;
type Annotate = Action<AnnotationText, Result<i64, Failure>>;

#[component]
pub fn IncidentPage() -> impl IntoView {
    let (params, live) = (use_params_map(), use_live());
    let id = Memo::new(move |_| params.with(|p| p.get("id")).and_then(|id| id.parse::<i64>().ok()).unwrap_or(0));
    id.with_untracked(|_| ());
    let act: Act = Action::new(|(id, act): &(i64, IncidentAct)| act_on_incident(*id, act.clone()));
    let flag: Annotate = Action::new(|text: &AnnotationText| annotate(text.clone()));
    let hands = Hands::new();
    let found = reading(
        move || id.get(),
        move || (live.alerts.get(), act.version().get(), flag.version().get(), hands.done()),
        incident,
    );
    let filter = RwSignal::new("all");
    view! {
        <Title text=titled(move || format!("INC-{}", id.get()))/>
        <Frame title=Signal::derive(move || format!("INC-{}", id.get())) crumbs=vec![("Incidents", "/incidents")]>
            {move || outcome(act.value().get().map(|r| r.map(|_| ())), "")}
            {move || outcome(flag.value().get().map(|r| r.map(|_| ())), "")}
            {hands.said()}
            <Presence id/>
            <Transition fallback=Loading>{standing(move || async move {
                match found.await {
                    Err(error) => view! { <Failed error/> }.into_any(),
                    Ok(seen) => page(seen, act, flag, hands, filter),
                }
            })}</Transition>
        </Frame>
    }
}

/// Who else looks at this incident now.
#[component]
fn Presence(id: Memo<i64>) -> impl IntoView {
    let others = RwSignal::new(Vec::<String>::new());
    // Effects run in the browser alone: the server, which draws the page, does not look.
    Effect::new(move |_| {
        let id = id.get();
        let look = move || {
            leptos::task::spawn_local(async move {
                if let Ok(names) = look_at_incident(id).await {
                    let _ = others.try_set(names);
                }
            });
        };
        look();
        if let Ok(handle) = set_interval_with_handle(look, LOOK_EVERY) {
            on_cleanup(move || handle.clear());
        }
    });
    move || {
        let names = others.get();
        (!names.is_empty()).then(|| {
            let faces: Vec<_> = names.iter().map(|n| view! { <Avatar name=n.clone()/> }).collect();
            let verb = if names.len() == 1 { "looks" } else { "look" };
            let words = format!("{} {verb} at this too", names.join(", "));
            view! { <p class="row hint mb-12" role="status">{faces}{words}</p> }
        })
    }
}

fn page(seen: IncidentView, act: Act, flag: Annotate, hands: Hands, filter: RwSignal<&'static str>) -> AnyView {
    let i = seen.incident.clone();
    let (id, now) = (i.id, seen.now);
    let status = match i.state() {
        IncidentState::Open => domain::Status::Critical,
        IncidentState::Acknowledged => domain::Status::Fair,
        IncidentState::Resolved => domain::Status::Good,
    };
    let state = format!("{}, {}", i.state().title(), format::duration(i.lasted(now)));
    let at =
        |label: &'static str, at: Option<Timestamp>| at.map(|t| view! { " · "{label}" "<b>{t.here().clock()}</b> });
    let times = view! { <span class="mid">"Onset "<b>{i.onset.here().date_clock()}</b>{at("opened", Some(i.opened_at))}{at("told", i.told_at)}{at("acknowledged", i.acknowledged_at)}{at("resolved", i.resolved_at)}</span> };
    let cost = seen.cost.as_ref().map(
        |(money, currency)| view! { <span class="mid">"Cost so far "<b>{format::money(*money, currency)}</b></span> },
    );
    let impact = (!i.impact.is_empty()).then(|| view! { <p>{i.impact.clone()}</p> });
    let open = i.resolved_at.is_none();
    let take = (i.acknowledged_at.is_none() && open).then(|| {
        view! { <button class="btn sm" type="button" on:click=move |_| { act.dispatch((id, IncidentAct::Acknowledge)); }><Icon name="check" small=true/>"Take on"</button> }
    });
    let resolve = open.then(|| {
        view! {
            <details class="menu"><summary class="btn sm"><Icon name="check" small=true/>"Resolve"</summary>
            <form class="menu-l wide" on:submit=move |event| { act.dispatch((id, IncidentAct::Resolve { how: Sent::of(&event).text("how") })); }>
                <label class="f"><span>"What resolved it"</span><input class="in" name="how" maxlength="500"/></label><button class="btn pri sm mt-8" type="submit">"Resolve"</button></form></details>
        }
    });
    let update = view! {
        <details class="menu"><summary class="btn sm"><Icon name="msg" small=true/>"Status update"</summary>
        <form class="menu-l wide" on:submit=move |event| { act.dispatch((id, IncidentAct::Update { text: Sent::of(&event).text("text") })); }>
            <label class="f"><span>"What it means for people and money, in plain words"</span><textarea class="in" name="text" rows="3" required maxlength="4000"></textarea></label><button class="btn pri sm mt-8" type="submit">"Tell"</button></form></details>
    };
    view! {
        <div class="head"><div class="grow"><h1>{i.title.clone()}</h1>{impact}
            <div class="row gap-12 wrap mt-8"><Sev of=i.priority title=true/><Status of=status text=state pill=true/>{times}{cost}</div></div>
            <div class="row">{take}{update}{resolve}</div></div>
        <div class="ig"><div class="col gap-16">{cause(&i, act)}{signals(&seen, true)}{timeline(&seen, filter)}{notes(&seen, act, flag)}</div>
        <div class="col gap-16">{beside(&seen.runs, &seen.offered, hands)}{responders(&seen, act)}{alerts(&seen)}{why(&seen)}{similar(&seen)}{review(&i, act)}</div></div>
    }
    .into_any()
}

/// As a shared link shows it: nothing can be done, nobody is named who does not stand in the timeline.
pub(crate) fn read_only(seen: &IncidentView) -> AnyView {
    let i = &seen.incident;
    let state = format!("{}, {}", i.state().title(), format::duration(i.lasted(seen.now)));
    let status = if i.resolved_at.is_some() { domain::Status::Good } else { domain::Status::Critical };
    let impact = (!i.impact.is_empty()).then(|| view! { <p>{i.impact.clone()}</p> });
    let cost = seen.cost.as_ref().map(
        |(money, currency)| view! { <span class="mid">"Cost so far "<b>{format::money(*money, currency)}</b></span> },
    );
    let cause = i.cause.as_ref().map(|c| view! { <section class="panel"><div class="pb cause"><b>"Likely cause: "{c.title.clone()}</b><p class="mid">{c.text.clone()}</p></div></section> });
    let filter = RwSignal::new("all");
    let notes: Vec<_> = seen
        .annotations
        .iter()
        .map(|a| view! { <li><Avatar name=a.author.clone()/><div><b>{a.author.clone()}</b>" "<span class="tag"><Icon name="flag" small=true/>{a.body.at.here().clock()}</span><p>{a.body.text.clone()}</p></div></li> })
        .collect();
    let notes = (!notes.is_empty()).then(|| view! { <section class="panel" aria-label="Notes"><header class="ph"><h2>"Notes"</h2></header><ul class="th">{notes}</ul></section> });
    view! {
        <div class="head"><div class="grow"><h1>{i.name()}" "{i.title.clone()}</h1>{impact}<div class="row gap-12 wrap mt-8"><Sev of=i.priority title=true/><Status of=status text=state pill=true/>{cost}</div></div></div>
        <div class="col gap-16">{cause}{signals(seen, false)}{timeline(seen, filter)}{notes}</div>
    }
    .into_any()
}

fn cause(i: &Incident, act: Act) -> AnyView {
    let id = i.id;
    let own = view! {
        <form class="row mt-8" on:submit=move |event| { act.dispatch((id, IncidentAct::Cause { right: None, title: Sent::of(&event).text("cause") })); }>
            <input class="in sm grow" name="cause" required maxlength="300" aria-label="Another cause" placeholder="Mark another cause"/><button class="btn xs" type="submit">"Mark"</button></form>
    };
    let Some(c) = &i.cause else {
        return view! { <section class="panel" aria-label="Likely cause"><div class="pb cause"><b>"No likely cause yet"</b><p class="mid">"No change to it, or to what it calls, was told of in the two hours before the onset. Deploys, flags and data releases explain most incidents."</p>{own}</div></section> }.into_any();
    };
    let evidence: Vec<_> = c
        .evidence
        .iter()
        .map(|e| view! { <span class="tag"><Icon name="check" small=true/>{e.clone()}</span> })
        .collect();
    let asked = match c.right {
        Some(true) => view! { <span class="hint right">"Confirmed"</span> }.into_any(),
        Some(false) => view! { <span class="hint right">"Found wrong"</span> }.into_any(),
        None => view! {
            <span class="right row"><span class="hint">"Is this right?"</span>
            <button class="btn xs" type="button" on:click=move |_| { act.dispatch((id, IncidentAct::Cause { right: Some(true), title: String::new() })); }>"Yes"</button>
            <button class="btn xs" type="button" on:click=move |_| { act.dispatch((id, IncidentAct::Cause { right: Some(false), title: String::new() })); }>"No"</button></span>
        }.into_any(),
    };
    view! {
        <section class="panel" aria-label="Likely cause"><div class="pb cause"><div class="row top gap-12"><Icon name="target"/><div class="grow"><b>"Likely cause: "{c.title.clone()}</b><p class="mid">{c.text.clone()}</p></div>
        <div class="num"><div class="sv">{format::fixed(c.confidence, 2)}</div><span class="hint">"confidence"</span></div></div>
        <div class="row wrap mt-8">{evidence}{asked}</div>{own}</div></section>
    }
    .into_any()
}

pub(crate) fn layer_icon(layer: Layer) -> &'static str {
    match layer {
        Layer::Infrastructure => "cpu",
        Layer::Application => "app",
        Layer::Quality => "target",
        Layer::Users => "smile",
        Layer::Business => "coin",
    }
}

/// `within`: for people who may look closer elsewhere.
fn signals(seen: &IncidentView, within: bool) -> AnyView {
    if seen.signals.is_empty() {
        return view! { <Panel title="Signals across layers" span="c-12"><p class="mid">"None of its alerts has a signal that can be drawn."</p></Panel> }.into_any();
    }
    let (from, to) = (seen.from.0 as f64, seen.to.0 as f64);
    let share = |at: Timestamp| ((at.0 as f64 - from) / (to - from) * 100.0).clamp(0.0, 100.0);
    let i = &seen.incident;
    let (onset, onset_clock) = (share(i.onset), i.onset.here().clock());
    let told = i.told_at.map(|at| {
        let x = share(at);
        let flag_class = if x < 75.0 { "fl q" } else { "fl q end" };
        view! { <i class="q" style=format!("left:{x:.2}%")></i><span class=flag_class style=format!("left:{x:.2}%")>"told "{at.here().clock()}</span> }
    });
    let rows: Vec<_> = seen.signals.iter().map(|s| row(s, (from, to))).collect();
    let ticks: Vec<_> = (0..4)
        .map(|k| {
            let x = 100.0 * f64::from(k) / 3.0;
            let at = Timestamp((from + (to - from) * x / 100.0) as i64);
            view! { <span style=format!("left:{x:.1}%")>{at.here().clock()}</span> }
        })
        .collect();
    let first = seen.signals.first().filter(|_| within).map(|s| format!("/explore?q={}", encoded(&s.query)));
    let first = first.map(|href| view! { <a href=href>"Explore"</a> });
    view! {
        <Panel title="Signals across layers" sub="same time axis, shaded: usual range" span="c-12" footer=Some(view! { {first}<span class="hint">"Usual: the middle nine tenths before the onset. After: when two values in a row left it. r: how a line moves with that of the first alert, whichever comes first; where p is below 0.001."</span> }.into_any())>
            <div class="corr"><div class="sg" aria-hidden="true"><i style=format!("left:{onset:.2}%")></i><span class="fl crit end" style=format!("left:{onset:.2}%")>"onset "{onset_clock}</span>{told}</div>
            {rows}<div class="cr axr"><div></div><div class="cp">{ticks}</div><div></div><div></div></div></div>
        </Panel>
    }
    .into_any()
}

fn row(s: &AlignedSignal, (from, to): (f64, f64)) -> AnyView {
    let points: Vec<(f64, Option<f64>)> = s.points.iter().map(|p| (p.at.0 as f64, Some(p.value))).collect();
    let mut marks = Vec::new();
    if let Some((low, high)) = s.usual {
        marks.push(Mark::Band { class: "bd".into(), points: vec![(from, low, high), (to, low, high)] });
    }
    marks.push(Mark::Line { name: s.label.clone(), class: "ka".into(), points });
    let unit = Unit::of_signal(&s.unit);
    let mut spec = ChartSpec::fit(40.0, Axis::Time, unit, marks, false);
    spec.x = (from, to);
    let shown = |v: Option<f64>| {
        v.map_or("–".to_string(), |v| {
            let (text, unit) = format::with_unit(v, &s.unit);
            if unit.is_empty() || unit == "%" { format!("{text}{unit}") } else { format!("{text} {unit}") }
        })
    };
    let after = match s.left_after {
        Some(seconds) if seconds >= 0.0 => format!("+{}", format::duration((seconds * 1e6) as i64)),
        Some(seconds) => format!("−{}", format::duration((-seconds * 1e6) as i64)),
        None => "no move".to_string(),
    };
    // One in a thousand: several lines are held against the first.
    let link = s.linked.map(|(r, p)| {
        let words = if p < 0.001 { format!("r = {}", format::fixed(r, 2)) } else { "no link".to_string() };
        view! { <span class="hint" title=format!("with the line of the first alert, p {}", format::p_value(p))>{words}</span> }
    });
    let (now, before) = (shown(s.now), shown(s.before));
    let says = format!("Usual {before}, now {now}.");
    view! {
        <div class="cr"><div class="cl1"><Icon name=layer_icon(s.layer) small=true/><div><b>{s.label.clone()}</b><span class="hint">{s.layer.title()}</span></div></div>
        <div class="cp bare"><Chart spec=spec title=s.label.clone() description=says left=0 right=0/></div>
        <div class="cv"><b>{now}</b><span class="hint">"was "{before}</span></div><div class="cv"><b>{after}</b>{link}</div></div>
    }
    .into_any()
}

fn timeline(seen: &IncidentView, filter: RwSignal<&'static str>) -> AnyView {
    let entries = StoredValue::new(seen.timeline.clone());
    let tabs: Vec<_> = [("all", "All"), ("evidence", "Evidence"), ("people", "People")]
        .into_iter()
        .map(|(name, title)| {
            view! { <button type="button" aria-pressed=move || (filter.get() == name).to_string() on:click=move |_| filter.set(name)>{title}</button> }
        })
        .collect();
    let rows = move || {
        let wanted = filter.get();
        entries.with_value(|all| {
            let shown: Vec<&Entry> = all
                .iter()
                .filter(|e| match wanted {
                    "people" => e.kind.of_people(),
                    "evidence" => matches!(e.kind, EntryKind::Alert | EntryKind::Change | EntryKind::Evidence),
                    _ => !matches!(e.kind, EntryKind::Decision | EntryKind::Route),
                })
                .collect();
            told_once(shown).iter().map(entry).collect::<Vec<_>>()
        })
    };
    view! {
        <section class="panel" aria-label="Timeline"><header class="ph"><h2>"Timeline"</h2><span class="sub">{zone_label()}</span><div class="act"><div class="seg" role="group" aria-label="Which entries">{tabs}</div></div></header>
        <div class="pb"><ol class="tl">{rows}</ol></div></section>
    }
    .into_any()
}

/// What is said of one alert, or of several in the same words.
struct Told<'a> {
    first: &'a Entry,
    alerts: BTreeSet<&'a str>,
}

/// Alerts that come together are told of each by itself, in the same words: those of one minute are one entry, which
/// stands where the first of them was.
fn told_once(entries: Vec<&Entry>) -> Vec<Told<'_>> {
    let mut told: Vec<Told> = Vec::new();
    for entry in entries {
        let of_telling = matches!(entry.kind, EntryKind::Delivery | EntryKind::OnCall);
        let same = |known: &&mut Told| {
            (known.first.kind, &known.first.title, &known.first.text) == (entry.kind, &entry.title, &entry.text)
                && entry.at.0 - known.first.at.0 < MINUTE
        };
        match told.iter_mut().rev().find(same).filter(|_| of_telling) {
            Some(known) => {
                known.alerts.insert(&entry.fingerprint);
            }
            None => told.push(Told { first: entry, alerts: BTreeSet::from([entry.fingerprint.as_str()]) }),
        }
    }
    told
}

fn entry(told: &Told) -> AnyView {
    let (e, alerts) = (told.first, told.alerts.len());
    let alerts = (alerts > 1).then(|| view! { <span class="tag">{format!("{alerts} alerts")}</span> });
    let node = if e.who.is_empty() {
        let icon = match e.kind {
            EntryKind::Alert => "bell",
            EntryKind::Change => "flag",
            EntryKind::Evidence => "target",
            EntryKind::Delivery => "mail",
            EntryKind::OnCall => "phone",
            EntryKind::Response => "play",
            _ => "check",
        };
        view! { <span class="ava sm sys"><Icon name=icon small=true/></span> }.into_any()
    } else {
        view! { <Avatar name=e.who.clone()/> }.into_any()
    };
    view! {
        <li><time>{e.at.here().clock_seconds()}</time><span class="node">{node}</span><div><b>{e.title.clone()}</b><span class="tag">{e.kind.name().replace('_', " ")}</span>{alerts}<p class="mid">{e.text.clone()}</p></div></li>
    }
    .into_any()
}

fn notes(seen: &IncidentView, act: Act, flag: Annotate) -> AnyView {
    let id = seen.incident.id;
    let mut all: Vec<(Timestamp, String, String, Option<Timestamp>)> = seen
        .timeline
        .iter()
        // What Plimsoll says of itself stands in the timeline only.
        .filter(|e| matches!(e.kind, EntryKind::Note | EntryKind::Status) && !e.who.is_empty())
        .filter(|e| !e.title.starts_with("Flag at"))
        .map(|e| (e.at, e.who.clone(), e.text.clone(), None))
        .collect();
    all.extend(seen.annotations.iter().map(|a| (a.created_at, a.author.clone(), a.body.text.clone(), Some(a.body.at))));
    all.sort_by_key(|n| n.0);
    let count = all.len();
    let rows: Vec<_> = all
        .into_iter()
        .map(|(at, who, text, pinned)| {
            let flag = pinned.map(|p| view! { <span class="tag"><Icon name="flag" small=true/>"flag at "{p.here().clock()}</span> });
            view! { <li><Avatar name=who.clone()/><div><b>{who}</b>" "<span class="hint">{at.here().clock()}</span>" "{flag}<p>{written(&text)}</p></div></li> }
        })
        .collect();
    let subject = Subject { incident: Some(id), environment: seen.incident.environment.clone(), ..Subject::default() };
    let zone = zone();
    let day = zone.civil(seen.now).form_date();
    view! {
        <section class="panel" aria-label="Notes"><header class="ph"><h2>"Notes"</h2><span class="sub">{count}</span></header>
        <ul class="th">{rows}</ul>
        <form class="cmt row wrap" on:submit=move |event| {
            let sent = Sent::of(&event);
            let (text, pinned) = (sent.text("text"), sent.text("at"));
            match zone.parse(&pinned) {
                Some(at) => { flag.dispatch(AnnotationText { at, until: None, subject: subject.clone(), text, tags: Vec::new() }); }
                None => { act.dispatch((id, IncidentAct::Note { text })); }
            }
            if let Some(form) = event.target().and_then(|t| leptos::wasm_bindgen::JsCast::dyn_into::<web_sys::HtmlFormElement>(t).ok()) { form.reset(); }
        }>
            <input class="in grow" name="text" required maxlength="4000" aria-label="A note" placeholder="Write a note; @mara tells her" autocomplete="off"/>
            <label class="row"><span class="hint nw">"Pin to, "{zone_label()}</span><input class="in sm" type="datetime-local" name="at" max=format!("{day}T23:59")/></label>
            <button class="btn pri" type="submit">"Post"</button>
        </form></section>
    }
    .into_any()
}

fn responders(seen: &IncidentView, act: Act) -> AnyView {
    let id = seen.incident.id;
    let rows: Vec<_> = seen
        .incident
        .responders
        .iter()
        .map(|r| view! { <li><Avatar name=r.name.clone()/><div class="grow"><b>{r.name.clone()}</b><span class="hint blk">{r.part.clone()}</span></div><span class="hint">{r.since.here().clock()}</span></li> })
        .collect();
    let people: Vec<_> = seen.people.iter().map(|p| view! { <option value=p.clone()></option> }).collect();
    view! {
        <section class="panel" aria-label="Responders"><header class="ph"><h2>"Responders"</h2></header><ul class="th rs">{rows}</ul>
        <form class="cmt row" on:submit=move |event| { let sent = Sent::of(&event); act.dispatch((id, IncidentAct::Call { name: sent.text("name"), part: sent.text("part") })); }>
            <datalist id="people">{people}</datalist>
            <input class="in sm" name="name" list="people" required maxlength="100" aria-label="Who" placeholder="Who"/><input class="in sm" name="part" required maxlength="60" aria-label="What they do" placeholder="leads, knows the data"/>
            <button class="btn xs" type="submit"><Icon name="plus" small=true/>"Call in"</button></form></section>
    }
    .into_any()
}

fn alerts(seen: &IncidentView) -> AnyView {
    let rows: Vec<_> = seen
        .alerts
        .iter()
        .map(|r| {
            let a = &r.alert;
            let state = if r.fires { "firing" } else { "over" };
            view! { <tr><td><Sev of=a.priority/></td><th scope="row" class="plain"><a href=format!("/alerts/{}", a.fingerprint)>{a.name().to_string()}</a><span class="hint blk">{a.subject().to_string()}</span></th><td class="nw">{a.starts_at.here().clock()}</td><td>{state}</td></tr> }
        })
        .collect();
    let count = rows.len();
    view! { <Panel title="Alerts" sub=count.to_string() span="c-12" flush=true><table class="t dense"><thead class="sr"><tr><th scope="col">"Priority"</th><th scope="col">"Alert"</th><th scope="col">"Since"</th><th scope="col">"State"</th></tr></thead><tbody>{rows}</tbody></table></Panel> }.into_any()
}

fn why(seen: &IncidentView) -> AnyView {
    let told = seen.timeline.iter().any(|e| e.kind == EntryKind::Delivery && e.good == Some(true));
    // The way of the first alert; the others’ ways stand on their own pages.
    let first = seen.timeline.iter().find(|e| e.kind == EntryKind::Alert && !e.fingerprint.is_empty());
    let own = |e: &&Entry| e.kind.explains() && first.is_some_and(|f| f.fingerprint == e.fingerprint);
    let mut trail: Vec<Entry> = seen.timeline.iter().filter(own).cloned().collect();
    let more = trail.len().saturating_sub(WHY_STEPS);
    trail.truncate(WHY_STEPS);
    let title = if told { "Why somebody was told" } else { "Why nobody was told" };
    let rows = super::super::alerts::steps(&trail);
    let more = (more > 0).then(|| view! { <p class="hint">{format!("{more} more on the alert’s own page.")}</p> });
    view! { <Panel title=title sub=zone_label() span="c-12"><ol class="trc">{rows}</ol>{more}</Panel> }.into_any()
}

fn similar(seen: &IncidentView) -> Option<AnyView> {
    let rows: Vec<_> = seen
        .similar
        .iter()
        .map(|(id, title, at, how)| view! { <li><div><a href=format!("/incidents/{id}")>{format!("INC-{id} {title}")}</a><span class="hint blk">{at.here().date_clock()}" · "{how.clone()}</span></div></li> })
        .collect();
    (!rows.is_empty()).then(|| view! { <section class="panel" aria-label="Alike"><header class="ph"><h2>"Alike, earlier"</h2></header><ul class="th">{rows}</ul></section> }.into_any())
}

fn review(i: &Incident, act: Act) -> AnyView {
    let id = i.id;
    let text = i.review.clone();
    let rows = if text.is_empty() { 3 } else { 14 };
    let download = (!text.is_empty()).then(|| {
        let href = format!("data:text/markdown;charset=utf-8,{}", encoded(&text));
        view! { <a class="btn xs" download=format!("INC-{id}.md") href=href><Icon name="dl" small=true/>"Export"</a> }
    });
    view! {
        <section class="panel" aria-label="Review"><header class="ph"><h2>"Review"</h2><div class="act">
            <button class="btn xs" type="button" on:click=move |_| { act.dispatch((id, IncidentAct::Review { text: None })); }>"Draft from the timeline"</button>{download}</div></header>
        <form class="pb" on:submit=move |event| { act.dispatch((id, IncidentAct::Review { text: Some(Sent::of(&event).text("text")) })); }>
            <textarea class="in mono" name="text" rows=rows maxlength="50000" aria-label="Review">{text}</textarea>
            <button class="btn sm mt-8" type="submit">"Keep"</button></form></section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_alerts_of_one_minute_is_said_once() {
        let told = |at: i64, kind, fingerprint: &str, title: &str| Entry {
            id: 0,
            at: Timestamp(at),
            incident: None,
            fingerprint: fingerprint.into(),
            kind,
            who: String::new(),
            title: title.into(),
            text: "no mail server".into(),
            good: None,
        };
        let all = [
            told(0, EntryKind::OnCall, "a", "Policy"),
            told(1, EntryKind::Delivery, "a", "E-mail"),
            told(2, EntryKind::OnCall, "b", "Policy"),
            told(3, EntryKind::Delivery, "b", "E-mail"),
            told(4, EntryKind::Note, "", "Note"),
            told(5, EntryKind::Note, "", "Note"),
            told(MINUTE + 1, EntryKind::Delivery, "a", "E-mail"),
        ];
        let shown: Vec<(EntryKind, usize)> =
            told_once(all.iter().collect()).iter().map(|told| (told.first.kind, told.alerts.len())).collect();
        let (called, sent, note) = (EntryKind::OnCall, EntryKind::Delivery, EntryKind::Note);
        assert_eq!(shown, [(called, 2), (sent, 2), (note, 1), (note, 1), (sent, 1)]);
    }
}

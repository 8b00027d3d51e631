//! Signals: what each is, as its sender, the conventions and people say.

use domain::conventions::{Better, SignalKnown, SignalNote};
use domain::format;
use domain::signal::Layer;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{Settings, listed};
use crate::components::form::{Sent, outcome};
use crate::components::lasting::{given, initially};
use crate::components::panel::Loading;
use crate::components::reading::standing;
use crate::components::state::encoded;
use crate::server_functions::telemetry::{known_signals, note_signal};
use crate::wire::resource;

/// Lines of the table; with more, one searches.
const SHOWN: usize = 100;
const BETTER: [(Better, &str, &str); 3] = [
    (Better::Higher, "higher", "higher is better"),
    (Better::Lower, "lower", "lower is better"),
    (Better::Neither, "neither", "neither"),
];

#[component]
pub fn Signals() -> impl IntoView {
    let query = use_query_map();
    let wanted = Memo::new(move |_| query.with(|q| q.get("name")).unwrap_or_default());
    let sought = Memo::new(move |_| query.with(|q| q.get("q")).unwrap_or_default());
    wanted.with_untracked(|_| ());
    sought.with_untracked(|_| ());
    let save = Action::new(|(name, note): &(String, SignalNote)| note_signal(name.clone(), note.clone()));
    let list = resource(move || (save.version().get(), sought.get()), |(_, sought)| known_signals(sought));
    let chosen = move |rows: &[SignalKnown]| {
        let name = wanted.get();
        rows.iter().find(|s| s.name == name).cloned().map(|s| about(s, save))
    };
    view! {
        <Settings title="Signals">
            <div class="head"><div><h1>"Signals"</h1><p>"What each signal is: its unit, its layer, which way it is better, and whose it is. Senders and the conventions say most of it; what you say stands above them, for charts, health, rules and alerts."</p></div></div>
            {move || outcome(save.value().get(), "That is how the signal is understood from now on.")}
            <form class="row mb-12" action="/settings/signals" method="get" role="search"><label class="f grow"><span class="sr">"Search signals"</span><input class="in" name="q" placeholder="Part of a name" autocomplete="off" value=move || sought.get()/></label><button class="btn" type="submit">"Search"</button></form>
            <Transition fallback=Loading>{standing(move || async move {
                let found = list.await;
                let form = found.as_ref().ok().and_then(|rows| chosen(rows));
                let empty = ("No signal of that name", "Signals appear here as soon as the first value arrives; see Connections.");
                view! { {form}{listed(found, empty, table)} }
            })}</Transition>
        </Settings>
    }
}

fn better_words(better: Option<bool>) -> &'static str {
    match better {
        Some(true) => "higher",
        Some(false) => "lower",
        None => "–",
    }
}

fn table(rows: Vec<SignalKnown>) -> AnyView {
    let more = rows.len().saturating_sub(SHOWN);
    let lines: Vec<_> = rows
        .into_iter()
        .take(SHOWN)
        .map(|s| {
            let open = format!("/settings/signals?q={0}&name={0}", encoded(&s.name));
            let look = format!("/explore?q={}", encoded(&s.spelled));
            let unit = if s.unit.is_empty() { "–".to_string() } else { s.unit.clone() };
            let said = s.said.then(|| view! { " "<span class="tag">"said here"</span> });
            view! { <tr><th scope="row" class="plain"><a class="mono" href=look>{s.name.clone()}</a>{said}<span class="hint blk">{s.title.clone()}</span></th><td>{s.layer.title()}</td><td class="mono">{unit}</td><td>{better_words(s.higher_is_better)}</td><td>{s.owner.clone()}</td><td class="num">{format::count(s.series as f64)}</td><td><a class="btn ghost xs" href=open aria-label=format!("Change {}", s.name)>"Change"</a></td></tr> }
        })
        .collect();
    let rest = (more > 0).then(|| view! { <footer class="pf"><span class="hint">{format!("{} more; search for a part of their name.", format::count(more as f64))}</span></footer> });
    view! {
        <section class="panel" aria-label="Signals"><table class="t"><thead><tr><th scope="col">"Signal"</th><th scope="col">"Layer"</th><th scope="col">"Unit"</th><th scope="col">"Better"</th><th scope="col">"Owner"</th><th scope="col" class="num">"Series"</th><th scope="col"><span class="sr">"Action"</span></th></tr></thead><tbody>{lines}</tbody></table>{rest}</section>
    }
    .into_any()
}

type Save = Action<(String, SignalNote), Result<(), crate::server_functions::Failure>>;

fn about(signal: SignalKnown, save: Save) -> AnyView {
    let layers: Vec<_> = Layer::ALL
        .into_iter()
        .map(|l| view! { <option {..initially("selected", l == signal.layer)} value=l.name()>{l.title()}</option> })
        .collect();
    let now = match signal.higher_is_better {
        Some(true) => Better::Higher,
        Some(false) => Better::Lower,
        None => Better::Neither,
    };
    let better: Vec<_> = BETTER
        .into_iter()
        .map(|(of, name, words)| view! { <option {..initially("selected", of == now)} value=name>{words}</option> })
        .collect();
    let name = signal.name.clone();
    view! {
        <form class="panel form mb-12" aria-label=format!("What {} is", signal.name) on:submit=move |event| {
            let sent = Sent::of(&event);
            let text = |name: &str| Some(sent.text(name).trim().to_string());
            let note = SignalNote {
                title: text("title"),
                unit: text("unit"),
                owner: text("owner"),
                layer: Layer::ALL.into_iter().find(|l| l.name() == sent.text("layer")),
                better: BETTER.into_iter().find(|b| b.1 == sent.text("better")).map(|b| b.0),
            };
            save.dispatch((name.clone(), note));
        }>
            <section><h2 class="mono">{signal.name.clone()}</h2>
                <div class="two"><label class="f"><span>"Title"</span><input class="in" name="title" maxlength="200" autocomplete="off" {..given(signal.title)}/></label>
                <label class="f"><span>"Owner"</span><input class="in" name="owner" maxlength="200" autocomplete="off" placeholder="a team or a person" {..given(signal.owner)}/></label></div>
                <div class="three mt-12"><label class="f"><span>"Unit"</span><input class="in mono" name="unit" maxlength="200" autocomplete="off" placeholder="ms, By, 1, EUR" {..given(signal.unit)}/></label>
                <label class="f"><span>"Layer"</span><select class="in" name="layer">{layers}</select></label>
                <label class="f"><span>"Better"</span><select class="in" name="better">{better}</select></label></div>
                <div class="row mt-12"><span class="hint grow">"A share from 0 to 1 has the unit 1 and is shown in percent."</span><button class="btn pri" type="submit">"Save"</button></div>
            </section>
        </form>
    }
    .into_any()
}

//! Service probes: what is asked from outside.

use leptos::prelude::*;

use super::{Settings, listed};
use crate::components::form::{Sent, outcome};
use crate::components::icons::Icon;
use crate::components::panel::Loading;
use crate::components::reading::standing;
use crate::server_functions::admin::{ProbeRow, create_probe, delete_probe, probes};
use crate::wire::resource;

#[component]
pub fn Probes() -> impl IntoView {
    let add =
        Action::new(|(name, target, every): &(String, String, i64)| create_probe(name.clone(), target.clone(), *every));
    let remove = Action::new(|id: &i64| delete_probe(*id));
    let list = resource(move || (add.version().get(), remove.version().get()), |_| probes());
    let row = move |p: ProbeRow| {
        let id = p.id;
        view! {
            <tr><th scope="row">{p.name}</th><td class="mono">{p.target}</td><td class="num">{format!("{} s", p.every_secs)}</td>
            <td class="num"><button class="btn xs danger" type="button" on:click=move |_| { remove.dispatch(id); }>"Remove"</button></td></tr>
        }
    };
    let table = move |probes: Vec<ProbeRow>| {
        let rows: Vec<_> = probes.into_iter().map(row).collect();
        view! {
            <table class="t"><thead><tr><th scope="col">"Name"</th><th scope="col">"Target"</th><th scope="col" class="num">"Every"</th><th scope="col"><span class="sr">"Remove"</span></th></tr></thead>
            <tbody>{rows}</tbody></table>
        }
        .into_any()
    };
    view! {
        <Settings title="Service probes">
            <div class="head"><div><h1>"Service probes"</h1><p>"A probe asks a service from outside: is it there, how fast, when does its certificate end. Operators may change them."</p></div></div>
            {move || outcome(add.value().get(), "")}
            {move || outcome(remove.value().get(), "")}
            <form class="panel" aria-label="New probe" on:submit=move |event| {
                let sent = Sent::of(&event);
                add.dispatch((sent.text("name"), sent.text("target"), sent.text("every").parse().unwrap_or(30)));
            }>
                <div class="pb row wrap gap-12 pt">
                    <label class="f"><span>"Name"</span><input class="in" name="name" autocomplete="off" required maxlength="80"/></label>
                    <label class="f grow"><span>"Target"</span><input class="in mono" name="target" autocomplete="off" required placeholder="https://host/health, tcp://host:port or tls://host:port"/></label>
                    <label class="f"><span>"Every"</span><select class="in" name="every">
                        <option value="30">"30 s"</option><option value="10">"10 s"</option><option value="60">"1 min"</option><option value="300">"5 min"</option>
                    </select></label>
                    <button class="btn pri end" type="submit"><Icon name="plus" small=true/>"New probe"</button>
                </div>
            </form>
            <section class="panel mt-12" aria-label="Probes">
                <Transition fallback=Loading>{standing(move || async move {
                    listed(list.await, ("No probe yet", "Name a service your models depend on."), table)
                })}</Transition>
            </section>
        </Settings>
    }
}

//! People and roles: who may enter, and as what.

use domain::people::Person;
use domain::{Role, Timestamp};
use leptos::prelude::*;

use super::{Settings, listed};
use crate::components::form::{Sent, outcome};
use crate::components::icons::Icon;
use crate::components::lasting::initially;
use crate::components::panel::Loading;
use crate::components::reading::standing;
use crate::components::status::Status;
use crate::server_functions::admin::{change_person, create_person, people};
use crate::wire::resource;

#[component]
pub fn People() -> impl IntoView {
    let add = Action::new(|(email, name, role, password): &(String, String, Role, String)| {
        create_person(email.clone(), name.clone(), *role, password.clone())
    });
    let change = Action::new(|(id, role, disabled): &(i64, Role, bool)| change_person(*id, *role, *disabled));
    let list = resource(move || (add.version().get(), change.version().get()), |_| people());
    let row = move |p: Person| {
        let (id, current, disabled) = (p.id, p.role, p.disabled);
        let access = if disabled {
            view! { <Status of=domain::Status::NoData text="disabled"/> }
        } else {
            view! { <Status of=domain::Status::Good text="may sign in"/> }
        };
        view! {
            <tr>
                <th scope="row">{p.name.clone()}</th><td class="mono">{p.email.clone()}</td>
                <td><select class="in sm" aria-label=format!("Role of {}", p.name)
                    on:change=move |ev| {
                        // It shows what holds: the new role once it is in force, the old one when it is refused.
                        let select: web_sys::HtmlSelectElement = event_target(&ev);
                        let chosen = Role::parse(&select.value());
                        select.set_value(current.name());
                        if let Some(role) = chosen { change.dispatch((id, role, disabled)); }
                    }>{roles(current)}</select></td>
                <td>{p.last_seen_at.map_or_else(|| "never".to_string(), Timestamp::date_clock)}</td>
                <td>{access}</td>
                <td class="num"><button class="btn xs" type="button" on:click=move |_| { change.dispatch((id, current, !disabled)); }>{if disabled { "Enable" } else { "Disable" }}</button></td>
            </tr>
        }
    };
    let table = move |people: Vec<Person>| {
        let rows: Vec<_> = people.into_iter().map(row).collect();
        view! {
            <table class="t"><thead><tr><th scope="col">"Name"</th><th scope="col">"Email"</th><th scope="col">"Role"</th><th scope="col">"Last seen"</th><th scope="col">"Access"</th><th scope="col"><span class="sr">"Change"</span></th></tr></thead>
            <tbody>{rows}</tbody></table>
        }
        .into_any()
    };
    view! {
        <Settings title="People and roles">
            <div class="head"><div><h1>"People and roles"</h1><p>"Changing a role or disabling somebody ends their sessions."</p></div></div>
            {move || outcome(change.value().get(), "")}
            <section class="panel" aria-label="People">
                <Transition fallback=Loading>{standing(move || async move { listed(list.await, ("Nobody yet", ""), table) })}</Transition>
            </section>
            <form class="panel narrow mt-16" aria-label="Add a person" method="post" on:submit=move |event| {
                let sent = Sent::of(&event);
                let role = Role::parse(&sent.text("role")).unwrap_or(Role::Viewer);
                add.dispatch((sent.text("email"), sent.text("name"), role, sent.text("password")));
            }>
                <header class="ph"><h2>"Add a person"</h2></header>
                <div class="pb col gap-12">
                    {move || outcome(add.value().get(), "They may sign in now; tell them the password by a safe way.")}
                    <label class="f"><span>"Name"</span><input class="in" name="name" autocomplete="off" maxlength="100" required/></label>
                    <label class="f"><span>"Email"</span><input class="in" name="email" type="email" autocomplete="off" required/></label>
                    <label class="f"><span>"Role"</span><select class="in" name="role">{roles(Role::Viewer)}</select></label>
                    <label class="f"><span>"First password, at least 12 characters"</span><input class="in" name="password" type="password" autocomplete="new-password" minlength="12" maxlength="256" required/></label>
                    <div><button class="btn pri" type="submit"><Icon name="plus" small=true/>"Add"</button></div>
                </div>
            </form>
        </Settings>
    }
}

fn roles(current: Role) -> Vec<impl IntoView> {
    Role::ALL
        .into_iter()
        .map(|role| view! { <option {..initially("selected", role == current)} value=role.name()>{role.title()}</option> })
        .collect()
}

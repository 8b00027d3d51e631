//! Settings: own account, people, API keys, probes.

use domain::people::{ApiKey, Person};
use domain::{Role, Scope, Timestamp};
use leptos::html::Input;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_query_map};

use super::sign_in::error_words;
use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::panel::{Empty, Failed, Loading};
use crate::components::status::Status;
use crate::server_functions::Failure;
use crate::server_functions::admin::{
    ProbeRow, change_person, create_key, create_person, create_probe, delete_probe, keys, people, probes, revoke_key,
};
use crate::server_functions::views::me;

#[component]
fn Settings(#[prop(into)] title: String, children: Children) -> impl IntoView {
    let path = use_location().pathname;
    let who = Resource::new(|| (), |()| me());
    let link = move |href: &'static str, name: &'static str| {
        view! { <a href=href aria-current=move || (path.get() == href).then_some("page")>{name}</a> }
    };
    let admin = move || {
        Suspend::new(async move {
            let role = who.await.ok().and_then(|m| m.role);
            (role == Some(Role::Administrator)).then(|| {
                view! { <div class="lab">"Workspace"</div>{link("/settings/people", "People and roles")}{link("/settings/keys", "API keys")} }
            })
        })
    };
    view! {
        <Title text=title.clone()/>
        <Frame title=Signal::stored(title) crumbs=vec![("Settings", "/settings")]>
            <div class="setg">
                <nav class="views" aria-label="Settings">
                    <div class="lab">"You"</div>{link("/settings", "Account")}
                    <div class="lab">"Data"</div>{link("/settings/probes", "Service probes")}
                    <Transition fallback=|| ()>{admin}</Transition>
                </nav>
                <div>{children()}</div>
            </div>
        </Frame>
    }
}

#[component]
pub fn Account() -> impl IntoView {
    let query = use_query_map();
    let error = move || query.with(|q| q.get("error")).map(|e| error_words(&e));
    let done = move || query.with(|q| q.get("done")).is_some();
    let who = Resource::new(|| (), |()| me());
    view! {
        <Settings title="Account">
            <div class="head"><div><h1>"Account"</h1>
                <Transition fallback=|| ()>{move || Suspend::new(async move {
                    who.await.ok().map(|m| view! { <p>{format!("{}, {}, {}", m.name, m.email, m.role.map_or("", Role::name))}</p> })
                })}</Transition>
            </div></div>
            <section class="panel narrow" aria-label="Password">
                <header class="ph"><h2>"Password"</h2></header>
                <form class="pb col gap-12" method="post" action="/account/password">
                    {move || error().map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
                    {move || done().then(|| view! { <p class="note good" role="status">"The password is changed; other sessions have ended."</p> })}
                    <label class="f"><span>"Current password"</span><input class="in" type="password" name="current" autocomplete="current-password" required/></label>
                    <label class="f"><span>"New password, at least 12 characters"</span><input class="in" type="password" name="new" autocomplete="new-password" minlength="12" maxlength="256" required/></label>
                    <div><button class="btn pri" type="submit">"Change password"</button></div>
                </form>
            </section>
        </Settings>
    }
}

/// What a field holds now. Fields keep their own text: what somebody typed before the page had
/// loaded its script must not vanish when it does.
fn typed(field: NodeRef<Input>) -> String {
    field.get_untracked().map(|input| input.value()).unwrap_or_default()
}

/// What came of the last change, beside the form.
fn outcome<T: Clone + Send + Sync + 'static>(result: Option<Result<T, Failure>>) -> Option<impl IntoView> {
    match result {
        Some(Err(error)) => Some(view! { <p class="note critical" role="alert">{error.to_string()}</p> }),
        _ => None,
    }
}

#[component]
pub fn People() -> impl IntoView {
    let add = Action::new(|(email, name, role, password): &(String, String, Role, String)| {
        create_person(email.clone(), name.clone(), *role, password.clone())
    });
    let change = Action::new(|(id, role, disabled): &(i64, Role, bool)| change_person(*id, *role, *disabled));
    let list = Resource::new(move || (add.version().get(), change.version().get()), |_| people());
    let (email, name, password) = (NodeRef::<Input>::new(), NodeRef::<Input>::new(), NodeRef::<Input>::new());
    let role = RwSignal::new(Role::Viewer);
    let rows = move |people: Vec<Person>| -> Vec<_> {
        people
            .into_iter()
            .map(|p| {
                let (id, current, disabled) = (p.id, p.role, p.disabled);
                let options: Vec<_> = Role::ALL.into_iter().map(|r| view! { <option value=r.name() selected=r == current>{r.title()}</option> }).collect();
                view! {
                    <tr>
                        <th scope="row">{p.name.clone()}</th><td class="mono">{p.email.clone()}</td>
                        <td><select class="in" aria-label=format!("Role of {}", p.name)
                            on:change=move |ev| { if let Some(role) = Role::parse(&event_target_value(&ev)) { change.dispatch((id, role, disabled)); } }>{options}</select></td>
                        <td>{p.last_seen_at.map_or_else(|| "never".to_string(), Timestamp::date_clock)}</td>
                        <td>{if disabled { view! { <Status of=domain::Status::NoData text="disabled"/> }.into_any() } else { view! { <Status of=domain::Status::Good text="may sign in"/> }.into_any() }}</td>
                        <td class="num"><button class="btn xs" type="button" on:click=move |_| { change.dispatch((id, current, !disabled)); }>{if disabled { "Enable" } else { "Disable" }}</button></td>
                    </tr>
                }
            })
            .collect()
    };
    view! {
        <Settings title="People and roles">
            <div class="head"><div><h1>"People and roles"</h1><p>"Changing a role or disabling somebody ends their sessions."</p></div></div>
            {move || outcome(change.value().get())}
            <section class="panel" aria-label="People">
                <Transition fallback=Loading>{move || Suspend::new(async move {
                    match list.await {
                        Ok(people) => view! {
                            <table class="t"><thead><tr><th scope="col">"Name"</th><th scope="col">"Email"</th><th scope="col">"Role"</th><th scope="col">"Last seen"</th><th scope="col">"Access"</th><th scope="col"><span class="sr">"Change"</span></th></tr></thead>
                            <tbody>{rows(people)}</tbody></table>
                        }.into_any(),
                        Err(error) => view! { <Failed text=error.to_string()/> }.into_any(),
                    }
                })}</Transition>
            </section>
            <form class="panel narrow mt-16" aria-label="Add a person" on:submit=move |ev| {
                ev.prevent_default();
                add.dispatch((typed(email), typed(name), role.get(), typed(password)));
            }>
                <header class="ph"><h2>"Add a person"</h2></header>
                <div class="pb col gap-12">
                    {move || outcome(add.value().get())}
                    <label class="f"><span>"Name"</span><input class="in" autocomplete="off" required node_ref=name/></label>
                    <label class="f"><span>"Email"</span><input class="in" type="email" autocomplete="off" required node_ref=email/></label>
                    <label class="f"><span>"Role"</span><select class="in" on:change=move |ev| { if let Some(r) = Role::parse(&event_target_value(&ev)) { role.set(r); } }>
                        {Role::ALL.into_iter().map(|r| view! { <option value=r.name()>{r.title()}</option> }).collect::<Vec<_>>()}
                    </select></label>
                    <label class="f"><span>"First password, to be handed over"</span><input class="in" type="password" autocomplete="new-password" minlength="12" required node_ref=password/></label>
                    <div><button class="btn pri" type="submit"><Icon name="plus" small=true/>"Add"</button></div>
                </div>
            </form>
        </Settings>
    }
}

#[component]
pub fn Keys() -> impl IntoView {
    let add = Action::new(|(name, scope): &(String, Scope)| create_key(name.clone(), vec![*scope], None));
    let revoke = Action::new(|id: &i64| revoke_key(*id));
    let list = Resource::new(move || (add.version().get(), revoke.version().get()), |_| keys());
    let name = NodeRef::<Input>::new();
    let scope = RwSignal::new(Scope::Ingest);
    let made = move || {
        add.value().get().and_then(Result::ok).map(|secret| {
            view! {
                <div class="note good" role="status"><svg aria-hidden="true"><use href="#s-good"></use></svg>
                    <div class="grow"><b>"The key is ready. Copy it now, it is not shown again."</b>
                    <input class="in mono mt-8" readonly aria-label="The new key" value=secret/></div></div>
            }
        })
    };
    let rows = move |keys: Vec<ApiKey>| -> Vec<_> {
        keys.into_iter()
            .map(|k| {
                let id = k.id;
                let scopes = k.scopes.iter().map(|s| s.name()).collect::<Vec<_>>().join(", ");
                let end = if k.revoked {
                    view! { <span class="dim">"revoked"</span> }.into_any()
                } else {
                    view! { <button class="btn xs danger" type="button" on:click=move |_| { revoke.dispatch(id); }>"Revoke"</button> }.into_any()
                };
                view! {
                    <tr>
                        <th scope="row">{k.name.clone()}</th><td class="mono dim">{format!("{}…", k.prefix)}</td><td>{scopes}</td>
                        <td>{k.last_used_at.map_or_else(|| "never".to_string(), Timestamp::date_clock)}</td>
                        <td>{k.expires_at.map_or_else(|| "never".to_string(), Timestamp::date)}</td><td class="num">{end}</td>
                    </tr>
                }
            })
            .collect()
    };
    view! {
        <Settings title="API keys">
            <div class="head"><div><h1>"API keys"</h1><p>"One key for one purpose. Secrets are shown once and stored as a hash."</p></div></div>
            {move || outcome(add.value().get())}
            {made}
            <form class="panel mt-12" aria-label="New key" on:submit=move |ev| { ev.prevent_default(); add.dispatch((typed(name), scope.get())); }>
                <div class="pb row wrap gap-12 pt">
                    <label class="f grow"><span>"What it is for"</span><input class="in" autocomplete="off" required maxlength="80" node_ref=name/></label>
                    <label class="f"><span>"May"</span><select class="in" on:change=move |ev| { if let Some(s) = Scope::parse(&event_target_value(&ev)) { scope.set(s); } }>
                        <option value="ingest">"Write: predictions, labels"</option><option value="read">"Read: everything"</option><option value="admin">"Both, and edit models"</option>
                    </select></label>
                    <button class="btn pri end" type="submit"><Icon name="plus" small=true/>"New key"</button>
                </div>
            </form>
            <section class="panel mt-12" aria-label="Keys">
                <Transition fallback=Loading>{move || Suspend::new(async move {
                    match list.await {
                        Ok(keys) if keys.is_empty() => view! { <Empty title="No key yet" text="Programs send predictions with a key that may ingest."/> }.into_any(),
                        Ok(keys) => view! {
                            <table class="t"><thead><tr><th scope="col">"Name"</th><th scope="col">"Starts with"</th><th scope="col">"May"</th><th scope="col">"Last used"</th><th scope="col">"Ends"</th><th scope="col"><span class="sr">"Revoke"</span></th></tr></thead>
                            <tbody>{rows(keys)}</tbody></table>
                        }.into_any(),
                        Err(error) => view! { <Failed text=error.to_string()/> }.into_any(),
                    }
                })}</Transition>
            </section>
        </Settings>
    }
}

#[component]
pub fn Probes() -> impl IntoView {
    let add = Action::new(|(name, target): &(String, String)| create_probe(name.clone(), target.clone(), 30));
    let remove = Action::new(|id: &i64| delete_probe(*id));
    let list = Resource::new(move || (add.version().get(), remove.version().get()), |_| probes());
    let (name, target) = (NodeRef::<Input>::new(), NodeRef::<Input>::new());
    let rows = move |probes: Vec<ProbeRow>| -> Vec<_> {
        probes
            .into_iter()
            .map(|p| {
                let id = p.id;
                view! { <tr><th scope="row">{p.name}</th><td class="mono">{p.target}</td><td class="num">{format!("{} s", p.every_secs)}</td>
                    <td class="num"><button class="btn xs danger" type="button" on:click=move |_| { remove.dispatch(id); }>"Remove"</button></td></tr> }
            })
            .collect()
    };
    view! {
        <Settings title="Service probes">
            <div class="head"><div><h1>"Service probes"</h1><p>"A probe asks a service from outside, every 30 s: is it there, how fast, when does its certificate end. Operators may change them."</p></div></div>
            {move || outcome(add.value().get())}
            {move || outcome(remove.value().get())}
            <form class="panel" aria-label="New probe" on:submit=move |ev| { ev.prevent_default(); add.dispatch((typed(name), typed(target))); }>
                <div class="pb row wrap gap-12 pt">
                    <label class="f"><span>"Name"</span><input class="in" autocomplete="off" required maxlength="80" node_ref=name/></label>
                    <label class="f grow"><span>"Target"</span><input class="in mono" autocomplete="off" required placeholder="https://host/health or tcp://host:port" node_ref=target/></label>
                    <button class="btn pri end" type="submit"><Icon name="plus" small=true/>"New probe"</button>
                </div>
            </form>
            <section class="panel mt-12" aria-label="Probes">
                <Transition fallback=Loading>{move || Suspend::new(async move {
                    match list.await {
                        Ok(probes) if probes.is_empty() => view! { <Empty title="No probe yet" text="Name a service your models depend on."/> }.into_any(),
                        Ok(probes) => view! {
                            <table class="t"><thead><tr><th scope="col">"Name"</th><th scope="col">"Target"</th><th scope="col" class="num">"Every"</th><th scope="col"><span class="sr">"Remove"</span></th></tr></thead>
                            <tbody>{rows(probes)}</tbody></table>
                        }.into_any(),
                        Err(error) => view! { <Failed text=error.to_string()/> }.into_any(),
                    }
                })}</Transition>
            </section>
        </Settings>
    }
}

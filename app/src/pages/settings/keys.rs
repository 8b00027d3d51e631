//! API keys: what programs enter with.

use domain::people::ApiKey;
use domain::{Scope, Timestamp};
use leptos::prelude::*;

use super::{Settings, listed};
use crate::components::form::{Sent, outcome};
use crate::components::icons::Icon;
use crate::components::panel::Loading;
use crate::components::reading::standing;
use crate::server_functions::admin::{create_key, keys, revoke_key};
use crate::wire::resource;

/// Days a key may last, with the words for it; 0 is for ever.
const LIFETIMES: [(u32, &str); 4] = [(90, "90 days"), (365, "a year"), (7, "a week"), (0, "until revoked")];

#[component]
pub fn Keys() -> impl IntoView {
    let add =
        Action::new(|(name, scope, days): &(String, Scope, Option<u32>)| create_key(name.clone(), vec![*scope], *days));
    let revoke = Action::new(|id: &i64| revoke_key(*id));
    let list = resource(move || (add.version().get(), revoke.version().get()), |_| keys());
    let made = move || {
        add.value().get().and_then(Result::ok).map(|secret| {
            view! {
                <div class="note good" role="status"><svg aria-hidden="true"><use href="#s-good"></use></svg>
                    <div class="grow"><b>"The key is ready. Copy it now, it is not shown again."</b>
                    <input class="in mono mt-8" readonly aria-label="The new key" value=secret/></div></div>
            }
        })
    };
    let row = move |k: ApiKey| {
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
    };
    let table = move |keys: Vec<ApiKey>| {
        let rows: Vec<_> = keys.into_iter().map(row).collect();
        view! {
            <table class="t"><thead><tr><th scope="col">"Name"</th><th scope="col">"Starts with"</th><th scope="col">"May"</th><th scope="col">"Last used"</th><th scope="col">"Ends"</th><th scope="col"><span class="sr">"Revoke"</span></th></tr></thead>
            <tbody>{rows}</tbody></table>
        }
        .into_any()
    };
    let lifetimes: Vec<_> =
        LIFETIMES.into_iter().map(|(days, words)| view! { <option value=days.to_string()>{words}</option> }).collect();
    view! {
        <Settings title="API keys">
            <div class="head"><div><h1>"API keys"</h1><p>"One key for one purpose. Secrets are shown once and stored as a hash."</p></div></div>
            {move || outcome(add.value().get(), "")}
            {made}
            <form class="panel mt-12" aria-label="New key" on:submit=move |event| {
                let sent = Sent::of(&event);
                let scope = Scope::parse(&sent.text("scope")).unwrap_or(Scope::Ingest);
                add.dispatch((sent.text("name"), scope, sent.text("days").parse().ok().filter(|days| *days > 0)));
            }>
                <div class="pb row wrap gap-12 pt">
                    <label class="f grow"><span>"What it is for"</span><input class="in" name="name" autocomplete="off" required maxlength="80"/></label>
                    <label class="f"><span>"May"</span><select class="in" name="scope">
                        <option value="ingest">"Write: predictions, labels"</option><option value="read">"Read: everything"</option><option value="admin">"Both, and edit models"</option>
                    </select></label>
                    <label class="f"><span>"Lasts"</span><select class="in" name="days">{lifetimes}</select></label>
                    <button class="btn pri end" type="submit"><Icon name="plus" small=true/>"New key"</button>
                </div>
            </form>
            {move || outcome(revoke.value().get(), "")}
            <section class="panel mt-12" aria-label="Keys">
                <Transition fallback=Loading>{standing(move || async move {
                    listed(list.await, ("No key yet", "Programs send predictions with a key that may ingest."), table)
                })}</Transition>
            </section>
        </Settings>
    }
}

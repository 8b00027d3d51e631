//! Webhooks: addresses that code hosts call when something was deployed or released.

use leptos::prelude::*;

use super::{Settings, listed};
use crate::components::form::{Sent, outcome};
use crate::components::icons::Icon;
use crate::components::panel::Loading;
use crate::components::reading::standing;
use crate::components::zone::Here;
use crate::server_functions::telemetry::{WebhookRow, create_webhook, delete_webhook, webhooks};
use crate::wire::resource;

#[component]
pub fn Webhooks() -> impl IntoView {
    let add = Action::new(|(name, kind, system): &(String, String, String)| {
        create_webhook(name.clone(), kind.clone(), system.clone())
    });
    let remove = Action::new(|id: &i64| delete_webhook(*id));
    let list = resource(move || (add.version().get(), remove.version().get()), |_| webhooks());
    let made = move || {
        let (url, secret) = add.value().get()?.ok()?;
        Some(view! {
            <div class="note good" role="status"><div class="grow">
                <b>"The webhook is ready. Copy both now, the secret is not shown again."</b>
                <label class="f"><span>"Address to call"</span><input class="in mono w" readonly value=url/></label>
                <label class="f"><span>"Secret"</span><input class="in mono w" readonly value=secret/></label>
            </div></div>
        })
    };
    let row = move |h: WebhookRow| {
        let id = h.id;
        let kind = if h.kind == "github" { "GitHub" } else { "GitLab" };
        view! {
            <tr><th scope="row">{h.name}</th><td>{kind}</td><td>{h.system}</td><td>{h.last_at.map_or_else(|| "never".to_string(), |t| t.here().date_clock_zone())}</td>
            <td class="num"><button class="btn xs danger" type="button" on:click=move |_| { remove.dispatch(id); }>"Remove"</button></td></tr>
        }
    };
    let table = move |hooks: Vec<WebhookRow>| {
        let rows: Vec<_> = hooks.into_iter().map(row).collect();
        view! {
            <table class="t"><thead><tr><th scope="col">"Name"</th><th scope="col">"From"</th><th scope="col">"System"</th><th scope="col">"Last called"</th><th scope="col"><span class="sr">"Remove"</span></th></tr></thead>
            <tbody>{rows}</tbody></table>
        }
        .into_any()
    };
    view! {
        <Settings title="Webhooks">
            <div class="head"><div><h1>"Webhooks"</h1><p>"GitHub and GitLab tell of deployments and releases at an address made for them; each call is checked against its secret. In GitHub choose the events “Deployment statuses” and “Releases”, in GitLab “Deployment” and “Releases”."</p></div></div>
            {move || outcome(add.value().get(), "")}
            {made}
            {move || outcome(remove.value().get(), "")}
            <form class="panel" aria-label="New webhook" on:submit=move |event| {
                let sent = Sent::of(&event);
                add.dispatch((sent.text("name"), sent.text("kind"), sent.text("system")));
            }>
                <div class="pb row wrap gap-12 pt">
                    <label class="f grow"><span>"Name"</span><input class="in" name="name" autocomplete="off" required maxlength="200" placeholder="acme/shop"/></label>
                    <label class="f"><span>"From"</span><select class="in" name="kind"><option value="github">"GitHub"</option><option value="gitlab">"GitLab"</option></select></label>
                    <label class="f"><span>"System it belongs to"</span><input class="in" name="system" autocomplete="off"/></label>
                    <button class="btn pri end" type="submit"><Icon name="plus" small=true/>"New webhook"</button>
                </div>
            </form>
            <section class="panel mt-12" aria-label="Webhooks">
                <Transition fallback=Loading>{standing(move || async move {
                    listed(list.await, ("No webhook yet", "Deploys explain most incidents: let the code host tell of them."), table)
                })}</Transition>
            </section>
        </Settings>
    }
}

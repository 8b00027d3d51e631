//! One's own account: who one is here, and the password.

use domain::Role;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::Settings;
use crate::pages::sign_in::error_words;
use crate::server_functions::views::me;

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

//! First-run set-up: the first administrator, with the token from the console.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use super::sign_in::{LoadLine, error_words};

#[component]
pub fn SetUp() -> impl IntoView {
    let query = use_query_map();
    let error = move || query.with(|q| q.get("error")).map(|e| error_words(&e));
    let token = move || query.with(|q| q.get("token")).unwrap_or_default();
    view! {
        <Title text="Set up"/>
        <a class="skip" href="#f">"Skip to form"</a>
        <main class="lg">
            <section class="lf" aria-label="Set up">
                <a class="brand" href="/"><svg width="24" height="24" viewBox="0 0 24 24" aria-hidden="true"><use href="#logo"></use></svg><span class="big">"Plimsoll"</span></a>
                <form id="f" class="box" method="post" action="/first-person">
                    <h1>"Create the first administrator"</h1>
                    <p class="mid">"The token proves that you started Plimsoll: it was printed where it runs."</p>
                    {move || error().map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
                    <label class="f"><span>"Set-up token"</span><input class="in mono" name="token" value=token autocomplete="off" required/></label>
                    <label class="f"><span>"Name"</span><input class="in" name="name" autocomplete="name" maxlength="100" required/></label>
                    <label class="f"><span>"Email"</span><input class="in" type="email" name="email" autocomplete="username" required/></label>
                    <label class="f"><span>"Password"</span><input class="in" type="password" name="password" autocomplete="new-password" minlength="12" maxlength="256" required/></label>
                    <p class="hint">"At least 12 characters; a few words in a row are fine."</p>
                    <button class="btn pri lgb" type="submit">"Create and sign in"</button>
                </form>
                <footer class="row wrap hint lfoot"><span>"Version "{env!("CARGO_PKG_VERSION")}</span></footer>
            </section>
            <LoadLine/>
        </main>
    }
}

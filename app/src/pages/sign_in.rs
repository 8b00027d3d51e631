//! Sign-in: a plain form, so that it works whatever has loaded.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// Words for a code in the address. Other text comes from the server’s own redirect.
pub(super) fn error_words(error: &str) -> String {
    match error {
        "too-many" => "Too many attempts. Wait a minute and try again.".into(),
        "failed" => "That did not work. The log of the server names the cause.".into(),
        // Shown as text, never as markup; a long one is nobody's honest error.
        other => other.chars().take(200).collect(),
    }
}

#[component]
pub fn SignIn() -> impl IntoView {
    let query = use_query_map();
    let error = move || query.with(|q| q.get("error")).map(|e| error_words(&e));
    let next = move || query.with(|q| q.get("next")).unwrap_or_default();
    view! {
        <Title text="Sign in"/>
        <a class="skip" href="#f">"Skip to form"</a>
        <main class="lg">
            <section class="lf" aria-label="Sign in">
                <a class="brand" href="/"><svg width="24" height="24" viewBox="0 0 24 24" aria-hidden="true"><use href="#logo"></use></svg><span class="big">"Plimsoll"</span></a>
                <form id="f" class="box" method="post" action="/session">
                    <h1>"Sign in"</h1>
                    {move || error().map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
                    <input type="hidden" name="next" value=next/>
                    <label class="f"><span>"Email"</span><input class="in" type="email" name="email" autocomplete="username" required autofocus/></label>
                    <label class="f"><span>"Password"</span><input class="in" type="password" name="password" autocomplete="current-password" required/></label>
                    <button class="btn pri lgb" type="submit">"Sign in"</button>
                    <p class="hint">"An administrator sets a forgotten password anew."</p>
                </form>
                <footer class="row wrap hint lfoot"><span>"Version "{env!("CARGO_PKG_VERSION")}</span></footer>
            </section>
            <LoadLine/>
        </main>
    }
}

/// The picture beside the form: the mark and the scale it stands for.
#[component]
pub(super) fn LoadLine() -> impl IntoView {
    let step = |y: u32, text_y: &'static str, value: &'static str, name: &'static str| {
        view! {
            <path d=format!("M452 {y}h44") stroke="var(--text-2)" stroke-width="3"/>
            <text x="508" y=text_y class="ld"><tspan class="ldn">{value}</tspan><tspan dx="10">{name}</tspan></text>
        }
    };
    view! {
        <section class="lr" aria-label="About Plimsoll">
            <svg viewBox="0 0 640 420" role="img" class="ladder" aria-label="A circle crossed by a line, beside a ladder of marks: excellent from 0.95, good from 0.90, fair from 0.80, poor from 0.70.">
                <path d="M-260 204H900" stroke="var(--accent-line)" stroke-width="1" stroke-dasharray="2 5"/>
                <path d="M-260 226 C -120 208 0 244 140 224 S 380 206 520 228 S 760 240 900 220 V 1400 H -260Z" fill="var(--accent)" opacity=".05"/>
                <path d="M-260 236 C -100 254 40 222 180 240 S 420 250 560 236 S 780 226 900 242 V 1400 H -260Z" fill="var(--accent)" opacity=".05"/>
                <circle cx="220" cy="204" r="108" fill="none" stroke="var(--accent)" stroke-width="9"/>
                <path d="M40 204H400" stroke="var(--accent)" stroke-width="9"/>
                <path d="M452 96V268" stroke="var(--text-2)" stroke-width="3"/>
                {step(96, "100.5", "0.95", "Excellent")}{step(140, "144.5", "0.90", "Good")}{step(204, "208.5", "0.80", "Fair")}{step(268, "272.5", "0.70", "Poor")}
            </svg>
            <div class="say">
                <p class="big">"Know how much your models can carry."</p>
                <p class="mid">"One score from 0 to 1 for every AI system, from servers to revenue. You see the line before you cross it."</p>
            </div>
        </section>
    }
}

//! An address that leads nowhere.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::components::icons::Icon;

#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <Title text="Not found"/>
        <main class="page" id="main">
            <div class="empty"><Icon name="compass"/><h1>"There is no page here"</h1><p><a href="/">"Go to the start page"</a></p></div>
        </main>
    }
}

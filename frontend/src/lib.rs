//! The browser half: takes over the page that the server drew.

#![recursion_limit = "512"]

use leptos::mount::hydrate_from_async;
use leptos::prelude::document;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::spawn_local;

/// Called once by the page after the module has loaded. The page answers when the part of the module that it
/// is drawn by has come as well.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    spawn_local(async {
        let Some(body) = document().body() else { return };
        hydrate_from_async(body, app::App).await.forget();
        app::mark_ready();
    });
}

//! What people see. Pages are drawn on the server first and taken over by the same code in the
//! browser; the features `ssr` and `hydrate` choose the half and never meet in one build.

#![recursion_limit = "512"]

pub mod charts;
pub mod components;
mod lazy;
pub mod pages;
mod parts;
pub mod server_functions;
pub mod wire;

use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::SsrMode;
use leptos_router::components::{Redirect, Route, Router, Routes};
use leptos_router::path;
use serde::{Deserialize, Serialize};

/// Files that pages load, named by their content.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Assets {
    pub js: String,
    pub wasm: String,
    pub css: String,
}

/// How people reach this installation, where its configuration says so.
#[cfg(feature = "ssr")]
#[derive(Debug, Clone)]
pub struct PublicUrl {
    pub url: Option<String>,
    /// Whether requests without a configured address arrive over TLS.
    pub secure: bool,
}

/// The document around every page.
pub fn shell(assets: Assets) -> impl IntoView {
    #[cfg(feature = "ssr")]
    content_security_policy("'none'");
    let nonce = leptos::nonce::use_nonce();
    #[cfg(feature = "ssr")]
    let told = use_context::<engine::Engine>().map(|e| e.live().told().to_string());
    #[cfg(not(feature = "ssr"))]
    let told = None::<String>;
    #[cfg(feature = "ssr")]
    let zone = Some(components::zone::of_document())
        .filter(|z| *z != Default::default())
        .and_then(|z| serde_json::to_string(&z).ok());
    #[cfg(not(feature = "ssr"))]
    let zone = None::<String>;
    // A press that comes before the page answers is kept, and done once it does: see `mark_ready`. Forms that have an
    // address of their own need nobody to answer.
    let early = include_str!("early.js");
    // The theme is set before anything is painted, so that no page flashes.
    let theme = "try{var t=localStorage.getItem('theme');if(t)document.documentElement.dataset.theme=t}catch(e){}";
    let start = (!assets.js.is_empty()).then(|| {
        format!(
            "import('{}').then(m=>m.default({{module_or_path:'{}'}}).then(()=>m.hydrate())).catch(e=>{{dispatchEvent(new Event('unloadable'));throw e}})",
            assets.js, assets.wasm
        )
    });
    view! {
        <!DOCTYPE html>
        <html lang="en" data-told=told data-zone=zone>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="icon" href="/favicon.svg"/>
                {(!assets.css.is_empty()).then(|| view! { <link rel="stylesheet" href=assets.css.clone()/> })}
                {(!assets.js.is_empty()).then(|| view! { <link rel="modulepreload" href=assets.js.clone() nonce=nonce.clone()/> })}
                <script nonce=nonce.clone() inner_html=theme></script>
                {start.map(|start| view! { <script nonce=nonce.clone() inner_html=early></script><script type="module" nonce=nonce.clone() inner_html=start></script> })}
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// Scripts only with this answer's nonce; nothing from elsewhere; within other sites' pages only where
/// `ancestors` says so.
#[cfg(feature = "ssr")]
pub(crate) fn content_security_policy(ancestors: &str) {
    use axum::http::{HeaderName, HeaderValue};
    let Some(nonce) = leptos::nonce::use_nonce() else {
        return;
    };
    let policy = format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         style-src-attr 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
         form-action 'self'; frame-ancestors {ancestors}"
    );
    if let (Some(options), Ok(value)) = (use_context::<leptos_axum::ResponseOptions>(), HeaderValue::from_str(&policy))
    {
        options.insert_header(HeaderName::from_static("content-security-policy"), value);
    }
}

/// Says on the document that the page answers now: tests wait for it, and styles may.
#[cfg(feature = "hydrate")]
pub fn mark_ready() {
    if let Some(root) = web_sys::window().and_then(|w| w.document()).and_then(|d| d.document_element()) {
        let _ = root.set_attribute("data-ready", "");
    }
}

#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    components::zone::provide_zone();
    components::person::provide_person();
    let shared = charts::shared::provide_shared();
    components::live::provide_live(shared);
    provide_context(components::palette::Overlay(RwSignal::new(None)));
    provide_context(components::keys::Letters(RwSignal::new(true)));
    view! {
        <Title formatter=|page: String| if page.is_empty() { "Plimsoll".to_string() } else { format!("{page} · Plimsoll") }/>
        <components::icons::Symbols/>
        <Router>
            <components::keys::Keys/>
            <components::overlays::Overlays/>
            <Routes fallback=|| pages::not_found::NotFound().into_any()>
                <Route path=path!("/") view=|| view! { <Redirect path="/overview"/> }/>
                <Route path=path!("/sign-in") view=pages::sign_in::SignIn ssr=SsrMode::Async/>
                <Route path=path!("/setup") view=pages::setup::SetUp ssr=SsrMode::Async/>
                <Route path=path!("/overview") view=pages::overview::Overview ssr=SsrMode::Async/>
                <Route path=path!("/operations") view=lazy::OPERATIONS ssr=SsrMode::Async/>
                <Route path=path!("/explore") view=lazy::EXPLORE ssr=SsrMode::Async/>
                <Route path=path!("/traces/:trace") view=lazy::TRACE_PAGE ssr=SsrMode::Async/>
                <Route path=path!("/alerts") view=lazy::ALERTS ssr=SsrMode::Async/>
                <Route path=path!("/alerts/silences") view=lazy::SILENCES ssr=SsrMode::Async/>
                <Route path=path!("/alerts/:fingerprint") view=lazy::ALERT_PAGE ssr=SsrMode::Async/>
                <Route path=path!("/incidents") view=lazy::INCIDENTS ssr=SsrMode::Async/>
                <Route path=path!("/incidents/:id") view=lazy::INCIDENT_PAGE ssr=SsrMode::Async/>
                <Route path=path!("/rules") view=lazy::RULES ssr=SsrMode::Async/>
                <Route path=path!("/responses") view=lazy::RESPONSES ssr=SsrMode::Async/>
                <Route path=path!("/rules/:id") view=lazy::RULE_PAGE ssr=SsrMode::Async/>
                <Route path=path!("/on-call") view=lazy::ON_CALL ssr=SsrMode::Async/>
                <Route path=path!("/links") view=lazy::LINKS ssr=SsrMode::Async/>
                <Route path=path!("/share/:token") view=lazy::SHARED ssr=SsrMode::Async/>
                <Route path=path!("/connect") view=lazy::CONNECT ssr=SsrMode::Async/>
                <Route path=path!("/hosts/:name") view=lazy::HOST_PAGE ssr=SsrMode::Async/>
                <Route path=path!("/systems/:name") view=lazy::SYSTEM_PAGE ssr=SsrMode::Async/>
                <Route path=path!("/models/:name") view=lazy::QUALITY_PAGE ssr=SsrMode::Async/>
                <Route path=path!("/models/:name/drift") view=lazy::DRIFT_PAGE ssr=SsrMode::Async/>
                <Route path=path!("/models/:name/feature") view=lazy::FEATURE_PAGE ssr=SsrMode::Async/>
                <Route path=path!("/models/:name/predictions") view=lazy::PREDICTIONS_PAGE ssr=SsrMode::Async/>
                <Route path=path!("/models/:name/prediction") view=lazy::PREDICTION_PAGE ssr=SsrMode::Async/>
                <Route path=path!("/models/:name/fairness") view=lazy::FAIRNESS_PAGE ssr=SsrMode::Async/>
                <Route path=path!("/models/:name/data") view=lazy::DATA_PAGE ssr=SsrMode::Async/>
                <Route path=path!("/models/:name/thresholds") view=lazy::THRESHOLDS ssr=SsrMode::Async/>
                <Route path=path!("/models/:name/setup") view=lazy::MODEL_SET_UP ssr=SsrMode::Async/>
                <Route path=path!("/settings") view=lazy::ACCOUNT ssr=SsrMode::Async/>
                <Route path=path!("/settings/people") view=lazy::PEOPLE ssr=SsrMode::Async/>
                <Route path=path!("/settings/kpis") view=lazy::KPIS ssr=SsrMode::Async/>
                <Route path=path!("/settings/keys") view=lazy::KEYS ssr=SsrMode::Async/>
                <Route path=path!("/settings/connections") view=lazy::CONNECTIONS ssr=SsrMode::Async/>
                <Route path=path!("/settings/scraping") view=lazy::SCRAPING ssr=SsrMode::Async/>
                <Route path=path!("/settings/webhooks") view=lazy::WEBHOOKS ssr=SsrMode::Async/>
                <Route path=path!("/settings/signals") view=lazy::SIGNALS ssr=SsrMode::Async/>
                <Route path=path!("/settings/prices") view=lazy::PRICES ssr=SsrMode::Async/>
                <Route path=path!("/settings/probes") view=lazy::PROBES ssr=SsrMode::Async/>
                <Route path=path!("/settings/audit") view=lazy::AUDIT ssr=SsrMode::Async/>
                <Route path=path!("/settings/installation") view=lazy::INSTALLATION ssr=SsrMode::Async/>
            </Routes>
        </Router>
    }
}

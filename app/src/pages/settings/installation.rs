//! The installation itself: its checks, for administrators.

use domain::view::InstallationCheck;
use leptos::prelude::*;

use super::{Settings, listed};
use crate::components::live::use_live;
use crate::components::panel::Loading;
use crate::components::reading::standing;
use crate::components::status::Status;
use crate::server_functions::admin::installation;
use crate::wire::resource;

#[component]
pub fn Installation() -> impl IntoView {
    let live = use_live();
    let checks = resource(move || live.calm.get(), |_| installation());
    let row = |check: InstallationCheck| {
        view! {
            <tr><th scope="row">{check.name}</th><td><Status of=check.status text=word(check.status)/></td><td class="mid">{check.detail}</td></tr>
        }
    };
    let table = move |checks: Vec<InstallationCheck>| {
        let rows: Vec<_> = checks.into_iter().map(row).collect();
        view! {
            <table class="t"><thead><tr><th scope="col">"Check"</th><th scope="col">"State"</th><th scope="col">"What was found"</th></tr></thead>
            <tbody>{rows}</tbody></table>
        }
        .into_any()
    };
    view! {
        <Settings title="Installation">
            <div class="head"><div><h1>"Installation"</h1><p>{concat!("Plimsoll ", env!("CARGO_PKG_VERSION"), ". The command “plimsoll check” also walks every stored block.")}</p></div></div>
            <section class="panel" aria-label="Checks on this installation">
                <Transition fallback=Loading>{standing(move || async move { listed(checks.await, ("No check", ""), table) })}</Transition>
            </section>
        </Settings>
    }
}

/// A check is good, wants a look, or found nothing to measure.
pub(crate) fn word(status: domain::Status) -> &'static str {
    match status {
        domain::Status::Excellent | domain::Status::Good => "good",
        domain::Status::Fair => "soon",
        domain::Status::Poor | domain::Status::Critical => "act now",
        domain::Status::NoData => "not there",
    }
}

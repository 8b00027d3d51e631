//! A chart as the server drew it, until somebody is there to point at it or it has newer data: plotters and all
//! that answers a hand are a quarter of what a first page would load, and nobody needs them to read.

use leptos::prelude::*;

use super::chart::Chart;
use super::spec::ChartSpec;
use crate::parts::part;

/// What [`Chart`] is given.
#[derive(Clone)]
pub struct Drawing {
    pub spec: ChartSpec,
    pub title: String,
    pub description: String,
    pub left: u32,
    pub right: u32,
}

fn chart(of: Drawing) -> AnyView {
    let Drawing { spec, title, description, left, right } = of;
    view! { <Chart spec title description left right/> }.into_any()
}

part!(answering(of: Drawing), __preload_answering => chart(of));

/// What called this calls it again with newer data: then it is no longer what the server drew.
pub fn later(of: Drawing) -> AnyView {
    #[cfg(feature = "ssr")]
    let (stands, served) = (RwSignal::new(true), chart(of.clone()).to_html());
    #[cfg(not(feature = "ssr"))]
    let (stands, served) = (stands_as_served(), String::new());
    let shown = move || {
        if stands.get() {
            // Its inside is not the browser's to take over.
            view! { <div class="later" inner_html=served.clone()></div> }.into_any()
        } else {
            Suspend::new(answering(of.clone())).into_any()
        }
    };
    shown.into_any()
}

/// True until there is a person and the code has come: what stands there is seen meanwhile.
#[cfg(not(feature = "ssr"))]
fn stands_as_served() -> RwSignal<bool> {
    let stands = RwSignal::new(Owner::current_shared_context().is_some_and(|page| page.during_hydration()));
    let (person, live) = (crate::components::person::person(), crate::components::live::use_live());
    Effect::new(move |_| {
        let somebody = person.get();
        // Newer data is being read: the code comes beside it, so that no room stands empty meanwhile.
        let news = live.calm.get() + live.alerts.get() > 0;
        if (somebody || news) && stands.get_untracked() {
            leptos::task::spawn_local(async move {
                __preload_answering().await;
                if somebody {
                    let _ = stands.try_set(false);
                }
            });
        }
    });
    stands
}

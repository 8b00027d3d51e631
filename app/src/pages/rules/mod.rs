//! Rules: what is looked for, how each fares, and the editor that shows what one would have done.

mod clause;
mod editor;
mod fields;
mod plain;
mod tried;

pub use editor::RulePage;

use domain::alert::view::RuleState;
use domain::format;
use leptos::prelude::*;
use leptos_meta::Title;

use crate::components::alert::Sev;
use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Failed, Loading};
use crate::components::reading::standing;
use crate::components::status::Status;
use crate::server_functions::alerts::rules;
use crate::wire::resource;

#[component]
pub fn Rules() -> impl IntoView {
    let live = use_live();
    let found = resource(move || live.alerts.get(), |_| rules());
    view! {
        <Title text="Rules"/>
        <Frame title=Signal::stored("Rules".to_string())>
            <div class="head"><div class="grow"><h1>"Rules"</h1><p>"What becomes an alert: any signal, verdict, anomaly, forecast, absence or change. Those for this host and for each model were made by themselves and may be changed."</p></div>
            <a class="btn pri" href="/rules/new"><Icon name="plus" small=true/>"New rule"</a></div>
            <section class="panel" aria-label="Rules"><Transition fallback=Loading>{standing(move || async move {
                match found.await {
                    Err(error) => view! { <Failed error/> }.into_any(),
                    Ok(list) if list.is_empty() => view! { <Empty title="No rule yet" text="The first ones come within a minute, for this host and for each model."/> }.into_any(),
                    Ok(list) => table(list),
                }
            })}</Transition></section>
        </Frame>
    }
}

fn table(list: Vec<RuleState>) -> AnyView {
    let rows: Vec<_> = list
        .into_iter()
        .map(|s| {
            let text = &s.rule.text;
            let (status, words) = match (text.enabled, s.problem.is_empty(), s.firing, s.pending) {
                (false, ..) => (domain::Status::NoData, "off".to_string()),
                (_, false, ..) => (domain::Status::Fair, "cannot be evaluated".to_string()),
                (_, _, n, _) if n > 0 => (domain::Status::Critical, format!("{n} firing")),
                (_, _, _, n) if n > 0 => (domain::Status::Fair, format!("{n} pending")),
                _ if s.evaluated.is_none() => (domain::Status::NoData, "not evaluated yet".to_string()),
                _ => (domain::Status::Good, "quiet".to_string()),
            };
            let priority = text.usual_priority();
            let took = s.evaluated.map_or(String::new(), |_| format!("{} ms", format::fixed(s.took_ms, 1)));
            view! {
                <tr><td><Sev of=priority/></td><th scope="row" class="plain"><a href=format!("/rules/{}", s.rule.id)>{text.name.clone()}</a><span class="hint blk">{text.description.clone()}</span></th>
                <td class="mono cond">{text.words()}</td><td class="nw"><Status of=status text=words/><span class="hint blk">{s.problem.clone()}</span></td><td class="num">{s.found}</td><td class="num nw">{took}</td></tr>
            }
        })
        .collect();
    view! {
        <table class="t"><thead><tr><th scope="col">"Priority"</th><th scope="col">"Rule"</th><th scope="col">"When"</th><th scope="col">"State"</th><th scope="col" class="num">"Looked at"</th><th scope="col" class="num">"Took"</th></tr></thead><tbody>{rows}</tbody></table>
    }
    .into_any()
}

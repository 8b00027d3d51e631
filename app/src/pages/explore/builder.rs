//! A query as parts that are chosen. Each choice is a link to the query that it makes, so the address holds all
//! of it, Back takes it back, and it works before (and without) the script.

use domain::telemetry::LabelKnown;
use leptos::prelude::*;

use super::plain::{OVER, Plain, SPANS, SUMMED};
use super::with;
use crate::components::icons::Icon;
use crate::components::state::Place;

/// `kept` is what the address holds besides, and keeps.
pub fn builder(query: &str, labels: &[LabelKnown], place: &Place, kept: &[(&str, &str)]) -> AnyView {
    let Some(plain) = Plain::parse(query) else {
        return view! { <p class="hint mt-8">"This query says more than can be chosen here; it is changed in its text."</p> }
            .into_any();
    };
    let to = |plain: &Plain| {
        let text = plain.text();
        with(place, &[&[("view", "signals"), ("q", &text)], kept].concat())
    };
    let link = |words: String, href: String, on: bool| {
        view! { <a href=href aria-current=on.then_some("true")>{words}</a> }.into_any()
    };
    let over = std::iter::once(("", "each value"))
        .chain(OVER)
        .map(|(name, words)| link(words.to_string(), to(&plain.over(name)), name == plain.over))
        .collect();
    let span = (!plain.over.is_empty()).then(|| {
        let spans = SPANS.into_iter().map(|s| link(s.to_string(), to(&plain.within(s)), s == plain.span)).collect();
        view! { <span class="dim">"over"</span>{menu("Span", &plain.span, false, spans)} }
    });
    let filters: Vec<_> = plain
        .filters
        .iter()
        .enumerate()
        .map(|(i, f)| {
            let words = format!("{} {} {}", f.label, f.operator, f.value);
            chip(words, to(&plain.without(i)), format!("No longer only {}", f.label))
        })
        .collect();
    let offered =
        |taken: &dyn Fn(&str) -> bool| -> Vec<&LabelKnown> { labels.iter().filter(|l| !taken(&l.name)).collect() };
    let where_more = offered(&|name| plain.filters.iter().any(|f| f.label == name))
        .into_iter()
        .map(|label| {
            let values: Vec<_> =
                label.values.iter().map(|v| link(v.clone(), to(&plain.only(&label.name, v)), false)).collect();
            let more = (label.more > 0).then(|| {
                view! { <span class="hint blk">{format!("and {} more: write {}=\"…\"", label.more, label.name)}</span> }
            });
            view! { <details class="sub"><summary>{label.name.clone()}</summary>{values}{more}</details> }.into_any()
        })
        .collect();
    let by: Vec<_> = plain
        .by
        .iter()
        .map(|label| chip(label.clone(), to(&plain.by_turned(label)), format!("No longer by {label}")))
        .collect();
    let by_more = offered(&|name| plain.by.iter().any(|l| l == name))
        .into_iter()
        .map(|label| link(label.name.clone(), to(&plain.by_turned(&label.name)), false))
        .collect();
    let summed = std::iter::once(("", "each series"))
        .chain(SUMMED)
        .map(|(name, words)| link(words.to_string(), to(&plain.summed(name)), name == plain.summed))
        .collect();
    let words = |of: &[(&'static str, &'static str)], name: &str, none: &'static str| {
        of.iter().find(|(n, _)| *n == name).map_or(none, |(_, words)| words)
    };
    view! {
        <div class="qr mt-8" role="group" aria-label="Parts of the query">
            {menu("Each series over time", words(&OVER, plain.over, "each value"), !plain.over.is_empty(), over)}
            <span class="dim">"of"</span><b class="mono qm">{plain.metric.clone()}</b>{span}
            <span class="dim">"where"</span>{filters}{menu_more("Only where", where_more)}
            <span class="dim">"as"</span>
            {menu("Series together", words(&SUMMED, plain.summed, "each series"), !plain.summed.is_empty(), summed)}
            <span class="dim">"by"</span>{by}{menu_more("By", by_more)}
        </div>
    }
    .into_any()
}

fn chip(words: String, href: String, away: String) -> AnyView {
    view! { <span class="chip q"><b>{words}</b><a href=href aria-label=away><Icon name="x" small=true/></a></span> }
        .into_any()
}

fn menu(label: &'static str, chosen: &str, on: bool, choices: Vec<AnyView>) -> AnyView {
    let said = format!("{label}: {chosen}");
    view! { <details class="menu qd"><summary class="chip" class:on=on aria-label=said><b>{chosen.to_string()}</b><Icon name="down" small=true/></summary><div class="menu-l">{choices}</div></details> }
        .into_any()
}

/// What can be added; nothing where nothing is known to add.
fn menu_more(label: &'static str, choices: Vec<AnyView>) -> AnyView {
    if choices.is_empty() {
        return view! { <span class="dim">"–"</span> }.into_any();
    }
    view! { <details class="menu qd"><summary class="btn icon xs ghost" aria-label=label><Icon name="plus" small=true/></summary><div class="menu-l">{choices}</div></details> }
        .into_any()
}

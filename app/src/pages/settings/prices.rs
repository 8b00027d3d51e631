//! Prices: what a million tokens of each model cost.

use domain::prices::{Price, Prices as Table};
use leptos::prelude::*;

use super::Settings;
use crate::components::form::{Sent, outcome};
use crate::components::lasting::given;
use crate::components::panel::{Failed, Loading};
use crate::components::reading::standing;
use crate::server_functions::telemetry::{prices, set_prices};
use crate::wire::resource;

/// Empty lines offered below the known ones.
const SPARE: usize = 3;

#[component]
pub fn Prices() -> impl IntoView {
    let save = Action::new(|rows: &Vec<Price>| set_prices(rows.clone()));
    let list = resource(move || save.version().get(), |_| prices());
    let wrong = RwSignal::new(None::<String>);
    let form = move |rows: Vec<Price>| {
        let lines = rows.len() + SPARE;
        let row = |i: usize| {
            let price = rows.get(i).cloned();
            let number = |v: Option<f64>| v.map(|v| v.to_string()).unwrap_or_default();
            let label = price.as_ref().map_or_else(|| format!("new line {}", i + 1), |p| p.model.clone());
            let field = |name: &str, value: String, wide: bool| {
                let class = if wide { "in sm mono" } else { "in sm num" };
                view! { <td><input class=class name=format!("{name}{i}") {..given(value)} autocomplete="off" aria-label=format!("{name}, {label}")/></td> }
            };
            let (provider, model) = price.as_ref().map(|p| (p.provider.clone(), p.model.clone())).unwrap_or_default();
            view! {
                <tr>{field("provider", provider, true)}{field("model", model, true)}{field("input", number(price.as_ref().map(|p| p.input)), false)}
                {field("output", number(price.as_ref().map(|p| p.output)), false)}{field("cached", number(price.as_ref().and_then(|p| p.cached)), false)}</tr>
            }
        };
        let body: Vec<_> = (0..lines).map(row).collect();
        view! {
            <form class="panel" aria-label="Prices" on:submit=move |event| {
                let sent = Sent::of(&event);
                match read(&sent, lines) {
                    Ok(rows) => { wrong.set(None); save.dispatch(rows); }
                    Err(problem) => wrong.set(Some(problem)),
                }
            }>
                <table class="t"><thead><tr><th scope="col">"Provider "<span class="u">"empty for any"</span></th><th scope="col">"Model "<span class="u">"or its beginning and *"</span></th><th scope="col" class="num">"Input"</th><th scope="col" class="num">"Output"</th><th scope="col" class="num">"Cached input"</th></tr></thead><tbody>{body}</tbody></table>
                <footer class="pf"><span class="hint">"US dollars for a million tokens. The first line that fits counts; an empty model leaves a line out."</span><button class="btn pri right" type="submit">"Save"</button></footer>
            </form>
        }
        .into_any()
    };
    view! {
        <Settings title="Prices">
            <div class="head"><div><h1>"Prices"</h1><p>"What calls of models cost, where the sender does not say it. They begin as list prices of 2025: replace them by what you pay. Calls that came before keep their cost."</p></div></div>
            {move || wrong.get().map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
            {move || outcome(save.value().get(), "The prices are in force.")}
            <Transition fallback=Loading>{standing(move || async move {
                match list.await {
                    Ok(rows) => form(rows),
                    Err(error) => view! { <Failed error/> }.into_any(),
                }
            })}</Transition>
        </Settings>
    }
}

fn read(sent: &Sent, lines: usize) -> Result<Vec<Price>, String> {
    let mut rows = Vec::new();
    for i in 0..lines {
        let text = |name: &str| sent.text(&format!("{name}{i}")).trim().to_string();
        let model = text("model");
        if model.is_empty() {
            continue;
        }
        let number = |name: &str| -> Result<Option<f64>, String> {
            match text(name) {
                empty if empty.is_empty() => Ok(None),
                said => {
                    said.replace(',', ".").parse().map(Some).map_err(|_| format!("“{said}” is no price of “{model}”"))
                }
            }
        };
        rows.push(Price {
            provider: text("provider"),
            input: number("input")?.unwrap_or(0.0),
            output: number("output")?.unwrap_or(0.0),
            cached: number("cached")?,
            model,
        });
    }
    let table = Table { rows };
    match table.problem() {
        Some(problem) => Err(problem),
        None => Ok(table.rows),
    }
}

//! KPIs with their targets, and how much layers and systems count for health.

use domain::environment::PRODUCTION;
use domain::health::HealthWeights;
use domain::kpi::{Kpi, KpiUnit};
use domain::signal::Layer;
use domain::time::{DAY, RangeChoice};
use domain::{Timestamp, format};
use leptos::prelude::*;

use super::Settings;
use crate::components::form::{Sent, outcome};
use crate::components::lasting::{given, initially};
use crate::components::panel::{Failed, Loading, Panel};
use crate::components::reading::standing;
use crate::server_functions::evaluation::{kpis, set_kpis, weigh_health, weights_of_health};
use crate::server_functions::views::overview;
use crate::wire::resource;

/// Empty lines offered below the known ones.
const SPARE: usize = 2;
const UNITS: [(&str, &str, KpiUnit); 4] = [
    ("number", "number", KpiUnit::Number),
    ("share", "share, %", KpiUnit::Share),
    ("milliseconds", "ms", KpiUnit::Milliseconds),
    ("money", "money", KpiUnit::Money),
];

#[component]
pub fn Kpis() -> impl IntoView {
    let save = Action::new(|all: &Vec<Kpi>| set_kpis(all.clone()));
    let weigh = Action::new(|weights: &HealthWeights| weigh_health(weights.clone()));
    let wrong = RwSignal::new(None::<String>);
    let data = resource(
        move || (save.version().get(), weigh.version().get()),
        |_| async move {
            let systems = overview(PRODUCTION.into(), RangeChoice::Last(DAY))
                .await
                .map(|v| v.systems.into_iter().map(|s| s.system).collect::<Vec<_>>());
            (kpis().await, weights_of_health().await, systems)
        },
    );
    view! {
        <Settings title="KPIs and health">
            <div class="head"><div><h1>"KPIs and health"</h1><p>"What an executive is shown: a signal in business words, held against a target. And how much each layer and system counts."</p></div></div>
            {move || wrong.get().map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
            {move || outcome(save.value().get(), "The KPIs are kept.")}
            {move || outcome(weigh.value().get(), "The weights are in force.")}
            <Transition fallback=Loading>{standing(move || async move {
                match data.await {
                    (Ok(rows), Ok(weights), Ok(systems)) => {
                        let (table, scales) = (table(&rows, save, wrong), scales(&weights, &systems, weigh, wrong));
                        view! { {table}<div class="mt-16"></div>{scales} }.into_any()
                    }
                    (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => view! { <Failed error/> }.into_any(),
                }
            })}</Transition>
        </Settings>
    }
    .into_any()
}

type Save<T> = Action<T, Result<(), crate::server_functions::Failure>>;

fn table(rows: &[Kpi], save: Save<Vec<Kpi>>, wrong: RwSignal<Option<String>>) -> AnyView {
    let lines = rows.len() + SPARE;
    let body: Vec<_> = (0..lines).map(|i| line(i, rows.get(i))).collect();
    view! {
        <form aria-label="KPIs" on:submit=move |event| {
            let sent = Sent::of(&event);
            match read(&sent, lines) {
                Ok(all) => { wrong.set(None); save.dispatch(all); }
                Err(problem) => wrong.set(Some(problem)),
            }
        }>
            <div class="col gap-12">{body}</div>
            <div class="row mt-12"><span class="hint grow">"The query is PromQL as in Explore; its first line is the value. A line without a name is left out."</span><button class="btn pri" type="submit">"Save KPIs"</button></div>
        </form>
    }
    .into_any()
}

fn line(i: usize, kpi: Option<&Kpi>) -> AnyView {
    let title = kpi.map_or_else(|| format!("New KPI {}", i + 1), |k| k.name.clone());
    let name = |field: &str| format!("{field}{i}");
    let text = |of: fn(&Kpi) -> String| kpi.map(of).unwrap_or_default();
    let field = |label: &'static str, field: &str, value: String, class: &'static str, hint: &'static str| {
        view! { <label class="f"><span>{label}</span><input class=class name=name(field) {..given(value)} placeholder=hint autocomplete="off"/></label> }
    };
    let layers: Vec<_> = Layer::ALL
        .into_iter()
        .map(|l| view! { <option {..initially("selected", kpi.map_or(l == Layer::Business, |k| k.layer == l))} value=l.name()>{l.title()}</option> })
        .collect();
    let units: Vec<_> = UNITS
        .into_iter()
        .map(|(value, words, unit)| view! { <option {..initially("selected", kpi.is_some_and(|k| k.unit == unit))} value=value>{words}</option> })
        .collect();
    let more = kpi.is_none_or(|k| k.higher_is_better);
    let parts = [
        field("Name", "name", text(|k| k.name.clone()), "in", "Answered without a person").into_any(),
        field("Query", "query", text(|k| k.query.clone()), "in mono", "avg(users_completion)").into_any(),
        field("System", "system", text(|k| k.system.clone()), "in mono", "all").into_any(),
        field("Target", "target", text(|k| k.target.to_string()), "in num", "0.8").into_any(),
        field("Limit", "limit", text(|k| k.limit.to_string()), "in num", "0.6").into_any(),
        field(
            "Others reach",
            "benchmark",
            text(|k| k.benchmark.map(|b| b.to_string()).unwrap_or_default()),
            "in num",
            "",
        )
        .into_any(),
        field(
            "By",
            "objective",
            text(|k| k.objective.map(Timestamp::form_date).unwrap_or_default()),
            "in",
            "2027-03-31",
        )
        .into_any(),
        field("Currency", "currency", text(|k| k.currency.clone()), "in", "EUR").into_any(),
        field("Owner", "owner", text(|k| k.owner.clone()), "in", "").into_any(),
    ];
    view! {
        <fieldset class="panel kpf"><legend class="sr">{title.clone()}</legend>
            {parts.into_iter().collect::<Vec<_>>()}
            <label class="f"><span>"Layer"</span><select class="in" name=name("layer")>{layers}</select></label>
            <label class="f"><span>"Shown as"</span><select class="in" name=name("unit")>{units}</select></label>
            <label class="f"><span>"Better is"</span><select class="in" name=name("better")><option {..initially("selected", more)} value="more">"more"</option><option {..initially("selected", !more)} value="less">"less"</option></select></label>
        </fieldset>
    }
    .into_any()
}

/// The KPIs that the form describes, or what is wrong with one.
fn read(sent: &Sent, lines: usize) -> Result<Vec<Kpi>, String> {
    let mut all = Vec::new();
    for i in 0..lines {
        let text = |name: &str| sent.text(&format!("{name}{i}")).trim().to_string();
        let name = text("name");
        if name.is_empty() {
            continue;
        }
        let number = |field: &str| -> Result<Option<f64>, String> {
            let said = text(field);
            if said.is_empty() {
                return Ok(None);
            }
            said.replace(',', ".").parse().map(Some).map_err(|_| format!("“{name}”: “{said}” is no number"))
        };
        let date = text("objective");
        let objective = if date.is_empty() {
            None
        } else {
            Some(
                Timestamp::parse(&format!("{date}T00:00:00Z"))
                    .ok_or_else(|| format!("“{name}”: “{date}” is no date, write 2027-03-31"))?,
            )
        };
        let kpi = Kpi {
            query: text("query"),
            layer: Layer::parse(&text("layer")).unwrap_or(Layer::Business),
            system: text("system"),
            target: number("target")?.unwrap_or(f64::NAN),
            limit: number("limit")?.unwrap_or(f64::NAN),
            benchmark: number("benchmark")?,
            objective,
            higher_is_better: text("better") != "less",
            unit: UNITS.into_iter().find(|(value, ..)| *value == text("unit")).map(|(.., u)| u).unwrap_or_default(),
            currency: text("currency").to_uppercase(),
            owner: text("owner"),
            name,
        };
        if let Some(problem) = kpi.problem() {
            return Err(format!("“{}”: {problem}", kpi.name));
        }
        all.push(kpi);
    }
    Ok(all)
}

fn scales(
    weights: &HealthWeights,
    systems: &[String],
    weigh: Save<HealthWeights>,
    wrong: RwSignal<Option<String>>,
) -> AnyView {
    let layers: Vec<_> = Layer::ALL
        .into_iter()
        .map(|l| view! { <label class="f"><span>{l.title()}</span><input class="in num" name=format!("layer:{}", l.name()) inputmode="decimal" {..given(format::fixed(weights.layer(l), 2))}/></label> })
        .collect();
    let own: Vec<_> = systems
        .iter()
        .map(|s| view! { <label class="f"><span class="mono">{s.clone()}</span><input class="in num" name=format!("system:{s}") inputmode="decimal" {..given(weights.system(s).to_string())}/></label> })
        .collect();
    let none = own.is_empty();
    let names = systems.to_vec();
    view! {
        <Panel title="Weights" sub="what is not measured is left out, and the rest counts in proportion" span="">
            <form class="col gap-12" aria-label="Weights" on:submit=move |event| {
                let sent = Sent::of(&event);
                let number = |field: String| sent.text(&field).trim().replace(',', ".").parse::<f64>().unwrap_or(f64::NAN);
                let weights = HealthWeights {
                    layers: Layer::ALL.into_iter().map(|l| (l, number(format!("layer:{}", l.name())))).collect(),
                    systems: names.iter().map(|s| (s.clone(), number(format!("system:{s}")))).collect(),
                };
                match weights.problem() {
                    Some(problem) => wrong.set(Some(problem)),
                    None => { wrong.set(None); weigh.dispatch(weights); }
                }
            }>
                <h3 class="lab">"Layers"</h3><div class="wts">{layers}</div>
                <h3 class="lab">"Business weight of systems"</h3>
                {none.then(|| view! { <p class="hint">"No system yet."</p> })}
                <div class="wts">{own}</div>
                <div><button class="btn" type="submit">"Save weights"</button></div>
            </form>
        </Panel>
    }
    .into_any()
}

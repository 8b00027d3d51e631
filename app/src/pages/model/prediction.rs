//! One prediction: its answer, its outcome, each value against the baseline, its trace, what was said of it.

use domain::view::{PredictionView, SaidOf, ValuePlace};
use domain::{Status as Of, format};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::feature_link;
use crate::components::frame::Frame;
use crate::components::panel::{Empty, Panel, Read};
use crate::components::reading::reading;
use crate::components::state::{Place, use_place};
use crate::components::status::Status;
use crate::components::zone::Here;
use crate::server_functions::evaluation::prediction;

#[component]
pub fn PredictionPage() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let place = use_place();
    let name = Memo::new(move |_| params.with(|p| p.get("name")).unwrap_or_default());
    let id = Memo::new(move |_| query.with(|q| q.get("id")).unwrap_or_default());
    let data = reading(
        move || (name.get(), place.get().environment, id.get()),
        || (),
        |(name, environment, id)| prediction(name, environment, id),
    );
    view! {
        <Title text="Prediction"/>
        <Frame title=Signal::stored("Prediction".to_string()) crumbs=vec![("AI systems", "/overview")]>
            <Read what=data title="Prediction" draw=page/>
        </Frame>
    }
    .into_any()
}

fn of<'a>(view: &'a PredictionView, column: &str) -> Option<&'a ValuePlace> {
    view.values.iter().find(|v| v.column == column && !v.value.is_empty())
}

/// As it is read; what is no number, as it was sent.
fn shown(value: &ValuePlace) -> String {
    match value.value.parse::<f64>() {
        Ok(number) if value.is_number => format::measured(number),
        _ => value.value.clone(),
    }
}

fn page(view: &PredictionView, place: &Place) -> AnyView {
    let given = of(view, "prediction");
    let answer = given.map_or_else(|| "–".to_string(), shown);
    let outcome = match &view.label {
        None => view! { <Status of=Of::NoData text="not known yet"/> }.into_any(),
        Some(label) if view.model.task.is_classification() && given.is_some_and(|g| g.value != *label) => {
            view! { <Status of=Of::Poor text=format!("{label}, so the answer was wrong")/> }.into_any()
        }
        Some(label) => view! { <Status of=Of::Good text=label.clone()/> }.into_any(),
    };
    let lag = view.label_at.map(|known| format!("known {} later", format::duration(known.0 - view.at.0)));
    let rare = view.values.iter().filter(|v| v.column.starts_with("feature.") && v.is_rare()).count();
    let said_rare = match rare {
        0 => "Every value is one that the baseline knows well.".to_string(),
        1 => "One value lies where fewer than one in a hundred of the baseline lie.".to_string(),
        n => format!("{n} values lie where fewer than one in a hundred of the baseline lie."),
    };
    let rows: Vec<_> = view.values.iter().map(|value| row(value, view, place)).collect();
    let trace = (!view.trace.is_empty()).then(|| {
        view! { <a class="btn" href=place.link(&format!("/traces/{}", view.trace))>"Open its trace"</a> }
    });
    let said = said(&view.said);
    let model = place.link(&format!("/models/{}", view.model.name));
    view! {
        <div class="head"><div class="grow"><h1>{format!("Answer {answer}")}</h1><p class="mono">{view.id.clone()}</p>
            <div class="row wrap gap-12 mt-8"><span class="mid">{view.at.here().date_clock_zone()}</span><a href=model>{view.model.title.clone()}</a>
                <span class="row">"Outcome "{outcome}</span><span class="hint">{lag}</span></div></div>{trace}</div>
        <div class="g">
            <Panel title="What it was given" sub=said_rare span="c-7" flush=true>
                <table class="t dense"><thead><tr><th scope="col">"Column"</th><th scope="col" class="num">"Value"</th><th scope="col">"In the baseline"</th></tr></thead><tbody>{rows}</tbody></table>
            </Panel>
            <Panel title="What was said of it" sub="joined by id, trace or session" span="c-5" flush=true>{said}</Panel>
        </div>
    }
    .into_any()
}

fn row(value: &ValuePlace, view: &PredictionView, place: &Place) -> impl IntoView + use<> {
    let (kind, name) = value.column.split_once('.').unwrap_or(("", &value.column));
    let title = if kind == "feature" {
        view! { <a href=feature_link(place, &view.model.name, &value.column)>{name.to_string()}</a> }.into_any()
    } else {
        view! { <span class="mid">{value.column.clone()}</span> }.into_any()
    };
    let words = match value.share {
        None => String::new(),
        Some(share) if value.is_number => format!("above {} of 100", format::fixed(share * 100.0, 0)),
        Some(share) => format!("{} of 100 have it", format::fixed(share * 100.0, 0)),
    };
    let words_of = if value.value.is_empty() { "missing".to_string() } else { shown(value) };
    let exact = (words_of != value.value && !value.value.is_empty()).then(|| value.value.clone());
    let said = if value.is_rare() {
        view! { <Status of=Of::Fair text=format!("rare, {words}")/> }.into_any()
    } else {
        view! { <span class="hint">{words}</span> }.into_any()
    };
    view! { <tr><th scope="row" class="plain">{title}</th><td class="num v mono" title=exact>{words_of}</td><td>{said}</td></tr> }
}

fn said(all: &[SaidOf]) -> AnyView {
    if all.is_empty() {
        return view! { <Empty title="Nobody said anything" text="Feedback, business events and evaluations that name this prediction, its trace or its session stand here."/> }.into_any();
    }
    let items: Vec<_> = all
        .iter()
        .map(|one| {
            let kind = match one.kind.as_str() {
                "feedback" => "Feedback",
                "business" => "Business event",
                _ => "Evaluation",
            };
            let fields = one
                .fields
                .iter()
                .filter(|(name, value)| name != "id" && !value.is_empty())
                .map(|(name, value)| format!("{name} {value}"))
                .collect::<Vec<_>>()
                .join(", ");
            view! { <li><div class="grow"><b>{kind}</b><p class="lb">{fields}</p><p class="hint">{one.at.clone()}</p></div></li> }
        })
        .collect();
    view! { <ul class="list">{items}</ul> }.into_any()
}

//! One model: quality, drift, fairness, data, and how it is set up. One read serves all of its pages.

mod data;
mod drift;
mod fairness;
mod feature;
mod judged;
mod prediction;
mod predictions;
mod quality;
mod set_up;
mod thresholds;

pub use feature::FeaturePage;
pub use prediction::PredictionPage;
pub use predictions::PredictionsPage;
pub use set_up::ModelSetUp;
pub use thresholds::Thresholds;

use domain::annotation::Subject;
use domain::baseline::BaselineSource;
use domain::time::RangeChoice;
use domain::verdict::WindowReport;
use domain::view::ModelView;
use domain::{Status as Of, format};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use crate::charts::shared::happened;
use crate::components::frame::Frame;
use crate::components::live::use_live;
use crate::components::panel::{Empty, Failed, Loading};
use crate::components::reading::{awaited, reading};
use crate::components::state::{Place, encoded, use_place};
use crate::components::status::Status;
use crate::components::title::titled;
use crate::components::zone::Here;
use crate::server_functions::views::model;

/// What a page of a model shows below its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Quality,
    Drift,
    Fairness,
    Data,
}

impl Section {
    fn part(self) -> &'static str {
        match self {
            Section::Quality => "",
            Section::Drift => "drift",
            Section::Fairness => "fairness",
            Section::Data => "data",
        }
    }
}

#[component]
pub fn QualityPage() -> impl IntoView {
    view! { <ModelPage section=Section::Quality/> }
}

#[component]
pub fn DriftPage() -> impl IntoView {
    view! { <ModelPage section=Section::Drift/> }
}

#[component]
pub fn FairnessPage() -> impl IntoView {
    view! { <ModelPage section=Section::Fairness/> }
}

#[component]
pub fn DataPage() -> impl IntoView {
    view! { <ModelPage section=Section::Data/> }
}

#[component]
fn ModelPage(section: Section) -> impl IntoView {
    let params = use_params_map();
    let place = use_place();
    let live = use_live();
    let name = Memo::new(move |_| params.with(|p| p.get("name")).unwrap_or_default());
    // A page opened on a model shows the range where its data is.
    let data = reading(
        move || {
            let here = place.get();
            (name.get(), here.environment, here.range.unwrap_or(RangeChoice::All))
        },
        move || live.reports.get(),
        |(name, environment, range)| model(name, environment, range),
    );
    view! {
        <Title text=titled(move || name.get())/>
        <Frame title=Signal::derive(move || name.get()) crumbs=vec![("AI systems", "/overview")] range="All data">
            <Transition fallback=Loading>
                {awaited(move || (place.get(), name.get()), move || data, move |(place, name), data| match data {
                    Ok(view) => page(&view, &place, section).into_any(),
                    Err(error) => view! { <h1 class="sr">{name}</h1><Failed error/> }.into_any(),
                })}
            </Transition>
        </Frame>
    }
    .into_any()
}

/// A model’s quality, as a shared link shows it.
pub(crate) fn quality(view: &ModelView, place: &Place) -> AnyView {
    page(view, place, Section::Quality).into_any()
}

/// The pages of one model. `current` is the last part of the address.
#[component]
fn ModelTabs(
    name: String,
    current: &'static str,
    /// What each page counts as worth a look: drifted columns, unfair comparisons, faults of the data.
    #[prop(optional)]
    counts: [usize; 3],
) -> impl IntoView {
    let place = use_place();
    let tabs: Vec<_> = [
        ("", "Quality", 0),
        ("drift", "Drift", counts[0]),
        ("fairness", "Fairness", counts[1]),
        ("data", "Data", counts[2]),
        ("predictions", "Predictions", 0),
        ("thresholds", "Thresholds", 0),
        ("setup", "Set-up", 0),
    ]
    .into_iter()
    .map(|(part, words, count)| {
        let path = address(&name, part);
        let here = (part == current).then_some("page");
        let count = (count > 0).then(|| view! { " "<span class="n">{count}</span> });
        view! { <a href=move || place.get().link(&path) aria-current=here>{words}{count}</a> }
    })
    .collect();
    view! { <nav class="tabs" aria-label="Pages of this model">{tabs}</nav> }
}

fn address(name: &str, part: &str) -> String {
    if part.is_empty() { format!("/models/{name}") } else { format!("/models/{name}/{part}") }
}

/// A link to a feature's own page, with the reader's range and environment.
fn feature_link(place: &Place, model: &str, column: &str) -> String {
    let base = place.link(&address(model, "feature"));
    let join = if base.contains('?') { '&' } else { '?' };
    format!("{base}{join}column={}", encoded(column))
}

/// A link to a model's predictions that meet conditions, in the reader's range and environment.
pub(crate) fn predictions_link(place: &Place, model: &str, conditions: &str) -> String {
    place.link_to(&address(model, "predictions"), &[("where", conditions)])
}

/// Whether a prediction came true, as far as that is known.
fn came_true(task: domain::model::Task, prediction: &str, label: &str) -> AnyView {
    let label = label.to_string();
    if label.is_empty() {
        view! { <span class="dim">"not known yet"</span> }.into_any()
    } else if task.is_classification() && label != prediction {
        view! { <Status of=Of::Fair text=label/> }.into_any()
    } else {
        label.into_any()
    }
}

/// A segment's name, leading to its predictions.
pub(crate) fn segment_name(segment: &domain::evidence::Segment, model: &str, place: &Place) -> AnyView {
    let name = segment.name.clone();
    if segment.conditions.is_empty() {
        return name.into_any();
    }
    view! { <a href=predictions_link(place, model, &segment.conditions)>{name}</a> }.into_any()
}

fn production(view: &ModelView) -> Vec<&WindowReport> {
    view.reports.iter().filter(|r| !r.reference).collect()
}

fn middle(report: &WindowReport) -> f64 {
    (report.range.from.0 as f64 + report.range.to.0 as f64) / 2.0
}

fn window_words(report: &WindowReport) -> String {
    format!(
        "{} – {}, {} rows, {}",
        report.range.from.here().date_clock(),
        report.range.to.here().date_clock(),
        format::count(report.rows as f64),
        report.state.title()
    )
}

fn page(view: &ModelView, place: &Place, section: Section) -> AnyView {
    let about = Subject {
        model: view.model.name.clone(),
        system: view.model.system.clone(),
        environment: place.environment.clone(),
        ..Subject::default()
    };
    happened(&view.flags, about);
    let status = view.layer.as_ref().map_or(Of::NoData, |l| Of::of(l.score));
    let score = view.layer.as_ref().map(|l| format!("{} {}", format::fixed(l.score, 2), status.title()));
    let windows = production(view);
    let newest = windows.last().copied();
    let baseline = view.baseline.as_ref().map_or_else(
        || "no baseline".to_string(),
        |b| match &b.source {
            BaselineSource::Upload => format!("baseline “{}”", b.name),
            source => format!("baseline: {}", source.words()),
        },
    );
    let members = newest.and_then(|r| r.ensemble.as_ref()).map(|e| format!("{}-member ensemble", e.members.len()));
    let owner = &view.model.settings.owner;
    let facts = [
        view.model.settings.purpose.clone(),
        view.model.task.title().to_string(),
        members.unwrap_or_default(),
        view.rule.title(),
        baseline,
        if owner.is_empty() { String::new() } else { format!("owner {owner}") },
        if view.model.replayed { "replayed".into() } else { String::new() },
        if view.model.demo { "simulated".into() } else { String::new() },
    ];
    let facts = facts.into_iter().filter(|f| !f.is_empty()).collect::<Vec<_>>().join(" · ");
    let counts = newest.map_or([0; 3], |r| {
        [
            r.columns.iter().filter(|c| c.finding.drifted()).count(),
            r.fairness.iter().filter(|f| f.unfair).count(),
            r.data.complaints().len(),
        ]
    });
    let content = match newest {
        None => view! {
            <section class="panel"><Empty title="No windows in this range" text="Either nothing was sent for this range, or the evaluator has not come to it yet: it works through new rows within seconds."/></section>
        }
        .into_any(),
        Some(newest) => match section {
            Section::Quality => quality::body(view, newest, place),
            Section::Drift => drift::body(view, newest, place),
            Section::Fairness => fairness::body(view, newest, place),
            Section::Data => data::body(view, newest, place),
        },
    };
    let system = place.link(&format!("/systems/{}", view.model.system));
    view! {
        <div class="head">
            <div class="grow">
                <div class="row wrap gap-12">
                    <h1>{view.model.title.clone()}</h1>
                    <Status of=status pill=true text=score.unwrap_or_else(|| "No data".into())/>
                    <span class="tag mono">{view.model.name.clone()}</span>
                    <span class="mid">{facts}</span>
                </div>
                <p>{newest.map(|r| r.sentence.clone())}</p>
            </div>
            <div class="row"><a class="btn sm" href=system>"All layers of this system"</a></div>
        </div>
        <ModelTabs name=view.model.name.clone() current=section.part() counts/>
        {content}
        {newest.map(|newest| view! {
            <footer class="ft">
                <span>{format!("Computed {}, revision {}, because of {}", newest.computed_at.here().date_clock_zone(), newest.revision, newest.reason)}</span>
            </footer>
        })}
    }
    .into_any()
}

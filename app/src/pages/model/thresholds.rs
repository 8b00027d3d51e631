//! Thresholds of a model: chosen figure by figure, tried on its own history before they are kept.

use domain::evidence::figure_shown;
use domain::model::ModelChange;
use domain::monitor::{LimitsPreview, Monitor, ThresholdRule};
use domain::view::ModelSetUpView;
use domain::{Role, format};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::{ModelTabs, address};
use crate::charts::chart::Chart;
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::components::form::{Sent, outcome};
use crate::components::frame::Frame;
use crate::components::lasting::{given, initially};
use crate::components::panel::{Empty, Failed, Loading, Panel};
use crate::components::reading::awaited;
use crate::components::state::encoded;
use crate::components::state::{Place, use_place};
use crate::components::status::Status;
use crate::server_functions::evaluation::try_limits;
use crate::server_functions::model_set_up::{change_model, model_set_up};
use crate::server_functions::views::me;
use crate::wire::resource;

#[component]
pub fn Thresholds() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let place = use_place();
    let name = Memo::new(move |_| params.with(|p| p.get("name")).unwrap_or_default());
    let figure = Memo::new(move |_| query.with(|q| q.get("figure")).filter(|f| !f.is_empty()));
    let tried = RwSignal::new(None::<ThresholdRule>);
    let save = Action::new(|(name, change): &(String, ModelChange)| change_model(name.clone(), change.clone()));
    let all = resource(
        move || (name.get(), place.get().environment, save.version().get()),
        |(name, environment, _)| async move {
            let role = me().await.ok().and_then(|m| m.role).unwrap_or(Role::Viewer);
            (try_limits(name.clone(), environment, None, None).await, model_set_up(name).await, role)
        },
    );
    // A rule that is tried on the chosen figure; what is in force until one is.
    let preview = resource(
        move || (name.get(), place.get().environment, figure.get(), tried.get(), save.version().get()),
        |(name, environment, figure, tried, _)| async move {
            match figure {
                Some(figure) => try_limits(name, environment, Some(figure), tried).await.map(|mut all| all.pop()),
                None => Ok(None),
            }
        },
    );
    view! {
        <Title text="Thresholds"/>
        <Frame title=Signal::derive(move || name.get()) crumbs=vec![("AI systems", "/overview")]>
            <Transition fallback=Loading>{awaited(move || (figure.get(), place.get()), move || async move { (all.await, preview.await) }, move |(figure, place), (all, preview)| match all {
                (Ok(figures), Ok(view), role) => page(&figures, &view, role, &place, figure, preview, tried, save),
                (Err(error), ..) | (_, Err(error), _) => view! { <h1 class="sr">"Thresholds"</h1><Failed error/> }.into_any(),
            })}</Transition>
        </Frame>
    }
    .into_any()
}

type Save = Action<(String, ModelChange), Result<(), crate::server_functions::Failure>>;

fn page(
    figures: &[LimitsPreview],
    view: &ModelSetUpView,
    role: Role,
    place: &Place,
    chosen: Option<String>,
    preview: Result<Option<LimitsPreview>, crate::server_functions::Failure>,
    tried: RwSignal<Option<ThresholdRule>>,
    save: Save,
) -> AnyView {
    let name = view.model.name.clone();
    let head = view! {
        <div class="head"><div class="grow"><div class="row wrap gap-12"><h1>{view.model.title.clone()}</h1><span class="tag mono">{name.clone()}</span></div>
        <p>"Where the usual ends for each figure, and how often that ends for no reason, measured on the model’s own baseline."</p></div></div>
        <ModelTabs name=name.clone() current="thresholds"/>
    };
    if figures.is_empty() {
        return view! { {head}<section class="panel"><Empty title="No figures yet" text="They appear with the first windows of predictions."/></section> }.into_any();
    }
    let own = |figure: &str| view.model.settings.monitors.iter().find(|m| m.figure == figure).cloned();
    let base = place.link(&address(&name, "thresholds"));
    let join = if base.contains('?') { '&' } else { '?' };
    let rows: Vec<_> = figures
        .iter()
        .map(|f| {
            let href = format!("{base}{join}figure={}", encoded(&f.figure));
            let current = (chosen.as_deref() == Some(f.figure.as_str())).then_some("true");
            let off = own(&f.figure).is_some_and(|m| !m.on);
            let rule = if off { "not judged".to_string() } else { f.threshold.words() };
            let alarms = f.limits.as_ref().and_then(|l| l.false_alarms_measured.or(l.false_alarms_expected));
            let outside = match (&f.limits, f.outside) {
                (None, _) => view! { <span class="dim">"baseline too short"</span> }.into_any(),
                (Some(_), 0) => view! { <Status of=domain::Status::Excellent text="0"/> }.into_any(),
                (Some(_), n) => view! { <Status of=domain::Status::Fair text=n.to_string()/> }.into_any(),
            };
            view! {
                <tr class:on=current.is_some()><th scope="row" class="plain"><a href=href aria-current=current>{f.title.clone()}</a></th><td class="mid">{rule}</td>
                <td class="num">{bounds(f)}</td><td>{outside}</td><td class="num">{alarms.map_or_else(|| "–".to_string(), format::percent)}</td></tr>
            }
        })
        .collect();
    let side = match (chosen, preview) {
        (None, _) => view! { <section class="panel"><Empty title="Choose a figure" text="Its history is drawn with the limits, and another rule can be tried on it."/></section> }.into_any(),
        (Some(_), Err(error)) => view! { <Failed error/> }.into_any(),
        (Some(_), Ok(None)) => view! { <section class="panel"><Empty title="Not known" text="This figure is not among the newest windows."/></section> }.into_any(),
        (Some(figure), Ok(Some(preview))) => editor(view, &figure, &preview, own(&figure), role, tried, save),
    };
    view! {
        {head}
        <div class="g">
            <Panel title="Figures" sub="of the newest windows" span="c-7" flush=true>
                <table class="t dense lim"><thead><tr><th scope="col">"Figure"</th><th scope="col">"Rule"</th><th scope="col" class="num">"Limits"</th><th scope="col">"Windows outside"</th><th scope="col" class="num">"False alarms"</th></tr></thead><tbody>{rows}</tbody></table>
            </Panel>
            <div class="c-5 col gap-16">{side}</div>
        </div>
    }
    .into_any()
}

fn bounds(f: &LimitsPreview) -> String {
    let show = |v: f64| figure_shown(&f.figure, v);
    match f.limits.as_ref().map(|l| (l.lower, l.upper)) {
        Some((Some(l), Some(u))) => format!("{} – {}", show(l), show(u)),
        Some((Some(l), None)) => format!("from {}", show(l)),
        Some((None, Some(u))) => format!("to {}", show(u)),
        _ => "–".into(),
    }
}

/// The names of the rules, and the numbers they take.
const RULES: [(&str, &str); 6] = [
    ("history", "Baseline’s mean ± standard deviations"),
    ("season", "The same hour of the week ± spreads"),
    ("conformal", "Past windows, at most so many % outside"),
    ("decay", "Past windows, older ones fading"),
    ("budget", "One false alarm in so many windows"),
    ("fixed", "Fixed numbers"),
];

fn kind(rule: &ThresholdRule) -> &'static str {
    match rule {
        ThresholdRule::Fixed { .. } => "fixed",
        ThresholdRule::History { .. } => "history",
        ThresholdRule::Season { .. } => "season",
        ThresholdRule::Decay { .. } => "decay",
        ThresholdRule::Conformal { .. } => "conformal",
        ThresholdRule::Budget { .. } => "budget",
    }
}

fn number(rule: &ThresholdRule) -> f64 {
    match *rule {
        ThresholdRule::History { deviations } | ThresholdRule::Season { deviations } => deviations,
        ThresholdRule::Decay { share, .. } | ThresholdRule::Conformal { share } => share * 100.0,
        ThresholdRule::Budget { windows } => windows,
        ThresholdRule::Fixed { .. } => 3.0,
    }
}

/// The rule that the form describes, or what is wrong with it.
fn described(sent: &Sent) -> Result<ThresholdRule, String> {
    let parse = |name: &str| -> Result<Option<f64>, String> {
        let text = sent.text(name).trim().replace(',', ".");
        if text.is_empty() {
            Ok(None)
        } else {
            text.parse().map(Some).map_err(|_| format!("“{text}” is no number"))
        }
    };
    let value = parse("number")?.unwrap_or(3.0);
    let rule = match sent.text("rule").as_str() {
        "season" => ThresholdRule::Season { deviations: value },
        "conformal" => ThresholdRule::Conformal { share: value / 100.0 },
        "decay" => ThresholdRule::Decay { share: value / 100.0, half_life: 50.0 },
        "budget" => ThresholdRule::Budget { windows: value },
        "fixed" => ThresholdRule::Fixed { lower: parse("lower")?, upper: parse("upper")? },
        _ => ThresholdRule::History { deviations: value },
    };
    rule.problem().map_or(Ok(rule), Err)
}

fn editor(
    view: &ModelSetUpView,
    figure: &str,
    preview: &LimitsPreview,
    own: Option<Monitor>,
    role: Role,
    tried: RwSignal<Option<ThresholdRule>>,
    save: Save,
) -> AnyView {
    let wrong = RwSignal::new(None::<String>);
    let allowed = matches!(role, Role::Operator | Role::Administrator);
    let rule = preview.threshold;
    let options: Vec<_> = RULES
        .into_iter()
        .map(|(value, words)| view! { <option {..initially("selected", value == kind(&rule))} value=value>{words}</option> })
        .collect();
    let (lower, upper) = match rule {
        ThresholdRule::Fixed { lower, upper } => (lower, upper),
        _ => (None, None),
    };
    let text = |v: Option<f64>| v.map(|v| v.to_string()).unwrap_or_default();
    let (windows, of, on) = own.as_ref().map_or((1, 1, true), |m| (m.windows, m.of, m.on));
    let (model, others, figure) = (view.model.name.clone(), view.model.settings.monitors.clone(), figure.to_string());
    let reset = {
        let (model, others, figure) = (model.clone(), others.clone(), figure.clone());
        move |_| {
            let monitors = others.iter().filter(|m| m.figure != figure).cloned().collect();
            tried.set(None);
            save.dispatch((model.clone(), ModelChange { monitors: Some(monitors), ..ModelChange::default() }));
        }
    };
    let form = view! {
        <form class="col gap-12" aria-label="Threshold" on:submit=move |event| {
            let sent = Sent::of(&event);
            match described(&sent) {
                Err(problem) => wrong.set(Some(problem)),
                Ok(threshold) => {
                    wrong.set(None);
                    tried.set(Some(threshold));
                    if sent.text("keep") == "yes" && allowed {
                        let count = |name: &str| sent.text(name).parse().unwrap_or(1);
                        let monitor = Monitor { figure: figure.clone(), threshold, on: sent.text("on") != "off", windows: count("windows"), of: count("of") };
                        let monitors = others.iter().filter(|m| m.figure != figure).cloned().chain([monitor]).collect();
                        save.dispatch((model.clone(), ModelChange { monitors: Some(monitors), ..ModelChange::default() }));
                    }
                }
            }
        }>
            {move || wrong.get().map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
            {move || outcome(save.value().get(), "Kept; every window is being judged again.")}
            <label class="f"><span>"Rule"</span><select class="in" name="rule">{options}</select></label>
            <div class="row gap-12 wrap">
                <label class="f"><span>"Deviations, %, or windows"</span><input class="in num" name="number" inputmode="decimal" {..given(format::compact(number(&rule)))}/></label>
                <label class="f"><span>"Fixed lower"</span><input class="in num" name="lower" inputmode="decimal" {..given(text(lower))}/></label>
                <label class="f"><span>"Fixed upper"</span><input class="in num" name="upper" inputmode="decimal" {..given(text(upper))}/></label>
            </div>
            <div class="row gap-12 wrap">
                <label class="f"><span>"Counts when outside in"</span><input class="in num" name="windows" type="number" min="1" max="10" {..given(windows.to_string())}/></label>
                <label class="f"><span>"of the last windows"</span><input class="in num" name="of" type="number" min="1" max="10" {..given(of.to_string())}/></label>
                <label class="f"><span>"Judged"</span><select class="in" name="on"><option {..initially("selected", on)} value="on">"yes"</option><option {..initially("selected", !on)} value="off">"no"</option></select></label>
                <label class="f"><span>"Then"</span><select class="in" name="keep"><option value="no">"only try it"</option>{allowed.then(|| view! { <option value="yes">"keep it"</option> })}</select></label>
            </div>
            <div class="row gap-8"><button class="btn pri" type="submit">"Apply"</button>
            {(allowed && own.is_some()).then(|| view! { <button class="btn" type="button" on:click=reset>"Back to the usual rule"</button> })}</div>
        </form>
    };
    let drawn = history(preview);
    view! {
        <Panel title=preview.title.clone() sub="baseline, then production, with the limits" span="">{drawn}</Panel>
        <Panel title="Rule" sub=preview.threshold.words() span="">{form}</Panel>
    }
    .into_any()
}

/// Windows in order, whatever their distance: the baseline’s may lie years back.
fn history(preview: &LimitsPreview) -> AnyView {
    let baseline = preview.baseline.len();
    let point = |i: usize, v: f64| (i as f64, Some(v));
    let before: Vec<_> = preview.baseline.iter().enumerate().map(|(i, s)| point(i, s.value)).collect();
    let now: Vec<_> = preview.production.iter().enumerate().map(|(i, s)| point(baseline + i, s.value)).collect();
    let mut marks = Vec::new();
    let outside: Vec<(f64, f64)> = preview
        .production
        .iter()
        .enumerate()
        .filter(|(_, s)| preview.limits.as_ref().is_some_and(|l| l.outside(s.value)))
        .map(|(i, s)| ((baseline + i) as f64, s.value))
        .collect();
    marks.push(Mark::Line { name: "Baseline".into(), class: "kt".into(), points: before });
    marks.push(Mark::Line { name: "Production".into(), class: "ka strong".into(), points: now });
    if let Some(limits) = &preview.limits {
        for (y, words) in [(limits.lower, "lower"), (limits.upper, "upper")] {
            if let Some(y) = y {
                marks.push(Mark::Rule {
                    class: "thl kp".into(),
                    y,
                    label: format!("{words} {}", figure_shown(&preview.figure, y)),
                });
            }
        }
    }
    marks.push(Mark::Points { class: "kc".into(), points: outside });
    let spec = ChartSpec::fit(210.0, Axis::Number, Unit::Compact, marks, false);
    let words = match &preview.limits {
        None => "The baseline has too few windows for this rule.".to_string(),
        Some(limits) => {
            let rate = |v: Option<f64>| v.map_or_else(|| "not known".to_string(), format::percent);
            format!(
                "{} of {} windows of production are outside. False alarms: {} of the baseline’s {} windows, each held against the others; {} by the rule’s own arithmetic.",
                preview.outside,
                preview.production.len(),
                rate(limits.false_alarms_measured),
                limits.n,
                rate(limits.false_alarms_expected)
            )
        }
    };
    view! { <Chart spec title=format!("{} by window", preview.title) description=words.clone() right=96/><p class="hint">{words}</p> }.into_any()
}

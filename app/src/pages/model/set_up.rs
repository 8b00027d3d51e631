//! How a model is set up: what its columns mean, how it is cut into windows, what it is compared
//! with.

use domain::baseline::{Baseline, BaselineSource};
use domain::event::ColumnRole;
use domain::model::{Field, Model, ModelChange, Schema, Task};
use domain::time::{DAY, MINUTE, TimeRange, span_text};
use domain::view::ModelSetUpView;
use domain::window::WindowRule;
use domain::zone::Zone;
use domain::{Role, Timestamp, format};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_navigate, use_params_map};

use super::ModelTabs;
use crate::components::form::{Sent, outcome};
use crate::components::frame::Frame;
use crate::components::lasting::{given, initially};
use crate::components::panel::{Failed, Loading, Panel};
use crate::components::reading::awaited;
use crate::components::status::Status;
use crate::components::title::titled;
use crate::components::zone::{Here, zone, zone_label};
use crate::server_functions::Failure;
use crate::server_functions::model_set_up::{change_model, choose_baseline, model_set_up, remove_model, use_baseline};
use crate::server_functions::views::me;
use crate::wire::resource;

/// Window rules offered by name; any other is typed through the API.
const WINDOWS: [&str; 9] = ["auto", "5m", "15m", "1h", "6h", "1d", "7d", "28d", "month"];
const HORIZONS: [&str; 7] = ["1h", "12h", "1d", "7d", "30d", "90d", "365d"];

type Change = Action<(String, ModelChange), Result<(), Failure>>;

/// What the page can set going.
#[derive(Clone, Copy)]
struct Acts {
    general: Change,
    windows: Change,
    columns: Change,
    choose: Action<(String, String, BaselineSource), Result<(), Failure>>,
    again: Action<(String, String), Result<(), Failure>>,
    remove: Action<String, Result<(), Failure>>,
}

#[component]
pub fn ModelSetUp() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| params.with(|p| p.get("name")).unwrap_or_default());
    let change = || -> Change {
        Action::new(|(name, change): &(String, ModelChange)| change_model(name.clone(), change.clone()))
    };
    let acts = Acts {
        general: change(),
        windows: change(),
        columns: change(),
        choose: Action::new(|(model, name, source): &(String, String, BaselineSource)| {
            choose_baseline(model.clone(), name.clone(), source.clone())
        }),
        again: Action::new(|(model, name): &(String, String)| use_baseline(model.clone(), name.clone())),
        remove: Action::new(|name: &String| remove_model(name.clone())),
    };
    let versions = move || {
        (
            acts.general.version().get(),
            acts.windows.version().get(),
            acts.columns.version().get(),
            acts.choose.version().get(),
            acts.again.version().get(),
        )
    };
    let data = resource(
        move || (name.get(), versions()),
        |(name, _)| async move { (model_set_up(name).await, me().await.ok().and_then(|m| m.role).unwrap_or(Role::Viewer)) },
    );
    let navigate = use_navigate();
    Effect::new(move |_| {
        if acts.remove.value().get().is_some_and(|gone| gone.is_ok()) {
            navigate("/overview", leptos_router::NavigateOptions::default());
        }
    });
    view! {
        <Title text=titled(move || format!("{} set-up", name.get()))/>
        <Frame title=Signal::derive(move || name.get()) crumbs=vec![("AI systems", "/overview")]>
            <Transition fallback=Loading>
                {awaited(move || name.get(), move || data, move |name, data| match data {
                    (Ok(view), role) => page(&view, role, acts).into_any(),
                    (Err(error), _) => view! { <h1 class="sr">{name}</h1><Failed error/> }.into_any(),
                })}
            </Transition>
        </Frame>
    }
}

fn page(view: &ModelSetUpView, role: Role, acts: Acts) -> impl IntoView + use<> {
    let read_only = role < Role::Operator;
    let (name, title) = (view.model.name.clone(), view.model.title.clone());
    let labels = format::count(view.labels as f64);
    let note = read_only
        .then(|| view! { <p class="note" role="note">"You may read this. Changing it takes the role operator."</p> });
    let columns = columns(&view.model, acts.columns);
    let (general, windows, baselines) =
        (general(&view.model, acts.general), windows(view, acts.windows), baselines(view, acts));
    let remove = (role == Role::Administrator).then(|| removal(name.clone(), acts.remove));
    let held: Vec<_> = view
        .streams
        .iter()
        .map(|s| {
            let span = s.range.map_or_else(
                || "no time".to_string(),
                |r| format!("{} – {}", r.from.here().date_clock(), r.to.here().date_clock()),
            );
            view! { <dt>{s.environment.clone()}</dt><dd><b>{format::count(s.rows as f64)}</b><span class="hint">{span}</span></dd> }
        })
        .collect();
    view! {
        <div class="head"><div class="grow">
            <div class="row wrap gap-12"><h1>{title}</h1><span class="tag mono">{name.clone()}</span></div>
            <p>"What its columns mean, how it is cut into windows, and what it is compared with."</p>
        </div></div>
        <ModelTabs name=name current="setup"/>
        {note}
        <fieldset class="g" disabled=read_only>
            <legend class="sr">"Set-up"</legend>
            <Panel title="Columns" sub="a change holds for rows that arrive from now on" span="c-8" flush=true>{columns}</Panel>
            <div class="c-4 col gap-16">
                <Panel title="General" span="">{general}</Panel>
                <Panel title="Windows and outcomes" sub="every window is computed again" span="">{windows}</Panel>
                <Panel title="Baseline" sub="what “usual” means" span="">{baselines}</Panel>
                <Panel title="Kept" sub="predictions by environment" span="">
                    <dl class="kv">{held}<dt>"Outcomes sent"</dt><dd><b>{labels}</b></dd></dl>
                </Panel>
                {remove}
            </div>
        </fieldset>
    }
}

fn option(value: &str, words: String, current: bool) -> impl IntoView + use<> {
    let value = value.to_string();
    view! { <option {..initially("selected", current)} value=value>{words}</option> }
}

fn general(model: &Model, act: Change) -> AnyView {
    let tasks: Vec<_> =
        Task::ALL.into_iter().map(|task| option(task.name(), task.title().to_string(), task == model.task)).collect();
    let positive = (model.task == Task::BinaryClassification).then(|| {
        let class = model.schema.positive_class.clone().unwrap_or_default();
        view! { <label class="f"><span>"Class that means yes"</span><input class="in mono" name="positive" {..given(class)} maxlength="200"/></label> }
    });
    let settings = model.settings.clone();
    let name = model.name.clone();
    view! {
        <form class="col gap-12" aria-label="General" on:submit=move |event| {
            let sent = Sent::of(&event);
            let change = ModelChange {
                title: Some(sent.text("title")),
                system: Some(sent.text("system")),
                purpose: Some(sent.text("purpose")),
                owner: Some(sent.text("owner")),
                task: Some(sent.text("task")),
                positive_class: Some(sent.text("positive")).filter(|class| !class.is_empty()),
                low_confidence: sent.text("low").parse().ok(),
                ..ModelChange::default()
            };
            act.dispatch((name.clone(), change));
        }>
            {move || outcome(act.value().get(), "Saved.")}
            <label class="f"><span>"Title"</span><input class="in" name="title" {..given(model.title.clone())} maxlength="100" required/></label>
            <label class="f"><span>"System it belongs to"</span><input class="in mono" name="system" {..given(model.system.clone())} maxlength="100" required/></label>
            <label class="f"><span>"What it does, for people who do not know it"</span><input class="in" name="purpose" {..given(settings.purpose)} maxlength="100" placeholder="Decides loan applications"/></label>
            <label class="f"><span>"Owner"</span><input class="in" name="owner" {..given(settings.owner)} maxlength="100"/></label>
            <label class="f"><span>"Task"</span><select class="in" name="task">{tasks}</select></label>
            {positive}
            <label class="f"><span>"Low confidence is below"</span><input class="in" name="low" type="number" min="0" max="1" step="any" {..given(settings.low_confidence.to_string())} required/></label>
            <div><button class="btn" type="submit">"Save"</button></div>
        </form>
    }
    .into_any()
}

fn windows(view: &ModelSetUpView, act: Change) -> AnyView {
    let rule = view.model.settings.window;
    let (current, name) = (rule.text(), view.model.name.clone());
    let counted = if let WindowRule::Count(count) = rule { count } else { 5000 };
    let mut offered: Vec<String> = WINDOWS.map(String::from).to_vec();
    if !matches!(rule, WindowRule::Count(_)) && !offered.contains(&current) {
        offered.push(current.clone());
    }
    let mut options: Vec<_> = offered
        .iter()
        .map(|text| {
            let words = match WindowRule::parse(text) {
                Some(WindowRule::Auto) => format!("automatic, now {}", view.rule.title()),
                Some(rule) => rule.title(),
                None => text.clone(),
            };
            option(text, words, *text == current)
        })
        .collect();
    options.push(option("count", "a number of predictions".into(), matches!(rule, WindowRule::Count(_))));
    let horizon = span_text(view.model.settings.label_horizon);
    let mut spans: Vec<String> = HORIZONS.map(String::from).to_vec();
    if !spans.contains(&horizon) {
        spans.push(horizon.clone());
    }
    let horizons: Vec<_> = spans.iter().map(|s| option(s, s.clone(), *s == horizon)).collect();
    view! {
        <form class="col gap-12" aria-label="Windows" on:submit=move |event| {
            let sent = Sent::of(&event);
            let chosen = sent.text("window");
            let window = if chosen == "count" { sent.text("count") } else { chosen };
            let change = ModelChange { window: Some(window), label_horizon: Some(sent.text("horizon")), ..ModelChange::default() };
            act.dispatch((name.clone(), change));
        }>
            {move || outcome(act.value().get(), "Saved; every window is being computed again.")}
            <label class="f"><span>"Windows"</span><select class="in" name="window">{options}</select></label>
            <label class="f"><span>"Predictions, where windows have a number of them"</span><input class="in" name="count" type="number" min="10" max="1000000" {..given(counted.to_string())}/></label>
            <label class="f"><span>"Outcomes may take"</span><select class="in" name="horizon">{horizons}</select></label>
            <div><button class="btn" type="submit">"Save"</button></div>
        </form>
    }
    .into_any()
}

fn baselines(view: &ModelSetUpView, acts: Acts) -> AnyView {
    let model = view.model.name.clone();
    let known: Vec<_> = view.baselines.iter().map(|b| baseline_row(b, &model, acts)).collect();
    let none = known.is_empty();
    let environments: Vec<_> =
        view.streams.iter().map(|s| option(&s.environment, s.environment.clone(), false)).collect();
    let first = view.streams.iter().find_map(|s| s.range);
    let at = |t: Option<Timestamp>| t.map(|t| t.here().form_minute()).unwrap_or_default();
    let (from, to) = (at(first.map(|r| r.from)), at(first.map(middle)));
    let failure = RwSignal::new(None::<&'static str>);
    let clock = zone();
    let form = (!view.streams.is_empty()).then(|| {
        view! {
            <form class="col gap-12" aria-label="Choose a baseline" on:submit=move |event| {
                let sent = Sent::of(&event);
                match chosen(&sent, &clock) {
                    Ok(source) => {
                        failure.set(None);
                        acts.choose.dispatch((model.clone(), sent.text("name"), source));
                    }
                    Err(text) => failure.set(Some(text)),
                }
            }>
                <h3 class="lab">"Compare with predictions"</h3>
                {move || failure.get().map(|text| view! { <p class="note critical" role="alert">{text}</p> })}
                {move || outcome(acts.choose.value().get(), "Every window is being compared with it.")}
                <label class="f"><span>"Name"</span><input class="in mono" name="name" {..given("usual")} maxlength="64" required/></label>
                <label class="f"><span>"Which"</span><select class="in" name="kind">
                    {option("range", "a range that stays".into(), true)}
                    {option("rolling", "what came before each window".into(), false)}
                    {option("seasonal", "the same hour of the week before".into(), false)}
                </select></label>
                <label class="f"><span>"How far back, for what moves"</span><select class="in" name="back">
                    {[("7d", "1 week"), ("14d", "2 weeks"), ("28d", "4 weeks"), ("56d", "8 weeks")].map(|(v, words)| option(v, words.into(), v == "14d")).into_iter().collect::<Vec<_>>()}
                </select></label>
                <label class="f"><span>"Environment, for a range"</span><select class="in" name="environment">{environments}</select></label>
                <label class="f"><span>{format!("From, {}", zone_label())}</span><input class="in" type="datetime-local" name="from" {..given(from)}/></label>
                <label class="f"><span>{format!("To, {}", zone_label())}</span><input class="in" type="datetime-local" name="to" {..given(to)}/></label>
                <div><button class="btn" type="submit">"Compare with these"</button></div>
            </form>
        }
    });
    view! {
        {none.then(|| view! { <p class="hint">"None yet: drift is not judged. Upload rows to “/baseline”, or choose a range."</p> })}
        <ul class="list base">{known}</ul>
        {move || outcome(acts.again.value().get(), "")}
        {form}
    }
    .into_any()
}

/// The baseline that the form describes, or what is missing.
fn chosen(sent: &Sent, zone: &Zone) -> Result<BaselineSource, &'static str> {
    let span = domain::time::parse_span(&sent.text("back")).unwrap_or(14 * DAY);
    match sent.text("kind").as_str() {
        "rolling" => Ok(BaselineSource::Rolling { span }),
        "seasonal" => Ok(BaselineSource::Seasonal { weeks: (span / (7 * DAY)) as u32 }),
        _ => {
            let time = |field: &str| zone.parse(&sent.text(field));
            match (time("from"), time("to")) {
                (Some(from), Some(to)) if from < to => {
                    Ok(BaselineSource::Range { environment: sent.text("environment"), range: TimeRange { from, to } })
                }
                (Some(_), Some(_)) => Err("The range ends after it begins."),
                _ => Err("Both ends need a day and a time."),
            }
        }
    }
}

/// Where the first half of a range ends, at a whole minute.
fn middle(range: TimeRange) -> Timestamp {
    Timestamp((range.from.0 + (range.to.0 - range.from.0) / 2).div_euclid(MINUTE) * MINUTE + MINUTE)
}

fn baseline_row(baseline: &Baseline, model: &str, acts: Acts) -> impl IntoView + use<> {
    let what = baseline.source.words();
    let (name, model) = (baseline.name.clone(), model.to_string());
    let side = if baseline.active {
        view! { <Status of=domain::Status::Good text="in use"/> }.into_any()
    } else {
        let label = format!("Use the baseline {name}");
        let name = name.clone();
        view! { <button class="btn xs" type="button" aria-label=label on:click=move |_| { acts.again.dispatch((model.clone(), name.clone())); }>"Use"</button> }.into_any()
    };
    view! { <li><div class="grow"><b>{name}</b><p class="hint">{what}</p></div>{side}</li> }
}

/// One row a column; the fields are named by the column's place.
fn columns(model: &Model, act: Change) -> AnyView {
    let (schema, name) = (model.schema.clone(), model.name.clone());
    let compared = |field: &Field| model.schema.groups.contains(&field.name);
    let rows: Vec<_> =
        model.schema.fields.iter().enumerate().map(|(i, field)| column_row(i, field, compared(field))).collect();
    view! {
        <form aria-label="Columns" on:submit=move |event| {
            let sent = Sent::of(&event);
            act.dispatch((name.clone(), ModelChange { schema: Some(edited(&schema, &sent)), ..ModelChange::default() }));
        }>
            <div class="colt"><table class="t dense">
                <thead><tr><th scope="col">"Column"</th><th scope="col">"Read as"</th><th scope="col">"Values"</th><th scope="col">"Unit"</th><th scope="col" class="num">"Weight in model"</th><th scope="col">"Compare groups"</th></tr></thead>
                <tbody>{rows}</tbody>
            </table></div>
            <div class="pf2 row wrap gap-12">
                <button class="btn pri" type="submit">"Save columns"</button>
                {move || outcome(act.value().get(), "Saved.")}
            </div>
        </form>
    }
    .into_any()
}

fn column_row(i: usize, field: &Field, compared: bool) -> impl IntoView + use<> {
    let code = field.role.code();
    let mut roles: Vec<_> = ColumnRole::choices(&field.name)
        .into_iter()
        .map(|choice| option(choice.code(), choice.title(), choice.code() == code))
        .collect();
    if let ColumnRole::ClassProbability(_) = field.role {
        roles.push(option(code, field.role.title(), true));
    }
    let weight = if field.importance > 0.0 { field.importance.to_string() } else { String::new() };
    let label = |what: &str| format!("{what} of {}", field.name);
    view! {
        <tr>
            <th scope="row" class="mono">{field.name.clone()}</th>
            <td><select class="in sm" name=format!("role:{i}") aria-label=label("Role")>{roles}</select></td>
            <td><select class="in sm" name=format!("values:{i}") aria-label=label("Values")>
                {option("number", "numbers".into(), field.numeric)}{option("category", "categories".into(), !field.numeric)}
            </select></td>
            <td><input class="in sm" name=format!("unit:{i}") aria-label=label("Unit") {..given(field.unit.clone())} maxlength="20"/></td>
            <td class="num"><input class="in sm num" name=format!("weight:{i}") aria-label=label("Weight") inputmode="decimal" {..given(weight)} placeholder="–"/></td>
            <td><input type="checkbox" name=format!("group:{i}") aria-label=label("Compare groups") checked=compared/></td>
        </tr>
    }
}

/// The schema as the form holds it. A role that stays keeps its own name.
fn edited(schema: &Schema, sent: &Sent) -> Schema {
    let mut schema = schema.clone();
    let compared = schema.fields.iter().enumerate().filter(|(i, _)| !sent.text(&format!("group:{i}")).is_empty());
    schema.groups = compared.map(|(_, field)| field.name.clone()).collect();
    for (i, field) in schema.fields.iter_mut().enumerate() {
        let code = sent.text(&format!("role:{i}"));
        if code != field.role.code()
            && let Some(role) = ColumnRole::choices(&field.name).into_iter().find(|role| role.code() == code)
        {
            field.role = role;
        }
        field.numeric = sent.text(&format!("values:{i}")) == "number";
        field.unit = sent.text(&format!("unit:{i}"));
        let weight = sent.text(&format!("weight:{i}"));
        // What is no number is sent as one that is refused in words; JSON has no NaN.
        field.importance = if weight.trim().is_empty() { 0.0 } else { weight.trim().parse().unwrap_or(-1.0) };
    }
    schema
}

fn removal(name: String, act: Action<String, Result<(), Failure>>) -> impl IntoView {
    let wrong = RwSignal::new(false);
    let hint = format!("Type {name} to confirm");
    view! {
        <Panel title="Remove" sub="cannot be undone" span="">
            <form class="col gap-12" aria-label="Remove this model" on:submit=move |event| {
                let typed = Sent::of(&event).text("confirm");
                wrong.set(typed != name);
                if typed == name { act.dispatch(name.clone()); }
            }>
                {move || wrong.get().then(|| view! { <p class="note critical" role="alert">"That is not the model’s name."</p> })}
                {move || outcome(act.value().get(), "")}
                <label class="f"><span>{hint}</span><input class="in mono" name="confirm" autocomplete="off" required/></label>
                <div><button class="btn danger" type="submit">"Remove the model and all that is kept of it"</button></div>
            </form>
        </Panel>
    }
}

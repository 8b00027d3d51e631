//! One condition as a sentence with fields in it, there and back.

use domain::alert::condition::{Compare, Condition, Limit};
use domain::telemetry::ChangeKind;
use domain::time::{DAY, HOUR, MINUTE, parse_span, span_text};
use leptos::prelude::*;

use super::plain::{FUNCTIONS, Plain};
use crate::components::form::Sent;
use crate::components::lasting::{given, initially};

const KINDS: [(&str, &str); 6] = [
    ("signal", "a value"),
    ("absent", "no data"),
    ("anomaly", "strange values"),
    ("forecast", "a forecast"),
    ("verdict", "a model’s figure"),
    ("change", "a change"),
];

const COMPARES: [(&str, &str, Compare); 4] = [
    ("above", "above", Compare::Above),
    ("below", "below", Compare::Below),
    ("outside", "outside of", Compare::Outside),
    ("returned", "returned at all", Compare::Returned),
];

const LIMITS: [(&str, &str); 3] = [
    ("fixed", "the number"),
    ("learned", "its usual band, ± deviations"),
    ("budget", "what gives false alarms a week"),
];

/// What stands in the fields of a clause.
#[derive(Debug, Clone, PartialEq, Default)]
struct Fields {
    kind: &'static str,
    query: String,
    compare: &'static str,
    limit: &'static str,
    value: String,
    days: String,
    span: String,
    model: String,
    figure: String,
    windows: String,
    change: &'static str,
}

fn compare_name(compare: Compare) -> &'static str {
    COMPARES.iter().find(|c| c.2 == compare).map_or("above", |c| c.0)
}

impl Fields {
    fn of(condition: &Condition) -> Fields {
        let mut fields = Fields {
            kind: "signal",
            compare: "above",
            limit: "fixed",
            days: "14".into(),
            windows: "2".into(),
            query: condition.query().to_string(),
            ..Fields::default()
        };
        match condition {
            Condition::Signal { compare, limit, .. } => {
                fields.compare = compare_name(*compare);
                match limit {
                    Limit::Fixed { value } => fields.value = shown(*value),
                    Limit::Learned { deviations, days } => {
                        (fields.limit, fields.value, fields.days) =
                            ("learned", deviations.to_string(), days.to_string());
                    }
                    Limit::Budget { per_week, days } => {
                        (fields.limit, fields.value, fields.days) = ("budget", per_week.to_string(), days.to_string());
                    }
                }
            }
            Condition::Absent { .. } => fields.kind = "absent",
            Condition::Anomaly { lookback, .. } => (fields.kind, fields.span) = ("anomaly", span_text(*lookback)),
            Condition::Forecast { compare, value, within, .. } => {
                (fields.kind, fields.compare) = ("forecast", compare_name(*compare));
                (fields.value, fields.span) = (value.to_string(), span_text(*within));
            }
            Condition::Verdict { model, figure, windows, .. } => {
                (fields.kind, fields.model, fields.figure) = ("verdict", model.clone(), figure.clone());
                fields.windows = windows.to_string();
            }
            Condition::Change { system, within, kind } => {
                (fields.kind, fields.model, fields.span) = ("change", system.clone(), span_text(*within));
                fields.change = kind.map_or("", |k| k.name());
            }
            Condition::All { .. } | Condition::Any { .. } | Condition::Unless { .. } | Condition::AtLeast { .. } => {}
        }
        fields
    }
}

/// A limit that is still to be written is none.
fn shown(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}

/// Puts a limit into the field of a clause.
pub fn set_limit(form: &web_sys::HtmlFormElement, id: usize, limit: f64) {
    use leptos::wasm_bindgen::JsCast;
    let field = form.query_selector(&format!("[name=\"{}\"]", field(id, "value"))).ok().flatten();
    if let Some(field) = field.and_then(|f| f.dyn_into::<web_sys::HtmlInputElement>().ok()) {
        field.set_value(&shown(limit));
    }
}

fn field(id: usize, name: &str) -> String {
    format!("c{id}.{name}")
}

/// A condition's fields in their sentence. `id` tells clauses of one form apart.
pub fn clause(id: usize, title: Signal<String>, condition: &Condition, remove: AnyView) -> AnyView {
    let f = Fields::of(condition);
    let kind = RwSignal::new(f.kind.to_string());
    let limit = RwSignal::new(f.limit.to_string());
    let compare = RwSignal::new(f.compare.to_string());
    let without = move |kinds: &'static [&'static str]| move || !kinds.contains(&kind.get().as_str());
    let no_limit = move || kind.get() != "signal" || compare.get() == "returned";
    let no_number = move || !(kind.get() == "forecast" || kind.get() == "signal" && compare.get() != "returned");
    let no_days = move || no_limit() || limit.get() == "fixed";
    let changes: Vec<(&str, String)> = ChangeKind::ALL.iter().map(|k| (k.name(), k.title().to_lowercase())).collect();
    let changes: Vec<_> = changes
        .into_iter()
        .map(|(name, title)| view! { <option {..initially("selected", name == f.change)} value=name>{title}</option> })
        .collect();
    let joined: Vec<(&str, &str)> = COMPARES.iter().map(|c| (c.0, c.1)).collect();
    let name = |of: &str| field(id, of);
    view! {
        <div class="sent" role="group" aria-label=title>
            <select class="in" name=name("kind") aria-label="What is looked for" on:change=move |event| kind.set(event_target_value(&event))>{options(&KINDS, f.kind)}</select>
            <span hidden=without(&["signal", "absent", "anomaly", "forecast"])>{asked(id, &f.query)}</span>
            <span hidden=without(&["signal", "forecast"])><span>"is"</span>
                <select class="in" name=name("compare") aria-label="Side" on:change=move |event| compare.set(event_target_value(&event))>{options(&joined, f.compare)}</select></span>
            <span hidden=no_limit><select class="in" name=name("limit") aria-label="Kind of limit" on:change=move |event| limit.set(event_target_value(&event))>{options(&LIMITS, f.limit)}</select></span>
            <span hidden=no_number><input class="in sm" name=name("value") inputmode="decimal" aria-label="Limit" {..given(f.value)}/></span>
            <span hidden=no_days><span>"learnt of"</span><input class="in sm" name=name("days") inputmode="numeric" aria-label="Days it is learnt from" {..given(f.days)}/><span>"days"</span></span>
            <span hidden=without(&["verdict"])><span>"of the model"</span><input class="in" name=name("model") aria-label="Model" autocomplete="off" {..given(f.model.clone())}/><span>", namely"</span><input class="in" name=name("figure") aria-label="Figure" placeholder="any" autocomplete="off" {..given(f.figure)}/><span>", is far out of its thresholds, or out of them in"</span><input class="in sm" name=name("windows") inputmode="numeric" aria-label="Windows out of its thresholds" {..given(f.windows)}/><span>"of its last windows"</span></span>
            <span hidden=without(&["change"])><span>"of kind"</span><select class="in" name=name("change") aria-label="Kind of change"><option {..initially("selected", f.change.is_empty())} value="">"any"</option>{changes}</select><span>"in the system"</span><input class="in" name=name("system") aria-label="System" placeholder="any" autocomplete="off" {..given(f.model)}/></span>
            <span hidden=without(&["anomaly", "forecast", "change"])><span>{move || match kind.get().as_str() { "anomaly" => "by the last", _ => "within" }}</span><input class="in sm" name=name("span") aria-label="Span of time" placeholder="1d" {..given(f.span)}/></span>
            {remove}
        </div>
    }
    .into_any()
}

/// The signal: as words where they can say it, as PromQL otherwise or on request.
fn asked(id: usize, query: &str) -> AnyView {
    let plain = if query.is_empty() {
        Some(Plain { function: "avg", metric: String::new(), labels: String::new(), over: 5 * MINUTE })
    } else {
        Plain::read(query)
    };
    let coded = RwSignal::new(plain.is_none());
    let shown = plain.unwrap_or(Plain { function: "last", metric: String::new(), labels: String::new(), over: 0 });
    let over = if shown.over == 0 { String::new() } else { span_text(shown.over) };
    let functions: Vec<(&str, &str)> = FUNCTIONS.iter().map(|f| (f.0, f.1)).collect();
    let function = NodeRef::<leptos::html::Select>::new();
    let (metric, labels, span) = (
        NodeRef::<leptos::html::Input>::new(),
        NodeRef::<leptos::html::Input>::new(),
        NodeRef::<leptos::html::Input>::new(),
    );
    let text = NodeRef::<leptos::html::Textarea>::new();
    let turn = move |_| {
        let (Some(function), Some(metric), Some(labels), Some(span), Some(text)) = (
            function.get_untracked(),
            metric.get_untracked(),
            labels.get_untracked(),
            span.get_untracked(),
            text.get_untracked(),
        ) else {
            return;
        };
        if coded.get_untracked() {
            // What words cannot say stays as it is.
            let Some(plain) = Plain::read(&text.value()) else { return };
            function.set_value(plain.function);
            metric.set_value(&plain.metric);
            labels.set_value(&plain.labels);
            span.set_value(&if plain.over == 0 { String::new() } else { span_text(plain.over) });
        } else if let Ok(query) = written(&function.value(), &metric.value(), &labels.value(), &span.value()) {
            text.set_value(&query);
        }
        coded.update(|c| *c = !*c);
    };
    let name = |of: &str| field(id, of);
    view! {
        <span hidden=move || coded.get()>
            <span>"the"</span><select class="in" name=name("function") aria-label="Function" node_ref=function>{options(&functions, shown.function)}</select>
            <span>"of"</span><input class="in wide" name=name("metric") list="metrics" aria-label="Signal" placeholder="system_cpu_utilization" autocomplete="off" spellcheck="false" {..given(shown.metric)} node_ref=metric/>
            <span>"where"</span><input class="in wide mono" name=name("labels") aria-label="Labels" placeholder="any" autocomplete="off" spellcheck="false" {..given(shown.labels)} node_ref=labels/>
            <span>"over"</span><input class="in sm" name=name("over") aria-label="Over" placeholder="now" autocomplete="off" {..given(over)} node_ref=span/>
        </span>
        <span class="grow" hidden=move || !coded.get()><textarea class="in mono" name=name("query") rows="2" aria-label="Signal, as PromQL" spellcheck="false" node_ref=text>{query.to_string()}</textarea></span>
        <input type="hidden" name=name("coded") value=move || if coded.get() { "yes" } else { "" }/>
        <button class="btn ghost xs" type="button" on:click=turn>{move || if coded.get() { "In words" } else { "As PromQL" }}</button>
    }
    .into_any()
}

fn written(function: &str, metric: &str, labels: &str, over: &str) -> Result<String, String> {
    let function = FUNCTIONS.iter().find(|f| f.0 == function).map_or("last", |f| f.0);
    let over = match over.trim() {
        "" if function == "last" => 0,
        "" => return Err("say over which span the signal is taken together: 5m, 1h".into()),
        text => parse_span(text).ok_or_else(|| no_span(text))?,
    };
    if metric.trim().is_empty() {
        return Err("name the signal".into());
    }
    let plain =
        Plain { function, metric: metric.trim().into(), labels: labels.trim().trim_matches(['{', '}']).into(), over };
    Ok(plain.query())
}

pub fn options(all: &[(&'static str, &'static str)], chosen: &str) -> Vec<AnyView> {
    all.iter()
        .map(|(name, title)| {
            view! { <option {..initially("selected", *name == chosen)} value=*name>{*title}</option> }.into_any()
        })
        .collect()
}

pub fn no_span(text: &str) -> String {
    format!("“{text}” is no span of time; write 30s, 10m, 6h or 7d")
}

/// What a clause's fields say. What they have no word for stays as it was before.
///
/// # Errors
/// A sentence about the first field that cannot be read.
pub fn read(sent: &Sent, id: usize, before: &Condition) -> Result<Condition, String> {
    let text = |name: &str| sent.text(&field(id, name)).trim().to_string();
    let number = |words: &str| text("value").parse::<f64>().map_err(|_| format!("{words} is a number"));
    let span = |or: i64| match text("span").as_str() {
        "" => Ok(or),
        span => parse_span(span).ok_or_else(|| no_span(span)),
    };
    let query = || {
        if text("coded").is_empty() {
            written(&text("function"), &text("metric"), &text("labels"), &text("over"))
        } else {
            Ok(text("query"))
        }
    };
    let compare = COMPARES.iter().find(|c| c.0 == text("compare")).map_or(Compare::Above, |c| c.2);
    let days = || {
        text("days")
            .parse::<f64>()
            .map(|d| d.round().clamp(1.0, 90.0) as u32)
            .map_err(|_| "the days are a number".to_string())
    };
    Ok(match text("kind").as_str() {
        "absent" => Condition::Absent { query: query()? },
        "anomaly" => Condition::Anomaly { query: query()?, lookback: span(DAY)? },
        "forecast" => Condition::Forecast {
            query: query()?,
            compare,
            value: number("the limit")?,
            within: span(7 * DAY)?,
            lookback: if let Condition::Forecast { lookback, .. } = before { *lookback } else { 7 * DAY },
        },
        "verdict" => Condition::Verdict {
            model: text("model"),
            figure: text("figure"),
            environment: if let Condition::Verdict { environment, .. } = before {
                environment.clone()
            } else {
                String::new()
            },
            windows: text("windows").parse().map_err(|_| "the windows are a whole number".to_string())?,
        },
        "change" => Condition::Change {
            kind: ChangeKind::ALL.into_iter().find(|k| k.name() == text("change")),
            system: text("system"),
            within: span(HOUR)?,
        },
        _ => {
            let limit = match (compare, text("limit").as_str()) {
                // The query compares itself.
                (Compare::Returned, _) => Limit::Fixed { value: 0.0 },
                (_, "learned") => Limit::Learned { deviations: number("the number of deviations")?, days: days()? },
                (_, "budget") => Limit::Budget { per_week: number("the budget")?, days: days()? },
                _ => Limit::Fixed { value: number("the limit")? },
            };
            Condition::Signal { query: query()?, compare, limit }
        }
    })
}

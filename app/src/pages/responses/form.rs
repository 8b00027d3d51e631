//! A response in fields.

use domain::alert::matcher::Matcher;
use domain::response::{CALLS_MAX, Call, Control, Response, ResponseView};
use domain::time::{MINUTE, parse_span, span_text};
use leptos::prelude::*;
use serde_json::Value;

use crate::components::form::Sent;
use crate::components::icons::Icon;
use crate::components::lasting::{given, initially};
use crate::server_functions::Failure;

pub type Save = Action<Response, Result<(), Failure>>;

/// The fields of a new response, or of one that keeps its name.
pub fn editor(of: Option<&ResponseView>, save: Save, wrong: RwSignal<Option<String>>) -> AnyView {
    let known = of.map(|v| v.response.clone());
    let name = known.as_ref().map(|r| r.name.clone());
    let text = |of: &dyn Fn(&Response) -> String| known.as_ref().map(of).unwrap_or_default();
    let span = |of: &dyn Fn(&Response) -> i64, usual: i64| match known.as_ref().map_or(usual, of) {
        0 => "0".to_string(),
        span => span_text(span),
    };
    let matchers = text(&|r| r.matchers.iter().map(Matcher::text).collect::<Vec<_>>().join(", "));
    let parameters = text(&|r| written(&r.parameters));
    let then: Vec<Call> = known.as_ref().map(|r| r.then.clone()).unwrap_or_default();
    let calls = RwSignal::new(then.len());
    let further = move |place: usize| call(place, then.get(place));
    let full = move || calls.get() + 1 >= CALLS_MAX;
    let touches = text(&|r| r.touches.iter().map(|(of, what)| format!("{of}: {what}")).collect::<Vec<_>>().join("\n"));
    let chosen = known.as_ref().map(|r| r.control).unwrap_or_default();
    let controls: Vec<_> = Control::ALL
        .into_iter()
        .map(|c| view! { <option {..initially("selected", c == chosen)} value=c.name()>{c.words()}</option> })
        .collect();
    let (enabled, dry_run) = (known.as_ref().is_none_or(|r| r.enabled), known.as_ref().is_some_and(|r| r.dry_run));
    let secret_hint = if of.is_some_and(|v| v.signed) { "kept; write another to change it" } else { "none" };
    let per_day = known.as_ref().map_or(3, |r| r.per_day).to_string();
    let after = span(&|r| r.after, 0);
    let name_field = name.is_none().then(
        || view! { <label class="f grow"><span>"Name"</span><input class="in" name="name" required maxlength="100" placeholder="Restart the feature feed"/></label> },
    );
    let own = name.clone();
    let submit = move |event: leptos::ev::SubmitEvent| match read(&Sent::of(&event), own.clone()) {
        Ok(new) => {
            wrong.set(None);
            save.dispatch(new);
        }
        Err(problem) => wrong.set(Some(problem)),
    };
    view! {
        <form class="col gap-12 mt-12" method="post" on:submit=submit>
            <div class="row wrap gap-12">{name_field}
                <label class="f"><span>"Who decides"</span><select class="in" name="control">{controls}</select></label></div>
            <label class="f"><span>"What it does, for whoever decides at night"</span><input class="in" name="description" maxlength="4000" {..given(text(&|r| r.description.clone()))}/></label>
            <div class="row wrap gap-12">
                <label class="f grow"><span>"For alerts with"</span><input class="in mono" name="matchers" required autocomplete="off" placeholder="alertname=\"Feed stale\", service=\"income-feed\"" {..given(matchers)}/></label>
                <label class="f"><span>"That have fired for"</span><input class="in" name="after" placeholder="0" {..given(after)}/></label></div>
            <div class="row wrap gap-12">
                <label class="f grow"><span>"Called by POST"</span><input class="in mono" name="url" type="url" required autocomplete="off" placeholder="https://automation.example/restart" {..given(text(&|r| r.url.clone()))}/></label>
                <label class="f grow"><span>"To take it back; empty where that cannot be"</span><input class="in mono" name="undo_url" type="url" autocomplete="off" {..given(text(&|r| r.undo_url.clone()))}/></label>
                <label class="f"><span>"Secret that signs it"</span><input class="in mono" name="secret" type="password" autocomplete="off" placeholder=secret_hint/></label></div>
            <div class="row wrap gap-12 top">
                <label class="f grow"><span>"Parameters, JSON; {{value}} and {{labels.NAME}} are filled in"</span><textarea class="in mono" name="parameters" rows="5" spellcheck="false" placeholder="{\"service\": \"{{labels.service}}\"}">{parameters}</textarea></label>
                <label class="f grow"><span>"What it touches, a fact a line"</span><textarea class="in" name="touches" rows="5" placeholder="Services restarted: 3 pods in turn">{touches}</textarea></label></div>
            <For each=move || 0..calls.get() key=|place| *place children=further/>
            <p class="row gap-8"><button class="btn xs" type="button" disabled=full on:click=move |_| calls.update(|n| *n += 1)><Icon name="plus" small=true/>"Then call"</button>
                <span class="hint">"each when the one before it has answered; where one fails, those before it are taken back"</span></p>
            <div class="row wrap gap-12">
                <label class="f"><span>"A proposal holds for"</span><input class="in" name="holds" {..given(span(&|r| r.holds, 60 * MINUTE))}/></label>
                <label class="f"><span>"It helps within"</span><input class="in" name="helps_within" {..given(span(&|r| r.helps_within, 15 * MINUTE))}/></label>
                <label class="f"><span>"Rests between runs"</span><input class="in" name="rest" {..given(span(&|r| r.rest, 15 * MINUTE))}/></label>
                <label class="f"><span>"Runs a day, at most"</span><input class="in num" name="per_day" inputmode="numeric" {..given(per_day)}/></label></div>
            <label class="row"><input type="checkbox" name="dry_run" value="yes" {..initially("checked", dry_run)}/><span>"Its receiver understands \"dry_run\": true: it is tried before it is decided"</span></label>
            <label class="row"><input type="checkbox" name="enabled" value="yes" {..initially("checked", enabled)}/><span>"Alerts propose it"</span></label>
            <p><button class="btn pri" type="submit">"Keep the response"</button></p></form>
    }
    .into_any()
}

/// The fields of a call after the first; one whose address is emptied is taken away.
fn call(place: usize, of: Option<&Call>) -> AnyView {
    let text = |of: Option<&String>| of.cloned().unwrap_or_default();
    let parameters = of.map(|c| written(&c.parameters)).unwrap_or_default();
    let field = |name: &str| format!("then.{place}.{name}");
    view! {
        <fieldset><legend class="lab">{format!("Call {}", place + 2)}</legend>
            <div class="row wrap gap-12">
                <label class="f"><span>"What it does, in a few words"</span><input class="in" name=field("name") maxlength="200" {..given(text(of.map(|c| &c.name)))}/></label>
                <label class="f grow"><span>"Then called by POST; empty takes it away"</span><input class="in mono" name=field("url") type="url" autocomplete="off" {..given(text(of.map(|c| &c.url)))}/></label>
                <label class="f grow"><span>"To take this call back"</span><input class="in mono" name=field("undo_url") type="url" autocomplete="off" {..given(text(of.map(|c| &c.undo_url)))}/></label></div>
            <label class="f mt-8"><span>"Its parameters, JSON"</span><textarea class="in mono" name=field("parameters") rows="3" spellcheck="false">{parameters}</textarea></label></fieldset>
    }
    .into_any()
}

/// Parameters as people read and write them; empty where there are none.
pub(super) fn written(parameters: &Value) -> String {
    match parameters {
        Value::Null => String::new(),
        own => serde_json::to_string_pretty(own).unwrap_or_default(),
    }
}

fn read(sent: &Sent, name: Option<String>) -> Result<Response, String> {
    let text = |of: &str| sent.text(of).trim().to_string();
    let span = |of: &str| match text(of).as_str() {
        "" | "0" => Ok(0),
        own => parse_span(own).ok_or_else(|| format!("“{own}” is no span of time; write 30s, 10m, 6h or 7d")),
    };
    let json = |of: &str| match text(of).as_str() {
        "" => Ok(Value::Null),
        own => serde_json::from_str(own).map_err(|e| format!("the parameters are no JSON: {e}")),
    };
    let mut then = Vec::new();
    for place in 0..CALLS_MAX {
        let of = |name: &str| format!("then.{place}.{name}");
        let url = text(&of("url"));
        if !url.is_empty() {
            let (name, undo_url) = (text(&of("name")), text(&of("undo_url")));
            then.push(Call { name, url, parameters: json(&of("parameters"))?, undo_url });
        }
    }
    let fact = |line: &str| match line.split_once(':') {
        Some((of, what)) => (of.trim().to_string(), what.trim().to_string()),
        None => (line.trim().to_string(), String::new()),
    };
    Ok(Response {
        name: name.unwrap_or_else(|| text("name")),
        description: text("description"),
        enabled: !text("enabled").is_empty(),
        matchers: Matcher::parse_all(&text("matchers"))?,
        after: span("after")?,
        control: Control::ALL.into_iter().find(|c| c.name() == text("control")).unwrap_or_default(),
        url: text("url"),
        parameters: json("parameters")?,
        secret: text("secret"),
        dry_run: !text("dry_run").is_empty(),
        undo_url: text("undo_url"),
        then,
        touches: text("touches").lines().filter(|l| !l.trim().is_empty()).map(fact).collect(),
        holds: span("holds")?,
        helps_within: span("helps_within")?,
        rest: span("rest")?,
        per_day: text("per_day").parse().map_err(|_| "the runs a day are a whole number".to_string())?,
    })
}

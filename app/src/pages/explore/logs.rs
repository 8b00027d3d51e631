//! Logs: lines that meet conditions, newest first.

use domain::Status as Of;
use domain::telemetry::{LogSearch, LogView, Page, search_parts};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::traces::trace_link;
use super::{DEFAULT, carried, more, to_the_second, with};
use crate::components::lasting::{given, initially};
use crate::components::panel::{Empty, Failed, Loading};
use crate::components::reading::awaited;
use crate::components::state::{Place, use_place};
use crate::components::status::Status;
use crate::components::zone::zone_label;
use crate::server_functions::telemetry::log_lines;
use crate::wire::resource;

fn asked(environment: String, get: impl Fn(&str) -> String) -> LogSearch {
    LogSearch {
        environment,
        service: get("service"),
        severity: get("severity"),
        trace: get("trace"),
        text: get("q"),
        attributes: search_parts(&get("attributes")).map(String::from).collect(),
    }
}

#[component]
pub fn Logs() -> impl IntoView {
    let place = use_place();
    let query = use_query_map();
    let get = move |name: &str| query.with(|q| q.get(name)).unwrap_or_default();
    let search = Memo::new(move |_| asked(place.get().environment, get));
    let found = resource(
        move || (search.get(), place.get().range.unwrap_or(DEFAULT), get("cursor")),
        |(search, range, cursor)| log_lines(search, range, Some(cursor)),
    );
    let first = asked(String::new(), move |name| query.with_untracked(|q| q.get(name)).unwrap_or_default());
    let severities: Vec<_> = [
        ("", "any"),
        ("debug", "debug"),
        ("info", "info"),
        ("warn", "warning"),
        ("error", "error"),
        ("fatal", "fatal"),
    ]
    .into_iter()
    .map(|(value, words)| view! { <option {..initially("selected", value == first.severity)} value=value>{words}</option> })
    .collect();
    view! {
        <form class="panel qb" action="/explore" method="get" role="search" aria-label="Find lines">
            {move || carried(&place.get(), "logs")}
            <div class="qr">
                <label class="f grow"><span>"Words"</span><input class="in w" name="q" {..given(first.text.clone())} placeholder="timed out, or \"a phrase\"" autocomplete="off"/></label>
                <label class="f"><span>"Service"</span><input class="in" name="service" {..given(first.service.clone())} autocomplete="off"/></label>
                <label class="f"><span>"Severity from"</span><select class="in" name="severity">{severities}</select></label>
                <label class="f"><span>"Attributes"</span><input class="in mono" name="attributes" {..given(first.attributes.join(";"))} placeholder="user=ada" autocomplete="off"/></label>
                <button class="btn pri end" type="submit">"Find"</button>
            </div>
        </form>
        <Transition fallback=Loading>{awaited(move || (place.get(), search.get()), move || found, |(place, search), found| match found {
            Ok(page) => listed(page, &place, &search),
            Err(error) => view! { <Failed error/> }.into_any(),
        })}</Transition>
    }
}

/// A severity's mark: its own words beside the shape.
fn severity(text: &str) -> AnyView {
    let of = match text {
        "fatal" | "error" => Of::Critical,
        "warn" => Of::Poor,
        "" => return view! { <span class="dim">"–"</span> }.into_any(),
        other => return view! { <span class="mid">{other.to_string()}</span> }.into_any(),
    };
    view! { <Status of=of text=text.to_string()/> }.into_any()
}

fn listed(page: Page<LogView>, place: &Place, search: &LogSearch) -> AnyView {
    if page.items.is_empty() {
        return view! { <section class="panel mt-12"><Empty title="No line meets this in the range" text="Choose a longer range or fewer conditions. Logs come by OpenTelemetry, as JSON lines over HTTP, or by syslog."><a class="btn" href="/settings/connections">"How to send them"</a></Empty></section> }.into_any();
    }
    let rows: Vec<_> = page
        .items
        .iter()
        .map(|line| {
            let trace = (line.trace_id.len() == 32)
                .then(|| view! { <a href=trace_link(place, &line.trace_id, line.at, &line.span_id)>"trace"</a> });
            let details = (!line.attributes.is_empty()).then(|| {
                view! { <details class="att-d"><summary>"attributes"</summary><pre class="mono">{pretty(&line.attributes)}</pre></details> }
            });
            let body = if line.body.is_empty() { line.event.clone() } else { line.body.clone() };
            view! {
                <tr><td class="nw">{to_the_second(line.at)}</td><td>{severity(&line.severity)}</td><td>{line.service.clone()}</td>
                <td class="lb"><span class="mono">{body}</span>{details}</td><td>{trace}</td></tr>
            }
        })
        .collect();
    let attributes = search.attributes.join(";");
    let link = |cursor: &str| {
        with(
            place,
            &[
                ("view", "logs"),
                ("q", &search.text),
                ("service", &search.service),
                ("severity", &search.severity),
                ("trace", &search.trace),
                ("attributes", &attributes),
                ("cursor", cursor),
            ],
        )
    };
    view! {
        <section class="panel mt-12" aria-label="Lines found">
            <table class="t dense"><thead><tr><th scope="col">"Time "<span class="u">{zone_label()}</span></th><th scope="col">"Severity"</th><th scope="col">"Service"</th><th scope="col">"Line"</th><th scope="col"><span class="sr">"Trace"</span></th></tr></thead><tbody>{rows}</tbody></table>
            {more(page.next, link)}
        </section>
    }
    .into_any()
}

/// JSON, one member a line.
pub fn pretty(text: &str) -> String {
    serde_json::from_str::<serde_json::Value>(text)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| text.to_string())
}

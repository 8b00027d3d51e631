//! Traces: the first spans that meet conditions, newest first.

use domain::telemetry::{Page, SpanSearch, SpanView, search_parts};
use domain::{Status as Of, Timestamp};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{DEFAULT, carried, encoded, more, to_the_second, with};
use crate::components::lasting::{given, initially};
use crate::components::panel::{Empty, Failed, Loading};
use crate::components::reading::awaited;
use crate::components::state::{Place, use_place};
use crate::components::status::Status;
use crate::components::zone::zone_label;
use crate::server_functions::telemetry::spans;
use crate::wire::resource;

/// What the form says, as it stands in the address.
fn asked(environment: String, get: impl Fn(&str) -> String) -> SpanSearch {
    SpanSearch {
        environment,
        service: get("service"),
        name: get("name"),
        status: get("status"),
        text: get("q"),
        min_ms: get("min_ms").parse().ok(),
        roots: get("all").is_empty(),
        attributes: search_parts(&get("attributes")).map(String::from).collect(),
        ..SpanSearch::default()
    }
}

#[component]
pub fn Traces() -> impl IntoView {
    let place = use_place();
    let query = use_query_map();
    let get = move |name: &str| query.with(|q| q.get(name)).unwrap_or_default();
    let search = Memo::new(move |_| asked(place.get().environment, get));
    let found = resource(
        move || (search.get(), place.get().range.unwrap_or(DEFAULT), get("cursor")),
        |(search, range, cursor)| spans(search, range, Some(cursor)),
    );
    let first = asked(String::new(), move |name| query.with_untracked(|q| q.get(name)).unwrap_or_default());
    let every = !first.roots;
    let option = |value: &'static str, words: &'static str, of: &str| {
        view! { <option {..initially("selected", value == of)} value=value>{words}</option> }
    };
    view! {
        <form class="panel qb" action="/explore" method="get" role="search" aria-label="Find traces">
            {move || carried(&place.get(), "traces")}
            <div class="qr">
                <label class="f grow"><span>"Words"</span><input class="in w" name="q" {..given(first.text.clone())} placeholder="timed out, or \"a phrase\"" autocomplete="off"/></label>
                <label class="f"><span>"Service"</span><input class="in" name="service" {..given(first.service.clone())} autocomplete="off"/></label>
                <label class="f"><span>"Status"</span><select class="in" name="status">{option("", "any", &first.status)}{option("error", "error", &first.status)}{option("ok,unset", "no error", &first.status)}</select></label>
                <label class="f"><span>"At least, ms"</span><input class="in num" name="min_ms" inputmode="decimal" {..given(first.min_ms.map(|v| v.to_string()).unwrap_or_default())} size="7"/></label>
                <label class="f"><span>"Attributes"</span><input class="in mono" name="attributes" {..given(first.attributes.join(";"))} placeholder="http.route=/pay" autocomplete="off"/></label>
                <label class="row chk end"><input type="checkbox" name="all" value="1" checked=every/>"every span"</label>
                <button class="btn pri end" type="submit">"Find"</button>
            </div>
        </form>
        <Transition fallback=Loading>{awaited(move || (place.get(), search.get()), move || found, |(place, search), found| match found {
            Ok(page) => listed(page, &place, &search),
            Err(error) => view! { <Failed error/> }.into_any(),
        })}</Transition>
    }
}

/// The address of a trace, with when it was and which span is looked at.
pub fn trace_link(place: &Place, trace: &str, at: Timestamp, span: &str) -> String {
    let mut link = place.link(&format!("/traces/{trace}"));
    link.push(if link.contains('?') { '&' } else { '?' });
    link.push_str(&format!("at={}", at.0));
    if !span.is_empty() {
        link.push_str(&format!("&span={}", encoded(span)));
    }
    link
}

fn listed(page: Page<SpanView>, place: &Place, search: &SpanSearch) -> AnyView {
    if page.items.is_empty() {
        return view! { <section class="panel mt-12"><Empty title="No span meets this in the range" text="Choose a longer range or fewer conditions. Programs send spans by OpenTelemetry."><a class="btn" href="/settings/connections">"How to send them"</a></Empty></section> }.into_any();
    }
    let longest = page.items.iter().map(|s| s.duration_ms).fold(0.0, f64::max).max(1e-9);
    let rows: Vec<_> = page
        .items
        .iter()
        .map(|span| {
            let status = if span.status == "error" { Of::Critical } else { Of::Good };
            let words = if span.error.is_empty() { span.message.clone() } else { span.error.clone() };
            let words = if span.status == "error" {
                if words.is_empty() { "error".into() } else { words }
            } else {
                "no error".into()
            };
            let share = (span.duration_ms / longest * 100.0).clamp(0.5, 100.0);
            let link = trace_link(place, &span.trace_id, span.at, if search.roots { "" } else { &span.span_id });
            view! {
                <tr><td class="nw">{to_the_second(span.at)}</td><td>{span.service.clone()}</td>
                <th scope="row"><a href=link>{span.name.clone()}</a></th>
                <td class="num v nw">{domain::format::milliseconds(span.duration_ms)}</td>
                <td class="wf"><i class=if status == Of::Critical { "wb err" } else { "wb" } style=format!("width:{share:.1}%")></i></td>
                <td><Status of=status text=words/></td></tr>
            }
        })
        .collect();
    let attributes = search.attributes.join(";");
    let min = search.min_ms.map(|v| v.to_string()).unwrap_or_default();
    let all = if search.roots { "" } else { "1" };
    let link = |cursor: &str| {
        with(
            place,
            &[
                ("view", "traces"),
                ("q", &search.text),
                ("service", &search.service),
                ("status", &search.status),
                ("min_ms", &min),
                ("attributes", &attributes),
                ("all", all),
                ("cursor", cursor),
            ],
        )
    };
    view! {
        <section class="panel mt-12" aria-label="Spans found">
            <table class="t"><thead><tr><th scope="col">"Start "<span class="u">{zone_label()}</span></th><th scope="col">"Service"</th><th scope="col">"Span"</th><th scope="col" class="num">"Took"</th><th scope="col"><span class="sr">"Share of the longest"</span></th><th scope="col">"Status"</th></tr></thead><tbody>{rows}</tbody></table>
            {more(page.next, link)}
        </section>
    }
    .into_any()
}

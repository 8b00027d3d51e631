//! One trace: its spans as a waterfall, and everything of the one that is looked at.

use domain::telemetry::{SpanView, TraceRow, TraceView};
use domain::{Status as Of, format};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::logs::pretty;
use super::with;
use crate::components::frame::Frame;
use crate::components::icons::Icon;
use crate::components::panel::{Failed, Loading};
use crate::components::reading::awaited;
use crate::components::state::{Place, use_place};
use crate::components::status::Status;
use crate::components::zone::Here;
use crate::server_functions::telemetry::trace;
use crate::wire::resource;

/// Deeper than this, lines are no further indented.
const DEPTH: u32 = 16;

#[component]
pub fn TracePage() -> impl IntoView {
    let place = use_place();
    let id = use_params_map();
    let query = use_query_map();
    let id = Memo::new(move |_| id.with(|p| p.get("trace")).unwrap_or_default());
    let get = move |name: &str| query.with(|q| q.get(name)).filter(|v| !v.is_empty());
    let asked = Memo::new(move |_| {
        (
            place.get().environment,
            id.get(),
            get("at").and_then(|t| t.parse::<i64>().ok()),
            get("first").and_then(|f| f.parse::<u64>().ok()).unwrap_or(0),
            get("span"),
        )
    });
    let found =
        resource(move || asked.get(), |(environment, id, at, first, chosen)| trace(environment, id, at, first, chosen));
    view! {
        <Title text="Trace"/>
        <Frame title=Signal::derive(move || format!("Trace {}", id.get().chars().take(8).collect::<String>())) crumbs=vec![("Explore", "/explore?view=traces")]>
            <h1 class="sr">"Trace"</h1>
            <Transition fallback=Loading>{awaited(move || (place.get(), asked.get()), move || found, |(place, asked), found| match found {
                Ok(view) => page(&view, &place, &asked).into_any(),
                Err(error) => view! { <Failed error/> }.into_any(),
            })}</Transition>
        </Frame>
    }
}

type Asked = (String, String, Option<i64>, u64, Option<String>);

fn link(place: &Place, asked: &Asked, first: u64, span: Option<&str>) -> String {
    let mut text = place.link(&format!("/traces/{}", asked.1));
    let mut add = |pair: String| {
        text.push(if text.contains('?') { '&' } else { '?' });
        text.push_str(&pair);
    };
    if let Some(at) = asked.2 {
        add(format!("at={at}"));
    }
    if first > 0 {
        add(format!("first={first}"));
    }
    if let Some(span) = span {
        add(format!("span={span}"));
    }
    text
}

fn page(view: &TraceView, place: &Place, asked: &Asked) -> impl IntoView + use<> {
    let whole = (view.to.0 - view.from.0).max(1) as f64;
    let rows: Vec<_> = view.rows.iter().map(|row| line(row, view, whole, place, asked)).collect();
    let last = view.first + view.rows.len() as u64;
    let before = (view.first > 0).then(|| {
        let step = view.first.saturating_sub(400);
        view! { <a class="btn sm" href=link(place, asked, step, None)><Icon name="left" small=true/>"Earlier lines"</a> }
    });
    let after = (last < view.spans)
        .then(|| view! { <a class="btn sm" href=link(place, asked, last, None)>"Later lines"<Icon name="right" small=true/></a> });
    let paged = view.spans > view.rows.len() as u64;
    let logs = with(place, &[("view", "logs"), ("trace", &view.trace_id), ("from", "all")]);
    let state = if view.errors > 0 { Of::Critical } else { Of::Good };
    let words = if view.errors > 0 { format!("{} failed", view.errors) } else { "no error".into() };
    view! {
        <div class="strip n4 panel" role="list" aria-label="This trace">
            <div role="listitem"><span class="lab">"Took"</span><span class="sv">{format::milliseconds(whole / 1000.0)}</span><span class="hint">{format!("from {} {}", view.from.here().day_month(), view.from.here().clock_seconds_zone())}</span></div>
            <div role="listitem"><span class="lab">"Spans"</span><span class="sv">{format::count(view.spans as f64)}</span><span class="hint"><Status of=state text=words/></span></div>
            <div role="listitem"><span class="lab">"Services"</span><span class="sv">{view.services.len()}</span><span class="hint">{view.services.join(", ")}</span></div>
            <div role="listitem"><span class="lab">"Trace id"</span><span class="sv mono tid">{view.trace_id.clone()}</span><span class="hint"><a href=logs>"Lines of logs of this trace"</a></span></div>
        </div>
        <div class=if view.chosen.is_some() { "trg two-c" } else { "trg" }>
            <section class="panel" aria-label="Spans">
                <table class="t dense wfl"><thead><tr><th scope="col">"Span"</th><th scope="col">"Service"</th><th scope="col" class="num">"Took"</th><th scope="col">{format!("0 to {}", format::milliseconds(whole / 1000.0))}</th></tr></thead><tbody>{rows}</tbody></table>
                {paged.then(|| view! { <footer class="pf">{before}<span class="hint">{format!("lines {} to {} of {}", view.first + 1, last, view.spans)}</span>{after}</footer> })}
            </section>
            {view.chosen.as_ref().map(|span| details(span, link(place, asked, view.first, None)))}
        </div>
    }
}

fn line(row: &TraceRow, view: &TraceView, whole: f64, place: &Place, asked: &Asked) -> impl IntoView + use<> {
    let span = &row.span;
    let left = (span.at.0 - view.from.0) as f64 / whole * 100.0;
    let width = (span.duration_ms * 1000.0 / whole * 100.0).max(0.2);
    let chosen = view.chosen.as_ref().is_some_and(|c| c.span_id == span.span_id);
    let failed = span.status == "error";
    let note = if span.model.is_empty() { span.peer.clone() } else { span.model.clone() };
    let open = link(place, asked, view.first, Some(&span.span_id));
    view! {
        <tr class:sel=chosen>
            <th scope="row"><a class="wfn" style=format!("padding-left:{}px", row.depth.min(DEPTH) * 14) href=open aria-current=chosen.then_some("true")>
                {failed.then(|| view! { <svg class="st critical" aria-hidden="true"><use href="#s-critical"></use></svg><span class="sr">"failed: "</span> })}
                {span.name.clone()}{(!note.is_empty()).then(|| view! { <span class="hint">{note}</span> })}</a></th>
            <td>{span.service.clone()}</td><td class="num nw">{format::milliseconds(span.duration_ms)}</td>
            <td class="wf"><i class=if failed { "wb err" } else { "wb" } style=format!("margin-left:{left:.2}%;width:{:.2}%", width.min(100.0 - left.min(99.8)))></i></td>
        </tr>
    }
}

fn details(span: &SpanView, close: String) -> impl IntoView + use<> {
    let fact = |name: &'static str, value: String| {
        (!value.is_empty()).then(|| view! { <dt>{name}</dt><dd class="mono">{value}</dd> })
    };
    let block = |title: &'static str, text: &str| {
        (!text.is_empty()).then(|| view! { <h3>{title}</h3><pre class="mono" tabindex="0">{pretty(text)}</pre> })
    };
    view! {
        <aside class="panel spd" aria-label="The chosen span">
            <header class="ph"><h2>{span.name.clone()}</h2><a class="btn icon sm ghost right" href=close aria-label="Close"><Icon name="x" small=true/></a></header>
            <div class="pb">
                <dl class="kv">
                    {fact("Service", span.service.clone())}{fact("Kind", span.kind.clone())}{fact("Took", format::milliseconds(span.duration_ms))}
                    {fact("Status", span.status.clone())}{fact("Message", span.message.clone())}{fact("Error", span.error.clone())}
                    {fact("Model", span.model.clone())}{fact("Peer", span.peer.clone())}{fact("Span id", span.span_id.clone())}
                </dl>
                {block("Attributes", &span.attributes)}{block("Events", &span.events)}{block("Resource", &span.resource)}
            </div>
        </aside>
    }
}

//! Connections: for each way in, the lines to paste, and whether anything arrives by it.

use domain::telemetry::Arrival;
use domain::{Scope, Status as Of, format};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::Settings;
use super::ways_out::ways_out;
use crate::components::form::{Sent, outcome};
use crate::components::icons::Icon;
use crate::components::live::use_live;
use crate::components::panel::{Failed, Loading};
use crate::components::reading::awaited;
use crate::components::status::Status;
use crate::components::zone::Here;
use crate::server_functions::admin::create_key;
use crate::server_functions::telemetry::arrivals;
use crate::server_functions::views::me;
use crate::wire::resource;

/// A way in: its name in the address, what arrives by it, words, and the lines to paste.
struct Way {
    name: &'static str,
    title: &'static str,
    hint: &'static str,
    icon: &'static str,
    /// Ways that the server counts.
    counted: &'static [&'static str],
    lines: fn(&str, &str) -> String,
}

const WAYS: [Way; 10] = [
    Way {
        name: "opentelemetry",
        title: "OpenTelemetry",
        hint: "Metrics, traces and logs, over HTTP or gRPC",
        icon: "wifi",
        counted: &["otlp_traces", "otlp_metrics", "otlp_logs"],
        lines: |origin, key| {
            format!(
                "export OTEL_EXPORTER_OTLP_ENDPOINT={origin}\nexport OTEL_EXPORTER_OTLP_HEADERS=\"authorization=Bearer {key}\"\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf   # or grpc: the same address\nexport OTEL_SERVICE_NAME=my-service\nexport OTEL_RESOURCE_ATTRIBUTES=plimsoll.system=my-system,deployment.environment.name=production\n\nopentelemetry-instrument python app.py"
            )
        },
    },
    Way {
        name: "collector",
        title: "OpenTelemetry Collector",
        hint: "As one more exporter of a collector that runs already",
        icon: "wifi",
        counted: &["otlp_traces", "otlp_metrics", "otlp_logs"],
        lines: |origin, key| {
            format!(
                "exporters:\n  otlphttp/plimsoll:\n    endpoint: {origin}\n    headers:\n      authorization: Bearer {key}\n\nservice:\n  pipelines:\n    traces:  {{ receivers: [otlp], exporters: [otlphttp/plimsoll] }}\n    metrics: {{ receivers: [otlp], exporters: [otlphttp/plimsoll] }}\n    logs:    {{ receivers: [otlp], exporters: [otlphttp/plimsoll] }}"
            )
        },
    },
    Way {
        name: "prometheus",
        title: "Prometheus",
        hint: "Remote write from Prometheus, vmagent or Grafana Alloy",
        icon: "db",
        counted: &["remote_write"],
        lines: |origin, key| {
            format!("remote_write:\n- url: {origin}/api/v1/write\n  authorization:\n    credentials: {key}")
        },
    },
    Way {
        name: "predictions",
        title: "Predictions and labels",
        hint: "Parquet, Arrow, CSV, NDJSON or JSON in one request",
        icon: "target",
        counted: &["predictions", "labels", "baseline"],
        lines: |origin, key| {
            format!(
                "import requests\n\nurl, auth = \"{origin}/api/v1/models/my-model\", {{\"Authorization\": \"Bearer {key}\"}}\nrequests.post(f\"{{url}}/predictions\", data=df.to_parquet(), headers=auth).raise_for_status()\nrequests.post(f\"{{url}}/labels\", data=truth.to_parquet(), headers=auth).raise_for_status()"
            )
        },
    },
    Way {
        name: "feedback",
        title: "Feedback",
        hint: "Ratings, thumbs, accepted or edited, handed to a person",
        icon: "smile",
        counted: &["feedback"],
        lines: |origin, key| {
            format!(
                "curl {origin}/api/v1/feedback -H 'Authorization: Bearer {key}' --data-binary '\n{{\"feedback\": \"thumbs\", \"value\": \"up\", \"prediction_id\": \"resp-1\"}}\n{{\"rating\": 4, \"best\": 5, \"trace_id\": \"0af7651916cd43dd8448eb211c80319c\"}}\n{{\"feedback\": \"handed_over\", \"session_id\": \"s-17\"}}'"
            )
        },
    },
    Way {
        name: "business",
        title: "Business events",
        hint: "Revenue, cost, saving, conversion, with currency",
        icon: "coin",
        counted: &["business"],
        lines: |origin, key| {
            format!(
                "curl {origin}/api/v1/business -H 'Authorization: Bearer {key}' --data-binary '\n{{\"event\": \"revenue\", \"amount\": 49.90, \"currency\": \"EUR\", \"prediction_id\": \"resp-1\"}}\n{{\"event\": \"conversion\", \"session_id\": \"s-17\", \"variant\": \"control\"}}'"
            )
        },
    },
    Way {
        name: "changes",
        title: "Changes",
        hint: "Deploys, versions, flags, releases of data",
        icon: "flag",
        counted: &["changes", "webhook"],
        lines: |origin, key| {
            format!(
                "curl {origin}/api/v1/changes -H 'Authorization: Bearer {key}' --data-binary \\\n  '{{\"kind\": \"deploy\", \"service\": \"checkout\", \"version\": \"1.8.2\", \"author\": \"ada\", \"url\": \"https://ci.example/1234\"}}'"
            )
        },
    },
    Way {
        name: "logs",
        title: "Logs",
        hint: "JSON lines over HTTP, or syslog (RFC 5424)",
        icon: "msg",
        counted: &["logs", "syslog"],
        lines: |origin, key| {
            format!(
                "curl '{origin}/api/v1/logs?service=checkout' -H 'Authorization: Bearer {key}' --data-binary @app.log.json\n\n# syslog: start Plimsoll with --set collect.syslog=0.0.0.0:5514, then\nlogger --rfc5424 --server HOST --port 5514 --udp 'it works'"
            )
        },
    },
    Way {
        name: "samples",
        title: "Any figure",
        hint: "A sample of a signal, from a script",
        icon: "pulse",
        counted: &["samples"],
        lines: |origin, key| {
            format!(
                "curl {origin}/api/v1/samples -H 'Authorization: Bearer {key}' --data-binary '\n{{\"name\": \"queue_length\", \"value\": 17, \"labels\": {{\"queue\": \"offers\"}}}}\n{{\"name\": \"model_load_seconds\", \"value\": 8.4, \"labels\": {{\"model\": \"ranker\"}}}}'"
            )
        },
    },
    Way {
        name: "cloudevents",
        title: "CloudEvents",
        hint: "Version 1.0, structured, batched or binary",
        icon: "plug",
        counted: &["cloudevents"],
        lines: |origin, key| {
            format!(
                "curl {origin}/api/v1/events -H 'Authorization: Bearer {key}' -H 'Content-Type: application/cloudevents+json' \\\n  --data-binary '{{\"specversion\": \"1.0\", \"id\": \"1\", \"source\": \"/shop\", \"type\": \"com.example.prediction\",\n    \"subject\": \"my-model\", \"data\": {{\"prediction\": 1, \"probability\": 0.83, \"features\": {{\"income\": 3480}}}}}}'"
            )
        },
    },
];

#[component]
pub fn Connections() -> impl IntoView {
    let live = use_live();
    let who = resource(|| (), |()| me());
    let query = use_query_map();
    let chosen = Memo::new(move |_| {
        let said = query.with(|q| q.get("way")).unwrap_or_default();
        WAYS.iter().position(|w| w.name == said).unwrap_or(0)
    });
    let list = resource(move || live.tick.get(), |_| arrivals());
    let add = Action::new(|name: &String| create_key(name.clone(), vec![Scope::Ingest], None));
    let key = Memo::new(move |_| add.value().get().and_then(Result::ok).unwrap_or_default());
    let cards = awaited(
        move || chosen.get(),
        move || list,
        |chosen, list| match list {
            Ok(list) => {
                let cards = WAYS.iter().enumerate().map(|(i, way)| card(way, &list, i == chosen));
                cards.collect::<Vec<_>>().into_any()
            }
            Err(error) => view! { <Failed error/> }.into_any(),
        },
    );
    let lines = awaited(
        move || (chosen.get(), key.get()),
        move || who,
        |(chosen, key), who| {
            let origin = who.map(|m| m.origin).unwrap_or_default();
            (WAYS[chosen].lines)(&origin, if key.is_empty() { "plk_…" } else { &key })
        },
    );
    let out = awaited(|| (), move || who, |(), who| ways_out(&who.map(|m| m.origin).unwrap_or_default()));
    let state =
        awaited(move || chosen.get(), move || list, |chosen, list| receiving(&WAYS[chosen], &list.unwrap_or_default()));
    view! {
        <Settings title="Connections">
            <div class="head"><div class="grow"><h1>"Connections"</h1><p>"What teams already run connects unchanged. Choose a way, paste the lines, and see it arrive. Nothing leaves your network."</p></div>
                <a class="btn" href="/settings/scraping">"Ask programs for metrics"</a></div>
            <div class="cards"><Transition fallback=Loading>{cards}</Transition></div>
            <section class="panel mt-12" aria-label="How to connect">
                <header class="ph"><h2>{move || WAYS[chosen.get()].title}</h2><span class="sub">{move || WAYS[chosen.get()].hint}</span></header>
                <div class="pb">
                    <form class="row wrap gap-12" aria-label="Key" on:submit=move |event| { Sent::of(&event); add.dispatch(format!("ingest {}", WAYS[chosen.get_untracked()].name)); }>
                        <button class="btn" type="submit" disabled=move || !key.get().is_empty()><Icon name="key" small=true/>
                            {move || if key.get().is_empty() { "Make a key for these lines" } else { "The key is in the lines below" }}</button>
                        <span class="hint">"A key that may only write. Administrators make keys."</span>
                    </form>
                    {move || outcome(add.value().get(), "The key is shown here once, as part of the lines. Copy them now.")}
                    <div class="codeb"><pre tabindex="0" aria-label="Lines to paste"><Transition fallback=|| ()>{lines}</Transition></pre></div>
                    <Transition fallback=|| ()>{state}</Transition>
                </div>
            </section>
            <Transition fallback=|| ()>{out}</Transition>
        </Settings>
    }
}

fn of_way<'a>(way: &Way, list: &'a [Arrival]) -> Vec<&'a Arrival> {
    list.iter().filter(|a| way.counted.contains(&a.way.as_str())).collect()
}

fn card(way: &'static Way, list: &[Arrival], on: bool) -> impl IntoView + use<> {
    let came = of_way(way, list);
    let accepted: u64 = came.iter().map(|a| a.accepted).sum();
    let refused = came.iter().any(|a| a.refused_at.is_some_and(|at| at >= a.last_at));
    let (status, words) = match (accepted, refused) {
        (0, false) => (Of::NoData, "Nothing yet".to_string()),
        (0, true) => (Of::Critical, "Refused".to_string()),
        (n, true) => (Of::Fair, format!("{} received, some refused", format::count(n as f64))),
        (n, false) => (Of::Good, format!("{} received", format::count(n as f64))),
    };
    let href = format!("/settings/connections?way={}", way.name);
    view! {
        <a class=if on { "panel card on" } else { "panel card" } href=href aria-current=on.then_some("true")>
            <span class="ic"><Icon name=way.icon/></span><span class="grow"><b>{way.title}</b><span class="hint">{way.hint}</span></span>
            <span class="cs"><Status of=status text=words/></span></a>
    }
}

fn receiving(way: &Way, list: &[Arrival]) -> AnyView {
    let came = of_way(way, list);
    if came.is_empty() {
        return view! { <div class="rcv-l" aria-live="polite"><Status of=Of::NoData text="Nothing has arrived by this way yet"/><p class="hint">"This page looks again by itself."</p></div> }.into_any();
    }
    let rows: Vec<_> = came
        .into_iter()
        .map(|a| {
            let good = a.accepted > 0;
            let status = if good { Of::Good } else { Of::Critical };
            let words = if good { "receiving" } else { "refused" };
            let refusal = a.refused_at.map(|at| {
                view! { <p class="note fair" role="status"><span><b>{format!("{} refused, the last at {}. ", format::count(a.refused as f64), at.here().date_clock_zone())}</b>{a.reason.clone()}</span></p> }
            });
            view! {
                <div class="rcv-l"><Status of=status text=format!("{}: {words}", a.way.replace('_', " "))/>
                <p class="hint">{format!("{} received, first {}, last {}", format::count(a.accepted as f64), a.first_at.here().date_clock_zone(), a.last_at.here().clock_seconds())}</p>{refusal}</div>
            }
        })
        .collect();
    view! { <div aria-live="polite">{rows}</div> }.into_any()
}

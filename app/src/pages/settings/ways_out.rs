//! Out again: the lines by which what is kept here goes to where a company looks already.

use leptos::prelude::*;

/// What a way is for, words, and its lines: of the origin, and of the address without its scheme.
type Way = (&'static str, &'static str, fn(&str, &str) -> String);

const WAYS: [Way; 4] = [
    ("Grafana", "as a data source of the kind Prometheus", |origin, _| {
        format!(
            "apiVersion: 1\ndatasources:\n- name: Plimsoll\n  type: prometheus\n  url: {origin}\n  jsonData: {{ httpHeaderName1: Authorization }}\n  secureJsonData: {{ httpHeaderValue1: Bearer plk_… }}   # a key that may read"
        )
    }),
    ("Prometheus, VictoriaMetrics", "which ask for the newest values of models and of Plimsoll itself", |_, host| {
        format!(
            "scrape_configs:\n- job_name: plimsoll\n  honor_labels: true\n  metrics_path: /federate\n  params: {{ 'match[]': ['{{__name__=~\"model_.+|plimsoll_.+\"}}'] }}\n  authorization: {{ credentials: plk_… }}\n  static_configs: [{{ targets: [\"{host}\"] }}]"
        )
    }),
    (
        "A cloud’s own monitoring",
        "by an OpenTelemetry Collector: CloudWatch, Azure Monitor, Google Cloud",
        |_, host| {
            format!(
                "receivers:\n  prometheus:\n    config:\n      scrape_configs:\n      - job_name: plimsoll\n        honor_labels: true\n        metrics_path: /federate\n        params: {{ 'match[]': ['{{__name__=~\"model_.+|plimsoll_.+\"}}'] }}\n        authorization: {{ credentials: plk_… }}\n        static_configs: [{{ targets: [\"{host}\"] }}]\nexporters:\n  awsemf: {{ namespace: Plimsoll }}   # or azuremonitor, or googlecloud\nservice:\n  pipelines:\n    metrics: {{ receivers: [prometheus], exporters: [awsemf] }}"
            )
        },
    ),
    (
        "Files",
        "predictions with their outcomes, and verdicts; the header x-next-cursor asks for the next page",
        |origin, _| {
            format!(
                "curl -H 'authorization: Bearer plk_…' -o predictions.parquet \\\n  '{origin}/api/v1/models/MODEL/export?format=parquet'\ncurl -H 'authorization: Bearer plk_…' -o verdicts.csv \\\n  '{origin}/api/v1/models/MODEL/export?what=verdicts&format=csv'"
            )
        },
    ),
];

pub fn ways_out(origin: &str) -> AnyView {
    let host = origin.split("://").last().unwrap_or(origin);
    let rows: Vec<_> = WAYS
        .into_iter()
        .map(|(title, hint, lines)| {
            let label = format!("Lines for {title}");
            view! {
                <li><details class="grow"><summary><b>{title}</b>" "<span class="hint">{hint}</span></summary>
                    <div class="codeb"><pre tabindex="0" aria-label=label>{lines(origin, host)}</pre></div></details></li>
            }
        })
        .collect();
    view! {
        <section class="panel mt-12" aria-label="Out again"><header class="ph"><h2>"Out again"</h2><span class="sub">"what is kept here, where you look already; with a key that may read"</span></header>
            <ul class="list">{rows}
                <li><span class="grow"><b>"Tickets, chats, pagers, a SIEM"</b>" "<span class="hint">"alerts of a receiver, as "<a href="/on-call">"On-call"</a>" says; deeds as "<a href="/settings/audit">"Audit"</a>" says"</span></span></li></ul></section>
    }
    .into_any()
}

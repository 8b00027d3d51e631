//! Every way in, by the clients that teams use, unchanged: the OpenTelemetry SDK for Python over HTTP and gRPC
//! with the official instrumentation of a model's client, pandas and pyarrow, Prometheus' exporters and tools.

use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::senders::{Running, free_port};
use super::{Answer, Server, ndjson};

/// The Python with the clients in it, which `cargo xtask test` makes.
pub fn python() -> Command {
    let path = std::env::var("PLIMSOLL_TEST_PYTHON")
        .expect("PLIMSOLL_TEST_PYTHON must name a Python with the clients; `cargo xtask test` makes one");
    Command::new(path)
}

fn client(script: &str, arguments: &[&str]) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let output = python().arg(script).args(arguments).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

impl Server {
    fn send(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.ask("POST", path, key, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// The value of an instant query that gives one number.
    fn number(&self, key: &str, query: &str) -> Option<f64> {
        let text: String = query.bytes().map(|b| format!("%{b:02X}")).collect();
        let answer = self.get(&format!("/api/v1/query?query={text}"), key).json();
        let result = answer["data"]["result"].as_array()?;
        assert!(result.len() <= 1, "{query}: {answer}");
        result.first()?["value"][1].as_str()?.parse().ok()
    }
}

fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_array().cloned().unwrap_or_default()
}

pub fn the_opentelemetry_sdk_arrives_named_and_in_its_place(server: Server) {
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    for protocol in ["http", "grpc"] {
        client("telemetry.py", &[&server.address, &ingest, protocol]);
    }
    // Traces: all spans, the failed ones told by their HTTP status, words found in attributes.
    let spans = |search: &str| items(&server.get(&format!("/api/v1/spans?limit=500&{search}"), &read).json());
    assert_eq!(spans("name=GET%20/basket").len(), 40);
    assert_eq!(spans("status=error").len(), 2);
    assert_eq!(spans("attributes=http.response.status_code%3D503").len(), 2);
    assert_eq!(spans("q=postgresql").len(), 40);
    assert_eq!(spans("roots=true&service=shop-grpc").len(), 20);
    let root = &spans("roots=true&service=shop-http")[0];
    let trace = root["trace_id"].as_str().expect("an id");
    let whole = server.get(&format!("/api/v1/traces/{trace}?whole=true"), &read).json();
    assert_eq!(whole.as_array().map(Vec::len), Some(3), "{whole}");
    let page = server.get("/api/v1/spans?limit=50", &read).json();
    let next = page["next"].as_str().expect("another page");
    let second = items(&server.get(&format!("/api/v1/spans?limit=500&cursor={next}"), &read).json());
    assert_eq!(items(&page).len() + second.len(), 120);

    // Calls of a model: tokens, cost by the table of prices, no word of what was said.
    let event = server.get("/api/v1/models/gpt-4o-mini/events/resp-http-3", &read).json();
    let columns = &event["columns"];
    assert_eq!((columns["tokens.input"].as_f64(), columns["tokens.output"].as_f64()), (Some(1000.0), Some(100.0)));
    let cost = columns["cost"].as_f64().expect("a cost");
    assert!((cost - (1000.0 * 0.15 + 100.0 * 0.60) / 1e6).abs() < 1e-12, "{cost}");
    assert_eq!(event["evaluations"][0]["score"], json!(0.75), "{event}");
    let everything = format!("{whole}{event}");
    assert!(!everything.contains("secret"), "prompts and answers are left out");
    let model = server.get("/api/v1/models/gpt-4o-mini", &read).json();
    assert_eq!((&model["task"], &model["system"]), (&json!("text"), &json!("shop")));

    // Metrics: differences are added up, percentiles of both kinds of histogram are right, quality is quality.
    for service in ["shop-http", "shop-grpc"] {
        assert_eq!(server.number(&read, &format!("sum(shop_orders{{service_name=\"{service}\"}})")), Some(20.0));
    }
    let median = |metric: &str| {
        let query = format!("histogram_quantile(0.5, sum by (le) ({metric}_bucket{{service_name=\"shop-http\"}}))");
        server.number(&read, &query).expect("a median")
    };
    // Of 0.1, 0.2 … 2.0 the tenth is 1.0; bounds of the exponential histogram lie 9 % apart.
    assert!((median("wide_duration") - 1.0).abs() < 0.1, "{}", median("wide_duration"));
    assert!(median("shop_took") > 0.0 && median("shop_took") <= 2.5);
    let signals = server.get("/api/v1/signals?prefix=gen_ai.evaluation.score", &read).json();
    assert_eq!(signals[0]["series"]["layer"], "quality", "{signals}");

    // Logs, with the trace they belong to; the map of who calls whom; what arrived.
    let logs = items(&server.get("/api/v1/logs?limit=500&severity=warn&q=%22timed%20out%22", &read).json());
    assert_eq!(logs.len(), 40);
    let of_trace = items(&server.get(&format!("/api/v1/logs?trace_id={trace}"), &read).json());
    assert_eq!(of_trace.len(), 1);
    let map = server.get("/api/v1/topology", &read).json();
    let calls = |from: &str, to: &str| {
        let edge = map["edges"].as_array().and_then(|e| e.iter().find(|e| e["from"] == from && e["to"] == to)).cloned();
        edge.and_then(|e| e["calls"].as_u64())
    };
    assert_eq!(calls("shop-http", "gpt-4o-mini"), Some(20), "{map}");
    assert_eq!(calls("shop-grpc", "postgresql"), Some(20), "{map}");
    let arrivals = server.get("/api/v1/arrivals", &read).json();
    let of = |way: &str| arrivals.as_array().and_then(|a| a.iter().find(|a| a["way"] == way)).cloned();
    assert_eq!(of("otlp_traces").expect("counted")["accepted"], 120);
    // Nothing is lost by a kill: the answers came after the commit.
    let server = server.kill_and_restart(&[]);
    assert_eq!(items(&server.get("/api/v1/spans?limit=500", &read).json()).len(), 120);
    assert_eq!(server.number(&read, "sum(shop_orders)"), Some(40.0));
}

pub fn otlp_in_json_is_kept_and_what_is_wrong_is_a_partial_success(server: Server) {
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let json_type = [("content-type", "application/json")];
    let now = now_nanos();
    let span = |id: &str, start: u64| {
        json!({"traceId": "5b8efff798038103d269b633813fc60c", "spanId": id, "name": "n", "kind": 2,
               "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 1_000_000).to_string()})
    };
    let body = json!({"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]},
        "scopeSpans": [{"spans": [span("eee19b7ec3c1b174", now), span("eee19b7ec3c1b175", 0)]}]}]});
    for _ in 0..2 {
        let answer = server.ask("POST", "/v1/traces", &ingest, &json_type, body.to_string().as_bytes());
        assert_eq!(answer.status, 200);
        let partial = &answer.json()["partialSuccess"];
        assert_eq!(partial["rejectedSpans"].to_string().trim_matches('"'), "1", "{partial}");
    }
    assert_eq!(items(&server.get("/api/v1/spans", &read).json()).len(), 1, "a span sent twice is kept once");
    for (headers, body, status) in [
        (&json_type[..], &b"{"[..], 400),
        (&[("content-type", "application/x-protobuf")], b"\x0a\xff\xff\xff\x0f", 400),
        (&[("content-type", "application/x-protobuf"), ("content-encoding", "gzip")], b"no gzip", 400),
        (&[("content-type", "application/x-protobuf"), ("content-encoding", "br")], b"", 415),
        (&[("content-type", "text/csv")], b"a,b", 415),
    ] {
        for path in ["/v1/traces", "/v1/metrics", "/v1/logs"] {
            let answer = server.ask("POST", path, &ingest, headers, body);
            assert_eq!(answer.status, status, "{path} {headers:?}");
        }
    }
    assert_eq!(server.ask("POST", "/v1/logs", &read, &json_type, b"{}").status, 403);
    assert_eq!(server.ask("POST", "/v1/logs", "", &json_type, b"{}").status, 401);
}

fn now_nanos() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    since.as_nanos() as u64
}

pub fn frames_of_pandas_and_pyarrow_are_one_request(server: Server) {
    let said = client("frames.py", &[&server.address, &server.key("ingest")]);
    let receipts: Vec<&str> = said.lines().collect();
    assert!(receipts[0].contains("'accepted': 5000"), "Parquet: {said}");
    assert!(receipts[1].contains("'duplicates': 5000"), "Arrow holds the same rows: {said}");
    assert!(receipts[2].contains("'duplicates': 5000"), "CSV packed by zstd does, too: {said}");
}

pub fn feedback_and_business_meet_their_prediction(server: Server) {
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let prediction = json!({"prediction_id": "p1", "prediction": 1, "trace_id": "t1", "session_id": "s1"});
    assert_eq!(server.post("/api/v1/models/m/predictions", &ingest, &ndjson(&[prediction])).status, 200);
    let feedback = [
        json!({"id": "f1", "feedback": "thumbs", "value": "up", "prediction_id": "p1"}),
        json!({"id": "f2", "rating": 4, "trace_id": "t1"}),
        json!({"id": "f3", "feedback": "handed-over", "session_id": "s1"}),
        json!({"feedback": "applause", "prediction_id": "p1"}),
        json!({"feedback": "accepted"}),
        json!({"rating": 9, "prediction_id": "p1"}),
    ];
    let answer = server.post("/api/v1/feedback", &ingest, &ndjson(&feedback)).json();
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(3), &json!(3)), "{answer}");
    let again = server.post("/api/v1/feedback", &ingest, &ndjson(&feedback[..3])).json();
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(3)));
    let business = [
        json!({"event": "revenue", "amount": 49.9, "currency": "eur", "prediction_id": "p1"}),
        json!({"event": "conversion", "session_id": "s1", "variant": "control"}),
        json!({"event": "revenue", "amount": 1, "prediction_id": "p1"}),
    ];
    let answer = server.post("/api/v1/business", &ingest, &ndjson(&business)).json();
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(2), &json!(1)), "{answer}");
    let event = server.get("/api/v1/models/m/events/p1", &read).json();
    assert_eq!(event["feedback"].as_array().map(Vec::len), Some(3), "{event}");
    assert_eq!(event["business"].as_array().map(Vec::len), Some(2), "{event}");
    let rated = items(&server.get("/api/v1/feedback?kind=rating", &read).json());
    assert_eq!(rated[0]["score"], json!(0.75), "four of one to five");
    let money = items(&server.get("/api/v1/business?kind=revenue", &read).json());
    assert_eq!((&money[0]["amount"], &money[0]["currency"]), (&json!(49.9), &json!("EUR")));
}

pub fn changes_come_by_rest_events_and_webhooks(server: Server) {
    let (ingest, read, admin) = (server.key("ingest"), server.key("read"), server.key("admin"));
    let deploy = json!({"kind": "deploy", "service": "shop", "version": "1.8.2", "at": "2026-01-31T12:00:00Z"});
    assert_eq!(server.send("/api/v1/changes", &ingest, &deploy).json()["accepted"], 1);
    assert_eq!(server.send("/api/v1/changes", &ingest, &deploy).json()["duplicates"], 1);
    let events = json!([
        {"specversion": "1.0", "id": "e1", "source": "/ci", "type": "com.acme.change", "data": {"kind": "prompt_version", "model": "m", "version": "7"}},
        {"specversion": "1.0", "id": "e2", "source": "/m", "type": "com.acme.prediction", "subject": "m", "data": {"prediction": 1}},
        {"specversion": "1.0", "id": "e3", "source": "/m", "type": "com.acme.label", "subject": "m", "data": {"prediction_id": "e2", "label": 0}},
        {"specversion": "0.3", "id": "e4", "source": "/m", "type": "com.acme.label", "subject": "m", "data": {}},
    ]);
    let answer = server.send("/api/v1/events", &ingest, &events).json();
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(3), &json!(1)), "{answer}");
    let binary = [
        ("ce-specversion", "1.0"),
        ("ce-id", "b1"),
        ("ce-source", "/m"),
        ("ce-type", "x.prediction"),
        ("ce-subject", "m"),
    ];
    assert_eq!(server.ask("POST", "/api/v1/events", &ingest, &binary, b"{\"prediction\": 0}").json()["accepted"], 1);
    assert_eq!(server.get("/api/v1/models/m/events/e2", &read).json()["label"], "0");

    let hook = server.send("/api/v1/webhooks", &admin, &json!({"name": "shop", "kind": "gitlab", "system": "shop"}));
    assert_eq!(hook.status, 201);
    let hook = hook.json();
    let (path, secret) = (hook["path"].as_str().expect("a path"), hook["secret"].as_str().expect("a secret"));
    let body = json!({"object_kind": "release", "action": "create", "tag": "v2", "released_at": "2026-01-31 13:00:00 UTC",
                      "project": {"name": "shop", "path_with_namespace": "acme/shop"}, "url": "https://gitlab.example/r/2"});
    let call = |secret: &str, event: &str| {
        let headers = [("x-gitlab-token", secret), ("x-gitlab-event", event)];
        server.ask("POST", path, "", &headers, body.to_string().as_bytes())
    };
    assert_eq!(call("a guess", "Release Hook").status, 401);
    assert_eq!(call(secret, "Release Hook").json()["kept"], true);
    assert_eq!(call(secret, "Push Hook").json()["kept"], false);
    let changes = server.get("/api/v1/changes", &read).json();
    let titles: Vec<&str> = changes.as_array().expect("a list").iter().filter_map(|c| c["title"].as_str()).collect();
    assert_eq!(titles.len(), 3, "{changes}");
    assert!(titles.contains(&"acme/shop v2 released") && titles.contains(&"Deploy shop 1.8.2"), "{titles:?}");
    assert!(!server.get("/api/v1/webhooks", &admin).json().to_string().contains(secret), "secrets are shown once");
}

pub fn logs_come_as_json_lines_and_by_syslog(server: Server) {
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let port = free_port();
    let server = server.kill_and_restart(&[&format!("collect.syslog=127.0.0.1:{port}")]);
    let lines = b"{\"level\":\"error\",\"msg\":\"card declined\",\"service\":\"pay\",\"user\":\"ada\",\"time\":1700000000}\n{\"level\":30,\"msg\":\"it works\"}\nno json\n";
    let answer = server.post("/api/v1/logs?service=shop", &ingest, lines).json();
    assert_eq!((&answer["accepted"], &answer["rejected"]), (&json!(2), &json!(1)), "{answer}");
    assert_eq!(answer["errors"][0]["line"], 3);
    let found = items(&server.get("/api/v1/logs?from=all&severity=error&attributes=user%3Dada", &read).json());
    assert_eq!((&found[0]["service"], &found[0]["body"]), (&json!("pay"), &json!("card declined")));
    assert_eq!(items(&server.get("/api/v1/logs?service=shop", &read).json())[0]["severity"], "info");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let message = "<165>1 2026-01-31T22:14:15.003Z db evntslog 7 ID47 [ex@1 iut=\"3\"] disk nearly full";
    udp.send_to(message.as_bytes(), ("127.0.0.1", port)).expect("sends");
    let mut tcp = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    write!(tcp, "{} {message} again", message.len() + 6).expect("sends");
    let found = server.wait_for("/api/v1/logs?from=all&q=%22nearly%20full%22", &read, |a| items(a).len() == 2);
    assert_eq!(items(&found).len(), 2, "{found}");
    assert_eq!((&items(&found)[0]["host"], &items(&found)[0]["severity"]), (&json!("db"), &json!("info")));
}

fn running(program: &str, arguments: &[String]) -> Running {
    let child = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Running(child.unwrap_or_else(|e| panic!("{program} cannot be run ({e}); `cargo xtask test` installs it")))
}

pub fn exporters_of_debian_are_scraped(server: Server) {
    let (read, admin) = (server.key("read"), server.key("admin"));
    let port = free_port();
    let _exporter = running("prometheus-node-exporter", &[format!("--web.listen-address=127.0.0.1:{port}")]);
    let job = |url: &str| json!({"job": "node", "url": url, "every_secs": 1});
    assert_eq!(server.send("/api/v1/scrapes", &admin, &job(&format!("http://127.0.0.1:{port}/metrics"))).status, 201);
    assert_eq!(server.send("/api/v1/scrapes", &admin, &job("http://127.0.0.1:1/metrics")).status, 201);
    assert_eq!(server.send("/api/v1/scrapes", &admin, &job("ftp://x")).status, 400);
    let until = Instant::now() + Duration::from_secs(30);
    let up = |state: u8| server.number(&read, &format!("count(up{{job=\"node\"}} == {state})"));
    while (up(1), up(0)) != (Some(1.0), Some(1.0)) {
        assert!(Instant::now() < until, "one target answers, one does not: {:?} {:?}", up(1), up(0));
        std::thread::sleep(Duration::from_millis(300));
    }
    let processors = server.number(&read, "count(count by (cpu) (node_cpu_seconds_total{mode=\"idle\"}))");
    assert_eq!(processors, Some(std::thread::available_parallelism().map_or(0.0, |n| n.get() as f64)));
    let load = server.get("/api/v1/signals?prefix=node_load1", &read).json();
    assert_eq!(load[0]["series"]["layer"], "infrastructure", "{load}");
    let refused = server.get("/api/v1/arrivals", &read).json();
    assert!(refused.to_string().contains("127.0.0.1:1"), "the target that does not answer is named: {refused}");
}

/// A job that takes on some of what is kept here; not what it wrote here itself.
fn federated(address: &str, key: &str) -> String {
    format!(
        "- job_name: federated\n  honor_labels: true\n  metrics_path: /federate\n  params:\n    'match[]': ['{{__name__=~\"taken_.+\",job=\"\"}}']\n  static_configs:\n  - targets: ['{address}']\n  authorization:\n    credentials: {key}\n"
    )
}

/// Prometheus keeps the same samples and is asked the same questions.
pub fn prometheus_gives_the_same_answers(server: Server) {
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let folder = server.folder.join("oracle");
    std::fs::create_dir_all(&folder).expect("a folder");
    let port = free_port();
    let config = folder.join("p.yml");
    let remote = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n- job_name: plimsoll\n  static_configs:\n  - targets: ['{0}']\n{federated}remote_write:\n- url: http://{0}/api/v1/write\n  authorization:\n    credentials: {ingest}\nremote_read:\n- url: http://{0}/api/v1/read\n  read_recent: true\n  required_matchers:\n    __name__: only_here\n  authorization:\n    credentials: {read}\n",
        server.address,
        federated = federated(&server.address, &read),
    );
    let only = json!({"name": "only_here", "labels": {"what": "a \"b\" c"}, "value": 42.5}).to_string();
    assert_eq!(server.post("/api/v1/samples", &ingest, only.as_bytes()).status, 200);
    let taken = json!({"name": "taken_on", "labels": {"what": "a \"b\"\\ c"}, "value": 7.5}).to_string();
    assert_eq!(server.post("/api/v1/samples", &ingest, taken.as_bytes()).status, 200);
    std::fs::write(&config, remote).expect("writes");
    let _prometheus = running(
        "prometheus",
        &[
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.join("data").display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ],
    );
    let until = Instant::now() + Duration::from_secs(60);
    while server.number(&read, "min(count_over_time(plimsoll_store_bytes[1h]))").unwrap_or(0.0) < 12.0 {
        assert!(Instant::now() < until, "samples do not arrive");
        std::thread::sleep(Duration::from_millis(300));
    }
    // Everything up to an instant that both have passed.
    std::thread::sleep(Duration::from_secs(3));
    let at = now_nanos() as f64 / 1e9 - 4.0;
    let at = (at * 1000.0).floor() / 1000.0;
    let oracle = format!("127.0.0.1:{port}");
    let mut differ = Vec::new();
    for query in QUERIES {
        let text: String = query.bytes().map(|b| format!("%{b:02X}")).collect();
        let path = format!("/api/v1/query?query={text}&time={at}");
        let ours = server.get(&path, &read).json();
        let theirs = Answer::of(&oracle, "GET", &path, "", &[], b"").json();
        if !alike(&ours["data"], &theirs["data"]) {
            differ.push(format!("{query}\n  here  {ours}\n  there {theirs}"));
        }
    }
    // What only Plimsoll keeps is read by Prometheus from here.
    let path = format!("/api/v1/query?query=last_over_time(only_here%7Bwhat%3D~%22a.%2Bc%22%7D%5B10m%5D)&time={at}");
    let read_here = Answer::of(&oracle, "GET", &path, "", &[], b"").json();
    assert_eq!(read_here["data"]["result"][0]["value"][1], "42.5", "{read_here}");
    assert!(differ.is_empty(), "{} of {} answers differ:\n{}", differ.len(), QUERIES.len(), differ.join("\n"));
    // And what it scrapes from here is its own.
    let path = format!("/api/v1/query?query=taken_on%7Bwhat%3D~%22a.%2Bc%22%7D&time={at}");
    let scraped = Answer::of(&oracle, "GET", &path, "", &[], b"").json();
    let own = &scraped["data"]["result"][0];
    assert_eq!((&own["value"][1], &own["metric"]["what"]), (&json!("7.5"), &json!("a \"b\"\\ c")), "{scraped}");
    assert_eq!(server.get("/federate", &read).status, 400, "it says of what");
    // The other questions that Grafana begins with.
    let labels = server.get("/api/v1/label/job/values?match[]=up", &read).json();
    assert_eq!(labels["data"], json!(["federated", "plimsoll"]));
    let series = server.get("/api/v1/series?match[]=up", &read).json();
    assert_eq!(series["data"][0]["__name__"], "up");
    let metadata = server.get("/api/v1/metadata", &read).json();
    assert_eq!(metadata["data"]["plimsoll_http_request_seconds"][0]["type"], "histogram");
    let wrong = server.get("/api/v1/query?query=sum((", &read);
    assert_eq!((wrong.status, &wrong.json()["errorType"]), (400, &json!("bad_data")));
    let unknown = server.get("/api/v1/query?query=histogram_sum(up)", &read);
    assert_eq!((unknown.status, &unknown.json()["errorType"]), (422, &json!("execution")));
}

/// Questions that dashboards ask. The rates avoid the range's edges, where the two versions differ on purpose.
const QUERIES: [&str; 24] = [
    "up",
    "plimsoll_store_bytes",
    "sum(plimsoll_http_request_seconds_count)",
    "sum by (route) (plimsoll_http_request_seconds_count)",
    "topk(2, sum by (route) (plimsoll_http_request_seconds_count))",
    "count by (status) (plimsoll_http_request_seconds_count)",
    "max_over_time(plimsoll_live_listeners[30s])",
    "count(count_over_time(plimsoll_store_bytes[8s500ms]) > 0)",
    "quantile(0.9, plimsoll_http_request_seconds_sum)",
    "plimsoll_http_request_seconds_sum / plimsoll_http_request_seconds_count > 0",
    "sum without (status, method) (plimsoll_http_request_seconds_count)",
    "absent(nothing_at_all{job=\"x\"})",
    "label_replace(up, \"host\", \"$1\", \"instance\", \"(.*):.*\")",
    "clamp_max(plimsoll_store_bytes, 1)",
    "plimsoll_store_events == bool 0",
    "up unless on(instance) plimsoll_store_bytes",
    "up and on(instance) plimsoll_store_bytes",
    "sum(plimsoll_store_events) or vector(7)",
    "stddev(plimsoll_http_request_seconds_count)",
    "scalar(sum(up)) * 3 + 4 ^ 2 % 5",
    "changes(up[20s])",
    "resets(plimsoll_predictions_accepted_total[20s])",
    "sort_desc(sum by (method) (plimsoll_http_request_seconds_count))",
    "sum(plimsoll_http_request_seconds_bucket{le=\"+Inf\"}) - sum(plimsoll_http_request_seconds_count)",
];

/// Whether two answers say the same, whatever their order.
fn alike(a: &Value, b: &Value) -> bool {
    let sorted = |data: &Value| -> Option<Vec<(String, f64)>> {
        let result = data["result"].as_array()?;
        if data["resultType"] == "scalar" {
            return Some(vec![(String::new(), result.get(1)?.as_str()?.parse().ok()?)]);
        }
        let mut rows: Vec<(String, f64)> = result
            .iter()
            .map(|row| Some((row["metric"].to_string(), row["value"][1].as_str()?.parse().ok()?)))
            .collect::<Option<_>>()?;
        rows.sort_by(|x, y| x.0.cmp(&y.0).then(x.1.total_cmp(&y.1)));
        Some(rows)
    };
    let (Some(a), Some(b)) = (sorted(a), sorted(b)) else {
        return false;
    };
    let near = |x: f64, y: f64| x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= 1e-9 * x.abs().max(y.abs());
    a.len() == b.len() && a.iter().zip(&b).all(|(x, y)| x.0 == y.0 && near(x.1, y.1))
}

/// What the API's own description promises, asked by a program that makes up requests: whether an answer is
/// one of those described, in its form, and never a failure of the server. Two of its checks are left out:
/// they take any text for a time, a query or a name because the description's grammar cannot say which are.
/// Remote write is left out because the program cannot write its format; two real senders test it.
pub fn schemathesis_finds_no_answer_that_is_not_described(server: Server) {
    let key = server.key("admin");
    let program = PathBuf::from(python().get_program()).with_file_name("schemathesis");
    let output = std::process::Command::new(program)
        .args(["run", &format!("http://{}/api/v1/openapi.json", server.address)])
        .args(["-H", &format!("Authorization: Bearer {key}"), "--seed", "1", "--max-examples", "5"])
        .args(["--phases", "coverage,fuzzing", "--exclude-path", "/api/v1/write", "--exclude-path", "/api/v1/read"])
        .args(["--exclude-checks", "positive_data_acceptance,negative_data_rejection"])
        .current_dir(&server.folder)
        .output()
        .expect("schemathesis runs; `cargo xtask test` installs it");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

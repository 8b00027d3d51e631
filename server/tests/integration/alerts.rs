//! Alerts at the receiver's end, over real HTTP: batched, repeated, tried again, resolved, silenced,
//! inhibited, and never lost, whatever is killed when.

use std::collections::{HashMap, VecDeque};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::*;

/// A program that takes webhooks and says what it is told to say.
pub struct Hook {
    address: String,
    got: Arc<Mutex<Vec<Got>>>,
    /// Statuses of the next answers; 200 when they are spent.
    answers: Arc<Mutex<VecDeque<u16>>>,
}

#[derive(Debug, Clone)]
pub struct Got {
    at: Instant,
    pub key: String,
    pub body: Value,
    answered: u16,
}

impl Got {
    fn names(&self, status: &str) -> Vec<String> {
        let alerts = self.body["alerts"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<String> = alerts
            .iter()
            .filter(|a| a["status"] == status)
            .map(|a| a["labels"]["i"].as_str().unwrap_or_default().to_string())
            .collect();
        names.sort();
        names
    }
}

impl Hook {
    pub fn new() -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let answers: Arc<Mutex<VecDeque<u16>>> = Arc::default();
        let (kept, said) = (got.clone(), answers.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, said) = (kept.clone(), said.clone());
                std::thread::spawn(move || take(stream, &kept, &said));
            }
        });
        Hook { address, got, answers }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().expect("not poisoned").clone()
    }

    /// Answers the next with a status; called again, the one after it.
    pub fn answer_next(&self, status: u16) {
        self.answers.lock().expect("not poisoned").push_back(status);
    }

    /// Those that were taken.
    fn taken(&self) -> Vec<Got> {
        self.got().into_iter().filter(|g| g.answered == 200).collect()
    }

    /// Waits until so many were taken, at most for twenty seconds.
    pub fn wait(&self, count: usize) -> Vec<Got> {
        let until = Instant::now() + Duration::from_secs(20);
        while self.taken().len() < count && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        let taken = self.taken();
        assert!(taken.len() >= count, "{} of {count} came: {taken:?}", taken.len());
        taken
    }
}

fn take(mut stream: TcpStream, kept: &Mutex<Vec<Got>>, said: &Mutex<VecDeque<u16>>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let mut bytes = Vec::new();
    let mut part = [0; 65536];
    let (head, body) = loop {
        let Ok(n @ 1..) = stream.read(&mut part) else { return };
        bytes.extend_from_slice(&part[..n]);
        let Some(split) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..split]).to_lowercase();
        let length = head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if bytes.len() >= split + 4 + length.unwrap_or(0) {
            break (head, bytes[split + 4..].to_vec());
        }
    };
    let key = head.lines().find_map(|l| l.strip_prefix("idempotency-key:")).unwrap_or_default().trim().to_string();
    let status = said.lock().expect("not poisoned").pop_front().unwrap_or(200);
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    kept.lock().expect("not poisoned").push(Got { at: Instant::now(), key, body, answered: status });
    let _ = stream
        .write_all(format!("HTTP/1.1 {status} Said\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes());
}

/// A span as documents write it.
fn ms(value: i64) -> String {
    format!("{value}ms")
}

/// One route to one hook.
fn to(hook: &Hook, route: Value) -> Value {
    let mut root = json!({"receiver": "hook", "group_by": ["alertname"], "group_wait": ms(200),
        "group_interval": ms(1000), "repeat_interval": ms(3_600_000)});
    for (name, value) in route.as_object().expect("an object") {
        root[name] = value.clone();
    }
    json!({"route": root, "receivers": [{"name": "hook", "per_minute": 1000,
        "destinations": [{"to": "webhook", "url": hook.url()}]}]})
}

pub struct Alerting<'a> {
    server: &'a Server,
    admin: String,
}

impl<'a> Alerting<'a> {
    pub fn set(server: &'a Server, document: &Value) -> Alerting<'a> {
        let admin = server.key("admin");
        let body = document.to_string().into_bytes();
        let answer = server.ask("PUT", "/api/v1/alerting", &admin, &[("content-type", "application/json")], &body);
        assert_eq!(answer.status, 204, "{}", String::from_utf8_lossy(&answer.body));
        Alerting { server, admin }
    }

    pub fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.server.ask(method, path, &self.admin, &headers, body.to_string().as_bytes())
    }

    pub fn post(&self, alerts: &Value) {
        let answer = self.json("POST", "/api/v2/alerts", alerts);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    }

    fn silence(&self, name: &str, value: &str) -> String {
        let answer = self.json(
            "POST",
            "/api/v2/silences",
            &json!({"matchers": [{"name": name, "value": value, "isRegex": false, "isEqual": true}],
                "startsAt": time(0), "endsAt": time(3600), "createdBy": "mara", "comment": "known"}),
        );
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()["silenceID"].as_str().expect("an id").to_string()
    }
}

/// RFC 3339, seconds from now.
pub fn time(after: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    domain::Timestamp(now.as_micros() as i64 + after * 1_000_000).rfc3339()
}

fn alert(name: &str, i: &str) -> Value {
    json!({"labels": {"alertname": name, "i": i, "severity": "info"}, "startsAt": time(0)})
}

fn over(name: &str, i: &str) -> Value {
    json!({"labels": {"alertname": name, "i": i, "severity": "info"}, "endsAt": time(0)})
}

pub fn a_group_is_told_once_then_what_is_new_then_its_end(server: Server) {
    let hook = Hook::new();
    let alerting = Alerting::set(&server, &to(&hook, json!({})));
    alerting.post(&json!([alert("x", "1"), alert("x", "2"), alert("y", "1")]));
    let first = hook.wait(2);
    let x = first.iter().find(|g| g.body["groupLabels"]["alertname"] == "x").expect("x was told");
    assert_eq!(x.names("firing"), ["1", "2"]);
    assert_eq!(
        (&x.body["version"], &x.body["status"], &x.body["receiver"]),
        (&json!("4"), &json!("firing"), &json!("hook"))
    );
    assert_eq!(x.body["commonLabels"]["severity"], "info");
    assert!(x.key.len() >= 16, "it has a key of its own");
    alerting.post(&json!([alert("x", "3"), over("x", "1")]));
    let second = hook.wait(3)[2].clone();
    assert_eq!((second.names("firing"), second.names("resolved")), (vec!["2".into(), "3".into()], vec!["1".into()]));
    alerting.post(&json!([over("x", "2"), over("x", "3"), over("y", "1")]));
    let last = hook.wait(5);
    let x = last[3..].iter().find(|g| g.body["groupLabels"]["alertname"] == "x").expect("x is closed");
    assert_eq!((&x.body["status"], x.names("resolved")), (&json!("resolved"), vec!["2".to_string(), "3".into()]));
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(hook.got().len(), 5, "and nothing more is said");
}

pub fn what_goes_on_is_repeated_and_what_failed_is_tried_again(server: Server) {
    let hook = Hook::new();
    let document = to(&hook, json!({"repeat_interval": ms(2000)}));
    let alerting = Alerting::set(&server, &document);
    [500, 503].iter().for_each(|status| hook.answer_next(*status));
    alerting.post(&json!([alert("x", "1")]));
    hook.wait(1);
    let tries = hook.got();
    assert_eq!(tries.iter().map(|t| t.answered).collect::<Vec<_>>(), [500, 503, 200]);
    assert!(tries.iter().all(|t| t.key == tries[0].key), "one message, one key");
    let again = hook.wait(2);
    let apart = again[1].at - again[0].at;
    assert!((Duration::from_millis(1500)..Duration::from_secs(6)).contains(&apart), "repeated after {apart:?}");
    assert_ne!(again[1].key, again[0].key);
    // What is refused for good is not tried again, and its destination says so.
    hook.answer_next(404);
    alerting.post(&json!([alert("z", "1")]));
    let read = server.key("read");
    let states = server.wait_for("/api/v1/alerting/destinations", &read, |d| {
        d[0]["problem"].as_str().is_some_and(|p| p.contains("404"))
    });
    assert!(states[0]["problem"].as_str().is_some_and(|p| p.contains("404")), "{states}");
}

pub fn silences_and_inhibitions_keep_quiet_and_a_silence_that_ends_is_heard(server: Server) {
    let hook = Hook::new();
    let mut document = to(&hook, json!({"group_by": ["alertname", "i"]}));
    document["inhibitions"] = json!([{"source": [{"name": "alertname", "value": "down"}],
        "target": [{"name": "alertname", "value": "slow"}], "equal": ["host"]}]);
    let alerting = Alerting::set(&server, &document);
    let id = alerting.silence("i", "quiet");
    let with_host = |name: &str, i: &str, host: &str| {
        let mut alert = alert(name, i);
        alert["labels"]["host"] = json!(host);
        alert
    };
    alerting.post(&json!([
        alert("x", "quiet"),
        with_host("down", "d", "a"),
        with_host("slow", "s", "a"),
        with_host("slow", "t", "b")
    ]));
    let told = hook.wait(2);
    std::thread::sleep(Duration::from_millis(1500));
    let names: Vec<String> = told.iter().flat_map(|g| g.names("firing")).collect();
    assert_eq!(hook.got().len(), 2, "{names:?}");
    assert!(names.contains(&"d".into()) && names.contains(&"t".into()), "{names:?}");
    let listed = server.get("/api/v2/alerts", &alerting.admin).json();
    let state = |i: &str| {
        let found = listed.as_array().expect("a list").iter().find(|a| a["labels"]["i"] == i).expect("listed").clone();
        found["status"].clone()
    };
    assert_eq!(state("quiet")["silencedBy"], json!([id]));
    let down = listed.as_array().expect("a list").iter().find(|a| a["labels"]["i"] == "d").expect("listed");
    assert_eq!(state("s")["inhibitedBy"], json!([down["fingerprint"]]));
    assert_eq!(state("t")["state"], "active");
    let only =
        server.get("/api/v2/alerts?silenced=false&inhibited=false&filter=severity%3D%22info%22", &alerting.admin);
    assert_eq!(only.json().as_array().map(Vec::len), Some(2));
    assert_eq!(server.ask("DELETE", &format!("/api/v2/silence/{id}"), &alerting.admin, &[], b"").status, 200);
    alerting.post(
        &json!([{"labels": {"alertname": "down", "i": "d", "severity": "info", "host": "a"}, "endsAt": time(0)}]),
    );
    let told = hook.wait(5);
    let names: Vec<String> = told[2..].iter().flat_map(|g| g.names("firing")).collect();
    assert!(names.contains(&"quiet".into()) && names.contains(&"s".into()), "{told:?}");
    assert!(told.iter().any(|g| g.names("resolved") == ["d"]), "what was opened is closed: {told:?}");
}

pub fn a_rule_fires_on_a_sample_and_resolves_by_the_next(server: Server) {
    let hook = Hook::new();
    let alerting = Alerting::set(&server, &to(&hook, json!({"group_wait": 0, "group_interval": ms(1000)})));
    let ingest = server.key("ingest");
    let sample = |value: f64| {
        let body = json!({"name": "queue_depth", "labels": {"queue": "mail"}, "value": value}).to_string();
        assert_eq!(server.post("/api/v1/samples", &ingest, body.as_bytes()).status, 200);
    };
    sample(1.0);
    let rule = json!({"name": "Queue long", "every": "500ms", "for": 0, "keep_firing_for": "0s", "condition": {"is": "signal", "query": "queue_depth", "compare": "above",
        "limit": {"from": "fixed", "value": 10.0}}, "annotations": {"summary": "{{value}} wait in {{labels.queue}}"},
        "labels": {"i": "rule"}, "severity": "critical", "urgency": "now"});
    let test = alerting.json("POST", "/api/v1/alerting/backtest?days=1", &rule);
    assert_eq!((test.status, &test.json()["firings"]), (200, &json!([])));
    let deploy = json!({"kind": "deploy", "title": "mail 1.2", "system": "mail"});
    assert_eq!(server.post("/api/v1/changes", &ingest, deploy.to_string().as_bytes()).status, 200);
    every_condition_is_tried_on_the_past(&alerting);
    let made = alerting.json("POST", "/api/v1/alerting/rules", &rule);
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    let kept = server.get("/api/v1/alerting", &alerting.admin).json();
    assert_eq!(kept["route"]["group_interval"], "1s", "spans are written as people write them: {kept}");
    let wrong = alerting.json("POST", "/api/v1/alerting/rules", &json!({"name": "w", "condition": {"is": "signal", "query": "rate(", "compare": "above", "limit": {"from": "fixed", "value": 1.0}}}));
    assert_eq!(wrong.status, 400);
    std::thread::sleep(Duration::from_millis(1500));
    let sent = Instant::now();
    sample(50.0);
    let told = hook.wait(1);
    assert!(told[0].at - sent < Duration::from_secs(5));
    assert_eq!(told[0].body["alerts"][0]["annotations"]["summary"], "50 wait in mail");
    let print = told[0].body["alerts"][0]["fingerprint"].as_str().expect("a fingerprint").to_string();
    sample(2.0);
    let told = hook.wait(2);
    assert_eq!(told[1].body["status"], "resolved");
    let seen = server.get(&format!("/api/v1/alerts/{print}"), &alerting.admin).json();
    let trail: Vec<&str> =
        seen["trail"].as_array().expect("a trail").iter().filter_map(|e| e["kind"].as_str()).collect();
    assert!(["alert", "route", "delivery"].iter().all(|k| trail.contains(k)), "{trail:?}");
    assert_eq!(seen["row"]["alert"]["priority"], "P1");
    let incident = seen["row"]["alert"]["incident"].as_i64().expect("a critical alert is an incident");
    let page = server.get(&format!("/api/v1/incidents/{incident}"), &alerting.admin).json();
    assert!(page["timeline"].as_array().is_some_and(|t| t.len() >= 3), "{page}");
    let path = format!("/api/v1/incidents/{incident}");
    assert_eq!(alerting.json("POST", &path, &json!({"do": "note", "text": "the mail server was full"})).status, 200);
    let review = alerting.json("POST", &path, &json!({"do": "review"})).json();
    assert!(review["review"].as_str().is_some_and(|r| r.contains("the mail server was full")), "{review}");
}

pub fn an_alert_of_its_own_goes_all_the_way_and_concerns_nobody(server: Server) {
    let read = server.key("read");
    let took = |figure: &str| format!("/api/v1/query?query=plimsoll_synthetic_alert_{figure}");
    let found = |answer: &Value| answer["data"]["result"][0]["value"][1].as_str().map(ToString::to_string);
    let p99 = server.wait_for(&took("p99_seconds"), &read, |answer| found(answer).is_some());
    let seconds: f64 = found(&p99).and_then(|s| s.parse().ok()).expect("it arrived");
    assert!(seconds > 0.0 && seconds < 30.0, "{seconds}");
    assert_eq!(server.get("/api/v2/alerts", &read).json(), json!([]));
    assert_eq!(server.get("/api/v2/alerts/groups", &read).json(), json!([]));
}

fn every_condition_is_tried_on_the_past(alerting: &Alerting) {
    let tried = |condition: &Value| {
        let rule = json!({"name": "t", "condition": condition});
        let answer = alerting.json("POST", "/api/v1/alerting/backtest?days=1", &rule);
        assert_eq!(answer.status, 200, "{condition}: {}", String::from_utf8_lossy(&answer.body));
        answer.json()
    };
    let absent = json!({"is": "absent", "query": "no_such_signal{queue=\"mail\"}"});
    let found = tried(&absent);
    let firing = &found["firings"][0];
    assert_eq!((&firing["open"], &firing["labels"]), (&json!(true), &json!({"queue": "mail"})), "{found}");
    let change = json!({"is": "change", "system": "mail", "within": ms(3_600_000)});
    let found = tried(&change);
    assert_eq!(found["firings"].as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(found["firings"][0]["labels"], json!({"system": "mail"}));
    let since = |v: &Value| v["firings"][0]["from"].as_i64().expect("it fires");
    let both = tried(&json!({"is": "all", "of": [absent, change]}));
    // Moments are counted back from when it is asked.
    assert!((since(&both) - since(&found)).abs() < 20_000_000, "both hold since the change: {both}");
    let never = tried(&json!({"is": "unless", "of": [absent, absent]}));
    assert_eq!(never["firings"], json!([]), "{never}");
    for condition in [
        json!({"is": "anomaly", "query": "queue_depth", "lookback": ms(3_600_000)}),
        json!({"is": "forecast", "query": "queue_depth", "compare": "above", "value": 100.0, "within": ms(3_600_000)}),
    ] {
        let found = tried(&condition);
        assert_eq!((&found["firings"], found["checks"].as_u64() > Some(100)), (&json!([]), true), "{found}");
    }
}

/// Whatever moment the program dies at, every alert is told of and closed; what is told twice has the same key.
pub fn killed_at_any_moment_it_loses_no_message_and_repeats_none_under_another_key(mut server: Server) {
    let hook = Hook::new();
    Alerting::set(&server, &to(&hook, json!({"group_by": ["i"], "group_wait": ms(100)})));
    let admin = server.key("admin");
    let headers = [("content-type", "application/json")];
    for round in 0..5_u64 {
        let name = format!("r{round}");
        let body = json!([alert("x", &name)]).to_string();
        assert_eq!(server.ask("POST", "/api/v2/alerts", &admin, &headers, body.as_bytes()).status, 200);
        std::thread::sleep(Duration::from_millis(60 * round));
        server = server.kill_and_restart(&[]);
    }
    let ends: Vec<Value> = (0..5).map(|r| over("x", &format!("r{r}"))).collect();
    let until = Instant::now() + Duration::from_secs(30);
    let of = |hook: &Hook, status: &str| {
        let mut keys: HashMap<String, Vec<String>> = HashMap::new();
        for got in hook.taken().iter().filter(|g| g.body["status"] == status) {
            got.names(status).into_iter().for_each(|n| keys.entry(n).or_default().push(got.key.clone()));
        }
        keys
    };
    while of(&hook, "firing").len() < 5 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(of(&hook, "firing").len(), 5, "each was told of");
    assert_eq!(server.ask("POST", "/api/v2/alerts", &admin, &headers, json!(ends).to_string().as_bytes()).status, 200);
    std::thread::sleep(Duration::from_millis(150));
    server = server.kill_and_restart(&[]);
    while of(&hook, "resolved").len() < 5 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(1500));
    for status in ["firing", "resolved"] {
        let told = of(&hook, status);
        assert_eq!(told.len(), 5, "{status}: {told:?}");
        for (name, keys) in told {
            assert!(keys.len() <= 2 && keys.iter().all(|k| *k == keys[0]), "{status} {name}: {keys:?}");
        }
    }
    drop(server);
}

/// Two programs on one PostgreSQL: one speaks, and when it dies the other goes on.
pub fn of_two_servers_one_speaks_and_the_other_takes_over(server: Server) {
    let hook = Hook::new();
    Alerting::set(&server, &to(&hook, json!({"group_by": ["i"], "group_wait": ms(100)})));
    let admin = server.key("admin");
    let folder = std::env::temp_dir().join(format!("plimsoll_second_{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let second = Server::serve(server.database.clone(), folder, &[]);
    let headers = [("content-type", "application/json")];
    for (i, to) in [&server, &second].iter().enumerate() {
        let body = json!([alert("x", &format!("b{i}"))]).to_string();
        assert_eq!(to.ask("POST", "/api/v2/alerts", &admin, &headers, body.as_bytes()).status, 200);
    }
    hook.wait(2);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(hook.got().len(), 2, "each is told once: {:?}", hook.got());
    drop(server);
    let body = json!([alert("x", "after"), over("x", "b0")]).to_string();
    assert_eq!(second.ask("POST", "/api/v2/alerts", &admin, &headers, body.as_bytes()).status, 200);
    let until = Instant::now() + Duration::from_secs(40);
    while hook.taken().len() < 4 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    let told = hook.taken();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told.iter().any(|g| g.names("firing") == ["after"]) && told.iter().any(|g| g.names("resolved") == ["b0"]));
}

//! What evaluation says of a model whose data has a known story, asked from outside.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Answer, Server};

/// A repeatable source of numbers from 0 to 1.
struct Source(u64);

impl Source {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

const HOUR: i64 = 3600;

fn post(server: &Server, path: &str, key: &str, kind: &str, body: &[u8]) -> Answer {
    server.ask("POST", path, key, &[("content-type", kind)], body)
}

fn send_json(server: &Server, method: &str, path: &str, key: &str, body: &Value) -> Answer {
    server.ask(method, path, key, &[("content-type", "application/json")], body.to_string().as_bytes())
}

/// Rows of a model whose probabilities are right; `shifted` moves its first input and makes it wrong for
/// the one group.
fn rows(source: &mut Source, prefix: &str, from: i64, hours: i64, an_hour: i64, shifted: bool, label: bool) -> String {
    let mut text = String::new();
    for i in 0..hours * an_hour {
        let at = from + i * HOUR / an_hour;
        let (mut income, age) = (source.next() * 2.0 - 1.0, source.next() * 2.0 - 1.0);
        let branch = ["north", "south", "west"][(source.next() * 3.0) as usize];
        if shifted {
            income = income * 0.4 - 0.6;
        }
        let p = 1.0 / (1.0 + (-(3.0 * income - 2.0 * age)).exp());
        let truth = source.next() < if shifted && branch == "west" { 1.0 - p } else { p };
        let mut row = json!({
            "prediction_id": format!("{prefix}{i}"), "timestamp": at, "income": (income * 1000.0).round() / 1000.0,
            "age": (age * 1000.0).round() / 1000.0, "branch": branch, "probability": p, "prediction": u8::from(p >= 0.5),
            "member.a": u8::from(p >= 0.5), "member.b": u8::from(p + 0.1 * (source.next() - 0.5) >= 0.5), "latency_ms": 20.0 + 10.0 * source.next(),
        });
        if label {
            row["label"] = json!(u8::from(truth));
        }
        text.push_str(&row.to_string());
        text.push('\n');
    }
    text
}

fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(90), "{what} did not happen in time");
        std::thread::sleep(Duration::from_millis(300));
    }
}

fn close(a: &Value, b: f64, tolerance: f64) -> bool {
    a.as_f64().is_some_and(|a| (a - b).abs() <= tolerance)
}

fn metric<'a>(quality: &'a Value, name: &str) -> &'a Value {
    let found = quality["metrics"].as_array().into_iter().flatten().find(|m| m["name"] == name);
    found.map_or(&Value::Null, |m| &m["estimate"])
}

pub fn a_shift_is_named_estimated_before_outcomes_and_confirmed_by_them(server: Server) {
    let (admin, read) = (server.key("admin"), server.key("read"));
    let mut source = Source(7);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    let start = (now / HOUR - 60) * HOUR;
    let path = "/api/v1/models/credit";
    let send = |part: &str, body: &str| {
        let answer = post(&server, &format!("{path}/{part}"), &admin, "application/x-ndjson", body.as_bytes());
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    };
    send("baseline", &rows(&mut source, "b", start - 40 * HOUR, 30, 400, false, true));
    assert_eq!(send_json(&server, "PATCH", path, &admin, &json!({"window": "1h"})).status, 200);
    let mut schema = server.get(path, &admin).json()["schema"].clone();
    schema["groups"] = json!(["branch"]);
    assert_eq!(send_json(&server, "PATCH", path, &admin, &json!({"schema": schema})).status, 200);
    let (calm, moved) = (
        rows(&mut source, "c", start, 12, 400, false, false),
        rows(&mut source, "m", start + 12 * HOUR, 6, 400, true, false),
    );
    send("predictions", &calm);
    send("predictions", &moved);

    // Estimated before any outcome: the calm windows as the baseline, the moved ones are named.
    let windows = until("every window judged, with what was learnt", || {
        let found = server.get(&format!("{path}/windows"), &read).json();
        let all = found.as_array().cloned().unwrap_or_default();
        let learnt = all.iter().all(|w| !w["multivariate"]["autoencoder"].is_null() && w["state"] != "open");
        (all.len() == 18 && learnt).then_some(all)
    });
    for window in &windows[..12] {
        assert!(window["drift"]["score"].as_f64().is_some_and(|s| s < 0.5), "{}", window["drift"]);
        assert!(window["quality"].is_null(), "no outcome is known yet");
        let income = window["columns"].as_array().into_iter().flatten().find(|c| c["name"] == "income").expect("there");
        assert_ne!(income["finding"], "large");
    }
    // The inputs have moved to where the model is surer of itself, so without outcomes quality seems to hold.
    let last = &windows[17];
    let calm = windows[..12].iter().filter_map(|w| w["drift"]["score"].as_f64()).fold(0.0, f64::max);
    assert!(last["drift"]["score"].as_f64().is_some_and(|s| s > calm + 0.2), "{}", last["drift"]);
    assert_eq!(last["columns"][0]["finding"], "large");
    assert_eq!(last["columns"][0]["name"], "income", "the greatest first: {}", last["columns"][0]);
    assert!(last["columns"][0]["importance"].as_f64().is_some_and(|w| w > 0.3), "{}", last["columns"][0]);
    let estimated = metric(&last["estimated"], "accuracy").clone();
    assert!(estimated["value"].as_f64().is_some_and(|v| v > 0.5) && last["estimated"]["method"] == "confidence");
    assert!(last["multivariate"]["classifier"]["value"].as_f64().is_some_and(|auc| auc > 0.7));
    assert!(last["ensemble"]["agreement"]["value"].as_f64().is_some_and(|a| a > 0.8));
    let worst = last["judgements"].as_array().and_then(|j| j.first()).expect("judged");
    assert!(worst["sentence"].as_str().is_some_and(|s| s.contains("usually")), "{worst}");
    assert!(worst["limits"]["n"].as_i64().is_some_and(|n| n >= 20));

    // Outcomes come late: the same windows again, with a revision, and they disagree with the estimate.
    let mut labels = String::new();
    for line in moved.lines() {
        let row: Value = serde_json::from_str(line).expect("ours");
        let p = row["probability"].as_f64().expect("a number");
        let right = if row["branch"] == "west" { 1.0 - p } else { p };
        let truth = u8::from(source.next() < right);
        labels.push_str(&json!({"prediction_id": row["prediction_id"], "label": truth}).to_string());
        labels.push('\n');
    }
    send("labels", &labels);
    let again = until("the outcomes to count", || {
        let found = server.get(&format!("{path}/windows"), &read).json();
        found.as_array().and_then(|all| all.last().cloned()).filter(|w| w["quality"]["labelled"] == 400)
    });
    let realised = metric(&again["quality"], "accuracy");
    let (seen, thought) = (realised["value"].as_f64().expect("seen"), estimated["value"].as_f64().expect("thought"));
    assert!(seen < thought - 0.05, "{seen} {thought}");
    assert!(again["revision"].as_i64().is_some_and(|r| r >= 2) && again["reason"] == "labels", "{again}");
    a_figure_fires_when_enough_is_behind_it(&server, &admin, &again, realised);
    assert_eq!(again["drift"]["concept"], true, "{}", again["drift"]);
    assert!(again["drift"]["score"].as_f64().is_some_and(|s| s >= 0.5), "{}", again["drift"]);
    let weakest = again["segments"].as_array().and_then(|s| s.first()).expect("one is weaker");
    assert!(weakest["name"].as_str().is_some_and(|n| n.contains("branch = west")), "{weakest}");
    let branch = again["fairness"].as_array().and_then(|f| f.first()).expect("compared");
    assert_eq!((branch["column"].as_str(), branch["groups"].as_array().map(Vec::len)), (Some("branch"), Some(3)));

    // A threshold tried, refused when it is none, and kept.
    let tried = server
        .get(
            &format!(
                "{path}/limits?figure=estimated.accuracy&threshold=%7B%22from%22%3A%22budget%22%2C%22windows%22%3A20%7D"
            ),
            &read,
        )
        .json();
    assert!(tried[0]["limits"]["lower"].is_number() && tried[0]["outside"].as_i64().is_some(), "{tried}");
    assert_eq!(server.get(&format!("{path}/limits?threshold=nonsense"), &read).status, 400);
    let silly = json!({"monitors": [{"figure": "accuracy", "threshold": {"from": "history", "deviations": -1.0}}]});
    assert_eq!(send_json(&server, "PATCH", path, &admin, &silly).status, 400);
    let fixed =
        json!({"monitors": [{"figure": "volume", "threshold": {"from": "fixed", "lower": 500.0, "upper": null}}]});
    assert_eq!(send_json(&server, "PATCH", path, &admin, &fixed).status, 200);
    until("the threshold to be in force", || {
        let found = server.get(&format!("{path}/windows"), &read).json();
        let volume = found[17]["judgements"].as_array()?.iter().find(|j| j["figure"] == "volume")?.clone();
        (volume["finding"] == "moderate").then_some(())
    });

    // Figures are signals that any query asks for; KPIs rest on them.
    until("the figures to be signals", || {
        let from = now - 3 * 86_400;
        let path =
            format!("/api/v1/query_range?query=last_over_time(model_drift_score[1h])&start={from}&end={now}&step=3600");
        let answer = server.get(&path, &read);
        (answer.json()["data"]["result"].as_array().is_some_and(|r| !r.is_empty())).then_some(())
    });
    let kpi = json!([{"name": "Right answers", "query": "last_over_time(model_accuracy{model=\"credit\"}[7d])", "layer": "business", "system": "credit",
        "target": 0.8, "limit": 0.6, "higher_is_better": true, "unit": "share"}]);
    assert_eq!(send_json(&server, "PUT", "/api/v1/kpis", &admin, &kpi).status, 204);
    let shown = server.get("/api/v1/kpis?system=credit", &read).json();
    assert!(close(&shown[0]["value"], seen, 0.2), "{shown}");
    let broken = json!([{"name": "x", "query": "sum((", "layer": "business", "target": 1.0, "limit": 0.0, "higher_is_better": true}]);
    let refused = send_json(&server, "PUT", "/api/v1/kpis", &admin, &broken);
    assert_eq!(refused.status, 400);
    assert_eq!(send_json(&server, "PUT", "/api/v1/kpis", &read, &kpi).status, 403);

    // Users and business of the system.
    let feedback: String = (0..60)
        .map(|i| {
            json!({"feedback": if i % 6 == 0 { "rejected" } else { "accepted" }, "system": "credit", "prediction_id": format!("c{i}")}).to_string() + "\n"
        })
        .collect();
    assert_eq!(post(&server, "/api/v1/feedback", &admin, "application/x-ndjson", feedback.as_bytes()).status, 200);
    let money: String = (0..40).map(|i| json!({"event": if i % 4 == 0 { "cost" } else { "revenue" }, "amount": 10 + i % 3, "currency": "EUR", "system": "credit", "prediction_id": format!("c{i}")}).to_string() + "\n").collect();
    assert_eq!(post(&server, "/api/v1/business", &admin, "application/x-ndjson", money.as_bytes()).status, 200);
    let outcomes = server.get("/api/v1/outcomes?system=credit", &read).json();
    assert!(close(&outcomes["experience"]["acceptance"]["value"], 50.0 / 60.0, 1e-9), "{outcomes}");
    assert_eq!(outcomes["impact"][0]["currency"], "EUR");
    let system = server.get("/api/v1/systems/credit", &read).json();
    let layers: Vec<&str> =
        system["health"]["layers"].as_array().into_iter().flatten().filter_map(|l| l["layer"].as_str()).collect();
    assert!(layers.contains(&"quality") && layers.contains(&"users") && layers.contains(&"business"), "{layers:?}");
    assert_eq!(server.get("/api/v1/systems/none", &read).status, 404);

    // Another baseline changes what everything is held against.
    assert_eq!(
        send_json(&server, "PUT", &format!("{path}/baseline"), &admin, &json!({"name": "before", "rolling": "4h"}))
            .status,
        204
    );
    until("the rolling baseline to count", || {
        let found = server.get(&format!("{path}/windows"), &read).json();
        // Against the four hours before it, the last window has not moved.
        let income = found[17]["columns"].as_array()?.iter().find(|c| c["name"] == "income")?.clone();
        (income["finding"] == "none" || income["finding"] == "small").then_some(())
    });
    // What takes long to learn serves the newest windows; those before them keep nothing that another baseline said.
    let windows = until("the rolling baseline to be learnt from", || {
        let found = server.get(&format!("{path}/windows"), &read).json();
        (!found[17]["multivariate"]["autoencoder"].is_null()).then_some(found)
    });
    let newest = &windows[17]["multivariate"]["autoencoder"];
    assert!(newest["value"].as_f64() < newest["usual_high"].as_f64(), "{newest}");
    let before = &windows[10]["multivariate"];
    assert!(!before["components"].is_null() && before["autoencoder"].is_null(), "{before}");
    assert_eq!(send_json(&server, "PUT", &format!("{path}/baseline"), &admin, &json!({"rolling": "soon"})).status, 400);
}

/// A back-test of a limit that the figure of a window is below, and its interval is not.
fn a_figure_fires_when_enough_is_behind_it(server: &Server, admin: &str, window: &Value, figure: &Value) {
    let (value, high) = (figure["value"].as_f64().expect("a number"), figure["high"].as_f64().expect("a number"));
    let after = window["range"]["to"].as_i64().expect("a time") + 1_800_000_000;
    let query = "last_over_time(model_accuracy{model=\"credit\"}[1h])";
    let fires = |limit: f64, only_if: Value| {
        let limit = json!({"from": "fixed", "value": limit});
        let condition = json!({"is": "signal", "query": query, "compare": "below", "limit": limit});
        let rule = json!({"name": "low", "condition": condition, "only_if": only_if});
        let answer = send_json(server, "POST", "/api/v1/alerting/backtest?days=7", admin, &rule);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let firings = answer.json()["firings"].as_array().cloned().unwrap_or_default();
        firings.iter().any(|f| f["from"].as_i64() <= Some(after) && f["to"].as_i64() > Some(after))
    };
    let within = f64::midpoint(value, high);
    until("the figure to be a signal", || fires(within, json!({})).then_some(()));
    assert!(fires(within, json!({"events": 400})) && !fires(within, json!({"events": 401})));
    assert!(!fires(within, json!({"surely": true})) && fires(high + 1e-6, json!({"surely": true})));
    let condition =
        json!({"is": "signal", "query": "queue_depth", "compare": "above", "limit": {"from": "fixed", "value": 1.0}});
    let refused = json!({"name": "w", "condition": condition, "only_if": {"events": 5}});
    let refused = send_json(server, "POST", "/api/v1/alerting/rules", admin, &refused);
    assert_eq!(refused.status, 400);
    assert!(String::from_utf8_lossy(&refused.body).contains("only models’ figures"));
}

pub fn what_moved_with_a_signal_is_found_across_layers(server: Server) {
    let admin = server.key("admin");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    let mut source = Source(3);
    // The GPU slows down, answers slow down four minutes later, and something unrelated goes on.
    let throttle: Vec<f64> =
        (0..240).map(|i| if (100..150).contains(&i) { 1.0 } else { 0.0 } + 0.05 * source.next()).collect();
    let mut text = String::new();
    for i in 0..240_usize {
        let at = now - (240 - i as i64) * 60;
        let slow = if i >= 4 { throttle[i - 4] } else { 0.0 };
        for (name, value) in [
            ("gpu_throttled", throttle[i]),
            ("answer_latency_ms", 100.0 + 80.0 * slow + 5.0 * source.next()),
            ("unrelated_total", source.next()),
        ] {
            text.push_str(&json!({"name": name, "value": value, "timestamp": at, "labels": {"host": "a"}}).to_string());
            text.push('\n');
        }
    }
    assert_eq!(post(&server, "/api/v1/samples", &admin, "application/x-ndjson", text.as_bytes()).status, 200);
    let found = server.get("/api/v1/companions?query=answer_latency_ms&from=now-4h&to=now", &admin).json();
    let first = &found["companions"][0];
    assert_eq!(first["name"], "gpu_throttled", "{found}");
    assert!(first["p_adjusted"].as_f64().is_some_and(|p| p < 0.05), "{first}");
    assert!(first["leads_by"].as_f64().is_some_and(|s| (120.0..=360.0).contains(&s)), "{first}");
    let looked = server.get("/api/v1/analysis?query=answer_latency_ms&from=now-4h&to=now&limit=400", &admin).json();
    let line = &looked["lines"][0];
    assert!(line["changes"].as_array().is_some_and(|c| c.len() >= 2), "{line}");
    assert!(
        line["control"]["broken"].as_array().is_some_and(|b| !b.is_empty()) && line["forecast"]["covered"].is_number()
    );
    assert_eq!(server.get("/api/v1/companions?query=sum((", &admin).status, 400);
}

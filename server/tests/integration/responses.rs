//! Responses at the receiver's end: proposed by an alert, decided by people with their passwords, sent once under
//! one key whatever is killed, watched, taken back; and what programs may not.

use super::alerts::{Alerting, Hook, time};
use super::*;

impl Person<'_> {
    fn act(&self, run: i64, act: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("cookie", self.cookie.as_str())];
        let path = format!("/api/v1/response_runs/{run}");
        self.server.ask("POST", &path, "", &headers, act.to_string().as_bytes())
    }
}

fn approve(run: &Value, password: &str) -> Value {
    json!({"do": "approve", "hash": run["plan"]["hash"], "reason": "it leaks", "password": password})
}

fn state(server: &Server, key: &str, wanted: &str) -> Value {
    let runs = server.wait_for("/api/v1/response_runs", key, |r| r[0]["state"] == wanted);
    assert_eq!(runs[0]["state"], wanted, "{runs}");
    runs[0].clone()
}

pub fn people_decide_what_an_alert_proposes_and_it_is_sent_once(mut server: Server) {
    let hook = Hook::new();
    let key = server.key("admin");
    let response = json!({
        "name": "Restart the feed", "control": "two", "url": hook.url(), "undo_url": format!("{}/undo", hook.url()),
        "matchers": [{"name": "alertname", "value": "Feed stale"}], "dry_run": true, "secret": "shared",
        "parameters": {"service": "{{labels.service}}"}, "helps_within": "1m",
    });
    let headers = [("content-type", "application/json")];
    let put = |body: &Value| server.ask("PUT", "/api/v1/responses", &key, &headers, body.to_string().as_bytes()).status;
    assert_eq!(put(&response), 204);
    assert_eq!(put(&json!({"name": "For all", "url": hook.url(), "matchers": []})), 400, "it names no alert");
    let kept = server.get("/api/v1/responses", &key).json();
    assert_eq!((&kept["all"][0]["signed"], &kept["all"][0]["response"]["secret"]), (&json!(true), &json!("")));

    let alerting = Alerting::set(
        &server,
        &json!({"route": {"receiver": "none"}, "receivers": [{"name": "none", "destinations": []}]}),
    );
    let feed = |end: Option<&str>| {
        let mut alert =
            json!({"labels": {"alertname": "Feed stale", "service": "income\", \"x\": \"1", "severity": "critical"}});
        if let Some(end) = end {
            alert["endsAt"] = json!(end);
        }
        json!([alert])
    };
    alerting.post(&feed(None));
    // Tried without effect before anybody is asked.
    let tried = hook.wait(1)[0].clone();
    assert_eq!(
        (&tried.body["dry_run"], &tried.body["parameters"]),
        (&json!(true), &json!({"service": "income\", \"x\": \"1"}))
    );
    let read = server.key("read");
    let hidden = server.wait_for("/api/v1/response_runs", &read, |r| r[0]["tried"].is_array());
    assert_eq!(hidden[0]["plan"]["url"], "", "who may not decide does not see where it goes");
    let run = state(&server, &key, "proposed");
    let id = run["id"].as_i64().expect("a number");

    let (mara, noor) = (Person::new(&server, "mara@example.com"), Person::new(&server, "noor@example.com"));
    let program = server.ask(
        "POST",
        &format!("/api/v1/response_runs/{id}"),
        &key,
        &headers,
        approve(&run, PASSWORD).to_string().as_bytes(),
    );
    assert_eq!(program.status, 403, "only people approve: {}", String::from_utf8_lossy(&program.body));
    assert_eq!(mara.act(id, &approve(&run, "a wrong password")).status, 400);
    let other = json!({"do": "approve", "hash": "another plan", "reason": "it leaks", "password": PASSWORD});
    assert_eq!(mara.act(id, &other).status, 409);
    assert_eq!(mara.act(id, &approve(&run, PASSWORD)).status, 200);
    assert_eq!(mara.act(id, &approve(&run, PASSWORD)).status, 409, "the same person twice is one");
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(hook.got().len(), 1, "nothing is sent for one of two");
    // It is not taken the first time; then the program dies, and the next one sends it under the same key.
    hook.answer_next(503);
    assert_eq!(noor.act(id, &approve(&run, PASSWORD)).status, 200);
    while hook.got().len() < 2 {
        std::thread::sleep(Duration::from_millis(20));
    }
    drop((mara, noor, alerting));
    server = server.kill_and_restart(&[]);
    let sent = hook.wait(2)[1].clone();
    assert!(hook.got()[1..].iter().all(|g| g.key == sent.key) && sent.key != tried.key, "one run, one key");
    assert_eq!((&sent.body["dry_run"], &sent.body["approved"][1]["reason"]), (&json!(false), &json!("it leaks")));

    let after = Alerting::set(
        &server,
        &json!({"route": {"receiver": "none"}, "receivers": [{"name": "none", "destinations": []}]}),
    );
    state(&server, &key, "watched");
    after.post(&feed(Some(&time(0))));
    assert_eq!(state(&server, &key, "done")["helped"], true);
    let tally = server.get("/api/v1/responses", &key).json()["all"][0]["tally"].clone();
    assert_eq!(tally, json!({"known": 1, "helped": 1, "failed": 0}));

    let person = Person { server: &server, cookie: Person::new(&server, "ada@example.com").cookie };
    assert_eq!(person.act(id, &json!({"do": "undo", "reason": "it made things worse"})).status, 200);
    let undone = hook.wait(3)[2].clone();
    assert_eq!((&undone.body["undo"], undone.key.ends_with("-undo")), (&json!(true), true));
    state(&server, &key, "undone");
    let deeds = server.get("/api/v1/audit?limit=1000", &key).json();
    let approved =
        deeds.as_array().expect("deeds").iter().find(|d| d["action"] == "response.approve").expect("on record");
    assert_eq!(approved["who"], "mara, mara@example.com");
    assert!(approved["object"].as_str().is_some_and(|o| o.ends_with(": it leaks")), "{approved}");
}

pub fn what_may_run_by_itself_is_stopped_by_one_switch_and_runs_so_often_a_day(server: Server) {
    let hook = Hook::new();
    let key = server.key("admin");
    let headers = [("content-type", "application/json")];
    let response = json!({
        "name": "Scale out", "control": "itself", "url": hook.url(), "rest": "0s",
        "matchers": [{"name": "alertname", "value": "Queue long"}], "helps_within": "1m", "per_day": 2,
    });
    let ask =
        |method: &str, path: &str, body: &Value| server.ask(method, path, &key, &headers, body.to_string().as_bytes());
    assert_eq!(ask("PUT", "/api/v1/responses", &response).status, 204);
    assert_eq!(ask("POST", "/api/v1/responses/stop", &json!({"reason": "a release"})).status, 204);
    let alerting = Alerting::set(
        &server,
        &json!({"route": {"receiver": "none"}, "receivers": [{"name": "none", "destinations": []}]}),
    );
    let queue = |end: Option<String>| json!([{"labels": {"alertname": "Queue long", "severity": "critical"}, "endsAt": end.unwrap_or(time(600))}]);
    alerting.post(&queue(None));
    std::thread::sleep(Duration::from_millis(2500));
    assert!(hook.got().is_empty(), "stopped, nothing is proposed or sent");
    assert_eq!(ask("POST", "/api/v1/responses/stop", &json!({})).status, 204);
    assert_eq!(hook.wait(1)[0].body["approved"], json!([]), "by itself");
    // The end of the alert is what it is judged by; then it may run once more that day, and no more.
    alerting.post(&queue(Some(time(0))));
    state(&server, &key, "done");
    alerting.post(&queue(None));
    hook.wait(2);
    alerting.post(&queue(Some(time(0))));
    state(&server, &key, "done");
    alerting.post(&queue(None));
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(hook.got().len(), 2, "as often a day as it may");
}

pub fn calls_are_made_in_turn_and_taken_back_where_a_later_one_fails(server: Server) {
    let hook = Hook::new();
    let key = server.key("admin");
    let headers = [("content-type", "application/json")];
    let response = json!({
        "name": "Move the traffic", "control": "itself", "url": hook.url(), "undo_url": hook.url(), "rest": "1h",
        "parameters": {"to": "spare"}, "matchers": [{"name": "alertname", "value": "Bad release"}],
        "then": [
            {"name": "warm it", "url": hook.url()},
            {"name": "roll back", "url": hook.url(), "undo_url": hook.url(), "parameters": {"of": "{{labels.service}}"}},
        ],
    });
    let put = |body: &Value| server.ask("PUT", "/api/v1/responses", &key, &headers, body.to_string().as_bytes()).status;
    assert_eq!(put(&response), 204);
    let mut nowhere = response.clone();
    nowhere["then"][0]["url"] = json!("");
    assert_eq!(put(&nowhere), 400, "each call has an address");
    let alerting = Alerting::set(
        &server,
        &json!({"route": {"receiver": "none"}, "receivers": [{"name": "none", "destinations": []}]}),
    );
    [200, 200, 400].iter().for_each(|status| hook.answer_next(*status));
    alerting.post(&json!([{"labels": {"alertname": "Bad release", "service": "scorer", "severity": "critical"}}]));
    let failed = state(&server, &key, "failed");
    let got: Vec<(i64, bool, String)> = hook
        .got()
        .iter()
        .map(|g| (g.body["call"]["number"].as_i64().unwrap_or(0), g.body["undo"] == true, g.key.clone()))
        .collect();
    let id = failed["id"].as_i64().expect("a number");
    // The second has no way back, and the third never happened.
    let keys = ["", "-2", "-3", "-undo"].map(|end| format!("response-{id}{end}"));
    let made = [(1, false), (2, false), (3, false), (1, true)];
    let wanted: Vec<(i64, bool, String)> = made.into_iter().zip(keys).map(|((n, undo), key)| (n, undo, key)).collect();
    assert_eq!(got, wanted);
    assert_eq!(hook.got()[2].body["parameters"], json!({"of": "scorer"}));
    assert!(failed["answer"].as_str().is_some_and(|a| a.contains("400")), "it stays known why: {failed}");
    // What failed is not done again at once.
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(server.get("/api/v1/response_runs", &key).json().as_array().map(Vec::len), Some(1));
}

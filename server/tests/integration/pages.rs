//! What pages read, on both databases: calls, the timeline, flags, money by day, and anything found.

use std::time::{SystemTime, UNIX_EPOCH};

use super::*;

fn micros(seconds_ago: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros();
    now as i64 - seconds_ago * 1_000_000
}

pub fn operations_shows_calls_alerts_changes_and_notes_of_its_range(server: Server) {
    let key = server.key("admin");
    let say = |path: &str, body: &Value| {
        let kind = [("content-type", "application/json")];
        server.ask("POST", path, &key, &kind, body.to_string().as_bytes()).status
    };
    let spans: Vec<Value> = (0..120_i64)
        .map(|i| {
            let start = micros(30 + i * 20) as i128 * 1000;
            let took: i128 = if i < 15 { 900_000_000 } else { 50_000_000 };
            json!({"traceId": format!("{:032x}", i + 1), "spanId": format!("{:016x}", i + 1), "name": "GET /", "kind": 2,
                "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + took).to_string(),
                "status": {"code": if i % 30 == 0 { 2 } else { 1 }}})
        })
        .collect();
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]});
    let traces = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]});
    assert_eq!(say("/v1/traces", &traces), 200);
    let change = json!({"kind": "deploy", "title": "shop 3.8", "service": "shop", "at": micros(900)});
    assert_eq!(say("/api/v1/changes", &change), 200);
    // A time in text does as well as a number.
    let note = json!({"at": "2020-01-01T00:00:00Z", "text": "long ago", "subject": {"environment": "production"}});
    assert_eq!(say("/api/v1/annotations", &note), 201);
    let note = json!({"at": micros(600), "text": "campaign", "subject": {"environment": "production"}});
    assert_eq!(say("/api/v1/annotations", &note), 201);
    let alert = json!([{"labels": {"alertname": "Slow", "severity": "critical", "system": "shop"}, "annotations": {"summary": "The shop is slow"}}]);
    assert_eq!(say("/api/v2/alerts", &alert), 200);

    let view = server.wait_for("/api/v1/operations?from=now-1h", &key, |v| v["incident"].is_object());
    let shop = &view["traffic"]["services"][0];
    assert_eq!(shop["name"], "shop");
    assert_eq!(shop["now"]["calls"].as_u64().unwrap_or(0) + shop["usual"]["calls"].as_u64().unwrap_or(0), 120);
    let p95 = |side: &str| shop[side]["p95_ms"].as_f64().unwrap_or(f64::NAN);
    assert!(p95("now") > 800.0 && p95("usual") < 60.0, "{shop}");
    assert_eq!(
        view["traffic"]["heat"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|c| c.as_array())
            .flatten()
            .filter_map(Value::as_u64)
            .sum::<u64>(),
        120
    );
    assert_eq!(view["timeline"]["lanes"][0]["name"], "shop");
    assert_eq!(view["timeline"]["lanes"][0]["bars"][0]["title"], "The shop is slow");
    let flags: Vec<&str> = view["flags"].as_array().into_iter().flatten().filter_map(|f| f["title"].as_str()).collect();
    assert!(flags.contains(&"shop 3.8") && flags.contains(&"campaign") && !flags.contains(&"long ago"), "{flags:?}");
    let events: Vec<&str> =
        view["events"].as_array().into_iter().flatten().filter_map(|e| e["title"].as_str()).collect();
    assert!(events.contains(&"shop 3.8") && events.contains(&"campaign"), "{events:?}");

    let number = view["incident"]["id"].as_i64().expect("a number");
    let found = server.get(&format!("/api/v1/find?q={number}"), &key).json();
    assert_eq!(found[0]["href"], format!("/incidents/{number}"));
    let found = server.get("/api/v1/find?q=shop+is", &key).json();
    assert!(found.as_array().is_some_and(|hits| hits.iter().any(|h| h["kind"] == "Alert")), "{found}");
    assert_eq!(server.get("/api/v1/hosts/nowhere", &key).status, 404);
    assert_eq!(server.get("/api/v1/operations", &server.key("ingest")).status, 403);
}

pub fn money_is_added_up_by_day_and_goes_on_as_it_went(server: Server) {
    let key = server.key("admin");
    let lines: Vec<String> = (1..=40_i64)
        .flat_map(|day| {
            // A day that nobody measured is missing, and not zero.
            let of = move |event: &str, amount: f64| {
                json!({"event": event, "amount": amount, "currency": "EUR", "system": "shop", "timestamp": micros(day * 86_400)}).to_string()
            };
            if day == 9 { vec![] } else { vec![of("revenue", 900.0 + (day % 2) as f64), of("cost", 100.0)] }
        })
        .collect();
    let headers = [("content-type", "application/x-ndjson")];
    assert_eq!(server.ask("POST", "/api/v1/business", &key, &headers, lines.join("\n").as_bytes()).status, 200);
    let view = server.wait_for("/api/v1/health", &key, |v| v["money"].is_object());
    let money = &view["money"];
    assert_eq!(money["currency"], "EUR");
    let days = money["days"].as_array().expect("days");
    assert_eq!((days.len(), days.iter().filter(|d| d.is_null()).count()), (30, 1));
    assert!(days.iter().filter_map(Value::as_f64).all(|v| (800.0..=801.0).contains(&v)), "{days:?}");
    let ahead = money["ahead"]["points"].as_array().expect("a forecast");
    assert!(
        ahead.len() == 7 && ahead.iter().all(|p| p[0].as_f64().is_some_and(|m| (m - 800.5).abs() < 5.0)),
        "{ahead:?}"
    );
}

pub fn a_page_bears_its_own_name_however_many_are_drawn(server: Server) {
    let person = Person::new(&server, "ada@example.com");
    let title = |page: &str| {
        let title = page.split_once("<title>").and_then(|(_, rest)| Some(rest.split_once("</title>")?.0));
        title.unwrap_or("none").to_string()
    };
    std::thread::scope(|scope| {
        for reader in 0..8 {
            let person = &person;
            scope.spawn(move || {
                for turn in 0..20 {
                    let name = format!("m{reader}-{turn}");
                    let path = [format!("/models/{name}/drift"), format!("/systems/{name}")][turn % 2].clone();
                    let answer = person.page(&path);
                    let page = String::from_utf8_lossy(&answer.body);
                    assert!(answer.status < 500, "{path}: {}", answer.status);
                    assert_eq!(title(&page), format!("{name} · Plimsoll"), "{path}");
                }
            });
        }
    });
}

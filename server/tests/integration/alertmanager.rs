//! Alertmanager itself as the oracle, and the programs that speak to one.

use std::collections::BTreeSet;

use super::*;

/// A program that ends with the test.
struct Beside(Child, PathBuf);

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = std::fs::remove_dir_all(&self.1);
    }
}

fn folder(name: &str) -> PathBuf {
    let own = format!("plimsoll_{name}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(own);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

fn until_answers(address: &str, path: &str) {
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        if TcpStream::connect(address).is_ok() && Answer::of(address, "GET", path, "", &[], b"").status == 200 {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{address}{path} does not answer");
}

const ROUTES: &str = r#"
route:
  receiver: all
  group_by: [alertname]
  group_wait: 1h
  routes:
    - matchers: ['team="db"']
      receiver: db
      group_by: [alertname, host]
      continue: true
    - matchers: ['team=~"db|ml"', 'severity!="info"']
      receiver: both
      group_by: ['...']
    - matchers: ['host!~"h[0-3]"']
      receiver: far
      group_by: [severity, missing]
inhibit_rules:
  - source_matchers: ['severity="critical"']
    target_matchers: ['severity=~"warning|info"']
    equal: [alertname, host]
  - source_matchers: ['alertname="down"']
    target_matchers: ['team="ml"']
    equal: [zone]
receivers:
  - name: all
  - name: db
  - name: both
  - name: far
"#;

fn own_routes() -> Value {
    let m = |name: &str, value: &str, is_regex: bool, is_equal: bool| json!({"name": name, "value": value, "isRegex": is_regex, "isEqual": is_equal});
    json!({
        "route": {"receiver": "all", "group_by": ["alertname"], "group_wait": 3_600_000_000_i64, "routes": [
            {"matchers": [m("team", "db", false, true)], "receiver": "db", "group_by": ["alertname", "host"], "continue": true},
            {"matchers": [m("team", "db|ml", true, true), m("severity", "info", false, false)], "receiver": "both", "group_by": ["..."]},
            {"matchers": [m("host", "h[0-3]", true, false)], "receiver": "far", "group_by": ["severity", "missing"]},
        ]},
        "inhibitions": [
            {"source": [m("severity", "critical", false, true)], "target": [m("severity", "warning|info", true, true)], "equal": ["alertname", "host"]},
            {"source": [m("alertname", "down", false, true)], "target": [m("team", "ml", false, true)], "equal": ["zone"]},
        ],
        "receivers": [{"name": "all"}, {"name": "db"}, {"name": "both"}, {"name": "far"}],
    })
}

/// Alerts of every kind of labels the routes look at.
fn many() -> Value {
    let mut random = fastrand::Rng::with_seed(7);
    let mut pick = |of: &[&str]| of[random.usize(0..of.len())].to_string();
    let all: Vec<Value> = (0..300)
        .map(|_| {
            let mut labels = serde_json::Map::new();
            labels.insert("alertname".into(), pick(&["slow", "down", "full", "drift"]).into());
            for (name, values) in [
                ("team", &["db", "ml", "web", ""][..]),
                ("host", &["h0", "h1", "h2", "h3", "h4", "x", ""]),
                ("severity", &["critical", "warning", "info", ""]),
                ("zone", &["a", "b", ""]),
            ] {
                let value = pick(values);
                // An empty label is no label.
                labels.insert(name.into(), value.into());
            }
            json!({"labels": labels})
        })
        .collect();
    json!(all)
}

/// Receiver, the group's labels, and each of its alerts with whether it is inhibited.
fn told(groups: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for group in groups.as_array().expect("groups") {
        for alert in group["alerts"].as_array().expect("alerts") {
            let quiet = alert["status"]["inhibitedBy"].as_array().is_some_and(|by| !by.is_empty());
            all.insert(format!(
                "{} {} {} {} {quiet}",
                group["receiver"]["name"], group["labels"], alert["labels"], alert["fingerprint"]
            ));
        }
    }
    all
}

pub fn groups_routes_inhibitions_and_fingerprints_are_those_of_alertmanager(server: Server) {
    let home = folder("am");
    std::fs::write(home.join("am.yml"), ROUTES).expect("writes");
    let address = format!("127.0.0.1:{}", free_port());
    let child = Command::new("prometheus-alertmanager")
        .arg(format!("--config.file={}", home.join("am.yml").display()))
        .arg(format!("--storage.path={}", home.display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--cluster.listen-address=")
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("Alertmanager is there: `cargo xtask test` installs it");
    let _beside = Beside(child, home);
    until_answers(&address, "/-/ready");
    let admin = server.key("admin");
    let kind = [("content-type", "application/json")];
    let document = own_routes().to_string();
    assert_eq!(server.ask("PUT", "/api/v1/alerting", &admin, &kind, document.as_bytes()).status, 204);
    let body = many().to_string();
    assert_eq!(Answer::of(&address, "POST", "/api/v2/alerts", "", &kind, body.as_bytes()).status, 200);
    assert_eq!(server.ask("POST", "/api/v2/alerts", &admin, &kind, body.as_bytes()).status, 200);
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let theirs = told(&Answer::of(&address, "GET", "/api/v2/alerts/groups", "", &[], b"").json());
        let ours = told(&server.get("/api/v2/alerts/groups", &admin).json());
        if theirs == ours && theirs.len() > 200 {
            assert!(theirs.iter().any(|t| t.ends_with("true")) && theirs.iter().any(|t| t.ends_with("false")));
            return;
        }
        if Instant::now() > until {
            let only =
                |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).take(3).cloned().collect::<Vec<_>>();
            panic!(
                "{} and {}; only theirs {:#?}; only ours {:#?}",
                theirs.len(),
                ours.len(),
                only(&theirs, &ours),
                only(&ours, &theirs)
            );
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

pub fn amtool_and_prometheus_speak_to_it_as_to_an_alertmanager(server: Server) {
    let admin = server.key("admin");
    let home = folder("amtool");
    let credentials = home.join("http.yml");
    std::fs::write(&credentials, format!("authorization:\n  credentials: {admin}\n")).expect("writes");
    let amtool = |arguments: &[&str]| {
        let output = Command::new("amtool")
            .arg(format!("--alertmanager.url=http://{}", server.address))
            .arg(format!("--http.config.file={}", credentials.display()))
            .args(arguments)
            .output()
            .expect("amtool is there: `cargo xtask test` installs it");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    };
    amtool(&["alert", "add", "alertname=Tool", "severity=warning", "--annotation=summary=by hand"]);
    let seen = amtool(&["alert", "query", "alertname=Tool", "-o", "json"]);
    assert!(seen.contains("by hand"), "{seen}");
    let id = amtool(&["silence", "add", "alertname=Tool", "--duration=1h", "--comment=known", "--author=mara"]);
    assert!(amtool(&["silence", "query"]).contains("mara"));
    assert!(amtool(&["alert", "query", "--silenced", "-o", "json"]).contains("Tool"));
    assert!(!amtool(&["alert", "query", "--active", "-o", "json"]).contains("Tool"));
    amtool(&["silence", "expire", id.trim()]);
    assert!(amtool(&["alert", "query", "--active", "-o", "json"]).contains("Tool"));
    amtool(&["cluster", "show"]);

    let address = format!("127.0.0.1:{}", free_port());
    std::fs::write(
        home.join("rules.yml"),
        "groups: [{name: g, rules: [{alert: FromPrometheus, expr: 'vector(1)', labels: {severity: critical}}]}]\n",
    )
    .expect("writes");
    std::fs::write(
        home.join("p.yml"),
        format!(
            "global: {{evaluation_interval: 1s}}\nrule_files: [{}]\nalerting: {{alertmanagers: [{{authorization: {{credentials: {admin}}}, static_configs: [{{targets: ['{}']}}]}}]}}\n",
            home.join("rules.yml").display(),
            server.address
        ),
    )
    .expect("writes");
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", home.join("p.yml").display()))
        .arg(format!("--storage.tsdb.path={}", home.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        // The first telling may come before it has found whom to tell.
        .arg("--rules.alert.resend-delay=1s")
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("Prometheus is there: `cargo xtask test` installs it");
    let _beside = Beside(child, home);
    let found = server.wait_for("/api/v2/alerts", &admin, |list| {
        list.as_array().is_some_and(|all| all.iter().any(|a| a["labels"]["alertname"] == "FromPrometheus"))
    });
    assert!(found.to_string().contains("FromPrometheus"), "{found}");
}

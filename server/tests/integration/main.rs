//! A running server, asked from outside, on both databases.

mod alertmanager;
mod alerts;
mod destinations;
mod evaluation;
mod gpu;
mod mail;
mod pages;
mod responses;
mod senders;
mod telemetry;
mod ways_in;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

static NEXT: AtomicU64 = AtomicU64::new(0);

struct Server {
    child: Child,
    database: String,
    folder: PathBuf,
    address: String,
}

/// An answer: status, headers in lower case, the session that it begins, body.
struct Answer {
    status: u16,
    head: String,
    cookie: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }
}

impl Server {
    fn start(postgres: bool) -> Server {
        Server::start_with(postgres, &[])
    }

    /// Starts on an empty database, with some settings as `KEY=VALUE`.
    fn start_with(postgres: bool, settings: &[&str]) -> Server {
        let name = format!("plimsoll_i_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let database = if postgres {
            let server = std::env::var("PLIMSOLL_TEST_POSTGRES")
                .expect("PLIMSOLL_TEST_POSTGRES must name a server; `cargo xtask test` starts one");
            create_database(&server, &name);
            format!("{server}/{name}")
        } else {
            format!("sqlite:{}", folder.join("p.db").display())
        };
        Server::serve(database, folder, settings)
    }

    /// Starts on a database that may be there already.
    fn serve(database: String, folder: PathBuf, settings: &[&str]) -> Server {
        let command = program(&database);
        Server::begin(command, database, folder, settings)
    }

    /// Starts a program that has been given its database already.
    fn begin(mut command: Command, database: String, folder: PathBuf, settings: &[&str]) -> Server {
        command.args(["--listen", "127.0.0.1:0", "--set", "collect.host=false"]);
        for setting in settings {
            command.args(["--set", setting]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let address = lines
            .find_map(|line| line.ok()?.split("http://").nth(1)?.split('/').next().map(String::from))
            .expect("it says where it serves");
        Server { child, database, folder, address }
    }

    /// SIGKILL, then another process on the same database.
    fn kill_and_restart(mut self, settings: &[&str]) -> Server {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let (database, folder) = (self.database.clone(), std::mem::take(&mut self.folder));
        drop(self);
        Server::serve(database, folder, settings)
    }

    /// An orderly end: SIGTERM, and the wait for it.
    fn stop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }

    fn get(&self, path: &str, key: &str) -> Answer {
        self.ask("GET", path, key, &[], b"")
    }

    /// A figure of `/metrics`.
    fn metric(&self, name: &str) -> f64 {
        let text = String::from_utf8_lossy(&self.get("/metrics", "").body).into_owned();
        let line = text.lines().find(|l| l.starts_with(name) && !l.starts_with('#'));
        line.and_then(|l| l.rsplit(' ').next()?.parse().ok()).unwrap_or(f64::NAN)
    }

    fn key(&self, scope: &str) -> String {
        let output = program(&self.database).args(["key", "create", scope, "--scope", scope]).output().expect("runs");
        String::from_utf8(output.stdout).expect("text").trim().to_string()
    }

    fn ask(&self, method: &str, path: &str, key: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        Answer::of(&self.address, method, path, key, headers, body)
    }

    fn post(&self, path: &str, key: &str, body: &[u8]) -> Answer {
        self.ask("POST", path, key, &[], body)
    }

    /// Asks until the answer satisfies, or half a minute has passed.
    fn wait_for(&self, path: &str, key: &str, what: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = self.ask("GET", path, key, &[], b"").json();
            if what(&answer) || Instant::now() > until {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

const PASSWORD: &str = "four boats at noon";

/// Somebody who has signed in.
struct Person<'a> {
    server: &'a Server,
    cookie: String,
}

impl<'a> Person<'a> {
    fn new(server: &'a Server, email: &str) -> Person<'a> {
        let name = email.split('@').next().unwrap_or_default();
        let mut made = program(&server.database)
            .args(["user", "add", email, "--name", name, "--role", "operator"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("runs");
        made.stdin.take().expect("its input").write_all(format!("{PASSWORD}\n").as_bytes()).expect("writes");
        assert!(made.wait().expect("ends").success());
        let form = format!("email={}&password={}", email.replace('@', "%40"), PASSWORD.replace(' ', "+"));
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let cookie = server.ask("POST", "/session", "", &headers, form.as_bytes()).cookie;
        assert!(!cookie.is_empty(), "a session");
        Person { server, cookie }
    }

    fn page(&self, path: &str) -> Answer {
        self.server.ask("GET", path, "", &[("cookie", self.cookie.as_str())], b"")
    }
}

impl Answer {
    /// What the program at an address says to one request.
    fn of(address: &str, method: &str, path: &str, key: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(address).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("sets");
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        if !headers.iter().any(|(n, _)| *n == "content-length") {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        if !key.is_empty() {
            head.push_str(&format!("authorization: Bearer {key}\r\n"));
        }
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        stream.write_all(format!("{head}\r\n").as_bytes()).expect("sends");
        // A server that refuses early may close before it has read everything.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let split = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("a whole head");
        let head = String::from_utf8_lossy(&answer[..split]);
        let cookie = head.lines().find_map(|l| l.strip_prefix("set-cookie: ")?.split(';').next());
        let (cookie, head) = (cookie.unwrap_or_default().to_string(), head.to_lowercase());
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        let body = answer[split + 4..].to_vec();
        let body = if head.contains("transfer-encoding: chunked") { unchunk(&body) } else { body };
        Answer { status, head, cookie, body }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Handed on to the next process where there is one.
        if !self.folder.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn program(database: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
    command.args(["--database", database, "--set", "log.level=error"]);
    command
}

fn create_database(server: &str, name: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let pool = sqlx::PgPool::connect(&format!("{server}/postgres")).await.expect("the test server answers");
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.expect("may create");
        pool.close().await;
    });
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = body.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(&String::from_utf8_lossy(&body[..end]), 16).unwrap_or_default();
        if size == 0 {
            break;
        }
        out.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
    }
    out
}

fn rows(from: u32, to: u32) -> Vec<Value> {
    (from..to)
        .map(|i| json!({"prediction_id": i, "timestamp": 1_700_000_000 + i, "prediction": i % 2, "probability": 0.25 + f64::from(i % 2) / 2.0, "features": {"x": i % 97, "c": (if i % 2 == 0 { "a" } else { "b" })}}))
        .collect()
}

fn ndjson(rows: &[Value]) -> Vec<u8> {
    rows.iter().map(|r| format!("{r}\n")).collect::<String>().into_bytes()
}

macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite { $(#[test] fn $name() { super::$name(super::Server::start(false)); })* }
        mod postgres { $(#[test] fn $name() { super::$name(super::Server::start(true)); })* }
    };
}

use alertmanager::*;
use alerts::*;
use destinations::*;
use evaluation::{
    a_shift_is_named_estimated_before_outcomes_and_confirmed_by_them, what_moved_with_a_signal_is_found_across_layers,
};
use mail::*;
use pages::*;
use responses::*;
use senders::*;
use telemetry::*;
use ways_in::*;

/// One file has one server; a database of its own can have several.
#[test]
fn of_two_servers_on_postgres_one_speaks_and_the_other_takes_over() {
    of_two_servers_one_speaks_and_the_other_takes_over(Server::start(true));
}

on_both!(
    groups_routes_inhibitions_and_fingerprints_are_those_of_alertmanager,
    amtool_and_prometheus_speak_to_it_as_to_an_alertmanager,
    a_group_is_told_once_then_what_is_new_then_its_end,
    what_goes_on_is_repeated_and_what_failed_is_tried_again,
    silences_and_inhibitions_keep_quiet_and_a_silence_that_ends_is_heard,
    a_rule_fires_on_a_sample_and_resolves_by_the_next,
    an_alert_of_its_own_goes_all_the_way_and_concerns_nobody,
    a_ticket_opens_with_a_group_and_closes_with_it,
    a_siem_gets_alerts_and_every_deed_once_it_is_there,
    people_decide_what_an_alert_proposes_and_it_is_sent_once,
    what_may_run_by_itself_is_stopped_by_one_switch_and_runs_so_often_a_day,
    calls_are_made_in_turn_and_taken_back_where_a_later_one_fails,
    killed_at_any_moment_it_loses_no_message_and_repeats_none_under_another_key,
    mail_comes_to_a_real_server_in_one_thread_and_to_who_was_named,
    schemathesis_finds_no_answer_that_is_not_described,
    a_shift_is_named_estimated_before_outcomes_and_confirmed_by_them,
    what_moved_with_a_signal_is_found_across_layers,
    operations_shows_calls_alerts_changes_and_notes_of_its_range,
    money_is_added_up_by_day_and_goes_on_as_it_went,
    a_page_bears_its_own_name_however_many_are_drawn,
    sigkill_under_load_loses_nothing_acknowledged,
    a_full_disk_is_said_and_reading_goes_on,
    a_backup_comes_back_whole,
    slow_senders_cost_nobody_else_anything,
    too_much_at_once_is_told_to_come_back,
    both_versions_of_remote_write_are_kept_and_answered,
    prometheus_and_vmagent_write_here,
    the_opentelemetry_sdk_arrives_named_and_in_its_place,
    otlp_in_json_is_kept_and_what_is_wrong_is_a_partial_success,
    frames_of_pandas_and_pyarrow_are_one_request,
    feedback_and_business_meet_their_prediction,
    changes_come_by_rest_events_and_webhooks,
    logs_come_as_json_lines_and_by_syslog,
    exporters_of_debian_are_scraped,
    prometheus_gives_the_same_answers,
    every_format_carries_the_same_rows,
    wrong_rows_are_named_and_the_rest_is_kept,
    labels_that_come_later_make_a_new_revision,
    hostile_requests_get_a_reason_and_do_no_harm,
    the_command_line_works_beside_the_server,
);

fn every_format_carries_the_same_rows(server: Server) {
    let key = server.key("ingest");
    let data = rows(0, 40);
    let csv = {
        let mut text = String::from("prediction_id,timestamp,prediction,probability,x,c\n");
        for r in &data {
            text.push_str(&format!(
                "{},{},{},{},{},{}\n",
                r["prediction_id"],
                r["timestamp"],
                r["prediction"],
                r["probability"],
                r["features"]["x"],
                r["features"]["c"].as_str().unwrap_or_default()
            ));
        }
        text.into_bytes()
    };
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&ndjson(&data)).expect("packs");
        encoder.finish().expect("packs")
    };
    let first = server.post("/api/v1/models/m/predictions", &key, &ndjson(&data));
    assert_eq!(first.status, 200);
    assert_eq!(first.json()["accepted"], 40);
    let array = serde_json::to_vec(&data).expect("JSON");
    for (what, body) in [("array", array), ("CSV", csv), ("gzip", gzip)] {
        let answer = server.post("/api/v1/models/m/predictions", &key, &body).json();
        assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(0), &json!(40)), "{what}: {answer}");
    }
    let parquet = include_bytes!("../../demo/analysis.parquet");
    let answer = server.post("/api/v1/models/parquet/predictions?ignore=year", &key, parquet);
    assert_eq!(answer.json()["accepted"], 10_445);
    let mut changed = data[3].clone();
    changed["probability"] = json!(0.99);
    let answer = server.post("/api/v1/models/m/predictions", &key, &ndjson(&[changed])).json();
    assert_eq!((&answer["changed_duplicates"], &answer["changed_ids"]), (&json!(1), &json!(["3"])));
}

fn wrong_rows_are_named_and_the_rest_is_kept(server: Server) {
    let key = server.key("ingest");
    let body = b"{\"prediction_id\":1,\"prediction\":1}\nnot json\n{\"prediction\":1}\n{\"prediction_id\":4,\"prediction\":0,\"timestamp\":\"tomorrow\"}\n{\"prediction_id\":5,\"prediction\":0,\"timestamp\":1700000000}\n";
    let answer = server.post("/api/v1/models/m/predictions", &key, body);
    assert_eq!(answer.status, 200);
    let receipt = answer.json();
    assert_eq!(receipt["rejected"].as_u64().expect("a count") + receipt["accepted"].as_u64().expect("a count"), 5);
    let lines: Vec<u64> =
        receipt["errors"].as_array().expect("errors").iter().filter_map(|e| e["line"].as_u64()).collect();
    assert!(lines.contains(&2) && lines.contains(&3) && lines.contains(&4), "{receipt}");
    let all_wrong = server.post("/api/v1/models/m/predictions", &key, b"{\"prediction_id\":null}\n");
    assert_eq!(all_wrong.status, 422);
}

fn labels_that_come_later_make_a_new_revision(server: Server) {
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let path = "/api/v1/models/m/windows";
    assert_eq!(server.post("/api/v1/models/m/baseline?name=b", &ingest, &ndjson(&rows(0, 500))).status, 200);
    assert_eq!(server.post("/api/v1/models/m/predictions", &ingest, &ndjson(&rows(1000, 1600))).status, 200);
    let before = server.wait_for(path, &read, |w| w.as_array().is_some_and(|w| !w.is_empty()));
    assert_eq!(before[0]["quality"], Value::Null, "no labels is no quality, not zero");
    let columns = before[0]["columns"].as_array().expect("columns");
    assert!(
        columns.iter().any(|c| c["name"] == "x" && c["tests"].as_array().is_some_and(|t| t.len() >= 3)),
        "{before}"
    );
    let labels: Vec<Value> = (1000..1600)
        .map(|i| json!({"prediction_id": i, "y_true": if i % 4 == 0 { 1 - i % 2 } else { i % 2 }}))
        .collect();
    assert_eq!(server.post("/api/v1/models/m/labels", &ingest, &ndjson(&labels)).json()["accepted"], 600);
    let labelled = |w: &Value| -> u64 {
        w.as_array().into_iter().flatten().filter_map(|w| w["quality"]["labelled"].as_u64()).sum()
    };
    let after = server.wait_for(path, &read, |w| labelled(w) == 600);
    assert_eq!(labelled(&after), 600);
    let right: f64 = after
        .as_array()
        .expect("windows")
        .iter()
        .map(|w| {
            w["quality"]["metrics"][0]["estimate"]["value"].as_f64().expect("accuracy")
                * w["rows"].as_f64().expect("rows")
        })
        .sum();
    assert!((right - 450.0).abs() < 1e-6, "three of four are right: {right}");
    assert_eq!(after[0]["reason"], "labels");
    assert!(after[0]["revision"].as_u64() > before[0]["revision"].as_u64());
}

fn hostile_requests_get_a_reason_and_do_no_harm(server: Server) {
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let path = "/api/v1/models/m/predictions";
    let mut cut = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    cut.write_all(&ndjson(&rows(0, 2000))).expect("packs");
    let mut cut = cut.finish().expect("packs");
    cut.truncate(cut.len() / 2);
    let deep = "[".repeat(100_000).into_bytes();
    let wide: String =
        format!("{{\"prediction_id\":1,{}}}", (0..1500).map(|i| format!("\"f{i}\":1")).collect::<Vec<_>>().join(","));
    for (what, body, statuses) in [
        ("empty", &b""[..], &[400][..]),
        ("binary", b"\x00\x01\x02\x03", &[400]),
        ("half a Parquet", b"PAR1 and no more", &[400]),
        ("cut gzip", &cut, &[200, 400, 422]),
        ("deep", &deep, &[400, 413, 422]),
        ("too wide", wide.as_bytes(), &[422, 413]),
        ("no id", b"{\"x\":1}\n", &[400]),
    ] {
        let answer = server.post(path, &ingest, body);
        assert!(
            statuses.contains(&answer.status),
            "{what}: {} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
    }
    let big = server.ask("POST", path, &ingest, &[("content-length", "99999999999")], b"");
    assert_eq!(big.status, 413);
    let media = server.ask("POST", path, &ingest, &[("content-type", "image/png")], b"{}");
    assert_eq!(media.status, 415);
    assert_eq!(server.post("/api/v1/models/a%20b/predictions", &ingest, b"{\"id\":1}").status, 400);
    assert_eq!(server.post("/api/v1/models/m/predictions?nonsense=1", &ingest, b"{\"id\":1}").status, 400);
    for (key, status) in [("", 401), ("plk_ingest_guess", 401), (read.as_str(), 403)] {
        let answer = server.post(path, key, &ndjson(&rows(0, 1)));
        assert_eq!(answer.status, status);
        assert!(answer.head.contains("application/problem+json"), "{}", answer.head);
        assert!(answer.json()["detail"].as_str().is_some_and(|d| d.len() > 10));
    }
    let script = json!({"prediction_id": "<script>alert(1)</script>", "prediction": "<b>1</b>", "<img src=x>": "'; DROP TABLE model; --"});
    assert_eq!(server.post("/api/v1/models/hostile/predictions", &ingest, &ndjson(&[script])).status, 200);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.ask("GET", path, "", &[], b"").status, 200, "{path}");
    }
    assert_eq!(server.ask("GET", "/api/v1/models", &read, &[], b"").status, 200);
    assert_eq!(server.ask("GET", "/../../etc/passwd", "", &[], b"").status, 404);
}

fn the_command_line_works_beside_the_server(server: Server) {
    let read = server.key("read");
    let demo = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("demo");
    let file = |name: &str| demo.join(name).display().to_string();
    let reference = program(&server.database)
        .args([
            "import",
            "census",
            &file("reference.parquet"),
            "--baseline",
            "2015",
            "--label",
            "employed",
            "--ignore",
            "year",
            "--window",
            "500",
        ])
        .output()
        .expect("runs");
    assert!(reference.status.success(), "{}", String::from_utf8_lossy(&reference.stderr));
    let production = program(&server.database)
        .args(["import", "census", &file("analysis.parquet"), "--labels", &file("labels.parquet"), "--ignore", "year"])
        .output()
        .expect("runs");
    assert!(production.status.success(), "{}", String::from_utf8_lossy(&production.stderr));
    let labelled = |w: &Value| -> u64 {
        w.as_array().into_iter().flatten().filter_map(|w| w["quality"]["labelled"].as_u64()).sum()
    };
    let windows = server.wait_for("/api/v1/models/census/windows", &read, |w| labelled(w) == 10_445);
    assert_eq!(labelled(&windows), 10_445);
    assert_eq!(windows.as_array().expect("windows").len(), 21);
    let check = program(&server.database).arg("check").output().expect("runs");
    assert!(String::from_utf8_lossy(&check.stdout).contains("everything is whole"));
    let table = |name: &str, shift: u32| {
        let text: String = (0..2000u32).map(|i| format!("{},{}\n", (i * 7919) % 997 + shift, i % 3)).collect();
        let path = server.folder.join(name);
        std::fs::write(&path, format!("x,c\n{text}")).expect("writes");
        path.display().to_string()
    };
    let (before, same, other) = (table("before.csv", 0), table("same.csv", 0), table("other.csv", 300));
    for (a, b, code) in [(&before, &same, 0), (&before, &other, 1), (&before, &"nothing.csv".to_string(), 2)] {
        let drift = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .args(["drift", "--reference", a, "--current", b, "--json"])
            .output()
            .expect("runs");
        assert_eq!(drift.status.code(), Some(code), "{a} {b}");
        if code < 2 {
            let report: Value = serde_json::from_slice(&drift.stdout).expect("JSON");
            assert_eq!(report["drifted"], code == 1);
            assert!(report["columns"][0]["tests"][0]["name"].is_string());
        }
    }
    if server.database.starts_with("sqlite:") {
        let copy = server.folder.join("copy.db");
        let backup = program(&server.database).args(["backup", &copy.display().to_string()]).output().expect("runs");
        assert!(backup.status.success(), "{}", String::from_utf8_lossy(&backup.stderr));
        let check = program(&format!("sqlite:{}", copy.display())).arg("check").output().expect("runs");
        assert!(check.status.success());
    }
    let unknown = program(&server.database).args(["--set", "server.lissen=x", "check"]).output().expect("runs");
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("server.listen"));
}

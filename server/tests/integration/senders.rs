//! Programs that send samples of time series: Prometheus and vmagent as Debian ships them, and requests of
//! both versions of remote write as the protocol describes them.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Server;

fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn sample(value: f64, millis: u64) -> Vec<u8> {
    let mut out = vec![0x09];
    out.extend_from_slice(&value.to_le_bytes());
    out.push(0x10);
    varint(&mut out, millis);
    out
}

fn version_one(labels: &[(&str, &str)], value: f64, millis: u64) -> Vec<u8> {
    let mut series = Vec::new();
    for (name, value) in labels {
        let mut label = Vec::new();
        field(&mut label, 1, name.as_bytes());
        field(&mut label, 2, value.as_bytes());
        field(&mut series, 1, &label);
    }
    field(&mut series, 2, &sample(value, millis));
    let mut message = Vec::new();
    field(&mut message, 1, &series);
    message
}

fn version_two(millis: u64) -> Vec<u8> {
    let mut message = Vec::new();
    for symbol in ["", "__name__", "queue_length", "job", "two"] {
        field(&mut message, 4, symbol.as_bytes());
    }
    let mut series = Vec::new();
    field(&mut series, 1, &[1, 2, 3, 4]);
    field(&mut series, 2, &sample(7.0, millis));
    field(&mut message, 5, &series);
    message
}

fn pack(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).expect("packs")
}

fn now_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64
}

const ONE: [(&str, &str); 2] = [("content-type", "application/x-protobuf"), ("content-encoding", "snappy")];
const TWO: [(&str, &str); 2] =
    [("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"), ("content-encoding", "snappy")];

pub fn both_versions_of_remote_write_are_kept_and_answered(server: Server) {
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let write = |headers: &[(&str, &str)], body: &[u8]| server.ask("POST", "/api/v1/write", &ingest, headers, body);
    let now = now_millis();
    let labels = [("__name__", "queue_length"), ("job", "one")];
    for age in [0, 60_000, 30_000] {
        let answer = write(&ONE, &pack(&version_one(&labels, age as f64, now - age)));
        assert_eq!(answer.status, 204, "{}", String::from_utf8_lossy(&answer.body));
    }
    let answer = write(&TWO, &pack(&version_two(now)));
    assert_eq!(answer.status, 204, "{}", String::from_utf8_lossy(&answer.body));
    for header in ["samples-written: 1", "histograms-written: 0", "exemplars-written: 0"] {
        assert!(answer.head.contains(&format!("x-prometheus-remote-write-{header}")), "{}", answer.head);
    }
    let signals = server.get("/api/v1/signals?prefix=queue_length", &read).json();
    let signals = signals.as_array().expect("series");
    assert_eq!(signals.len(), 2);
    let one = signals.iter().find(|s| s["series"]["labels"]["job"] == "one").expect("there");
    let values: Vec<f64> =
        one["points"].as_array().expect("points").iter().filter_map(|p| p["value"].as_f64()).collect();
    assert_eq!(values, [60_000.0, 30_000.0, 0.0], "in order of time, whatever order they came in");

    let too_old = write(&ONE, &pack(&version_one(&labels, 1.0, now - 3 * 86_400_000)));
    assert_eq!(too_old.status, 400);
    assert!(too_old.json()["detail"].as_str().is_some_and(|d| d.contains("s old")));
    for (what, headers, body, status) in [
        ("another type", [("content-type", "application/json"), ("content-encoding", "snappy")], &b"{}"[..], 415),
        ("another encoding", [("content-type", "application/x-protobuf"), ("content-encoding", "gzip")], b"x", 415),
        (
            "another message",
            [("content-type", "application/x-protobuf;proto=x.Y"), ("content-encoding", "snappy")],
            b"x",
            415,
        ),
        ("no snappy", ONE, b"not snappy at all", 400),
        ("no message", ONE, &pack(b"\x0a\xff\xff\xff"), 400),
        ("a bomb", ONE, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0], 413),
    ] {
        let answer = write(&headers, body);
        assert_eq!(answer.status, status, "{what}: {}", String::from_utf8_lossy(&answer.body));
    }
    assert_eq!(server.ask("POST", "/api/v1/write", &read, &ONE, b"").status, 403);

    let server = server.kill_and_restart(&["limits.series_of_a_metric=5"]);
    let mut last = None;
    for user in 0..8 {
        let user = format!("user-{user}");
        let body = pack(&version_one(&[("__name__", "logins"), ("user", &user)], 1.0, now));
        last = Some(server.ask("POST", "/api/v1/write", &ingest, &ONE, &body));
    }
    let refused = last.expect("sent").json();
    let detail = refused["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("“logins”") && detail.contains("“user”"), "{refused}");
    let signals = server.get("/api/v1/signals?prefix=queue_length", &read).json();
    assert_eq!(signals.as_array().map(Vec::len), Some(2), "samples survive a kill");
}

/// A program that runs for the length of a test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port()
}

/// Starts a sender that scrapes Plimsoll itself each second and writes to it.
fn sender(server: &Server, key: &str, name: &str) -> Running {
    let folder = server.folder.join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let port = free_port();
    let scrape = format!(
        "global:\n  scrape_interval: 1s\n  external_labels:\n    sender: {name}\nscrape_configs:\n- job_name: plimsoll\n  static_configs:\n  - targets: ['{}']\n",
        server.address
    );
    let url = format!("http://{}/api/v1/write", server.address);
    let file = |name: &str, text: &str| -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("writes");
        path
    };
    let mut command = Command::new(name);
    if name == "prometheus" {
        let config = format!("{scrape}remote_write:\n- url: {url}\n  authorization:\n    credentials: {key}\n");
        command
            .arg(format!("--config.file={}", file("p.yml", &config).display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    } else {
        command
            .arg(format!("-promscrape.config={}", file("p.yml", &scrape).display()))
            .arg(format!("-remoteWrite.url={url}"))
            .arg(format!("-remoteWrite.bearerToken={key}"))
            .arg(format!("-remoteWrite.tmpDataPath={}", folder.join("data").display()))
            .arg("-remoteWrite.flushInterval=500ms")
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"));
    }
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Running(child.unwrap_or_else(|e| panic!("{name} cannot be run ({e}); `cargo xtask test` installs it")))
}

pub fn prometheus_and_vmagent_write_here(server: Server) {
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let _senders = [sender(&server, &ingest, "prometheus"), sender(&server, &ingest, "vmagent")];
    let until = Instant::now() + Duration::from_secs(60);
    for name in ["prometheus", "vmagent"] {
        loop {
            let found = server.get("/api/v1/signals?prefix=plimsoll_live_listeners", &read).json();
            let of_sender = found.as_array().into_iter().flatten().find(|s| s["series"]["labels"]["sender"] == name);
            if of_sender.is_some_and(|s| s["points"].as_array().is_some_and(|p| p.len() >= 3)) {
                break;
            }
            assert!(Instant::now() < until, "nothing of {name} arrived: {found}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    let seconds = server.get("/api/v1/signals?prefix=plimsoll_http_request_seconds_sum", &read).json();
    assert!(seconds.as_array().is_some_and(|s| !s.is_empty()), "{seconds}");
}

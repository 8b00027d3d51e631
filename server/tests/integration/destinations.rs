//! What companies keep beside a monitor, at its own end: tickets that open and close with a group of alerts, and the
//! collector of security events, by TLS under an authority of the company's own.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::alerts::{Alerting, time};
use super::*;

/// An issue as a tracker of the GitHub kind keeps it.
#[derive(Debug, Clone, Default)]
struct Issue {
    title: String,
    text: String,
    labels: Vec<String>,
    comments: Vec<String>,
    closed: bool,
}

/// A tracker that speaks as GitHub does, as far as it is asked: list by label, open, comment, close.
struct Tracker {
    address: String,
    issues: Arc<Mutex<BTreeMap<u64, Issue>>>,
}

impl Tracker {
    fn new() -> Tracker {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let issues: Arc<Mutex<BTreeMap<u64, Issue>>> = Arc::default();
        let kept = issues.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let Some((method, path, head, body)) = asked(&mut stream) else { continue };
                let known = head.contains("authorization: bearer secret-token");
                let mut all = kept.lock().expect("whole");
                let (status, answer) =
                    if known { answered(&mut all, &method, &path, &body) } else { (401, json!({"message": "no"})) };
                let answer = answer.to_string();
                let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\nconnection: close", answer.len());
                let _ = stream.write_all(format!("{head}\r\n\r\n{answer}").as_bytes());
            }
        });
        Tracker { address, issues }
    }

    fn issues(&self) -> Vec<Issue> {
        self.issues.lock().expect("whole").values().cloned().collect()
    }

    fn wait(&self, what: impl Fn(&[Issue]) -> bool) -> Vec<Issue> {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let issues = self.issues();
            if what(&issues) {
                return issues;
            }
            assert!(Instant::now() < until, "{issues:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A request: method, path with its query, head in lower case, body.
fn asked(stream: &mut TcpStream) -> Option<(String, String, String, Value)> {
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let mut bytes = Vec::new();
    let mut part = [0; 65536];
    loop {
        let n = stream.read(&mut part).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&part[..n]);
        let Some(split) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..split]).to_string();
        let lower = head.to_lowercase();
        let length = lower.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if bytes.len() >= split + 4 + length.unwrap_or(0) {
            let mut words = head.split(' ');
            let (method, path) = (words.next()?.to_string(), words.next()?.to_string());
            return Some((method, path, lower, serde_json::from_slice(&bytes[split + 4..]).unwrap_or(Value::Null)));
        }
    }
}

fn answered(all: &mut BTreeMap<u64, Issue>, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let rest = path.strip_prefix("/api/v3/repos/larkfield/operations/issues").unwrap_or("/elsewhere");
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_string();
    let numbered = || rest.trim_start_matches('/').split('/').next()?.parse::<u64>().ok();
    match (method, rest) {
        ("GET", rest) if rest.starts_with('?') => {
            let wanted = rest.split(['?', '&']).find_map(|p| p.strip_prefix("labels=")).unwrap_or_default();
            let wanted = wanted.replace("%2D", "-");
            let open = all.iter().filter(|(_, i)| !i.closed && i.labels.contains(&wanted));
            (200, open.map(|(number, _)| json!({ "number": number })).collect())
        }
        ("POST", "") => {
            let labels = body["labels"].as_array().into_iter().flatten();
            let labels = labels.filter_map(|l| Some(l.as_str()?.to_string())).collect();
            let number = all.len() as u64 + 1;
            all.insert(number, Issue { title: text("title"), text: text("body"), labels, ..Issue::default() });
            (201, json!({ "number": number }))
        }
        (method, _) => match numbered().and_then(|n| all.get_mut(&n)) {
            Some(issue) if method == "POST" => {
                issue.comments.push(text("body"));
                (201, json!({}))
            }
            Some(issue) if method == "PATCH" => {
                issue.closed = body["state"] == "closed";
                (200, json!({}))
            }
            _ => (404, json!({"message": "Not Found"})),
        },
    }
}

fn document(destination: &Value, audit: &str) -> Value {
    json!({
        "route": {"receiver": "out", "group_by": ["alertname"], "group_wait": "200ms", "group_interval": "1s"},
        "receivers": [{"name": "out", "per_minute": 1000, "destinations": [destination]}],
        "audit": audit,
    })
}

fn alert(i: &str, ended: bool) -> Value {
    let labels = json!({"alertname": "accuracy low", "i": i, "severity": "critical", "model": "churn"});
    let annotations = json!({"summary": "```@everyone``` too few are right"});
    if ended {
        json!({"labels": labels, "annotations": annotations, "endsAt": time(0)})
    } else {
        json!({"labels": labels, "annotations": annotations, "startsAt": time(0)})
    }
}

pub fn a_ticket_opens_with_a_group_and_closes_with_it(server: Server) {
    let tracker = Tracker::new();
    let url = format!("http://{}/larkfield/operations", tracker.address);
    let to = |token: &str| json!({"to": "ticket", "tracker": "github", "url": url, "token": token});
    let alerting = Alerting::set(&server, &document(&to("secret-token"), ""));
    alerting.post(&json!([alert("1", false)]));
    let opened = tracker.wait(|issues| issues.len() == 1)[0].clone();
    assert!(opened.title.contains("accuracy low"), "{opened:?}");
    assert!(opened.labels.contains(&"plimsoll".to_string()), "{opened:?}");
    // What telemetry says stands within the fence and calls nobody.
    assert!(opened.text.starts_with("```text\n") && opened.text.matches("```").count() == 2, "{}", opened.text);
    // More of the same group is said on the same ticket; a server that died in between does not open another.
    let server = server.kill_and_restart(&[]);
    let alerting = Alerting::set(&server, &document(&to("secret-token"), ""));
    alerting.post(&json!([alert("1", false), alert("2", false)]));
    let said = tracker.wait(|issues| issues.iter().any(|i| !i.comments.is_empty()));
    assert_eq!((said.len(), said[0].closed), (1, false), "{said:?}");
    alerting.post(&json!([alert("1", true), alert("2", true)]));
    let over = tracker.wait(|issues| issues.iter().all(|i| i.closed));
    assert_eq!(over.len(), 1);
    assert!(over[0].comments.last().expect("said").contains("It is over."), "{over:?}");
    // It comes again: a ticket that was closed is history.
    alerting.post(&json!([alert("1", false)]));
    tracker.wait(|issues| issues.len() == 2);
    // Which ticket it is stands in the alert's own log.
    let labels = alert("1", false)["labels"].as_object().expect("labels").clone();
    let labels = labels.into_iter().map(|(name, value)| (name, value.as_str().expect("text").to_string())).collect();
    let log = format!("/api/v1/alerts/{}", domain::alert::fingerprint(&labels));
    let read = server.key("read");
    let log = server.wait_for(&log, &read, |a| a.to_string().contains("(new), as #2")).to_string();
    assert!(log.contains("(new), as #1") && log.contains("(resolved), as #1") && log.contains("(new), as #2"), "{log}");
    // A token that is refused is said where destinations are listed.
    Alerting::set(&server, &document(&to("wrong"), "")).post(&json!([alert("3", false)]));
    let states = server.wait_for("/api/v1/alerting/destinations", &read, |d| {
        d[0]["problem"].as_str().is_some_and(|p| p.contains("401"))
    });
    assert!(states[0]["problem"].as_str().is_some_and(|p| p.contains("401")), "{states}");
    assert_eq!(states[0]["shown"], format!("larkfield/operations on {}", tracker.address));
}

/// What a collector got by TLS, and the authority that vouches for it.
struct Siem {
    port: u16,
    got: Arc<Mutex<String>>,
    authority: PathBuf,
}

impl Siem {
    fn new(folder: &std::path::Path) -> Siem {
        let own = rcgen::generate_simple_self_signed(["localhost".to_string()]).expect("a certificate");
        let authority = folder.join("authority.pem");
        std::fs::write(&authority, own.cert.pem()).expect("written");
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key.into())
            .expect("a key that fits");
        let listener = TcpListener::bind("localhost:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let got: Arc<Mutex<String>> = Arc::default();
        let (kept, config) = (got.clone(), Arc::new(config));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = rustls::ServerConnection::new(config.clone()).expect("a connection");
                let mut bytes = Vec::new();
                if rustls::StreamOwned::new(connection, stream).read_to_end(&mut bytes).is_ok() {
                    kept.lock().expect("whole").push_str(&String::from_utf8_lossy(&bytes));
                }
            }
        });
        Siem { port, got, authority }
    }

    /// Whole frames, taken apart by the lengths that stand before them.
    fn frames(&self) -> Vec<String> {
        let got = self.got.lock().expect("whole").clone();
        let (mut rest, mut frames) = (got.as_str(), Vec::new());
        while let Some((length, after)) = rest.split_once(' ') {
            let length: usize = length.parse().expect("a length");
            frames.push(after[..length].to_string());
            rest = &after[length..];
        }
        frames
    }

    fn wait(&self, what: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(found) = self.frames().into_iter().find(|f| what(f)) {
                return found;
            }
            assert!(Instant::now() < until, "{:?}", self.frames());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

pub fn a_siem_gets_alerts_and_every_deed_once_it_is_there(server: Server) {
    let siem = Siem::new(&server.folder);
    let to = |port: u16| json!({"to": "siem", "format": "cef", "url": format!("tls://localhost:{port}")});
    // Its authority is nobody's that the public trusts.
    let alerting = Alerting::set(&server, &document(&to(siem.port), ""));
    alerting.post(&json!([alert("1", false)]));
    let read = server.key("read");
    let states = server
        .wait_for("/api/v1/alerting/destinations", &read, |d| d[0]["problem"].as_str().is_some_and(|p| !p.is_empty()));
    assert!(states[0]["problem"].as_str().is_some_and(|p| p.to_lowercase().contains("certificate")), "{states}");
    let authority = format!("outgoing.ca_file={}", siem.authority.display());
    let server = server.kill_and_restart(&[&authority]);
    let opened = siem.wait(|frame| frame.contains("act=opened"));
    assert!(opened.contains("|alert:accuracy low|accuracy low|9|"), "{opened}");
    assert!(opened.contains("cs1Label=model cs1=churn"), "{opened}");
    // Deeds that were done while nobody listened are sent when somebody does, in their order.
    let away = free_port();
    let alerting = Alerting::set(&server, &document(&to(away), "out"));
    std::thread::sleep(Duration::from_secs(6));
    assert!(!siem.frames().iter().any(|f| f.contains("|deed:")), "nobody was told yet");
    alerting.json("PUT", "/api/v1/alerting", &document(&to(siem.port), "out"));
    siem.wait(|frame| frame.contains("|deed:alerting.change|"));
    std::thread::sleep(Duration::from_secs(6));
    let ids: Vec<u64> = siem
        .frames()
        .iter()
        .filter_map(|f| f.split_once("externalId=deed-")?.1.split(' ').next()?.parse().ok())
        .collect();
    let all: Vec<u64> = (1..=ids.len() as u64).collect();
    assert_eq!(ids, all, "each deed once, from the first");
    // What ends is an event too.
    alerting.post(&json!([alert("1", true)]));
    siem.wait(|frame| frame.contains("act=resolved"));
}

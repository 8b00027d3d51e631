//! What is acknowledged stays, whatever happens to the process, the database or the disk.

use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Server, ndjson, program, rows};

const PATH: &str = "/api/v1/models/m/predictions";

/// What senders and the one who waits for them share.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    /// Labels acknowledged so far.
    labelled: AtomicU32,
}

impl Load {
    /// Waits until so many labels are acknowledged: a busy machine takes longer, and a load that was counted in
    /// time would then be too light to show anything.
    fn reaches(&self, labels: u32) {
        let patience = Instant::now() + Duration::from_secs(60);
        while self.labelled.load(Ordering::Relaxed) < labels {
            assert!(Instant::now() < patience, "{labels} labels were not acknowledged within a minute");
            std::thread::sleep(Duration::from_millis(3));
        }
    }
}

/// Sends batches of fifty rows, and a label for the first of each, until a request fails. Gives the first
/// ids of the batches and the ids of the labels that were acknowledged.
fn send(address: &str, key: &str, first: u32, load: &Load) -> (Vec<u32>, Vec<u32>) {
    let (mut batches, mut labels) = (Vec::new(), Vec::new());
    let post = |path: &str, body: &[u8]| -> Option<u16> {
        let mut stream = TcpStream::connect(address).ok()?;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut answer = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut answer).ok()?;
        String::from_utf8_lossy(answer.get(9..12)?).parse().ok()
    };
    for number in 0.. {
        let id = first + number * 50;
        if load.stop.load(Ordering::Relaxed) {
            break;
        }
        match post(PATH, &ndjson(&rows(id, id + 50))) {
            Some(200) => batches.push(id),
            Some(_) => {}
            None => break,
        }
        match post("/api/v1/models/m/labels", format!("{{\"prediction_id\":{id},\"label\":{}}}", id % 3).as_bytes()) {
            // A label of an event that was refused waits for it, and is not looked for.
            Some(200) if batches.last() == Some(&id) => {
                labels.push(id);
                load.labelled.fetch_add(1, Ordering::Relaxed);
            }
            Some(_) => {}
            None => break,
        }
    }
    (batches, labels)
}

/// Ten SIGKILLs at odd moments under load.
pub fn sigkill_under_load_loses_nothing_acknowledged(server: Server) {
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let mut server = server;
    let (mut batches, mut labels) = (Vec::new(), Vec::new());
    for round in 0..10_u32 {
        let load = Arc::new(Load::default());
        let senders: Vec<_> = (0..3_u32)
            .map(|worker| {
                let (address, key, load) = (server.address.clone(), ingest.clone(), load.clone());
                std::thread::spawn(move || send(&address, &key, (round * 3 + worker) * 1_000_000, &load))
            })
            .collect();
        // One round in four is killed before anything of it is acknowledged, if the moment has it so.
        load.reaches(if round % 4 == 0 { 0 } else { 4 });
        // Moments that share no step with anything that runs by the clock.
        std::thread::sleep(Duration::from_millis(u64::from(round * 37 % 11 * 40 + 25)));
        server = server.kill_and_restart(&[]);
        load.stop.store(true, Ordering::Relaxed);
        for sender in senders {
            let (more, known) = sender.join().expect("ends");
            batches.extend(more);
            labels.extend(known);
        }
    }
    assert!(batches.len() > 20 && labels.len() > 10, "the load was too light to show anything");
    for first in &batches {
        let answer = server.post(PATH, &ingest, &ndjson(&rows(*first, first + 50))).json();
        assert_eq!((&answer["duplicates"], &answer["accepted"]), (&json!(50), &json!(0)), "batch {first}");
    }
    for id in &labels {
        let event = server.get(&format!("/api/v1/models/m/events/{id}"), &read).json();
        assert_eq!(event["label"], json!((id % 3).to_string()), "label of {id}");
    }
    // Once each: as many rows as values of the id column a question finds.
    let counted = server.metric("plimsoll_store_events") as u64;
    let answer = server.get("/api/v1/models/m/values?column=feature.x&by=feature.x", &read).json();
    let read_rows: u64 = answer["groups"].as_array().expect("groups").iter().filter_map(|g| g["rows"].as_u64()).sum();
    assert_eq!(counted, read_rows);
    assert!(counted >= batches.len() as u64 * 50);
    let check = program(&server.database).arg("check").output().expect("runs");
    assert!(String::from_utf8_lossy(&check.stdout).contains("everything is whole"));
}

/// A bound on the disk is reached, then room is made.
pub fn a_full_disk_is_said_and_reading_goes_on(server: Server) {
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let mut server = server;
    assert_eq!(server.post(PATH, &ingest, &ndjson(&rows(0, 500))).status, 200);
    let room = server.metric("plimsoll_store_bytes") as u64 + (3 << 20);
    server.stop();
    let (database, folder) = (server.database.clone(), std::mem::take(&mut server.folder));
    drop(server);
    let server = Server::serve(database, folder, &[&format!("retention.disk_bytes={room}")]);
    let noise = |from: u32| -> Vec<Value> {
        let random = |i: u32| (f64::from(i) * 0.754_877_666).fract() * 1e9;
        (from..from + 2000)
            .map(|i| json!({"prediction_id": format!("{i}-{}", random(i)), "prediction": random(i * 7), "features": {"a": random(i * 3), "b": random(i * 5), "text": format!("{:x}", (random(i * 11) * 1e6) as u64)}}))
            .collect()
    };
    let mut kept = 0;
    let mut refusal = None;
    for batch in 0..400 {
        let answer = server.post("/api/v1/models/noise/predictions", &ingest, &ndjson(&noise(batch * 2000)));
        if answer.status != 200 {
            refusal = Some(answer);
            break;
        }
        kept += 2000;
    }
    let refusal = refusal.expect("the bound is reached");
    assert_eq!(refusal.status, 507, "{}", String::from_utf8_lossy(&refusal.body));
    assert!(refusal.head.contains("retry-after:"), "{}", refusal.head);
    assert!(refusal.json()["detail"].as_str().is_some_and(|d| d.contains("no room left")));
    let newest = server.get("/api/v1/models/noise/events?limit=3", &read);
    assert_eq!((newest.status, newest.json().as_array().map(Vec::len)), (200, Some(3)));
    assert_eq!(server.get("/readyz", "").status, 200);
    assert!(kept > 0);
    // Somebody makes room, as an administrator of the database would.
    make_room(&server.database);
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = server.post(PATH, &ingest, &ndjson(&rows(9000, 9010)));
        if answer.status == 200 {
            break;
        }
        assert!(Instant::now() < until, "{} {}", answer.status, String::from_utf8_lossy(&answer.body));
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(server.get("/api/v1/models/m/events/9005", &read).status, 200);
}

fn make_room(database: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        const TABLES: [&str; 3] = ["DELETE FROM segment_column", "DELETE FROM segment", "DELETE FROM fresh"];
        if database.starts_with("sqlite:") {
            let pool = sqlx::SqlitePool::connect(database).await.expect("opens");
            for sql in TABLES {
                sqlx::query(sql).execute(&pool).await.expect("deletes");
            }
            pool.close().await;
        } else {
            let pool = sqlx::PgPool::connect(database).await.expect("opens");
            for sql in TABLES {
                sqlx::query(sql).execute(&pool).await.expect("deletes");
            }
            sqlx::query("VACUUM FULL").execute(&pool).await.expect("frees");
            pool.close().await;
        }
    });
}

/// A backup made under load is a moment of the database, and comes back whole.
pub fn a_backup_comes_back_whole(server: Server) {
    let ingest = server.key("ingest");
    for part in 0..5 {
        server.post(PATH, &ingest, &ndjson(&rows(part * 4000, part * 4000 + 4000)));
    }
    let load = Arc::new(Load::default());
    let sender = {
        let (address, key, load) = (server.address.clone(), ingest.clone(), load.clone());
        std::thread::spawn(move || send(&address, &key, 5_000_000, &load))
    };
    load.reaches(1);
    let file = server.folder.join("backup");
    let backup = program(&server.database).arg("backup").arg(&file).output().expect("runs");
    load.stop.store(true, Ordering::Relaxed);
    sender.join().expect("ends");
    assert!(backup.status.success(), "{}", String::from_utf8_lossy(&backup.stderr));
    let over = program(&server.database).arg("restore").arg(&file).output().expect("runs");
    assert!(!over.status.success(), "what is there is not overwritten unasked");
    let mut server = server;
    if server.database.starts_with("sqlite:") {
        let in_use = program(&server.database).arg("restore").arg(&file).arg("--replace").output().expect("runs");
        assert!(String::from_utf8_lossy(&in_use.stderr).contains("in use"));
    }
    server.post(PATH, &ingest, &ndjson(&rows(9_000_000, 9_000_001)));
    server.stop();
    let restored = program(&server.database).arg("restore").arg(&file).arg("--replace").output().expect("runs");
    let said = String::from_utf8_lossy(&restored.stdout).into_owned();
    assert!(
        restored.status.success() && said.contains("everything is whole"),
        "{said}{}",
        String::from_utf8_lossy(&restored.stderr)
    );
    let (database, folder) = (server.database.clone(), std::mem::take(&mut server.folder));
    drop(server);
    let server = Server::serve(database, folder, &[]);
    let read = server.key("read");
    assert_eq!(server.get("/api/v1/models/m/events/19999", &read).status, 200);
    assert_eq!(server.get("/api/v1/models/m/events/9000000", &read).status, 404, "it came after the backup");
    let damaged = server.folder.join("damaged");
    let mut bytes = std::fs::read(&file).expect("reads");
    // In many places, so that some are not empty.
    for place in 1..32 {
        let at = bytes.len() / 32 * place;
        bytes[at..at + 512].fill(0x5a);
    }
    std::fs::write(&damaged, bytes).expect("writes");
    if server.database.starts_with("sqlite:") {
        let place = format!("sqlite:{}", server.folder.join("elsewhere.db").display());
        let refused = program(&place).arg("restore").arg(&damaged).output().expect("runs");
        assert!(!refused.status.success(), "a damaged backup is not put in place");
        assert!(!server.folder.join("elsewhere.db").exists());
    }
}

/// Half-sent bodies hold nothing that others need.
pub fn slow_senders_cost_nobody_else_anything(server: Server) {
    let ingest = server.key("ingest");
    let half = format!(
        "POST {PATH} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {ingest}\r\ncontent-length: 500000\r\n\r\n{{\"prediction_id\":1,"
    );
    let mut open = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(&server.address).expect("connects");
        stream.write_all(half.as_bytes()).expect("sends");
        open.push(stream);
    }
    let start = Instant::now();
    for i in 0..20 {
        assert_eq!(server.post(PATH, &ingest, &ndjson(&rows(i * 10, i * 10 + 10))).status, 200);
        assert_eq!(server.get("/healthz", "").status, 200);
    }
    assert!(start.elapsed() < Duration::from_secs(20));
    drop(open);
}

/// More than may wait is told to come back, and is taken when it does.
pub fn too_much_at_once_is_told_to_come_back(server: Server) {
    let ingest = server.key("ingest");
    // A budget that one body of nearly a MiB fills.
    let server = server.kill_and_restart(&["limits.ingest_bytes=1"]);
    let body = Arc::new(ndjson(&rows(0, 6000)));
    let answers: Vec<_> = (0..12)
        .map(|_| {
            let (address, key, body) = (server.address.clone(), ingest.clone(), body.clone());
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).expect("connects");
                let head = format!(
                    "POST {PATH} HTTP/1.1\r\nhost: t\r\nconnection: close\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).expect("sends");
                let _ = stream.write_all(&body);
                let mut answer = String::new();
                let _ = std::io::Read::read_to_string(&mut stream, &mut answer);
                answer.to_lowercase()
            })
        })
        .collect::<Vec<_>>()
        .into_iter()
        .map(|t| t.join().expect("ends"))
        .collect();
    let refused: Vec<&String> = answers.iter().filter(|a| a.starts_with("http/1.1 429")).collect();
    assert!(!refused.is_empty(), "twelve times the budget came at once");
    assert!(refused.iter().all(|a| a.contains("retry-after:")));
    assert!(answers.iter().any(|a| a.starts_with("http/1.1 200")));
    assert_eq!(server.post(PATH, &ingest, &body).json()["duplicates"], 6000);
}

/// A PostgreSQL of this test alone, which can be stopped.
struct OwnPostgres {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
}

impl OwnPostgres {
    fn start() -> OwnPostgres {
        let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .expect("PostgreSQL is installed; `cargo xtask test` sees to it")
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .collect();
        versions.sort();
        let folder = std::env::temp_dir().join(format!("plimsoll-own-pg-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a port").port();
        drop(listener);
        let server = OwnPostgres { folder, programs: versions.pop().expect("a version"), port };
        if root() {
            let own = Command::new("chown").arg("postgres").arg(&server.folder).status().expect("runs");
            assert!(own.success());
        }
        let data = server.folder.join("data").display().to_string();
        assert!(server.run("initdb", &["-D", &data, "-A", "trust", "-U", "plimsoll", "-E", "UTF8"]));
        server.up();
        server
    }

    fn run(&self, name: &str, arguments: &[&str]) -> bool {
        let path = self.programs.join(name);
        let mut command = if root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.args(arguments).current_dir(&self.folder).stdout(Stdio::null());
        command.status().expect("runs").success()
    }

    fn up(&self) {
        let options = format!("-p {} -k {} -c listen_addresses=127.0.0.1", self.port, self.folder.display());
        let (data, log) = (self.folder.join("data"), self.folder.join("log"));
        assert!(self.run("pg_ctl", &["-D", path(&data), "-o", &options, "-w", "-l", path(&log), "start"]));
    }

    fn down(&self) {
        assert!(self.run("pg_ctl", &["-D", path(&self.folder.join("data")), "-m", "immediate", "-w", "stop"]));
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a readable path")
}

fn root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n"))
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-D", path(&self.folder.join("data")), "-m", "immediate", "stop"]);
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The database is away for a while; `PLIMSOLL_OUTAGE_SECONDS` says how long, six by default.
#[test]
fn postgres_stops_for_a_while_and_nothing_acknowledged_is_lost() {
    let seconds = std::env::var("PLIMSOLL_OUTAGE_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(6);
    let postgres = OwnPostgres::start();
    let database = format!("postgres://plimsoll@127.0.0.1:{}/postgres", postgres.port);
    let server = Server::serve(database, postgres.folder.join("none"), &[]);
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let load = Arc::new(Load::default());
    let senders: Vec<_> = (0..3)
        .map(|worker| {
            let (address, key, load) = (server.address.clone(), ingest.clone(), load.clone());
            std::thread::spawn(move || send(&address, &key, worker * 10_000_000, &load))
        })
        .collect();
    load.reaches(12);
    assert_eq!(server.get("/readyz", "").status, 200);
    postgres.down();
    std::thread::sleep(Duration::from_secs(seconds));
    assert_eq!(server.get("/readyz", "").status, 503, "readiness says so");
    assert_eq!(server.get("/healthz", "").status, 200, "the process itself is well");
    postgres.up();
    let until = Instant::now() + Duration::from_secs(30);
    while server.get("/readyz", "").status != 200 {
        assert!(Instant::now() < until, "it did not recover by itself");
        std::thread::sleep(Duration::from_millis(200));
    }
    std::thread::sleep(Duration::from_millis(1500));
    load.stop.store(true, Ordering::Relaxed);
    let (mut batches, mut labels) = (Vec::new(), Vec::new());
    for sender in senders {
        let (more, known) = sender.join().expect("ends");
        batches.extend(more);
        labels.extend(known);
    }
    assert!(batches.len() > 10);
    for first in &batches {
        let answer = server.post(PATH, &ingest, &ndjson(&rows(*first, first + 50))).json();
        assert_eq!(answer["duplicates"], 50, "batch {first}: {answer}");
    }
    for id in &labels {
        let event = server.get(&format!("/api/v1/models/m/events/{id}"), &read).json();
        assert_eq!(event["label"], json!((id % 3).to_string()), "label of {id}");
    }
    let check = program(&server.database).arg("check").output().expect("runs");
    assert!(String::from_utf8_lossy(&check.stdout).contains("everything is whole"));
}

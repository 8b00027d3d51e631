//! `bench promql`: the same samples into Plimsoll and Prometheus, the same questions to both; the share of
//! answers that agree.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::ingest::now_millis;
use crate::load::client::{Connection, request};
use crate::load::remote::write_request;
use crate::load::server::Server;
use crate::load::{Database, report};

const STEP_MS: i64 = 15_000;
const STEPS: i64 = 240;

struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

type Sample = (Vec<(&'static str, String)>, f64);

/// What a shop of three jobs on four hosts reports at a step.
fn samples(step: i64) -> Vec<Sample> {
    let mut all: Vec<Sample> = Vec::new();
    let wave = |i: i64| ((step as f64 / 17.0 + i as f64).sin() * 50.0 + 60.0).round() / 4.0;
    for (j, job) in ["shop", "pay", "rank"].into_iter().enumerate() {
        for host in 0..4_i64 {
            let own = |name: &str| {
                vec![("__name__", name.to_string()), ("job", job.to_string()), ("instance", format!("h{host}:9100"))]
            };
            let with = |name: &str, label: &'static str, value: &str| {
                let mut labels = own(name);
                labels.push((label, value.to_string()));
                labels
            };
            let n = j as i64 * 4 + host;
            all.push((own("load"), wave(n)));
            all.push((own("memory_bytes"), 1e9 + n as f64 * 1e7 + (step % 40) as f64 * 1e6));
            // A counter that begins anew now and then.
            all.push((own("restarts_total"), ((step + n * 13) % 97) as f64));
            for (k, code) in ["200", "404", "500"].into_iter().enumerate() {
                let every = [10, 3, 1][k] as f64;
                all.push((
                    with("http_requests_total", "code", code),
                    5e4 + step as f64 * every * (1.0 + n as f64 / 10.0),
                ));
            }
            let seen = step as f64 * 20.0 + 1e5;
            for (le, share) in [("0.1", 0.5), ("0.25", 0.8), ("0.5", 0.93), ("1", 0.99), ("+Inf", 1.0)] {
                all.push((with("latency_seconds_bucket", "le", le), (seen * share).floor()));
            }
            all.push((own("latency_seconds_count"), seen));
            all.push((own("latency_seconds_sum"), seen * 0.17));
            all.push((with("build_info", "version", ["1.0", "1.1"][(host % 2) as usize]), 1.0));
        }
    }
    all
}

fn queries() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let instant = ["load", "memory_bytes", "http_requests_total{code=\"500\"}"];
    for metric in instant {
        for aggregation in ["sum", "avg", "min", "max", "count", "stddev", "stdvar", "group"] {
            all.push(format!("{aggregation}({metric})"));
            all.push(format!("{aggregation} by (job) ({metric})"));
        }
        for call in ["abs", "ceil", "floor", "sqrt", "ln", "log2", "log10", "sgn", "exp", "round", "sort", "-"] {
            all.push(format!("{call}({metric} / 1e7)"));
        }
        all.push(format!("topk(3, {metric})"));
        all.push(format!("bottomk by (job) (1, {metric})"));
        all.push(format!("quantile(0.8, {metric})"));
        all.push(format!("quantile by (job) (0.25, {metric})"));
        all.push(format!("clamp({metric}, 5, 20)"));
        all.push(format!("{metric} offset 10m"));
        all.push(format!("{metric} - {metric} offset 5m"));
        all.push(format!("timestamp({metric})"));
        all.push(format!("absent({metric})"));
        all.push(format!("scalar(sum({metric}))"));
    }
    for counter in ["http_requests_total", "restarts_total", "latency_seconds_count"] {
        for call in ["rate", "increase", "irate"] {
            for range in ["1m", "5m", "30m"] {
                all.push(format!("{call}({counter}[{range}])"));
                all.push(format!("sum by (job) ({call}({counter}[{range}]))"));
            }
        }
        all.push(format!("resets({counter}[20m])"));
        all.push(format!("changes({counter}[20m])"));
    }
    for gauge in ["load", "memory_bytes"] {
        for call in [
            "avg_over_time",
            "min_over_time",
            "max_over_time",
            "sum_over_time",
            "count_over_time",
            "last_over_time",
            "stddev_over_time",
            "stdvar_over_time",
            "present_over_time",
            "delta",
            "idelta",
            "deriv",
            "changes",
        ] {
            all.push(format!("{call}({gauge}[10m])"));
        }
        all.push(format!("quantile_over_time(0.9, {gauge}[10m])"));
        all.push(format!("predict_linear({gauge}[10m], 600)"));
        all.push(format!("max_over_time(sum by (job) ({gauge})[10m:1m])"));
        all.push(format!("avg_over_time(rate({gauge}[2m])[10m:30s])"));
    }
    for share in ["0.5", "0.9", "0.95", "0.99", "-1", "2"] {
        all.push(format!("histogram_quantile({share}, latency_seconds_bucket)"));
        all.push(format!("histogram_quantile({share}, sum by (le) (rate(latency_seconds_bucket[5m])))"));
        all.push(format!("histogram_quantile({share}, sum by (job, le) (rate(latency_seconds_bucket[5m])))"));
    }
    for operator in ["+", "-", "*", "/", "%", "^", ">", "<", ">=", "<=", "==", "!=", "atan2"] {
        all.push(format!("load {operator} 10"));
        all.push(format!("10 {operator} load"));
        all.push(format!("load {operator} on (job, instance) memory_bytes"));
    }
    for operator in [">", "==", "!=", "<="] {
        all.push(format!("load {operator} bool 15"));
    }
    for text in [
        "sum(rate(http_requests_total{code=~\"5..\"}[5m])) / sum(rate(http_requests_total[5m]))",
        "sum by (job) (rate(http_requests_total{code!=\"200\"}[5m])) / ignoring(code) sum by (job) (rate(http_requests_total[5m]))",
        "http_requests_total / ignoring(code) group_left sum without (code) (http_requests_total)",
        "load * on (job, instance) group_left (version) build_info",
        "load and on (job) http_requests_total{code=\"500\"}",
        "load unless on (job) http_requests_total{job=\"pay\"}",
        "load{job=\"shop\"} or load{job=\"pay\"}",
        "count_values(\"version\", build_info)",
        "count by (version) (build_info)",
        "label_replace(load, \"host\", \"$1\", \"instance\", \"(.*):.*\")",
        "label_join(load, \"where\", \"/\", \"job\", \"instance\")",
        "absent(nothing{job=\"x\"})",
        "absent_over_time(nothing{job=\"x\"}[5m])",
        "vector(1) + time() - time()",
        "day_of_week() + hour() * 100 + month() * 10000 + year() * 1000000",
        "sum(load) > bool 3",
        "rate(latency_seconds_sum[5m]) / rate(latency_seconds_count[5m])",
        "{__name__=~\"load|memory_bytes\", job=\"pay\"}",
        "sum({job=\"rank\"})",
        "max(max_over_time(load[30m])) - min(min_over_time(load[30m]))",
        "sum(increase(http_requests_total[15m])) by (code)",
        "1 - avg by (instance) (load) / 100",
        "clamp_min(load - 20, 0)",
        "clamp_max(load, 10)",
        "sort_desc(sum by (instance) (load))",
        "(load > 20) or (load < 5)",
        "-load{job=\"pay\"} ^ 2",
        "load{instance!~\"h[01].*\"}",
        "sum(load @ end()) - sum(load)",
        "pi() * deg(vector(1)) - rad(vector(180))",
    ] {
        all.push(text.to_string());
    }
    all
}

fn rows(data: &Value) -> Option<Vec<(String, Vec<f64>)>> {
    let number = |v: &Value| v.as_str()?.parse::<f64>().ok();
    let result = data["result"].as_array()?;
    if data["resultType"] == "scalar" {
        return Some(vec![(String::new(), vec![number(result.get(1)?)?])]);
    }
    let mut rows: Vec<(String, Vec<f64>)> = result
        .iter()
        .map(|row| {
            let values = match row["values"].as_array() {
                Some(list) => list.iter().flat_map(|p| [p[0].as_f64(), number(&p[1])]).collect::<Option<_>>()?,
                None => vec![number(&row["value"][1])?],
            };
            Some((row["metric"].to_string(), values))
        })
        .collect::<Option<_>>()?;
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    Some(rows)
}

fn alike(a: &Value, b: &Value) -> bool {
    let (Some(a), Some(b)) = (rows(&a["data"]), rows(&b["data"])) else {
        return a["status"] == "error" && b["status"] == "error";
    };
    let near =
        |x: f64, y: f64| x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= 1e-9 * (1.0 + x.abs().max(y.abs()));
    a.len() == b.len()
        && a.iter()
            .zip(&b)
            .all(|(x, y)| x.0 == y.0 && x.1.len() == y.1.len() && x.1.iter().zip(&y.1).all(|(p, q)| near(*p, *q)))
}

fn encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

pub(crate) async fn promql(database: Database) -> Result<(), String> {
    let mut server = Server::start(database, &["--set", "collect.host=false"])?;
    let folder = server.folder.join("prometheus");
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let config = folder.join("p.yml");
    std::fs::write(&config, "global: {}\n").map_err(|e| e.to_string())?;
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(|e| e.to_string())?.port();
    let oracle = format!("127.0.0.1:{port}");
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address={oracle}"))
        .arg("--web.enable-remote-write-receiver")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("prometheus cannot be run ({e}); `cargo xtask setup` installs it"))?;
    let _prometheus = Prometheus(child);
    let mut there = loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if let Ok(mut connection) = Connection::open(&oracle).await
            && connection.get("/-/ready", "").await.is_ok_and(|(status, _)| status == 200)
        {
            break connection;
        }
    };
    let mut here = server.connect().await?;
    // No sample on a border of a range: there the two versions differ on purpose.
    let end = (now_millis() - 60_000) / STEP_MS * STEP_MS;
    for step in 0..STEPS {
        let at = end - (STEPS - 1 - step) * STEP_MS;
        for (connection, path) in [(&mut here, "/api/v1/write"), (&mut there, "/api/v1/write")] {
            let (headers, body) = write_request(&samples(step), at);
            let status = connection.send(&request(path, &server.key, headers, &body).0).await?;
            if !(200..300).contains(&status) {
                return Err(format!("samples were answered with {status}"));
            }
        }
    }
    let at = (end + 7_000) as f64 / 1000.0;
    let (mut asked, mut agree) = (0_u32, 0_u32);
    for query in queries() {
        let text = encoded(&query);
        for path in [
            format!("/api/v1/query?query={text}&time={at}"),
            format!("/api/v1/query_range?query={text}&start={}&end={at}&step=60", at - 1800.0),
        ] {
            let (_, ours) = here.get(&path, &server.key).await?;
            let (_, theirs) = there.get(&path, "").await?;
            let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
            let (ours, theirs) = (read(&ours), read(&theirs));
            asked += 1;
            if alike(&ours, &theirs) {
                agree += 1;
            } else {
                let short = |v: &Value| v.to_string().chars().take(300).collect::<String>();
                eprintln!("differ: {query}\n  here  {}\n  there {}", short(&ours), short(&theirs));
            }
        }
    }
    server.stop();
    let share = f64::from(agree) / f64::from(asked.max(1)) * 100.0;
    report("promql", database, 1, &[("queries", f64::from(asked)), ("agree_percent", share)]);
    Ok(())
}

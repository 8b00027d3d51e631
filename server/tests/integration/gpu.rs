//! GPUs, asked by the calls of NVIDIA's library of a stand-in for it (`nvml.c`): no machine that runs the tests has one.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use super::{Person, Server, program};

/// The newest value of each signal of one GPU, with its unit.
fn newest(signals: &Value, gpu: &str) -> BTreeMap<String, (f64, String)> {
    let of_it = |s: &&Value| s["series"]["labels"]["gpu_name"] == gpu;
    let read = |s: &Value| {
        let value = s["points"].as_array()?.last()?["value"].as_f64()?;
        Some((s["series"]["name"].as_str()?.to_string(), (value, s["series"]["unit"].as_str()?.to_string())))
    };
    signals.as_array().into_iter().flatten().filter(of_it).filter_map(read).collect()
}

#[test]
fn what_gpus_answer_is_kept_in_its_units_and_what_they_do_not_is_absent() {
    let folder = std::env::temp_dir().join(format!("plimsoll_gpu_{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
        .arg(folder.join("libnvidia-ml.so.1"))
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/nvml.c"))
        .status()
        .expect("a C compiler, which the program itself is built with");
    assert!(made.success());
    let database = format!("sqlite:{}", folder.join("p.db").display());
    let mut command = program(&database);
    command.env("LD_LIBRARY_PATH", &folder);
    let server = Server::begin(command, database, folder, &["collect.host=true"]);
    let key = server.key("read");
    let found = server.wait_for("/api/v1/signals?prefix=gpu.", &key, |found| {
        newest(found, "Stand-in, idle").contains_key("gpu.processes")
    });

    let worked: Vec<(String, (f64, String))> = newest(&found, "Stand-in, worked").into_iter().collect();
    let wanted = [
        ("gpu.clock.memory", 2600.0, "MHz"),
        ("gpu.clock.sm", 1410.0, "MHz"),
        ("gpu.ecc.corrected", 7.0, ""),
        ("gpu.ecc.uncorrected", 0.0, ""),
        ("gpu.memory.bandwidth.utilization", 0.42, "1"),
        ("gpu.memory.usage", 60e9, "By"),
        ("gpu.memory.utilization", 0.75, "1"),
        ("gpu.power", 312.5, "W"),
        ("gpu.processes", 3.0, ""),
        ("gpu.temperature", 91.0, "Cel"),
        // The hardware's own bit is set as well: for the heat, not for what feeds it.
        ("gpu.throttled.heat", 1.0, ""),
        ("gpu.throttled.power_limit", 1.0, ""),
        ("gpu.throttled.supply", 0.0, ""),
        ("gpu.utilization", 0.87, "1"),
    ];
    let wanted: Vec<_> = wanted.map(|(name, value, unit)| (name.to_string(), (value, unit.to_string()))).into();
    assert_eq!(worked, wanted);

    let idle = newest(&found, "Stand-in, idle");
    assert_eq!((idle["gpu.utilization"].0, idle["gpu.throttled.heat"].0), (0.0, 0.0));
    for unsupported in ["gpu.power", "gpu.ecc.corrected", "gpu.ecc.uncorrected"] {
        assert!(!idle.contains_key(unsupported), "{unsupported} is not known, which is not zero");
    }

    let person = Person::new(&server, "ada@example.org");
    let host = found[0]["series"]["labels"]["host"].as_str().expect("a host").to_string();
    let page = String::from_utf8(person.page(&format!("/hosts/{host}")).body).expect("text");
    assert!(page.contains("GPU slowed down") && page.contains("slowed by heat 000000"), "the host's page shows them");
}

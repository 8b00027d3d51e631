//! The host Plimsoll runs on, once a second: CPU, load, memory, swap, disks, network, own process.

use std::time::Duration;

use domain::Timestamp;
use domain::signal::{Layer, Sample, Series};
use sysinfo::{
    CpuRefreshKind, DiskRefreshKind, Disks, MemoryRefreshKind, Networks, Pid, ProcessRefreshKind, ProcessesToUpdate,
    System,
};
use tokio_util::sync::CancellationToken;

use super::reading;
use crate::Engine;

const EVERY: Duration = Duration::from_secs(1);
/// Disks change slowly and asking them is dear.
const DISKS_EVERY: u32 = 10;

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let mut host = match Host::new() {
        Ok(host) => host,
        Err(error) => {
            tracing::warn!(%error, "this host cannot be measured; its signals stay absent");
            return;
        }
    };
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => {}
        }
        let at = engine.now();
        let readings = tokio::task::block_in_place(|| host.read(at));
        if let Err(error) = engine.store.append_samples(&readings).await {
            tracing::warn!(%error, "the host's samples of this second were not kept");
        }
    }
}

struct Host {
    name: String,
    system: System,
    disks: Disks,
    networks: Networks,
    own: Option<Pid>,
    turn: u32,
    last: Option<Timestamp>,
}

impl Host {
    fn new() -> Result<Host, sysinfo::Error> {
        Ok(Host {
            name: System::host_name().unwrap_or_else(|_| "localhost".into()),
            system: System::new()?,
            disks: Disks::new_with_refreshed_list()?,
            networks: Networks::new_with_refreshed_list()?,
            own: sysinfo::get_current_pid().ok(),
            turn: 0,
            last: None,
        })
    }

    fn read(&mut self, at: Timestamp) -> Vec<(Series, Sample)> {
        let seconds = self.last.map(|last| (at.0 - last.0) as f64 / 1e6).filter(|s| *s > 0.05);
        self.last = Some(at);
        self.system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
        self.system.refresh_memory_specifics(MemoryRefreshKind::everything());
        self.networks.refresh(true);
        if let Some(pid) = self.own {
            let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
            self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
        }
        let host = self.name.clone();
        let mut out = Vec::new();
        let mut add = |name: &str, more: &[(&str, &str)], unit: &str, better: Option<bool>, value: f64| {
            let mut labels = vec![("host", host.as_str())];
            labels.extend_from_slice(more);
            out.push(reading(name, &labels, unit, Layer::Infrastructure, better, at, value));
        };
        // Usage is a difference: the first reading after start says nothing.
        if seconds.is_some() {
            add("system.cpu.utilization", &[], "1", Some(false), f64::from(self.system.global_cpu_usage()) / 100.0);
            for (i, cpu) in self.system.cpus().iter().enumerate() {
                let core = i.to_string();
                add("system.cpu.core.utilization", &[("cpu", &core)], "1", Some(false), f64::from(cpu.usage()) / 100.0);
            }
        }
        if let Ok(load) = System::load_average() {
            add("system.cpu.load_average.1m", &[], "", Some(false), load.one);
            add("system.cpu.load_average.15m", &[], "", Some(false), load.fifteen);
        }
        let total = self.system.total_memory() as f64;
        if total > 0.0 {
            let used = total - self.system.available_memory() as f64;
            add("system.memory.usage", &[], "By", None, used);
            add("system.memory.utilization", &[], "1", Some(false), used / total);
        }
        if self.system.total_swap() > 0 {
            let share = self.system.used_swap() as f64 / self.system.total_swap() as f64;
            add("system.swap.utilization", &[], "1", Some(false), share);
        }
        if let Some(seconds) = seconds {
            let (mut received, mut sent) = (0, 0);
            for (name, network) in &self.networks {
                if name.as_os_str() != "lo" {
                    received += network.received();
                    sent += network.transmitted();
                }
            }
            add("system.network.receive", &[], "By/s", None, received as f64 / seconds);
            add("system.network.transmit", &[], "By/s", None, sent as f64 / seconds);
        }
        if let Some(process) = self.own.and_then(|pid| self.system.process(pid)) {
            if seconds.is_some() {
                add(
                    "process.cpu.utilization",
                    &[("process", "plimsoll")],
                    "1",
                    Some(false),
                    f64::from(process.cpu_usage()) / 100.0,
                );
            }
            add("process.memory.usage", &[("process", "plimsoll")], "By", Some(false), process.memory() as f64);
        }
        self.turn += 1;
        if self.turn % DISKS_EVERY == 1 {
            self.disks.refresh_specifics(true, DiskRefreshKind::nothing().with_storage().with_io_usage());
            let period = f64::from(DISKS_EVERY) * EVERY.as_secs_f64();
            let mut seen: Vec<std::ffi::OsString> = Vec::new();
            for disk in &self.disks {
                // The same device mounted twice is one disk.
                if disk.total_space() == 0 || seen.iter().any(|d| d == disk.name()) {
                    continue;
                }
                seen.push(disk.name().to_os_string());
                let mount = disk.mount_point().to_string_lossy().into_owned();
                let used = (disk.total_space() - disk.available_space()) as f64;
                add("system.filesystem.usage", &[("mount", &mount)], "By", None, used);
                add(
                    "system.filesystem.utilization",
                    &[("mount", &mount)],
                    "1",
                    Some(false),
                    used / disk.total_space() as f64,
                );
                if self.turn > 1 {
                    let usage = disk.usage();
                    add("system.disk.read", &[("mount", &mount)], "By/s", None, usage.read_bytes as f64 / period);
                    add("system.disk.write", &[("mount", &mount)], "By/s", None, usage.written_bytes as f64 / period);
                }
            }
        }
        out
    }
}

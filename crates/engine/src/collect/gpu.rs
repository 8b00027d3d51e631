//! NVIDIA GPUs by NVML, every two seconds. Without a driver the state says so; there is no zero.

use std::time::Duration;

use domain::Timestamp;
use domain::signal::{Layer, Sample, Series};
use nvml_wrapper::bitmasks::device::ThrottleReasons as Reason;
use nvml_wrapper::enum_wrappers::device::{Clock, EccCounter, MemoryError, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use tokio_util::sync::CancellationToken;

use super::{GpuState, reading};
use crate::Engine;

const EVERY: Duration = Duration::from_secs(2);

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let set = |state: GpuState| {
        *engine.inner.gpu.write().unwrap_or_else(std::sync::PoisonError::into_inner) = state;
    };
    let nvml = match tokio::task::block_in_place(Nvml::init) {
        Ok(nvml) => nvml,
        Err(error) => {
            tracing::info!(%error, "no GPU found; GPU signals stay absent");
            return set(GpuState::None(why(&error)));
        }
    };
    match nvml.device_count() {
        Ok(0) => {
            return set(GpuState::None("the driver answers and lists no device".into()));
        }
        Ok(count) => set(GpuState::Found(count)),
        Err(error) => return set(GpuState::None(why(&error))),
    }
    let host = sysinfo::System::host_name().unwrap_or_else(|_| "localhost".into());
    let mut clock = tokio::time::interval(EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => {}
        }
        let at = engine.now();
        let readings = tokio::task::block_in_place(|| {
            let count = nvml.device_count().unwrap_or_default();
            (0..count)
                .filter_map(|i| nvml.device_by_index(i).ok())
                .flat_map(|d| read(&d, &host, at))
                .collect::<Vec<_>>()
        });
        if let Err(error) = engine.store.append_samples(&readings).await {
            tracing::warn!(%error, "the GPUs' samples were not kept");
        }
    }
}

/// Why there is none, as an operator would say it; the log has the library's own words.
fn why(error: &NvmlError) -> String {
    match error {
        NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound => "no NVIDIA driver on this host".into(),
        NvmlError::DriverNotLoaded => "the NVIDIA driver is there but not loaded".into(),
        NvmlError::NoPermission => "the NVIDIA driver refuses this user".into(),
        other => other.to_string(),
    }
}

/// Everything the device answers; what it does not support is left out.
fn read(device: &Device<'_>, host: &str, at: Timestamp) -> Vec<(Series, Sample)> {
    let (uuid, name) = (device.uuid().unwrap_or_default(), device.name().unwrap_or_default());
    let mut out = Vec::new();
    let mut add = |signal: &str, unit: &str, better: Option<bool>, value: Option<f64>| {
        if let Some(value) = value {
            let labels = [("host", host), ("gpu", uuid.as_str()), ("gpu_name", name.as_str())];
            out.push(reading(signal, &labels, unit, Layer::Infrastructure, better, at, value));
        }
    };
    let utilization = device.utilization_rates().ok();
    add("gpu.utilization", "1", None, utilization.as_ref().map(|u| f64::from(u.gpu) / 100.0));
    add("gpu.memory.bandwidth.utilization", "1", None, utilization.as_ref().map(|u| f64::from(u.memory) / 100.0));
    let memory = device.memory_info().ok();
    add("gpu.memory.usage", "By", None, memory.as_ref().map(|m| m.used as f64));
    add("gpu.memory.utilization", "1", Some(false), memory.as_ref().map(|m| m.used as f64 / m.total.max(1) as f64));
    add("gpu.temperature", "Cel", Some(false), device.temperature(TemperatureSensor::Gpu).ok().map(f64::from));
    add("gpu.power", "W", None, device.power_usage().ok().map(|mw| f64::from(mw) / 1000.0));
    add("gpu.clock.sm", "MHz", None, device.clock_info(Clock::SM).ok().map(f64::from));
    add("gpu.clock.memory", "MHz", None, device.clock_info(Clock::Memory).ok().map(f64::from));
    // Why its clocks are lower than asked for, where somebody might have to do something. That it idles, or was told to
    // be slower, is no such reason.
    let reasons = device.current_throttle_reasons().ok();
    let slowed = |by: fn(Reason) -> bool| reasons.map(|found| f64::from(u8::from(by(found))));
    add(
        "gpu.throttled.heat",
        "",
        Some(false),
        slowed(|found| found.intersects(Reason::SW_THERMAL_SLOWDOWN | Reason::HW_THERMAL_SLOWDOWN)),
    );
    // The hardware's own bit stands beside that of heat too; alone it means what feeds the device.
    add(
        "gpu.throttled.supply",
        "",
        Some(false),
        slowed(|found| {
            found.contains(Reason::HW_POWER_BRAKE_SLOWDOWN)
                || found.contains(Reason::HW_SLOWDOWN) && !found.contains(Reason::HW_THERMAL_SLOWDOWN)
        }),
    );
    // At its power limit is where a device that is worked hard lives.
    add("gpu.throttled.power_limit", "", None, slowed(|found| found.contains(Reason::SW_POWER_CAP)));
    let ecc = |kind| device.total_ecc_errors(kind, EccCounter::Volatile).ok().map(|n| n as f64);
    add("gpu.ecc.corrected", "", Some(false), ecc(MemoryError::Corrected));
    add("gpu.ecc.uncorrected", "", Some(false), ecc(MemoryError::Uncorrected));
    add("gpu.processes", "", None, device.running_compute_processes_count().ok().map(f64::from));
    out
}

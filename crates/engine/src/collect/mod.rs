//! Collectors of the infrastructure and application layers: this host, its GPUs, service probes.
//! What cannot be read is absent, never zero.

pub mod gpu;
pub mod host;
pub mod probe;
pub mod scrape;
pub mod syslog;

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Timestamp;
use domain::signal::{Layer, Sample, Series};
use serde::{Deserialize, Serialize};

/// Between two looks at what is to be asked, and where nothing is.
const ROUND: Duration = Duration::from_secs(1);
const EMPTY_ROUND: Duration = Duration::from_secs(3);

/// What is known of GPUs on this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GpuState {
    NotAsked,
    /// No driver or no device, with the driver's own words.
    None(String),
    Found(u32),
}

impl GpuState {
    /// As a page says it.
    pub fn words(&self) -> String {
        match self {
            GpuState::NotAsked => "not asked yet".into(),
            GpuState::None(why) => format!("no GPU found: {why}"),
            GpuState::Found(count) => format!("{count} found"),
        }
    }
}

/// One reading.
pub(crate) fn reading(
    name: &str,
    labels: &[(&str, &str)],
    unit: &str,
    layer: Layer,
    higher_is_better: Option<bool>,
    at: Timestamp,
    value: f64,
) -> (Series, Sample) {
    let labels: BTreeMap<String, String> = labels.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let series = Series { name: name.into(), labels, unit: unit.into(), layer, higher_is_better };
    (series, Sample { at, value })
}

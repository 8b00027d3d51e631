//! One host, everything that is measured on it.

use domain::time::HOUR;
use domain::view::HostView;
use domain::{Action, Actor, Object, TimeRange};

use crate::alert::happenings::of_environment;
use crate::views::{BUCKETS, held};
use crate::{Engine, EngineError, Result};

/// Series of one host that are drawn.
const SERIES_MAX: usize = 400;

impl Engine {
    /// Hosts that were measured in the last hour.
    pub(crate) async fn hosts(&self) -> Result<Vec<String>> {
        let latest = self.store.latest_samples("system.", self.now().plus(-HOUR)).await?;
        let mut hosts: Vec<String> = latest.iter().filter_map(|(s, _)| s.labels.get("host").cloned()).collect();
        hosts.sort();
        hosts.dedup();
        Ok(hosts)
    }

    /// One host over a range.
    ///
    /// # Errors
    /// Not allowed; a host of which nothing is known in the range.
    pub async fn host_view(&self, actor: &Actor, name: &str, environment: &str, range: TimeRange) -> Result<HostView> {
        self.may(actor, Action::View, &Object::Installation)?;
        let mut series = Vec::new();
        for prefix in ["system.", "gpu.", "process."] {
            let found = self.store.read_signals(prefix, range, BUCKETS / 2).await?;
            series.extend(found.into_iter().filter(|s| s.series.labels.get("host").is_some_and(|h| h == name)));
        }
        let hosts = self.hosts().await?;
        if series.is_empty() && !hosts.iter().any(|h| h == name) {
            return Err(EngineError::NotFound(format!("nothing has been measured on a host “{name}”")));
        }
        series.truncate(SERIES_MAX);
        let (now, range) = (self.now(), held(range, &series));
        Ok(HostView {
            now,
            range,
            name: name.to_string(),
            series,
            gpu: self.gpu_state().words(),
            fills: self.next_full(name, now).await?,
            flags: self.flags(range, &of_environment(environment)).await?,
            hosts,
        })
    }
}

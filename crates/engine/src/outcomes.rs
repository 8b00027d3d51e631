//! Users and business: feedback and business events of a range, added up for each system.
//!
//! Pages add up the events themselves, so what comes late counts at once. The signals that rules and
//! correlations ask for are written by the minute for the last half hour.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use domain::event::{Column, ColumnData, EventKind};
use domain::outcome::{Experience, OutcomeView};
use domain::signal::{Layer, Sample, Series};
use domain::time::{DAY, MINUTE};
use domain::verdict::Estimate;
use domain::{Action, Actor, Object, TimeRange, Timestamp};
use evaluation::outcome::{experience, impact};
use store::{Columns, Frame, Read};
use tokio_util::sync::CancellationToken;

use crate::ingest::environment_name;
use crate::{Engine, Result};

/// Events of one kind that a page adds up; of more every so many-th.
const EVENTS_MAX: u64 = 500_000;
/// One point of a signal.
const BUCKET: i64 = 5 * MINUTE;
/// Points written again each round, for what came late.
const BUCKETS: i64 = 6;

/// Rows of each system, and of all under the empty name.
struct BySystem {
    frame: Frame,
    rows: BTreeMap<String, Vec<usize>>,
}

impl BySystem {
    fn of(frame: Frame, system_of_model: &HashMap<String, String>) -> BySystem {
        let word = |column: &str, row: usize| frame.column(column).and_then(|d: &ColumnData| d.text(row));
        let mut rows: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for row in 0..frame.rows() {
            let own = word("system", row).filter(|s| !s.is_empty());
            let own = own.or_else(|| word("model", row).and_then(|m| system_of_model.get(&m).cloned()));
            rows.entry(String::new()).or_default().push(row);
            if let Some(system) = own {
                rows.entry(system).or_default().push(row);
            }
        }
        BySystem { frame, rows }
    }

    fn columns(&self, system: &str) -> Vec<Column> {
        self.rows.get(system).map(|rows| self.frame.take(rows).columns).unwrap_or_default()
    }
}

impl Engine {
    async fn events_of(&self, kind: EventKind, environment: &str, range: TimeRange) -> Result<Frame> {
        let environment = environment_name(Some(environment))?;
        let Some(stream) = self.store.existing_telemetry_stream(kind, &environment).await? else {
            return Ok(Frame::default());
        };
        let rows = self.store.stream_summary(&stream).await?.rows;
        let read = Read::of(range, Columns::All).thinned(rows.div_ceil(EVENTS_MAX).max(1) as usize);
        Ok(self.store.read_events(&stream, &read).await?)
    }

    /// By system, the empty name being all of them.
    pub(crate) async fn outcomes_by_system(
        &self,
        environment: &str,
        range: TimeRange,
    ) -> Result<BTreeMap<String, OutcomeView>> {
        let systems: HashMap<String, String> =
            self.store.models().await?.into_iter().map(|m| (m.name, m.system)).collect();
        let feedback = BySystem::of(self.events_of(EventKind::Feedback, environment, range).await?, &systems);
        let business = BySystem::of(self.events_of(EventKind::Business, environment, range).await?, &systems);
        let span = range.to.0.saturating_sub(range.from.0);
        let earlier = match span {
            span if span > 0 && span <= 400 * DAY && !business.rows.is_empty() => {
                let before = TimeRange { from: range.from.plus(-span), to: range.from };
                Some(BySystem::of(self.events_of(EventKind::Business, environment, before).await?, &systems))
            }
            _ => None,
        };
        let names: BTreeSet<String> = feedback.rows.keys().chain(business.rows.keys()).cloned().collect();
        Ok(names
            .into_iter()
            .map(|system| {
                let before = earlier.as_ref().map(|e| e.columns(&system));
                let view = OutcomeView {
                    experience: experience(&feedback.columns(&system)),
                    impact: impact(&business.columns(&system), before.as_deref()),
                    system: system.clone(),
                };
                (system, view)
            })
            .collect())
    }

    /// What users make of a system and what it is worth; of all where `system` is empty.
    pub async fn outcomes(
        &self,
        actor: &Actor,
        system: &str,
        environment: &str,
        range: TimeRange,
    ) -> Result<OutcomeView> {
        self.may(actor, Action::View, &Object::Installation)?;
        let mut all = self.outcomes_by_system(environment, range).await?;
        Ok(all.remove(system).unwrap_or_else(|| OutcomeView { system: system.into(), ..OutcomeView::default() }))
    }

    async fn publish_outcomes(&self) -> Result<()> {
        let now = self.now();
        let last = Timestamp(now.0.div_euclid(BUCKET) * BUCKET);
        for environment in self.store.environments().await? {
            for back in 0..BUCKETS {
                let to = last.plus(-back * BUCKET);
                let range = TimeRange { from: to.plus(-BUCKET), to };
                let samples: Vec<(Series, Sample)> = self
                    .outcomes_by_system(&environment, range)
                    .await?
                    .into_iter()
                    .filter(|(system, _)| !system.is_empty())
                    .flat_map(|(system, view)| samples_of(&system, &environment, &view, to))
                    .collect();
                if !samples.is_empty() {
                    self.store.append_samples(&samples).await?;
                }
            }
        }
        Ok(())
    }
}

fn samples_of(system: &str, environment: &str, view: &OutcomeView, at: Timestamp) -> Vec<(Series, Sample)> {
    let labels = BTreeMap::from([
        ("system".to_string(), system.to_string()),
        ("environment".to_string(), environment.to_string()),
    ]);
    let one =
        |name: &str, layer: Layer, better: Option<bool>, labels: BTreeMap<String, String>, unit: &str, value: f64| {
            let series =
                Series { name: name.to_string(), labels, unit: unit.to_string(), layer, higher_is_better: better };
            (series, Sample { at, value })
        };
    let mut all: Vec<(Series, Sample)> = rates(&view.experience)
        .into_iter()
        .filter_map(|(name, better, estimate)| {
            Some(one(&format!("users.{name}"), Layer::Users, Some(better), labels.clone(), "1", estimate?.value))
        })
        .collect();
    for own in &view.impact {
        let labels = || {
            let mut labels = labels.clone();
            labels.insert("currency".into(), own.currency.clone());
            labels
        };
        for (name, better, value) in [
            ("revenue", true, own.revenue),
            ("cost", false, own.cost),
            ("saving", true, own.saving),
            ("net", true, own.net.value),
        ] {
            all.push(one(&format!("business.{name}"), Layer::Business, Some(better), labels(), "", value));
        }
        all.push(one("business.conversions", Layer::Business, Some(true), labels(), "", own.conversions as f64));
    }
    all
}

/// Name, whether more is better, and the share.
pub(crate) fn rates(found: &Experience) -> [(&'static str, bool, Option<Estimate>); 9] {
    [
        ("trust", true, found.trust),
        ("acceptance", true, found.acceptance),
        ("overridden", false, found.overridden),
        ("handed_over", false, found.handed_over),
        ("completion", true, found.completion),
        ("returned", true, found.returned),
        ("satisfaction", true, found.satisfaction),
        ("regenerated", false, found.regenerated),
        ("implied", true, found.implied),
    ]
}

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
        }
        if let Err(error) = engine.under_lease("outcomes".into(), engine.publish_outcomes()).await {
            tracing::error!(%error, "signals of users and business were not written; they are tried again");
        }
    }
}

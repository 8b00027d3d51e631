//! Health as it is now: every system by its layers, and the layers of all of them together. Written as
//! signals every minute, so that it has a past, and rules may be about it.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::format;
use domain::health::{Judged, LayerHealth, SystemHealth, overall};
use domain::kpi::Kpi;
use domain::outcome::OutcomeView;
use domain::signal::{Layer, Sample, Series};
use domain::time::{DAY, HOUR, MINUTE, SECOND};
use domain::traffic;
use domain::view::ModelCard;
use domain::{Actor, TimeRange};
use tokio_util::sync::CancellationToken;

use crate::{Engine, Result};

/// A reading older than this is stale and counts as no data.
pub(crate) const STALE: i64 = 30 * SECOND;
/// Names of the signals.
pub(crate) const OVERALL: &str = "health.overall";
pub(crate) const OF_SYSTEM: &str = "health.system";
pub(crate) const OF_LAYER: &str = "health.layer";

/// Every system, every model, and what all users say.
pub(crate) struct Systems {
    pub systems: Vec<SystemHealth>,
    pub cards: Vec<ModelCard>,
    pub outcome: OutcomeView,
    /// The layers of all systems together.
    pub layers: Vec<LayerHealth>,
}

impl Engine {
    async fn host_health(&self, environment: &str) -> Result<(Option<LayerHealth>, Vec<OfService>)> {
        let now = self.now();
        let latest = self.store.latest_samples("", now.plus(-STALE)).await?;
        let infrastructure = latest.iter().filter_map(|(s, v)| judge_host(s, v.value)).collect();
        // A probe asks every minute or so, and services are summed up as often: look back far enough to meet the
        // last answer.
        let since = now.plus(-5 * MINUTE);
        let probes = self.store.latest_samples("probe.", since).await?;
        let mut application: Vec<OfService> =
            probes.iter().filter_map(|(s, v)| Some(OfService::of_none(judge_probe(s, v.value)?))).collect();
        let services = self.store.latest_samples("service.", since).await?;
        let here = services.iter().filter(|(s, _)| s.labels.get("environment").is_some_and(|e| e == environment));
        application.extend(here.filter_map(|(s, v)| judge_service(s, v.value)));
        Ok((LayerHealth::of(Layer::Infrastructure, infrastructure), application))
    }

    /// Every system with its layers, and what users and business say of each.
    pub(crate) async fn systems(&self, actor: &Actor, environment: &str) -> Result<Systems> {
        let (infrastructure, application) = self.host_health(environment).await?;
        let weights = self.health_weights(actor).await?;
        let cards = self.cards(actor, environment).await?;
        let now = self.now();
        let mut outcomes =
            self.outcomes_by_system(environment, TimeRange { from: now.plus(-7 * DAY), to: now }).await?;
        let kpis = self.judged_kpis(actor).await?;
        let mut names: Vec<String> = cards.iter().map(|c| c.system.clone()).collect();
        names.extend(outcomes.keys().chain(kpis.keys()).filter(|name| !name.is_empty()).cloned());
        names.sort();
        names.dedup();
        let systems: Vec<SystemHealth> = names
            .iter()
            .map(|name| {
                let own: Vec<&ModelCard> = cards.iter().filter(|c| c.system == *name).collect();
                let quality: Vec<Judged> =
                    own.iter().filter_map(|c| c.layer.as_ref()).flat_map(|l| l.signals.clone()).collect();
                let title = match own.as_slice() {
                    [only] => only.title.clone(),
                    _ => name.clone(),
                };
                let mut parts: BTreeMap<Layer, Vec<Judged>> = BTreeMap::from([(Layer::Quality, quality)]);
                let of_host = infrastructure.iter().flat_map(|l| l.signals.clone());
                parts.entry(Layer::Infrastructure).or_default().extend(of_host);
                let of_services = application.iter().filter(|own| own.concerns(name, &names));
                parts.entry(Layer::Application).or_default().extend(of_services.map(|own| own.judged.clone()));
                let outcome = outcomes.get(name);
                let known = kpis.get(name).map(Vec::as_slice).unwrap_or_default();
                for (layer, judged) in judge_outcome(outcome, known) {
                    parts.entry(layer).or_default().push(judged);
                }
                let own_word = parts.iter().any(|(layer, judged)| *layer >= Layer::Quality && !judged.is_empty());
                let layers = parts.into_iter().filter_map(|(layer, judged)| LayerHealth::of(layer, judged)).collect();
                let mut system = SystemHealth::of(name.clone(), title, &weights, layers);
                // Without a word on its own doings, a healthy host says nothing of a system.
                if !own_word {
                    system.score = None;
                }
                system
            })
            .collect();
        // The host is one, whatever the number of systems on it.
        let application = application.into_iter().map(|own| own.judged).collect();
        let mut layers: Vec<LayerHealth> =
            infrastructure.into_iter().chain(LayerHealth::of(Layer::Application, application)).collect();
        for layer in [Layer::Quality, Layer::Users, Layer::Business] {
            let own = systems.iter().filter_map(|s| s.layer(layer)).flat_map(|l| l.signals.clone()).collect();
            layers.extend(LayerHealth::of(layer, own));
        }
        Ok(Systems { systems, cards, outcome: outcomes.remove("").unwrap_or_default(), layers })
    }

    /// What calls say of each service, as signals: how many, how many failed, how slow, and how many times as slow
    /// as in the hour before.
    async fn publish_services(&self, environment: &str) -> Result<()> {
        let at = self.now();
        let hour = TimeRange { from: at.plus(-HOUR), to: at };
        let traffic = self.traffic(&Actor::Local, environment, hour).await?;
        let seconds = traffic.recent as f64 / 1e6;
        let mut samples: Vec<(Series, Sample)> = Vec::new();
        for service in traffic.services.iter().filter(|s| s.now.calls > 0) {
            let mut add = |name: &str, unit: &str, better: Option<bool>, value: Option<f64>| {
                let Some(value) = value.filter(|v| v.is_finite()) else { return };
                let said = [("service", &*service.name), ("system", &*service.system), ("environment", environment)];
                let said = said.into_iter().filter(|(_, value)| !value.is_empty());
                let labels = said.map(|(name, value)| (name.to_string(), value.to_string())).collect();
                let (unit, layer) = (unit.to_string(), Layer::Application);
                let series = Series { name: name.into(), labels, unit, layer, higher_is_better: better };
                samples.push((series, Sample { at, value }));
            };
            add("service.calls", "1/s", None, Some(service.now.calls as f64 / seconds));
            add("service.errors", "1", Some(false), service.now.error_share());
            add("service.latency.p95", "ms", Some(false), Some(service.now.p95_ms));
            add("service.slowdown", "1", Some(false), service.slower());
        }
        if samples.is_empty() { Ok(()) } else { Ok(self.store.append_samples(&samples).await?) }
    }

    async fn publish_health(&self) -> Result<()> {
        for environment in self.store.environments().await? {
            self.publish_services(&environment).await?;
            let at = self.now();
            let found = self.systems(&Actor::Local, &environment).await?;
            let one = |name: &str, label: Option<(&str, &str)>, layer: Layer, value: f64| {
                let mut labels = BTreeMap::from([("environment".to_string(), environment.clone())]);
                labels.extend(label.map(|(name, value)| (name.to_string(), value.to_string())));
                let unit = "1".to_string();
                let series = Series { name: name.into(), labels, unit, layer, higher_is_better: Some(true) };
                (series, Sample { at, value })
            };
            let samples: Vec<(Series, Sample)> = overall(&found.systems)
                .map(|score| one(OVERALL, None, Layer::Business, score))
                .into_iter()
                .chain(found.systems.iter().filter_map(|s| {
                    Some(one(OF_SYSTEM, Some(("system", s.system.as_str())), Layer::Business, s.score?))
                }))
                .chain(found.layers.iter().map(|l| one(OF_LAYER, Some(("of", l.layer.name())), l.layer, l.score)))
                .collect();
            if !samples.is_empty() {
                self.store.append_samples(&samples).await?;
            }
        }
        Ok(())
    }
}

pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    loop {
        if let Err(error) = engine.under_lease("health".into(), engine.publish_health()).await {
            tracing::error!(%error, "the signals of health were not written; they are tried again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
        }
    }
}

/// The two upper layers: what people set as KPIs, and where they set none, trust and return.
fn judge_outcome(outcome: Option<&OutcomeView>, kpis: &[(Kpi, f64)]) -> Vec<(Layer, Judged)> {
    let mut all: Vec<(Layer, Judged)> = kpis.iter().map(|(kpi, value)| (kpi.layer, kpi.judged(*value))).collect();
    let own = |layer: Layer| kpis.iter().any(|(kpi, _)| kpi.layer == layer);
    let Some(outcome) = outcome else {
        return all;
    };
    if let Some(trust) = outcome.experience.trust.filter(|t| t.n >= 30 && !own(Layer::Users)) {
        let judged = Judged {
            name: "Trust".into(),
            value: trust.value,
            target: 0.8,
            limit: 0.6,
            weight: 1.0,
            shown: format::percent(trust.value),
        };
        all.push((Layer::Users, judged));
    }
    if let (Some(roi), false) = (outcome.impact.first().and_then(|i| i.roi), own(Layer::Business)) {
        let judged = Judged {
            name: "Return on cost".into(),
            value: roi,
            target: 0.5,
            limit: 0.0,
            weight: 1.0,
            shown: format!("{} for 1 spent", format::fixed(roi + 1.0, 2)),
        };
        all.push((Layer::Business, judged));
    }
    all
}

fn judge_host(series: &Series, value: f64) -> Option<Judged> {
    let (name, target, limit) = match series.name.as_str() {
        "system.cpu.utilization" => ("CPU".to_string(), 0.70, 0.95),
        "system.memory.utilization" => ("Memory".to_string(), 0.80, 0.95),
        "system.filesystem.utilization" => (format!("Disk {}", series.labels.get("mount")?), 0.80, 0.95),
        // Programs that serve models take nine tenths of it at once and give it out themselves.
        "gpu.memory.utilization" => ("GPU memory".to_string(), 0.96, 0.99),
        "gpu.temperature" => ("GPU temperature".to_string(), 80.0, 90.0),
        "gpu.throttled.heat" => ("GPU slowed down by heat".to_string(), 0.0, 1.0),
        "gpu.throttled.supply" => ("GPU slowed down by its supply".to_string(), 0.0, 1.0),
        _ => return None,
    };
    let (number, unit) = format::with_unit(value, &series.unit);
    Some(Judged { name, value, target, limit, weight: 1.0, shown: format!("{number}{unit}") })
}

/// Something judged of a service; its name is empty where it is of no single one.
struct OfService {
    service: String,
    /// The system that its calls name; empty where they name none.
    system: String,
    judged: Judged,
}

impl OfService {
    fn of_none(judged: Judged) -> OfService {
        OfService { service: String::new(), system: String::new(), judged }
    }

    /// Whether it counts for a system of these. A service named as a system is that system's own, one whose calls
    /// name a system is that one's; what is left is everybody's.
    fn concerns(&self, system: &str, all: &[String]) -> bool {
        if all.contains(&self.service) {
            self.service == system
        } else {
            self.system.is_empty() || self.system == system
        }
    }
}

/// A service by its failures, and by how much slower it became.
fn judge_service(series: &Series, value: f64) -> Option<OfService> {
    let service = series.labels.get("service")?;
    let (what, target, limit, shown) = match series.name.as_str() {
        "service.errors" => ("errors", ERRORS_USUAL, traffic::FAILING, format::percent(value)),
        "service.slowdown" => {
            ("speed", traffic::SLOW, traffic::VERY_SLOW, format!("{} times its usual p95", format::fixed(value, 1)))
        }
        _ => return None,
    };
    let judged = Judged { name: format!("{service} {what}"), value, target, limit, weight: 1.0, shown };
    let system = series.labels.get("system").cloned().unwrap_or_default();
    Some(OfService { service: service.clone(), system, judged })
}

/// The share of calls that fail where all is well.
const ERRORS_USUAL: f64 = 0.001;

fn judge_probe(series: &Series, value: f64) -> Option<Judged> {
    let probe = series.labels.get("probe")?;
    match series.name.as_str() {
        "probe.availability" => Some(Judged {
            name: format!("{probe} answers"),
            value,
            target: 1.0,
            limit: 0.7,
            weight: 2.0,
            shown: if value >= 1.0 { "yes".into() } else { "no".into() },
        }),
        "probe.certificate.days_left" => Some(Judged {
            name: format!("{probe} certificate"),
            value,
            target: 21.0,
            limit: 7.0,
            weight: 1.0,
            shown: format!("{value:.0} d left"),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_judged_by_its_failures_and_by_how_much_slower_it_became() {
        let series = |name: &str, service: Option<&str>| Series {
            name: name.into(),
            labels: service.map(|s| ("service".to_string(), s.to_string())).into_iter().collect(),
            unit: "1".into(),
            layer: Layer::Application,
            higher_is_better: Some(false),
        };
        let found = judge_service(&series("service.errors", Some("checkout")), 0.05).expect("judged");
        let (service, judged) = (&found.service, &found.judged);
        assert_eq!(
            (service.as_str(), judged.name.as_str(), judged.shown.as_str()),
            ("checkout", "checkout errors", "5.0%")
        );
        let application = LayerHealth::of(Layer::Application, vec![judged.clone()]).expect("a layer");
        assert!(application.score < 0.701, "one call in twenty fails: {}", application.score);
        let usual = judge_service(&series("service.slowdown", Some("checkout")), 1.0).expect("judged").judged;
        assert_eq!(LayerHealth::of(Layer::Application, vec![usual]).map(|l| l.score), Some(1.0));
        assert!(judge_service(&series("service.calls", Some("checkout")), 9.0).is_none());
        assert!(judge_service(&series("service.errors", None), 0.5).is_none());
    }

    #[test]
    fn a_service_counts_for_its_own_system_and_one_of_none_for_all() {
        let judged =
            Judged { name: String::new(), value: 0.0, target: 0.0, limit: 1.0, weight: 1.0, shown: String::new() };
        let of = |service: &str, system: &str| OfService {
            service: service.into(),
            system: system.into(),
            judged: judged.clone(),
        };
        let all = ["credit", "offers"].map(String::from);
        let counts = |own: OfService| all.each_ref().map(|system| own.concerns(system, &all));
        assert_eq!(counts(of("credit", "offers")), [true, false], "its name says more");
        assert_eq!(counts(of("gateway", "offers")), [false, true]);
        assert_eq!(counts(of("gateway", "")), [true, true]);
        assert_eq!(counts(of("gateway", "elsewhere")), [false, false]);
    }
}

//! What pages and the read API show: read from the store, shaped, never computed twice.

use domain::event::EventKind;
use domain::format;
use std::collections::BTreeMap;

use domain::health::{Judged, LayerHealth, SystemHealth, overall};
use domain::kpi::Kpi;
use domain::model::{Model, Task};
use domain::outcome::OutcomeView;
use domain::signal::{Layer, Sample, Series, SeriesData};
use domain::time::{DAY, MINUTE, SECOND};
use domain::verdict::WindowReport;
use domain::view::{LiveHost, ModelCard, ModelView, OperationsView, OverviewView, SystemView};
use domain::{Action, Actor, Object, TimeRange};
use evaluation::health::quality_layer;

use crate::evaluate::BASELINE;
use crate::{Engine, EngineError, Result};

/// Points drawn across a chart's width.
const BUCKETS: usize = 240;
/// A reading older than this is stale and counts as no data.
const STALE: i64 = 30 * SECOND;
/// Windows of one chart at most; a longer range needs longer windows.
const WINDOWS_MAX: usize = 1000;
/// Windows that a model's place in a list rests on.
const RECENT: i64 = 60;
/// Windows whose PSI by column is drawn beside the drift table.
const TRENDS: usize = 40;

/// Every system, every model, and what all users say.
struct Systems {
    systems: Vec<SystemHealth>,
    cards: Vec<ModelCard>,
    outcome: OutcomeView,
}

impl Engine {
    pub async fn models(&self, actor: &Actor) -> Result<Vec<Model>> {
        self.may(actor, Action::View, &Object::Installation)?;
        Ok(self.store.models().await?)
    }

    pub async fn environments(&self, actor: &Actor) -> Result<Vec<String>> {
        self.may(actor, Action::View, &Object::Installation)?;
        Ok(self.store.environments().await?)
    }

    /// Every series whose name begins with `prefix`, within a range, down-sampled.
    pub async fn signals(&self, actor: &Actor, prefix: &str, range: TimeRange) -> Result<Vec<SeriesData>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let notes = self.store.signal_notes().await?;
        let mut found = self.store.read_signals(prefix, range, BUCKETS).await?;
        for one in &mut found {
            if let Some(note) = notes.get(&one.series.name) {
                note.apply(&mut one.series);
            }
        }
        Ok(found)
    }

    async fn card(&self, model: Model, environment: &str) -> Result<ModelCard> {
        let usual = self.usual(&model).await?;
        let recent = self.store.newest_reports(model.id, environment, RECENT).await?;
        let rows = match self.store.existing_stream(model.id, EventKind::Prediction, environment).await? {
            Some(stream) => self.store.stream_summary(&stream).await?.rows,
            None => 0,
        };
        let layer = quality_layer(&recent, usual.as_ref());
        let name = evaluation::quality::headline(model.task);
        let trend: Vec<Sample> = recent
            .iter()
            .filter_map(|r| {
                let value = match (&r.quality, &r.drift) {
                    (Some(q), _) => q.metric(name)?.estimate.value,
                    _ => return None,
                };
                Some(Sample { at: r.range.from, value })
            })
            .collect();
        let newest = recent.last();
        Ok(ModelCard {
            sentence: newest.map_or_else(|| "No predictions in this environment yet".into(), |r| r.sentence.clone()),
            plain: plain_sentence(&model, &recent, layer.as_ref()),
            rows,
            last: newest.map(|r| r.range.to),
            layer,
            trend,
            model,
        })
    }

    async fn host_health(&self) -> Result<(Option<LayerHealth>, Option<LayerHealth>)> {
        let now = self.now();
        let latest = self.store.latest_samples("", now.plus(-STALE)).await?;
        let infrastructure = latest.iter().filter_map(|(s, v)| judge_host(s, v.value)).collect();
        // A probe asks every minute or so: look back far enough to meet its last answer.
        let probes = self.store.latest_samples("probe.", now.plus(-5 * MINUTE)).await?;
        let application = probes.iter().filter_map(|(s, v)| judge_probe(s, v.value)).collect();
        Ok((LayerHealth::of(Layer::Infrastructure, infrastructure), LayerHealth::of(Layer::Application, application)))
    }

    /// Every model as a list shows it.
    pub async fn cards(&self, actor: &Actor, environment: &str) -> Result<Vec<ModelCard>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let mut cards = Vec::new();
        for model in self.store.models().await? {
            cards.push(self.card(model, environment).await?);
        }
        Ok(cards)
    }

    /// Every system with its layers, and what users and business say of each.
    async fn systems(&self, actor: &Actor, environment: &str) -> Result<Systems> {
        let (infrastructure, application) = self.host_health().await?;
        let weights = self.health_weights(actor).await?;
        let cards = self.cards(actor, environment).await?;
        let now = self.now();
        let mut outcomes =
            self.outcomes_by_system(environment, TimeRange { from: now.plus(-7 * DAY), to: now }).await?;
        let kpis = self.judged_kpis(actor).await?;
        let mut names: Vec<String> = cards.iter().map(|c| c.model.system.clone()).collect();
        names.extend(outcomes.keys().chain(kpis.keys()).filter(|name| !name.is_empty()).cloned());
        names.sort();
        names.dedup();
        let systems = names
            .into_iter()
            .map(|name| {
                let own: Vec<&ModelCard> = cards.iter().filter(|c| c.model.system == name).collect();
                let quality: Vec<Judged> =
                    own.iter().filter_map(|c| c.layer.as_ref()).flat_map(|l| l.signals.clone()).collect();
                let title = match own.as_slice() {
                    [only] => only.model.title.clone(),
                    _ => name.clone(),
                };
                let mut parts: BTreeMap<Layer, Vec<Judged>> = BTreeMap::from([(Layer::Quality, quality)]);
                for (layer, health) in [(Layer::Infrastructure, &infrastructure), (Layer::Application, &application)] {
                    parts.entry(layer).or_default().extend(health.iter().flat_map(|l| l.signals.clone()));
                }
                let outcome = outcomes.get(&name);
                let known = kpis.get(&name).map(Vec::as_slice).unwrap_or_default();
                for (layer, judged) in judge_outcome(outcome, known) {
                    parts.entry(layer).or_default().push(judged);
                }
                let own_word = parts.iter().any(|(layer, judged)| *layer >= Layer::Quality && !judged.is_empty());
                let layers = parts.into_iter().filter_map(|(layer, judged)| LayerHealth::of(layer, judged)).collect();
                let mut system = SystemHealth::of(name, title, &weights, layers);
                // Without a word on its own doings, a healthy host says nothing of a system.
                if !own_word {
                    system.score = None;
                }
                system
            })
            .collect();
        Ok(Systems { systems, cards, outcome: outcomes.remove("").unwrap_or_default() })
    }

    /// The executive's page.
    pub async fn overview(&self, actor: &Actor, environment: &str) -> Result<OverviewView> {
        self.may(actor, Action::View, &Object::Installation)?;
        let found = self.systems(actor, environment).await?;
        let (infrastructure, application) = self.host_health().await?;
        let now = self.now();
        // The host is one, whatever the number of systems on it.
        let mut layers: Vec<LayerHealth> = infrastructure.into_iter().chain(application).collect();
        for layer in [Layer::Quality, Layer::Users, Layer::Business] {
            let own = found.systems.iter().filter_map(|s| s.layer(layer)).flat_map(|l| l.signals.clone()).collect();
            layers.extend(LayerHealth::of(layer, own));
        }
        let range = TimeRange { from: now.plus(-30 * DAY), to: now };
        Ok(OverviewView {
            now,
            score: overall(&found.systems),
            kpis: self.kpi_views(actor, None, range).await?,
            outcome: found.outcome,
            systems: found.systems,
            cards: found.cards,
            layers,
        })
    }

    /// One system, all its layers.
    ///
    /// # Errors
    /// Not allowed; a system of which nothing is known.
    pub async fn system_view(
        &self,
        actor: &Actor,
        name: &str,
        environment: &str,
        range: TimeRange,
    ) -> Result<SystemView> {
        self.may(actor, Action::View, &Object::Installation)?;
        let found = self.systems(actor, environment).await?;
        let health = found.systems.into_iter().find(|s| s.system == name);
        let health = health.ok_or_else(|| EngineError::NotFound(format!("there is no system “{name}”")))?;
        Ok(SystemView {
            now: self.now(),
            range,
            health,
            cards: found.cards.into_iter().filter(|c| c.model.system == name).collect(),
            kpis: self.kpi_views(actor, Some(name), range).await?,
            outcome: self.outcomes(actor, name, environment, range).await?,
            changes: self.store.changes(range, environment, name, "").await?,
        })
    }

    /// The operator's page.
    pub async fn operations(&self, actor: &Actor, environment: &str, range: TimeRange) -> Result<OperationsView> {
        self.may(actor, Action::View, &Object::Installation)?;
        let now = self.now();
        let found = self.systems(actor, environment).await?;
        let mut host = Vec::new();
        for prefix in [
            "system.cpu.utilization",
            "system.memory.utilization",
            "system.network.",
            "system.disk.",
            "process.",
            "gpu.",
        ] {
            host.extend(self.store.read_signals(prefix, range, BUCKETS).await?);
        }
        let filesystems = self.store.latest_samples("system.filesystem.utilization", now.plus(-STALE)).await?;
        let probes = self.store.read_signals("probe.", range, 60).await?;
        let gpu = self.gpu_state().words();
        let latest = self.store.latest_samples("", now.plus(-STALE)).await?;
        Ok(OperationsView {
            now,
            range,
            systems: found.systems,
            cards: found.cards,
            host,
            live: LiveHost {
                latest: latest.into_iter().filter(|(s, _)| !s.name.starts_with("system.cpu.core")).collect(),
                filesystems,
                gpu,
            },
            probes,
        })
    }

    /// A model's page. Without a range, the one where its data is.
    pub async fn model_view(
        &self,
        actor: &Actor,
        name: &str,
        environment: &str,
        range: Option<TimeRange>,
    ) -> Result<ModelView> {
        self.may(actor, Action::View, &Object::Model(name.to_string()))?;
        let model = self.known_model(name).await?;
        let range = range.unwrap_or(TimeRange::ALL);
        let mut reports = self.reports_with_baseline(&model, environment, range).await?;
        if reports.len() > WINDOWS_MAX {
            reports.drain(..reports.len() - WINDOWS_MAX);
        }
        let usual = self.usual(&model).await?;
        let newest = reports.iter().rev().find(|r| !r.reference && r.rows > 0);
        let shares = match newest {
            Some(report) => self.store.shares(model.id, environment, report.range.from).await?,
            None => Vec::new(),
        };
        let last = reports.len().saturating_sub(1);
        for (i, report) in reports.iter_mut().enumerate().filter(|(i, _)| *i < last) {
            thin_out(report, i + TRENDS > last);
        }
        let baseline = self.store.active_baseline(model.id).await?;
        let production: Vec<WindowReport> = reports.iter().filter(|r| !r.reference).cloned().collect();
        Ok(ModelView {
            now: self.now(),
            layer: quality_layer(&production, usual.as_ref()),
            rule: self.rule(&model).await?,
            headline: evaluation::quality::headline(model.task).to_string(),
            waiting_labels: self.store.orphaned_labels(model.id).await?,
            environments: self.store.environments().await?,
            evaluators: self.evaluators(&model, environment, range).await?,
            training: self.inner.references.training(model.id),
            scorecard: evaluation::estimate::scorecard(&production, evaluation::quality::headline(model.task)),
            model,
            usual,
            reports,
            shares,
            baseline,
        })
    }

    /// The windows of a model, for programs.
    pub async fn windows(
        &self,
        actor: &Actor,
        name: &str,
        environment: &str,
        range: TimeRange,
        baseline: bool,
    ) -> Result<Vec<WindowReport>> {
        self.may(actor, Action::View, &Object::Model(name.to_string()))?;
        let model = self.known_model(name).await?;
        let key = if baseline { BASELINE } else { environment };
        let now = self.now();
        let reports = self.store.reports(model.id, key, range).await?;
        Ok(reports.into_iter().map(|report| crate::evaluate::closing::aged(report, &model, now)).collect())
    }

    pub async fn model(&self, actor: &Actor, name: &str) -> Result<Model> {
        self.may(actor, Action::View, &Object::Model(name.to_string()))?;
        self.known_model(name).await
    }
}

/// Leaves of an earlier window's columns only what a trend is drawn from.
fn thin_out(report: &mut WindowReport, trend: bool) {
    if !trend {
        report.columns.clear();
    }
    for column in &mut report.columns {
        column.sentence.clear();
        column.tests.retain(|t| t.name == "psi");
        column.tests.iter_mut().for_each(|t| t.threshold_source.clear());
    }
}

/// For an executive: no metric's name, no statistics.
fn plain_sentence(model: &Model, reports: &[WindowReport], layer: Option<&LayerHealth>) -> String {
    let Some(newest) = reports.last() else {
        return "Nothing has been sent for it yet.".into();
    };
    let labelled = reports.iter().rev().find_map(|r| r.quality.as_ref());
    let right = labelled.and_then(|q| q.metric("accuracy")).map(|m| m.estimate.value);
    let how = match layer.map(|l| domain::Status::of(l.score)) {
        Some(domain::Status::Excellent | domain::Status::Good) => "Working well.",
        Some(domain::Status::Fair) => "Working, a little below its usual.",
        Some(domain::Status::Poor) => "Noticeably below its usual.",
        Some(domain::Status::Critical) => "Far below its usual: look into it now.",
        _ => "Not enough is known yet to say how well it works.",
    };
    let drifted = newest.drift.as_ref().map_or(0, |d| d.drifted);
    let inputs = match drifted {
        0 => String::new(),
        1 => " One of its inputs has changed.".into(),
        n => format!(" {n} of its inputs have changed."),
    };
    let often = match right {
        Some(share) => {
            format!(" Right in {} of 100 cases where the outcome is known.", format::fixed(share * 100.0, 0))
        }
        None if model.task == Task::Regression && labelled.is_some() => String::new(),
        None => " Outcomes are not known yet.".into(),
    };
    format!("{how}{often}{inputs}")
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
        "gpu.memory.utilization" => ("GPU memory".to_string(), 0.90, 0.99),
        "gpu.temperature" => ("GPU temperature".to_string(), 80.0, 90.0),
        "gpu.throttled" => ("GPU slowed down".to_string(), 0.0, 1.0),
        _ => return None,
    };
    let (number, unit) = format::with_unit(value, &series.unit);
    Some(Judged { name, value, target, limit, weight: 1.0, shown: format!("{number}{unit}") })
}

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

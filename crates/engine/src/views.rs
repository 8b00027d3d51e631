//! What pages and the read API show: read from the store, shaped, never computed twice.

use domain::annotation::Subject;
use domain::event::EventKind;
use domain::format;
use domain::health::LayerHealth;
use domain::model::{Model, Task};
use domain::signal::{Sample, SeriesData};
use domain::verdict::WindowReport;
use domain::view::{ModelCard, ModelView, SystemView};
use domain::{Action, Actor, Object, TimeRange};
use evaluation::health::quality_layer;
use store::BASELINE;

use crate::alert::happenings::of_environment;
use crate::{Engine, EngineError, Result};

/// Points drawn across a chart's width.
pub(crate) const BUCKETS: usize = 240;
/// Windows of one chart at most; a longer range needs longer windows.
const WINDOWS_MAX: usize = 1000;
/// Windows that a model's place in a list rests on.
const RECENT: i64 = 60;
/// Windows whose PSI by column is drawn beside the drift table.
const TRENDS: usize = 40;

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
        let recent = self.store.newest_reports(model.id, environment, RECENT).await?;
        let usual = self.usual(&model).await?.map(|u| u.of_rows(recent.iter().map(|r| r.rows).max().unwrap_or(0)));
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
            id: model.id,
            name: model.name,
            title: model.title,
            system: model.system,
            task: model.task,
            purpose: model.settings.purpose,
            replayed: model.replayed,
            demo: model.demo,
        })
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
            cards: found.cards.into_iter().filter(|c| c.system == name).collect(),
            kpis: self.kpi_views(actor, Some(name), range).await?,
            outcome: self.outcomes(actor, name, environment, range).await?,
            changes: self.store.changes(range, environment, name, "").await?,
            flags: self.flags(range, &Subject { system: name.into(), ..of_environment(environment) }).await?,
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
        let mut reports = self.reports_with_baseline(&model, environment, range, WINDOWS_MAX).await?;
        let newest = reports.iter().rev().find(|r| !r.reference && r.rows > 0);
        // Of the largest window: the newest may be filling still.
        let largest = reports.iter().filter(|r| !r.reference).map(|r| r.rows).max().unwrap_or(0);
        let usual = self.usual(&model).await?.map(|u| u.of_rows(largest));
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
            flags: self
                .flags(
                    range,
                    &Subject { model: name.into(), system: model.system.clone(), ..of_environment(environment) },
                )
                .await?,
            training: self.inner.references.training(model.id),
            scorecard: evaluation::estimate::scorecard(&production, evaluation::quality::headline(model.task)),
            model,
            usual,
            reports,
            shares,
            baseline,
        })
    }

    /// The windows of a model, for programs: the newest thousand of the range.
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
        let aged = |report| crate::evaluate::closing::aged(report, &model, now);
        Ok(self.store.of_newest_reports(model.id, key, range, WINDOWS_MAX as i64, aged).await?)
    }

    pub async fn model(&self, actor: &Actor, name: &str) -> Result<Model> {
        self.may(actor, Action::View, &Object::Model(name.to_string()))?;
        self.known_model(name).await
    }
}

/// “All data” is as long as the data; every other range is what it is.
pub(crate) fn held(range: TimeRange, series: &[SeriesData]) -> TimeRange {
    if range != TimeRange::ALL {
        return range;
    }
    let times = || series.iter().flat_map(|s| s.points.iter().map(|p| p.at));
    match (times().min(), times().max()) {
        (Some(from), Some(last)) => TimeRange { from, to: last.plus(1) },
        _ => range,
    }
}

/// Leaves of an earlier window's columns only what a trend is drawn from.
fn thin_out(report: &mut WindowReport, trend: bool) {
    report.segment_values.clear();
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

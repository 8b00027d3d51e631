//! A model's thresholds, shown and tried on its own history before they are kept.

use domain::event::EventKind;
use domain::evidence::figure_title;
use domain::monitor::{LimitsPreview, ThresholdRule};
use domain::signal::Sample;
use domain::{Action, Actor, Object};
use evaluation::figures::figures;
use evaluation::monitors::{limits, possible, usual_rule};

use crate::{Engine, EngineError, Result};

/// Windows of production that a threshold is tried on.
const TRIED_ON: i64 = 400;

impl Engine {
    /// What a rule would say of each figure's windows; all figures where none is named, by the rules in
    /// force where no other is given.
    ///
    /// # Errors
    /// Not allowed; no such model; a rule that is none.
    pub async fn limits_preview(
        &self,
        actor: &Actor,
        name: &str,
        environment: &str,
        figure: Option<&str>,
        rule: Option<ThresholdRule>,
    ) -> Result<Vec<LimitsPreview>> {
        self.may(actor, Action::View, &Object::Model(name.to_string()))?;
        if let Some(problem) = rule.as_ref().and_then(ThresholdRule::problem) {
            return Err(EngineError::Invalid(problem));
        }
        let model = self.known_model(name).await?;
        if self.store.existing_stream(model.id, EventKind::Prediction, environment).await?.is_none() {
            return Ok(Vec::new());
        }
        let baseline = self.store.active_baseline(model.id).await?;
        let now = self.now();
        let known = self.evaluation_ground(&model, baseline.as_ref(), environment, now).await?;
        let reports = self.store.newest_reports(model.id, environment, TRIED_ON).await?;
        let mut all: Vec<LimitsPreview> = Vec::new();
        for report in &reports {
            for own in figures(report) {
                if figure.is_some_and(|f| f != own.name) {
                    continue;
                }
                let sample = Sample { at: report.range.from, value: own.estimate.value };
                if let Some(preview) = all.iter_mut().find(|p| p.figure == own.name) {
                    preview.production.push(sample);
                    continue;
                }
                let chosen = model.settings.monitors.iter().find(|m| m.figure == own.name).map(|m| m.threshold);
                let threshold = rule.or(chosen).unwrap_or_else(|| usual_rule(&own.name));
                let history = known.histories.get(&own.name).map(|h| h.points.clone()).unwrap_or_default();
                let found = limits(threshold, &history, report.range.from, own.higher_is_better);
                all.push(LimitsPreview {
                    title: figure_title(&own.name),
                    limits: found.map(|l| possible(&own.name, l)),
                    baseline: history.into_iter().map(|(at, value)| Sample { at, value }).collect(),
                    production: vec![sample],
                    outside: 0,
                    threshold,
                    figure: own.name,
                });
            }
        }
        for preview in &mut all {
            let outside = |s: &&Sample| preview.limits.as_ref().is_some_and(|l| l.outside(s.value));
            preview.outside = preview.production.iter().filter(outside).count() as u32;
        }
        Ok(all)
    }
}

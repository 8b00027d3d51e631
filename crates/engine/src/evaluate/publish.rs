//! Figures of closed windows as signals: what rules, charts and correlations ask for by name, like any
//! other metric.
//!
//! A window judged again writes the same instant again, and the last word counts, so a signal always
//! says what the newest revision says.

use std::collections::BTreeMap;

use domain::model::Model;
use domain::signal::{Layer, Sample, Series};
use domain::time::DAY;
use domain::window::WindowState;
use evaluation::figures::figures;
use store::StoredReport;

use crate::{Engine, Result};

/// Windows older than this are history for the model's page, not signals.
const KEPT: i64 = 90 * DAY;

/// The name of a figure's signal: `model.accuracy`, `model.drift.score`.
pub(crate) fn signal_name(figure: &str) -> String {
    format!("model.{figure}")
}

fn unit(figure: &str) -> &'static str {
    match figure {
        "latency_ms.p95" | "first_token_ms.p95" => "ms",
        "volume" | "cost" | "mae" | "rmse" | "bias" | "estimated.mae" | "estimated.rmse" => "",
        _ => "1",
    }
}

impl Engine {
    pub(super) async fn publish(&self, model: &Model, environment: &str, done: &[StoredReport]) -> Result<()> {
        let oldest = self.now().plus(-KEPT);
        let labels = BTreeMap::from([
            ("model".to_string(), model.name.clone()),
            ("system".to_string(), model.system.clone()),
            ("environment".to_string(), environment.to_string()),
        ]);
        let samples: Vec<(Series, Sample)> = done
            .iter()
            .map(|d| &d.report)
            .filter(|r| r.state != WindowState::Open && r.range.to > oldest && r.rows > 0)
            .flat_map(|report| figures(report).into_iter().map(move |figure| (report.range.to, figure)))
            .map(|(at, figure)| {
                let of_service = matches!(&*figure.name, "latency_ms.p95" | "first_token_ms.p95" | "errors");
                let layer = if of_service { Layer::Application } else { Layer::Quality };
                let series = Series {
                    name: signal_name(&figure.name),
                    labels: labels.clone(),
                    unit: unit(&figure.name).to_string(),
                    layer,
                    higher_is_better: figure.higher_is_better,
                };
                (series, Sample { at, value: figure.estimate.value })
            })
            .collect();
        if !samples.is_empty() {
            self.store.append_samples(&samples).await?;
        }
        Ok(())
    }
}

//! The named numbers of a window: one list that thresholds, control charts, signals and alerts share.
//!
//! A figure that could not be had is absent, never zero.

use domain::evidence::Figure;
use domain::verdict::{Estimate, WindowReport};

use crate::health::LABELS_NEEDED;

fn plain(value: f64, n: u64) -> Estimate {
    Estimate { value, low: value, high: value, n }
}

/// Of a report, in a fixed order.
pub fn figures(report: &WindowReport) -> Vec<Figure> {
    let mut all = Vec::new();
    let mut add = |name: &str, estimate: Option<Estimate>, better: Option<bool>| {
        if let Some(estimate) = estimate.filter(|e| e.value.is_finite()) {
            all.push(Figure { name: name.to_string(), estimate, higher_is_better: better });
        }
    };
    if let Some(quality) = report.quality.as_ref().filter(|q| q.labelled >= LABELS_NEEDED) {
        for metric in &quality.metrics {
            let better = (metric.name != "bias").then_some(metric.higher_is_better);
            add(&metric.name, Some(metric.estimate), better);
        }
        add("contradicted", quality.contradicted.filter(|c| c.n >= LABELS_NEEDED), Some(false));
    }
    for metric in report.estimated.iter().flat_map(|e| &e.metrics) {
        add(&format!("estimated.{}", metric.name), Some(metric.estimate), Some(metric.higher_is_better));
    }
    let n = report.rows;
    let drift = report.drift.as_ref();
    add("drift.score", drift.map(|d| plain(d.score, n)), Some(false));
    let together = &report.multivariate;
    add("drift.components", together.components.map(|m| plain(m.value, m.n)), Some(false));
    add("drift.autoencoder", together.autoencoder.map(|m| plain(m.value, m.n)), Some(false));
    add("drift.classifier", together.classifier.map(|m| plain(m.value, m.n)), Some(false));
    add("anomalies", together.anomalies, Some(false));
    let confidence = report.confidence.as_ref();
    add("confidence.mean", confidence.map(|c| plain(c.mean, c.n)), None);
    add("confidence.low", confidence.map(|c| c.low_share), Some(false));
    add("positive_share", confidence.and_then(|c| c.positive_share), None);
    add("calibration_error", report.calibration.as_ref().map(|c| plain(c.error, c.n)), Some(false));
    let behaviour = &report.behaviour;
    add("consistency", behaviour.consistency, Some(true));
    add("steadiness", behaviour.steadiness.map(|v| plain(v, n)), Some(true));
    add("diversity", behaviour.diversity.map(|v| plain(v, n)), None);
    add("probing", behaviour.probing, Some(false));
    let data = &report.data;
    add("missing", data.missing, Some(false));
    add("unseen", data.unseen, Some(false));
    add("out_of_range", data.out_of_range, Some(false));
    add("duplicates", data.duplicates, None);
    add("agreement", report.ensemble.as_ref().map(|e| e.agreement), Some(true));
    let ratios = report.fairness.iter().filter_map(|f| f.parity_ratio).fold(f64::INFINITY, f64::min);
    add("fairness", ratios.is_finite().then(|| plain(ratios, n)), Some(true));
    add("latency_ms.p95", report.usage.latency_ms_p95.map(|v| plain(v, n)), Some(false));
    add("first_token_ms.p95", report.usage.first_token_ms_p95.map(|v| plain(v, n)), Some(false));
    add("errors", report.usage.errors, Some(false));
    add("refusals", report.usage.refusals, Some(false));
    add("cut_off", report.usage.cut_off, Some(false));
    add("tool_errors", report.usage.tool_errors, Some(false));
    add("cost", report.usage.cost.map(|v| plain(v, n)), Some(false));
    add("volume", Some(plain(n as f64, n)), None);
    all
}

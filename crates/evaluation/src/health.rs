//! A model's part in its system's health: the quality layer, from its newest windows.

use domain::format;
use domain::health::{Judged, LayerHealth};
use domain::signal::Layer;
use domain::verdict::{Usual, WindowReport, metric_title};

/// Labels that a window needs before its quality is judged.
pub const LABELS_NEEDED: u64 = 30;

/// Judges the newest window that has labels (quality) and the newest that has rows (drift).
pub fn quality_layer(reports: &[WindowReport], usual: Option<&Usual>) -> Option<LayerHealth> {
    let production = || reports.iter().rev().filter(|r| !r.reference && r.rows > 0);
    let mut signals = Vec::new();
    if let Some(usual) = usual {
        let newest = production()
            .find_map(|r| r.quality.as_ref().filter(|q| q.labelled >= LABELS_NEEDED)?.metric(&usual.metric));
        if let Some(metric) = newest {
            signals.push(Judged {
                name: metric_title(&metric.name).into(),
                value: metric.estimate.value,
                target: usual.mean,
                limit: if metric.higher_is_better { usual.lower } else { usual.upper },
                weight: 2.0,
                shown: format::fixed(metric.estimate.value, 3),
            });
        }
    }
    if let Some(drift) = production().find_map(|r| r.drift.as_ref()) {
        signals.push(Judged {
            name: "Drift".into(),
            value: drift.score,
            target: 0.0,
            limit: drift.threshold,
            weight: 1.0,
            shown: format::fixed(drift.score, 2),
        });
    }
    LayerHealth::of(Layer::Quality, signals)
}

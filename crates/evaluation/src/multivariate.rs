//! All columns together: what no single one shows.

use domain::evidence::{Multivariate, Together};
use statistics::domain_classifier::separability;
use statistics::quantile::mean;

use crate::Rows;
use crate::encoding::thinned;
use crate::share::share;
use crate::trained::Trained;

/// Rows of a window that the classifier and the autoencoder look at.
const LOOKED_AT: usize = 600;
const AUTOENCODED: usize = 4000;
const ROWS_NEEDED: usize = 50;
const SEED: u64 = 7;

/// `thorough` also asks whether a model can tell the window from the baseline, which costs most. `earlier` is
/// what was said of this window before: of the same rows the same would be said again, so it is not asked.
pub fn multivariate(trained: &Trained, rows: &Rows, thorough: bool, earlier: Option<&Multivariate>) -> Multivariate {
    let n = rows.times.len();
    if n < ROWS_NEEDED || trained.encoding.columns.is_empty() {
        return Multivariate::default();
    }
    let matrix = trained.encoding.matrix(rows);
    let mut found = Multivariate::default();
    if let Some(known) = &trained.reconstruction {
        let errors = known.components.errors(matrix.view());
        // Where the mean of so many rows lies, 99 times in 100.
        let half = 2.576 * known.deviation / (n as f64).sqrt();
        found.components = Some(Together {
            value: mean(&errors),
            usual_low: known.mean - half,
            usual_high: known.mean + half,
            n: n as u64,
        });
        let strange = errors.iter().filter(|e| **e > known.strange).count();
        found.anomalies = Some(share(strange as u64, n as u64));
    }
    let part = |most: usize| -> Vec<usize> { thinned(n, most) };
    if let Some(net) = &trained.autoencoder {
        let few = part(AUTOENCODED);
        let columns: Vec<_> = trained
            .encoding
            .columns(rows)
            .into_iter()
            .map(|column| match column {
                statistics::autoencoder::Column::Number(v) => {
                    statistics::autoencoder::Column::Number(few.iter().map(|r| v[*r]).collect())
                }
                statistics::autoencoder::Column::Category { codes, classes } => {
                    let codes = few.iter().map(|r| codes[*r]).collect();
                    statistics::autoencoder::Column::Category { codes, classes }
                }
            })
            .collect();
        found.autoencoder = net.ratio(&columns).map(|r| Together {
            value: r.ratio,
            usual_low: r.usual.0,
            usual_high: r.usual.1,
            n: r.n as u64,
        });
    }
    let now: Vec<f64> = part(LOOKED_AT).into_iter().flat_map(|r| matrix.row(r).to_vec()).collect();
    let mark = mark(&trained.kept, &now);
    if let Some(earlier) = earlier.filter(|e| e.classified == Some(mark)) {
        (found.classifier, found.classified) = (earlier.classifier, earlier.classified);
    } else if thorough {
        found.classified = Some(mark);
        found.classifier = separability(&trained.kept, &now, trained.encoding.columns.len(), SEED).map(|told| {
            let half = (told.interval.1 - told.interval.0) / 2.0;
            // Cross-validated on so few rows, one half is as far off as its own interval.
            Together {
                value: told.auc,
                usual_low: 0.5 - half,
                usual_high: 0.5 + half,
                n: (now.len() / trained.encoding.columns.len().max(1)) as u64,
            }
        });
    }
    found
}

/// Tells rows apart from all others, but for one chance in 2⁵³: what every reader of JSON takes for a whole number.
fn mark(reference: &[f64], current: &[f64]) -> u64 {
    let rows = reference.iter().chain(current).map(|v| v.to_bits());
    rows.fold(reference.len() as u64, crate::behaviour::mix) >> 11
}

/// Beyond this the difference matters, not only exists: a tenth more error, a classifier at 0.6.
const ERROR_MATTERS: f64 = 0.10;
const AUC_MATTERS: f64 = 0.10;

/// The model-based part of the drift score: the mean over what could be had, each 0 within its usual
/// range and 0.5 where it begins to matter (definitions: overall drift score).
pub fn severity(found: &Multivariate) -> Option<f64> {
    let of = |measure: Option<Together>, centre: Option<f64>, matters: f64| {
        measure.map(|m| {
            let centre = centre.unwrap_or((m.usual_low + m.usual_high) / 2.0);
            let away = if centre > 0.0 { (m.value - centre).abs() / centre } else { 0.0 };
            if m.outside() { 1.0 - 2.0_f64.powf(-away / matters) } else { 0.0 }
        })
    };
    let parts: Vec<f64> = [
        of(found.components, None, ERROR_MATTERS),
        of(found.autoencoder, Some(1.0), ERROR_MATTERS),
        of(found.classifier.map(|c| Together { value: c.value.max(0.5), ..c }), Some(0.5), AUC_MATTERS / 0.5),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| mean(&parts))
}

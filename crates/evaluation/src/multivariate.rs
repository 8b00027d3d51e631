//! All columns together: what no single one shows.

use domain::evidence::{Multivariate, Together};
use ndarray::Array2;
use statistics::domain_classifier::separability;
use statistics::quantile::mean;

use crate::Rows;
use crate::behaviour::mix;
use crate::encoding::thinned;
use crate::share::share;
use crate::trained::Trained;

/// Rows of a window that the classifier and the autoencoder look at.
const LOOKED_AT: usize = 600;
const AUTOENCODED: usize = 4000;
const ROWS_NEEDED: usize = 50;
const SEED: u64 = 7;
/// To be raised when the same rows are given other answers than before: what was said is asked again then.
const VERSION: u64 = 1;

/// `thorough` also asks whether a model can tell the window from the baseline, which costs most. `earlier` is
/// what was said of this window before: of the same rows the same would be said again.
pub fn multivariate(trained: &Trained, rows: &Rows, thorough: bool, earlier: Option<&Multivariate>) -> Multivariate {
    let n = rows.times.len();
    if n < ROWS_NEEDED || trained.encoding.columns.is_empty() {
        return Multivariate::default();
    }
    let matrix = trained.encoding.matrix(rows);
    let mark = mark(trained, &matrix);
    let known = |e: &&Multivariate| e.mark == Some(mark) && (e.classifier.is_some() || !thorough);
    if let Some(earlier) = earlier.filter(known) {
        return *earlier;
    }
    let mut found = Multivariate { mark: Some(mark), ..Multivariate::default() };
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
    let net = trained.learnt.as_ref().and_then(|l| Some((&l.encoding, l.autoencoder.as_ref()?, trained.usual_error?)));
    if let Some((encoding, net, usual)) = net {
        let few = part(AUTOENCODED);
        let columns: Vec<_> = encoding
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
        found.autoencoder = net.ratio(&columns, &usual).map(|r| Together {
            value: r.ratio,
            usual_low: r.usual.0,
            usual_high: r.usual.1,
            n: r.n as u64,
        });
    }
    if thorough {
        let now: Vec<f64> = part(LOOKED_AT).into_iter().flat_map(|r| matrix.row(r).to_vec()).collect();
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

/// Tells rows and what they are held against apart from all others, but for one chance in 2⁵³: what every reader of
/// JSON takes for a whole number.
fn mark(trained: &Trained, rows: &Array2<f64>) -> u64 {
    let mean = trained.reconstruction.as_ref().map_or(0.0, |r| r.mean);
    let usual = trained.usual_error.map_or(0, |u| u.mean.to_bits());
    let learnt = [mean.to_bits(), usual, rows.nrows() as u64];
    let values = trained.kept.iter().chain(rows).map(|v| v.to_bits());
    learnt.into_iter().chain(values).fold(VERSION, mix) >> 11
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::trained::Learnt;
    use domain::Timestamp;
    use domain::event::{Column, ColumnData};
    use domain::model::Task;

    fn table(rows: usize, seed: u64) -> Vec<Column> {
        spread(rows, seed, |_| 1.0)
    }

    fn spread(rows: usize, seed: u64, reach: fn(usize) -> f64) -> Vec<Column> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut column = |name: &str| Column {
            name: name.into(),
            data: ColumnData::Number((0..rows).map(|row| reach(row) * random.f64()).collect()),
        };
        vec![column("feature.x"), column("feature.y")]
    }

    fn rows<'a>(times: &'a [Timestamp], columns: &'a [Column]) -> Rows<'a> {
        Rows { times, columns, labels: None, label_times: &[] }
    }

    #[test]
    fn a_wild_hour_is_usual_among_its_own_kind() {
        // One hour in eight is five times as wild as the others.
        let wild = |_: usize| 5.0;
        let all = spread(2000, 1, |row| if row % 8 == 0 { 5.0 } else { 1.0 });
        let (hour, now) = (spread(250, 2, wild), spread(250, 3, wild));
        let times = [Timestamp(0); 2000];
        let learnt = Arc::new(Learnt::of(&rows(&times, &all), Task::Regression, None, &|_| ()));
        let quickly = Trained::quickly(&rows(&times[..250], &hour), Task::Regression, None);
        let found = |usual: Option<&Rows>| {
            let trained = quickly.clone().with(learnt.clone(), usual);
            multivariate(&trained, &rows(&times[..250], &now), false, None)
        };
        let (of_all, of_its_own) = (found(None), found(Some(&rows(&times[..250], &hour))));
        assert!(of_all.autoencoder.is_some_and(|a| a.outside()), "{of_all:?}");
        assert!(of_its_own.autoencoder.is_some_and(|a| !a.outside()), "{of_its_own:?}");
        // Held against other rows it is another answer, of the same window and baseline.
        assert_ne!(of_all.mark, of_its_own.mark);
        assert!(of_all.is_of_the_same_as(&of_its_own));
        let too_few = found(Some(&rows(&times[..40], &spread(40, 4, wild))));
        assert!(too_few.autoencoder.is_none() && !too_few.is_of_the_same_as(&Multivariate::default()));
    }

    #[test]
    fn what_was_said_of_the_same_rows_is_said_again_and_of_others_found_anew() {
        let times = [Timestamp(0); 300];
        let (before, mut now) = (table(300, 1), table(300, 2));
        let trained = Trained::quickly(&rows(&times, &before), Task::Regression, None);
        let found = multivariate(&trained, &rows(&times, &now), true, None);
        let believed = Multivariate { classifier: found.classifier.map(|c| Together { value: 0.9, ..c }), ..found };
        assert_eq!(multivariate(&trained, &rows(&times, &now), true, Some(&believed)), believed);
        let ColumnData::Number(values) = &mut now[1].data else { unreachable!("a number") };
        values[299] += 1.0;
        let anew = multivariate(&trained, &rows(&times, &now), true, Some(&believed));
        assert_ne!(anew.mark, believed.mark);
        assert!(anew.classifier.is_some_and(|c| c.value < 0.7), "{anew:?}");
        // An open window is not asked the costliest question; once it has ended, it is.
        let open = multivariate(&trained, &rows(&times, &now), false, None);
        assert!(open.classifier.is_none());
        assert_eq!(multivariate(&trained, &rows(&times, &now), true, Some(&open)), anew);
    }
}

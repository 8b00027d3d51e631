//! Estimating a regression's error without labels, on real flights: does the second model see the
//! bad months coming?

use std::path::Path;

use serde_json::{Value, json};
use statistics::quantile::mean;
use statistics::unlabelled::LossModel;

use crate::table::{Table, read};

/// Microseconds of the windows that are compared.
const WINDOW: f64 = 14.0 * 86_400e6;

/// What was estimated and realised, window by window.
pub struct Outcome {
    pub estimated: Vec<f64>,
    pub realised: Vec<f64>,
    /// The reference's own mean absolute error: what somebody without an estimate would go by.
    pub reference: f64,
}

impl Outcome {
    /// Mean distance of the estimate, and of the constant, from what was realised.
    fn distances(&self) -> (f64, f64) {
        let of = |said: &dyn Fn(usize) -> f64| {
            mean(&(0..self.realised.len()).map(|i| (said(i) - self.realised[i]).abs()).collect::<Vec<_>>())
        };
        (of(&|i| self.estimated[i]), of(&|_| self.reference))
    }
}

pub fn run(data: &Path) -> Result<Outcome, String> {
    let (reference, analysis, labels) = (
        read(&data.join("reference.parquet"))?,
        read(&data.join("analysis.parquet"))?,
        read(&data.join("labels.parquet"))?,
    );
    let truth = labels.by_id("y_true")?;
    let (inputs, width) = features(&reference)?;
    let (inputs_now, _) = features(&analysis)?;
    let errors = |table: &Table| -> Result<Vec<f64>, String> {
        let ids = table.number("prediction_id")?.iter();
        Ok(ids
            .zip(table.number("y_pred")?)
            .map(|(id, p)| p - truth.get(&(*id as i64)).copied().unwrap_or(f64::NAN))
            .collect())
    };
    let (before, after) = (errors(&reference)?, errors(&analysis)?);
    let model = LossModel::fit(&inputs, width, &before, 1).ok_or("too few rows")?;
    let times = analysis.number("timestamp")?;
    let start = times.iter().copied().fold(f64::INFINITY, f64::min);
    // Times may come as milliseconds.
    let window = if start < 1e14 { WINDOW / 1000.0 } else { WINDOW };
    let mut outcome = Outcome { estimated: Vec::new(), realised: Vec::new(), reference: mean_size(&before) };
    let last = times.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for i in 0..((last - start) / window) as usize {
        let from = start + i as f64 * window;
        let rows: Vec<usize> = (0..times.len()).filter(|r| (from..from + window).contains(&times[*r])).collect();
        if rows.len() < 50 {
            continue;
        }
        let flat: Vec<f64> = rows.iter().flat_map(|r| inputs_now[r * width..(r + 1) * width].iter().copied()).collect();
        outcome.estimated.push(model.mean_absolute_error(&flat));
        outcome.realised.push(mean_size(&rows.iter().map(|r| after[*r]).collect::<Vec<_>>()));
    }
    Ok(outcome)
}

fn mean_size(errors: &[f64]) -> f64 {
    mean(&errors.iter().filter(|e| e.is_finite()).map(|e| e.abs()).collect::<Vec<_>>())
}

/// What the model saw and said, without what names the time of year.
fn features(table: &Table) -> Result<(Vec<f64>, usize), String> {
    let code = |name: &str| -> Vec<f64> {
        let mut places = std::collections::BTreeMap::new();
        let words = table.word(name);
        words.iter().for_each(|w| {
            places.entry(w.clone()).or_insert(0.0);
        });
        // Codes by order of the alphabet, the same in every part of the data that has all of them.
        places.values_mut().enumerate().for_each(|(i, place)| *place = i as f64);
        words.iter().map(|w| places[w]).collect()
    };
    let columns = [
        table.number("sched_dep_time")?.clone(),
        table.number("sched_arr_time")?.clone(),
        table.number("distance")?.clone(),
        code("carrier"),
        code("origin"),
        table.number("y_pred")?.clone(),
    ];
    let width = columns.len();
    let flat = (0..columns[0].len()).flat_map(|r| columns.iter().map(move |c| c[r]).collect::<Vec<_>>()).collect();
    Ok((flat, width))
}

pub fn flights(data: &Path) -> Result<(), String> {
    let outcome = run(data)?;
    let (estimate, constant) = outcome.distances();
    let rounded = |of: &[f64]| of.iter().map(|v| (v * 10.0).round() / 10.0).collect::<Vec<f64>>();
    let line: Value = json!({
        "bench": "flights, estimated absolute error in minutes", "windows": outcome.realised.len(),
        "reference": outcome.reference, "mean_distance": estimate, "mean_distance_of_the_constant": constant,
        "estimated": rounded(&outcome.estimated), "realised": rounded(&outcome.realised),
    });
    println!("{line}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_real_flights_is_estimated_within_a_quarter() {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/flights");
        let outcome = run(&data).expect("the sample is there");
        assert!(outcome.realised.len() > 10);
        let (estimate, _) = outcome.distances();
        assert!(estimate < 0.25 * mean(&outcome.realised), "{estimate} of {}", mean(&outcome.realised));
    }
}

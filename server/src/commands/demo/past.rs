//! What the simulated systems did before the demonstration began: an hour of everything, as they go on, and thirty
//! days of the figures that an executive is shown. Without it a newcomer would look at empty panels for an hour.

use std::collections::BTreeMap;

use domain::environment::PRODUCTION;
use domain::model::Mapping;
use domain::signal::{Layer, Sample, Series};
use domain::time::{DAY, HOUR, MINUTE};
use domain::{Actor, Timestamp};
use engine::Engine;
use engine::ingest::Envelope;
use serde_json::json;

use super::simulator::{MODELS, ROUNDS, ROWS, accident_at, lines, normal, row};
use super::world;
use crate::commands::text;

/// Minutes of everything.
const MINUTES: i64 = 60;
/// Hours of figures.
const HOURS: i64 = 30 * 24;

/// The last hour, minute by minute.
pub async fn hour(engine: &Engine) -> Result<(), String> {
    let now = engine.now();
    let between = MINUTE / (ROUNDS * ROWS as i64);
    for minute in (1..=MINUTES).rev() {
        // The truth of the last minute is still to come.
        let known = minute > 1;
        let mapping = Mapping { label: known.then(|| "label".into()), ..Mapping::default() };
        let envelope = Envelope { mapping, ..Envelope::default() };
        let start = now.plus(-minute * MINUTE);
        for (model, ..) in MODELS {
            let mut rows = Vec::new();
            let mut answers = Vec::new();
            for i in 0..ROUNDS * ROWS as i64 {
                let (id, at) = (format!("past-{minute}-{i}"), start.plus(i * between));
                let (mut row, truth) = row(model, &id, at, accident_at(at) && model == "credit-risk");
                if known {
                    row["label"] = json!(truth);
                }
                rows.push(row);
                answers.push((id, at));
            }
            engine
                .ingest_predictions(&Actor::Local, model, &envelope, None, lines(&rows), |_| ())
                .await
                .map_err(text)?;
            world::opinions(engine, answers.iter().map(|(id, at)| (model, id.as_str(), *at))).await?;
        }
        let ends: Vec<Timestamp> = (0..ROUNDS).map(|round| start.plus(round * MINUTE / ROUNDS)).collect();
        world::calls(engine, &ends).await?;
        let (accident, before) = (accident_at(start), accident_at(start.plus(-MINUTE)));
        if accident != before {
            let whole = Timestamp(start.0.div_euclid(MINUTE) * MINUTE);
            world::turn(engine, whole, accident).await?;
        }
    }
    Ok(())
}

/// Thirty days of what KPIs ask for and of the systems' health; of the whole installation's too where nothing else
/// is in it.
pub async fn days(engine: &Engine, alone: bool) -> Result<(), String> {
    let last = Timestamp((engine.now().0 - MINUTES * MINUTE).div_euclid(HOUR) * HOUR);
    let mut lines: Vec<(Series, f64, f64)> = Vec::new();
    for (name, system, usual) in [
        ("users.acceptance", "offer-ranker", 0.72),
        ("users.satisfaction", "support-assistant", 0.88),
        ("users.handed_over", "support-assistant", 0.14),
    ] {
        let better = name != "users.handed_over";
        lines.push((line(name, &[("system", system)], Layer::Users, better), usual, 0.012));
    }
    let model = [("model", "credit-risk"), ("system", "credit-risk")];
    lines.push((line("model.accuracy", &model, Layer::Quality, true), 0.85, 0.008));
    for (model, ..) in MODELS {
        lines.push((line("health.system", &[("system", model)], Layer::Business, true), 0.97, 0.01));
    }
    if alone {
        lines.push((line("health.overall", &[], Layer::Business, true), 0.96, 0.006));
        for layer in [Layer::Application, Layer::Quality, Layer::Users, Layer::Business] {
            lines.push((line("health.layer", &[("of", layer.name())], layer, true), 0.97, 0.01));
        }
    }
    for (series, usual, spread) in lines {
        let samples: Vec<(Series, Sample)> = (0..HOURS)
            .map(|hour| {
                let at = last.plus(-hour * HOUR);
                // A little of the week in it: people are harder to please on its first day.
                let monday = at.0.div_euclid(DAY).rem_euclid(7) == 4;
                let value = normal(usual - if monday { spread } else { 0.0 }, spread).clamp(0.0, 1.0);
                (series.clone(), Sample { at, value })
            })
            .collect();
        engine.store.append_samples(&samples).await.map_err(text)?;
    }
    Ok(())
}

fn line(name: &str, labels: &[(&str, &str)], layer: Layer, better: bool) -> Series {
    let labels = labels.iter().chain([&("environment", PRODUCTION)]);
    let labels: BTreeMap<String, String> = labels.map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Series { name: name.into(), labels, unit: "1".into(), layer, higher_is_better: Some(better) }
}

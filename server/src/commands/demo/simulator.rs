//! A simulator of three AI systems, clearly labelled: it keeps a demonstration's pages alive.
//!
//! It sends rows through the same door as everybody else and runs only while the demonstration is
//! there. Credit scoring has an accident three minutes in every twenty: incomes arrive late and at a quarter.

use std::collections::VecDeque;
use std::io::Cursor;
use std::time::Duration;

use domain::model::{Mapping, ModelChange};
use domain::time::{HOUR, MINUTE};
use domain::{Actor, Timestamp};
use engine::Engine;
use engine::ingest::{Body, Envelope};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::world;
use crate::commands::text;

/// Name, title, and what it would do.
pub const MODELS: [(&str, &str, &str); 3] = [
    ("credit-risk", "Credit scoring", "decides loan applications"),
    ("support-assistant", "Support assistant", "answers customers in chat"),
    ("offer-ranker", "Offer ranking", "chooses offers in the app"),
];

/// Set while the demonstration is there.
pub const SETTING: &str = "demonstration";
const EVERY: Duration = Duration::from_secs(2);
/// Rows of a model in a round.
pub(super) const ROWS: usize = 20;
/// Rounds in a minute.
pub(super) const ROUNDS: i64 = 60 / EVERY.as_secs() as i64;
/// How long the truth takes, in rounds.
const LABEL_ROUNDS: usize = 30;

pub(super) fn uniform() -> f64 {
    f64::from(rand::random::<u32>()) / f64::from(u32::MAX)
}

/// Twelve uniforms less six: near enough to normal.
pub(super) fn normal(mean: f64, deviation: f64) -> f64 {
    mean + deviation * ((0..12).map(|_| uniform()).sum::<f64>() - 6.0)
}

fn choose<'a>(words: &[&'a str]) -> &'a str {
    words[(uniform() * words.len() as f64) as usize % words.len()]
}

/// Whether incomes arrive late and at a quarter at an instant: three minutes in every twenty.
pub(super) fn accident_at(at: Timestamp) -> bool {
    at.0.div_euclid(MINUTE) % 20 < 3
}

/// One row and its truth. `accident`: what reaches the model is wrong; the world is as it was.
pub(super) fn row(model: &str, id: &str, at: Timestamp, accident: bool) -> (Value, i64) {
    let (features, merit) = match model {
        "credit-risk" => {
            let income = normal(3200.0, 900.0).max(400.0).round();
            let debt = normal(0.32, 0.12).clamp(0.0, 1.0);
            let seen = if accident { (income / 4.33).round() } else { income };
            let features = json!({"monthly_income": seen, "debt_to_income": (debt * 100.0).round() / 100.0,
                "employment": choose(&["permanent", "permanent", "fixed-term", "self-employed"]), "age_band": choose(&["18-24", "25-34", "35-54", "55+"])});
            (features, (seen - 3200.0) / 900.0 - (debt - 0.32) / 0.12)
        }
        "support-assistant" => {
            let length = normal(60.0, 25.0).max(3.0).round();
            (
                json!({"question_words": length, "topic": choose(&["card", "loan", "login", "transfer"]), "language": choose(&["en", "en", "de", "fr"])}),
                (60.0 - length) / 25.0,
            )
        }
        _ => {
            let visits = normal(9.0, 3.0).max(0.0).round();
            (
                json!({"visits_30d": visits, "segment": choose(&["new", "active", "active", "sleeping"]), "channel": choose(&["app", "web"])}),
                (visits - 9.0) / 3.0,
            )
        }
    };
    let probability = 1.0 / (1.0 + (-1.4 * merit).exp());
    let truth_merit = if accident { normal(0.0, 1.4) } else { merit };
    let truth = i64::from(uniform() < 1.0 / (1.0 + (-2.6 * truth_merit).exp()));
    let row = json!({"prediction_id": id, "timestamp": at.to_string(), "prediction": i64::from(probability >= 0.5),
        "probability": (probability * 1000.0).round() / 1000.0, "latency_ms": normal(60.0, 15.0).max(5.0).round(), "features": features});
    (row, truth)
}

pub(super) fn lines(rows: &[Value]) -> Body {
    let text: String = rows.iter().map(|r| format!("{r}\n")).collect();
    Body::Coming(Box::new(Cursor::new(text.into_bytes())))
}

/// Registers the three systems with a baseline of an untroubled hour, the one before the last.
pub async fn prepare(engine: &Engine) -> Result<(), String> {
    let now = engine.now();
    for (model, title, purpose) in MODELS {
        let mut rows = Vec::new();
        for i in 0..6000_i64 {
            let at = now.plus(-HOUR - (6000 - i) * 600_000);
            let (mut row, truth) = row(model, &format!("b-{i}"), at, false);
            row["label"] = json!(truth);
            rows.push(row);
        }
        let envelope = Envelope {
            mapping: Mapping { label: Some("label".into()), ..Mapping::default() },
            baseline: Some("usual".into()),
            ..Envelope::default()
        };
        engine.ingest_predictions(&Actor::Local, model, &envelope, None, lines(&rows), |_| ()).await.map_err(text)?;
        // Rows come as they are made, so a window need not wait for late ones.
        let (window, lateness) = (Some("1m".into()), Some("10s".into()));
        let (title, purpose) = (Some(title.into()), Some(purpose.into()));
        let change = ModelChange { title, purpose, window, allowed_lateness: lateness, ..ModelChange::default() };
        let mut known = engine.update_model(&Actor::Local, model, change).await.map_err(text)?;
        known.demo = true;
        engine.store.update_model(&known).await.map_err(text)?;
    }
    Ok(())
}

/// Sends rows until told to stop, while the demonstration is there.
pub async fn run(engine: Engine, stop: CancellationToken) {
    let boot = engine.now().0;
    let mut waiting: VecDeque<Vec<(&str, String, i64)>> = VecDeque::new();
    let mut before = accident_at(engine.now());
    for round in 0_u64.. {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if !matches!(engine.store.setting(SETTING).await, Ok(Some(_))) {
            continue;
        }
        let now = engine.now();
        let accident = accident_at(now);
        let mut truths = Vec::new();
        for (model, ..) in MODELS {
            let mut rows = Vec::new();
            for i in 0..ROWS {
                let id = format!("{boot}-{round}-{i}");
                let (row, truth) = row(model, &id, now.plus(i as i64), accident && model == "credit-risk");
                rows.push(row);
                truths.push((model, id, truth));
            }
            let sent =
                engine.ingest_predictions(&Actor::Local, model, &Envelope::default(), None, lines(&rows), |_| ()).await;
            if let Err(error) = sent {
                tracing::warn!(%error, model, "the simulator could not send");
            }
        }
        if accident != before {
            before = accident;
            if let Err(error) = world::turn(&engine, now, accident).await {
                tracing::warn!(%error, "the simulator could not tell of a change");
            }
        }
        let share = EVERY.as_secs_f64() / 3600.0;
        if let Err(error) = world::round(&engine, now, &truths, share).await {
            tracing::warn!(%error, "the simulator could not send what surrounds the models");
        }
        waiting.push_back(truths);
        if waiting.len() <= LABEL_ROUNDS {
            continue;
        }
        let known = waiting.pop_front().unwrap_or_default();
        for (model, ..) in MODELS {
            let rows: Vec<Value> = known
                .iter()
                .filter(|(m, _, _)| *m == model)
                .map(|(_, id, truth)| json!({"prediction_id": id, "label": truth}))
                .collect();
            if let Err(error) =
                engine.ingest_labels(&Actor::Local, model, &Envelope::default(), None, lines(&rows), |_| ()).await
            {
                tracing::warn!(%error, model, "the simulator could not send labels");
            }
        }
    }
}

//! What evaluators (judges, checks, people) said of a model's answers, added up by evaluator.

use std::collections::BTreeMap;

use domain::TimeRange;
use domain::event::EventKind;
use domain::evidence::EvaluatorScore;
use domain::model::Model;
use domain::verdict::Estimate;
use statistics::intervals::{Z95, mean_interval};
use statistics::quantile::{mean, standard_deviation};
use store::{Columns, Predicate, Read};

use crate::{Engine, Result};

/// Evaluations that are added up: the newest of the range.
const NEWEST: usize = 50_000;
const EVALUATORS: usize = 12;
const LABELS: usize = 5;

/// What one evaluator said.
#[derive(Default)]
struct Said {
    scores: Vec<f64>,
    labels: BTreeMap<String, u64>,
    n: u64,
}

impl Engine {
    pub(crate) async fn evaluators(
        &self,
        model: &Model,
        environment: &str,
        range: TimeRange,
    ) -> Result<Vec<EvaluatorScore>> {
        let Some(stream) = self.store.existing_telemetry_stream(EventKind::Evaluation, environment).await? else {
            return Ok(Vec::new());
        };
        let of_model =
            Predicate::OneOf { column: "model".into(), values: vec![model.name.clone(), model.title.clone()] };
        let wanted = ["evaluator", "label", "score"].map(String::from).to_vec();
        let read = Read { predicates: vec![of_model], ..Read::of(range, Columns::Named(wanted)) };
        let frame = self.store.newest_events(&stream, &read, NEWEST).await?;
        let word = |name: &str, row: usize| frame.column(name).and_then(|d| d.text(row)).unwrap_or_default();
        let scores = frame.numbers("score");
        let mut by: BTreeMap<String, Said> = BTreeMap::new();
        for row in 0..frame.rows() {
            let own = by.entry(word("evaluator", row)).or_default();
            own.scores.extend(scores.map(|s| s[row]).filter(|s| s.is_finite()));
            let label = word("label", row);
            if !label.is_empty() {
                *own.labels.entry(label).or_default() += 1;
            }
            own.n += 1;
        }
        let mut all: Vec<EvaluatorScore> = by
            .into_iter()
            .map(|(evaluator, Said { scores, labels, n })| {
                let score = (!scores.is_empty()).then(|| {
                    let (value, m) = (mean(&scores), scores.len() as f64);
                    let (low, high) = mean_interval(value, standard_deviation(&scores, 1), m, Z95);
                    Estimate { value, low, high, n: scores.len() as u64 }
                });
                let mut labels: Vec<(String, u64)> = labels.into_iter().collect();
                labels.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                labels.truncate(LABELS);
                EvaluatorScore { evaluator, score, labels, n }
            })
            .collect();
        all.sort_by(|a, b| b.n.cmp(&a.n).then_with(|| a.evaluator.cmp(&b.evaluator)));
        all.truncate(EVALUATORS);
        Ok(all)
    }
}

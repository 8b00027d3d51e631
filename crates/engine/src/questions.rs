//! Questions about single events and about many, asked by pages and by programs.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::event::EventKind;
use domain::signal::Series;
use domain::verdict::Shares;
use domain::view::{
    FeatureRow, FeatureView, PredictionLine, PredictionView, PredictionsView, QuantilePoint, SaidOf, ValuePlace,
};
use domain::{Action, Actor, Object, TimeRange, Timestamp};
use serde_json::{Map, Value, json};
use store::{Aggregate, Columns, Frame, Group, GroupBy, GroupKey, Predicate, Read, Stream};

use crate::{Engine, EngineError, Result};

/// Events of one answer at most.
pub const EVENTS_MAX: usize = 1000;
/// Points of a feature's quantiles over a range, and its newest rows on one page.
const QUANTILE_POINTS: i64 = 120;
const FEATURE_ROWS: usize = 12;
/// Predictions of one page of their list.
const PREDICTIONS_SHOWN: usize = 50;
/// Steps of one series in an answer at most.
const STEPS_MAX: i64 = 11_000;

/// Which rows of a model a question is about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    pub environment: String,
    pub range: TimeRange,
    pub conditions: Vec<Predicate>,
}

/// Reads conditions as `feature.amount>=100; feature.country=DE,FR; feature.age?; labelled`.
///
/// # Errors
/// What is no condition, with the forms there are.
pub fn conditions(text: &str) -> Result<Vec<Predicate>> {
    domain::telemetry::search_parts(text).map(condition).collect()
}

fn condition(text: &str) -> Result<Predicate> {
    let number = |value: &str| {
        value
            .trim()
            .parse::<f64>()
            .map_err(|_| EngineError::Invalid(format!("in the condition “{text}”, “{value}” is no number")))
    };
    let column = |name: &str| name.trim().to_string();
    if text == "labelled" || text == "unlabelled" {
        return Ok(Predicate::Labelled(text == "labelled"));
    }
    if let Some((name, low)) = text.split_once(">=") {
        return Ok(Predicate::Between { column: column(name), low: number(low)?, high: f64::INFINITY });
    }
    if let Some((name, high)) = text.split_once("<=") {
        return Ok(Predicate::Between { column: column(name), low: f64::NEG_INFINITY, high: number(high)? });
    }
    if let Some((name, low)) = text.split_once('>') {
        return Ok(Predicate::Between { column: column(name), low: number(low)?.next_up(), high: f64::INFINITY });
    }
    if let Some((name, high)) = text.split_once('<') {
        return Ok(Predicate::Between {
            column: column(name),
            low: f64::NEG_INFINITY,
            high: number(high)?.next_down(),
        });
    }
    if let Some((name, values)) = text.split_once('=') {
        let values = values.split(',').map(|v| v.trim().to_string()).collect();
        return Ok(Predicate::OneOf { column: column(name), values });
    }
    if let Some(name) = text.strip_suffix('?') {
        return Ok(Predicate::Missing { column: column(name) });
    }
    Err(EngineError::Invalid(format!(
        "“{text}” is no condition; write COLUMN>=NUMBER (or <=, >, <), COLUMN=VALUE,VALUE, COLUMN? (no value), labelled or unlabelled"
    )))
}

fn named_column(predicate: &Predicate) -> Option<&str> {
    match predicate {
        Predicate::Between { column, .. } | Predicate::OneOf { column, .. } | Predicate::Missing { column } => {
            Some(column)
        }
        _ => None,
    }
}

impl Engine {
    async fn scoped(&self, actor: &Actor, model: &str, environment: &str) -> Result<Option<Stream>> {
        self.may(actor, Action::View, &Object::Model(model.to_string()))?;
        let model = self.known_model(model).await?;
        Ok(self.store.existing_stream(model.id, EventKind::Prediction, environment).await?)
    }

    /// The newest events that meet the conditions, newest first.
    pub async fn events(&self, actor: &Actor, model: &str, scope: &Scope, limit: usize) -> Result<Vec<Value>> {
        let Some(stream) = self.scoped(actor, model, &scope.environment).await? else {
            return Ok(Vec::new());
        };
        let read = Read { predicates: scope.conditions.clone(), ..Read::of(scope.range, Columns::All) };
        let read = read.with_ids().with_labels();
        let frame = self.store.newest_events(&stream, &read, limit.min(EVENTS_MAX)).await?;
        Ok((0..frame.rows()).map(|row| event(&frame, row)).collect())
    }

    /// The newest predictions that meet conditions, for their page: each with its answer, its outcome, and the values
    /// of the columns that the conditions name.
    ///
    /// # Errors
    /// Not allowed; no such model; what is no condition.
    pub async fn predictions_view(
        &self,
        actor: &Actor,
        name: &str,
        environment: &str,
        range: TimeRange,
        text: &str,
    ) -> Result<PredictionsView> {
        let asked = conditions(text)?;
        let stream = self.scoped(actor, name, environment).await?;
        let model = self.known_model(name).await?;
        let mut columns: Vec<String> = Vec::new();
        for column in asked.iter().filter_map(named_column) {
            if !columns.iter().any(|c| c == column) {
                columns.push(column.to_string());
            }
        }
        let mut view = PredictionsView { model, columns, rows: Vec::new(), more: false };
        let Some(stream) = stream else {
            return Ok(view);
        };
        let own = ["prediction", "probability", "latency_ms"].map(String::from);
        let wanted = own.into_iter().chain(view.columns.iter().cloned()).collect();
        let read = Read { predicates: asked, ..Read::of(range, Columns::Named(wanted)) }.with_ids().with_labels();
        let frame = self.store.newest_events(&stream, &read, PREDICTIONS_SHOWN + 1).await?;
        let word = |name: &str, row: usize| frame.column(name).and_then(|d| d.text(row)).unwrap_or_default();
        view.more = frame.rows() > PREDICTIONS_SHOWN;
        view.rows = (0..frame.rows().min(PREDICTIONS_SHOWN))
            .map(|row| PredictionLine {
                id: frame.ids[row].clone(),
                at: frame.times[row],
                prediction: word("prediction", row),
                probability: word("probability", row),
                label: frame.labels.as_ref().and_then(|l| l.text(row)).unwrap_or_default(),
                latency_ms: word("latency_ms", row),
                values: view.columns.iter().map(|c| word(c, row)).collect(),
            })
            .collect();
        Ok(view)
    }

    /// One event by its id, with what people, business and evaluators said of it.
    pub async fn event(&self, actor: &Actor, model: &str, environment: &str, id: &str) -> Result<Value> {
        let stream = self.scoped(actor, model, environment).await?;
        let found = match stream {
            Some(stream) => self.store.read_event(&stream, id).await?,
            None => None,
        };
        let shown: String = id.chars().take(100).collect();
        let none = || EngineError::NotFound(format!("“{model}” has no prediction “{shown}” in {environment}"));
        let frame = found.ok_or_else(none)?;
        let mut answer = event(&frame, 0);
        let word = |column: &str| frame.column(column).and_then(|data| data.text(0));
        let (trace, session) = (word("trace_id"), word("session_id"));
        let said = self.said_of(environment, id, trace.as_deref(), session.as_deref()).await?;
        if let Value::Object(answer) = &mut answer {
            answer.extend(said.into_iter().map(|(name, list)| (name.to_string(), Value::Array(list))));
        }
        Ok(answer)
    }

    /// One prediction for its page: each value with its place in the baseline, and what was said of it.
    ///
    /// # Errors
    /// Not allowed; no such model or prediction.
    pub async fn prediction_view(
        &self,
        actor: &Actor,
        name: &str,
        environment: &str,
        id: &str,
    ) -> Result<PredictionView> {
        let found = self.event(actor, name, environment, id).await?;
        let model = self.known_model(name).await?;
        let newest = self.store.newest_reports(model.id, environment, 1).await?;
        let shares: BTreeMap<String, Shares> = match newest.last() {
            Some(report) => self.store.shares(model.id, environment, report.range.from).await?.into_iter().collect(),
            None => BTreeMap::new(),
        };
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let columns = found["columns"].as_object().cloned().unwrap_or_default();
        let mut values: Vec<ValuePlace> = columns
            .iter()
            .map(|(column, value)| {
                let shown = text(value);
                let share = shares.get(column).and_then(|s| s.place(&shown));
                ValuePlace { column: column.clone(), value: shown, share, is_number: value.is_number() }
            })
            .collect();
        values.sort_by_key(|v| !v.column.starts_with("feature."));
        let mut said = Vec::new();
        for kind in ["feedback", "business", "evaluations"] {
            for one in found[kind].as_array().into_iter().flatten().filter_map(Value::as_object) {
                let fields = one.iter().filter(|(name, _)| *name != "timestamp");
                said.push(SaidOf {
                    kind: kind.to_string(),
                    at: text(&one.get("timestamp").cloned().unwrap_or_default()),
                    fields: fields.map(|(name, value)| (name.clone(), text(value))).collect(),
                });
            }
        }
        let instant = |name: &str| found[name].as_str().and_then(Timestamp::parse);
        Ok(PredictionView {
            id: id.to_string(),
            at: instant("timestamp").unwrap_or_default(),
            label: found["label"].as_str().map(String::from),
            label_at: instant("label_time"),
            trace: columns.get("trace_id").map(&text).unwrap_or_default(),
            values,
            said,
            model,
        })
    }

    /// How the numbers of a column lie, in all or by group.
    pub async fn values(
        &self,
        actor: &Actor,
        model: &str,
        scope: &Scope,
        column: &str,
        group_by: Vec<GroupBy>,
    ) -> Result<Vec<Group>> {
        let Some(stream) = self.scoped(actor, model, &scope.environment).await? else {
            return Ok(Vec::new());
        };
        let question = Aggregate {
            range: scope.range,
            predicates: scope.conditions.clone(),
            group_by,
            column: Some(column.to_string()),
        };
        match self.store.aggregate(&stream, &question).await {
            Err(store::StoreError::TooMany(text)) => Err(EngineError::Invalid(text)),
            answer => Ok(answer?),
        }
    }

    /// One feature over time, for its page: quantiles in even steps of the range, and its newest rows.
    pub async fn feature_view(
        &self,
        actor: &Actor,
        model: &str,
        environment: &str,
        column: &str,
        range: TimeRange,
    ) -> Result<FeatureView> {
        let Some(stream) = self.scoped(actor, model, environment).await? else {
            return Ok(FeatureView::default());
        };
        let summary = self.store.stream_summary(&stream).await?;
        let (Some(first), Some(last)) = (summary.first, summary.last) else {
            return Ok(FeatureView::default());
        };
        let (from, to) = (range.from.max(first), range.to.min(last.plus(1)));
        let every = ((to.0 - from.0) / QUANTILE_POINTS).max(domain::time::MINUTE);
        let question = Aggregate {
            range: TimeRange { from, to },
            predicates: Vec::new(),
            group_by: vec![GroupBy::Time(every)],
            column: Some(column.to_string()),
        };
        let points = self
            .store
            .aggregate(&stream, &question)
            .await?
            .into_iter()
            .filter(|group| group.spread.count() > 0)
            .filter_map(|group| match group.key.first() {
                Some(GroupKey::From(at)) => {
                    let q = |share: f64| group.spread.quantile(share);
                    let (p5, p25, p50, p75, p95) = (q(0.05), q(0.25), q(0.5), q(0.75), q(0.95));
                    Some(QuantilePoint { at: *at, n: group.spread.count(), p5, p25, p50, p75, p95 })
                }
                _ => None,
            })
            .collect();
        let wanted = [column, "prediction", "probability"].map(String::from).to_vec();
        let read = Read::of(TimeRange { from, to }, Columns::Named(wanted)).with_ids().with_labels();
        let frame = self.store.newest_events(&stream, &read, FEATURE_ROWS).await?;
        let word = |name: &str, row: usize| frame.column(name).and_then(|d| d.text(row)).unwrap_or_default();
        let newest = (0..frame.rows())
            .map(|row| FeatureRow {
                id: frame.ids[row].clone(),
                at: frame.times[row],
                value: word(column, row),
                prediction: word("prediction", row),
                probability: word("probability", row),
                label: frame.labels.as_ref().and_then(|l| l.text(row)).unwrap_or_default(),
            })
            .collect();
        Ok(FeatureView { points, newest })
    }

    /// How many numbers of a column lie in each of so many equal bins.
    pub async fn bins(
        &self,
        actor: &Actor,
        model: &str,
        scope: &Scope,
        column: &str,
        edges: &[f64],
    ) -> Result<Vec<u64>> {
        match self.scoped(actor, model, &scope.environment).await? {
            Some(stream) => Ok(self.store.histogram(&stream, scope.range, &scope.conditions, column, edges).await?),
            None => Ok(vec![0; edges.len() + 1]),
        }
    }

    /// Every series whose name begins with `prefix`, as the mean of each step.
    pub async fn steps(
        &self,
        actor: &Actor,
        prefix: &str,
        range: TimeRange,
        step: i64,
    ) -> Result<Vec<(Arc<Series>, Vec<f64>)>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let steps = range.to.0.saturating_sub(range.from.0) / step.max(1);
        if step <= 0 || steps > STEPS_MAX {
            return Err(EngineError::Invalid(format!(
                "the range holds {steps} steps; at most {STEPS_MAX} are answered: ask for longer steps or a shorter range"
            )));
        }
        Ok(self.store.read_steps(prefix, range, step).await?)
    }
}

/// An event as JSON: what was sent, and what became known since.
fn event(frame: &Frame, row: usize) -> Value {
    let mut columns = Map::new();
    for column in &frame.columns {
        let value = match &column.data {
            domain::event::ColumnData::Number(values) => json!(values[row]),
            data => json!(data.text(row)),
        };
        columns.insert(column.name.clone(), value);
    }
    let label = frame.labels.as_ref().and_then(|l| l.text(row));
    let known = frame.label_times.get(row).filter(|t| **t != Timestamp::MIN);
    json!({
        "prediction_id": frame.ids.get(row),
        "timestamp": frame.times[row].to_string(),
        "columns": columns,
        "label": label,
        "label_time": known.map(|t| t.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_what_is_none_is_refused() {
        let read = conditions("feature.amount>=100; feature.country=DE, FR ;feature.age?;labelled").expect("reads");
        assert_eq!(read.len(), 4);
        // What is more than a number is not that number.
        let above = conditions("feature.amount>100").expect("reads");
        assert_eq!(
            above,
            [Predicate::Between { column: "feature.amount".into(), low: 100_f64.next_up(), high: f64::INFINITY }]
        );
        assert_eq!(
            read[1],
            Predicate::OneOf { column: "feature.country".into(), values: vec!["DE".into(), "FR".into()] }
        );
        assert!(conditions("amount").is_err() && conditions("amount>=many").is_err());
        assert!(conditions("").expect("none").is_empty());
    }
}

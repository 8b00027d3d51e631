//! CloudEvents 1.0, structured, batched and binary: an envelope around what the other ways take bare.
//!
//! The last word of the type says what it is (`com.example.prediction`); the subject names the model. The
//! envelope's id and time stand in for those that the data does not give, so sending it again changes nothing.

use bytes::Bytes;
use domain::Actor;
use domain::model::model_name_problem;
use domain::problem::{LineError, Receipt};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::body::Body;
use super::decode::Format;
use super::otlp::attributes::cut;
use super::records::About;
use super::{Envelope, add_errors};
use crate::{Engine, EngineError, Result};

/// Events of one batch at most.
const EVENTS_MAX: usize = 10_000;

/// An event's envelope. Extensions are read from the data, not from here.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CloudEvent {
    pub specversion: String,
    pub id: String,
    pub source: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub subject: Option<String>,
    pub time: Option<String>,
    pub data: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Prediction,
    Label,
    Feedback,
    Business,
    Change,
}

impl CloudEvent {
    fn what(&self) -> std::result::Result<What, String> {
        if self.specversion != "1.0" {
            return Err(format!("the specversion is “{}”; 1.0 is understood", cut(&self.specversion, 20)));
        }
        if self.id.is_empty() || self.source.is_empty() || self.kind.is_empty() {
            return Err("an event has an id, a source and a type".into());
        }
        Ok(match self.kind.rsplit('.').next().unwrap_or_default() {
            "prediction" | "predictions" => What::Prediction,
            "label" | "labels" => What::Label,
            "feedback" => What::Feedback,
            "business" | "business_event" => What::Business,
            "change" | "deploy" => What::Change,
            _ => {
                return Err(format!(
                    "the type “{}” ends in none of prediction, label, feedback, business and change",
                    cut(&self.kind, 100)
                ));
            }
        })
    }

    /// The data's rows, with the envelope's id and time where they lack them.
    fn rows(&self, what: What) -> std::result::Result<Vec<Value>, String> {
        let rows = match &self.data {
            Value::Array(rows) => rows.clone(),
            Value::Object(_) => vec![self.data.clone()],
            _ => return Err("the data is an object, or an array of them".into()),
        };
        let many = rows.len() > 1;
        let rows = rows.into_iter().enumerate().map(|(i, row)| {
            let Value::Object(mut row) = row else {
                return Err("the data is an object, or an array of them".to_string());
            };
            let id = if many { format!("{}/{i}", self.id) } else { self.id.clone() };
            self.complete(what, &mut row, id);
            Ok(Value::Object(row))
        });
        rows.collect()
    }

    fn complete(&self, what: What, row: &mut Map<String, Value>, id: String) {
        let has = |row: &Map<String, Value>, names: &[&str]| names.iter().any(|n| row.contains_key(*n));
        match what {
            What::Prediction if !has(row, &["prediction_id", "id"]) => {
                drop(row.insert("prediction_id".into(), id.into()))
            }
            What::Feedback | What::Business | What::Change if !has(row, &["id"]) => {
                drop(row.insert("id".into(), id.into()))
            }
            _ => {}
        }
        let time = if what == What::Label {
            "label_time"
        } else if what == What::Change {
            "at"
        } else {
            "timestamp"
        };
        if let Some(said) = self.time.as_ref().filter(|_| !has(row, &["timestamp", "time", "at", "label_time"])) {
            row.insert(time.into(), said.clone().into());
        }
    }
}

/// The events of a body: one, or an array of them.
///
/// # Errors
/// A body that is no JSON; too many at once.
pub fn structured(body: &[u8]) -> Result<Vec<CloudEvent>> {
    let wrong = |e: serde_json::Error| EngineError::Invalid(format!("the body is no CloudEvent in JSON: {e}"));
    let value: Value = serde_json::from_slice(body).map_err(wrong)?;
    let list = match value {
        Value::Array(list) => list,
        one => vec![one],
    };
    if list.len() > EVENTS_MAX {
        return Err(EngineError::TooLarge(format!("a batch holds at most {EVENTS_MAX} events")));
    }
    list.into_iter().map(|one| serde_json::from_value(one).map_err(wrong)).collect()
}

impl Engine {
    /// Keeps what events carry.
    ///
    /// # Errors
    /// Not allowed; a full queue. Events that are wrong are named in the receipt by their place.
    pub async fn ingest_cloud_events(&self, actor: &Actor, events: Vec<CloudEvent>) -> Result<Receipt> {
        let mut receipt = Receipt::default();
        // One call for what belongs together: kind and model.
        let mut groups: Vec<(What, String, Vec<Value>)> = Vec::new();
        for (line, event) in (1..).zip(&events) {
            let mut refuse = |reason: String| add_errors(&mut receipt, vec![LineError { line, field: None, reason }]);
            let read = event.what().and_then(|what| Ok((what, event.rows(what)?)));
            let (what, rows) = match read {
                Ok(read) => read,
                Err(reason) => {
                    refuse(reason);
                    continue;
                }
            };
            let of_data = rows.first().and_then(|r| r.get("model")).and_then(Value::as_str);
            let model = event.subject.as_deref().or(of_data).unwrap_or_default().to_string();
            let problem = model_name_problem(&model).filter(|_| matches!(what, What::Prediction | What::Label));
            if let Some(problem) = problem {
                refuse(format!("the subject names the model: {problem}"));
                continue;
            }
            match groups.iter_mut().find(|(w, m, _)| *w == what && *m == model) {
                Some((_, _, known)) => known.extend(rows),
                None => groups.push((what, model, rows)),
            }
        }
        // Labels after the predictions that they may belong to.
        groups.sort_by_key(|(what, _, _)| *what);
        for (what, model, rows) in groups {
            let lines: Vec<u8> = rows.iter().flat_map(|r| format!("{r}\n").into_bytes()).collect();
            let body = || Body::Whole(Bytes::from(lines.clone()));
            let format = Some(Format::Ndjson);
            let about = About { model: (!model.is_empty()).then(|| model.clone()), ..About::default() };
            let one = match what {
                What::Prediction => {
                    self.ingest_predictions(actor, &model, &Envelope::default(), format, body(), |_| ()).await
                }
                What::Label => self.ingest_labels(actor, &model, &Envelope::default(), format, body(), |_| ()).await,
                What::Feedback => self.ingest_feedback(actor, &about, format, body()).await,
                What::Business => self.ingest_business(actor, &about, format, body()).await,
                What::Change => self.ingest_changes(actor, "cloudevents", &lines).await,
            };
            match one {
                Ok(one) => {
                    receipt.accepted += one.accepted;
                    receipt.duplicates += one.duplicates;
                    receipt.changed_duplicates += one.changed_duplicates;
                    receipt.changed_ids.extend(one.changed_ids);
                    receipt.labels += one.labels;
                    receipt.rejected += one.rejected;
                    receipt.errors.extend(one.errors);
                }
                Err(error @ (EngineError::Invalid(_) | EngineError::NotFound(_))) => {
                    let reason = error.to_string();
                    let errors = rows.iter().map(|_| LineError { line: 0, field: None, reason: reason.clone() });
                    add_errors(&mut receipt, errors.collect());
                }
                Err(error) => return Err(error),
            }
        }
        receipt.errors.truncate(super::ERRORS_NAMED);
        receipt.changed_ids.truncate(super::ERRORS_NAMED);
        Ok(receipt)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_envelope_stands_in_for_what_the_data_lacks() {
        let body = json!({"specversion": "1.0", "id": "e1", "source": "/a", "type": "com.acme.prediction",
            "subject": "m", "time": "2026-01-31T00:00:00Z", "data": {"prediction": 1}});
        let events = structured(body.to_string().as_bytes()).expect("reads");
        let what = events[0].what().expect("known");
        let rows = events[0].rows(what).expect("rows");
        assert_eq!(rows, [json!({"prediction": 1, "prediction_id": "e1", "timestamp": "2026-01-31T00:00:00Z"})]);
    }

    #[test]
    fn what_is_no_event_is_refused_in_words() {
        for body in [
            json!({"id": "1", "source": "s", "type": "a.prediction"}),
            json!({"specversion": "1.0", "id": "", "source": "s", "type": "a.prediction"}),
            json!({"specversion": "1.0", "id": "1", "source": "s", "type": "a.earthquake"}),
        ] {
            assert!(structured(body.to_string().as_bytes()).expect("JSON")[0].what().is_err());
        }
        assert!(structured(b"no").is_err());
    }
}

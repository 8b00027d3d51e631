//! Feedback and business events: rows with a few well-known columns, joined to predictions by id, trace or
//! session, whenever they come.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::event::EventKind;
use domain::problem::{LineError, Receipt};
use domain::telemetry::{BusinessKind, FeedbackKind, business, feedback};
use domain::{Action, Actor, Object};
use xxhash_rust::xxh3::xxh3_128;

use super::body::{Body, Tables, work};
use super::cells::{Cell, Table};
use super::decode::Format;
use super::otlp::attributes::cut;
use super::otlp::batch::Rows;
use super::{add_errors, environment_name};
use crate::{Engine, Result};

/// What rows are about, where they do not say it themselves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct About {
    pub environment: Option<String>,
    pub model: Option<String>,
    pub system: Option<String>,
}

/// What one row is about: what it says itself, else what was said of all.
struct Subject {
    environment: String,
    model: Option<String>,
    system: Option<String>,
    prediction: Option<String>,
    trace: Option<String>,
    session: Option<String>,
}

const TEXT_BYTES: usize = 8192;

/// A row by the names that its columns may have.
struct Record<'a> {
    table: &'a Table,
    row: usize,
}

impl Record<'_> {
    fn cell(&self, names: &[&str]) -> Cell<'_> {
        let present = names.iter().filter_map(|name| self.table.column(name)).map(|cells| cells.get(self.row));
        present.into_iter().find(|cell| *cell != Cell::Missing).unwrap_or(Cell::Missing)
    }

    fn text(&self, names: &[&str]) -> Option<String> {
        self.cell(names).text().map(|t| cut(t.trim(), TEXT_BYTES).to_string()).filter(|t| !t.is_empty())
    }

    fn number(&self, names: &[&str]) -> std::result::Result<Option<f64>, String> {
        match self.cell(names) {
            Cell::Missing => Ok(None),
            Cell::Int(value) => Ok(Some(value as f64)),
            Cell::Number(value) => Ok(Some(value)),
            Cell::Text(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|v: &f64| v.is_finite())
                .map(Some)
                .ok_or_else(|| format!("“{}” is no number for {}", cut(text, 60), names[0])),
        }
    }

    fn time(&self, now: Timestamp) -> std::result::Result<Timestamp, String> {
        match self.cell(&["timestamp", "time", "at", "ts", "event_time"]) {
            Cell::Missing => Ok(now),
            Cell::Int(value) => Timestamp::from_epoch_number(value as f64).ok_or_else(|| format!("{value} is no time")),
            Cell::Number(value) => Timestamp::from_epoch_number(value).ok_or_else(|| format!("{value} is no time")),
            Cell::Text(text) => Timestamp::parse(text).ok_or_else(|| format!("“{}” is no time", cut(text, 60))),
        }
    }

    fn subject(&self, about: &About) -> std::result::Result<Subject, String> {
        let environment = self.text(&["environment"]).or_else(|| about.environment.clone());
        Ok(Subject {
            environment: environment_name(environment.as_deref()).map_err(|e| e.to_string())?,
            model: self.text(&["model"]).or_else(|| about.model.clone()),
            system: self.text(&["system"]).or_else(|| about.system.clone()),
            prediction: self.text(&PREDICTION),
            trace: self.text(&TRACE),
            session: self.text(&SESSION),
        })
    }

    /// The id that makes sending the row again harmless: the sender's, or what the row says.
    fn id(&self, said: &[Option<&str>], at: Timestamp, number: Option<f64>) -> String {
        if let Some(id) = self.text(&["id", "event_id", "feedback_id", "uuid"]) {
            return cut(&id, 200).to_string();
        }
        let mut text = format!("{}\u{1}{number:?}", at.0);
        for part in said {
            text.push('\u{1}');
            text.push_str(part.unwrap_or_default());
        }
        format!("{:032x}", xxh3_128(text.as_bytes()))
    }
}

const PREDICTION: [&str; 4] = ["prediction_id", "response_id", "request_id", "event_of"];
const TRACE: [&str; 2] = ["trace_id", "trace"];
const SESSION: [&str; 3] = ["session_id", "session", "conversation_id"];

/// A row of feedback, checked.
fn feedback_row(
    record: &Record,
    about: &About,
    now: Timestamp,
    rows: &mut BTreeMap<String, Rows>,
) -> std::result::Result<(), String> {
    let at = record.time(now)?;
    let Subject { environment, model, system, prediction, trace, session } = record.subject(about)?;
    let said = record.text(&["feedback", "kind", "type", "signal"]);
    let value = record.text(&["value", "edited_to", "answer"]);
    let mut score = record.number(&["score"])?;
    let rating = record.number(&["rating", "stars"])?;
    let kind = match (said.as_deref(), rating) {
        (Some("thumbs"), _) => match value.as_deref() {
            Some("up" | "1" | "true" | "yes") => FeedbackKind::ThumbsUp,
            Some("down" | "0" | "-1" | "false" | "no") => FeedbackKind::ThumbsDown,
            _ => return Err("thumbs point “up” or “down”, said by “value”".into()),
        },
        (Some(said), _) => FeedbackKind::parse(&said.replace('-', "_").to_ascii_lowercase()).ok_or_else(|| {
            let names: Vec<&str> = FeedbackKind::ALL.iter().map(|k| k.name()).collect();
            format!("“{}” is no kind of feedback; use one of {}", cut(said, 60), names.join(", "))
        })?,
        (None, Some(_)) => FeedbackKind::Rating,
        (None, None) if record.text(&["comment", "text"]).is_some() => FeedbackKind::Comment,
        (None, None) => return Err("the row says neither “feedback” nor “rating” nor “comment”".into()),
    };
    if kind == FeedbackKind::Rating && score.is_none() {
        let rating =
            rating.or(record.number(&["value"])?).ok_or("a rating has a “score” from 0 to 1, or a “rating”")?;
        let best = record.number(&["best", "max"])?.unwrap_or(5.0);
        let worst = record.number(&["worst", "min"])?.unwrap_or(1.0);
        if best <= worst || rating < worst || rating > best {
            return Err(format!("the rating {rating} lies outside of {worst} to {best}; say “worst” and “best”"));
        }
        score = Some((rating - worst) / (best - worst));
    }
    if kind == FeedbackKind::Rating && !score.is_some_and(|s| (0.0..=1.0).contains(&s)) {
        return Err("the score of a rating lies from 0 to 1".into());
    }
    let comment = record.text(&["comment", "text"]);
    if prediction.is_none() && trace.is_none() && session.is_none() && model.is_none() && system.is_none() {
        return Err(
            "nothing says what the feedback is about: prediction_id, trace_id, session_id, model or system".into()
        );
    }
    let user = record.text(&["user", "user_id"]);
    let words = [
        Some(kind.name()),
        value.as_deref(),
        comment.as_deref(),
        model.as_deref(),
        system.as_deref(),
        prediction.as_deref(),
        trace.as_deref(),
        session.as_deref(),
        user.as_deref(),
    ];
    let id = record.id(&words, at, score);
    let rows = rows.entry(environment).or_insert_with(|| Rows::new(&feedback::WORDS, &feedback::NUMBERS));
    rows.push(id, at, &words, &[score]);
    Ok(())
}

/// A row of a business event, checked.
fn business_row(
    record: &Record,
    about: &About,
    now: Timestamp,
    rows: &mut BTreeMap<String, Rows>,
) -> std::result::Result<(), String> {
    let at = record.time(now)?;
    let Subject { environment, model, system, prediction, trace, session } = record.subject(about)?;
    let said = record.text(&["event", "kind", "type"]).ok_or("the row does not say which “event” it is")?;
    let kind = BusinessKind::parse(&said.to_ascii_lowercase())
        .ok_or_else(|| format!("“{}” is no business event; use revenue, cost, saving or conversion", cut(&said, 60)))?;
    let amount = record.number(&["amount", "value"])?;
    let quantity = record.number(&["quantity", "count"])?;
    let currency = record.text(&["currency"]).map(|c| c.to_ascii_uppercase());
    if kind != BusinessKind::Conversion && amount.is_none() {
        return Err(format!("{} has an “amount”", kind.name()));
    }
    if amount.is_some()
        && !currency.as_deref().is_some_and(|c| c.len() == 3 && c.bytes().all(|b| b.is_ascii_uppercase()))
    {
        return Err("an amount has a “currency” of three letters, as EUR".into());
    }
    let variant = record.text(&["variant", "group"]);
    let comment = record.text(&["comment", "text"]);
    let words = [
        Some(kind.name()),
        currency.as_deref(),
        model.as_deref(),
        system.as_deref(),
        prediction.as_deref(),
        trace.as_deref(),
        session.as_deref(),
        variant.as_deref(),
        comment.as_deref(),
    ];
    let id = record.id(&words, at, amount.or(quantity));
    let rows = rows.entry(environment).or_insert_with(|| Rows::new(&business::WORDS, &business::NUMBERS));
    rows.push(id, at, &words, &[amount, quantity]);
    Ok(())
}

type ReadRow = fn(&Record, &About, Timestamp, &mut BTreeMap<String, Rows>) -> std::result::Result<(), String>;

impl Engine {
    /// Keeps feedback.
    ///
    /// # Errors
    /// Not allowed; a body that is no table of a known format. Rows that are wrong are named in the receipt.
    pub async fn ingest_feedback(
        &self,
        actor: &Actor,
        about: &About,
        format: Option<Format>,
        body: Body,
    ) -> Result<Receipt> {
        self.records(actor, EventKind::Feedback, feedback_row, about, format, body).await
    }

    /// Keeps business events.
    ///
    /// # Errors
    /// As [`Engine::ingest_feedback`].
    pub async fn ingest_business(
        &self,
        actor: &Actor,
        about: &About,
        format: Option<Format>,
        body: Body,
    ) -> Result<Receipt> {
        self.records(actor, EventKind::Business, business_row, about, format, body).await
    }

    async fn records(
        &self,
        actor: &Actor,
        kind: EventKind,
        read: ReadRow,
        about: &About,
        format: Option<Format>,
        body: Body,
    ) -> Result<Receipt> {
        self.may(actor, Action::Ingest, &Object::Installation)?;
        let now = self.now();
        let mut receipt = Receipt::default();
        let mut tables = Tables::of(format, body)?;
        while let Some(table) = tables.next().await {
            let mut table = table?;
            add_errors(&mut receipt, std::mem::take(&mut table.errors));
            let (batches, errors, good) = work(table.rows(), || {
                let (mut rows, mut errors, mut good) = (BTreeMap::new(), Vec::new(), 0);
                for row in 0..table.rows() {
                    match read(&Record { table: &table, row }, about, now, &mut rows) {
                        Ok(()) => good += 1,
                        Err(reason) => errors.push(LineError { line: table.lines()[row], field: None, reason }),
                    }
                }
                let batches = rows.into_iter().map(|(environment, rows)| (environment, rows.finish())).collect();
                Ok((batches, errors, good))
            })?;
            add_errors(&mut receipt, errors);
            let kept = self.keep_events(kind, batches).await?;
            receipt.accepted += kept;
            receipt.duplicates += good - kept;
        }
        Ok(receipt)
    }
}

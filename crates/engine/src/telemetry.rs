//! Questions about spans, logs, feedback, business events and evaluations: searched, paged, one trace whole.

use std::collections::BTreeMap;

use domain::event::{ColumnData, EventKind};
use domain::telemetry::{LogSearch, LogView, Page, SpanSearch, SpanView, TraceView, log, span, waterfall};
use domain::{Action, Actor, Object, TimeRange, Timestamp};
use serde_json::{Map, Value, json};
use store::{Columns, Frame, Predicate, Read, Stream};

use crate::ingest::environment_name;
use crate::{Engine, EngineError, Result};

/// Rows of one page at most.
pub const PAGE_MAX: usize = 500;
/// Spans of one trace at most.
const TRACE_MAX: usize = 200_000;
/// Lines of a trace that are drawn at once.
pub const TRACE_ROWS: usize = 400;

fn equals(predicates: &mut Vec<Predicate>, column: &str, value: &str) {
    if !value.is_empty() {
        let values = value.split(',').map(|v| v.trim().to_string()).collect();
        predicates.push(Predicate::OneOf { column: column.into(), values });
    }
}

fn says(predicates: &mut Vec<Predicate>, columns: &[&str], text: &str) {
    let columns: Vec<String> = columns.iter().map(|c| (*c).to_string()).collect();
    // Words stand for themselves, what is in quotes for a phrase.
    for (i, part) in text.split('"').enumerate() {
        if i % 2 == 1 {
            if !part.trim().is_empty() {
                predicates.push(Predicate::Says { columns: columns.clone(), text: part.trim().into(), exact: false });
            }
        } else {
            for word in part.split_whitespace() {
                predicates.push(Predicate::Says { columns: columns.clone(), text: word.into(), exact: false });
            }
        }
    }
}

/// Conditions on attributes: `name=value`.
fn attributes(predicates: &mut Vec<Predicate>, column: &str, wanted: &[String]) -> Result<()> {
    for pair in wanted.iter().filter(|p| !p.trim().is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| EngineError::Invalid(format!("“{pair}” is no attribute; write name=value")))?;
        let name = Value::from(name.trim()).to_string();
        let text = Value::from(value.trim()).to_string();
        // A number may have been sent as one, or as a text.
        let bare = value.trim().parse::<f64>().is_ok() || ["true", "false"].contains(&value.trim());
        let exact = |text: String| Predicate::Says { columns: vec![column.into()], text, exact: true };
        if bare {
            let either = vec![
                format!("{name}:{text}"),
                format!("{name}:{},", value.trim()),
                format!("{name}:{}}}", value.trim()),
            ];
            predicates.push(Predicate::SaysOne { column: column.into(), texts: either });
        } else {
            predicates.push(exact(format!("{name}:{text}")));
        }
    }
    Ok(())
}

/// Where a page ended: the time of its last row, and how many rows of that very time were given.
pub(crate) fn cursor(text: Option<&str>) -> Result<Option<(Timestamp, usize)>> {
    let Some(text) = text.filter(|t| !t.is_empty()) else {
        return Ok(None);
    };
    let read = text.split_once('-').and_then(|(at, skip)| Some((Timestamp(at.parse().ok()?), skip.parse().ok()?)));
    read.map(Some)
        .ok_or_else(|| EngineError::Invalid("the cursor is not one of ours; leave it out to begin anew".into()))
}

pub(crate) fn next_cursor(times: &[Timestamp], before: Option<(Timestamp, usize)>) -> Option<String> {
    let last = *times.last()?;
    let same = times.iter().filter(|t| **t == last).count();
    let earlier = before.filter(|(at, _)| *at == last).map_or(0, |(_, skip)| skip);
    Some(format!("{}-{}", last.0, same + earlier))
}

fn text(frame: &Frame, column: &str, row: usize) -> String {
    frame.column(column).and_then(|data| data.text(row)).unwrap_or_default()
}

fn span_view(frame: &Frame, row: usize) -> SpanView {
    let id = frame.ids.get(row).map_or("", String::as_str);
    let word = |column: &str| text(frame, column, row);
    SpanView {
        trace_id: word(span::TRACE),
        span_id: id.get(32..).unwrap_or_default().to_string(),
        parent_id: word(span::PARENT),
        at: frame.times[row],
        duration_ms: frame.numbers(span::DURATION).map_or(0.0, |d| d[row]),
        name: word(span::NAME),
        service: word(span::SERVICE),
        kind: word(span::KIND),
        status: word(span::STATUS),
        message: word("message"),
        error: word("error"),
        peer: word(span::PEER),
        model: word(span::MODEL),
        attributes: word(span::ATTRIBUTES),
        events: word("events"),
        resource: word("resource"),
    }
}

fn log_view(frame: &Frame, row: usize) -> LogView {
    let word = |column: &str| text(frame, column, row);
    LogView {
        id: frame.ids.get(row).cloned().unwrap_or_default(),
        at: frame.times[row],
        severity: word(log::SEVERITY),
        service: word(log::SERVICE),
        host: word("host"),
        body: word(log::BODY),
        event: word("event"),
        trace_id: word(log::TRACE),
        span_id: word("span_id"),
        attributes: word(log::ATTRIBUTES),
    }
}

impl Engine {
    pub(crate) async fn telemetry(&self, actor: &Actor, kind: EventKind, environment: &str) -> Result<Option<Stream>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let environment = environment_name(Some(environment))?;
        Ok(self.store.existing_telemetry_stream(kind, &environment).await?)
    }

    /// A page of the newest rows that meet conditions.
    async fn page(
        &self,
        stream: &Stream,
        range: TimeRange,
        predicates: Vec<Predicate>,
        from: Option<&str>,
        limit: usize,
    ) -> Result<(Frame, Option<String>)> {
        let before = cursor(from)?;
        let limit = limit.clamp(1, PAGE_MAX);
        let mut range = range;
        let skip = before.map_or(0, |(at, skip)| {
            range.to = range.to.min(at.plus(1));
            skip
        });
        let read = Read { predicates, ..Read::of(range, Columns::All) }.with_ids();
        // One more than wanted tells whether there is another page.
        let frame = self.store.newest_events(stream, &read, limit + skip + 1).await?;
        let more = frame.rows() > limit + skip;
        let frame = frame.slice(skip.min(frame.rows()), frame.rows().min(limit + skip));
        let next = if more { next_cursor(&frame.times, before) } else { None };
        Ok((frame, next))
    }

    /// Spans, newest first.
    ///
    /// # Errors
    /// Not allowed; a condition or cursor that is none.
    pub async fn search_spans(
        &self,
        actor: &Actor,
        search: &SpanSearch,
        range: TimeRange,
        from: Option<&str>,
        limit: usize,
    ) -> Result<Page<SpanView>> {
        let stream = self.telemetry(actor, EventKind::Span, &search.environment).await?;
        let mut predicates = Vec::new();
        equals(&mut predicates, span::SERVICE, &search.service);
        equals(&mut predicates, span::NAME, &search.name);
        equals(&mut predicates, span::STATUS, &search.status);
        equals(&mut predicates, span::MODEL, &search.model);
        if search.min_ms.is_some() || search.max_ms.is_some() {
            predicates.push(Predicate::Between {
                column: span::DURATION.into(),
                low: search.min_ms.unwrap_or(f64::NEG_INFINITY),
                high: search.max_ms.unwrap_or(f64::INFINITY),
            });
        }
        if search.roots {
            predicates.push(Predicate::Missing { column: span::PARENT.into() });
        }
        says(&mut predicates, &span::SEARCHED, &search.text);
        attributes(&mut predicates, span::ATTRIBUTES, &search.attributes)?;
        let Some(stream) = stream else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        let (frame, next) = self.page(&stream, range, predicates, from, limit).await?;
        Ok(Page { items: (0..frame.rows()).map(|row| span_view(&frame, row)).collect(), next })
    }

    /// All spans of a trace, in order of time, without attributes unless they are asked for.
    ///
    /// # Errors
    /// Not allowed; an id that is none; no such trace.
    pub async fn trace(
        &self,
        actor: &Actor,
        environment: &str,
        trace: &str,
        near: Option<Timestamp>,
        whole: bool,
    ) -> Result<Vec<SpanView>> {
        let id = trace.trim().to_ascii_lowercase();
        if id.len() != 32 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(EngineError::Invalid("a trace’s id is 32 hexadecimal digits".into()));
        }
        let none = || EngineError::NotFound(format!("there is no trace {id} in {environment}"));
        let stream = self.telemetry(actor, EventKind::Span, environment).await?.ok_or_else(none)?;
        let columns = if whole {
            Columns::All
        } else {
            let left_out = [span::ATTRIBUTES, "events", "resource", "links"];
            let kept = span::WORDS.iter().chain(&span::NUMBERS).filter(|c| !left_out.contains(*c));
            Columns::Named(kept.map(|c| (*c).to_string()).collect())
        };
        let wanted = Predicate::OneOf { column: span::TRACE.into(), values: vec![id.clone()] };
        // Near the moment that is known of it first: nearly always all of it is there.
        let day = domain::time::DAY;
        let mut frame = Frame::default();
        let ranges =
            near.map(|at| TimeRange { from: at.plus(-day), to: at.plus(day) }).into_iter().chain([TimeRange::ALL]);
        for range in ranges {
            let read = Read { predicates: vec![wanted.clone()], ..Read::of(range, columns.clone()) }.with_ids();
            frame = self.store.read_events(&stream, &read).await?;
            if frame.rows() > 0 {
                break;
            }
        }
        if frame.rows() == 0 {
            return Err(none());
        }
        if frame.rows() > TRACE_MAX {
            return Err(EngineError::TooLarge(format!(
                "the trace has {} spans; at most {TRACE_MAX} are shown: search for spans within it",
                frame.rows()
            )));
        }
        Ok(tokio::task::block_in_place(|| (0..frame.rows()).map(|row| span_view(&frame, row)).collect()))
    }

    /// A part of a trace as it is drawn, and everything of the span that is looked at.
    ///
    /// # Errors
    /// As [`Engine::trace`].
    pub async fn trace_view(
        &self,
        actor: &Actor,
        environment: &str,
        trace: &str,
        near: Option<Timestamp>,
        first: u64,
        chosen: Option<&str>,
    ) -> Result<TraceView> {
        let spans = self.trace(actor, environment, trace, near, false).await?;
        let end = |s: &SpanView| s.at.plus((s.duration_ms * 1000.0) as i64);
        let mut services: Vec<String> = spans.iter().map(|s| s.service.clone()).collect();
        services.sort();
        services.dedup();
        let mut view = TraceView {
            trace_id: trace.trim().to_ascii_lowercase(),
            from: spans.iter().map(|s| s.at).min().unwrap_or_default(),
            to: spans.iter().map(end).max().unwrap_or_default(),
            spans: spans.len() as u64,
            errors: spans.iter().filter(|s| s.status == "error").count() as u64,
            services,
            first,
            rows: Vec::new(),
            chosen: None,
        };
        let rows = tokio::task::block_in_place(|| waterfall(spans));
        view.rows = rows.into_iter().skip(first as usize).take(TRACE_ROWS).collect();
        if let Some(id) = chosen {
            view.chosen = self.span(actor, environment, &view.trace_id, id).await.ok();
        }
        Ok(view)
    }

    /// One span with everything that was sent of it.
    pub async fn span(&self, actor: &Actor, environment: &str, trace: &str, id: &str) -> Result<SpanView> {
        let shown: String = id.chars().take(40).collect();
        let none = || EngineError::NotFound(format!("there is no span {shown} in {environment}"));
        let stream = self.telemetry(actor, EventKind::Span, environment).await?.ok_or_else(none)?;
        let frame = self.store.read_event(&stream, &format!("{trace}{id}")).await?.ok_or_else(none)?;
        Ok(span_view(&frame, 0))
    }

    /// Lines of logs, newest first.
    ///
    /// # Errors
    /// Not allowed; a condition or cursor that is none.
    pub async fn search_logs(
        &self,
        actor: &Actor,
        search: &LogSearch,
        range: TimeRange,
        from: Option<&str>,
        limit: usize,
    ) -> Result<Page<LogView>> {
        let stream = self.telemetry(actor, EventKind::Log, &search.environment).await?;
        let mut predicates = Vec::new();
        equals(&mut predicates, log::SERVICE, &search.service);
        equals(&mut predicates, log::TRACE, &search.trace);
        if !search.severity.is_empty() {
            let lowest = match domain::telemetry::severity_number(&search.severity) {
                0 => {
                    return Err(EngineError::Invalid(format!(
                        "“{}” is no severity; use trace, debug, info, warn, error or fatal",
                        search.severity
                    )));
                }
                number => f64::from((number - 1) / 4 * 4 + 1),
            };
            predicates.push(Predicate::Between { column: log::LEVEL.into(), low: lowest, high: 24.0 });
        }
        says(&mut predicates, &log::SEARCHED, &search.text);
        attributes(&mut predicates, log::ATTRIBUTES, &search.attributes)?;
        let Some(stream) = stream else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        let (frame, next) = self.page(&stream, range, predicates, from, limit).await?;
        Ok(Page { items: (0..frame.rows()).map(|row| log_view(&frame, row)).collect(), next })
    }

    /// Feedback, business events or evaluations as JSON, newest first.
    ///
    /// # Errors
    /// Not allowed; a cursor that is none.
    pub async fn records_page(
        &self,
        actor: &Actor,
        kind: EventKind,
        environment: &str,
        range: TimeRange,
        conditions: &[(&str, &str)],
        from: Option<&str>,
        limit: usize,
    ) -> Result<Page<Value>> {
        let stream = self.telemetry(actor, kind, environment).await?;
        let mut predicates = Vec::new();
        conditions.iter().for_each(|(column, value)| equals(&mut predicates, column, value));
        let Some(stream) = stream else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        let (frame, next) = self.page(&stream, range, predicates, from, limit).await?;
        Ok(Page { items: (0..frame.rows()).map(|row| record(&frame, row)).collect(), next })
    }

    /// What people and business said of a prediction: joined by its id, its trace or its session.
    pub(crate) async fn said_of(
        &self,
        environment: &str,
        id: &str,
        trace: Option<&str>,
        session: Option<&str>,
    ) -> Result<BTreeMap<&'static str, Vec<Value>>> {
        let of = |kind, by_id| {
            let joins = [(by_id, Some(id)), ("trace_id", trace), ("session_id", session)];
            self.said_in(kind, environment, joins)
        };
        let (feedback, business, evaluations) = tokio::try_join!(
            of(EventKind::Feedback, "prediction_id"),
            of(EventKind::Business, "prediction_id"),
            of(EventKind::Evaluation, "response_id"),
        )?;
        let all = [("feedback", feedback), ("business", business), ("evaluations", evaluations)];
        Ok(all.into_iter().filter(|(_, found)| !found.is_empty()).collect())
    }

    async fn said_in(
        &self,
        kind: EventKind,
        environment: &str,
        joins: [(&str, Option<&str>); 3],
    ) -> Result<Vec<Value>> {
        let mut found: Vec<Value> = Vec::new();
        let Some(stream) = self.store.existing_telemetry_stream(kind, environment).await? else {
            return Ok(found);
        };
        for (column, value) in joins {
            let Some(value) = value.filter(|v| !v.is_empty()) else {
                continue;
            };
            // An evaluation is of an answer, never of all of a session.
            if kind == EventKind::Evaluation && column == "session_id" {
                continue;
            }
            let wanted = Predicate::OneOf { column: column.into(), values: vec![value.to_string()] };
            let read = Read { predicates: vec![wanted], ..Read::of(TimeRange::ALL, Columns::All) }.with_ids();
            let frame = self.store.newest_events(&stream, &read, 100).await?;
            for row in 0..frame.rows() {
                let one = record(&frame, row);
                if !found.contains(&one) {
                    found.push(one);
                }
            }
        }
        Ok(found)
    }
}

/// A row as JSON, empty values left out.
fn record(frame: &Frame, row: usize) -> Value {
    let mut object = Map::new();
    object.insert("id".into(), json!(frame.ids.get(row)));
    object.insert("timestamp".into(), json!(frame.times[row].to_string()));
    for column in &frame.columns {
        let value = match &column.data {
            ColumnData::Number(values) if values[row].is_nan() => continue,
            ColumnData::Number(values) => json!(values[row]),
            data => match data.text(row) {
                Some(text) => json!(text),
                None => continue,
            },
        };
        object.insert(column.name.clone(), value);
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_goes_on_where_a_page_ended() {
        let times = [Timestamp(9), Timestamp(7), Timestamp(7)];
        let next = next_cursor(&times, None).expect("a cursor");
        assert_eq!(cursor(Some(&next)).expect("reads"), Some((Timestamp(7), 2)));
        let later = next_cursor(&[Timestamp(7)], Some((Timestamp(7), 2))).expect("a cursor");
        assert_eq!(cursor(Some(&later)).expect("reads"), Some((Timestamp(7), 3)));
        assert!(cursor(Some("x")).is_err() && cursor(None).expect("none").is_none());
    }
}

//! Lines of logs that come without OpenTelemetry: JSON lines over HTTP, and syslog (RFC 5424).

use domain::problem::{LineError, Receipt};
use domain::telemetry::severity_number;
use domain::{Action, Actor, Object, Timestamp};
use serde_json::{Map, Value};

use super::otlp::attributes::cut;
use super::otlp::logs::{Line, Lines};
use super::{add_errors, environment_name};
use crate::{Engine, EngineError, Result};

/// Bytes of one line at most; the rest of it is cut off.
pub const LINE_BYTES: usize = 32 * 1024;
/// Lines of one request at most.
const LINES_MAX: usize = 100_000;

/// The names under which programs write what a line holds. What has none of them becomes an attribute.
const TIME: [&str; 6] = ["timestamp", "time", "ts", "@timestamp", "date", "t"];
const BODY: [&str; 5] = ["message", "msg", "body", "event", "log"];
const SEVERITY: [&str; 5] = ["level", "severity", "lvl", "severity_text", "loglevel"];
const SERVICE: [&str; 5] = ["service", "service.name", "service_name", "app", "logger"];
const HOST: [&str; 4] = ["host", "hostname", "host.name", "host_name"];
const TRACE: [&str; 4] = ["trace_id", "traceId", "trace.id", "dd.trace_id"];
const SPAN: [&str; 4] = ["span_id", "spanId", "span.id", "dd.span_id"];

fn take(object: &mut Map<String, Value>, names: &[&str]) -> Option<Value> {
    let name = names.iter().find(|name| object.get(**name).is_some_and(|v| !v.is_null()))?;
    object.shift_remove(*name)
}

fn words(value: Option<Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    }
}

fn time_of(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => {
            Timestamp::parse(text).or_else(|| text.parse().ok().and_then(Timestamp::from_epoch_number))
        }
        Value::Number(number) => number.as_f64().and_then(Timestamp::from_epoch_number),
        _ => None,
    }
}

fn add_json(
    lines: &mut Lines,
    environment: &str,
    service: &str,
    mut object: Map<String, Value>,
    now: Timestamp,
) -> std::result::Result<(), String> {
    let at = match take(&mut object, &TIME) {
        None => now,
        Some(value) => time_of(&value).ok_or_else(|| format!("“{}” is no time", cut(&value.to_string(), 60)))?,
    };
    let severity = match take(&mut object, &SEVERITY) {
        // pino and bunyan count in tens.
        Some(Value::Number(number)) => match number.as_i64().unwrap_or(0) {
            n @ 1..=9 => n as i32,
            n @ 10..=60 => [1, 5, 9, 13, 17, 21][(n / 10 - 1).clamp(0, 5) as usize],
            _ => 0,
        },
        other => severity_number(&words(other)),
    };
    let body = words(take(&mut object, &BODY));
    let own = words(take(&mut object, &SERVICE));
    let host = words(take(&mut object, &HOST));
    let (trace, span) = (words(take(&mut object, &TRACE)), words(take(&mut object, &SPAN)));
    let attributes = (!object.is_empty()).then(|| Value::Object(object).to_string());
    if attributes.as_ref().is_some_and(|a| a.len() > LINE_BYTES) {
        return Err(format!("the line’s fields have more than {LINE_BYTES} bytes"));
    }
    let service = if own.is_empty() { service } else { &own };
    lines.add(
        environment,
        &Line {
            at,
            service: cut(if service.is_empty() { "unknown" } else { service }, 256),
            host: (!host.is_empty()).then_some(cut(&host, 256)),
            severity,
            body: cut(&body, LINE_BYTES),
            trace_id: cut(&trace, 64),
            span_id: cut(&span, 64),
            event: "",
            attributes: attributes.as_deref(),
            resource: None,
        },
    );
    Ok(())
}

/// A message of syslog.
#[derive(Debug, Clone, PartialEq)]
pub struct Syslog {
    pub at: Option<Timestamp>,
    pub severity: i32,
    pub host: String,
    pub app: String,
    pub attributes: Map<String, Value>,
    pub body: String,
}

/// Reads a message as RFC 5424 writes it; one of the older form keeps what stands behind its priority.
///
/// # Errors
/// What is no message of syslog at all.
pub fn syslog(text: &str) -> std::result::Result<Syslog, String> {
    let wrong = || format!("“{}” is no message of syslog: it begins with <PRIORITY>", cut(text, 40));
    let (priority, rest) = text.strip_prefix('<').and_then(|t| t.split_once('>')).ok_or_else(wrong)?;
    let priority: u8 = priority.parse().ok().filter(|p| *p < 192).ok_or_else(wrong)?;
    // Emergency, alert, critical, error, warning, notice, informational, debug.
    let severity = [24, 19, 18, 17, 13, 10, 9, 5][usize::from(priority & 7)];
    let mut attributes = Map::new();
    attributes.insert("syslog.facility".into(), (priority >> 3).into());
    let Some(rest) = rest.strip_prefix("1 ") else {
        return Ok(Syslog {
            at: None,
            severity,
            host: String::new(),
            app: String::new(),
            attributes,
            body: rest.trim().into(),
        });
    };
    let mut words = rest.splitn(6, ' ');
    let mut word = || {
        words.next().map(|w| if w == "-" { "" } else { w }).ok_or("a message of RFC 5424 has six parts before its text")
    };
    let (time, host, app, process, message) = (word()?, word()?, word()?, word()?, word()?);
    let rest = word()?;
    for (name, value) in [("process.pid", process), ("syslog.msgid", message)] {
        if !value.is_empty() {
            attributes.insert(name.into(), value.into());
        }
    }
    let body = structured(rest, &mut attributes)?;
    let at = if time.is_empty() {
        None
    } else {
        Some(Timestamp::parse(time).ok_or_else(|| format!("“{}” is no time", cut(time, 40)))?)
    };
    Ok(Syslog {
        at,
        severity,
        host: host.into(),
        app: app.into(),
        attributes,
        body: body.trim_start_matches('\u{feff}').trim_end().into(),
    })
}

/// `[id name="value" …]…` and the text behind it.
fn structured<'a>(text: &'a str, attributes: &mut Map<String, Value>) -> std::result::Result<&'a str, String> {
    // “-” was read as nothing.
    let Some(mut rest) = text.strip_prefix('[') else {
        return Ok(text.strip_prefix("- ").unwrap_or(text));
    };
    let unclosed = || "the structured data is not closed".to_string();
    loop {
        let end = rest.find([' ', ']']).ok_or_else(unclosed)?;
        let id = &rest[..end];
        rest = &rest[end..];
        while let Some(parameter) = rest.strip_prefix(' ') {
            let (name, after) = parameter.split_once("=\"").ok_or_else(unclosed)?;
            let mut value = String::new();
            let mut escaped = false;
            let mut closed = None;
            for (place, c) in after.char_indices() {
                match c {
                    '\\' if !escaped => escaped = true,
                    '"' if !escaped => {
                        closed = Some(place);
                        break;
                    }
                    c => {
                        value.push(c);
                        escaped = false;
                    }
                }
            }
            rest = &after[closed.ok_or_else(unclosed)? + 1..];
            if attributes.len() < 64 {
                attributes.insert(format!("{}.{}", cut(id, 64), cut(name, 64)), value.into());
            }
        }
        rest = rest.strip_prefix(']').ok_or_else(unclosed)?;
        match rest.strip_prefix('[') {
            Some(next) => rest = next,
            None => return Ok(rest.strip_prefix(' ').unwrap_or(rest)),
        }
    }
}

impl Engine {
    /// Keeps lines of JSON as lines of a log.
    ///
    /// # Errors
    /// Not allowed; too many lines. Lines that are wrong are named in the receipt.
    pub async fn ingest_log_lines(
        &self,
        actor: &Actor,
        environment: Option<&str>,
        service: &str,
        body: &[u8],
    ) -> Result<Receipt> {
        self.may(actor, Action::Ingest, &Object::Installation)?;
        let environment = environment_name(environment)?;
        let now = self.now();
        let mut receipt = Receipt::default();
        let read = tokio::task::block_in_place(|| -> Result<_> {
            let mut lines = Lines::default();
            let mut good = 0_u64;
            let mut add = |line: u64, object: Value, errors: &mut Vec<LineError>| {
                let outcome = match object {
                    Value::Object(object) => add_json(&mut lines, &environment, service, object, now),
                    _ => Err("a line is a JSON object".into()),
                };
                match outcome {
                    Ok(()) => good += 1,
                    Err(reason) => errors.push(LineError { line, field: None, reason }),
                }
            };
            let mut errors = Vec::new();
            if body.trim_ascii_start().first() == Some(&b'[') {
                let list: Vec<Value> = serde_json::from_slice(body)
                    .map_err(|e| EngineError::Invalid(format!("the body is no array of JSON: {e}")))?;
                for (line, object) in (1..).zip(list) {
                    add(line, object, &mut errors);
                }
            } else {
                for (line, text) in (1..).zip(body.split(|b| *b == b'\n')) {
                    if text.trim_ascii().is_empty() {
                        continue;
                    }
                    if line > LINES_MAX as u64 {
                        return Err(EngineError::TooLarge(format!("a request holds at most {LINES_MAX} lines")));
                    }
                    match serde_json::from_slice(text) {
                        Ok(object) => add(line, object, &mut errors),
                        Err(error) => errors.push(LineError { line, field: None, reason: error.to_string() }),
                    }
                }
            }
            Ok((lines, good, errors))
        })?;
        let (lines, good, errors) = read;
        add_errors(&mut receipt, errors);
        receipt.accepted = self.keep_events(domain::event::EventKind::Log, lines.finish()).await?;
        receipt.duplicates = good - receipt.accepted;
        Ok(receipt)
    }

    /// Keeps messages of syslog; gives how many were kept, and why the first of the others was not.
    pub async fn ingest_syslog(&self, messages: &[String], peer: &str) -> Result<(u64, u64, Option<String>)> {
        let now = self.now();
        let mut lines = Lines::default();
        let (mut refused, mut reason) = (0, None);
        for text in messages {
            match syslog(text) {
                Ok(message) => {
                    let attributes = Value::Object(message.attributes).to_string();
                    let host = if message.host.is_empty() { peer } else { &message.host };
                    let line = Line {
                        at: message.at.unwrap_or(now),
                        service: cut(if message.app.is_empty() { "syslog" } else { &message.app }, 256),
                        host: Some(cut(host, 256)),
                        severity: message.severity,
                        body: cut(&message.body, LINE_BYTES),
                        trace_id: "",
                        span_id: "",
                        event: "",
                        attributes: Some(&attributes),
                        resource: None,
                    };
                    lines.add("production", &line);
                }
                Err(why) => {
                    refused += 1;
                    reason.get_or_insert(why);
                }
            }
        }
        let kept = self.keep_events(domain::event::EventKind::Log, lines.finish()).await?;
        Ok((kept, refused, reason))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_the_standard_is_read() {
        let text = "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" eventSource=\"App\\\"lication\"][b x=\"1\"] \u{feff}An application event";
        let read = syslog(text).expect("reads");
        assert_eq!((read.severity, read.host.as_str(), read.app.as_str()), (10, "mymachine.example.com", "evntslog"));
        assert_eq!(read.attributes["exampleSDID@32473.eventSource"], "App\"lication");
        assert_eq!(read.attributes["b.x"], "1");
        assert_eq!(read.body, "An application event");
        assert_eq!(read.at, Timestamp::parse("2003-10-11T22:14:15.003Z"));
        let bare = syslog("<34>1 - host su - - - it failed").expect("reads");
        assert_eq!((bare.at, bare.severity, bare.body.as_str()), (None, 18, "it failed"));
        assert_eq!(syslog("<13>Oct 11 22:14:15 old form").expect("reads").body, "Oct 11 22:14:15 old form");
        assert!(syslog("hello").is_err() && syslog("<999>1 x").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "<[0-9]{1,3}>1? ?[ -~\u{e9}]{0,120}") {
            let _ = syslog(&text);
        }
    }
}

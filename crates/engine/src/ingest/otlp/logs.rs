//! Log records: rows of the stream of logs; evaluations of models where they are such.

use std::collections::{BTreeMap, HashMap};

use domain::Timestamp;
use domain::event::EventBatch;
use domain::telemetry::{log, severity_name};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use xxhash_rust::xxh3::Xxh3Default;

use super::attributes::{all, body, cut, text};
use super::batch::Rows;
use super::gen_ai;
use super::micros;
use super::resource::Source;
use crate::ingest::privacy::Privacy;
use crate::signature::hex;

#[derive(Default)]
pub struct Read {
    /// By environment.
    pub logs: BTreeMap<String, EventBatch>,
    pub evaluations: Vec<gen_ai::Evaluation>,
    pub accepted: u64,
}

/// One line of a log, whoever sent it.
pub struct Line<'a> {
    pub at: Timestamp,
    pub service: &'a str,
    pub host: Option<&'a str>,
    /// 1 to 24 as OpenTelemetry counts; 0 where nobody said.
    pub severity: i32,
    pub body: &'a str,
    pub trace_id: &'a str,
    pub span_id: &'a str,
    pub event: &'a str,
    pub attributes: Option<&'a str>,
    pub resource: Option<&'a str>,
}

/// Lines by environment. A line has no id of its own: it gets one from what it says and when, and, of lines
/// that are the same in one request, from which of them it is. So a request that is sent again changes nothing.
#[derive(Default)]
pub struct Lines {
    rows: BTreeMap<String, Rows>,
    seen: HashMap<u128, u32>,
}

impl Lines {
    pub fn add(&mut self, environment: &str, line: &Line) {
        if !self.rows.contains_key(environment) {
            self.rows.insert(environment.to_string(), Rows::new(&log::WORDS, &log::NUMBERS));
        }
        let mut hash = Xxh3Default::new();
        hash.update(&line.at.0.to_le_bytes());
        for part in [line.service, line.body, line.trace_id, line.span_id, line.attributes.unwrap_or_default()] {
            hash.update(&(part.len() as u32).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(line.host.unwrap_or_default().as_bytes());
        let known = self.seen.entry(hash.digest128()).or_default();
        *known += 1;
        hash.update(&known.to_le_bytes());
        let hash = hash.digest128();
        let id = uuid(hash);
        let words = [
            Some(line.body),
            Some(line.service),
            line.host,
            Some(severity_name(line.severity)),
            Some(line.trace_id),
            Some(line.span_id),
            Some(line.event),
            line.attributes,
            line.resource,
        ];
        if let Some(rows) = self.rows.get_mut(environment) {
            rows.push(id, line.at, &words, &[(line.severity > 0).then_some(f64::from(line.severity))]);
        }
    }

    pub fn finish(self) -> BTreeMap<String, EventBatch> {
        self.rows.into_iter().map(|(environment, rows)| (environment, rows.finish())).collect()
    }
}

/// In the shape that the store keeps in sixteen bytes.
fn uuid(hash: u128) -> String {
    let text = format!("{hash:032x}");
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

pub fn read(request: &ExportLogsServiceRequest, privacy: &Privacy, now: Timestamp) -> Read {
    let mut read = Read::default();
    let mut lines = Lines::default();
    for resource in &request.resource_logs {
        let source = Source::of(resource.resource.as_ref());
        let own = resource.resource.as_ref().map(|r| r.attributes.as_slice()).unwrap_or_default();
        let (about, host) = (all(own, privacy), text(own, &["host.name"]));
        for scope in &resource.scope_logs {
            for record in &scope.log_records {
                read.accepted += 1;
                add(&mut lines, record, &source, about.as_deref(), host.as_deref(), privacy, now);
                gen_ai::of_log(record, &source, now, &mut read.evaluations);
            }
        }
    }
    read.logs = lines.finish();
    read
}

fn add(
    lines: &mut Lines,
    record: &LogRecord,
    source: &Source,
    about: Option<&str>,
    host: Option<&str>,
    privacy: &Privacy,
    now: Timestamp,
) {
    let at = match (record.time_unix_nano, record.observed_time_unix_nano) {
        (0, 0) => now,
        (0, observed) => micros(observed),
        (time, _) => micros(time),
    };
    let said = record.event_name.starts_with("gen_ai.");
    let body = if said && !privacy.keeps_text() { String::new() } else { body(record.body.as_ref(), privacy, said) };
    let attributes = all(&record.attributes, privacy);
    let severity = if (1..=24).contains(&record.severity_number) {
        record.severity_number
    } else {
        domain::telemetry::severity_number(&record.severity_text)
    };
    let line = Line {
        at,
        service: &source.service,
        host,
        severity,
        body: &body,
        trace_id: &hex(&record.trace_id),
        span_id: &hex(&record.span_id),
        event: cut(&record.event_name, 256),
        attributes: attributes.as_deref(),
        resource: about,
    };
    lines.add(&source.environment, &line);
}

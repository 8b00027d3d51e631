//! Prometheus remote read: a Prometheus asks for samples that are kept here, and evaluates its own queries
//! over them.
//!
//! Answers are whole samples; the streamed kind is an offer that a server may leave aside.

use domain::{Action, Actor, Object};
use promql::Query;
use prost::Message;

use crate::ingest::remote_write::unpacked;
use crate::{Engine, EngineError, Result};

/// Samples of one answer at most: it is made in memory.
const SAMPLES_MAX: usize = 5_000_000;
/// Questions of one request.
const QUERIES_MAX: usize = 64;

#[derive(Clone, PartialEq, Message)]
struct ReadRequest {
    #[prost(message, repeated, tag = "1")]
    queries: Vec<ReadQuery>,
}

#[derive(Clone, PartialEq, Message)]
struct ReadQuery {
    #[prost(int64, tag = "1")]
    start_timestamp_ms: i64,
    #[prost(int64, tag = "2")]
    end_timestamp_ms: i64,
    #[prost(message, repeated, tag = "3")]
    matchers: Vec<LabelMatcher>,
}

#[derive(Clone, PartialEq, Message)]
struct LabelMatcher {
    /// 0 is `=`, 1 `!=`, 2 `=~`, 3 `!~`.
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct ReadResponse {
    #[prost(message, repeated, tag = "1")]
    results: Vec<QueryResult>,
}

#[derive(Clone, PartialEq, Message)]
struct QueryResult {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// The matchers as PromQL writes them.
fn selector(matchers: &[LabelMatcher]) -> Result<Query> {
    let mut parts = Vec::with_capacity(matchers.len());
    for matcher in matchers {
        let sign = ["=", "!=", "=~", "!~"].get(usize::try_from(matcher.kind).unwrap_or(usize::MAX));
        let sign = sign.ok_or_else(|| EngineError::Invalid("a matcher is of no known kind".into()))?;
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if matcher.name.is_empty() || !matcher.name.chars().all(word) {
            return Err(EngineError::Invalid(format!("“{}” is no name of a label", matcher.name)));
        }
        parts.push(format!("{}{sign}{:?}", matcher.name, matcher.value));
    }
    Ok(Query::parse(&format!("{{{}}}", parts.join(",")))?)
}

impl Engine {
    /// Answers a request, packed as it came and packed again.
    ///
    /// # Errors
    /// Not allowed; no such message; too many series or samples.
    pub async fn remote_read(&self, actor: &Actor, body: &[u8]) -> Result<Vec<u8>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let message = unpacked(body)?;
        let request = ReadRequest::decode(message.as_slice()).map_err(|e| {
            EngineError::Invalid(format!("the request is no whole Protocol Buffers message of remote read: {e}"))
        })?;
        if request.queries.len() > QUERIES_MAX {
            return Err(EngineError::TooLarge(format!("a request asks at most {QUERIES_MAX} questions")));
        }
        let mut left = SAMPLES_MAX;
        let mut results = Vec::with_capacity(request.queries.len());
        for asked in &request.queries {
            let query = selector(&asked.matchers)?;
            // Both ends count here; a need begins after its `from`.
            let (from, to) = (asked.start_timestamp_ms.saturating_sub(1), asked.end_timestamp_ms);
            let mut timeseries: Vec<TimeSeries> =
                self.raw_samples(&query, from, to, &mut left).await?.into_iter().map(TimeSeries::from).collect();
            timeseries.sort_by(|a, b| a.labels.iter().map(as_pair).cmp(b.labels.iter().map(as_pair)));
            results.push(QueryResult { timeseries });
        }
        store::in_background(|| {
            let answer = ReadResponse { results }.encode_to_vec();
            snap::raw::Encoder::new().compress_vec(&answer).map_err(|e| EngineError::TooLarge(e.to_string()))
        })
    }
}

fn as_pair(label: &Label) -> (&str, &str) {
    (&label.name, &label.value)
}

impl From<promql::RawSeries> for TimeSeries {
    fn from(series: promql::RawSeries) -> Self {
        let labels = series.labels.into_iter().map(|(name, value)| Label { name, value }).collect();
        let samples = series.times.into_iter().zip(series.values);
        TimeSeries { labels, samples: samples.map(|(timestamp, value)| Sample { value, timestamp }).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use promql::NAME;

    #[test]
    fn matchers_are_read_as_promql_reads_them_whatever_stands_in_them() {
        let matcher = |kind, name: &str, value: &str| LabelMatcher { kind, name: name.into(), value: value.into() };
        for value in ["up", "a\"b", "a\\d+", "line\nbreak", "ü"] {
            assert!(selector(&[matcher(0, NAME, "up"), matcher(2, "job", value)]).is_ok(), "{value}");
        }
        assert!(selector(&[matcher(7, "a", "b")]).is_err());
        assert!(selector(&[matcher(0, "a=\"b\",c", "b")]).is_err());
    }
}

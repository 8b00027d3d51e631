//! What calls say of services over a range: how many, how fast, how many failed.

use serde::{Deserialize, Serialize};

use crate::format;
use crate::health::Status;
use crate::{TimeRange, Timestamp};

/// Shares of failed calls from which a service is in trouble, and failing.
pub const TROUBLE: f64 = 0.01;
pub const FAILING: f64 = 0.05;
/// Times its usual p95 from which a service is slow, and very slow.
pub const SLOW: f64 = 1.5;
pub const VERY_SLOW: f64 = 2.5;
/// Calls that a comparison needs on each side.
const ENOUGH: u64 = 20;
/// Upper edges of the rows of a heat map in milliseconds, about three a decade; what is slower is in the last.
pub const HEAT_EDGES: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0];

/// Calls added up.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Calls {
    pub calls: u64,
    pub errors: u64,
    /// NaN where there were none.
    #[serde(deserialize_with = "crate::number::number")]
    pub p50_ms: f64,
    #[serde(deserialize_with = "crate::number::number")]
    pub p95_ms: f64,
}

impl Calls {
    /// `None` without calls: nothing failed and nothing worked.
    pub fn error_share(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.errors as f64 / self.calls as f64)
    }

    /// By failures alone.
    pub fn status(&self) -> Status {
        match self.error_share() {
            None => Status::NoData,
            Some(s) if s >= FAILING => Status::Critical,
            Some(s) if s >= TROUBLE => Status::Poor,
            Some(_) => Status::Good,
        }
    }
}

/// One service: of late, usually, and over the range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceRow {
    pub name: String,
    /// The system its newest span names; empty where none does.
    #[serde(default)]
    pub system: String,
    /// In the newest part of the range, [`Traffic::recent`] long.
    pub now: Calls,
    /// In the rest of it.
    pub usual: Calls,
    /// Calls in each step.
    pub calls: Vec<f64>,
    /// p95 of each step in ms; `None` without calls.
    pub p95_ms: Vec<Option<f64>>,
    /// Newest values of signals that name this service: how many wait, shares of CPU and GPU in use.
    pub queue: Option<f64>,
    pub cpu: Option<f64>,
    pub gpu: Option<f64>,
}

impl ServiceRow {
    /// By failures, then by how much slower it is than it was in the range.
    pub fn status(&self) -> Status {
        let of_errors = self.now.status();
        if of_errors < Status::Good {
            return of_errors;
        }
        match self.slower() {
            Some(times) if times >= VERY_SLOW => Status::Poor,
            Some(times) if times >= SLOW => Status::Fair,
            _ => of_errors,
        }
    }

    /// How many times its usual p95, where both sides have enough calls to say.
    pub fn slower(&self) -> Option<f64> {
        let enough = self.now.calls >= ENOUGH && self.usual.calls >= ENOUGH && self.usual.p95_ms > 0.0;
        enough.then(|| self.now.p95_ms / self.usual.p95_ms)
    }
}

/// The calls of a range.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Traffic {
    pub range: Option<TimeRange>,
    /// Microseconds of a step, and of the newest part that is held against the rest.
    pub step: i64,
    pub recent: i64,
    /// Calls from outside: the first span of each trace.
    pub now: Calls,
    pub usual: Calls,
    /// Most called first.
    pub services: Vec<ServiceRow>,
    /// Calls from outside by step, then by row of [`HEAT_EDGES`], the fastest first, with one row more for what is slower.
    pub heat: Vec<Vec<u32>>,
    /// Spans this rests on, and since when: a range with more than are read begins later.
    pub spans: u64,
    pub since: Option<Timestamp>,
}

impl Traffic {
    /// Calls of the newest part as a rate with its unit: a second, or a minute where they are few.
    pub fn rate(&self, calls: u64) -> (String, &'static str) {
        let per_second = if self.recent > 0 { calls as f64 / (self.recent as f64 / 1e6) } else { 0.0 };
        if per_second > 0.0 && per_second < 1.0 {
            (format::fixed(per_second * 60.0, 1), "/min")
        } else {
            (format::compact(per_second), "/s")
        }
    }
}

/// The row of a heat map that a duration belongs to.
pub fn heat_row(ms: f64) -> usize {
    HEAT_EDGES.iter().position(|edge| ms < *edge).unwrap_or(HEAT_EDGES.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(now: Calls, usual: Calls) -> ServiceRow {
        ServiceRow {
            name: String::new(),
            system: String::new(),
            now,
            usual,
            calls: vec![],
            p95_ms: vec![],
            queue: None,
            cpu: None,
            gpu: None,
        }
    }

    fn calls(calls: u64, errors: u64, p95_ms: f64) -> Calls {
        Calls { calls, errors, p50_ms: p95_ms / 2.0, p95_ms }
    }

    #[test]
    fn a_service_is_judged_by_failures_first_and_then_by_its_own_usual_speed() {
        assert_eq!(row(calls(100, 6, 10.0), calls(1000, 0, 10.0)).status(), Status::Critical);
        assert_eq!(row(calls(100, 0, 30.0), calls(1000, 0, 10.0)).status(), Status::Poor);
        assert_eq!(row(calls(100, 0, 16.0), calls(1000, 0, 10.0)).status(), Status::Fair);
        assert_eq!(row(calls(100, 0, 10.0), calls(1000, 0, 10.0)).status(), Status::Good);
    }

    #[test]
    fn few_calls_say_nothing_of_speed_and_none_say_nothing_at_all() {
        assert_eq!(row(calls(5, 0, 900.0), calls(1000, 0, 10.0)).status(), Status::Good);
        assert_eq!(row(Calls::default(), calls(1000, 0, 10.0)).status(), Status::NoData);
    }

    #[test]
    fn every_duration_has_a_row() {
        assert_eq!(heat_row(0.0), 0);
        assert_eq!(heat_row(1.0), 1);
        assert_eq!(heat_row(f64::INFINITY), HEAT_EDGES.len());
    }
}

//! Metrics: gauges and counters become series as they are, histograms series of cumulative counts by upper
//! bound (`le`), from which percentiles are right.
//!
//! What is reported as a difference since the last report is added up, so that a counter is a counter whoever
//! sends it. Exponential histograms keep their own bounds, as far as one factor of 1.09 between two: powers of
//! one base, so that reports of different resolution share them.

use std::collections::BTreeMap;

use domain::conventions;
use domain::signal::{Layer, Series};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use prost::Message;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

use super::Refused;
use super::attributes::{cut, text};
use super::exponential::Exponential;
use super::resource::Source;
use crate::counters::Counters;

/// Labels of a series at most.
const LABELS_MAX: usize = 64;
/// Bytes of a label's value.
const LABEL_BYTES: usize = 1024;
const DELTA: i32 = 1;

/// A value of one series, before it is known by number.
pub struct Point {
    /// Equal for equal series.
    pub spelling: u128,
    /// Nanoseconds since 1970.
    pub at: u64,
    pub value: f64,
    /// Whether it says by how much a counter grew.
    pub delta: bool,
    /// Where to read the series' labels: see [`Read::series`].
    place: usize,
    part: Part,
}

/// Which series of a metric a point belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Whole,
    Sum,
    Count,
    Bucket(f64),
    Quantile(f64),
}

/// A metric of one source with one set of attributes.
struct Spelled<'a> {
    source: usize,
    metric: &'a Metric,
    attributes: &'a [KeyValue],
    monotonic: bool,
}

pub struct Read<'a> {
    counters: &'a Counters,
    sources: Vec<Source>,
    spelled: Vec<Spelled<'a>>,
    pub points: Vec<Point>,
    /// Histograms that were added up on the way.
    pub histograms: Vec<u128>,
    /// Points of metrics as the sender counts them.
    pub accepted: u64,
    pub refused: Refused,
}

pub fn read<'a>(request: &'a ExportMetricsServiceRequest, counters: &'a Counters) -> Read<'a> {
    let mut read = Read {
        counters,
        sources: Vec::new(),
        spelled: Vec::new(),
        points: Vec::new(),
        histograms: Vec::new(),
        accepted: 0,
        refused: Refused::default(),
    };
    for resource in &request.resource_metrics {
        let mut hash = Xxh3Default::new();
        if let Some(resource) = &resource.resource {
            hash.update(&resource.encode_to_vec());
        }
        let of_source = hash.digest128();
        read.sources.push(Source::of(resource.resource.as_ref()));
        for metric in resource.scope_metrics.iter().flat_map(|s| &s.metrics) {
            read.metric(metric, of_source);
        }
    }
    read
}

impl<'a> Read<'a> {
    fn metric(&mut self, metric: &'a Metric, of_source: u128) {
        let mut hash = Xxh3Default::new();
        hash.update(&of_source.to_le_bytes());
        hash.update(metric.name.as_bytes());
        hash.update(&[0]);
        hash.update(metric.unit.as_bytes());
        let base = hash.digest128();
        if metric.name.is_empty() {
            self.refused.add(points_of(metric), "a metric has no name");
            return;
        }
        match &metric.data {
            None => {}
            Some(Data::Gauge(gauge)) => {
                for point in &gauge.data_points {
                    self.number(
                        metric,
                        &point.attributes,
                        base,
                        (point.time_unix_nano, point.flags),
                        point.value,
                        false,
                        false,
                    );
                }
            }
            Some(Data::Sum(sum)) => {
                let delta = sum.aggregation_temporality == DELTA;
                for point in &sum.data_points {
                    let when = (point.time_unix_nano, point.flags);
                    self.number(metric, &point.attributes, base, when, point.value, delta, sum.is_monotonic);
                }
            }
            Some(Data::Histogram(histogram)) => {
                let delta = histogram.aggregation_temporality == DELTA;
                for point in &histogram.data_points {
                    let Some((place, hash)) =
                        self.begin(metric, &point.attributes, base, (point.time_unix_nano, point.flags), true)
                    else {
                        continue;
                    };
                    if !point.bucket_counts.is_empty() && point.bucket_counts.len() != point.explicit_bounds.len() + 1 {
                        self.accepted -= 1;
                        self.refused.add(1, "a histogram has not one more counts than bounds");
                        continue;
                    }
                    let mut add = |part, value: f64| {
                        self.points.push(made(place, hash, point.time_unix_nano, part, value, delta))
                    };
                    add(Part::Count, point.count as f64);
                    if let Some(sum) = point.sum {
                        add(Part::Sum, sum);
                    }
                    let mut sum = 0_u64;
                    for (i, count) in point.bucket_counts.iter().enumerate() {
                        sum = sum.saturating_add(*count);
                        let upper = point.explicit_bounds.get(i).copied().unwrap_or(f64::INFINITY);
                        add(Part::Bucket(upper), sum as f64);
                    }
                }
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                let delta = histogram.aggregation_temporality == DELTA;
                for point in &histogram.data_points {
                    let when = (point.time_unix_nano, point.flags);
                    let Some((place, hash)) = self.begin(metric, &point.attributes, base, when, true) else {
                        continue;
                    };
                    let mut whole = Exponential::of(point);
                    if delta {
                        whole = self.counters.add_histogram(hash, whole);
                        self.histograms.push(hash);
                    }
                    let mut add = |part, value: f64| {
                        self.points.push(made(place, hash, point.time_unix_nano, part, value, false));
                    };
                    add(Part::Count, whole.count as f64);
                    if let Some(sum) = whole.sum {
                        add(Part::Sum, sum);
                    }
                    for (upper, count) in whole.cumulative() {
                        add(Part::Bucket(upper), count);
                    }
                    add(Part::Bucket(f64::INFINITY), whole.count as f64);
                }
            }
            Some(Data::Summary(summary)) => {
                for point in &summary.data_points {
                    let Some((place, hash)) =
                        self.begin(metric, &point.attributes, base, (point.time_unix_nano, point.flags), true)
                    else {
                        continue;
                    };
                    let mut add = |part, value: f64| {
                        self.points.push(made(place, hash, point.time_unix_nano, part, value, false))
                    };
                    add(Part::Count, point.count as f64);
                    add(Part::Sum, point.sum);
                    for quantile in &point.quantile_values {
                        add(Part::Quantile(quantile.quantile), quantile.value);
                    }
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments)] // what a point of a metric says
    fn number(
        &mut self,
        metric: &'a Metric,
        attributes: &'a [KeyValue],
        base: u128,
        when: (u64, u32),
        value: Option<number_data_point::Value>,
        delta: bool,
        monotonic: bool,
    ) {
        let value = match value {
            Some(number_data_point::Value::AsDouble(value)) => value,
            Some(number_data_point::Value::AsInt(value)) => value as f64,
            None => f64::NAN,
        };
        if let Some((place, hash)) = self.begin(metric, attributes, base, when, monotonic) {
            self.points.push(made(place, hash, when.0, Part::Whole, value, delta));
        }
    }

    /// Begins the points of one set of attributes; `None` for one that says that it has no value.
    fn begin(
        &mut self,
        metric: &'a Metric,
        attributes: &'a [KeyValue],
        base: u128,
        (at, flags): (u64, u32),
        monotonic: bool,
    ) -> Option<(usize, u128)> {
        if at == 0 {
            self.refused.add(1, "a data point has no time");
            return None;
        }
        if attributes.len() > LABELS_MAX {
            self.refused.add(1, "a data point has more than 64 attributes");
            return None;
        }
        self.accepted += 1;
        // “No recorded value”: a gap, which is what is kept of it.
        if flags & 1 == 1 {
            return None;
        }
        let mut hash = Xxh3Default::new();
        hash.update(&base.to_le_bytes());
        for attribute in attributes {
            hash.update(attribute.key.as_bytes());
            hash.update(&[0]);
            if let Some(value) = &attribute.value {
                hash.update(&value.encode_to_vec());
            }
        }
        self.spelled.push(Spelled { source: self.sources.len() - 1, metric, attributes, monotonic });
        Some((self.spelled.len() - 1, hash.digest128()))
    }

    /// The series that a point belongs to.
    pub fn series(&self, point: &Point) -> Series {
        let spelled = &self.spelled[point.place];
        let metric = spelled.metric;
        let mut labels: BTreeMap<String, String> = self.sources[spelled.source].labels.clone();
        for attribute in spelled.attributes {
            if let Some(value) = text(std::slice::from_ref(attribute), &[attribute.key.as_str()]) {
                labels.insert(cut(&attribute.key, 256).to_string(), cut(&value, LABEL_BYTES).to_string());
            }
        }
        let known = conventions::of(&metric.name);
        let (suffix, unit) = match point.part {
            Part::Whole | Part::Quantile(_) => ("", None),
            Part::Sum => ("_sum", None),
            Part::Count => ("_count", Some("1")),
            Part::Bucket(_) => ("_bucket", Some("1")),
        };
        match point.part {
            Part::Bucket(upper) if upper == f64::INFINITY => drop(labels.insert("le".into(), "+Inf".into())),
            Part::Bucket(upper) => drop(labels.insert("le".into(), upper.to_string())),
            Part::Quantile(share) => drop(labels.insert("quantile".into(), share.to_string())),
            _ => {}
        }
        // A counter is known by its name, as in Prometheus.
        let counter = spelled.monotonic && point.part == Part::Whole && !metric.name.ends_with("total");
        let total = if counter && metric.name.contains('_') { "_total" } else { "" };
        Series {
            name: format!("{}{suffix}{total}", cut(&metric.name, 512)),
            labels,
            unit: unit.map_or_else(|| cut(&metric.unit, 64).to_string(), String::from),
            layer: known.map_or(Layer::Application, |k| k.layer),
            higher_is_better: known.and_then(|k| k.higher_is_better),
        }
    }
}

fn points_of(metric: &Metric) -> u64 {
    match &metric.data {
        None => 0,
        Some(Data::Gauge(d)) => d.data_points.len() as u64,
        Some(Data::Sum(d)) => d.data_points.len() as u64,
        Some(Data::Histogram(d)) => d.data_points.len() as u64,
        Some(Data::ExponentialHistogram(d)) => d.data_points.len() as u64,
        Some(Data::Summary(d)) => d.data_points.len() as u64,
    }
}

fn made(place: usize, of_attributes: u128, at: u64, part: Part, value: f64, delta: bool) -> Point {
    let (kind, which) = match part {
        Part::Whole => (0_u8, 0),
        Part::Sum => (1, 0),
        Part::Count => (2, 0),
        Part::Bucket(upper) => (3, upper.to_bits()),
        Part::Quantile(share) => (4, share.to_bits()),
    };
    let mut spelled = [0_u8; 25];
    spelled[..16].copy_from_slice(&of_attributes.to_le_bytes());
    spelled[16] = kind;
    spelled[17..].copy_from_slice(&which.to_le_bytes());
    Point { spelling: xxh3_128(&spelled), at, value, delta, place, part }
}

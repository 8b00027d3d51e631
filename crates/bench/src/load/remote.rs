//! Remote-write requests (v1): ten thousand series, half gauges that walk at random in steps of two
//! decimals, 30 % counters, 20 % steady.

use super::client::request;

pub(crate) const SERIES: usize = 10_000;
pub(crate) const STEP_MS: i64 = 10_000;

/// The series and where each stands.
pub(crate) struct Fleet {
    labels: Vec<Vec<u8>>,
    values: Vec<f64>,
    random: fastrand::Rng,
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn field(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    varint(out, number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// The message of some samples of one instant: headers and packed body.
pub(crate) fn write_request(samples: &[(Vec<(&str, String)>, f64)], millis: i64) -> (&'static str, Vec<u8>) {
    let mut body = Vec::new();
    for (labels, value) in samples {
        let mut timeseries = Vec::new();
        let mut sorted: Vec<&(&str, String)> = labels.iter().collect();
        sorted.sort();
        for (name, value) in sorted {
            let mut label = Vec::new();
            field(&mut label, 1, name.as_bytes());
            field(&mut label, 2, value.as_bytes());
            field(&mut timeseries, 1, &label);
        }
        let mut sample = vec![0x09];
        sample.extend_from_slice(&value.to_le_bytes());
        sample.push(0x10);
        varint(&mut sample, millis as u64);
        field(&mut timeseries, 2, &sample);
        field(&mut body, 1, &timeseries);
    }
    (HEADERS, snap::raw::Encoder::new().compress_vec(&body).unwrap_or_default())
}

const HEADERS: &str =
    "content-type: application/x-protobuf\r\ncontent-encoding: snappy\r\nx-prometheus-remote-write-version: 0.1.0\r\n";

impl Fleet {
    pub(crate) fn new(seed: u64) -> Fleet {
        let mut random = fastrand::Rng::with_seed(seed);
        let labels = (0..SERIES)
            .map(|i| {
                let pairs = [
                    ("__name__", format!("bench_metric_{:02}", i % 50)),
                    ("instance", format!("10.0.{}.{}:9100", i / 50 / 250, i / 50 % 250)),
                    ("job", "bench".to_string()),
                    ("zone", format!("zone-{}", i % 3)),
                ];
                let mut out = Vec::new();
                for (name, value) in &pairs {
                    let mut label = Vec::new();
                    field(&mut label, 1, name.as_bytes());
                    field(&mut label, 2, value.as_bytes());
                    field(&mut out, 1, &label);
                }
                out
            })
            .collect();
        let decimals = |i: usize| if (5..8).contains(&(i % 10)) { 1.0 } else { 100.0 };
        let values = (0..SERIES).map(|i| (random.f64() * 10_000.0).round() / decimals(i)).collect();
        Fleet { labels, values, random }
    }

    fn next(&mut self, series: usize) -> f64 {
        let step = match series % 10 {
            0..5 => f64::from(self.random.i32(-150..=150)) / 100.0,
            5..8 => f64::from(self.random.u32(0..2000)),
            _ => 0.0,
        };
        self.values[series] = ((self.values[series] + step) * 100.0).round() / 100.0;
        self.values[series]
    }

    /// One request with the next sample of `count` series from `first` on, at `millis`.
    pub(crate) fn request(&mut self, key: &str, first: usize, count: usize, millis: i64) -> Vec<u8> {
        let mut body = Vec::new();
        for series in first..first + count {
            let value = self.next(series);
            let mut sample = vec![0x09];
            sample.extend_from_slice(&value.to_le_bytes());
            sample.push(0x10);
            varint(&mut sample, millis as u64);
            let mut timeseries = self.labels[series].clone();
            field(&mut timeseries, 2, &sample);
            field(&mut body, 1, &timeseries);
        }
        let packed = snap::raw::Encoder::new().compress_vec(&body).unwrap_or_default();
        request("/api/v1/write", key, HEADERS, &packed).0
    }
}

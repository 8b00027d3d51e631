//! Signals: named time series with a unit, a layer and a direction.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The five layers watched together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    Infrastructure,
    Application,
    Quality,
    Users,
    Business,
}

impl Layer {
    pub const ALL: [Layer; 5] =
        [Layer::Infrastructure, Layer::Application, Layer::Quality, Layer::Users, Layer::Business];

    pub fn name(self) -> &'static str {
        match self {
            Layer::Infrastructure => "infrastructure",
            Layer::Application => "application",
            Layer::Quality => "quality",
            Layer::Users => "users",
            Layer::Business => "business",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Layer::Infrastructure => "Infrastructure",
            Layer::Application => "Application",
            Layer::Quality => "AI quality",
            Layer::Users => "User experience",
            Layer::Business => "Business impact",
        }
    }

    /// The layer's default share in a system's health (definitions: measures).
    pub fn weight(self) -> f64 {
        match self {
            Layer::Infrastructure | Layer::Application => 0.20,
            Layer::Quality => 0.30,
            Layer::Users | Layer::Business => 0.15,
        }
    }

    pub fn parse(text: &str) -> Option<Layer> {
        Layer::ALL.into_iter().find(|l| l.name() == text)
    }
}

/// What a series is: name, labels and what its numbers mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Series {
    /// `system.cpu.utilization`
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// UCUM-like: `1` for a ratio, `By`, `By/s`, `ms`, `Cel`, `W`.
    pub unit: String,
    pub layer: Layer,
    /// `None` where more is neither better nor worse (throughput).
    pub higher_is_better: Option<bool>,
}

impl Series {
    /// A stable text that is equal exactly when name and labels are.
    pub fn key(&self) -> String {
        let mut key = self.name.clone();
        for (label, value) in &self.labels {
            key.push('\u{1}');
            key.push_str(label);
            key.push('\u{2}');
            key.push_str(value);
        }
        key
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sample {
    pub at: Timestamp,
    /// NaN where nothing is known.
    #[serde(deserialize_with = "crate::number::number")]
    pub value: f64,
}

/// One series with its points, as a chart takes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeriesData {
    pub series: Series,
    /// In time order, down-sampled to what can be drawn, extremes kept.
    pub points: Vec<Sample>,
}

/// Keeps at most four points for each of `buckets` equal spans of time: first, lowest, highest,
/// last (the M4 rule), so that a line drawn from the result covers the same pixels.
pub fn downsample(points: &[Sample], buckets: usize) -> Vec<Sample> {
    if points.len() <= buckets.saturating_mul(4) || buckets == 0 {
        return points.to_vec();
    }
    let first = points[0].at.0;
    let span = (points[points.len() - 1].at.0 - first).max(1) as f64;
    let bucket_of = |s: &Sample| (((s.at.0 - first) as f64 / span) * buckets as f64).min(buckets as f64 - 1.0) as usize;
    let mut kept = Vec::with_capacity(buckets * 4);
    let mut start = 0;
    while start < points.len() {
        let bucket = bucket_of(&points[start]);
        let mut end = start;
        let (mut low, mut high) = (start, start);
        while end < points.len() && bucket_of(&points[end]) == bucket {
            if points[end].value < points[low].value {
                low = end;
            }
            if points[end].value > points[high].value {
                high = end;
            }
            end += 1;
        }
        let mut picks = [start, low, high, end - 1];
        picks.sort_unstable();
        let mut last = usize::MAX;
        for pick in picks {
            if pick != last {
                kept.push(points[pick]);
                last = pick;
            }
        }
        start = end;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downsampling_keeps_both_ends_and_the_one_spike() {
        let mut points: Vec<Sample> = (0..10_000).map(|i| Sample { at: Timestamp(i), value: (i % 7) as f64 }).collect();
        points[4321].value = 1e6;
        points[8765].value = -1e6;
        let kept = downsample(&points, 100);
        assert!(kept.len() <= 400);
        assert_eq!(kept[0], points[0]);
        assert_eq!(kept[kept.len() - 1], points[9_999]);
        assert!(kept.contains(&points[4321]) && kept.contains(&points[8765]));
        assert!(kept.windows(2).all(|p| p[0].at < p[1].at));
    }

    #[test]
    fn series_with_equal_labels_have_one_key_whatever_their_order() {
        let series = |pairs: &[(&str, &str)]| Series {
            name: "n".into(),
            labels: pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect(),
            unit: "1".into(),
            layer: Layer::Infrastructure,
            higher_is_better: None,
        };
        assert_eq!(series(&[("a", "1"), ("b", "2")]).key(), series(&[("b", "2"), ("a", "1")]).key());
        assert_ne!(series(&[("a", "1")]).key(), series(&[("a", "2")]).key());
    }
}

//! Health: from signals to layers to systems to one number, as the definitions state it.
//!
//! No data lowers confidence, not the score: absent parts are left out and the rest renormalised.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::signal::Layer;

/// Status of a score, by the design guide's table; decided on the unrounded score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    NoData,
    Critical,
    Poor,
    Fair,
    Good,
    Excellent,
}

impl Status {
    pub fn of(score: f64) -> Status {
        match score {
            s if s.is_nan() => Status::NoData,
            s if s >= 0.95 => Status::Excellent,
            s if s >= 0.90 => Status::Good,
            s if s >= 0.80 => Status::Fair,
            s if s >= 0.70 => Status::Poor,
            _ => Status::Critical,
        }
    }

    /// Also the CSS class and the symbol's name.
    pub fn name(self) -> &'static str {
        match self {
            Status::NoData => "unknown",
            Status::Critical => "critical",
            Status::Poor => "poor",
            Status::Fair => "fair",
            Status::Good => "good",
            Status::Excellent => "excellent",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Status::NoData => "No data",
            Status::Critical => "Critical",
            Status::Poor => "Poor",
            Status::Fair => "Fair",
            Status::Good => "Good",
            Status::Excellent => "Excellent",
        }
    }
}

/// A signal with what it should be and what it must not be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Judged {
    /// In words a reader knows: “CPU”, “Accuracy”.
    pub name: String,
    pub value: f64,
    pub target: f64,
    pub limit: f64,
    pub weight: f64,
    /// The value as it is shown.
    pub shown: String,
}

impl Judged {
    /// 1 at the target or better, 0.70 at the limit, linear between and on below, never under 0.
    pub fn score(&self) -> f64 {
        let span = self.limit - self.target;
        if span == 0.0 {
            return if self.value == self.target { 1.0 } else { 0.0 };
        }
        (1.0 - 0.30 * (self.value - self.target) / span).clamp(0.0, 1.0)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LayerHealth {
    pub layer: Layer,
    pub score: f64,
    pub signals: Vec<Judged>,
}

impl LayerHealth {
    /// Weighted mean of its signals, at most the worst + 0.25. `None` without signals.
    pub fn of(layer: Layer, signals: Vec<Judged>) -> Option<LayerHealth> {
        let weight: f64 = signals.iter().map(|s| s.weight).sum();
        if signals.is_empty() || weight <= 0.0 {
            return None;
        }
        let mean = signals.iter().map(|s| s.score() * s.weight).sum::<f64>() / weight;
        let worst = signals.iter().map(Judged::score).fold(f64::INFINITY, f64::min);
        Some(LayerHealth { layer, score: mean.min(worst + 0.25), signals })
    }

    pub fn worst(&self) -> Option<&Judged> {
        self.signals.iter().min_by(|a, b| a.score().total_cmp(&b.score()))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SystemHealth {
    pub system: String,
    pub title: String,
    pub weight: f64,
    /// `None` when no layer has data.
    pub score: Option<f64>,
    pub layers: Vec<LayerHealth>,
}

impl SystemHealth {
    pub fn of(system: String, title: String, weights: &HealthWeights, layers: Vec<LayerHealth>) -> SystemHealth {
        let weight = |l: &LayerHealth| weights.layer(l.layer);
        let total: f64 = layers.iter().map(weight).sum();
        let score = (total > 0.0).then(|| layers.iter().map(|l| l.score * weight(l)).sum::<f64>() / total);
        SystemHealth { weight: weights.system(&system), system, title, score, layers }
    }

    pub fn status(&self) -> Status {
        self.score.map_or(Status::NoData, Status::of)
    }

    pub fn layer(&self, layer: Layer) -> Option<&LayerHealth> {
        self.layers.iter().find(|l| l.layer == layer)
    }
}

/// How much each layer and system counts; what is not named counts as by default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HealthWeights {
    #[serde(default)]
    pub layers: BTreeMap<Layer, f64>,
    /// Business weight, 1 by default.
    #[serde(default)]
    pub systems: BTreeMap<String, f64>,
}

impl HealthWeights {
    pub fn layer(&self, layer: Layer) -> f64 {
        self.layers.get(&layer).copied().unwrap_or_else(|| layer.weight())
    }

    pub fn system(&self, system: &str) -> f64 {
        self.systems.get(system).copied().unwrap_or(1.0)
    }

    /// What is wrong with them, if anything.
    pub fn problem(&self) -> Option<String> {
        let bad = |w: &f64| !w.is_finite() || *w < 0.0 || *w > 1000.0;
        if self.layers.values().chain(self.systems.values()).any(bad) {
            return Some("a weight is a number from 0 to 1000".into());
        }
        let all: f64 = Layer::ALL.iter().map(|l| self.layer(*l)).sum();
        (all <= 0.0).then(|| "at least one layer has a weight".into())
    }
}

/// Systems by business weight; those without data are left out.
pub fn overall(systems: &[SystemHealth]) -> Option<f64> {
    let known: Vec<(f64, f64)> = systems.iter().filter_map(|s| Some((s.score?, s.weight))).collect();
    let weight: f64 = known.iter().map(|(_, w)| w).sum();
    (weight > 0.0).then(|| known.iter().map(|(s, w)| s * w).sum::<f64>() / weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(value: f64, weight: f64) -> Judged {
        Judged { name: "x".into(), value, target: 0.7, limit: 0.9, weight, shown: String::new() }
    }

    #[test]
    fn a_signal_is_1_at_its_target_and_070_at_its_limit() {
        assert_eq!(judged(0.5, 1.0).score(), 1.0);
        assert_eq!(judged(0.7, 1.0).score(), 1.0);
        assert!((judged(0.9, 1.0).score() - 0.70).abs() < 1e-12);
        assert!((judged(0.8, 1.0).score() - 0.85).abs() < 1e-12);
        assert_eq!(judged(9.0, 1.0).score(), 0.0);
    }

    #[test]
    fn it_works_for_signals_where_more_is_better() {
        let accuracy =
            Judged { name: "a".into(), value: 0.80, target: 0.83, limit: 0.80, weight: 1.0, shown: String::new() };
        assert!((accuracy.score() - 0.70).abs() < 1e-12);
    }

    #[test]
    fn one_broken_signal_holds_its_layer_down() {
        let layer =
            LayerHealth::of(Layer::Infrastructure, vec![judged(0.1, 9.0), judged(9.0, 1.0)]).expect("has signals");
        assert_eq!(layer.score, 0.25);
    }

    #[test]
    fn layers_without_data_do_not_lower_the_score() {
        let only = LayerHealth::of(Layer::Quality, vec![judged(0.5, 1.0)]).expect("has signals");
        let system = SystemHealth::of("s".into(), "S".into(), &HealthWeights::default(), vec![only]);
        assert_eq!(system.score, Some(1.0));
        let weights = HealthWeights { systems: BTreeMap::from([("n".to_string(), 5.0)]), ..HealthWeights::default() };
        let none = SystemHealth::of("n".into(), "N".into(), &weights, vec![]);
        assert_eq!(none.status(), Status::NoData);
        assert_eq!(overall(&[system, none]), Some(1.0));
    }

    #[test]
    fn status_is_decided_on_the_unrounded_score() {
        assert_eq!(Status::of(0.9499999), Status::Good);
        assert_eq!(Status::of(0.95), Status::Excellent);
        assert_eq!(Status::of(f64::NAN), Status::NoData);
    }
}

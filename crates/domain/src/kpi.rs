//! KPIs: a signal in business words, with a target and a date.

use serde::{Deserialize, Serialize};

use crate::health::{Judged, Status};
use crate::signal::{Layer, Sample};
use crate::{Timestamp, format};

/// What a number of a KPI is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum KpiUnit {
    #[default]
    Number,
    /// A share from 0 to 1, shown in percent.
    Share,
    Milliseconds,
    /// In the KPI's currency.
    Money,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Kpi {
    /// In business words: “Applications decided without a person”.
    pub name: String,
    /// PromQL whose first line is the value.
    pub query: String,
    pub layer: Layer,
    /// Empty for the whole installation.
    #[serde(default)]
    pub system: String,
    pub target: f64,
    /// Where its health is 0.70: the value that must not be reached.
    pub limit: f64,
    /// What others reach, for comparison only.
    #[serde(default)]
    pub benchmark: Option<f64>,
    /// When the target is to be met.
    #[serde(default)]
    pub objective: Option<Timestamp>,
    pub higher_is_better: bool,
    #[serde(default)]
    pub unit: KpiUnit,
    #[serde(default)]
    pub currency: String,
    #[serde(default)]
    pub owner: String,
}

pub const KPIS_AT_MOST: usize = 40;

impl Kpi {
    /// What is wrong with it, if anything. That the query can be read is for who reads queries to say.
    pub fn problem(&self) -> Option<String> {
        if self.name.trim().is_empty() || self.name.chars().count() > 80 {
            return Some("a KPI’s name has 1 to 80 characters".into());
        }
        if self.query.trim().is_empty() || self.query.len() > 2000 {
            return Some("a KPI has a query of at most 2,000 characters".into());
        }
        if !self.target.is_finite() || !self.limit.is_finite() || self.target == self.limit {
            return Some("a KPI’s target and limit are two different numbers".into());
        }
        if self.higher_is_better != (self.target > self.limit) {
            return Some(if self.higher_is_better {
                "where more is better the limit lies below the target".into()
            } else {
                "where less is better the limit lies above the target".into()
            });
        }
        (self.unit == KpiUnit::Money && self.currency.len() != 3)
            .then(|| "money has a currency of three letters, as EUR".into())
    }

    /// A value as people read it.
    pub fn shown(&self, value: f64) -> String {
        match self.unit {
            KpiUnit::Number => format::compact(value),
            KpiUnit::Share => format::percent(value),
            KpiUnit::Milliseconds => format::milliseconds(value),
            KpiUnit::Money => format::money(value, &self.currency),
        }
    }

    /// Held against its target and limit.
    pub fn judged(&self, value: f64) -> Judged {
        Judged {
            name: self.name.clone(),
            value,
            target: self.target,
            limit: self.limit,
            weight: 1.0,
            shown: self.shown(value),
        }
    }
}

/// A forecast: equally spaced values, each with what is not known about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fan {
    /// The last measured point.
    pub from: Timestamp,
    /// Microseconds between two.
    pub step: i64,
    /// The middle and its standard deviation, from one step after `from`.
    pub points: Vec<(f64, f64)>,
}

impl Fan {
    /// Half widths, in standard deviations, of the bands that hold the truth in 50, 80 and 95 of 100 such
    /// forecasts if errors are normal.
    pub const BANDS: [f64; 3] = [0.674, 1.282, 1.960];
}

/// A KPI with its value, as pages show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KpiView {
    pub kpi: Kpi,
    /// `None` where the query has no value now.
    pub value: Option<f64>,
    pub status: Status,
    /// The value one range earlier, for the difference.
    pub before: Option<f64>,
    pub trend: Vec<Sample>,
    /// When the trend meets the target (or leaves the limit), where a forecast says so.
    pub meets: Option<Timestamp>,
    pub leaves: Option<Timestamp>,
    pub ahead: Option<Fan>,
    /// Why there is no value, in words.
    pub problem: String,
}

impl KpiView {
    /// Where it stands, in two or three words and the sign that goes with them. Both are of the target first: a
    /// value a little off its target is no excellent one, though its part of the health may be.
    pub fn standing(&self) -> (Status, &'static str) {
        let kpi = &self.kpi;
        let met = self.value.map(|v| if kpi.higher_is_better { v >= kpi.target } else { v <= kpi.target });
        match (met, self.leaves) {
            (None, _) => (Status::NoData, "No data"),
            (_, Some(_)) => (self.status.min(Status::Fair), "On track to miss"),
            (Some(true), None) => (Status::Good, "On target"),
            (Some(false), None) if self.status < Status::Fair => (self.status, "Off target"),
            (Some(false), None) => (Status::Fair, if kpi.higher_is_better { "Just below" } else { "Just above" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided_at_once() -> Kpi {
        Kpi {
            name: "Decided at once".into(),
            query: "x".into(),
            layer: Layer::Users,
            system: String::new(),
            target: 0.8,
            limit: 0.6,
            benchmark: None,
            objective: None,
            higher_is_better: true,
            unit: KpiUnit::Share,
            currency: String::new(),
            owner: String::new(),
        }
    }

    #[test]
    fn a_kpi_s_limit_lies_on_the_worse_side_of_its_target() {
        let mut kpi = decided_at_once();
        assert_eq!(kpi.problem(), None);
        assert!((kpi.judged(0.6).score() - 0.70).abs() < 1e-12 && kpi.judged(0.9).score() == 1.0);
        kpi.higher_is_better = false;
        assert!(kpi.problem().is_some());
    }

    #[test]
    fn the_sign_of_a_kpi_says_what_its_words_say() {
        let at = |value: Option<f64>, leaves: Option<Timestamp>| {
            let kpi = decided_at_once();
            let status = value.map_or(Status::NoData, |v| Status::of(kpi.judged(v).score()));
            let (before, trend, meets, ahead) = (None, Vec::new(), None, None);
            KpiView { kpi, value, status, before, trend, meets, leaves, ahead, problem: String::new() }.standing()
        };
        assert_eq!(at(Some(0.8), None), (Status::Good, "On target"));
        // Its health is excellent, and its target is missed all the same.
        assert_eq!(at(Some(0.79), None), (Status::Fair, "Just below"));
        assert_eq!(at(Some(0.85), Some(Timestamp(0))), (Status::Fair, "On track to miss"));
        assert_eq!(at(Some(0.62), None), (Status::Poor, "Off target"));
        assert_eq!(at(Some(0.5), None), (Status::Critical, "Off target"));
        assert_eq!(at(None, None), (Status::NoData, "No data"));
    }
}

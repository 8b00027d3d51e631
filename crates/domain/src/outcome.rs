//! What users make of a system, and what it is worth: the two layers above quality.

use serde::{Deserialize, Serialize};

use crate::verdict::Estimate;

/// What feedback says (definitions: trust index). Each share has its own n; what nobody said is absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Experience {
    /// Accepted of accepted, edited and rejected.
    pub acceptance: Option<Estimate>,
    /// Edited or reversed of the same.
    pub overridden: Option<Estimate>,
    /// Handed over to a person, of tasks completed, failed and handed over.
    pub handed_over: Option<Estimate>,
    /// Completed, of tasks completed, failed, handed over and abandoned.
    pub completion: Option<Estimate>,
    /// Came back, of those who came back or abandoned.
    pub returned: Option<Estimate>,
    /// Mean grade from 0 to 1, thumbs counted as 0 and 1.
    pub satisfaction: Option<Estimate>,
    /// Asked for another answer, of all that was said.
    pub regenerated: Option<Estimate>,
    /// Mean of acceptance, 1 − overridden, 1 − handed over and returned, over those there are.
    pub trust: Option<Estimate>,
    /// Share of answers that were right as far as deeds let one think (weak labels, each corrected by how often its
    /// kind is true): what people copied, took back, handed over, asked again or left. Not truth.
    #[serde(default)]
    pub implied: Option<Estimate>,
    pub events: u64,
}

/// What business events add up to in one currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Impact {
    pub currency: String,
    pub revenue: f64,
    pub cost: f64,
    pub saving: f64,
    /// Revenue and saving less cost, with the interval that the scatter of single events gives.
    pub net: Estimate,
    /// Net over cost; `None` without cost.
    pub roi: Option<f64>,
    pub conversions: u64,
    pub comparison: Option<Uplift>,
}

/// What the system made of the difference, by whom or what it is held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Uplift {
    /// `control group` or `the range before`.
    pub against: String,
    /// Net an event more than there, times the events: money that would not have been.
    pub total: Estimate,
}

/// The two layers of one system.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OutcomeView {
    /// Empty for the whole installation.
    pub system: String,
    pub experience: Experience,
    pub impact: Vec<Impact>,
}

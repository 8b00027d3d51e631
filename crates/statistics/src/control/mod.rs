//! Statistical process control: is a process the one it was.
//!
//! Phase I sets a chart's limits from a time that was good; phase II holds new values against them
//! and never moves them.

mod attributes;
mod constants;
mod memory;
mod rules;
mod run_length;
mod variables;

pub use attributes::{AttributeChart, AttributeLimits, attribute_limits};
pub use constants::Constants;
pub use memory::{Cusum, CusumPoint, Ewma, EwmaPoint};
pub use rules::{Rule, violations};
pub use run_length::{cusum_arl, ewma_arl, limit_for_arl, shewhart_arl};
pub use variables::{Limits, individuals, moving_ranges, xbar_r, xbar_s};

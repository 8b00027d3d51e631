//! Mathematics on slices: what Plimsoll exists for, so it is our own, exact and fast.
//!
//! Pure functions, no domain types, no I/O. Each states its convention, because well-known tools
//! differ: the same name can hide two numbers. Golden numbers of the reference implementations are
//! in `tests/golden`, and every one is a test.
//!
//! Missing values are dropped by the caller unless a function says otherwise; NaN given to a
//! function that does not expect it gives NaN back, never a panic.

pub mod agreement;
pub mod autoencoder;
pub mod binning;
pub mod boosting;
pub mod calibration;
pub mod categorical;
pub mod choice;
pub mod classification;
pub mod control;
pub mod divergence;
pub mod domain_classifier;
pub mod fairness;
pub mod goodness;
pub mod intervals;
pub mod isolation_forest;
pub mod kernel;
pub mod kolmogorov_smirnov;
mod linear;
pub mod multiple_testing;
pub mod power;
pub mod principal;
pub mod probabilistic;
pub mod quantile;
pub mod ranking;
pub mod ranks;
pub mod regression;
pub mod sequential;
pub mod series;
pub mod sketch;
pub mod stream;
pub mod t_test;
pub mod threshold;
pub mod unlabelled;

//! The vocabulary of Plimsoll and the pure rules on it.
//!
//! One set of types serves the database, the API and the pages, so a word means the same everywhere.
//! Nothing here performs I/O, reads a clock or draws a random number: time and chance come in as
//! arguments. If that rule is broken, back-tests stop being the same function over the past and the
//! crate stops compiling for the browser.

pub mod access;
pub mod alert;
pub mod analysis;
pub mod annotation;
pub mod audit;
pub mod baseline;
mod civil;
pub mod conventions;
pub mod environment;
pub mod event;
pub mod evidence;
pub mod find;
pub mod format;
pub mod happening;
pub mod health;
pub mod incident;
pub mod kpi;
pub mod mention;
pub mod model;
pub mod monitor;
mod number;
pub mod outcome;
pub mod people;
pub mod prices;
pub mod problem;
pub mod response;
pub mod share;
pub mod signal;
pub mod span;
pub mod summary;
pub mod telemetry;
pub mod time;
pub mod traffic;
pub mod verdict;
pub mod view;
pub mod window;
pub mod zone;

pub use access::{Access, Action, Actor, Denied, Object, Role, Scope, authorize};
pub use health::Status;
pub use time::{TimeRange, Timestamp};

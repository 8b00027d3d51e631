//! Who did what, for whoever has to answer for it: kept apart from what pages say, and never changed.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Deeds of a page, and of an answer to a program.
pub const PAGE: usize = 100;
pub const PAGE_MAX: usize = 1000;

/// One deed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Deed {
    pub id: i64,
    pub at: Timestamp,
    /// `person 3`, `key 7`, `local`, `anonymous`.
    pub actor: String,
    /// The person's name and address, or the key's name, as they are now; empty where there is none any more.
    pub who: String,
    pub action: String,
    pub object: String,
}

/// Where deeds are sent as they are done, and how that goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Forwarding {
    /// Receivers that collect security events.
    pub able: Vec<String>,
    /// Who is told; empty is nobody.
    pub receiver: String,
    /// Deeds that wait, of the next batch at most.
    pub waiting: usize,
    /// Why they wait; empty where nothing was refused.
    pub problem: String,
}

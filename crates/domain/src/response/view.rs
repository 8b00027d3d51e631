//! What is kept, what a person does about a run, and what pages and the API show.

use serde::{Deserialize, Serialize};

use super::{Response, Run, Tally, Word};
use crate::Timestamp;

/// All that people prepared, as it is kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Responses {
    /// Nothing is proposed or sent since, by whom and why.
    pub stopped: Option<Word>,
    pub all: Vec<Response>,
}

/// What a person does about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum RunAct {
    /// The hash of the plan that was read, and one's own password once more.
    Approve {
        hash: String,
        reason: String,
        password: String,
    },
    Deny {
        reason: String,
    },
    Undo {
        reason: String,
    },
    /// Try it without effect once more.
    Try,
}

/// A response with what is known of it. Its secret is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResponseView {
    pub response: Response,
    pub signed: bool,
    pub tally: Tally,
    /// Why it would not run by itself now, although it may.
    pub held_back: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResponsesView {
    pub now: Timestamp,
    pub stopped: Option<Word>,
    pub all: Vec<ResponseView>,
    /// Newest first.
    pub runs: Vec<Run>,
}

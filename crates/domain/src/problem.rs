//! Errors as programs and people meet them: RFC 9457 problem documents.

use serde::{Deserialize, Serialize};

/// What was wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// Stable, for programs: `/problems/not-allowed`.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

impl Problem {
    pub fn new(status: u16, kind: &str, title: &str, detail: impl Into<String>) -> Problem {
        Problem {
            kind: format!("/problems/{kind}"),
            title: title.to_string(),
            status,
            detail: detail.into(),
            instance: None,
        }
    }
}

/// One line of a batch that was not kept; the rest was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LineError {
    /// 1-based line (NDJSON, CSV) or row (JSON array, Parquet).
    pub line: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    pub reason: String,
}

/// The answer to a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Receipt {
    /// Kept durably before this was sent.
    pub accepted: u64,
    /// Known ids with the same content: nothing to do.
    pub duplicates: u64,
    /// Known ids with other content: the first stays.
    pub changed_duplicates: u64,
    pub rejected: u64,
    /// Labels that came with the rows.
    #[serde(default)]
    pub labels: u64,
    /// The first hundred.
    pub errors: Vec<LineError>,
    /// Ids of changed duplicates, the first hundred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed_ids: Vec<String>,
}

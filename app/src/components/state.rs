//! The state that lives in the address: environment and range. Every link inside carries it.

use domain::time::{DAY, HOUR, MINUTE, RangeChoice};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;

/// Ranges offered; `All data` leads on model pages.
pub const RANGES: [RangeChoice; 8] = [
    RangeChoice::Last(15 * MINUTE),
    RangeChoice::Last(HOUR),
    RangeChoice::Last(6 * HOUR),
    RangeChoice::Last(DAY),
    RangeChoice::Last(7 * DAY),
    RangeChoice::Last(30 * DAY),
    RangeChoice::Last(365 * DAY),
    RangeChoice::All,
];

#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub environment: String,
    /// `None` where the address names no range and the page chooses.
    pub range: Option<RangeChoice>,
}

fn of(query: &ParamsMap) -> Place {
    let from = query.get("from");
    let range = RangeChoice::parse(from.as_deref(), query.get("to").as_deref(), RangeChoice::All);
    Place {
        environment: query.get("env").filter(|e| !e.is_empty()).unwrap_or_else(|| "production".to_string()),
        range: from.filter(|f| !f.is_empty()).map(|_| range),
    }
}

/// Where the reader is, from the address.
pub fn use_place() -> Memo<Place> {
    let query = use_query_map();
    let place = Memo::new(move |_| query.with(of));
    // Worked out here, once: parts of a page that are drawn side by side must not be the first to ask,
    // since a memo that two threads work out at once panics in one of them.
    place.with_untracked(|_| ());
    place
}

impl Place {
    /// A link inside the app, with environment and range.
    pub fn link(&self, path: &str) -> String {
        let mut parts = Vec::new();
        if self.environment != "production" {
            parts.push(format!("env={}", self.environment));
        }
        if let Some(range) = self.range {
            parts.push(range.query());
        }
        if parts.is_empty() { path.to_string() } else { format!("{path}?{}", parts.join("&")) }
    }
}

/// A value as an address may hold it.
pub fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

//! The state that lives in the address: environment and range. Every link inside carries it.

use super::zone::zone;
use domain::environment::{self, PRODUCTION};
use domain::time::{DAY, HOUR, MINUTE, RangeChoice};
use domain::zone::Zone;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;

/// Ranges offered; `All data` leads on model pages.
pub const RANGES: [RangeChoice; 9] = [
    RangeChoice::Last(15 * MINUTE),
    RangeChoice::Last(HOUR),
    RangeChoice::Last(6 * HOUR),
    RangeChoice::Last(DAY),
    RangeChoice::Last(7 * DAY),
    RangeChoice::MONTH,
    RangeChoice::Last(90 * DAY),
    RangeChoice::Last(365 * DAY),
    RangeChoice::All,
];

#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub environment: String,
    /// `None` where the address names no range and the page chooses.
    pub range: Option<RangeChoice>,
}

fn of(query: &ParamsMap, zone: &Zone) -> Place {
    let from = query.get("from");
    let range = RangeChoice::parse(from.as_deref(), query.get("to").as_deref(), RangeChoice::All, zone);
    Place {
        environment: environment::named(&query.get("env").unwrap_or_default()).to_string(),
        range: from.filter(|f| !f.is_empty()).map(|_| range),
    }
}

/// Where the reader is, from the address.
pub fn use_place() -> Memo<Place> {
    let query = use_query_map();
    let zone = zone();
    let place = Memo::new(move |_| query.with(|query| of(query, &zone)));
    // Worked out here, once: parts of a page that are drawn side by side must not be the first to ask,
    // since a memo that two threads work out at once panics in one of them.
    place.with_untracked(|_| ());
    place
}

impl Place {
    /// A link inside the app, with environment and range.
    pub fn link(&self, path: &str) -> String {
        let mut parts = Vec::new();
        if self.environment != PRODUCTION {
            parts.push(format!("env={}", self.environment));
        }
        if let Some(range) = self.range {
            parts.push(range.query());
        }
        let joint = if path.contains('?') { '&' } else { '?' };
        if parts.is_empty() { path.to_string() } else { format!("{path}{joint}{}", parts.join("&")) }
    }

    /// Environment and range as fields of a form that leads elsewhere in the app.
    pub fn fields(&self) -> AnyView {
        let query = self.link("");
        let pairs = query.trim_start_matches('?').split('&').filter_map(|pair| pair.split_once('='));
        let field = |(name, value): (&str, &str)| {
            let (name, value) = (name.to_string(), value.replace("%3A", ":"));
            view! { <input type="hidden" name=name value=value/> }
        };
        pairs.map(field).collect::<Vec<_>>().into_any()
    }

    /// The page that is looked at, elsewhere or at another time: its own parameters stay, filters with them.
    pub fn here(&self, path: &str, search: &str) -> String {
        let own: Vec<&str> = search
            .trim_start_matches('?')
            .split('&')
            .filter(|pair| {
                !pair.is_empty() && !["env", "from", "to"].contains(&pair.split('=').next().unwrap_or_default())
            })
            .collect();
        if own.is_empty() { self.link(path) } else { self.link(&format!("{path}?{}", own.join("&"))) }
    }

    /// The same with parameters of the page itself; empty ones are left out.
    pub fn link_to(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let mut text = self.link(path);
        for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
            text.push(if text.contains('?') { '&' } else { '?' });
            text.push_str(&format!("{name}={}", encoded(value)));
        }
        text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_range_keeps_what_else_the_address_says() {
        let place = Place { environment: "staging".into(), range: Some(RangeChoice::Last(HOUR)) };
        assert_eq!(
            place.here("/explore", "?q=up%7Ba%3D1%7D&from=now-6h&to=now&env=production&look=closer"),
            "/explore?q=up%7Ba%3D1%7D&look=closer&env=staging&from=now-1h"
        );
        assert_eq!(place.here("/alerts", ""), "/alerts?env=staging&from=now-1h");
        assert_eq!(place.link("/explore?view=map"), "/explore?view=map&env=staging&from=now-1h");
    }
}

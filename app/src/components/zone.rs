//! The zone in which times are shown: that of the address, else of the person, else UTC. It belongs to the
//! document, so that the server and the browser draw the same characters; another zone is another document.

use std::sync::Arc;

use domain::Timestamp;
use domain::zone::{Civil, Zone};
use leptos::prelude::*;

/// Puts the document's zone where pages find it.
pub fn provide_zone() {
    provide_context(Arc::new(of_document()));
}

#[cfg(feature = "ssr")]
pub(crate) fn of_document() -> Zone {
    let parts = use_context::<axum::http::request::Parts>();
    parts.and_then(|parts| parts.extensions.get::<Zone>().cloned()).unwrap_or_default()
}

#[cfg(not(feature = "ssr"))]
fn of_document() -> Zone {
    #[cfg(feature = "hydrate")]
    if let Some(root) = web_sys::window().and_then(|w| w.document()).and_then(|d| d.document_element()) {
        let told = root.get_attribute("data-zone").unwrap_or_default();
        return crate::wire::from_text(&told).unwrap_or_default();
    }
    Zone::default()
}

/// The document's zone. What runs on an event has no context: ask before.
pub fn zone() -> Arc<Zone> {
    use_context::<Arc<Zone>>().unwrap_or_default()
}

/// What stands beside times, as “UTC”.
pub fn zone_label() -> String {
    zone().label()
}

/// As the document's clock shows it.
pub trait Here {
    fn here(self) -> Civil;
}

impl Here for Timestamp {
    fn here(self) -> Civil {
        zone().civil(self)
    }
}

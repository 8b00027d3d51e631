//! What the browser calls a page whose name depends on its address.
//!
//! Leptos asks for a title once the page is drawn, outside of what the request owns: a signal read then is looked up
//! among those of whichever request the thread last served, and is missing there, or somebody else's. So the server
//! says the title at once.

use leptos::prelude::*;
use leptos::text_prop::TextProp;

/// The title as it is now; in the browser it follows what `text` reads.
pub fn titled(text: impl Fn() -> String + Send + Sync + 'static) -> TextProp {
    if cfg!(feature = "ssr") { untrack(text).into() } else { text.into() }
}

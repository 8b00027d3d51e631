//! What lies over a page: search, shortcuts, saving a view, a note on a chart. Nobody needs it to read, so its code
//! comes with the first sign of a person, and is drawn when it is first asked for.

use leptos::prelude::*;

use super::note::NoteForm;
use super::palette::{Palette, use_overlay};
use crate::charts::shared::use_shared;
use crate::parts::part;

part!(over(), __preload_over => view! { <Palette/><NoteForm/> }.into_any());

#[component]
pub fn Overlays() -> impl IntoView {
    let (overlay, shared) = (use_overlay(), use_shared());
    #[cfg(feature = "hydrate")]
    {
        let person = super::person::person();
        Effect::new(move |_| {
            if person.get() {
                leptos::task::spawn_local(__preload_over());
            }
        });
    }
    // Once there, it stays.
    let wanted = Memo::new(move |before: Option<&bool>| {
        before == Some(&true) || overlay.get().is_some() || shared.draft.with(Option::is_some)
    });
    move || wanted.get().then(|| Suspend::new(over()))
}

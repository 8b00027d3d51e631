//! A dialog of the browser's own: it holds the focus, Escape closes it, and the focus returns to where it
//! was.

use leptos::html::Dialog;
use leptos::prelude::*;

#[component]
pub fn Modal(
    open: Signal<bool>,
    #[prop(into)] close: Callback<()>,
    #[prop(into)] label: String,
    #[prop(optional, into)] class: String,
    children: ChildrenFn,
) -> impl IntoView {
    let node = NodeRef::<Dialog>::new();
    Effect::new(move |_| {
        let (open, Some(dialog)) = (open.get(), node.get()) else { return };
        if open && !dialog.open() {
            // After what is inside has been drawn, so that the first field gets the focus.
            request_animation_frame(move || {
                if dialog.is_connected() && !dialog.open() {
                    let _ = dialog.show_modal();
                }
            });
        } else if !open && dialog.open() {
            dialog.close();
        }
    });
    view! {
        <dialog node_ref=node class=format!("dlg {class}") aria-label=label on:close=move |_| close.run(())
            on:click=move |event| {
                // A click beside it: the dialog itself is what lies under the backdrop.
                if node.get_untracked().is_some_and(|d| event.target().is_some_and(|t| t == ****d)) {
                    close.run(());
                }
            }>
            <Show when=move || open.get()>{children()}</Show>
        </dialog>
    }
    .into_any()
}

//! Whether a chart is in the part of the page that is looked at: the others do not follow the pointer, so what
//! a move costs grows with what is seen, not with what there is.

use leptos::html::Div;
use leptos::prelude::*;

/// True while any of the element is in the window; on the server, always.
pub fn seen(of: NodeRef<Div>) -> Signal<bool> {
    let seen = RwSignal::new(true);
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        use leptos::wasm_bindgen::JsCast;
        use leptos::wasm_bindgen::prelude::Closure;

        let Some(element) = of.get() else { return };
        let told = Closure::<dyn FnMut(js_sys::Array)>::new(move |entries: js_sys::Array| {
            let newest = entries.pop().dyn_into::<web_sys::IntersectionObserverEntry>();
            if let Ok(entry) = newest {
                let _ = seen.try_set(entry.is_intersecting());
            }
        });
        // A browser without it shows the crosshair on every chart.
        if let Ok(observer) = web_sys::IntersectionObserver::new(told.as_ref().unchecked_ref()) {
            observer.observe(&element);
            let held = StoredValue::new_local((observer, told));
            on_cleanup(move || held.with_value(|(observer, _)| observer.disconnect()));
        }
    });
    #[cfg(not(feature = "hydrate"))]
    let _ = of;
    seen.into()
}

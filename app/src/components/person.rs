//! The first sign of a person: somebody points, touches or types. What only hands need comes then and not with
//! the page, so that a page that is only read is light.

use leptos::prelude::*;

#[derive(Clone, Copy)]
struct Person(RwSignal<bool>);

/// Whether anybody has pointed, touched or typed since the page was opened; on the server, nobody has.
pub fn person() -> Signal<bool> {
    expect_context::<Person>().0.into()
}

pub fn provide_person() {
    let person = RwSignal::new(false);
    provide_context(Person(person));
    #[cfg(feature = "hydrate")]
    watch(person);
}

#[cfg(feature = "hydrate")]
fn watch(person: RwSignal<bool>) {
    use leptos::ev;

    let listening = StoredValue::new(Vec::<WindowListenerHandle>::new());
    let stop = move || {
        listening.try_update_value(std::mem::take).into_iter().flatten().for_each(WindowListenerHandle::remove);
    };
    let seen = move || {
        stop();
        person.set(true);
    };
    listening.set_value(vec![
        window_event_listener(ev::pointermove, move |_| seen()),
        window_event_listener(ev::pointerdown, move |_| seen()),
        window_event_listener(ev::keydown, move |_| seen()),
        // Reading aloud moves the focus without a key that a page sees.
        window_event_listener(ev::focusin, move |_| seen()),
    ]);
    on_cleanup(stop);
}

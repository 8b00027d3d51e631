//! One stream of “what changed” a tab. Pages follow [`Live::tick`] and read again.
//!
//! The stream is closed in hidden tabs: a browser has six connections a host for all of them.

use leptos::prelude::*;

use crate::charts::shared::Shared;
use crate::server_functions::Failure;

#[derive(Clone, Copy)]
pub struct Live {
    /// Grows when something changed, at most every two seconds.
    pub tick: RwSignal<u64>,
    /// Grows when a verdict changed.
    pub reports: RwSignal<u64>,
    /// Grows when an alert or an incident changed.
    pub alerts: RwSignal<u64>,
    /// Grows a while after something changed, for pages that show days: nobody sees more of them sooner.
    pub calm: RwSignal<u64>,
    pub on: RwSignal<bool>,
    /// A page that is being read closely waits with what is new, and counts it.
    pub held: Memo<bool>,
    pub missed: RwSignal<u64>,
    /// How many readings are on their way that will show something else than what is shown.
    pub busy: RwSignal<u32>,
    /// Why what is shown could not be read anew, and when it was read, in milliseconds.
    pub late: RwSignal<Option<(f64, String)>>,
    read_at: StoredValue<f64>,
    /// Whether a try is due already: of several parts that could not be read, one asks for all.
    trying: StoredValue<bool>,
    /// Whether [`Live::calm`] is to grow.
    calming: StoredValue<bool>,
}

/// Milliseconds until what changed is read by pages that show days.
#[cfg(feature = "hydrate")]
const CALM_MS: u64 = 5_000;

/// Milliseconds that the stream of changes may be away before it is said.
#[cfg(feature = "hydrate")]
const CUT_MS: u64 = 4_000;

/// Milliseconds between two tries to read what could not be read.
#[cfg(feature = "hydrate")]
const AGAIN_MS: u64 = 10_000;

pub fn provide_live(shared: Shared) {
    let live = Live {
        tick: RwSignal::new(0),
        reports: RwSignal::new(0),
        alerts: RwSignal::new(0),
        calm: RwSignal::new(0),
        on: RwSignal::new(true),
        held: Memo::new(move |_| shared.holds()),
        missed: RwSignal::new(0),
        busy: RwSignal::new(0),
        late: RwSignal::new(None),
        read_at: StoredValue::new(now()),
        trying: StoredValue::new(false),
        calming: StoredValue::new(false),
    };
    provide_context(live);
    Effect::new(move |_| {
        if !live.held.get() && live.missed.get_untracked() > 0 {
            live.missed.set(0);
            live.read_again();
        }
    });
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| listen(live));
}

impl Live {
    /// All that is shown is read again.
    pub fn read_again(self) {
        self.alerts.update(|t| *t += 1);
        self.calm.update(|t| *t += 1);
        self.missed_news();
    }

    /// Something was told that nobody here heard; nothing of alerts.
    fn missed_news(self) {
        self.reports.update(|t| *t += 1);
        self.tick.update(|t| *t += 1);
        self.calmly();
    }

    /// Pages that show days read what changed in a while, once for all that changes until then.
    fn calmly(self) {
        if self.calming.get_value() {
            return;
        }
        self.calming.set_value(true);
        #[cfg(feature = "hydrate")]
        set_timeout(
            move || {
                self.calming.set_value(false);
                if self.held.get_untracked() {
                    self.missed.update(|m| *m += 1);
                } else if self.on.get_untracked() {
                    self.calm.update(|t| *t += 1);
                }
            },
            std::time::Duration::from_millis(CALM_MS),
        );
    }

    /// What is shown is of now.
    pub(super) fn found(self) {
        self.read_at.set_value(now());
        self.forgive();
    }

    /// What could not be read does not stand on this page any more.
    pub(super) fn forgive(self) {
        if self.late.with_untracked(Option::is_some) {
            self.late.set(None);
        }
    }

    /// What is shown is of before: it stays, and is asked for again.
    pub(super) fn lost(self, why: &Failure) {
        self.late.set(Some((self.read_at.get_value(), why.to_string())));
        if self.trying.get_value() {
            return;
        }
        self.trying.set_value(true);
        #[cfg(feature = "hydrate")]
        set_timeout(
            move || {
                self.trying.set_value(false);
                if self.late.with_untracked(Option::is_some) {
                    self.read_again();
                }
            },
            std::time::Duration::from_millis(AGAIN_MS),
        );
    }
}

/// Milliseconds, of the reader’s clock.
fn now() -> f64 {
    #[cfg(feature = "hydrate")]
    return js_sys::Date::now();
    #[cfg(not(feature = "hydrate"))]
    0.0
}

pub fn use_live() -> Live {
    expect_context::<Live>()
}

#[cfg(feature = "hydrate")]
fn listen(live: Live) {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;
    use wasm_bindgen::JsCast;
    use wasm_bindgen::prelude::Closure;

    const AT_MOST_EVERY_MS: f64 = 2000.0;
    let Some(document) = web_sys::window().and_then(|w| w.document()) else {
        return;
    };
    let source: Rc<RefCell<Option<web_sys::EventSource>>> = Rc::default();
    let last = Rc::new(Cell::new(0.0));
    let version = Rc::new(RefCell::new(None::<String>));
    let open = move || {
        // Where nobody has signed in there is nothing to follow.
        let path = web_sys::window().and_then(|w| w.location().pathname().ok()).unwrap_or_default();
        if ["/sign-in", "/setup"].contains(&path.as_str()) || path.starts_with("/share/") {
            return None;
        }
        let Ok(events) = web_sys::EventSource::new("/live") else {
            return None;
        };
        let last = last.clone();
        let changed = Closure::<dyn FnMut(web_sys::MessageEvent)>::new(move |event: web_sys::MessageEvent| {
            if !live.on.get_untracked() {
                return;
            }
            if live.held.get_untracked() {
                live.missed.update(|m| *m += 1);
                return;
            }
            let said = event.data().as_string().unwrap_or_default();
            if said.contains("reports") {
                live.reports.update(|t| *t += 1);
            }
            if said.contains("alerts") {
                live.alerts.update(|t| *t += 1);
            }
            live.calmly();
            let now = js_sys::Date::now();
            if now - last.get() >= AT_MOST_EVERY_MS {
                last.set(now);
                live.tick.update(|t| *t += 1);
            }
        });
        // A server that came back as another version wants its own pages. What was told between the drawing
        // of the page, or the loss of the stream, and this hello was told to nobody here: all is read again.
        let version = version.clone();
        let drawn = web_sys::window()
            .and_then(|w| w.document())
            .and_then(|d| d.document_element())
            .and_then(|e| e.get_attribute("data-told"));
        let hello = Closure::<dyn FnMut(web_sys::MessageEvent)>::new(move |event: web_sys::MessageEvent| {
            let said = event.data().as_string().unwrap_or_default();
            let (now, told) = said.split_once(' ').unwrap_or((&said, ""));
            let mut known = version.borrow_mut();
            let first = known.is_none();
            if known.as_ref().is_some_and(|k| k != now) {
                if let Some(window) = web_sys::window() {
                    let _ = window.location().reload();
                }
            }
            // The stream is back; what is shown is read below.
            live.forgive();
            let alerts = |told: &str| told.split('.').next().map(String::from);
            match drawn.as_deref() {
                _ if !live.on.get_untracked() => {}
                Some(drawn) if first && drawn == told => {}
                Some(drawn) if first && alerts(drawn) == alerts(told) => live.missed_news(),
                _ => live.read_again(),
            }
            *known = Some(now.to_string());
        });
        let _ = events.add_event_listener_with_callback("changed", changed.as_ref().unchecked_ref());
        let _ = events.add_event_listener_with_callback("hello", hello.as_ref().unchecked_ref());
        // A stream that is cut comes back by itself within seconds; one that does not is said.
        let stream = events.clone();
        let cut = Closure::<dyn FnMut()>::new(move || {
            let stream = stream.clone();
            set_timeout(
                move || {
                    if stream.ready_state() == web_sys::EventSource::CONNECTING
                        && !live.late.with_untracked(Option::is_some)
                    {
                        live.lost(&Failure::Unreachable("what changes is not heard of".into()));
                    }
                },
                std::time::Duration::from_millis(CUT_MS),
            );
        });
        let _ = events.add_event_listener_with_callback("error", cut.as_ref().unchecked_ref());
        changed.forget();
        hello.forget();
        cut.forget();
        Some(events)
    };
    let shown = document.clone();
    let follow = move || {
        let mut source = source.borrow_mut();
        match (!shown.hidden(), source.is_some()) {
            (false, true) => {
                if let Some(events) = source.take() {
                    events.close();
                }
            }
            (true, false) => *source = open(),
            _ => {}
        }
    };
    // What is told while parts of the page are still on their way would reach nobody. The stream begins when the
    // page answers, and its hello says whether something was told since it was drawn.
    when_it_answers(move || {
        follow();
        let follow = Closure::<dyn FnMut()>::new(follow);
        let _ = document.add_event_listener_with_callback("visibilitychange", follow.as_ref().unchecked_ref());
        follow.forget();
    });
}

/// Does something once the page answers: see [`crate::mark_ready`].
#[cfg(feature = "hydrate")]
fn when_it_answers(then: impl FnOnce() + 'static) {
    let root = web_sys::window().and_then(|w| w.document()).and_then(|d| d.document_element());
    if root.is_some_and(|root| root.has_attribute("data-ready")) {
        then();
    } else {
        set_timeout(move || when_it_answers(then), std::time::Duration::from_millis(20));
    }
}

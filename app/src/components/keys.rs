//! Shortcuts that work on every page. Single letters are off inside fields, while a dialog is open, and for
//! those who switched them off.

use leptos::prelude::*;

/// Whether single letters are shortcuts for whoever reads.
#[derive(Clone, Copy)]
pub struct Letters(pub RwSignal<bool>);

/// Listens. Draws nothing.
#[component]
pub fn Keys() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    listen::begin();
}

#[cfg(feature = "hydrate")]
mod listen {
    use domain::time::{DAY, HOUR, RangeChoice, SECOND};
    use domain::{TimeRange, Timestamp};
    use leptos::prelude::*;
    use leptos_router::NavigateOptions;
    use leptos_router::hooks::{use_location, use_navigate};
    use wasm_bindgen::JsCast;

    use super::Letters;
    use crate::components::live::use_live;
    use crate::components::palette::{Over, use_overlay};
    use crate::components::state::{Place, use_place};

    /// The second letter of a sequence comes within this many milliseconds.
    const SEQUENCE_MS: f64 = 1200.0;

    fn now() -> Timestamp {
        Timestamp((js_sys::Date::now() * 1000.0) as i64)
    }

    /// Whether what is typed goes into a field.
    fn in_field(event: &web_sys::KeyboardEvent) -> bool {
        let element = event.target().and_then(|t| t.dyn_into::<web_sys::HtmlElement>().ok());
        element.is_some_and(|e| {
            matches!(e.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT") || e.is_content_editable()
        })
    }

    fn document() -> Option<web_sys::Document> {
        web_sys::window()?.document()
    }

    /// The range moved by a part of itself, or made longer or shorter about its middle (its end, where that
    /// is now).
    fn moved(range: Option<RangeChoice>, key: &str) -> Option<RangeChoice> {
        let range = range.unwrap_or(RangeChoice::Last(HOUR));
        let scaled = |by: f64| match range {
            RangeChoice::Last(span) => {
                let span = ((span as f64 * by) as i64).clamp(60 * SECOND, 3660 * DAY);
                Some(RangeChoice::Last(span / SECOND * SECOND))
            }
            RangeChoice::Fixed(r) => {
                let (middle, half) = (r.from.0 / 2 + r.to.0 / 2, (r.micros() as f64 * by / 2.0) as i64);
                let range = TimeRange { from: Timestamp(middle - half), to: Timestamp(middle + half) };
                (range.micros() > SECOND).then_some(RangeChoice::Fixed(range))
            }
            RangeChoice::All => None,
        };
        let shifted = |by: i64| match range {
            RangeChoice::All => None,
            _ => {
                let r = range.resolve(now());
                let off = r.micros() / 2 * by;
                Some(RangeChoice::Fixed(TimeRange { from: r.from.plus(off), to: r.to.plus(off) }))
            }
        };
        match key {
            "-" => scaled(2.0),
            "=" | "+" => scaled(0.5),
            "[" => shifted(-1),
            "]" => shifted(1),
            _ => None,
        }
    }

    pub fn begin() {
        let overlay = use_overlay();
        let live = use_live();
        let letters = expect_context::<Letters>().0;
        let place = use_place();
        let location = use_location();
        let go = use_navigate();
        let before = StoredValue::new(None::<f64>);
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            let key = event.key();
            let path = location.pathname.get_untracked();
            let public = ["/sign-in", "/setup"].contains(&path.as_str()) || path.starts_with("/share/");
            if public || event.default_prevented() {
                return;
            }
            if (event.meta_key() || event.ctrl_key()) && key.eq_ignore_ascii_case("k") {
                event.prevent_default();
                overlay.update(|o| *o = if *o == Some(Over::Palette) { None } else { Some(Over::Palette) });
                return;
            }
            if key == "Escape" {
                close_menus(|_| true);
            }
            let plain = !(event.meta_key() || event.ctrl_key() || event.alt_key());
            if !plain || !letters.get_untracked() || in_field(&event) || overlay.get_untracked().is_some() {
                return;
            }
            let here = place.get_untracked();
            let go_to = |path: &str, place: &Place| go(&place.link(path), NavigateOptions::default());
            let in_sequence = before.get_value().is_some_and(|at| js_sys::Date::now() - at < SEQUENCE_MS);
            before.set_value(None);
            if in_sequence {
                let page = match key.as_str() {
                    "o" => "/overview",
                    "p" => "/operations",
                    "a" => "/alerts",
                    "i" => "/incidents",
                    "e" => "/explore",
                    _ => return,
                };
                event.prevent_default();
                return go_to(page, &here);
            }
            match key.as_str() {
                "g" => before.set_value(Some(js_sys::Date::now())),
                "?" => overlay.set(Some(Over::Shortcuts)),
                "l" => live.on.update(|on| *on = !*on),
                "/" => {
                    let field = document().and_then(|d| d.query_selector("main input[type=search]").ok().flatten());
                    let Some(field) = field.and_then(|f| f.dyn_into::<web_sys::HtmlElement>().ok()) else { return };
                    let _ = field.focus();
                }
                "-" | "=" | "+" | "[" | "]" => {
                    let ranged = document().and_then(|d| d.query_selector("[data-ranged]").ok().flatten()).is_some();
                    let Some(range) = moved(here.range, &key).filter(|_| ranged) else { return };
                    let there = Place { range: Some(range), ..here };
                    go(&there.here(&path, &location.search.get_untracked()), NavigateOptions::default());
                }
                _ => return,
            }
            event.prevent_default();
        });
        on_cleanup(move || handle.remove());
        // A menu is done with when something in it was chosen, or the reader turned elsewhere.
        let handle = window_event_listener(leptos::ev::click, move |event| {
            let target = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
            let Some(target) = target else { return };
            let chosen = target.closest(".menu-l a, .menu-l > button").ok().flatten().is_some();
            close_menus(|menu| chosen || !menu.contains(Some(&target)));
        });
        on_cleanup(move || handle.remove());
    }

    /// Closes the open menus that fit.
    fn close_menus(fits: impl Fn(&web_sys::Element) -> bool) {
        let Some(open) = document().and_then(|d| d.query_selector_all("details.menu[open]").ok()) else { return };
        for place in 0..open.length() {
            let menu = open.item(place).and_then(|node| node.dyn_into::<web_sys::Element>().ok());
            if let Some(menu) = menu.filter(|m| fits(m)) {
                let _ = menu.remove_attribute("open");
            }
        }
    }
}

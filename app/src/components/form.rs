//! What a form holds when it is sent, and what came of it.
//!
//! Fields keep their own text and are read by name at submit: what somebody typed before the page
//! had loaded its script must not vanish when it does.

use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use web_sys::{FormData, HtmlFormElement};

use crate::server_functions::Failure;

/// A form as it was sent.
pub struct Sent(Option<FormData>);

impl Sent {
    /// Takes the submit away from the browser and reads the form.
    pub fn of(event: &SubmitEvent) -> Sent {
        event.prevent_default();
        let form = event.target().and_then(|target| target.dyn_into::<HtmlFormElement>().ok());
        Sent(form.and_then(|form| FormData::new_with_form(&form).ok()))
    }

    /// Reads a form as it stands now.
    pub fn from(form: &HtmlFormElement) -> Sent {
        Sent(FormData::new_with_form(form).ok())
    }

    /// Reads the form in which something was changed, as it stands now.
    pub fn within(event: &web_sys::Event) -> Sent {
        let form = event.current_target().and_then(|target| target.dyn_into::<HtmlFormElement>().ok());
        Sent(form.and_then(|form| FormData::new_with_form(&form).ok()))
    }

    /// The text of a field; empty where there is none.
    pub fn text(&self, name: &str) -> String {
        self.0.as_ref().and_then(|form| form.get(name).as_string()).unwrap_or_default()
    }

    /// What is chosen of a field of many.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0
            .as_ref()
            .map(|form| form.get_all(name).iter().filter_map(|one| one.as_string()).collect())
            .unwrap_or_default()
    }
}

/// Folds what is open within an element, and clears the forms in it: what they asked for is done.
pub fn fold(within: &str) {
    let Ok(open) = document().query_selector_all(&format!("{within} details[open]")) else { return };
    for place in 0..open.length() {
        let Some(details) = open.get(place).and_then(|node| node.dyn_into::<web_sys::Element>().ok()) else { continue };
        let _ = details.remove_attribute("open");
        let form = details.query_selector("form").ok().flatten();
        if let Some(form) = form.and_then(|form| form.dyn_into::<HtmlFormElement>().ok()) {
            form.reset();
        }
    }
}

/// What came of the last change: the error in words, or what `done` says.
pub fn outcome<T>(result: Option<Result<T, Failure>>, done: &'static str) -> Option<AnyView> {
    match result {
        None => None,
        Some(Err(error)) => Some(view! { <p class="note critical" role="alert">{error.to_string()}</p> }.into_any()),
        Some(Ok(_)) if done.is_empty() => None,
        Some(Ok(_)) => Some(view! { <p class="note good" role="status">{done}</p> }.into_any()),
    }
}

//! What a form holds when it is sent, and what came of it.
//!
//! Fields keep their own text and are read by name at submit: what somebody typed before the page
//! had loaded its script must not vanish when it does.

use leptos::attr::any_attribute::{AnyAttribute, IntoAnyAttribute};
use leptos::attr::{Attribute, NextAttribute};
use leptos::ev::SubmitEvent;
use leptos::prelude::*;
use leptos::tachys::renderer::Rndr;
use leptos::tachys::renderer::types::Element;
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

/// Says how a thing stands until somebody changes it: `selected` of an option, `open` of a fold.
///
/// A page that is drawn again with newer figures takes every plain attribute away and sets it anew, and a browser
/// takes that for a choice made over: what somebody had chosen, and not yet sent, would be undone. This one is
/// touched only where what it says has changed.
pub fn initially(name: &'static str, on: bool) -> Initially {
    Initially { name, on }
}

#[derive(Debug, Clone, Copy)]
pub struct Initially {
    name: &'static str,
    on: bool,
}

impl Attribute for Initially {
    const MIN_LENGTH: usize = 0;
    type State = Element;
    type AsyncOutput = Initially;
    type Cloneable = Initially;
    type CloneableOwned = Initially;

    fn html_len(&self) -> usize {
        self.name.len() + 1
    }

    fn to_html(self, buf: &mut String, _class: &mut String, _style: &mut String, _inner_html: &mut String) {
        if self.on {
            buf.push(' ');
            buf.push_str(self.name);
        }
    }

    fn hydrate<const FROM_SERVER: bool>(self, el: &Element) -> Element {
        self.build(el)
    }

    fn build(self, el: &Element) -> Element {
        if el.has_attribute(self.name) != self.on {
            let _ = el.toggle_attribute_with_force(self.name, self.on);
            if self.on {
                // What somebody chose by hand no longer follows the attribute, and what holds now is news.
                Rndr::set_property(el, self.name, &true.into());
            }
        }
        el.clone()
    }

    fn rebuild(self, state: &mut Element) {
        self.build(state);
    }

    fn into_cloneable(self) -> Initially {
        self
    }

    fn into_cloneable_owned(self) -> Initially {
        self
    }

    fn dry_resolve(&mut self) {}

    async fn resolve(self) -> Initially {
        self
    }
}

impl NextAttribute for Initially {
    type Output<NewAttr: Attribute> = Vec<AnyAttribute>;

    fn add_any_attr<NewAttr: Attribute>(self, new_attr: NewAttr) -> Vec<AnyAttribute> {
        vec![self.into_any_attr(), new_attr.into_any_attr()]
    }
}

//! Attributes that outlast a page's being drawn again.
//!
//! With erased views (decision 0010) a page that is drawn again takes every plain attribute of its elements away and
//! sets it anew. Of most nobody can tell. But a browser takes `selected` set anew for a choice made over, which undoes
//! what somebody had chosen and not yet sent, and it takes the focus from what loses its `tabindex`, so that keys
//! read a live chart for a second and then nothing. These are touched only where what they say has changed.

use leptos::attr::any_attribute::{AnyAttribute, IntoAnyAttribute};
use leptos::attr::{Attribute, NextAttribute};
use leptos::tachys::renderer::Rndr;
use leptos::tachys::renderer::types::Element;

/// How a thing stands until somebody changes it: `selected` of an option, `open` of a fold.
pub fn initially(name: &'static str, on: bool) -> Lasting {
    Lasting { name, value: on.then_some("") }
}

/// Makes an element one that keys reach, in its turn.
pub fn reachable() -> Lasting {
    Lasting { name: "tabindex", value: Some("0") }
}

/// An attribute with its value; without one it is not there.
#[derive(Debug, Clone, Copy)]
pub struct Lasting {
    name: &'static str,
    value: Option<&'static str>,
}

impl Attribute for Lasting {
    const MIN_LENGTH: usize = 0;
    type State = Element;
    type AsyncOutput = Lasting;
    type Cloneable = Lasting;
    type CloneableOwned = Lasting;

    fn html_len(&self) -> usize {
        self.name.len() + 4
    }

    fn to_html(self, buf: &mut String, _class: &mut String, _style: &mut String, _inner_html: &mut String) {
        match self.value {
            None => {}
            Some("") => buf.extend([" ", self.name]),
            Some(value) => buf.extend([" ", self.name, "=\"", value, "\""]),
        }
    }

    fn hydrate<const FROM_SERVER: bool>(self, el: &Element) -> Element {
        self.build(el)
    }

    fn build(self, el: &Element) -> Element {
        if el.get_attribute(self.name).as_deref() != self.value {
            match self.value {
                Some(value) => Rndr::set_attribute(el, self.name, value),
                None => Rndr::remove_attribute(el, self.name),
            }
            if self.value == Some("") {
                // What somebody chose by hand no longer follows the attribute, and what holds now is news.
                Rndr::set_property(el, self.name, &true.into());
            }
        }
        el.clone()
    }

    fn rebuild(self, state: &mut Element) {
        self.build(state);
    }

    fn into_cloneable(self) -> Lasting {
        self
    }

    fn into_cloneable_owned(self) -> Lasting {
        self
    }

    fn dry_resolve(&mut self) {}

    async fn resolve(self) -> Lasting {
        self
    }
}

impl NextAttribute for Lasting {
    type Output<NewAttr: Attribute> = Vec<AnyAttribute>;

    fn add_any_attr<NewAttr: Attribute>(self, new_attr: NewAttr) -> Vec<AnyAttribute> {
        vec![self.into_any_attr(), new_attr.into_any_attr()]
    }
}

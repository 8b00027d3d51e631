//! Attributes that outlast a page's being drawn again.
//!
//! With erased views (decision 0010) a page that is drawn again takes every plain attribute of its elements away and
//! sets it anew. Of most nobody can tell. But a browser takes `selected` set anew for a choice made over, which undoes
//! what somebody had chosen and not yet sent; a field whose `value` is set anew loses the place where somebody is about
//! to type; and what loses its `tabindex` loses the focus, so that keys read a live chart for a second and then nothing.
//! These are touched only where what they say has changed.

use std::borrow::Cow;

use leptos::attr::any_attribute::{AnyAttribute, IntoAnyAttribute};
use leptos::attr::{Attribute, AttributeValue, NextAttribute};
use leptos::tachys::renderer::Rndr;
use leptos::tachys::renderer::types::Element;

/// How a thing stands until somebody changes it: `selected` of an option, `open` of a fold.
pub fn initially(name: &'static str, on: bool) -> Lasting {
    Lasting { name, value: on.then_some(Cow::Borrowed("")), holds: on }
}

/// What a field says until somebody writes in it.
pub fn given(value: impl Into<Cow<'static, str>>) -> Lasting {
    Lasting { name: "value", value: Some(value.into()), holds: false }
}

/// Makes an element one that keys reach, in its turn.
pub fn reachable() -> Lasting {
    Lasting { name: "tabindex", value: Some(Cow::Borrowed("0")), holds: false }
}

/// An attribute with its value; without one it is not there.
#[derive(Debug, Clone)]
pub struct Lasting {
    name: &'static str,
    value: Option<Cow<'static, str>>,
    /// Whether setting it also settles what it is the beginning of.
    holds: bool,
}

impl Attribute for Lasting {
    const MIN_LENGTH: usize = 0;
    type State = Element;
    type AsyncOutput = Lasting;
    type Cloneable = Lasting;
    type CloneableOwned = Lasting;

    fn html_len(&self) -> usize {
        self.name.len() + 4 + self.value.as_ref().map_or(0, |value| value.len())
    }

    fn to_html(self, buf: &mut String, _class: &mut String, _style: &mut String, _inner_html: &mut String) {
        match self.value {
            Some(value) if !self.holds => value.into_owned().to_html(self.name, buf),
            Some(_) => buf.extend([" ", self.name]),
            None => {}
        }
    }

    fn hydrate<const FROM_SERVER: bool>(self, el: &Element) -> Element {
        self.build(el)
    }

    fn build(self, el: &Element) -> Element {
        if el.get_attribute(self.name).as_deref() != self.value.as_deref() {
            match &self.value {
                Some(value) => Rndr::set_attribute(el, self.name, value),
                None => Rndr::remove_attribute(el, self.name),
            }
            if self.holds {
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

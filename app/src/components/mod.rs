//! Pieces that pages share.

pub mod alert;
pub mod form;
pub mod frame;
pub mod icons;
pub mod keys;
pub mod lasting;
pub mod latest;
pub mod live;
pub mod modal;
pub mod note;
pub mod overlays;
pub mod palette;
pub mod panel;
pub mod person;
pub mod reading;
pub mod state;
pub mod status;
pub mod title;
pub mod zone;

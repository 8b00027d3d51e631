//! Pieces that pages share.

pub mod alert;
pub mod form;
pub mod frame;
pub mod icons;
pub mod live;
pub mod panel;
pub mod state;
pub mod status;

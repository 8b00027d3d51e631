//! The pages, one file each.

pub mod connect;
pub mod explore;
pub mod model;
pub mod not_found;
pub mod operations;
pub mod overview;
pub mod settings;
pub mod setup;
pub mod sign_in;
pub mod system;

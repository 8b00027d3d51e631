//! The pages, one file each.

pub mod alerts;
pub mod connect;
pub mod explore;
pub mod host;
pub mod incidents;
pub mod links;
pub mod model;
pub mod not_found;
pub mod on_call;
pub mod operations;
pub mod overview;
pub mod responses;
pub mod rules;
pub mod settings;
pub mod setup;
pub mod shared;
pub mod sign_in;
pub mod system;

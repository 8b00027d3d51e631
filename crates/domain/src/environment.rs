//! Where a model runs. A name that is not given means production, everywhere alike: were it read otherwise in one
//! place, an alert would look where nothing runs.

/// What runs for customers.
pub const PRODUCTION: &str = "production";

/// The environment that a name means; one that is not given means production.
pub fn named(name: &str) -> &str {
    if name.is_empty() { PRODUCTION } else { name }
}

//! Numbers that JSON cannot say.
//!
//! JSON has neither NaN nor infinity and writes both as null. A report with one such number must still be
//! read again, or one odd column would take a whole page away: null reads as NaN, which pages show as
//! missing.

use serde::{Deserialize, Deserializer};

/// Reads null as NaN.
///
/// # Errors
/// What is neither a number nor null.
pub fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN))
}

/// The same for a list.
///
/// # Errors
/// What is no list of numbers and nulls.
pub fn numbers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    Ok(Vec::<Option<f64>>::deserialize(from)?.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect())
}

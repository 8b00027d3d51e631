//! What the targets share: the families of the statistics as their property test has them, and inputs cut to what
//! those expect.

#[path = "../../crates/statistics/tests/families/mod.rs"]
pub mod families;

/// Values of which every pair, or a matrix, is looked at.
const FEW: usize = 300;

pub fn few(values: &[f64]) -> &[f64] {
    &values[..values.len().min(FEW)]
}

/// Numbers of classes, each below `end`.
pub fn below(end: usize, bytes: Vec<u8>) -> Vec<usize> {
    bytes.into_iter().map(|b| usize::from(b) % end).collect()
}

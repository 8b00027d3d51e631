//! Whole rows: distances of many dimensions, and what is learnt from them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::{families, few};

fuzz_target!(|input: (Vec<f64>, u8, u64)| {
    let (x, columns, seed) = input;
    families::rows(few(&x), usize::from(columns % 5) + 1, seed)
});

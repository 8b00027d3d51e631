//! Distances between shares, tests of counts, adjusted p-values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::families;

fuzz_target!(|input: (Vec<f64>, Vec<f64>, Vec<u32>, Vec<u32>)| {
    let (p, q, a, b) = input;
    families::shares_and_counts(&p, &q, &a, &b)
});

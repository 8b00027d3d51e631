//! Intervals, power, thresholds, and what is always valid.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::families;

fuzz_target!(|input: (Vec<f64>, f64, f64, f64)| {
    let (x, k, n, alpha) = input;
    families::uncertainty(&x, k, n, alpha)
});

//! Detectors of change, value by value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::families;

fuzz_target!(|input: Vec<f64>| {
    let x = input;
    families::streams(&x)
});

//! Distances and tests between two samples of numbers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::families;

fuzz_target!(|input: (Vec<f64>, Vec<f64>)| {
    let (x, y) = input;
    families::two_samples(&x, &y)
});

//! Measures of quality, with the truth and without.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::{below, families};

fuzz_target!(|input: (Vec<f64>, Vec<bool>, Vec<f64>, Vec<u8>, Vec<u8>)| {
    let (score, truth, other, classes, predicted) = input;
    families::quality(&score, &truth, &other, &below(4, classes), &below(6, predicted))
});

//! Values in order of time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::{families, few};

fuzz_target!(|input: (Vec<f64>, Vec<f64>, u8)| {
    let (x, y, period) = input;
    families::series(few(&x), few(&y), (period % 40).into())
});

//! Control charts and their run lengths.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::families;

fuzz_target!(|input: (Vec<f64>, Vec<f64>, u8)| {
    let (x, n, size) = input;
    families::control(&x, &n, usize::from(size % 12) + 1)
});

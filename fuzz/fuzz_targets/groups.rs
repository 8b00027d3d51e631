//! Groups held against each other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::families;

fuzz_target!(|input: (Vec<[u32; 4]>, Vec<Option<bool>>, u8)| {
    let (counts, kinds, least) = input;
    {
        let column: Vec<Option<&str>> = kinds.iter().map(|k| k.map(|k| if k { "a" } else { "b" })).collect();
        families::groups(&counts, &[column.clone(), column], least.into())
    }
});

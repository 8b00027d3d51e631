//! Members of an ensemble.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_fuzz::families;

fuzz_target!(|input: (Vec<Option<u8>>, u8, u8)| {
    let (votes, members, classes) = input;
    {
        let classes = usize::from(classes % 6);
        let vote = |v: &Option<u8>| v.map(usize::from).filter(|v| *v < classes);
        families::members(&votes.iter().map(vote).collect::<Vec<_>>(), (members % 8).into(), classes)
    }
});

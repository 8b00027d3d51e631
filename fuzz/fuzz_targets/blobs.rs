//! Blobs as the disk may give them back: sealed with a right checksum, so that the decoders behind it are
//! reached.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| store::fuzzing::decode_anything(bytes));

//! What a scraped program answers.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = engine::ingest::exposition::read(text);
});

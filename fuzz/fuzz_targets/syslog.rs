//! Messages of syslog.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = engine::ingest::log_lines::syslog(text);
});

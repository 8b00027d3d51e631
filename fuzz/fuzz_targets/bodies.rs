//! Bodies of rows in any format, recognised by their first bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let body = Box::new(std::io::Cursor::new(bytes.to_vec()));
    if let Ok(tables) = engine::ingest::decode::tables(None, body) {
        for table in tables.take(100).flatten() {
            let _ = table.typed();
        }
    }
});

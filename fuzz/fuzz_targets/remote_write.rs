//! Messages of Protocol Buffers as remote write walks them.
#![no_main]

use engine::ingest::protobuf::{Fields, Value, packed};
use libfuzzer_sys::fuzz_target;

fn walk(bytes: &[u8], depth: u8) {
    let _ = packed(bytes);
    for field in Fields::of(bytes).flatten() {
        if let (_, Value::Bytes(inner)) = field
            && depth < 4
        {
            walk(inner, depth + 1);
        }
    }
}

fuzz_target!(|bytes: &[u8]| walk(bytes, 0));

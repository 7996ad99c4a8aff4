//! A pattern of XSD and a text to hold against it; see `docs/FUZZING.md`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pix_stream_fuzz::pattern(bytes));

//! Arbitrary bytes as a folder of XSD files; see `docs/FUZZING.md`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pix_stream_fuzz::schema_load(bytes));

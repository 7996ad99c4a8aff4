//! A fixture, edited, through the examination, and rewritten without changing what it says; see `docs/FUZZING.md`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pix_stream_fuzz::mutated(bytes));

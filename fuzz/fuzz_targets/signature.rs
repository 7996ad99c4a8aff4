//! The check of signatures, alone and within the examination; see `docs/FUZZING.md`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pix_stream_fuzz::signature(bytes));

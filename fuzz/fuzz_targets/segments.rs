//! Parts rendered, deflated, and inflated again; see `docs/FUZZING.md`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pix_stream_fuzz::segments(bytes));

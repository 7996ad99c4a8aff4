//! The fuzz targets' bodies: each is a check that `cargo test` replays over the committed corpus.
//!
//! The checks are written once, beside the tests of the codec; this crate only makes them reachable.

#[expect(dead_code, reason = "the tests look at more than the targets")]
#[path = "../../crates/adapter-xml/tests/it/fuzz_checks.rs"]
mod checks;

macro_rules! targets {
    ($($name:ident),*) => {
        $(
            /// The target of this name.
            pub fn $name(bytes: &[u8]) {
                checks::$name(bytes);
            }
        )*
    };
}

targets!(examine, mutated, schema_load, pattern, signature, segments);

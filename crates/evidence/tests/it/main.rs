//! What audit chains prove, over made-up chains in files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod export;
mod files;
mod made;

//! The configuration from outside: files on disk, and files that are made from its types.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod deploy;
mod expect;
mod files;
mod generated;

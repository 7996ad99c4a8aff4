//! The binary from outside: what it prints, how it ends, and that generated files are those of the types.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod config;
mod demo;
mod expect;
mod generated;
mod init;
mod lifecycle;
mod operate;
mod server;
mod traffic;
mod usage;

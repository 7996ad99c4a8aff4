//! The binary from outside: what it prints, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admin;
mod ask;
mod config;
mod conformance;
mod demo;
mod evidence;
mod expect;
mod init;
mod intake;
mod keys;
mod lifecycle;
mod operate;
mod reload;
mod secrets;
mod secured;
mod server;
mod signals;
mod traces;
mod traffic;
mod usage;
mod validate;

//! The client against a scripted server, through real mutual TLS and HTTP, over pipes in memory (X.3).
//!
//! Time is tokio's, paused: waits of minutes pass at once and are measured exactly. One test uses TCP.

#![expect(clippy::unwrap_used, reason = "what a test cannot set up fails the test")]

mod ending;
mod failures;
mod publish;
mod reads;
mod resume;
mod server;
mod tcp;

//! Requests and answers of the admin listener: the real handlers over the real core and fake ports, spoken to as raw
//! HTTP/1.1 over an in-memory connection. Every answer that any test provokes is held against the OpenAPI document.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "support functions of tests fail their test")]

mod authority;
mod catalog;
mod document;
mod node;
mod participants;
mod properties;
mod quarantine;
mod world;

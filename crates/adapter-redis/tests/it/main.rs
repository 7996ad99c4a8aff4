//! The adapter against real servers (issue 6, items 3 and 4, and "How it is judged").
//!
//! Skipped, loudly, where `PIX_TEST_REDIS` names no server. What harms a server starts one of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in what it is made of")]

mod contract;
mod faults;
mod intake;
mod measure;
mod races;
mod rate;
mod refused;
mod spread;
mod started;

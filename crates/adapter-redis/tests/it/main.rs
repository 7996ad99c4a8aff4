//! The adapter against real servers (issue 6, items 3 and 4, and "How it is judged").
//!
//! Skipped, loudly, where `PIX_TEST_REDIS` names no server. What harms a server starts one of its own.

mod contract;
mod faults;
mod intake;
mod measure;
mod races;
mod rate;
mod spread;
mod started;

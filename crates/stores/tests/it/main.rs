//! Real stores, started and harmed (issue 6, items 7 and 8).

#![expect(clippy::unwrap_used, reason = "support functions of tests fail their test")]

mod cassandra;
mod process;
mod redis;
mod secured;

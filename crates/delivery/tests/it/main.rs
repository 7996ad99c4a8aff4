//! Tests of delivery: requests and answers over connections in memory, and once behind the real listener.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "support functions of tests fail their test")]

mod listener_whole;
mod routes;

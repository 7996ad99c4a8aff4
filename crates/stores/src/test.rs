//! Which stores a test may use: `cargo xtask test` starts one of each for all suites and names them here.
//!
//! A suite that finds none says so on stderr and passes. Stores are shared: each suite takes a keyspace or a prefix
//! of keys of its own, and never stops, empties or reconfigures them. Whoever needs that starts a store itself.

mod shared;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use shared::Shared;

/// All variables of tests.
pub const VARIABLES: [&str; 3] = [REDIS, CASSANDRA, DRILLS];
/// Names the Redis that is shared by all suites, as `127.0.0.1:6379`.
pub const REDIS: &str = "PIX_TEST_REDIS";
/// Names the Cassandra (one node, replication factor 1) that is shared by all suites, as `127.0.0.1:9042`.
pub const CASSANDRA: &str = "PIX_TEST_CASSANDRA";
/// Set to 1 where drills may start clusters of their own: three nodes, two data centres, minutes.
pub const DRILLS: &str = "PIX_TEST_DRILLS";

/// The shared Redis; says that a test is skipped when there is none.
#[must_use]
pub fn redis() -> Option<SocketAddr> {
    address(REDIS)
}

/// The shared Cassandra; says that a test is skipped when there is none.
#[must_use]
pub fn cassandra() -> Option<SocketAddr> {
    address(CASSANDRA)
}

/// Whether drills are wanted; says that one is skipped when not.
#[must_use]
pub fn drills() -> bool {
    let is_wanted = read(DRILLS).is_some_and(|value| value == "1");
    if !is_wanted {
        skipped(DRILLS);
    }
    is_wanted
}

/// The turn of one drill: those of one test binary wait for each other, since each fills a small machine.
#[derive(Debug)]
pub struct Turn {
    _held: MutexGuard<'static, ()>,
}

/// Waits for its turn, where drills are wanted; says that one is skipped when not.
#[must_use]
pub fn drill() -> Option<Turn> {
    static TURN: Mutex<()> = Mutex::new(());
    // A drill that failed is over, too.
    drills().then(|| Turn { _held: TURN.lock().unwrap_or_else(PoisonError::into_inner) })
}

fn address(variable: &str) -> Option<SocketAddr> {
    let found = read(variable).and_then(|value| value.parse().ok());
    if found.is_none() {
        skipped(variable);
    }
    found
}

fn read(variable: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "tests are told their stores by the environment")]
    let value = std::env::var(variable).ok();
    value
}

/// Not through the test harness's capture: a skip must be seen in a green run, too.
fn skipped(variable: &str) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test");
    // One write: tests run side by side.
    let line = format!("SKIPPED {name}: {variable} is not set (cargo xtask test sets it)\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

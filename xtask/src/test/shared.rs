//! The stores that all suites share: one Redis, one Cassandra with a single node, named by the environment.
//!
//! Where a variable names one already, that one is used and left alone. Drills start stores of their own.

use std::net::SocketAddr;
use std::process::Command;
use std::thread;

use color_eyre::eyre::{Result, eyre};
use pix_stream_stores::{self as stores, Cassandra, Error, Redis, cassandra, redis};

use crate::console;
use crate::process::{self, Stopwatch};

/// Heap of the shared Cassandra, in MiB: many suites with tables of their own.
const HEAP_MIB: u32 = 384;

/// Running stores; they end when this is dropped.
pub(super) struct Shared {
    wanted: bool,
    _redis: Option<Redis>,
    _cassandra: Option<Cassandra>,
    variables: Vec<(&'static str, SocketAddr)>,
}

impl Shared {
    /// No store at all: tests that need one are skipped.
    pub(super) fn none() -> Self {
        Self { wanted: false, _redis: None, _cassandra: None, variables: Vec::new() }
    }

    /// Starts what no variable names.
    fn start() -> Result<Self, Error> {
        let directory = process::root().join("target").join("stores").join("test");
        let mut shared = Self { wanted: true, ..Self::none() };
        if !is_set(stores::test::REDIS) {
            let redis = Redis::start(&redis::Options::new(directory.join("redis")))?;
            shared.variables.push((stores::test::REDIS, redis.address()));
            shared._redis = Some(redis);
        }
        if !is_set(stores::test::CASSANDRA) {
            let options = cassandra::Options {
                heap_mib: HEAP_MIB,
                is_fresh: true,
                ..cassandra::Options::new(directory.join("cassandra"))
            };
            let cassandra = Cassandra::start(&options)?;
            shared.variables.push((stores::test::CASSANDRA, cassandra.address()));
            shared._cassandra = Some(cassandra);
        }
        Ok(shared)
    }

    /// Tells the tests where the stores are; that there are none, for a quick run.
    pub(super) fn name_to(&self, tests: &mut Command) {
        if self.wanted {
            tests.env(stores::test::DRILLS, "1");
            tests.envs(self.variables.iter().map(|(variable, address)| (variable, address.to_string())));
        } else {
            for variable in [stores::test::REDIS, stores::test::CASSANDRA, stores::test::DRILLS] {
                tests.env_remove(variable);
            }
        }
    }
}

/// Starts the stores beside something else that takes its time.
pub(super) fn start_while(work: impl FnOnce() -> Result<()>) -> Result<Shared> {
    thread::scope(|scope| {
        let watch = Stopwatch::start();
        let starting = scope.spawn(Shared::start);
        work()?;
        let shared = starting.join().map_err(|_| eyre!("the thread that starts the stores died"))?;
        let shared =
            shared.map_err(|error| eyre!("{error}\n`cargo xtask test --quick` does without stores"))?;
        for (variable, address) in &shared.variables {
            console::progress(&format!("[test] {variable}={address}, ready within {}", watch.shown()));
        }
        Ok(shared)
    })
}

fn is_set(variable: &str) -> bool {
    #[expect(clippy::disallowed_methods, reason = "a developer may name stores that run already")]
    let value = std::env::var_os(variable);
    value.is_some()
}

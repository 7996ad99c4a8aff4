//! The stores that all suites share: one Redis, one Cassandra with a single node, named by the environment.

use std::net::SocketAddr;
use std::path::Path;

use super::{CASSANDRA, DRILLS, REDIS, read};
use crate::{Cassandra, Error, Redis, cassandra, redis};

/// Heap of the shared Cassandra, in MiB: with many keyspaces made and dropped, 512 ran into long collections.
const HEAP_MIB: u32 = 768;

/// Running stores; they end when this is dropped. For who runs suites, not for suites.
#[derive(Debug)]
pub struct Shared {
    redis: Option<Redis>,
    cassandra: Option<Cassandra>,
}

impl Shared {
    /// Starts, empty, what no variable names already; that is used as it is, and left alone.
    ///
    /// # Errors
    /// A store is missing and cannot be brought, or is not ready in time.
    pub fn start(directory: &Path) -> Result<Self, Error> {
        let redis = if read(REDIS).is_none() {
            Some(Redis::start(&redis::Options::new(directory.join("redis")))?)
        } else {
            None
        };
        let cassandra = if read(CASSANDRA).is_none() {
            Some(Cassandra::start(&cassandra::Options {
                heap_mib: HEAP_MIB,
                is_fresh: true,
                ..cassandra::Options::new(directory.join("cassandra"))
            })?)
        } else {
            None
        };
        Ok(Self { redis, cassandra })
    }

    /// What tells a suite of them, and that drills are wanted: variables and their values.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let address = |address: SocketAddr| address.to_string();
        let redis = self.redis.iter().map(|redis| (REDIS, address(redis.address())));
        let cassandra = self.cassandra.iter().map(|cassandra| (CASSANDRA, address(cassandra.address())));
        redis.chain(cassandra).chain([(DRILLS, "1".to_owned())]).collect()
    }
}

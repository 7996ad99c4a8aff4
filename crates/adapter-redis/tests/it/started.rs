//! Servers of a test's own, and coordinators on them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pix_stream_adapter_redis::{Options, RedisCoordinator, Topology};
use pix_stream_stores::redis::Options as ServerOptions;
use pix_stream_stores::{Redis, redis, test};
use tempfile::TempDir;

/// A server and its folder, which is removed last.
pub(crate) struct Started {
    pub(crate) redis: Redis,
    _directory: TempDir,
}

/// Starts servers, where stores are wanted at all.
pub(crate) fn start(change: impl FnOnce(&mut ServerOptions)) -> Option<Started> {
    test::redis()?;
    let directory = tempfile::tempdir().unwrap();
    let mut options = ServerOptions::new(directory.path());
    change(&mut options);
    let redis = Redis::start(&options).unwrap_or_else(|error| panic!("{error}"));
    Some(Started { redis, _directory: directory })
}

pub(crate) fn start_cluster() -> Option<Started> {
    start(|options| options.topology = redis::Topology::Cluster)
}

impl Started {
    /// One more node on the (first) server.
    pub(crate) async fn node(&self) -> RedisCoordinator {
        RedisCoordinator::start(&single(self.redis.address(), "pix-test")).await.unwrap()
    }
}

/// Options for one server.
pub(crate) fn single(address: SocketAddr, prefix: &str) -> Options {
    let mut options = Options::new(Topology::Single { node: address.to_string() });
    options.prefix = prefix.to_owned();
    options
}

/// A prefix that nothing else uses, on a server that others use, too.
pub(crate) fn prefix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("pix-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Waits until something is so, looking again and again.
pub(crate) async fn until(what: &str, limit: Duration, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let begun = tokio::time::Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

//! Redis as the Coordinator, with or without a way around it.

use std::sync::Arc;

use bytes::Bytes;
use pix_stream_adapter_cassandra::serial_states::CassandraSerialStates;
use pix_stream_adapter_redis::RedisCoordinator;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::rate::{Decision, Rule};
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::time::Timestamp;
use pix_stream_fallback::Fallback;
use pix_stream_ports::coordinator::{Coordinator, Expected, Held, Listener, News, Swapped};
use pix_stream_ports::error::Error;

/// The Coordinator of a node of a cluster (`[coordinator] fallback`).
pub enum ClusterCoordinator {
    /// Redis alone: without it reads are answered 503 (`fallback = "none"`).
    Redis(Box<RedisCoordinator>),
    /// Redis, and serial writes to Cassandra while it is away (`fallback = "journal"`).
    Around(Fallback<RedisCoordinator, CassandraSerialStates>),
}

impl std::fmt::Debug for ClusterCoordinator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Redis(_) => "ClusterCoordinator::Redis",
            Self::Around(_) => "ClusterCoordinator::Around",
        })
    }
}

/// The same call, whichever it is. The driver's futures have some 40 KB: they must not be part of every request that
/// waits.
macro_rules! either {
    ($self:ident, $one:ident => $call:expr) => {
        match $self {
            Self::Redis($one) => Box::pin($call).await,
            Self::Around($one) => Box::pin($call).await,
        }
    };
}

impl Coordinator for ClusterCoordinator {
    async fn load(&self, ispb: Ispb) -> Result<Held, Error> {
        either!(self, one => one.load(ispb))
    }

    async fn swap(&self, ispb: Ispb, expected: Expected, next: &StreamState) -> Result<Swapped, Error> {
        either!(self, one => one.swap(ispb, expected, next))
    }

    async fn announce(&self, news: News) -> Result<(), Error> {
        either!(self, one => one.announce(news))
    }

    async fn fetch(&self, ispb: Ispb, first: Sequence) -> Result<Option<Bytes>, Error> {
        either!(self, one => one.fetch(ispb, first))
    }

    fn subscribe(&self, listener: Arc<dyn Listener>) {
        match self {
            Self::Redis(one) => one.subscribe(listener),
            Self::Around(one) => one.subscribe(listener),
        }
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn admit(&self, ispb: Ispb, rule: Rule, now: Timestamp) -> Result<Decision, Error> {
        either!(self, one => one.admit(ispb, rule, now))
    }

    fn degraded(&self) -> Option<&'static str> {
        match self {
            Self::Redis(one) => one.degraded(),
            Self::Around(one) => one.degraded(),
        }
    }

    async fn check(&self) -> Result<(), Error> {
        either!(self, one => one.check())
    }
}

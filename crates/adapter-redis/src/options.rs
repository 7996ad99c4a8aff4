//! Where Redis is and how it is used: plain values, checked once.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

/// Requests of a node that may wait for Redis at once. A Redis that stands still is answered for by the ones that
/// wait already; more would only pile up.
pub(crate) const IN_FLIGHT_MAX: usize = 1024;

/// Where Redis is and how it is used.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which servers there are.
    pub topology: Topology,
    /// The user of the access control list; `None` where nobody is asked.
    pub credentials: Option<Credentials>,
    /// The same for sentinels, which have users of their own.
    pub sentinel_credentials: Option<Credentials>,
    /// TLS to servers, and to sentinels where there are any; `None` for plain TCP. Names are checked as the
    /// configuration says.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// What all keys and channels begin with, so that several systems can share a Redis. No braces.
    pub prefix: String,
    /// How long one command may take; above it the store is unavailable.
    pub command_timeout: Duration,
    /// How long a stream state is kept after its last change. Longer than a participant is ever silent without
    /// having to recover from its checkpoint.
    pub state_life: Duration,
    /// How long fresh messages and heads are kept.
    pub fresh_life: Duration,
    /// Bytes of fresh messages that this node keeps in Redis of one participant at any time.
    pub fresh_bytes_per_participant: u64,
}

impl Options {
    /// The options' defaults, for one topology.
    #[must_use]
    pub fn new(topology: Topology) -> Self {
        Self {
            topology,
            credentials: None,
            sentinel_credentials: None,
            tls: None,
            prefix: "pix-stream".to_owned(),
            command_timeout: Duration::from_millis(800),
            state_life: Duration::from_hours(24),
            fresh_life: Duration::from_secs(30),
            fresh_bytes_per_participant: 4 * 1024 * 1024,
        }
    }

    pub(crate) fn check(&self) -> Result<(), OptionsError> {
        if self.prefix.is_empty() || self.prefix.contains(['{', '}']) {
            return Err(OptionsError::Prefix(self.prefix.clone()));
        }
        let lives = [self.command_timeout, self.state_life, self.fresh_life];
        if lives.iter().any(|life| life.as_millis() == 0) {
            return Err(OptionsError::NoTime);
        }
        let nodes = match &self.topology {
            Topology::Single { node } => std::slice::from_ref(node),
            Topology::Sentinel { sentinels, .. } => sentinels,
            Topology::Cluster { nodes } => nodes,
        };
        if nodes.is_empty() {
            return Err(OptionsError::NoNodes);
        }
        nodes.iter().try_for_each(|node| split(node).map(drop))
    }
}

/// Which servers there are; addresses are `host:port`, `[host]:port` for IPv6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    Single {
        /// Its address.
        node: String,
    },
    /// A master with replicas, found by asking sentinels.
    Sentinel {
        /// What the sentinels call the master.
        name: String,
        /// The sentinels' addresses.
        sentinels: Vec<String>,
    },
    /// Masters that share the slots.
    Cluster {
        /// Addresses of all of them that are known: with all of them listed, any may be gone at start.
        nodes: Vec<String>,
    },
}

/// A user.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name; `None` is the default user.
    pub username: Option<String>,
    /// The password; the driver keeps a copy of its own, to connect again with.
    pub password: Zeroizing<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// What is wrong with the options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Empty, or with braces, which decide in which slot of a cluster a key is.
    #[error("the prefix {0:?} is empty or holds braces")]
    Prefix(String),
    /// A timeout or a life under a millisecond.
    #[error("a timeout or a life is under a millisecond")]
    NoTime,
    /// No address.
    #[error("no address of Redis is given")]
    NoNodes,
    /// Not `host:port`.
    #[error("{0:?} is not host:port")]
    Address(String),
}

/// Host and port of an address.
pub(crate) fn split(address: &str) -> Result<(String, u16), OptionsError> {
    let wrong = || OptionsError::Address(address.to_owned());
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = port.parse().map_err(|_| wrong())?;
    if host.is_empty() { Err(wrong()) } else { Ok((host.to_owned(), port)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        assert_eq!(split("redis.example:6379"), Ok(("redis.example".to_owned(), 6379)));
        assert_eq!(split("[::1]:6379"), Ok(("::1".to_owned(), 6379)));
        for wrong in ["redis", ":6379", "redis:", "redis:70000"] {
            assert_eq!(split(wrong), Err(OptionsError::Address(wrong.to_owned())));
        }
    }

    #[test]
    fn braces_in_the_prefix_are_refused() {
        let mut options = Options::new(Topology::Single { node: "localhost:6379".to_owned() });
        assert_eq!(options.check(), Ok(()));
        options.prefix = "a{b}".to_owned();
        assert_eq!(options.check(), Err(OptionsError::Prefix("a{b}".to_owned())));
    }

    #[test]
    fn a_password_is_never_shown() {
        let user = Credentials { username: Some("pix".to_owned()), password: "secret".to_owned().into() };
        assert!(!format!("{user:?}").contains("secret"));
    }
}

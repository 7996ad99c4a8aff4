//! The nodes that statements are sent to, by address. They outlive the driver's session: rebuilding that one loses no connection.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::net::lookup_host;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::dial::Endpoint;
use crate::error::Error;
use crate::node::{Node, Rank};
use crate::settings::Settings;

/// More nodes of one data centre than this are not connected to.
const NODES_MAX: usize = 256;

/// All nodes that statements may be sent to.
#[derive(Debug)]
pub(crate) struct Nodes {
    settings: Arc<Settings>,
    by_address: ArcSwap<HashMap<SocketAddr, Arc<Node>>>,
    /// Hosts as the contact points name them: their certificates have these names.
    hosts: Mutex<HashMap<IpAddr, String>>,
    changed: watch::Sender<()>,
}

impl Nodes {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            by_address: ArcSwap::default(),
            hosts: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// The addresses of the contact points, asked for anew: they may have moved.
    pub(crate) async fn resolve(&self) -> Result<Vec<SocketAddr>, Error> {
        let mut addresses = Vec::new();
        let mut hosts = HashMap::new();
        let mut failure = "no contact points".to_owned();
        for point in &self.settings.contact_points {
            match timeout(self.settings.connect_timeout, lookup_host(point)).await {
                Ok(Ok(found)) => {
                    let host = point.rsplit_once(':').map_or(point.as_str(), |(host, _)| host);
                    for address in found {
                        hosts.insert(address.ip(), host.trim_matches(['[', ']']).to_owned());
                        addresses.push(address);
                    }
                }
                Ok(Err(error)) => failure = format!("{point}: {error}"),
                Err(_) => failure = format!("{point}: no address in time"),
            }
        }
        if addresses.is_empty() {
            return Err(Error::Unavailable(failure));
        }
        *self.hosts.lock().unwrap_or_else(PoisonError::into_inner) = hosts;
        Ok(addresses)
    }

    /// The address and the name to expect there.
    pub(crate) fn endpoint(&self, address: SocketAddr) -> Endpoint {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.get(&address.ip()).cloned().unwrap_or_else(|| address.ip().to_string());
        Endpoint { address, host }
    }

    /// Keeps connections to these addresses, and to no others.
    pub(crate) fn set(&self, addresses: &[SocketAddr]) {
        let old = self.by_address.load_full();
        let is_same = old.len() == addresses.len() && addresses.iter().all(|a| old.contains_key(a));
        // The driver's metadata is empty for a moment while it is read again: no reason to hang up.
        if is_same || addresses.is_empty() {
            return;
        }
        let nodes = addresses.iter().take(NODES_MAX).map(|address| {
            let node = old.get(address).cloned().unwrap_or_else(|| {
                tracing::info!(node = %address, "a node of Cassandra is connected to from now on");
                let endpoint = self.endpoint(*address);
                Arc::new(Node::start(endpoint, Arc::clone(&self.settings), self.changed.clone()))
            });
            (*address, node)
        });
        self.by_address.store(Arc::new(nodes.collect()));
    }

    pub(crate) fn find(&self, address: SocketAddr) -> Option<Arc<Node>> {
        self.by_address.load().get(&address).cloned()
    }

    pub(crate) fn all(&self) -> Arc<HashMap<SocketAddr, Arc<Node>>> {
        self.by_address.load_full()
    }

    /// The best that any node is.
    pub(crate) fn rank(&self) -> Rank {
        self.by_address.load().values().map(|node| node.rank()).min().unwrap_or(Rank::Down)
    }

    /// Returns when a node is connected.
    pub(crate) async fn connected(&self) {
        let mut changes = self.changed.subscribe();
        while self.rank() == Rank::Down {
            // The sender lives in `self`, so waiting cannot fail.
            let _ = changes.changed().await;
        }
    }

    /// Why nobody is there, in the words of a node that tried.
    pub(crate) fn why_down(&self) -> String {
        let nodes = self.all();
        let error = nodes.values().find_map(|node| node.last_error());
        error.unwrap_or_else(|| "no node is connected".to_owned())
    }
}

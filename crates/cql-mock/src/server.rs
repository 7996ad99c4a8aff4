//! The cluster: nodes that listen on loopback, and what a test does to them.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::connection::serve;
use crate::script::{Reply, Request, Script};
use crate::system::Member;

/// How a mock is made.
#[derive(Clone)]
pub struct Builder {
    datacenters: Vec<String>,
    key: fn(&str) -> Vec<u16>,
    credentials: Option<(String, String)>,
    tls: Option<Arc<ServerConfig>>,
}

impl Default for Builder {
    fn default() -> Self {
        Self { datacenters: vec!["dc1".to_owned()], key: |_| Vec::new(), credentials: None, tls: None }
    }
}

impl Builder {
    /// So many nodes, all in data centre `dc1`.
    #[must_use]
    pub fn nodes(mut self, count: usize) -> Self {
        self.datacenters = vec!["dc1".to_owned(); count];
        self
    }

    /// One node for each of these data centres.
    #[must_use]
    pub fn datacenters(mut self, names: &[&str]) -> Self {
        self.datacenters = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Which markers of a text are its partition key; none by default.
    #[must_use]
    pub fn key(mut self, key: fn(&str) -> Vec<u16>) -> Self {
        self.key = key;
        self
    }

    /// Asks for this name and password.
    #[must_use]
    pub fn credentials(mut self, username: &str, password: &str) -> Self {
        self.credentials = Some((username.to_owned(), password.to_owned()));
        self
    }

    /// Speaks TLS.
    #[must_use]
    pub fn tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Starts all nodes on free ports of 127.0.0.1.
    ///
    /// # Errors
    /// When a port cannot be had.
    pub async fn start(self, script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> io::Result<Mock> {
        let mut listeners = Vec::new();
        let mut members = Vec::new();
        let step = (u64::MAX / u64::try_from(self.datacenters.len().max(1)).unwrap_or(1)).cast_signed();
        let mut token = i64::MIN;
        for datacenter in &self.datacenters {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            members.push(Member {
                address: listener.local_addr()?,
                datacenter: datacenter.clone(),
                token,
                schema: Arc::default(),
                told_schema: Arc::default(),
            });
            listeners.push(listener);
            token = token.wrapping_add(step);
        }
        let cluster = Arc::new(Cluster {
            members,
            script: Arc::new(script),
            key: self.key,
            credentials: self.credentials,
            tls: self.tls,
        });
        let nodes = listeners.into_iter().enumerate().map(|(index, listener)| {
            let node =
                Node { shared: Arc::new(Shared::new(index, Arc::clone(&cluster))), tasks: Mutex::default() };
            node.listen(listener);
            node
        });
        Ok(Mock { nodes: nodes.collect() })
    }
}

/// What all nodes know.
pub(crate) struct Cluster {
    pub(crate) members: Vec<Member>,
    pub(crate) script: Script,
    pub(crate) key: fn(&str) -> Vec<u16>,
    pub(crate) credentials: Option<(String, String)>,
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

/// A cluster of nodes. Dropping it stops them.
pub struct Mock {
    nodes: Vec<Node>,
}

impl Mock {
    /// How to make one.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// `host:port` of every node.
    #[must_use]
    pub fn contact_points(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.address().to_string()).collect()
    }

    /// All nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Resets every connection of every node, as a firewall that fails over does.
    pub fn reset_all(&self) {
        self.nodes.iter().for_each(Node::reset);
    }
}

/// One node.
pub struct Node {
    shared: Arc<Shared>,
    tasks: Mutex<Option<AbortHandle>>,
}

/// What a node's connections share.
pub(crate) struct Shared {
    pub(crate) index: usize,
    pub(crate) cluster: Arc<Cluster>,
    orders: watch::Sender<Orders>,
    pub(crate) prepared: Mutex<HashSet<String>>,
    pub(crate) connections: AtomicUsize,
    accepted: AtomicUsize,
    /// Connections that were written to while they hang.
    pub(crate) stuck: AtomicUsize,
    /// The connection that asked for events last.
    pub(crate) registered: watch::Sender<Option<usize>>,
}

/// What a test wants of a node's connections, which are counted from 0 in the order they were accepted.
#[derive(Debug, Default)]
struct Orders {
    is_hung: bool,
    mute: HashSet<usize>,
    mute_from: Option<usize>,
    reset: HashSet<usize>,
    reset_before: usize,
}

impl Orders {
    fn is_mute(&self, connection: usize) -> bool {
        self.is_hung
            || self.mute.contains(&connection)
            || self.mute_from.is_some_and(|first| connection >= first)
    }
}

impl Shared {
    fn new(index: usize, cluster: Arc<Cluster>) -> Self {
        Self {
            index,
            cluster,
            orders: watch::Sender::default(),
            prepared: Mutex::default(),
            connections: AtomicUsize::new(0),
            accepted: AtomicUsize::new(0),
            stuck: AtomicUsize::new(0),
            registered: watch::Sender::new(None),
        }
    }

    pub(crate) fn prepared(&self) -> MutexGuard<'_, HashSet<String>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when this connection may read and write.
    pub(crate) async fn awake(&self, connection: usize) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.orders.subscribe().wait_for(|orders| !orders.is_mute(connection)).await;
    }

    /// Returns when this connection is to be reset.
    async fn doomed(&self, connection: usize) {
        let is_doomed =
            |orders: &Orders| connection < orders.reset_before || orders.reset.contains(&connection);
        let _ = self.orders.subscribe().wait_for(is_doomed).await;
    }
}

impl Node {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.cluster.members[self.shared.index].address
    }

    /// Connections that are open now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Connections that were ever accepted.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Connections that hang and were written to since.
    #[must_use]
    pub fn stuck(&self) -> usize {
        self.shared.stuck.load(Ordering::Relaxed)
    }

    /// The connection that asked for events last, which is a driver's control connection.
    #[must_use]
    pub fn control(&self) -> Option<usize> {
        *self.shared.registered.borrow()
    }

    /// Reads nothing and answers nothing from now on; the kernel still accepts, as for a stopped process.
    pub fn hang(&self) {
        self.shared.orders.send_modify(|orders| orders.is_hung = true);
    }

    /// Goes on where it hung, on every connection.
    pub fn resume(&self) {
        self.shared.orders.send_modify(|orders| {
            orders.is_hung = false;
            orders.mute_from = None;
            orders.mute.clear();
        });
    }

    /// Hangs on one connection, counted from 0 in the order of [`Node::accepted`].
    pub fn mute(&self, connection: usize) {
        self.shared.orders.send_modify(|orders| {
            orders.mute.insert(connection);
        });
    }

    /// Hangs on every connection that is accepted from now on.
    pub fn mute_new(&self) {
        let first = self.accepted();
        self.shared.orders.send_modify(|orders| orders.mute_from = Some(first));
    }

    /// The version of the schema that it has from now on; all begin with 0.
    pub fn set_schema(&self, version: u64) {
        self.set_schema_untold(version);
        self.shared.cluster.members[self.shared.index].told_schema.store(version, Ordering::Relaxed);
    }

    /// The version of the schema that it has from now on; the others have not heard of it yet.
    pub fn set_schema_untold(&self, version: u64) {
        self.shared.cluster.members[self.shared.index].schema.store(version, Ordering::Relaxed);
    }

    /// Forgets what was prepared.
    pub fn forget(&self) {
        self.shared.prepared().clear();
    }

    /// Resets every open connection.
    pub fn reset(&self) {
        let next = self.accepted();
        self.shared.orders.send_modify(|orders| orders.reset_before = next);
    }

    /// Resets one connection, counted from 0 in the order of [`Node::accepted`].
    pub fn reset_one(&self, connection: usize) {
        self.shared.orders.send_modify(|orders| {
            orders.reset.insert(connection);
        });
    }

    /// Closes its port and resets its connections.
    pub fn stop(&self) {
        if let Some(tasks) = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take() {
            tasks.abort();
        }
    }

    /// Listens again, on the same port.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn restart(&self) -> io::Result<()> {
        let listener = TcpListener::bind(self.address()).await?;
        self.listen(listener);
        Ok(())
    }

    fn listen(&self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        let task = tokio::spawn(accept(shared, listener)).abort_handle();
        *self.tasks.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Accepts until aborted; the connections end with it.
async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let index = shared.accepted.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            tokio::select! {
                () = shared.doomed(index) => {}
                () = serve(&shared, index, socket) => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

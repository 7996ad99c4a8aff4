//! The session: what callers hold. How one statement is carried out is told in `call`, what keeps the session alive in `supervisor`.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use crate::agreement;
use crate::balancing::is_in;
use crate::call::Call;
use crate::driver::{Connector, Driver, build};
use crate::error::Error;
use crate::node::Rank;
use crate::nodes::Nodes;
use crate::prepared::Cache;
use crate::rows::Rows;
use crate::settings::Settings;
use crate::statement::{Options, Statement};
use crate::supervisor::supervise;
use crate::value::Value;

/// A session with a cluster. Clones share it; it ends with the last of them.
///
/// Nothing in it waits longer than the limits of [`Settings`], and every queue has an end.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
    _supervisor: Arc<AbortOnDrop>,
}

/// How a session is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Nodes that statements may be sent to.
    pub nodes: usize,
    /// Of these, the ones that are connected and answer.
    pub nodes_up: usize,
    /// Requests that wait for an answer.
    pub in_flight: usize,
    /// Requests without an answer that nobody waits for any longer.
    pub orphans: usize,
}

impl Session {
    /// Connects, reads the cluster's metadata and starts what keeps the session alive.
    ///
    /// Takes milliseconds when the cluster is well, and a few times the limits of [`Settings`] at most.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no contact point answers, or none of the data centre's nodes;
    /// [`Error::Rejected`] when the cluster refuses name and password.
    pub async fn connect(settings: Settings) -> Result<Self, Error> {
        let settings = Arc::new(settings);
        let nodes = Arc::new(Nodes::new(Arc::clone(&settings)));
        let connector = Connector::new(Arc::clone(&settings), Arc::clone(&nodes));
        let driver = build(&connector, nodes.resolve().await?).await?;
        let inner = Arc::new(Inner {
            settings,
            nodes,
            connector,
            driver: ArcSwap::from_pointee(driver),
            prepared: Cache::default(),
        });
        inner.adopt();
        if inner.nodes.all().is_empty() {
            let datacenter = &inner.settings.datacenter;
            return Err(Error::Unavailable(format!("the cluster has no node in data centre {datacenter}")));
        }
        let connected = timeout(inner.settings.connect_timeout * 2, inner.nodes.connected()).await;
        connected.map_err(|_| Error::Unavailable(inner.nodes.why_down()))?;
        let supervisor = tokio::spawn(supervise(Arc::downgrade(&inner))).abort_handle();
        Ok(Self { inner, _supervisor: Arc::new(AbortOnDrop(supervisor)) })
    }

    /// Carries a statement out, or tells what is known of its failure.
    ///
    /// It goes to a replica of its partition when its partition key is bound. It is prepared on first use, and again
    /// when a node does not know it. When it is idempotent it may be sent to a second node; a conditional write
    /// never is, once a node may have received it.
    ///
    /// Dropping the future gives the answer up, not the statement.
    ///
    /// # Errors
    /// See [`Error`]. A read is never [`Error::Unknown`].
    pub async fn execute(
        &self,
        statement: &Statement,
        values: Vec<Value>,
        options: &Options,
    ) -> Result<Rows, Error> {
        // What a call may have to do is a large state machine; callers keep many of them side by side.
        Box::pin(Call::new(&self.inner, statement, values, options).run()).await
    }

    /// Asks one node whether it answers, within the limit of a request.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when none does.
    pub async fn check(&self) -> Result<(), Error> {
        let deadline = Instant::now() + self.inner.settings.request_timeout;
        crate::call::check(&self.inner, deadline).await
    }

    /// How many versions of the schema there are: 1 when all nodes agree.
    ///
    /// Each connected node is asked for its own and for those that it has seen of others, so that nobody is left out: who
    /// is away, or in another data centre, counts with what is known of it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no node is connected, or when one that is does not answer within `limit`.
    pub async fn schema_versions(&self, limit: Duration) -> Result<usize, Error> {
        agreement::versions(&self.inner.nodes, Instant::now() + limit, |_| true).await
    }

    /// Whether a node is connected that answers, as far as known. Asks nobody.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.inner.nodes.rank() == Rank::Up
    }

    /// Numbers for metrics. Asks nobody.
    #[must_use]
    pub fn health(&self) -> Health {
        let nodes = self.inner.nodes.all();
        let loads = nodes.values().map(|node| node.load());
        let (in_flight, orphans) = loads.fold((0, 0), |(live, lost), (l, o)| (live + l, lost + o));
        let nodes_up = nodes.values().filter(|node| node.rank() == Rank::Up).count();
        Health { nodes: nodes.len(), nodes_up, in_flight, orphans }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("health", &self.health()).finish_non_exhaustive()
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a session, its calls and its supervisor share.
pub(crate) struct Inner {
    pub(crate) settings: Arc<Settings>,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) connector: Connector,
    pub(crate) driver: ArcSwap<Driver>,
    pub(crate) prepared: Cache,
}

impl Inner {
    /// Connects to the nodes that the metadata names, and to no others.
    pub(crate) fn adopt(&self) {
        let metadata = self.driver.load().cluster_metadata();
        let members = metadata.nodes().values().filter(|member| is_in(&self.settings.datacenter, member));
        let addresses: Vec<SocketAddr> = members.map(|member| member.broadcast_rpc_address()).collect();
        self.nodes.set(&addresses);
    }
}

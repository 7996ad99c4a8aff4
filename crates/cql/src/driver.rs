//! The driver's session: it reads the cluster's metadata over a control connection of ours and keeps it up to date.
//! No statement goes through it (ADR 0016).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use cdrs_tokio::cluster::connection_pool::{ConnectionPoolConfig, ConnectionPoolConfigBuilder};
use cdrs_tokio::cluster::session::{
    NodeDistanceEvaluatorWrapper, ReconnectionPolicyWrapper, RetryPolicyWrapper, Session,
};
use cdrs_tokio::cluster::{ConnectionManager, GenericClusterConfig, KeyspaceHolder, connect_generic};
use cdrs_tokio::error::Result as DriverResult;
use cdrs_tokio::frame::{Envelope, Version};
use cdrs_tokio::future::BoxFuture;
use cdrs_tokio::load_balancing::node_distance_evaluator::AllLocalNodeDistanceEvaluator;
use cdrs_tokio::retry::{ConstantReconnectionPolicy, FallthroughRetryPolicy};
use cdrs_tokio::transport::CdrsTransport;
use futures_util::FutureExt as _;
use futures_util::future::select_ok;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, timeout};

use crate::balancing::Ring;
use crate::dial::{VERSION, dial};
use crate::error::Error;
use crate::link::{Failure, Handlers, Link, Wire};
use crate::nodes::Nodes;
use crate::settings::Settings;

/// Between the driver's attempts to make a control connection.
const CONTROL_PAUSE: Duration = Duration::from_millis(300);
/// Events of the cluster that may wait to be handled.
const EVENTS_MAX: usize = 128;

/// The driver's session with our transport and our load balancing.
pub(crate) type Driver = Session<Link, Connector, Ring>;

impl CdrsTransport for Link {
    fn write_envelope<'a>(
        &'a self,
        envelope: &'a Envelope,
        _handshake: bool,
    ) -> BoxFuture<'a, DriverResult<Envelope>> {
        async move {
            let deadline = Instant::now() + self.request_timeout();
            let answer = self.send(envelope, deadline).await.map_err(|failure| match failure {
                Failure::NotSent(why) | Failure::Lost(why) => cdrs_tokio::Error::General(why),
                Failure::TimedOut => cdrs_tokio::Error::Timeout("no answer in time".to_owned()),
            })?;
            match answer.response_body()?.into_error() {
                Some(body) => Err(cdrs_tokio::Error::Server { body, addr: self.address() }),
                None => Ok(answer),
            }
        }
        .boxed()
    }

    fn is_broken(&self) -> bool {
        Wire::is_broken(self)
    }

    fn address(&self) -> SocketAddr {
        Wire::address(self)
    }
}

/// Makes the driver's control connections, and remembers the last one, so that it is probed like any other.
#[derive(Clone)]
pub(crate) struct Connector {
    settings: Arc<Settings>,
    nodes: Arc<Nodes>,
    control: Arc<Mutex<Weak<Wire>>>,
}

impl Connector {
    pub(crate) fn new(settings: Arc<Settings>, nodes: Arc<Nodes>) -> Self {
        Self { settings, nodes, control: Arc::default() }
    }

    /// The control connection, while there is one that takes requests.
    pub(crate) fn control(&self) -> Option<Arc<Wire>> {
        let control = self.control.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        control.filter(|wire| !wire.is_broken())
    }

    async fn dial(&self, address: SocketAddr, handlers: Handlers) -> Result<Link, Error> {
        dial(&self.nodes.endpoint(address), &self.settings, Arc::default(), handlers).await
    }
}

impl ConnectionManager<Link> for Connector {
    fn connection(
        &self,
        events: Option<Sender<Envelope>>,
        errors: Option<Sender<cdrs_tokio::Error>>,
        address: SocketAddr,
    ) -> BoxFuture<'_, DriverResult<Link>> {
        async move {
            let link = self.dial(address, Handlers { events, errors }).await;
            let link = link.map_err(|error| cdrs_tokio::Error::General(error.to_string()))?;
            *self.control.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(link.wire());
            Ok(link)
        }
        .boxed()
    }
}

impl GenericClusterConfig<Link, Self> for Connector {
    fn create_manager(&self, _: Arc<KeyspaceHolder>) -> BoxFuture<'_, DriverResult<Self>> {
        std::future::ready(Ok(self.clone())).boxed()
    }

    fn event_channel_capacity(&self) -> usize {
        EVENTS_MAX
    }

    fn version(&self) -> Version {
        VERSION
    }

    fn connection_pool_config(&self) -> ConnectionPoolConfig {
        // The driver makes a pool when it sends a statement, which it never does here.
        ConnectionPoolConfigBuilder::new().with_connect_timeout(Some(self.settings.connect_timeout)).build()
    }
}

/// Builds a session that knows the cluster, from the first of these addresses that answers.
pub(crate) async fn build(connector: &Connector, addresses: Vec<SocketAddr>) -> Result<Driver, Error> {
    // The driver tries for ever and does not tell why, so somebody has to be there first.
    let knocks = addresses.iter().map(|address| connector.dial(*address, Handlers::default()).boxed());
    let (knock, _) = select_ok(knocks).await?;
    let first = Wire::address(&knock);
    let mut order = vec![first];
    order.extend(addresses.into_iter().filter(|address| *address != first));
    let building = connect_generic(
        connector,
        order,
        Ring::new(Arc::clone(&connector.nodes), connector.settings.datacenter.clone()),
        RetryPolicyWrapper(Box::new(FallthroughRetryPolicy)),
        ReconnectionPolicyWrapper(Arc::new(ConstantReconnectionPolicy::new(CONTROL_PAUSE))),
        NodeDistanceEvaluatorWrapper(Box::new(AllLocalNodeDistanceEvaluator)),
        None,
    );
    let limit = connector.settings.connect_timeout + connector.settings.request_timeout * 2;
    let unavailable = |why: String| Error::Unavailable(format!("the cluster's metadata: {why}"));
    timeout(limit, building)
        .await
        .map_err(|_| unavailable("not there in time".to_owned()))?
        .map_err(|error| unavailable(error.to_string()))
}

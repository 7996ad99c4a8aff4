//! Connections that come back by themselves: the driver's settings (ADR 0018), a watch over each connection, and calls
//! that end in time.
//!
//! The driver's defaults wait for ever; every value here was chosen in trials against a server that is killed, frozen
//! or failed over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fred::clients::{Client, SubscriberClient};
use fred::interfaces::ClientLike;
use fred::socket2::TcpKeepalive;
use fred::types::Builder;
use fred::types::RespVersion;
use fred::types::config::{
    ClusterDiscoveryPolicy, Config, ConnectionConfig, PerformanceConfig, ReconnectError, ReconnectPolicy,
    Server, ServerConfig, TcpConfig, TlsConfig, TlsHostMapping, UnresponsiveConfig,
};
use metrics::{Counter, Gauge};
// Without this line the dependency that makes `tcp-user-timeouts` compile would count as unused.
use socket2_05 as _;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use pix_stream_ports::error::Error;

use crate::error;
use crate::metrics::{CONNECTS, UP};
use crate::options::{Credentials, IN_FLIGHT_MAX, Options, OptionsError, Topology, split};

/// Pause before the first attempt to connect again, and at most between attempts. A second at most would be the
/// driver's recommendation; service has to be back within a second of the server.
const RECONNECT_DELAYS: (u32, u32) = (50, 400);
/// Spread of these pauses over the nodes.
const RECONNECT_JITTER_MS: u32 = 50;
/// How often a command is sent when connections break under it.
const COMMAND_ATTEMPTS: u32 = 3;
/// A connection on which an answer is missing for this long is closed: the server is frozen or the network lost it.
const UNRESPONSIVE: UnresponsiveConfig = UnresponsiveConfig {
    max_timeout: Some(Duration::from_millis(1500)),
    interval: Duration::from_millis(200),
};
/// How long a connection may take to be made, handshakes included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Data that nobody acknowledged for this long breaks the connection.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(3);
/// An idle connection is tested this often, so that a subscription does not outlive its network unnoticed.
const TCP_KEEPALIVE: Duration = Duration::from_secs(2);
/// News that may wait for their listeners before some count as missed.
const NEWS_BUFFER: usize = 8192;
/// Pause before a connection task that gave up is started again.
const RESTART_PAUSE: Duration = Duration::from_millis(400);

/// Builds clients with our settings.
///
/// # Errors
/// The options contradict themselves.
pub(crate) fn builder(options: &Options) -> Result<Builder, OptionsError> {
    options.check()?;
    let mut builder = Builder::from_config(config(options)?);
    let (least, most) = RECONNECT_DELAYS;
    let mut policy = ReconnectPolicy::new_exponential(0, least, most, 2);
    policy.set_jitter(RECONNECT_JITTER_MS);
    builder.set_policy(policy);
    builder.set_performance_config(PerformanceConfig {
        default_command_timeout: options.command_timeout,
        broadcast_channel_capacity: NEWS_BUFFER,
        ..PerformanceConfig::default()
    });
    builder.set_connection_config(ConnectionConfig {
        connection_timeout: CONNECT_TIMEOUT,
        internal_command_timeout: CONNECT_TIMEOUT,
        max_command_attempts: COMMAND_ATTEMPTS,
        unresponsive: UNRESPONSIVE,
        reconnect_on_auth_error: true,
        max_command_buffer_len: 8 * IN_FLIGHT_MAX,
        reconnect_errors: vec![
            ReconnectError::ClusterDown,
            ReconnectError::Loading,
            ReconnectError::MasterDown,
            ReconnectError::ReadOnly,
        ],
        tcp: TcpConfig {
            nodelay: Some(true),
            keepalive: Some(TcpKeepalive::new().with_time(TCP_KEEPALIVE).with_interval(TCP_KEEPALIVE)),
            user_timeout: Some(TCP_USER_TIMEOUT),
            ..TcpConfig::default()
        },
        ..ConnectionConfig::default()
    });
    Ok(builder)
}

fn config(options: &Options) -> Result<Config, OptionsError> {
    let credentials = options.credentials.clone();
    let (username, password) = split_up(credentials);
    let tls = options.tls.as_ref().map(|tls| TlsConfig {
        connector: rustls::ClientConfig::clone(tls).into(),
        hostnames: TlsHostMapping::DefaultHost,
    });
    Ok(Config {
        // A node starts also without Redis, and says that it is not ready.
        fail_fast: false,
        server: server(options)?,
        version: RespVersion::RESP3,
        username,
        password,
        tls,
        ..Config::default()
    })
}

/// As the driver takes them.
fn split_up(credentials: Option<Credentials>) -> (Option<String>, Option<String>) {
    credentials.map_or((None, None), |one| (one.username, Some(one.password.to_string())))
}

fn server(options: &Options) -> Result<ServerConfig, OptionsError> {
    let servers = |nodes: &[String]| {
        let servers = nodes.iter().map(|node| split(node).map(Server::from));
        servers.collect::<Result<Vec<_>, _>>()
    };
    Ok(match &options.topology {
        Topology::Single { node } => ServerConfig::Centralized { server: split(node)?.into() },
        Topology::Cluster { nodes } => {
            ServerConfig::Clustered { hosts: servers(nodes)?, policy: ClusterDiscoveryPolicy::UseCache }
        }
        Topology::Sentinel { name, sentinels } => {
            let credentials = options.sentinel_credentials.clone();
            let (username, password) = split_up(credentials);
            let hosts = servers(sentinels)?;
            ServerConfig::Sentinel { hosts, service_name: name.clone(), username, password }
        }
    })
}

/// Tasks that end with their owner.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Vec<JoinHandle<()>>);

impl Tasks {
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::spawn(task));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Keeps a client connected, whatever the driver makes of an error, and tells the log and the metrics how it is.
pub(crate) fn keep_up<C>(client: &C, name: &'static str, tasks: &mut Tasks)
where
    C: ClientLike + fred::interfaces::EventInterface + Clone + Send + Sync + 'static,
{
    let watch = Arc::new(Watch::new(name));
    let (mut errors, mut reconnects) = (client.error_rx(), client.reconnect_rx());
    let told = Arc::clone(&watch);
    let told_at_connect = Arc::clone(&watch);
    tasks.spawn(async move {
        use tokio::sync::broadcast::error::RecvError;
        loop {
            tokio::select! {
                error = errors.recv() => match error {
                    Ok((error, server)) => told.broke(&error, server.as_ref()),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
                server = reconnects.recv() => match server {
                    Ok(server) => told.stands(&server),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
            }
        }
    });
    let kept = client.clone();
    tasks.spawn(async move {
        loop {
            // Ends when the driver takes an error for final, such as a refused password. We never do, but say so.
            if let Some(error) = Attempt(kept.connect()).ended().await {
                told_at_connect.broke(&error, None);
            }
            sleep(RESTART_PAUSE).await;
        }
    });
}

/// Waits until a client is connected for the first time, but no longer than `patience`.
pub(crate) async fn stands(client: &impl ClientLike, name: &'static str, patience: Duration) {
    // The task that connects has to begin first.
    tokio::task::yield_now().await;
    if !matches!(timeout(patience, client.wait_for_connect()).await, Ok(Ok(()))) {
        tracing::warn!(connection = name, "redis is out of reach at start; trying on");
    }
}

/// The driver's connection task; it ends with whoever waits for it.
struct Attempt(JoinHandle<Result<(), fred::error::Error>>);

impl Attempt {
    /// Why it ended, if it says so.
    async fn ended(mut self) -> Option<fred::error::Error> {
        (&mut self.0).await.ok().and_then(Result::err)
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is known of one connection, for people.
struct Watch {
    name: &'static str,
    is_up: AtomicBool,
    /// The error that was told last, as long as nothing has changed since.
    told: Mutex<String>,
    up: Gauge,
    connects: Counter,
}

impl Watch {
    fn new(name: &'static str) -> Self {
        let up = metrics::gauge!(UP, "connection" => name);
        up.set(0.0);
        let connects = metrics::counter!(CONNECTS, "connection" => name);
        Self { name, is_up: AtomicBool::new(false), told: Mutex::default(), up, connects }
    }

    /// Logs the first of a row of equal errors: why a connection broke, and why the next one cannot be made.
    fn broke(&self, error: &fred::error::Error, server: Option<&Server>) {
        self.up.set(0.0);
        let was_up = self.is_up.swap(false, Ordering::Relaxed);
        let text = error.to_string();
        // Nothing in here panics between two writes.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if was_up || *told != text {
            *told = text;
            let server = server.map(ToString::to_string).unwrap_or_default();
            tracing::warn!(connection = self.name, server, %error, "redis is out of reach");
        }
    }

    fn stands(&self, server: &Server) {
        self.up.set(1.0);
        self.connects.increment(1);
        self.is_up.store(true, Ordering::Relaxed);
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clear();
        tracing::info!(connection = self.name, %server, "redis is connected");
    }
}

/// A client for commands, kept up.
pub(crate) fn commands(builder: &Builder, name: &'static str, tasks: &mut Tasks) -> Result<Client, Error> {
    let client = builder.build().map_err(|error| error::of(&error))?;
    keep_up(&client, name, tasks);
    Ok(client)
}

/// A client for subscriptions, not yet kept up: who listens must begin first.
pub(crate) fn subscriber(builder: &Builder) -> Result<SubscriberClient, Error> {
    builder.build_subscriber_client().map_err(|error| error::of(&error))
}

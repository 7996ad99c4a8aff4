//! A server at work: stores open, listeners bound, signals obeyed; and its orderly end.
//!
//! `serve` and `demo` are both this; what they print around it is theirs.

mod expiry;
mod node;
mod observing;
mod reload;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use pix_stream_admin::{Admin, Hooks, handle_admin, handle_plain};
use pix_stream_app::App;
use pix_stream_config::{Config, JournalKind};
use pix_stream_delivery::{Render, Shared, handle};
use pix_stream_domain::audit::ChainId;
use pix_stream_listener as listener;
use pix_stream_listener::drain::Drain;
use pix_stream_listener::identity::Peer;
use pix_stream_listener::tls::TlsStore;
use pix_stream_ports::Ports;
use pix_stream_ports::audit_log::AuditLog as _;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::cluster::{self, Background};
use crate::compose;
use crate::evidence::{self, NodeEvidence};
use crate::failure::Failure;
use crate::node_ports::{NodePorts, Stores};
use crate::serving::node::ThisNode;
use crate::serving::observing::Observing;
use crate::serving::reload::{ReloadHook, Reloader};
use crate::shutdown::{Reloads, Shutdown};
use crate::system::{self, SystemEntropy};
use crate::telemetry::Filter;
use crate::token_keys::{self, KeyHook, NodeKeys};

/// How often the metrics recorder tidies its buckets.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// Open files beside connections: stores, logs, listeners, and what both listeners of TLS have not yet greeted.
const OWN_FILES: u64 = 128 + 2 * listener::config::PENDING as u64;

/// The one line on stdout when the server is ready (cli.md), also kept in `data/ready.json` while it runs.
#[derive(Debug, Clone, Serialize)]
pub struct Ready {
    /// Always `ready`.
    pub event: &'static str,
    /// Where the API is.
    pub api: String,
    /// Where the admin listener is.
    pub admin: String,
    /// This process.
    pub pid: u32,
    /// The folder of the configuration file.
    pub dir: PathBuf,
}

/// The end of a core, whatever its ports are.
trait Ending: Send + Sync {
    fn begin_drain(&self);
    fn finish(&self) -> Pin<Box<dyn Future<Output = Result<(), pix_stream_app::Error>> + Send + '_>>;
}

impl<P: Ports> Ending for App<P> {
    fn begin_drain(&self) {
        Self::begin_drain(self);
    }

    fn finish(&self) -> Pin<Box<dyn Future<Output = Result<(), pix_stream_app::Error>> + Send + '_>> {
        Box::pin(Self::finish(self))
    }
}

/// A running server.
pub struct Serving {
    /// What it announced.
    pub ready: Ready,
    app: Box<dyn Ending>,
    drain: Drain,
    listeners: JoinSet<()>,
    ready_file: PathBuf,
    drain_timeout: Duration,
    observing: Observing,
}

/// Opens the stores, binds the listeners and serves. `dir` is the folder of the configuration file.
///
/// # Errors
/// A store cannot be opened, a certificate or key cannot be read, an address is taken; the message says what to do.
pub async fn start(
    config: &Config,
    dir: &Path,
    shutdown: &Shutdown,
    filter: Filter,
) -> Result<Serving, Failure> {
    let prepared = Prepared::new(config, dir, shutdown, filter)?;
    match config.journal.kind {
        JournalKind::Embedded => prepared.serve(compose::embedded_stores(config)?, |_, _| {}).await,
        JournalKind::Cassandra => {
            let stores = cluster::open(config).await?;
            let background = Background::new(config, &stores).await?;
            prepared.serve(stores, |app, chain| background.begin(app, chain)).await
        }
    }
}

/// A server before its stores: what can go wrong without them has not.
struct Prepared<'a> {
    config: &'a Config,
    dir: &'a Path,
    /// From before the files are read on: what changes after that and is announced must not be missed.
    reloads: Reloads,
    shutdown: Shutdown,
    render: Render,
    tls: Arc<TlsStore>,
    observing: Observing,
    /// Bound before the stores are opened, so that a taken port changes nothing on disk.
    sockets: Sockets,
}

impl<'a> Prepared<'a> {
    fn new(config: &'a Config, dir: &'a Path, shutdown: &Shutdown, filter: Filter) -> Result<Self, Failure> {
        let reloads = shutdown.reloads();
        let (render, recorder) = compose::metrics()?;
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP_EVERY).await;
                recorder.run_upkeep();
            }
        });
        raise_open_files(config);
        let observing = Observing::begin(config, filter)?;
        let tls = TlsStore::load(&compose::tls(config)).map_err(|problems| {
            Failure::new(problems).next(
                "correct [tls] of the configuration; `pix-stream init` makes certificates for development",
            )
        })?;
        tokio::spawn(expiry::watch(Arc::clone(&tls)));
        let (shutdown, sockets) = (shutdown.clone(), Sockets::bind(config)?);
        Ok(Self { config, dir, reloads, shutdown, render, tls, observing, sockets })
    }

    async fn serve<S: Stores>(
        self,
        stores: S,
        begin: impl FnOnce(&App<NodePorts<S>>, ChainId),
    ) -> Result<Serving, Failure> {
        let Self { config, dir, reloads, shutdown, render, tls, observing, sockets } = self;
        let (api, admin) = (local_address(&sockets.api)?, local_address(&sockets.admin)?);
        let mut ports = compose::ports(config, stores)?;
        evidence::hold_against_anchors(&mut ports).await?;
        let chain = ports.audit_log().chain();
        let evidence = Arc::new(NodeEvidence::new(config, &ports));
        // The folder is ours from here on; one that a killed server left would send `--dir` commands astray.
        let ready_file = dir.join("data").join("ready.json");
        remove_ready(&ready_file);
        let codec = ports.codec().clone();
        let app = compose::start_app(config, ports).await?;
        let keys = NodeKeys::new(config, &app);
        tokio::spawn(token_keys::watch(Arc::clone(&keys)));
        let reload = Arc::new(Reloader::new(config, &tls, &app, codec, Arc::clone(&keys)));
        let (log, slow) = observing.hooks();
        let hooks = Hooks {
            reload: Some(Arc::new(ReloadHook(Arc::clone(&reload)))),
            keys: Some(Arc::new(KeyHook(keys))),
            log: Some(log),
            slow: Some(slow),
            evidence: Some(evidence),
            node: Some(Arc::new(ThisNode::new(config, &app, &shutdown))),
        };
        let (wire, seed) = (compose::wire(config), SystemEntropy::new().number());
        let shared = Shared::new(app.clone(), wire, render, seed, env!("CARGO_PKG_VERSION"));
        let shared = Arc::new(shared.await.with_observer(observing.observer()));
        let drain = Drain::new();
        let listeners =
            sockets.serve(config, &tls, (&shared, Admin::new(Arc::clone(&shared), hooks)), &drain);
        tokio::spawn(obey(reloads, reload));
        begin(&app, chain);
        let ready = Ready {
            event: "ready",
            api: format!("https://{api}"),
            admin: format!("https://{admin}"),
            pid: std::process::id(),
            dir: dir.to_owned(),
        };
        write_ready(&ready_file, &ready);
        tracing::info!(api = ready.api, admin = ready.admin, "serving");
        let drain_timeout = config.limits.drain_timeout;
        Ok(Serving { ready, app: Box::new(app), drain, listeners, ready_file, drain_timeout, observing })
    }
}

/// The bound addresses, before anybody is answered.
struct Sockets {
    api: TcpListener,
    admin: TcpListener,
    plain: Option<TcpListener>,
}

impl Sockets {
    fn bind(config: &Config) -> Result<Self, Failure> {
        let listen = &config.listen;
        let plain =
            listen.plain_health.then(|| bind(listen.plain_health_listen, "listen.plain_health_listen"));
        Ok(Self {
            api: bind(listen.api, "listen.api")?,
            admin: bind(listen.admin, "listen.admin")?,
            plain: plain.transpose()?,
        })
    }

    /// Answers on each of them until the drain.
    fn serve<P: Ports>(
        self,
        config: &Config,
        tls: &Arc<TlsStore>,
        (shared, admin): (&Arc<Shared<P>>, Admin<P>),
        drain: &Drain,
    ) -> JoinSet<()> {
        let admin = Arc::new(admin);
        let mut listeners = JoinSet::new();
        listeners.spawn(listener::serve(
            self.api,
            Arc::clone(tls),
            service(shared, handle),
            drain.clone(),
            compose::listener(config, "api", shared.refuse()),
        ));
        listeners.spawn(listener::serve(
            self.admin,
            Arc::clone(tls),
            service(&admin, handle_admin),
            drain.clone(),
            compose::admin_listener(config, shared.refuse()),
        ));
        if let Some(plain) = self.plain {
            // The ready line has no place for it, and port 0 is allowed here too.
            let address = plain.local_addr().map(|address| address.to_string()).unwrap_or_default();
            tracing::info!(address, "plain health");
            let service = move |request, _remote: SocketAddr| handle_plain(Arc::clone(&admin), request);
            listeners.spawn(listener::serve_plain(plain, service, drain.clone()));
        }
        listeners
    }
}

impl Serving {
    /// Returns when a listener ended that nobody told to. A server that answers on half of its addresses looks
    /// healthy and is not: the process should end, in order, and be started anew.
    pub async fn listener_lost(&mut self) -> Failure {
        // Never empty before `finish`.
        let _ended = self.listeners.join_next().await;
        Failure::new("a listener ended by a defect").next("see the log above, and start the server again")
    }

    /// Ends in order: waiting reads are answered, requests under way finish, last checkpoints are saved.
    ///
    /// # Errors
    /// The last checkpoints or audit entries could not be written. What was acknowledged is safe all the same.
    pub async fn finish(mut self) -> Result<(), Failure> {
        tracing::info!("draining");
        self.app.begin_drain();
        let drained = self.drain.finish(self.drain_timeout).await;
        while let Some(ended) = self.listeners.join_next().await {
            if ended.is_err() {
                tracing::error!("a listener ended by a defect");
            }
        }
        let finished = self.app.finish().await;
        remove_ready(&self.ready_file);
        self.observing.finish().await;
        tracing::info!(connections = drained.finished, cut = drained.cut, "drained");
        finished.map_err(|error| {
            Failure::new(error)
                .next("nothing acknowledged is lost; after the next start some messages come again")
        })
    }
}

/// A handler with what it shares, as a listener's service.
fn service<S: Send + Sync + 'static, A: Future + Send>(
    shared: &Arc<S>,
    handle: impl Fn(Arc<S>, Peer, Request<Incoming>) -> A + Clone + Send + Sync + 'static,
) -> impl Fn(Request<Incoming>, Peer) -> A + Clone + Send + Sync + 'static {
    let shared = Arc::clone(shared);
    move |request, peer| handle(Arc::clone(&shared), peer, request)
}

/// Reads again what the configuration names, each time a signal asks for it.
async fn obey(mut reloads: Reloads, reload: Arc<Reloader<impl Ports>>) {
    while reloads.next().await {
        reload.run_for_a_signal().await;
    }
}

fn raise_open_files(config: &Config) {
    let wanted = u64::from(config.limits.connections) + compose::ADMIN_CONNECTIONS as u64 + OWN_FILES;
    match system::raise_open_files(wanted) {
        Ok(files) if files.is_enough => {}
        Ok(files) => tracing::warn!(
            open_files = files.limit,
            wanted,
            "too few open files for limits.connections; raise the hard limit (ulimit -Hn, LimitNOFILE) or lower \
             limits.connections"
        ),
        Err(error) => tracing::warn!(%error, wanted, "the open-file limit could not be raised"),
    }
}

fn bind(address: SocketAddr, key: &str) -> Result<TcpListener, Failure> {
    listener::bind(address).map_err(|error| {
        Failure::new(format_args!("cannot listen on {address} ({key}): {error}"))
            .next("choose another address or port; port 0 picks a free one")
    })
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener
        .local_addr()
        .map_err(|error| Failure::new(format_args!("the bound address is not known: {error}")))
}

/// Whole or not at all: somebody may be waiting for it.
fn write_ready(path: &Path, ready: &Ready) {
    let line = serde_json::to_string(ready).unwrap_or_default() + "\n";
    let aside = path.with_extension("json.new");
    // Nobody else makes this folder when `journal.directory` is elsewhere.
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = folder.and_then(|()| std::fs::write(&aside, line));
    // Only `--dir` commands miss it, and they say so.
    if let Err(error) = written.and_then(|()| std::fs::rename(&aside, path)) {
        tracing::warn!(%error, path = %path.display(), "ready.json could not be written");
    }
}

fn remove_ready(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "ready.json could not be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_json_is_written_where_there_was_no_data_folder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data").join("ready.json");
        let ready = Ready {
            event: "ready",
            api: "https://127.0.0.1:1".to_owned(),
            admin: "https://127.0.0.1:2".to_owned(),
            pid: 3,
            dir: dir.path().to_owned(),
        };
        write_ready(&path, &ready);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(r#"{"event":"ready","#), "{text}");
    }
}

//! Redis on loopback: a single server, one with a replica and sentinels, or a cluster of three masters.
//!
//! Nothing is kept on disk unless asked for: a Redis that was killed comes back empty, as the drills want it.

mod client;
mod secured;
mod settings;
mod topology;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::process::{Launch, Probe};
use crate::way::Way;
use crate::{Error, Process, TlsFiles, install, ports};

pub use client::{Client, Reply};
pub use secured::{Secured, with_passwords};

/// How long a server may take until it answers.
const LIMIT: Duration = Duration::from_secs(20);

/// What to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where configuration, logs and pid files go; made when it is missing.
    pub directory: PathBuf,
    /// The address that all servers listen on, of 127.0.0.0/8.
    pub host: Ipv4Addr,
    /// The port of the (first) server; a free one when `None`.
    pub port: Option<u16>,
    /// Which servers there are.
    pub topology: Topology,
    /// The user that clients must be, if any.
    pub user: Option<User>,
    /// Opens a second port of each server, with TLS.
    pub tls: Option<TlsFiles>,
    /// Keeps strangers out: TLS and nothing else, certificates on both sides, users. In place of the two above.
    pub secured: Option<Secured>,
    /// Whether what was written survives a kill (append-only file, written at each command).
    pub is_durable: bool,
}

impl Options {
    /// One open server on 127.0.0.1 that keeps nothing.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            host: Ipv4Addr::LOCALHOST,
            port: None,
            topology: Topology::Single,
            user: None,
            tls: None,
            secured: None,
            is_durable: false,
        }
    }
}

/// Which servers there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One.
    Single,
    /// A master, a replica, and sentinels that make the replica the master when it is gone.
    Sentinel {
        /// What the sentinels call the master.
        name: String,
        /// How many watch; more than half of them decide.
        sentinels: u8,
    },
    /// Three masters without replicas that share the slots.
    Cluster,
}

impl Topology {
    /// Sentinels as `[redis] sentinel_name` has them by default.
    #[must_use]
    pub fn sentinel(sentinels: u8) -> Self {
        Self::Sentinel { name: "pix-stream".to_owned(), sentinels }
    }
}

/// A user of the access control list; the default user is switched off then.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The name; `default` sets the password of the default user instead.
    pub name: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One server, or one sentinel.
#[derive(Debug)]
pub struct Node {
    process: Process,
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    user: Option<User>,
    way: Way,
}

impl Node {
    /// The process, to signal, restart or stop it.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Where it listens without TLS; with it, where [`Options::secured`] leaves no other port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens with TLS, when [`Options::tls`] or [`Options::secured`] was given.
    #[must_use]
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls_address
    }

    /// Sends one command, as the configured user.
    ///
    /// # Errors
    /// It cannot be reached, does not answer within a second, or answers with an error.
    pub fn command(&self, words: &[&str]) -> Result<Reply, Error> {
        let mut client = Client::connect_by(&self.way, self.address)?;
        if let Some(user) = &self.user {
            client.command(&["AUTH", &user.name, &user.password])?;
        }
        client.command(words)
    }
}

/// The servers; all of them end when this is dropped.
#[derive(Debug)]
pub struct Redis {
    /// The sentinels end first: they would only see a failure in what follows.
    sentinels: Vec<Node>,
    servers: Vec<Node>,
}

impl Redis {
    /// Starts what the options say and waits until it is ready, replicas and sentinels included.
    ///
    /// # Errors
    /// Redis is missing and cannot be installed; a server ends or is not ready in time, with the end of its log.
    pub fn start(options: &Options) -> Result<Self, Error> {
        let program = install::bring(install::REDIS)?;
        let way = options.secured.as_ref().map(|secured| Way::tls(&secured.authority)).transpose()?;
        let way = way.unwrap_or_default();
        let starter = Starter { program: program.display().to_string(), options, way };
        match &options.topology {
            Topology::Single => {
                let ports = starter.ports(options.port)?;
                let server = starter.server("redis", ports, &[])?;
                server.process.wait_ready()?;
                Ok(Self { sentinels: Vec::new(), servers: vec![server] })
            }
            Topology::Sentinel { name, sentinels } => topology::replicated(&starter, name, *sentinels),
            Topology::Cluster => topology::cluster(&starter),
        }
    }

    /// The (first) server's address, without TLS: the master at the start of a replicated one.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.first().address
    }

    /// The same with TLS.
    #[must_use]
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.first().tls_address
    }

    /// What a client is given: the sentinels where there are any, all servers of a cluster, else the server.
    #[must_use]
    pub fn contact_points(&self) -> Vec<SocketAddr> {
        let nodes = if self.sentinels.is_empty() { &self.servers } else { &self.sentinels };
        nodes.iter().map(Node::address).collect()
    }

    /// The (first) server.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "every topology has a server")]
    pub fn first(&self) -> &Node {
        &self.servers[0]
    }

    /// All servers: the master and then its replica, or the masters of a cluster.
    #[must_use]
    pub fn servers(&self) -> &[Node] {
        &self.servers
    }

    /// The sentinels.
    #[must_use]
    pub fn sentinels(&self) -> &[Node] {
        &self.sentinels
    }

    /// All of them, sentinels last.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.servers.iter().chain(&self.sentinels)
    }

    /// Asks all of them to end and waits; kills those that do not.
    ///
    /// # Errors
    /// The system refuses.
    pub fn stop(&self) -> Result<(), Error> {
        self.sentinels.iter().chain(&self.servers).try_for_each(|node| node.process.stop())
    }
}

/// The ports of one server.
#[derive(Clone, Copy, Debug)]
struct Ports {
    plain: u16,
    tls: Option<u16>,
}

/// What all servers of one topology have in common.
struct Starter<'a> {
    program: String,
    options: &'a Options,
    /// How each of them is talked to.
    way: Way,
}

impl Starter<'_> {
    fn ports(&self, wanted: Option<u16>) -> Result<Ports, Error> {
        let free = || ports::free_port(self.options.host);
        let plain = wanted.map_or_else(free, Ok)?;
        let tls = self.options.tls.as_ref().map(|_| free()).transpose()?;
        Ok(Ports { plain, tls })
    }

    /// Starts a server without waiting for it. `more` are lines of its configuration.
    fn server(&self, name: &str, ports: Ports, more: &[String]) -> Result<Node, Error> {
        let mut lines = settings::server(self.options, ports.plain, ports.tls);
        lines.extend_from_slice(more);
        let acl = self.options.secured.as_ref().map(|secured| &*secured.acl);
        self.node(name, ports, (&lines, acl), &[])
    }

    /// Starts a sentinel without waiting for it.
    fn sentinel(&self, name: &str, lines: &[String]) -> Result<Node, Error> {
        let ports = Ports { plain: ports::free_port(self.options.host)?, tls: None };
        let mut all = settings::listen(self.options.host, ports.plain);
        let secured = self.options.secured.as_ref();
        all.extend(secured.iter().flat_map(|secured| secured::listen(secured, ports.plain)));
        all.extend_from_slice(lines);
        let acl = secured.map(|secured| &*secured.sentinel_acl);
        let node = self.node(name, ports, (&all, acl), &["--sentinel"])?;
        // Otherwise sentinels ask nobody for a password.
        Ok(Node { user: secured.map(|secured| secured.client.clone()), ..node })
    }

    fn node(
        &self,
        name: &str,
        ports: Ports,
        (lines, acl): (&[String], Option<&str>),
        flags: &[&str],
    ) -> Result<Node, Error> {
        let cwd = absolute(&self.options.directory)?.join(name.replace(' ', "-"));
        std::fs::create_dir_all(&cwd).map_err(Error::io(format!("make {}", cwd.display())))?;
        let (file, log) = (cwd.join("redis.conf"), cwd.join("redis.log"));
        // Named here, too, so that one started by hand goes on where it was.
        let text = lines.join("\n") + &format!("\nlogfile \"{}\"\n", log.display());
        std::fs::write(&file, text).map_err(Error::io(format!("write {}", file.display())))?;
        if let Some(acl) = acl {
            let file = cwd.join("users.acl");
            std::fs::write(&file, acl).map_err(Error::io(format!("write {}", file.display())))?;
        }
        let mut argv = vec![self.program.clone(), file.display().to_string()];
        argv.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let launch = Launch {
            name: name.to_owned(),
            argv,
            log,
            stdout: None,
            pid_file: cwd.join("pid"),
            cwd,
            limit: LIMIT,
        };
        let address = SocketAddr::from((self.options.host, ports.plain));
        let secured = self.options.secured.as_ref();
        let tls_port = ports.tls.or(secured.map(|_| ports.plain));
        let tls_address = tls_port.map(|port| SocketAddr::from((self.options.host, port)));
        let process = Process::start(launch, answers(address, self.way.clone()))?;
        let user = secured.map_or(self.options.user.as_ref(), |secured| Some(&secured.client)).cloned();
        Ok(Node { process, address, tls_address, user, way: self.way.clone() })
    }
}

fn absolute(path: &std::path::Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(Error::io(format!("find {}", path.display())))
}

/// Ready is who answers a ping, be it by asking for a password; not who is still loading.
fn answers(address: SocketAddr, way: Way) -> Probe {
    Box::new(move |_| {
        let answer = Client::connect_by(&way, address).and_then(|mut client| client.exchange(&["PING"]));
        match answer {
            Ok(Reply::Error(said)) => said.starts_with("NOAUTH"),
            Ok(_) => true,
            Err(_) => false,
        }
    })
}

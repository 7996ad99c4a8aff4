//! Cassandra on loopback: one data centre or several, each node a process of its own on 127.0.0.x.
//!
//! The jars come from Maven, the settings are made for a small machine and for durability at once: what was
//! acknowledged survives a kill.

mod disk;
mod jars;
mod java;
mod login;
mod settings;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::{Launch, Probe, View};
use crate::way::Way;
use crate::{Authority, Error, Process, TlsFiles, ports, process};

pub use jars::{VERSION, default_cache, fetch};

use login::Login;
use settings::CommitLog;

/// How long a node may take until it answers; a busy machine replays its log slowly.
const LIMIT: Duration = Duration::from_secs(180);
/// How long a connection to a ready node may take.
const CONNECT: Duration = Duration::from_millis(500);
/// Most nodes of one start: their addresses are counted up from 127.0.0.1.
const NODES_MAX: usize = 9;

/// What to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where settings, data, logs and pid files go; made when it is missing.
    pub directory: PathBuf,
    /// Where the jars are kept for all starts, see [`default_cache`].
    pub cache: PathBuf,
    /// Nodes of each data centre; they are named dc1, dc2, and so on.
    pub datacenters: Vec<usize>,
    /// The address of the first node, of 127.0.0.0/8; the others follow.
    pub host: Ipv4Addr,
    /// The port for clients, the same on all nodes; a free one when `None`.
    pub port: Option<u16>,
    /// Heap of each node, in MiB. 256 carries tests. From [`LOAD_HEAP_MIB`] on a node is set up for load: memory for
    /// what is not flushed yet, a commit log that need not be emptied every second, both compilers of Java.
    pub heap_mib: u32,
    /// Whether clients must log in; the first user is `cassandra`, password `cassandra`.
    pub authentication: bool,
    /// TLS towards clients and between nodes, and nothing else then. The certificate is shown to both.
    pub tls: Option<TlsFiles>,
    /// The port between nodes, the same on all; a free one when `None`. Old data wants its old one.
    pub storage_port: Option<u16>,
    /// Whether data of an earlier start is removed.
    pub is_fresh: bool,
}

/// The heap from which on a node is set up for load, in MiB.
pub const LOAD_HEAP_MIB: u32 = 1024;

impl Options {
    /// Whether nodes are set up for load.
    pub(crate) const fn is_for_load(&self) -> bool {
        self.heap_mib >= LOAD_HEAP_MIB
    }

    /// One open node on 127.0.0.1.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            cache: default_cache(),
            datacenters: vec![1],
            host: Ipv4Addr::LOCALHOST,
            port: None,
            heap_mib: 256,
            authentication: false,
            tls: None,
            storage_port: None,
            is_fresh: false,
        }
    }
}

/// One node.
#[derive(Debug)]
pub struct Node {
    process: Process,
    address: SocketAddr,
    datacenter: String,
}

impl Node {
    /// The process, to signal, restart or stop it.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its data centre: dc1, dc2, and so on.
    #[must_use]
    pub fn datacenter(&self) -> &str {
        &self.datacenter
    }
}

/// Who talks to a node.
#[derive(Clone, Copy)]
pub struct CqlUser<'a> {
    /// The role.
    pub name: &'a str,
    /// Its password.
    pub password: &'a str,
    /// Whose certificates are used, where [`Options::tls`] is set.
    pub authority: Option<&'a Authority>,
}

/// The nodes; all of them end when this is dropped.
#[derive(Debug)]
pub struct Cassandra {
    nodes: Vec<Node>,
}

impl Cassandra {
    /// Starts all nodes together, fetches what is missing before, and waits until all serve clients and know each
    /// other.
    ///
    /// # Errors
    /// Java, Maven or the jars are missing and cannot be brought; a node ends or is not ready in time, with the end
    /// of its log.
    pub fn start(options: &Options) -> Result<Self, Error> {
        let plan = Plan::of(options)?;
        let java = java::bring()?;
        let jars = fetch(&options.cache)?;
        let nodes: Vec<Node> =
            plan.places.iter().map(|place| start(place, &plan, &java, &jars)).collect::<Result<_, _>>()?;
        for node in &nodes {
            node.process.wait_ready()?;
        }
        let started = Self { nodes };
        started.wait_acquainted(&plan)?;
        Ok(started)
    }

    /// The first node's address for clients.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "a plan without nodes is refused")]
    pub fn address(&self) -> SocketAddr {
        self.nodes[0].address
    }

    /// All nodes, one data centre after the other.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Carries statements without values out on the first node, one after the other: roles and what they may do.
    ///
    /// # Errors
    /// The node refuses the user or a statement, or does not answer within seconds.
    pub fn carry_out(&self, user: &CqlUser<'_>, statements: &[String]) -> Result<(), Error> {
        let way = user.authority.map(Way::tls).transpose()?.unwrap_or_default();
        let mut login = Login::open(&way, self.address(), user.name, user.password)?;
        statements.iter().try_for_each(|statement| login.execute(statement))
    }

    /// Addresses of the nodes of one data centre.
    #[must_use]
    pub fn contact_points(&self, datacenter: &str) -> Vec<SocketAddr> {
        self.nodes.iter().filter(|node| node.datacenter == datacenter).map(Node::address).collect()
    }

    /// Asks all nodes to end and waits; kills those that do not.
    ///
    /// # Errors
    /// The system refuses.
    pub fn stop(&self) -> Result<(), Error> {
        // All are told before any is waited for: each takes seconds.
        self.nodes.iter().try_for_each(|node| node.process.terminate())?;
        self.nodes.iter().try_for_each(|node| node.process.stop())
    }

    /// Until every node has seen every other one up: before, a write to all of them fails.
    fn wait_acquainted(&self, plan: &Plan<'_>) -> Result<(), Error> {
        for node in &self.nodes {
            let others = self.nodes.iter().filter(|other| other.address != node.address);
            let wanted: Vec<String> = others
                .map(|other| format!("/{}:{} is now UP", other.address.ip(), plan.storage_port))
                .collect();
            node.process.wait_until(&|view: View<'_>| {
                let log = view.log();
                wanted.iter().all(|line| log.contains(line.as_str()))
            })?;
        }
        // One node makes the first user, some time after the start; with old data it is there.
        if plan.options.authentication && plan.is_new {
            let made = |node: &Node| node.process.view().log().contains("Created default superuser role");
            let first = self.nodes.first().map(Node::process);
            if let Some(process) = first {
                process.wait_until(&|_| self.nodes.iter().any(made))?;
            }
        }
        Ok(())
    }
}

/// Where one node stands.
#[derive(Debug)]
struct Place {
    name: String,
    directory: PathBuf,
    host: Ipv4Addr,
    datacenter: String,
    token: i64,
    jmx_port: u16,
}

/// Everything that must be agreed on before the first node starts.
#[derive(Debug)]
struct Plan<'a> {
    options: &'a Options,
    places: Vec<Place>,
    port: u16,
    storage_port: u16,
    is_new: bool,
}

impl<'a> Plan<'a> {
    fn of(options: &'a Options) -> Result<Self, Error> {
        let count: usize = options.datacenters.iter().sum();
        if options.datacenters.contains(&0) || count == 0 || count > NODES_MAX {
            return Err(Error::Options(format!(
                "1 to {NODES_MAX} nodes, at least one in each data centre, not {:?}",
                options.datacenters
            )));
        }
        let directory = std::path::absolute(&options.directory)
            .map_err(Error::io(format!("find {}", options.directory.display())))?;
        let is_new = options.is_fresh || !directory.join("node-1").join("data").exists();
        let mut places = Vec::new();
        for (dc, &nodes) in options.datacenters.iter().enumerate() {
            for index in 0..nodes {
                let host = nth_host(options.host, places.len());
                places.push(Place {
                    name: format!("cassandra {}", places.len() + 1),
                    directory: directory.join(format!("node-{}", places.len() + 1)),
                    host,
                    datacenter: format!("dc{}", dc + 1),
                    token: settings::token(index, nodes, dc),
                    jmx_port: ports::free_port(Ipv4Addr::LOCALHOST)?,
                });
            }
        }
        let hosts: Vec<Ipv4Addr> = places.iter().map(|place| place.host).collect();
        let port = options.port.map_or_else(|| ports::free_port_on(&hosts), Ok)?;
        let storage_port = options.storage_port.map_or_else(|| ports::free_port_on(&hosts), Ok)?;
        Ok(Self { options, places, port, storage_port, is_new })
    }

    fn seeds(&self) -> String {
        let seeds: Vec<String> =
            self.places.iter().map(|place| format!("{}:{}", place.host, self.storage_port)).collect();
        seeds.join(",")
    }
}

fn nth_host(first: Ipv4Addr, number: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(first).wrapping_add(u32::try_from(number).unwrap_or(u32::MAX)))
}

fn start(place: &Place, plan: &Plan<'_>, java: &Path, jars: &Path) -> Result<Node, Error> {
    let pid_file = place.directory.join("pid");
    process::end_leftover(&pid_file)?;
    if plan.options.is_fresh {
        let _ = fs::remove_dir_all(place.directory.join("data"));
    }
    let conf = place.directory.join("conf");
    let make =
        |folder: &Path| fs::create_dir_all(folder).map_err(Error::io(format!("make {}", folder.display())));
    make(&conf)?;
    make(&place.directory.join("log"))?;
    // Netty unpacks a library here at every start, and a killed one leaves it.
    let temporary = place.directory.join("tmp");
    let _ = fs::remove_dir_all(&temporary);
    make(&temporary)?;
    let write = |name: &str, text: &str| {
        let path = conf.join(name);
        fs::write(&path, text).map_err(Error::io(format!("write {}", path.display())))
    };
    let log = match disk::takes_direct_writes(&place.directory.join("data"))? {
        true => CommitLog::Direct,
        false => CommitLog::Mapped,
    };
    write("cassandra.yaml", &settings::yaml(place, plan, log))?;
    write("cassandra-rackdc.properties", &format!("dc={}\nrack=r1\n", place.datacenter))?;
    write("logback.xml", settings::LOGBACK)?;
    if let Some(tls) = &plan.options.tls {
        let read =
            |path: &Path| fs::read_to_string(path).map_err(Error::io(format!("read {}", path.display())));
        write("node.pem", &(read(&tls.key)? + "\n" + &read(&tls.certificate)?))?;
        write("ca.pem", &read(&tls.ca)?)?;
    }
    let arguments = java::arguments(place, plan.options, jars)?;
    write("java.args", &arguments)?;
    let address = SocketAddr::from((place.host, plan.port));
    let launch = Launch {
        name: place.name.clone(),
        argv: java::argv(java, &conf.join("java.args")),
        log: place.directory.join("log").join("system.log"),
        stdout: Some(place.directory.join("log").join("stdout.log")),
        pid_file,
        cwd: place.directory.clone(),
        limit: LIMIT,
    };
    let process = Process::start(launch, serves(address))?;
    Ok(Node { process, address, datacenter: place.datacenter.clone() })
}

/// Ready is who has said so and takes connections of clients.
fn serves(address: SocketAddr) -> Probe {
    Box::new(move |view| {
        view.log().contains("Startup complete") && TcpStream::connect_timeout(&address, CONNECT).is_ok()
    })
}

//! A cluster on loopback, without containers: Redis, Cassandra and servers on them (issue 6, item 7; cli.md).
//!
//! Starts them in order, says where they are, and stops them in the reverse order. Nothing is restarted: who kills a
//! process for a drill starts it again, here or by hand, with the same command line. How a server is built and how
//! people are told of all this is the caller's business.

mod error;
mod plan;
mod report;
mod secure;
mod servers;
mod settings;

use std::path::{Path, PathBuf};
use std::thread;

use pix_stream_stores::redis::{self, Topology};
use pix_stream_stores::{Cassandra, Process, Proxy, Redis, cassandra};

pub use error::Error;
use plan::Plan;
pub use plan::RedisKind;
use secure::Secrets;
pub use servers::Server;
use settings::Stores;

/// Heap of a Cassandra node that is alone, in MiB.
const HEAP_ALONE_MIB: u32 = 512;
/// Heap of a Cassandra node among several, in MiB.
const HEAP_MIB: u32 = 256;
/// Sentinels of a data centre.
const SENTINELS: u8 = 3;

/// What to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder: configuration, certificates, data, logs. Empty or missing, or one of an earlier stack.
    pub dir: PathBuf,
    /// How many servers, spread over the data centres in turn; two, or one in each, when `None`.
    pub servers: Option<u8>,
    /// Cassandra nodes in each data centre; every one of them holds every row.
    pub cassandra_nodes: u8,
    /// Data centres dc1, dc2, dc3: each a region with a Redis of its own.
    pub datacenters: u8,
    /// How Redis is set up.
    pub redis: RedisKind,
    /// Who is onboarded and gets a certificate when the folder is made; those of `pix-stream init` when empty.
    pub participants: Vec<String>,
    /// Whether each server reaches its stores by ways of its own that can be cut, see [`Stack::ways`]. For a single
    /// Redis and one Cassandra node in each data centre: clients find further nodes by themselves.
    pub ways: bool,
    /// Whether the stores keep strangers out: TLS on both sides, users, rights, as `deploy/` has them.
    pub is_secure: bool,
    /// Variables of every server's environment, such as `PIX_STREAM_REGION_LEASE` and `6s`.
    pub environment: Vec<(String, String)>,
}

impl Options {
    /// Two servers on one Redis and one Cassandra node.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            servers: None,
            cassandra_nodes: 1,
            datacenters: 1,
            redis: RedisKind::Single,
            participants: Vec::new(),
            ways: false,
            is_secure: false,
            environment: Vec::new(),
        }
    }
}

/// What the caller does while a stack starts.
pub struct Caller<'a> {
    /// Builds the server and says where its binary is; not called when there are no servers.
    pub build: &'a dyn Fn() -> Result<PathBuf, Error>,
    /// Is told how far it is.
    pub say: &'a dyn Fn(&str),
}

/// How one server reaches its stores; each way can be cut alone.
#[derive(Debug)]
pub struct Ways {
    /// To the Redis of its data centre.
    pub redis: Proxy,
    /// To the Cassandra node of its data centre.
    pub cassandra: Proxy,
}

/// Everything that runs; what is left of it ends when this is dropped, servers first.
#[derive(Debug)]
pub struct Stack {
    dir: PathBuf,
    servers: Vec<Server>,
    ways: Vec<Ways>,
    /// One of each data centre.
    redis: Vec<Redis>,
    cassandra: Cassandra,
}

impl Stack {
    /// Starts everything and waits until all of it is ready.
    ///
    /// # Errors
    /// The folder holds something else; a store or a server cannot be started or is not ready in time.
    pub fn start(options: &Options, caller: &Caller<'_>) -> Result<Self, Error> {
        let dir = std::path::absolute(&options.dir).map_err(Error::io("find the folder of", &options.dir))?;
        let plan = Plan::prepare(&dir, options)?;
        let secrets = if options.is_secure { Some(Secrets::open(&dir)?) } else { None };
        let secrets = secrets.as_ref();
        thread::scope(|scope| {
            let cassandra = scope.spawn(|| start_cassandra(&dir, &plan, secrets));
            let redis = scope.spawn(|| start_redis(&dir, &plan, secrets));
            // Both take seconds, and a build may take minutes.
            let binary = if plan.servers.is_empty() { None } else { Some((caller.build)()?) };
            let redis = redis.join().map_err(|_| Error::Thread)??;
            let cassandra = cassandra.join().map_err(|_| Error::Thread)??;
            (caller.say)("Redis and Cassandra are ready");
            let (dir, servers, ways) = (dir.clone(), Vec::new(), Vec::new());
            let mut stack = Self { dir: dir.clone(), servers, ways, redis, cassandra };
            if options.ways {
                stack.ways = stack.make_ways(&plan)?;
            }
            if let Some(binary) = binary {
                let config =
                    |number: usize| settings::text(&plan, number, &stack.reached(&plan, number), secrets);
                servers::make_folders(&dir, &plan, &binary, &options.participants, &config)?;
                let program = servers::Program { binary: &binary, environment: &options.environment };
                let of_migration = secrets.map_or_else(Vec::new, Secrets::of_migration);
                servers::migrate(&dir, program, of_migration)?;
                secrets.map_or(Ok(()), |secrets| secrets.grant(&stack.cassandra))?;
                (caller.say)("migrations are done");
                stack.servers = servers::start(&dir, &plan, program, caller.say)?;
            }
            Ok(stack)
        })
    }

    /// What a server, counted from 0, is told of its stores.
    fn reached(&self, plan: &Plan, server: usize) -> Stores {
        if let Some(ways) = self.ways.get(server) {
            return Stores { cassandra: vec![ways.cassandra.address()], redis: vec![ways.redis.address()] };
        }
        let datacenter = plan.datacenter(server);
        Stores {
            cassandra: self.cassandra.contact_points(&plan::datacenter_name(datacenter)),
            redis: self.redis[datacenter].contact_points(),
        }
    }

    fn make_ways(&self, plan: &Plan) -> Result<Vec<Ways>, Error> {
        let one = |server| {
            let Stores { cassandra, redis } = self.reached(plan, server);
            let ([cassandra], [redis]) = (cassandra.as_slice(), redis.as_slice()) else {
                return Err(Error::Ways);
            };
            Ok(Ways { redis: Proxy::start(*redis)?, cassandra: Proxy::start(*cassandra)? })
        };
        (0..plan.servers.len()).map(one).collect()
    }

    /// The folder, absolute; good for `--dir` of every command.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The servers.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// How each server reaches its stores, in the servers' order; empty unless [`Options::ways`] was set.
    #[must_use]
    pub fn ways(&self) -> &[Ways] {
        &self.ways
    }

    /// One Redis for each data centre.
    #[must_use]
    pub fn redis(&self) -> &[Redis] {
        &self.redis
    }

    /// All Cassandra nodes.
    #[must_use]
    pub fn cassandra(&self) -> &Cassandra {
        &self.cassandra
    }

    /// All processes, servers first.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        let redis = self.redis.iter().flat_map(Redis::nodes).map(redis::Node::process);
        let cassandra = self.cassandra.nodes().iter().map(cassandra::Node::process);
        self.servers.iter().map(Server::process).chain(redis).chain(cassandra)
    }

    /// The ready line of cli.md.
    #[must_use]
    pub fn ready_line(&self) -> String {
        report::ready(self).to_string()
    }

    /// Asks everything to end and waits. Servers first: they drain while the stores are there.
    ///
    /// # Errors
    /// The system refuses.
    pub fn stop(&self) -> Result<(), Error> {
        let servers = || self.servers.iter().map(Server::process);
        servers().try_for_each(Process::terminate)?;
        servers().try_for_each(Process::stop)?;
        self.redis.iter().try_for_each(Redis::stop)?;
        Ok(self.cassandra.stop()?)
    }
}

fn start_redis(dir: &Path, plan: &Plan, secrets: Option<&Secrets>) -> Result<Vec<Redis>, Error> {
    let one = |at: usize, port: u16| {
        let options = redis::Options {
            port: Some(port),
            topology: match plan.shape.redis {
                RedisKind::Single => Topology::Single,
                RedisKind::Sentinel => Topology::sentinel(SENTINELS),
            },
            secured: secrets.map(Secrets::redis),
            ..redis::Options::new(dir.join("redis").join(plan::datacenter_name(at)))
        };
        Ok(Redis::start(&options)?)
    };
    // Sentinels take seconds to know each other.
    thread::scope(|scope| {
        let ports = plan.redis.iter().copied().enumerate();
        let starting: Vec<_> = ports.map(|(at, port)| scope.spawn(move || one(at, port))).collect();
        starting.into_iter().map(|thread| thread.join().map_err(|_| Error::Thread)?).collect()
    })
}

fn start_cassandra(dir: &Path, plan: &Plan, secrets: Option<&Secrets>) -> Result<Cassandra, Error> {
    let datacenters = vec![plan.shape.cassandra_nodes.into(); plan.shape.datacenters.into()];
    let is_alone = datacenters.iter().sum::<usize>() == 1;
    let cassandra = Cassandra::start(&cassandra::Options {
        datacenters,
        port: Some(plan.cassandra),
        storage_port: Some(plan.cassandra_storage),
        heap_mib: if is_alone { HEAP_ALONE_MIB } else { HEAP_MIB },
        authentication: secrets.is_some(),
        tls: secrets.map(Secrets::cassandra),
        ..cassandra::Options::new(dir.join("cassandra"))
    })?;
    secrets.map_or(Ok(()), |secrets| secrets.make_roles(&cassandra))?;
    Ok(cassandra)
}

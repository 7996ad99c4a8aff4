//! Which processes a stack has, and on which ports; kept in its folder, so that it comes back as it was.
//!
//! Cassandra's data remembers its ports, and clients' scripts do, too. Nothing is started here.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use pix_stream_stores::ports;
use serde::{Deserialize, Serialize};

use crate::{Error, Options};

/// The plan in its folder.
const FILE: &str = "stack.json";
/// What `pix-stream init` writes, and so do we, later.
pub(crate) const CONFIG: &str = "pix-stream.toml";
/// Servers when nobody says how many.
const SERVERS: u8 = 2;

/// How Redis is set up in each data centre.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RedisKind {
    /// One server.
    Single,
    /// A server, a replica, and three sentinels.
    Sentinel,
}

/// What cannot change while there is data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shape {
    pub(crate) datacenters: u8,
    /// In each data centre.
    pub(crate) cassandra_nodes: u8,
    pub(crate) redis: RedisKind,
    /// Whether the stores keep strangers out.
    #[serde(default)]
    pub(crate) is_secure: bool,
}

/// The ports of one server, all on 127.0.0.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerPorts {
    pub(crate) api: u16,
    pub(crate) admin: u16,
    /// Health and metrics without TLS.
    pub(crate) health: u16,
}

/// Everything that is agreed on before anything starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) shape: Shape,
    /// For clients, on every node's own address.
    pub(crate) cassandra: u16,
    /// Between nodes.
    pub(crate) cassandra_storage: u16,
    /// Of the first server of each data centre.
    pub(crate) redis: Vec<u16>,
    pub(crate) servers: Vec<ServerPorts>,
}

impl Plan {
    /// The plan in the folder, with as many servers as asked for; a new one where there is none.
    pub(crate) fn prepare(dir: &Path, options: &Options) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(Error::io("make", dir))?;
        let shape = Shape {
            datacenters: options.datacenters,
            cassandra_nodes: options.cassandra_nodes,
            redis: options.redis,
            is_secure: options.is_secure,
        };
        let file = dir.join(FILE);
        let mut plan = match fs::read(&file) {
            Ok(bytes) => Self::found(dir, &bytes, &shape)?,
            Err(_) if dir.join(CONFIG).exists() => {
                return Err(folder(dir, "a folder of `pix-stream init`, not of a stack".to_owned()));
            }
            Err(_) => Self::new(shape)?,
        };
        let servers = usize::from(options.servers.unwrap_or_else(|| SERVERS.max(options.datacenters)));
        plan.servers.truncate(servers);
        while plan.servers.len() < servers {
            plan.servers.push(ServerPorts { api: free()?, admin: free()?, health: free()? });
        }
        let text = serde_json::to_vec_pretty(&plan).map_err(std::io::Error::from);
        text.and_then(|text| fs::write(&file, text)).map_err(Error::io("write", &file))?;
        Ok(plan)
    }

    fn found(dir: &Path, bytes: &[u8], shape: &Shape) -> Result<Self, Error> {
        let plan: Self = serde_json::from_slice(bytes)
            .map_err(|error| folder(dir, format!("{FILE} cannot be read: {error}")))?;
        if plan.shape == *shape {
            Ok(plan)
        } else {
            Err(folder(dir, format!("a stack of another shape, {:?}", plan.shape)))
        }
    }

    fn new(shape: Shape) -> Result<Self, Error> {
        let nodes = shape.datacenters * shape.cassandra_nodes;
        let hosts: Vec<Ipv4Addr> = (1..=nodes).map(|last| Ipv4Addr::new(127, 0, 0, last)).collect();
        let redis = (0..shape.datacenters).map(|_| free()).collect::<Result<_, _>>()?;
        Ok(Self {
            shape,
            cassandra: ports::free_port_on(&hosts)?,
            cassandra_storage: ports::free_port_on(&hosts)?,
            redis,
            servers: Vec::new(),
        })
    }

    /// The data centre of a server, both counted from 0.
    pub(crate) fn datacenter(&self, server: usize) -> usize {
        server % self.redis.len().max(1)
    }

    /// The names of the data centres that have a server: the regions.
    pub(crate) fn regions(&self) -> Vec<String> {
        (0..self.redis.len().min(self.servers.len())).map(datacenter_name).collect()
    }
}

/// What Cassandra and the configuration call a data centre, counted from 0.
pub(crate) fn datacenter_name(at: usize) -> String {
    format!("dc{}", at + 1)
}

fn folder(dir: &Path, why: String) -> Error {
    Error::Folder { dir: dir.to_owned(), why }
}

fn free() -> Result<u16, Error> {
    Ok(ports::free_port(Ipv4Addr::LOCALHOST)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(servers: Option<u8>, datacenters: u8) -> Options {
        Options { servers, datacenters, ..Options::new("unused") }
    }

    #[test]
    fn a_stack_comes_back_on_its_ports_with_more_or_fewer_servers() {
        let folder = tempfile::tempdir().unwrap();
        let first = Plan::prepare(folder.path(), &options(Some(3), 1)).unwrap();
        let fewer = Plan::prepare(folder.path(), &options(Some(1), 1)).unwrap();
        assert_eq!(fewer, Plan { servers: first.servers[..1].to_vec(), ..first.clone() });
        let more = Plan::prepare(folder.path(), &options(None, 1)).unwrap();
        assert_eq!((more.cassandra, more.servers.len()), (first.cassandra, 2));
    }

    #[test]
    fn another_shape_on_the_same_data_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Plan::prepare(folder.path(), &options(None, 1)).unwrap();
        let error = Plan::prepare(folder.path(), &options(None, 2)).unwrap_err();
        assert!(error.to_string().contains("another shape"), "{error}");
    }

    #[test]
    fn a_folder_of_init_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(CONFIG), "").unwrap();
        assert!(matches!(Plan::prepare(folder.path(), &options(None, 1)), Err(Error::Folder { .. })));
    }

    #[test]
    fn servers_are_spread_over_the_data_centres_and_each_of_those_has_one() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan::prepare(folder.path(), &options(None, 3)).unwrap();
        assert_eq!((0..4).map(|server| plan.datacenter(server)).collect::<Vec<_>>(), [0, 1, 2, 0]);
        assert_eq!(plan.regions(), ["dc1", "dc2", "dc3"]);
        let two = Plan::prepare(folder.path(), &options(Some(2), 3)).unwrap();
        assert_eq!(two.regions(), ["dc1", "dc2"]);
    }
}

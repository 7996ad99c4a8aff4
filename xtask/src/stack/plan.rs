//! Which processes a stack has, and on which ports; kept in its folder, so that it comes back as it was.
//!
//! Cassandra's data remembers its ports, and clients' scripts do, too. Nothing is started here.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use color_eyre::eyre::{Result, WrapErr as _, bail, ensure};
use pix_stream_stores::ports;
use serde::{Deserialize, Serialize};

use crate::flags::{RedisKind, UpFlags};

/// The plan in its folder.
const FILE: &str = "stack.json";
/// What `pix-stream init` writes, and so do we, later.
pub(super) const CONFIG: &str = "pix-stream.toml";
/// Servers when nobody says how many.
const SERVERS: u8 = 2;

/// What cannot change while there is data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shape {
    pub(super) datacenters: u8,
    /// In each data centre.
    pub(super) cassandra_nodes: u8,
    pub(super) redis: RedisKind,
}

/// The ports of one server, all on 127.0.0.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServerPorts {
    pub(super) api: u16,
    pub(super) admin: u16,
    /// Health and metrics without TLS.
    pub(super) health: u16,
}

/// Everything that is agreed on before anything starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) shape: Shape,
    /// For clients, on every node's own address.
    pub(super) cassandra: u16,
    /// Between nodes.
    pub(super) cassandra_storage: u16,
    /// Of the first server of each data centre.
    pub(super) redis: Vec<u16>,
    pub(super) servers: Vec<ServerPorts>,
}

impl Plan {
    /// The plan in the folder, with as many servers as asked for; a new one where there is none.
    pub(super) fn prepare(dir: &Path, flags: &UpFlags) -> Result<Self> {
        fs::create_dir_all(dir).wrap_err_with(|| format!("cannot make {}", dir.display()))?;
        let shape = Shape {
            datacenters: flags.datacenters,
            cassandra_nodes: flags.cassandra_nodes,
            redis: flags.redis,
        };
        let file = dir.join(FILE);
        let mut plan = match fs::read(&file) {
            Ok(bytes) => {
                let plan: Self = serde_json::from_slice(&bytes)
                    .wrap_err_with(|| format!("{} cannot be read", file.display()))?;
                let (dir, found) = (dir.display(), &plan.shape);
                ensure!(
                    *found == shape,
                    "{dir} holds a stack of another shape ({found:?}): take another folder"
                );
                plan
            }
            Err(_) if dir.join(CONFIG).exists() => {
                bail!(
                    "{} is a folder of `pix-stream init`, not of a stack: take another folder",
                    dir.display()
                )
            }
            Err(_) => Self::new(shape)?,
        };
        let servers = usize::from(flags.servers.unwrap_or_else(|| SERVERS.max(flags.datacenters)));
        plan.servers.truncate(servers);
        while plan.servers.len() < servers {
            plan.servers.push(ServerPorts { api: free()?, admin: free()?, health: free()? });
        }
        fs::write(&file, serde_json::to_vec_pretty(&plan)?)
            .wrap_err_with(|| format!("cannot write {}", file.display()))?;
        Ok(plan)
    }

    fn new(shape: Shape) -> Result<Self> {
        let nodes = shape.datacenters * shape.cassandra_nodes;
        let hosts: Vec<Ipv4Addr> = (1..=nodes).map(|last| Ipv4Addr::new(127, 0, 0, last)).collect();
        let redis = (0..shape.datacenters).map(|_| free()).collect::<Result<_>>()?;
        Ok(Self {
            shape,
            cassandra: ports::free_port_on(&hosts)?,
            cassandra_storage: ports::free_port_on(&hosts)?,
            redis,
            servers: Vec::new(),
        })
    }

    /// The data centre of a server, both counted from 0.
    pub(super) fn datacenter(&self, server: usize) -> usize {
        server % self.redis.len().max(1)
    }

    /// The names of the data centres that have a server: the regions.
    pub(super) fn regions(&self) -> Vec<String> {
        (0..self.redis.len().min(self.servers.len())).map(datacenter_name).collect()
    }
}

/// What Cassandra and the configuration call a data centre, counted from 0.
pub(super) fn datacenter_name(at: usize) -> String {
    format!("dc{}", at + 1)
}

fn free() -> Result<u16> {
    Ok(ports::free_port(Ipv4Addr::LOCALHOST)?)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::flags::{Command, Flags, StackCommand};

    /// A folder that is removed at the end.
    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("pix-stream-xtask-{name}-{}", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn flags(more: &[&str]) -> UpFlags {
        let line = [&["xtask", "stack", "up", "--dir", "unused"], more].concat();
        let Command::Stack(flags) = Flags::try_parse_from(line).unwrap().command else { panic!("stack") };
        let StackCommand::Up(up) = flags.command;
        up
    }

    #[test]
    fn a_stack_comes_back_on_its_ports_with_more_or_fewer_servers() {
        let folder = Folder::new("plan");
        let first = Plan::prepare(&folder.0, &flags(&["--servers", "3"])).unwrap();
        let fewer = Plan::prepare(&folder.0, &flags(&["--servers", "1"])).unwrap();
        assert_eq!(fewer, Plan { servers: first.servers[..1].to_vec(), ..first.clone() });
        let more = Plan::prepare(&folder.0, &flags(&[])).unwrap();
        assert_eq!((more.cassandra, more.servers.len()), (first.cassandra, 2));
    }

    #[test]
    fn another_shape_on_the_same_data_is_refused() {
        let folder = Folder::new("shape");
        Plan::prepare(&folder.0, &flags(&[])).unwrap();
        let error = Plan::prepare(&folder.0, &flags(&["--datacenters", "2"])).unwrap_err();
        assert!(error.to_string().contains("another shape"), "{error}");
    }

    #[test]
    fn a_folder_of_init_is_refused() {
        let folder = Folder::new("init");
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.0.join(CONFIG), "").unwrap();
        assert!(Plan::prepare(&folder.0, &flags(&[])).is_err());
    }

    #[test]
    fn servers_are_spread_over_the_data_centres_and_each_of_those_has_one() {
        let folder = Folder::new("regions");
        let plan = Plan::prepare(&folder.0, &flags(&["--datacenters", "3"])).unwrap();
        assert_eq!((0..4).map(|server| plan.datacenter(server)).collect::<Vec<_>>(), [0, 1, 2, 0]);
        assert_eq!(plan.regions(), ["dc1", "dc2", "dc3"]);
        let two = Plan::prepare(&folder.0, &flags(&["--datacenters", "3", "--servers", "2"])).unwrap();
        assert_eq!(two.regions(), ["dc1", "dc2"]);
    }
}

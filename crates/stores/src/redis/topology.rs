//! Replica with sentinels, and cluster: started, introduced to each other, waited for.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Node, Redis, Starter, settings};
use crate::deadline::Deadline;
use crate::{Error, ports};

/// How long all of them may take to know each other.
const LIMIT: Duration = Duration::from_secs(30);
/// Masters of a cluster.
const MASTERS: u16 = 3;
/// Slots of a cluster.
const SLOTS: u16 = 16_384;

/// A master, a replica that follows it, sentinels that know both and one another.
pub(super) fn replicated(starter: &Starter<'_>, name: &str, sentinels: u8) -> Result<Redis, Error> {
    if sentinels == 0 {
        return Err(Error::Options("a replicated Redis needs a sentinel".to_owned()));
    }
    let options = starter.options;
    let ports = starter.ports(options.port)?;
    let master = starter.server("redis 1", ports, &[])?;
    let replica_ports = starter.ports(None)?;
    let lines = settings::replica_of(options.host, ports.plain);
    let replica = starter.server("redis 2", replica_ports, &lines)?;
    let servers = vec![master, replica];
    for server in &servers {
        server.process.wait_ready()?;
    }
    let deadline = Deadline::after(LIMIT);
    wait(deadline, &servers[1], &["INFO", "replication"], &["master_link_status:up"])?;
    let quorum = sentinels / 2 + 1;
    let lines = settings::sentinel(name, options, ports.plain, quorum);
    let sentinels: Vec<Node> = (1..=sentinels)
        .map(|number| starter.sentinel(&format!("sentinel {number}"), &lines))
        .collect::<Result<_, _>>()?;
    let others = format!("num-other-sentinels\n{}", sentinels.len() - 1);
    for sentinel in &sentinels {
        sentinel.process.wait_ready()?;
        wait(deadline, sentinel, &["SENTINEL", "MASTER", name], &["num-slaves\n1", &others])?;
    }
    Ok(Redis { sentinels, servers })
}

/// Three masters that share the slots evenly.
pub(super) fn cluster(starter: &Starter<'_>) -> Result<Redis, Error> {
    let options = starter.options;
    let mut servers = Vec::new();
    let mut buses = Vec::new();
    for number in 1..=MASTERS {
        let ports = starter.ports(options.port.filter(|_| number == 1))?;
        let bus = ports::free_port(options.host)?;
        servers.push(starter.server(&format!("redis {number}"), ports, &settings::cluster(bus))?);
        buses.push(bus);
    }
    for (number, server) in (0..MASTERS).zip(&servers) {
        server.process.wait_ready()?;
        if server.command(&["CLUSTER", "INFO"])?.text().contains("cluster_slots_assigned:0") {
            let (first, last) = slots(number);
            server.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()])?;
            server.command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()])?;
        }
    }
    for (server, bus) in servers.iter().zip(&buses).skip(1) {
        let SocketAddr::V4(address) = server.address else { continue };
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        servers[0].command(&["CLUSTER", "MEET", &host, &port, &bus.to_string()])?;
    }
    let deadline = Deadline::after(LIMIT);
    let slots = format!("cluster_slots_ok:{SLOTS}");
    for server in &servers {
        wait(deadline, server, &["CLUSTER", "INFO"], &["cluster_state:ok", &slots])?;
    }
    Ok(Redis { sentinels: Vec::new(), servers })
}

/// First and last slot of a master.
fn slots(number: u16) -> (u16, u16) {
    let share = SLOTS / MASTERS;
    let last = if number + 1 == MASTERS { SLOTS - 1 } else { (number + 1) * share - 1 };
    (number * share, last)
}

/// Asks until the answer holds all of these texts.
fn wait(deadline: Deadline, node: &Node, command: &[&str], wanted: &[&str]) -> Result<(), Error> {
    loop {
        let answer = node.command(command);
        if answer.is_ok_and(|reply| {
            // Lines end with CR LF inside a value, and never elsewhere.
            let text = reply.text().replace('\r', "") + "\n";
            wanted.iter().all(|word| text.contains(&format!("{word}\n")))
        }) {
            return Ok(());
        }
        if !deadline.pause() {
            let name = node.process.name().to_owned();
            return Err(Error::Late { name, waited: deadline.limit(), log: node.process.log_tail() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_masters_share_all_slots() {
        assert_eq!([slots(0), slots(1), slots(2)], [(0, 5460), (5461, 10_921), (10_922, 16_383)]);
    }
}

//! The text of a server's `pix-stream.toml` in a stack: what differs from the defaults. Nothing is written here.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::plan::{self, Plan, RedisKind, ServerPorts};
use crate::secure::Secrets;

/// Data centres from which on a majority is left when one is lost.
const AUTOMATIC_FROM: u8 = 3;

/// What a server needs to know of the stores of its own data centre.
pub(crate) struct Stores {
    pub(crate) cassandra: Vec<SocketAddr>,
    pub(crate) redis: Vec<SocketAddr>,
}

/// How a server logs in at the stores; nothing where they ask nobody.
fn access(secrets: Option<&Secrets>) -> [String; 2] {
    secrets.map_or_else(Default::default, |secrets| [secrets.cassandra_lines(), secrets.redis_lines()])
}

/// The configuration of a server, counted from 0.
pub(crate) fn text(plan: &Plan, server: usize, stores: &Stores, secrets: Option<&Secrets>) -> String {
    let [cassandra_access, redis_access] = access(secrets);
    let datacenter = plan::datacenter_name(plan.datacenter(server));
    let ServerPorts { api, admin, health } = &plan.servers[server];
    let copies = plan.shape.cassandra_nodes;
    let replication: Vec<String> =
        (0..plan.redis.len()).map(|at| format!("{}:{copies}", plan::datacenter_name(at))).collect();
    let topology = match plan.shape.redis {
        RedisKind::Single => "single",
        RedisKind::Sentinel => "sentinel",
    };
    let mut text = format!(
        "\
# Server {number} of a stack on loopback, in {datacenter}. `cargo xtask stack up` writes this file at every start.

[listen]
api = \"127.0.0.1:{api}\"
admin = \"127.0.0.1:{admin}\"
plain_health = true
plain_health_listen = \"127.0.0.1:{health}\"

[schemas]
unsigned = \"accept\"

[journal]
kind = \"cassandra\"

[cassandra]
contact_points = {cassandra}
datacenter = \"{datacenter}\"
replication = {replication}
{cassandra_access}
[coordinator]
kind = \"redis\"

[redis]
topology = \"{topology}\"
nodes = {redis}
{redis_access}",
        number = server + 1,
        cassandra = list(&stores.cassandra),
        replication = list(&replication),
        redis = list(&stores.redis),
    );
    let regions = plan.regions();
    if regions.len() > 1 {
        let takeover = if plan.shape.datacenters >= AUTOMATIC_FROM { "automatic" } else { "command" };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n[region]\nname = \"{datacenter}\"\nall = {}\ntakeover = \"{takeover}\"\n",
            list(&regions)
        );
    }
    text
}

/// A list of texts in TOML; addresses and names need no escapes.
fn list(items: &[impl ToString]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("\"{}\"", item.to_string())).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Shape;

    fn plan_of(datacenters: u8, redis: RedisKind) -> Plan {
        let ports = |api| ServerPorts { api, admin: api + 1, health: api + 2 };
        Plan {
            shape: Shape { datacenters, cassandra_nodes: 1, redis, is_secure: false },
            cassandra: 9042,
            cassandra_storage: 7000,
            redis: (0..datacenters).map(|at| 6379 + u16::from(at)).collect(),
            servers: (0..datacenters).map(|at| ports(8000 + 10 * u16::from(at))).collect(),
        }
    }

    fn stores() -> Stores {
        Stores {
            cassandra: vec![([127, 0, 0, 2], 9042).into()],
            redis: vec![([127, 0, 0, 1], 7001).into(), ([127, 0, 0, 1], 7002).into()],
        }
    }

    #[test]
    fn one_data_centre_has_no_region() {
        let text = text(&plan_of(1, RedisKind::Sentinel), 0, &stores(), None);
        assert!(text.contains("api = \"127.0.0.1:8000\"\n"), "{text}");
        assert!(text.contains("contact_points = [\"127.0.0.2:9042\"]\n"), "{text}");
        assert!(text.contains("replication = [\"dc1:1\"]\n"), "{text}");
        assert!(text.contains("topology = \"sentinel\"\n"), "{text}");
        assert!(text.contains("nodes = [\"127.0.0.1:7001\", \"127.0.0.1:7002\"]\n"), "{text}");
        assert!(!text.contains("[region]"), "{text}");
    }

    #[test]
    fn a_server_belongs_to_the_region_of_its_data_centre() {
        let text = text(&plan_of(2, RedisKind::Single), 1, &stores(), None);
        assert!(text.contains("datacenter = \"dc2\"\nreplication = [\"dc1:1\", \"dc2:1\"]\n"), "{text}");
        assert!(
            text.contains("name = \"dc2\"\nall = [\"dc1\", \"dc2\"]\ntakeover = \"command\"\n"),
            "{text}"
        );
    }

    #[test]
    fn three_data_centres_take_over_by_themselves() {
        let text = text(&plan_of(3, RedisKind::Single), 0, &stores(), None);
        assert!(text.contains("takeover = \"automatic\"\n"), "{text}");
    }
}

//! What is said of a running stack: the ready line that scripts read (cli.md).

use pix_stream_stores::{Process, Redis, cassandra, redis};
use serde_json::{Value, json};

use crate::{Server, Stack, plan};

/// The ready line. `redis` is the first data centre's server, the master at the start; `redis_nodes` are all Redis
/// processes of all data centres, replicas and sentinels included.
pub(crate) fn ready(stack: &Stack) -> Value {
    let servers: Vec<Value> = stack.servers.iter().map(server).collect();
    let nodes = |(at, redis): (usize, &Redis)| -> Vec<Value> {
        let servers = redis.servers().iter().map(|node| (node, "server"));
        let sentinels = redis.sentinels().iter().map(|node| (node, "sentinel"));
        servers
            .chain(sentinels)
            .map(|(node, role)| redis_node(node, role, &plan::datacenter_name(at)))
            .collect()
    };
    let redis_nodes: Vec<Value> = stack.redis.iter().enumerate().flat_map(nodes).collect();
    let cassandra: Vec<Value> = stack.cassandra.nodes().iter().map(cassandra_node).collect();
    json!({
        "event": "ready",
        "servers": servers,
        "redis": redis_nodes.first(),
        "redis_nodes": redis_nodes,
        "cassandra": cassandra,
        "dir": stack.dir,
    })
}

fn server(server: &Server) -> Value {
    let also = json!({
        "api": server.api(),
        "admin": server.admin(),
        "health": server.health(),
        "datacenter": server.datacenter(),
        "region": server.datacenter(),
        "dir": server.dir(),
    });
    entry(server.process(), also)
}

fn redis_node(node: &redis::Node, role: &str, datacenter: &str) -> Value {
    let also =
        json!({ "addr": node.address(), "role": role, "datacenter": datacenter, "region": datacenter });
    entry(node.process(), also)
}

fn cassandra_node(node: &cassandra::Node) -> Value {
    let datacenter = node.datacenter();
    entry(node.process(), json!({ "addr": node.address(), "datacenter": datacenter, "region": datacenter }))
}

/// What every process has: enough to start it again by hand.
fn entry(process: &Process, also: Value) -> Value {
    let mut entry = json!({
        "name": process.name(),
        "pid": process.pid(),
        "argv": process.argv(),
        "cwd": process.cwd(),
        "log": process.log(),
    });
    if let (Value::Object(entry), Value::Object(also)) = (&mut entry, also) {
        entry.extend(also);
    }
    entry
}

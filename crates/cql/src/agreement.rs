//! After a change of the schema: waits until all nodes that are there have it. Nodes take it up one after the other, and
//! two changes through nodes that disagree can leave a table with two identities.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::answer;
use crate::error::Error;
use crate::node::{Node, Rank, query_request};
use crate::nodes::Nodes;
use crate::rows::{Row, Rows};
use crate::statement::Kind;

const OWN: &str = "SELECT schema_version FROM system.local";
const OTHERS: &str = "SELECT native_address, native_port, schema_version FROM system.peers_v2";

/// How long to wait; a node of another data centre that is gone keeps its old version for ever.
const WAIT_MAX: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// Waits until the schema is the same everywhere, as this node sees it, or for as long as is sensible.
pub(crate) async fn agree(nodes: &Nodes, node: &Node, deadline: Instant) {
    let deadline = deadline.min(Instant::now() + WAIT_MAX);
    while Instant::now() < deadline {
        if versions(nodes, node, deadline).await.is_ok_and(|versions| versions.len() == 1) {
            return;
        }
        sleep(PAUSE).await;
    }
    tracing::warn!("Cassandra's nodes do not agree on the schema yet");
}

/// The versions of all nodes but those that we know to be away.
async fn versions(nodes: &Nodes, node: &Node, deadline: Instant) -> Result<HashSet<[u8; 16]>, Error> {
    let own = ask(node, OWN, deadline).await?;
    let others = ask(node, OTHERS, deadline).await?;
    let is_here =
        |row: &Row| address(row).and_then(|at| nodes.find(at)).is_none_or(|node| node.rank() != Rank::Down);
    let rows = own.iter().chain(others.iter().filter(|row| is_here(row)));
    rows.filter_map(|row| row.uuid("schema_version").transpose()).collect()
}

async fn ask(node: &Node, text: &str, deadline: Instant) -> Result<Rows, Error> {
    let answer = node.send(&query_request(text), deadline).await;
    answer::rows(&answer.map_err(|failure| Error::Unavailable(failure.to_string()))?, Kind::Read)
}

fn address(row: &Row) -> Option<SocketAddr> {
    let ip = row.blob("native_address").ok()??;
    let ip = match *ip {
        [a, b, c, d] => IpAddr::from([a, b, c, d]),
        ref long => IpAddr::from(<[u8; 16]>::try_from(long).ok()?),
    };
    let port = u16::try_from(row.int("native_port").ok()??).ok()?;
    Some(SocketAddr::new(ip, port))
}

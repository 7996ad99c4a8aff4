//! Whether all nodes have the same schema. They take a change up one after the other, and two changes through nodes that
//! disagree can leave a table with two identities.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use tokio::time::{Instant, sleep};

use crate::answer::{self, Refusal};
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
/// Limit of one look: a connection that went silent is replaced meanwhile, and the next look goes over another.
const LOOK_MAX: Duration = Duration::from_secs(2);

/// After a change: waits until the schema is the same on all nodes but those that we know to be away, or for as long as is
/// sensible.
pub(crate) async fn agree(nodes: &Nodes, deadline: Instant) {
    let is_here =
        |row: &Row| address(row).and_then(|at| nodes.find(at)).is_none_or(|node| node.rank() != Rank::Down);
    let deadline = deadline.min(Instant::now() + WAIT_MAX);
    while Instant::now() < deadline {
        if versions(nodes, deadline, is_here).await.is_ok_and(|versions| versions == 1) {
            return;
        }
        sleep(PAUSE).await;
    }
    tracing::warn!("Cassandra's nodes do not agree on the schema yet");
}

/// How many versions there are among the nodes that `counts` takes. Every connected node is asked for its own and for
/// what it has seen of all others: one node alone may be the last to hear of another's.
pub(crate) async fn versions(
    nodes: &Nodes,
    deadline: Instant,
    counts: impl Fn(&Row) -> bool,
) -> Result<usize, Error> {
    let deadline = deadline.min(Instant::now() + LOOK_MAX);
    let all = nodes.all();
    let here = all.values().filter(|node| node.rank() != Rank::Down);
    let looks = here.map(|node| try_join(ask(node, OWN, deadline), ask(node, OTHERS, deadline)));
    let answers = try_join_all(looks).await?;
    if answers.is_empty() {
        return Err(Error::Unavailable(nodes.why_down()));
    }
    let rows = answers.iter().flat_map(|(own, others)| own.iter().chain(others.iter()));
    // A node that names no version has none of the others'.
    let versions: Result<HashSet<_>, _> =
        rows.filter(|row| counts(row)).map(|row| row.uuid("schema_version")).collect();
    Ok(versions?.len())
}

async fn ask(node: &Node, text: &str, deadline: Instant) -> Result<Rows, Error> {
    let answer = node.send(&query_request(text), deadline).await;
    let answer =
        answer.map_err(|failure| Error::Unavailable(format!("{}: {failure}", node.endpoint().address)))?;
    if let Some(refusal) = Refusal::read(&answer) {
        return Err(refusal.of_statement(Kind::Read));
    }
    answer::rows(&answer, Kind::Read)
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

//! Which nodes to ask, in which order: replicas of the key first, in the order of the ring, then the others of this data centre.
//!
//! The driver's own strategies are not used: they leave out nodes that the driver holds for down, or whose distance it
//! forgot, until nobody is left (C6), and they shuffle replicas, while conditional writes of one partition agree faster
//! through one coordinator.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cdrs_tokio::cluster::topology::{Node as Member, ReplicationStrategy};
use cdrs_tokio::cluster::{ClusterMetadata, Murmur3Token};
use cdrs_tokio::load_balancing::{LoadBalancingStrategy, QueryPlan, Request};

use crate::driver::Connector;
use crate::link::Link;
use crate::node::Rank;
use crate::nodes::Nodes;

type Metadata = ClusterMetadata<Link, Connector>;
type Members = Vec<Arc<Member<Link, Connector>>>;

/// Our load balancing strategy.
pub(crate) struct Ring {
    nodes: Arc<Nodes>,
    datacenter: String,
    next: AtomicUsize,
}

impl Ring {
    pub(crate) const fn new(nodes: Arc<Nodes>, datacenter: String) -> Self {
        Self { nodes, datacenter, next: AtomicUsize::new(0) }
    }

    fn is_local(&self, member: &Member<Link, Connector>) -> bool {
        is_in(&self.datacenter, member)
    }

    /// For a control connection: everybody, connected nodes of this data centre first.
    fn everybody(&self, metadata: &Metadata) -> Members {
        let mut members: Members = metadata.nodes().values().cloned().collect();
        members.sort_by_key(|member| {
            let node = self.nodes.find(member.broadcast_rpc_address());
            (!self.is_local(member), node.map_or(Rank::Down, |node| node.rank()))
        });
        members
    }

    /// All nodes of this data centre, beginning with another each time.
    fn locals(&self, metadata: &Metadata) -> Members {
        let mut members: Members =
            metadata.nodes().values().filter(|member| self.is_local(member)).cloned().collect();
        members.sort_by_key(|member| member.broadcast_rpc_address());
        let count = members.len().max(1);
        members.rotate_left(self.next.fetch_add(1, Ordering::Relaxed) % count);
        members
    }

    fn replicas(&self, key: &[u8], keyspace: &str, metadata: &Metadata) -> Members {
        let Some(keyspace) = metadata.keyspace(keyspace) else { return Vec::new() };
        let ring = metadata.token_map().nodes_for_token(Murmur3Token::generate(key));
        match &keyspace.replication_strategy {
            ReplicationStrategy::SimpleStrategy { replication_factor } => {
                ring.take(*replication_factor).filter(|member| self.is_local(member)).collect()
            }
            ReplicationStrategy::NetworkTopologyStrategy { datacenter_replication_factor } => {
                let ring: Members = ring.filter(|member| self.is_local(member)).collect();
                let factor =
                    ring.first().and_then(|member| datacenter_replication_factor.get(member.datacenter()));
                over_racks(ring, factor.copied().unwrap_or(0), |member| member.rack())
            }
            ReplicationStrategy::Other => Vec::new(),
        }
    }
}

/// Whether a member is in this data centre; an empty name is every one.
pub(crate) fn is_in(datacenter: &str, member: &Member<Link, Connector>) -> bool {
    datacenter.is_empty() || member.datacenter() == datacenter
}

impl LoadBalancingStrategy<Link, Connector> for Ring {
    fn query_plan(&self, request: Option<Request<'_>>, metadata: &Metadata) -> QueryPlan<Link, Connector> {
        let Some(request) = request else { return QueryPlan::new(self.everybody(metadata)) };
        let mut plan = match (request.routing_key, request.keyspace) {
            (Some(key), Some(keyspace)) => self.replicas(key, keyspace, metadata),
            (None, _) | (_, None) => Vec::new(),
        };
        let replicas: HashSet<_> = plan.iter().map(|member| member.broadcast_rpc_address()).collect();
        let others = self.locals(metadata).into_iter();
        plan.extend(others.filter(|member| !replicas.contains(&member.broadcast_rpc_address())));
        QueryPlan::new(plan)
    }
}

/// The first `count` of a data centre's ring, no rack twice before each was there once (`NetworkTopologyStrategy`).
fn over_racks<T>(ring: Vec<T>, count: usize, rack: impl Fn(&T) -> &str) -> Vec<T> {
    let racks: HashSet<String> = ring.iter().map(|member| rack(member).to_owned()).collect();
    let mut repeats_left = count.saturating_sub(racks.len());
    let mut seen = HashSet::new();
    let mut replicas = Vec::with_capacity(count);
    for member in ring {
        if replicas.len() == count {
            break;
        }
        if seen.insert(rack(&member).to_owned()) {
            replicas.push(member);
        } else if repeats_left > 0 {
            repeats_left -= 1;
            replicas.push(member);
        }
    }
    replicas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_go_over_racks_before_they_repeat_one() {
        let ring = vec![("a", "r1"), ("b", "r1"), ("c", "r2"), ("d", "r3")];
        let names = |count| -> Vec<_> {
            over_racks(ring.clone(), count, |(_, rack)| rack).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(3), ["a", "c", "d"]);
        assert_eq!(names(4), ["a", "b", "c", "d"]);
        assert_eq!(names(1), ["a"]);
        assert!(names(0).is_empty());
    }

    #[test]
    fn one_rack_gives_the_ring_itself() {
        let ring = vec![("a", "r"), ("b", "r"), ("c", "r")];
        assert_eq!(over_racks(ring.clone(), 2, |(_, rack)| rack), ring[..2]);
        assert_eq!(over_racks(ring.clone(), 5, |(_, rack)| rack), ring);
    }
}

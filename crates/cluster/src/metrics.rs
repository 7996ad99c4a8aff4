//! Names of the metrics that this crate writes (docs/metrics.md).

use std::time::Duration;

use pix_stream_cql::{Health, Session};

/// Counter: entries of the audit log that were copied to Cassandra.
pub const AUDIT_SHIPPED: &str = "pix_stream_audit_shipped_entries_total";
/// Gauge: nodes of Cassandra in this data centre that the session knows.
pub const NODES: &str = "pix_stream_cassandra_nodes";
/// Gauge: those of them that answer.
pub const NODES_UP: &str = "pix_stream_cassandra_nodes_up";
/// Gauge: requests that wait for Cassandra's answer.
pub const IN_FLIGHT: &str = "pix_stream_cassandra_in_flight_requests";
/// Gauge: requests that nobody waits for any longer and whose answer has not come.
pub const ORPHANS: &str = "pix_stream_cassandra_orphaned_requests";

/// How often a session is measured.
const EVERY: Duration = Duration::from_secs(5);

/// Measures a session until the process ends.
pub async fn measure(session: Session) {
    loop {
        let Health { nodes, nodes_up, in_flight, orphans } = session.health();
        for (name, value) in
            [(NODES, nodes), (NODES_UP, nodes_up), (IN_FLIGHT, in_flight), (ORPHANS, orphans)]
        {
            ::metrics::gauge!(name).set(value as f64);
        }
        tokio::time::sleep(EVERY).await;
    }
}

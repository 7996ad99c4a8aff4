//! The Quarantine on a real Cassandra: its contract, with another node beside it (issue 6, item 1).

use pix_stream_adapter_cassandra::quarantine::CassandraQuarantine;
use pix_stream_testkit::contract;

use super::support::{Space, entropy};

const TABLES: [&str; 2] = ["pix_quarantine", "pix_quarantine_bodies"];

fn quarantine(space: &Space) -> CassandraQuarantine {
    CassandraQuarantine::new(&space.session, &space.keyspace, &entropy())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quarantine_keeps_its_contract() {
    let Some(space) = Space::migrated("quarantine").await else { return };
    contract::quarantine::test_all(async || {
        space.truncate(&TABLES).await;
        quarantine(&space)
    })
    .await;
    space.truncate(&TABLES).await;
    contract::quarantine::test_reopening(async || quarantine(&space)).await;
    space.drop().await;
}

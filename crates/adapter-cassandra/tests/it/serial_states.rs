//! Serial states on a real Cassandra: their contract (issue 6, item 5).

use std::time::Duration;

use pix_stream_adapter_cassandra::serial_states::{CassandraSerialStates, NEED_LIFE_SECONDS};
use pix_stream_ports::serial_states::SerialStates as _;
use pix_stream_testkit::contract;

use super::support::{Space, entropy};

fn states(space: &Space) -> CassandraSerialStates {
    CassandraSerialStates::new(&space.session, &space.keyspace, &entropy())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_serial_states_keep_their_contract() {
    let Some(space) = Space::migrated("states").await else { return };
    contract::serial_states::test_all(async || {
        space.truncate(&["pix_states", "pix_fallback_nodes"]).await;
        states(&space)
    })
    .await;
    space.truncate(&["pix_states", "pix_fallback_nodes"]).await;
    contract::serial_states::test_reopening(async || states(&space)).await;
    a_need_passes(&space).await;
    space.drop().await;
}

async fn a_need_passes(space: &Space) {
    let states = states(space);
    states.claim_need("a node").await.unwrap();
    assert_eq!(states.survey().await.unwrap().needy, ["a node"]);
    let end =
        tokio::time::Instant::now() + Duration::from_secs(4 * u64::from(NEED_LIFE_SECONDS.unsigned_abs()));
    while !states.survey().await.unwrap().needy.is_empty() {
        assert!(tokio::time::Instant::now() < end, "the need should have passed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

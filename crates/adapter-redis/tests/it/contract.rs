//! The contracts of the ports, on every topology.

use pix_stream_adapter_redis::{Options, RedisCoordinator, Topology};
use pix_stream_stores::{redis, test};
use pix_stream_testkit::contract;

use crate::started::{prefix, single, start, start_cluster};

#[tokio::test(flavor = "multi_thread")]
async fn the_coordinator_keeps_its_contract_on_one_server() {
    let Some(address) = test::redis() else { return };
    contract::coordinator::test_all(async || {
        RedisCoordinator::start(&single(address, &prefix())).await.unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_coordinator_keeps_its_contract_on_a_cluster() {
    let Some(started) = start_cluster() else { return };
    let nodes = started.redis.contact_points().iter().map(ToString::to_string).collect::<Vec<_>>();
    contract::coordinator::test_all(async || {
        let mut options = Options::new(Topology::Cluster { nodes: nodes.clone() });
        options.prefix = prefix();
        RedisCoordinator::start(&options).await.unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_coordinator_keeps_its_contract_behind_sentinels() {
    let Some(started) = start(|options| options.topology = redis::Topology::sentinel(1)) else { return };
    let sentinels = started.redis.contact_points().iter().map(ToString::to_string).collect::<Vec<_>>();
    contract::coordinator::test_all(async || {
        let topology = Topology::Sentinel { name: "pix-stream".to_owned(), sentinels: sentinels.clone() };
        let mut options = Options::new(topology);
        options.prefix = prefix();
        RedisCoordinator::start(&options).await.unwrap()
    })
    .await;
}

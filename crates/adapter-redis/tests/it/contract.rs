//! The contracts of the ports, on every topology.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use pix_stream_adapter_redis::{IntakeOptions, Options, RedisCoordinator, RedisIntake, Topology};
use pix_stream_stores::redis::{Client, Reply};
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

/// Longer than any test takes, so that no hold lapses by accident.
const CLAIM_AFTER: Duration = Duration::from_mins(10);

struct IntakeBench {
    address: SocketAddr,
    stream: String,
}

impl IntakeBench {
    fn command(&self, words: &[&str]) -> Reply {
        Client::connect(self.address).unwrap().command(words).unwrap()
    }
}

impl contract::intake::Bench for IntakeBench {
    type Intake = RedisIntake;

    async fn worker(&self) -> RedisIntake {
        let intake = IntakeOptions {
            stream: self.stream.clone(),
            group: "pix-stream".to_owned(),
            consumer: prefix(),
            claim_after: CLAIM_AFTER,
        };
        RedisIntake::start(&single(self.address, "unused"), intake).await.unwrap()
    }

    async fn put(&self, ispb: &str, producer: &str, xml: Bytes) -> Box<str> {
        let xml = std::str::from_utf8(&xml).unwrap();
        let words = ["XADD", &self.stream, "*", "ispb", ispb, "producer", producer, "xml", xml];
        self.command(&words).text().into()
    }

    /// The key goes, as it does when its time is over.
    async fn let_hold_lapse(&self) {
        assert_eq!(self.command(&["DEL", &format!("{}:holder", self.stream)]), Reply::Number(1));
    }

    async fn refused(&self) -> Vec<(Box<str>, String)> {
        let Reply::List(entries) = self.command(&["XRANGE", &format!("{}:refused", self.stream), "-", "+"])
        else {
            panic!("a list")
        };
        let fields = entries.iter().map(|entry| entry.text().lines().map(str::to_owned).collect::<Vec<_>>());
        fields.map(|fields| (fields[2].as_str().into(), fields[4].clone())).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_intake_keeps_its_contract() {
    let Some(address) = test::redis() else { return };
    contract::intake::test_all(async || IntakeBench { address, stream: prefix() }).await;
}

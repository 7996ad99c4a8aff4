//! A Redis that answers and refuses writes: without room, without its replicas, or made a replica (issue 6, item 5).
//! It agrees on nothing, so it must not look well; a fallback decides by that.

use std::time::Duration;

use pix_stream_adapter_redis::RedisCoordinator;
use pix_stream_domain::ispb::Ispb;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::stream::StreamState;
use pix_stream_domain::version::Incarnation;
use pix_stream_ports::coordinator::{Chunk, Coordinator as _, Expected, Held, News, Swap};
use pix_stream_ports::error::Error;

use crate::started::{Started, start, start_cluster, until};

fn ispb() -> Ispb {
    "99999A04".parse().unwrap()
}

fn first(incarnation: u32) -> StreamState {
    StreamState::new(Incarnation::new(incarnation), Sequence::FIRST)
}

fn begins<T>(result: Result<T, Error>, word: &str) -> bool {
    match result {
        Err(Error::Unavailable(why)) => why.starts_with(word),
        Err(Error::Full(_) | Error::Damaged(_)) | Ok(_) => false,
    }
}

/// Has the server refuse writes and take them again, and looks at both.
async fn refuse_and_take(started: &Started, node: &RedisCoordinator, words: [&[&str]; 2], error: &str) {
    let server = started.redis.first();
    let held = node.load(ispb()).await.unwrap();
    assert_eq!(node.check().await, Ok(()));
    server.command(words[0]).unwrap();
    assert_eq!(server.command(&["GET", "nothing"]).map(drop).map_err(drop), Ok(()), "it answers");
    assert!(begins(node.check().await, error), "{error}: {:?}", node.check().await);
    assert!(begins(node.load(ispb()).await, error), "{error}: {:?}", node.load(ispb()).await);
    let swap = node.swap(ispb(), held.expected(), &first(9)).await;
    assert!(begins(swap.clone(), error), "{error}: {swap:?}");
    let chunk = Chunk { range: Range::new(Sequence::FIRST, Sequence::new(5)), bytes: vec![1; 9].into() };
    let told = node.announce(News::Head { ispb: ispb(), head: Sequence::new(5), chunk: Some(chunk) }).await;
    assert!(!matches!(told, Err(Error::Full(_) | Error::Damaged(_))), "{told:?}");
    server.command(words[1]).unwrap();
    until("it takes writes again", Duration::from_secs(2), async || node.check().await.is_ok()).await;
    assert_eq!(node.load(ispb()).await, Ok(held), "nothing of it was carried out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_refuses_writes_is_not_well() {
    let Some(started) = start(|_| {}) else { return };
    let node = started.node().await;
    assert_eq!(node.swap(ispb(), Expected::Nothing, &first(1)).await.unwrap().swap, Swap::Done);
    let full: [&[&str]; 2] = [&["CONFIG", "SET", "maxmemory", "100kb"], &["CONFIG", "SET", "maxmemory", "0"]];
    refuse_and_take(&started, &node, full, "OOM").await;
    let alone: [&[&str]; 2] =
        [&["CONFIG", "SET", "min-replicas-to-write", "1"], &["CONFIG", "SET", "min-replicas-to-write", "0"]];
    refuse_and_take(&started, &node, alone, "NOREPLICAS").await;
    // Of a server where nobody answers: it keeps what it has, and is a replica.
    let replica: [&[&str]; 2] = [&["REPLICAOF", "127.0.0.1", "1"], &["REPLICAOF", "NO", "ONE"]];
    let server = started.redis.first();
    server.command(replica[0]).unwrap();
    assert!(matches!(node.check().await, Err(Error::Unavailable(_))));
    server.command(replica[1]).unwrap();
    until("it is a master again", Duration::from_secs(5), async || node.check().await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_writes_nothing() {
    let Some(started) = start(|_| {}) else { return };
    let node = started.node().await;
    for _ in 0..40 {
        assert_eq!(node.check().await, Ok(()));
    }
    let keys = started.redis.first().command(&["DBSIZE"]).unwrap();
    assert_eq!(keys, pix_stream_stores::redis::Reply::Number(0));
    assert_eq!(node.load(ispb()).await, Ok(Held::Nothing));
}

/// Of a cluster, checks ask one master after the other, more or less: one that is full shows in some of them.
#[tokio::test(flavor = "multi_thread")]
async fn checks_ask_all_masters_of_a_cluster() {
    use pix_stream_adapter_redis::{Options, Topology};
    let Some(started) = start_cluster() else { return };
    let nodes = started.redis.contact_points().iter().map(ToString::to_string).collect();
    let node = RedisCoordinator::start(&Options::new(Topology::Cluster { nodes })).await.unwrap();
    for server in started.redis.servers() {
        server.command(&["CONFIG", "SET", "maxmemory", "100kb"]).unwrap();
        let mut seen = (0, 0);
        for _ in 0..16 {
            match node.check().await {
                Ok(()) => seen.0 += 1,
                Err(_) => seen.1 += 1,
            }
        }
        assert!(seen.0 > 0 && seen.1 > 0, "{} well, {} not", seen.0, seen.1);
        server.command(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    }
}

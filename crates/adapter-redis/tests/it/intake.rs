//! The Intake when Redis loses the stream and its group, and when a worker's node is gone (requirement B.5).

use std::time::Duration;

use pix_stream_adapter_redis::{IntakeOptions, RedisIntake};
use pix_stream_ports::intake::{Depth, Intake as _, Taken};
use pix_stream_stores::redis::Reply;

use crate::started::{Started, single, start, until};

const STREAM: &str = "pix-intake";

async fn intake(started: &Started, consumer: &str) -> RedisIntake {
    let options = IntakeOptions {
        stream: STREAM.to_owned(),
        group: "pix-stream".to_owned(),
        consumer: consumer.to_owned(),
        claim_after: Duration::from_secs(30),
    };
    RedisIntake::start(&single(started.redis.address(), "unused"), options).await.unwrap()
}

fn put(started: &Started, xml: &str) {
    let words = ["XADD", STREAM, "*", "ispb", "99999A04", "xml", xml];
    started.redis.first().command(&words).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_lost_with_its_group_goes_on() {
    let Some(started) = start(|_| {}) else { return };
    let worker = intake(&started, "a").await;
    put(&started, "<one/>");
    assert_eq!(worker.take(10, Duration::ZERO).await.unwrap().entries.len(), 1);
    started.redis.first().process().restart().unwrap();
    until("redis is back", Duration::from_secs(2), async || worker.depth().await.is_ok()).await;
    assert_eq!(worker.depth().await, Ok(Depth::default()));
    put(&started, "<two/>");
    let mut taken = Vec::new();
    until("the entry comes", Duration::from_secs(2), async || {
        taken = worker.take(10, Duration::from_millis(100)).await.unwrap_or_default().entries;
        !taken.is_empty()
    })
    .await;
    assert_eq!(taken[0].xml, "<two/>".as_bytes());
    worker.acknowledge(vec![taken[0].id.clone()]).await.unwrap();
    assert_eq!(started.redis.first().command(&["XLEN", STREAM]).unwrap(), Reply::Number(0));
}

/// Also while a worker waits: its wait must end with the entry.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_waits_when_the_stream_is_lost_is_handed_what_comes_after() {
    let Some(started) = start(|_| {}) else { return };
    let worker = intake(&started, "a").await;
    let waits = tokio::spawn(async move { worker.take(10, Duration::from_secs(10)).await });
    until("it waits", Duration::from_secs(2), async || {
        started.redis.first().command(&["EXISTS", STREAM]).unwrap() == Reply::Number(1)
    })
    .await;
    started.redis.first().command(&["DEL", STREAM]).unwrap();
    put(&started, "<one/>");
    assert_eq!(waits.await.unwrap().unwrap().entries[0].xml, "<one/>".as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_ends_a_wait_in_time() {
    let Some(started) = start(|_| {}) else { return };
    let worker = intake(&started, "a").await;
    assert_eq!(worker.take(10, Duration::ZERO).await.map(|taken| taken.entries), Ok(Vec::new()));
    started.redis.first().process().pause().unwrap();
    let begun = tokio::time::Instant::now();
    assert!(worker.take(10, Duration::from_secs(5)).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(worker.depth().await.is_err());
    started.redis.first().process().resume().unwrap();
    put(&started, "<one/>");
    let took = until("it takes again", Duration::from_secs(5), async || {
        worker.take(10, Duration::from_millis(50)).await.is_ok_and(|taken| !taken.entries.is_empty())
    })
    .await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// Redis forgets whoever does not ask.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_ends_by_itself_and_each_request_lengthens_it() {
    let Some(started) = start(|_| {}) else { return };
    let client = started.redis.first();
    let holder = format!("{STREAM}:holder");
    let worker = intake(&started, "a").await;
    assert!(worker.take(0, Duration::ZERO).await.unwrap().hold.is_some());
    assert_eq!(client.command(&["GET", &holder]).unwrap().text(), "a");
    for limit in [0, 10] {
        client.command(&["PEXPIRE", &holder, "3600000"]).unwrap();
        worker.take(limit, Duration::ZERO).await.unwrap();
        let Reply::Number(left) = client.command(&["PTTL", &holder]).unwrap() else { panic!("a number") };
        assert!((1..=30_000).contains(&left), "{left} ms");
    }
    worker.release().await.unwrap();
    assert_eq!(client.command(&["EXISTS", &holder]).unwrap(), Reply::Number(0));
}

/// What a node had in hand when it was killed, thousands of entries: the next one goes through all of it, in order.
#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_entries_of_a_dead_node_come_in_order_before_what_is_new() {
    const LIMIT: u32 = 64;
    let Some(started) = start(|_| {}) else { return };
    let client = started.redis.first();
    let fill =
        "for n = ARGV[1], ARGV[2] do redis.call('XADD', KEYS[1], '*', 'ispb', '99999A04', 'xml', n) end";
    let dead = intake(&started, "a").await;
    client.command(&["EVAL", fill, "1", STREAM, "1", "2000"]).unwrap();
    while !dead.take(LIMIT, Duration::ZERO).await.unwrap().entries.is_empty() {}
    assert_eq!(dead.depth().await, Ok(Depth { waiting: 0, pending: 2_000 }));
    client.command(&["EVAL", fill, "1", STREAM, "2001", "2100"]).unwrap();
    client.command(&["DEL", &format!("{STREAM}:holder")]).unwrap();

    let alive = intake(&started, "b").await;
    let mut came = Vec::new();
    while came.len() < 2_100 {
        let taken = alive.take(LIMIT, Duration::ZERO).await.unwrap().entries;
        assert!((1..=LIMIT as usize).contains(&taken.len()), "{} of 2100 came", came.len());
        came.extend(taken.iter().map(|entry| String::from_utf8_lossy(&entry.xml).parse::<u32>().unwrap()));
        alive.acknowledge(taken.into_iter().map(|entry| entry.id).collect()).await.unwrap();
    }
    assert_eq!(came, (1..=2_100).collect::<Vec<_>>());
    assert_eq!(dead.take(LIMIT, Duration::ZERO).await, Ok(Taken::default()));
    assert_eq!(alive.depth().await, Ok(Depth::default()));
}

//! The Intake when Redis loses the stream and its group, and when a worker's node is gone (requirement B.5).

use std::time::Duration;

use pix_stream_adapter_redis::{IntakeOptions, RedisIntake};
use pix_stream_ports::intake::{Depth, Intake as _};
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
    assert_eq!(worker.take(10, Duration::ZERO).await.unwrap().len(), 1);
    started.redis.first().process().restart().unwrap();
    until("redis is back", Duration::from_secs(2), async || worker.depth().await.is_ok()).await;
    assert_eq!(worker.depth().await, Ok(Depth::default()));
    put(&started, "<two/>");
    let mut taken = Vec::new();
    until("the entry comes", Duration::from_secs(2), async || {
        taken = worker.take(10, Duration::from_millis(100)).await.unwrap_or_default();
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
    assert_eq!(waits.await.unwrap().unwrap()[0].xml, "<one/>".as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_redis_ends_a_wait_in_time() {
    let Some(started) = start(|_| {}) else { return };
    let worker = intake(&started, "a").await;
    assert_eq!(worker.take(10, Duration::ZERO).await, Ok(Vec::new()));
    started.redis.first().process().pause().unwrap();
    let begun = tokio::time::Instant::now();
    assert!(worker.take(10, Duration::from_secs(5)).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(worker.depth().await.is_err());
    started.redis.first().process().resume().unwrap();
    put(&started, "<one/>");
    let took = until("it takes again", Duration::from_secs(5), async || {
        worker.take(10, Duration::from_millis(50)).await.is_ok_and(|taken| !taken.is_empty())
    })
    .await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

/// Four workers of one node share its connection and take turns.
#[tokio::test(flavor = "multi_thread")]
async fn workers_of_a_node_take_turns_at_waiting() {
    let Some(started) = start(|_| {}) else { return };
    let node = std::sync::Arc::new(intake(&started, "a").await);
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let node = std::sync::Arc::clone(&node);
            tokio::spawn(async move {
                let mut count = 0;
                loop {
                    let taken = node.take(3, Duration::from_millis(300)).await.unwrap();
                    if taken.is_empty() {
                        return count;
                    }
                    count += taken.len();
                    node.acknowledge(taken.into_iter().map(|entry| entry.id).collect()).await.unwrap();
                }
            })
        })
        .collect();
    for n in 0..40 {
        put(&started, &format!("<n{n}/>"));
    }
    let mut taken = 0;
    for worker in workers {
        taken += worker.await.unwrap();
    }
    assert_eq!(taken, 40);
    assert_eq!(node.depth().await, Ok(Depth::default()));
    assert!(started.redis.first().command(&["XLEN", STREAM]).unwrap() == Reply::Number(0), "nothing is left");
}

/// One participant's, which nobody can bring now; all the time some of them are due again.
#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_entries_that_nobody_finishes_do_not_keep_new_ones_waiting() {
    const LIMIT: u32 = 64;
    let Some(started) = start(|_| {}) else { return };
    let options = IntakeOptions {
        stream: STREAM.to_owned(),
        group: "pix-stream".to_owned(),
        consumer: "a".to_owned(),
        claim_after: Duration::from_millis(1),
    };
    let worker = RedisIntake::start(&single(started.redis.address(), "unused"), options).await.unwrap();
    let client = started.redis.first();
    let fill =
        "for n = 1, 2000 do redis.call('XADD', KEYS[1], '*', 'ispb', '99999A04', 'xml', '<stuck/>') end";
    client.command(&["EVAL", fill, "1", STREAM]).unwrap();
    let depth = Depth { waiting: 0, pending: 2_000 };
    until("all of them are held", Duration::from_secs(20), async || {
        worker.take(LIMIT, Duration::ZERO).await.unwrap();
        worker.depth().await == Ok(depth)
    })
    .await;
    for _ in 0..200 {
        client.command(&["XADD", STREAM, "*", "ispb", "99999A77", "xml", "<new/>"]).unwrap();
    }
    let (mut new, mut takes) = (0, 0);
    while new < 200 {
        takes += 1;
        // 200 are four batches; every second one is of what is stuck.
        assert!(takes <= 9, "{new} of 200 came");
        let taken = worker.take(LIMIT, Duration::ZERO).await.unwrap();
        let taken = taken.into_iter().filter(|entry| entry.ispb == "99999A77").map(|entry| entry.id);
        let ids: Vec<_> = taken.collect();
        new += ids.len();
        worker.acknowledge(ids).await.unwrap();
    }
    assert_eq!(worker.depth().await, Ok(depth));
}

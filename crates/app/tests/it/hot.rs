//! Hot messages and read-ahead (C.1; design, section 7): limits hold, and what is cold is read in order.

use std::time::Duration;

use pix_stream_app::{Read, Settings};

use crate::world::{World, numbers};

async fn read_all(world: &World) -> Vec<u64> {
    let mut answer = world.open().await.unwrap();
    let mut got = Vec::new();
    while !answer.messages.is_empty() {
        got.extend(numbers(&answer));
        answer = world.pull(&answer).await.unwrap();
    }
    got
}

#[tokio::test(start_paused = true)]
async fn a_backlog_beyond_the_hot_bytes_is_read_ahead_in_order() {
    for hot_bytes_per_participant in [1, 3_000, 40_000] {
        let world = World::with(Settings { hot_bytes_per_participant, ..Settings::default() }).await;
        world.publish(300).await;
        assert_eq!(read_all(&world).await, (1..=300).collect::<Vec<_>>(), "{hot_bytes_per_participant}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cold_backlog_is_read_once() {
    let world = World::new().await;
    world.publish(500).await;
    let world = world.crash().await;
    assert_eq!(read_all(&world).await, (1..=500).collect::<Vec<_>>());
    let reads = world.ports.journal.messages_read();
    assert!(reads <= 500, "{reads} messages were read for 500");
}

#[tokio::test(start_paused = true)]
async fn hot_messages_are_not_read_from_the_journal() {
    let world = World::new().await;
    world.publish(100).await;
    assert_eq!(read_all(&world).await.len(), 100);
    assert_eq!(world.ports.journal.messages_read(), 0);
}

#[tokio::test(start_paused = true)]
async fn bytes_of_the_node_bound_all_participants_together() {
    let world = World::with(Settings { hot_bytes: 2_000, ..Settings::default() }).await;
    world.publish(50).await;
    assert_eq!(read_all(&world).await, (1..=50).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn what_a_read_waits_for_is_deflated_before_it_is_woken() {
    let world = World::new().await;
    let waits = world.open();
    let publishes = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.publish(1).await;
    };
    let (answer, ()) = tokio::join!(waits, publishes);
    let answer = answer.unwrap();
    assert_eq!(numbers(&answer), [1]);
    assert!(answer.messages[0].alone().is_some());
}

#[tokio::test(start_paused = true)]
async fn what_was_answered_undeflated_stays_so() {
    let world = World::new().await;
    world.publish(2).await;
    let read = Read { gzip: true, ..world.read() };
    // Answered before the worker had a turn.
    let first = world.app.open(read).await.unwrap();
    let had: Vec<_> = first.messages.iter().map(|m| (m.alone().is_some(), m.chained().is_some())).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let has: Vec<_> = first.messages.iter().map(|m| (m.alone().is_some(), m.chained().is_some())).collect();
    assert_eq!(had, has);
}

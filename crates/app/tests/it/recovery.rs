//! After a crash (2.1; design, section 4): what was confirmed stays so, returning tokens go first.

use std::time::Duration;

use tokio::time::advance;

use crate::world::{World, numbers, settle};

#[tokio::test(start_paused = true)]
async fn what_a_checkpoint_has_is_not_delivered_again_after_a_crash() {
    let world = World::new().await;
    world.publish(10).await;
    let first = world.open().await.unwrap();
    world.close(&first).await.unwrap();
    world.publish(1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let world = world.crash().await;
    assert_eq!(numbers(&world.open().await.unwrap()), [11]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_comes_back_in_time_goes_before_new_streams() {
    let world = World::new().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.publish(10).await;
    let held = world.open().await.unwrap();
    let world = world.crash().await;
    let other = world.begin_open().await;
    advance(Duration::from_millis(100)).await;
    let returned = world.begin_pull(&held).await;
    world.publish(2).await;
    let mut got = numbers(&returned.await.unwrap().unwrap());
    got.extend(numbers(&other.await.unwrap().unwrap_or_else(|error| panic!("{error}"))));
    assert!(got.iter().all(|number| *number > 10), "what was held is not delivered to the other: {got:?}");
}

#[tokio::test(start_paused = true)]
async fn the_same_ids_come_again_after_a_crash() {
    let world = World::new().await;
    world.publish(10).await;
    let first = world.open().await.unwrap();
    let world = world.crash().await;
    let again = world.open().await.unwrap();
    let ids = |answer: &pix_stream_app::Answer| {
        answer.messages.iter().map(|message| message.resource_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&first), ids(&again));
}

#[tokio::test(start_paused = true)]
async fn a_publish_and_reads_that_find_the_state_lost_recover_it_once() {
    let world = World::new().await;
    world.publish(3).await;
    let first = world.open().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let world = world.crash().await;
    let faults = (world.ports.journal.faults(), world.ports.coordinator.faults());
    faults.0.set_latency(Duration::from_millis(3), Duration::from_millis(20));
    faults.1.set_latency(Duration::from_millis(3), Duration::from_millis(20));
    let pulling = world.begin_pull(&first).await;
    world.publish(5).await;
    pulling.await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let saved = world.ports.journal.peek_checkpoint(world.ispb).unwrap().state;
    assert_eq!(Some(saved), world.ports.coordinator.peek(world.ispb));
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_went_back_does_not_bring_confirmed_messages_back() {
    let world = World::new().await;
    world.publish(30).await;
    let first = world.open().await.unwrap();
    let second = world.pull(&first).await.unwrap();
    let third = world.pull(&second).await.unwrap();
    assert!(world.ports.coordinator.roll_back(world.ispb, 2));
    world.close(&third).await.unwrap();
    world.publish(1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    settle().await;
    assert_eq!(numbers(&world.open().await.unwrap()), [31]);
}

//! The clean end (E.2): nothing new, what waits is answered, and nothing comes again.

use std::time::Duration;

use pix_stream_app::Error;

use crate::world::{World, numbers, timed};

#[tokio::test(start_paused = true)]
async fn a_drain_answers_waiting_reads_and_refuses_new_streams_and_messages() {
    let world = World::new().await;
    let waiting = world.begin_open().await;
    world.app.begin_drain();
    let (answer, late) = timed(waiting).await;
    assert!(answer.unwrap().unwrap().messages.is_empty());
    assert_eq!(late, Duration::ZERO);
    assert!(matches!(world.open().await, Err(Error::Overloaded { limit: "draining", .. })));
    let refused = world.send(vec![world.message(100)]).await;
    assert!(matches!(refused, Err(Error::Overloaded { limit: "draining", .. })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clean_end_leaves_last_checkpoints() {
    let world = World::new().await;
    world.publish(3).await;
    let answer = world.open().await.unwrap();
    world.app.begin_drain();
    world.pull(&answer).await.unwrap();
    world.app.finish().await.unwrap();
    let checkpoint = world.ports.journal.peek_checkpoint(world.ispb).unwrap();
    assert!(checkpoint.is_last);
    assert_eq!(Some(checkpoint.state), world.ports.coordinator.peek(world.ispb));
    assert!(matches!(world.pull(&answer).await, Err(Error::Overloaded { limit: "draining", .. })));
}

#[tokio::test(start_paused = true)]
async fn after_a_clean_end_streams_go_on_and_nothing_comes_again() {
    let world = World::new().await;
    world.publish(12).await;
    let first = world.open().await.unwrap();
    let second = world.pull(&first).await.unwrap();
    let world = world.restart().await;
    let (replay, took) = timed(world.pull(&first)).await;
    let replay = replay.unwrap();
    assert_eq!((replay.token, numbers(&replay), took), (second.token, vec![11, 12], Duration::ZERO));
    world.publish(1).await;
    assert_eq!(numbers(&world.pull(&replay).await.unwrap()), [13]);
}

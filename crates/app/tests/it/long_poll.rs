//! Waiting for a message (B.4; protocol, section 4): answered at once, ended at once, and never left behind.

use std::time::Duration;

use pix_stream_app::{Change, Error, Settings};
use tokio::time::advance;

use crate::world::{World, numbers, settle, timed};

#[tokio::test(start_paused = true)]
async fn a_waiting_read_is_answered_the_moment_a_message_arrives() {
    let world = World::new().await;
    let waiting = world.begin_open().await;
    advance(Duration::from_millis(1_234)).await;
    world.publish(1).await;
    let (answer, late) = timed(waiting).await;
    assert_eq!(numbers(&answer.unwrap().unwrap()), [1]);
    assert_eq!(late, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn without_a_message_the_answer_is_empty_after_the_wait() {
    let world = World::new().await;
    let (answer, took) = timed(world.open()).await;
    let answer = answer.unwrap();
    assert!(answer.messages.is_empty());
    assert_eq!(took.as_millis() / 10, 500);
    world.publish(1).await;
    assert_eq!(numbers(&world.pull(&answer).await.unwrap()), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_zero_answers_at_once() {
    let world = World::with(Settings { long_poll: Duration::ZERO, ..Settings::default() }).await;
    let (answer, took) = timed(world.open()).await;
    assert!(answer.unwrap().messages.is_empty());
    assert_eq!(took, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_delete_ends_a_waiting_read_of_its_stream() {
    let world = World::new().await;
    world.publish(1).await;
    let first = world.open().await.unwrap();
    let waiting = world.begin_pull(&first).await;
    world.close(&first).await.unwrap();
    let (ended, late) = timed(waiting).await;
    assert_eq!(ended.unwrap().unwrap_err(), Error::Gone);
    assert_eq!(late, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_waiting_reads_and_a_resume_serves_again() {
    let world = World::new().await;
    world.publish(1).await;
    let first = world.open().await.unwrap();
    let (pulls, opens) = (world.begin_pull(&first).await, world.begin_open().await);
    world.change(Change::Pause).await.unwrap();
    let (ended, late) = timed(async { (pulls.await.unwrap(), opens.await.unwrap()) }).await;
    assert!(matches!(ended, (Err(Error::Paused { .. }), Err(Error::Paused { .. }))), "{ended:?}");
    assert_eq!(late, Duration::ZERO);
    settle().await;
    let status = world.app.status(world.ispb).await.unwrap();
    assert_eq!(status.streams.len(), 1, "the start that was not answered keeps no slot");
    world.change(Change::Resume).await.unwrap();
    world.publish(1).await;
    assert_eq!(numbers(&world.pull(&first).await.unwrap()), [2]);
}

#[tokio::test(start_paused = true)]
async fn a_start_whose_client_goes_away_while_it_waits_keeps_no_slot() {
    let world = World::new().await;
    let waiting = world.begin_open().await;
    assert_eq!(world.app.status(world.ispb).await.unwrap().streams.len(), 1);
    waiting.abort();
    settle().await;
    assert_eq!(world.app.status(world.ispb).await.unwrap().streams.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pull_whose_client_goes_away_while_it_waits_keeps_its_stream() {
    let world = World::new().await;
    world.publish(1).await;
    let first = world.open().await.unwrap();
    let waiting = world.begin_pull(&first).await;
    waiting.abort();
    settle().await;
    world.publish(1).await;
    assert_eq!(numbers(&world.pull(&first).await.unwrap()), [2]);
}

#[tokio::test(start_paused = true)]
async fn more_waiting_reads_than_allowed_are_told_so() {
    let world = World::with(Settings { waiting_reads: 1, ..Settings::default() }).await;
    let waiting = world.begin_open().await;
    let refused = world.open().await;
    assert!(matches!(refused, Err(Error::Overloaded { limit: "waiting reads", .. })), "{refused:?}");
    settle().await;
    assert_eq!(world.app.status(world.ispb).await.unwrap().streams.len(), 1);
    world.publish(1).await;
    assert_eq!(numbers(&waiting.await.unwrap().unwrap()), [1]);
}

#[tokio::test(start_paused = true)]
async fn what_an_abandoned_stream_held_reaches_a_waiting_read() {
    let world = World::new().await;
    world.publish(1).await;
    let held = world.open().await.unwrap();
    advance(Duration::from_secs(6)).await;
    let (answer, took) = timed(world.open()).await;
    assert_eq!(numbers(&answer.unwrap()), numbers(&held));
    assert!(took > Duration::from_millis(3_800) && took <= Duration::from_millis(4_200), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_published_on_a_node_that_died_is_found_within_a_second() {
    let world = World::new().await;
    let waiting = world.begin_open().await;
    world.ports.coordinator.set_mute(true);
    let other = world.ports.another_node();
    let keyring = pix_stream_domain::token::Keyring::new((1, [7; 32]), None);
    let there = pix_stream_app::App::start(other, keyring, Settings::default()).await.unwrap();
    let messages = vec![world.message(100)];
    let publish = pix_stream_app::Publish { ispb: world.ispb, actor: "core", request_id: "r", messages };
    there.publish(publish).await.unwrap();
    let (answer, took) = timed(waiting).await;
    assert_eq!(numbers(&answer.unwrap().unwrap()), [1]);
    assert!(took <= Duration::from_millis(1_200), "{took:?}");
}

/// A node holds thousands of waiting reads: each one's future is memory for seconds.
#[tokio::test(start_paused = true)]
async fn the_future_of_a_read_is_small() {
    let world = World::new().await;
    let size = size_of_val(&world.app.open(world.read()));
    println!("the future of a start has {size} bytes");
    let token = "t".repeat(115);
    let size = size_of_val(&world.app.pull(world.read(), &token));
    println!("the future of a pull has {size} bytes");
    assert!(size <= 4_096, "{size} bytes");
}

#[tokio::test(start_paused = true)]
async fn a_read_without_a_place_to_wait_is_refused_before_its_cursor_moves() {
    let world = World::with(Settings { waiting_reads: 2, ..Settings::default() }).await;
    world.publish(3).await;
    let first = world.open().await.unwrap();
    let other = world.begin_open().await;
    let before = world.app.status(world.ispb).await.unwrap();
    // One of two places is this participant's share, and it is taken.
    let refused = world.pull(&first).await.unwrap_err();
    assert!(matches!(refused, Error::Overloaded { limit: "waiting reads", .. }), "{refused:?}");
    let after = world.app.status(world.ispb).await.unwrap();
    assert_eq!((before.watermark, before.unconfirmed), (after.watermark, after.unconfirmed));
    // With something to answer it needs no place.
    world.publish(1).await;
    assert_eq!(numbers(&other.await.unwrap().unwrap()), [4]);
    world.publish(1).await;
    assert_eq!(numbers(&world.pull(&first).await.unwrap()), [5]);
}

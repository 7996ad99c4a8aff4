//! Offboarding (issue 7, item 2): it ends at once what a participant does, loses nothing, and is taken back.

use std::time::Duration;

use pix_stream_app::{Error, Settings};
use pix_stream_domain::participant::Limits;
use pix_stream_domain::sequence::Sequence;

use crate::world::{OPERATOR, World, numbers, settle};

#[tokio::test(start_paused = true)]
async fn an_offboarded_participant_is_unknown_and_its_streams_end() {
    let world = World::new().await;
    world.publish(15).await;
    let first = world.open().await.unwrap();
    let second = world.pull(&first).await.unwrap();
    assert_eq!(numbers(&second), [11, 12, 13, 14, 15]);
    let recorded = world.app.offboard(world.ispb, false, OPERATOR).await.unwrap();
    assert!(recorded.changed && recorded.participant.offboarded);
    assert_eq!(world.app.look_up(world.ispb).await, Ok(None));
    assert_eq!(world.send(vec![world.message(100)]).await.unwrap_err(), Error::NotOnboarded);
    let status = world.app.status(world.ispb).await.unwrap();
    assert_eq!((status.streams.len(), status.redelivery, status.watermark.value()), (0, 5, 10));
    assert_eq!(world.ports.journal.peek_messages(world.ispb).len(), 15, "its messages stay");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_waits_ends_with_the_offboarding() {
    let world = World::new().await;
    let waiting = world.begin_open().await;
    world.publish(1).await;
    let first = waiting.await.unwrap().unwrap();
    let waiting = world.begin_pull(&first).await;
    world.app.offboard(world.ispb, false, OPERATOR).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap_err(), Error::Gone);
}

#[tokio::test(start_paused = true)]
async fn onboarded_again_it_goes_on_where_it_was() {
    let world = World::new().await;
    world.publish(15).await;
    let first = world.open().await.unwrap();
    world.pull(&first).await.unwrap();
    for changed in [true, false] {
        assert_eq!(world.app.offboard(world.ispb, false, OPERATOR).await.unwrap().changed, changed);
    }
    let world = world.crash().await;
    assert_eq!(world.app.look_up(world.ispb).await, Ok(None), "it survives a crash");
    for changed in [true, false] {
        assert_eq!(world.app.onboard_again(world.ispb, false, OPERATOR).await.unwrap().changed, changed);
    }
    world.publish(1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(numbers(&world.open().await.unwrap()), [11, 12, 13, 14, 15, 16]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_of_an_offboarding_ends_nothing() {
    let world = World::new().await;
    world.publish(15).await;
    let first = world.open().await.unwrap();
    let dry = world.app.offboard(world.ispb, true, OPERATOR).await.unwrap();
    assert!(dry.changed && dry.participant.offboarded);
    assert_eq!(numbers(&world.pull(&first).await.unwrap()), [11, 12, 13, 14, 15]);
    let stranger = "12345678".parse().unwrap();
    assert_eq!(world.app.offboard(stranger, false, OPERATOR).await, Err(Error::NotOnboarded));
}

#[tokio::test(start_paused = true)]
async fn another_node_follows_an_offboarding_within_seconds() {
    let here = World::cluster(Settings::default()).await;
    let there = here.beside().await;
    here.publish(3).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let first = there.open().await.unwrap();
    assert_eq!(numbers(&first), [1, 2, 3]);
    let waiting = there.begin_pull(&first).await;
    here.app.offboard(here.ispb, false, OPERATOR).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap_err(), Error::Gone, "a read that waits there ends at once");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(there.app.look_up(there.ispb).await, Ok(None));
    there.app.onboard_again(there.ispb, false, OPERATOR).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(here.app.look_up(here.ispb).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn operators_still_see_and_change_who_is_offboarded() {
    let world = World::new().await;
    world.publish(3).await;
    world.app.offboard(world.ispb, false, OPERATOR).await.unwrap();
    let limits = Limits { requests_per_second: Some(7), ..Limits::default() };
    assert!(world.app.set_limits(world.ispb, limits, false, OPERATOR).await.unwrap().changed);
    assert_eq!(world.app.status(world.ispb).await.unwrap().head, Sequence::new(4));
    assert_eq!(world.app.participants().len(), 1);
    settle().await;
}

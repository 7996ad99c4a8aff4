//! Publishing (A.5, E.3; protocol, sections 2 and 8): the high-water mark, and the order of refusals.

use bytes::Bytes;
use pix_stream_app::{Error, Settings};
use pix_stream_domain::participant::Limits;
use pix_stream_testkit::FakeCodec;

use crate::world::{OPERATOR, World};

async fn full() -> (World, Bytes) {
    let world = World::with(Settings { backlog_high_water: 3, ..Settings::default() }).await;
    let known = world.message(100);
    world.send(vec![known.clone()]).await.unwrap();
    world.publish(2).await;
    (world, known)
}

fn is_overloaded<T: std::fmt::Debug>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Overloaded { limit: "backlog", .. }))
}

#[tokio::test(start_paused = true)]
async fn at_the_high_water_mark_new_messages_are_refused_and_repeats_are_not() {
    let (world, known) = full().await;
    assert!(is_overloaded(&world.send(vec![world.message(100)]).await));
    let repeat = world.send(vec![known.clone()]).await.unwrap();
    assert!(repeat[0].is_repeat);
    assert_eq!(repeat[0].sequence.value(), 1);
    assert!(is_overloaded(&world.send(vec![known, world.message(100)]).await));
}

#[tokio::test(start_paused = true)]
async fn backlog_comes_before_validity_and_conflict() {
    let (world, _) = full().await;
    assert!(is_overloaded(&world.send(vec![Bytes::from_static(b"<no/>")]).await));
    let other = FakeCodec::message("M0", world.ispb, 333);
    assert!(is_overloaded(&world.send(vec![other]).await));
}

#[tokio::test(start_paused = true)]
async fn validity_comes_before_conflict_and_nothing_of_the_request_is_stored() {
    let world = World::new().await;
    world.publish(1).await;
    let other = FakeCodec::message("M0", world.ispb, 333);
    let refused = world.send(vec![world.message(100), other.clone(), Bytes::from_static(b"<no/>")]).await;
    assert!(matches!(refused, Err(Error::InvalidMessage { part: 3, .. })), "{refused:?}");
    let refused = world.send(vec![world.message(100), other]).await;
    assert_eq!(refused, Err(Error::Conflict { part: 2 }));
    assert_eq!(world.ports.journal.peek_messages(world.ispb).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn reading_makes_room_again() {
    let (world, _) = full().await;
    let first = world.open().await.unwrap();
    assert!(is_overloaded(&world.send(vec![world.message(100)]).await));
    world.close(&first).await.unwrap();
    world.publish(1).await;
}

#[tokio::test(start_paused = true)]
async fn limits_of_its_own_replace_the_configured_ones_at_once() {
    let (world, _) = full().await;
    let limits = Limits { requests_per_second: Some(2), backlog_high_water: Some(5) };
    world.app.set_limits(world.ispb, limits, false, OPERATOR).await.unwrap();
    world.publish(2).await;
    assert!(is_overloaded(&world.send(vec![world.message(100)]).await));
    let participant = world.app.find_participant(world.ispb).unwrap();
    let mut admitted = 0;
    for _ in 0..5 {
        admitted += u32::from(world.app.admit(&participant).await.unwrap().admitted);
    }
    assert_eq!(admitted, 2);
}

#[tokio::test(start_paused = true)]
async fn a_participant_that_is_not_onboarded_gets_no_messages() {
    let world = World::new().await;
    let messages = vec![world.message(100)];
    let ispb = "00000000".parse().unwrap();
    let publish = pix_stream_app::Publish { ispb, actor: "core", request_id: "r", messages };
    assert_eq!(world.app.publish(publish).await, Err(Error::NotOnboarded));
}

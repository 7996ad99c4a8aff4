//! What is stored when a legal hold begins, or a retention gets longer, does not expire (issue 6, item 2). On stores
//! where messages expire by themselves; removing is `retention`'s.

use std::time::Duration;

use bytes::Bytes;
use pix_stream_app::{Keeping, Settings};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::resource_id::ResourceId;
use pix_stream_domain::time::TimeRange;
use pix_stream_ports::journal::{Journal as _, MessageKey, NewMessage, Terms};
use pix_stream_ports::regions::Sequencing;
use pix_stream_testkit::sim_clock::START;

use crate::world::{OPERATOR, World};

const DAY: Duration = Duration::from_secs(24 * 3_600);
const THROUGH: Keeping = Keeping { is_through: true, left: Some(0) };
const NOT_BEGUN: Keeping = Keeping { is_through: false, left: None };

fn expiring(world: &World) -> Vec<u64> {
    world.ports.journal.peek_expiring(world.ispb)
}

async fn keeping(world: &World) -> Option<Keeping> {
    world.app.status(world.ispb).await.unwrap().keeping
}

async fn hold(world: &World) {
    world.app.set_hold(world.ispb, None, true, false, OPERATOR).await.unwrap();
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// What a node stores that has not learnt of a hold.
async fn append_on_old_terms(world: &World, number: u8) {
    let (published_at, retention) = (START, Some(30 * DAY));
    let business_id = format!("late {number}").into();
    let message = NewMessage {
        key: MessageKey { business_id, digest: Digest([number; 32]), published_at },
        resource_id: ResourceId::new(published_at, [number; 16]),
        message_type: "pacs.008".into(),
        xml: Bytes::from_static(b"<Envelope/>"),
    };
    world.ports.journal.append(world.ispb, vec![message], Terms { window: DAY, retention }).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn many_messages_are_held_over_rounds_and_it_is_told_how_many_are_left() {
    let world = World::cluster(Settings::default()).await;
    world.publish(1_200).await;
    assert_eq!(keeping(&world).await, None, "nothing asks for it");
    hold(&world).await;
    assert_eq!((keeping(&world).await, expiring(&world).len()), (Some(NOT_BEGUN), 1_200));
    pass(6).await;
    let left = expiring(&world).len();
    assert!((1..1_200).contains(&left), "one round does some: {left}");
    let told = Keeping { is_through: false, left: Some(left as u64) };
    assert_eq!(keeping(&world).await, Some(told));
    pass(20).await;
    assert_eq!(expiring(&world), [0; 0]);
    assert_eq!(keeping(&world).await, Some(Keeping { is_through: false, left: Some(0) }));
    pass(60).await;
    assert_eq!(keeping(&world).await, Some(THROUGH));
    world.app.set_hold(world.ispb, None, false, false, OPERATOR).await.unwrap();
    assert_eq!(keeping(&world).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_was_stored_by_nodes_that_learnt_late_is_held_by_the_second_lap() {
    let world = World::cluster(Settings::default()).await;
    world.publish(5).await;
    hold(&world).await;
    pass(6).await;
    append_on_old_terms(&world, 1).await;
    pass(20).await;
    assert_eq!(expiring(&world), [6], "the first lap was before");
    pass(50).await;
    assert_eq!((expiring(&world).len(), keeping(&world).await), (0, Some(THROUGH)));
    append_on_old_terms(&world, 2).await;
    pass(6 * 3_600).await;
    assert_eq!(expiring(&world), [0; 0], "whoever learnt later still");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_starts_goes_on_where_all_others_ended() {
    let world = World::cluster(Settings::default()).await;
    world.publish(700).await;
    hold(&world).await;
    pass(6).await;
    assert_ne!(expiring(&world), [0; 0]);
    let world = world.crash().await;
    assert_eq!(keeping(&world).await, Some(NOT_BEGUN));
    pass(70).await;
    assert_eq!((expiring(&world).len(), keeping(&world).await), (0, Some(THROUGH)));
}

#[tokio::test(start_paused = true)]
async fn of_a_held_range_of_time_nothing_expires_and_what_is_around_it_does() {
    let world = World::cluster(Settings::default()).await;
    for _day in 0..5 {
        world.publish(1).await;
        world.ports.clock.advance(DAY);
    }
    let range = TimeRange::new(START.after(DAY), START.after(5 * DAY / 2)).unwrap();
    world.app.set_hold(world.ispb, Some(range), true, false, OPERATOR).await.unwrap();
    pass(70).await;
    assert_eq!((expiring(&world), keeping(&world).await), (vec![1, 4, 5], Some(THROUGH)));
}

#[tokio::test(start_paused = true)]
async fn what_was_stored_for_a_shorter_time_stays_for_the_longer_one() {
    let world = World::cluster(Settings { retention: 9 * DAY, ..Settings::default() }).await;
    let retain = async |days: Option<u32>| {
        let retention = days.map(|days| days * DAY);
        world.app.set_retention(world.ispb, retention, false, OPERATOR).await.unwrap();
        world.publish(1).await;
        pass(70).await;
        expiring(&world)
    };
    assert_eq!(retain(Some(3)).await, [1]);
    assert_eq!(retain(Some(5)).await, [2]);
    assert_eq!(retain(Some(4)).await, [2, 3], "what is stored for longer is the sweeper's");
    assert_eq!(retain(None).await, [4], "the configured one is longer, too");
    assert_eq!(keeping(&world).await, Some(THROUGH));
}

#[tokio::test(start_paused = true)]
async fn while_the_journal_fails_it_is_not_told_that_messages_are_kept() {
    let world = World::cluster(Settings::default()).await;
    world.publish(30).await;
    hold(&world).await;
    world.ports.journal.faults().set_down(true);
    pass(200).await;
    world.ports.journal.faults().set_down(false);
    assert_eq!((keeping(&world).await, expiring(&world).len()), (Some(NOT_BEGUN), 30));
    pass(90).await;
    assert_eq!((keeping(&world).await, expiring(&world).len()), (Some(THROUGH), 0));
}

#[tokio::test(start_paused = true)]
async fn what_another_region_serves_is_kept_there() {
    let world = World::cluster(Settings::default()).await;
    world.publish(30).await;
    hold(&world).await;
    world.ports.regions.set(world.ispb, Sequencing::Nobody { why: "a test".into() });
    pass(70).await;
    assert_eq!(expiring(&world).len(), 30);
    world.ports.regions.set(world.ispb, Sequencing::Here);
    pass(90).await;
    assert_eq!((keeping(&world).await, expiring(&world).len()), (Some(THROUGH), 0));
}

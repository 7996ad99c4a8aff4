//! The operator's commands (D.2): what they change, what a dry run says, and that they outlive a crash.

use pix_stream_app::{AdminRefusal, Change, Error, Properties};
use pix_stream_domain::audit::{Event, Record};
use pix_stream_domain::participant::Limits;
use pix_stream_domain::sequence::Sequence;

use crate::world::{OPERATOR, World, numbers, settle};

async fn read_all(world: &World, count: usize) -> Vec<u64> {
    let mut answer = world.open().await.unwrap();
    let mut got = numbers(&answer);
    while got.len() < count {
        answer = world.pull(&answer).await.unwrap();
        got.extend(numbers(&answer));
    }
    world.close(&answer).await.unwrap();
    got
}

#[tokio::test(start_paused = true)]
async fn a_rewind_delivers_again_and_wakes_waiting_reads() {
    let world = World::new().await;
    world.publish(20).await;
    read_all(&world, 20).await;
    let waiting = world.begin_open().await;
    let changed = world.change(Change::Rewind(Sequence::new(16))).await.unwrap();
    assert_eq!((changed.watermark_before.value(), changed.watermark.value(), changed.redeliver), (20, 15, 5));
    assert_eq!(numbers(&waiting.await.unwrap().unwrap()), [16, 17, 18, 19, 20]);
}

#[tokio::test(start_paused = true)]
async fn a_released_slot_is_free_and_its_messages_come_again() {
    let world = World::new().await;
    world.publish(15).await;
    let first = world.open().await.unwrap();
    let dry = world.app.release_slot(world.ispb, 1, true, OPERATOR).await.unwrap();
    assert_eq!((dry.changed, dry.released, dry.redeliver), (true, true, 10));
    let done = world.app.release_slot(world.ispb, 1, false, OPERATOR).await.unwrap();
    assert_eq!((done.changed, done.released, done.redeliver, done.status.streams.len()), (true, true, 10, 0));
    let again = world.app.release_slot(world.ispb, 1, false, OPERATOR).await.unwrap();
    assert_eq!((again.changed, again.released, again.redeliver), (false, false, 0));
    assert_eq!(numbers(&world.open().await.unwrap()), (1..=10).collect::<Vec<_>>());
    assert_eq!(world.pull(&first).await.unwrap_err(), Error::Gone, "somebody else has its batch");
    for slot in [0, 7] {
        let refused = world.app.release_slot(world.ispb, slot, false, OPERATOR).await;
        assert!(matches!(refused, Err(Error::Refused(AdminRefusal::Value(_)))), "{refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_waits_ends_when_its_slot_is_released() {
    let world = World::new().await;
    let waiting = world.begin_open().await;
    world.app.release_slot(world.ispb, 1, false, OPERATOR).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap_err(), Error::Gone);
}

#[tokio::test(start_paused = true)]
async fn every_change_is_recorded_with_what_was_before_and_what_is_now() {
    let world = World::new().await;
    world.publish(5).await;
    for change in [Change::Pause, Change::Cap(2), Change::Resume, Change::Advance(Sequence::new(3))] {
        world.change(change).await.unwrap();
    }
    let limits = Limits { requests_per_second: Some(7), ..Limits::default() };
    world.app.set_limits(world.ispb, limits, false, OPERATOR).await.unwrap();
    world.app.set_hold(world.ispb, None, true, false, OPERATOR).await.unwrap();
    let days = std::time::Duration::from_secs(90 * 24 * 3600);
    world.app.set_retention(world.ispb, Some(days), false, OPERATOR).await.unwrap();
    world.app.offboard(world.ispb, false, OPERATOR).await.unwrap();
    world.app.finish().await.unwrap();
    let told: Vec<_> = world.ports.audit_log.records().into_iter().filter_map(admin).collect();
    for (command, detail) in [
        ("participant.pause", "paused false -> true"),
        ("participant.cap", "cap 6 -> 2"),
        ("participant.resume", "paused true -> false"),
        ("participant.advance", "watermark 0 -> 2"),
        ("participant.limits", "requests_per_second: Some(7)"),
        ("participant.hold", "held false -> true"),
        ("participant.retention", "retention configured -> 90 d"),
        ("participant.offboard", "offboarded false -> true"),
    ] {
        let found = told.iter().find(|(told, _)| &**told == command);
        let (_, found) = found.unwrap_or_else(|| panic!("{command} is not in {told:?}"));
        assert!(found.contains(detail) && found.ends_with("reason: a test"), "{command}: {found}");
    }
}

fn admin(record: Record) -> Option<(Box<str>, Box<str>)> {
    let Event::Admin { command, detail, done: true, .. } = record.event else { return None };
    Some((command, detail))
}

#[tokio::test(start_paused = true)]
async fn an_advance_skips() {
    let world = World::new().await;
    world.publish(20).await;
    let changed = world.change(Change::Advance(Sequence::new(19))).await.unwrap();
    assert_eq!((changed.watermark.value(), changed.skipped, changed.status.unconfirmed), (18, 18, 2));
    assert_eq!(numbers(&world.open().await.unwrap()), [19, 20]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_the_same_and_changes_nothing() {
    let world = World::new().await;
    world.publish(20).await;
    read_all(&world, 20).await;
    settle().await;
    let before = world.ports.coordinator.peek(world.ispb);
    for change in [Change::Rewind(Sequence::new(3)), Change::Pause, Change::Cap(2)] {
        let dry = world.app.change(world.ispb, change, true, OPERATOR).await.unwrap();
        assert!(dry.dry_run);
        assert_eq!(world.ports.coordinator.peek(world.ispb), before);
        if let Change::Rewind(_) = change {
            assert_eq!((dry.watermark.value(), dry.redeliver), (2, 18));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn positions_outside_what_exists_are_refused() {
    let world = World::new().await;
    world.publish(5).await;
    for change in [
        Change::Rewind(Sequence::new(2)),
        Change::Advance(Sequence::new(7)),
        Change::Rewind(Sequence::new(0)),
    ] {
        let refused = world.change(change).await;
        assert!(
            matches!(refused, Err(Error::Refused(AdminRefusal::Position { .. }))),
            "{change:?}: {refused:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn changes_survive_a_crash_right_after_them() {
    let world = World::new().await;
    world.publish(5).await;
    world.change(Change::Cap(2)).await.unwrap();
    world.change(Change::Advance(Sequence::new(5))).await.unwrap();
    world.change(Change::Pause).await.unwrap();
    let world = world.crash().await;
    let status = world.app.status(world.ispb).await.unwrap();
    assert!(status.paused);
    assert_eq!((status.cap, status.watermark.value()), (2, 4));
}

#[tokio::test(start_paused = true)]
async fn onboarding_twice_is_once_and_with_other_properties_is_refused() {
    let world = World::new().await;
    let ispb = "12345678".parse().unwrap();
    let limits = Limits { requests_per_second: Some(7), ..Limits::default() };
    let onboard = |name: &str| {
        let properties = Properties { name: name.to_owned(), limits, retention: None };
        world.app.onboard(ispb, properties, false, OPERATOR)
    };
    assert!(onboard("A bank").await.unwrap().changed);
    assert!(!onboard("A bank").await.unwrap().changed);
    assert_eq!(onboard("Another").await.unwrap_err(), Error::Refused(AdminRefusal::Exists));
    assert_eq!(world.app.participants().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_zero_is_refused() {
    let world = World::new().await;
    for limits in [
        Limits { requests_per_second: Some(0), backlog_high_water: None },
        Limits { requests_per_second: None, backlog_high_water: Some(0) },
    ] {
        let refused = world.app.set_limits(world.ispb, limits, false, OPERATOR).await;
        assert!(matches!(refused, Err(Error::Refused(AdminRefusal::Value(_)))), "{refused:?}");
    }
}

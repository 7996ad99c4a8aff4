//! Retention (B.3; design, invariant 1): what is past it is removed, skipped, and on record.

use std::time::Duration;

use pix_stream_app::{AdminRefusal, Change, Error, ReplayRange, Settings};
use pix_stream_domain::audit::Event;
use pix_stream_domain::sequence::Sequence;
use pix_stream_domain::time::TimeRange;
use pix_stream_testkit::sim_clock::START;

use crate::world::{OPERATOR, World, numbers};

const KEPT: Duration = Duration::from_secs(3_600);

async fn world() -> World {
    World::with(Settings { retention: KEPT, ..Settings::default() }).await
}

/// The next round of removals.
async fn removal() {
    tokio::time::sleep(Duration::from_secs(61)).await;
}

#[tokio::test(start_paused = true)]
async fn messages_past_retention_are_removed_skipped_and_recorded() {
    let world = world().await;
    world.publish(5).await;
    world.ports.clock.advance(KEPT);
    world.publish(2).await;
    removal().await;
    assert_eq!(world.ports.journal.peek_messages(world.ispb).len(), 2);
    assert_eq!(numbers(&world.open().await.unwrap()), [6, 7]);
    let records = world.ports.audit_log.records();
    let told = records.iter().any(|record| match &record.event {
        Event::System { command, detail } => {
            &**command == "retention.expire" && detail.contains("removed 5") && detail.contains("5 of them")
        }
        Event::Read { .. }
        | Event::Redeem { .. }
        | Event::ReplayRead { .. }
        | Event::Close { .. }
        | Event::Publish { .. }
        | Event::Quarantine { .. }
        | Event::Admin { .. } => false,
    });
    assert!(told, "{records:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_past_retention_stays() {
    let world = world().await;
    world.publish(5).await;
    removal().await;
    assert_eq!(world.ports.journal.peek_messages(world.ispb).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_replay_of_messages_that_are_past_retention_is_gone() {
    let settings = Settings { retention: KEPT, hot_bytes_per_participant: 1, ..Settings::default() };
    let settings = Settings {
        rules: pix_stream_domain::limits::Rules { idle: 4 * KEPT, token_life: 9 * KEPT, ..settings.rules },
        ..settings
    };
    let world = World::with(settings).await;
    world.publish(3).await;
    let first = world.open().await.unwrap();
    let second = world.pull(&first).await.unwrap();
    assert_eq!(numbers(&second), [2]);
    let other = world.open().await.unwrap();
    assert_eq!(numbers(&other), [3], "its body took the place of the one before");
    world.ports.clock.advance(KEPT);
    removal().await;
    world.publish(1).await;
    assert_eq!(world.pull(&first).await.unwrap_err(), Error::Gone);
    assert_eq!(numbers(&world.pull(&second).await.unwrap()), [4]);
}

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Publishes a message a day, from the first of the world on; the clock stands a moment after the last.
async fn publish_daily(world: &World, days: u64) {
    for day in 0..days {
        if day > 0 {
            world.ports.clock.advance(DAY);
        }
        world.publish(1).await;
    }
}

/// From an hour before the message of a day to an hour before that of another.
fn days(from: u32, to: u32) -> TimeRange {
    let hour = Duration::from_secs(3_600);
    TimeRange::new(START.after(from * DAY).before(hour), START.after(to * DAY).before(hour)).unwrap()
}

fn left(world: &World) -> Vec<u64> {
    let left = world.ports.journal.peek_messages(world.ispb);
    left.iter().map(|message| message.sequence.value()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_participants_own_retention_goes_before_the_configured_one() {
    let world = World::with(Settings { retention: 30 * DAY, ..Settings::default() }).await;
    publish_daily(&world, 10).await;
    let recorded = world.app.set_retention(world.ispb, Some(4 * DAY), false, OPERATOR).await.unwrap();
    assert!(recorded.changed);
    removal().await;
    assert_eq!(left(&world), [7, 8, 9, 10]);
    assert!(world.app.set_retention(world.ispb, None, false, OPERATOR).await.unwrap().changed);
    assert!(!world.app.set_retention(world.ispb, None, false, OPERATOR).await.unwrap().changed);
    world.ports.clock.advance(20 * DAY);
    removal().await;
    assert_eq!(left(&world), [7, 8, 9, 10], "as configured");
    for retention in [Duration::from_secs(60), 4_000 * DAY] {
        let refused = world.app.set_retention(world.ispb, Some(retention), false, OPERATOR).await;
        assert!(matches!(refused, Err(Error::Refused(AdminRefusal::Value(_)))), "{refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_published_in_a_held_range_stays_and_what_is_around_it_goes() {
    let world = World::with(Settings { retention: 3 * DAY, ..Settings::default() }).await;
    publish_daily(&world, 3).await;
    // Days count from 0: messages 3 and 4 now, 7 later.
    for range in [days(2, 4), days(6, 7)] {
        let held = world.app.set_hold(world.ispb, Some(range), true, false, OPERATOR).await.unwrap();
        assert!(held.changed);
        let again = world.app.set_hold(world.ispb, Some(range), true, false, OPERATOR).await.unwrap();
        assert!(!again.changed);
    }
    world.ports.clock.advance(DAY);
    publish_daily(&world, 9).await;
    removal().await;
    assert_eq!(left(&world), [3, 4, 7, 10, 11, 12]);
    assert_eq!(
        numbers(&world.open().await.unwrap()),
        [10, 11, 12],
        "what is past retention is not delivered"
    );
    let lifted = world.app.set_hold(world.ispb, Some(days(3, 4)), false, false, OPERATOR).await.unwrap();
    assert_eq!(lifted.participant.holds.iter().collect::<Vec<_>>(), [days(2, 3), days(6, 7)]);
    removal().await;
    assert_eq!(left(&world), [3, 7, 10, 11, 12]);
    world.app.set_hold(world.ispb, None, false, false, OPERATOR).await.unwrap();
    removal().await;
    assert_eq!(left(&world), [10, 11, 12]);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_read_by_a_replay_session_and_cannot_be_rewound_to() {
    let world = World::with(Settings { retention: 3 * DAY, ..Settings::default() }).await;
    world.app.set_hold(world.ispb, Some(days(2, 4)), true, false, OPERATOR).await.unwrap();
    publish_daily(&world, 10).await;
    removal().await;
    assert_eq!(left(&world), [3, 4, 8, 9, 10]);
    let refused = world.change(Change::Rewind(Sequence::new(3))).await;
    let first = Sequence::new(8);
    assert!(
        matches!(refused, Err(Error::Refused(AdminRefusal::Position { first: at, .. })) if at == first),
        "{refused:?}"
    );
    let all = ReplayRange::Sequences { from: Sequence::FIRST, to: Sequence::new(10) };
    let hour = Duration::from_secs(3_600);
    let opened = world.app.open_replay(world.ispb, all, hour, false, OPERATOR).await.unwrap();
    let first = world.app.pull(world.read(), opened.token.unwrap().as_str()).await.unwrap();
    assert_eq!(numbers(&first), [3, 4]);
    assert_eq!(numbers(&world.pull(&first).await.unwrap()), [8, 9, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_participant_that_never_read_starts_behind_what_was_removed_between_held_messages() {
    let world = World::with(Settings { retention: 3 * DAY, ..Settings::default() }).await;
    world.app.set_hold(world.ispb, Some(days(2, 4)), true, false, OPERATOR).await.unwrap();
    publish_daily(&world, 10).await;
    removal().await;
    // Nothing is left of its state: it begins with the oldest message, which is a held one.
    world.ports.journal.forget_state(world.ispb);
    let world = world.crash().await;
    let first = world.open().await.unwrap();
    assert_eq!(numbers(&first), [3, 4]);
    assert_eq!(numbers(&world.pull(&first).await.unwrap()), [8, 9, 10]);
}

#[tokio::test(start_paused = true)]
async fn on_what_terms_messages_are_stored_follows_holds_and_retention() {
    let world = World::with(Settings { retention: 3 * DAY, ..Settings::default() }).await;
    let mut terms = Vec::new();
    let mut publish = async |world: &World| {
        world.publish(1).await;
        terms.push(world.ports.journal.last_terms().unwrap().retention);
    };
    publish(&world).await;
    world.app.set_retention(world.ispb, Some(9 * DAY), false, OPERATOR).await.unwrap();
    publish(&world).await;
    world.app.set_hold(world.ispb, Some(days(2, 4)), true, false, OPERATOR).await.unwrap();
    publish(&world).await;
    world.ports.clock.advance(2 * DAY);
    publish(&world).await;
    world.ports.clock.advance(3 * DAY);
    publish(&world).await;
    world.app.set_hold(world.ispb, None, true, false, OPERATOR).await.unwrap();
    publish(&world).await;
    assert_eq!(terms, [Some(3 * DAY), Some(9 * DAY), Some(9 * DAY), None, Some(9 * DAY), None]);
}

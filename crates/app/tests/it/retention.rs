//! Retention (B.3; design, invariant 1): what is past it is removed, skipped, and on record.

use std::time::Duration;

use pix_stream_app::{Error, Settings};
use pix_stream_domain::audit::Event;

use crate::world::{World, numbers};

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

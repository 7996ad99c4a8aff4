//! Unattended intake (issue 5, item 5): what is refused is kept, durable, on record, and never delivered before an
//! operator released it.

use std::time::Duration;

use bytes::Bytes;
use pix_stream_app::{
    Error, Publish, Published, QuarantineLimits, QuarantineSettings, Quarantined, Rule, Settings, Taken,
    Usage,
};
use pix_stream_domain::audit::Event;
use pix_stream_testkit::FakeCodec;
use pix_stream_testkit::fake::codec::MESSAGE_TYPE;

use crate::world::{OPERATOR, World, numbers};

/// A message that is not for the world's participant.
fn astray(id: &str) -> Bytes {
    FakeCodec::message(id, "12345678".parse().unwrap(), 100)
}

async fn take_in(world: &World, xml: Bytes) -> Result<Taken, Error> {
    let publish = Publish { ispb: world.ispb, actor: "core", request_id: "r-3", messages: vec![xml] };
    world.app.take_in(publish).await
}

/// Takes a message in that must be refused.
async fn quarantined(world: &World, xml: Bytes) -> Quarantined {
    match take_in(world, xml).await.unwrap() {
        Taken::Quarantined(quarantined) => quarantined,
        Taken::Published(published) => panic!("{published:?}"),
    }
}

async fn events(world: &World) -> Vec<Event> {
    tokio::time::sleep(Duration::from_millis(10)).await;
    world.ports.audit_log.records().into_iter().map(|record| record.event).collect()
}

/// Command and outcome of each operator's command on record.
async fn commands(world: &World) -> Vec<(String, bool)> {
    let of = |event| match event {
        Event::Admin { command, done, .. } => Some((command.to_string(), done)),
        Event::Read { .. }
        | Event::Redeem { .. }
        | Event::ReplayRead { .. }
        | Event::Close { .. }
        | Event::Publish { .. }
        | Event::Quarantine { .. }
        | Event::System { .. } => None,
    };
    events(world).await.into_iter().filter_map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn a_valid_message_is_published_as_by_anybody() {
    let world = World::new().await;
    let Taken::Published(Published { sequence, is_repeat, .. }) =
        take_in(&world, world.message(100)).await.unwrap()
    else {
        panic!("it is valid");
    };
    assert_eq!((sequence.value(), is_repeat), (1, false));
    assert_eq!(world.app.quarantine_usage().await, Ok(Usage::default()));
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_is_kept_with_its_reason_and_never_delivered() {
    let world = World::new().await;
    let xml = astray("M1");
    let kept = quarantined(&world, xml.clone()).await;
    assert_eq!((kept.rule, kept.is_new), (Rule::Recipient, true));
    let world = world.crash().await;
    let entry = world.app.quarantine_find(kept.id).await.unwrap();
    assert_eq!((&entry.xml, &entry.summary.findings), (&xml, &kept.findings));
    assert_eq!(entry.summary.findings, ["1:1 m/to is not the participant it is published for"]);
    let summary = entry.summary.clone();
    assert_eq!((summary.producer.as_str(), summary.intake.as_str(), summary.bytes), ("core", "publish", 100));
    assert_eq!(summary.id.0.published_at(), summary.at);
    assert_eq!(world.app.quarantine_list(Some(world.ispb), None, 10).await, Ok(vec![summary]));
    assert_eq!(world.app.quarantine_usage().await, Ok(Usage { entries: 1, bytes: 100 }));
    world.publish(1).await;
    assert_eq!(numbers(&world.open().await.unwrap()), [1], "only what was published");
}

#[tokio::test(start_paused = true)]
async fn the_same_bytes_again_are_the_same_entry_and_each_attempt_is_recorded() {
    let world = World::new().await;
    let first = quarantined(&world, astray("M1")).await;
    let second = quarantined(&world, astray("M1")).await;
    assert_eq!((second.id, second.is_new), (first.id, false));
    assert_eq!(world.app.quarantine_find(first.id).await.unwrap().summary.attempts, 2);
    let told = |repeat| Event::Quarantine {
        actor: "core".into(),
        entry: first.id.0,
        rule: "recipient".into(),
        bytes: 100,
        repeat,
    };
    assert_eq!(events(&world).await, [told(false), told(true)]);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_kept_too() {
    let world = World::new().await;
    world.send(vec![FakeCodec::message("M1", world.ispb, 100)]).await.unwrap();
    let kept = quarantined(&world, FakeCodec::message("M1", world.ispb, 200)).await;
    assert_eq!(kept.rule, Rule::Conflict);
    for dry_run in [true, false] {
        let released = world.app.quarantine_release(kept.id, dry_run, OPERATOR).await;
        assert_eq!(released, Err(Error::Conflict { part: 1 }));
    }
    assert_eq!(world.ports.journal.peek_messages(world.ispb).len(), 1);
    assert_eq!(world.app.quarantine_usage().await.unwrap().entries, 1);
}

#[tokio::test(start_paused = true)]
async fn a_direct_publisher_is_refused_and_nothing_is_kept() {
    let world = World::new().await;
    let refused = world.send(vec![astray("M1")]).await;
    let Err(Error::InvalidMessage { part: 1, fault }) = refused else { panic!("{refused:?}") };
    assert_eq!(fault.first.rule, Rule::Recipient);
    assert_eq!(world.ports.quarantine.peek_entries(), []);
}

async fn limited(entries: u64, bytes: u64) -> World {
    let limits = QuarantineLimits { entries, bytes };
    let quarantine = QuarantineSettings { limits, ..QuarantineSettings::default() };
    World::with(Settings { quarantine, ..Settings::default() }).await
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_with_as_many_entries_as_may_be_says_so() {
    let world = limited(1, 250).await;
    quarantined(&world, astray("M1")).await;
    let refused = take_in(&world, astray("M2")).await;
    assert!(matches!(refused, Err(Error::Overloaded { limit: "[quarantine] entries", .. })), "{refused:?}");
    assert_eq!(world.app.quarantine_limits(), QuarantineLimits { entries: 1, bytes: 250 });
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_that_fails_is_on_record_as_one() {
    let world = World::new().await;
    let kept = quarantined(&world, astray("M1")).await;
    world.app.quarantine_release(kept.id, true, OPERATOR).await.unwrap_err();
    world.app.quarantine_release(kept.id, false, OPERATOR).await.unwrap_err();
    world.app.quarantine_drop(kept.id, false, OPERATOR).await.unwrap();
    world.app.quarantine_drop(kept.id, true, OPERATOR).await.unwrap_err();
    let tried = format!("{}: dry run: ", kept.id);
    let marked = |event: Event| match event {
        Event::Admin { detail, .. } => Some(detail.starts_with(&tried)),
        Event::Read { .. }
        | Event::Redeem { .. }
        | Event::ReplayRead { .. }
        | Event::Close { .. }
        | Event::Publish { .. }
        | Event::Quarantine { .. }
        | Event::System { .. } => None,
    };
    let marked: Vec<bool> = events(&world).await.into_iter().filter_map(marked).collect();
    assert_eq!(marked, [true, false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_full_quarantine_and_one_that_fails_refuse_the_request() {
    let world = limited(10, 250).await;
    quarantined(&world, astray("M1")).await;
    quarantined(&world, astray("M2")).await;
    let refused = take_in(&world, astray("M3")).await;
    assert!(matches!(refused, Err(Error::Overloaded { limit: "[quarantine] bytes", .. })), "{refused:?}");
    world.ports.quarantine.faults().set_down(true);
    let refused = take_in(&world, astray("M4")).await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
    assert!(take_in(&world, world.message(100)).await.is_ok(), "what is valid needs no quarantine");
    assert_eq!(world.ports.quarantine.peek_entries().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn only_one_message_at_a_time_is_taken_in() {
    let world = World::new().await;
    for messages in [Vec::new(), vec![world.message(100), world.message(100)]] {
        let publish = Publish { ispb: world.ispb, actor: "core", request_id: "r-3", messages };
        assert!(matches!(world.app.take_in(publish).await, Err(Error::Internal(_))));
    }
    assert_eq!(world.ports.journal.peek_messages(world.ispb), []);
}

/// An entry that was refused because its type was switched off, and no longer is.
async fn releasable(world: &World) -> Quarantined {
    world.app.switch_type(MESSAGE_TYPE, None, Some(false), false, OPERATOR).await.unwrap();
    let kept = quarantined(world, world.message(100)).await;
    assert_eq!(kept.rule, Rule::DisabledType);
    let refused = world.app.quarantine_release(kept.id, false, OPERATOR).await;
    assert!(matches!(refused, Err(Error::InvalidMessage { part: 1, .. })), "{refused:?}");
    world.app.switch_type(MESSAGE_TYPE, None, None, false, OPERATOR).await.unwrap();
    kept
}

#[tokio::test(start_paused = true)]
async fn a_release_examines_again_publishes_once_and_removes_the_entry() {
    let world = World::new().await;
    let kept = releasable(&world).await;
    let dry = world.app.quarantine_release(kept.id, true, OPERATOR).await.unwrap();
    assert_eq!((dry.dry_run, dry.published), (true, None));
    assert_eq!(world.app.quarantine_usage().await.unwrap().entries, 1);
    let released = world.app.quarantine_release(kept.id, false, OPERATOR).await.unwrap();
    assert_eq!(released.published.map(|one| (one.sequence.value(), one.is_repeat)), Some((1, false)));
    assert_eq!(world.app.quarantine_find(kept.id).await, Err(Error::NoEntry));
    assert_eq!(world.app.quarantine_release(kept.id, false, OPERATOR).await, Err(Error::NoEntry));
    assert_eq!(numbers(&world.open().await.unwrap()), [1]);
    let published = |event: &Event| matches!(event, Event::Publish { actor, .. } if &**actor == "ana");
    assert!(events(&world).await.iter().any(published), "under the name of who released it");
    let release: Vec<bool> = commands(&world)
        .await
        .into_iter()
        .filter_map(|(command, done)| (command == "quarantine.release").then_some(done))
        .collect();
    assert_eq!(release, [false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_release_that_ended_in_between_is_finished_by_the_next_one() {
    let world = World::new().await;
    let kept = releasable(&world).await;
    // Finding the entry works, removing it does not: as after a crash, it is published and still there.
    let quarantine = world.ports.quarantine.clone();
    quarantine.faults().set_latency(Duration::from_millis(10), Duration::from_millis(10));
    let app = world.app.clone();
    let release =
        tokio::spawn(async move { app.quarantine_release(kept.id, false, OPERATOR).await.unwrap_err() });
    tokio::time::sleep(Duration::from_millis(12)).await;
    quarantine.faults().set_down(true);
    assert!(matches!(release.await.unwrap(), Error::Unavailable { .. }));
    quarantine.faults().clear();
    assert_eq!(world.ports.journal.peek_messages(world.ispb).len(), 1, "it is published");
    let world = world.crash().await;
    let released = world.app.quarantine_release(kept.id, false, OPERATOR).await.unwrap();
    assert!(released.published.unwrap().is_repeat);
    assert_eq!(world.ports.journal.peek_messages(world.ispb).len(), 1);
    assert_eq!(world.ports.quarantine.peek_entries(), []);
}

#[tokio::test(start_paused = true)]
async fn exports_and_drops_are_recorded_also_when_there_is_nothing() {
    let world = World::new().await;
    let kept = quarantined(&world, astray("M1")).await;
    assert_eq!(world.app.quarantine_export(kept.id, OPERATOR).await.unwrap().xml, astray("M1"));
    let dry = world.app.quarantine_drop(kept.id, true, OPERATOR).await.unwrap();
    assert_eq!(dry.id, kept.id);
    assert_eq!(world.app.quarantine_usage().await.unwrap().entries, 1);
    assert_eq!(world.app.quarantine_drop(kept.id, false, OPERATOR).await, Ok(dry));
    assert_eq!(world.app.quarantine_drop(kept.id, false, OPERATOR).await, Err(Error::NoEntry));
    assert_eq!(world.app.quarantine_export(kept.id, OPERATOR).await, Err(Error::NoEntry));
    let told = [
        ("quarantine.export".to_owned(), true),
        ("quarantine.drop".to_owned(), true),
        ("quarantine.drop".to_owned(), false),
        ("quarantine.export".to_owned(), false),
    ];
    assert_eq!(commands(&world).await, told);
}

#[tokio::test(start_paused = true)]
async fn what_is_past_its_retention_is_removed_and_that_is_recorded() {
    const KEPT: Duration = Duration::from_secs(3600);
    let quarantine = QuarantineSettings { retention: KEPT, ..QuarantineSettings::default() };
    let world = World::with(Settings { quarantine, ..Settings::default() }).await;
    quarantined(&world, astray("M1")).await;
    quarantined(&world, astray("M2")).await;
    world.ports.clock.advance(KEPT);
    let young = quarantined(&world, astray("M3")).await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    let left = world.app.quarantine_list(None, None, 10).await.unwrap();
    assert_eq!(left.iter().map(|summary| summary.id).collect::<Vec<_>>(), [young.id]);
    let told = |event: &Event| {
        matches!(event, Event::System { command, detail }
            if &**command == "quarantine.expire" && detail.contains("removed 2"))
    };
    assert!(events(&world).await.iter().any(told));
}

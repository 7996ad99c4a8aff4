//! The audit trail (D.3; design, invariant 10): every read, close, publish and operator's command is recorded, and
//! what cannot be recorded is not done.

use std::time::Duration;

use pix_stream_app::{Change, Error, Settings};
use pix_stream_domain::audit::{Event, Message};
use pix_stream_domain::digest::Digest;
use pix_stream_domain::sequence::{Range, Sequence};

use crate::world::{OPERATOR, World, numbers, timed};

fn range(start: u64, end: u64) -> Range {
    Range::new(Sequence::new(start), Sequence::new(end))
}

async fn events(world: &World) -> Vec<Event> {
    tokio::time::sleep(Duration::from_millis(10)).await;
    world.ports.audit_log.records().into_iter().map(|record| record.event).collect()
}

#[tokio::test(start_paused = true)]
async fn reads_closes_and_publishes_are_recorded_with_hashes_of_their_tokens() {
    let world = World::new().await;
    let repeated = world.message(100);
    world.send(vec![repeated.clone(), world.message(100)]).await.unwrap();
    world.send(vec![repeated, world.message(100)]).await.unwrap();
    let first = world.open().await.unwrap();
    world.publish(1).await;
    let second = world.pull(&first).await.unwrap();
    world.pull(&first).await.unwrap();
    world.close(&second).await.unwrap();
    let [first, second] = [&first, &second].map(|answer| Digest::of(answer.token.as_str().as_bytes()));
    let read = |redeemed, issued, confirmed, batch, replay| Event::Read {
        redeemed,
        issued,
        confirmed,
        batch,
        replay,
    };
    let messages = world.ports.journal.peek_messages(world.ispb);
    let told = |sequence: u64, is_repeat| {
        let stored = &messages[usize::try_from(sequence).unwrap() - 1];
        let (resource_id, digest) = (stored.resource_id, Digest::of(&stored.xml));
        Message { sequence: Sequence::new(sequence), resource_id, digest, is_repeat }
    };
    let published = |batch, repeats, told: &[Message]| {
        let (actor, messages) = ("core".into(), told.into());
        Event::Publish { actor, batch, repeats, messages }
    };
    let expected = [
        published(range(1, 3), 0, &[told(1, false), told(2, false)]),
        published(range(3, 4), 1, &[told(1, true), told(3, false)]),
        read(None, first, Range::EMPTY, range(1, 4), false),
        published(range(4, 5), 0, &[told(4, false)]),
        read(Some(first), second, range(1, 4), range(4, 5), false),
        read(Some(first), second, Range::EMPTY, range(4, 5), true),
        Event::Close { redeemed: second, confirmed: range(4, 5), returned: Range::EMPTY },
    ];
    assert_eq!(events(&world).await, expected);
}

/// Tokens that the log says were issued.
async fn issued(world: &World) -> Vec<Digest> {
    tokio::time::sleep(Duration::from_secs(2)).await;
    let of = |event| match event {
        Event::Read { issued, .. } => Some(issued),
        Event::Redeem { .. }
        | Event::ReplayRead { .. }
        | Event::Close { .. }
        | Event::Publish { .. }
        | Event::Quarantine { .. }
        | Event::Admin { .. }
        | Event::System { .. } => None,
    };
    events(world).await.into_iter().filter_map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn reads_that_race_for_the_last_place_in_the_queue_are_all_recorded() {
    let world = World::with(Settings { audit_queue: 1, ..Settings::default() }).await;
    world.publish(60).await;
    world.ports.audit_log.faults().set_latency(Duration::from_millis(20), Duration::from_millis(20));
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (app, read) = (world.app.clone(), world.read());
        reads.spawn(async move { app.open(read).await });
    }
    let answers = reads.join_all().await;
    let mut told: Vec<_> =
        answers.iter().map(|answer| Digest::of(answer.as_ref().unwrap().token.as_str().as_bytes())).collect();
    let mut issued = issued(&world).await;
    told.sort_unstable_by_key(|digest| digest.0);
    issued.sort_unstable_by_key(|digest| digest.0);
    assert_eq!(issued, told);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_could_not_be_recorded_is_refused_before_anything_moves() {
    let world = World::with(Settings { audit_queue: 2, ..Settings::default() }).await;
    world.publish(90).await;
    let mut last = world.open().await.unwrap();
    world.ports.audit_log.faults().set_down(true);
    let refused = loop {
        let read = tokio::time::timeout(Duration::from_secs(1), world.pull(&last)).await;
        match read.expect("refused, not held") {
            Ok(answer) => last = answer,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::Unavailable { .. }), "{refused:?}");
    world.ports.audit_log.faults().clear();
    let end = numbers(&last).last().copied().unwrap();
    assert_eq!(issued(&world).await.len() as u64, end / 10, "what was answered is recorded");
    let next = world.pull(&last).await.unwrap();
    assert_eq!(numbers(&next)[0], end + 1, "what was refused took nothing");
}

#[tokio::test(start_paused = true)]
async fn operators_commands_are_recorded_also_when_they_are_refused() {
    let world = World::new().await;
    world.change(Change::Pause).await.unwrap();
    assert!(world.change(Change::Cap(7)).await.is_err());
    world.app.change(world.ispb, Change::Resume, true, OPERATOR).await.unwrap();
    world.app.change(world.ispb, Change::Cap(7), true, OPERATOR).await.unwrap_err();
    world.app.audit_refusal(Some(world.ispb), "participant.cap", None, OPERATOR).await;
    let told: Vec<_> = events(&world)
        .await
        .into_iter()
        .filter_map(|event| match event {
            Event::Admin { actor, command, detail, done } => {
                Some((actor, command, done, detail.starts_with("dry run: ")))
            }
            Event::Read { .. }
            | Event::Redeem { .. }
            | Event::ReplayRead { .. }
            | Event::Close { .. }
            | Event::Publish { .. }
            | Event::Quarantine { .. }
            | Event::System { .. } => None,
        })
        .collect();
    let ana = |command: &str, done, tried| ("ana".into(), command.into(), done, tried);
    let cap = |tried| ana("participant.cap", false, tried);
    assert_eq!(told, [ana("participant.pause", true, false), cap(false), cap(true), cap(false)]);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_cannot_be_saved_yet_is_recorded_all_the_same() {
    let world = World::new().await;
    world.publish(5).await;
    let first = world.open().await.unwrap();
    world.close(&first).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.ports.journal.set_exhausted(true);
    let result = world.change(Change::Rewind(Sequence::new(1))).await;
    assert!(matches!(result, Err(Error::Unavailable { .. })), "{result:?}");
    let is_rewind =
        |event: &Event| matches!(event, Event::Admin { command, .. } if &**command == "participant.rewind");
    assert!(events(&world).await.iter().any(is_rewind));
}

#[tokio::test(start_paused = true)]
async fn while_the_log_cannot_be_written_its_queue_fills_and_then_requests_are_refused() {
    let world = World::with(Settings { audit_queue: 2, ..Settings::default() }).await;
    world.ports.audit_log.faults().set_down(true);
    let mut refused = None;
    for _ in 0..8 {
        let (result, took) = timed(world.send(vec![world.message(100)])).await;
        assert!(took <= Duration::from_secs(1), "{took:?}");
        if let Err(error) = result {
            refused = Some(error);
            break;
        }
    }
    assert!(matches!(refused, Some(Error::Unavailable { .. })), "{refused:?}");
    let health = world.app.health().await;
    assert!(health.iter().any(|one| one.name == "audit" && one.fault.is_some()));
    world.ports.audit_log.faults().clear();
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.publish(1).await;
    let stored = world.ports.journal.peek_messages(world.ispb).len();
    assert_eq!(
        events(&world).await.len(),
        stored,
        "what was done is recorded, what was refused is not there"
    );
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_is_recorded_although_its_client_leaves_while_it_waits() {
    let world = World::new().await;
    world.publish(3).await;
    let first = world.open().await.unwrap();
    let waiting = world.begin_pull(&first).await;
    waiting.abort();
    let redeemed = Digest::of(first.token.as_str().as_bytes());
    let expected = Event::Redeem { redeemed, confirmed: range(1, 4) };
    assert!(events(&world).await.contains(&expected));
}

#[tokio::test(start_paused = true)]
async fn a_late_return_records_what_it_confirms() {
    let world = World::new().await;
    world.publish(3).await;
    let first = world.open().await.unwrap();
    tokio::time::sleep(Duration::from_secs(11)).await;
    world.publish(1).await;
    let second = world.pull(&first).await.unwrap();
    assert_eq!(numbers(&second), [4]);
    let confirms =
        |event: &Event| matches!(event, Event::Read { confirmed, .. } if *confirmed == range(1, 4));
    assert!(events(&world).await.iter().any(confirms));
}

#[tokio::test(start_paused = true)]
async fn what_is_on_the_disk_is_anchored_every_ten_seconds_and_at_the_end() {
    let world = World::new().await;
    let anchored = || world.ports.anchors.peek().first().map_or(0, |anchor| anchor.head.entry);
    world.publish(1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(anchored(), 1, "the first entries at once, although nothing follows them");
    world.publish(2).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(anchored(), 1);
    tokio::time::sleep(Duration::from_secs(9)).await;
    world.publish(1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let entries = world.ports.audit_log.records().len() as u64;
    assert_eq!(anchored(), entries);
    world.publish(1).await;
    world.app.finish().await.unwrap();
    assert_eq!(anchored(), world.ports.audit_log.records().len() as u64, "the last word");
}

#[tokio::test(start_paused = true)]
async fn an_anchor_never_names_what_a_power_loss_may_take() {
    let world = World::new().await;
    for _ in 0..40 {
        world.publish(1).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        let anchored = world.ports.anchors.peek().first().map_or(0, |anchor| anchor.head.entry);
        let before = world.ports.audit_log.records();
        world.ports.audit_log.lose_unsynced();
        assert!(anchored <= world.ports.audit_log.records().len() as u64);
        // The power did not fail after all.
        let lost = before[world.ports.audit_log.records().len()..].to_vec();
        pix_stream_ports::audit_log::AuditLog::append(&world.ports.audit_log, lost).await.unwrap();
    }
    assert!(world.ports.anchors.peek()[0].head.entry > 20);
}

#[tokio::test(start_paused = true)]
async fn while_the_anchor_cannot_be_saved_requests_go_on_and_it_is_saved_later() {
    let world = World::new().await;
    world.ports.anchors.faults().set_down(true);
    for _ in 0..5 {
        world.publish(1).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(world.ports.anchors.peek(), []);
    world.ports.anchors.faults().clear();
    world.publish(1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.ports.anchors.peek()[0].head.entry, world.ports.audit_log.records().len() as u64);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_does_not_hold_its_anchor_is_told_by_readiness_and_stops_nothing() {
    let world = World::new().await;
    let told = async || {
        let health = world.app.health().await;
        health.into_iter().find(|one| one.name == "audit_anchor").map(|one| (one.serves_reads, one.fault))
    };
    assert_eq!(told().await, None);
    world.ports.audit_log.set_finding("its end was cut off");
    assert_eq!(told().await, Some((true, Some("its end was cut off".to_owned()))));
    world.publish(1).await;
    assert_eq!(numbers(&world.open().await.unwrap()), [1]);
}

//! Replay sessions (issue 7, items 2 and 5): a second cursor that reads and moves nothing.

use std::time::Duration;

use pix_stream_app::{AdminRefusal, Answer, Error, ReplayOpened, ReplayRange, Settings};
use pix_stream_domain::audit::Event;
use pix_stream_domain::digest::Digest;
use pix_stream_domain::sequence::{Range, Sequence};
use pix_stream_domain::time::TimeRange;
use pix_stream_testkit::sim_clock::START;

use crate::world::{OPERATOR, World, numbers, timed};

const HOUR: Duration = Duration::from_secs(3_600);

fn sequences(from: u64, to: u64) -> ReplayRange {
    ReplayRange::Sequences { from: Sequence::new(from), to: Sequence::new(to) }
}

async fn open(world: &World, range: ReplayRange) -> Result<ReplayOpened, Error> {
    world.app.open_replay(world.ispb, range, HOUR, false, OPERATOR).await
}

/// Reads a session to its end. Returns what came, and the last answer.
async fn read_all(world: &World, opened: &ReplayOpened) -> (Vec<u64>, Answer) {
    let mut token = opened.token.unwrap();
    let mut got = Vec::new();
    loop {
        let answer = world.app.pull(world.read(), token.as_str()).await.unwrap();
        got.extend(numbers(&answer));
        token = answer.token;
        if answer.messages.is_empty() {
            return (got, answer);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_delivers_its_range_again_and_moves_no_stream() {
    let world = World::new().await;
    world.publish(40).await;
    let first = world.open().await.unwrap();
    let second = world.pull(&first).await.unwrap();
    let before = world.ports.coordinator.peek(world.ispb);
    let opened = open(&world, sequences(5, 33)).await.unwrap();
    assert_eq!(opened.session.range, Range::new(Sequence::new(5), Sequence::new(34)));
    let (got, end) = read_all(&world, &opened).await;
    assert_eq!(got, (5..=33).collect::<Vec<_>>());
    assert_eq!((end.slot, end.cap), (0, 6), "it takes no slot");
    assert_eq!(world.ports.coordinator.peek(world.ispb), before, "the state is untouched");
    let third = world.pull(&second).await.unwrap();
    assert_eq!(numbers(&third), (21..=30).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn the_same_token_again_gives_the_same_answer_and_the_end_stays_the_end() {
    let world = World::new().await;
    world.publish(15).await;
    let opened = open(&world, sequences(1, 15)).await.unwrap();
    let token = opened.token.unwrap();
    let once = world.app.pull(world.read(), token.as_str()).await.unwrap();
    let again = world.app.pull(world.read(), token.as_str()).await.unwrap();
    assert_eq!((once.token, numbers(&once)), (again.token, numbers(&again)));
    let (_, end) = read_all(&world, &opened).await;
    let (later, waited) = timed(world.app.pull(world.read(), end.token.as_str())).await;
    assert_eq!(later.unwrap().token, end.token);
    assert_eq!(waited, Settings::default().long_poll, "at the end a client that loops is held back");
}

#[tokio::test(start_paused = true)]
async fn at_most_one_session_is_open_and_the_same_range_answers_with_it() {
    let world = World::new().await;
    world.publish(15).await;
    let opened = open(&world, sequences(1, 9)).await.unwrap();
    let again = open(&world, sequences(1, 9)).await.unwrap();
    assert!(opened.changed && !again.changed);
    assert_eq!((opened.session, opened.token), (again.session, again.token));
    let expires_at = opened.session.expires_at;
    let busy = Error::Refused(AdminRefusal::SessionOpen { expires_at });
    assert_eq!(open(&world, sequences(2, 9)).await.unwrap_err(), busy);
    assert!(world.app.close_replay(world.ispb, false, OPERATOR).await.unwrap().changed);
    assert!(!world.app.close_replay(world.ispb, false, OPERATOR).await.unwrap().changed);
    let next = open(&world, sequences(2, 9)).await.unwrap();
    assert_ne!(next.session.id, opened.session.id);
    let gone = world.app.pull(world.read(), opened.token.unwrap().as_str()).await;
    assert_eq!(gone.unwrap_err(), Error::Gone, "tokens of the session before are no use");
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_with_its_time_and_gives_way_to_another() {
    let world = World::new().await;
    world.publish(15).await;
    let opened = open(&world, sequences(1, 9)).await.unwrap();
    tokio::time::sleep(HOUR).await;
    let token = opened.token.unwrap();
    assert_eq!(world.app.pull(world.read(), token.as_str()).await.unwrap_err(), Error::Gone);
    assert!(open(&world, sequences(2, 9)).await.unwrap().changed);
}

#[tokio::test(start_paused = true)]
async fn the_participant_may_end_its_session_by_delete() {
    let world = World::new().await;
    world.publish(15).await;
    let opened = open(&world, sequences(1, 15)).await.unwrap();
    let answer = world.app.pull(world.read(), opened.token.unwrap().as_str()).await.unwrap();
    assert_eq!(world.close(&answer).await, Ok(()));
    assert_eq!(world.close(&answer).await, Err(Error::Gone));
    assert_eq!(world.pull(&answer).await.unwrap_err(), Error::Gone);
}

#[tokio::test(start_paused = true)]
async fn ranges_of_time_and_what_is_not_stored() {
    let world = World::new().await;
    let empty = open(&world, sequences(1, 9)).await;
    assert!(matches!(empty, Err(Error::Refused(AdminRefusal::Value(_)))), "{empty:?}");
    world.publish(5).await;
    tokio::time::sleep(HOUR).await;
    let from = START.after(HOUR / 2);
    world.publish(5).await;
    let times = TimeRange::new(from, from.after(HOUR)).unwrap();
    let opened = open(&world, ReplayRange::Times(times)).await.unwrap();
    assert_eq!(read_all(&world, &opened).await.0, [6, 7, 8, 9, 10]);
    for range in [sequences(11, 20), sequences(9, 3), sequences(0, 0)] {
        let refused = open(&world, range).await;
        assert!(matches!(refused, Err(Error::Refused(AdminRefusal::Value(_)))), "{range:?}: {refused:?}");
    }
    for valid in [Duration::ZERO, 25 * HOUR] {
        let refused = world.app.open_replay(world.ispb, sequences(1, 2), valid, false, OPERATOR).await;
        assert!(matches!(refused, Err(Error::Refused(AdminRefusal::Value(_)))), "{valid:?}: {refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_opens_nothing_and_gives_no_token() {
    let world = World::new().await;
    world.publish(5).await;
    let dry = world.app.open_replay(world.ispb, sequences(1, 3), HOUR, true, OPERATOR).await.unwrap();
    assert_eq!((dry.changed, dry.session.range.len(), dry.token), (true, 3, None));
    assert_eq!(world.app.find_participant(world.ispb).unwrap().replay, None);
}

#[tokio::test(start_paused = true)]
async fn every_pull_of_a_session_is_in_the_audit_log() {
    let world = World::new().await;
    world.publish(15).await;
    let opened = open(&world, sequences(1, 12)).await.unwrap();
    let token = opened.token.unwrap();
    let answer = world.app.pull(world.read(), token.as_str()).await.unwrap();
    world.app.finish().await.unwrap();
    let expected = Event::ReplayRead {
        session: opened.session.id,
        redeemed: Digest::of(token.as_str().as_bytes()),
        issued: Digest::of(answer.token.as_str().as_bytes()),
        batch: Range::new(Sequence::FIRST, Sequence::new(11)),
    };
    let records = world.ports.audit_log.records();
    assert!(records.iter().any(|record| record.event == expected), "{records:?}");
    let is_told = records.iter().any(|record| {
        let Event::Admin { command, detail, done: true, .. } = &record.event else { return false };
        &**command == "replay.open" && detail.contains("none -> ") && detail.contains("a test")
    });
    assert!(is_told, "{records:?}");
}

#[tokio::test(start_paused = true)]
async fn another_node_answers_a_session_that_was_opened_a_moment_ago() {
    let here = World::cluster(Settings::default()).await;
    let there = here.beside().await;
    here.publish(5).await;
    here.ports.coordinator.set_mute(true);
    let opened = open(&here, sequences(1, 5)).await.unwrap();
    let (got, _) = read_all(&there, &opened).await;
    assert_eq!(got, [1, 2, 3, 4, 5]);
    here.app.close_replay(here.ispb, false, OPERATOR).await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let gone = there.app.pull(there.read(), opened.token.unwrap().as_str()).await;
    assert_eq!(gone.unwrap_err(), Error::Gone);
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_participant_or_of_a_stream_opens_no_session() {
    let world = World::new().await;
    world.publish(5).await;
    let opened = open(&world, sequences(1, 5)).await.unwrap();
    let token = opened.token.unwrap();
    let other = pix_stream_app::Read { ispb: "12345678".parse().unwrap(), ..world.read() };
    assert_eq!(world.app.pull(other, token.as_str()).await.unwrap_err(), Error::InvalidCursor);
    let mut forged = token.as_str().to_owned();
    forged.replace_range(20..21, if &forged[20..21] == "A" { "B" } else { "A" });
    assert_eq!(world.app.pull(world.read(), &forged).await.unwrap_err(), Error::InvalidCursor);
}

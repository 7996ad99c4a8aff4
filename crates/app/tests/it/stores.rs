//! Stores that hang, fail or are full (E.1, E.3; design, section 4): what goes on, and what is refused in time.

use std::time::Duration;

use pix_stream_app::{Error, Settings};

use crate::world::{World, numbers, settle, timed};

const HANGS: Duration = Duration::from_secs(3_600);

#[tokio::test(start_paused = true)]
async fn requests_that_wait_at_one_seat_are_committed_by_one_swap() {
    let world = World::new().await;
    world.publish(70).await;
    let first = world.open().await.unwrap();
    let coordinator = world.ports.coordinator.faults();
    coordinator.set_latency(Duration::from_millis(10), Duration::from_millis(10));
    let before = coordinator.operations();
    let mut reads = vec![world.begin_pull(&first).await];
    for _ in 0..5 {
        reads.push(world.begin_open().await);
    }
    let mut got = Vec::new();
    for read in reads {
        got.extend(numbers(&read.await.unwrap().unwrap()));
    }
    assert_eq!(got, (11..=70).collect::<Vec<_>>());
    assert_eq!(coordinator.operations() - before, 2, "the first read alone, the others that waited together");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_coordinator_is_answered_503_within_a_second() {
    let world = World::new().await;
    world.publish(20).await;
    let first = world.open().await.unwrap();
    world.ports.coordinator.faults().set_latency(HANGS, HANGS);
    let early = world.begin_pull(&first).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (late, took) = timed(world.open()).await;
    assert!(matches!(late, Err(Error::Unavailable { .. })), "{late:?}");
    assert!(took <= Duration::from_secs(1), "a read behind others took {took:?}");
    assert!(matches!(early.await.unwrap(), Err(Error::Unavailable { .. })));
    world.ports.coordinator.faults().clear();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (answer, took) = timed(world.pull(&first)).await;
    assert_eq!((numbers(&answer.unwrap()), took), ((11..=20).collect(), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_hanging_coordinator_does_not_hold_a_waiting_rate_check() {
    let world = World::new().await;
    let participant = world.app.find_participant(world.ispb).unwrap();
    world.ports.coordinator.faults().set_latency(HANGS, HANGS);
    let (decision, took) = timed(world.app.admit(&participant)).await;
    assert!(matches!(decision, Err(Error::Unavailable { .. })));
    assert!(took <= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn publishing_goes_on_while_the_coordinator_is_down_or_hangs() {
    let world = World::new().await;
    world.ports.coordinator.faults().set_down(true);
    world.publish(2).await;
    world.ports.coordinator.faults().clear();
    let first = world.open().await.unwrap();
    world.ports.coordinator.faults().set_latency(HANGS, HANGS);
    let (published, took) = timed(world.send(vec![world.message(100)])).await;
    assert_eq!(published.unwrap()[0].sequence.value(), 3);
    assert!(took <= Duration::from_secs(1), "{took:?}");
    world.ports.coordinator.faults().clear();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(numbers(&world.pull(&first).await.unwrap()), [3]);
}

#[tokio::test(start_paused = true)]
async fn reads_of_hot_messages_go_on_without_the_journal_until_the_debt_is_reached() {
    let world = World::with(Settings { checkpoint_debt: 5, ..Settings::default() }).await;
    world.publish(100).await;
    let mut answer = world.open().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.ports.journal.faults().set_down(true);
    let mut reads = 0;
    let refused = loop {
        match world.pull(&answer).await {
            Ok(next) => (answer, reads) = (next, reads + 1),
            Err(error) => break error,
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    };
    assert!(matches!(refused, Error::Unavailable { .. }), "{refused:?}");
    assert!((5..=7).contains(&reads), "{reads} reads before the debt was reached");
    world.ports.journal.faults().clear();
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.pull(&answer).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_journal_refuses_messages_and_serves_reads() {
    let world = World::with(Settings { checkpoint_debt: 2, ..Settings::default() }).await;
    world.publish(90).await;
    let mut answer = world.open().await.unwrap();
    world.ports.journal.set_exhausted(true);
    let refused = world.send(vec![world.message(100)]).await;
    assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..8 {
        answer = world.pull(&answer).await.unwrap();
        settle().await;
    }
    assert_eq!(numbers(&answer), (81..=90).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_starts_with_a_full_journal_serves_reads() {
    let world = World::new().await;
    world.publish(5).await;
    world.ports.journal.set_full(true);
    let world = world.crash().await;
    assert_eq!(numbers(&world.open().await.unwrap()), [1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_of_a_publish_is_settled_by_the_same_request() {
    let world = World::new().await;
    world.publish(1).await;
    let messages = vec![world.message(100), world.message(100)];
    world.ports.journal.faults().lose_next_answers(1);
    let unknown = world.send(messages.clone()).await;
    assert!(matches!(unknown, Err(Error::Unavailable { .. })), "{unknown:?}");
    let settled = world.send(messages).await.unwrap();
    assert!(settled.iter().all(|one| one.is_repeat));
    let first = world.open().await.unwrap();
    assert_eq!(numbers(&world.pull(&first).await.unwrap()), [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_of_a_read_is_settled_by_the_same_token() {
    let world = World::new().await;
    world.publish(20).await;
    let first = world.open().await.unwrap();
    world.ports.coordinator.faults().lose_next_answers(1);
    assert!(matches!(world.pull(&first).await, Err(Error::Unavailable { .. })));
    assert_eq!(numbers(&world.pull(&first).await.unwrap()), (11..=20).collect::<Vec<_>>());
}
